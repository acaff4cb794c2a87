/* SPDX-License-Identifier: MIT */
/* A stream whose records the kernel protects: what that asks of the socket. */
#include "uring/uring-private.h"

#include <linux/sockios.h>
#include <linux/tls.h>
#include <poll.h>
#include <sys/ioctl.h>

#ifndef SOL_TLS
#define SOL_TLS 282
#endif

/* How often a socket is looked at whose last bytes are on their way. */
#define LINGER_NS (20 * KEEL__NS_PER_MS)

void keel__stream_wait_writable(struct keel_stream *stream)
{
	if (keel__stream_has_op(stream, KEEL__OP_POLL))
		return;
	if (keel__op_start(stream->loop, KEEL__OP_POLL, stream)) {
		keel__stream_dirty(stream);
		return;
	}
	stream->pending |= 1U << KEEL__OP_POLL;
	stream->sampled = false;
}

bool keel__stream_is_writable(const struct keel_stream *stream)
{
	struct pollfd pollfd = {.fd = stream->fd, .events = POLLOUT};

	return poll(&pollfd, 1, 0) != 0;
}

/* All that was sealed so far has been taken by the kernel. */
bool keel__stream_is_flushed(const struct keel_stream *stream)
{
	return !keel__stream_has_op(stream, KEEL__OP_SEND) &&
	       !keel__stream_has_op(stream, KEEL__OP_READ) &&
	       (!stream->tx || stream->tx->head == stream->tx->tail);
}

/*
 * Plaintext that waits stands where it would have been sealed by us. The kernel
 * wants it without gaps.
 */
static void close_gaps(struct keel_stream *stream)
{
	struct keel__txbuf *tx = stream->tx;
	uint32_t gaps = stream->prefix_len + stream->suffix_len;
	uint32_t left = tx ? tx->open_len : 0;
	uint8_t *from, *to, *end;

	if (left) {
		end = tx->data + keel__stream_open_end(stream);
		to = tx->data + tx->tail;
		from = to + stream->prefix_len;
		while (left) {
			uint32_t len = left < stream->max_payload
					       ? left
					       : stream->max_payload;

			memmove(to, from, len);
			to += len;
			from += len + gaps;
			left -= len;
		}
		/* A copy that nobody would clear any more. */
		explicit_bzero(to, (size_t)(end - to));
	}
	stream->prefix_len = 0;
	stream->suffix_len = 0;
}

/* Has sending moved? Then the application's bytes go as they are. */
void keel__stream_look_at_engines(struct keel_stream *stream)
{
	struct keel_conn_info info = {.sz = sizeof(info)};
	struct keel_loop_stats *stats = &stream->loop->stats;

	if (keel_conn_get_info(keel__stream_conn(stream), &info))
		return;
	if (!stream->tx_kernel && info.tx.engine == KEEL_ENGINE_KERNEL) {
		stream->tx_kernel = true;
		stats->tx_offloaded++;
		close_gaps(stream);
	}
	if (!stream->rx_kernel && info.rx.engine == KEEL_ENGINE_KERNEL) {
		stream->rx_kernel = true;
		stats->rx_offloaded++;
	}
}

static void answer(struct keel_stream *stream, enum keel_op_type type,
		   ssize_t res)
{
	if (keel_conn_op_done(keel__stream_conn(stream), type, res))
		keel__stream_end(stream, -EIO, KEEL_ERR_USAGE,
				 "an operation of the kernel engine");
	if (res >= 0 || res == -EAGAIN)
		return;
	/* A refusal may be an event, which no input would bring up. */
	stream->kept = true;
	keel__stream_dirty(stream);
}

bool keel__stream_set_option(struct keel_stream *stream,
			     const struct keel_op *op)
{
	int err = 0;

	if (op->is_ordered && !keel__stream_is_flushed(stream)) {
		answer(stream, op->type, -EAGAIN);
		return false;
	}
	if (stream->loop->sys->set(stream->fd, op->level, op->name, op->data,
				   (socklen_t)op->len) < 0)
		err = -errno;
	answer(stream, op->type, err);
	keel__stream_look_at_engines(stream);
	return true;
}

bool keel__stream_get_option(struct keel_stream *stream,
			     const struct keel_op *op)
{
	socklen_t len = (socklen_t)op->len;
	int err = 0;

	if (stream->loop->sys->get(stream->fd, op->level, op->name, op->buf,
				   &len) < 0)
		err = -errno;
	else if (len != op->len)
		err = -EINVAL;
	answer(stream, op->type, err);
	return true;
}

bool keel__stream_stop_recv(struct keel_stream *stream,
			    const struct keel_op *op)
{
	(void)op;
	stream->stop_recv = true;
	keel__stream_dirty(stream);
	return true;
}

void keel__stream_recv_stopped(struct keel_stream *stream)
{
	struct keel_loop *loop = stream->loop;

	if (!stream->stop_recv)
		return;
	if (keel__stream_has_op(stream, KEEL__OP_RECV)) {
		if (!stream->cancel_recv)
			stream->cancel_recv =
				!keel__op_cancel(loop, KEEL__OP_RECV, stream);
		if (!stream->cancel_recv)
			keel__stream_dirty(stream);
		return;
	}
	/* The end of the stream is told first, and nothing moves then. */
	if (stream->eof)
		return;
	stream->stop_recv = false;
	stream->want_recv = false;
	answer(stream, KEEL_OP_RECV_STOP, 0);
}

bool keel__stream_send_record(struct keel_stream *stream,
			      const struct keel_op *op)
{
	union {
		struct cmsghdr head;
		uint8_t bytes[CMSG_SPACE(1)];
	} control = {.bytes = {0}};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)op->data,
			    .iov_len = op->len};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	ssize_t n = -EAGAIN;

	control.head = (struct cmsghdr){.cmsg_level = SOL_TLS,
					.cmsg_type = TLS_SET_RECORD_TYPE,
					.cmsg_len = CMSG_LEN(1)};
	*CMSG_DATA(&control.head) = op->record_type;
	if (keel__stream_is_flushed(stream)) {
		/* Else the record before it may not be in the socket yet. */
		if (keel__stream_is_writable(stream))
			n = sendmsg(stream->fd, &msg,
				    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && n != -EAGAIN)
			n = errno == EPIPE ? -ECONNRESET : -errno;
		if (n == -EAGAIN)
			keel__stream_wait_writable(stream);
	}
	answer(stream, op->type, n);
	return n > 0;
}

/* The receive that is under way says so too, or it does not: the first counts. */
static bool tell_verdict(struct keel_stream *stream, int res)
{
	if (stream->excused)
		return false;
	stream->excused = true;
	if (!stream->want_recv)
		return true;
	stream->want_recv = false;
	/* Judged like input, with the stream's next turn. */
	stream->kept = true;
	return !keel_conn_op_done(keel__stream_conn(stream),
				  KEEL_OP_RECV_RECORD, res);
}

/* Until it is read nothing can be sent. */
static bool clear_error(const struct keel_stream *stream)
{
	int err;
	socklen_t len = sizeof(err);

	return !getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &err, &len);
}

/*
 * A record that fails authentication stays at the head, and each look at it
 * says so again. One too short to be a record is told of once, and stops the
 * socket's input for good.
 */
static bool is_repeated(const struct keel_stream *stream)
{
	uint8_t byte;
	ssize_t n = recv(stream->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return n >= 0 || errno != EAGAIN;
}

bool keel__stream_send_refused(struct keel_stream *stream, int res)
{
	if (!stream->rx_kernel ||
	    (res != -EBADMSG && res != -EMSGSIZE && res != -EINVAL))
		return false;
	if (!clear_error(stream))
		return false;
	if (res != -EBADMSG || !is_repeated(stream))
		return tell_verdict(stream, res);
	return clear_error(stream);
}

bool keel__stream_lingers(struct keel_stream *stream)
{
	struct keel_loop *loop = stream->loop;
	bool is_failed = keel_conn_get_state(keel__stream_conn(stream)) ==
			 KEEL_CONN_FAILED;
	int len = 0;

	if (!stream->rx_kernel || !is_failed ||
	    loop->now_ns >= stream->phase_ns ||
	    stream->phase != KEEL__PHASE_CLOSE ||
	    ioctl(stream->fd, SIOCOUTQ, &len) < 0 || !len)
		return false;
	keel__timer_arm(&loop->timers, &stream->timer,
			loop->now_ns + LINGER_NS);
	stream->linger = true;
	return true;
}

void keel__stream_prep_records(struct io_uring_sqe *sqe,
			       struct keel_stream *stream)
{
	/* Read when the request is made, and the same for all. */
	static struct msghdr msg = {.msg_controllen = KEEL__RX_CONTROL};

	io_uring_prep_recvmsg_multishot(sqe, stream->fd, &msg, 0);
}

/* The content type in @out's control message; -1 without. */
static int record_type(struct io_uring_recvmsg_out *out, struct msghdr *msg)
{
	struct cmsghdr *cmsg = io_uring_recvmsg_cmsg_firsthdr(out, msg);

	if (!cmsg || cmsg->cmsg_level != SOL_TLS ||
	    cmsg->cmsg_type != TLS_GET_RECORD_TYPE)
		return -1;
	return *CMSG_DATA(cmsg);
}

int keel__stream_opened_record(struct keel_stream *stream, uint8_t *buf,
			       int res, size_t *ret_len)
{
	struct msghdr msg = {.msg_controllen = KEEL__RX_CONTROL};
	struct io_uring_recvmsg_out *out =
		io_uring_recvmsg_validate(buf, res, &msg);
	int type = out ? record_type(out, &msg) : -1;

	*ret_len = 0;
	if (!out || (type < 0 && out->payloadlen))
		return -EIO;
	if (type < 0)
		return 0; /* no record: the end */
	*ret_len = out->payloadlen;
	return keel_conn_input_record(keel__stream_conn(stream), (uint8_t)type,
				      io_uring_recvmsg_payload(out, &msg),
				      out->payloadlen)
		       ? -EIO
		       : 1;
}
