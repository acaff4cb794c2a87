/* SPDX-License-Identifier: MIT */
/* The public calls of a connection: what they refuse, and what they tell. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <keel/conn.h>

#include "lib/base/base-private.h"
#include "lib/core/conn-private.h"
#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tests/support/pipe.h"

#define ROW13 (&pipe_rows[0])
#define ROW12 (&pipe_rows[1])

static void verify(struct keel_config *config)
{
	ATF_REQUIRE_EQ(0, keel_config_set_verify(config, KEEL_VERIFY_REQUIRED));
}

/* Options of a later version: one field more. */
struct newer_opts {
	struct keel_conn_opts now;
	uint64_t later;
};

CASE(init__refuses, "NULL, a client without a name to verify, options nobody "
		    "can know")
{
	struct keel_ctx *server = pipe_ctx(KEEL_SERVER, ROW13, NULL);
	struct keel_ctx *client = pipe_ctx(KEEL_CLIENT, ROW13, NULL);
	struct keel_ctx *strict = pipe_ctx(KEEL_CLIENT, &pipe_rows[2], verify);
	struct keel_conn_opts opts = {.sz = sizeof(opts)};
	struct newer_opts newer = {.now = {.sz = sizeof(newer)}};
	struct keel_conn *conn = malloc(keel_conn_size());
	struct keel_conn *made = NULL;

	ATF_REQUIRE(conn);
	ATF_CHECK_EQ(-EINVAL, keel_conn_init(NULL, server, NULL));
	ATF_CHECK_EQ(-EINVAL, keel_conn_init(conn, NULL, NULL));
	ATF_CHECK_EQ(-EINVAL, keel_conn_new(NULL, NULL, &made));
	ATF_CHECK_EQ(-EINVAL, keel_conn_new(server, NULL, NULL));
	ATF_CHECK_EQ(-EINVAL, keel_conn_init(conn, strict, NULL));
	ATF_CHECK_EQ(-EINVAL, keel_conn_init(conn, strict, &opts));
	opts.host = "";
	ATF_CHECK_EQ(-EINVAL, keel_conn_init(conn, strict, &opts));
	opts.host = "example.org";
	opts.session_len = 1;
	ATF_CHECK_EQ(-EINVAL, keel_conn_init(conn, client, &opts));
	opts.session_len = 0;
	opts.sz = sizeof(opts) - 1;
	ATF_CHECK_EQ(-EINVAL, keel_conn_init(conn, client, &opts));
	opts.sz = 0;
	ATF_CHECK_EQ(-EINVAL, keel_conn_init(conn, client, &opts));
	newer.later = UINT64_C(1) << 63;
	ATF_CHECK_EQ(-EINVAL, keel_conn_init(conn, client, &newer.now));
	ATF_CHECK_EQ(NULL, made);

	/* And what they take. */
	newer.later = 0;
	ATF_CHECK_EQ(0, keel_conn_init(conn, client, &newer.now));
	keel_conn_fini(conn);
	opts.sz = sizeof(opts);
	ATF_CHECK_EQ(0, keel_conn_init(conn, strict, &opts));
	keel_conn_fini(conn);
	keel_conn_fini(conn);
	ATF_CHECK_EQ(0, keel_conn_init(conn, server, NULL));
	keel_conn_fini(conn);
	keel_conn_fini(NULL);
	ATF_CHECK_EQ(NULL, keel_conn_free(NULL));
	free(conn);
	keel_ctx_unref(server);
	keel_ctx_unref(client);
	keel_ctx_unref(strict);
}

CASE(init__copies, "Host and session may go once init has returned; fini "
		   "clears the storage")
{
	struct keel_ctx *client = pipe_ctx(KEEL_CLIENT, ROW13, NULL);
	uint8_t *conn = malloc(keel_conn_size());
	char host[] = "example.org";
	char session[] = "abc";
	struct keel_conn_opts opts = {
		.sz = sizeof(opts),
		.host = host,
		.session = session,
		.session_len = 3,
	};
	struct keel_op op;

	ATF_REQUIRE(conn);
	ATF_REQUIRE_EQ(0, keel_conn_init((struct keel_conn *)(void *)conn,
					 client, &opts));
	memset(host, 'x', sizeof(host) - 1);
	memset(session, 'x', sizeof(session));
	keel_ctx_unref(client);
	ATF_REQUIRE_EQ(
		1, keel_conn_next_op((struct keel_conn *)(void *)conn, &op));
	ATF_CHECK_EQ(KEEL_OP_SEND, op.type);
	ATF_CHECK(memmem(op.data, op.len, "example.org", 11));
	keel_conn_fini((struct keel_conn *)(void *)conn);
	for (size_t i = 0; i < keel_conn_size(); i++)
		ATF_CHECK_EQ(0, conn[i]);
	free(conn);
}

CASE(args__null, "NULL gets -EINVAL, or the answer the header gives for it")
{
	struct conn_pipe pipe;
	struct keel_conn *conn;
	struct keel_conn_info info = {.sz = sizeof(info)};
	struct keel_tx_info tx_info;
	struct keel_event ev;
	struct keel_op op;
	uint8_t buf[64] = {0};

	pipe_open(&pipe, ROW13, NULL);
	conn = pipe.client.conn;
	ATF_CHECK_EQ(-EINVAL, keel_conn_next_op(NULL, &op));
	ATF_CHECK_EQ(-EINVAL, keel_conn_next_op(conn, NULL));
	ATF_CHECK_EQ(-EINVAL, keel_conn_op_done(NULL, KEEL_OP_SEND, 0));
	ATF_CHECK_EQ(-EINVAL, keel_conn_input(NULL, buf, 1));
	ATF_CHECK_EQ(-EINVAL, keel_conn_input(conn, NULL, 1));
	ATF_CHECK_EQ(-EINVAL, keel_conn_input(conn, buf, 0));
	ATF_CHECK_EQ(-EINVAL, keel_conn_keep_input(NULL));
	ATF_CHECK_EQ(-EINVAL, keel_conn_next_event(NULL, &ev));
	ATF_CHECK_EQ(-EINVAL, keel_conn_next_event(conn, NULL));
	ATF_CHECK_EQ(-EINVAL, keel_conn_tx_info(NULL, &tx_info));
	ATF_CHECK_EQ(-EINVAL, keel_conn_tx_info(conn, NULL));
	ATF_CHECK_EQ(-EINVAL, keel_conn_seal(NULL, buf, "x", 1));
	ATF_CHECK_EQ(-EINVAL, keel_conn_seal(conn, NULL, "x", 1));
	ATF_CHECK_EQ(-EINVAL, keel_conn_seal(conn, buf, "x", 0));
	ATF_CHECK_EQ(-EINVAL, keel_conn_seal(conn, buf, "x", 16385));
	ATF_CHECK_EQ(-EINVAL, keel_conn_send(NULL, "x", 1));
	ATF_CHECK_EQ(-EINVAL, keel_conn_send(conn, NULL, 1));
	ATF_CHECK_EQ(-EINVAL, keel_conn_key_update(NULL, true));
	ATF_CHECK_EQ(-EINVAL, keel_conn_close(NULL));
	ATF_CHECK_EQ(-EINVAL, keel_conn_get_info(NULL, &info));
	ATF_CHECK_EQ(-EINVAL, keel_conn_get_info(conn, NULL));
	info.sz = 8;
	ATF_CHECK_EQ(-EINVAL, keel_conn_get_info(conn, &info));
	info.sz = sizeof(info) + 1;
	ATF_CHECK_EQ(-EINVAL, keel_conn_get_info(conn, &info));
	ATF_CHECK_EQ(NULL, keel_conn_err(NULL));
	ATF_CHECK_EQ(KEEL_CONN_FAILED, keel_conn_get_state(NULL));
	keel_conn_trim(NULL);
	/* None of it did any harm. */
	ATF_CHECK_EQ(KEEL_CONN_OPEN, keel_conn_get_state(conn));
	ATF_CHECK_EQ(0, keel_conn_err(conn)->err);
	pipe_fini(&pipe);
}

CASE(args__op_done, "Answers to what was not asked, and impossible ones")
{
	struct conn_pipe pipe;
	struct keel_conn *conn;
	struct keel_op op;

	pipe_open(&pipe, ROW13, NULL);
	conn = pipe.client.conn;
	ATF_CHECK_EQ(-EINVAL, keel_conn_op_done(conn, 0, 0));
	ATF_CHECK_EQ(-EINVAL, keel_conn_op_done(conn, 99, 0));
	ATF_CHECK_EQ(-EINVAL,
		     keel_conn_op_done(conn, (enum keel_op_type) - 1, 0));
	ATF_CHECK_EQ(-EINVAL, keel_conn_op_done(conn, KEEL_OP_RECV, 1));
	ATF_CHECK_EQ(-EINVAL, keel_conn_op_done(conn, KEEL_OP_RECV, -4096));
	ATF_CHECK_EQ(-ESTALE, keel_conn_op_done(conn, KEEL_OP_SEND, 0));
	ATF_CHECK_EQ(-ESTALE, keel_conn_op_done(conn, KEEL_OP_SHUTDOWN, 0));
	ATF_CHECK_EQ(-ESTALE, keel_conn_op_done(conn, KEEL_OP_CLOSE, 0));
	ATF_CHECK_EQ(1, keel_conn_send(conn, "x", 1));
	ATF_REQUIRE_EQ(1, keel_conn_next_op(conn, &op));
	ATF_CHECK_EQ(-EINVAL, keel_conn_op_done(conn, KEEL_OP_SEND,
						(ssize_t)op.len + 1));
	ATF_CHECK_EQ(0, keel_conn_op_done(conn, KEEL_OP_SEND, (ssize_t)op.len));
	ATF_CHECK_EQ(-ESTALE, keel_conn_op_done(conn, KEEL_OP_SEND, 0));
	ATF_CHECK_EQ(0, keel_conn_op_done(conn, KEEL_OP_RECV, -EAGAIN));
	ATF_CHECK_EQ(-ESTALE, keel_conn_op_done(conn, KEEL_OP_RECV, -EAGAIN));
	keel_conn_fail(conn, -EIO, KEEL_ERR_USAGE, "test");
	ATF_REQUIRE_EQ(1, keel_conn_next_op(conn, &op));
	ATF_CHECK_EQ(KEEL_OP_CLOSE, op.type);
	ATF_CHECK_EQ(0, keel_conn_op_done(conn, KEEL_OP_CLOSE, 0));
	ATF_CHECK_EQ(0, keel_conn_next_op(conn, &op));
	pipe_fini(&pipe);
}

/* Calls that need OPEN. */
static int call_tx_info(struct keel_conn *conn)
{
	struct keel_tx_info info;

	return keel_conn_tx_info(conn, &info);
}

static int call_seal(struct keel_conn *conn)
{
	uint8_t rec[64];

	return (int)keel_conn_seal(conn, rec, "x", 1);
}

static int call_send(struct keel_conn *conn)
{
	return (int)keel_conn_send(conn, "x", 1);
}

static int call_key_update(struct keel_conn *conn)
{
	return keel_conn_key_update(conn, true);
}

CASE(state__calls_that_need_open, "-ESTALE in every other state")
{
	static int (*const calls[])(struct keel_conn * conn) = {
		call_tx_info, call_seal, call_send, call_key_update};
	struct keel_ctx *client = pipe_ctx(KEEL_CLIENT, ROW13, NULL);
	struct keel_ctx *server = pipe_ctx(KEEL_SERVER, ROW13, NULL);

	for (size_t i = 0; i < KEEL__ARRAY_LEN(calls); i++) {
		struct conn_pipe pipe;

		pipe_init(&pipe, client, server);
		ATF_CHECK_EQ(-ESTALE, calls[i](pipe.client.conn));
		pipe_end_ops(&pipe.client);
		ATF_CHECK_EQ(-ESTALE, calls[i](pipe.client.conn));
		pipe_run(&pipe);
		ATF_CHECK(calls[i](pipe.client.conn) >= 0);
		pipe_run(&pipe);
		ATF_CHECK_EQ(0, keel_conn_close(pipe.client.conn));
		ATF_CHECK_EQ(-ESTALE, calls[i](pipe.client.conn));
		pipe_run(&pipe);
		ATF_CHECK_EQ(0, keel_conn_close(pipe.server.conn));
		pipe_run(&pipe);
		ATF_CHECK_EQ(-ESTALE, calls[i](pipe.client.conn));
		keel_conn_fail(pipe.client.conn, -EIO, KEEL_ERR_USAGE, "t");
		ATF_CHECK_EQ(-ESTALE, calls[i](pipe.client.conn));
		pipe_fini(&pipe);
	}
	keel_ctx_unref(client);
	keel_ctx_unref(server);
}

CASE(state__names, "Each state has a name; other values have \"?\"")
{
	static const char *const names[] = {"new",     "handshake", "open",
					    "closing", "closed",    "failed"};

	for (unsigned int i = 0; i < KEEL__ARRAY_LEN(names); i++)
		ATF_CHECK_STREQ(names[i], keel_conn_state_name(i));
	ATF_CHECK_STREQ("?", keel_conn_state_name(6));
	ATF_CHECK_STREQ("?", keel_conn_state_name((unsigned int)-1));
}

static void offload_off(struct keel_config *config)
{
	ATF_REQUIRE_EQ(0, keel_config_set_offload(config, KEEL_TX | KEEL_RX,
						  KEEL_OFFLOAD_OFF));
}

CASE(info__over_a_life, "Facts before, during and after")
{
	struct keel_ctx *client = pipe_ctx(KEEL_CLIENT, ROW12, offload_off);
	struct keel_ctx *server = pipe_ctx(KEEL_SERVER, ROW12, NULL);
	struct keel_conn_info info = {.sz = sizeof(info)};
	struct conn_pipe pipe;

	pipe_init(&pipe, client, server);
	ATF_REQUIRE_EQ(0, keel_conn_get_info(pipe.client.conn, &info));
	ATF_CHECK_EQ(sizeof(info), info.sz);
	ATF_CHECK_EQ(KEEL_CONN_NEW, info.state);
	ATF_CHECK_EQ(NULL, info.suite);
	ATF_CHECK_EQ(0, info.version);
	ATF_CHECK_EQ(KEEL_ENGINE_NONE, info.tx.engine);
	ATF_CHECK_EQ(KEEL_REASON_NONE, info.tx.reason);
	pipe_run(&pipe);
	ATF_CHECK_EQ(5, keel_conn_send(pipe.client.conn, "12345", 5));
	pipe_run(&pipe);
	ATF_REQUIRE_EQ(0, keel_conn_get_info(pipe.client.conn, &info));
	ATF_CHECK_EQ(KEEL_CONN_OPEN, info.state);
	ATF_CHECK_EQ(KEEL_TLS1_2, info.version);
	ATF_CHECK_EQ(KEEL_ENGINE_USER, info.tx.engine);
	ATF_CHECK_EQ(KEEL_REASON_POLICY, info.tx.reason);
	ATF_CHECK_EQ(KEEL_REASON_POLICY, info.rx.reason);
	ATF_CHECK_EQ(1, info.tx.records);
	ATF_CHECK_EQ(5, info.tx.bytes);
	ATF_CHECK_EQ(2, info.tx.seq);
	ATF_REQUIRE_EQ(0, keel_conn_get_info(pipe.server.conn, &info));
	ATF_CHECK_EQ(KEEL_REASON_DRIVER, info.rx.reason);
	ATF_CHECK_EQ(1, info.rx.records);
	ATF_CHECK_EQ(5, info.rx.bytes);
	keel_conn_fail(pipe.server.conn, -EIO, KEEL_ERR_USAGE, "test");
	ATF_REQUIRE_EQ(0, keel_conn_get_info(pipe.server.conn, &info));
	ATF_CHECK_EQ(KEEL_CONN_FAILED, info.state);
	ATF_CHECK_EQ(5, info.rx.bytes);
	pipe_fini(&pipe);
	keel_ctx_unref(client);
	keel_ctx_unref(server);
}

CASE(size__is_small, "A connection's struct stays within its bound")
{
	ATF_CHECK_MSG(keel_conn_size() <= 512, "%zu bytes", keel_conn_size());
}

struct shared {
	struct keel_ctx *client;
	struct keel_ctx *server;
	int nr_bad;
};

static void *use_ctx(void *arg)
{
	struct shared *shared = arg;
	int nr_bad = 0;

	for (int i = 0; i < 40; i++) {
		struct keel_ctx *client = keel_ctx_ref(shared->client);
		struct keel_ctx *server = keel_ctx_ref(shared->server);
		struct conn_pipe pipe;

		pipe_init(&pipe, client, server);
		keel_ctx_unref(client);
		keel_ctx_unref(server);
		pipe_run(&pipe);
		nr_bad += keel_conn_send(pipe.client.conn, "x", 1) != 1;
		pipe_run(&pipe);
		nr_bad += pipe.server.got.len != 1;
		pipe_fini(&pipe);
	}
	__atomic_fetch_add(&shared->nr_bad, nr_bad, __ATOMIC_RELAXED);
	return NULL;
}

CASE(threads__share_a_context, "Connections on four threads, one context")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		struct shared shared = {
			.client = pipe_ctx(KEEL_CLIENT, on, NULL),
			.server = pipe_ctx(KEEL_SERVER, on, NULL),
		};
		pthread_t threads[4];

		for (size_t i = 0; i < KEEL__ARRAY_LEN(threads); i++)
			ATF_REQUIRE_EQ(0, pthread_create(&threads[i], NULL,
							 use_ctx, &shared));
		/* The last reference may be any thread's. */
		keel_ctx_ref(shared.client);
		keel_ctx_ref(shared.server);
		keel_ctx_unref(shared.client);
		keel_ctx_unref(shared.server);
		for (size_t i = 0; i < KEEL__ARRAY_LEN(threads); i++)
			pthread_join(threads[i], NULL);
		keel_ctx_unref(shared.client);
		keel_ctx_unref(shared.server);
		CHECK_INT(on->name, 0, shared.nr_bad);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, init__refuses);
	ATF_TP_ADD_TC(tp, init__copies);
	ATF_TP_ADD_TC(tp, args__null);
	ATF_TP_ADD_TC(tp, args__op_done);
	ATF_TP_ADD_TC(tp, state__calls_that_need_open);
	ATF_TP_ADD_TC(tp, state__names);
	ATF_TP_ADD_TC(tp, info__over_a_life);
	ATF_TP_ADD_TC(tp, size__is_small);
	ATF_TP_ADD_TC(tp, threads__share_a_context);
	return atf_no_error();
}
