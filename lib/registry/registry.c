/* SPDX-License-Identifier: MIT */
/* The set of entries: every change makes a new snapshot. */
#include "lib/registry/registry-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base-private.h"

/*
 * Readers take a counted snapshot under the lock, which is held for the length
 * of one increment, and do everything else without it. A lock-free lookup needs
 * another way to take the count in keel__registry_snapshot(), nothing else.
 */
struct keel__snapshot *keel__registry_snapshot(struct keel_registry *registry)
{
	struct keel__snapshot *snap;

	if (!registry)
		registry = keel_registry_default();
	pthread_mutex_lock(&registry->lock);
	snap = registry->now;
	if (snap)
		atomic_fetch_add_explicit(&snap->nr_refs, 1,
					  memory_order_relaxed);
	pthread_mutex_unlock(&registry->lock);
	return snap;
}

void keel__snapshot_unref(struct keel__snapshot *snap)
{
	if (!snap || atomic_fetch_sub_explicit(&snap->nr_refs, 1,
					       memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < snap->nr_entries; i++)
		keel_backend_ref_unref(snap->entries[i]);
	free(snap);
}

struct keel_backend_ref *keel__snapshot_find(const struct keel__snapshot *snap,
					     const char *name)
{
	for (size_t i = 0; snap && i < snap->nr_entries; i++) {
		if (!strcmp(snap->entries[i]->be->name, name))
			return snap->entries[i];
	}
	return NULL;
}

static struct keel__snapshot *snapshot_new(size_t max_entries)
{
	struct keel__snapshot *snap;

	snap = malloc(sizeof(*snap) + max_entries * sizeof(snap->entries[0]));
	if (!snap)
		return NULL;
	atomic_init(&snap->nr_refs, 1);
	snap->nr_entries = 0;
	return snap;
}

static void snapshot_push(struct keel__snapshot *snap,
			  struct keel_backend_ref *entry)
{
	snap->entries[snap->nr_entries++] = keel_backend_ref_ref(entry);
}

/* @old and @entry, which goes behind those of the same priority. */
static struct keel__snapshot *with(const struct keel__snapshot *old,
				   struct keel_backend_ref *entry)
{
	size_t nr = old ? old->nr_entries : 0;
	struct keel__snapshot *snap = snapshot_new(nr + 1);
	size_t i = 0;

	if (!snap)
		return NULL;
	while (i < nr && old->entries[i]->be->priority >= entry->be->priority)
		snapshot_push(snap, old->entries[i++]);
	snapshot_push(snap, entry);
	while (i < nr)
		snapshot_push(snap, old->entries[i++]);
	return snap;
}

static struct keel__snapshot *without(const struct keel__snapshot *old,
				      const struct keel_backend_ref *entry)
{
	struct keel__snapshot *snap = snapshot_new(old->nr_entries);

	for (size_t i = 0; snap && i < old->nr_entries; i++) {
		if (old->entries[i] != entry)
			snapshot_push(snap, old->entries[i]);
	}
	return snap;
}

int keel_registry_new(struct keel_registry **ret_registry)
{
	struct keel_registry *registry;
	int err;

	if (!ret_registry)
		return -EINVAL;
	registry = malloc(sizeof(*registry));
	if (!registry)
		return -ENOMEM;
	registry->now = NULL;
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
	keel__snapshot_unref(registry->now);
	pthread_mutex_destroy(&registry->lock);
	free(registry);
	return NULL;
}

/* Put @entry in; the registry takes a count of its own. */
static int put(struct keel_registry *registry, struct keel_backend_ref *entry)
{
	struct keel__snapshot *old = NULL;
	struct keel__snapshot *snap;
	int ret = 0;

	pthread_mutex_lock(&registry->lock);
	if (keel__snapshot_find(registry->now, entry->be->name)) {
		ret = -EEXIST;
	} else if (!(snap = with(registry->now, entry))) {
		ret = -ENOMEM;
	} else {
		old = registry->now;
		registry->now = snap;
	}
	pthread_mutex_unlock(&registry->lock);
	keel__snapshot_unref(old);
	return ret;
}

int keel_registry_add(struct keel_registry *registry,
		      const struct keel_backend *backend)
{
	struct keel_backend_ref *entry;
	int ret;

	if (!registry || !backend)
		return -EINVAL;
	ret = keel__entry_new(backend, &entry);
	if (ret)
		return ret;
	ret = put(registry, entry);
	keel_backend_ref_unref(entry);
	return ret;
}

int keel_registry_remove(struct keel_registry *registry, const char *name)
{
	struct keel_backend_ref *entry;
	struct keel__snapshot *old = NULL;
	struct keel__snapshot *snap;
	int ret = 0;

	if (!registry || !name)
		return -EINVAL;
	pthread_mutex_lock(&registry->lock);
	entry = keel__snapshot_find(registry->now, name);
	if (!entry) {
		ret = -ENOENT;
	} else if (!(snap = without(registry->now, entry))) {
		ret = -ENOMEM;
	} else {
		old = registry->now;
		registry->now = snap;
	}
	pthread_mutex_unlock(&registry->lock);
	keel__snapshot_unref(old);
	return ret;
}
