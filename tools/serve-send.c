/* SPDX-License-Identifier: MIT */
/* keel serve: responses on their way into the stream, and the access log. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/serve-private.h"

/* Application data sealed so far on the stream's connection. */
static uint64_t tx_bytes(struct keel_stream *stream)
{
	struct keel_conn_info info = {.sz = sizeof(info)};

	if (keel_conn_get_info(keel_stream_conn(stream), &info))
		return 0;
	return info.tx.bytes;
}

static size_t log_begin(struct keel_stream *stream,
			const struct keel_http_request *req, char *line)
{
	struct keel_serve_worker *worker = keel_stream_arg(stream);
	struct sockaddr_storage peer = {0};
	size_t len;
	const char *text = keel__http_request_line(req, &len);

	if (keel_stream_get_peer(stream, &peer))
		peer.ss_family = AF_UNSPEC;
	return keel__accesslog_begin(worker->log, &peer, worker->now, text, len,
				     line);
}

void keel__serve_transfer_free(struct keel_serve_conn *conn)
{
	struct keel_serve_transfer *transfer = conn->transfer;

	if (!transfer)
		return;
	if (transfer->fd >= 0)
		close(transfer->fd);
	keel__listing_page_unref(transfer->page);
	free(transfer->buf);
	free(transfer->log_line);
	free(transfer);
	conn->transfer = NULL;
}

static void end(struct keel_stream *stream)
{
	struct keel_serve_conn *conn = keel_stream_data(stream);

	conn->ending = true;
	keel_stream_close(stream);
}

static void output_drop(const struct keel_serve_output *output)
{
	if (output->fd >= 0)
		close(output->fd);
	keel__listing_page_unref(output->page);
}

/* Keeps what the stream did not take. 0 or -ENOMEM. */
static int transfer_new(struct keel_serve_conn *conn,
			const struct keel_serve_output *output, size_t sent)
{
	struct keel_serve_transfer *transfer = calloc(1, sizeof(*transfer));

	if (!transfer)
		return -ENOMEM;
	if (sent < output->len) {
		transfer->buf_len = output->len - sent;
		transfer->buf = malloc(transfer->buf_len);
		if (!transfer->buf) {
			free(transfer);
			return -ENOMEM;
		}
		memcpy(transfer->buf, output->data + sent, transfer->buf_len);
	}
	transfer->page = output->page;
	transfer->fd = output->fd;
	transfer->offset = output->offset;
	transfer->len = output->file_len;
	transfer->status = output->status;
	transfer->body_len = output->body_len;
	conn->transfer = transfer;
	return 0;
}

/* A log that has no memory loses a line, not a response. */
static void transfer_log(struct keel_stream *stream,
			 const struct keel_http_request *req,
			 uint64_t body_begins)
{
	struct keel_serve_conn *conn = keel_stream_data(stream);
	char line[KEEL_ACCESSLOG_LINE];
	size_t len = log_begin(stream, req, line);

	conn->transfer->log_line = malloc(len);
	if (!conn->transfer->log_line)
		return;
	memcpy(conn->transfer->log_line, line, len);
	conn->transfer->log_len = len;
	conn->transfer->tx_before = body_begins;
}

static void log_now(struct keel_stream *stream,
		    const struct keel_http_request *req,
		    const struct keel_serve_output *output)
{
	struct keel_serve_worker *worker = keel_stream_arg(stream);
	char line[KEEL_ACCESSLOG_LINE];
	size_t len = log_begin(stream, req, line);

	keel__accesslog_end(worker->log, line, len, output->status,
			    output->body_len);
}

static void log_transfer(struct keel_stream *stream, uint64_t body_len)
{
	struct keel_serve_worker *worker = keel_stream_arg(stream);
	struct keel_serve_conn *conn = keel_stream_data(stream);
	const struct keel_serve_transfer *transfer = conn->transfer;

	if (worker->log && transfer->log_line)
		keel__accesslog_end(worker->log, transfer->log_line,
				    transfer->log_len, transfer->status,
				    body_len);
}

/* Gives on from *@off: > 0 when all is given, 0 to wait, or an errno. */
static int send_from(struct keel_stream *stream, const char *data, size_t len,
		     size_t *off)
{
	ssize_t sent;

	if (*off == len)
		return 1;
	sent = keel_stream_send(stream, data + *off, len - *off);
	if (sent < 0)
		return (int)sent;
	*off += (size_t)sent;
	return *off == len;
}

static int start_file(struct keel_stream *stream,
		      struct keel_serve_transfer *transfer)
{
	int err;

	/* Opened with O_NONBLOCK, which asynchronous reads would honour. */
	if (fcntl(transfer->fd, F_SETFL, 0))
		return -errno;
	err = keel_stream_send_file(stream, transfer->fd, transfer->offset,
				    transfer->len);
	if (err)
		return err;
	transfer->started = true;
	return 0;
}

/* One step: > 0 when all is given to the stream, 0 to wait, or an errno. */
static int transfer_step(struct keel_stream *stream,
			 struct keel_serve_transfer *transfer)
{
	const struct keel_listing_page *page = transfer->page;
	int res = send_from(stream, transfer->buf, transfer->buf_len,
			    &transfer->buf_off);

	if (res > 0 && page)
		res = send_from(stream, page->data, page->len,
				&transfer->page_off);
	if (res > 0 && transfer->fd >= 0 && !transfer->started)
		res = start_file(stream, transfer);
	return res;
}

static void step_failed(struct keel_stream *stream, int err)
{
	struct keel_serve_conn *conn = keel_stream_data(stream);

	conn->ending = true;
	keel_stream_abort(stream, err, "response");
}

bool keel__serve_send_more(struct keel_stream *stream)
{
	struct keel_serve_conn *conn = keel_stream_data(stream);
	int res = transfer_step(stream, conn->transfer);

	if (res < 0)
		step_failed(stream, res);
	if (res <= 0)
		return false;
	log_transfer(stream, conn->transfer->body_len);
	keel__serve_transfer_free(conn);
	if (conn->last)
		end(stream);
	return true;
}

void keel__serve_send_abort(struct keel_stream *stream)
{
	struct keel_serve_conn *conn = keel_stream_data(stream);
	uint64_t sent;

	if (!conn->transfer)
		return;
	if (conn->transfer->log_line) {
		sent = tx_bytes(stream);
		sent = sent > conn->transfer->tx_before
			       ? sent - conn->transfer->tx_before
			       : 0;
		if (sent > conn->transfer->body_len)
			sent = conn->transfer->body_len;
		log_transfer(stream, sent);
	}
	keel__serve_transfer_free(conn);
}

void keel__serve_send_interim(struct keel_stream *stream, const char *text,
			      size_t len)
{
	const struct keel_serve_output output = {
		.data = text,
		.len = len,
		.fd = -1,
	};
	ssize_t sent = keel_stream_send(stream, text, len);

	if (sent < 0)
		step_failed(stream, (int)sent);
	else if ((size_t)sent < len &&
		 transfer_new(keel_stream_data(stream), &output, (size_t)sent))
		step_failed(stream, -ENOMEM);
}

void keel__serve_send(struct keel_stream *stream,
		      const struct keel_http_request *req,
		      const struct keel_serve_output *output)
{
	struct keel_serve_worker *worker = keel_stream_arg(stream);
	struct keel_serve_conn *conn = keel_stream_data(stream);
	uint64_t page_len = output->page ? output->page->len : 0;
	uint64_t head_len =
		output->len + page_len + output->file_len - output->body_len;
	uint64_t before = worker->log ? tx_bytes(stream) : 0;
	ssize_t sent = keel_stream_send(stream, output->data, output->len);
	int res;

	if (sent < 0) {
		output_drop(output);
		step_failed(stream, (int)sent);
		return;
	}
	if ((size_t)sent == output->len && !output->waits && output->fd < 0) {
		if (worker->log)
			log_now(stream, req, output);
		output_drop(output);
		if (conn->last)
			end(stream);
		return;
	}
	if (transfer_new(conn, output, (size_t)sent)) {
		output_drop(output);
		step_failed(stream, -ENOMEM);
		return;
	}
	if (worker->log)
		transfer_log(stream, req, before + head_len);
	/* A file or a page begins in the same turn, behind its head. */
	res = (size_t)sent < output->len
		      ? 0
		      : transfer_step(stream, conn->transfer);
	if (res < 0)
		step_failed(stream, res);
}
