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

/* A thread that has the lock is refused it, and does not wait for ever. */
static int init_lock(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attr;
	int err = pthread_mutexattr_init(&attr);

	if (err)
		return -err;
	err = pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	if (!err)
		err = pthread_mutex_init(lock, &attr);
	pthread_mutexattr_destroy(&attr);
	return -err;
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
	err = init_lock(&registry->lock);
	if (err) {
		free(registry);
		return err;
	}
	*ret_registry = registry;
	return 0;
}

struct keel_registry *keel_registry_free(struct keel_registry *registry)
{
	/* The default one lives as long as the process. */
	if (!registry || keel__registry_is_default(registry))
		return NULL;
	keel__registry_free_watches(registry);
	keel__snapshot_unref(atomic_load(&registry->now));
	pthread_mutex_destroy(&registry->lock);
	free(registry);
	return NULL;
}

int keel__registry_lock(struct keel_registry *registry)
{
	return -pthread_mutex_lock(&registry->lock);
}

void keel__registry_unlock(struct keel_registry *registry)
{
	pthread_mutex_unlock(&registry->lock);
}

int keel__registry_edit(struct keel_registry *registry,
			const struct keel__slot *drop,
			const struct keel__slot *put,
			struct keel__snapshot **ret_old)
{
	struct keel__snapshot *old = atomic_load(&registry->now);
	struct keel__snapshot *snap = keel__snapshot_edit(old, drop, put);

	if (!snap)
		return -ENOMEM;
	atomic_store(&registry->now, snap);
	/* Who looked before has counted what it needs when it is gone. */
	keel__readers_wait(&registry->readers);
	/* After the change: who knows this number has not missed it. */
	atomic_fetch_add(&registry->generation, 1);
	keel__registry_tell(registry, drop, put);
	*ret_old = old;
	return 0;
}

/* Put @entry in; the registry holds it too. */
static int put(struct keel_registry *registry, struct keel__entry *entry)
{
	const struct keel__slot slot = {
		.entry = entry,
		.rank = KEEL__GIVEN,
		.priority = entry->be->priority,
	};
	const struct keel__slot *other;
	struct keel__snapshot *old = NULL;
	int ret = keel__registry_lock(registry);

	if (ret)
		return ret;
	other = keel__snapshot_find(atomic_load(&registry->now), entry->name);
	if (other && other->entry->be)
		ret = -EEXIST;
	else
		ret = keel__registry_edit(registry, NULL, &slot, &old);
	keel__registry_unlock(registry);
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
	struct keel__snapshot *old = NULL;
	const struct keel__slot *slot;
	int ret;

	if (!registry || !name)
		return -EINVAL;
	ret = keel__registry_lock(registry);
	if (ret)
		return ret;
	slot = keel__snapshot_find(atomic_load(&registry->now), name);
	if (slot)
		ret = keel__registry_edit(registry, slot, NULL, &old);
	else
		ret = -ENOENT;
	keel__registry_unlock(registry);
	keel__snapshot_unref(old);
	return ret;
}

int keel_registry_set_priority(struct keel_registry *registry, const char *name,
			       int priority)
{
	struct keel__snapshot *old = NULL;
	const struct keel__slot *slot;
	struct keel__slot moved;
	int ret;

	if (!registry || !name)
		return -EINVAL;
	ret = keel__registry_settle(registry, name);
	if (!ret)
		ret = keel__registry_lock(registry);
	if (ret)
		return ret;
	slot = keel__snapshot_find(atomic_load(&registry->now), name);
	if (!slot) {
		ret = -ENOENT;
	} else if (!slot->entry->be) {
		ret = slot->entry->refusal.err;
	} else {
		moved = *slot;
		moved.priority = priority;
		moved.rank = KEEL__GIVEN;
		ret = keel__registry_edit(registry, slot, &moved, &old);
	}
	keel__registry_unlock(registry);
	keel__snapshot_unref(old);
	return ret;
}

uint64_t keel_registry_generation(struct keel_registry *registry)
{
	if (!registry)
		registry = keel_registry_default();
	return atomic_load(&registry->generation);
}
