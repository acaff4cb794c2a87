/* SPDX-License-Identifier: MIT */
/* Sending files: read into the gaps of records, sealed where they stand. */
#include "uring/uring-private.h"

#include <linux/magic.h>
#include <sys/uio.h>
#include <sys/vfs.h>

/* As many records as the largest send buffer holds. */
#define MAX_IOV 64

/* A part of a file laid out as records: where each payload goes. */
struct layout {
	struct iovec *iov;
	unsigned int nr;
	size_t len;
};

static void *slot(const struct keel_stream *stream,
		  const struct keel_tx_info *info, unsigned int idx)
{
	size_t stride = info->prefix_len + info->max_payload + info->suffix_len;

	return stream->tx->data + stream->tx->tail + info->prefix_len +
	       idx * stride;
}

/*
 * The first record may have begun with what was sent before the file; it is not
 * full, or it would have been sealed.
 */
static void lay_out(struct keel_stream *stream, const struct keel_tx_info *info,
		    size_t len, struct layout *out)
{
	size_t skip = stream->tx->open_len;
	unsigned int i = 0;

	out->len = len;
	for (; len; i++) {
		size_t n = info->max_payload - skip;

		n = len < n ? len : n;
		out->iov[i].iov_base = (uint8_t *)slot(stream, info, i) + skip;
		out->iov[i].iov_len = n;
		len -= n;
		skip = 0;
	}
	out->nr = i;
}

/* @len bytes were read; they stand where they will be sealed. */
static void took(struct keel_stream *stream, size_t len)
{
	stream->file_off += len;
	stream->file_left -= len;
	stream->tx->open_len += (uint32_t)len;
}

int keel__file_seal(struct keel_stream *stream)
{
	struct keel_tx_info info;
	int err = 0;

	while (!err && stream->tx && stream->tx->open_len &&
	       stream->tx->open_len >= stream->max_payload) {
		err = keel__stream_ready(stream, &info);
		if (!err)
			err = keel__stream_seal(stream, NULL,
						stream->max_payload);
		if (!err)
			stream->tx->open_len -= stream->max_payload;
	}
	/* Its last bytes are sealed with what may follow them. */
	if (!err)
		stream->file = stream->file_left != 0;
	return err;
}

/* The list of places stands behind them, until the kernel has read it. */
void keel__file_prep(struct io_uring_sqe *sqe, void *owner)
{
	struct keel_stream *stream = owner;
	struct keel__txbuf *tx = stream->tx;

	io_uring_prep_readv(sqe, stream->file_fd,
			    (void *)(tx->data + tx->iov_at), tx->nr_iov,
			    stream->file_off);
}

static size_t iov_len(unsigned int nr)
{
	return nr * sizeof(struct iovec) + 16;
}

/* Have the ring read @len bytes. Always -EAGAIN: they come later. */
static int start_read(struct keel_stream *stream,
		      const struct keel_tx_info *info, size_t len)
{
	struct keel__txbuf *tx = stream->tx;
	size_t nr = (tx->open_len + len - 1) / info->max_payload + 1;
	struct layout layout;

	tx->iov_at = (tx->cap - (uint32_t)iov_len((unsigned int)nr)) & ~15U;
	layout.iov = (struct iovec *)(void *)(tx->data + tx->iov_at);
	lay_out(stream, info, len, &layout);
	tx->nr_iov = layout.nr;
	if (keel__op_start(stream->loop, KEEL__OP_READ, stream))
		keel__stream_dirty(stream);
	else
		stream->pending |= 1U << KEEL__OP_READ;
	return -EAGAIN;
}

void keel__file_read_done(struct keel_loop *loop, void *owner,
			  const struct io_uring_cqe *cqe)
{
	struct keel_stream *stream = owner;
	int err = cqe->res;

	(void)loop;
	stream->pending &= (uint16_t) ~(1U << KEEL__OP_READ);
	keel__stream_dirty(stream);
	/*
	 * Sealed with the stream's next turn: the connection may have bytes of
	 * its own to send first, such as the answer to a KeyUpdate.
	 */
	if (err > 0)
		took(stream, (size_t)err);
	/* Nobody wants it any more. */
	if (stream->failed || stream->closed_tx)
		keel__stream_drop_plain(stream);
	if (stream->phase == KEEL__PHASE_GONE || !stream->file || err > 0 ||
	    err == -EAGAIN || err == -EINTR)
		return;
	keel__stream_end(stream, err ? err : -EIO, KEEL_ERR_SYS,
			 "reading the file");
}

/*
 * Not every file system can say that a read would sleep. One that lives in
 * memory never does; the others are read by the ring's own threads.
 */
static int no_nowait(struct keel_stream *stream)
{
	struct statfs fs;

	if (!fstatfs(stream->file_fd, &fs) && fs.f_type == TMPFS_MAGIC)
		stream->file_blocking = true;
	else
		stream->file_uncached = true;
	return -EINTR;
}

/* Read what is in the page cache: bytes, or a negative errno. */
static ssize_t read_cached(struct keel_stream *stream,
			   const struct layout *layout)
{
	int flags = stream->file_blocking ? 0 : RWF_NOWAIT;
	ssize_t n = preadv2(stream->file_fd, layout->iov, (int)layout->nr,
			    (off_t)stream->file_off, flags);

	if (n > 0)
		return n;
	if (n == 0)
		return -EIO; /* shorter than promised */
	return errno == EOPNOTSUPP ? no_nowait(stream) : -errno;
}

/* How many bytes the next send may take; 0: the socket is full. */
static size_t next_len(struct keel_stream *stream,
		       const struct keel_tx_info *info)
{
	size_t open_len = stream->tx ? stream->tx->open_len : 0;
	size_t want = open_len + stream->file_left;
	size_t nr = keel__stream_window(stream, want);

	if (!nr && stream->writable)
		nr = 1;
	stream->writable = false;
	if (nr > info->nr_records)
		nr = info->nr_records;
	if (nr * info->max_payload < want)
		want = nr * info->max_payload;
	return want > open_len ? want - open_len : 0;
}

/* Files are read when the socket can take them: a slow peer costs no memory. */
static int wait_writable(struct keel_stream *stream)
{
	keel__stream_wait_writable(stream);
	return -EAGAIN;
}

static int reserve(struct keel_stream *stream, const struct keel_tx_info *info,
		   size_t len)
{
	unsigned int nr = (unsigned int)(len / info->max_payload) + 2;
	int err = keel__stream_reserve(stream,
				       len + nr * KEEL__TX_GAPS + iov_len(nr));

	if (err != -ENOMEM)
		return err;
	keel__stream_starve(stream);
	return -EAGAIN;
}

/* Read @len bytes and seal what is full. 0, -EAGAIN, or what failed. */
static int fill(struct keel_stream *stream, const struct keel_tx_info *info,
		size_t len)
{
	struct iovec iov[MAX_IOV];
	struct layout layout = {.iov = iov};
	ssize_t n;

	lay_out(stream, info, len, &layout);
	do
		n = stream->file_uncached ? -EAGAIN
					  : read_cached(stream, &layout);
	while (n == -EINTR);
	if (n == -EAGAIN)
		return start_read(stream, info, len);
	if (n < 0)
		return (int)n;
	took(stream, (size_t)n);
	if (!stream->file_left || stream->tx->open_len >= info->max_payload)
		return keel__file_seal(stream);
	/* A part of a record is no use: wait for the rest of it. */
	return start_read(stream, info, len - (size_t)n);
}

/* A record is ready: it goes out before there is more. */
static bool has_record(const struct keel_stream *stream)
{
	const struct keel__txbuf *tx = stream->tx;

	return tx && tx->tail - tx->head >= KEEL__TX_PAYLOAD;
}

/* Nothing is on its way that the file would overtake. */
static bool is_flushed(const struct keel_stream *stream)
{
	const struct keel__txbuf *tx = stream->tx;

	return !tx || tx->head == tx->tail;
}

/*
 * What we had read before sending moved, be it all of the file, is counted and
 * sent as records first.
 */
static bool may_splice(const struct keel_stream *stream)
{
	return stream->tx_kernel && stream->file_left &&
	       !stream->file_uncached && is_flushed(stream) &&
	       (!stream->tx || stream->tx->open_len < stream->max_payload);
}

int keel__file_fill(struct keel_stream *stream)
{
	struct keel_tx_info info;
	size_t len;
	int err;

	if (has_record(stream))
		return -EAGAIN;
	/* With this, sending may move; then nothing is to be read. */
	err = keel__stream_ready(stream, &info);
	if (err)
		return err;
	if (may_splice(stream)) {
		err = keel__file_splice(stream, &info);
		if (err != -EOPNOTSUPP)
			return err;
	}
	err = keel__file_seal(stream);
	if (err || !stream->file)
		return err;
	if (has_record(stream))
		return -EAGAIN;
	err = keel__stream_ready(stream, &info);
	if (err)
		return err;
	len = next_len(stream, &info);
	if (!len)
		return wait_writable(stream);
	err = reserve(stream, &info, len);
	return err ? err : fill(stream, &info, len);
}
