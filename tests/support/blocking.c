/* SPDX-License-Identifier: MIT */
/* A driver for one connection on one socket, over poll(2). */
#include "tests/support/blocking.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Reads and writes wait for poll(2); the rest is done at once. */
static int start(struct blocking *b, const struct keel_op *op)
{
	int r = 0;

	switch (op->type) {
	case KEEL_OP_SEND:
		b->send = *op;
		b->ops |= 1u << KEEL_OP_SEND;
		break;
	case KEEL_OP_RECV:
		b->ops |= 1u << KEEL_OP_RECV;
		break;
	case KEEL_OP_SHUTDOWN:
		r = shutdown(b->fd, SHUT_WR) < 0 ? -errno : 0;
		r = keel_conn_op_done(b->conn, KEEL_OP_SHUTDOWN, r);
		break;
	case KEEL_OP_CLOSE:
		close(b->fd);
		b->fd = -1;
		break;
	}
	return r;
}

static int do_send(struct blocking *b)
{
	ssize_t n = send(b->fd, b->send.data, b->send.len,
			 MSG_NOSIGNAL | MSG_DONTWAIT);

	b->ops &= ~(1u << KEEL_OP_SEND);
	return keel_conn_op_done(b->conn, KEEL_OP_SEND, n < 0 ? -errno : n);
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

static int do_recv(struct blocking *b)
{
	char buf[16384];
	ssize_t n = recv(b->fd, buf, sizeof(buf), MSG_DONTWAIT);
	int r;

	b->ops &= ~(1u << KEEL_OP_RECV);
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
	if (b->ops & 1u << KEEL_OP_RECV)
		pfd.events |= POLLIN;
	if (b->ops & 1u << KEEL_OP_SEND)
		pfd.events |= POLLOUT;
	r = poll(&pfd, 1, timeout_ms);
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
