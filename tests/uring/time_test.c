/* SPDX-License-Identifier: MIT */
/* Times that run out, and times that do not. */
#include "tests/uring/world.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* The times that a row makes short; the others are long. */
#define SHORT_MS 150
#define LONG_MS 15000

/* What the client does after it has connected. */
enum conduct {
	SAYS_NOTHING,	 /* not even hello */
	DRIBBLES_HELLO,	 /* a byte now and then */
	IS_SILENT,	 /* after the handshake */
	DOES_NOT_READ,	 /* while the server sends */
	DOES_NOT_END,	 /* when the server closes */
	TALKS,		 /* without end */
	DRIBBLES_RECORD, /* a byte now and then, and never all of it */
	ONLY_TALKS,	 /* without end, and does not read */
};

static const struct {
	const char *name;
	enum conduct conduct;
	struct keel_stream_timeouts timeouts;
	unsigned int deadline_ms;
	const char *site;
} rows[] = {
	{"nothing comes",
	 SAYS_NOTHING,
	 {SHORT_MS, LONG_MS, LONG_MS},
	 0,
	 "handshake timeout"},
	{"bytes of hello",
	 DRIBBLES_HELLO,
	 {SHORT_MS, LONG_MS, LONG_MS},
	 0,
	 "handshake timeout"},
	{"no byte of data",
	 IS_SILENT,
	 {LONG_MS, SHORT_MS, LONG_MS},
	 0,
	 "idle timeout"},
	{"a peer that is stuck",
	 DOES_NOT_READ,
	 {LONG_MS, SHORT_MS, LONG_MS},
	 0,
	 "idle timeout"},
	{"no end of the peer",
	 DOES_NOT_END,
	 {LONG_MS, LONG_MS, SHORT_MS},
	 0,
	 "close timeout"},
	{"always something",
	 TALKS,
	 {LONG_MS, LONG_MS, LONG_MS},
	 SHORT_MS,
	 "deadline"},
	{"bytes of a record",
	 DRIBBLES_RECORD,
	 {LONG_MS, SHORT_MS, LONG_MS},
	 0,
	 "idle timeout"},
	{"a peer that is stuck and talks",
	 ONLY_TALKS,
	 {LONG_MS, SHORT_MS, LONG_MS},
	 0,
	 "idle timeout"},
};

struct seen {
	enum conduct conduct;
	unsigned int deadline_ms;
	atomic_uint nr_close;
	int err;
	uint8_t origin;
	const char *site;
};

static struct seen seen;

static bool pours(void)
{
	return seen.conduct == DOES_NOT_READ || seen.conduct == ONLY_TALKS;
}

static void pour(struct keel_stream *stream)
{
	static const uint8_t zeroes[262144];

	while (keel_stream_send(stream, zeroes, sizeof(zeroes)) > 0)
		;
}

static void on_open(struct keel_stream *stream, const struct keel_hs_info *info)
{
	(void)info;
	if (seen.deadline_ms)
		keel_stream_set_deadline(stream, seen.deadline_ms);
	if (pours())
		pour(stream);
	if (seen.conduct == DOES_NOT_END)
		keel_stream_close(stream);
}

static void on_data(struct keel_stream *stream, void *data, size_t len)
{
	(void)stream;
	(void)data;
	(void)len;
}

static void on_sent(struct keel_stream *stream)
{
	if (pours())
		pour(stream);
}

static void on_close(struct keel_stream *stream, const struct keel_err *err)
{
	(void)stream;
	seen.err = err->err;
	seen.origin = err->origin;
	seen.site = err->site;
	atomic_fetch_add(&seen.nr_close, 1);
}

static const struct keel_stream_ops ops = {
	.on_open = on_open,
	.on_data = on_data,
	.on_sent = on_sent,
	.on_close = on_close,
};

/* A record of the client's, to be sent by hand. */
static void make_record(struct client *client, uint8_t *rec)
{
	static const uint8_t zeroes[16384];
	struct keel_tx_info info;

	ATF_REQUIRE_EQ(0, keel_conn_tx_info(client->conn, &info));
	ATF_REQUIRE(keel_conn_seal(client->conn, rec, zeroes, sizeof(zeroes)) >
		    0);
}

/* Do something now and then until the server has had enough. */
static void keep_at_it(struct client *client)
{
	static const uint8_t hello[] = {22, 3, 1, 2, 0};
	static uint8_t rec[16384 + 256];
	size_t i;

	if (seen.conduct == DRIBBLES_RECORD)
		make_record(client, rec);

	for (i = 0; i < 1000 && !atomic_load(&seen.nr_close); i++) {
		usleep(10000);
		if (seen.conduct == DRIBBLES_HELLO)
			send(client->fd, hello + (i < 5 ? i : 4), 1,
			     MSG_NOSIGNAL);
		if (seen.conduct == DRIBBLES_RECORD)
			send(client->fd, rec + i, 1, MSG_NOSIGNAL);
		/* The server's end shows as an error of the connection. */
		if (seen.conduct == ONLY_TALKS &&
		    keel_conn_get_state(client->conn) == KEEL_CONN_OPEN)
			client_send(client, "x", 1);
		if (seen.conduct == TALKS)
			client_send(client, "x", 1);
	}
}

static void behave(struct server *server)
{
	struct client client = {.rcvbuf = 32768};

	if (seen.conduct >= IS_SILENT)
		client_open(&client, server);
	else
		client.fd = tcp_open(server, 0);
	keep_at_it(&client);
	client_drop(&client);
}

CASE(time__runs_out, "each time ends its stream and is named")
{
	WORLD_EACH(row)
	{
		size_t i;

		for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			const char *name = rows[i].name;
			struct server_opts opts = {.row = row,
						   .ops = &ops,
						   .timeouts =
							   rows[i].timeouts};
			struct server server;
			uint64_t begin;

			seen = (struct seen){.conduct = rows[i].conduct,
					     .deadline_ms =
						     rows[i].deadline_ms};
			server_start(&server, &opts);
			begin = now_ms();
			behave(&server);
			wait_for(name, &seen.nr_close, 1);
			ATF_CHECK_MSG(now_ms() - begin >= SHORT_MS - 10,
				      "%s: too early", name);
			server_stop(&server, 0);
			CHECK_INT(name, -ETIMEDOUT, seen.err);
			CHECK_INT(name, KEEL_ERR_TIMEOUT, seen.origin);
			ATF_CHECK_STREQ(rows[i].site, seen.site);
			CHECK_INT(name, 1, server.stats.timed_out);
		}
	}
}

/*
 * Where all is slower the kernel's own pauses grow too: a window update that is
 * late by a retransmission timer. The times grow, and what is done in them.
 */
static unsigned int longer(void)
{
	return slower() > 1 ? 4 : 1;
}

CASE(time__slow_is_not_idle, "a peer that reads a little at a time lives on")
{
	WORLD_EACH(row)
	{
		struct server_opts opts = {.row = row, .ops = &ops};
		struct client client = {.rcvbuf = 16384};
		struct server server;
		static uint8_t buf[8192];
		unsigned int i;

		opts.timeouts.idle_ms = 400 * longer();
		seen = (struct seen){.conduct = DOES_NOT_READ};
		server_start(&server, &opts);
		client_open(&client, &server);
		for (i = 0; i < 40 * longer(); i++) {
			usleep(40000);
			REQUIRE_INT(row->name, sizeof(buf),
				    client_recv(&client, buf, sizeof(buf)));
		}
		CHECK_INT(row->name, 0, atomic_load(&seen.nr_close));
		client_drop(&client);
		server_stop(&server, 0);
		CHECK_INT(row->name, 0, server.stats.timed_out);
	}
}

CASE(time__deadline_moves, "a deadline can be put off and taken away")
{
	static const struct keel_stream_ops echo_deadline = {
		.on_open = on_open,
		.on_data = on_data,
		.on_close = on_close,
	};
	struct server_opts opts = {
		.row = &world_rows[0],
		.ops = &echo_deadline,
		.timeouts = {LONG_MS, 300 * longer(), LONG_MS}};
	struct client client = {0};
	struct server server;
	unsigned int i;

	seen = (struct seen){.conduct = TALKS, .deadline_ms = LONG_MS};
	server_start(&server, &opts);
	client_open(&client, &server);
	/* Each byte puts the idle time off. */
	for (i = 0; i < 20 * longer(); i++) {
		client_send(&client, "x", 1);
		usleep(50000);
	}
	CHECK_INT("alive", 0, atomic_load(&seen.nr_close));
	wait_for("closed", &seen.nr_close, 1);
	ATF_CHECK_STREQ("idle timeout", seen.site);
	client_drop(&client);
	server_stop(&server, 0);
}

/* A stream of our own, made and timed before its loop runs. */
#define BEFORE_MS 700

static void close_stream(struct keel_stream *stream,
			 const struct keel_hs_info *info)
{
	(void)info;
	keel_stream_close(stream);
}

static void stop_loop(struct keel_stream *stream, const struct keel_err *err)
{
	seen.err = err->err;
	seen.site = err->site;
	keel_loop_stop(keel_stream_loop(stream), 0);
}

static const struct keel_stream_ops own_ops = {
	.on_open = close_stream,
	.on_data = on_data,
	.on_close = stop_loop,
};

static const struct {
	const char *name;
	unsigned int handshake_ms;
	unsigned int deadline_ms;
} times[] = {
	{"a handshake's time", BEFORE_MS, 0},
	{"a deadline", LONG_MS, BEFORE_MS},
};

static void check_before(const struct server *server, size_t i)
{
	struct keel_connect_opts co = {
		.sz = sizeof(co),
		.addr = (const struct sockaddr *)&server->addr,
		.addr_len = sizeof(struct sockaddr_in),
		.ctx = world_ctx(server->opts.row, KEEL_CLIENT),
		.ops = &own_ops,
		.timeouts = {times[i].handshake_ms, LONG_MS, LONG_MS},
	};
	struct keel_stream *stream;
	struct keel_loop *loop;

	seen = (struct seen){.err = 1};
	ATF_REQUIRE_EQ(0, keel_loop_new(NULL, &loop));
	usleep((BEFORE_MS + 100) * 1000);
	ATF_REQUIRE_EQ(0, keel_stream_connect(loop, &co, &stream));
	keel_stream_set_deadline(stream, times[i].deadline_ms);
	CHECK_INT(times[i].name, 0, keel_loop_run(loop));
	ATF_CHECK_MSG(!seen.err, "%s: %s", times[i].name, seen.site);
	keel_loop_free(loop);
}

CASE(time__before_run, "time begins with the call, not with the loop's last "
		       "turn")
{
	static const struct keel_stream_ops quiet = {.on_data = on_data};
	struct server_opts opts = {.row = &world_rows[1], .ops = &quiet};
	struct server server;
	size_t i;

	server_start(&server, &opts);
	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		check_before(&server, i);
	server_stop(&server, 1000);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, time__runs_out);
	ATF_TP_ADD_TC(tp, time__slow_is_not_idle);
	ATF_TP_ADD_TC(tp, time__deadline_moves);
	ATF_TP_ADD_TC(tp, time__before_run);
	return atf_no_error();
}
