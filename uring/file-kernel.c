/* SPDX-License-Identifier: MIT */
/* Sending files where the kernel protects records: they never come up here. */
#include "uring/uring-private.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#define PAGE_LEN 4096

/* Is the byte there, without waiting for a disk? */
static bool is_cached_at(const struct keel_stream *stream, uint64_t off)
{
	uint8_t byte;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};

	return preadv2(stream->file_fd, &iov, 1, (off_t)off, RWF_NOWAIT) == 1;
}

/*
 * sendfile(2) waits for the disk, and the loop with it. What is cached at both
 * ends is taken for cached between them: the system reads ahead.
 */
static bool is_cached(const struct keel_stream *stream, uint64_t len)
{
	return stream->file_blocking ||
	       (is_cached_at(stream, stream->file_off) &&
		is_cached_at(stream, stream->file_off + len - 1));
}

static void count(struct keel_stream *stream, size_t len)
{
	stream->loop->stats.tx_bytes += len;
	keel__stream_active(stream);
	if (keel_conn_note_sent(keel__stream_conn(stream), len))
		keel__stream_end(stream, -EIO, KEEL_ERR_USAGE, "sending");
}

/* 0 after -EAGAIN: the stream gets a turn when there is room. */
static ssize_t sent(struct keel_stream *stream, ssize_t n)
{
	int err = n < 0 ? errno : 0;

	if (err == EINTR)
		n = 0;
	else if (err && err != EAGAIN)
		return keel__stream_send_refused(stream, -err)
			       ? 0
			       : (err == EPIPE ? -ECONNRESET : -err);
	if (n < 0) {
		keel__stream_wait_writable(stream);
		return 0;
	}
	count(stream, (size_t)n);
	return n;
}

/*
 * What was sent before the file begins the record that a short file ends. Before
 * a long one it has its own: the kernel is quicker with records of whole pages.
 */
static int send_open(struct keel_stream *stream)
{
	struct keel__txbuf *tx = stream->tx;
	int more = stream->file_left < KEEL_MAX_PLAINTEXT ? MSG_MORE : 0;
	ssize_t n;

	n = sent(stream, send(stream->fd, tx->data + tx->tail, tx->open_len,
			      MSG_DONTWAIT | MSG_NOSIGNAL | more));
	if (n < 0)
		return (int)n;
	explicit_bzero(tx->data + tx->tail, (size_t)n);
	tx->head += (uint32_t)n;
	tx->tail = tx->head;
	tx->open_len -= (uint32_t)n;
	return tx->open_len ? -EAGAIN : 0;
}

/*
 * Only a socket that does not block keeps sendfile(2) from waiting for it, and
 * only requests that begin meanwhile would see that it is one.
 */
static ssize_t send_some(struct keel_stream *stream, size_t len)
{
	off_t off = (off_t)stream->file_off;
	int on = 1;
	int off_again = 0;
	ssize_t n;
	int err;

	if (ioctl(stream->fd, FIONBIO, &on) < 0)
		return -errno;
	n = sendfile(stream->fd, stream->file_fd, &off, len);
	err = errno;
	if (ioctl(stream->fd, FIONBIO, &off_again) < 0)
		return -errno;
	errno = err;
	if (n == 0)
		return -ENODATA; /* shorter than promised */
	return sent(stream, n);
}

static size_t next_len(const struct keel_stream *stream,
		       const struct keel_tx_info *info)
{
	uint64_t len = stream->file_left;

	if (len > stream->loop->opts.max_send_len)
		len = stream->loop->opts.max_send_len;
	if (len / info->max_payload >= info->nr_records)
		len = info->nr_records * info->max_payload;
	/* Records of the next part are made of whole pages. */
	if (len < stream->file_left && len > PAGE_LEN)
		len -= (stream->file_off + len) % PAGE_LEN;
	return (size_t)len;
}

/*
 * Without Nagle's algorithm each record leaves at once, alone. While more of them
 * are sure to follow they leave as segments, as large as the path takes. No matter
 * if it cannot be set.
 */
static void set_cork(struct keel_stream *stream, bool is_corked)
{
	int value = is_corked;

	if (stream->is_corked == is_corked)
		return;
	stream->is_corked = is_corked;
	setsockopt(stream->fd, IPPROTO_TCP, TCP_CORK, &value, sizeof(value));
}

/* 0: all is sent, -EAGAIN: more is to be, or what failed. */
static int splice_part(struct keel_stream *stream, struct keel_tx_info *info)
{
	size_t len = next_len(stream, info);
	ssize_t n;
	int err;

	if (!is_cached(stream, len))
		return -EOPNOTSUPP;
	if (stream->file_left > KEEL_MAX_PLAINTEXT)
		set_cork(stream, true);
	if (stream->tx && stream->tx->open_len) {
		err = send_open(stream);
		if (!err)
			err = keel__stream_ready(stream, info);
		if (err)
			return err;
		len = next_len(stream, info);
	}
	n = send_some(stream, len);
	if (n < 0)
		return n == -ENODATA ? -EIO : (int)n;
	stream->file_off += (uint64_t)n;
	stream->file_left -= (uint64_t)n;
	stream->file = stream->file_left != 0;
	/* Others have their turns between two parts. */
	if (n)
		keel__stream_dirty(stream);
	return stream->file ? -EAGAIN : 0;
}

int keel__file_splice(struct keel_stream *stream, struct keel_tx_info *info)
{
	int err = splice_part(stream, info);

	if (err != -EAGAIN)
		set_cork(stream, false);
	return err;
}

void keel__file_uncork(struct keel_stream *stream)
{
	if (!stream->file || stream->closed_tx || stream->leaving)
		set_cork(stream, false);
}
