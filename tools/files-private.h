/* SPDX-License-Identifier: MIT */
/* Files below the served directory, and nothing else. */
#ifndef KEEL_TOOLS_FILES_PRIVATE_H
#define KEEL_TOOLS_FILES_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * struct keel_file - an open file or directory
 * @fd:       the caller's to close
 * @is_dir:   a directory; else a regular file
 * @size:     bytes
 * @mtime_s:  last change of the contents, seconds since the epoch
 * @mtime_ns: and nanoseconds
 * @ctime_s:  last change of anything, seconds since the epoch
 * @ctime_ns: and nanoseconds
 * @ino:      number of the inode
 * @dev:      its file system
 */
struct keel_file {
	int fd;
	bool is_dir;
	uint32_t mtime_ns;
	uint32_t ctime_ns;
	uint64_t size;
	int64_t mtime_s;
	int64_t ctime_s;
	uint64_t ino;
	uint64_t dev;
};

/*
 * Opens the directory to serve. Returns its descriptor, or a negative errno;
 * -ENOSYS if this kernel has no openat2(2).
 */
int keel__files_root(const char *dir);

/*
 * Opens a path below @root; "" is @root itself. The kernel resolves it and lets
 * no link lead out. Returns 0, or a negative errno: -EXDEV for a link that
 * leads out, -ENXIO for what is neither file nor directory.
 */
int keel__files_open(int root, const char *path, struct keel_file *ret_file);

/* Asks again for what may have changed: size and times. 0 or an errno. */
int keel__files_stat(struct keel_file *file);

/*
 * Does the path, or with "" @root itself, still name that very file, with the
 * same facts? Links are followed wherever they lead: what is compared is a file
 * that was found below the directory.
 */
bool keel__files_is_same(int root, const char *path,
			 const struct keel_file *file);

/* The HTTP status that goes with an errno of keel__files_open(). */
unsigned int keel__files_status(int err);

#endif
