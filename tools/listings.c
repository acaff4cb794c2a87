/* SPDX-License-Identifier: MIT */
/* Pages of listings, shared by the responses that send them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/listing-private.h"

struct keel_listing_page *
keel__listing_page_unref(struct keel_listing_page *page)
{
	if (!page || --page->nr_users)
		return NULL;
	page->of->total -= page->len;
	free(page->data);
	free(page);
	return NULL;
}

static void forget(struct keel_listings *listings)
{
	listings->page = keel__listing_page_unref(listings->page);
	free(listings->name);
	listings->name = NULL;
}

void keel__listings_fini(struct keel_listings *listings)
{
	forget(listings);
}

static bool is_last(const struct keel_listings *listings, const char *name,
		    const struct keel_file *dir, uint64_t now_ns)
{
	const struct keel_file *last = &listings->dir;

	return listings->page && !strcmp(listings->name, name) &&
	       now_ns - listings->made_ns < KEEL_LISTING_AGE_NS &&
	       last->dev == dir->dev && last->ino == dir->ino &&
	       last->mtime_s == dir->mtime_s && last->mtime_ns == dir->mtime_ns;
}

static int page_new(struct keel_listings *listings, int root, const char *name,
		    const struct keel_file *dir,
		    struct keel_listing_page **ret_page)
{
	struct keel_listing_page *page;
	int err;

	if (listings->total >= KEEL_LISTINGS_MAX)
		return -EAGAIN;
	page = calloc(1, sizeof(*page));
	if (!page)
		return -ENOMEM;
	err = keel__listing_make(root, dir->fd, name, &page->data, &page->len);
	if (err) {
		free(page);
		return err;
	}
	page->of = listings;
	page->nr_users = 1;
	listings->total += page->len;
	*ret_page = page;
	return 0;
}

/* Without memory for the name it is found by, it is made again next time. */
static void keep(struct keel_listings *listings, const char *name,
		 const struct keel_file *dir, uint64_t now_ns,
		 struct keel_listing_page *page)
{
	listings->name = strdup(name);
	if (!listings->name)
		return;
	page->nr_users++;
	listings->page = page;
	listings->dir = *dir;
	listings->made_ns = now_ns;
}

int keel__listings_get(struct keel_listings *listings, int root,
		       const char *name, uint64_t now_ns,
		       struct keel_listing_page **ret_page)
{
	struct keel_file dir;
	int err = keel__files_open(root, name, &dir);

	if (err)
		return err;
	if (is_last(listings, name, &dir, now_ns)) {
		*ret_page = listings->page;
		listings->page->nr_users++;
	} else {
		forget(listings);
		err = page_new(listings, root, name, &dir, ret_page);
		if (!err)
			keep(listings, name, &dir, now_ns, *ret_page);
	}
	close(dir.fd);
	return err;
}
