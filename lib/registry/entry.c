/* SPDX-License-Identifier: MIT */
/* One backend in a registry: judged, counted, initialised when first used. */
#include "lib/registry/registry-private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base-private.h"

/* Longest name; names go into tables and messages. */
#define MAX_NAME_LEN 31

/* Slots a row must fill: always, or if it claims one of the capabilities. */
static const struct {
	size_t offset;
	uint64_t caps; /* 0: always */
} mandatory[] = {
#define SLOT(name, when) \
	{ \
		offsetof(struct keel_backend, name), when \
	}
	SLOT(build_version, 0),
	SLOT(run_version, 0),
	SLOT(ctx_new, 0),
	SLOT(ctx_free, 0),
	SLOT(hs_new, 0),
	SLOT(hs_step, 0),
	SLOT(hs_info, 0),
	SLOT(hs_export, 0),
	SLOT(hs_free, 0),
	SLOT(aead_new, 0),
	SLOT(aead_seal, 0),
	SLOT(aead_open, 0),
	SLOT(aead_free, 0),
	SLOT(hkdf_expand, KEEL_CAP_TLS1_3),
	SLOT(tls12_prf, KEEL_CAP_TLS1_2),
	SLOT(self_signed, KEEL_CAP_SELF_SIGNED),
#undef SLOT
};

static bool slot_filled(const struct keel_backend *be, size_t offset)
{
	void (*slot)(void);

	/* All pointers to functions have one representation on Linux. */
	memcpy(&slot, (const char *)be + offset, sizeof(slot));
	return slot != NULL;
}

static bool name_is_good(const char *name)
{
	size_t len = name ? strnlen(name, MAX_NAME_LEN + 1) : 0;

	return len && len <= MAX_NAME_LEN &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == len;
}

static int judge(const struct keel_backend *be)
{
	/* These two first: they say whether the rest can be read at all. */
	if (be->abi != KEEL_BACKEND_ABI || be->sz < sizeof(*be))
		return -EPROTONOSUPPORT;
	if (!name_is_good(be->name))
		return -EINVAL;
	for (size_t i = 0; i < KEEL__ARRAY_LEN(mandatory); i++) {
		if (mandatory[i].caps && !(be->caps & mandatory[i].caps))
			continue;
		if (!slot_filled(be, mandatory[i].offset))
			return -EINVAL;
	}
	return 0;
}

int keel__entry_new(const struct keel_backend *be,
		    struct keel__entry **ret_entry)
{
	struct keel__entry *entry;
	int err = judge(be);

	if (err)
		return err;
	entry = malloc(sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	err = pthread_mutex_init(&entry->lock, NULL);
	if (err) {
		free(entry);
		return -err;
	}
	atomic_init(&entry->nr_holders, 1);
	atomic_init(&entry->nr_shards, KEEL__NR_SHARDS);
	atomic_init(&entry->ready, be->init == NULL);
	entry->be = be;
	for (size_t i = 0; i < KEEL__NR_SHARDS; i++) {
		atomic_init(&entry->shards[i].nr_refs, 1);
		entry->shards[i].entry = entry;
	}
	*ret_entry = entry;
	return 0;
}

/* Acquire: the last one must see what the others did before it frees. */
static bool count_down(atomic_uint *nr)
{
	return atomic_fetch_sub_explicit(nr, 1, memory_order_acq_rel) == 1;
}

/* Whoever holds one may hand out another: no order needed. */
static void count_up(atomic_uint *nr)
{
	atomic_fetch_add_explicit(nr, 1, memory_order_relaxed);
}

struct keel__entry *keel__entry_hold(struct keel__entry *entry)
{
	count_up(&entry->nr_holders);
	return entry;
}

void keel__entry_drop(struct keel__entry *entry)
{
	if (!entry || !count_down(&entry->nr_holders))
		return;
	/* With the last of them the entry may go: it is not looked at again. */
	for (size_t i = 0; i < KEEL__NR_SHARDS; i++)
		keel_backend_ref_unref(&entry->shards[i]);
}

static void entry_free(struct keel__entry *entry)
{
	pthread_mutex_destroy(&entry->lock);
	free(entry);
}

int keel__entry_init(struct keel__entry *entry, char *ret_why, size_t why_len)
{
	char why[KEEL__WHY_LEN] = "";
	int ret = 0;

	if (keel__entry_is_ready(entry))
		return 0;
	pthread_mutex_lock(&entry->lock);
	if (!atomic_load_explicit(&entry->ready, memory_order_relaxed)) {
		ret = entry->be->init(why, sizeof(why));
		if (ret >= 0)
			atomic_store_explicit(&entry->ready, true,
					      memory_order_release);
	}
	pthread_mutex_unlock(&entry->lock);
	if (ret >= 0)
		return 0;
	snprintf(ret_why, why_len, "%s",
		 why[0] ? why : "it does not start, and does not say why");
	return ret;
}

struct keel_backend_ref *keel__entry_ref(struct keel__entry *entry)
{
	return keel_backend_ref_ref(&entry->shards[keel__shard_idx()]);
}

struct keel_backend_ref *keel_backend_ref_ref(struct keel_backend_ref *ref)
{
	if (ref)
		count_up(&ref->nr_refs);
	return ref;
}

struct keel_backend_ref *keel_backend_ref_unref(struct keel_backend_ref *ref)
{
	if (ref && count_down(&ref->nr_refs) &&
	    count_down(&ref->entry->nr_shards))
		entry_free(ref->entry);
	return NULL;
}

const struct keel_backend *
keel_backend_ref_get(const struct keel_backend_ref *ref)
{
	return ref ? ref->entry->be : NULL;
}
