/* SPDX-License-Identifier: MIT */
/* The handshake as a connection sees it: records in, bounds, the way out. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <keel/conn.h>

#include "lib/base/base-private.h"
#include "lib/core/conn-private.h"
#include "lib/registry/registry-private.h"
#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tests/support/pipe.h"

static void init_pair(struct conn_pipe *pipe, const struct pipe_row *on,
		      void (*tune)(struct keel_config *config))
{
	struct keel_ctx *client = pipe_ctx(KEEL_CLIENT, on, tune);
	struct keel_ctx *server = pipe_ctx(KEEL_SERVER, on, tune);

	pipe_init(pipe, client, server);
	keel_ctx_unref(client);
	keel_ctx_unref(server);
}

static void check_open(const char *name, struct conn_pipe *pipe)
{
	struct pipe_end *const ends[] = {&pipe->client, &pipe->server};

	for (size_t i = 0; i < 2; i++) {
		REQUIRE_INT(name, KEEL_CONN_OPEN,
			    keel_conn_get_state(ends[i]->conn));
		CHECK_INT(name, 'O', ends[i]->events[0]);
		CHECK_INT(name, 2, keel_conn_send(ends[i]->conn, "hi", 2));
	}
	pipe_run(pipe);
	for (size_t i = 0; i < 2; i++) {
		REQUIRE_INT(name, 2, ends[i]->got.len);
		CHECK_MEM(name, "hi", ends[i]->got.data, 2);
	}
}

CASE(handshake__any_read_size, "Reads of any size come to the same")
{
	static const size_t sizes[] = {0, 1, 2, 4, 5, 6, 7, 100, 1000};

	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		for (size_t i = 0; i < KEEL__ARRAY_LEN(sizes); i++) {
			struct conn_pipe pipe;

			init_pair(&pipe, on, NULL);
			pipe.client.max_read = sizes[i];
			pipe.server.max_read = sizes[i];
			pipe.client.max_write = sizes[i] + 3;
			pipe_run(&pipe);
			check_open(on->name, &pipe);
			pipe_fini(&pipe);
		}
	}
}

CASE(handshake__every_split_point,
     "A hello cut in two at every byte, with the null backend")
{
	for (size_t row = 0; row < 2; row++) {
		for (size_t cut = 1;; cut++) {
			struct conn_pipe pipe;
			bool is_last;

			init_pair(&pipe, &pipe_rows[row], NULL);
			pipe_end_ops(&pipe.client);
			pipe_end_ops(&pipe.server);
			is_last = cut + 1 == pipe.client.wire.len;
			pipe.server.max_read = cut;
			ATF_CHECK(pipe_end_read(&pipe.server));
			CHECK_INT("state", KEEL_CONN_NEW,
				  keel_conn_get_state(pipe.server.conn));
			pipe.server.max_read = 0;
			pipe_run(&pipe);
			check_open(pipe_rows[row].name, &pipe);
			pipe_fini(&pipe);
			if (is_last)
				break;
		}
	}
}

CASE(handshake__data_in_the_same_read,
     "Data behind the last handshake record is data")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		struct conn_pipe pipe;

		init_pair(&pipe, on, NULL);
		pipe.server.is_deaf = true;
		/* The server reads a whole flight at a time, never a part. */
		while (keel_conn_get_state(pipe.client.conn) !=
		       KEEL_CONN_OPEN) {
			pipe_run(&pipe);
			if (keel_conn_get_state(pipe.client.conn) ==
			    KEEL_CONN_OPEN)
				break;
			pipe.server.is_deaf = false;
			ATF_REQUIRE(pipe_end_read(&pipe.server));
			pipe.server.is_deaf = true;
		}
		/* TLS 1.2 and null: the server is open already. */
		CHECK_INT(on->name, 5,
			  keel_conn_send(pipe.client.conn, "early", 5));
		pipe_end_ops(&pipe.client);
		pipe.server.is_deaf = false;
		ATF_REQUIRE(pipe_end_read(&pipe.server));
		ATF_CHECK_STREQ("OD", pipe.server.events);
		CHECK_INT(on->name, 5, pipe.server.got.len);
		pipe_run(&pipe);
		pipe_fini(&pipe);
	}
}

static void want_alpn(struct keel_config *config)
{
	ATF_REQUIRE_EQ(0, keel_config_set_alpn(config, "h2,http/1.1"));
}

CASE(handshake__tells_what_was_agreed,
     "ALPN, SNI and version; the backend's object is gone afterwards, a "
     "server's when it has no tickets left to make")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		struct keel_conn_info info = {.sz = sizeof(info)};
		struct conn_pipe pipe;

		init_pair(&pipe, on, want_alpn);
		pipe_run(&pipe);
		ATF_CHECK_STREQ("h2", pipe.client.alpn);
		ATF_CHECK_STREQ("h2", pipe.server.alpn);
		ATF_CHECK_STREQ("", pipe.client.sni);
		ATF_CHECK_STREQ("localhost", pipe.server.sni);
		CHECK_INT(on->name, on->version, pipe.client.version);
		CHECK_INT(on->name, on->version, pipe.server.version);
		ATF_REQUIRE_EQ(0, keel_conn_get_info(pipe.server.conn, &info));
		CHECK_INT(on->name, on->version, info.version);
		CHECK_INT(on->name, on->version, info.suite->version);
		CHECK_INT(on->name, KEEL_ENGINE_USER, info.tx.engine);
		CHECK_INT(on->name, KEEL_REASON_DRIVER, info.tx.reason);
		keel_conn_trim(pipe.server.conn);
		CHECK_INT(on->name, true, !pipe.server.conn->hs);
		CHECK_INT(on->name, true, !pipe.client.conn->hs);
		CHECK_INT(on->name, true, !pipe.server.conn->stash.data);
		pipe_fini(&pipe);
	}
}

CASE(handshake__client_begins_by_itself,
     "Whichever of next_op and next_event comes first makes the hello")
{
	struct conn_pipe pipe;
	struct keel_event ev;
	struct keel_op op;

	init_pair(&pipe, &pipe_rows[0], NULL);
	ATF_CHECK_EQ(1, keel_conn_next_op(pipe.client.conn, &op));
	ATF_CHECK_EQ(KEEL_OP_SEND, op.type);
	ATF_CHECK_EQ(1, keel_conn_next_op(pipe.client.conn, &op));
	ATF_CHECK_EQ(KEEL_OP_RECV, op.type);
	ATF_CHECK_EQ(0, keel_conn_next_op(pipe.client.conn, &op));
	pipe_fini(&pipe);

	init_pair(&pipe, &pipe_rows[0], NULL);
	ATF_CHECK_EQ(0, keel_conn_next_event(pipe.client.conn, &ev));
	ATF_CHECK_EQ(KEEL_CONN_HANDSHAKE,
		     keel_conn_get_state(pipe.client.conn));
	ATF_CHECK_EQ(1, keel_conn_next_op(pipe.client.conn, &op));
	ATF_CHECK_EQ(KEEL_OP_SEND, op.type);
	pipe_fini(&pipe);
}

CASE(handshake__silence_costs_nothing,
     "A peer that says little gets the connection's struct and its own bytes")
{
	struct conn_pipe pipe;
	struct keel_conn *conn;

	init_pair(&pipe, &pipe_rows[2], NULL);
	conn = pipe.server.conn;
	pipe_end_ops(&pipe.server);
	ATF_CHECK(!conn->hs && !conn->stash.data && !conn->out.data);
	/* The header claims 16 KiB. */
	pipe_end_feed(&pipe.server, "\26\3\1\100\0", 5);
	ATF_CHECK_EQ(KEEL_CONN_NEW, keel_conn_get_state(conn));
	ATF_CHECK(!conn->hs);
	ATF_CHECK_EQ(5, conn->stash.len);
	ATF_CHECK(conn->stash.cap <= 64);
	for (int i = 0; i < 1000; i++)
		pipe_end_feed(&pipe.server, "x", 1);
	ATF_CHECK(!conn->hs);
	ATF_CHECK(conn->stash.cap <= 2048);
	ATF_CHECK_EQ(0, pipe.server.wire.len);
	pipe_fini(&pipe);
}

/* First bytes that begin no handshake, and the alert they get in the clear. */
static const struct {
	const char *name;
	const char *data;
	size_t len;
	uint8_t alert;
	const char *site;
} firsts[] = {
	{"HTTP GET", "GET / HTTP/1.1\r\n\r\n", 18, 10,
	 "the peer speaks plain HTTP, not TLS"},
	{"HTTP POST", "POST /", 6, 10, "the peer speaks plain HTTP, not TLS"},
	{"HTTP/2", "PRI * HTTP/2.0\r\n", 16, 10,
	 "the peer speaks plain HTTP/2, not TLS"},
	{"HTTP answer", "HTTP/1.1 400", 12, 10,
	 "the peer answers in plain HTTP, not TLS"},
	{"SSH", "SSH-2.0-x", 9, 10, "the peer speaks SSH, not TLS"},
	{"PROXY", "PROXY TCP4", 10, 10,
	 "the peer sends a PROXY protocol header, not TLS"},
	{"SSLv2", "\200\56\1\3\1", 5, 10, "the peer does not speak TLS"},
	{"zeros", "\0\0\0\0\0", 5, 10, "the peer does not speak TLS"},
	{"application data", "\27\3\3\0\1x", 6, 10,
	 "a record does not belong into the handshake"},
	{"major 2", "\26\2\0\0\5", 5, 70,
	 "a record does not belong into the handshake"},
	{"major 4", "\26\4\0\0\5", 5, 70,
	 "a record does not belong into the handshake"},
	{"2^14 + 1", "\26\3\1\100\1", 5, 22, "a handshake record is too long"},
	{"2^16 - 1", "\26\3\1\377\377", 5, 22,
	 "a handshake record is too long"},
};

static void check_first(size_t i, bool is_client, size_t max_read)
{
	struct conn_pipe pipe;
	struct pipe_end *end = is_client ? &pipe.client : &pipe.server;
	const char *name = firsts[i].name;
	const uint8_t alert[] = {21, 3, 3, 0, 2, 2, firsts[i].alert};
	const struct keel_err *err;

	init_pair(&pipe, &pipe_rows[2], NULL);
	err = keel_conn_err(end->conn);
	pipe_end_ops(end);
	end->wire.len = 0;
	for (size_t at = 0; at < firsts[i].len; at += max_read)
		pipe_end_feed(end, firsts[i].data + at,
			      keel__min_size(firsts[i].len - at, max_read));
	pipe_end_ops(end);
	CHECK_INT(name, -EPROTO, err->err);
	CHECK_INT(name, KEEL_ERR_SENT_ALERT, err->origin);
	CHECK_INT(name, firsts[i].alert, err->alert);
	ATF_CHECK_MSG(err->site && !strcmp(firsts[i].site, err->site), "%s: %s",
		      name, err->site);
	REQUIRE_INT(name, sizeof(alert), end->wire.len);
	CHECK_MEM(name, alert, end->wire.data, sizeof(alert));
	ATF_CHECK_STREQ("F", end->events);
	CHECK_INT(name, true, end->is_shut && !end->is_closed);
	pipe_fini(&pipe);
}

CASE(handshake__refuses_first_bytes,
     "What is no TLS gets an alert in the clear and a site that says what")
{
	for (size_t i = 0; i < KEEL__ARRAY_LEN(firsts); i++) {
		for (int is_client = 0; is_client < 2; is_client++) {
			check_first(i, is_client, 1000);
			check_first(i, is_client, 1);
		}
	}
}

CASE(handshake__refuses_later_headers,
     "A bad header when alerts are protected: the backend answers, or nobody")
{
	static const struct {
		const char *name;
		const char *header;
	} headers[] = {
		{"type", "\11\3\3\0\1"},
		{"major", "\26\11\3\0\1"},
		{"length", "\27\3\3\101\1"},
	};

	for (size_t row = 2; row < 4; row++) {
		for (size_t i = 0; i < KEEL__ARRAY_LEN(headers); i++) {
			const char *name = headers[i].name;
			const struct keel_err *err;
			struct conn_pipe pipe;
			size_t flight;

			init_pair(&pipe, &pipe_rows[row], NULL);
			err = keel_conn_err(pipe.server.conn);
			pipe_end_ops(&pipe.client);
			pipe_end_ops(&pipe.server);
			pipe_end_read(&pipe.server);
			pipe_end_ops(&pipe.server);
			CHECK_INT(name, KEEL_CONN_HANDSHAKE,
				  keel_conn_get_state(pipe.server.conn));
			flight = pipe.server.wire.len;
			pipe_end_feed(&pipe.server, headers[i].header, 5);
			pipe_end_ops(&pipe.server);
			CHECK_INT(name, KEEL_CONN_FAILED,
				  keel_conn_get_state(pipe.server.conn));
			CHECK_INT(name, -EPROTO, err->err);
			CHECK_INT(name, KEEL_ERR_SENT_ALERT, err->origin);
			CHECK_INT(name, true,
				  pipe.server.wire.len > flight + 6);
			pipe_run(&pipe);
			/* The client could read it. */
			CHECK_INT(name, KEEL_ERR_PEER_ALERT,
				  keel_conn_err(pipe.client.conn)->origin);
			pipe_fini(&pipe);
		}
	}
}

static void want_h2(struct keel_config *config)
{
	ATF_REQUIRE_EQ(0, keel_config_set_alpn(config, "h2"));
}

static void want_http1(struct keel_config *config)
{
	ATF_REQUIRE_EQ(0, keel_config_set_alpn(config, "http/1.1"));
}

CASE(handshake__failure_of_the_backend,
     "Its alert reaches the peer; both sides know which, and both close")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		struct keel_ctx *client = pipe_ctx(KEEL_CLIENT, on, want_h2);
		struct keel_ctx *server = pipe_ctx(KEEL_SERVER, on, want_http1);
		const struct keel_err *err;
		struct conn_pipe pipe;

		pipe_init(&pipe, client, server);
		pipe_run(&pipe);
		err = keel_conn_err(pipe.server.conn);
		CHECK_INT(on->name, -EPROTO, err->err);
		CHECK_INT(on->name, KEEL_ERR_SENT_ALERT, err->origin);
		CHECK_INT(on->name, KEEL_ALERT_NO_APPLICATION_PROTOCOL,
			  err->alert);
		err = keel_conn_err(pipe.client.conn);
		CHECK_INT(on->name, -ECONNRESET, err->err);
		CHECK_INT(on->name, KEEL_ERR_PEER_ALERT, err->origin);
		CHECK_INT(on->name, KEEL_ALERT_NO_APPLICATION_PROTOCOL,
			  err->alert);
		ATF_CHECK_STREQ("F", pipe.client.events);
		ATF_CHECK_STREQ("F", pipe.server.events);
		CHECK_INT(on->name, true, pipe.client.is_closed);
		CHECK_INT(on->name, true, pipe.server.is_closed);
		CHECK_INT(on->name, true, !pipe.server.conn->hs);
		pipe_fini(&pipe);
		keel_ctx_unref(client);
		keel_ctx_unref(server);
	}
}

CASE(handshake__alert_of_the_peer,
     "After the peer's alert nothing more is sent, and nothing waited for")
{
	struct conn_pipe pipe;

	init_pair(&pipe, &pipe_rows[3], NULL);
	pipe_end_ops(&pipe.client);
	pipe_end_ops(&pipe.server);
	pipe_end_read(&pipe.server);
	/* Its flight is in the queue. */
	ATF_CHECK(keel__conn_out_len(pipe.server.conn) > 100);
	pipe_end_feed(&pipe.server, "\25\3\3\0\2\2\50", 7);
	pipe_end_ops(&pipe.server);
	ATF_CHECK_EQ(-ECONNRESET, keel_conn_err(pipe.server.conn)->err);
	ATF_CHECK_EQ(40, keel_conn_err(pipe.server.conn)->alert);
	ATF_CHECK_EQ(0, pipe.server.wire.len);
	ATF_CHECK(pipe.server.is_closed);
	pipe_fini(&pipe);
}

CASE(handshake__forgets_its_options,
     "Host and session are kept until the handshake begins, not longer")
{
	struct keel_ctx *client = pipe_ctx(KEEL_CLIENT, &pipe_rows[0], NULL);
	struct keel_conn_opts opts = {
		.sz = sizeof(opts),
		.host = "localhost",
		.session = "blob",
		.session_len = 4,
	};
	struct keel_conn *conn;
	struct keel_event ev;

	ATF_REQUIRE_EQ(0, keel_conn_new(client, &opts, &conn));
	ATF_CHECK_STREQ("localhost", conn->hs->host);
	ATF_CHECK_EQ(4, conn->hs->session.len);
	ATF_CHECK_EQ(0, keel_conn_next_event(conn, &ev));
	ATF_CHECK_EQ(KEEL_CONN_HANDSHAKE, keel_conn_get_state(conn));
	ATF_CHECK(!conn->hs->host && !conn->hs->session.data);
	/* Closed before it was sent, the hello goes nowhere. */
	ATF_CHECK(keel__conn_out_len(conn) > 0);
	ATF_CHECK_EQ(0, keel_conn_close(conn));
	ATF_CHECK_EQ(0, keel__conn_out_len(conn));
	keel_conn_free(conn);
	keel_ctx_unref(client);
}

/* A backend that does as it is told; otherwise null. */
static struct {
	int hs_new;	 /* what the slot returns, 0: what null does */
	int hs_export;	 /* the same */
	int nr_wanted;	 /* records swallowed before null gets one */
	size_t nr_bytes; /* to send for each of them */
} script;

static int script_hs_new(void *ctx, const struct keel_hs_params *params,
			 void **ret_hs)
{
	if (script.hs_new)
		return script.hs_new;
	return keel__backend_null.hs_new(ctx, params, ret_hs);
}

static int script_hs_step(void *hs, void *rec, size_t len, keel_sink_fn sink,
			  void *arg, struct keel_err *ret_err)
{
	static const char zeros[1024];
	int r = 0;

	if (!rec || !script.nr_wanted)
		return keel__backend_null.hs_step(hs, rec, len, sink, arg,
						  ret_err);
	script.nr_wanted--;
	for (size_t n = 0; n < script.nr_bytes && !r; n += sizeof(zeros))
		r = sink(arg, zeros, sizeof(zeros));
	if (r < 0)
		*ret_err = (struct keel_err){.err = r,
					     .origin = KEEL_ERR_SYS,
					     .site = "script: sink"};
	return r < 0 ? r : KEEL_HS_WANT_RECORD;
}

static int script_hs_export(void *hs, enum keel_dir dir,
			    struct keel_export *ret_export)
{
	if (script.hs_export && dir == KEEL_RX)
		return script.hs_export;
	return keel__backend_null.hs_export(hs, dir, ret_export);
}

/* A server of its own backend, and a client of null. */
static void init_scripted(struct conn_pipe *pipe)
{
	struct keel_ctx *client = pipe_ctx(KEEL_CLIENT, &pipe_rows[0], NULL);
	static struct keel_backend be;
	struct keel_registry *registry;
	struct keel_config *config;
	struct keel_ctx *server;

	be = keel__backend_null;
	be.hs_new = script_hs_new;
	be.hs_step = script_hs_step;
	be.hs_export = script_hs_export;
	ATF_REQUIRE_EQ(0, keel_registry_new(&registry));
	ATF_REQUIRE_EQ(0, keel_registry_add(registry, &be));
	ATF_REQUIRE_EQ(0, keel_config_new(KEEL_SERVER, &config));
	ATF_REQUIRE_EQ(0, keel_config_set_backend(config, "null"));
	ATF_REQUIRE_EQ(0, keel_ctx_new(config, registry, &server));
	keel_config_free(config);
	keel_registry_free(registry);
	pipe_init(pipe, client, server);
	keel_ctx_unref(client);
	keel_ctx_unref(server);
	pipe_end_ops(&pipe->client);
	pipe_end_ops(&pipe->server);
}

CASE(handshake__no_object, "A server that cannot begin says internal_error")
{
	static const uint8_t alert[] = {21, 3, 3, 0, 2, 2, 80};
	struct conn_pipe pipe;

	script.hs_new = -ENOMEM;
	init_scripted(&pipe);
	pipe_run(&pipe);
	ATF_CHECK_EQ(-ENOMEM, keel_conn_err(pipe.server.conn)->err);
	ATF_CHECK_EQ(KEEL_ERR_SYS, keel_conn_err(pipe.server.conn)->origin);
	ATF_CHECK_EQ(KEEL_ALERT_INTERNAL_ERROR,
		     keel_conn_err(pipe.client.conn)->alert);
	ATF_CHECK_EQ(KEEL_ERR_PEER_ALERT,
		     keel_conn_err(pipe.client.conn)->origin);
	pipe_fini(&pipe);

	init_scripted(&pipe);
	pipe_end_read(&pipe.server);
	pipe_end_ops(&pipe.server);
	ATF_REQUIRE_EQ(sizeof(alert), pipe.server.wire.len);
	ATF_CHECK(!memcmp(alert, pipe.server.wire.data, sizeof(alert)));
	pipe_fini(&pipe);
}

CASE(handshake__client_cannot_begin,
     "A client that cannot begin says nothing to a peer who never heard of it")
{
	static const struct {
		int err;
		unsigned int origin;
	} tests[] = {{-ENOMEM, KEEL_ERR_SYS}, {-EIO, KEEL_ERR_BACKEND}};

	for (size_t i = 0; i < KEEL__ARRAY_LEN(tests); i++) {
		static struct keel_backend be;
		struct conn_pipe pipe;
		struct keel_conn *conn;

		init_pair(&pipe, &pipe_rows[0], NULL);
		conn = pipe.client.conn;
		be = *conn->ctx->be;
		be.hs_new = script_hs_new;
		conn->ctx->be = &be;
		script.hs_new = tests[i].err;
		pipe_end_ops(&pipe.client);
		pipe_end_events(&pipe.client);
		script.hs_new = 0;
		CHECK_INT("error", tests[i].err, keel_conn_err(conn)->err);
		CHECK_INT("origin", tests[i].origin,
			  keel_conn_err(conn)->origin);
		CHECK_INT("bytes", 0, pipe.client.wire.len);
		ATF_CHECK_STREQ("F", pipe.client.events);
		ATF_CHECK_STREQ("C", pipe.client.ops);
		pipe_fini(&pipe);
	}
}

CASE(handshake__no_keys, "Keys that cannot be had end the connection")
{
	struct conn_pipe pipe;

	script.hs_export = -EIO;
	init_scripted(&pipe);
	pipe_run(&pipe);
	ATF_CHECK_EQ(-EIO, keel_conn_err(pipe.server.conn)->err);
	ATF_CHECK_EQ(KEEL_ERR_BACKEND, keel_conn_err(pipe.server.conn)->origin);
	ATF_CHECK_STREQ("F", pipe.server.events);
	ATF_CHECK(pipe.server.is_closed);
	pipe_fini(&pipe);
}

CASE(handshake__input_is_bounded,
     "A peer that never gets done is cut off, by records and by bytes")
{
	static const uint8_t tiny[] = {22, 3, 3, 0, 1, 0};
	static uint8_t big[5 + 16384] = {22, 3, 3, 64, 0};
	const struct keel_err *err;
	struct conn_pipe pipe;

	script.nr_wanted = 1 << 30;
	init_scripted(&pipe);
	err = keel_conn_err(pipe.server.conn);
	for (int i = 0; i < 8192; i++)
		pipe_end_feed(&pipe.server, tiny, sizeof(tiny));
	ATF_CHECK_EQ(0, err->err);
	pipe_end_feed(&pipe.server, tiny, sizeof(tiny));
	ATF_CHECK_EQ(-EPROTO, err->err);
	ATF_CHECK_EQ(KEEL_ERR_PEER, err->origin);
	ATF_CHECK_STREQ("the handshake of the peer is too long", err->site);
	pipe_end_ops(&pipe.server);
	ATF_CHECK(pipe.server.is_closed);
	pipe_fini(&pipe);

	init_scripted(&pipe);
	err = keel_conn_err(pipe.server.conn);
	for (int i = 0; i < 15; i++)
		pipe_end_feed(&pipe.server, big, sizeof(big));
	ATF_CHECK_EQ(0, err->err);
	pipe_end_feed(&pipe.server, big, sizeof(big));
	ATF_CHECK_EQ(-EPROTO, err->err);
	pipe_fini(&pipe);
}

CASE(handshake__output_is_bounded, "A backend that pours is stopped")
{
	static const uint8_t tiny[] = {22, 3, 3, 0, 1, 0};
	struct conn_pipe pipe;

	script.nr_wanted = 2;
	script.nr_bytes = 200 * 1024;
	init_scripted(&pipe);
	pipe_end_feed(&pipe.server, tiny, sizeof(tiny));
	ATF_CHECK_EQ(0, keel_conn_err(pipe.server.conn)->err);
	pipe_end_feed(&pipe.server, tiny, sizeof(tiny));
	ATF_CHECK_EQ(-ENOMEM, keel_conn_err(pipe.server.conn)->err);
	ATF_CHECK(keel__conn_out_len(pipe.server.conn) <= 256 * 1024);
	pipe_fini(&pipe);
}

CASE(handshake__bad_header_unseen_by_the_backend,
     "A bad header a backend does not mind ends the connection without alert")
{
	static const uint8_t tiny[] = {22, 3, 3, 0, 1, 0};
	struct conn_pipe pipe;

	script.nr_wanted = 1000;
	init_scripted(&pipe);
	pipe_end_feed(&pipe.server, tiny, sizeof(tiny));
	pipe_end_feed(&pipe.server, "GET /", 5);
	pipe_end_ops(&pipe.server);
	ATF_CHECK_EQ(-EPROTO, keel_conn_err(pipe.server.conn)->err);
	ATF_CHECK_EQ(KEEL_ERR_PEER, keel_conn_err(pipe.server.conn)->origin);
	ATF_CHECK_EQ(0, pipe.server.wire.len);
	ATF_CHECK(pipe.server.is_closed);
	pipe_fini(&pipe);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, handshake__any_read_size);
	ATF_TP_ADD_TC(tp, handshake__every_split_point);
	ATF_TP_ADD_TC(tp, handshake__data_in_the_same_read);
	ATF_TP_ADD_TC(tp, handshake__tells_what_was_agreed);
	ATF_TP_ADD_TC(tp, handshake__client_begins_by_itself);
	ATF_TP_ADD_TC(tp, handshake__silence_costs_nothing);
	ATF_TP_ADD_TC(tp, handshake__refuses_first_bytes);
	ATF_TP_ADD_TC(tp, handshake__refuses_later_headers);
	ATF_TP_ADD_TC(tp, handshake__failure_of_the_backend);
	ATF_TP_ADD_TC(tp, handshake__alert_of_the_peer);
	ATF_TP_ADD_TC(tp, handshake__forgets_its_options);
	ATF_TP_ADD_TC(tp, handshake__no_object);
	ATF_TP_ADD_TC(tp, handshake__client_cannot_begin);
	ATF_TP_ADD_TC(tp, handshake__no_keys);
	ATF_TP_ADD_TC(tp, handshake__input_is_bounded);
	ATF_TP_ADD_TC(tp, handshake__output_is_bounded);
	ATF_TP_ADD_TC(tp, handshake__bad_header_unseen_by_the_backend);
	return atf_no_error();
}
