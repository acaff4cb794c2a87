/* SPDX-License-Identifier: MIT */
/* What is asked of the ring: how each operation is prepared and answered. */
#include "uring/uring-private.h"

#include <poll.h>
#include <unistd.h>

static void prep_wake(struct io_uring_sqe *sqe, void *owner)
{
	struct keel_loop *loop = owner;

	io_uring_prep_read(sqe, loop->wake_fd, &loop->wake_value,
			   sizeof(loop->wake_value), 0);
}

/* The address waits in the send buffer, which nobody else uses yet. */
static void prep_connect(struct io_uring_sqe *sqe, void *owner)
{
	struct keel_stream *stream = owner;
	const struct sockaddr *addr = (const void *)stream->tx->data;

	io_uring_prep_connect(sqe, stream->fd, addr, stream->tx->tail);
}

static void prep_recv(struct io_uring_sqe *sqe, void *owner)
{
	struct keel_stream *stream = owner;

	if (stream->rx_kernel)
		keel__stream_prep_records(sqe, stream);
	else if (stream->recv_len)
		io_uring_prep_recv(sqe, stream->fd, NULL, stream->recv_len, 0);
	else
		io_uring_prep_recv_multishot(sqe, stream->fd, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = KEEL__RX_GROUP;
}

/*
 * No MSG_WAITALL: a short count is news of progress, and a socket with its keys
 * in the kernel refuses the flag.
 */
static void prep_send(struct io_uring_sqe *sqe, void *owner)
{
	struct keel_stream *stream = owner;
	struct keel__txbuf *tx = stream->tx;

	io_uring_prep_send(sqe, stream->fd, tx->data + tx->head,
			   tx->tail - tx->head, MSG_NOSIGNAL);
}

static void prep_poll(struct io_uring_sqe *sqe, void *owner)
{
	struct keel_stream *stream = owner;

	io_uring_prep_poll_add(sqe, stream->fd, POLLOUT);
}

static const struct {
	void (*prep)(struct io_uring_sqe *sqe, void *owner);
	void (*done)(struct keel_loop *loop, void *owner,
		     const struct io_uring_cqe *cqe);
} ops[] = {
	[KEEL__OP_QUIET] = {.prep = NULL, .done = NULL},
	[KEEL__OP_WAKE] = {.prep = prep_wake, .done = keel__loop_wake_done},
	[KEEL__OP_ACCEPT] = {.prep = keel__listener_prep,
			     .done = keel__listener_accept_done},
	[KEEL__OP_CONNECT] = {.prep = prep_connect,
			      .done = keel__stream_connect_done},
	[KEEL__OP_RECV] = {.prep = prep_recv, .done = keel__stream_recv_done},
	[KEEL__OP_SEND] = {.prep = prep_send, .done = keel__stream_send_done},
	[KEEL__OP_POLL] = {.prep = prep_poll, .done = keel__stream_poll_done},
	[KEEL__OP_READ] = {.prep = keel__file_prep,
			   .done = keel__file_read_done},
};

_Static_assert(KEEL__ARRAY_LEN(ops) == KEEL__NR_OPS,
	       "an operation without a row");

static uint64_t user_data(enum keel__op op, const void *owner)
{
	return (uint64_t)(uintptr_t)owner | op;
}

/* A free entry; a full queue is handed to the kernel first. */
static struct io_uring_sqe *get_sqe(struct keel_loop *loop)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&loop->ring);

	if (sqe)
		return sqe;
	/* An error shows as a queue that is still full. */
	io_uring_submit(&loop->ring);
	return io_uring_get_sqe(&loop->ring);
}

int keel__op_start(struct keel_loop *loop, enum keel__op op, void *owner)
{
	struct io_uring_sqe *sqe = get_sqe(loop);

	if (!sqe)
		return -EBUSY;
	ops[op].prep(sqe, owner);
	sqe->user_data = user_data(op, owner);
	loop->nr_ops++;
	return 0;
}

int keel__op_cancel(struct keel_loop *loop, enum keel__op op, void *owner)
{
	struct io_uring_sqe *sqe = get_sqe(loop);

	if (!sqe)
		return -EBUSY;
	io_uring_prep_cancel64(sqe, user_data(op, owner), 0);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	sqe->user_data = KEEL__OP_QUIET;
	return 0;
}

void keel__op_close(struct keel_loop *loop, int fd)
{
	struct io_uring_sqe *sqe = get_sqe(loop);

	if (!sqe) {
		close(fd);
		return;
	}
	io_uring_prep_close(sqe, fd);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	sqe->user_data = KEEL__OP_QUIET;
}

void keel__op_done(struct keel_loop *loop, const struct io_uring_cqe *cqe)
{
	enum keel__op op = (enum keel__op)(cqe->user_data & KEEL__OP_MASK);
	void *owner = (void *)(uintptr_t)(cqe->user_data & ~KEEL__OP_MASK);

	if (op == KEEL__OP_QUIET)
		return;
	if (!(cqe->flags & IORING_CQE_F_MORE))
		loop->nr_ops--;
	ops[op].done(loop, owner, cqe);
}
