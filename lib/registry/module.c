/* SPDX-License-Identifier: MIT */
/* Loading a module and giving it back. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dlinfo(3), RTLD_NOLOAD */
#endif
#include "lib/registry/module-private.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * What the loader knows of a module is read and freed under this lock. It has a
 * lock of its own, but ThreadSanitizer does not see that one.
 */
static pthread_mutex_t loader_lock = PTHREAD_MUTEX_INITIALIZER;

/* "/proc/self/fd", two bytes for each bit of a number, a descriptor. */
#define FD_PATH_LEN 96

int keel__refuse(struct keel__refusal *ret_why, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(ret_why->text, sizeof(ret_why->text), fmt, ap);
	va_end(ap);
	ret_why->err = err;
	return err;
}

/*
 * A name that leads to the descriptor and that was never used before.
 *
 * The loader takes a library that it already has under the same *name*, without
 * a look at the file: the plain /proc/self/fd/N of a module that is loaded would
 * stand for every later one that is opened as N. So a number is written into
 * the name as a row of "/" and "/.", which mean nothing in a path. The file's
 * own name would not do: what it leads to may have changed since the judgement.
 */
static void fd_path(char buf[FD_PATH_LEN], int fd)
{
	static atomic_uint nr_names;
	unsigned int nr = 1 + atomic_fetch_add_explicit(&nr_names, 1,
							memory_order_relaxed);
	char *end = stpcpy(buf, "/proc/self/fd");

	for (; nr; nr >>= 1)
		end = stpcpy(end, nr & 1 ? "/." : "/");
	snprintf(end, FD_PATH_LEN - (size_t)(end - buf), "/%d", fd);
}

/* What the loader says, without the name we made up. */
static int refuse_load(const char *name, struct keel__refusal *ret_why)
{
	const char *text = dlerror();
	size_t len = strlen(name);

	if (text && !strncmp(text, name, len) && !strncmp(text + len, ": ", 2))
		text += len + 2;
	return keel__refuse(ret_why, -ELIBACC, "%s",
			    text ? text : "the loader does not say why");
}

/*
 * The libraries under a module stay when it goes. GnuTLS's p11-kit, to name
 * one, has keys of threads whose destructors would be called in code that is
 * not there any more, and most of them handlers of exit(3) and fork(2); none of
 * them is made to come and go. What is pinned is what the module names itself;
 * that keeps what those need.
 */
static void pin_libraries(void *handle)
{
	const char *names = NULL;
	struct link_map *map;
	void *lib;

	if (dlinfo(handle, RTLD_DI_LINKMAP, &map) < 0)
		return;
	for (const ElfW(Dyn) *d = map->l_ld; d->d_tag != DT_NULL; d++) {
		/* The loader has made an address of it, but not everywhere. */
		if (d->d_tag == DT_STRTAB)
			names = (const char *)(d->d_un.d_ptr < map->l_addr
						       ? map->l_addr +
								 d->d_un.d_ptr
						       : d->d_un.d_ptr);
	}
	for (const ElfW(Dyn) *d = map->l_ld; names && d->d_tag != DT_NULL;
	     d++) {
		if (d->d_tag != DT_NEEDED)
			continue;
		lib = dlopen(names + d->d_un.d_val,
			     RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
		if (lib)
			dlclose(lib);
	}
}

static int load(int fd, struct keel__module *ret_module,
		struct keel__refusal *ret_why)
{
	const struct keel_backend *const *row;
	char name[FD_PATH_LEN];
	void *handle;

	fd_path(name, fd);
	/* Now: what is missing is to be a reason, not the end of the process */
	handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		return refuse_load(name, ret_why);
	pin_libraries(handle);
	row = dlsym(handle, KEEL_BACKEND_SYMBOL);
	if (!row || !*row) {
		dlclose(handle);
		return keel__refuse(ret_why, -ENOEXEC,
				    "not a backend of keel: it has no symbol "
				    "%s",
				    KEEL_BACKEND_SYMBOL);
	}
	*ret_module = (struct keel__module){.handle = handle, .be = *row};
	return 0;
}

int keel__module_load(const char *path, struct keel__module *ret_module,
		      struct keel__refusal *ret_why)
{
	int fd = keel__file_open(path, ret_why);
	int err;

	if (fd < 0)
		return fd;
	err = keel__elf_judge(fd, ret_why);
	if (!err) {
		pthread_mutex_lock(&loader_lock);
		err = load(fd, ret_module, ret_why);
		pthread_mutex_unlock(&loader_lock);
	}
	close(fd);
	return err;
}

void keel__module_unload(struct keel__module *module)
{
	if (module->handle) {
		pthread_mutex_lock(&loader_lock);
		dlclose(module->handle);
		pthread_mutex_unlock(&loader_lock);
	}
	*module = (struct keel__module){0};
}
