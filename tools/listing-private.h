/* SPDX-License-Identifier: MIT */
/* A directory as an HTML page. */
#ifndef KEEL_TOOLS_LISTING_PRIVATE_H
#define KEEL_TOOLS_LISTING_PRIVATE_H

#include <stddef.h>

/* Entries shown; what a larger directory has beyond is counted only. */
#define KEEL_LISTING_MAX 10000

/*
 * Lists @dir_fd, which is below @root at @name (without a leading slash, with
 * one at its end; "" for the served directory itself). Names that begin with a dot are left out,
 * directories end in a slash, links are what they lead to, and links that lead
 * nowhere or out are left out. Returns 0 with a page of the caller's to free(),
 * or a negative errno. Blocks on the directory.
 */
int keel__listing_make(int root, int dir_fd, const char *name, char **ret_page,
		       size_t *ret_len);

#endif
