/* SPDX-License-Identifier: MIT */
/* keel probe: one connection driven on its socket, one thing after the other. */
#include <errno.h>
#include <linux/tls.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include "tools/probe-connect-private.h"

/* include/linux/socket.h; older C libraries do not have it. */
#ifndef SOL_TLS
#define SOL_TLS 282
#endif

/* Room for one control message of one byte. */
union control {
	struct cmsghdr head;
	uint8_t bytes[CMSG_SPACE(1)];
};

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* 0 once the socket is ready, or -ETIMEDOUT. */
static int wait_for(const struct keel__drive *drive, short events)
{
	struct pollfd pfd = {.fd = drive->fd, .events = events};
	long long left;
	int r;

	do {
		left = drive->deadline_ms - now_ms();
		r = poll(&pfd, 1, left > 0 ? (int)left : 0);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return r ? 0 : -ETIMEDOUT;
}

static ssize_t send_record(int fd, const struct keel_op *op)
{
	union control control = {.bytes = {0}};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)op->data,
			    .iov_len = op->len};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};

	control.head = (struct cmsghdr){.cmsg_level = SOL_TLS,
					.cmsg_type = TLS_SET_RECORD_TYPE,
					.cmsg_len = CMSG_LEN(1)};
	*CMSG_DATA(&control.head) = op->record_type;
	return sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* What is sent is sent before anything else is asked for, so in order. */
static ssize_t do_send(const struct keel__drive *drive,
		       const struct keel_op *op)
{
	int err = wait_for(drive, POLLOUT);
	ssize_t n;

	if (err)
		return err;
	n = op->type == KEEL_OP_SEND_RECORD ? send_record(drive->fd, op)
					    : send(drive->fd, op->data, op->len,
						   MSG_NOSIGNAL | MSG_DONTWAIT);
	return n < 0 ? -errno : n;
}

static int do_option(int fd, const struct keel_op *op)
{
	socklen_t len = (socklen_t)op->len;
	int r;

	if (op->type == KEEL_OP_SETSOCKOPT)
		r = setsockopt(fd, op->level, op->name, op->data, len);
	else
		r = getsockopt(fd, op->level, op->name, op->buf, &len);
	return r < 0 ? -errno : 0;
}

static int do_shutdown(const struct keel__drive *drive)
{
	int err = wait_for(drive, POLLOUT);

	if (!err && shutdown(drive->fd, SHUT_WR))
		err = -errno;
	return err;
}

/* Receiving waits; all else is done at once. */
static int do_op(struct keel__drive *drive, const struct keel_op *op)
{
	ssize_t r = 0;

	switch (op->type) {
	case KEEL_OP_RECV:
	case KEEL_OP_RECV_RECORD:
		drive->recv = *op;
		drive->wants_recv = true;
		return 0;
	case KEEL_OP_RECV_STOP:
		drive->wants_recv = false;
		break;
	case KEEL_OP_SEND:
	case KEEL_OP_SEND_RECORD:
		r = do_send(drive, op);
		break;
	case KEEL_OP_SETSOCKOPT:
	case KEEL_OP_GETSOCKOPT:
		r = do_option(drive->fd, op);
		break;
	case KEEL_OP_SHUTDOWN:
		r = do_shutdown(drive);
		break;
	case KEEL_OP_CLOSE:
		drive->is_over = true;
		return 0;
	}
	return keel_conn_op_done(drive->conn, op->type, r);
}

static int take_events(struct keel__drive *drive)
{
	struct keel_event event;
	int r;

	while ((r = keel_conn_next_event(drive->conn, &event)) == 1)
		drive->events |= 1U << event.type;
	return r;
}

/* Record by record, with its type, where the kernel opens them. */
static int do_recv(struct keel__drive *drive)
{
	union control control = {.bytes = {0}};
	char buf[16384];
	struct iovec iov = {.iov_base = buf, .iov_len = sizeof(buf)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	const enum keel_op_type type = drive->recv.type;
	ssize_t n;
	int r;

	if (drive->recv.len && drive->recv.len < sizeof(buf))
		iov.iov_len = drive->recv.len;
	if (type == KEEL_OP_RECV_RECORD) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	drive->wants_recv = false;
	n = recvmsg(drive->fd, &msg, MSG_DONTWAIT);
	if (n >= 0 && msg.msg_controllen)
		r = keel_conn_input_record(
			drive->conn, *CMSG_DATA(&control.head), buf, (size_t)n);
	else if (n > 0)
		r = keel_conn_input(drive->conn, buf, (size_t)n);
	else
		r = keel_conn_op_done(drive->conn, type, n < 0 ? -errno : 0);
	/* The bytes lie in buf until there is no more event. */
	return r < 0 ? r : take_events(drive);
}

int keel__drive(struct keel__drive *drive, unsigned int events, int limit_ms)
{
	struct keel_op op;
	int r = take_events(drive);

	drive->deadline_ms = now_ms() + limit_ms;
	while (r >= 0 && !drive->is_over && !(drive->events & events)) {
		r = keel_conn_next_op(drive->conn, &op);
		if (r == 1) {
			r = do_op(drive, &op);
		} else if (r == 0) {
			if (!drive->wants_recv)
				break;
			r = wait_for(drive, POLLIN);
			if (!r)
				r = do_recv(drive);
		}
		if (r >= 0)
			r = take_events(drive);
	}
	return r;
}
