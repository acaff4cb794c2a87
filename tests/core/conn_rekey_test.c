/* SPDX-License-Identifier: MIT */
/* KeyUpdate under stress: no memory, a busy queue, one direction only. */
#include <errno.h>
#include <string.h>

#include <keel/conn.h>

#include "lib/base/base-private.h"
#include "lib/core/conn-private.h"
#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tests/support/pipe.h"

#define HANDSHAKE KEEL__RECORD_HANDSHAKE
#define DATA KEEL__RECORD_DATA
#define ROW13 (&pipe_rows[0])

/* The backend of a context, with a derivation of keys that fails when told. */
static struct keel_backend row;
static int (*real_hkdf)(enum keel_hash hash, const uint8_t *prk, size_t prk_len,
			const uint8_t *info, size_t info_len, uint8_t *out,
			size_t len);
static int nr_hkdf_left;
static int hkdf_err;

static int script_hkdf(enum keel_hash hash, const uint8_t *prk, size_t prk_len,
		       const uint8_t *info, size_t info_len, uint8_t *out,
		       size_t len)
{
	if (!nr_hkdf_left)
		return hkdf_err;
	nr_hkdf_left--;
	return real_hkdf(hash, prk, prk_len, info, info_len, out, len);
}

static void fail_hkdf(struct keel_conn *conn, int nr_left, int err)
{
	row = *conn->ctx->be;
	real_hkdf = row.hkdf_expand;
	row.hkdf_expand = script_hkdf;
	conn->ctx->be = &row;
	nr_hkdf_left = nr_left;
	hkdf_err = err;
}

static void heal_hkdf(void)
{
	nr_hkdf_left = -1;
}

/* Where the three derivations of new keys stand: secret, key, IV. */
static const char *const places[] = {"secret", "key", "iv"};

CASE(rekey__no_memory, "Without memory for new keys nothing has happened, and "
		       "the next call works")
{
	for (int i = 0; i < 3; i++) {
		struct conn_pipe pipe;
		struct keel_conn *conn;

		pipe_open(&pipe, ROW13, NULL);
		conn = pipe.client.conn;
		fail_hkdf(conn, i, -ENOMEM);
		CHECK_INT(places[i], -ENOMEM, keel_conn_key_update(conn, true));
		CHECK_INT(places[i], KEEL_CONN_OPEN, keel_conn_get_state(conn));
		CHECK_INT(places[i], 0, keel_conn_err(conn)->err);
		CHECK_INT(places[i], 0, keel__conn_out_len(conn));
		heal_hkdf();
		CHECK_INT(places[i], 0, keel_conn_key_update(conn, false));
		CHECK_INT(places[i], 1, keel_conn_send(conn, "x", 1));
		pipe_run(&pipe);
		ATF_CHECK_STREQ("OD", pipe.server.events);
		pipe_fini(&pipe);
	}
}

CASE(rekey__answer_fails, "An answer whose keys cannot be had fails the "
			  "connection once, with an alert under the old keys")
{
	static const int errs[] = {-ENOMEM, -EIO};

	for (size_t i = 0; i < KEEL__ARRAY_LEN(errs); i++) {
		struct conn_pipe pipe;

		pipe_open(&pipe, ROW13, NULL);
		pipe_end_forge(&pipe.client, HANDSHAKE, "\30\0\0\1\1", 5);
		/* The peer's own keys take three; ours are the next. */
		fail_hkdf(pipe.server.conn, 3, errs[i]);
		pipe_end_read(&pipe.server);
		heal_hkdf();
		CHECK_INT("error", errs[i],
			  keel_conn_err(pipe.server.conn)->err);
		ATF_CHECK_STREQ("OF", pipe.server.events);
		pipe_run(&pipe);
		CHECK_INT("alert", KEEL_ALERT_INTERNAL_ERROR,
			  keel_conn_err(pipe.client.conn)->alert);
		CHECK_INT("origin", KEEL_ERR_PEER_ALERT,
			  keel_conn_err(pipe.client.conn)->origin);
		pipe_fini(&pipe);
	}
}

static unsigned int nr_updates(const struct pipe_end *end)
{
	struct keel_conn_info info = {.sz = sizeof(info)};

	ATF_REQUIRE_EQ(0, keel_conn_get_info(end->conn, &info));
	return info.tx.key_updates;
}

/* A request of the client's to change keys, and the server's reading of it. */
static void ask(struct conn_pipe *pipe)
{
	pipe_end_forge(&pipe->client, HANDSHAKE, "\30\0\0\1\1", 5);
	pipe_end_next_keys(&pipe->client, KEEL_TX);
	pipe_end_feed(&pipe->server, pipe->client.wire.data,
		      pipe->client.wire.len);
	pipe->client.wire.len = 0;
}

CASE(rekey__answered_behind_data, "A request that comes after data was sealed "
				  "behind our KeyUpdate gets one more")
{
	struct conn_pipe pipe;

	pipe_open(&pipe, ROW13, NULL);
	ask(&pipe);
	ATF_CHECK_EQ(1, nr_updates(&pipe.server));
	ask(&pipe);
	ATF_CHECK_EQ(1, nr_updates(&pipe.server));
	ATF_CHECK_EQ(1, keel_conn_send(pipe.server.conn, "x", 1));
	ask(&pipe);
	ATF_CHECK_EQ(2, nr_updates(&pipe.server));
	pipe_run(&pipe);
	ATF_CHECK_EQ(1, pipe.client.got.len);
	pipe_fini(&pipe);
}

CASE(rekey__answered_while_sending,
     "A queue that never empties does not keep a request waiting")
{
	struct conn_pipe pipe;
	struct keel_op op;

	pipe_open(&pipe, ROW13, NULL);
	/* Each round leaves bytes behind: the queue is never empty. */
	for (unsigned int i = 1; i <= 20; i++) {
		ask(&pipe);
		ATF_CHECK_EQ(i, nr_updates(&pipe.server));
		ATF_REQUIRE_EQ(1, keel_conn_next_op(pipe.server.conn, &op));
		ATF_REQUIRE_EQ(KEEL_OP_SEND, op.type);
		ATF_CHECK_EQ(1, keel_conn_send(pipe.server.conn, "x", 1));
		bytes_add(&pipe.server.wire, op.data, op.len);
		ATF_REQUIRE_EQ(0,
			       keel_conn_op_done(pipe.server.conn, KEEL_OP_SEND,
						 (ssize_t)op.len));
		ATF_CHECK(keel__conn_out_len(pipe.server.conn) > 0);
	}
	pipe_run(&pipe);
	ATF_CHECK_EQ(20, pipe.client.got.len);
	pipe_fini(&pipe);
}

CASE(rekey__peer_does_not_read,
     "A peer that asks and reads nothing makes two answers wait, not more")
{
	struct conn_pipe pipe;
	struct keel_op op;

	pipe_open(&pipe, ROW13, NULL);
	ask(&pipe);
	ATF_REQUIRE_EQ(1, keel_conn_next_op(pipe.server.conn, &op));
	ATF_REQUIRE_EQ(KEEL_OP_SEND, op.type);
	for (int i = 0; i < 30; i++)
		ask(&pipe);
	ATF_CHECK_EQ(2, nr_updates(&pipe.server));
	ATF_CHECK_EQ(2 * op.len, keel__conn_out_len(pipe.server.conn));
	pipe_fini(&pipe);
}

CASE(rekey__one_way, "Answers to our own requests are not held against a peer "
		     "that sends no data")
{
	for (size_t i = 0; i < 4; i += 2) {
		const struct pipe_row *on = &pipe_rows[i];
		struct conn_pipe pipe;

		pipe_open(&pipe, on, NULL);
		for (int n = 0; n < 100; n++) {
			REQUIRE_INT(
				on->name, 0,
				keel_conn_key_update(pipe.client.conn, true));
			/* It is the peer that would not get over mere requests. */
			CHECK_INT(on->name, 1,
				  keel_conn_send(pipe.client.conn, "x", 1));
			pipe_run(&pipe);
		}
		CHECK_INT(on->name, 0, keel_conn_err(pipe.client.conn)->err);
		CHECK_INT(on->name, 100, nr_updates(&pipe.server));
		pipe_fini(&pipe);
	}
}

CASE(rekey__answers_are_counted,
     "What we did not ask for is charged, and so is a request of the peer's")
{
	for (int is_request = 0; is_request < 2; is_request++) {
		const char msg[] = {24, 0, 0, 1, (char)is_request};
		struct conn_pipe pipe;
		int nr_free = is_request ? 0 : 1;

		pipe_open(&pipe, ROW13, NULL);
		ATF_REQUIRE_EQ(0, keel_conn_key_update(pipe.client.conn, true));
		/* The server never sees it: what comes is of our making. */
		for (int n = 0; n < 32 + nr_free; n++) {
			pipe_end_forge(&pipe.server, HANDSHAKE, msg, 5);
			pipe_end_next_keys(&pipe.server, KEEL_TX);
		}
		pipe_end_read(&pipe.client);
		CHECK_INT("allowed", 0, keel_conn_err(pipe.client.conn)->err);
		pipe_end_forge(&pipe.server, HANDSHAKE, msg, 5);
		pipe_end_feed(&pipe.client, pipe.server.wire.data,
			      pipe.server.wire.len);
		CHECK_INT("one more", -EPROTO,
			  keel_conn_err(pipe.client.conn)->err);
		pipe_fini(&pipe);
	}
}

CASE(rekey__our_data_pays, "Each record we send pays for one without data, up "
			   "to the maximum")
{
	struct conn_pipe pipe;
	uint8_t rec[64];

	pipe_open(&pipe, ROW13, NULL);
	/* Nothing is saved up beyond the maximum. */
	for (int i = 0; i < 50; i++)
		ATF_CHECK(keel_conn_seal(pipe.client.conn, rec, "x", 1) > 0);
	for (int i = 0; i < 32; i++)
		pipe_end_forge(&pipe.server, DATA, "", 0);
	pipe_end_read(&pipe.client);
	ATF_CHECK_EQ(0, keel_conn_err(pipe.client.conn)->err);
	ATF_CHECK(keel_conn_seal(pipe.client.conn, rec, "x", 1) > 0);
	ATF_CHECK_EQ(1, keel_conn_send(pipe.client.conn, "x", 1));
	for (int i = 0; i < 2; i++)
		pipe_end_forge(&pipe.server, DATA, "", 0);
	pipe_end_feed(&pipe.client, pipe.server.wire.data,
		      pipe.server.wire.len);
	pipe.server.wire.len = 0;
	ATF_CHECK_EQ(0, keel_conn_err(pipe.client.conn)->err);
	pipe_end_forge(&pipe.server, DATA, "", 0);
	pipe_end_feed(&pipe.client, pipe.server.wire.data,
		      pipe.server.wire.len);
	ATF_CHECK_EQ(-EPROTO, keel_conn_err(pipe.client.conn)->err);
	pipe_fini(&pipe);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, rekey__no_memory);
	ATF_TP_ADD_TC(tp, rekey__answer_fails);
	ATF_TP_ADD_TC(tp, rekey__answered_behind_data);
	ATF_TP_ADD_TC(tp, rekey__answered_while_sending);
	ATF_TP_ADD_TC(tp, rekey__peer_does_not_read);
	ATF_TP_ADD_TC(tp, rekey__one_way);
	ATF_TP_ADD_TC(tp, rekey__answers_are_counted);
	ATF_TP_ADD_TC(tp, rekey__our_data_pays);
	return atf_no_error();
}
