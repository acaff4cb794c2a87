/* SPDX-License-Identifier: MIT */
/* keel serve: what happens on a connection; requests come in, in order. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/give-private.h"
#include "tools/serve-metrics-private.h"
#include "tools/serve-private.h"

/*
 * A request that arrives whole, the usual case, is parsed where it lies and
 * leaves nothing behind. One that arrives in pieces has its head collected in
 * a keel_serve_partial. While a response is under way the stream is paused, and
 * what had come already waits in a keel_serve_rest.
 */

static void fail(struct keel_stream *stream, int err, const char *site)
{
	struct keel_serve_conn *conn = keel_stream_data(stream);

	conn->ending = true;
	keel_stream_abort(stream, err, site);
}

static void partial_free(struct keel_serve_conn *conn)
{
	if (!conn->partial)
		return;
	free(conn->partial->buf);
	free(conn->partial);
	conn->partial = NULL;
}

static int partial_add(struct keel_serve_partial *partial, const char *data,
		       size_t len)
{
	size_t need = partial->len + len;
	size_t max = partial->max ? partial->max : 512;
	char *buf;

	while (max < need)
		max *= 2;
	if (max != partial->max) {
		buf = realloc(partial->buf, max);
		if (!buf)
			return -ENOMEM;
		partial->buf = buf;
		partial->max = max;
	}
	memcpy(partial->buf + partial->len, data, len);
	partial->len += len;
	return 0;
}

static int partial_new(struct keel_serve_conn *conn,
		       const struct keel_http_request *req, const char *data,
		       size_t len)
{
	struct keel_serve_partial *partial = calloc(1, sizeof(*partial));

	if (!partial)
		return -ENOMEM;
	conn->partial = partial;
	partial->req = *req;
	partial->fed = len;
	/* Bytes of a body are not kept; a head is not longer than this. */
	if (len > KEEL_HTTP_MAX_HEAD)
		len = KEEL_HTTP_MAX_HEAD;
	if (partial_add(partial, data, len)) {
		partial_free(conn);
		return -ENOMEM;
	}
	partial->req.head = partial->buf;
	return 0;
}

/* RFC 9110 section 10.1.1. */
static void send_continue(struct keel_stream *stream)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

	keel__serve_send_interim(stream, text, sizeof(text) - 1);
}

/* Parses on; returns the bytes used. */
static size_t partial_feed(struct keel_stream *stream,
			   struct keel_serve_partial *partial, const char *data,
			   size_t len)
{
	struct keel_http_request *req = &partial->req;
	size_t before = partial->len;
	size_t used;

	if (req->head_done) {
		used = keel__http_request_feed(req, partial->buf, data, len);
		partial->fed += used;
		return used;
	}
	if (len > KEEL_HTTP_MAX_HEAD + 1 - before)
		len = KEEL_HTTP_MAX_HEAD + 1 - before;
	if (partial_add(partial, data, len)) {
		fail(stream, -ENOMEM, "request");
		return len;
	}
	used = keel__http_request_feed(req, partial->buf, partial->buf + before,
				       len);
	partial->fed += used;
	return used;
}

/* What it says in a body does not matter, only how long it is. */
int keel__serve_replay(struct keel_serve_conn *conn, const void *head,
		       size_t len, uint64_t fed)
{
	static const char zeroes[4096];
	struct keel_http_request req;
	struct keel_serve_partial *partial;

	if (!len || len > KEEL_HTTP_MAX_HEAD + 1 || fed < len ||
	    fed - len > KEEL_HTTP_MAX_BODY + KEEL_HTTP_MAX_HEAD)
		return -EPROTO;
	keel__http_request_init(&req);
	keel__http_request_feed(&req, head, head, len);
	if (req.status || req.complete)
		return -EPROTO;
	if (partial_new(conn, &req, head, len))
		return -ENOMEM;
	partial = conn->partial;
	while (partial->fed < fed) {
		size_t left = (size_t)(fed - partial->fed);

		if (left > sizeof(zeroes))
			left = sizeof(zeroes);
		keel__http_request_feed(&partial->req, partial->buf, zeroes,
					left);
		if (partial->req.status || partial->req.complete ||
		    !partial->req.head_done)
			return -EPROTO;
		partial->fed += left;
	}
	return 0;
}

static size_t read_on(struct keel_stream *stream, const char *data, size_t len)
{
	struct keel_serve_conn *conn = keel_stream_data(stream);
	struct keel_http_request *req = &conn->partial->req;
	bool had_head = req->head_done;
	size_t used = partial_feed(stream, conn->partial, data, len);

	if (conn->ending)
		return len;
	if (req->status || req->complete) {
		keel_stream_set_deadline(stream, 0);
		keel__serve_respond(stream, req);
		partial_free(conn);
	} else if (!had_head && keel__http_request_expects(req)) {
		send_continue(stream);
	}
	return used;
}

static size_t read_new(struct keel_stream *stream, const char *data, size_t len)
{
	struct keel_serve_worker *worker = keel_stream_arg(stream);
	struct keel_serve_conn *conn = keel_stream_data(stream);
	struct keel_http_request *req = &worker->req;
	size_t used;

	/* RFC 9112 section 2.2: an empty line before a request is ignored. */
	if (*data == '\r' || *data == '\n')
		return 1;
	keel__http_request_init(req);
	used = keel__http_request_feed(req, data, data, len);
	if (req->status || req->complete) {
		keel__serve_respond(stream, req);
		return used;
	}
	if (partial_new(conn, req, data, len)) {
		fail(stream, -ENOMEM, "request");
		return len;
	}
	keel_stream_set_deadline(stream, KEEL_SERVE_REQUEST_MS);
	if (keel__http_request_expects(&conn->partial->req))
		send_continue(stream);
	return len;
}

/* Reads requests until a response is under way. Returns the bytes used. */
static size_t consume(struct keel_stream *stream, const char *data, size_t len)
{
	struct keel_serve_conn *conn = keel_stream_data(stream);
	size_t used = 0;

	while (used < len && !conn->transfer && !conn->ending) {
		if (conn->partial)
			used += read_on(stream, data + used, len - used);
		else
			used += read_new(stream, data + used, len - used);
	}
	return used;
}

static void rest_keep(struct keel_stream *stream, const char *data, size_t len)
{
	struct keel_serve_conn *conn = keel_stream_data(stream);
	struct keel_serve_rest *old = conn->rest;
	size_t old_len = old ? old->len : 0;
	struct keel_serve_rest *rest;

	rest = realloc(old, sizeof(*rest) + old_len + len);
	if (!rest) {
		fail(stream, -ENOMEM, "pipelined requests");
		return;
	}
	rest->off = old ? rest->off : 0;
	rest->len = old_len + len;
	memcpy(rest->buf + old_len, data, len);
	conn->rest = rest;
}

static void on_open(struct keel_stream *stream, const struct keel_hs_info *info)
{
	struct keel_serve_worker *worker = keel_stream_arg(stream);

	keel__metrics_on_open(stream, info);
	/* Accepted when the others left: it follows them. */
	if (worker->leaving)
		keel__give(stream);
}

static void on_data(struct keel_stream *stream, void *data, size_t len)
{
	struct keel_serve_conn *conn = keel_stream_data(stream);
	size_t used;

	if (conn->ending)
		return;
	used = conn->rest ? 0 : consume(stream, data, len);
	if (conn->ending || (used == len && !conn->transfer))
		return;
	keel_stream_pause(stream);
	if (used < len)
		rest_keep(stream, (const char *)data + used, len - used);
}

/* Nothing is under way and nothing waits: is there a reason to end? */
static void end_if_due(struct keel_stream *stream)
{
	struct keel_serve_conn *conn = keel_stream_data(stream);

	if (conn->ending || conn->transfer || conn->rest)
		return;
	if (!conn->eof && !(conn->draining && !conn->partial))
		return;
	conn->ending = true;
	keel_stream_close(stream);
}

/* A response is out: the requests that came meanwhile are next. */
static void go_on(struct keel_stream *stream)
{
	struct keel_serve_conn *conn = keel_stream_data(stream);
	struct keel_serve_rest *rest = conn->rest;

	if (rest) {
		rest->off += consume(stream, rest->buf + rest->off,
				     rest->len - rest->off);
		if (conn->ending || (conn->transfer && rest->off < rest->len))
			return;
		free(rest);
		conn->rest = NULL;
	}
	if (conn->transfer || conn->ending)
		return;
	keel_stream_resume(stream);
	end_if_due(stream);
}

static void on_sent(struct keel_stream *stream)
{
	struct keel_serve_conn *conn = keel_stream_data(stream);

	if (!conn->transfer)
		return;
	if (keel__serve_send_more(stream) && !conn->ending)
		go_on(stream);
}

static void on_eof(struct keel_stream *stream)
{
	struct keel_serve_conn *conn = keel_stream_data(stream);

	conn->eof = true;
	end_if_due(stream);
}

static void on_drain(struct keel_stream *stream)
{
	struct keel_serve_conn *conn = keel_stream_data(stream);

	conn->draining = true;
	end_if_due(stream);
}

void keel__serve_conn_fini(struct keel_serve_conn *conn)
{
	keel__serve_transfer_free(conn);
	partial_free(conn);
	free(conn->rest);
	conn->rest = NULL;
}

static void on_close(struct keel_stream *stream, const struct keel_err *err)
{
	struct keel_serve_conn *conn = keel_stream_data(stream);

	keel__metrics_on_close(stream, err);
	conn->ending = true;
	keel__serve_send_abort(stream);
	keel__serve_conn_fini(conn);
}

const struct keel_stream_ops keel__serve_ops = {
	.on_open = on_open,
	.on_data = on_data,
	.on_sent = on_sent,
	.on_eof = on_eof,
	.on_drain = on_drain,
	.on_close = on_close,
	.on_detach = keel__give_parcel,
};
