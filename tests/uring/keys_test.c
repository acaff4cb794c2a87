/* SPDX-License-Identifier: MIT */
/* Keys that change while data is under way. */
#include "tests/uring/world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/offload.h"
#include "uring/uring-private.h"

#define DATA_LEN (2 * 1024 * 1024)
#define FILE_LEN (3 * 1024 * 1024)

/* A server whose keys last for so many records. */
#define NR_RECORDS 7

static int file_fd;

static void send_file(struct keel_stream *stream,
		      const struct keel_hs_info *info)
{
	(void)info;
	if (keel_stream_send_file(stream, file_fd, 0, FILE_LEN))
		abort();
}

static void ignore_data(struct keel_stream *stream, void *data, size_t len)
{
	(void)stream;
	(void)data;
	(void)len;
}

static atomic_int last_err;
static atomic_uint nr_close;

static void note_close(struct keel_stream *stream, const struct keel_err *err)
{
	(void)stream;
	atomic_store(&last_err, err->err);
	atomic_fetch_add(&nr_close, 1);
}

static const struct keel_stream_ops file_ops = {
	.on_open = send_file,
	.on_data = ignore_data,
	.on_close = note_close,
};

static void limit(struct keel_config *config, const void *arg)
{
	(void)arg;
	ATF_REQUIRE_EQ(0, keel_config_set_record_limit(config, NR_RECORDS));
	/* In a kernel that cannot change them, used-up keys are the end. */
	if (!offload_has("rekey", ""))
		ATF_REQUIRE_EQ(0, keel_config_set_offload(config,
							  KEEL_TX | KEEL_RX,
							  KEEL_OFFLOAD_OFF));
}

static void set_ctx(struct server *server, void *arg)
{
	if (keel_listener_set_ctx(server->listener, arg))
		abort();
}

/* Start with @ops and short-lived keys. */
static void start(struct server *server, const struct world_row *row,
		  const struct keel_stream_ops *ops)
{
	struct server_opts opts = {
		.row = row, .ops = ops, .data_len = sizeof(struct echo)};
	struct keel_ctx *ctx = world_ctx_tuned(row, KEEL_SERVER, limit, NULL);

	atomic_store(&nr_close, 0);
	server_start(server, &opts);
	server_call(server, set_ctx, ctx);
	keel_ctx_unref(ctx);
}

static void make_file(void)
{
	static uint8_t buf[FILE_LEN];

	file_fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);
	ATF_REQUIRE(file_fd >= 0);
	pattern_fill(4, 0, buf, sizeof(buf));
	ATF_REQUIRE_EQ((ssize_t)sizeof(buf), write(file_fd, buf, sizeof(buf)));
}

static uint32_t nr_updates(const struct client *client)
{
	struct keel_conn_info info = {.sz = sizeof(info)};

	ATF_REQUIRE_EQ(0, keel_conn_get_info(client->conn, &info));
	return info.rx.key_updates;
}

CASE(keys__file, "a file goes on across changes of our keys")
{
	static uint8_t buf[FILE_LEN];

	make_file();
	WORLD_EACH(row)
	{
		struct client client = {0};
		struct server server;

		if (row->version != KEEL_TLS1_3)
			continue;
		start(&server, row, &file_ops);
		client_open(&client, &server);
		REQUIRE_INT(row->name, FILE_LEN,
			    client_recv(&client, buf, FILE_LEN));
		CHECK_INT(row->name, FILE_LEN,
			  pattern_check(4, 0, buf, FILE_LEN));
		/* The last key may be full and not changed yet. */
		ATF_CHECK_MSG(nr_updates(&client) >=
				      FILE_LEN / 16384 / NR_RECORDS - 1,
			      "%s: %u updates", row->name, nr_updates(&client));
		CHECK_INT(row->name, 0, client_finish(&client));
		server_stop(&server, 1000);
		CHECK_INT(row->name, 0, server.stats.failed);
	}
}

static void pause_and_send(struct keel_stream *stream,
			   const struct keel_hs_info *info)
{
	keel_stream_pause(stream);
	send_file(stream, info);
}

static const struct keel_stream_ops paused_ops = {
	.on_open = pause_and_send,
	.on_data = ignore_data,
	.on_close = note_close,
};

static void use_up(const struct keel_stream_ops *ops)
{
	static uint8_t buf[FILE_LEN];
	const struct world_row *row = &world_rows[2];
	struct client client = {0};
	struct server server;

	make_file();
	start(&server, row, ops);
	client_open(&client, &server);
	/* TLS 1.2: the Finished took the first. */
	CHECK_INT("data", (NR_RECORDS - 1) * 16384,
		  client_recv(&client, buf, FILE_LEN));
	CHECK_INT("close_notify", true, client.is_eof);
	CHECK_INT("finish", 0, client_finish(&client));
	wait_for("closed", &nr_close, 1);
	CHECK_INT("error", -EKEYEXPIRED, atomic_load(&last_err));
	server_stop(&server, 1000);
}

CASE(keys__used_up, "TLS 1.2, which has no new keys, ends in order with "
		    "an error that says so")
{
	use_up(&file_ops);
}

CASE(keys__used_up_while_paused, "a stream that ends by itself hears the "
				 "peer's end, though it was paused")
{
	use_up(&paused_ops);
}

CASE(keys__peer_asks, "a peer that asks for new keys all the time is answered "
		      "between records")
{
	static uint8_t buf[65536];

	WORLD_EACH(row)
	{
		struct client client = {0};
		struct server server;
		size_t off;

		if (row->version != KEEL_TLS1_3)
			continue;
		start(&server, row, &echo_ops);
		client_open(&client, &server);
		for (off = 0; off < DATA_LEN; off += sizeof(buf)) {
			pattern_fill(6, off, buf, sizeof(buf));
			client_send(&client, buf, sizeof(buf) - 1);
			ATF_REQUIRE_EQ(0,
				       keel_conn_key_update(client.conn, true));
			client_send(&client, buf + sizeof(buf) - 1, 1);
			REQUIRE_INT(row->name, sizeof(buf),
				    client_recv(&client, buf, sizeof(buf)));
			REQUIRE_INT(row->name, sizeof(buf),
				    pattern_check(6, off, buf, sizeof(buf)));
		}
		ATF_CHECK_MSG(nr_updates(&client) >= DATA_LEN / sizeof(buf),
			      "%s: %u updates", row->name, nr_updates(&client));
		CHECK_INT(row->name, 0, client_finish(&client));
		server_stop(&server, 1000);
		CHECK_INT(row->name, 0, server.stats.failed);
	}
}

static void update_keys(struct keel_stream *stream, void *data, size_t len)
{
	/* Gathered, then a change of keys, then more: order is kept. */
	if (keel_stream_send(stream, data, len) != (ssize_t)len ||
	    keel_conn_key_update(keel_stream_conn(stream), false) ||
	    keel_stream_send(stream, data, len) != (ssize_t)len)
		abort();
}

CASE(keys__by_application, "an application may change the keys in a callback")
{
	static const struct keel_stream_ops ops = {.on_data = update_keys};

	WORLD_EACH(row)
	{
		struct server_opts opts = {.row = row, .ops = &ops};
		struct client client = {0};
		struct server server;
		uint8_t out[1000], in[2000];
		unsigned int i;

		if (row->version != KEEL_TLS1_3)
			continue;
		server_start(&server, &opts);
		client_open(&client, &server);
		for (i = 0; i < 20; i++) {
			pattern_fill(i, 0, out, sizeof(out));
			client_send(&client, out, sizeof(out));
			REQUIRE_INT(row->name, sizeof(in),
				    client_recv(&client, in, sizeof(in)));
			CHECK_MEM(row->name, out, in, sizeof(out));
			CHECK_MEM(row->name, out, in + 1000, sizeof(out));
		}
		CHECK_INT(row->name, 20, nr_updates(&client));
		CHECK_INT(row->name, 0, client_finish(&client));
		server_stop(&server, 1000);
	}
}

/* Three records and a bit, with what is sent before them. */
#define HEAD_LEN 300
#define PIPE_LEN (3 * 16384 + 100)

/*
 * A pipe stands for a slow disk: the ring's read waits until there is something
 * in it.
 */
static int pipe_fds[2];
static _Atomic(struct keel_stream *) reader;

static void send_pipe(struct keel_stream *stream,
		      const struct keel_hs_info *info)
{
	static const int size = 1 << 20;
	uint8_t head[HEAD_LEN];

	(void)info;
	/* Room for all of it, so that it is one read. */
	setsockopt(stream->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	pattern_fill(5, 0, head, sizeof(head));
	if (keel_stream_send(stream, head, sizeof(head)) != HEAD_LEN ||
	    keel_stream_send_file(stream, pipe_fds[0], 0, PIPE_LEN))
		abort();
	stream->file_uncached = true;
	atomic_store(&reader, stream);
}

static const struct keel_stream_ops pipe_ops = {
	.on_open = send_pipe,
	.on_data = ignore_data,
};

static void is_reading(struct server *server, void *arg)
{
	struct keel_stream *stream = atomic_load(&reader);

	(void)server;
	*(bool *)arg = stream && keel__stream_has_op(stream, KEEL__OP_READ);
}

static void has_new_keys(struct server *server, void *arg)
{
	struct keel_stream *stream = atomic_load(&reader);
	struct keel_conn_info info = {.sz = sizeof(info)};

	(void)server;
	if (keel_conn_get_info(keel_stream_conn(stream), &info))
		abort();
	*(bool *)arg = info.tx.key_updates > 0;
}

static void wait_until(struct server *server,
		       void (*fn)(struct server *server, void *arg))
{
	bool is_true = false;
	unsigned int i;

	for (i = 0; i < 5000 && !is_true; i++) {
		server_call(server, fn, &is_true);
		usleep(1000);
	}
	ATF_REQUIRE(is_true);
}

static void fill_pipe(struct server *server, void *arg)
{
	uint8_t buf[PIPE_LEN];

	(void)server;
	(void)arg;
	pattern_fill(5, HEAD_LEN, buf, sizeof(buf));
	if (write(pipe_fds[1], buf, sizeof(buf)) != PIPE_LEN)
		abort();
}

static void update_ours(struct server *server, void *arg)
{
	(void)server;
	(void)arg;
	if (keel_conn_key_update(keel_stream_conn(atomic_load(&reader)), false))
		abort();
}

static const struct {
	const char *name;
	bool by_peer;
	bool by_application;
} changes[] = {
	{"the peer asks", true, false},
	{"the application asks", false, true},
	{"both ask", true, true},
};

static void check_change(const struct world_row *row, size_t i)
{
	struct server_opts opts = {.row = row, .ops = &pipe_ops};
	const char *name = changes[i].name;
	struct client client = {0};
	struct server server;
	static uint8_t buf[HEAD_LEN + PIPE_LEN];

	atomic_store(&reader, NULL);
	ATF_REQUIRE_EQ(0, pipe2(pipe_fds, O_CLOEXEC));
	server_start(&server, &opts);
	client_open(&client, &server);
	wait_until(&server, is_reading);
	if (changes[i].by_peer) {
		ATF_REQUIRE_EQ(0, keel_conn_key_update(client.conn, true));
		client_send(&client, NULL, 0);
		wait_until(&server, has_new_keys);
	}
	if (changes[i].by_application)
		server_call(&server, update_ours, NULL);
	server_call(&server, fill_pipe, NULL);
	REQUIRE_INT(name, sizeof(buf), client_recv(&client, buf, sizeof(buf)));
	CHECK_INT(name, sizeof(buf), pattern_check(5, 0, buf, sizeof(buf)));
	ATF_CHECK_MSG(nr_updates(&client) > 0, "%s: no new keys", name);
	CHECK_INT(name, 0, client_finish(&client));
	server_stop(&server, 1000);
	CHECK_INT(name, 0, server.stats.failed);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

CASE(keys__while_reading, "keys change while a file is being read: the change "
			  "goes ahead of what is read")
{
	WORLD_EACH(row)
	{
		size_t i;

		if (row->version != KEEL_TLS1_3)
			continue;
		for (i = 0; i < KEEL__ARRAY_LEN(changes); i++)
			check_change(row, i);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, keys__file);
	ATF_TP_ADD_TC(tp, keys__used_up);
	ATF_TP_ADD_TC(tp, keys__used_up_while_paused);
	ATF_TP_ADD_TC(tp, keys__peer_asks);
	ATF_TP_ADD_TC(tp, keys__by_application);
	ATF_TP_ADD_TC(tp, keys__while_reading);
	return atf_no_error();
}
