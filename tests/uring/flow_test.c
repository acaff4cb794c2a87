/* SPDX-License-Identifier: MIT */
/* Peers that do not read and applications that do not want to. */
#include "tests/uring/world.h"

#include <stdlib.h>
#include <unistd.h>

#include "uring/uring-private.h"

/* A server that sends this much to everybody, as fast as it may. */
#define FOUNTAIN_LEN (8 * 1024 * 1024)
/* Of those who do not read; the rest stays at the server. */
#define SMALL_RCVBUF 32768
#define NR_SLOW 12

struct fountain {
	uint64_t off;
};

static atomic_uint nr_sending;

static void fountain_go(struct keel_stream *stream)
{
	struct fountain *f = keel_stream_data(stream);
	static uint8_t buf[300000];
	ssize_t n;

	while (f->off < FOUNTAIN_LEN) {
		size_t len = FOUNTAIN_LEN - f->off;

		len = len < sizeof(buf) ? len : sizeof(buf);
		pattern_fill(0, f->off, buf, len);
		n = keel_stream_send(stream, buf, len);
		if (n <= 0)
			return;
		f->off += (uint64_t)n;
	}
	keel_stream_close(stream);
}

static void fountain_open(struct keel_stream *stream,
			  const struct keel_hs_info *info)
{
	(void)info;
	atomic_fetch_add(&nr_sending, 1);
	fountain_go(stream);
}

static void ignore_data(struct keel_stream *stream, void *data, size_t len)
{
	(void)stream;
	(void)data;
	(void)len;
}

static const struct keel_stream_ops fountain_ops = {
	.on_open = fountain_open,
	.on_data = ignore_data,
	.on_sent = fountain_go,
};

static void start_fountain(struct server *server, const struct world_row *row)
{
	struct server_opts opts = {.row = row,
				   .ops = &fountain_ops,
				   .data_len = sizeof(struct fountain)};

	atomic_store(&nr_sending, 0);
	server_start(server, &opts);
}

static size_t drink(struct client *client, const char *row, uint64_t *off,
		    size_t len)
{
	static uint8_t buf[65536];
	size_t want = len < sizeof(buf) ? len : sizeof(buf);
	size_t n = client_recv(client, buf, want);

	REQUIRE_INT(row, n, pattern_check(0, *off, buf, n));
	*off += n;
	return n;
}

static void get_tx_used(struct server *server, void *arg)
{
	*(size_t *)arg = server->loop->txpool.used;
}

/* Send memory in use, once all are stuck. */
static size_t settled_use(struct server *server)
{
	size_t used = 1, before;
	unsigned int i;

	for (i = 0; i < 100; i++) {
		before = used;
		usleep(20000);
		server_call(server, get_tx_used, &used);
		if (i > 10 && used == before)
			break;
	}
	return used;
}

CASE(flow__slow_readers, "peers that do not read cost a record each, and get "
			 "all of it when they do")
{
	WORLD_EACH(row)
	{
		struct server server;
		static struct client clients[NR_SLOW];
		uint64_t off[NR_SLOW] = {0};
		size_t used;
		unsigned int i;

		memset(clients, 0, sizeof(clients));
		start_fountain(&server, row);
		for (i = 0; i < NR_SLOW; i++) {
			clients[i].rcvbuf = SMALL_RCVBUF;
			client_open(&clients[i], &server);
		}
		used = settled_use(&server);
		ATF_CHECK_MSG(used <= NR_SLOW * keel__txbuf_need(1),
			      "%s: %zu bytes for %d streams", row->name, used,
			      NR_SLOW);
		for (i = 0; i < 2; i++) {
			while (off[i] < FOUNTAIN_LEN &&
			       drink(&clients[i], row->name, &off[i],
				     FOUNTAIN_LEN - off[i]))
				;
			CHECK_INT(row->name, FOUNTAIN_LEN, off[i]);
			CHECK_INT(row->name, 0, client_finish(&clients[i]));
		}
		for (; i < NR_SLOW; i++)
			client_drop(&clients[i]);
		server_stop(&server, 0);
	}
}

CASE(flow__others_go_on, "a peer that does not read holds up nobody else")
{
	WORLD_EACH(row)
	{
		struct server server;
		struct client slow = {.rcvbuf = SMALL_RCVBUF};
		struct client quick = {.rcvbuf = 0};
		uint64_t off = 0;

		start_fountain(&server, row);
		client_open(&slow, &server);
		settled_use(&server);
		client_open(&quick, &server);
		while (off < FOUNTAIN_LEN &&
		       drink(&quick, row->name, &off, FOUNTAIN_LEN - off))
			;
		CHECK_INT(row->name, FOUNTAIN_LEN, off);
		CHECK_INT(row->name, 0, client_finish(&quick));
		off = 0;
		while (off < FOUNTAIN_LEN &&
		       drink(&slow, row->name, &off, FOUNTAIN_LEN - off))
			;
		CHECK_INT(row->name, FOUNTAIN_LEN, off);
		CHECK_INT(row->name, 0, client_finish(&slow));
		server_stop(&server, 1000);
		CHECK_INT(row->name, 0, server.stats.failed);
	}
}

/* Enough for one buffer. */
static void limit_memory(struct server *server, void *arg)
{
	(void)arg;
	server->loop->txpool.limit = keel__txbuf_need(1);
}

CASE(flow__send_starved, "streams that find no memory to send go on in turn")
{
	WORLD_EACH(row)
	{
		struct server server;
		struct server_opts opts = {.row = row,
					   .ops = &echo_ops,
					   .data_len = sizeof(struct echo)};
		struct client clients[8] = {{.fd = 0}};
		uint8_t buf[10000];
		unsigned int i, round;

		server_start(&server, &opts);
		for (i = 0; i < 8; i++)
			client_open(&clients[i], &server);
		server_call(&server, limit_memory, NULL);
		for (round = 0; round < 5; round++) {
			for (i = 0; i < 8; i++) {
				pattern_fill(i, round, buf, sizeof(buf));
				client_send(&clients[i], buf, sizeof(buf));
			}
			for (i = 0; i < 8; i++) {
				REQUIRE_INT(row->name, sizeof(buf),
					    client_recv(&clients[i], buf,
							sizeof(buf)));
				REQUIRE_INT(row->name, sizeof(buf),
					    pattern_check(i, round, buf,
							  sizeof(buf)));
			}
		}
		for (i = 0; i < 8; i++)
			CHECK_INT(row->name, 0, client_finish(&clients[i]));
		server_stop(&server, 1000);
		CHECK_INT(row->name, 0, server.stats.failed);
		ATF_CHECK_MSG(server.stats.send_starved > 0,
			      "%s: there was memory for all", row->name);
	}
}

/* Its send buffer is full of an open record; then it wants new keys. */
#define FILLING_LEN 4020

static void fill_and_update(struct keel_stream *stream, void *data, size_t len)
{
	struct keel__txpool *pool = &keel_stream_loop(stream)->txpool;
	uint8_t buf[FILLING_LEN];

	(void)data;
	(void)len;
	pattern_fill(8, 0, buf, sizeof(buf));
	if (keel_stream_send(stream, buf, sizeof(buf)) != FILLING_LEN ||
	    keel_conn_key_update(keel_stream_conn(stream), false))
		abort();
	pool->limit = pool->used;
}

static void allow_memory(struct server *server, void *arg)
{
	(void)arg;
	server->loop->txpool.limit = SIZE_MAX;
}

CASE(flow__own_bytes_starved, "a stream goes on that found no memory for its "
			      "connection's own bytes")
{
	static const struct keel_stream_ops ops = {.on_data = fill_and_update};

	WORLD_EACH(row)
	{
		struct server_opts opts = {.row = row, .ops = &ops};
		struct client client = {0};
		struct server server;
		uint8_t buf[FILLING_LEN];

		if (row->version != KEEL_TLS1_3)
			continue;
		server_start(&server, &opts);
		client_open(&client, &server);
		client_send(&client, "x", 1);
		usleep(100000);
		server_call(&server, allow_memory, NULL);
		REQUIRE_INT(row->name, sizeof(buf),
			    client_recv(&client, buf, sizeof(buf)));
		CHECK_INT(row->name, sizeof(buf),
			  pattern_check(8, 0, buf, sizeof(buf)));
		CHECK_INT(row->name, 0, client_finish(&client));
		server_stop(&server, 1000);
		ATF_CHECK_MSG(server.stats.send_starved > 0,
			      "%s: there was memory", row->name);
	}
}

/* An application that pauses with the first byte. */
#define PAUSE_LEN (3 * 1024 * 1024)

static _Atomic(struct keel_stream *) paused_stream;
static atomic_size_t nr_received;
static atomic_uint nr_wrong;

static void pause_data(struct keel_stream *stream, void *data, size_t len)
{
	size_t off = atomic_load(&nr_received);

	if (pattern_check(3, off, data, len) != len)
		atomic_fetch_add(&nr_wrong, 1);
	if (!off) {
		keel_stream_pause(stream);
		atomic_store(&paused_stream, stream);
	}
	atomic_fetch_add(&nr_received, len);
}

static const struct keel_stream_ops pause_ops = {.on_data = pause_data};

struct pause_look {
	size_t received;
	ssize_t kept;
};

static void look_at_pause(struct server *server, void *arg)
{
	struct keel_stream *stream = atomic_load(&paused_stream);
	struct pause_look *look = arg;

	(void)server;
	look->received = atomic_load(&nr_received);
	look->kept = keel_conn_keep_input(keel_stream_conn(stream));
}

static void resume(struct server *server, void *arg)
{
	(void)server;
	(void)arg;
	keel_stream_resume(atomic_load(&paused_stream));
}

/* While the client's thread is stuck in sending. */
static void *pause_watch(void *arg)
{
	struct server *server = arg;
	static struct pause_look look;

	while (!atomic_load(&paused_stream))
		usleep(1000);
	usleep(300000);
	server_call(server, look_at_pause, &look);
	server_call(server, resume, NULL);
	return &look;
}

CASE(flow__pause, "a paused stream keeps 64 KiB, then the peer waits; nothing "
		  "is lost")
{
	WORLD_EACH(row)
	{
		struct server server;
		struct server_opts opts = {.row = row, .ops = &pause_ops};
		static uint8_t buf[PAUSE_LEN];
		struct client client = {0};
		struct pause_look *look;
		pthread_t thread;
		void *result;
		size_t first;

		opts.loop.recv_buffers = 8;
		opts.loop.recv_buffer_len = 4096;
		atomic_store(&paused_stream, NULL);
		atomic_store(&nr_received, 0);
		atomic_store(&nr_wrong, 0);
		server_start(&server, &opts);
		client_open(&client, &server);
		/* The watcher takes what a socket holds for what is sent. */
		first = 4096;
		setsockopt(client.fd, SOL_SOCKET, SO_SNDBUF, &first,
			   sizeof(int));
		pattern_fill(3, 0, buf, PAUSE_LEN);
		ATF_REQUIRE_EQ(
			0, pthread_create(&thread, NULL, pause_watch, &server));
		client_send(&client, buf, PAUSE_LEN);
		pthread_join(thread, &result);
		look = result;
		CHECK_INT(row->name, 0, client_finish(&client));
		server_stop(&server, 1000);
		CHECK_INT(row->name, PAUSE_LEN, atomic_load(&nr_received));
		CHECK_INT(row->name, 0, atomic_load(&nr_wrong));
		ATF_CHECK_MSG(look->received < 16385, "%s: %zu came", row->name,
			      look->received);
		ATF_CHECK_MSG(look->kept > 64 * 1024 &&
				      look->kept <= 64 * 1024 + 8 * 4096,
			      "%s: %zd kept", row->name, look->kept);
	}
}

/* Paused before there is anything to read. */
static int pause_accept(struct keel_stream *stream)
{
	keel_stream_pause(stream);
	atomic_store(&paused_stream, stream);
	return 0;
}

static void count_data(struct keel_stream *stream, void *data, size_t len)
{
	(void)stream;
	(void)data;
	atomic_fetch_add(&nr_received, len);
}

static atomic_uint nr_eof;

static void count_eof(struct keel_stream *stream)
{
	atomic_fetch_add(&nr_eof, 1);
	keel_stream_close(stream);
}

CASE(flow__pause_first, "a pause holds up data and its end, not the handshake")
{
	static const struct keel_stream_ops ops = {
		.on_accept = pause_accept,
		.on_data = count_data,
		.on_eof = count_eof,
	};

	WORLD_EACH(row)
	{
		struct server_opts opts = {.row = row, .ops = &ops};
		struct client client = {0};
		struct server server;

		atomic_store(&nr_received, 0);
		atomic_store(&nr_eof, 0);
		server_start(&server, &opts);
		client_open(&client, &server);
		client_send(&client, "0123456789", 10);
		ATF_REQUIRE_EQ(0, keel_conn_close(client.conn));
		client_send(&client, NULL, 0);
		usleep(100000);
		CHECK_INT(row->name, 0, atomic_load(&nr_received));
		CHECK_INT(row->name, 0, atomic_load(&nr_eof));
		server_call(&server, resume, NULL);
		CHECK_INT(row->name, 0, client_wait_end(&client));
		CHECK_INT(row->name, 10, atomic_load(&nr_received));
		CHECK_INT(row->name, 1, atomic_load(&nr_eof));
		client_drop(&client);
		server_stop(&server, 1000);
		CHECK_INT(row->name, 0, server.stats.failed);
	}
}

CASE(flow__few_recv_buffers, "streams that find no receive buffer get one "
			     "later")
{
	static const unsigned int nrs[] = {1, 2, 16};
	unsigned int k;

	for (k = 0; k < 3; k++) {
		const struct world_row *row = &world_rows[1];
		struct server server;
		struct server_opts opts = {.row = row,
					   .ops = &echo_ops,
					   .data_len = sizeof(struct echo)};
		struct client clients[10] = {{.fd = 0}};
		uint8_t buf[20000];
		unsigned int i;

		opts.loop.recv_buffers = nrs[k];
		opts.loop.recv_buffer_len = 128;
		server_start(&server, &opts);
		for (i = 0; i < 10; i++)
			client_open(&clients[i], &server);
		for (i = 0; i < 10; i++) {
			pattern_fill(i, 0, buf, sizeof(buf));
			client_send(&clients[i], buf, sizeof(buf));
		}
		for (i = 0; i < 10; i++) {
			REQUIRE_INT(row->name, sizeof(buf),
				    client_recv(&clients[i], buf, sizeof(buf)));
			REQUIRE_INT(row->name, sizeof(buf),
				    pattern_check(i, 0, buf, sizeof(buf)));
			CHECK_INT(row->name, 0, client_finish(&clients[i]));
		}
		server_stop(&server, 1000);
		CHECK_INT(row->name, 0, server.stats.failed);
		ATF_CHECK_MSG(server.stats.recv_starved > 0,
			      "%u buffers were enough", nrs[k]);
	}
}

static void get_hot(struct server *server, void *arg)
{
	*(unsigned int *)arg = server->loop->nr_hot;
}

CASE(flow__hot_streams, "few keep their expanded keys; the others make them "
			"again")
{
	WORLD_EACH(row)
	{
		struct server server;
		struct server_opts opts = {.row = row,
					   .ops = &echo_ops,
					   .data_len = sizeof(struct echo)};
		struct client clients[10] = {{.fd = 0}};
		unsigned int i, round, nr_hot;
		char c;

		opts.loop.hot_streams = 3;
		server_start(&server, &opts);
		for (i = 0; i < 10; i++)
			client_open(&clients[i], &server);
		for (round = 0; round < 3; round++)
			for (i = 0; i < 10; i++) {
				client_send(&clients[i], "x", 1);
				REQUIRE_INT(row->name, 1,
					    client_recv(&clients[i], &c, 1));
			}
		server_call(&server, get_hot, &nr_hot);
		CHECK_INT(row->name, 3, nr_hot);
		/* And those that rest lose theirs with the second tick. */
		usleep(2300000);
		server_call(&server, get_hot, &nr_hot);
		CHECK_INT(row->name, 0, nr_hot);
		for (i = 0; i < 10; i++)
			CHECK_INT(row->name, 0, client_finish(&clients[i]));
		server_stop(&server, 1000);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, flow__slow_readers);
	ATF_TP_ADD_TC(tp, flow__others_go_on);
	ATF_TP_ADD_TC(tp, flow__send_starved);
	ATF_TP_ADD_TC(tp, flow__own_bytes_starved);
	ATF_TP_ADD_TC(tp, flow__pause);
	ATF_TP_ADD_TC(tp, flow__pause_first);
	ATF_TP_ADD_TC(tp, flow__few_recv_buffers);
	ATF_TP_ADD_TC(tp, flow__hot_streams);
	return atf_no_error();
}
