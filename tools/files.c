/* SPDX-License-Identifier: MIT */
/* Files below the served directory, and nothing else. */
#include "tools/files-private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * No walk in user space: a check of a path and its use are two moments, and a
 * link put there in between would lead out (openat2(2), RESOLVE_BENEATH).
 */
static int open_beneath(int root, const char *path, uint64_t flags)
{
	struct open_how how = {
		.flags = flags,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};

	/* -EAGAIN: something was renamed on the way; the next try may do. */
	for (int tries = 0; tries < 16; tries++) {
		long fd = syscall(SYS_openat2, root, path, &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
	return -EAGAIN;
}

int keel__files_root(const char *dir)
{
	int root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (root < 0)
		return -errno;
	fd = open_beneath(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		close(root);
		return fd;
	}
	close(fd);
	return root;
}

static void take_facts(struct keel_file *file, const struct stat *st)
{
	file->is_dir = S_ISDIR(st->st_mode);
	file->size = (uint64_t)st->st_size;
	file->mtime_s = st->st_mtim.tv_sec;
	file->mtime_ns = (uint32_t)st->st_mtim.tv_nsec;
	file->ctime_s = st->st_ctim.tv_sec;
	file->ctime_ns = (uint32_t)st->st_ctim.tv_nsec;
	file->ino = st->st_ino;
	file->dev = st->st_dev;
}

int keel__files_stat(struct keel_file *file)
{
	struct stat st;

	if (fstat(file->fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return -ENXIO;
	take_facts(file, &st);
	return 0;
}

int keel__files_open(int root, const char *path, struct keel_file *ret_file)
{
	struct keel_file file;
	int err;

	/* O_NONBLOCK: a FIFO would wait for its writer. */
	file.fd = open_beneath(root, *path ? path : ".",
			       O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (file.fd < 0)
		return file.fd;
	err = keel__files_stat(&file);
	if (err) {
		close(file.fd);
		return err;
	}
	*ret_file = file;
	return 0;
}

bool keel__files_is_same(int root, const char *path,
			 const struct keel_file *file)
{
	struct stat st;
	struct keel_file now;

	if (fstatat(root, path, &st, AT_EMPTY_PATH))
		return false;
	take_facts(&now, &st);
	return now.ino == file->ino && now.dev == file->dev &&
	       now.size == file->size && now.is_dir == file->is_dir &&
	       now.mtime_s == file->mtime_s && now.mtime_ns == file->mtime_ns &&
	       now.ctime_s == file->ctime_s && now.ctime_ns == file->ctime_ns;
}

unsigned int keel__files_status(int err)
{
	switch (-err) {
	case ENOENT:
	case ENOTDIR:
	case ENAMETOOLONG:
	case ENXIO:
		return 404;
	case EACCES:
	case EPERM:
	case ELOOP:
	case EXDEV:
		return 403;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case EAGAIN:
		return 503;
	default:
		return 500;
	}
}
