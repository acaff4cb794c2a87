/* SPDX-License-Identifier: MIT */
/* Which backend is used, and the sentences that say why not another. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* secure_getenv(3) */
#endif
#include "lib/registry/registry-private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base-private.h"
#include "lib/base/err-private.h"

/* What is asked of a lookup. */
struct wish {
	const char *name;
	uint64_t caps;
	bool from_env;
};

const char *keel__registry_env(void)
{
	const char *name = secure_getenv(KEEL__REGISTRY_ENV);

	return name && name[0] ? name : NULL;
}

static struct wish make_wish(const char *name, uint64_t caps)
{
	struct wish wish = {.name = name, .caps = caps};

	if (!name) {
		wish.name = keel__registry_env();
		wish.from_env = wish.name != NULL;
	}
	return wish;
}

/* A line that is cut, not overrun. */
struct line {
	char text[sizeof(((struct keel_diag *)NULL)->text)];
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void line_add(struct line *line,
							   const char *fmt, ...)
{
	size_t room = sizeof(line->text) - line->len;
	va_list ap;
	int ret;

	va_start(ap, fmt);
	ret = vsnprintf(line->text + line->len, room, fmt, ap);
	va_end(ap);
	if (ret > 0)
		line->len += keel__min_size((size_t)ret, room - 1);
}

static void line_add_caps(struct line *line, uint64_t caps)
{
	const char *sep = "";
	const char *name;

	for (unsigned int bit = 0; bit < 64; bit++) {
		if (!(caps & (UINT64_C(1) << bit)))
			continue;
		name = keel_cap_name(bit);
		if (name)
			line_add(line, "%s%s", sep, name);
		else
			line_add(line, "%scapability %u", sep, bit);
		sep = ", ";
	}
}

static bool is_insecure(const struct keel__entry *entry)
{
	return entry->be && (entry->be->caps & KEEL_CAP_INSECURE) != 0;
}

/* Does it have all of them? A file that is not loaded has none. */
static bool has_caps(const struct keel__entry *entry, uint64_t caps)
{
	return entry->be ? (entry->be->caps & caps) == caps : !caps;
}

/* Names of the entries that have @caps; of the secure ones only, if asked. */
static void line_add_names(struct line *line, const struct keel__snapshot *snap,
			   uint64_t caps, bool secure_only)
{
	const char *sep = "";

	for (size_t i = 0; snap && i < snap->nr_slots; i++) {
		const struct keel__entry *entry = snap->slots[i].entry;

		if (snap->slots[i].rank == KEEL__REFUSED ||
		    !has_caps(entry, caps) ||
		    (secure_only && is_insecure(entry)))
			continue;
		line_add(line, "%s%s", sep, entry->name);
		sep = ", ";
	}
	if (!sep[0])
		line_add(line, "none");
}

static int refuse(struct keel_diag *diag, int err, const struct line *line)
{
	return keel__diag_set(diag, err, KEEL_ERR_USAGE, 0, "backend lookup",
			      "%s", line->text);
}

static int refuse_unknown(const struct keel__snapshot *snap,
			  const struct wish *wish, struct keel_diag *diag)
{
	struct line line = {.len = 0};

	line_add(&line, "%sno backend is named \"%.64s\"; there are: ",
		 wish->from_env ? KEEL__REGISTRY_ENV ": " : "", wish->name);
	line_add_names(&line, snap, 0, wish->from_env);
	return refuse(diag, -ENOENT, &line);
}

static int refuse_insecure(const struct keel__snapshot *snap,
			   const struct wish *wish, struct keel_diag *diag)
{
	struct line line = {.len = 0};

	line_add(&line,
		 KEEL__REGISTRY_ENV
		 ": backend \"%s\" has no security and is chosen by "
		 "the program only; unset it or choose of: ",
		 wish->name);
	line_add_names(&line, snap, wish->caps, true);
	return refuse(diag, -ENOTSUP, &line);
}

static int refuse_caps(const struct keel__snapshot *snap,
		       const struct wish *wish, uint64_t missing,
		       struct keel_diag *diag)
{
	struct line line = {.len = 0};

	line_add(&line, "%sbackend \"%s\" lacks: ",
		 wish->from_env ? KEEL__REGISTRY_ENV ": " : "", wish->name);
	line_add_caps(&line, missing);
	line_add(&line, "; backends that have all that is asked: ");
	line_add_names(&line, snap, wish->caps, true);
	return refuse(diag, -ENOTSUP, &line);
}

static int refuse_init(const struct keel__entry *entry, int err,
		       const char *why, struct keel_diag *diag)
{
	return keel__diag_set(diag, err, KEEL_ERR_BACKEND, 0, "backend init",
			      "backend \"%s\" cannot be used: %s", entry->name,
			      why);
}

static int refuse_file(const struct keel__entry *entry, struct keel_diag *diag)
{
	return keel__diag_set(diag, entry->refusal.err, KEEL_ERR_BACKEND, 0,
			      "backend load",
			      "backend \"%s\" cannot be used: %s; its file is "
			      "%.100s",
			      entry->name, entry->refusal.text, entry->path);
}

/* The entry of that name, borrowed, ready. */
static int find_named(const struct keel__snapshot *snap,
		      const struct wish *wish, struct keel_diag *diag,
		      struct keel__entry **ret_entry)
{
	const struct keel__slot *slot = keel__snapshot_find(snap, wish->name);
	struct keel__entry *entry = slot ? slot->entry : NULL;
	char why[KEEL__WHY_LEN];
	uint64_t missing;
	int err;

	if (!entry)
		return refuse_unknown(snap, wish, diag);
	if (!entry->be)
		return refuse_file(entry, diag);
	if (wish->from_env && is_insecure(entry))
		return refuse_insecure(snap, wish, diag);
	missing = wish->caps & ~entry->be->caps;
	if (missing)
		return refuse_caps(snap, wish, missing, diag);
	err = keel__entry_init(entry, why, sizeof(why));
	if (err)
		return refuse_init(entry, err, why, diag);
	*ret_entry = entry;
	return 0;
}

/* Why @entry is not the choice, as a part of a line; empty if it can be. */
static void judge(struct keel__entry *entry, uint64_t caps,
		  struct line *ret_why)
{
	char text[KEEL__WHY_LEN];
	uint64_t missing = entry->be ? caps & ~entry->be->caps : 0;

	*ret_why = (struct line){.len = 0};
	if (!entry->be) {
		line_add(ret_why, "%s", entry->refusal.text);
	} else if (is_insecure(entry)) {
		line_add(ret_why, "%s", keel__insecure_why);
	} else if (missing) {
		line_add(ret_why, "lacks ");
		line_add_caps(ret_why, missing);
	} else if (keel__entry_init(entry, text, sizeof(text))) {
		line_add(ret_why, "%s", text);
	}
}

/* The best usable one, borrowed. */
static int find_best(const struct keel__snapshot *snap, uint64_t caps,
		     struct keel_diag *diag, const struct keel__slot **ret_slot)
{
	struct line all = {.len = 0};
	struct line why;

	line_add(&all, "no backend can be used");
	if (!snap || !snap->nr_slots)
		line_add(&all, ": the registry is empty");
	for (size_t i = 0; snap && i < snap->nr_slots; i++) {
		struct keel__entry *entry = snap->slots[i].entry;

		judge(entry, caps, &why);
		if (!why.len) {
			*ret_slot = &snap->slots[i];
			return 0;
		}
		line_add(&all, "; %s: %s", entry->name, why.text);
	}
	return refuse(diag, -ENOENT, &all);
}

/* Is it what a lookup comes to, if it is ready? */
static bool fits(const struct keel__entry *entry, const struct wish *wish)
{
	if (!entry->be || (wish->name && strcmp(entry->name, wish->name) != 0))
		return false;
	if (is_insecure(entry) && (!wish->name || wish->from_env))
		return false;
	return has_caps(entry, wish->caps);
}

/*
 * Files in the directories are not loaded as long as something better is there;
 * once one of them is to be chosen, all are, for their priorities to be known.
 */
static bool is_settled(const struct keel__snapshot *snap,
		       const struct keel__slot *slot, const struct wish *wish)
{
	return wish->name || slot->rank == KEEL__GIVEN || !snap->has_pending;
}

/* What nearly all lookups come to, without a lock and without a wait. */
static struct keel_backend_ref *find_ready(struct keel_registry *registry,
					   const struct wish *wish)
{
	atomic_uint *inside = keel__readers_enter(&registry->readers);
	const struct keel__snapshot *snap = atomic_load(&registry->now);
	struct keel_backend_ref *ref = NULL;

	for (size_t i = 0; snap && i < snap->nr_slots; i++) {
		const struct keel__slot *slot = &snap->slots[i];

		if (!fits(slot->entry, wish))
			continue;
		if (keel__entry_is_ready(slot->entry) &&
		    is_settled(snap, slot, wish))
			ref = keel__entry_ref(slot->entry);
		break;
	}
	keel__readers_leave(inside);
	return ref;
}

/* 0, 1 if files are to be loaded first, or a refusal. */
static int find_in(const struct keel__snapshot *snap, const struct wish *wish,
		   struct keel_diag *ret_diag,
		   struct keel_backend_ref **ret_ref)
{
	const struct keel__slot *slot = NULL;
	struct keel__entry *entry = NULL;
	int ret;

	if (wish->name) {
		ret = find_named(snap, wish, ret_diag, &entry);
	} else {
		ret = find_best(snap, wish->caps, ret_diag, &slot);
		if (snap && snap->has_pending &&
		    (ret || !is_settled(snap, slot, wish)))
			return 1;
		entry = slot ? slot->entry : NULL;
	}
	if (!ret)
		*ret_ref = keel__entry_ref(entry);
	return ret;
}

/* Loads and initialises what has to be, or says why there is nothing. */
static int find_slowly(struct keel_registry *registry, const struct wish *wish,
		       struct keel_diag *ret_diag,
		       struct keel_backend_ref **ret_ref)
{
	struct keel__snapshot *snap;
	int ret = wish->name ? keel__registry_settle(registry, wish->name) : 0;

	while (!ret) {
		snap = keel__registry_snapshot(registry);
		ret = find_in(snap, wish, ret_diag, ret_ref);
		keel__snapshot_unref(snap);
		if (ret <= 0)
			return ret;
		ret = keel__registry_settle(registry, NULL);
	}
	return keel__diag_set(ret_diag, ret, KEEL_ERR_SYS, 0, "backend lookup",
			      "cannot load a backend%s: %s",
			      ret == -EDEADLK ? " while told of a change" : "",
			      strerrordesc_np(-ret));
}

int keel_registry_find(struct keel_registry *registry, const char *name,
		       uint64_t caps, struct keel_diag *ret_diag,
		       struct keel_backend_ref **ret_ref)
{
	struct wish wish = make_wish(name, caps);
	struct keel_backend_ref *ref;

	if (!ret_ref)
		return keel__diag_set(ret_diag, -EINVAL, KEEL_ERR_USAGE, 0,
				      "backend lookup",
				      "no place for the result");
	if (!registry)
		registry = keel_registry_default();
	ref = find_ready(registry, &wish);
	if (!ref)
		return find_slowly(registry, &wish, ret_diag, ret_ref);
	*ret_ref = ref;
	return 0;
}
