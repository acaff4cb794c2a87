/* SPDX-License-Identifier: MIT */
/* Two connections joined by memory, and what each was told. */
#include "tests/support/pipe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base-private.h"
#include "lib/core/conn-private.h"
#include "lib/registry/registry-private.h"
#include "tests/support/fake_ktls.h"

const struct pipe_row pipe_rows[] = {
	{.name = "null 1.3", .backend = "null", .version = KEEL_TLS1_3},
	{.name = "null 1.2", .backend = "null", .version = KEEL_TLS1_2},
	{.name = "openssl 1.3", .backend = "openssl", .version = KEEL_TLS1_3},
	{.name = "openssl 1.2", .backend = "openssl", .version = KEEL_TLS1_2},
	{.name = NULL},
};

static void die(const char *what, int r)
{
	fprintf(stderr, "pipe: %s: %s\n", what, strerror(-r));
	abort();
}

void bytes_add(struct bytes *bytes, const void *data, size_t len)
{
	size_t cap = bytes->cap ? bytes->cap : 256;

	if (!len)
		return;
	while (cap - bytes->len < len)
		cap *= 2;
	if (cap != bytes->cap) {
		bytes->data = realloc(bytes->data, cap);
		if (!bytes->data)
			die("memory", -12);
		bytes->cap = cap;
	}
	memcpy(bytes->data + bytes->len, data, len);
	bytes->len += len;
}

void bytes_drop(struct bytes *bytes, size_t len)
{
	assert(len <= bytes->len);
	bytes->len -= len;
	if (bytes->len)
		memmove(bytes->data, bytes->data + len, bytes->len);
}

void bytes_fini(struct bytes *bytes)
{
	free(bytes->data);
	*bytes = (struct bytes){.data = NULL};
}

struct keel_registry *pipe_registry(void)
{
	static struct keel_registry *registry;
	static struct keel_backend null;
	int r;

	if (registry)
		return registry;
	null = keel__backend_null;
	null.caps |= KEEL_CAP_RESUME;
	r = keel_registry_new(&registry);
	if (r >= 0)
		r = keel_registry_add(registry, &keel__backend_openssl);
	if (r >= 0)
		r = keel_registry_add(registry, &null);
	if (r < 0)
		die("registry", r);
	return registry;
}

struct keel_ctx *pipe_ctx(enum keel_role role, const struct pipe_row *row,
			  void (*tune)(struct keel_config *config))
{
	bool needs_cert = role == KEEL_SERVER && strcmp(row->backend, "null");
	struct keel_config *config;
	struct keel_ctx *ctx;
	int r = keel_config_new(role, &config);

	if (r >= 0)
		r = keel_config_set_backend(config, row->backend);
	if (r >= 0)
		r = keel_config_set_versions(config, row->version,
					     row->version);
	if (r >= 0)
		r = keel_config_set_verify(config, KEEL_VERIFY_NONE);
	if (r >= 0 && needs_cert)
		r = keel_config_set_self_signed(config, "localhost");
	if (r < 0)
		die("config", r);
	if (tune)
		tune(config);
	r = keel_ctx_new(config, pipe_registry(), &ctx);
	if (r < 0)
		die(keel_config_diag(config)->text, r);
	keel_config_free(config);
	return ctx;
}

static void end_init(struct pipe_end *end, struct pipe_end *peer,
		     struct keel_ctx *ctx, struct fake_ktls *sock)
{
	struct keel_conn_opts opts = {
		.sz = sizeof(opts),
		.has_socket = sock != NULL,
		.id = keel_ctx_get_role(ctx),
		.host = keel_ctx_get_role(ctx) == KEEL_CLIENT ? "localhost"
							      : NULL,
	};
	int r;

	*end = (struct pipe_end){.peer = peer, .sock = sock};
	if (sock)
		sock->be = ctx->be;
	r = keel_conn_new(ctx, &opts, &end->conn);
	if (r < 0)
		die("connection", r);
}

void pipe_init(struct conn_pipe *pipe, struct keel_ctx *client,
	       struct keel_ctx *server)
{
	pipe_init_socks(pipe, client, server, NULL, NULL);
}

void pipe_init_socks(struct conn_pipe *pipe, struct keel_ctx *client,
		     struct keel_ctx *server, struct fake_ktls *client_sock,
		     struct fake_ktls *server_sock)
{
	end_init(&pipe->client, &pipe->server, client, client_sock);
	end_init(&pipe->server, &pipe->client, server, server_sock);
}

static void end_fini(struct pipe_end *end)
{
	if (end->sock)
		fake_ktls_fini(end->sock);
	end->conn = keel_conn_free(end->conn);
	bytes_fini(&end->wire);
	bytes_fini(&end->got);
	bytes_fini(&end->session);
}

void pipe_fini(struct conn_pipe *pipe)
{
	end_fini(&pipe->client);
	end_fini(&pipe->server);
}

static void note(char *log, size_t room, char letter)
{
	size_t len = strlen(log);

	if (len + 1 < room && (letter != 'D' || !len || log[len - 1] != 'D'))
		log[len] = letter;
}

static void copy_name(char *to, size_t room, const void *from, size_t len)
{
	len = keel__min_size(len, room - 1);
	if (len)
		memcpy(to, from, len);
	to[len] = '\0';
}

static void on_event(struct pipe_end *end, const struct keel_event *ev)
{
	static const char letters[] = "?ODSEXCF";

	note(end->events, sizeof(end->events), letters[ev->type]);
	switch (ev->type) {
	case KEEL_EVENT_OPEN:
		copy_name(end->alpn, sizeof(end->alpn), ev->info->alpn,
			  ev->info->alpn_len);
		copy_name(end->sni, sizeof(end->sni), ev->info->sni,
			  ev->info->sni ? strlen(ev->info->sni) : 0);
		end->version = ev->info->version;
		end->resumed = ev->info->resumed;
		break;
	case KEEL_EVENT_DATA:
		bytes_add(&end->got, ev->data, ev->len);
		break;
	case KEEL_EVENT_SESSION:
		end->session.len = 0;
		bytes_add(&end->session, ev->data, ev->len);
		break;
	case KEEL_EVENT_EOF:
	case KEEL_EVENT_CUT:
	case KEEL_EVENT_CLOSED:
	case KEEL_EVENT_FAILED:
		break;
	}
}

bool pipe_end_events(struct pipe_end *end)
{
	struct keel_event ev;
	bool any = false;
	int r;

	while ((r = keel_conn_next_event(end->conn, &ev)) == 1) {
		on_event(end, &ev);
		any = true;
	}
	if (r < 0)
		die("next_event", r);
	return any;
}

static void answer(struct pipe_end *end, enum keel_op_type type, ssize_t res)
{
	int r = keel_conn_op_done(end->conn, type, res);

	if (r < 0)
		die("op_done", r);
}

static void do_send(struct pipe_end *end, const struct keel_op *op)
{
	bool is_record = op->type == KEEL_OP_SEND_RECORD;
	uint8_t type = is_record ? op->record_type : KEEL__RECORD_DATA;
	size_t n = op->len;
	ssize_t r;

	if (end->max_write && n > end->max_write)
		n = end->max_write;
	r = (ssize_t)n;
	if (end->sock)
		r = fake_ktls_send(end->sock, &end->peer->wire, &end->wire,
				   type, op->data, n);
	else
		bytes_add(&end->wire, op->data, n);
	answer(end, op->type, r);
}

static void do_option(struct pipe_end *end, const struct keel_op *op)
{
	int r = -EAGAIN;

	if (op->is_ordered && end->nr_again)
		end->nr_again--;
	else if (op->type == KEEL_OP_SETSOCKOPT)
		r = fake_ktls_set(end->sock, op);
	else
		r = fake_ktls_get(end->sock, op);
	if (end->wants_recv && end->sock->rx.t.suite)
		die("bytes are wanted while the keys are set", -EIO);
	answer(end, op->type, r);
}

static void want_option(struct pipe_end *end, const struct keel_op *op)
{
	if (!end->sock)
		die("an operation for a socket", -ENOTSOCK);
	if (op->name == end->late_name)
		end->held = *op;
	else
		do_option(end, op);
}

void pipe_end_release(struct pipe_end *end)
{
	struct keel_op op = end->held;

	end->late_name = 0;
	end->held = (struct keel_op){.len = 0};
	if (op.type)
		do_option(end, &op);
}

static void do_op(struct pipe_end *end, const struct keel_op *op)
{
	static const char letters[] = "?RWSCogQrw";

	note(end->ops, sizeof(end->ops), letters[op->type]);
	switch (op->type) {
	case KEEL_OP_RECV:
		if (end->sock && end->sock->rx.t.suite)
			die("bytes from a socket that has records", -EIO);
		end->wants_recv = true;
		end->recv_len = op->len;
		break;
	case KEEL_OP_RECV_STOP:
		end->wants_recv = false;
		answer(end, op->type, 0);
		break;
	case KEEL_OP_RECV_RECORD:
		end->wants_record = true;
		break;
	case KEEL_OP_SEND:
	case KEEL_OP_SEND_RECORD:
		do_send(end, op);
		break;
	case KEEL_OP_SETSOCKOPT:
	case KEEL_OP_GETSOCKOPT:
		want_option(end, op);
		break;
	case KEEL_OP_SHUTDOWN:
		end->is_shut = true;
		answer(end, KEEL_OP_SHUTDOWN, 0);
		break;
	case KEEL_OP_CLOSE:
		end->is_shut = true;
		end->is_closed = true;
		break;
	}
}

bool pipe_end_ops(struct pipe_end *end)
{
	struct keel_op op;
	bool any = false;
	int r;

	while (!end->is_closed &&
	       (r = keel_conn_next_op(end->conn, &op)) != 0) {
		if (r < 0)
			die("next_op", r);
		do_op(end, &op);
		any = true;
	}
	return any;
}

void pipe_end_feed(struct pipe_end *end, const void *data, size_t len)
{
	/* A block of its own, so that a sanitizer sees who reads too far. */
	uint8_t *copy = malloc(len);
	int r;

	if (!copy)
		die("memory", -12);
	memcpy(copy, data, len);
	end->wants_recv = false;
	end->nr_reads++;
	r = keel_conn_input(end->conn, copy, len);
	if (r < 0)
		die("input", r);
	pipe_end_events(end);
	free(copy);
}

/* No memory that the one before stood in: see pipe_end_feed(). */
static bool read_record(struct pipe_end *end, bool *ret_over)
{
	size_t room = end->sock->max_recv ? end->sock->max_recv : 65536;
	uint8_t *buf = malloc(room);
	ssize_t n;
	int type;
	int r;

	if (!buf)
		die("memory", -12);
	n = fake_ktls_recv(end->sock, &end->peer->wire, end->peer->is_shut,
			   &type, buf, room);
	end->wants_record = n == -EAGAIN;
	if (type >= 0) {
		end->nr_reads++;
		r = keel_conn_input_record(end->conn, (uint8_t)type, buf,
					   (size_t)n);
		if (r < 0)
			die("input of a record", r);
	} else if (n != -EAGAIN) {
		answer(end, KEEL_OP_RECV_RECORD, n);
	}
	pipe_end_events(end);
	free(buf);
	*ret_over = n < 0 || type < 0;
	return n != -EAGAIN;
}

static bool read_bytes(struct pipe_end *end)
{
	struct bytes *wire = &end->peer->wire;
	size_t n = wire->len;
	uint8_t *copy;

	if (end->max_read && n > end->max_read)
		n = end->max_read;
	if (end->recv_len && n > end->recv_len)
		n = end->recv_len;
	if (n) {
		copy = malloc(n);
		if (!copy)
			die("memory", -12);
		memcpy(copy, wire->data, n);
		bytes_drop(wire, n);
		pipe_end_feed(end, copy, n);
		free(copy);
		return true;
	}
	if (!end->peer->is_shut || end->is_told)
		return false;
	end->is_told = true;
	end->wants_recv = false;
	answer(end, KEEL_OP_RECV, 0);
	return true;
}

bool pipe_end_read(struct pipe_end *end)
{
	bool any = false;
	bool is_over;

	if (end->is_closed || end->is_deaf)
		return false;
	if (end->wants_record && end->is_multishot) {
		do
			any |= read_record(end, &is_over);
		while (!is_over);
		return any;
	}
	if (end->wants_record)
		return read_record(end, &is_over);
	return end->wants_recv && read_bytes(end);
}

void pipe_run(struct conn_pipe *pipe)
{
	struct pipe_end *const ends[] = {&pipe->client, &pipe->server};
	bool moved = true;

	while (moved) {
		moved = false;
		for (size_t i = 0; i < KEEL__ARRAY_LEN(ends); i++) {
			moved |= pipe_end_ops(ends[i]);
			moved |= pipe_end_read(ends[i]);
			moved |= pipe_end_events(ends[i]);
		}
	}
}

void pipe_open(struct conn_pipe *pipe, const struct pipe_row *row,
	       void (*tune)(struct keel_config *config))
{
	struct keel_ctx *client = pipe_ctx(KEEL_CLIENT, row, tune);
	struct keel_ctx *server = pipe_ctx(KEEL_SERVER, row, tune);

	pipe_init(pipe, client, server);
	keel_ctx_unref(client);
	keel_ctx_unref(server);
	pipe_run(pipe);
	if (keel_conn_get_state(pipe->client.conn) != KEEL_CONN_OPEN ||
	    keel_conn_get_state(pipe->server.conn) != KEEL_CONN_OPEN)
		die(row->name, -71);
}

void pipe_end_forge(struct pipe_end *from, uint8_t type, const void *data,
		    size_t len)
{
	struct keel_traffic *tx = &from->conn->tx;
	size_t room = keel__record_prefix_len(tx->suite) + len +
		      keel__record_suffix_len(tx->suite);
	uint8_t *rec = malloc(room);
	ssize_t r;

	if (!rec)
		die("memory", -12);
	/* NULL would mean: it stands in its place already. */
	r = keel__record_seal(tx, from->conn->ctx->be, type, len ? data : "",
			      len, rec);
	if (r < 0)
		die("forge", (int)r);
	bytes_add(&from->wire, rec, (size_t)r);
	free(rec);
}

uint8_t pipe_end_unseal(struct pipe_end *from, struct bytes *ret_text)
{
	struct keel_traffic *rx = &from->peer->conn->rx;
	struct keel__record_header h;
	struct keel__record record;
	uint8_t alert;
	size_t len;
	int r;

	if (from->wire.len < KEEL__RECORD_HEADER_LEN)
		return 0;
	keel__record_header_read(from->wire.data, &h);
	len = KEEL__RECORD_HEADER_LEN + (size_t)h.len;
	if (from->wire.len < len)
		return 0;
	record.type = h.type;
	record.data = from->wire.data + KEEL__RECORD_HEADER_LEN;
	record.len = h.len;
	if (rx->suite) {
		r = keel__record_open(rx, from->peer->conn->ctx->be,
				      from->wire.data, len, &record, &alert);
		if (r < 0)
			die("unseal", r);
	}
	ret_text->len = 0;
	bytes_add(ret_text, record.data, record.len);
	bytes_drop(&from->wire, len);
	return record.type;
}

void pipe_end_next_keys(struct pipe_end *end, enum keel_dir dir)
{
	struct keel_conn *conn = end->conn;
	struct keel_traffic *t = dir == KEEL_TX ? &conn->tx : &conn->rx;
	int r = keel__traffic_update(t, conn->ctx->be);

	if (r < 0)
		die("next keys", r);
}
