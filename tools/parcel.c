/* SPDX-License-Identifier: MIT */
/* keel serve: a connection between two servers. */
#include "tools/parcel-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Facts of one bit. */
enum flag {
	FLAG_LAST = 1 << 0,
	FLAG_EOF = 1 << 1,
	FLAG_PARTIAL = 1 << 2,
	FLAG_TRANSFER = 1 << 3,
	FLAG_STARTED = 1 << 4, /* the stream has the file */
};

/*
 * Numbers as the machine writes them; the parts follow in the order of their
 * lengths.
 */
struct head {
	uint64_t id; /* comes first: keel__parcel_id() */
	uint64_t flags;
	uint64_t conn_len;
	uint64_t partial_len;
	uint64_t rest_len;
	uint64_t buf_len;
	uint64_t log_len;
	uint64_t partial_fed; /* bytes of that request so far */
	uint64_t status;      /* of the response under way, as what follows */
	uint64_t body_len;
	uint64_t tx_before;
	uint64_t offset;
	uint64_t len;
	uint64_t file_offset; /* of what the stream has of the file */
	uint64_t file_len;
};

static const struct keel_serve_transfer no_transfer = {.fd = -1};

static void fill_conn(struct head *head, const struct keel_serve_conn *conn)
{
	head->flags |= conn->last ? FLAG_LAST : 0;
	head->flags |= conn->eof ? FLAG_EOF : 0;
	if (conn->partial) {
		head->flags |= FLAG_PARTIAL;
		head->partial_len = conn->partial->len;
		head->partial_fed = conn->partial->fed;
	}
	if (conn->rest)
		head->rest_len = conn->rest->len - conn->rest->off;
}

static void fill_transfer(struct head *head,
			  const struct keel_serve_transfer *transfer)
{
	head->flags |= FLAG_TRANSFER;
	head->flags |= transfer->started ? FLAG_STARTED : 0;
	head->buf_len = transfer->buf_len - transfer->buf_off;
	if (transfer->page)
		head->buf_len += transfer->page->len - transfer->page_off;
	head->log_len = transfer->log_line ? transfer->log_len : 0;
	head->status = transfer->status;
	head->body_len = transfer->body_len;
	head->tx_before = transfer->tx_before;
	head->offset = (uint64_t)transfer->offset;
	head->len = transfer->len;
}

static uint8_t *put(uint8_t *to, const void *from, size_t len)
{
	if (len)
		memcpy(to, from, len);
	return to + len;
}

static void put_parts(uint8_t *to, const struct head *head,
		      const struct keel_handoff *handoff,
		      const struct keel_serve_conn *conn)
{
	const struct keel_serve_transfer *transfer =
		conn->transfer ? conn->transfer : &no_transfer;

	to = put(to, head, sizeof(*head));
	to = put(to, handoff->conn.data, handoff->conn.len);
	if (conn->partial)
		to = put(to, conn->partial->buf, conn->partial->len);
	if (conn->rest)
		to = put(to, conn->rest->buf + conn->rest->off, head->rest_len);
	if (transfer->buf)
		to = put(to, transfer->buf + transfer->buf_off,
			 transfer->buf_len - transfer->buf_off);
	if (transfer->page)
		to = put(to, transfer->page->data + transfer->page_off,
			 transfer->page->len - transfer->page_off);
	put(to, transfer->log_line, head->log_len);
}

struct keel_parcel *keel__parcel_pack(struct keel_stream *stream,
				      const struct keel_handoff *handoff)
{
	struct keel_serve_conn *conn = keel_stream_data(stream);
	struct head head = {
		.conn_len = handoff->conn.len,
		.file_offset = (uint64_t)handoff->file_offset,
		.file_len = handoff->file_len,
	};
	struct keel_parcel *parcel;
	size_t len;

	fill_conn(&head, conn);
	if (conn->transfer)
		fill_transfer(&head, conn->transfer);
	len = sizeof(head) + head.conn_len + head.partial_len + head.rest_len +
	      head.buf_len + head.log_len;
	parcel = malloc(sizeof(*parcel) + len);
	if (!parcel)
		return NULL;
	*parcel = (struct keel_parcel){
		.worker = keel_stream_arg(stream),
		.fds = {handoff->fd, -1},
		.nr_fds = 1,
		.len = len,
	};
	put_parts(parcel->data, &head, handoff, conn);
	if (conn->transfer && conn->transfer->fd >= 0) {
		parcel->fds[parcel->nr_fds++] = conn->transfer->fd;
		conn->transfer->fd = -1;
	}
	keel__serve_conn_fini(conn);
	return parcel;
}

void keel__parcel_set_id(struct keel_parcel *parcel, uint64_t id)
{
	parcel->id = id;
	memcpy(parcel->data, &id, sizeof(id));
}

uint64_t keel__parcel_id(const void *data, size_t len)
{
	uint64_t id = 0;

	if (len >= sizeof(id))
		memcpy(&id, data, sizeof(id));
	return id;
}

void keel__parcel_free(struct keel_parcel *parcel, bool closes)
{
	if (!parcel)
		return;
	for (unsigned int i = 0; closes && i < parcel->nr_fds; i++)
		close(parcel->fds[i]);
	explicit_bzero(parcel->data, parcel->len);
	free(parcel);
}

/**
 * struct parts - where they lie in a parcel
 */
struct parts {
	struct head head;
	const uint8_t *conn;
	const uint8_t *partial;
	const uint8_t *rest;
	const uint8_t *buf;
	const uint8_t *log;
};

static const uint8_t *part(const uint8_t **at, size_t *left, uint64_t len,
			   bool *is_short)
{
	const uint8_t *from = *at;

	if (len > *left) {
		*is_short = true;
		len = *left;
	}
	*at += len;
	*left -= len;
	return from;
}

static int take_apart(const void *data, size_t len, struct parts *ret_parts)
{
	const uint8_t *at = data;
	bool is_short = false;
	struct head *head = &ret_parts->head;

	if (len < sizeof(*head))
		return -EPROTO;
	memcpy(head, part(&at, &len, sizeof(*head), &is_short), sizeof(*head));
	ret_parts->conn = part(&at, &len, head->conn_len, &is_short);
	ret_parts->partial = part(&at, &len, head->partial_len, &is_short);
	ret_parts->rest = part(&at, &len, head->rest_len, &is_short);
	ret_parts->buf = part(&at, &len, head->buf_len, &is_short);
	ret_parts->log = part(&at, &len, head->log_len, &is_short);
	return is_short || len ? -EPROTO : 0;
}

static void *copy(const void *from, size_t len)
{
	void *to = malloc(len);

	if (to)
		memcpy(to, from, len);
	return to;
}

static int make_transfer(const struct parts *parts, int fd,
			 struct keel_serve_conn *conn)
{
	const struct head *head = &parts->head;
	struct keel_serve_transfer *transfer;

	if (!(head->flags & FLAG_TRANSFER))
		return 0;
	transfer = calloc(1, sizeof(*transfer));
	if (!transfer)
		return -ENOMEM;
	*transfer = (struct keel_serve_transfer){
		.fd = -1,
		.started = head->flags & FLAG_STARTED,
		.offset = (off_t)head->offset,
		.len = head->len,
		.status = (unsigned int)head->status,
		.body_len = head->body_len,
		.tx_before = head->tx_before,
		.buf_len = head->buf_len,
		.log_len = head->log_len,
	};
	conn->transfer = transfer;
	if (head->buf_len)
		transfer->buf = copy(parts->buf, head->buf_len);
	/* A line less in the log, where it was to be written there at all. */
	if (head->log_len)
		transfer->log_line = copy(parts->log, head->log_len);
	if (head->buf_len && !transfer->buf)
		return -ENOMEM;
	transfer->fd = fd;
	return 0;
}

static int make_rest(const struct parts *parts, struct keel_serve_conn *conn)
{
	size_t len = parts->head.rest_len;

	if (!len)
		return 0;
	conn->rest = malloc(sizeof(*conn->rest) + len);
	if (!conn->rest)
		return -ENOMEM;
	*conn->rest = (struct keel_serve_rest){.len = len};
	memcpy(conn->rest->buf, parts->rest, len);
	return 0;
}

/* The connection's own bytes, before there is a stream for them. */
static int make_conn(const struct parts *parts, int file_fd,
		     struct keel_serve_conn *conn)
{
	int err = make_transfer(parts, file_fd, conn);

	conn->last = parts->head.flags & FLAG_LAST;
	conn->eof = parts->head.flags & FLAG_EOF;
	if (!err)
		err = make_rest(parts, conn);
	if (!err && parts->head.flags & FLAG_PARTIAL)
		err = keel__serve_replay(conn, parts->partial,
					 parts->head.partial_len,
					 parts->head.partial_fed);
	return err;
}

static struct keel_ctx *get_ctx(struct keel_serve *serve)
{
	struct keel_ctx *ctx;

	pthread_mutex_lock(&serve->ctx_lock);
	ctx = keel_ctx_ref(serve->ctx);
	pthread_mutex_unlock(&serve->ctx_lock);
	return ctx;
}

static int adopt(struct keel_serve_worker *worker, const struct parts *parts,
		 const int *fds, unsigned int nr_fds,
		 struct keel_stream **ret_stream)
{
	struct keel_serve *serve = worker->serve;
	const struct keel_handoff handoff = {
		.sz = sizeof(handoff),
		.fd = fds[0],
		.conn = {.data = (void *)(uintptr_t)parts->conn,
			 .len = parts->head.conn_len},
		.file_fd = nr_fds > 1 ? fds[1] : -1,
		.file_offset = (off_t)parts->head.file_offset,
		.file_len = parts->head.file_len,
	};
	struct keel_adopt_opts opts = {
		.sz = sizeof(opts),
		.handoff = &handoff,
		.ops = &keel__serve_ops,
		.arg = worker,
		.data_len = sizeof(struct keel_serve_conn),
		.timeouts = keel__serve_timeouts(serve),
	};
	int err;

	opts.ctx = get_ctx(serve);
	err = keel_stream_adopt(worker->loop, &opts, ret_stream);
	keel_ctx_unref(opts.ctx);
	return err;
}

/* As a connection of its own, with no socket to say anything on. */
static int check_conn(struct keel_serve *serve, const struct parts *parts)
{
	const struct keel_conn_opts opts = {.sz = sizeof(opts),
					    .has_socket = true};
	const struct keel_blob blob = {
		.data = (void *)(uintptr_t)parts->conn,
		.len = parts->head.conn_len,
	};
	struct keel_conn *conn = malloc(keel_conn_size());
	struct keel_ctx *ctx;
	int err;

	if (!conn)
		return -ENOMEM;
	ctx = get_ctx(serve);
	err = keel_conn_deserialize(conn, ctx, &opts, &blob);
	if (!err && keel_conn_get_state(conn) != KEEL_CONN_OPEN)
		err = -EOPNOTSUPP;
	keel_conn_fini(conn);
	keel_ctx_unref(ctx);
	free(conn);
	return err;
}

static int open_parcel(const void *data, size_t len, unsigned int nr_fds,
		       struct parts *ret_parts)
{
	int err = take_apart(data, len, ret_parts);

	/* A file is a response's. */
	if (err || !nr_fds || nr_fds > 2 ||
	    (nr_fds == 2 && !(ret_parts->head.flags & FLAG_TRANSFER)))
		return -EPROTO;
	return 0;
}

int keel__parcel_check(struct keel_serve *serve, const void *data, size_t len,
		       unsigned int nr_fds)
{
	struct keel_serve_conn conn = {.partial = NULL};
	struct parts parts;
	int err = open_parcel(data, len, nr_fds, &parts);

	if (err)
		return err;
	err = make_conn(&parts, -1, &conn);
	keel__serve_conn_fini(&conn);
	return err ? err : check_conn(serve, &parts);
}

int keel__parcel_unpack(struct keel_serve_worker *worker, const void *data,
			size_t len, const int *fds, unsigned int nr_fds)
{
	struct keel_serve_conn conn = {.partial = NULL};
	struct keel_stream *stream;
	struct parts parts;
	int err = open_parcel(data, len, nr_fds, &parts);

	if (err)
		return err;
	err = make_conn(&parts, nr_fds > 1 ? fds[1] : -1, &conn);
	if (!err)
		err = adopt(worker, &parts, fds, nr_fds, &stream);
	if (err) {
		if (conn.transfer)
			conn.transfer->fd = -1; /* stays the caller's */
		keel__serve_conn_fini(&conn);
		return err;
	}
	*(struct keel_serve_conn *)keel_stream_data(stream) = conn;
	if (conn.transfer || conn.rest)
		keel_stream_pause(stream);
	if (conn.partial)
		keel_stream_set_deadline(stream, KEEL_SERVE_REQUEST_MS);
	return 0;
}
