/* SPDX-License-Identifier: MIT */
/* A stream's sending: gathering, sealing, and what the kernel took. */
#include "uring/uring-private.h"

int keel__stream_tx_info(struct keel_stream *stream,
			 struct keel_tx_info *ret_info)
{
	int err = keel_conn_tx_info(keel__stream_conn(stream), ret_info);

	if (err)
		return err;
	stream->prefix_len = (uint8_t)ret_info->prefix_len;
	stream->suffix_len = (uint8_t)ret_info->suffix_len;
	stream->max_payload = (uint16_t)ret_info->max_payload;
	return 0;
}

int keel__stream_seal(struct keel_stream *stream, const void *data, size_t len)
{
	struct keel__txbuf *tx = stream->tx;
	ssize_t n = keel_conn_seal(keel__stream_conn(stream),
				   tx->data + tx->tail, data, len);

	if (n < 0)
		return (int)n;
	tx->tail += (uint32_t)n;
	stream->loop->stats.tx_bytes += len;
	return 0;
}

int keel__stream_seal_open(struct keel_stream *stream)
{
	uint32_t len = stream->tx->open_len;
	int err = keel__stream_seal(stream, NULL, len);

	if (!err)
		stream->tx->open_len = 0;
	return err;
}

/* Without memory: what is under way wakes the stream, else a buffer must. */
static void starve_if_quiet(struct keel_stream *stream)
{
	if (!keel__stream_has_op(stream, KEEL__OP_SEND) &&
	    !keel__stream_has_op(stream, KEEL__OP_READ))
		keel__stream_starve(stream);
}

/*
 * Bytes of the connection itself go ahead of what is not sealed yet, be it
 * gathered or read from a file. Returns what was taken, or -EAGAIN.
 */
static ssize_t take_own(struct keel_stream *stream, const struct keel_op *op)
{
	struct keel__txbuf *tx;
	uint8_t *at;
	size_t len = op->len;

	if (keel__stream_has_op(stream, KEEL__OP_READ))
		return -EAGAIN;
	/* What came from another loop may be more than a buffer has room for. */
	if (len > stream->loop->opts.max_send_len)
		len = stream->loop->opts.max_send_len;
	switch (keel__stream_reserve(stream, len + KEEL__TX_GAPS)) {
	case 0:
		break;
	case -ENOMEM:
		starve_if_quiet(stream);
		return -EAGAIN;
	default:
		return -EAGAIN;
	}
	tx = stream->tx;
	at = tx->data + tx->tail;
	if (tx->open_len)
		memmove(at + len, at, keel__stream_open_end(stream) - tx->tail);
	memcpy(at, op->data, len);
	tx->tail += (uint32_t)len;
	return (ssize_t)len;
}

static bool take_send(struct keel_stream *stream, const struct keel_op *op)
{
	ssize_t n = take_own(stream, op);

	if (keel_conn_op_done(keel__stream_conn(stream), KEEL_OP_SEND, n))
		keel__stream_end(stream, -EIO, KEEL_ERR_USAGE, "sending");
	return n > 0;
}

bool keel__stream_take_ops(struct keel_stream *stream)
{
	struct keel_conn *conn = keel__stream_conn(stream);
	struct keel_op op;

	while (keel_conn_next_op(conn, &op) == 1)
		switch (op.type) {
		case KEEL_OP_RECV:
		case KEEL_OP_RECV_RECORD:
			stream->want_recv = true;
			stream->recv_len = (uint16_t)op.len;
			break;
		case KEEL_OP_SEND:
			if (!take_send(stream, &op))
				return false;
			break;
		case KEEL_OP_SEND_RECORD:
			if (!keel__stream_send_record(stream, &op))
				return false;
			break;
		case KEEL_OP_SETSOCKOPT:
			if (!keel__stream_set_option(stream, &op))
				return false;
			break;
		case KEEL_OP_GETSOCKOPT:
			keel__stream_get_option(stream, &op);
			break;
		case KEEL_OP_RECV_STOP:
			keel__stream_stop_recv(stream, &op);
			break;
		case KEEL_OP_SHUTDOWN:
			stream->want_shutdown = true;
			break;
		case KEEL_OP_CLOSE:
			stream->want_gone = true;
			break;
		}
	return true;
}

int keel__stream_ready(struct keel_stream *stream,
		       struct keel_tx_info *ret_info)
{
	int err = keel__stream_tx_info(stream, ret_info);

	if (err || ret_info->nr_records)
		return err;
	/* The key's end has just been reached: a KeyUpdate goes first. */
	if (!keel__stream_take_ops(stream))
		return -EAGAIN;
	err = keel__stream_tx_info(stream, ret_info);
	if (err)
		return err;
	return ret_info->nr_records ? 0 : -EAGAIN;
}

/* Seal what was gathered. 0, -EAGAIN, or what failed. */
static int seal_rest(struct keel_stream *stream)
{
	struct keel_tx_info info;
	int err;

	if (!stream->tx || !stream->tx->open_len)
		return 0;
	err = keel__stream_ready(stream, &info);
	return err ? err : keel__stream_seal_open(stream);
}

static int close_tx(struct keel_stream *stream)
{
	int err;

	if (!stream->closing || stream->file || stream->closed_tx)
		return 0;
	stream->closed_tx = true;
	err = keel_conn_close(keel__stream_conn(stream));
	if (!err)
		keel__stream_take_ops(stream);
	return err;
}

/* Make records of what there is to send. 0, -EAGAIN, or what failed. */
static int produce(struct keel_stream *stream)
{
	int err = 0;

	if (stream->file)
		err = keel__file_fill(stream);
	if (!err && !stream->file)
		err = seal_rest(stream);
	if (!err)
		err = close_tx(stream);
	return err;
}

/* The connection failed or closes by itself, or we must make it fail. */
static void produce_failed(struct keel_stream *stream, int err)
{
	struct keel_conn *conn = keel__stream_conn(stream);

	if (keel_conn_get_state(conn) <= KEEL_CONN_OPEN)
		keel__stream_end(stream, err, KEEL_ERR_SYS,
				 stream->file ? "reading the file" : "sending");
}

static void start_send(struct keel_stream *stream)
{
	struct keel__txbuf *tx = stream->tx;

	if (!tx || keel__stream_has_op(stream, KEEL__OP_SEND))
		return;
	if (tx->head == tx->tail) {
		if (keel__stream_tx_idle(stream))
			keel__stream_release_tx(stream);
		return;
	}
	if (keel__op_start(stream->loop, KEEL__OP_SEND, stream)) {
		keel__stream_dirty(stream);
		return;
	}
	stream->pending |= 1U << KEEL__OP_SEND;
	stream->sampled = false;
	stream->loop->queued += tx->tail - tx->head;
}

/* What is left over of a send goes first, and alone. */
static bool may_produce(const struct keel_stream *stream)
{
	return !stream->failed && !stream->closed_tx &&
	       !keel__stream_has_op(stream, KEEL__OP_SEND) &&
	       !keel__stream_has_op(stream, KEEL__OP_POLL) &&
	       !keel__stream_has_op(stream, KEEL__OP_READ) && !stream->is_rest;
}

void keel__stream_output(struct keel_stream *stream)
{
	int err;

	if (keel__stream_take_ops(stream) && may_produce(stream) &&
	    (stream->opened || stream->closing)) {
		err = produce(stream);
		if (err && err != -EAGAIN)
			produce_failed(stream, err);
	}
	keel__file_uncork(stream);
	start_send(stream);
}

static bool is_transient(int res)
{
	return res == -EAGAIN || res == -EINTR;
}

/* A broken pipe is a peer that reset us, seen a moment later. */
static void send_failed(struct keel_stream *stream, int res)
{
	if (is_transient(res) || (res == -ECANCELED && stream->leaving) ||
	    keel__stream_send_refused(stream, res))
		return;
	keel__stream_end(stream, res == -EPIPE ? -ECONNRESET : res,
			 KEEL_ERR_SYS, "send");
}

void keel__stream_send_done(struct keel_loop *loop, void *owner,
			    const struct io_uring_cqe *cqe)
{
	struct keel_stream *stream = owner;
	struct keel__txbuf *tx = stream->tx;

	(void)loop;
	stream->pending &= (uint16_t) ~(1U << KEEL__OP_SEND);
	keel__stream_dirty(stream);
	if (stream->phase == KEEL__PHASE_GONE)
		return;
	if (cqe->res < 0) {
		send_failed(stream, cqe->res);
		return;
	}
	tx->head += (uint32_t)cqe->res;
	if (stream->opened)
		keel__stream_active(stream);
	stream->is_rest = tx->head != tx->tail;
	if (stream->is_rest)
		keel__stream_shrink(stream);
	else if (keel__stream_tx_idle(stream))
		keel__stream_release_tx(stream);
}

void keel__stream_poll_done(struct keel_loop *loop, void *owner,
			    const struct io_uring_cqe *cqe)
{
	struct keel_stream *stream = owner;

	(void)loop;
	(void)cqe; /* an error shows with the next send */
	stream->pending &= (uint16_t) ~(1U << KEEL__OP_POLL);
	stream->writable = true;
	keel__stream_dirty(stream);
}
