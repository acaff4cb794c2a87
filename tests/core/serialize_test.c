/* SPDX-License-Identifier: MIT */
/* A connection that goes on elsewhere, in the middle of whatever it does. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <keel/serialize.h>

#include "lib/base/base-private.h"
#include "lib/base/wire-private.h"
#include "lib/core/conn-private.h"
#include "tests/support/alloc.h"
#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tests/support/kernel_pipe.h"

#define ROW13 (&pipe_rows[2]) /* of OpenSSL */
#define CRC_LEN 8
#define FORMAT_AT 4
#define SUITE_AT (6 + 4 + sizeof("extra"))
#define ROLE_AT (SUITE_AT + 2)

static uint8_t data[100000];

/* Who has a kernel, and for which directions. */
static const struct {
	const char *name;
	unsigned int ends;
	unsigned int dirs;
	bool no_rekey;
} uses[] = {
	{"user", 0, 0, false},
	{"kernel sends", KERNEL_CLIENT | KERNEL_SERVER, KEEL_TX, false},
	{"kernel receives", KERNEL_CLIENT | KERNEL_SERVER, KEEL_RX, false},
	{"kernel", KERNEL_CLIENT | KERNEL_SERVER, KERNEL_BOTH, false},
	{"old kernel", KERNEL_CLIENT | KERNEL_SERVER, KERNEL_BOTH, true},
};

struct world {
	struct kernel_pipe kp;
	bool can_update;
	char name[64];
};

#define WORLD_EACH(world) \
	for (size_t world_nr = 0; world_open(&(world), world_nr); \
	     world_nr++, kernel_pipe_fini(&(world).kp))

static void check_data(struct world *world)
{
	ATF_CHECK_MSG(kernel_pipe_both_ways(&world->kp, sizeof(data)),
		      "%s: data", world->name);
}

/* The @nr-th of all rows and uses; false behind the last. */
static bool world_open(struct world *world, size_t nr)
{
	const struct pipe_row *row = &pipe_rows[nr / KEEL__ARRAY_LEN(uses)];
	size_t use = nr % KEEL__ARRAY_LEN(uses);
	const struct kernel_setup setup = {
		.row = row,
		.ends = uses[use].ends,
		.dirs = uses[use].dirs,
		.no_rekey = uses[use].no_rekey,
	};

	if (!row->name)
		return false;
	kernel_pattern(data, sizeof(data));
	kernel_pipe_open(&world->kp, &setup);
	world->can_update = row->version == KEEL_TLS1_3 && !uses[use].no_rekey;
	snprintf(world->name, sizeof(world->name), "%s, %s", row->name,
		 uses[use].name);
	/* Tickets go with the first data: see serialize__tickets. */
	check_data(world);
	world->kp.pipe.client.got.len = 0;
	world->kp.pipe.server.got.len = 0;
	return true;
}

/* What a driver does first: nothing is out. */
static void quiet(struct pipe_end *end)
{
	if (end->wants_recv)
		ATF_REQUIRE_EQ(
			0, keel_conn_op_done(end->conn, KEEL_OP_RECV, -EAGAIN));
	if (end->wants_record)
		ATF_REQUIRE_EQ(0,
			       keel_conn_op_done(end->conn, KEEL_OP_RECV_RECORD,
						 -EAGAIN));
	end->wants_recv = false;
	end->wants_record = false;
}

static bool is_clear(const void *mem, size_t len)
{
	const uint8_t *bytes = mem;

	for (size_t i = 0; i < len; i++)
		if (bytes[i])
			return false;
	return true;
}

static struct keel_blob leave(const char *name, struct pipe_end *end)
{
	static const char extra[] = "extra";
	struct keel_blob blob = {.data = NULL};
	const void *got;
	size_t len;

	quiet(end);
	REQUIRE_INT(
		name, 0,
		keel_conn_serialize(end->conn, extra, sizeof(extra), &blob));
	ATF_CHECK_MSG(is_clear(end->conn, keel_conn_size()),
		      "%s: something is left", name);
	got = keel_blob_extra(&blob, &len);
	ATF_REQUIRE(got && len == sizeof(extra));
	CHECK_MEM(name, extra, got, len);
	return blob;
}

static int arrive(struct pipe_end *end, struct keel_ctx *ctx,
		  const struct keel_blob *blob)
{
	const struct keel_conn_opts opts = {.sz = sizeof(opts),
					    .has_socket = end->sock};

	memset(end->conn, 0xa5, keel_conn_size());
	return keel_conn_deserialize(end->conn, ctx, &opts, blob);
}

static void check_facts(const char *name, const struct keel_conn_info *was,
			const struct pipe_end *end)
{
	struct keel_conn_info is = {.sz = sizeof(is)};

	ATF_REQUIRE_EQ(0, keel_conn_get_info(end->conn, &is));
	CHECK_INT(name, KEEL_CONN_OPEN, is.state);
	CHECK_INT(name, was->suite->id, is.suite->id);
	CHECK_INT(name, was->tx.engine, is.tx.engine);
	CHECK_INT(name, was->rx.engine, is.rx.engine);
	CHECK_INT(name, was->tx.reason, is.tx.reason);
	CHECK_INT(name, was->rx.reason, is.rx.reason);
	CHECK_INT(name, was->tx.seq, is.tx.seq);
	CHECK_INT(name, was->rx.seq, is.rx.seq);
	CHECK_INT(name, was->tx.key_updates, is.tx.key_updates);
	CHECK_INT(name, was->rx.key_updates, is.rx.key_updates);
	CHECK_INT(name, was->tx.bytes, is.tx.bytes);
	CHECK_INT(name, was->rx.bytes, is.rx.bytes);
	CHECK_INT(name, was->tx.records, is.tx.records);
	CHECK_INT(name, was->rx.records, is.rx.records);
}

/* To other memory, as it were, and back into the pipe. */
static void pass(const char *name, struct pipe_end *end)
{
	struct keel_conn_info info = {.sz = sizeof(info)};
	struct keel_ctx *ctx = keel_ctx_ref(end->conn->ctx);
	struct keel_blob blob;
	uint64_t nonce;

	ATF_REQUIRE_EQ(0, keel_conn_get_info(end->conn, &info));
	nonce = end->conn->tx.explicit_nonce;
	blob = leave(name, end);
	REQUIRE_INT(name, 0, arrive(end, ctx, &blob));
	check_facts(name, &info, end);
	/* No peer minds one that is used twice: RFC 5288 section 3 does. */
	CHECK_INT(name, nonce, end->conn->tx.explicit_nonce);
	keel_blob_fini(&blob);
	keel_ctx_unref(ctx);
}

static void update_keys(struct world *world)
{
	struct conn_pipe *pipe = &world->kp.pipe;

	if (!world->can_update)
		return;
	REQUIRE_INT(world->name, 0,
		    keel_conn_key_update(pipe->client.conn, true));
	pipe_run(pipe);
}

static void check_close(struct world *world)
{
	struct conn_pipe *pipe = &world->kp.pipe;

	ATF_REQUIRE_EQ(0, keel_conn_close(pipe->client.conn));
	pipe_run(pipe);
	ATF_REQUIRE_EQ(0, keel_conn_close(pipe->server.conn));
	pipe_run(pipe);
	CHECK_INT(world->name, KEEL_CONN_CLOSED,
		  keel_conn_get_state(pipe->client.conn));
	CHECK_INT(world->name, KEEL_CONN_CLOSED,
		  keel_conn_get_state(pipe->server.conn));
}

CASE(serialize__goes_on, "Both ends are passed on, again and again, with new "
			 "keys between, and end in order")
{
	struct world world;

	WORLD_EACH(world)
	{
		for (size_t i = 0; i < 3; i++) {
			pass(world.name, &world.kp.pipe.server);
			check_data(&world);
			update_keys(&world);
			pass(world.name, &world.kp.pipe.client);
			pass(world.name, &world.kp.pipe.server);
			update_keys(&world);
			check_data(&world);
		}
		check_close(&world);
	}
}

/* @len bytes of what waits go into the socket. */
static void send_some(struct pipe_end *end, size_t len)
{
	struct keel_op op;

	ATF_REQUIRE_EQ(1, keel_conn_next_op(end->conn, &op));
	ATF_REQUIRE_EQ(KEEL_OP_SEND, op.type);
	ATF_REQUIRE(len < op.len);
	if (end->sock)
		len = (size_t)fake_ktls_send(end->sock, &end->peer->wire,
					     &end->wire, KEEL__RECORD_DATA,
					     op.data, len);
	else
		bytes_add(&end->wire, op.data, len);
	ATF_REQUIRE_EQ(0, keel_conn_op_done(end->conn, op.type, (ssize_t)len));
}

/* Data and new keys wait, and some of the data is in the socket. */
CASE(serialize__waiting_to_be_sent, "What waits to be sent goes along, in its "
				    "order, one record begun")
{
	static const size_t parts[] = {0, 1, 5, 6, 1000, 16384, 20000};
	struct world world;

	WORLD_EACH(world)
	for (size_t i = 0; i < KEEL__ARRAY_LEN(parts); i++) {
		struct pipe_end *end = &world.kp.pipe.server;
		ssize_t n = keel_conn_send(end->conn, data, 40000);

		end->peer->got.len = 0;
		REQUIRE_INT(world.name, 40000, n);
		if (parts[i] < 16384 || !end->sock)
			send_some(end, parts[i]);
		if (world.can_update)
			REQUIRE_INT(world.name, 0,
				    keel_conn_key_update(end->conn, false));
		REQUIRE_INT(world.name, 1000,
			    keel_conn_send(end->conn, data, 1000));
		pass(world.name, end);
		pipe_run(&world.kp.pipe);
		REQUIRE_INT(world.name, 41000, end->peer->got.len);
		CHECK_MEM(world.name, data, end->peer->got.data, 40000);
		CHECK_MEM(world.name, data, end->peer->got.data + 40000, 1000);
		check_data(&world);
	}
}

/* A driver's own buffer: @nr records, of which @sent bytes went out. */
static void seal_unsent(struct world *world, size_t nr, size_t sent)
{
	static uint8_t buf[4 * (KEEL_MAX_PLAINTEXT + 64)];
	struct pipe_end *end = &world->kp.pipe.server;
	struct keel_tx_info info;
	size_t len = 0;

	ATF_REQUIRE_EQ(0, keel_conn_tx_info(end->conn, &info));
	for (size_t i = 0; i < nr; i++) {
		ssize_t n = keel_conn_seal(end->conn, buf + len,
					   data + i * 1000, 1000);

		ATF_REQUIRE(n > 0);
		len += (size_t)n;
	}
	if (end->sock && sent)
		sent = (size_t)fake_ktls_send(end->sock, &end->peer->wire,
					      &end->wire, KEEL__RECORD_DATA,
					      buf, sent);
	else
		bytes_add(&end->wire, buf, sent);
	ATF_REQUIRE_EQ(0, keel_conn_unsend(end->conn, buf + sent, len - sent));
}

CASE(serialize__unsent, "What a driver had sealed and not sent comes before "
			"what the connection has to say itself")
{
	static const size_t sent[] = {0, 1, 999, 1500, 3000};
	struct world world;

	WORLD_EACH(world)
	for (size_t i = 0; i < KEEL__ARRAY_LEN(sent); i++) {
		struct pipe_end *end = &world.kp.pipe.server;

		end->peer->got.len = 0;
		seal_unsent(&world, 4, sent[i]);
		REQUIRE_INT(world.name, 10,
			    keel_conn_send(end->conn, data + 4000, 10));
		pass(world.name, end);
		pipe_run(&world.kp.pipe);
		REQUIRE_INT(world.name, 4010, end->peer->got.len);
		CHECK_MEM(world.name, data, end->peer->got.data, 4010);
		check_data(&world);
	}
}

CASE(serialize__cut_anywhere, "A record of which a part has come, at every "
			      "byte of it")
{
	struct world world;

	for (size_t nr = 0; pipe_rows[nr].name; nr++) {
		const struct kernel_setup setup = {.row = &pipe_rows[nr]};
		struct pipe_end *to = &world.kp.pipe.server;
		size_t len = 100;

		kernel_pipe_open(&world.kp, &setup);
		snprintf(world.name, sizeof(world.name), "%s", setup.row->name);
		check_data(&world);
		to->is_deaf = true;
		for (size_t at = 1; at < len; at++) {
			struct bytes *wire = &to->peer->wire;

			to->got.len = 0;
			ATF_REQUIRE_EQ(
				60, keel_conn_send(to->peer->conn, data, 60));
			pipe_run(&world.kp.pipe);
			len = wire->len;
			ATF_REQUIRE(len < 150);
			pipe_end_feed(to, wire->data, at);
			pass(setup.row->name, to);
			pipe_end_ops(to);
			pipe_end_feed(to, wire->data + at, len - at);
			bytes_drop(wire, len);
			REQUIRE_INT(setup.row->name, 60, to->got.len);
			CHECK_MEM(setup.row->name, data, to->got.data, 60);
		}
		kernel_pipe_fini(&world.kp);
	}
}

/* The next record of the kernel's, given and not looked at. */
static void keep_record(struct pipe_end *end)
{
	static uint8_t buf[65536];
	int type;
	ssize_t n = fake_ktls_recv(end->sock, &end->peer->wire, false, &type,
				   buf, sizeof(buf));

	ATF_REQUIRE(n > 0 && type >= 0);
	ATF_REQUIRE_EQ(0, keel_conn_input_record(end->conn, (uint8_t)type, buf,
						 (size_t)n));
	end->wants_record = false;
	ATF_REQUIRE(keel_conn_keep_input(end->conn) > 0);
	memset(buf, 0, sizeof(buf));
}

static void keep_bytes(struct pipe_end *end)
{
	struct bytes *wire = &end->peer->wire;

	ATF_REQUIRE_EQ(0, keel_conn_input(end->conn, wire->data, wire->len));
	end->wants_recv = false;
	ATF_REQUIRE(keel_conn_keep_input(end->conn) > 0);
	bytes_drop(wire, wire->len);
}

CASE(serialize__kept_input, "Records that came and were not told are told "
			    "elsewhere, the end behind them")
{
	struct world world;

	WORLD_EACH(world)
	{
		struct pipe_end *end = &world.kp.pipe.server;
		bool is_kernel =
			kernel_info(end, KEEL_RX).engine == KEEL_ENGINE_KERNEL;

		end->is_deaf = true;
		for (size_t i = 0; i < 3; i++) {
			ATF_REQUIRE_EQ(500,
				       keel_conn_send(end->peer->conn,
						      data + 500 * i, 500));
			pipe_run(&world.kp.pipe);
			if (is_kernel)
				keep_record(end);
			else if (i == 2)
				keep_bytes(end);
		}
		ATF_REQUIRE_EQ(0, keel_conn_close(end->peer->conn));
		pass(world.name, end);
		pipe_end_events(end);
		REQUIRE_INT(world.name, 1500, end->got.len);
		CHECK_MEM(world.name, data, end->got.data, 1500);
		end->is_deaf = false;
		pipe_run(&world.kp.pipe);
		ATF_CHECK_MSG(strchr(end->events, 'E'), "%s: no end",
			      world.name);
	}
}

CASE(serialize__half_message, "A KeyUpdate of which a piece has come")
{
	static const uint8_t msg[] = {24, 0, 0, 1, 1};
	struct world world;

	WORLD_EACH(world)
	{
		struct conn_pipe *pipe = &world.kp.pipe;

		/* A kernel sends the pieces apart only in its own records. */
		if (!world.can_update || pipe->client.sock)
			continue;
		for (size_t at = 1; at < sizeof(msg); at++) {
			pipe_end_forge(&pipe->client, KEEL__RECORD_HANDSHAKE,
				       msg, at);
			pipe_run(pipe);
			pass(world.name, &pipe->server);
			pipe_end_forge(&pipe->client, KEEL__RECORD_HANDSHAKE,
				       msg + at, sizeof(msg) - at);
			pipe_end_next_keys(&pipe->client, KEEL_TX);
			pipe_run(pipe);
			check_data(&world);
			CHECK_INT(world.name, at,
				  kernel_info(&pipe->server, KEEL_RX)
					  .key_updates);
		}
	}
}

static void two_tickets(struct keel_config *config)
{
	ATF_REQUIRE_EQ(0, keel_config_set_tickets(config, 2));
}

CASE(serialize__tickets, "A server's tickets that were to come with its first "
			 "data are not lost")
{
	struct conn_pipe pipe;
	struct keel_blob blob;
	struct keel_ctx *ctx;

	pipe_open(&pipe, ROW13, two_tickets);
	ctx = keel_ctx_ref(pipe.server.conn->ctx);
	blob = leave("tickets", &pipe.server);
	ATF_REQUIRE_EQ(0, arrive(&pipe.server, ctx, &blob));
	pipe_run(&pipe);
	ATF_CHECK_STREQ("OSS", pipe.client.events);
	keel_blob_fini(&blob);
	keel_ctx_unref(ctx);
	pipe_fini(&pipe);
}

CASE(serialize__not_now, "It is refused while something is out, and nothing "
			 "has happened then")
{
	struct keel_blob blob = {.data = NULL};
	struct conn_pipe pipe;
	struct keel_ctx *client = pipe_ctx(KEEL_CLIENT, ROW13, NULL);
	struct keel_ctx *server = pipe_ctx(KEEL_SERVER, ROW13, NULL);
	struct keel_conn *conn;
	struct bytes rec = {.data = NULL};
	struct keel_op op;

	pipe_init(&pipe, client, server);
	conn = pipe.server.conn;
	CHECK_INT("NULL", -EINVAL, keel_conn_serialize(NULL, NULL, 0, &blob));
	CHECK_INT("NULL", -EINVAL, keel_conn_serialize(conn, NULL, 0, NULL));
	CHECK_INT("new", -EAGAIN, keel_conn_serialize(conn, NULL, 0, &blob));
	pipe_run(&pipe);
	CHECK_INT("a receive", -EBUSY,
		  keel_conn_serialize(conn, NULL, 0, &blob));
	quiet(&pipe.server);
	ATF_REQUIRE_EQ(9, keel_conn_send(conn, data, 9));
	ATF_REQUIRE_EQ(1, keel_conn_next_op(conn, &op));
	CHECK_INT("a send", -EBUSY, keel_conn_serialize(conn, NULL, 0, &blob));
	CHECK_INT("a send", -EBUSY, keel_conn_unsend(conn, data, 1));
	ATF_REQUIRE_EQ(0, keel_conn_op_done(conn, op.type, -EAGAIN));
	ATF_REQUIRE_EQ(9, keel_conn_send(pipe.client.conn, data, 9));
	pipe_end_ops(&pipe.client);
	bytes_add(&rec, pipe.client.wire.data, pipe.client.wire.len);
	bytes_drop(&pipe.client.wire, pipe.client.wire.len);
	ATF_REQUIRE_EQ(0, keel_conn_input(conn, rec.data, rec.len));
	CHECK_INT("input", -EBUSY, keel_conn_serialize(conn, NULL, 0, &blob));
	pipe_end_events(&pipe.server);
	CHECK_INT("told", 9, pipe.server.got.len);
	pass("quiet", &pipe.server);
	ATF_REQUIRE_EQ(0, keel_conn_close(conn));
	CHECK_INT("closing", -ESTALE,
		  keel_conn_serialize(conn, NULL, 0, &blob));
	pipe_run(&pipe);
	CHECK_INT("told", 9, pipe.client.got.len);
	bytes_fini(&rec);
	pipe_fini(&pipe);
	keel_ctx_unref(client);
	keel_ctx_unref(server);
}

/* A note of a server's, and its context. */
static struct keel_blob make_blob(struct keel_ctx **ret_ctx, unsigned int dirs)
{
	const struct kernel_setup setup = {
		.row = ROW13, .ends = KERNEL_SERVER, .dirs = dirs};
	static struct kernel_pipe kp;
	struct keel_blob blob;

	kernel_pipe_open(&kp, &setup);
	ATF_REQUIRE_EQ(100, keel_conn_send(kp.pipe.server.conn, data, 100));
	*ret_ctx = keel_ctx_ref(kp.pipe.server.conn->ctx);
	blob = leave("blob", &kp.pipe.server);
	kernel_pipe_fini(&kp);
	return blob;
}

/* All of it is there. */
static void touch(const void *from, size_t len)
{
	const volatile uint8_t *bytes = from;

	for (size_t i = 0; from && i < len; i++)
		(void)bytes[i];
}

static int try_blob(struct keel_ctx *ctx, const void *bytes, size_t len,
		    bool has_socket)
{
	/* A block of its own, so that a sanitizer sees who reads too far. */
	struct keel_blob blob = {.data = malloc(len + !len), .len = len};
	const struct keel_conn_opts opts = {.sz = sizeof(opts),
					    .has_socket = has_socket};
	struct keel_conn *conn = malloc(keel_conn_size());
	struct keel_event ev;
	struct keel_op op;
	int r;

	ATF_REQUIRE(blob.data && conn);
	memcpy(blob.data, bytes, len);
	r = keel_conn_deserialize(conn, ctx, &opts, &blob);
	if (!r) {
		while (keel_conn_next_event(conn, &ev) == 1)
			touch(ev.data, ev.len);
		if (keel_conn_next_op(conn, &op) == 1)
			touch(op.data, op.len);
		keel_conn_fini(conn);
	} else {
		ATF_CHECK(!conn->ctx);
	}
	free(conn);
	free(blob.data);
	return r;
}

CASE(deserialize__damaged, "A note that is cut off or has a bit turned is "
			   "refused")
{
	struct keel_ctx *ctx;
	struct keel_blob blob = make_blob(&ctx, 0);
	uint8_t *bytes = blob.data;

	for (size_t len = 0; len < blob.len; len++)
		CHECK_INT("cut off", -EBADMSG, try_blob(ctx, bytes, len, true));
	for (size_t bit = 0; bit < blob.len * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		CHECK_INT("a bit", -EBADMSG,
			  try_blob(ctx, bytes, blob.len, true));
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	CHECK_INT("whole", 0, try_blob(ctx, bytes, blob.len, true));
	keel_blob_fini(&blob);
	keel_ctx_unref(ctx);
}

/* As if it had been made so. */
static void sign(struct keel_blob *blob)
{
	uint8_t *bytes = blob->data;
	uint64_t crc = htobe64(keel__crc64(bytes, blob->len - CRC_LEN));

	memcpy(bytes + blob->len - CRC_LEN, &crc, CRC_LEN);
}

static int try_with(struct keel_ctx *ctx, struct keel_blob *blob, size_t at,
		    uint8_t byte)
{
	uint8_t *bytes = blob->data;
	uint8_t was = bytes[at];
	int r;

	bytes[at] = byte;
	sign(blob);
	r = try_blob(ctx, bytes, blob->len, true);
	bytes[at] = was;
	sign(blob);
	return r;
}

CASE(deserialize__other, "Another format, cipher or role is named as such")
{
	struct keel_ctx *client = pipe_ctx(KEEL_CLIENT, ROW13, NULL);
	struct keel_ctx *ctx;
	struct keel_blob blob = make_blob(&ctx, KERNEL_BOTH);
	struct keel_blob none = {.data = NULL};
	struct keel_conn *conn = malloc(keel_conn_size());

	ATF_REQUIRE(conn);
	CHECK_INT("a format", -EPROTONOSUPPORT,
		  try_with(ctx, &blob, FORMAT_AT + 1, 2));
	CHECK_INT("a suite", -ENOTSUP, try_with(ctx, &blob, SUITE_AT, 0xff));
	CHECK_INT("a role", -EINVAL, try_with(ctx, &blob, ROLE_AT, 7));
	CHECK_INT("a client's context", -EINVAL,
		  try_blob(client, blob.data, blob.len, true));
	CHECK_INT("no socket", -EINVAL,
		  try_blob(ctx, blob.data, blob.len, false));
	CHECK_INT("NULL", -EINVAL,
		  keel_conn_deserialize(conn, ctx, NULL, NULL));
	CHECK_INT("nothing", -EBADMSG,
		  keel_conn_deserialize(conn, ctx, NULL, &none));
	CHECK_INT("itself", 0, try_blob(ctx, blob.data, blob.len, true));
	keel_blob_fini(&blob);
	keel_ctx_unref(ctx);
	keel_ctx_unref(client);
	free(conn);
}

CASE(deserialize__nonsense, "Whatever is written in a note, with a checksum "
			    "that is right: an answer, and no harm")
{
	static const unsigned int dirs[] = {0, KEEL_TX, KERNEL_BOTH};

	for (size_t i = 0; i < KEEL__ARRAY_LEN(dirs); i++) {
		struct keel_ctx *ctx;
		struct keel_blob blob = make_blob(&ctx, dirs[i]);
		unsigned int nr_good = 0;

		for (size_t at = 0; at < blob.len - CRC_LEN; at++)
			for (unsigned int bit = 0; bit < 8; bit++) {
				uint8_t byte = ((uint8_t *)blob.data)[at];

				byte ^= (uint8_t)(1 << bit);
				nr_good += !try_with(ctx, &blob, at, byte);
			}
		/* Keys and counters can be anything. */
		ATF_CHECK(nr_good > 100);
		keel_blob_fini(&blob);
		keel_ctx_unref(ctx);
	}
}

CASE(serialize__no_memory, "Without memory all stays where it was")
{
	struct conn_pipe pipe;
	struct keel_blob blob = {.data = NULL};
	struct keel_ctx *ctx;
	int r = -ENOMEM;

	pipe_open(&pipe, ROW13, NULL);
	ctx = keel_ctx_ref(pipe.server.conn->ctx);
	ATF_REQUIRE_EQ(50, keel_conn_send(pipe.server.conn, data, 50));
	quiet(&pipe.server);
	for (long nr = 0; r == -ENOMEM; nr++) {
		ATF_REQUIRE(nr < 50);
		alloc_probe.nr_left = nr;
		r = keel_conn_serialize(pipe.server.conn, NULL, 0, &blob);
		alloc_probe.nr_left = -1;
	}
	ATF_REQUIRE_EQ(0, r);
	r = -ENOMEM;
	for (long nr = 0; r == -ENOMEM; nr++) {
		ATF_REQUIRE(nr < 50);
		alloc_probe.nr_left = nr;
		r = arrive(&pipe.server, ctx, &blob);
		alloc_probe.nr_left = -1;
	}
	ATF_REQUIRE_EQ(0, r);
	keel_blob_fini(&blob);
	pipe_run(&pipe);
	CHECK_INT("sent", 50, pipe.client.got.len);
	keel_ctx_unref(ctx);
	pipe_fini(&pipe);
}

CASE(deserialize__policy, "The new context's policy counts for what is in user "
			  "space")
{
	const struct kernel_setup setup = {
		.row = ROW13, .ends = KERNEL_SERVER, .dirs = KEEL_TX};
	struct kernel_pipe kp;
	struct pipe_end *end = &kp.pipe.server;
	struct keel_blob blob;
	struct keel_ctx *ctx;

	kernel_pipe_open(&kp, &setup);
	ctx = pipe_ctx(KEEL_SERVER, ROW13, NULL);
	ctx->offload[0] = KEEL_OFFLOAD_OFF;
	ctx->offload[1] = KEEL_OFFLOAD_AUTO;
	ctx->offload_after = 0;
	ctx->facts = &kp.facts;
	blob = leave("policy", end);
	ATF_REQUIRE_EQ(0, arrive(end, ctx, &blob));
	pipe_run(&kp.pipe);
	CHECK_INT("sending stays", KEEL_ENGINE_KERNEL,
		  kernel_info(end, KEEL_TX).engine);
	CHECK_INT("receiving moves", KEEL_ENGINE_KERNEL,
		  kernel_info(end, KEEL_RX).engine);
	ATF_CHECK(kernel_pipe_both_ways(&kp, 1000));
	keel_blob_fini(&blob);
	keel_ctx_unref(ctx);
	kernel_pipe_fini(&kp);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, serialize__goes_on);
	ATF_TP_ADD_TC(tp, serialize__waiting_to_be_sent);
	ATF_TP_ADD_TC(tp, serialize__unsent);
	ATF_TP_ADD_TC(tp, serialize__cut_anywhere);
	ATF_TP_ADD_TC(tp, serialize__kept_input);
	ATF_TP_ADD_TC(tp, serialize__half_message);
	ATF_TP_ADD_TC(tp, serialize__tickets);
	ATF_TP_ADD_TC(tp, serialize__not_now);
	ATF_TP_ADD_TC(tp, serialize__no_memory);
	ATF_TP_ADD_TC(tp, deserialize__damaged);
	ATF_TP_ADD_TC(tp, deserialize__other);
	ATF_TP_ADD_TC(tp, deserialize__nonsense);
	ATF_TP_ADD_TC(tp, deserialize__policy);
	return atf_no_error();
}
