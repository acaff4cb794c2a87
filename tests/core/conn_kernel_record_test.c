/* SPDX-License-Identifier: MIT */
/* Control records and broken ones, where the kernel opens or seals them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <keel/conn.h>

#include "lib/base/base-private.h"
#include "lib/core/conn-private.h"
#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tests/support/kernel_pipe.h"

#define ALERT KEEL__RECORD_ALERT
#define HANDSHAKE KEEL__RECORD_HANDSHAKE
#define DATA KEEL__RECORD_DATA

#define BYTES(text) .data = (text), .len = sizeof(text) - 1

static uint8_t data[100000];

static char label[128];

static const char *name_of(const char *row, const char *what, size_t nr)
{
	snprintf(label, sizeof(label), "%s, %s, %zu", row, what, nr);
	return label;
}

/* An open pipe whose server has a kernel for @dirs. */
static void start(struct kernel_pipe *kp, const struct pipe_row *on,
		  unsigned int dirs)
{
	const struct kernel_setup setup = {
		.row = on,
		.ends = KERNEL_SERVER,
		.dirs = dirs,
	};

	kernel_pattern(data, sizeof(data));
	kernel_pipe_open(kp, &setup);
}

struct record {
	uint8_t type;
	const char *data;
	size_t len;
};

/* What the peer sends. */
static const struct {
	const char *name;
	struct record in[4];
} rows[] = {
	{"data", {{DATA, BYTES("x")}}},
	{"empty data, data", {{DATA, BYTES("")}, {DATA, BYTES("x")}}},
	{"close_notify", {{ALERT, BYTES("\1\0")}}},
	{"data, close_notify", {{DATA, BYTES("x")}, {ALERT, BYTES("\1\0")}}},
	{"close_notify, data", {{ALERT, BYTES("\1\0")}, {DATA, BYTES("x")}}},
	{"close_notify, rubbish", {{ALERT, BYTES("\1\0")}, {99, BYTES("x")}}},
	{"user_canceled", {{ALERT, BYTES("\1\132")}}},
	{"user_canceled, close_notify",
	 {{ALERT, BYTES("\1\132")}, {ALERT, BYTES("\1\0")}}},
	{"fatal alert", {{ALERT, BYTES("\2\120")}}},
	{"data, fatal alert", {{DATA, BYTES("x")}, {ALERT, BYTES("\2\120")}}},
	{"warning", {{ALERT, BYTES("\1\120")}, {DATA, BYTES("x")}}},
	{"unknown level", {{ALERT, BYTES("\3\50")}}},
	{"half an alert", {{ALERT, BYTES("\2")}}},
	{"long alert", {{ALERT, BYTES("\2\50\2")}}},
	{"empty alert", {{ALERT, BYTES("")}}},
	{"empty handshake", {{HANDSHAKE, BYTES("")}}},
	{"change_cipher_spec", {{KEEL__RECORD_CCS, BYTES("\1")}}},
	{"unknown type", {{99, BYTES("x")}}},
	{"empty unknown type", {{99, BYTES("")}}},
	{"ticket to a server", {{HANDSHAKE, BYTES("\4\0\0\0")}}},
	{"client hello", {{HANDSHAKE, BYTES("\1\0\0\0")}}},
	{"client hello, data",
	 {{HANDSHAKE, BYTES("\1\0\0\0")}, {DATA, BYTES("x")}}},
	{"unknown message", {{HANDSHAKE, BYTES("\143\0\0\0")}}},
	{"data within a message",
	 {{HANDSHAKE, BYTES("\1\0")}, {DATA, BYTES("x")}}},
	{"alert within a message",
	 {{HANDSHAKE, BYTES("\1\0")}, {ALERT, BYTES("\1\0")}}},
	{"long message", {{HANDSHAKE, BYTES("\1\377\377\377")}}},
	{"bad KeyUpdate", {{HANDSHAKE, BYTES("\30\0\0\1\2")}}},
	{"long KeyUpdate", {{HANDSHAKE, BYTES("\30\0\0\2\0\0")}}},
	{"KeyUpdate and more", {{HANDSHAKE, BYTES("\30\0\0\1\0\30")}}},
	{"KeyUpdate in two", {{HANDSHAKE, BYTES("\30\0")}, {DATA, BYTES("x")}}},
};

/* What both ends made of it. */
struct outcome {
	char events[2][64];
	int err[2];
	int origin[2];
	int alert[2];
	int state[2];
	const char *site;
	size_t nr_got;
	bool is_closed;
};

static void take_end(struct outcome *out, int i, const struct pipe_end *end)
{
	const struct keel_err *err = keel_conn_err(end->conn);

	memcpy(out->events[i], end->events, sizeof(out->events[i]));
	out->err[i] = err->err;
	out->origin[i] = err->origin;
	out->alert[i] = err->alert;
	out->state[i] = (int)keel_conn_get_state(end->conn);
}

static struct outcome play(const struct pipe_row *on, size_t row,
			   unsigned int dirs, bool is_multishot)
{
	struct outcome out = {.nr_got = 0};
	struct kernel_pipe kp;

	start(&kp, on, dirs);
	kp.pipe.server.is_multishot = is_multishot;
	for (size_t i = 0; i < 4 && rows[row].in[i].type; i++)
		pipe_end_forge(&kp.pipe.client, rows[row].in[i].type,
			       rows[row].in[i].data, rows[row].in[i].len);
	pipe_run(&kp.pipe);
	take_end(&out, 0, &kp.pipe.server);
	take_end(&out, 1, &kp.pipe.client);
	out.site = keel_conn_err(kp.pipe.server.conn)->site;
	if (!out.site)
		out.site = "";
	out.nr_got = kp.pipe.server.got.len;
	out.is_closed = kp.pipe.server.is_closed;
	kernel_pipe_fini(&kp);
	return out;
}

static void compare(const struct outcome *want, const struct outcome *have)
{
	for (int i = 0; i < 2; i++) {
		ATF_CHECK_MSG(!strcmp(want->events[i], have->events[i]),
			      "%s: events of %d are \"%s\", not \"%s\"", label,
			      i, have->events[i], want->events[i]);
		CHECK_INT(label, want->err[i], have->err[i]);
		CHECK_INT(label, want->origin[i], have->origin[i]);
		CHECK_INT(label, want->alert[i], have->alert[i]);
		CHECK_INT(label, want->state[i], have->state[i]);
	}
	/* The kernel does not look at a type in a header, we do. */
	ATF_CHECK_MSG(!strcmp(want->site, have->site) ||
			      !strcmp(want->site, "record header"),
		      "%s: \"%s\", not \"%s\"", label, have->site, want->site);
	CHECK_INT(label, want->nr_got, have->nr_got);
	CHECK_INT(label, want->is_closed, have->is_closed);
}

CASE(record__as_in_user_space,
     "Control records mean the same whoever opens and "
     "answers them")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++)
		for (size_t row = 0; row < KEEL__ARRAY_LEN(rows); row++) {
			struct outcome want = play(on, row, 0, false);

			for (unsigned int i = 2; i < 8; i++) {
				struct outcome have =
					play(on, row, i / 2, i % 2);

				name_of(on->name, rows[row].name, i);
				compare(&want, &have);
			}
		}
}

/* A record that is no good, and what is said of it. */
static const struct {
	const char *name;
	size_t at; /* counted from the end, if the header is not meant */
	uint8_t value;
	bool is_header;
	int err;
	enum keel_alert alert;
} bad[] = {
	{"last byte", 1, 1, false, -EBADMSG, KEEL_ALERT_BAD_RECORD_MAC},
	{"first byte", 116, 128, false, -EBADMSG, KEEL_ALERT_BAD_RECORD_MAC},
	{"version", 1, 1, true, -EPROTO, KEEL_ALERT_PROTOCOL_VERSION},
	{"length", 3, 0xff, true, -EPROTO, KEEL_ALERT_RECORD_OVERFLOW},
	{"short", 4, 100 + 16 + 8 + 1, true, -EBADMSG,
	 KEEL_ALERT_BAD_RECORD_MAC},
};

/* A good record and a bad one of 100 bytes. */
static void send_bad(struct kernel_pipe *kp, size_t row)
{
	struct bytes *wire = &kp->pipe.client.wire;
	size_t first;

	pipe_end_forge(&kp->pipe.client, DATA, "good", 4);
	first = wire->len;
	pipe_end_forge(&kp->pipe.client, DATA, data, 100);
	if (bad[row].is_header)
		wire->data[first + bad[row].at] ^= bad[row].value;
	else
		wire->data[wire->len - bad[row].at] ^= bad[row].value;
	if (bad[row].value > 100 && bad[row].at == 4)
		wire->data[first + 4] = 3;
}

static void check_bad(struct kernel_pipe *kp, size_t row)
{
	const struct keel_err *err = keel_conn_err(kp->pipe.server.conn);

	CHECK_INT(label, bad[row].err, err->err);
	CHECK_INT(label, KEEL_ERR_SENT_ALERT, err->origin);
	CHECK_INT(label, bad[row].alert, err->alert);
	CHECK_INT(label, 4, kp->pipe.server.got.len);
	err = keel_conn_err(kp->pipe.client.conn);
	CHECK_INT(label, -ECONNRESET, err->err);
	CHECK_INT(label, KEEL_ERR_PEER_ALERT, err->origin);
	CHECK_INT(label, bad[row].alert, err->alert);
	ATF_CHECK_MSG(
		strchr("F",
		       kp->pipe.server
			       .events[strlen(kp->pipe.server.events) - 1]),
		"%s: %s", label, kp->pipe.server.events);
}

CASE(record__bad, "A record that was tampered with: what came before it is "
		  "delivered, and the right alert reaches the peer")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++)
		for (size_t i = 0; i < KEEL__ARRAY_LEN(bad) * 4; i++) {
			struct kernel_pipe kp;

			name_of(on->name, bad[i / 4].name, i % 4);
			start(&kp, on, i % 2 ? KERNEL_BOTH : KEEL_RX);
			kp.pipe.server.is_multishot = i % 4 / 2;
			send_bad(&kp, i / 4);
			pipe_run(&kp.pipe);
			check_bad(&kp, i / 4);
			/* The peer's end, and ours. */
			CHECK_INT(label, true, kp.pipe.client.is_closed);
			kernel_pipe_fini(&kp);
		}
}

CASE(record__bad_while_sending, "The same while our data waits: the kernel "
				"refuses to send before it is asked why")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++)
		for (size_t i = 0; i < KEEL__ARRAY_LEN(bad) * 2; i++) {
			struct kernel_pipe kp;

			name_of(on->name, bad[i / 2].name, i % 2);
			start(&kp, on, i % 2 ? KERNEL_BOTH : KEEL_RX);
			kp.pipe.server.max_write = 1000;
			kp.server.max_record = 500;
			ATF_REQUIRE_EQ(50000,
				       keel_conn_send(kp.pipe.server.conn, data,
						      50000));
			send_bad(&kp, i / 2);
			/* Receiving meets it first. */
			pipe_end_read(&kp.pipe.server);
			pipe_run(&kp.pipe);
			check_bad(&kp, i / 2);
			CHECK_INT(label, 50000, kp.pipe.client.got.len);
			kernel_pipe_fini(&kp);
		}
}

CASE(record__bad_and_slow, "The alert waits until the socket takes it, however "
			   "often receiving fails meanwhile")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++)
		for (size_t i = 0; i < KEEL__ARRAY_LEN(bad); i++) {
			struct kernel_pipe kp;

			name_of(on->name, bad[i].name, 0);
			start(&kp, on, KERNEL_BOTH);
			kp.pipe.server.late_name = SO_ERROR;
			send_bad(&kp, i);
			pipe_run(&kp.pipe);
			CHECK_INT(label, KEEL_OP_GETSOCKOPT,
				  kp.pipe.server.held.type);
			kp.server.nr_busy = 3;
			pipe_end_release(&kp.pipe.server);
			pipe_run(&kp.pipe);
			check_bad(&kp, i);
			kernel_pipe_fini(&kp);
		}
}

CASE(record__verdict_waits, "What the kernel says of a record is told behind "
			    "what an application that pauses has not taken")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		struct kernel_pipe kp;
		struct pipe_end *end = &kp.pipe.server;
		char text[] = "kept";

		start(&kp, on, KERNEL_BOTH);
		end->wants_record = false;
		REQUIRE_INT(on->name, 0,
			    keel_conn_input_record(end->conn, DATA, text, 4));
		ATF_REQUIRE(keel_conn_keep_input(end->conn) > 0);
		REQUIRE_INT(on->name, 0,
			    keel_conn_op_done(end->conn, KEEL_OP_RECV_RECORD,
					      -EBADMSG));
		kp.server.sk_err = EBADMSG;
		/* Nothing else may be asked of the socket till then. */
		pipe_end_ops(end);
		CHECK_INT(on->name, false, end->wants_record);
		CHECK_INT(on->name, KEEL_CONN_OPEN,
			  keel_conn_get_state(end->conn));
		pipe_run(&kp.pipe);
		CHECK_INT(on->name, 4, end->got.len);
		ATF_CHECK_STREQ("ODF", end->events);
		CHECK_INT(on->name, KEEL_ALERT_BAD_RECORD_MAC,
			  keel_conn_err(kp.pipe.client.conn)->alert);
		kernel_pipe_fini(&kp);
	}
}

/* As an application does that pauses until it has sent. */
CASE(record__sends_while_verdict_waits,
     "What the kernel says of a record does not keep from sending what goes "
     "before its turn")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++)
		for (size_t i = 0; i < 2; i++) {
			struct keel_tx_info info;
			struct kernel_pipe kp;
			struct pipe_end *end = &kp.pipe.server;
			char text[] = "kept";

			name_of(on->name, "sending", i);
			start(&kp, on, i ? KERNEL_BOTH : KEEL_RX);
			end->wants_record = false;
			REQUIRE_INT(label, 0,
				    keel_conn_input_record(end->conn, DATA,
							   text, 4));
			ATF_REQUIRE(keel_conn_keep_input(end->conn) > 0);
			kp.server.sk_err = EBADMSG;
			REQUIRE_INT(label, 0,
				    keel_conn_op_done(end->conn,
						      KEEL_OP_RECV_RECORD,
						      -EBADMSG));
			pipe_end_ops(end);
			CHECK_INT(label, 0, kp.server.sk_err);
			/* Tickets go ahead of the first record. */
			REQUIRE_INT(label, 0,
				    keel_conn_tx_info(end->conn, &info));
			pipe_end_ops(end);
			REQUIRE_INT(label, 0,
				    keel_conn_tx_info(end->conn, &info));
			ATF_CHECK_MSG(info.nr_records > 0,
				      "%s: no record may "
				      "be sealed",
				      label);
			CHECK_INT(label, 4,
				  keel_conn_send(end->conn, "more", 4));
			pipe_end_ops(end);
			CHECK_INT(label, 0, end->got.len);
			pipe_run(&kp.pipe);
			CHECK_INT(label, 4, kp.pipe.client.got.len);
			CHECK_INT(label, 4, end->got.len);
			CHECK_INT(label, KEEL_ALERT_BAD_RECORD_MAC,
				  keel_conn_err(kp.pipe.client.conn)->alert);
			kernel_pipe_fini(&kp);
		}
}

CASE(record__after_the_end, "Rubbish behind the peer's close_notify does not "
			    "keep us from sending")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++)
		for (size_t i = 0; i < KEEL__ARRAY_LEN(bad) * 2; i++) {
			struct kernel_pipe kp;

			name_of(on->name, bad[i / 2].name, i % 2);
			start(&kp, on, KERNEL_BOTH);
			kp.pipe.server.is_multishot = i % 2;
			ATF_REQUIRE_EQ(0, keel_conn_close(kp.pipe.client.conn));
			pipe_end_ops(&kp.pipe.client);
			/* One that is not whole would be seen only on sending. */
			if (i % 2)
				send_bad(&kp, i / 2);
			pipe_run(&kp.pipe);
			ATF_CHECK_STREQ("OE", kp.pipe.server.events);
			ATF_CHECK(kernel_pipe_send(&kp, &kp.pipe.server, data,
						   40000));
			ATF_REQUIRE_EQ(0, keel_conn_close(kp.pipe.server.conn));
			pipe_run(&kp.pipe);
			CHECK_INT(label, 40000, kp.pipe.client.got.len);
			CHECK_INT(label, KEEL_CONN_CLOSED,
				  keel_conn_get_state(kp.pipe.client.conn));
			CHECK_INT(label, KEEL_CONN_CLOSED,
				  keel_conn_get_state(kp.pipe.server.conn));
			kernel_pipe_fini(&kp);
		}
}

CASE(record__busy, "Sends that take little, or nothing at first, and records "
		   "that the kernel makes shorter")
{
	static const struct {
		size_t max_send;
		unsigned int nr_busy;
		size_t max_record;
	} sends[] = {{5, 0, 0}, {1000, 3, 0}, {0, 9, 100}, {16383, 0, 7}};

	for (const struct pipe_row *on = pipe_rows; on->name; on++)
		for (size_t i = 0; i < KEEL__ARRAY_LEN(sends); i++) {
			struct kernel_pipe kp;

			name_of(on->name, "busy", i);
			start(&kp, on, KEEL_TX);
			kp.server.max_send = sends[i].max_send;
			kp.server.max_record = sends[i].max_record;
			ATF_REQUIRE_EQ(40000,
				       keel_conn_send(kp.pipe.server.conn, data,
						      40000));
			kp.server.nr_busy = sends[i].nr_busy;
			if (on->version == KEEL_TLS1_3)
				ATF_REQUIRE_EQ(
					0, keel_conn_key_update(
						   kp.pipe.server.conn, false));
			ATF_REQUIRE_EQ(3, keel_conn_send(kp.pipe.server.conn,
							 data, 3));
			ATF_REQUIRE_EQ(0, keel_conn_close(kp.pipe.server.conn));
			pipe_run(&kp.pipe);
			REQUIRE_INT(label, 40003, kp.pipe.client.got.len);
			CHECK_MEM(label, data, kp.pipe.client.got.data, 40000);
			ATF_CHECK_STREQ("ODE", kp.pipe.client.events);
			kernel_pipe_fini(&kp);
		}
}

CASE(record__close_orders, "close_notify in each order, with data before it")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++)
		for (unsigned int i = 0; i < 4 * 6; i++) {
			const struct kernel_setup setup = {
				.row = on,
				.ends = i % 2 ? KERNEL_SERVER
					      : KERNEL_CLIENT | KERNEL_SERVER,
				.dirs = i / 2 % 3 + 1,
			};
			struct kernel_pipe kp;
			struct pipe_end *ends[] = {&kp.pipe.client,
						   &kp.pipe.server};

			name_of(on->name, "order", i);
			kernel_pipe_open(&kp, &setup);
			for (size_t k = 0; k < 2; k++) {
				struct pipe_end *end = ends[(k + i / 6) % 2];

				ATF_REQUIRE_EQ(
					5000,
					keel_conn_send(end->conn, data, 5000));
				ATF_REQUIRE_EQ(0, keel_conn_close(end->conn));
				if (i / 12)
					pipe_run(&kp.pipe);
			}
			pipe_run(&kp.pipe);
			for (size_t k = 0; k < 2; k++) {
				CHECK_INT(label, KEEL_CONN_CLOSED,
					  keel_conn_get_state(ends[k]->conn));
				CHECK_INT(label, 5000, ends[k]->got.len);
				ATF_CHECK_STREQ("ODEC", ends[k]->events);
			}
			kernel_pipe_fini(&kp);
		}
}

CASE(record__truncated, "A stream that ends without close_notify is cut off, "
			"also inside a record, which the kernel does not say")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++)
		for (size_t torn = 0; torn < 100; torn += 33) {
			struct kernel_pipe kp;

			name_of(on->name, "torn", torn);
			start(&kp, on, KERNEL_BOTH);
			pipe_end_forge(&kp.pipe.client, DATA, data, 100);
			kp.pipe.client.wire.len -= torn;
			kp.pipe.client.is_shut = true;
			pipe_run(&kp.pipe);
			CHECK_INT(label, torn ? 0 : 100,
				  kp.pipe.server.got.len);
			CHECK_INT(label, -ECONNABORTED,
				  keel_conn_err(kp.pipe.server.conn)->err);
			CHECK_INT(label, true, kp.pipe.server.is_closed);
			kernel_pipe_fini(&kp);
		}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, record__as_in_user_space);
	ATF_TP_ADD_TC(tp, record__bad);
	ATF_TP_ADD_TC(tp, record__bad_while_sending);
	ATF_TP_ADD_TC(tp, record__bad_and_slow);
	ATF_TP_ADD_TC(tp, record__verdict_waits);
	ATF_TP_ADD_TC(tp, record__sends_while_verdict_waits);
	ATF_TP_ADD_TC(tp, record__after_the_end);
	ATF_TP_ADD_TC(tp, record__busy);
	ATF_TP_ADD_TC(tp, record__close_orders);
	ATF_TP_ADD_TC(tp, record__truncated);
	return atf_no_error();
}
