/* SPDX-License-Identifier: MIT */
/* max_fragment_length, RFC 6066 section 4: what is sent and what is taken. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <keel/conn.h>

#include "lib/base/base-private.h"
#include "lib/core/conn-private.h"
#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tests/support/pipe.h"

/* The null backend, which says that a length was negotiated. */
static struct keel_backend row;
static int (*real_info)(void *hs, struct keel_hs_info *ret_info);
static uint16_t max_fragment;

static int script_info(void *hs, struct keel_hs_info *ret_info)
{
	int r = real_info(hs, ret_info);

	ret_info->max_fragment = max_fragment;
	return r;
}

/* Both ends have negotiated @len bytes. */
static void open_with(struct conn_pipe *pipe, const struct pipe_row *on,
		      uint16_t len)
{
	struct keel_ctx *client = pipe_ctx(KEEL_CLIENT, on, NULL);
	struct keel_ctx *server = pipe_ctx(KEEL_SERVER, on, NULL);

	row = *client->be;
	real_info = row.hs_info;
	row.hs_info = script_info;
	max_fragment = len;
	client->be = &row;
	server->be = &row;
	pipe_init(pipe, client, server);
	keel_ctx_unref(client);
	keel_ctx_unref(server);
	pipe_run(pipe);
}

static const struct {
	uint16_t len;
	size_t payload; /* 0: no such length, the handshake fails */
} lens[] = {
	{0, 16384},   {512, 512}, {1024, 1024}, {2048, 2048},
	{4096, 4096}, {1, 0},	  {511, 0},	{513, 0},
	{8192, 0},    {16384, 0}, {65535, 0},
};

/* Lengths of the records of @text bytes that stand on the wire. */
static void check_wire(const char *name, struct pipe_end *end, size_t payload,
		       size_t total)
{
	struct bytes text = {.len = 0};
	size_t sum = 0;

	while (pipe_end_unseal(end, &text) == KEEL__RECORD_DATA) {
		sum += text.len;
		CHECK_INT(name, sum < total ? payload : text.len, text.len);
		CHECK_INT(name, true, text.len <= payload);
	}
	CHECK_INT(name, total, sum);
	bytes_fini(&text);
}

static void check_sending(const char *name, struct conn_pipe *pipe,
			  size_t payload)
{
	static uint8_t data[40000];
	static uint8_t rec[KEEL_MAX_PLAINTEXT + 64];
	struct keel_conn *conn = pipe->client.conn;
	struct keel_tx_info info;
	ssize_t n;

	REQUIRE_INT(name, 0, keel_conn_tx_info(conn, &info));
	CHECK_INT(name, payload, info.max_payload);
	CHECK_INT(name, -EINVAL, keel_conn_seal(conn, rec, data, payload + 1));
	n = keel_conn_seal(conn, rec, data, payload);
	REQUIRE_INT(name, info.prefix_len + payload + info.suffix_len, n);
	bytes_add(&pipe->client.wire, rec, (size_t)n);
	CHECK_INT(name, sizeof(data), keel_conn_send(conn, data, sizeof(data)));
	pipe_end_ops(&pipe->client);
	check_wire(name, &pipe->client, payload, payload + sizeof(data));
}

CASE(fragment__sent, "Records are no longer than what was negotiated, and a "
		     "length that RFC 6066 has not fails the handshake")
{
	for (size_t v = 0; v < 2; v++) {
		for (size_t i = 0; i < KEEL__ARRAY_LEN(lens); i++) {
			struct conn_pipe pipe;
			char name[64];

			snprintf(name, sizeof(name), "%s, %u",
				 pipe_rows[v].name, lens[i].len);
			open_with(&pipe, &pipe_rows[v], lens[i].len);
			if (lens[i].payload)
				check_sending(name, &pipe, lens[i].payload);
			else
				CHECK_INT(name, -EINVAL,
					  keel_conn_err(pipe.client.conn)->err);
			pipe_fini(&pipe);
		}
	}
}

CASE(fragment__received, "A record of the length is taken; a byte more is "
			 "record_overflow, whatever the type")
{
	static uint8_t data[4097];
	static const uint8_t types[] = {KEEL__RECORD_DATA,
					KEEL__RECORD_HANDSHAKE};

	for (size_t v = 0; v < 2; v++) {
		for (size_t i = 1; i < 5; i++) {
			for (size_t t = 0; t < 2; t++) {
				const char *name = pipe_rows[v].name;
				size_t len = lens[i].payload;
				const struct keel_err *err;
				struct conn_pipe pipe;

				open_with(&pipe, &pipe_rows[v], lens[i].len);
				err = keel_conn_err(pipe.server.conn);
				pipe_end_forge(&pipe.client, KEEL__RECORD_DATA,
					       data, len);
				pipe_run(&pipe);
				CHECK_INT(name, len, pipe.server.got.len);
				CHECK_INT(name, 0, err->err);
				pipe_end_forge(&pipe.client, types[t], data,
					       len + 1);
				pipe_run(&pipe);
				CHECK_INT(name, -EPROTO, err->err);
				CHECK_INT(name, KEEL_ERR_SENT_ALERT,
					  err->origin);
				CHECK_INT(name, KEEL_ALERT_RECORD_OVERFLOW,
					  err->alert);
				CHECK_INT(name, len, pipe.server.got.len);
				pipe_fini(&pipe);
			}
		}
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, fragment__sent);
	ATF_TP_ADD_TC(tp, fragment__received);
	return atf_no_error();
}
