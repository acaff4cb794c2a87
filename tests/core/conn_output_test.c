/* SPDX-License-Identifier: MIT */
/* Sealing, the queue, the operations, and the end of a key. */
#include <errno.h>
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

CASE(tx_info__room, "Room around a payload, as the version has it")
{
	static const struct {
		size_t prefix_len;
		size_t suffix_len;
	} rooms[] = {{5, 17}, {13, 16}};

	for (size_t i = 0; i < 2; i++) {
		const char *name = pipe_rows[i].name;
		struct keel_tx_info info;
		struct conn_pipe pipe;

		pipe_open(&pipe, &pipe_rows[i], NULL);
		CHECK_INT(name, 0, keel_conn_tx_info(pipe.client.conn, &info));
		CHECK_INT(name, rooms[i].prefix_len, info.prefix_len);
		CHECK_INT(name, rooms[i].suffix_len, info.suffix_len);
		CHECK_INT(name, 16384, info.max_payload);
		CHECK_INT(name, true, info.nr_records > 1000000);
		pipe_fini(&pipe);
	}
}

CASE(seal__both_forms, "A record of data elsewhere and of data in its place")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		static uint8_t rec[16384 + 64];
		static uint8_t data[16384];
		struct keel_tx_info info;
		struct conn_pipe pipe;
		ssize_t len;

		memset(data, 'd', sizeof(data));
		pipe_open(&pipe, on, NULL);
		ATF_REQUIRE_EQ(0, keel_conn_tx_info(pipe.client.conn, &info));
		len = keel_conn_seal(pipe.client.conn, rec, data, sizeof(data));
		CHECK_INT(on->name,
			  info.prefix_len + sizeof(data) + info.suffix_len,
			  len);
		pipe_end_feed(&pipe.server, rec, (size_t)len);
		memcpy(rec + info.prefix_len, "in place", 8);
		len = keel_conn_seal(pipe.client.conn, rec, NULL, 8);
		CHECK_INT(on->name, info.prefix_len + 8 + info.suffix_len, len);
		pipe_end_feed(&pipe.server, rec, (size_t)len);
		REQUIRE_INT(on->name, sizeof(data) + 8, pipe.server.got.len);
		CHECK_MEM(on->name, data, pipe.server.got.data, sizeof(data));
		CHECK_MEM(on->name, "in place",
			  pipe.server.got.data + sizeof(data), 8);
		pipe_fini(&pipe);
	}
}

CASE(seal__after_own_bytes, "The connection's own bytes go first")
{
	struct conn_pipe pipe;
	struct keel_tx_info info;
	uint8_t rec[64];

	pipe_open(&pipe, ROW13, NULL);
	ATF_CHECK_EQ(1, keel_conn_send(pipe.client.conn, "a", 1));
	ATF_CHECK_EQ(-EAGAIN, keel_conn_seal(pipe.client.conn, rec, "b", 1));
	ATF_CHECK_EQ(0, keel_conn_tx_info(pipe.client.conn, &info));
	ATF_CHECK_EQ(0, info.nr_records);
	ATF_CHECK_EQ(5, info.prefix_len);
	pipe_end_ops(&pipe.client);
	ATF_CHECK_EQ(0, keel_conn_tx_info(pipe.client.conn, &info));
	ATF_CHECK(info.nr_records > 0);
	ATF_CHECK(keel_conn_seal(pipe.client.conn, rec, "b", 1) > 0);
	pipe_fini(&pipe);
}

CASE(send__partial,
     "Sends that take a byte or a few, and what was asked meanwhile")
{
	static const size_t sizes[] = {1, 2, 7, 100, 16000};
	static uint8_t data[50000];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 31 >> 3);
	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		for (size_t i = 0; i < KEEL__ARRAY_LEN(sizes); i++) {
			struct conn_pipe pipe;

			pipe_open(&pipe, on, NULL);
			pipe.client.max_write = sizes[i];
			CHECK_INT(on->name, sizeof(data),
				  keel_conn_send(pipe.client.conn, data,
						 sizeof(data)));
			pipe_run(&pipe);
			REQUIRE_INT(on->name, sizeof(data),
				    pipe.server.got.len);
			CHECK_MEM(on->name, data, pipe.server.got.data,
				  sizeof(data));
			CHECK_INT(on->name, true, !pipe.client.conn->out.data);
			CHECK_INT(on->name, true, !pipe.client.conn->fly.data);
			pipe_fini(&pipe);
		}
	}
}

CASE(send__is_bounded, "No more is taken while 64 KiB wait")
{
	static uint8_t data[1 << 20];
	struct conn_pipe pipe;
	struct keel_op op;
	size_t total;
	ssize_t n;

	pipe_open(&pipe, ROW13, NULL);
	n = keel_conn_send(pipe.client.conn, data, sizeof(data));
	ATF_CHECK(n >= 64 * 1024 - 200 && n <= 80 * 1024);
	ATF_CHECK_EQ(0, keel_conn_send(pipe.client.conn, data, 1));
	/* Handing it out frees nothing yet. */
	ATF_REQUIRE_EQ(1, keel_conn_next_op(pipe.client.conn, &op));
	ATF_REQUIRE_EQ(KEEL_OP_SEND, op.type);
	ATF_CHECK_EQ(0, keel_conn_send(pipe.client.conn, data, 1));
	ATF_REQUIRE_EQ(0, keel_conn_op_done(pipe.client.conn, KEEL_OP_SEND,
					    (ssize_t)op.len));
	total = (size_t)n;
	while (total < sizeof(data)) {
		n = keel_conn_send(pipe.client.conn, data + total,
				   sizeof(data) - total);
		ATF_REQUIRE(n > 0);
		total += (size_t)n;
		pipe_end_ops(&pipe.client);
	}
	pipe_fini(&pipe);
}

CASE(send__nothing, "Nothing to send is nothing sent")
{
	struct conn_pipe pipe;

	pipe_open(&pipe, ROW13, NULL);
	ATF_CHECK_EQ(0, keel_conn_send(pipe.client.conn, "", 0));
	ATF_CHECK_EQ(0, keel_conn_send(pipe.client.conn, NULL, 0));
	ATF_CHECK_EQ(0, keel__conn_out_len(pipe.client.conn));
	pipe_fini(&pipe);
}

CASE(op__data_stays_put, "What was handed out stays where it is, while more "
			 "is queued and after a failure")
{
	struct conn_pipe pipe;
	struct keel_op op;
	struct keel_op again;
	uint8_t copy[64];

	pipe_open(&pipe, ROW13, NULL);
	ATF_CHECK_EQ(5, keel_conn_send(pipe.client.conn, "first", 5));
	ATF_REQUIRE_EQ(1, keel_conn_next_op(pipe.client.conn, &op));
	ATF_REQUIRE_EQ(KEEL_OP_SEND, op.type);
	ATF_REQUIRE(op.len <= sizeof(copy));
	memcpy(copy, op.data, op.len);
	for (int i = 0; i < 1000; i++)
		ATF_CHECK_EQ(6, keel_conn_send(pipe.client.conn, "second", 6));
	/* Only one is out at a time. */
	ATF_CHECK_EQ(0, keel_conn_next_op(pipe.client.conn, &again));
	ATF_CHECK(!memcmp(copy, op.data, op.len));
	ATF_REQUIRE_EQ(0, keel_conn_op_done(pipe.client.conn, KEEL_OP_SEND, 3));
	ATF_REQUIRE_EQ(1, keel_conn_next_op(pipe.client.conn, &again));
	ATF_CHECK_EQ(op.len - 3, again.len);
	ATF_CHECK(!memcmp(copy + 3, again.data, again.len));
	keel_conn_fail(pipe.client.conn, -ETIMEDOUT, KEEL_ERR_TIMEOUT, "test");
	ATF_CHECK_EQ(again.len, keel__conn_out_len(pipe.client.conn));
	ATF_CHECK(!memcmp(copy + 3, again.data, again.len));
	pipe_fini(&pipe);
}

CASE(op__again, "-EAGAIN and -EINTR hand the operation out again, the same")
{
	static const int errnos[] = {-EAGAIN, -EINTR};

	for (size_t i = 0; i < 2; i++) {
		struct conn_pipe pipe;
		struct keel_op op;
		struct keel_op again;

		pipe_open(&pipe, ROW13, NULL);
		ATF_CHECK_EQ(1, keel_conn_send(pipe.client.conn, "x", 1));
		ATF_REQUIRE_EQ(1, keel_conn_next_op(pipe.client.conn, &op));
		ATF_CHECK_EQ(KEEL_OP_SEND, op.type);
		ATF_CHECK_EQ(0, keel_conn_op_done(pipe.client.conn,
						  KEEL_OP_SEND, errnos[i]));
		ATF_REQUIRE_EQ(1, keel_conn_next_op(pipe.client.conn, &again));
		ATF_CHECK_EQ(KEEL_OP_SEND, again.type);
		ATF_CHECK_EQ(op.data, again.data);
		ATF_CHECK_EQ(op.len, again.len);
		/* A receive has been out since the handshake. */
		ATF_CHECK_EQ(0, keel_conn_op_done(pipe.client.conn,
						  KEEL_OP_RECV, errnos[i]));
		ATF_REQUIRE_EQ(1, keel_conn_next_op(pipe.client.conn, &again));
		ATF_CHECK_EQ(KEEL_OP_RECV, again.type);
		ATF_CHECK_EQ(0, keel_conn_err(pipe.client.conn)->err);
		pipe_fini(&pipe);
	}
}

CASE(op__short_of_nothing, "A send that took 0 bytes is handed out again")
{
	struct conn_pipe pipe;
	struct keel_op op;

	pipe_open(&pipe, ROW13, NULL);
	ATF_CHECK_EQ(1, keel_conn_send(pipe.client.conn, "x", 1));
	ATF_REQUIRE_EQ(1, keel_conn_next_op(pipe.client.conn, &op));
	ATF_CHECK_EQ(0, keel_conn_op_done(pipe.client.conn, KEEL_OP_SEND, 0));
	ATF_REQUIRE_EQ(1, keel_conn_next_op(pipe.client.conn, &op));
	ATF_CHECK_EQ(KEEL_OP_SEND, op.type);
	pipe_fini(&pipe);
}

CASE(op__multishot, "One receive may be answered again and again, and end")
{
	struct conn_pipe pipe;

	pipe_open(&pipe, ROW13, NULL);
	for (int i = 0; i < 3; i++) {
		pipe_end_forge(&pipe.client, KEEL__RECORD_DATA, "x", 1);
		pipe_end_feed(&pipe.server, pipe.client.wire.data,
			      pipe.client.wire.len);
		pipe.client.wire.len = 0;
	}
	ATF_CHECK_EQ(3, pipe.server.got.len);
	ATF_CHECK_EQ(0, keel_conn_op_done(pipe.server.conn, KEEL_OP_RECV, 0));
	ATF_CHECK_EQ(-ESTALE,
		     keel_conn_op_done(pipe.server.conn, KEEL_OP_RECV, 0));
	pipe_end_events(&pipe.server);
	ATF_CHECK_EQ(-ECONNABORTED, keel_conn_err(pipe.server.conn)->err);
	pipe_fini(&pipe);
}

static void limit_of_3(struct keel_config *config)
{
	ATF_REQUIRE_EQ(0, keel_config_set_record_limit(config, 3));
}

static void limit_of_1(struct keel_config *config)
{
	ATF_REQUIRE_EQ(0, keel_config_set_record_limit(config, 1));
}

CASE(limit__rekeys, "TLS 1.3 changes its key at the limit, and every byte is "
		    "right")
{
	static const struct {
		const char *name;
		void (*tune)(struct keel_config *config);
		unsigned int nr;
	} tests[] = {{"3", limit_of_3, 33}, {"1", limit_of_1, 99}};
	static uint8_t data[100];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	for (size_t row = 0; row < 4; row += 2) {
		for (size_t t = 0; t < KEEL__ARRAY_LEN(tests); t++) {
			struct keel_conn_info info = {.sz = sizeof(info)};
			struct conn_pipe pipe;

			pipe_open(&pipe, &pipe_rows[row], tests[t].tune);
			for (size_t i = 0; i < sizeof(data); i++) {
				CHECK_INT(tests[t].name, 1,
					  keel_conn_send(pipe.client.conn,
							 data + i, 1));
				if (i % 7 == 0)
					pipe_run(&pipe);
			}
			pipe_run(&pipe);
			REQUIRE_INT(tests[t].name, sizeof(data),
				    pipe.server.got.len);
			CHECK_MEM(tests[t].name, data, pipe.server.got.data,
				  sizeof(data));
			ATF_REQUIRE_EQ(
				0, keel_conn_get_info(pipe.client.conn, &info));
			CHECK_INT(tests[t].name, tests[t].nr,
				  info.tx.key_updates);
			CHECK_INT(tests[t].name, 0, info.rx.key_updates);
			pipe_fini(&pipe);
		}
	}
}

CASE(limit__rekeys_for_drivers,
     "Drivers that seal themselves count records and wait for the KeyUpdate")
{
	struct conn_pipe pipe;
	struct keel_tx_info info;
	uint8_t rec[64];
	ssize_t len;

	pipe_open(&pipe, ROW13, limit_of_3);
	for (int round = 0; round < 5; round++) {
		ATF_REQUIRE_EQ(0, keel_conn_tx_info(pipe.client.conn, &info));
		ATF_CHECK_EQ(3, info.nr_records);
		for (int i = 0; i < 3; i++) {
			len = keel_conn_seal(pipe.client.conn, rec, "x", 1);
			ATF_REQUIRE(len > 0);
			pipe_end_feed(&pipe.server, rec, (size_t)len);
		}
		ATF_REQUIRE_EQ(0, keel_conn_tx_info(pipe.client.conn, &info));
		ATF_CHECK_EQ(0, info.nr_records);
		ATF_CHECK_EQ(-EAGAIN,
			     keel_conn_seal(pipe.client.conn, rec, "x", 1));
		pipe_run(&pipe);
	}
	ATF_CHECK_EQ(15, pipe.server.got.len);
	pipe_fini(&pipe);
}

CASE(limit__closes_tls12, "TLS 1.2 ends its direction in order at the limit")
{
	for (size_t row = 1; row < 4; row += 2) {
		const char *name = pipe_rows[row].name;
		struct conn_pipe pipe;
		uint8_t rec[64];

		/* Its Finished was the first record under the key. */
		pipe_open(&pipe, &pipe_rows[row], limit_of_3);
		CHECK_INT(name, 1, keel_conn_send(pipe.client.conn, "a", 1));
		CHECK_INT(name, 1, keel_conn_send(pipe.client.conn, "b", 1));
		CHECK_INT(name, -EKEYEXPIRED,
			  keel_conn_send(pipe.client.conn, "c", 1));
		CHECK_INT(name, -ESTALE,
			  keel_conn_seal(pipe.client.conn, rec, "c", 1));
		CHECK_INT(name, KEEL_CONN_CLOSING,
			  keel_conn_get_state(pipe.client.conn));
		/* The caller is told; the connection has not failed. */
		CHECK_INT(name, 0, keel_conn_err(pipe.client.conn)->err);
		pipe_run(&pipe);
		CHECK_INT(name, 2, pipe.server.got.len);
		ATF_CHECK_STREQ("ODE", pipe.server.events);
		/* Its own direction still works, until it closes. */
		CHECK_INT(name, 1, keel_conn_send(pipe.server.conn, "d", 1));
		ATF_REQUIRE_EQ(0, keel_conn_close(pipe.server.conn));
		pipe_run(&pipe);
		CHECK_INT(name, 1, pipe.client.got.len);
		ATF_CHECK_STREQ("ODEC", pipe.client.events);
		ATF_CHECK_STREQ("ODEC", pipe.server.events);
		pipe_fini(&pipe);
	}
}

CASE(limit__hides_no_error, "What fails after the end of a TLS 1.2 key is told")
{
	struct conn_pipe pipe;

	pipe_open(&pipe, ROW12, limit_of_1);
	ATF_CHECK_EQ(-EKEYEXPIRED, keel_conn_send(pipe.client.conn, "a", 1));
	pipe_end_forge(&pipe.server, KEEL__RECORD_ALERT, "\2\120", 2);
	pipe_end_read(&pipe.client);
	ATF_CHECK_EQ(-ECONNRESET, keel_conn_err(pipe.client.conn)->err);
	ATF_CHECK_EQ(KEEL_ERR_PEER_ALERT,
		     keel_conn_err(pipe.client.conn)->origin);
	pipe_fini(&pipe);
}

CASE(limit__taken_in_part, "What a long send could not take meets the limit "
			   "in the next call")
{
	static uint8_t data[3 * 16384];
	struct conn_pipe pipe;

	pipe_open(&pipe, ROW12, limit_of_3);
	ATF_CHECK_EQ(2 * 16384,
		     keel_conn_send(pipe.client.conn, data, sizeof(data)));
	ATF_CHECK_EQ(-EKEYEXPIRED, keel_conn_send(pipe.client.conn, data, 1));
	pipe_fini(&pipe);
}

CASE(limit__of_the_aead, "Without a limit of the user's the AEAD's own holds, "
			 "with two records in reserve")
{
	for (size_t row = 0; row < 2; row++) {
		struct conn_pipe pipe;
		struct keel_tx_info info;
		uint64_t limit;

		pipe_open(&pipe, &pipe_rows[row], NULL);
		limit = keel__aead_limit(pipe.client.conn->tx.suite->aead);
		ATF_REQUIRE(limit > 1000);
		pipe.client.conn->tx.seq = limit - 4;
		pipe.server.conn->rx.seq = limit - 4;
		ATF_REQUIRE_EQ(0, keel_conn_tx_info(pipe.client.conn, &info));
		ATF_CHECK_EQ(2, info.nr_records);
		ATF_CHECK_EQ(1, keel_conn_send(pipe.client.conn, "a", 1));
		ATF_CHECK_EQ(1, keel_conn_send(pipe.client.conn, "b", 1));
		ATF_CHECK_EQ(row == 0 ? 1 : -EKEYEXPIRED,
			     keel_conn_send(pipe.client.conn, "c", 1));
		ATF_CHECK_EQ(row == 0 ? 1 : limit - 1,
			     pipe.client.conn->tx.seq);
		pipe_run(&pipe);
		ATF_CHECK_EQ(row == 0 ? 3 : 2, pipe.server.got.len);
		pipe_fini(&pipe);
	}
}

CASE(limit__holds_for_our_own_records,
     "Past the reserve nothing is sealed, not even an alert")
{
	struct conn_pipe pipe;
	struct keel_op op;

	pipe_open(&pipe, ROW12, NULL);
	pipe.client.conn->tx.seq =
		keel__aead_limit(pipe.client.conn->tx.suite->aead);
	ATF_CHECK_EQ(-EKEYEXPIRED, keel_conn_close(pipe.client.conn));
	ATF_CHECK_EQ(KEEL_CONN_FAILED, keel_conn_get_state(pipe.client.conn));
	ATF_CHECK_EQ(0, keel__conn_out_len(pipe.client.conn));
	/* With nothing to send there is nothing to wait for. */
	ATF_REQUIRE_EQ(1, keel_conn_next_op(pipe.client.conn, &op));
	ATF_CHECK_EQ(KEEL_OP_CLOSE, op.type);
	pipe_fini(&pipe);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, tx_info__room);
	ATF_TP_ADD_TC(tp, seal__both_forms);
	ATF_TP_ADD_TC(tp, seal__after_own_bytes);
	ATF_TP_ADD_TC(tp, send__partial);
	ATF_TP_ADD_TC(tp, send__is_bounded);
	ATF_TP_ADD_TC(tp, send__nothing);
	ATF_TP_ADD_TC(tp, op__data_stays_put);
	ATF_TP_ADD_TC(tp, op__again);
	ATF_TP_ADD_TC(tp, op__short_of_nothing);
	ATF_TP_ADD_TC(tp, op__multishot);
	ATF_TP_ADD_TC(tp, limit__rekeys);
	ATF_TP_ADD_TC(tp, limit__rekeys_for_drivers);
	ATF_TP_ADD_TC(tp, limit__closes_tls12);
	ATF_TP_ADD_TC(tp, limit__hides_no_error);
	ATF_TP_ADD_TC(tp, limit__taken_in_part);
	ATF_TP_ADD_TC(tp, limit__of_the_aead);
	ATF_TP_ADD_TC(tp, limit__holds_for_our_own_records);
	return atf_no_error();
}
