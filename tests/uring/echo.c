/* SPDX-License-Identifier: MIT */
/* An application that sends back what it gets. */
#include "tests/uring/world.h"

#include <stdlib.h>

struct echo_counts echo_counts;

static void count_rest(size_t len)
{
	size_t max = atomic_load(&echo_counts.max_rest);

	if (len > max)
		atomic_store(&echo_counts.max_rest, len);
}

static size_t send_some(struct keel_stream *stream, const uint8_t *data,
			size_t len)
{
	ssize_t n = keel_stream_send(stream, data, len);

	return n > 0 ? (size_t)n : 0;
}

/* What the stream does not take waits; the peer waits with it. */
static void keep_rest(struct keel_stream *stream, struct echo *echo,
		      const uint8_t *data, size_t len)
{
	uint8_t *rest = realloc(echo->rest, echo->rest_len + len);

	if (!rest)
		abort();
	memcpy(rest + echo->rest_len, data, len);
	echo->rest = rest;
	echo->rest_len += len;
	count_rest(echo->rest_len);
	keel_stream_pause(stream);
}

static void on_open(struct keel_stream *stream, const struct keel_hs_info *info)
{
	(void)stream;
	(void)info;
	atomic_fetch_add(&echo_counts.nr_open, 1);
}

static void on_data(struct keel_stream *stream, void *data, size_t len)
{
	struct echo *echo = keel_stream_data(stream);
	size_t n = echo->rest ? 0 : send_some(stream, data, len);

	if (n < len)
		keep_rest(stream, echo, (uint8_t *)data + n, len - n);
}

static void on_sent(struct keel_stream *stream)
{
	struct echo *echo = keel_stream_data(stream);

	if (!echo->rest)
		return;
	echo->rest_off += send_some(stream, echo->rest + echo->rest_off,
				    echo->rest_len - echo->rest_off);
	if (echo->rest_off < echo->rest_len)
		return;
	free(echo->rest);
	*echo = (struct echo){.rest = NULL};
	keel_stream_resume(stream);
}

static void on_close(struct keel_stream *stream, const struct keel_err *err)
{
	struct echo *echo = keel_stream_data(stream);

	free(echo->rest);
	atomic_store(&echo_counts.last_err, err->err);
	atomic_store(&echo_counts.last_site, err->site);
	if (err->err)
		atomic_fetch_add(&echo_counts.nr_failed, 1);
	atomic_fetch_add(&echo_counts.nr_close, 1);
}

const struct keel_stream_ops echo_ops = {
	.on_open = on_open,
	.on_data = on_data,
	.on_sent = on_sent,
	.on_close = on_close,
};
