/* SPDX-License-Identifier: MIT */
/* Bytes through the loop and back: sizes, many streams, odd ways to send. */
#include "tests/uring/world.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static void start_echo(struct server *server, const struct world_row *row)
{
	struct server_opts opts = {
		.row = row, .ops = &echo_ops, .data_len = sizeof(struct echo)};

	echo_counts = (struct echo_counts){.nr_open = 0};
	server_start(server, &opts);
}

/* Send @len bytes in pieces that leave neither side waiting for the other. */
static void round_trip(struct client *client, const char *row,
		       unsigned int seed, size_t len)
{
	static uint8_t buf[64 * 1024];
	size_t off, n;

	for (off = 0; off < len; off += n) {
		n = len - off < sizeof(buf) ? len - off : sizeof(buf);
		pattern_fill(seed, off, buf, n);
		client_send(client, buf, n);
		memset(buf, 0, n);
		REQUIRE_INT(row, n, client_recv(client, buf, n));
		REQUIRE_INT(row, n, pattern_check(seed, off, buf, n));
	}
}

static const size_t sizes[] = {
	1, 2, 100, 1000, 16383, 16384, 16385, 65536, 100001, 1000000, 5000000,
};

CASE(echo__sizes, "what is sent comes back the same, from 1 byte to 5 MB")
{
	WORLD_EACH(row)
	{
		struct server server;
		struct client client = {0};
		size_t i;

		start_echo(&server, row);
		client_open(&client, &server);
		for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
			round_trip(&client, row->name, (unsigned int)i,
				   sizes[i]);
		CHECK_INT(row->name, 0, client_finish(&client));
		wait_for("closed", &echo_counts.nr_close, 1);
		server_stop(&server, 1000);
		CHECK_INT(row->name, 0, atomic_load(&echo_counts.last_err));
		CHECK_INT(row->name, 1, server.stats.opened);
		CHECK_INT(row->name, 0, server.stats.failed);
		CHECK_INT(row->name, server.stats.rx_bytes,
			  server.stats.tx_bytes);
	}
}

CASE(echo__tiny_writes, "a thousand small messages in a row keep their order")
{
	WORLD_EACH(row)
	{
		struct server server;
		struct client client = {0};
		uint8_t out[7], in[7];
		unsigned int i;

		start_echo(&server, row);
		client_open(&client, &server);
		for (i = 0; i < 1000; i++) {
			pattern_fill(i, 0, out, 1 + i % 7);
			client_send(&client, out, 1 + i % 7);
		}
		for (i = 0; i < 1000; i++) {
			pattern_fill(i, 0, out, 1 + i % 7);
			REQUIRE_INT(row->name, 1 + i % 7,
				    client_recv(&client, in, 1 + i % 7));
			CHECK_MEM(row->name, out, in, 1 + i % 7);
		}
		CHECK_INT(row->name, 0, client_finish(&client));
		server_stop(&server, 1000);
	}
}

CASE(echo__byte_by_byte, "a peer whose every byte is a packet is served")
{
	WORLD_EACH(row)
	{
		struct server server;
		struct client client = {.chunk = 1};

		start_echo(&server, row);
		client_open(&client, &server);
		round_trip(&client, row->name, 1, 3000);
		CHECK_INT(row->name, 0, client_finish(&client));
		server_stop(&server, 1000);
		CHECK_INT(row->name, 0, server.stats.failed);
	}
}

/* Clients on a loop of their own. */
#define NR_STREAMS 200
#define STREAM_LEN 50000

struct flood {
	const struct world_row *row;
	struct keel_loop *loop;
	unsigned int nr_done;
	unsigned int nr_bad;
};

struct flow {
	unsigned int seed;
	size_t sent;
	size_t got;
	int err;
};

static void flow_send(struct keel_stream *stream)
{
	struct flow *flow = keel_stream_data(stream);
	uint8_t buf[5000];
	ssize_t n;

	while (flow->sent < STREAM_LEN && flow->sent < flow->got + 30000) {
		size_t len = STREAM_LEN - flow->sent;

		len = len < sizeof(buf) ? len : sizeof(buf);
		pattern_fill(flow->seed, flow->sent, buf, len);
		n = keel_stream_send(stream, buf, len);
		if (n <= 0)
			break;
		flow->sent += (size_t)n;
	}
}

static void flow_open(struct keel_stream *stream,
		      const struct keel_hs_info *info)
{
	(void)info;
	flow_send(stream);
}

static void flow_data(struct keel_stream *stream, void *data, size_t len)
{
	struct flow *flow = keel_stream_data(stream);

	if (pattern_check(flow->seed, flow->got, data, len) != len)
		flow->err = 1;
	flow->got += len;
	if (flow->got == STREAM_LEN)
		keel_stream_close(stream);
	else
		flow_send(stream);
}

static void flow_close(struct keel_stream *stream, const struct keel_err *err)
{
	struct flood *flood = keel_stream_arg(stream);
	struct flow *flow = keel_stream_data(stream);

	if (err->err || flow->err || flow->got != STREAM_LEN)
		flood->nr_bad++;
	if (++flood->nr_done == NR_STREAMS)
		keel_loop_stop(flood->loop, 1000);
}

static const struct keel_stream_ops flow_ops = {
	.on_open = flow_open,
	.on_data = flow_data,
	.on_sent = flow_send,
	.on_close = flow_close,
};

static void flood_run(struct flood *flood, const struct server *server)
{
	struct keel_connect_opts opts = {
		.sz = sizeof(opts),
		.addr = (const struct sockaddr *)&server->addr,
		.addr_len = sizeof(struct sockaddr_in),
		.ctx = world_ctx(flood->row, KEEL_CLIENT),
		.ops = &flow_ops,
		.arg = flood,
		.data_len = sizeof(struct flow),
	};
	struct keel_stream *stream;
	struct flow *flow;
	unsigned int i;

	ATF_REQUIRE_EQ(0, keel_loop_new(NULL, &flood->loop));
	for (i = 0; i < NR_STREAMS; i++) {
		ATF_REQUIRE_EQ(
			0, keel_stream_connect(flood->loop, &opts, &stream));
		flow = keel_stream_data(stream);
		flow->seed = i;
	}
	CHECK_INT(flood->row->name, 0, keel_loop_run(flood->loop));
	keel_loop_free(flood->loop);
}

CASE(echo__many_streams, "200 streams at once get their own bytes")
{
	WORLD_EACH(row)
	{
		struct flood flood = {.row = row};
		struct server server;

		start_echo(&server, row);
		flood_run(&flood, &server);
		CHECK_INT(row->name, NR_STREAMS, flood.nr_done);
		CHECK_INT(row->name, 0, flood.nr_bad);
		server_stop(&server, 1000);
		CHECK_INT(row->name, NR_STREAMS, server.stats.opened);
		CHECK_INT(row->name, 0, server.stats.nr_streams);
		CHECK_INT(row->name, 0, server.stats.failed);
	}
}

CASE(echo__rubbish, "a peer that speaks no TLS is sent away, others go on")
{
	WORLD_EACH(row)
	{
		static const char text[] = "GET / HTTP/1.0\r\n\r\n";
		struct server server;
		struct client client = {0};
		unsigned int i;
		int fd;

		start_echo(&server, row);
		client_open(&client, &server);
		for (i = 0; i < 20; i++) {
			fd = tcp_open(&server, 0);
			ATF_REQUIRE_EQ(sizeof(text) - 1,
				       send(fd, text, sizeof(text) - 1, 0));
			CHECK_INT(row->name, 1, tcp_ended(fd, 5000));
			close(fd);
		}
		wait_for("closed", &echo_counts.nr_close, 20);
		CHECK_INT(row->name, -EPROTO,
			  atomic_load(&echo_counts.last_err));
		round_trip(&client, row->name, 1, 100);
		CHECK_INT(row->name, 0, client_finish(&client));
		server_stop(&server, 1000);
		CHECK_INT(row->name, 20, server.stats.failed);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, echo__sizes);
	ATF_TP_ADD_TC(tp, echo__tiny_writes);
	ATF_TP_ADD_TC(tp, echo__byte_by_byte);
	ATF_TP_ADD_TC(tp, echo__many_streams);
	ATF_TP_ADD_TC(tp, echo__rubbish);
	return atf_no_error();
}
