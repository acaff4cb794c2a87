/* SPDX-License-Identifier: MIT */
/* Whether a module's file may be trusted. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* O_PATH, strerrordesc_np(3) */
#endif
#include "lib/registry/module-private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Whoever may decide what a module holds runs code as this process. So nobody
 * but root and the process's user may be able to: not by writing the file, not
 * by putting another in its place, not by a link from a place they own.
 *
 * The directory is opened once and judged by its descriptor. The file is opened
 * in that very directory, once, and judged by its descriptor; all that follows,
 * reading its head and loading it, goes by this descriptor and never by a name
 * again. Between the look and the use there is nothing left to exchange, except
 * by those who are trusted.
 *
 * The directories above are not judged. Who can rename one of them can put
 * another directory in place of ours, but what they put there has to pass the
 * same: a file of root's or of our user's, in a directory of theirs.
 */

struct path {
	char dir[PATH_MAX];
	const char *base;
};

static int split(const char *path, struct path *ret_path)
{
	const char *slash = strrchr(path, '/');
	size_t dir_len = slash ? (size_t)(slash - path) : 0;

	if (!slash) {
		strcpy(ret_path->dir, ".");
		ret_path->base = path;
		return 0;
	}
	if (dir_len >= sizeof(ret_path->dir))
		return -ENAMETOOLONG;
	/* "/x" is in "/". */
	dir_len += dir_len == 0;
	memcpy(ret_path->dir, path, dir_len);
	ret_path->dir[dir_len] = '\0';
	ret_path->base = slash + 1;
	return 0;
}

static bool owner_is_good(const struct stat *st)
{
	return st->st_uid == 0 || st->st_uid == geteuid();
}

static bool others_write(const struct stat *st)
{
	return (st->st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

/* A descriptor of the directory, if nobody else may change what is in it. */
static int open_dir(const char *dir, struct keel__refusal *ret_why)
{
	struct stat st;
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return keel__refuse(ret_why, -errno, "its directory: %s",
				    strerrordesc_np(errno));
	if (fstat(fd, &st) < 0)
		err = keel__refuse(ret_why, -errno, "its directory: %s",
				   strerrordesc_np(errno));
	else if (!owner_is_good(&st))
		err = keel__refuse(ret_why, -EPERM,
				   "its directory belongs to user %u, not to "
				   "root or this process's user",
				   st.st_uid);
	else if (others_write(&st))
		err = keel__refuse(ret_why, -EPERM,
				   "others than its owner may write into its "
				   "directory");
	if (!err)
		return fd;
	close(fd);
	return err;
}

/*
 * A link to another name in the same directory is followed, once: that is how
 * versions are switched. @buf holds what it says.
 */
static int follow(int dir_fd, const char **base, char *buf, size_t len,
		  struct keel__refusal *ret_why)
{
	ssize_t ret = readlinkat(dir_fd, *base, buf, len);

	if (ret < 0)
		return 0; /* no link, or not there: opening it will tell */
	if ((size_t)ret == len)
		return keel__refuse(ret_why, -ELOOP, "a link too long");
	buf[ret] = '\0';
	if (strchr(buf, '/'))
		return keel__refuse(ret_why, -ELOOP,
				    "a link that leads out of its directory");
	*base = buf;
	return 0;
}

static int judge_file(int fd, struct keel__refusal *ret_why)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return keel__refuse(ret_why, -errno, "%s",
				    strerrordesc_np(errno));
	if (!S_ISREG(st.st_mode))
		return keel__refuse(ret_why, -ENOEXEC, "not a regular file");
	if (!owner_is_good(&st))
		return keel__refuse(ret_why, -EPERM,
				    "it belongs to user %u, not to root or "
				    "this process's user",
				    st.st_uid);
	if (others_write(&st))
		return keel__refuse(ret_why, -EPERM,
				    "others than its owner may write it");
	return 0;
}

static int open_file(int dir_fd, const char *base,
		     struct keel__refusal *ret_why)
{
	/* Not to wait for a FIFO's writer, nor to get a terminal. */
	const int flags =
		O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	char target[NAME_MAX + 1];
	int fd;
	int err = follow(dir_fd, &base, target, sizeof(target), ret_why);

	if (err)
		return err;
	fd = openat(dir_fd, base, flags);
	if (fd < 0)
		return keel__refuse(ret_why, -errno, "%s",
				    errno == ELOOP ? "a link to a link"
						   : strerrordesc_np(errno));
	err = judge_file(fd, ret_why);
	if (!err)
		return fd;
	close(fd);
	return err;
}

int keel__file_open(const char *path, struct keel__refusal *ret_why)
{
	struct path parts;
	int dir_fd;
	int ret;

	if (split(path, &parts))
		return keel__refuse(ret_why, -ENAMETOOLONG, "%s",
				    strerrordesc_np(ENAMETOOLONG));
	dir_fd = open_dir(parts.dir, ret_why);
	if (dir_fd < 0)
		return dir_fd;
	ret = open_file(dir_fd, parts.base, ret_why);
	close(dir_fd);
	return ret;
}
