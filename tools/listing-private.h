/* SPDX-License-Identifier: MIT */
/* A directory as an HTML page, made once for many who ask. */
#ifndef KEEL_TOOLS_LISTING_PRIVATE_H
#define KEEL_TOOLS_LISTING_PRIVATE_H

#include <stddef.h>

#include "tools/files-private.h"

/* Entries shown; what a larger directory has beyond is counted only. */
#define KEEL_LISTING_MAX 10000
/*
 * A page is made again after this time: a file in the directory may have
 * changed without the directory.
 */
#define KEEL_LISTING_AGE_NS 1000000000
/* Bytes of pages on their way to clients; who asks for a new one beyond waits. */
#define KEEL_LISTINGS_MAX (64 * 1024 * 1024)

/*
 * Lists @dir_fd, which is below @root at @name (without a leading slash, with
 * one at its end; "" for the served directory itself). Names that begin with a
 * dot are left out, directories end in a slash, links are what they lead to,
 * and links that lead nowhere or out are left out. Returns 0 with a page of the
 * caller's to free(), or a negative errno. Blocks on the directory.
 */
int keel__listing_make(int root, int dir_fd, const char *name, char **ret_page,
		       size_t *ret_len);

struct keel_listings;

/**
 * struct keel_listing_page - a page that several responses share
 * @data:     the page
 * @len:      bytes
 * @nr_users: responses, and the listings it may be found in
 * @of:       counts its bytes
 */
struct keel_listing_page {
	char *data;
	size_t len;
	size_t nr_users;
	struct keel_listings *of;
};

/**
 * struct keel_listings - what a worker has listed; all zero at first
 * @page:    the last page made, NULL if none
 * @name:    of its directory
 * @dir:     facts of that directory
 * @made_ns: when
 * @total:   bytes of all pages that anybody still uses
 */
struct keel_listings {
	struct keel_listing_page *page;
	char *name;
	struct keel_file dir;
	uint64_t made_ns;
	size_t total;
};

/*
 * The page of the directory at @name below @root. @now_ns is the time the
 * loop's turn began. Returns 0 with a reference of the caller's, or a negative
 * errno; -EAGAIN when too many pages are on their way.
 */
int keel__listings_get(struct keel_listings *listings, int root,
		       const char *name, uint64_t now_ns,
		       struct keel_listing_page **ret_page);

/* NULL, always. */
struct keel_listing_page *
keel__listing_page_unref(struct keel_listing_page *page);

void keel__listings_fini(struct keel_listings *listings);

#endif
