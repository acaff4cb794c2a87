/* SPDX-License-Identifier: MIT */
/* Backends from files: found, loaded, loaded again. */
#include "lib/registry/registry-private.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/err-private.h"

static struct keel__slot slot_of(struct keel__entry *entry,
				 enum keel__rank rank)
{
	return (struct keel__slot){
		.entry = entry,
		.rank = rank,
		.priority = entry->be ? entry->be->priority : 0,
	};
}

static int tell(struct keel_diag *ret_diag, const char *path,
		const struct keel__refusal *why)
{
	return keel__diag_set(ret_diag, why->err, KEEL_ERR_BACKEND, 0,
			      "backend load", "%.120s: %s", path, why->text);
}

static int tell_locked(struct keel_diag *ret_diag, const char *what, int err)
{
	struct keel__refusal why;

	keel__refuse(&why, err,
		     "the registry cannot be changed by what it is calling");
	return tell(ret_diag, what, &why);
}

static bool has_row(const struct keel_registry *registry, const char *name)
{
	const struct keel__slot *slot =
		keel__snapshot_find(atomic_load(&registry->now), name);

	return slot && slot->entry->be;
}

/* An entry for the file in place of @old, loaded or refused; under the lock. */
static int replace(struct keel_registry *registry, const struct keel__slot *old,
		   const char *path, struct keel__entry *loaded,
		   enum keel__rank rank, const struct keel__refusal *why,
		   struct keel__snapshot **ret_before)
{
	struct keel__slot slot;
	int err;

	if (!loaded)
		loaded = keel__entry_new_file(path, why);
	if (!loaded)
		return -ENOMEM;
	slot = slot_of(loaded, loaded->be ? rank : KEEL__REFUSED);
	err = keel__registry_edit(registry, old, &slot, ret_before);
	keel__entry_drop(loaded);
	return err;
}

/* A file, loaded, whose name nobody has. 0, -ENOMEM or a refusal. */
static int load_new(struct keel_registry *registry, const char *path,
		    const char *name, struct keel__entry **ret_entry,
		    struct keel__refusal *ret_why)
{
	struct keel__entry *entry;
	int err;

	/* A name that is taken is no reason to load the file. */
	if (name && has_row(registry, name))
		return keel__refuse(ret_why, -EEXIST,
				    "there is another backend of that name");
	err = keel__entry_load(path, name, &entry, ret_why);
	if (err)
		return err;
	if (has_row(registry, entry->name)) {
		err = keel__refuse(ret_why, -EEXIST,
				   "there is another backend named \"%s\"",
				   entry->name);
		keel__entry_drop(entry);
		return err;
	}
	*ret_entry = entry;
	return 0;
}

int keel_registry_load(struct keel_registry *registry, const char *path,
		       struct keel_diag *ret_diag)
{
	struct keel__snapshot *before = NULL;
	const struct keel__slot *old;
	struct keel__entry *entry = NULL;
	struct keel__refusal why;
	int err = 0;
	int ret;

	if (!registry || !path || !path[0])
		return keel__diag_set(ret_diag, -EINVAL, KEEL_ERR_USAGE, 0,
				      "backend load", "no registry or no path");
	ret = keel__registry_lock(registry);
	if (ret)
		return tell_locked(ret_diag, path, ret);
	ret = load_new(registry, path, NULL, &entry, &why);
	old = keel__snapshot_find_file(atomic_load(&registry->now), path);
	if (old && old->entry->be)
		old = NULL;
	/* A name that is taken is no fault of the file: it is not listed. */
	if (ret != -EEXIST && ret != -ENOMEM)
		err = replace(registry, old, path, entry, KEEL__GIVEN, &why,
			      &before);
	keel__registry_unlock(registry);
	keel__snapshot_unref(before);
	if (!ret && err)
		ret = keel__refuse(&why, err, "no memory");
	return ret ? tell(ret_diag, path, &why) : 0;
}

/* The new one stands where the old one stood. */
static int reload(struct keel_registry *registry, const struct keel__slot *old,
		  struct keel__refusal *ret_why,
		  struct keel__snapshot **ret_before)
{
	const char *name = old->entry->be ? old->entry->name : NULL;
	struct keel__entry *entry;
	struct keel__slot slot;
	int err = keel__entry_load(old->entry->path, name, &entry, ret_why);

	if (err)
		return err;
	slot = slot_of(entry, old->entry->be ? old->rank : KEEL__GIVEN);
	/* What the program has set stays. */
	if (old->entry->be && old->priority != old->entry->be->priority)
		slot.priority = old->priority;
	if (!old->entry->be && has_row(registry, entry->name))
		err = keel__refuse(ret_why, -EEXIST,
				   "there is another backend named \"%s\"",
				   entry->name);
	else if (keel__registry_edit(registry, old, &slot, ret_before))
		err = keel__refuse(ret_why, -ENOMEM, "no memory");
	keel__entry_drop(entry);
	return err;
}

int keel_registry_reload(struct keel_registry *registry, const char *name,
			 struct keel_diag *ret_diag)
{
	struct keel__snapshot *before = NULL;
	const struct keel__slot *old;
	struct keel__refusal why;
	int ret;

	if (!registry || !name)
		return keel__diag_set(ret_diag, -EINVAL, KEEL_ERR_USAGE, 0,
				      "backend load", "no registry or no name");
	ret = keel__registry_lock(registry);
	if (ret)
		return tell_locked(ret_diag, name, ret);
	old = keel__snapshot_find(atomic_load(&registry->now), name);
	if (!old)
		ret = keel__refuse(&why, -ENOENT, "no backend has that name");
	else if (!old->entry->path)
		ret = keel__refuse(&why, -ENOTSUP, "it is not from a file");
	else
		ret = reload(registry, old, &why, &before);
	keel__registry_unlock(registry);
	keel__snapshot_unref(before);
	return ret ? tell(ret_diag, name, &why) : 0;
}

static bool is_wanted(const struct keel__slot *slot, const char *name)
{
	return slot->rank == KEEL__PENDING &&
	       (!name || !strcmp(slot->entry->name, name));
}

/* Without the lock, which is not to be had for nothing. */
static bool has_wanted(struct keel_registry *registry, const char *name)
{
	struct keel__snapshot *snap = keel__registry_snapshot(registry);
	bool found = false;

	for (size_t i = 0; snap && i < snap->nr_slots && !found; i++)
		found = is_wanted(&snap->slots[i], name);
	keel__snapshot_unref(snap);
	return found;
}

/* 1 if there was one to load, and perhaps there are more. */
static int settle_one(struct keel_registry *registry, const char *name)
{
	struct keel__snapshot *before = NULL;
	const struct keel__snapshot *snap;
	struct keel__entry *entry = NULL;
	struct keel__refusal why;
	int ret = keel__registry_lock(registry);

	if (ret)
		return ret;
	snap = atomic_load(&registry->now);
	for (size_t i = 0; snap && i < snap->nr_slots && !ret; i++) {
		const struct keel__slot *slot = &snap->slots[i];

		if (!is_wanted(slot, name))
			continue;
		ret = load_new(registry, slot->entry->path, slot->entry->name,
			       &entry, &why);
		if (ret != -ENOMEM)
			ret = replace(registry, slot, slot->entry->path, entry,
				      KEEL__FOUND, &why, &before);
		ret = ret ? ret : 1;
	}
	keel__registry_unlock(registry);
	keel__snapshot_unref(before);
	return ret;
}

int keel__registry_settle(struct keel_registry *registry, const char *name)
{
	int ret = 0;

	while (ret >= 0 && has_wanted(registry, name))
		ret = settle_one(registry, name);
	return ret < 0 ? ret : 0;
}

/* Files of that kind, by name; the others in a directory are no concern. */
static int is_module_name(const struct dirent *ent)
{
	size_t len = strlen(ent->d_name);

	return len > strlen("keel-.so") && !strncmp(ent->d_name, "keel-", 5) &&
	       !strcmp(ent->d_name + len - 3, ".so") &&
	       keel__name_is_good(ent->d_name + 5, len - 8);
}

static int add_pending(struct keel_registry *registry, const char *path)
{
	struct keel__snapshot *before = NULL;
	struct keel__entry *entry = keel__entry_new_file(path, NULL);
	const struct keel__slot *old;
	struct keel__slot slot;
	int ret;

	if (!entry)
		return -ENOMEM;
	slot = slot_of(entry, KEEL__PENDING);
	ret = keel__registry_lock(registry);
	if (!ret) {
		old = keel__snapshot_find_file(atomic_load(&registry->now),
					       path);
		/* One that is loaded is not looked for again. */
		if (!old || !old->entry->be)
			ret = keel__registry_edit(registry, old, &slot,
						  &before);
		keel__registry_unlock(registry);
	}
	keel__snapshot_unref(before);
	keel__entry_drop(entry);
	return ret;
}

int keel_registry_scan(struct keel_registry *registry, const char *dir)
{
	struct dirent **ents;
	char path[PATH_MAX];
	int ret = 0;
	int nr;

	if (!registry || !dir || !dir[0])
		return -EINVAL;
	nr = scandir(dir, &ents, is_module_name, alphasort);
	if (nr < 0)
		return -errno;
	for (int i = 0; i < nr; i++) {
		int len = snprintf(path, sizeof(path), "%s/%s", dir,
				   ents[i]->d_name);

		if (!ret && len < (int)sizeof(path))
			ret = add_pending(registry, path);
		free(ents[i]);
	}
	free(ents);
	return ret;
}

int keel__registry_scan_path(struct keel_registry *registry, const char *dirs)
{
	char dir[PATH_MAX];
	int ret = 0;
	size_t len;

	for (; ret != -ENOMEM && *dirs; dirs += len + (dirs[len] == ':')) {
		len = strcspn(dirs, ":");
		if (!len || len >= sizeof(dir))
			continue;
		memcpy(dir, dirs, len);
		dir[len] = '\0';
		ret = keel_registry_scan(registry, dir);
	}
	/* A directory that is not there has no backends. */
	return ret == -ENOMEM ? ret : 0;
}
