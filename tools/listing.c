/* SPDX-License-Identifier: MIT */
/* A directory as an HTML page. */
#include "tools/listing-private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tools/files-private.h"
#include "tools/path-private.h"

struct entry {
	char *name;
	bool is_dir;
	uint64_t size;
	time_t mtime;
};

struct listing {
	int root;
	int dir_fd;
	const char *name;
	struct entry *entries;
	size_t nr;
	size_t max;
	size_t nr_left_out;
};

static void listing_fini(struct listing *listing)
{
	for (size_t i = 0; i < listing->nr; i++)
		free(listing->entries[i].name);
	free(listing->entries);
}

static int listing_grow(struct listing *listing)
{
	size_t max = listing->max ? 2 * listing->max : 64;
	struct entry *entries;

	if (listing->nr < listing->max)
		return 0;
	entries = reallocarray(listing->entries, max, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	listing->entries = entries;
	listing->max = max;
	return 0;
}

/* What a name is in the end: a link is followed as a request would follow it. */
static int entry_stat(const struct listing *listing, const char *name,
		      struct stat *ret_stat)
{
	struct keel_file file;
	char path[KEEL_PATH_MAX];
	int err;

	if (fstatat(listing->dir_fd, name, ret_stat, AT_SYMLINK_NOFOLLOW))
		return -errno;
	if (!S_ISLNK(ret_stat->st_mode))
		return 0;
	err = snprintf(path, sizeof(path), "%s%s", listing->name, name);
	if (err < 0 || (size_t)err >= sizeof(path))
		return -ENAMETOOLONG;
	err = keel__files_open(listing->root, path, &file);
	if (err)
		return err;
	err = fstat(file.fd, ret_stat) ? -errno : 0;
	close(file.fd);
	return err;
}

static int listing_add(struct listing *listing, const char *name)
{
	struct stat st;
	struct entry *entry;

	if (name[0] == '.')
		return 0;
	if (listing->nr >= KEEL_LISTING_MAX) {
		listing->nr_left_out++;
		return 0;
	}
	if (entry_stat(listing, name, &st) ||
	    (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
		return 0;
	if (listing_grow(listing))
		return -ENOMEM;
	entry = &listing->entries[listing->nr];
	entry->name = strdup(name);
	if (!entry->name)
		return -ENOMEM;
	entry->is_dir = S_ISDIR(st.st_mode);
	entry->size = (uint64_t)st.st_size;
	entry->mtime = st.st_mtim.tv_sec;
	listing->nr++;
	return 0;
}

static int listing_read(struct listing *listing)
{
	int fd = openat(listing->dir_fd, ".",
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int err = 0;

	if (!dir) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	errno = 0;
	while (!err && (entry = readdir(dir)))
		err = listing_add(listing, entry->d_name);
	closedir(dir);
	return err;
}

/* Directories first, then by the bytes of the name. */
static int entry_compare(const void *left, const void *right)
{
	const struct entry *a = left;
	const struct entry *b = right;

	if (a->is_dir != b->is_dir)
		return a->is_dir ? -1 : 1;
	return strcmp(a->name, b->name);
}

static void print_html(FILE *page, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", page);
			break;
		case '>':
			fputs("&gt;", page);
			break;
		case '&':
			fputs("&amp;", page);
			break;
		case '"':
			fputs("&quot;", page);
			break;
		case '\'':
			fputs("&#39;", page);
			break;
		default:
			/* Control characters: not in HTML, as a rule. */
			putc((unsigned char)*text < 0x20 ? '?' : *text, page);
		}
	}
}

static void print_entry(FILE *page, const struct entry *entry)
{
	char link[3 * NAME_MAX];
	char date[KEEL_HTTP_DATE_LEN];
	struct keel_http_out out = {.buf = link, .max = sizeof(link)};
	const char *slash = entry->is_dir ? "/" : "";

	keel__path_encode(&out, entry->name, strlen(entry->name));
	keel__http_date_format(entry->mtime, date);
	/* "./" keeps a name such as "a:b" from being a scheme. */
	fprintf(page, "<tr><td><a href=\"./%.*s%s\">", (int)out.len, link,
		slash);
	print_html(page, entry->name);
	fprintf(page, "%s</a></td><td>", slash);
	if (!entry->is_dir)
		fprintf(page, "%" PRIu64, entry->size);
	fprintf(page, "</td><td>%.*s</td></tr>\n", KEEL_HTTP_DATE_LEN, date);
}

static void print_page(FILE *page, const struct listing *listing)
{
	const char *name = listing->name;

	fputs("<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\">\n<title>/",
	      page);
	print_html(page, name);
	fputs("</title>\n<style>td { padding-right: 2em } "
	      "td:nth-child(2) { text-align: right }</style>\n"
	      "</head><body>\n<h1>/",
	      page);
	print_html(page, name);
	fputs("</h1>\n<table>\n", page);
	if (*name)
		fputs("<tr><td><a href=\"../\">../</a></td></tr>\n", page);
	for (size_t i = 0; i < listing->nr; i++)
		print_entry(page, &listing->entries[i]);
	fputs("</table>\n", page);
	if (listing->nr_left_out)
		fprintf(page, "<p>and %zu more</p>\n", listing->nr_left_out);
	fputs("</body></html>\n", page);
}

int keel__listing_make(int root, int dir_fd, const char *name, char **ret_page,
		       size_t *ret_len)
{
	struct listing listing = {
		.root = root,
		.dir_fd = dir_fd,
		.name = name,
	};
	FILE *page;
	int err = listing_read(&listing);

	page = err ? NULL : open_memstream(ret_page, ret_len);
	if (!err && !page)
		err = -errno;
	if (err) {
		listing_fini(&listing);
		return err;
	}
	if (listing.nr)
		qsort(listing.entries, listing.nr, sizeof(*listing.entries),
		      entry_compare);
	print_page(page, &listing);
	listing_fini(&listing);
	if (fclose(page)) {
		free(*ret_page);
		return -ENOMEM;
	}
	return 0;
}
