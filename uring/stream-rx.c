/* SPDX-License-Identifier: MIT */
/* A stream's receiving: input to the connection, events to the application. */
#include "uring/uring-private.h"

/* Of a stream that is paused; beyond it the peer has to wait. */
#define KEEP_LEN (64 * 1024)

/* Events in one go, so that one stream cannot hold up the others. */
#define NR_EVENTS 256

static void on_open(struct keel_stream *stream, const struct keel_event *ev)
{
	stream->opened = true;
	stream->loop->stats.opened++;
	stream->loop->churn++;
	keel__stream_active(stream);
	keel__stream_set_phase(stream, KEEL__PHASE_IDLE);
	if (!stream->closing && stream->ops->on_open)
		stream->ops->on_open(stream, ev->info);
}

static void on_data(struct keel_stream *stream, const struct keel_event *ev)
{
	stream->loop->stats.rx_bytes += ev->len;
	/*
	 * While a send waits for a peer that does not read, what it says must
	 * not keep the stream.
	 */
	if (ev->len && !keel__stream_is_sending(stream))
		keel__stream_active(stream);
	if (!stream->closing)
		stream->ops->on_data(stream, ev->data, ev->len);
}

static void on_session(struct keel_stream *stream, const struct keel_event *ev)
{
	if (!stream->closing && stream->ops->on_session)
		stream->ops->on_session(stream, ev->data, ev->len);
}

static void on_eof(struct keel_stream *stream, const struct keel_event *ev)
{
	(void)ev;
	if (stream->closing)
		return;
	if (stream->ops->on_eof)
		stream->ops->on_eof(stream);
	else
		keel_stream_close(stream);
}

/* What was read is all there is, and the rest of the way is as usual. */
static void on_cut(struct keel_stream *stream, const struct keel_event *ev)
{
	(void)ev;
	stream->loop->stats.rekey_cuts++;
	keel_stream_close(stream);
}

/* The connection's operations say what follows. */
static void on_end(struct keel_stream *stream, const struct keel_event *ev)
{
	(void)stream;
	(void)ev;
}

static void (*const events[])(struct keel_stream *stream,
			      const struct keel_event *ev) = {
	[KEEL_EVENT_OPEN] = on_open,	   [KEEL_EVENT_DATA] = on_data,
	[KEEL_EVENT_SESSION] = on_session, [KEEL_EVENT_EOF] = on_eof,
	[KEEL_EVENT_CUT] = on_cut,	   [KEEL_EVENT_CLOSED] = on_end,
	[KEEL_EVENT_FAILED] = on_end,
};

/* A pause is of data; what comes before data goes on. It is one to leave, too. */
static bool may_deliver(const struct keel_stream *stream)
{
	bool is_paused = stream->paused || stream->leaving;

	return !(is_paused && stream->opened) && !stream->aborted;
}

/*
 * A peer may ask for new keys where the kernel has ours and takes no others: no
 * data may follow, and what the application gave before is not to be lost. A
 * kernel that receives as well has taken new keys, or that ends otherwise.
 */
static void seal_taken(struct keel_stream *stream)
{
	struct keel_tx_info info;

	if (!stream->tx_kernel || stream->rx_kernel || !stream->tx ||
	    !stream->tx->open_len || keel__stream_has_op(stream, KEEL__OP_READ))
		return;
	/* What fails here is met again when it is sent. */
	if (!keel__stream_tx_info(stream, &info) && info.nr_records)
		keel__stream_seal_open(stream);
}

/* False when input is left: the application wants no more, or it is much. */
static bool tell_events(struct keel_stream *stream)
{
	struct keel_conn *conn = keel__stream_conn(stream);
	unsigned int nr = NR_EVENTS;
	struct keel_event ev;

	while (may_deliver(stream) && nr--) {
		seal_taken(stream);
		if (keel_conn_next_event(conn, &ev) != 1)
			return true;
		if (ev.type < KEEL__ARRAY_LEN(events) && events[ev.type])
			events[ev.type](stream, &ev);
	}
	return false;
}

/* The shared buffer goes back to the kernel; the connection takes a copy. */
static void keep(struct keel_stream *stream)
{
	ssize_t len = keel_conn_keep_input(keel__stream_conn(stream));

	stream->kept = true;
	if (len > KEEP_LEN)
		stream->rx_full = true;
	if (stream->rx_full && !stream->cancel_recv &&
	    keel__stream_has_op(stream, KEEL__OP_RECV))
		stream->cancel_recv =
			!keel__op_cancel(stream->loop, KEEL__OP_RECV, stream);
}

static void input(struct keel_stream *stream, uint8_t *buf, size_t len)
{
	int err;

	if (!stream->rx_kernel) {
		err = keel_conn_input(keel__stream_conn(stream), buf, len);
	} else {
		err = keel__stream_opened_record(stream, buf, (int)len, &len);
		if (!err) {
			stream->eof = true;
			return;
		}
	}
	if (err < 0) {
		keel__stream_end(stream, err, KEEL_ERR_USAGE, "receiving");
		return;
	}
	/* A piece of a record is no data yet, see on_data(). */
	if (stream->opened)
		keel__stream_warm(stream);
	else
		stream->loop->nr_heavy++;
	if (stream->kept || !tell_events(stream))
		keep(stream);
}

enum keel_op_type keel__stream_recv_op(const struct keel_stream *stream)
{
	return stream->rx_kernel ? KEEL_OP_RECV_RECORD : KEEL_OP_RECV;
}

/* The socket has no more to give, or not now. */
static void recv_ended(struct keel_stream *stream, int res)
{
	struct keel_loop *loop = stream->loop;

	switch (res) {
	case -ENOBUFS:
		loop->stats.recv_starved++;
		keel__rxbufs_grow(&loop->rxbufs);
		break;
	case -ECANCELED: /* by us */
	case -EAGAIN:
	case -EINTR:
		break;
	case 0:
		stream->eof = true;
		break;
	default:
		/* A send has said so already. */
		if (!stream->want_recv)
			break;
		stream->want_recv = false;
		if (keel_conn_op_done(keel__stream_conn(stream),
				      keel__stream_recv_op(stream), res))
			keel__stream_end(stream, res, KEEL_ERR_SYS,
					 "receiving");
		/* What the kernel says of a record is judged like input. */
		if (!stream->kept)
			stream->kept = !tell_events(stream);
	}
}

void keel__stream_recv_done(struct keel_loop *loop, void *owner,
			    const struct io_uring_cqe *cqe)
{
	uint32_t bid = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
	struct keel_stream *stream = owner;
	bool is_gone = stream->phase == KEEL__PHASE_GONE;

	if (!(cqe->flags & IORING_CQE_F_MORE)) {
		stream->pending &= (uint16_t) ~(1U << KEEL__OP_RECV);
		stream->cancel_recv = false;
		/* Of one shot: the connection says what comes next. */
		if (stream->recv_len && cqe->res > 0)
			stream->want_recv = false;
	}
	if (cqe->res > 0 && !is_gone)
		input(stream, keel__rxbufs_at(&loop->rxbufs, bid),
		      (size_t)cqe->res);
	if (cqe->flags & IORING_CQE_F_BUFFER)
		keel__rxbufs_put(&loop->rxbufs, bid);
	if (cqe->res <= 0 && !is_gone)
		recv_ended(stream, cqe->res);
	keel__stream_dirty(stream);
}

void keel__stream_input_left(struct keel_stream *stream)
{
	struct keel_conn *conn = keel__stream_conn(stream);

	if (stream->kept && tell_events(stream)) {
		stream->kept = false;
		stream->rx_full = false;
	}
	if (stream->kept && may_deliver(stream))
		keel__stream_dirty(stream);
	if (!stream->eof || stream->kept)
		return;
	/* The end of the socket comes behind everything that was in it. */
	stream->eof = false;
	stream->want_recv = false;
	if (keel_conn_op_done(conn, keel__stream_recv_op(stream), 0))
		keel__stream_end(stream, -ECONNABORTED, KEEL_ERR_SYS,
				 "end of the socket");
	stream->kept = !tell_events(stream);
}

void keel__stream_arm_recv(struct keel_stream *stream)
{
	if (!stream->want_recv || stream->rx_full || stream->eof ||
	    stream->stop_recv || keel__stream_has_op(stream, KEEL__OP_RECV))
		return;
	if (keel__op_start(stream->loop, KEEL__OP_RECV, stream))
		keel__stream_dirty(stream);
	else
		stream->pending |= 1U << KEEL__OP_RECV;
}
