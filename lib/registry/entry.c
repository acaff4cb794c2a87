/* SPDX-License-Identifier: MIT */
/* One backend in a registry: judged, counted, initialised when first used. */
#include "lib/registry/registry-private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base-private.h"

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

bool keel__name_is_good(const char *name, size_t len)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";

	return len && len < KEEL__NAME_LEN && strspn(name, good) >= len;
}

static int judge(const struct keel_backend *be)
{
	/* These two first: they say whether the rest can be read at all. */
	if (be->abi != KEEL_BACKEND_ABI || be->sz < sizeof(*be))
		return -EPROTONOSUPPORT;
	if (!be->name ||
	    !keel__name_is_good(be->name, strnlen(be->name, KEEL__NAME_LEN)))
		return -EINVAL;
	for (size_t i = 0; i < KEEL__ARRAY_LEN(mandatory); i++) {
		if (mandatory[i].caps && !(be->caps & mandatory[i].caps))
			continue;
		if (!slot_filled(be, mandatory[i].offset))
			return -EINVAL;
	}
	return 0;
}

static struct keel__entry *alloc_entry(void)
{
	struct keel__entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	if (pthread_mutex_init(&entry->lock, NULL)) {
		free(entry);
		return NULL;
	}
	atomic_init(&entry->nr_holders, 1);
	atomic_init(&entry->nr_shards, KEEL__NR_SHARDS);
	for (size_t i = 0; i < KEEL__NR_SHARDS; i++) {
		atomic_init(&entry->shards[i].nr_refs, 1);
		entry->shards[i].entry = entry;
	}
	return entry;
}

static void set_row(struct keel__entry *entry, const struct keel_backend *be)
{
	entry->be = be;
	atomic_init(&entry->ready, be->init == NULL);
	snprintf(entry->name, sizeof(entry->name), "%s", be->name);
}

int keel__entry_new(const struct keel_backend *be,
		    struct keel__entry **ret_entry)
{
	struct keel__entry *entry;
	int err = judge(be);

	if (err)
		return err;
	entry = alloc_entry();
	if (!entry)
		return -ENOMEM;
	set_row(entry, be);
	*ret_entry = entry;
	return 0;
}

/* keel-NAME.so is called NAME, anything else what the file is called. */
static void name_by_file(struct keel__entry *entry)
{
	const char *slash = strrchr(entry->path, '/');
	const char *name = slash ? slash + 1 : entry->path;
	size_t len = strlen(name);

	if (len > strlen("keel-.so") && !strncmp(name, "keel-", 5) &&
	    !strcmp(name + len - 3, ".so")) {
		name += 5;
		len -= 8;
	}
	snprintf(entry->name, sizeof(entry->name), "%.*s", (int)len, name);
	for (size_t i = 0; entry->name[i]; i++) {
		if (!keel__name_is_good(entry->name + i, 1))
			entry->name[i] = '_';
	}
}

struct keel__entry *keel__entry_new_file(const char *path,
					 const struct keel__refusal *why)
{
	struct keel__entry *entry = alloc_entry();

	if (!entry)
		return NULL;
	entry->path = strdup(path);
	if (!entry->path) {
		keel__entry_drop(entry);
		return NULL;
	}
	if (why)
		entry->refusal = *why;
	else
		keel__refuse(&entry->refusal, -EAGAIN, "not loaded yet");
	name_by_file(entry);
	return entry;
}

static int judge_module(const struct keel_backend *be, const char *name,
			struct keel__refusal *ret_why)
{
	int err = judge(be);

	if (err == -EPROTONOSUPPORT)
		return keel__refuse(ret_why, err,
				    "its row is not what its note says");
	if (err)
		return keel__refuse(ret_why, err,
				    "its row is not complete: a name, or a "
				    "function it must have, is missing");
	if (name && strcmp(name, be->name) != 0)
		return keel__refuse(ret_why, -EINVAL,
				    "it calls itself \"%s\", not as its file "
				    "is called",
				    be->name);
	return 0;
}

int keel__entry_load(const char *path, const char *name,
		     struct keel__entry **ret_entry,
		     struct keel__refusal *ret_why)
{
	struct keel__entry *entry = keel__entry_new_file(path, NULL);
	int err;

	if (!entry)
		return keel__refuse(ret_why, -ENOMEM, "no memory");
	err = keel__module_load(path, &entry->module, ret_why);
	if (!err)
		err = judge_module(entry->module.be, name, ret_why);
	if (err) {
		keel__entry_drop(entry);
		return err;
	}
	set_row(entry, entry->module.be);
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
	keel__module_unload(&entry->module);
	pthread_mutex_destroy(&entry->lock);
	free(entry->path);
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
