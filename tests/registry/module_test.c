/* SPDX-License-Identifier: MIT */
/* Files that are no backends, or must not be trusted, each with its reason. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <keel/registry.h>

#include "lib/base/base-private.h"
#include "tests/registry/module_files.h"
#include "tests/support/case.h"
#include "tests/support/check.h"

#define NOBODY 12345

static char dir[PATH_MAX];
static char path[PATH_MAX + 32];

/* Each makes of the good module at @path something else, in its own way. */

static void make_fifo(void)
{
	ATF_REQUIRE(!unlink(path) && !mkfifo(path, 0600));
}

static void make_directory(void)
{
	ATF_REQUIRE(!unlink(path) && !mkdir(path, 0755));
}

static void make_device(void)
{
	ATF_REQUIRE(!unlink(path) && !symlink("/dev/null", path));
}

static void remove_it(void)
{
	ATF_REQUIRE(!unlink(path));
}

static void let_group_write(void)
{
	ATF_REQUIRE(!chmod(path, 0775));
}

static void let_others_write(void)
{
	ATF_REQUIRE(!chmod(path, 0757));
}

static void open_directory(void)
{
	ATF_REQUIRE(!chmod(dir, 0777));
}

static void open_directory_sticky(void)
{
	ATF_REQUIRE(!chmod(dir, 01777));
}

static void give_away(void)
{
	ATF_REQUIRE(!chown(path, NOBODY, (gid_t)-1));
}

static void give_directory_away(void)
{
	ATF_REQUIRE(!chown(dir, NOBODY, (gid_t)-1));
}

/* To the same file in another directory, to which nobody has a right. */
static void link_out(void)
{
	char other[PATH_MAX];

	snprintf(other, sizeof(other), "%.4000s", new_module_dir());
	strcat(other, "/target.so");
	copy_module("good", other);
	ATF_REQUIRE(!unlink(path) && !symlink(other, path));
}

static void link_up(void)
{
	char aside[PATH_MAX];

	snprintf(aside, sizeof(aside), "%.4000s/target.so", dir);
	copy_module("good", aside);
	ATF_REQUIRE(!unlink(path) && !symlink("../modules/target.so", path));
}

static void link_twice(void)
{
	char aside[PATH_MAX];

	snprintf(aside, sizeof(aside), "%.4000s/second.so", dir);
	ATF_REQUIRE(!unlink(path) && !symlink("second.so", path));
	ATF_REQUIRE(!symlink("third.so", aside));
}

static void write_text(void)
{
	FILE *file = fopen(path, "we");

	ATF_REQUIRE(file);
	fputs("#! /bin/sh\n", file);
	ATF_REQUIRE(!fclose(file));
}

static void cut_to(off_t len)
{
	ATF_REQUIRE(!truncate(path, len));
}

static void cut_to_nothing(void)
{
	cut_to(0);
}

static void cut_to_head(void)
{
	cut_to(64);
}

static void cut_to_page(void)
{
	cut_to(4096);
}

static void break_magic(void)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	ATF_REQUIRE(fd >= 0 && pwrite(fd, "XYZ", 3, 1) == 3);
	close(fd);
}

static void lose_library(void)
{
	copy_module("below", path);
	change_bytes(path, "libkeel-test-below.so", "libkeel-test-gone!.so");
}

static const struct {
	const char *module; /* NULL: the good one */
	void (*spoil)(void);
	int err;
	const char *why; /* a part of it */
	bool needs_root;
	const char *row;
} rows[] = {
	{NULL, remove_it, -ENOENT, "No such file or directory", false,
	 "not there"},
	{NULL, make_fifo, -ENOEXEC, "not a regular file", false, "FIFO"},
	{NULL, make_directory, -ENOEXEC, "not a regular file", false,
	 "directory"},
	{NULL, make_device, -ELOOP, "a link that leads out of its directory",
	 false, "link to a device"},
	{NULL, link_out, -ELOOP, "a link that leads out of its directory",
	 false, "link out"},
	{NULL, link_up, -ELOOP, "a link that leads out of its directory", false,
	 "link up"},
	{NULL, link_twice, -ELOOP, "a link to a link", false, "two links"},
	{NULL, let_group_write, -EPERM, "others than its owner may write it",
	 false, "group"},
	{NULL, let_others_write, -EPERM, "others than its owner may write it",
	 false, "others"},
	{NULL, open_directory, -EPERM,
	 "others than its owner may write into its directory", false,
	 "open directory"},
	{NULL, open_directory_sticky, -EPERM,
	 "others than its owner may write into its directory", false,
	 "sticky directory"},
	{NULL, give_away, -EPERM,
	 "it belongs to user 12345, not to root or this process's user", true,
	 "owner"},
	{NULL, give_directory_away, -EPERM,
	 "its directory belongs to user 12345, not to root or this process's "
	 "user",
	 true, "owner of the directory"},
	{NULL, write_text, -ENOEXEC, "not a shared library of this machine",
	 false, "text"},
	{NULL, break_magic, -ENOEXEC, "not a shared library of this machine",
	 false, "magic"},
	{NULL, cut_to_nothing, -ENOEXEC, "not a shared library of this machine",
	 false, "empty"},
	{NULL, cut_to_head, -ENOEXEC,
	 "the file was cut short: its program headers are missing", false,
	 "head only"},
	{NULL, cut_to_page, -ENOEXEC, "the file was cut short", false,
	 "first page only"},
	{"abi", NULL, -EPROTONOSUPPORT,
	 "it is made for interface 99 of backends, this keel has 1", false,
	 "interface"},
	{"small", NULL, -EPROTONOSUPPORT, "its row has 4 bytes, this keel's",
	 false, "small row"},
	{"lies", NULL, -EPROTONOSUPPORT, "its row is not what its note says",
	 false, "lie"},
	{"gap", NULL, -EINVAL, "its row is not complete", false, "gap"},
	{"no-note", NULL, -ENOEXEC,
	 "not a backend of keel: it has no note of KEEL_BACKEND_MODULE()",
	 false, "no note"},
	{"no-symbol", NULL, -ENOEXEC,
	 "not a backend of keel: it has no symbol keel_backend_module", false,
	 "no symbol"},
	{"undefined", NULL, -ELIBACC, "undefined symbol: keel_test_nowhere",
	 false, "undefined symbol"},
	{NULL, lose_library, -ELIBACC,
	 "libkeel-test-gone!.so: cannot open shared object file: No such file",
	 false, "library"},
};

/* A directory with keel-good.so in it, spoiled as the row says. */
static void make_file(size_t i)
{
	snprintf(dir, sizeof(dir), "%.4000s", new_module_dir());
	snprintf(path, sizeof(path), "%s/keel-good.so", dir);
	copy_module(rows[i].module ? rows[i].module : "good", path);
	if (rows[i].spoil)
		rows[i].spoil();
}

struct seen {
	size_t nr;
	struct keel_backend_info info;
	char why[256];
};

static int see(const struct keel_backend_info *info, void *arg)
{
	struct seen *seen = arg;

	seen->nr++;
	seen->info = *info;
	snprintf(seen->why, sizeof(seen->why), "%s", info->why);
	CHECK_INT(info->name, true, info->path && !strcmp(info->path, path));
	return 0;
}

/* It is listed once, as not usable, with that reason. */
static void check_listed(const char *row, struct keel_registry *registry,
			 const char *why)
{
	struct seen seen = {.nr = 0};

	CHECK_INT(row, 0, keel_registry_list(registry, see, &seen));
	CHECK_INT(row, 1, seen.nr);
	CHECK_INT(row, false, seen.info.usable);
	CHECK_INT(row, 0, seen.info.caps);
	ATF_CHECK_MSG(strstr(seen.why, why), "%s: listed with %s", row,
		      seen.why);
}

static void check_refused(size_t i, struct keel_registry *registry)
{
	const char *row = rows[i].row;
	struct keel_backend_ref *ref = NULL;
	struct keel_diag diag = {.text = "no diagnosis"};

	CHECK_INT(row, rows[i].err, keel_registry_load(registry, path, &diag));
	CHECK_INT(row, rows[i].err, diag.err.err);
	ATF_CHECK_MSG(strstr(diag.text, rows[i].why), "%s: %s", row, diag.text);
	check_listed(row, registry, rows[i].why);
	CHECK_INT(row, rows[i].err,
		  keel_registry_find(registry, "good", 0, &diag, &ref));
	ATF_CHECK_MSG(strstr(diag.text, rows[i].why) &&
			      strstr(diag.text, "cannot be used"),
		      "%s: %s", row, diag.text);
	CHECK_INT(row, -ENOENT,
		  keel_registry_find(registry, NULL, 0, &diag, &ref));
	ATF_CHECK_MSG(strstr(diag.text, rows[i].why), "%s: %s", row, diag.text);
	/* Tried again it is still one entry, and it can be taken out. */
	CHECK_INT(row, rows[i].err, keel_registry_load(registry, path, NULL));
	check_listed(row, registry, rows[i].why);
	CHECK_INT(row, 0, keel_registry_remove(registry, "good"));
	CHECK_INT(row, -ENOENT, keel_registry_remove(registry, "good"));
}

/* Did code of the file run where it must not? */
static void check_untouched(size_t i)
{
	if (rows[i].err == -EPROTONOSUPPORT && !strcmp(rows[i].module, "lies"))
		return;
	if (!strcmp(rows[i].row, "gap") || !strcmp(rows[i].row, "no symbol"))
		return;
	ATF_CHECK_MSG(!getenv("KEEL_TEST_LOADED"), "%s: its code ran",
		      rows[i].row);
}

static void run_rows(bool needs_root)
{
	struct keel_registry *registry;

	unsetenv("KEEL_BACKEND");
	for (size_t i = 0; i < KEEL__ARRAY_LEN(rows); i++) {
		if (rows[i].needs_root != needs_root)
			continue;
		unsetenv("KEEL_TEST_LOADED");
		make_file(i);
		REQUIRE_INT(rows[i].row, 0, keel_registry_new(&registry));
		check_refused(i, registry);
		check_untouched(i);
		keel_registry_free(registry);
		ATF_CHECK_MSG(!is_mapped(path), "%s: still mapped",
			      rows[i].row);
	}
}

CASE(module__is_refused_with_its_reason,
     "What must not be trusted or is no backend is refused, listed and says "
     "why, and none of its code runs before it is known to fit")
{
	run_rows(false);
}

ATF_TC(module__of_another_user_is_refused);
ATF_TC_HEAD(module__of_another_user_is_refused, tc)
{
	atf_tc_set_md_var(tc, "descr",
			  "A file, or its directory, that belongs neither to "
			  "root nor to us is refused");
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(module__of_another_user_is_refused, tc)
{
	run_rows(true);
}

CASE(module__may_be_cut_anywhere,
     "A file that was cut short at any length is refused, or whole enough")
{
	struct keel_registry *registry;
	struct stat st;
	off_t nr_loaded = 0;
	int ret;

	REQUIRE_INT("registry", 0, keel_registry_new(&registry));
	snprintf(dir, sizeof(dir), "%.4000s", new_module_dir());
	snprintf(path, sizeof(path), "%s/keel-good.so", dir);
	copy_module("good", path);
	ATF_REQUIRE(!stat(path, &st));
	for (off_t len = st.st_size; len > 0; len -= 61) {
		cut_to(len);
		ret = keel_registry_load(registry, path, NULL);
		ATF_CHECK_MSG(ret == 0 || ret == -ENOEXEC, "%lld bytes: %d",
			      (long long)len, ret);
		nr_loaded += ret == 0;
		CHECK_INT("out", 0, keel_registry_remove(registry, "good"));
	}
	/* What is behind all that is mapped is for linkers and debuggers. */
	ATF_CHECK(nr_loaded > 0 && nr_loaded < st.st_size / 61);
	keel_registry_free(registry);
}

CASE(module__may_be_a_link_to_its_neighbour,
     "A link to a file in the same directory is followed")
{
	struct keel_registry *registry;
	char target[PATH_MAX];

	REQUIRE_INT("registry", 0, keel_registry_new(&registry));
	snprintf(dir, sizeof(dir), "%.4000s", new_module_dir());
	snprintf(path, sizeof(path), "%s/keel-good.so", dir);
	snprintf(target, sizeof(target), "%.4000s/keel-good.so.1", dir);
	copy_module("good", target);
	ATF_REQUIRE(!symlink("keel-good.so.1", path));
	CHECK_INT("link", 0, keel_registry_load(registry, path, NULL));
	CHECK_INT("target", true, is_mapped(target));
	keel_registry_free(registry);
}

CASE(module__wants_arguments, "Without a registry, a path or a name: -EINVAL")
{
	struct keel_registry *registry;
	struct keel_diag diag;

	REQUIRE_INT("registry", 0, keel_registry_new(&registry));
	CHECK_INT("load", -EINVAL, keel_registry_load(NULL, "x", &diag));
	CHECK_INT("load", -EINVAL, keel_registry_load(registry, NULL, &diag));
	CHECK_INT("load", -EINVAL, keel_registry_load(registry, "", NULL));
	CHECK_INT("reload", -EINVAL, keel_registry_reload(NULL, "x", NULL));
	CHECK_INT("reload", -EINVAL,
		  keel_registry_reload(registry, NULL, NULL));
	CHECK_INT("scan", -EINVAL, keel_registry_scan(NULL, "."));
	CHECK_INT("scan", -EINVAL, keel_registry_scan(registry, NULL));
	CHECK_INT("scan", -ENOENT,
		  keel_registry_scan(registry, "no such directory"));
	keel_registry_free(registry);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, module__is_refused_with_its_reason);
	ATF_TP_ADD_TC(tp, module__of_another_user_is_refused);
	ATF_TP_ADD_TC(tp, module__may_be_cut_anywhere);
	ATF_TP_ADD_TC(tp, module__may_be_a_link_to_its_neighbour);
	ATF_TP_ADD_TC(tp, module__wants_arguments);
	return atf_no_error();
}
