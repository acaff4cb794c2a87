/* SPDX-License-Identifier: MIT */
/* KeyUpdate, tickets and floods: what needs more than a row of a table. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <keel/conn.h>

#include "lib/base/base-private.h"
#include "lib/core/conn-private.h"
#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tests/support/pipe.h"

#define ALERT KEEL__RECORD_ALERT
#define HANDSHAKE KEEL__RECORD_HANDSHAKE
#define DATA KEEL__RECORD_DATA

/* lifetime 1, age_add 2, no nonce, ticket "x", no extensions. */
#define TICKET "\x04\0\0\x0e\0\0\0\1\0\0\0\2\0\0\1x\0\0"

#define BYTES(text) .data = (text), .len = sizeof(text) - 1

struct record {
	uint8_t type;
	const char *data;
	size_t len;
};

/* The same data arrives on both sides, after whatever happened before. */
static void check_data(const char *name, struct conn_pipe *pipe)
{
	struct pipe_end *const ends[] = {&pipe->client, &pipe->server};

	for (size_t i = 0; i < 2; i++) {
		ends[i]->got.len = 0;
		CHECK_INT(name, 5,
			  keel_conn_send(ends[1 - i]->conn, "hello", 5));
	}
	pipe_run(pipe);
	for (size_t i = 0; i < 2; i++) {
		REQUIRE_INT(name, 5, ends[i]->got.len);
		CHECK_MEM(name, "hello", ends[i]->got.data, 5);
	}
}

static struct keel_conn_info info_of(const struct pipe_end *end)
{
	struct keel_conn_info info = {.sz = sizeof(info)};

	ATF_REQUIRE_EQ(0, keel_conn_get_info(end->conn, &info));
	return info;
}

CASE(key_update__from_the_application,
     "Both forms from both sides change the right keys, and data goes on")
{
	static const struct {
		const char *name;
		bool by_client;
		bool by_server;
		bool request;
		unsigned int client_tx;
		unsigned int server_tx;
	} tests[] = {
		{"client", true, false, false, 1, 0},
		{"server", false, true, false, 0, 1},
		{"client, requested", true, false, true, 1, 1},
		{"server, requested", false, true, true, 1, 1},
		/* Each request is in flight when the other comes. */
		{"both, requested", true, true, true, 2, 2},
		{"both", true, true, false, 1, 1},
	};

	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		if (on->version != KEEL_TLS1_3)
			continue;
		for (size_t i = 0; i < KEEL__ARRAY_LEN(tests); i++) {
			const char *name = tests[i].name;
			struct conn_pipe pipe;

			pipe_open(&pipe, on, NULL);
			pipe.client.max_read = 3;
			if (tests[i].by_client)
				CHECK_INT(
					name, 0,
					keel_conn_key_update(pipe.client.conn,
							     tests[i].request));
			if (tests[i].by_server)
				CHECK_INT(
					name, 0,
					keel_conn_key_update(pipe.server.conn,
							     tests[i].request));
			/* Both are sent before either is read. */
			pipe_end_ops(&pipe.client);
			pipe_end_ops(&pipe.server);
			pipe_run(&pipe);
			check_data(name, &pipe);
			CHECK_INT(name, tests[i].client_tx,
				  info_of(&pipe.client).tx.key_updates);
			CHECK_INT(name, tests[i].client_tx,
				  info_of(&pipe.server).rx.key_updates);
			CHECK_INT(name, tests[i].server_tx,
				  info_of(&pipe.server).tx.key_updates);
			CHECK_INT(name, tests[i].server_tx,
				  info_of(&pipe.client).rx.key_updates);
			pipe_fini(&pipe);
		}
	}
}

CASE(key_update__not_in_tls12, "TLS 1.2 has none")
{
	struct conn_pipe pipe;

	pipe_open(&pipe, &pipe_rows[1], NULL);
	ATF_CHECK_EQ(-EOPNOTSUPP, keel_conn_key_update(pipe.client.conn, true));
	check_data("after", &pipe);
	pipe_fini(&pipe);
}

CASE(key_update__one_answer_in_the_queue,
     "Requests that come while an answer is unsent get no second one")
{
	struct conn_pipe pipe;
	struct bytes text = {.len = 0};

	pipe_open(&pipe, &pipe_rows[0], NULL);
	for (int i = 0; i < 3; i++) {
		pipe_end_forge(&pipe.client, HANDSHAKE, "\30\0\0\1\1", 5);
		pipe_end_next_keys(&pipe.client, KEEL_TX);
	}
	ATF_CHECK(pipe_end_read(&pipe.server));
	pipe_end_ops(&pipe.server);
	ATF_CHECK_EQ(1, info_of(&pipe.server).tx.key_updates);
	ATF_CHECK_EQ(3, info_of(&pipe.server).rx.key_updates);
	ATF_CHECK_EQ(HANDSHAKE, pipe_end_unseal(&pipe.server, &text));
	ATF_CHECK_EQ(0, pipe.server.wire.len);
	bytes_fini(&text);
	pipe_fini(&pipe);
}

CASE(key_update__answered_before_data,
     "The answer stands before data that was sent after the request came")
{
	struct conn_pipe pipe;
	struct bytes text = {.len = 0};
	struct keel_tx_info info;
	uint8_t rec[64];

	pipe_open(&pipe, &pipe_rows[0], NULL);
	ATF_REQUIRE_EQ(0, keel_conn_key_update(pipe.client.conn, true));
	pipe_end_ops(&pipe.client);
	ATF_CHECK(pipe_end_read(&pipe.server));
	/* Not yet: the answer would come after it. */
	ATF_CHECK_EQ(-EAGAIN, keel_conn_seal(pipe.server.conn, rec, "x", 1));
	ATF_CHECK_EQ(0, keel_conn_tx_info(pipe.server.conn, &info));
	ATF_CHECK_EQ(0, info.nr_records);
	ATF_CHECK_EQ(1, keel_conn_send(pipe.server.conn, "x", 1));
	pipe_end_ops(&pipe.server);
	ATF_CHECK_EQ(HANDSHAKE, pipe_end_unseal(&pipe.server, &text));
	pipe_end_next_keys(&pipe.client, KEEL_RX);
	ATF_CHECK_EQ(DATA, pipe_end_unseal(&pipe.server, &text));
	ATF_CHECK_EQ(0, keel_conn_tx_info(pipe.server.conn, &info));
	ATF_CHECK(info.nr_records > 0);
	bytes_fini(&text);
	pipe_fini(&pipe);
}

CASE(key_update__not_answered_after_close,
     "After our close_notify nothing follows, and the peer's new keys work")
{
	struct conn_pipe pipe;
	struct bytes text = {.len = 0};

	pipe_open(&pipe, &pipe_rows[0], NULL);
	ATF_REQUIRE_EQ(0, keel_conn_close(pipe.server.conn));
	ATF_REQUIRE_EQ(0, keel_conn_key_update(pipe.client.conn, true));
	ATF_CHECK_EQ(1, keel_conn_send(pipe.client.conn, "x", 1));
	pipe_end_ops(&pipe.client);
	ATF_CHECK(pipe_end_read(&pipe.server));
	pipe_end_ops(&pipe.server);
	ATF_CHECK_STREQ("OD", pipe.server.events);
	ATF_CHECK_EQ(ALERT, pipe_end_unseal(&pipe.server, &text));
	ATF_CHECK_EQ(0, pipe.server.wire.len);
	bytes_fini(&text);
	pipe_fini(&pipe);
}

CASE(renegotiation__not_answered_after_close,
     "After our close_notify not even a warning follows")
{
	struct conn_pipe pipe;
	struct bytes text = {.len = 0};

	pipe_open(&pipe, &pipe_rows[1], NULL);
	ATF_REQUIRE_EQ(0, keel_conn_close(pipe.client.conn));
	pipe_end_forge(&pipe.server, HANDSHAKE, "\0\0\0\0", 4);
	pipe_end_forge(&pipe.server, DATA, "x", 1);
	ATF_CHECK(pipe_end_read(&pipe.client));
	pipe_end_ops(&pipe.client);
	ATF_CHECK_STREQ("OD", pipe.client.events);
	ATF_CHECK_EQ(ALERT, pipe_end_unseal(&pipe.client, &text));
	ATF_CHECK_EQ(0, pipe.client.wire.len);
	bytes_fini(&text);
	pipe_fini(&pipe);
}

/* What asks for a renegotiation, by who asks. */
static const struct {
	const char *name;
	bool to_server;
	const char *data;
} asks[] = {
	{"ClientHello", true, "\1\0\0\0"},
	{"HelloRequest", false, "\0\0\0\0"},
};

CASE(renegotiation__is_ended,
     "Eight attempts are answered, data in between or not; the ninth is fatal")
{
	for (size_t i = 0; i < KEEL__ARRAY_LEN(asks); i++) {
		const char *name = asks[i].name;
		const struct keel_err *err;
		struct bytes text = {.len = 0};
		struct conn_pipe pipe;
		struct pipe_end *from;

		pipe_open(&pipe, &pipe_rows[1], NULL);
		from = asks[i].to_server ? &pipe.client : &pipe.server;
		err = keel_conn_err(from->peer->conn);
		for (int n = 0; n < 8; n++) {
			pipe_end_forge(from, HANDSHAKE, asks[i].data, 4);
			pipe_end_forge(from, DATA, "x", 1);
			pipe_end_read(from->peer);
			pipe_end_ops(from->peer);
			CHECK_INT(name, ALERT,
				  pipe_end_unseal(from->peer, &text));
			CHECK_INT(name, KEEL_ALERT_NO_RENEGOTIATION,
				  text.data[1]);
		}
		CHECK_INT(name, 0, err->err);
		CHECK_INT(name, 8, from->peer->got.len);
		pipe_end_forge(from, HANDSHAKE, asks[i].data, 4);
		pipe_end_read(from->peer);
		CHECK_INT(name, -EPROTO, err->err);
		CHECK_INT(name, KEEL_ERR_SENT_ALERT, err->origin);
		CHECK_INT(name, KEEL_ALERT_UNEXPECTED_MESSAGE, err->alert);
		bytes_fini(&text);
		pipe_fini(&pipe);
	}
}

CASE(renegotiation__one_answer_in_the_queue,
     "A peer that does not read makes two warnings wait, not more")
{
	for (size_t i = 0; i < KEEL__ARRAY_LEN(asks); i++) {
		struct conn_pipe pipe;
		struct pipe_end *from;
		struct keel_conn *conn;
		struct keel_op op;

		pipe_open(&pipe, &pipe_rows[1], NULL);
		from = asks[i].to_server ? &pipe.client : &pipe.server;
		conn = from->peer->conn;
		for (int n = 0; n < 3; n++)
			pipe_end_forge(from, HANDSHAKE, asks[i].data, 4);
		pipe_end_read(from->peer);
		REQUIRE_INT(asks[i].name, 1, keel_conn_next_op(conn, &op));
		REQUIRE_INT(asks[i].name, KEEL_OP_SEND, op.type);
		CHECK_INT(asks[i].name, 13 + 2 + 16, op.len);
		for (int n = 0; n < 5; n++)
			pipe_end_forge(from, HANDSHAKE, asks[i].data, 4);
		pipe_end_feed(from->peer, from->wire.data, from->wire.len);
		CHECK_INT(asks[i].name, 2 * op.len, keel__conn_out_len(conn));
		CHECK_INT(asks[i].name, 0, keel_conn_err(conn)->err);
		pipe_fini(&pipe);
	}
}

CASE(refused__without_an_alert,
     "After our close_notify no alert follows, and the error does not claim it")
{
	for (size_t i = 0; i < 2; i++) {
		const char *name = pipe_rows[i].name;
		struct conn_pipe pipe;
		struct bytes text = {.len = 0};

		pipe_open(&pipe, &pipe_rows[i], NULL);
		ATF_REQUIRE_EQ(0, keel_conn_close(pipe.server.conn));
		pipe_end_forge(&pipe.client, HANDSHAKE, "\24\0\0\0", 4);
		pipe_end_read(&pipe.server);
		CHECK_INT(name, -EPROTO, keel_conn_err(pipe.server.conn)->err);
		CHECK_INT(name, KEEL_ERR_PEER,
			  keel_conn_err(pipe.server.conn)->origin);
		pipe_end_ops(&pipe.server);
		/* The close_notify of before, and nothing behind it. */
		CHECK_INT(name, ALERT, pipe_end_unseal(&pipe.server, &text));
		CHECK_INT(name, 0, text.data[1]);
		CHECK_INT(name, 0, pipe.server.wire.len);
		bytes_fini(&text);
		pipe_fini(&pipe);
	}
}

/* What a peer may send without end, if it is not stopped. */
static const struct flood {
	const char *name;
	uint16_t version;
	bool to_server;
	struct record in;
} floods[] = {
	{"empty data", KEEL_TLS1_3, true, {DATA, BYTES("")}},
	{"empty data, 1.2", KEEL_TLS1_2, true, {DATA, BYTES("")}},
	{"user_canceled", KEEL_TLS1_3, true, {ALERT, BYTES("\1\132")}},
	{"warning, 1.2", KEEL_TLS1_2, true, {ALERT, BYTES("\1\132")}},
	{"KeyUpdate", KEEL_TLS1_3, true, {HANDSHAKE, BYTES("\30\0\0\1\0")}},
	{"KeyUpdate, requested",
	 KEEL_TLS1_3,
	 true,
	 {HANDSHAKE, BYTES("\30\0\0\1\1")}},
	{"ticket", KEEL_TLS1_3, false, {HANDSHAKE, BYTES(TICKET)}},
};

static void flood_one(const struct flood *flood, struct pipe_end *from)
{
	pipe_end_forge(from, flood->in.type, flood->in.data, flood->in.len);
	if (flood->in.data[0] == KEEL__MSG_KEY_UPDATE)
		pipe_end_next_keys(from, KEEL_TX);
	pipe_end_read(from->peer);
	pipe_end_ops(from->peer);
}

CASE(flood__is_ended, "32 records in a row without data pass, one more does "
		      "not; data in between refills")
{
	for (size_t i = 0; i < KEEL__ARRAY_LEN(floods); i++) {
		const struct flood *flood = &floods[i];
		const char *name = flood->name;
		const struct keel_err *err;
		struct conn_pipe pipe;
		struct pipe_end *from;

		pipe_open(&pipe, &pipe_rows[flood->version == KEEL_TLS1_2],
			  NULL);
		from = flood->to_server ? &pipe.client : &pipe.server;
		err = keel_conn_err(from->peer->conn);
		for (int n = 0; n < 32; n++)
			flood_one(flood, from);
		CHECK_INT(name, 0, err->err);
		/* One record of data pays for one without. */
		pipe_end_forge(from, DATA, "x", 1);
		flood_one(flood, from);
		CHECK_INT(name, 0, err->err);
		flood_one(flood, from);
		CHECK_INT(name, -EPROTO, err->err);
		CHECK_INT(name, KEEL_ALERT_UNEXPECTED_MESSAGE, err->alert);
		ATF_CHECK_STREQ("too many records without data", err->site);
		pipe_fini(&pipe);
	}
}

CASE(flood__counts_messages_in_a_record,
     "A record full of messages costs as much as so many records")
{
	static const char ticket[] = TICKET;
	char tickets[33 * (sizeof(ticket) - 1)];
	struct conn_pipe pipe;

	for (size_t i = 0; i < 33; i++)
		memcpy(tickets + i * (sizeof(ticket) - 1), ticket,
		       sizeof(ticket) - 1);
	pipe_open(&pipe, &pipe_rows[0], NULL);
	pipe_end_forge(&pipe.server, HANDSHAKE, tickets, sizeof(tickets));
	pipe_end_read(&pipe.client);
	ATF_CHECK_EQ(-EPROTO, keel_conn_err(pipe.client.conn)->err);
	ATF_CHECK_STREQ("too many records without data",
			keel_conn_err(pipe.client.conn)->site);
	pipe_fini(&pipe);
}

CASE(flood__counts_pieces, "A message a byte a record does not go on for long")
{
	struct conn_pipe pipe;

	pipe_open(&pipe, &pipe_rows[0], NULL);
	pipe_end_forge(&pipe.server, HANDSHAKE, "\4\0\200\0", 4);
	for (int i = 0; i < 31; i++)
		pipe_end_forge(&pipe.server, HANDSHAKE, "x", 1);
	pipe_end_read(&pipe.client);
	ATF_CHECK_EQ(0, keel_conn_err(pipe.client.conn)->err);
	pipe_end_forge(&pipe.server, HANDSHAKE, "x", 1);
	pipe_end_ops(&pipe.client);
	pipe_end_read(&pipe.client);
	ATF_CHECK_EQ(-EPROTO, keel_conn_err(pipe.client.conn)->err);
	pipe_fini(&pipe);
}

static void want_two(struct keel_config *config)
{
	ATF_REQUIRE_EQ(0, keel_config_set_tickets(config, 2));
}

CASE(tickets__reach_the_application,
     "A client that wants two gets two, then its handshake object is freed")
{
	static const char ticket[] = TICKET;
	struct conn_pipe pipe;

	pipe_open(&pipe, &pipe_rows[0], want_two);
	ATF_CHECK(pipe.client.conn->hs && pipe.client.conn->hs->be_hs);
	ATF_CHECK(!pipe.server.conn->hs);
	pipe_end_forge(&pipe.server, HANDSHAKE, ticket, sizeof(ticket) - 1);
	pipe_run(&pipe);
	ATF_CHECK_STREQ("OS", pipe.client.events);
	ATF_REQUIRE_EQ(sizeof(ticket) - 1, pipe.client.session.len);
	ATF_CHECK(
		!memcmp(ticket, pipe.client.session.data, sizeof(ticket) - 1));
	ATF_CHECK(pipe.client.conn->hs && pipe.client.conn->hs->be_hs);
	pipe_end_forge(&pipe.server, HANDSHAKE, ticket, sizeof(ticket) - 1);
	pipe_run(&pipe);
	ATF_CHECK_STREQ("OSS", pipe.client.events);
	ATF_CHECK(!pipe.client.conn->hs);
	/* A third is nobody's wish. */
	pipe_end_forge(&pipe.server, HANDSHAKE, ticket, sizeof(ticket) - 1);
	pipe_run(&pipe);
	ATF_CHECK_STREQ("OSS", pipe.client.events);
	ATF_CHECK(!pipe.client.conn->hs);
	check_data("after", &pipe);
	pipe_fini(&pipe);
}

CASE(tickets__resume, "A session of an OpenSSL server resumes the next "
		      "connection, in both versions")
{
	for (size_t i = 2; i < 4; i++) {
		const struct pipe_row *on = &pipe_rows[i];
		struct keel_ctx *client = pipe_ctx(KEEL_CLIENT, on, want_two);
		struct keel_ctx *server = pipe_ctx(KEEL_SERVER, on, want_two);
		struct keel_conn_opts opts = {.sz = sizeof(opts),
					      .host = "localhost"};
		struct conn_pipe pipe;
		struct bytes session = {.len = 0};

		pipe_init(&pipe, client, server);
		pipe_run(&pipe);
		/* In TLS 1.3 the tickets come with the first data. */
		check_data(on->name, &pipe);
		ATF_CHECK_MSG(!strncmp(pipe.client.events, "OS", 2), "%s: %s",
			      on->name, pipe.client.events);
		CHECK_INT(on->name, false, pipe.client.resumed);
		bytes_add(&session, pipe.client.session.data,
			  pipe.client.session.len);
		pipe_fini(&pipe);

		REQUIRE_INT(on->name, 1, session.len > 0);
		pipe_init(&pipe, client, server);
		keel_conn_free(pipe.client.conn);
		opts.session = session.data;
		opts.session_len = session.len;
		ATF_REQUIRE_EQ(0,
			       keel_conn_new(client, &opts, &pipe.client.conn));
		pipe_run(&pipe);
		CHECK_INT(on->name, true, pipe.client.resumed);
		CHECK_INT(on->name, true, pipe.server.resumed);
		check_data(on->name, &pipe);
		pipe_fini(&pipe);
		bytes_fini(&session);
		keel_ctx_unref(client);
		keel_ctx_unref(server);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, key_update__from_the_application);
	ATF_TP_ADD_TC(tp, key_update__not_in_tls12);
	ATF_TP_ADD_TC(tp, key_update__one_answer_in_the_queue);
	ATF_TP_ADD_TC(tp, key_update__answered_before_data);
	ATF_TP_ADD_TC(tp, key_update__not_answered_after_close);
	ATF_TP_ADD_TC(tp, renegotiation__not_answered_after_close);
	ATF_TP_ADD_TC(tp, renegotiation__is_ended);
	ATF_TP_ADD_TC(tp, renegotiation__one_answer_in_the_queue);
	ATF_TP_ADD_TC(tp, refused__without_an_alert);
	ATF_TP_ADD_TC(tp, flood__is_ended);
	ATF_TP_ADD_TC(tp, flood__counts_messages_in_a_record);
	ATF_TP_ADD_TC(tp, flood__counts_pieces);
	ATF_TP_ADD_TC(tp, tickets__reach_the_application);
	ATF_TP_ADD_TC(tp, tickets__resume);
	return atf_no_error();
}
