/* SPDX-License-Identifier: MIT */
/* The registry as a list for people: every entry and what is to say of it. */
#include "lib/registry/registry-private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base-private.h"

const char keel__insecure_why[] = "no security: for tests, chosen by name only";

static const struct {
	uint64_t cap;
	const char *name;
} cap_names[] = {
	{KEEL_CAP_SERVER, "server"},	 {KEEL_CAP_CLIENT, "client"},
	{KEEL_CAP_TLS1_2, "tls1.2"},	 {KEEL_CAP_TLS1_3, "tls1.3"},
	{KEEL_CAP_ALPN, "alpn"},	 {KEEL_CAP_SNI, "sni"},
	{KEEL_CAP_VERIFY, "verify"},	 {KEEL_CAP_SYSTEM_CA, "system-ca"},
	{KEEL_CAP_RESUME, "resume"},	 {KEEL_CAP_SELF_SIGNED, "self-signed"},
	{KEEL_CAP_INSECURE, "insecure"},
};

const char *keel_cap_name(unsigned int bit)
{
	for (size_t i = 0; i < KEEL__ARRAY_LEN(cap_names); i++) {
		if (bit < 64 && cap_names[i].cap == UINT64_C(1) << bit)
			return cap_names[i].name;
	}
	return NULL;
}

/* What can be said of a row. */
static void fill_row(struct keel__entry *entry,
		     struct keel_backend_info *ret_info)
{
	const struct keel_backend *be = entry->be;

	if (be->description)
		ret_info->description = be->description;
	ret_info->build_version = be->build_version();
	ret_info->caps = be->caps;
	ret_info->usable =
		!keel__entry_init(entry, ret_info->why, sizeof(ret_info->why));
	if (!ret_info->usable)
		return;
	ret_info->run_version = be->run_version();
	if (be->caps & KEEL_CAP_INSECURE)
		snprintf(ret_info->why, sizeof(ret_info->why), "%s",
			 keel__insecure_why);
}

static void fill_info(const struct keel__slot *slot,
		      struct keel_backend_info *ret_info)
{
	struct keel__entry *entry = slot->entry;

	*ret_info = (struct keel_backend_info){
		.sz = sizeof(*ret_info),
		.name = entry->name,
		.description = "",
		.priority = slot->priority,
		.path = entry->path,
	};
	if (entry->be)
		fill_row(entry, ret_info);
	else
		snprintf(ret_info->why, sizeof(ret_info->why), "%s",
			 entry->refusal.text);
}

/* Mark what keel_registry_find(NULL) gives, and say why the others are not. */
static void mark_default(struct keel_backend_info *infos, size_t nr)
{
	const char *env = keel__registry_env();
	const char *chosen = env;

	for (size_t i = 0; i < nr; i++) {
		struct keel_backend_info *info = &infos[i];

		if (!info->usable || info->why[0])
			continue;
		if (!chosen)
			chosen = info->name;
		info->is_default = !strcmp(chosen, info->name);
		if (!info->is_default)
			snprintf(info->why, sizeof(info->why),
				 env ? KEEL__REGISTRY_ENV " names %.64s"
				     : "%.64s is preferred",
				 chosen);
	}
}

static int walk(const struct keel__snapshot *snap,
		int (*fn)(const struct keel_backend_info *info, void *arg),
		void *arg)
{
	struct keel_backend_info *infos;
	int ret = 0;

	infos = calloc(snap->nr_slots, sizeof(*infos));
	if (!infos)
		return -ENOMEM;
	for (size_t i = 0; i < snap->nr_slots; i++)
		fill_info(&snap->slots[i], &infos[i]);
	mark_default(infos, snap->nr_slots);
	for (size_t i = 0; !ret && i < snap->nr_slots; i++)
		ret = fn(&infos[i], arg);
	free(infos);
	return ret;
}

int keel_registry_list(struct keel_registry *registry,
		       int (*fn)(const struct keel_backend_info *info,
				 void *arg),
		       void *arg)
{
	struct keel__snapshot *snap;
	int ret;

	if (!fn)
		return -EINVAL;
	if (!registry)
		registry = keel_registry_default();
	ret = keel__registry_settle(registry, NULL);
	/* Called by the registry itself: what is not loaded stays so. */
	if (ret && ret != -EDEADLK)
		return ret;
	ret = 0;
	snap = keel__registry_snapshot(registry);
	if (snap && snap->nr_slots)
		ret = walk(snap, fn, arg);
	keel__snapshot_unref(snap);
	return ret;
}
