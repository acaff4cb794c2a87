/* SPDX-License-Identifier: MIT */
/* Rubbish from peers, and memory that runs out. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <keel/conn.h>

#include "lib/base/base-private.h"
#include "lib/core/conn-private.h"
#include "tests/support/alloc.h"
#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tests/support/pipe.h"

/* The finaliser of splitmix64: the same rubbish in every run. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* What a connection is like when the rubbish comes. */
enum stage {
	STAGE_SERVER_NEW,
	STAGE_CLIENT_HELLO_SENT,
	STAGE_SERVER_HANDSHAKE,
	STAGE_CLIENT_OPEN,
	STAGE_SERVER_OPEN,
	STAGE_SERVER_CLOSING,
	NR_STAGES,
};

static struct pipe_end *bring_to(struct conn_pipe *pipe, enum stage stage)
{
	switch (stage) {
	case STAGE_SERVER_NEW:
		return &pipe->server;
	case STAGE_CLIENT_HELLO_SENT:
		pipe_end_ops(&pipe->client);
		return &pipe->client;
	case STAGE_SERVER_HANDSHAKE:
		pipe_end_ops(&pipe->client);
		pipe_end_ops(&pipe->server);
		pipe_end_read(&pipe->server);
		return &pipe->server;
	case STAGE_CLIENT_OPEN:
		pipe_run(pipe);
		return &pipe->client;
	case STAGE_SERVER_OPEN:
		pipe_run(pipe);
		return &pipe->server;
	case STAGE_SERVER_CLOSING:
		pipe_run(pipe);
		ATF_REQUIRE_EQ(0, keel_conn_close(pipe->server.conn));
		return &pipe->server;
	case NR_STAGES:
		break;
	}
	return NULL;
}

/* Bytes with a header that looks right more often than chance would have it. */
static size_t make_rubbish(uint64_t *seed, uint8_t *buf, size_t room)
{
	size_t len = next_random(seed) % room + 1;
	uint64_t kind = next_random(seed);

	for (size_t i = 0; i < len; i++)
		buf[i] = (uint8_t)next_random(seed);
	if (kind % 4 && len > 5) {
		buf[0] = (uint8_t)(20 + kind / 4 % 4);
		buf[1] = 3;
		buf[2] = (uint8_t)(kind / 16 % 4);
		buf[3] = 0;
		buf[4] = (uint8_t)(kind / 64 % 64);
		buf[5] = (uint8_t)(kind / 4096 % 25);
	}
	return len;
}

static void feed_rubbish(struct conn_pipe *pipe, struct pipe_end *end,
			 uint64_t *seed)
{
	uint8_t buf[300];
	size_t len;

	for (int i = 0; i < 20; i++) {
		len = make_rubbish(seed, buf, sizeof(buf));
		pipe_end_feed(end, buf, len);
		pipe_end_ops(end);
		if (keel_conn_get_state(end->conn) == KEEL_CONN_FAILED)
			break;
	}
	pipe_run(pipe);
}

CASE(rubbish__in_every_state, "Random bytes end a connection and do no harm")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		struct keel_ctx *client = pipe_ctx(KEEL_CLIENT, on, NULL);
		struct keel_ctx *server = pipe_ctx(KEEL_SERVER, on, NULL);
		bool is_null = !strcmp(on->backend, "null");
		uint64_t seed = 1;

		for (int i = 0; i < (is_null ? 6000 : 150); i++) {
			struct conn_pipe pipe;

			pipe_init(&pipe, client, server);
			feed_rubbish(
				&pipe,
				bring_to(&pipe, (enum stage)(i % NR_STAGES)),
				&seed);
			pipe_fini(&pipe);
		}
		keel_ctx_unref(client);
		keel_ctx_unref(server);
	}
}

/* Random control records, sealed well: the parser behind the AEAD. */
CASE(rubbish__sealed, "Random plaintext of every type, from a peer with the "
		      "right keys")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		bool is_null = !strcmp(on->backend, "null");
		uint64_t seed = 2;

		for (int i = 0; i < (is_null ? 3000 : 60); i++) {
			struct conn_pipe pipe;
			struct pipe_end *from;
			uint8_t buf[64];

			pipe_open(&pipe, on, NULL);
			from = i % 2 ? &pipe.client : &pipe.server;
			for (int n = 0; n < 10; n++) {
				size_t len = next_random(&seed) % sizeof(buf);
				uint8_t type =
					(uint8_t)(20 + next_random(&seed) % 5);

				for (size_t b = 0; b < len; b++)
					buf[b] = (uint8_t)next_random(&seed);
				if (len > 4) {
					buf[0] %= 25;
					buf[1] = buf[2] = 0;
					buf[3] %= 64;
				}
				pipe_end_forge(from, type, buf, len);
			}
			from->peer->max_read = (size_t)i % 50;
			pipe_run(&pipe);
			pipe_fini(&pipe);
		}
	}
}

/* A whole life; every step may fail, none may do harm. */
static void live(struct keel_ctx *client, struct keel_ctx *server)
{
	struct keel_ctx *const ctxs[] = {client, server};
	struct keel_conn *conns[2] = {NULL, NULL};
	struct keel_conn_opts opts = {.sz = sizeof(opts), .host = "localhost"};
	struct keel_event ev;
	struct keel_op op;
	uint8_t *buf;

	for (size_t i = 0; i < 2; i++) {
		if (keel_conn_new(ctxs[i], &opts, &conns[i]) < 0)
			goto out;
	}
	for (int turn = 0; turn < 40; turn++) {
		struct keel_conn *from = conns[turn % 2];
		struct keel_conn *to = conns[1 - turn % 2];

		if (turn == 6 && keel_conn_send(from, "hello", 5) < 0)
			goto out;
		if (turn == 10 && keel_conn_key_update(from, true) < 0)
			goto out;
		if (turn == 20 && keel_conn_close(from) < 0)
			goto out;
		while (keel_conn_next_op(from, &op) == 1) {
			if (op.type == KEEL_OP_CLOSE)
				goto out;
			if (op.type == KEEL_OP_SHUTDOWN)
				(void)!keel_conn_op_done(from, op.type, 0);
			if (op.type != KEEL_OP_SEND)
				continue;
			buf = __builtin_alloca(op.len);
			memcpy(buf, op.data, op.len);
			(void)!keel_conn_op_done(from, op.type,
						 (ssize_t)op.len);
			/* In two parts, one kept, so that all paths are met. */
			if (keel_conn_input(to, buf, op.len / 2) < 0 ||
			    keel_conn_keep_input(to) < 0 ||
			    keel_conn_input(to, buf + op.len / 2,
					    op.len - op.len / 2) < 0)
				goto out;
			while (keel_conn_next_event(to, &ev) == 1)
				;
		}
	}
out:
	keel_conn_free(conns[0]);
	keel_conn_free(conns[1]);
}

CASE(memory__runs_out, "Whichever allocation fails, the connection fails and "
		       "nothing is lost")
{
	for (size_t row = 0; row < 2; row++) {
		const struct pipe_row *on = &pipe_rows[row];
		struct keel_ctx *client = pipe_ctx(KEEL_CLIENT, on, NULL);
		struct keel_ctx *server = pipe_ctx(KEEL_SERVER, on, NULL);
		long live_before = alloc_probe.nr_live;

		bool is_enough = false;
		long n;

		/* One more each time, until a life needs no more than that. */
		for (n = 0; !is_enough && n < 200; n++) {
			alloc_probe.nr_left = n;
			live(client, server);
			is_enough = alloc_probe.nr_left > 0;
			alloc_probe.nr_left = -1;
			CHECK_INT(on->name, live_before, alloc_probe.nr_live);
		}
		CHECK_INT(on->name, true, n > 15 && n < 200);
		keel_ctx_unref(client);
		keel_ctx_unref(server);
	}
}

CASE(memory__idle, "An idle open connection is its struct and nothing more")
{
	struct keel_ctx *client = pipe_ctx(KEEL_CLIENT, &pipe_rows[2], NULL);
	struct keel_ctx *server = pipe_ctx(KEEL_SERVER, &pipe_rows[2], NULL);
	struct conn_pipe pipe;
	long before;

	pipe_init(&pipe, client, server);
	pipe_run(&pipe);
	CHECK_INT("send", 4, keel_conn_send(pipe.client.conn, "data", 4));
	CHECK_INT("send", 4, keel_conn_send(pipe.server.conn, "data", 4));
	pipe_run(&pipe);
	keel_conn_trim(pipe.client.conn);
	keel_conn_trim(pipe.server.conn);
	before = alloc_probe.nr_live;
	keel_conn_free(pipe.client.conn);
	keel_conn_free(pipe.server.conn);
	pipe.client.conn = NULL;
	pipe.server.conn = NULL;
	ATF_CHECK_EQ(2, before - alloc_probe.nr_live);
	pipe_fini(&pipe);
	keel_ctx_unref(client);
	keel_ctx_unref(server);
}

/* Plaintext that must not survive in freed memory. */
static const char secret[] = "plaintext-that-must-be-cleared";
static int nr_leaked;

static void look(const unsigned char *data, size_t len)
{
	nr_leaked += memmem(data, len, secret, sizeof(secret) - 1) != NULL;
}

CASE(memory__is_cleared, "Plaintext and keys are gone from what is freed")
{
	struct conn_pipe pipe;
	uint8_t key[KEEL_MAX_KEY_LEN];
	uint8_t copy[128];
	struct keel_event ev;
	struct keel_conn *conn;
	size_t len;

	pipe_open(&pipe, &pipe_rows[0], NULL);
	conn = pipe.server.conn;
	pipe_end_forge(&pipe.client, KEEL__RECORD_DATA, secret, sizeof(secret));
	len = pipe.client.wire.len;
	ATF_REQUIRE(len <= sizeof(copy));
	memcpy(copy, pipe.client.wire.data, len);
	ATF_REQUIRE_EQ(0, keel_conn_input(conn, copy, len));
	ATF_CHECK(keel_conn_keep_input(conn) > 0);
	ATF_REQUIRE_EQ(1, keel_conn_next_event(conn, &ev));
	ATF_REQUIRE(!memcmp(ev.data, secret, sizeof(secret)));
	memcpy(key, conn->rx.key, sizeof(key));
	alloc_probe.on_free = look;
	ATF_CHECK_EQ(0, keel_conn_next_event(conn, &ev));
	ATF_CHECK(!conn->stash.data);
	ATF_CHECK_EQ(0, nr_leaked);
	keel_conn_fini(conn);
	alloc_probe.on_free = NULL;
	ATF_CHECK_EQ(0, nr_leaked);
	ATF_CHECK(memcmp(key, conn->rx.key, sizeof(key)));
	free(conn);
	pipe.server.conn = NULL;
	pipe_fini(&pipe);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, rubbish__in_every_state);
	ATF_TP_ADD_TC(tp, rubbish__sealed);
	ATF_TP_ADD_TC(tp, memory__runs_out);
	ATF_TP_ADD_TC(tp, memory__idle);
	ATF_TP_ADD_TC(tp, memory__is_cleared);
	return atf_no_error();
}
