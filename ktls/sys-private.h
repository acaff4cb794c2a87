/* SPDX-License-Identifier: MIT */
/* The system calls of this folder, in a table, so that each can fail. */
#ifndef KEEL_KTLS_SYS_PRIVATE_H
#define KEEL_KTLS_SYS_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * struct keel__ktls_sys - what is asked of the kernel
 * @arg:     passed to each
 * @pair:    two ends of a connected TCP socket pair; nobody else is on it
 * @close:   close(2)
 * @set:     setsockopt(2)
 * @set_bare: the same, as a process without CAP_NET_ADMIN would do it
 * @send:    send(2) without waiting; bytes, or a negative errno
 * @is_in:   does poll(2) say POLLIN; 1, 0 or a negative errno
 * @nr_in:   bytes that have come and were not read (SIOCINQ)
 *
 * Each returns 0, or a negative errno, if nothing else is said.
 */
struct keel__ktls_sys {
	void *arg;
	int (*pair)(void *arg, int ret_fds[2]);
	void (*close)(void *arg, int fd);
	int (*set)(void *arg, int fd, int level, int name, const void *value,
		   size_t len);
	int (*set_bare)(void *arg, int fd, int level, int name,
			const void *value, size_t len);
	ssize_t (*send)(void *arg, int fd, const void *data, size_t len,
			int flags);
	int (*is_in)(void *arg, int fd);
	int (*nr_in)(void *arg, int fd);
};

/* The real ones. */
extern const struct keel__ktls_sys keel__ktls_kernel;

#endif
