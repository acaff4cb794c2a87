/* SPDX-License-Identifier: MIT */
/* From URLs to files: paths, media types, what may be opened, listings. */
#include "tools/files-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tools/listing-private.h"
#include "tools/mime-private.h"
#include "tools/path-private.h"

#define NR(array) (sizeof(array) / sizeof((array)[0]))

CASE(path__is_decoded, "Targets of the table give their names or refusals")
{
	static const struct {
		const char *target;
		unsigned int refused;
		const char *name;
		bool is_dir;
	} rows[] = {
		{"/", 0, "", true},
		{"/a", 0, "a", false},
		{"/a/", 0, "a/", true},
		{"/a/b", 0, "a/b", false},
		{"//a///b//", 0, "a/b/", true},
		{"/a?b/c?d", 0, "a", false},
		{"/a#b", 0, "a", false},
		{"/%61", 0, "a", false},
		{"/a%20b", 0, "a b", false},
		{"/%C3%A9", 0, "\xc3\xa9", false},
		{"/a%3Fb", 0, "a?b", false},
		{"/...", 0, "...", false},
		{"/..a/.b", 0, "..a/.b", false},
		{"/a%252e", 0, "a%2e", false},
		{"/.", 400, NULL, false},
		{"/..", 400, NULL, false},
		{"/../a", 400, NULL, false},
		{"/a/../b", 400, NULL, false},
		{"/a/..", 400, NULL, false},
		{"/a/./b", 400, NULL, false},
		{"/%2e%2e/a", 400, NULL, false},
		{"/a/.%2E/b", 400, NULL, false},
		{"/a/..?x", 400, NULL, false},
		{"/a%00b", 400, NULL, false},
		{"/a%0ab", 400, NULL, false},
		{"/a%7fb", 400, NULL, false},
		{"/a\tb", 400, NULL, false},
		{"/a?\tb", 400, NULL, false},
		{"/%", 400, NULL, false},
		{"/%4", 400, NULL, false},
		{"/%4x", 400, NULL, false},
		{"/%xx", 400, NULL, false},
		{"/a%2fb", 404, NULL, false},
		{"/..%2f..%2fetc/passwd", 404, NULL, false},
	};

	for (size_t i = 0; i < NR(rows); i++) {
		const char *target = rows[i].target;
		struct keel_path path;

		CHECK_INT(target, rows[i].refused,
			  keel__path_decode(target, strlen(target), &path));
		if (rows[i].refused)
			continue;
		ATF_CHECK_STREQ_MSG(rows[i].name, path.name, "%s", target);
		CHECK_INT(target, strlen(path.name), path.name_len);
		CHECK_INT(target, rows[i].is_dir, path.is_dir);
	}
}

CASE(path__has_bounds, "A path of any length is decoded or refused with 414")
{
	char target[KEEL_PATH_MAX + 10];
	struct keel_path path;

	memset(target, 'a', sizeof(target));
	target[0] = '/';
	CHECK_INT("longest", 0,
		  keel__path_decode(target, KEEL_PATH_MAX, &path));
	CHECK_INT("longest", KEEL_PATH_MAX - 1, path.name_len);
	CHECK_INT("full", 414, keel__path_add(&path, "x"));
	CHECK_INT("too long", 414,
		  keel__path_decode(target, KEEL_PATH_MAX + 1, &path));
	CHECK_INT("short", 0, keel__path_decode("/d/", 3, &path));
	CHECK_INT("short", 0, keel__path_add(&path, "index.html"));
	ATF_CHECK_STREQ("d/index.html", path.name);
}

CASE(path__is_encoded, "Every byte comes back through encoding and decoding")
{
	char name[256];
	char encoded[1024];
	struct keel_http_out out = {.buf = encoded, .max = sizeof(encoded)};
	struct keel_path path;
	size_t len = 0;

	for (int byte = 0x20; byte < 256; byte++)
		if (byte != '/' && byte != 0x7f)
			name[len++] = (char)byte;
	keel__http_out_text(&out, "/");
	keel__path_encode(&out, name, len);
	ATF_REQUIRE(!out.cut);
	for (size_t i = 0; i < out.len; i++)
		ATF_CHECK_MSG(encoded[i] > 0x20 && encoded[i] < 0x7f &&
				      !strchr("\"<>?#&'", encoded[i]),
			      "0x%02x stands in a URL",
			      (unsigned char)encoded[i]);
	REQUIRE_INT("all", 0, keel__path_decode(encoded, out.len, &path));
	REQUIRE_INT("all", len, path.name_len);
	CHECK_MEM("all", name, path.name, len);
}

CASE(mime__knows_extensions, "Names of the table have their types")
{
	static const char unknown[] = "application/octet-stream";
	static const struct {
		const char *name;
		const char *type;
	} rows[] = {
		{"index.html", "text/html; charset=utf-8"},
		{"A.HTML", "text/html; charset=utf-8"},
		{"a.b.css", "text/css; charset=utf-8"},
		{"d.css/x.7z", "application/x-7z-compressed"},
		{"x.zst", "application/zstd"},
		{"x.webmanifest", "application/manifest+json"},
		{"x.jpg", "image/jpeg"},
		{"x.js", "text/javascript; charset=utf-8"},
		{"x.woff2", "font/woff2"},
		{"d.css/x", unknown},
		{"x.", unknown},
		{".", unknown},
		{"", unknown},
		{"css", unknown},
		{"x.verylongextension", unknown},
		{"x.xwebmanifest", unknown},
		{"x.nothing", unknown},
	};

	for (size_t i = 0; i < NR(rows); i++)
		ATF_CHECK_STREQ_MSG(
			rows[i].type,
			keel__mime_type(rows[i].name, strlen(rows[i].name)),
			"%s", rows[i].name);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	ATF_REQUIRE_MSG(file, "%s: %s", path, strerror(errno));
	fputs(text, file);
	ATF_REQUIRE(fclose(file) == 0);
}

/* A tree with everything a path may run into. */
static int make_tree(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX,
				 .sun_path = "root/socket"};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	int root;

	ATF_REQUIRE(mkdir("root", 0755) == 0);
	ATF_REQUIRE(mkdir("root/dir", 0755) == 0);
	write_file("secret", "secret");
	write_file("root/file", "file");
	write_file("root/dir/inner", "inner");
	ATF_REQUIRE(symlink("file", "root/link") == 0);
	ATF_REQUIRE(symlink("../file", "root/dir/up") == 0);
	ATF_REQUIRE(symlink("../secret", "root/out") == 0);
	ATF_REQUIRE(symlink("..", "root/outdir") == 0);
	ATF_REQUIRE(symlink("/etc/passwd", "root/absolute") == 0);
	ATF_REQUIRE(symlink("loop", "root/loop") == 0);
	ATF_REQUIRE(symlink("nothing", "root/dangling") == 0);
	ATF_REQUIRE(mkfifo("root/fifo", 0644) == 0);
	ATF_REQUIRE(fd >= 0 &&
		    bind(fd, (struct sockaddr *)&un, sizeof(un)) == 0);
	close(fd);
	root = keel__files_root("root");
	ATF_REQUIRE_MSG(root >= 0, "%s", strerror(-root));
	return root;
}

CASE(files__stay_below_the_root,
     "Files and directories open; links that lead out and special files do not")
{
	static const struct {
		const char *path;
		int err;
		unsigned int status;
		bool is_dir;
	} rows[] = {
		{"file", 0, 0, false},
		{"", 0, 0, true},
		{"dir", 0, 0, true},
		{"dir/", 0, 0, true},
		{"dir//inner", 0, 0, false},
		{"link", 0, 0, false},
		{"dir/up", 0, 0, false},
		{"nothing", -ENOENT, 404, false},
		{"file/", -ENOTDIR, 404, false},
		{"file/x", -ENOTDIR, 404, false},
		{"dangling", -ENOENT, 404, false},
		{"fifo", -ENXIO, 404, false},
		{"socket", -ENXIO, 404, false},
		{"out", -EXDEV, 403, false},
		{"outdir", -EXDEV, 403, false},
		{"outdir/secret", -EXDEV, 403, false},
		{"absolute", -EXDEV, 403, false},
		{"loop", -ELOOP, 403, false},
		{"../secret", -EXDEV, 403, false},
		{"/etc/passwd", -EXDEV, 403, false},
	};
	int root = make_tree();

	for (size_t i = 0; i < NR(rows); i++) {
		struct keel_file file;
		int err = keel__files_open(root, rows[i].path, &file);

		CHECK_INT(rows[i].path, rows[i].err, err);
		if (err) {
			CHECK_INT(rows[i].path, rows[i].status,
				  keel__files_status(err));
			continue;
		}
		CHECK_INT(rows[i].path, rows[i].is_dir, file.is_dir);
		close(file.fd);
	}
	close(root);
}

CASE(files__know_their_facts, "Size and time are the file's, and asked anew")
{
	int root = make_tree();
	struct keel_file file;
	struct stat st;

	REQUIRE_INT("file", 0, keel__files_open(root, "file", &file));
	ATF_REQUIRE(stat("root/file", &st) == 0);
	CHECK_INT("file", 4, file.size);
	CHECK_INT("file", st.st_mtim.tv_sec, file.mtime_s);
	CHECK_INT("file", st.st_mtim.tv_nsec, file.mtime_ns);
	CHECK_INT("file", st.st_ino, file.ino);
	write_file("root/file", "longer");
	REQUIRE_INT("file", 0, keel__files_stat(&file));
	CHECK_INT("file", 6, file.size);
	close(file.fd);
	close(root);
}

CASE(files__need_a_directory, "What cannot be served is told by its errno")
{
	write_file("plain", "");
	CHECK_INT("missing", -ENOENT, keel__files_root("missing"));
	CHECK_INT("plain", -ENOTDIR, keel__files_root("plain"));
}

static char *list(int root, const char *name)
{
	struct keel_file dir;
	char *page = NULL;
	size_t len = 0;

	REQUIRE_INT(name, 0, keel__files_open(root, name, &dir));
	REQUIRE_INT(name, 0,
		    keel__listing_make(root, dir.fd, name, &page, &len));
	CHECK_INT(name, len, strlen(page));
	close(dir.fd);
	return page;
}

CASE(listing__shows_what_can_be_fetched,
     "Directories first, in order; no dotfiles, no links out, no special files")
{
	static const char *const order[] = {"./dir/\"", "./dir2/\"", "./a\"",
					    "./file\"", "./link\""};
	static const char *const absent[] = {"out",    "absolute", "fifo",
					     "loop",   "dangling", "hidden",
					     "socket", "../"};
	int root = make_tree();
	const char *last;
	char *page;

	ATF_REQUIRE(mkdir("root/dir2", 0755) == 0);
	write_file("root/a", "");
	write_file("root/.hidden", "");
	page = list(root, "");
	last = page;
	for (size_t i = 0; i < NR(order); i++) {
		const char *found = strstr(page, order[i]);

		ATF_REQUIRE_MSG(found, "%s is missing in %s", order[i], page);
		ATF_CHECK_MSG(found > last, "%s is out of order", order[i]);
		last = found;
	}
	for (size_t i = 0; i < NR(absent); i++)
		ATF_CHECK_MSG(!strstr(page, absent[i]), "%s is listed",
			      absent[i]);
	free(page);
	page = list(root, "dir/");
	ATF_CHECK(strstr(page, "<h1>/dir/</h1>"));
	ATF_CHECK(strstr(page, "href=\"../\""));
	ATF_CHECK(strstr(page, "./up\""));
	free(page);
	close(root);
}

CASE(listing__escapes_names, "A name is neither HTML nor part of a URL")
{
	int root = make_tree();
	char *page;

	write_file("root/<b>&\"' ?#%", "");
	page = list(root, "");
	ATF_CHECK_MSG(strstr(page, "href=\"./%3Cb%3E%26%22%27%20%3F%23%25\""),
		      "%s", page);
	ATF_CHECK_MSG(strstr(page, "&lt;b&gt;&amp;&quot;&#39; ?#%</a>"), "%s",
		      page);
	ATF_CHECK(!strstr(page, "<b>"));
	free(page);
	close(root);
}

CASE(listing__is_bounded, "A large directory shows so much and counts the rest")
{
	int root = make_tree();
	char name[32];
	char *page;

	ATF_REQUIRE(mkdir("root/large", 0755) == 0);
	for (unsigned int i = 0; i < KEEL_LISTING_MAX + 3; i++) {
		int fd;

		snprintf(name, sizeof(name), "root/large/%u", i);
		fd = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
		ATF_REQUIRE(fd >= 0);
		close(fd);
	}
	page = list(root, "large/");
	ATF_CHECK(strstr(page, "and 3 more"));
	free(page);
	close(root);
}

CASE(listings__share_a_page,
     "A page is made once a second, and lives as long as who sends it")
{
	struct keel_listings listings = {.page = NULL};
	struct keel_listing_page *page;
	struct keel_listing_page *same;
	struct keel_listing_page *other;
	int root = make_tree();
	uint64_t now = 5 * (uint64_t)KEEL_LISTING_AGE_NS;

	REQUIRE_INT("", 0, keel__listings_get(&listings, root, "", now, &page));
	REQUIRE_INT("soon", 0,
		    keel__listings_get(&listings, root, "",
				       now + KEEL_LISTING_AGE_NS - 1, &same));
	ATF_CHECK(same == page);
	REQUIRE_INT("late", 0,
		    keel__listings_get(&listings, root, "",
				       now + KEEL_LISTING_AGE_NS, &other));
	ATF_CHECK(other != page);
	CHECK_INT("two", 2 * page->len, listings.total);
	keel__listing_page_unref(same);
	keel__listing_page_unref(page);
	CHECK_INT("one", other->len, listings.total);
	REQUIRE_INT("dir/", 0,
		    keel__listings_get(&listings, root, "dir/",
				       now + KEEL_LISTING_AGE_NS, &page));
	ATF_CHECK(strstr(page->data, "<h1>/dir/</h1>"));
	keel__listing_page_unref(other);
	keel__listing_page_unref(page);
	write_file("root/dir/new", "");
	REQUIRE_INT("changed", 0,
		    keel__listings_get(&listings, root, "dir/",
				       now + KEEL_LISTING_AGE_NS, &page));
	ATF_CHECK(strstr(page->data, "./new\""));
	keel__listing_page_unref(page);
	keel__listings_fini(&listings);
	CHECK_INT("none", 0, listings.total);
	close(root);
}

CASE(listings__are_bounded, "With too many pages on their way there is no more")
{
	struct keel_listings listings = {.total = KEEL_LISTINGS_MAX};
	struct keel_listing_page *page;
	int root = make_tree();

	CHECK_INT("", -EAGAIN,
		  keel__listings_get(&listings, root, "", 0, &page));
	CHECK_INT("", 503, keel__files_status(-EAGAIN));
	CHECK_INT("missing", -ENOENT,
		  keel__listings_get(&listings, root, "missing/", 0, &page));
	close(root);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, path__is_decoded);
	ATF_TP_ADD_TC(tp, path__has_bounds);
	ATF_TP_ADD_TC(tp, path__is_encoded);
	ATF_TP_ADD_TC(tp, mime__knows_extensions);
	ATF_TP_ADD_TC(tp, files__stay_below_the_root);
	ATF_TP_ADD_TC(tp, files__know_their_facts);
	ATF_TP_ADD_TC(tp, files__need_a_directory);
	ATF_TP_ADD_TC(tp, listing__shows_what_can_be_fetched);
	ATF_TP_ADD_TC(tp, listing__escapes_names);
	ATF_TP_ADD_TC(tp, listing__is_bounded);
	ATF_TP_ADD_TC(tp, listings__share_a_page);
	ATF_TP_ADD_TC(tp, listings__are_bounded);
	return atf_no_error();
}
