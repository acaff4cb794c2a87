/* SPDX-License-Identifier: MIT */
/* Paths of URLs: from a request target to a file name and back. */
#ifndef KEEL_TOOLS_PATH_PRIVATE_H
#define KEEL_TOOLS_PATH_PRIVATE_H

#include "tools/http-private.h"

/* Room for a decoded path and "index.html" behind it. */
#define KEEL_PATH_MAX 4096

/**
 * struct keel_path - what a request target names
 * @name:      path below the served directory, without a leading slash,
 *             terminated; "" for the directory itself
 * @name_len:  bytes
 * @query:     from the '?' on, as sent; NULL if none
 * @query_len: bytes
 * @is_dir:    it ends in a slash, or is ""
 */
struct keel_path {
	char name[KEEL_PATH_MAX];
	size_t name_len;
	const char *query;
	size_t query_len;
	bool is_dir;
};

/*
 * Decodes a target that begins with '/'. Returns 0, or the status to refuse it
 * with: 400 for bad encodings, control characters and "." and ".." segments,
 * which no client that follows RFC 3986 section 5.2.4 sends; 404 for an
 * encoded slash, since no file name has one; 414 for one too long.
 */
unsigned int keel__path_decode(const char *target, size_t len,
			       struct keel_path *ret_path);

/* Appends @name to a path; 0, or 414 if it does not fit. */
unsigned int keel__path_add(struct keel_path *path, const char *name);

/* Percent-encodes what RFC 3986 does not let stand in a path. */
void keel__path_encode(struct keel_http_out *out, const char *name, size_t len);

#endif
