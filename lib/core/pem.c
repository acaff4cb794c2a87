/* SPDX-License-Identifier: MIT */
/* PEM texts from files and memory, with an error people can act on. */
#include "lib/core/config-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/base-private.h"
#include "lib/base/err-private.h"

/* No chain, key or store of certificates in use is near it. */
#define MAX_FILE_LEN (1024u * 1024)

/* Files are read in pieces: a pipe, as of a shell's <(...), has no length. */
#define CHUNK_LEN 16384u

void keel__pem_fini(struct keel__pem *pem)
{
	keel__secret_fini(&pem->text);
	free(pem->name);
	*pem = (struct keel__pem){.name = NULL};
}

int keel__pem_set(struct keel__pem *pem, const void *text, size_t len,
		  const char *name)
{
	struct keel__pem next = {.name = strdup(name)};

	if (!next.name || keel__secret_set(&next.text, text, len) < 0) {
		keel__pem_fini(&next);
		return -ENOMEM;
	}
	keel__pem_fini(pem);
	*pem = next;
	return 0;
}

/* What to do about it; the system's words say what it is. */
static const struct {
	int err;
	const char *remedy;
} remedies[] = {
	{-ENOENT, "check the path"},
	{-ENOTDIR, "check the path"},
	{-EACCES, "let this user read it"},
	{-EPERM, "let this user read it"},
	{-EISDIR, "name a file, not a directory"},
	{-EFBIG, "a PEM file is at most 1 MiB"},
	{-ELOOP, "its links lead in a circle"},
	{-EMFILE, "raise the limit of open files (ulimit -n)"},
	{-ENODATA, "it must hold PEM text"},
};

static const char *remedy_of(int err)
{
	for (size_t i = 0; i < KEEL__ARRAY_LEN(remedies); i++) {
		if (remedies[i].err == err)
			return remedies[i].remedy;
	}
	return "check the file";
}

static int refuse(struct keel_diag *diag, int err, const char *what,
		  const char *path)
{
	char text[64];
	const char *words = err == -ENODATA
				    ? "it is empty"
				    : strerror_r(-err, text, sizeof(text));

	/* An empty file is a bad argument; -ENODATA is for the table only. */
	return keel__diag_set(diag, err == -ENODATA ? -EINVAL : err,
			      err == -ENODATA ? KEEL_ERR_USAGE : KEEL_ERR_SYS,
			      0, "reading a file",
			      "cannot read %s file \"%.100s\": %s; %s", what,
			      path, words, remedy_of(err));
}

/* Append until the end. The block is cleared when it is outgrown. */
static int read_all(int fd, struct keel_secret *text)
{
	struct keel_secret next = {.len = 0};
	size_t len = 0;
	ssize_t n;

	for (;;) {
		if (text->len - len < CHUNK_LEN) {
			next.len = text->len * 2 + CHUNK_LEN;
			next.data = malloc(next.len);
			if (!next.data)
				return -ENOMEM;
			if (len)
				memcpy(next.data, text->data, len);
			keel__secret_take(text, next.data, next.len);
		}
		n = read(fd, text->data + len, CHUNK_LEN);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		len += (size_t)n;
		if (len > MAX_FILE_LEN)
			return -EFBIG;
	}
	text->len = len;
	return len ? 0 : -ENODATA;
}

static int read_file(struct keel__pem *pem, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int r;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0) {
		r = -errno;
	} else {
		pem->is_exposed =
			S_ISREG(st.st_mode) && st.st_mode & (S_IRGRP | S_IROTH);
		r = read_all(fd, &pem->text);
	}
	close(fd);
	return r;
}

int keel__pem_read(struct keel__pem *pem, const char *path, const char *what,
		   struct keel_diag *diag)
{
	struct keel__pem next = {.name = strdup(path)};
	int r = next.name ? read_file(&next, path) : -ENOMEM;

	if (r < 0) {
		keel__pem_fini(&next);
		return refuse(diag, r, what, path);
	}
	keel__pem_fini(pem);
	*pem = next;
	return 0;
}
