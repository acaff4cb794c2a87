/* SPDX-License-Identifier: MIT */
/* Connections on an application's own ring, on direct descriptors. */
#include "tests/uring/direct.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/tls.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/slower.h"

#ifndef SOL_TLS
#define SOL_TLS 282
#endif

/* enum io_uring_socket_op, for which liburing 2.3 has no names. */
#define CMD_GETSOCKOPT 2
#define CMD_SETSOCKOPT 3

/* Whose request it is stands in user_data, beside its type; 0: nobody's. */
#define TYPE_MASK 15

_Static_assert(_Alignof(struct direct) >= 8 && KEEL_OP_SEND_RECORD < 16,
	       "a type has no room beside an address");

static struct io_uring_sqe *get_sqe(struct io_uring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	ATF_REQUIRE(sqe != NULL);
	return sqe;
}

static uint64_t user_data(const struct direct *d, enum keel_op_type type)
{
	return (uint64_t)(uintptr_t)d << 4 | type;
}

/* The ring has it now. */
static void owned(struct direct *d, struct io_uring_sqe *sqe,
		  enum keel_op_type type)
{
	sqe->flags |= IOSQE_FIXED_FILE;
	sqe->user_data = user_data(d, type);
	d->ops |= 1u << type;
}

/* What comes next waits until there is room to send. */
static void prep_room(struct direct *d)
{
	struct io_uring_sqe *sqe = get_sqe(d->ring);

	io_uring_prep_poll_add(sqe, d->slot, POLLOUT);
	sqe->flags |= IOSQE_FIXED_FILE | IOSQE_IO_LINK;
	sqe->user_data = 0;
}

static void start_recv(struct direct *d, const struct keel_op *op)
{
	struct io_uring_sqe *sqe = get_sqe(d->ring);
	size_t len =
		op->len && op->len < sizeof(d->in) ? op->len : sizeof(d->in);

	io_uring_prep_recv(sqe, d->slot, d->in, len, 0);
	owned(d, sqe, op->type);
}

static void start_send(struct direct *d, const struct keel_op *op)
{
	struct io_uring_sqe *sqe = get_sqe(d->ring);

	io_uring_prep_send(sqe, d->slot, op->data, op->len, MSG_NOSIGNAL);
	owned(d, sqe, op->type);
}

static void start_shutdown(struct direct *d, const struct keel_op *op)
{
	struct io_uring_sqe *sqe;

	prep_room(d);
	sqe = get_sqe(d->ring);
	io_uring_prep_shutdown(sqe, d->slot, SHUT_WR);
	owned(d, sqe, op->type);
}

static void cancel_recv(struct direct *d)
{
	const enum keel_op_type types[] = {KEEL_OP_RECV, KEEL_OP_RECV_RECORD};

	for (size_t i = 0; i < 2; i++) {
		struct io_uring_sqe *sqe;

		if (!(d->ops & 1u << types[i]))
			continue;
		sqe = get_sqe(d->ring);
		io_uring_prep_cancel64(sqe, user_data(d, types[i]), 0);
		sqe->user_data = 0;
	}
}

/* A socket with a request under way stays open. */
static void start_close(struct direct *d, const struct keel_op *op)
{
	struct io_uring_sqe *sqe;

	cancel_recv(d);
	sqe = get_sqe(d->ring);
	io_uring_prep_close_direct(sqe, (unsigned int)d->slot);
	sqe->user_data = user_data(d, op->type);
	d->ops |= 1u << op->type;
}

/*
 * Level and name share the place of addr, the length that of file_index, the
 * value that of addr3: include/uapi/linux/io_uring.h of Linux 6.7 and later.
 */
static void start_option(struct direct *d, const struct keel_op *op)
{
	const uint32_t option[] = {(uint32_t)op->level, (uint32_t)op->name};
	bool is_set = op->type == KEEL_OP_SETSOCKOPT;
	struct io_uring_sqe *sqe;

	/* The kernel reads the options of SOL_SOCKET only this way. */
	if (!is_set && op->level != SOL_SOCKET) {
		REQUIRE_INT("option", 0,
			    keel_conn_op_done(d->conn, op->type, -EOPNOTSUPP));
		return;
	}
	sqe = get_sqe(d->ring);
	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, d->slot, NULL, 0, 0);
	memcpy(&sqe->addr, option, sizeof(option));
	sqe->cmd_op = is_set ? CMD_SETSOCKOPT : CMD_GETSOCKOPT;
	sqe->file_index = (uint32_t)op->len;
	sqe->addr3 = is_set ? (uintptr_t)op->data : (uintptr_t)op->buf;
	owned(d, sqe, op->type);
}

/* Once nothing reads any more, what it brought has been told. */
static void recv_stopped(struct direct *d)
{
	if (!d->is_stopping || d->ops & 1u << KEEL_OP_RECV)
		return;
	d->is_stopping = false;
	REQUIRE_INT("stop", 0,
		    keel_conn_op_done(d->conn, KEEL_OP_RECV_STOP, 0));
}

static void start_recv_stop(struct direct *d, const struct keel_op *op)
{
	(void)op;
	d->is_stopping = true;
	cancel_recv(d);
	recv_stopped(d);
}

static void set_msg(struct direct_msg *m, const void *data, size_t len)
{
	memset(m->control, 0, sizeof(m->control));
	m->iov = (struct iovec){.iov_base = (void *)(uintptr_t)data,
				.iov_len = len};
	m->msg = (struct msghdr){.msg_iov = &m->iov,
				 .msg_iovlen = 1,
				 .msg_control = m->control,
				 .msg_controllen = sizeof(m->control)};
}

static void start_recv_record(struct direct *d, const struct keel_op *op)
{
	struct io_uring_sqe *sqe = get_sqe(d->ring);

	set_msg(&d->recv, d->in, sizeof(d->in));
	io_uring_prep_recvmsg(sqe, d->slot, &d->recv.msg, 0);
	owned(d, sqe, op->type);
}

static void start_send_record(struct direct *d, const struct keel_op *op)
{
	struct cmsghdr *head = (void *)d->send.control;
	struct io_uring_sqe *sqe;

	set_msg(&d->send, op->data, op->len);
	*head = (struct cmsghdr){.cmsg_level = SOL_TLS,
				 .cmsg_type = TLS_SET_RECORD_TYPE,
				 .cmsg_len = CMSG_LEN(1)};
	*CMSG_DATA(head) = op->record_type;
	prep_room(d);
	sqe = get_sqe(d->ring);
	io_uring_prep_sendmsg(sqe, d->slot, &d->send.msg, MSG_NOSIGNAL);
	owned(d, sqe, op->type);
}

static void (*const starts[])(struct direct *d, const struct keel_op *op) = {
	[KEEL_OP_RECV] = start_recv,
	[KEEL_OP_SEND] = start_send,
	[KEEL_OP_SHUTDOWN] = start_shutdown,
	[KEEL_OP_CLOSE] = start_close,
	[KEEL_OP_SETSOCKOPT] = start_option,
	[KEEL_OP_GETSOCKOPT] = start_option,
	[KEEL_OP_RECV_STOP] = start_recv_stop,
	[KEEL_OP_RECV_RECORD] = start_recv_record,
	[KEEL_OP_SEND_RECORD] = start_send_record,
};

static void take_events(struct direct *d)
{
	struct keel_event event;
	int r;

	while ((r = keel_conn_next_event(d->conn, &event)) == 1)
		d->on_event(&event, d->arg);
	REQUIRE_INT("event", 0, r);
}

void direct_drive(struct direct *d)
{
	struct keel_op op;
	int r;

	take_events(d);
	while ((r = keel_conn_next_op(d->conn, &op)) == 1) {
		starts[op.type](d, &op);
		/* Some are answered at once, which may be an event. */
		take_events(d);
	}
	REQUIRE_INT("operation", 0, r);
}

static const uint8_t *record_type(struct direct_msg *m)
{
	return CMSG_DATA((struct cmsghdr *)(void *)m->control);
}

/* A receive that was taken back has no answer. */
static void done(struct direct *d, enum keel_op_type type, int res)
{
	int r;

	d->ops &= ~(1u << type);
	d->nr_set += type == KEEL_OP_SETSOCKOPT && !res;
	if (type == KEEL_OP_RECV && res > 0)
		r = keel_conn_input(d->conn, d->in, (size_t)res);
	else if (type == KEEL_OP_RECV_RECORD && res >= 0 &&
		 d->recv.msg.msg_controllen)
		r = keel_conn_input_record(d->conn, *record_type(&d->recv),
					   d->in, (size_t)res);
	else if (res == -ECANCELED && (d->is_stopping || d->is_closed))
		r = 0;
	else if (type == KEEL_OP_GETSOCKOPT && res > 0)
		r = keel_conn_op_done(d->conn, type, 0);
	else
		r = keel_conn_op_done(d->conn, type, res);
	REQUIRE_INT("answer", 0, r);
	d->is_closed = d->is_closed || type == KEEL_OP_CLOSE;
	recv_stopped(d);
}

void direct_wait(struct io_uring *ring)
{
	struct __kernel_timespec limit = {.tv_sec = 20LL * slower()};
	struct io_uring_cqe *cqe = NULL;
	struct direct *d;
	uint64_t data;
	int res;

	res = io_uring_submit_and_wait_timeout(ring, &cqe, 1, &limit, NULL);
	ATF_REQUIRE_MSG(res >= 0 && cqe, "nothing happens: %d", res);
	data = cqe->user_data;
	res = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	if (!data)
		return;
	d = (struct direct *)(uintptr_t)(data >> 4);
	done(d, (enum keel_op_type)(data & TYPE_MASK), res);
	direct_drive(d);
}

static int open_listener(struct sockaddr_in *ret_addr)
{
	socklen_t len = sizeof(*ret_addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ATF_REQUIRE(fd >= 0);
	*ret_addr = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	ATF_REQUIRE_EQ(0, bind(fd, (struct sockaddr *)ret_addr, len));
	ATF_REQUIRE_EQ(0, listen(fd, 1));
	ATF_REQUIRE_EQ(0, getsockname(fd, (struct sockaddr *)ret_addr, &len));
	return fd;
}

static void wait_good(struct io_uring *ring, unsigned int nr)
{
	struct io_uring_cqe *cqe;

	ATF_REQUIRE_EQ((int)nr, io_uring_submit(ring));
	while (nr--) {
		ATF_REQUIRE_EQ(0, io_uring_wait_cqe(ring, &cqe));
		REQUIRE_INT("connecting", 0, cqe->res);
		io_uring_cqe_seen(ring, cqe);
	}
}

void direct_connect(struct io_uring *ring, const int slots[2])
{
	struct sockaddr_in addr;
	int listener = open_listener(&addr);
	struct io_uring_sqe *sqe = get_sqe(ring);

	io_uring_prep_socket_direct(sqe, AF_INET, SOCK_STREAM, 0,
				    (unsigned int)slots[1], 0);
	wait_good(ring, 1);
	sqe = get_sqe(ring);
	io_uring_prep_connect(sqe, slots[1], (struct sockaddr *)&addr,
			      sizeof(addr));
	sqe->flags |= IOSQE_FIXED_FILE;
	sqe = get_sqe(ring);
	io_uring_prep_accept_direct(sqe, listener, NULL, NULL, 0,
				    (unsigned int)slots[0]);
	wait_good(ring, 2);
	close(listener);
}
