/* SPDX-License-Identifier: MIT */
/* The set of entries: every change makes a new snapshot. */
#include "lib/registry/registry-private.h"

#include <errno.h>
#include <stdlib.h>
struct keel__snapshot *keel__registry_snapshot(struct keel_registry *registry)
{
	atomic_uint *inside = keel__readers_enter(&registry->readers);
	struct keel__snapshot *snap = atomic_load(&registry->now);

	if (snap)
		atomic_fetch_add_explicit(&snap->nr_refs, 1,
					  memory_order_relaxed);
	keel__readers_leave(inside);
	return snap;
}

int keel_registry_new(struct keel_registry **ret_registry)
{
	struct keel_registry *registry;
	int err;

	if (!ret_registry)
		return -EINVAL;
	registry = calloc(1, sizeof(*registry));
	if (!registry)
		return -ENOMEM;
	err = pthread_mutex_init(&registry->lock, NULL);
	if (err) {
		free(registry);
		return -err;
	}
	*ret_registry = registry;
	return 0;
}

struct keel_registry *keel_registry_free(struct keel_registry *registry)
{
	/* The default one lives as long as the process. */
	if (!registry || keel__registry_is_default(registry))
		return NULL;
	keel__snapshot_unref(atomic_load(&registry->now));
	pthread_mutex_destroy(&registry->lock);
	free(registry);
	return NULL;
}

/*
 * Make @snap what lookups see; the lock is held. Gives back what they saw
 * before, which no lookup that has not counted it knows any more.
 */
static struct keel__snapshot *publish(struct keel_registry *registry,
				      struct keel__snapshot *snap)
{
	struct keel__snapshot *old = atomic_exchange(&registry->now, snap);

	keel__readers_wait(&registry->readers);
	return old;
}

/* Put @entry in; the registry holds it too. */
static int put(struct keel_registry *registry, struct keel__entry *entry)
{
	struct keel__snapshot *old = NULL;
	struct keel__snapshot *snap;
	int ret = 0;

	pthread_mutex_lock(&registry->lock);
	snap = atomic_load(&registry->now);
	if (keel__snapshot_find(snap, entry->be->name)) {
		ret = -EEXIST;
	} else if (!(snap = keel__snapshot_edit(snap, NULL, entry))) {
		ret = -ENOMEM;
	} else {
		old = publish(registry, snap);
	}
	pthread_mutex_unlock(&registry->lock);
	keel__snapshot_unref(old);
	return ret;
}

int keel_registry_add(struct keel_registry *registry,
		      const struct keel_backend *backend)
{
	struct keel__entry *entry;
	int ret;

	if (!registry || !backend)
		return -EINVAL;
	ret = keel__entry_new(backend, &entry);
	if (ret)
		return ret;
	ret = put(registry, entry);
	keel__entry_drop(entry);
	return ret;
}

int keel_registry_remove(struct keel_registry *registry, const char *name)
{
	struct keel__entry *entry;
	struct keel__snapshot *old = NULL;
	struct keel__snapshot *snap;
	int ret = 0;

	if (!registry || !name)
		return -EINVAL;
	pthread_mutex_lock(&registry->lock);
	snap = atomic_load(&registry->now);
	entry = keel__snapshot_find(snap, name);
	if (!entry) {
		ret = -ENOENT;
	} else if (!(snap = keel__snapshot_edit(snap, entry, NULL))) {
		ret = -ENOMEM;
	} else {
		old = publish(registry, snap);
	}
	pthread_mutex_unlock(&registry->lock);
	keel__snapshot_unref(old);
	return ret;
}
