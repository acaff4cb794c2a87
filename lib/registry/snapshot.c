/* SPDX-License-Identifier: MIT */
/* The entries at one moment: found in, made anew for every change. */
#include "lib/registry/registry-private.h"

#include <stdlib.h>
#include <string.h>

void keel__snapshot_unref(struct keel__snapshot *snap)
{
	if (!snap || atomic_fetch_sub_explicit(&snap->nr_refs, 1,
					       memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < snap->nr_entries; i++)
		keel__entry_drop(snap->entries[i]);
	free(snap);
}

struct keel__entry *keel__snapshot_find(const struct keel__snapshot *snap,
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

static void push(struct keel__snapshot *snap, struct keel__entry *entry)
{
	snap->entries[snap->nr_entries++] = keel__entry_hold(entry);
}

struct keel__snapshot *keel__snapshot_edit(const struct keel__snapshot *old,
					   const struct keel__entry *drop,
					   struct keel__entry *put)
{
	size_t nr = old ? old->nr_entries : 0;
	struct keel__snapshot *snap = snapshot_new(nr + 1);

	for (size_t i = 0; snap && i < nr; i++) {
		struct keel__entry *entry = old->entries[i];

		if (put && entry->be->priority < put->be->priority) {
			push(snap, put);
			put = NULL;
		}
		if (entry != drop)
			push(snap, entry);
	}
	if (snap && put)
		push(snap, put);
	return snap;
}
