/* SPDX-License-Identifier: MIT */
/* Records on a socket whose records the kernel protects. */
#ifndef TESTS_SUPPORT_RECORD_IO_H
#define TESTS_SUPPORT_RECORD_IO_H

#include <keel/conn.h>

/* One record of content type @type; bytes taken, or a negative errno. */
ssize_t record_io_send(int fd, uint8_t type, const void *data, size_t len,
		       int flags);

/*
 * What the kernel has opened, and its type. Bytes, which may be 0 for an empty
 * record; @ret_type is 0 at the end of the stream. A negative errno.
 */
ssize_t record_io_recv(int fd, void *buf, size_t len, int flags,
		       uint8_t *ret_type);

/* KEEL_OP_SETSOCKOPT and KEEL_OP_GETSOCKOPT: 0 or a negative errno. */
int record_io_option(int fd, const struct keel_op *op);

/* Shut down for sending once all that the kernel has begun can go out. */
int record_io_shutdown(int fd, int timeout_ms);

#endif
