/* SPDX-License-Identifier: MIT */
/* Small files in memory, each looked at again before it is used. */
#ifndef KEEL_TOOLS_CACHE_PRIVATE_H
#define KEEL_TOOLS_CACHE_PRIVATE_H

#include <stddef.h>
#include <stdint.h>

#include "tools/files-private.h"

/*
 * Opening, reading and closing a file of 1 KiB costs as much as all the rest of
 * its response. A worker keeps what it has read, and asks the kernel once a
 * turn of its loop whether the path still names that very file, unchanged:
 * device, inode, size and both times. A request is never answered with what was
 * replaced before it came.
 */

/* Largest file kept: head and file are one record. */
#define KEEL_CACHE_FILE_MAX (15 * 1024)
/* Bytes a worker keeps. */
#define KEEL_CACHE_MAX (4 * 1024 * 1024)
/* A file is read again after this time even if it looks the same. */
#define KEEL_CACHE_AGE_NS 1000000000
/*
 * Two changes within one tick of a file system's clock, which may be 2 seconds
 * long, cannot be told apart: a file that changed so lately is not kept.
 */
#define KEEL_CACHE_QUIET_S 3

struct keel_cache;

/**
 * struct keel_cache_entry - a file in memory
 * @file: its facts; the descriptor is -1
 * @data: all of its file.size bytes
 */
struct keel_cache_entry {
	struct keel_file file;
	const char *data;
};

int keel__cache_new(struct keel_cache **ret_cache);
struct keel_cache *keel__cache_free(struct keel_cache *cache);

/*
 * The file at @name below @root, NULL if it is not kept or has changed. @now_ns
 * is the time the loop's turn began. Valid until the next call.
 */
const struct keel_cache_entry *keel__cache_find(struct keel_cache *cache,
						int root, const char *name,
						uint64_t now_ns);

/*
 * Keeps a copy of a file that was just read in whole; @file is open and has the
 * facts from before. Does nothing if it may have changed since, or has lately,
 * or is too large. @now_s is the time of day.
 */
void keel__cache_add(struct keel_cache *cache, const char *name,
		     const struct keel_file *file, const char *data,
		     uint64_t now_ns, int64_t now_s);

#endif
