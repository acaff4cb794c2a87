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
	for (size_t i = 0; i < snap->nr_slots; i++)
		keel__entry_drop(snap->slots[i].entry);
	free(snap);
}

const struct keel__slot *keel__snapshot_find(const struct keel__snapshot *snap,
					     const char *name)
{
	for (size_t i = 0; snap && i < snap->nr_slots; i++) {
		if (!strcmp(snap->slots[i].entry->name, name))
			return &snap->slots[i];
	}
	return NULL;
}

const struct keel__slot *
keel__snapshot_find_file(const struct keel__snapshot *s, const char *path)
{
	for (size_t i = 0; s && i < s->nr_slots; i++) {
		const struct keel__entry *entry = s->slots[i].entry;

		if (entry->path && !strcmp(entry->path, path))
			return &s->slots[i];
	}
	return NULL;
}

static struct keel__snapshot *snapshot_new(size_t max_slots)
{
	struct keel__snapshot *snap;

	snap = malloc(sizeof(*snap) + max_slots * sizeof(snap->slots[0]));
	if (!snap)
		return NULL;
	atomic_init(&snap->nr_refs, 1);
	snap->has_pending = false;
	snap->nr_slots = 0;
	return snap;
}

static void push(struct keel__snapshot *snap, const struct keel__slot *slot)
{
	keel__entry_hold(slot->entry);
	snap->has_pending |= slot->rank == KEEL__PENDING;
	snap->slots[snap->nr_slots++] = *slot;
}

static bool is_behind(const struct keel__slot *a, const struct keel__slot *b)
{
	if (a->rank != b->rank)
		return a->rank > b->rank;
	return a->priority < b->priority;
}

struct keel__snapshot *keel__snapshot_edit(const struct keel__snapshot *old,
					   const struct keel__slot *drop,
					   const struct keel__slot *put)
{
	size_t nr = old ? old->nr_slots : 0;
	struct keel__snapshot *snap = snapshot_new(nr + 1);

	for (size_t i = 0; snap && i < nr; i++) {
		const struct keel__slot *slot = &old->slots[i];

		if (put && is_behind(slot, put)) {
			push(snap, put);
			put = NULL;
		}
		if (slot != drop)
			push(snap, slot);
	}
	if (snap && put)
		push(snap, put);
	return snap;
}
