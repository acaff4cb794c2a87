/* SPDX-License-Identifier: MIT */
/* A TLS 1.3 server's tickets: with its first data, or not at all. */
#include <errno.h>
#include <string.h>

#include <atf-c.h>

#include "lib/core/conn-private.h"
#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tests/support/pipe.h"

/* OpenSSL, TLS 1.3. */
static const struct pipe_row *row(void)
{
	const struct pipe_row *on = pipe_rows;

	while (strcmp(on->backend, "openssl") || on->version != KEEL_TLS1_3)
		on++;
	return on;
}

static void want_two(struct keel_config *config)
{
	ATF_REQUIRE_EQ(0, keel_config_set_tickets(config, 2));
}

/* All three in every turn. */
static bool step(struct pipe_end *from)
{
	bool sent = pipe_end_ops(from);
	bool came = pipe_end_read(from->peer);
	bool told = pipe_end_events(from->peer);

	return sent || came || told;
}

/* Data both ways proves that each side's numbers are those of its peer. */
static void say(struct pipe_end *from, const char *text)
{
	size_t had = from->peer->got.len;
	size_t len = strlen(text);

	CHECK_INT(text, len, keel_conn_send(from->conn, text, len));
	while (step(from))
		;
	REQUIRE_INT(text, had + len, from->peer->got.len);
	CHECK_INT(text, 0, memcmp(from->peer->got.data + had, text, len));
}

CASE(tickets__come_with_data,
     "Nothing follows the handshake; the first data brings the tickets, and "
     "the backend's object is gone")
{
	struct conn_pipe pipe;

	pipe_open(&pipe, row(), want_two);
	CHECK_INT("state", KEEL_CONN_OPEN,
		  keel_conn_get_state(pipe.server.conn));
	ATF_CHECK_STREQ("O", pipe.client.events);
	CHECK_INT("sealed", 0, pipe.server.conn->tx.seq);
	ATF_CHECK(pipe.server.conn->hs);
	say(&pipe.server, "first");
	ATF_CHECK_STREQ("OSSD", pipe.client.events);
	CHECK_INT("sealed", 3, pipe.server.conn->tx.seq);
	ATF_CHECK(!pipe.server.conn->hs);
	say(&pipe.client, "answer");
	say(&pipe.server, "second");
	CHECK_INT("sealed", 4, pipe.server.conn->tx.seq);
	pipe_fini(&pipe);
}

CASE(tickets__are_no_record_of_the_application,
     "A driver that seals by itself is told to send the tickets first")
{
	struct keel_tx_info info;
	struct conn_pipe pipe;
	uint8_t rec[64];

	pipe_open(&pipe, row(), want_two);
	REQUIRE_INT("info", 0, keel_conn_tx_info(pipe.server.conn, &info));
	CHECK_INT("records", 0, info.nr_records);
	CHECK_INT("seal", -EAGAIN,
		  keel_conn_seal(pipe.server.conn, rec, "x", 1));
	while (pipe_end_ops(&pipe.server))
		;
	REQUIRE_INT("info", 0, keel_conn_tx_info(pipe.server.conn, &info));
	ATF_CHECK(info.nr_records);
	say(&pipe.server, "data");
	ATF_CHECK_STREQ("OSSD", pipe.client.events);
	pipe_fini(&pipe);
}

static void trim(struct conn_pipe *pipe)
{
	keel_conn_trim(pipe->server.conn);
	ATF_CHECK(!pipe->server.conn->hs);
}

static void key_update(struct conn_pipe *pipe)
{
	ATF_REQUIRE_EQ(0, keel_conn_key_update(pipe->server.conn, true));
	pipe_run(pipe);
}

static void answer(struct conn_pipe *pipe)
{
	ATF_REQUIRE_EQ(0, keel_conn_key_update(pipe->client.conn, true));
	pipe_run(pipe);
}

static const struct {
	const char *name;
	void (*act)(struct conn_pipe *pipe);
} losses[] = {
	{"trimmed", trim},
	{"after a KeyUpdate of ours", key_update},
	{"after the answer to one", answer},
};

CASE(tickets__are_given_up, "What makes them impossible costs the tickets and "
			    "nothing else")
{
	for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
		struct conn_pipe pipe;

		pipe_open(&pipe, row(), want_two);
		losses[i].act(&pipe);
		say(&pipe.server, "data");
		say(&pipe.client, "more");
		ATF_CHECK_MSG(!strcmp("OD", pipe.client.events), "%s: %s",
			      losses[i].name, pipe.client.events);
		CHECK_INT(losses[i].name, true, !pipe.server.conn->hs);
		pipe_fini(&pipe);
	}
}

CASE(tickets__not_at_the_end, "A server that just closes makes none")
{
	struct conn_pipe pipe;

	pipe_open(&pipe, row(), want_two);
	ATF_REQUIRE_EQ(0, keel_conn_close(pipe.server.conn));
	ATF_CHECK(!pipe.server.conn->hs);
	CHECK_INT("sealed", 1, pipe.server.conn->tx.seq);
	pipe_run(&pipe);
	ATF_CHECK_STREQ("OE", pipe.client.events);
	pipe_fini(&pipe);
}

CASE(tickets__while_the_event_is_read,
     "Data sent out of the OPEN event leaves what the event points to")
{
	struct keel_ctx *client = pipe_ctx(KEEL_CLIENT, row(), want_two);
	struct keel_ctx *server = pipe_ctx(KEEL_SERVER, row(), want_two);
	struct keel_event ev = {.type = KEEL_EVENT_EOF};
	struct conn_pipe pipe;
	uint8_t wire[4096];

	pipe_init(&pipe, client, server);
	/* What comes to the server is given to it here, event by event. */
	pipe.server.is_deaf = true;
	do {
		pipe_run(&pipe);
		ATF_REQUIRE(pipe.client.wire.len);
		ATF_REQUIRE(pipe.client.wire.len <= sizeof(wire));
		memcpy(wire, pipe.client.wire.data, pipe.client.wire.len);
		ATF_REQUIRE_EQ(0, keel_conn_input(pipe.server.conn, wire,
						  pipe.client.wire.len));
		bytes_drop(&pipe.client.wire, pipe.client.wire.len);
	} while (keel_conn_next_event(pipe.server.conn, &ev) != 1);
	CHECK_INT("event", KEEL_EVENT_OPEN, ev.type);
	CHECK_INT("sent", 2, keel_conn_send(pipe.server.conn, "hi", 2));
	ATF_CHECK_STREQ("localhost", ev.info->sni);
	pipe_run(&pipe);
	ATF_CHECK(!pipe.server.conn->hs);
	ATF_CHECK_STREQ("OSSD", pipe.client.events);
	pipe_fini(&pipe);
	keel_ctx_unref(client);
	keel_ctx_unref(server);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, tickets__come_with_data);
	ATF_TP_ADD_TC(tp, tickets__are_no_record_of_the_application);
	ATF_TP_ADD_TC(tp, tickets__are_given_up);
	ATF_TP_ADD_TC(tp, tickets__not_at_the_end);
	ATF_TP_ADD_TC(tp, tickets__while_the_event_is_read);
	return atf_no_error();
}
