/* SPDX-License-Identifier: MIT */
/* The cache of small files: never what has changed, never too much. */
#include "tools/cache-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/case.h"
#include "tests/support/check.h"

#define SECOND UINT64_C(1000000000)

struct fixture {
	struct keel_cache *cache;
	int root;
};

static void write_file(const char *path, const char *text, size_t len)
{
	FILE *file = fopen(path, "w");

	ATF_REQUIRE_MSG(file, "%s: %s", path, strerror(errno));
	ATF_REQUIRE(fwrite(text, 1, len, file) == len);
	ATF_REQUIRE(fclose(file) == 0);
}

static struct fixture setup(void)
{
	struct fixture fix;

	ATF_REQUIRE(mkdir("root", 0755) == 0);
	write_file("root/file", "first", 5);
	fix.root = keel__files_root("root");
	ATF_REQUIRE(fix.root >= 0);
	REQUIRE_INT("new", 0, keel__cache_new(&fix.cache));
	return fix;
}

static void teardown(struct fixture *fix)
{
	ATF_CHECK(!keel__cache_free(fix->cache));
	close(fix->root);
}

/* Reads a file and has it kept, as so many seconds after its last change. */
static void add(struct fixture *fix, const char *name, uint64_t now_ns,
		int64_t age_s)
{
	static char data[2 * KEEL_CACHE_FILE_MAX];
	struct keel_file file;
	ssize_t len;

	REQUIRE_INT(name, 0, keel__files_open(fix->root, name, &file));
	len = read(file.fd, data, sizeof(data));
	REQUIRE_INT(name, file.size, len);
	keel__cache_add(fix->cache, name, &file, data, now_ns,
			file.ctime_s + age_s);
	close(file.fd);
}

static bool finds(const struct fixture *fix, const char *name, uint64_t now_ns)
{
	return keel__cache_find(fix->cache, fix->root, name, now_ns) != NULL;
}

CASE(cache__finds_what_it_keeps, "A file comes back with its bytes and facts")
{
	struct fixture fix = setup();
	const struct keel_cache_entry *entry;
	struct stat st;

	CHECK_INT("before", false, finds(&fix, "file", 1));
	add(&fix, "file", 1, 10);
	entry = keel__cache_find(fix.cache, fix.root, "file", 2);
	ATF_REQUIRE(entry);
	ATF_REQUIRE(stat("root/file", &st) == 0);
	CHECK_INT("kept", 5, entry->file.size);
	CHECK_INT("kept", -1, entry->file.fd);
	CHECK_INT("kept", st.st_ino, entry->file.ino);
	CHECK_MEM("kept", "first", entry->data, 5);
	CHECK_INT("other name", false, finds(&fix, "file2", 2));
	write_file("root/empty", "", 0);
	add(&fix, "empty", 3, 10);
	CHECK_INT("empty", true, finds(&fix, "empty", 4));
	teardown(&fix);
}

static void set_mtime(time_t when)
{
	struct timespec times[2] = {{.tv_sec = when}, {.tv_sec = when}};

	ATF_REQUIRE(utimensat(AT_FDCWD, "root/file", times, 0) == 0);
}

static void rewrite(void)
{
	write_file("root/file", "other", 5);
}

static void append(void)
{
	write_file("root/file", "longer than before", 18);
}

static void replace(void)
{
	write_file("root/new", "other", 5);
	ATF_REQUIRE(rename("root/new", "root/file") == 0);
}

static void disguise(void)
{
	struct timespec times[2];
	struct stat st;

	ATF_REQUIRE(stat("root/file", &st) == 0);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	rewrite();
	ATF_REQUIRE(utimensat(AT_FDCWD, "root/file", times, 0) == 0);
}

static void take_away(void)
{
	ATF_REQUIRE(unlink("root/file") == 0);
}

static void forbid(void)
{
	ATF_REQUIRE(chmod("root/file", 0) == 0);
}

static void relink(void)
{
	take_away();
	write_file("secret", "other", 5);
	ATF_REQUIRE(symlink("../secret", "root/file") == 0);
}

static void redirect(void)
{
	take_away();
	ATF_REQUIRE(mkdir("root/file", 0755) == 0);
}

CASE(cache__notices_changes, "Whatever happens to a file, it is not found")
{
	static const struct {
		const char *name;
		void (*change)(void);
	} rows[] = {
		{"rewritten in place", rewrite},
		{"longer", append},
		{"another file", replace},
		{"rewritten, old time", disguise},
		{"removed", take_away},
		{"forbidden", forbid},
		{"a link that leads out", relink},
		{"a directory", redirect},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture fix = setup();

		/* Not the same tick of the clock as the change. */
		set_mtime(1000000000);
		usleep(20000);
		add(&fix, "file", 1, 10);
		CHECK_INT(rows[i].name, true, finds(&fix, "file", 2));
		rows[i].change();
		CHECK_INT(rows[i].name, false, finds(&fix, "file", 3));
		CHECK_INT(rows[i].name, false, finds(&fix, "file", 3));
		teardown(&fix);
		ATF_REQUIRE(system("rm -rf root secret") == 0);
	}
}

CASE(cache__looks_once_a_turn,
     "Within one turn a file is the same; the next turn looks again")
{
	struct fixture fix = setup();

	add(&fix, "file", 1, 10);
	take_away();
	CHECK_INT("same turn", true, finds(&fix, "file", 1));
	CHECK_INT("next turn", false, finds(&fix, "file", 2));
	teardown(&fix);
}

CASE(cache__keeps_nothing_that_changed_lately,
     "What a clock's tick may hide is read every time")
{
	struct fixture fix = setup();

	add(&fix, "file", 1, KEEL_CACHE_QUIET_S - 1);
	CHECK_INT("lately", false, finds(&fix, "file", 1));
	add(&fix, "file", 1, -100);
	CHECK_INT("in the future", false, finds(&fix, "file", 1));
	add(&fix, "file", 1, KEEL_CACHE_QUIET_S);
	CHECK_INT("long ago", true, finds(&fix, "file", 1));
	set_mtime(1000000000);
	add(&fix, "file", 2, KEEL_CACHE_QUIET_S - 1);
	CHECK_INT("renamed lately", false, finds(&fix, "file", 2));
	set_mtime(4000000000);
	add(&fix, "file", 3, 10);
	CHECK_INT("written in the future", false, finds(&fix, "file", 3));
	teardown(&fix);
}

CASE(cache__keeps_nothing_that_changed_while_read,
     "Facts from before and bytes from after do not go together")
{
	struct fixture fix = setup();
	struct keel_file file;

	REQUIRE_INT("file", 0, keel__files_open(fix.root, "file", &file));
	append();
	keel__cache_add(fix.cache, "file", &file, "other", 1,
			file.ctime_s + 10);
	close(file.fd);
	CHECK_INT("changed", false, finds(&fix, "file", 1));
	teardown(&fix);
}

CASE(cache__reads_again_after_a_second,
     "Even what looks the same is not kept for long")
{
	struct fixture fix = setup();

	add(&fix, "file", SECOND, 10);
	CHECK_INT("in time", true, finds(&fix, "file", 2 * SECOND));
	CHECK_INT("too late", false, finds(&fix, "file", 2 * SECOND + 1));
	teardown(&fix);
}

CASE(cache__is_bounded, "Large files are not kept, nor many small ones")
{
	enum { NR = 400 };
	static char data[KEEL_CACHE_FILE_MAX + 1];
	struct fixture fix = setup();
	char path[32];
	size_t nr_found = 0;

	write_file("root/large", data, sizeof(data));
	add(&fix, "large", 1, 10);
	CHECK_INT("large", false, finds(&fix, "large", 1));
	for (unsigned int i = 0; i < NR; i++) {
		snprintf(path, sizeof(path), "root/%u", i);
		write_file(path, data, KEEL_CACHE_FILE_MAX);
		add(&fix, path + 5, 1, 10);
		CHECK_INT(path, true, finds(&fix, path + 5, 1));
	}
	for (unsigned int i = 0; i < NR; i++) {
		snprintf(path, sizeof(path), "%u", i);
		nr_found += finds(&fix, path, 1);
	}
	ATF_CHECK_MSG(nr_found * KEEL_CACHE_FILE_MAX <= KEEL_CACHE_MAX,
		      "%zu are kept", nr_found);
	ATF_CHECK_MSG(nr_found > NR / 3, "only %zu are kept", nr_found);
	teardown(&fix);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, cache__finds_what_it_keeps);
	ATF_TP_ADD_TC(tp, cache__notices_changes);
	ATF_TP_ADD_TC(tp, cache__looks_once_a_turn);
	ATF_TP_ADD_TC(tp, cache__keeps_nothing_that_changed_lately);
	ATF_TP_ADD_TC(tp, cache__keeps_nothing_that_changed_while_read);
	ATF_TP_ADD_TC(tp, cache__reads_again_after_a_second);
	ATF_TP_ADD_TC(tp, cache__is_bounded);
	return atf_no_error();
}
