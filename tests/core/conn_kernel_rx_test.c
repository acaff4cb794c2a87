/* SPDX-License-Identifier: MIT */
/* Receiving moves into a pretended kernel, wherever the stream was cut. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <keel/conn.h>

#include "lib/base/base-private.h"
#include "lib/core/conn-private.h"
#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tests/support/kernel_pipe.h"

#define NR_RECORDS 4
#define RECORD_LEN 40
#define TOTAL (NR_RECORDS * RECORD_LEN)

static uint8_t data[80000];

static char label[128];

static const char *name_of(const char *row, const char *what, size_t nr)
{
	snprintf(label, sizeof(label), "%s, %s, %zu", row, what, nr);
	return label;
}

/* An open pipe whose server has a kernel that it does not use yet. */
static void start(struct kernel_pipe *kp, const struct pipe_row *on)
{
	const struct kernel_setup setup = {
		.row = on,
		.ends = KERNEL_SERVER,
	};

	kernel_pattern(data, sizeof(data));
	kernel_pipe_open(kp, &setup);
}

/* Four records on the client's wire. */
static void send_records(struct kernel_pipe *kp)
{
	for (size_t i = 0; i < NR_RECORDS; i++) {
		ATF_REQUIRE_EQ(RECORD_LEN, keel_conn_send(kp->pipe.client.conn,
							  data + i * RECORD_LEN,
							  RECORD_LEN));
		pipe_end_ops(&kp->pipe.client);
	}
}

static void move(struct kernel_pipe *kp)
{
	REQUIRE_INT(label, 0,
		    keel_conn_set_offload(kp->pipe.server.conn, KEEL_RX,
					  KEEL_OFFLOAD_AUTO));
	kp->pipe.server.conn->ctx->offload_after = 0;
}

/* All of it has come, the kernel has the rest, and more goes both ways. */
static void check_moved(struct kernel_pipe *kp, size_t len)
{
	struct pipe_end *end = &kp->pipe.server;

	REQUIRE_INT(label, len, end->got.len);
	CHECK_MEM(label, data, end->got.data, len);
	CHECK_INT(label, KEEL_ENGINE_KERNEL, kernel_info(end, KEEL_RX).engine);
	CHECK_INT(label, KEEL_ENGINE_USER, kernel_info(end, KEEL_TX).engine);
	ATF_REQUIRE(kernel_pipe_send(kp, &kp->pipe.client, data + len, 1000));
	ATF_REQUIRE(kernel_pipe_send(kp, end, data, 1000));
	REQUIRE_INT(label, len + 1000, end->got.len);
	CHECK_MEM(label, data, end->got.data, len + 1000);
	CHECK_INT(label, 0, keel_conn_err(end->conn)->err);
}

/* OpenSSL takes its time, and the engine does not know whose keys it has. */
static size_t step_of(const struct pipe_row *on)
{
	return strcmp(on->backend, "null") ? 13 : 1;
}

CASE(rx__cut_everywhere, "Bytes are read up to any place, then receiving moves")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++)
		for (size_t cut = 0, len = 1; cut <= len; cut += step_of(on)) {
			struct kernel_pipe kp;

			name_of(on->name, "cut at", cut);
			start(&kp, on);
			send_records(&kp);
			len = kp.pipe.client.wire.len;
			kp.pipe.server.max_read = cut;
			if (cut)
				pipe_end_read(&kp.pipe.server);
			kp.pipe.server.max_read = 0;
			move(&kp);
			pipe_run(&kp.pipe);
			check_moved(&kp, TOTAL);
			/* No more than the record that had begun. */
			CHECK_INT(label,
				  NR_RECORDS + 1 -
					  (cut * NR_RECORDS + len - 1) / len,
				  kp.server.rx.nr_recs);
			kernel_pipe_fini(&kp);
		}
}

CASE(rx__moves_late, "It moves in the middle of a record whose rest has not "
		     "come, and comes byte by byte")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++)
		for (size_t cut = 1; cut < 60; cut += step_of(on)) {
			struct kernel_pipe kp;
			struct bytes rest = {.data = NULL};
			struct bytes *wire = &kp.pipe.client.wire;

			name_of(on->name, "first", cut);
			start(&kp, on);
			send_records(&kp);
			bytes_add(&rest, wire->data + cut, wire->len - cut);
			wire->len = cut;
			pipe_end_read(&kp.pipe.server);
			move(&kp);
			pipe_run(&kp.pipe);
			CHECK_INT(label, 0, kp.server.rx.nr_sets);
			CHECK_INT(label, KEEL_REASON_BOUNDARY,
				  kernel_info(&kp.pipe.server, KEEL_RX).reason);
			for (size_t i = 0; i < rest.len; i++) {
				bytes_add(wire, rest.data + i, 1);
				pipe_run(&kp.pipe);
			}
			check_moved(&kp, TOTAL);
			bytes_fini(&rest);
			kernel_pipe_fini(&kp);
		}
}

/* Give the server @n bytes, of which its application takes one event. */
static void read_and_pause(struct kernel_pipe *kp, size_t n)
{
	struct pipe_end *end = &kp->pipe.server;
	struct bytes *wire = &kp->pipe.client.wire;
	uint8_t *copy = malloc(n);
	struct keel_event ev;

	ATF_REQUIRE(copy);
	memcpy(copy, wire->data, n);
	bytes_drop(wire, n);
	end->wants_recv = false;
	ATF_REQUIRE_EQ(0, keel_conn_input(end->conn, copy, n));
	if (keel_conn_next_event(end->conn, &ev) == 1)
		bytes_add(&end->got, ev.data, ev.len);
	ATF_REQUIRE(keel_conn_keep_input(end->conn) >= 0);
	free(copy);
}

CASE(rx__paused, "What an application that pauses has not taken yet comes "
		 "first, and nothing moves before")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++)
		for (size_t cut = 1, len = 1; cut <= len; cut += step_of(on)) {
			struct kernel_pipe kp;
			bool is_left;

			name_of(on->name, "paused at", cut);
			start(&kp, on);
			send_records(&kp);
			len = kp.pipe.client.wire.len;
			read_and_pause(&kp, cut);
			move(&kp);
			is_left = kp.pipe.server.conn->stash.len;
			pipe_end_ops(&kp.pipe.server);
			CHECK_INT(label, !is_left, kp.server.rx.nr_sets);
			pipe_run(&kp.pipe);
			check_moved(&kp, TOTAL);
			kernel_pipe_fini(&kp);
		}
}

CASE(rx__kept_records, "What the kernel opened can be kept too, in order, each "
		       "with its type")
{
	static const struct {
		uint8_t type;
		const char *text;
	} records[] = {
		{KEEL__RECORD_DATA, "one"}, {KEEL__RECORD_DATA, "two"},
		{KEEL__RECORD_DATA, ""},    {KEEL__RECORD_DATA, "three"},
		{KEEL__RECORD_ALERT, "\1"},
	};

	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		struct kernel_pipe kp;
		struct pipe_end *end = &kp.pipe.server;

		name_of(on->name, "kept", 0);
		start(&kp, on);
		move(&kp);
		pipe_run(&kp.pipe);
		for (size_t i = 0; i < KEEL__ARRAY_LEN(records); i++) {
			char text[8] = {0};
			size_t len = strlen(records[i].text);

			memcpy(text, records[i].text, len);
			if (records[i].type == KEEL__RECORD_ALERT)
				len = 2;
			REQUIRE_INT(label, 0,
				    keel_conn_input_record(end->conn,
							   records[i].type,
							   text, len));
			CHECK_INT(label, -EBUSY,
				  keel_conn_input_record(end->conn,
							 records[i].type, text,
							 len));
			ATF_REQUIRE(keel_conn_keep_input(end->conn) > 0);
			memset(text, 'x', sizeof(text));
		}
		pipe_end_events(end);
		REQUIRE_INT(label, 11, end->got.len);
		CHECK_MEM(label, "onetwothree", end->got.data, 11);
		ATF_CHECK_STREQ("ODE", end->events);
		CHECK_INT(label, 0, end->conn->stash.len);
		kernel_pipe_fini(&kp);
	}
}

CASE(rx__buffers, "Receives that take less than a record, and such that take "
		  "several")
{
	static const struct {
		size_t max_recv;
		size_t len;
		bool merges;
	} rows[] = {
		{1, 3000, false},     {1, 3000, true},	{7, 3000, true},
		{1000, 70000, false}, {0, 70000, true}, {16384, 70000, true},
	};

	for (const struct pipe_row *on = pipe_rows; on->name; on++)
		for (size_t i = 0; i < KEEL__ARRAY_LEN(rows); i++) {
			struct kernel_pipe kp;

			name_of(on->name, "buffers", i);
			start(&kp, on);
			move(&kp);
			kp.server.max_recv = rows[i].max_recv;
			kp.server.merges = rows[i].merges;
			for (size_t at = 0; at < rows[i].len;) {
				ssize_t n = keel_conn_send(
					kp.pipe.client.conn, data + at,
					keel__min_size(rows[i].len - at, 999));

				ATF_REQUIRE(n >= 0);
				at += (size_t)n;
				if (!n)
					pipe_run(&kp.pipe);
			}
			pipe_run(&kp.pipe);
			check_moved(&kp, rows[i].len);
			kernel_pipe_fini(&kp);
		}
}

CASE(rx__not_the_kernels, "Opened records are refused of a kernel that does "
			  "not open them")
{
	struct kernel_pipe kp;
	uint8_t byte = 0;

	start(&kp, &pipe_rows[0]);
	ATF_CHECK_EQ(-ESTALE,
		     keel_conn_input_record(kp.pipe.server.conn, 23, &byte, 1));
	ATF_CHECK_EQ(-EINVAL, keel_conn_input_record(NULL, 23, &byte, 1));
	ATF_CHECK_EQ(-EINVAL,
		     keel_conn_input_record(kp.pipe.server.conn, 23, NULL, 1));
	ATF_CHECK_EQ(-ESTALE, keel_conn_op_done(kp.pipe.server.conn,
						KEEL_OP_SETSOCKOPT, 0));
	kernel_pipe_fini(&kp);
}

CASE(rx__end_before, "A stream that ends before receiving has moved is cut off "
		     "as ever")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++)
		for (int is_torn = 0; is_torn < 2; is_torn++) {
			struct kernel_pipe kp;

			name_of(on->name, "end", (size_t)is_torn);
			start(&kp, on);
			send_records(&kp);
			kp.pipe.client.wire.len -= (size_t)is_torn * 30;
			kp.pipe.client.is_shut = true;
			kp.pipe.server.max_read = 100;
			pipe_end_read(&kp.pipe.server);
			move(&kp);
			pipe_run(&kp.pipe);
			CHECK_INT(label, -ECONNABORTED,
				  keel_conn_err(kp.pipe.server.conn)->err);
			CHECK_INT(label, TOTAL - is_torn * RECORD_LEN,
				  kp.pipe.server.got.len);
			kernel_pipe_fini(&kp);
		}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, rx__cut_everywhere);
	ATF_TP_ADD_TC(tp, rx__moves_late);
	ATF_TP_ADD_TC(tp, rx__paused);
	ATF_TP_ADD_TC(tp, rx__kept_records);
	ATF_TP_ADD_TC(tp, rx__buffers);
	ATF_TP_ADD_TC(tp, rx__not_the_kernels);
	ATF_TP_ADD_TC(tp, rx__end_before);
	return atf_no_error();
}
