/* SPDX-License-Identifier: MIT */
/* Taking the application's data: how much is welcome, and where it goes. */
#include "uring/uring-private.h"

#include <linux/sock_diag.h>

/* What a record takes of a socket's buffer: the kernel adds its own structs. */
#define SOCKET_RECORD (KEEL__TX_RECORD + KEEL__TX_RECORD / 16)

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t keel__stream_window(const struct keel_stream *stream, size_t len)
{
	size_t nr = (len + KEEL__TX_PAYLOAD - 1) / KEEL__TX_PAYLOAD;
	uint32_t info[SK_MEMINFO_VARS] = {0};
	socklen_t sz = sizeof(info);
	uint32_t size, used;

	if (nr > stream->loop->max_records)
		nr = stream->loop->max_records;
	if (nr <= 1 ||
	    getsockopt(stream->fd, SOL_SOCKET, SO_MEMINFO, info, &sz) < 0)
		return nr;
	size = info[SK_MEMINFO_SNDBUF];
	used = info[SK_MEMINFO_WMEM_QUEUED];
	if (used >= size)
		return 0;
	return min_size(nr, (size - used) / SOCKET_RECORD);
}

/* Bytes of plaintext that fit behind those gathered. */
static size_t room_left(const struct keel_stream *stream,
			const struct keel_tx_info *info)
{
	const struct keel__txbuf *tx = stream->tx;
	size_t room = tx->cap - keel__stream_open_end(stream);
	size_t gaps = info->suffix_len + (tx->open_len ? 0 : info->prefix_len);

	return room > gaps ? room - gaps : 0;
}

/*
 * Take some of @data: a whole record straight from there, less by way of the
 * record that is being gathered. Returns what was taken, 0 when there is no
 * room, or what failed.
 */
static ssize_t gather_some(struct keel_stream *stream, const uint8_t *data,
			   size_t len)
{
	struct keel__txbuf *tx = stream->tx;
	struct keel_tx_info info;
	int err = keel__stream_tx_info(stream, &info);
	size_t room;

	if (!err && info.nr_records && tx->open_len == info.max_payload)
		err = keel__stream_seal_open(stream);
	if (err)
		return err;
	len = min_size(len, info.max_payload - tx->open_len);
	room = room_left(stream, &info);
	/* No scrap behind full records: it would go out as a record. */
	if (room < len && !tx->open_len && tx->tail != tx->head)
		return 0;
	len = min_size(len, room);
	if (len == info.max_payload && info.nr_records) {
		err = keel__stream_seal(stream, data, len);
		return err ? err : (ssize_t)len;
	}
	memcpy(tx->data + tx->tail + info.prefix_len + tx->open_len, data, len);
	tx->open_len += (uint32_t)len;
	return (ssize_t)len;
}

/*
 * Plaintext that the buffer may hold in all, which is judged once for what goes
 * out together. One record is always welcome: a stream waits for its socket by
 * sending.
 */
static size_t gather_max(const struct keel_stream *stream, size_t len)
{
	size_t nr;

	if (stream->tx && stream->tx->max_len)
		return stream->tx->max_len;
	nr = keel__stream_window(stream, len);
	return (nr ? nr : 1) * KEEL__TX_PAYLOAD;
}

/* Have a buffer for @len bytes more, and say how many of them are welcome. */
static size_t gather_room(struct keel_stream *stream, size_t len)
{
	const struct keel__txbuf *tx = stream->tx;
	size_t used = tx ? keel__stream_open_end(stream) - tx->head : 0;
	size_t max, nr;

	if (tx && !tx->max_len &&
	    tx->cap - keel__stream_open_end(stream) >= len + KEEL__TX_GAPS)
		return len;
	max = gather_max(stream, used + len);
	len = min_size(len, max > used ? max - used : 0);
	nr = len / KEEL__TX_PAYLOAD + 1;
	/* A buffer that cannot grow now has its own room still. */
	if (keel__stream_reserve(stream, len + nr * KEEL__TX_GAPS) == -ENOMEM &&
	    !stream->tx)
		keel__stream_starve(stream);
	if (!stream->tx)
		return 0;
	if (max > KEEL__TX_PAYLOAD)
		stream->tx->max_len = (uint32_t)max;
	return len;
}

ssize_t keel__stream_gather(struct keel_stream *stream, const uint8_t *data,
			    size_t len)
{
	size_t taken = 0;
	ssize_t n = 0;

	len = gather_room(stream, len);
	while (taken < len) {
		n = gather_some(stream, data + taken, len - taken);
		if (n <= 0)
			break;
		taken += (size_t)n;
	}
	return n < 0 ? n : (ssize_t)taken;
}
