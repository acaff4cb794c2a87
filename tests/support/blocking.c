/* SPDX-License-Identifier: MIT */
/* A driver for one connection on one socket, over poll(2). */
#include "tests/support/blocking.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/record_io.h"
#include "tests/support/slower.h"

#define RECVS (1u << KEEL_OP_RECV | 1u << KEEL_OP_RECV_RECORD)
#define SENDS (1u << KEEL_OP_SEND | 1u << KEEL_OP_SEND_RECORD)

/* Reads and writes wait for poll(2); the rest is done at once. */
static int start(struct blocking *b, const struct keel_op *op)
{
	int r = 0;

	switch (op->type) {
	case KEEL_OP_SEND:
	case KEEL_OP_SEND_RECORD:
		b->send = *op;
		b->ops |= 1u << op->type;
		return 0;
	case KEEL_OP_RECV:
	case KEEL_OP_RECV_RECORD:
		b->recv_len = op->len;
		b->ops |= 1u << op->type;
		return 0;
	case KEEL_OP_RECV_STOP:
		b->ops &= ~(1u << KEEL_OP_RECV);
		break;
	case KEEL_OP_SETSOCKOPT:
	case KEEL_OP_GETSOCKOPT:
		r = record_io_option(b->fd, op);
		break;
	case KEEL_OP_SHUTDOWN:
		r = record_io_shutdown(b->fd, BLOCKING_SHUTDOWN_MS);
		break;
	case KEEL_OP_CLOSE:
		close(b->fd);
		b->fd = -1;
		return 0;
	}
	return keel_conn_op_done(b->conn, op->type, r);
}

static int do_send(struct blocking *b)
{
	ssize_t n;

	if (b->send.type == KEEL_OP_SEND_RECORD) {
		n = record_io_send(b->fd, b->send.record_type, b->send.data,
				   b->send.len, MSG_DONTWAIT);
	} else {
		n = send(b->fd, b->send.data, b->send.len,
			 MSG_NOSIGNAL | MSG_DONTWAIT);
		n = n < 0 ? -errno : n;
	}
	b->ops &= ~SENDS;
	return keel_conn_op_done(b->conn, b->send.type, n);
}

static int take_events(struct blocking *b)
{
	struct keel_event event;
	int r;

	while ((r = keel_conn_next_event(b->conn, &event)) == 1) {
		b->events |= 1u << event.type;
		if (b->on_event)
			b->on_event(&event, b->arg);
	}
	return r;
}

/* What the kernel opened has a type; without one it is the end, or an error. */
static int recv_record(struct blocking *b, char *buf, size_t len)
{
	uint8_t type = 0;
	ssize_t n = record_io_recv(b->fd, buf, len, MSG_DONTWAIT, &type);

	if (n >= 0 && type)
		return keel_conn_input_record(b->conn, type, buf, (size_t)n);
	return keel_conn_op_done(b->conn, KEEL_OP_RECV_RECORD, n);
}

static int do_recv(struct blocking *b)
{
	char buf[16384];
	size_t len = b->recv_len && b->recv_len < sizeof(buf) ? b->recv_len
							      : sizeof(buf);
	bool is_record = b->ops & 1u << KEEL_OP_RECV_RECORD;
	ssize_t n;
	int r;

	b->ops &= ~RECVS;
	if (is_record) {
		r = recv_record(b, buf, len);
		return r < 0 ? r : take_events(b);
	}
	n = recv(b->fd, buf, len, MSG_DONTWAIT);
	if (n > 0)
		r = keel_conn_input(b->conn, buf, (size_t)n);
	else
		r = keel_conn_op_done(b->conn, KEEL_OP_RECV,
				      n < 0 ? -errno : 0);
	return r < 0 ? r : take_events(b);
}

/* One round: start what is wanted, wait, do what can be done. */
static int turn(struct blocking *b, int timeout_ms)
{
	struct pollfd pfd = {.fd = b->fd};
	struct keel_op op;
	int r;

	while ((r = keel_conn_next_op(b->conn, &op)) == 1) {
		r = start(b, &op);
		if (r < 0 || b->fd < 0)
			return r < 0 ? r : take_events(b);
	}
	if (r < 0)
		return r;
	if (b->ops & RECVS)
		pfd.events |= POLLIN;
	if (b->ops & SENDS)
		pfd.events |= POLLOUT;
	r = poll(&pfd, 1, timeout_ms * slower());
	if (r <= 0)
		return r < 0 ? -errno : -ETIMEDOUT;
	if (pfd.events & POLLOUT && pfd.revents)
		r = do_send(b);
	if (r >= 0 && pfd.events & POLLIN && pfd.revents & ~POLLOUT)
		r = do_recv(b);
	return r < 0 ? r : take_events(b);
}

int blocking_run(struct blocking *b, unsigned int events, int timeout_ms)
{
	int r = take_events(b);

	while (r >= 0 && b->fd >= 0 && !(b->events & events))
		r = turn(b, timeout_ms);
	return r;
}

int blocking_send(struct blocking *b, const void *data, size_t len,
		  int timeout_ms)
{
	const char *from = data;
	ssize_t n;
	int r = 0;

	while (len && r >= 0) {
		n = keel_conn_send(b->conn, from, len);
		if (n < 0)
			return (int)n;
		from += n;
		len -= (size_t)n;
		r = b->fd < 0 ? -EPIPE : turn(b, timeout_ms);
	}
	return r;
}
