/* SPDX-License-Identifier: MIT */
/* A stream's send buffer: had while there is something in it. */
#include "uring/uring-private.h"

/* A buffer this many times too large is exchanged while a send is stuck. */
#define SHRINK 4

bool keel__stream_tx_idle(const struct keel_stream *stream)
{
	const struct keel__txbuf *tx = stream->tx;

	return !tx || (tx->head == tx->tail && !tx->open_len &&
		       !keel__stream_has_op(stream, KEEL__OP_READ));
}

/* A buffer came back: the one who waits longest may have it. */
static void feed_starved(struct keel_loop *loop)
{
	if (keel__link_alone(&loop->starved))
		return;
	keel__stream_dirty(keel__container_of(loop->starved.next,
					      struct keel_stream, queue));
}

void keel__stream_release_tx(struct keel_stream *stream)
{
	if (!stream->tx)
		return;
	keel__txpool_put(&stream->loop->txpool, stream->tx,
			 keel__stream_open_end(stream));
	stream->tx = NULL;
	feed_starved(stream->loop);
}

void keel__stream_starve(struct keel_stream *stream)
{
	struct keel_loop *loop = stream->loop;

	loop->stats.send_starved++;
	keel__stream_clean(stream);
	stream->is_starved = true;
	keel__link_move(&loop->starved, &stream->queue);
}

uint32_t keel__stream_open_end(const struct keel_stream *stream)
{
	const struct keel__txbuf *tx = stream->tx;
	uint32_t nr_full = 0;

	if (!tx->open_len)
		return tx->tail;
	if (tx->open_len > stream->max_payload)
		nr_full = (tx->open_len - 1) / stream->max_payload;
	return tx->tail + nr_full * (stream->prefix_len + stream->suffix_len) +
	       stream->prefix_len + tx->open_len;
}

/* Have the bytes at the front of @to, which may be the same buffer. */
static void move(struct keel_stream *stream, struct keel__txbuf *to)
{
	struct keel__txbuf *from = stream->tx;
	uint32_t end = keel__stream_open_end(stream);
	uint32_t len = end - from->head;

	memmove(to->data, from->data + from->head, len);
	to->tail = from->tail - from->head;
	to->open_len = from->open_len;
	to->head = 0;
	to->max_len = from->max_len;
	if (to == from)
		return;
	keel__txpool_put(&stream->loop->txpool, from, end);
	stream->tx = to;
}

int keel__stream_reserve(struct keel_stream *stream, size_t len)
{
	struct keel__txpool *pool = &stream->loop->txpool;
	struct keel__txbuf *tx = stream->tx;
	size_t live;

	if (!tx) {
		stream->tx = keel__txpool_get(pool, len);
		return stream->tx ? 0 : -ENOMEM;
	}
	if (tx->cap - keel__stream_open_end(stream) >= len)
		return 0;
	if (keel__stream_has_op(stream, KEEL__OP_SEND) ||
	    keel__stream_has_op(stream, KEEL__OP_READ))
		return -EAGAIN;
	live = keel__stream_open_end(stream) - tx->head;
	if (tx->cap - live < len)
		tx = keel__txpool_get(pool, live + len);
	if (!tx)
		return -ENOMEM;
	move(stream, tx);
	return 0;
}

void keel__stream_drop_plain(struct keel_stream *stream)
{
	struct keel__txbuf *tx = stream->tx;

	stream->file_left = 0;
	stream->sent_due = false;
	/* A read that is under way still writes behind the tail. */
	if (keel__stream_has_op(stream, KEEL__OP_READ))
		return;
	stream->file = false;
	if (!tx || !tx->open_len)
		return;
	explicit_bzero(tx->data + tx->tail,
		       keel__stream_open_end(stream) - tx->tail);
	tx->open_len = 0;
}

void keel__stream_drop_output(struct keel_stream *stream)
{
	struct keel__txbuf *tx = stream->tx;

	keel__stream_drop_plain(stream);
	if (tx && !stream->pending)
		keel__stream_release_tx(stream);
}

void keel__stream_shrink(struct keel_stream *stream)
{
	struct keel__txbuf *tx = stream->tx;
	size_t live = keel__stream_open_end(stream) - tx->head;

	if (live > tx->cap / SHRINK || tx->cap <= keel__txbuf_need(1) ||
	    keel__stream_has_op(stream, KEEL__OP_READ))
		return;
	tx = keel__txpool_get(&stream->loop->txpool, live + KEEL__TX_SLACK);
	if (tx)
		move(stream, tx);
}
