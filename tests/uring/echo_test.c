/* SPDX-License-Identifier: MIT */
/* Bytes through the loop and back: sizes, many streams, odd ways to send. */
#include "tests/uring/flood.h"

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

#define NR_STREAMS 200

CASE(echo__many_streams, "200 streams at once get their own bytes")
{
	WORLD_EACH(row)
	{
		struct flood flood = {
			.row = row, .nr_streams = NR_STREAMS, .len = 50000};
		struct server server;

		start_echo(&server, row);
		flood_run(&flood, &server);
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
