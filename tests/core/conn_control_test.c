/* SPDX-License-Identifier: MIT */
/* Control records after the handshake: what each does, and the answer. */
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

#define FOR_SERVER 1
#define FOR_CLIENT 2
#define FOR_BOTH 3

#define BYTES(text) .data = (text), .len = sizeof(text) - 1

struct record {
	uint8_t type;
	const char *data;
	size_t len;
};

/*
 * What the peer sends, and what comes of it. @alert is what goes back: 0 for
 * none, else its level in the high byte. @reply is a handshake message that
 * goes back, NULL for none.
 */
struct row {
	const char *name;
	uint16_t version;
	unsigned int victims;
	struct record in[4];
	enum keel_conn_state state;
	int err;
	unsigned int origin;
	unsigned int alert;
	const char *reply;
	size_t reply_len;
	const char *events;
	const char *site;
};

#define REFUSED(alert_) \
	.state = KEEL_CONN_FAILED, .err = -EPROTO, \
	.origin = KEEL_ERR_SENT_ALERT, .alert = 0x200 | (alert_), \
	.events = "OF"
#define IGNORED .state = KEEL_CONN_OPEN, .events = "O"
#define RESET(alert_) \
	.state = KEEL_CONN_FAILED, .err = -ECONNRESET, \
	.origin = KEEL_ERR_PEER_ALERT, .events = "OF"

#define TICKET "\x04\0\0\x0e\0\0\0\1\0\0\0\2\0\0\1x\0\0"

static const struct row rows[] = {
	/* Data, for comparison. */
	{.name = "data",
	 .victims = FOR_BOTH,
	 .in = {{DATA, BYTES("x")}},
	 .state = KEEL_CONN_OPEN,
	 .events = "OD"},
	{.name = "empty data",
	 .victims = FOR_BOTH,
	 .in = {{DATA, BYTES("")}},
	 IGNORED},
	{.name = "empty data, data",
	 .victims = FOR_BOTH,
	 .in = {{DATA, BYTES("")}, {DATA, BYTES("x")}},
	 .state = KEEL_CONN_OPEN,
	 .events = "OD"},

	/* Alerts. */
	{.name = "close_notify",
	 .victims = FOR_BOTH,
	 .in = {{ALERT, BYTES("\1\0")}},
	 .state = KEEL_CONN_OPEN,
	 .events = "OE"},
	{.name = "close_notify, fatal",
	 .victims = FOR_BOTH,
	 .in = {{ALERT, BYTES("\2\0")}},
	 .state = KEEL_CONN_OPEN,
	 .events = "OE"},
	{.name = "data after close_notify",
	 .victims = FOR_BOTH,
	 .in = {{ALERT, BYTES("\1\0")}, {DATA, BYTES("x")}},
	 .state = KEEL_CONN_OPEN,
	 .events = "OE"},
	{.name = "user_canceled",
	 .victims = FOR_BOTH,
	 .in = {{ALERT, BYTES("\1\132")}},
	 IGNORED},
	{.name = "user_canceled, close_notify",
	 .victims = FOR_BOTH,
	 .in = {{ALERT, BYTES("\1\132")}, {ALERT, BYTES("\1\0")}},
	 .state = KEEL_CONN_OPEN,
	 .events = "OE"},
	{.name = "fatal alert",
	 .victims = FOR_BOTH,
	 .in = {{ALERT, BYTES("\2\120")}},
	 RESET(80),
	 .site = "fatal alert"},
	{.name = "warning, 1.3",
	 .version = KEEL_TLS1_3,
	 .victims = FOR_BOTH,
	 .in = {{ALERT, BYTES("\1\120")}},
	 RESET(80)},
	{.name = "unknown alert, 1.3",
	 .version = KEEL_TLS1_3,
	 .victims = FOR_BOTH,
	 .in = {{ALERT, BYTES("\1\377")}},
	 RESET(255)},
	{.name = "unknown level, 1.3",
	 .version = KEEL_TLS1_3,
	 .victims = FOR_BOTH,
	 .in = {{ALERT, BYTES("\11\50")}},
	 RESET(40)},
	{.name = "warning, 1.2",
	 .version = KEEL_TLS1_2,
	 .victims = FOR_BOTH,
	 .in = {{ALERT, BYTES("\1\144")}, {DATA, BYTES("x")}},
	 .state = KEEL_CONN_OPEN,
	 .events = "OD"},
	{.name = "unknown level, 1.2",
	 .version = KEEL_TLS1_2,
	 .victims = FOR_BOTH,
	 .in = {{ALERT, BYTES("\3\50")}},
	 REFUSED(KEEL_ALERT_ILLEGAL_PARAMETER),
	 .site = "level of an alert"},
	{.name = "half an alert",
	 .victims = FOR_BOTH,
	 .in = {{ALERT, BYTES("\2")}},
	 REFUSED(KEEL_ALERT_DECODE_ERROR),
	 .site = "length of an alert"},
	{.name = "two alerts in a record",
	 .victims = FOR_BOTH,
	 .in = {{ALERT, BYTES("\1\132\1\0")}},
	 REFUSED(KEEL_ALERT_DECODE_ERROR)},
	{.name = "empty alert",
	 .victims = FOR_BOTH,
	 .in = {{ALERT, BYTES("")}},
	 REFUSED(KEEL_ALERT_UNEXPECTED_MESSAGE),
	 .site = "empty alert"},

	/* KeyUpdate. */
	{.name = "KeyUpdate",
	 .version = KEEL_TLS1_3,
	 .victims = FOR_BOTH,
	 .in = {{HANDSHAKE, BYTES("\30\0\0\1\0")}},
	 IGNORED},
	{.name = "KeyUpdate, requested",
	 .version = KEEL_TLS1_3,
	 .victims = FOR_BOTH,
	 .in = {{HANDSHAKE, BYTES("\30\0\0\1\1")}},
	 IGNORED,
	 .reply = "\30\0\0\1\0",
	 .reply_len = 5},
	{.name = "KeyUpdate in four records",
	 .version = KEEL_TLS1_3,
	 .victims = FOR_BOTH,
	 .in = {{HANDSHAKE, BYTES("\30")},
		{HANDSHAKE, BYTES("\0\0")},
		{HANDSHAKE, BYTES("\1")},
		{HANDSHAKE, BYTES("\1")}},
	 IGNORED,
	 .reply = "\30\0\0\1\0",
	 .reply_len = 5},
	{.name = "KeyUpdate, request of 2",
	 .version = KEEL_TLS1_3,
	 .victims = FOR_BOTH,
	 .in = {{HANDSHAKE, BYTES("\30\0\0\1\2")}},
	 REFUSED(KEEL_ALERT_ILLEGAL_PARAMETER)},
	{.name = "KeyUpdate of no byte",
	 .version = KEEL_TLS1_3,
	 .victims = FOR_BOTH,
	 .in = {{HANDSHAKE, BYTES("\30\0\0\0")}},
	 REFUSED(KEEL_ALERT_DECODE_ERROR)},
	{.name = "KeyUpdate of two bytes",
	 .version = KEEL_TLS1_3,
	 .victims = FOR_BOTH,
	 .in = {{HANDSHAKE, BYTES("\30\0\0\2\0\0")}},
	 REFUSED(KEEL_ALERT_DECODE_ERROR)},
	{.name = "KeyUpdate that claims 16 MiB",
	 .version = KEEL_TLS1_3,
	 .victims = FOR_BOTH,
	 .in = {{HANDSHAKE, BYTES("\30\377\377\377")}},
	 REFUSED(KEEL_ALERT_DECODE_ERROR)},
	{.name = "two KeyUpdates in a record",
	 .version = KEEL_TLS1_3,
	 .victims = FOR_BOTH,
	 .in = {{HANDSHAKE, BYTES("\30\0\0\1\0\30\0\0\1\0")}},
	 REFUSED(KEEL_ALERT_UNEXPECTED_MESSAGE),
	 .site = "behind a KeyUpdate"},
	{.name = "a byte behind a KeyUpdate",
	 .version = KEEL_TLS1_3,
	 .victims = FOR_BOTH,
	 .in = {{HANDSHAKE, BYTES("\30\0\0\1\0\30")}},
	 REFUSED(KEEL_ALERT_UNEXPECTED_MESSAGE)},
	{.name = "data inside a KeyUpdate",
	 .version = KEEL_TLS1_3,
	 .victims = FOR_BOTH,
	 .in = {{HANDSHAKE, BYTES("\30\0")}, {DATA, BYTES("x")}},
	 REFUSED(KEEL_ALERT_UNEXPECTED_MESSAGE),
	 .site = "inside a handshake message"},
	{.name = "alert inside a KeyUpdate",
	 .version = KEEL_TLS1_3,
	 .victims = FOR_BOTH,
	 .in = {{HANDSHAKE, BYTES("\30\0")}, {ALERT, BYTES("\1\0")}},
	 REFUSED(KEEL_ALERT_UNEXPECTED_MESSAGE)},
	{.name = "KeyUpdate, 1.2",
	 .version = KEEL_TLS1_2,
	 .victims = FOR_BOTH,
	 .in = {{HANDSHAKE, BYTES("\30\0\0\1\0")}},
	 REFUSED(KEEL_ALERT_UNEXPECTED_MESSAGE)},

	/* Tickets. */
	{.name = "ticket that nobody wants",
	 .version = KEEL_TLS1_3,
	 .victims = FOR_CLIENT,
	 .in = {{HANDSHAKE, BYTES(TICKET)}, {DATA, BYTES("x")}},
	 .state = KEEL_CONN_OPEN,
	 .events = "OD"},
	{.name = "two tickets and half of one in a record",
	 .version = KEEL_TLS1_3,
	 .victims = FOR_CLIENT,
	 .in = {{HANDSHAKE, BYTES(TICKET TICKET "\4\0\0\16\0\0\0")},
		{HANDSHAKE, BYTES("\1\0\0\0\2\0\0\1x\0\0")},
		{DATA, BYTES("x")}},
	 .state = KEEL_CONN_OPEN,
	 .events = "OD"},
	{.name = "ticket, then a message that may not come",
	 .version = KEEL_TLS1_3,
	 .victims = FOR_CLIENT,
	 .in = {{HANDSHAKE, BYTES(TICKET "\15")}, {DATA, BYTES("x")}},
	 REFUSED(KEEL_ALERT_UNEXPECTED_MESSAGE)},
	{.name = "ticket without a ticket",
	 .version = KEEL_TLS1_3,
	 .victims = FOR_CLIENT,
	 .in = {{HANDSHAKE, BYTES("\4\0\0\15\0\0\0\1\0\0\0\2\0\0\0\0\0")}},
	 REFUSED(KEEL_ALERT_DECODE_ERROR)},
	{.name = "ticket cut off",
	 .version = KEEL_TLS1_3,
	 .victims = FOR_CLIENT,
	 .in = {{HANDSHAKE, BYTES("\4\0\0\4\0\0\0\1")}},
	 REFUSED(KEEL_ALERT_DECODE_ERROR)},
	{.name = "ticket with a byte too many",
	 .version = KEEL_TLS1_3,
	 .victims = FOR_CLIENT,
	 .in = {{HANDSHAKE, BYTES("\4\0\0\17\0\0\0\1\0\0\0\2\0\0\1x\0\0\0")}},
	 REFUSED(KEEL_ALERT_DECODE_ERROR)},
	{.name = "ticket of 64 KiB and a byte",
	 .version = KEEL_TLS1_3,
	 .victims = FOR_CLIENT,
	 .in = {{HANDSHAKE, BYTES("\4\1\0\1")}},
	 REFUSED(KEEL_ALERT_DECODE_ERROR)},
	{.name = "ticket to a server",
	 .version = KEEL_TLS1_3,
	 .victims = FOR_SERVER,
	 .in = {{HANDSHAKE, BYTES(TICKET)}},
	 REFUSED(KEEL_ALERT_UNEXPECTED_MESSAGE)},
	{.name = "ticket, 1.2",
	 .version = KEEL_TLS1_2,
	 .victims = FOR_BOTH,
	 .in = {{HANDSHAKE, BYTES(TICKET)}},
	 REFUSED(KEEL_ALERT_UNEXPECTED_MESSAGE)},

	/* Renegotiation. */
	{.name = "HelloRequest",
	 .version = KEEL_TLS1_2,
	 .victims = FOR_CLIENT,
	 .in = {{HANDSHAKE, BYTES("\0\0\0\0")}, {DATA, BYTES("x")}},
	 .state = KEEL_CONN_OPEN,
	 .alert = 0x100 | KEEL_ALERT_NO_RENEGOTIATION,
	 .events = "OD"},
	{.name = "HelloRequest with a byte",
	 .version = KEEL_TLS1_2,
	 .victims = FOR_CLIENT,
	 .in = {{HANDSHAKE, BYTES("\0\0\0\1\0")}},
	 REFUSED(KEEL_ALERT_DECODE_ERROR)},
	{.name = "ClientHello",
	 .version = KEEL_TLS1_2,
	 .victims = FOR_SERVER,
	 .in = {{HANDSHAKE, BYTES("\1\0\0\3abc")}, {DATA, BYTES("x")}},
	 .state = KEEL_CONN_OPEN,
	 .alert = 0x100 | KEEL_ALERT_NO_RENEGOTIATION,
	 .events = "OD"},
	{.name = "ClientHello in pieces",
	 .version = KEEL_TLS1_2,
	 .victims = FOR_SERVER,
	 .in = {{HANDSHAKE, BYTES("\1\0\0")},
		{HANDSHAKE, BYTES("\3ab")},
		{HANDSHAKE, BYTES("c")}},
	 .state = KEEL_CONN_OPEN,
	 .alert = 0x100 | KEEL_ALERT_NO_RENEGOTIATION,
	 .events = "O"},
	{.name = "HelloRequest to a server",
	 .version = KEEL_TLS1_2,
	 .victims = FOR_SERVER,
	 .in = {{HANDSHAKE, BYTES("\0\0\0\0")}},
	 REFUSED(KEEL_ALERT_UNEXPECTED_MESSAGE)},
	{.name = "ClientHello to a client",
	 .version = KEEL_TLS1_2,
	 .victims = FOR_CLIENT,
	 .in = {{HANDSHAKE, BYTES("\1\0\0\3abc")}},
	 REFUSED(KEEL_ALERT_UNEXPECTED_MESSAGE)},
	{.name = "ClientHello, 1.3",
	 .version = KEEL_TLS1_3,
	 .victims = FOR_BOTH,
	 .in = {{HANDSHAKE, BYTES("\1\0\0\3abc")}},
	 REFUSED(KEEL_ALERT_UNEXPECTED_MESSAGE)},

	/* The rest. */
	{.name = "CertificateRequest",
	 .victims = FOR_BOTH,
	 .in = {{HANDSHAKE, BYTES("\15\0\0\3abc")}},
	 REFUSED(KEEL_ALERT_UNEXPECTED_MESSAGE),
	 .site = "unexpected handshake message"},
	{.name = "Finished, its first byte",
	 .victims = FOR_BOTH,
	 .in = {{HANDSHAKE, BYTES("\24")}},
	 REFUSED(KEEL_ALERT_UNEXPECTED_MESSAGE)},
	{.name = "empty handshake record",
	 .victims = FOR_BOTH,
	 .in = {{HANDSHAKE, BYTES("")}},
	 REFUSED(KEEL_ALERT_UNEXPECTED_MESSAGE),
	 .site = "empty handshake"},
	{.name = "change_cipher_spec",
	 .victims = FOR_BOTH,
	 .in = {{KEEL__RECORD_CCS, BYTES("\1")}},
	 REFUSED(KEEL_ALERT_UNEXPECTED_MESSAGE)},
	{.name = "heartbeat",
	 .victims = FOR_BOTH,
	 .in = {{24, BYTES("\1\0\0")}},
	 REFUSED(KEEL_ALERT_UNEXPECTED_MESSAGE)},
};

static void check_err(const char *name, const struct row *row,
		      const struct pipe_end *victim)
{
	const struct keel_err *err = keel_conn_err(victim->conn);

	CHECK_INT(name, row->state, keel_conn_get_state(victim->conn));
	CHECK_INT(name, row->err, err->err);
	CHECK_INT(name, row->origin, err->origin);
	if (row->origin == KEEL_ERR_SENT_ALERT)
		CHECK_INT(name, row->alert & 0xff, err->alert);
	if (row->origin == KEEL_ERR_PEER_ALERT)
		CHECK_INT(name, row->in[0].data[1] & 0xff, err->alert);
	ATF_CHECK_MSG(!row->site || (err->site && strstr(err->site, row->site)),
		      "%s: site is %s", name, err->site);
	ATF_CHECK_MSG(!strcmp(victim->events, row->events),
		      "%s: events are %s, not %s", name, victim->events,
		      row->events);
}

static void check_reply(const char *name, const struct row *row,
			struct pipe_end *victim)
{
	struct bytes text = {.len = 0};
	uint8_t type = pipe_end_unseal(victim, &text);

	if (row->alert) {
		REQUIRE_INT(name, ALERT, type);
		REQUIRE_INT(name, 2, text.len);
		CHECK_INT(name, row->alert, text.data[0] << 8 | text.data[1]);
		type = pipe_end_unseal(victim, &text);
	} else if (row->reply) {
		REQUIRE_INT(name, HANDSHAKE, type);
		REQUIRE_INT(name, row->reply_len, text.len);
		CHECK_MEM(name, row->reply, text.data, text.len);
		type = 0;
	}
	CHECK_INT(name, 0, type);
	bytes_fini(&text);
}

static void run_row(const struct row *row, const struct pipe_row *on,
		    bool is_server, size_t max_read)
{
	struct conn_pipe pipe;
	struct pipe_end *victim = is_server ? &pipe.server : &pipe.client;
	char name[128];

	snprintf(name, sizeof(name), "%s, %s, %s, reads of %zu", row->name,
		 on->name, is_server ? "server" : "client", max_read);
	pipe_open(&pipe, on, NULL);
	victim->max_read = max_read;
	for (size_t i = 0; i < 4 && row->in[i].type; i++) {
		pipe_end_forge(victim->peer, row->in[i].type, row->in[i].data,
			       row->in[i].len);
	}
	while (pipe_end_read(victim))
		pipe_end_ops(victim);
	check_err(name, row, victim);
	check_reply(name, row, victim);
	pipe_fini(&pipe);
}

static void run_table(size_t max_read)
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		for (size_t i = 0; i < KEEL__ARRAY_LEN(rows); i++) {
			const struct row *row = &rows[i];

			if (row->version && row->version != on->version)
				continue;
			if (row->victims & FOR_SERVER)
				run_row(row, on, true, max_read);
			if (row->victims & FOR_CLIENT)
				run_row(row, on, false, max_read);
		}
	}
}

CASE(control__table, "Each control record does what the RFC says, and gets "
		     "the alert it names")
{
	run_table(0);
}

CASE(control__table_split, "The same when the bytes come seven at a time")
{
	run_table(7);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, control__table);
	ATF_TP_ADD_TC(tp, control__table_split);
	return atf_no_error();
}
