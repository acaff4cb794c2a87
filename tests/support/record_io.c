/* SPDX-License-Identifier: MIT */
/* Records on a socket whose records the kernel protects. */
#include "tests/support/record_io.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "ktls/uapi-private.h"

/* Room for one control message of one byte. */
union control {
	struct cmsghdr head;
	uint8_t bytes[CMSG_SPACE(1)];
};

ssize_t record_io_send(int fd, uint8_t type, const void *data, size_t len,
		       int flags)
{
	union control control = {.bytes = {0}};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data,
			    .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	ssize_t n;

	control.head = (struct cmsghdr){.cmsg_level = SOL_TLS,
					.cmsg_type = TLS_SET_RECORD_TYPE,
					.cmsg_len = CMSG_LEN(1)};
	*CMSG_DATA(&control.head) = type;
	n = sendmsg(fd, &msg, MSG_NOSIGNAL | flags);
	return n < 0 ? -errno : n;
}

ssize_t record_io_recv(int fd, void *buf, size_t len, int flags,
		       uint8_t *ret_type)
{
	union control control = {.bytes = {0}};
	struct iovec iov = {.iov_base = buf, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &msg, flags);

	if (n < 0)
		return -errno;
	*ret_type = msg.msg_controllen ? *CMSG_DATA(&control.head) : 0;
	return n;
}

int record_io_option(int fd, const struct keel_op *op)
{
	socklen_t len = (socklen_t)op->len;
	int r;

	if (op->type == KEEL_OP_SETSOCKOPT)
		r = setsockopt(fd, op->level, op->name, op->data, len);
	else
		r = getsockopt(fd, op->level, op->name, op->buf, &len);
	return r < 0 ? -errno : 0;
}

int record_io_shutdown(int fd, int timeout_ms)
{
	struct pollfd pfd = {.fd = fd, .events = POLLOUT};

	if (poll(&pfd, 1, timeout_ms) < 0)
		return -errno;
	return shutdown(fd, SHUT_WR) < 0 ? -errno : 0;
}
