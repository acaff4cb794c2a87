/* SPDX-License-Identifier: MIT */
/* Who is told when a registry changes. */
#include "lib/registry/registry-private.h"

#include <errno.h>
#include <stdlib.h>

/*
 * The functions are called under the registry's lock: one change after another,
 * in their order, and not any more once keel_registry_unwatch() has returned.
 * The lock is of the kind that refuses a thread that has it, so a function that
 * wants to change the registry gets an error and does not hang.
 */

static enum keel_registry_change change_of(const struct keel__slot *drop,
					   const struct keel__slot *put)
{
	if (!put)
		return KEEL_REGISTRY_REMOVED;
	if (put->rank == KEEL__PENDING)
		return KEEL_REGISTRY_FOUND;
	if (put->rank == KEEL__REFUSED)
		return KEEL_REGISTRY_REFUSED;
	if (!drop || !drop->entry->be)
		return KEEL_REGISTRY_ADDED;
	if (drop->entry == put->entry)
		return KEEL_REGISTRY_MOVED;
	return KEEL_REGISTRY_REPLACED;
}

/* Take out and free those that are over; all of them, if asked. */
static void sweep(struct keel_registry *registry, bool all)
{
	struct keel_registry_watch **at = &registry->watches;

	while (*at) {
		struct keel_registry_watch *watch = *at;

		if (!all && !watch->is_over) {
			at = &watch->next;
			continue;
		}
		*at = watch->next;
		free(watch);
	}
}

void keel__registry_tell(struct keel_registry *registry,
			 const struct keel__slot *drop,
			 const struct keel__slot *put)
{
	const struct keel__entry *entry = put ? put->entry : drop->entry;
	const struct keel_registry_event event = {
		.sz = sizeof(event),
		.change = change_of(drop, put),
		.name = entry->name,
		.path = entry->path,
		.generation = atomic_load(&registry->generation),
	};

	for (struct keel_registry_watch *w = registry->watches; w;
	     w = w->next) {
		if (!w->is_over)
			w->fn(&event, w->arg);
	}
	sweep(registry, false);
}

void keel__registry_free_watches(struct keel_registry *registry)
{
	sweep(registry, true);
}

int keel_registry_watch(struct keel_registry *registry,
			keel_registry_watch_fn fn, void *arg,
			struct keel_registry_watch **ret_watch)
{
	struct keel_registry_watch *watch;
	int err;

	if (!fn || !ret_watch)
		return -EINVAL;
	if (!registry)
		registry = keel_registry_default();
	watch = calloc(1, sizeof(*watch));
	if (!watch)
		return -ENOMEM;
	watch->registry = registry;
	watch->fn = fn;
	watch->arg = arg;
	err = keel__registry_lock(registry);
	if (err) {
		free(watch);
		return err;
	}
	watch->next = registry->watches;
	registry->watches = watch;
	keel__registry_unlock(registry);
	*ret_watch = watch;
	return 0;
}

struct keel_registry_watch *
keel_registry_unwatch(struct keel_registry_watch *watch)
{
	struct keel_registry *registry = watch ? watch->registry : NULL;
	int err;

	if (!watch)
		return NULL;
	err = keel__registry_lock(registry);
	/* With an error it is us who have the lock, and tell: later, then. */
	watch->is_over = true;
	if (!err) {
		sweep(registry, false);
		keel__registry_unlock(registry);
	}
	return NULL;
}
