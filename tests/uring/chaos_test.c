/* SPDX-License-Identifier: MIT */
/* Applications on both sides that do anything at any time. */
#include "tests/uring/world.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define NR_AT_ONCE 40
#define NR_IN_ALL 300
#define FILE_LEN 300000

/* One side: its live streams and its own sequence of random numbers. */
struct side {
	struct keel_stream *live[NR_IN_ALL];
	unsigned int nr_live;
	unsigned int nr_begun;
	unsigned int nr_ended;
	uint32_t random;
	struct keel_loop *loop;		   /* of the client */
	struct keel_connect_opts *connect; /* of the client */
};

static int file_fd;
static uint8_t noise[100000];

static uint32_t draw(struct side *side, uint32_t below)
{
	side->random = side->random * 1664525 + 1013904223;
	return (side->random >> 8) % below;
}

static void do_send(struct side *side, struct keel_stream *stream)
{
	ssize_t n =
		keel_stream_send(stream, noise, 1 + draw(side, sizeof(noise)));

	(void)n; /* refused, cut short: all of it is fine */
}

static void do_send_little(struct side *side, struct keel_stream *stream)
{
	ssize_t n = keel_stream_send(stream, noise, draw(side, 100));

	(void)n;
}

static void do_file(struct side *side, struct keel_stream *stream)
{
	int err = keel_stream_send_file(stream, file_fd, draw(side, 1000),
					draw(side, FILE_LEN - 1000));

	(void)err;
}

static void do_pause(struct side *side, struct keel_stream *stream)
{
	(void)side;
	keel_stream_pause(stream);
}

static void do_resume(struct side *side, struct keel_stream *stream)
{
	(void)side;
	keel_stream_resume(stream);
}

static void do_close(struct side *side, struct keel_stream *stream)
{
	if (!draw(side, 3))
		keel_stream_close(stream);
}

static void do_abort(struct side *side, struct keel_stream *stream)
{
	if (!draw(side, 8))
		keel_stream_abort(stream, -5, "chaos");
}

static void do_keys(struct side *side, struct keel_stream *stream)
{
	int err = keel_conn_key_update(keel_stream_conn(stream), draw(side, 2));

	(void)err;
}

static void do_deadline(struct side *side, struct keel_stream *stream)
{
	keel_stream_set_deadline(stream, draw(side, 200));
}

static void do_nothing(struct side *side, struct keel_stream *stream)
{
	(void)side;
	(void)stream;
}

static void (*const deeds[])(struct side *side, struct keel_stream *stream) = {
	do_send,   do_send_little, do_file,  do_pause,	  do_resume, do_resume,
	do_resume, do_close,	   do_abort, do_deadline, do_keys,   do_nothing,
};

/* To this stream, and to any other. */
static void act(struct side *side, struct keel_stream *stream)
{
	unsigned int nr = sizeof(deeds) / sizeof(deeds[0]);

	deeds[draw(side, nr)](side, stream);
	if (side->nr_live)
		deeds[draw(side, nr)](side,
				      side->live[draw(side, side->nr_live)]);
}

static int begin(struct keel_stream *stream)
{
	struct side *side = keel_stream_arg(stream);

	if (side->nr_live == sizeof(side->live) / sizeof(side->live[0]))
		abort();
	side->live[side->nr_live++] = stream;
	side->nr_begun++;
	/* Whatever else happens, it ends. */
	keel_stream_set_deadline(stream, 1000);
	return 0;
}

static void on_open(struct keel_stream *stream, const struct keel_hs_info *info)
{
	(void)info;
	act(keel_stream_arg(stream), stream);
}

static void on_data(struct keel_stream *stream, void *data, size_t len)
{
	memset(data, 0, len);
	act(keel_stream_arg(stream), stream);
}

static void on_sent(struct keel_stream *stream)
{
	act(keel_stream_arg(stream), stream);
}

static void on_eof(struct keel_stream *stream)
{
	act(keel_stream_arg(stream), stream);
	keel_stream_close(stream);
}

static void forget(struct side *side, const struct keel_stream *stream)
{
	unsigned int i = 0;

	while (side->live[i] != stream)
		if (++i == side->nr_live)
			abort();
	side->live[i] = side->live[--side->nr_live];
	side->nr_ended++;
}

/* Where all is slow so many would share each second that few opened in it. */
static unsigned int nr_at_once(void)
{
	return slower() > 1 ? NR_AT_ONCE / 4 : NR_AT_ONCE;
}

/* The client goes on until it has had enough. */
static void connect_more(struct side *side)
{
	struct keel_stream *stream;

	while (side->nr_live < nr_at_once() && side->nr_begun < NR_IN_ALL) {
		if (keel_stream_connect(side->loop, side->connect, &stream))
			abort();
		begin(stream);
		act(side, stream);
	}
	if (!side->nr_live)
		keel_loop_stop(side->loop, 5000);
}

static void on_close(struct keel_stream *stream, const struct keel_err *err)
{
	struct side *side = keel_stream_arg(stream);

	(void)err;
	act(side, stream);
	forget(side, stream);
	if (side->loop)
		connect_more(side);
}

static const struct keel_stream_ops ops = {
	.on_accept = begin,
	.on_open = on_open,
	.on_data = on_data,
	.on_sent = on_sent,
	.on_eof = on_eof,
	.on_close = on_close,
};

static void run_client(struct side *side, const struct server *server)
{
	struct keel_connect_opts opts = {
		.sz = sizeof(opts),
		.addr = (const struct sockaddr *)&server->addr,
		.addr_len = sizeof(struct sockaddr_in),
		.ctx = world_ctx(server->opts.row, KEEL_CLIENT),
		.ops = &ops,
		.arg = side,
		.data_len = 100,
		.timeouts = {2000, 300, 200},
	};
	struct keel_loop_opts loop_opts = {
		.sz = sizeof(loop_opts), .recv_buffers = 16, .hot_streams = 8};

	side->connect = &opts;
	ATF_REQUIRE_EQ(0, keel_loop_new(&loop_opts, &side->loop));
	connect_more(side);
	CHECK_INT("run", 0, keel_loop_run(side->loop));
	keel_loop_free(side->loop);
}

CASE(chaos__anything, "whatever both sides do, each stream ends once")
{
	file_fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);
	ATF_REQUIRE(file_fd >= 0);
	ATF_REQUIRE_EQ(0, ftruncate(file_fd, FILE_LEN));
	WORLD_EACH(row)
	{
		static struct side sides[2];
		struct server server;
		struct server_opts opts = {
			.row = row,
			.ops = &ops,
			.arg = &sides[0],
			.data_len = 10,
			.timeouts = {2000, 300, 200},
			.loop = {.recv_buffers = 16, .hot_streams = 8}};

		memset(sides, 0, sizeof(sides));
		sides[0].random = 1;
		sides[1].random = 2;
		server_start(&server, &opts);
		run_client(&sides[1], &server);
		server_stop(&server, 2000);
		CHECK_INT(row->name, NR_IN_ALL, sides[1].nr_begun);
		CHECK_INT(row->name, NR_IN_ALL, sides[1].nr_ended);
		CHECK_INT(row->name, sides[0].nr_begun, sides[0].nr_ended);
		CHECK_INT(row->name, 0, server.stats.nr_streams);
		ATF_CHECK_MSG(server.stats.opened >
				      NR_IN_ALL / 4 / (unsigned int)slower(),
			      "%s: only %llu opened", row->name,
			      (unsigned long long)server.stats.opened);
	}
	close(file_fd);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, chaos__anything);
	return atf_no_error();
}
