/* SPDX-License-Identifier: MIT */
/* Every way in which a connection ends. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <keel/conn.h>

#include "lib/base/base-private.h"
#include "lib/core/conn-private.h"
#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tests/support/pipe.h"

#define ROW13 (&pipe_rows[0])

#define CHECK_STR(row, expected, actual) \
	ATF_CHECK_MSG(!strcmp(expected, actual), \
		      "%s: %s is \"%s\", not \"%s\"", row, #actual, actual, \
		      expected)

static enum keel_conn_state state_of(const struct pipe_end *end)
{
	return keel_conn_get_state(end->conn);
}

static int err_of(const struct pipe_end *end)
{
	return keel_conn_err(end->conn)->err;
}

/* Forget the operations of the handshake. */
static void forget_ops(struct conn_pipe *pipe)
{
	memset(pipe->client.ops, 0, sizeof(pipe->client.ops));
	memset(pipe->server.ops, 0, sizeof(pipe->server.ops));
}

CASE(close__both_ways, "One closes, the other answers: both end in order")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		struct conn_pipe pipe;

		pipe_open(&pipe, on, NULL);
		forget_ops(&pipe);
		CHECK_INT(on->name, 0, keel_conn_close(pipe.client.conn));
		CHECK_INT(on->name, KEEL_CONN_CLOSING, state_of(&pipe.client));
		pipe_run(&pipe);
		CHECK_STR(on->name, "OE", pipe.server.events);
		CHECK_STR(on->name, "WS", pipe.client.ops);
		CHECK_INT(on->name, KEEL_CONN_OPEN, state_of(&pipe.server));
		CHECK_INT(on->name, 0, keel_conn_close(pipe.server.conn));
		pipe_run(&pipe);
		CHECK_STR(on->name, "OEC", pipe.client.events);
		CHECK_STR(on->name, "OEC", pipe.server.events);
		CHECK_STR(on->name, "WSC", pipe.client.ops);
		/* The peer has ended: closing is all there is to do. */
		CHECK_STR(on->name, "WC", pipe.server.ops);
		CHECK_INT(on->name, KEEL_CONN_CLOSED, state_of(&pipe.client));
		CHECK_INT(on->name, KEEL_CONN_CLOSED, state_of(&pipe.server));
		CHECK_INT(on->name, 0, err_of(&pipe.client));
		CHECK_INT(on->name, 0, err_of(&pipe.server));
		pipe_fini(&pipe);
	}
}

CASE(close__at_the_same_time, "Both close before either has read")
{
	struct conn_pipe pipe;

	pipe_open(&pipe, ROW13, NULL);
	ATF_CHECK_EQ(0, keel_conn_close(pipe.client.conn));
	ATF_CHECK_EQ(0, keel_conn_close(pipe.server.conn));
	pipe_end_ops(&pipe.client);
	pipe_end_ops(&pipe.server);
	pipe_run(&pipe);
	ATF_CHECK_STREQ("OEC", pipe.client.events);
	ATF_CHECK_STREQ("OEC", pipe.server.events);
	pipe_fini(&pipe);
}

CASE(close__half, "After our close_notify the peer's data still comes; after "
		  "the peer's ours still goes")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		struct conn_pipe pipe;

		pipe_open(&pipe, on, NULL);
		ATF_REQUIRE_EQ(0, keel_conn_close(pipe.client.conn));
		pipe_run(&pipe);
		CHECK_STR(on->name, "OE", pipe.server.events);
		for (int i = 0; i < 3; i++) {
			CHECK_INT(on->name, 4,
				  keel_conn_send(pipe.server.conn, "more", 4));
			pipe_run(&pipe);
		}
		CHECK_INT(on->name, 12, pipe.client.got.len);
		CHECK_INT(on->name, -ESTALE,
			  keel_conn_send(pipe.client.conn, "x", 1));
		ATF_REQUIRE_EQ(0, keel_conn_close(pipe.server.conn));
		pipe_run(&pipe);
		CHECK_STR(on->name, "ODEC", pipe.client.events);
		CHECK_STR(on->name, "OEC", pipe.server.events);
		pipe_fini(&pipe);
	}
}

CASE(close__behind_pending_output,
     "close_notify waits behind everything sent before it")
{
	static uint8_t data[60000];
	struct conn_pipe pipe;

	pipe_open(&pipe, ROW13, NULL);
	forget_ops(&pipe);
	pipe.client.max_write = 999;
	ATF_CHECK_EQ(sizeof(data), (size_t)keel_conn_send(pipe.client.conn,
							  data, sizeof(data)));
	ATF_CHECK_EQ(0, keel_conn_close(pipe.client.conn));
	pipe_run(&pipe);
	ATF_CHECK_EQ(sizeof(data), pipe.server.got.len);
	ATF_CHECK_STREQ("ODE", pipe.server.events);
	ATF_CHECK_EQ('S', pipe.client.ops[strlen(pipe.client.ops) - 1]);
	ATF_CHECK_EQ(1, keel_conn_send(pipe.server.conn, "x", 1));
	ATF_CHECK_EQ(0, keel_conn_close(pipe.server.conn));
	pipe_run(&pipe);
	ATF_CHECK_STREQ("ODEC", pipe.client.events);
	pipe_fini(&pipe);
}

CASE(close__not_closed_before_sent,
     "With the peer gone first, CLOSED still waits for our last byte")
{
	struct conn_pipe pipe;
	struct keel_op op;

	pipe_open(&pipe, ROW13, NULL);
	ATF_CHECK_EQ(0, keel_conn_close(pipe.client.conn));
	pipe_run(&pipe);
	ATF_CHECK_EQ(4, keel_conn_send(pipe.server.conn, "last", 4));
	ATF_CHECK_EQ(0, keel_conn_close(pipe.server.conn));
	ATF_REQUIRE_EQ(1, keel_conn_next_op(pipe.server.conn, &op));
	ATF_CHECK_EQ(KEEL_OP_SEND, op.type);
	ATF_CHECK_EQ(KEEL_CONN_CLOSING, state_of(&pipe.server));
	ATF_CHECK_EQ(0, keel_conn_op_done(pipe.server.conn, KEEL_OP_SEND,
					  (ssize_t)op.len - 1));
	ATF_CHECK_EQ(KEEL_CONN_CLOSING, state_of(&pipe.server));
	ATF_REQUIRE_EQ(1, keel_conn_next_op(pipe.server.conn, &op));
	ATF_CHECK_EQ(0, keel_conn_op_done(pipe.server.conn, KEEL_OP_SEND, 1));
	ATF_CHECK_EQ(KEEL_CONN_CLOSED, state_of(&pipe.server));
	pipe_fini(&pipe);
}

CASE(close__peer_ends_while_ours_waits,
     "The peer's close_notify does not end what we have not sent yet")
{
	struct conn_pipe pipe;

	pipe_open(&pipe, ROW13, NULL);
	ATF_CHECK_EQ(4, keel_conn_send(pipe.server.conn, "last", 4));
	ATF_CHECK_EQ(0, keel_conn_close(pipe.server.conn));
	ATF_CHECK_EQ(0, keel_conn_close(pipe.client.conn));
	pipe_end_ops(&pipe.client);
	pipe_end_read(&pipe.server);
	ATF_CHECK_STREQ("OE", pipe.server.events);
	ATF_CHECK_EQ(KEEL_CONN_CLOSING, state_of(&pipe.server));
	pipe_run(&pipe);
	ATF_CHECK_STREQ("OEC", pipe.server.events);
	ATF_CHECK_STREQ("ODEC", pipe.client.events);
	ATF_CHECK_EQ(4, pipe.client.got.len);
	pipe_fini(&pipe);
}

CASE(close__before_the_handshake, "A connection that is not open just closes")
{
	struct keel_ctx *client = pipe_ctx(KEEL_CLIENT, ROW13, NULL);
	struct keel_ctx *server = pipe_ctx(KEEL_SERVER, ROW13, NULL);
	struct conn_pipe pipe;

	pipe_init(&pipe, client, server);
	pipe_end_ops(&pipe.client);
	pipe.client.wire.len = 0;
	ATF_CHECK_EQ(KEEL_CONN_HANDSHAKE, state_of(&pipe.client));
	ATF_CHECK_EQ(0, keel_conn_close(pipe.client.conn));
	ATF_CHECK_EQ(0, keel_conn_close(pipe.server.conn));
	ATF_CHECK_EQ(KEEL_CONN_CLOSED, state_of(&pipe.server));
	pipe_run(&pipe);
	ATF_CHECK_STREQ("C", pipe.client.events);
	ATF_CHECK_STREQ("C", pipe.server.events);
	ATF_CHECK_STREQ("WRC", pipe.client.ops);
	ATF_CHECK_STREQ("C", pipe.server.ops);
	ATF_CHECK_EQ(0, pipe.client.wire.len);
	pipe_fini(&pipe);
	keel_ctx_unref(client);
	keel_ctx_unref(server);
}

CASE(close__again, "A second close changes nothing, in any state")
{
	struct conn_pipe pipe;

	pipe_open(&pipe, ROW13, NULL);
	ATF_CHECK_EQ(0, keel_conn_close(pipe.client.conn));
	ATF_CHECK_EQ(0, keel_conn_close(pipe.client.conn));
	pipe_run(&pipe);
	ATF_CHECK_EQ(0, keel_conn_close(pipe.server.conn));
	pipe_run(&pipe);
	ATF_CHECK_EQ(0, keel_conn_close(pipe.server.conn));
	ATF_CHECK_EQ(KEEL_CONN_CLOSED, state_of(&pipe.server));
	ATF_CHECK_STREQ("OEC", pipe.server.events);
	keel_conn_fail(pipe.server.conn, -EIO, KEEL_ERR_USAGE, "test");
	ATF_CHECK_EQ(0, keel_conn_close(pipe.server.conn));
	ATF_CHECK_EQ(KEEL_CONN_FAILED, state_of(&pipe.server));
	pipe_fini(&pipe);
}

/* Where a stream may be cut. */
static const struct cut {
	const char *name;
	const char *site;
	enum keel_conn_state state;
	bool is_partial;
} cuts[] = {
	{"new", "truncation: the stream ended before the handshake",
	 KEEL_CONN_NEW, false},
	{"new, partial", "truncation: the stream ended inside a record",
	 KEEL_CONN_NEW, true},
	{"handshake", "truncation: the stream ended in the handshake",
	 KEEL_CONN_HANDSHAKE, false},
	{"handshake, partial", "truncation: the stream ended inside a record",
	 KEEL_CONN_HANDSHAKE, true},
	{"open", "truncation: the stream ended without close_notify",
	 KEEL_CONN_OPEN, false},
	{"open, partial", "truncation: the stream ended inside a record",
	 KEEL_CONN_OPEN, true},
	{"closing",
	 "truncation: the stream ended without the peer's close_notify",
	 KEEL_CONN_CLOSING, false},
	{"closing, partial", "truncation: the stream ended inside a record",
	 KEEL_CONN_CLOSING, true},
};

/* Bring a fresh pair's server into @state. */
static void bring_to(struct conn_pipe *pipe, enum keel_conn_state state)
{
	if (state >= KEEL_CONN_OPEN) {
		pipe_run(pipe);
	} else {
		pipe_end_ops(&pipe->client);
		pipe_end_ops(&pipe->server);
		if (state == KEEL_CONN_HANDSHAKE)
			pipe_end_read(&pipe->server);
	}
	if (state == KEEL_CONN_CLOSING) {
		ATF_REQUIRE_EQ(0, keel_conn_close(pipe->server.conn));
		pipe_run(pipe);
	}
	pipe_end_ops(&pipe->server);
	ATF_REQUIRE_EQ(state, state_of(&pipe->server));
}

CASE(truncation__in_every_state,
     "An end without close_notify is an error that says where, and no alert")
{
	/* With OpenSSL: the null backend is never in HANDSHAKE for long. */
	struct keel_ctx *client = pipe_ctx(KEEL_CLIENT, &pipe_rows[2], NULL);
	struct keel_ctx *server = pipe_ctx(KEEL_SERVER, &pipe_rows[2], NULL);

	for (size_t i = 0; i < KEEL__ARRAY_LEN(cuts); i++) {
		const struct cut *cut = &cuts[i];
		struct conn_pipe pipe;
		size_t len;

		pipe_init(&pipe, client, server);
		bring_to(&pipe, cut->state);
		len = pipe.server.wire.len;
		if (cut->is_partial)
			pipe_end_feed(&pipe.server, "\27\3\3", 3);
		pipe_end_ops(&pipe.server);
		CHECK_INT(cut->name, 0,
			  keel_conn_op_done(pipe.server.conn, KEEL_OP_RECV, 0));
		pipe_end_events(&pipe.server);
		pipe_end_ops(&pipe.server);
		CHECK_INT(cut->name, -ECONNABORTED, err_of(&pipe.server));
		CHECK_INT(cut->name, KEEL_ERR_SYS,
			  keel_conn_err(pipe.server.conn)->origin);
		CHECK_STR(cut->name, cut->site,
			  keel_conn_err(pipe.server.conn)->site);
		CHECK_INT(cut->name, true, pipe.server.is_closed);
		CHECK_INT(cut->name, len, pipe.server.wire.len);
		pipe_fini(&pipe);
	}
	keel_ctx_unref(client);
	keel_ctx_unref(server);
}

CASE(truncation__after_kept_data,
     "Data that came before the end is told before the end is")
{
	struct conn_pipe pipe;
	struct keel_event ev;
	struct keel_op op;

	pipe_open(&pipe, ROW13, NULL);
	pipe_end_forge(&pipe.client, KEEL__RECORD_DATA, "data", 4);
	ATF_REQUIRE_EQ(0,
		       keel_conn_input(pipe.server.conn, pipe.client.wire.data,
				       pipe.client.wire.len));
	ATF_CHECK(keel_conn_keep_input(pipe.server.conn) > 0);
	pipe_end_ops(&pipe.server);
	ATF_REQUIRE_EQ(0, keel_conn_op_done(pipe.server.conn, KEEL_OP_RECV, 0));
	/* There is nothing more to receive. */
	ATF_CHECK_EQ(0, keel_conn_next_op(pipe.server.conn, &op));
	ATF_CHECK_EQ(1, keel_conn_next_event(pipe.server.conn, &ev));
	ATF_CHECK_EQ(KEEL_EVENT_DATA, ev.type);
	ATF_CHECK_EQ(1, keel_conn_next_event(pipe.server.conn, &ev));
	ATF_CHECK_EQ(KEEL_EVENT_FAILED, ev.type);
	ATF_CHECK_STREQ("truncation: the stream ended without close_notify",
			keel_conn_err(pipe.server.conn)->site);
	pipe_fini(&pipe);
}

CASE(truncation__not_after_close_notify,
     "An end of the stream after close_notify is no error")
{
	struct conn_pipe pipe;

	pipe_open(&pipe, ROW13, NULL);
	ATF_REQUIRE_EQ(0, keel_conn_close(pipe.client.conn));
	pipe_end_ops(&pipe.client);
	/* A second receive is out when the first brings close_notify. */
	pipe_end_read(&pipe.server);
	ATF_CHECK_STREQ("OE", pipe.server.events);
	pipe_run(&pipe);
	ATF_CHECK_EQ(0, err_of(&pipe.server));
	ATF_CHECK_EQ(3, keel_conn_send(pipe.server.conn, "yet", 3));
	pipe_run(&pipe);
	ATF_CHECK_EQ(3, pipe.client.got.len);
	pipe_fini(&pipe);
}

CASE(failure__alert_gets_through,
     "Alert, shutdown, reading away until the peer ends, close: in this order")
{
	static uint8_t rubbish[5000];
	struct conn_pipe pipe;
	struct keel_op op;

	pipe_open(&pipe, ROW13, NULL);
	forget_ops(&pipe);
	ATF_CHECK_EQ(4, keel_conn_send(pipe.server.conn, "sent", 4));
	pipe_end_feed(&pipe.server, "\27\3\3\377\377", 5);
	ATF_CHECK_STREQ("OF", pipe.server.events);
	ATF_CHECK_EQ(KEEL_CONN_FAILED, state_of(&pipe.server));
	ATF_REQUIRE_EQ(1, keel_conn_next_op(pipe.server.conn, &op));
	ATF_CHECK_EQ(KEEL_OP_SEND, op.type);
	/* What was sent before goes first. */
	ATF_CHECK_EQ(4 + 22 + 2 + 22, op.len);
	ATF_REQUIRE_EQ(0, keel_conn_op_done(pipe.server.conn, KEEL_OP_SEND,
					    (ssize_t)op.len));
	ATF_REQUIRE_EQ(1, keel_conn_next_op(pipe.server.conn, &op));
	ATF_CHECK_EQ(KEEL_OP_SHUTDOWN, op.type);
	ATF_REQUIRE_EQ(
		0, keel_conn_op_done(pipe.server.conn, KEEL_OP_SHUTDOWN, 0));
	for (int i = 0; i < 5; i++) {
		ATF_REQUIRE_EQ(1, keel_conn_next_op(pipe.server.conn, &op));
		ATF_CHECK_EQ(KEEL_OP_RECV, op.type);
		ATF_CHECK_EQ(0, keel_conn_next_op(pipe.server.conn, &op));
		pipe_end_feed(&pipe.server, rubbish, sizeof(rubbish));
		ATF_CHECK(!pipe.server.conn->stash.data);
	}
	ATF_REQUIRE_EQ(1, keel_conn_next_op(pipe.server.conn, &op));
	ATF_REQUIRE_EQ(0, keel_conn_op_done(pipe.server.conn, KEEL_OP_RECV, 0));
	ATF_REQUIRE_EQ(1, keel_conn_next_op(pipe.server.conn, &op));
	ATF_CHECK_EQ(KEEL_OP_CLOSE, op.type);
	ATF_CHECK_EQ(0, keel_conn_next_op(pipe.server.conn, &op));
	ATF_CHECK_STREQ("OF", pipe.server.events);
	pipe_fini(&pipe);
}

CASE(failure__after_the_peer_ended,
     "With the peer's end read before the alert is out, closing is the rest")
{
	struct conn_pipe pipe;

	pipe_open(&pipe, ROW13, NULL);
	ATF_REQUIRE_EQ(0, keel_conn_op_done(pipe.server.conn, KEEL_OP_RECV, 0));
	ATF_REQUIRE_EQ(0, keel_conn_key_update(pipe.server.conn, false));
	ATF_REQUIRE_EQ(0, keel__conn_refuse(pipe.server.conn, -EPROTO,
					    KEEL_ALERT_DECODE_ERROR, "test") +
				  EPROTO);
	forget_ops(&pipe);
	for (int i = 0; i < 3; i++) {
		pipe_end_ops(&pipe.server);
		pipe.server.is_closed = false;
	}
	ATF_CHECK_STREQ("WC", pipe.server.ops);
	pipe_fini(&pipe);
}

CASE(failure__both_sides_know,
     "The peer learns the alert and closes; then this side does")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		struct conn_pipe pipe;

		pipe_open(&pipe, on, NULL);
		forget_ops(&pipe);
		pipe_end_forge(&pipe.client, KEEL__RECORD_HANDSHAKE, "\15", 1);
		pipe_run(&pipe);
		CHECK_INT(on->name, KEEL_ERR_SENT_ALERT,
			  keel_conn_err(pipe.server.conn)->origin);
		CHECK_INT(on->name, KEEL_ERR_PEER_ALERT,
			  keel_conn_err(pipe.client.conn)->origin);
		CHECK_INT(on->name, KEEL_ALERT_UNEXPECTED_MESSAGE,
			  keel_conn_err(pipe.client.conn)->alert);
		CHECK_STR(on->name, "C", pipe.client.ops);
		CHECK_STR(on->name, "WSRC", pipe.server.ops);
		pipe_fini(&pipe);
	}
}

static void want_ticket(struct keel_config *config)
{
	ATF_REQUIRE_EQ(0, keel_config_set_tickets(config, 1));
}

CASE(failure__drops_what_is_untold,
     "Events that wait when a connection fails are no longer true")
{
	/* TLS 1.2: a session waits behind the OPEN event. */
	struct keel_ctx *client =
		pipe_ctx(KEEL_CLIENT, &pipe_rows[3], want_ticket);
	struct keel_ctx *server =
		pipe_ctx(KEEL_SERVER, &pipe_rows[3], want_ticket);
	struct conn_pipe pipe;
	struct keel_event ev;
	int r = 0;

	pipe_init(&pipe, client, server);
	do {
		pipe_end_ops(&pipe.client);
		pipe_end_ops(&pipe.server);
		pipe_end_read(&pipe.server);
		pipe_end_ops(&pipe.server);
		if (pipe.server.wire.len)
			ATF_REQUIRE_EQ(0,
				       keel_conn_input(pipe.client.conn,
						       pipe.server.wire.data,
						       pipe.server.wire.len));
		r = keel_conn_next_event(pipe.client.conn, &ev);
		pipe.server.wire.len = 0;
	} while (!r);
	ATF_REQUIRE_EQ(1, r);
	ATF_CHECK_EQ(KEEL_EVENT_OPEN, ev.type);
	keel_conn_fail(pipe.client.conn, -ETIMEDOUT, KEEL_ERR_TIMEOUT, "test");
	ATF_REQUIRE_EQ(1, keel_conn_next_event(pipe.client.conn, &ev));
	ATF_CHECK_EQ(KEEL_EVENT_FAILED, ev.type);
	ATF_CHECK_EQ(0, keel_conn_next_event(pipe.client.conn, &ev));
	pipe_fini(&pipe);
	keel_ctx_unref(client);
	keel_ctx_unref(server);
}

CASE(failure__first_error_sticks, "What went wrong first is what is told")
{
	struct conn_pipe pipe;

	pipe_open(&pipe, ROW13, NULL);
	pipe_end_feed(&pipe.server, "GET /", 5);
	ATF_CHECK_EQ(-EPROTO, err_of(&pipe.server));
	keel_conn_fail(pipe.server.conn, -EIO, KEEL_ERR_SYS, "later");
	ATF_CHECK_EQ(-EPROTO, err_of(&pipe.server));
	pipe_fini(&pipe);
}

CASE(failure__driver_cuts_it_short,
     "keel_conn_fail() ends the wait for a peer that does not end")
{
	struct conn_pipe pipe;

	pipe_open(&pipe, ROW13, NULL);
	pipe_end_feed(&pipe.server, "GET /", 5);
	pipe_end_ops(&pipe.server);
	ATF_CHECK(!pipe.server.is_closed);
	keel_conn_fail(pipe.server.conn, -ETIMEDOUT, KEEL_ERR_TIMEOUT, "t");
	pipe_end_ops(&pipe.server);
	ATF_CHECK(pipe.server.is_closed);
	ATF_CHECK_EQ(-EPROTO, err_of(&pipe.server));
	pipe_fini(&pipe);
}

CASE(failure__of_the_driver, "keel_conn_fail() closes at once, in every state, "
			     "and bad arguments are made good")
{
	struct keel_ctx *client = pipe_ctx(KEEL_CLIENT, &pipe_rows[2], NULL);
	struct keel_ctx *server = pipe_ctx(KEEL_SERVER, &pipe_rows[2], NULL);

	for (enum keel_conn_state s = KEEL_CONN_NEW; s <= KEEL_CONN_CLOSING;
	     s++) {
		const char *name = keel_conn_state_name(s);
		struct conn_pipe pipe;
		size_t len;

		pipe_init(&pipe, client, server);
		bring_to(&pipe, s);
		len = pipe.server.wire.len;
		keel_conn_fail(pipe.server.conn, -ETIMEDOUT, KEEL_ERR_TIMEOUT,
			       "handshake timer");
		pipe_end_ops(&pipe.server);
		pipe_end_events(&pipe.server);
		CHECK_INT(name, -ETIMEDOUT, err_of(&pipe.server));
		CHECK_INT(name, KEEL_ERR_TIMEOUT,
			  keel_conn_err(pipe.server.conn)->origin);
		CHECK_STR(name, "handshake timer",
			  keel_conn_err(pipe.server.conn)->site);
		CHECK_INT(name, true, pipe.server.is_closed);
		CHECK_INT(name, len, pipe.server.wire.len);
		CHECK_INT(name, 'F',
			  pipe.server.events[strlen(pipe.server.events) - 1]);
		pipe_fini(&pipe);

		pipe_init(&pipe, client, server);
		keel_conn_fail(pipe.server.conn, 5, KEEL_ERR_USAGE, NULL);
		CHECK_INT(name, -EINVAL, err_of(&pipe.server));
		CHECK_INT(name, true,
			  keel_conn_err(pipe.server.conn)->site != NULL);
		pipe_fini(&pipe);
	}
	keel_conn_fail(NULL, -EIO, KEEL_ERR_SYS, "x");
	keel_ctx_unref(client);
	keel_ctx_unref(server);
}

CASE(transport__errno, "An errno of the socket fails the connection at once; "
		       "one that comes after the end changes nothing")
{
	static const struct {
		enum keel_op_type type;
		int err;
		const char *site;
	} tests[] = {
		{KEEL_OP_RECV, -ECONNRESET, "receive"},
		{KEEL_OP_SEND, -EPIPE, "send"},
	};

	for (size_t i = 0; i < 2; i++) {
		struct conn_pipe pipe;
		struct keel_op op;

		pipe_open(&pipe, ROW13, NULL);
		ATF_CHECK_EQ(1, keel_conn_send(pipe.client.conn, "x", 1));
		ATF_REQUIRE_EQ(1, keel_conn_next_op(pipe.client.conn, &op));
		CHECK_INT(tests[i].site, 0,
			  keel_conn_op_done(pipe.client.conn, tests[i].type,
					    tests[i].err));
		CHECK_INT(tests[i].site, tests[i].err, err_of(&pipe.client));
		CHECK_INT(tests[i].site, KEEL_ERR_SYS,
			  keel_conn_err(pipe.client.conn)->origin);
		CHECK_STR("site", tests[i].site,
			  keel_conn_err(pipe.client.conn)->site);
		ATF_REQUIRE_EQ(1, keel_conn_next_op(pipe.client.conn, &op));
		CHECK_INT(tests[i].site, KEEL_OP_CLOSE, op.type);
		/* The driver cancels the other one. */
		CHECK_INT(tests[i].site, 0,
			  keel_conn_op_done(pipe.client.conn, tests[1 - i].type,
					    -ECANCELED));
		CHECK_INT(tests[i].site, tests[i].err, err_of(&pipe.client));
		pipe_fini(&pipe);
	}
}

CASE(transport__errno_after_the_end,
     "A receive that is cancelled after an orderly end leaves it orderly")
{
	struct conn_pipe pipe;

	pipe_open(&pipe, ROW13, NULL);
	ATF_CHECK_EQ(0, keel_conn_close(pipe.client.conn));
	pipe_run(&pipe);
	ATF_CHECK_EQ(0, keel_conn_close(pipe.server.conn));
	pipe_run(&pipe);
	ATF_CHECK_EQ(KEEL_CONN_CLOSED, state_of(&pipe.client));
	ATF_CHECK_EQ(0, keel_conn_op_done(pipe.client.conn, KEEL_OP_RECV,
					  -ECANCELED));
	ATF_CHECK_EQ(KEEL_CONN_CLOSED, state_of(&pipe.client));
	ATF_CHECK_EQ(0, err_of(&pipe.client));
	pipe_fini(&pipe);
}

/* What a listener hears. */
struct heard {
	char text[512];
	unsigned int nr_errs;
};

static struct heard heard;

static void hear(const struct keel_log_event *event, void *arg)
{
	struct heard *h = arg;
	size_t len = strlen(h->text);

	snprintf(h->text + len, sizeof(h->text) - len, "%u:%s:%s ",
		 (unsigned int)event->conn_id, event->event, event->state);
	h->nr_errs += event->err != NULL;
}

static void listen(struct keel_config *config)
{
	ATF_REQUIRE_EQ(
		0, keel_config_set_log(config, KEEL_LOG_DEBUG, hear, &heard));
}

static void listen_info(struct keel_config *config)
{
	ATF_REQUIRE_EQ(
		0, keel_config_set_log(config, KEEL_LOG_INFO, hear, &heard));
}

CASE(log__events, "What happens is reported as events; the level filters")
{
	struct conn_pipe pipe;

	pipe_open(&pipe, ROW13, listen);
	ATF_CHECK_STREQ("1:handshake-done:open 2:handshake-done:open ",
			heard.text);
	heard.text[0] = '\0';
	ATF_REQUIRE_EQ(0, keel_conn_key_update(pipe.client.conn, false));
	pipe_run(&pipe);
	ATF_CHECK_STREQ("2:key-update-sent:open 1:key-update-received:open ",
			heard.text);
	heard.text[0] = '\0';
	pipe_end_forge(&pipe.client, KEEL__RECORD_HANDSHAKE, "\15", 1);
	pipe_run(&pipe);
	ATF_CHECK_STREQ("1:alert-sent:open 1:connection-failed:failed "
			"2:connection-failed:failed 2:alert-received:failed ",
			heard.text);
	ATF_CHECK_EQ(4, heard.nr_errs);
	pipe_fini(&pipe);

	heard.text[0] = '\0';
	pipe_open(&pipe, ROW13, listen_info);
	ATF_REQUIRE_EQ(0, keel_conn_close(pipe.client.conn));
	pipe_run(&pipe);
	ATF_CHECK_STREQ("", heard.text);
	keel_conn_fail(pipe.server.conn, -ETIMEDOUT, KEEL_ERR_TIMEOUT, "t");
	ATF_CHECK_STREQ("1:connection-failed:failed ", heard.text);
	pipe_fini(&pipe);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, close__both_ways);
	ATF_TP_ADD_TC(tp, close__at_the_same_time);
	ATF_TP_ADD_TC(tp, close__half);
	ATF_TP_ADD_TC(tp, close__behind_pending_output);
	ATF_TP_ADD_TC(tp, close__not_closed_before_sent);
	ATF_TP_ADD_TC(tp, close__peer_ends_while_ours_waits);
	ATF_TP_ADD_TC(tp, close__before_the_handshake);
	ATF_TP_ADD_TC(tp, close__again);
	ATF_TP_ADD_TC(tp, truncation__in_every_state);
	ATF_TP_ADD_TC(tp, truncation__after_kept_data);
	ATF_TP_ADD_TC(tp, truncation__not_after_close_notify);
	ATF_TP_ADD_TC(tp, failure__alert_gets_through);
	ATF_TP_ADD_TC(tp, failure__after_the_peer_ended);
	ATF_TP_ADD_TC(tp, failure__both_sides_know);
	ATF_TP_ADD_TC(tp, failure__drops_what_is_untold);
	ATF_TP_ADD_TC(tp, failure__first_error_sticks);
	ATF_TP_ADD_TC(tp, failure__driver_cuts_it_short);
	ATF_TP_ADD_TC(tp, failure__of_the_driver);
	ATF_TP_ADD_TC(tp, transport__errno);
	ATF_TP_ADD_TC(tp, transport__errno_after_the_end);
	ATF_TP_ADD_TC(tp, log__events);
	return atf_no_error();
}
