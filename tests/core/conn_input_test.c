/* SPDX-License-Identifier: MIT */
/* Bytes in: wherever they are cut, kept or spoiled. */
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

#define ALERT KEEL__RECORD_ALERT
#define HANDSHAKE KEEL__RECORD_HANDSHAKE
#define DATA KEEL__RECORD_DATA

/* Data, nothing, data, a KeyUpdate where there is one, data, close_notify. */
static void forge_exchange(struct pipe_end *from, uint16_t version)
{
	pipe_end_forge(from, DATA, "one ", 4);
	pipe_end_forge(from, DATA, "", 0);
	pipe_end_forge(from, DATA, "two ", 4);
	if (version == KEEL_TLS1_3) {
		pipe_end_forge(from, HANDSHAKE, "\30\0\0\1\0", 5);
		pipe_end_next_keys(from, KEEL_TX);
	}
	pipe_end_forge(from, DATA, "three", 5);
	pipe_end_forge(from, ALERT, "\1\0", 2);
}

static void check_exchange(const char *name, const struct pipe_end *end)
{
	ATF_CHECK_MSG(!strcmp("ODE", end->events), "%s: events %s", name,
		      end->events);
	REQUIRE_INT(name, 13, end->got.len);
	CHECK_MEM(name, "one two three", end->got.data, 13);
	CHECK_INT(name, true, !end->conn->stash.data && !end->conn->in_len);
}

CASE(input__every_split_point,
     "An exchange cut in two at every byte gives the same events")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		for (size_t cut = 1;; cut++) {
			struct conn_pipe pipe;
			char name[64];
			size_t len;

			snprintf(name, sizeof(name), "%s, cut at %zu", on->name,
				 cut);
			pipe_open(&pipe, on, NULL);
			forge_exchange(&pipe.client, on->version);
			len = pipe.client.wire.len;
			pipe.server.max_read = cut;
			ATF_CHECK(pipe_end_read(&pipe.server));
			pipe.server.max_read = 0;
			pipe_run(&pipe);
			check_exchange(name, &pipe.server);
			pipe_fini(&pipe);
			/* OpenSSL's handshakes are slow: a few cuts do. */
			if (!strcmp(on->backend, "openssl"))
				cut += 12;
			if (cut + 1 >= len)
				break;
		}
	}
}

CASE(input__any_read_size, "The exchange in reads of one size, and all at once")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		for (size_t size = 0; size < 40; size++) {
			struct conn_pipe pipe;

			if (size > 8 && !strcmp(on->backend, "openssl"))
				break;
			pipe_open(&pipe, on, NULL);
			forge_exchange(&pipe.client, on->version);
			pipe.server.max_read = size;
			pipe_run(&pipe);
			check_exchange(on->name, &pipe.server);
			pipe_fini(&pipe);
		}
	}
}

CASE(input__large_records, "Records of every size class in reads of many sizes")
{
	static const size_t sizes[] = {1, 100, 4095, 16383, 16384, 3};
	static const size_t reads[] = {0, 100, 1448, 4096, 8192, 16405, 20000};
	static uint8_t data[16384];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		for (size_t r = 0; r < KEEL__ARRAY_LEN(reads); r++) {
			struct conn_pipe pipe;
			size_t at = 0;

			pipe_open(&pipe, on, NULL);
			for (size_t i = 0; i < KEEL__ARRAY_LEN(sizes); i++)
				pipe_end_forge(&pipe.client, DATA, data,
					       sizes[i]);
			pipe.server.max_read = reads[r];
			pipe_run(&pipe);
			for (size_t i = 0; i < KEEL__ARRAY_LEN(sizes); i++) {
				REQUIRE_INT(on->name, true,
					    at + sizes[i] <=
						    pipe.server.got.len);
				CHECK_MEM(on->name, data,
					  pipe.server.got.data + at, sizes[i]);
				at += sizes[i];
			}
			CHECK_INT(on->name, at, pipe.server.got.len);
			pipe_fini(&pipe);
		}
	}
}

/* One record of @len bytes from the client, taken off the wire. */
static struct bytes take_record(struct conn_pipe *pipe, const void *data,
				size_t len)
{
	struct bytes rec = {.len = 0};

	pipe_end_forge(&pipe->client, DATA, data, len);
	bytes_add(&rec, pipe->client.wire.data, pipe->client.wire.len);
	pipe->client.wire.len = 0;
	return rec;
}

CASE(input__in_place, "Whole records are not copied: data lies in the buffer")
{
	struct conn_pipe pipe;
	struct keel_event ev;
	struct bytes buf;

	pipe_open(&pipe, &pipe_rows[0], NULL);
	pipe_end_forge(&pipe.client, DATA, "first", 5);
	buf = take_record(&pipe, "second", 6);
	ATF_REQUIRE_EQ(0, keel_conn_input(pipe.server.conn, buf.data, buf.len));
	ATF_REQUIRE_EQ(1, keel_conn_next_event(pipe.server.conn, &ev));
	ATF_CHECK_EQ(buf.data + 5, ev.data);
	ATF_CHECK_EQ(5, ev.len);
	ATF_REQUIRE_EQ(1, keel_conn_next_event(pipe.server.conn, &ev));
	ATF_CHECK_EQ(buf.data + buf.len - 6 - 17, ev.data);
	ATF_CHECK(!pipe.server.conn->stash.data);
	ATF_CHECK_EQ(0, keel_conn_next_event(pipe.server.conn, &ev));
	bytes_fini(&buf);
	pipe_fini(&pipe);
}

CASE(input__busy, "A second buffer is refused while the first is in use")
{
	struct conn_pipe pipe;
	struct keel_event ev;
	struct keel_op op;
	struct bytes buf;
	uint8_t more[1] = {0};

	pipe_open(&pipe, &pipe_rows[0], NULL);
	buf = take_record(&pipe, "x", 1);
	ATF_REQUIRE_EQ(0, keel_conn_input(pipe.server.conn, buf.data, buf.len));
	ATF_CHECK_EQ(-EBUSY, keel_conn_input(pipe.server.conn, more, 1));
	/* So no receive is asked for until then. */
	ATF_CHECK_EQ(0, keel_conn_next_op(pipe.server.conn, &op));
	ATF_REQUIRE_EQ(1, keel_conn_next_event(pipe.server.conn, &ev));
	ATF_CHECK_EQ(KEEL_EVENT_DATA, ev.type);
	ATF_CHECK_EQ(0, keel_conn_next_event(pipe.server.conn, &ev));
	ATF_CHECK_EQ(1, keel_conn_next_op(pipe.server.conn, &op));
	ATF_CHECK_EQ(KEEL_OP_RECV, op.type);
	/* Used up, though only the first byte of a record came. */
	ATF_CHECK_EQ(0, keel_conn_input(pipe.server.conn, more, 1));
	bytes_fini(&buf);
	pipe_fini(&pipe);
}

CASE(keep_input__goes_on_later,
     "Kept bytes, and those that come behind them, give the same events")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		struct conn_pipe pipe;
		struct bytes all = {.len = 0};
		struct keel_event ev;

		pipe_open(&pipe, on, NULL);
		forge_exchange(&pipe.client, on->version);
		bytes_add(&all, pipe.client.wire.data, pipe.client.wire.len);
		pipe.client.wire.len = 0;
		/* Ten at a time, each kept before anything is read of it. */
		for (size_t at = 0; at < all.len; at += 10) {
			size_t n = keel__min_size(10, all.len - at);
			uint8_t *copy = malloc(n);

			ATF_REQUIRE(copy);
			memcpy(copy, all.data + at, n);
			ATF_REQUIRE_EQ(
				0, keel_conn_input(pipe.server.conn, copy, n));
			CHECK_INT(on->name, at + n,
				  keel_conn_keep_input(pipe.server.conn));
			free(copy);
		}
		ATF_REQUIRE_EQ(1, keel_conn_next_event(pipe.server.conn, &ev));
		CHECK_INT(on->name, KEEL_EVENT_DATA, ev.type);
		CHECK_INT(on->name, 4, ev.len);
		bytes_add(&pipe.server.got, ev.data, ev.len);
		/* Stop again, in the middle. */
		CHECK_INT(on->name, true,
			  keel_conn_keep_input(pipe.server.conn) > 0);
		pipe_run(&pipe);
		check_exchange(on->name, &pipe.server);
		bytes_fini(&all);
		pipe_fini(&pipe);
	}
}

CASE(keep_input__in_the_middle_of_a_buffer,
     "A driver gets its buffer back between two records of it")
{
	struct conn_pipe pipe;
	struct keel_event ev;
	struct bytes buf;
	uint8_t *copy;

	pipe_open(&pipe, &pipe_rows[0], NULL);
	pipe_end_forge(&pipe.client, DATA, "a", 1);
	pipe_end_forge(&pipe.client, DATA, "b", 1);
	buf = take_record(&pipe, "c", 1);
	copy = malloc(buf.len);
	ATF_REQUIRE(copy);
	memcpy(copy, buf.data, buf.len);
	ATF_REQUIRE_EQ(0, keel_conn_input(pipe.server.conn, copy, buf.len));
	ATF_REQUIRE_EQ(1, keel_conn_next_event(pipe.server.conn, &ev));
	ATF_CHECK_EQ(buf.len / 3 * 2,
		     (size_t)keel_conn_keep_input(pipe.server.conn));
	free(copy);
	bytes_add(&pipe.server.got, "a", 1);
	pipe_run(&pipe);
	ATF_REQUIRE_EQ(3, pipe.server.got.len);
	ATF_CHECK(!memcmp("abc", pipe.server.got.data, 3));
	ATF_CHECK(!pipe.server.conn->stash.data);
	bytes_fini(&buf);
	pipe_fini(&pipe);
}

CASE(keep_input__nothing_to_keep, "Where there is nothing the answer is 0")
{
	struct conn_pipe pipe;
	uint8_t byte = 0;

	pipe_open(&pipe, &pipe_rows[0], NULL);
	ATF_CHECK_EQ(0, keel_conn_keep_input(pipe.server.conn));
	keel_conn_fail(pipe.server.conn, -EIO, KEEL_ERR_USAGE, "test");
	ATF_CHECK_EQ(0, keel_conn_input(pipe.server.conn, &byte, 1));
	ATF_CHECK_EQ(0, keel_conn_keep_input(pipe.server.conn));
	pipe_fini(&pipe);
}

CASE(keep_input__after_the_end, "What is kept behind the peer's last word, or "
				"behind what breaks TLS, is dropped")
{
	struct conn_pipe pipe;
	struct keel_event ev;
	struct bytes buf;

	pipe_open(&pipe, &pipe_rows[0], NULL);
	pipe_end_forge(&pipe.client, ALERT, "\1\0", 2);
	buf = take_record(&pipe, "late", 4);
	ATF_REQUIRE_EQ(0, keel_conn_input(pipe.server.conn, buf.data, buf.len));
	ATF_CHECK(keel_conn_keep_input(pipe.server.conn) > 0);
	ATF_REQUIRE_EQ(1, keel_conn_next_event(pipe.server.conn, &ev));
	ATF_CHECK_EQ(KEEL_EVENT_EOF, ev.type);
	ATF_CHECK_EQ(0, keel_conn_keep_input(pipe.server.conn));
	ATF_CHECK(!pipe.server.conn->stash.data);
	bytes_fini(&buf);
	pipe_fini(&pipe);

	/* A good message and the type of a bad one in one record. */
	pipe_open(&pipe, &pipe_rows[1], NULL);
	pipe_end_forge(&pipe.client, HANDSHAKE, "\1\0\0\0\30", 5);
	buf = take_record(&pipe, "late", 4);
	ATF_REQUIRE_EQ(0, keel_conn_input(pipe.server.conn, buf.data, buf.len));
	ATF_CHECK(keel_conn_keep_input(pipe.server.conn) > 0);
	ATF_REQUIRE_EQ(1, keel_conn_next_event(pipe.server.conn, &ev));
	ATF_CHECK_EQ(KEEL_EVENT_FAILED, ev.type);
	ATF_CHECK_EQ(0, keel_conn_next_event(pipe.server.conn, &ev));
	ATF_CHECK(!pipe.server.conn->stash.data);
	bytes_fini(&buf);
	pipe_fini(&pipe);
}

CASE(input__tampered, "A record changed in any bit is refused with an alert, "
		      "and nothing of it is told")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		struct conn_pipe pipe;
		struct bytes rec;
		size_t len;

		if (!strcmp(on->backend, "openssl"))
			continue; /* the record engine's tests go there */
		pipe_open(&pipe, on, NULL);
		rec = take_record(&pipe, "secret", 6);
		len = rec.len;
		bytes_fini(&rec);
		pipe_fini(&pipe);
		for (size_t bit = 0; bit < len * 8; bit++) {
			struct bytes text = {.len = 0};
			const struct keel_err *err;

			pipe_open(&pipe, on, NULL);
			rec = take_record(&pipe, "secret", 6);
			rec.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
			pipe_end_feed(&pipe.server, rec.data, rec.len);
			err = keel_conn_err(pipe.server.conn);
			CHECK_INT(on->name, 0, pipe.server.got.len);
			if (err->err) {
				CHECK_INT(on->name, KEEL_ERR_SENT_ALERT,
					  err->origin);
				pipe_end_ops(&pipe.server);
				CHECK_INT(on->name, ALERT,
					  pipe_end_unseal(&pipe.server, &text));
				REQUIRE_INT(on->name, 2, text.len);
				CHECK_INT(on->name, err->alert, text.data[1]);
			} else {
				/* A longer length: the rest never came. */
				CHECK_INT(on->name, true,
					  bit / 8 == 3 || bit / 8 == 4);
			}
			bytes_fini(&text);
			bytes_fini(&rec);
			pipe_fini(&pipe);
		}
	}
}

CASE(input__replayed, "A record that comes twice fails authentication")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		struct conn_pipe pipe;
		struct bytes rec;

		pipe_open(&pipe, on, NULL);
		rec = take_record(&pipe, "once", 4);
		pipe_end_feed(&pipe.server, rec.data, rec.len);
		CHECK_INT(on->name, 4, pipe.server.got.len);
		pipe_end_feed(&pipe.server, rec.data, rec.len);
		CHECK_INT(on->name, 4, pipe.server.got.len);
		CHECK_INT(on->name, -EBADMSG,
			  keel_conn_err(pipe.server.conn)->err);
		CHECK_INT(on->name, KEEL_ALERT_BAD_RECORD_MAC,
			  keel_conn_err(pipe.server.conn)->alert);
		bytes_fini(&rec);
		pipe_fini(&pipe);
	}
}

CASE(input__header_judged_early,
     "A header that cannot be is refused before the body has come")
{
	static const struct {
		const char *name;
		const char *header;
		uint8_t alert;
	} tests[] = {
		{"plaintext alert", "\25\3\3\0\2", 10},
		{"change_cipher_spec", "\24\3\3\0\1", 10},
		{"too long", "\27\3\3\101\1", 22},
		{"too short", "\27\3\3\0\17", 20},
		{"HTTP", "GET /", 10},
	};

	for (size_t i = 0; i < KEEL__ARRAY_LEN(tests); i++) {
		const struct keel_err *err;
		struct conn_pipe pipe;

		pipe_open(&pipe, &pipe_rows[0], NULL);
		err = keel_conn_err(pipe.client.conn);
		for (int n = 0; n < 5; n++) {
			CHECK_INT(tests[i].name, 0, err->err);
			pipe_end_feed(&pipe.client, tests[i].header + n, 1);
		}
		CHECK_INT(tests[i].name, KEEL_ERR_SENT_ALERT, err->origin);
		CHECK_INT(tests[i].name, tests[i].alert, err->alert);
		pipe_fini(&pipe);
	}
}

CASE(input__stash_grows_with_what_came,
     "A claimed length takes no memory; an idle connection has none")
{
	struct conn_pipe pipe;
	struct bytes rec;
	uint8_t data[16384] = {0};

	pipe_open(&pipe, &pipe_rows[0], NULL);
	rec = take_record(&pipe, data, sizeof(data));
	pipe_end_feed(&pipe.server, rec.data, 7);
	ATF_CHECK(pipe.server.conn->stash.cap <= 64);
	for (size_t at = 7; at < rec.len; at++) {
		pipe_end_feed(&pipe.server, rec.data + at, 1);
		if (pipe.server.conn->stash.len)
			ATF_REQUIRE(pipe.server.conn->stash.cap <=
				    64 + 2 * (at + 1));
	}
	ATF_CHECK_EQ(sizeof(data), pipe.server.got.len);
	ATF_CHECK(!pipe.server.conn->stash.data);
	bytes_fini(&rec);
	pipe_fini(&pipe);
}

CASE(trim__between_records, "Keys that were dropped are made again in time")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		struct conn_pipe pipe;

		pipe_open(&pipe, on, NULL);
		for (size_t i = 1; i < 20; i++) {
			keel_conn_trim(pipe.client.conn);
			keel_conn_trim(pipe.server.conn);
			CHECK_INT(on->name, true,
				  !pipe.client.conn->tx.aead &&
					  !pipe.client.conn->rx.aead);
			CHECK_INT(on->name, 1,
				  keel_conn_send(pipe.client.conn, "x", 1));
			CHECK_INT(on->name, 1,
				  keel_conn_send(pipe.server.conn, "y", 1));
			if (on->version == KEEL_TLS1_3 && i % 3 == 0)
				CHECK_INT(on->name, 0,
					  keel_conn_key_update(pipe.client.conn,
							       true));
			pipe.client.max_read = i;
			pipe_run(&pipe);
			CHECK_INT(on->name, i, pipe.client.got.len);
			CHECK_INT(on->name, i, pipe.server.got.len);
		}
		keel_conn_trim(NULL);
		pipe_fini(&pipe);
	}
}

CASE(input__counts, "Records and bytes of data are counted, nothing else")
{
	struct keel_conn_info info = {.sz = sizeof(info)};
	struct conn_pipe pipe;

	pipe_open(&pipe, &pipe_rows[0], NULL);
	forge_exchange(&pipe.client, KEEL_TLS1_3);
	pipe_run(&pipe);
	ATF_REQUIRE_EQ(0, keel_conn_get_info(pipe.server.conn, &info));
	ATF_CHECK_EQ(3, info.rx.records);
	ATF_CHECK_EQ(13, info.rx.bytes);
	ATF_CHECK_EQ(1, info.rx.key_updates);
	ATF_CHECK_EQ(2, info.rx.seq);
	ATF_CHECK_EQ(0, info.tx.records);
	pipe_fini(&pipe);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, input__every_split_point);
	ATF_TP_ADD_TC(tp, input__any_read_size);
	ATF_TP_ADD_TC(tp, input__large_records);
	ATF_TP_ADD_TC(tp, input__in_place);
	ATF_TP_ADD_TC(tp, input__busy);
	ATF_TP_ADD_TC(tp, keep_input__goes_on_later);
	ATF_TP_ADD_TC(tp, keep_input__in_the_middle_of_a_buffer);
	ATF_TP_ADD_TC(tp, keep_input__nothing_to_keep);
	ATF_TP_ADD_TC(tp, keep_input__after_the_end);
	ATF_TP_ADD_TC(tp, input__tampered);
	ATF_TP_ADD_TC(tp, input__replayed);
	ATF_TP_ADD_TC(tp, input__header_judged_early);
	ATF_TP_ADD_TC(tp, input__stash_grows_with_what_came);
	ATF_TP_ADD_TC(tp, trim__between_records);
	ATF_TP_ADD_TC(tp, input__counts);
	return atf_no_error();
}
