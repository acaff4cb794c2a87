/* SPDX-License-Identifier: MIT */
/* The test modules as files that a test may spoil. */
#include "tests/registry/module_files.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atf-c.h>

/* More than any of them has. */
#define MAX_LEN (4 << 20)

const char *new_module_dir(void)
{
	static char path[PATH_MAX];

	/* The path is that of /proc/self/maps, without links. */
	ATF_REQUIRE(realpath(".", path));
	strcat(path, "/modules-XXXXXX");
	ATF_REQUIRE(mkdtemp(path));
	ATF_REQUIRE(!chmod(path, 0755));
	return path;
}

static size_t read_file(const char *path, char *data)
{
	FILE *file = fopen(path, "re");
	size_t len;

	ATF_REQUIRE_MSG(file,
			"%s: no such file; KEEL_BUILDDIR names the build "
			"directory",
			path);
	len = fread(data, 1, MAX_LEN, file);
	ATF_REQUIRE(len && len < MAX_LEN && !ferror(file));
	fclose(file);
	return len;
}

static void write_file(const char *path, const char *data, size_t len)
{
	FILE *file = fopen(path, "we");

	ATF_REQUIRE_MSG(file, "%s", path);
	ATF_REQUIRE_EQ(len, fwrite(data, 1, len, file));
	ATF_REQUIRE_EQ(0, fclose(file));
	ATF_REQUIRE_EQ(0, chmod(path, 0755));
}

void copy_module(const char *name, const char *path)
{
	static char data[MAX_LEN];
	const char *build = getenv("KEEL_BUILDDIR");
	char from[PATH_MAX];

	snprintf(from, sizeof(from), "%s/tests/registry/.libs/mod-%s.so",
		 build ? build : ".", name);
	write_file(path, data, read_file(from, data));
}

void replace_module(const char *name, const char *path)
{
	char temp[PATH_MAX];

	snprintf(temp, sizeof(temp), "%.4000s.new", path);
	copy_module(name, temp);
	ATF_REQUIRE_EQ(0, rename(temp, path));
}

void change_bytes(const char *path, const char *from, const char *to)
{
	static char data[MAX_LEN];
	size_t len = read_file(path, data);
	size_t nr_changed = 0;
	char *at = data;

	ATF_REQUIRE_EQ(strlen(from), strlen(to));
	while ((at = memmem(at, (size_t)(data + len - at), from,
			    strlen(from)))) {
		memcpy(at, to, strlen(to));
		nr_changed++;
	}
	ATF_REQUIRE_MSG(nr_changed, "%s: no %s in it", path, from);
	write_file(path, data, len);
}

bool is_mapped(const char *path)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[PATH_MAX + 128];
	bool found = false;

	ATF_REQUIRE(maps);
	while (!found && fgets(line, sizeof(line), maps))
		found = strstr(line, path) != NULL;
	fclose(maps);
	return found;
}
