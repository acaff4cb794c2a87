/* SPDX-License-Identifier: MIT */
/* Ends of streams: in order, by force, from every callback, by the peer. */
#include "tests/uring/world.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Where the application acts, and what it does there. */
enum place {
	AT_ACCEPT = 1,
	AT_OPEN,
	AT_DATA,
	AT_SENT,
	AT_EOF,
	AT_DRAIN,
	AT_CLOSE,
};

enum action { DO_CLOSE, DO_ABORT, DO_BOTH };

struct plan {
	const char *name;
	enum place place;
	enum action action;
	int err; /* in on_close */
};

static const struct plan plans[] = {
	{"close in on_accept", AT_ACCEPT, DO_CLOSE, 0},
	{"abort in on_accept", AT_ACCEPT, DO_ABORT, -EPERM},
	{"close in on_open", AT_OPEN, DO_CLOSE, 0},
	{"abort in on_open", AT_OPEN, DO_ABORT, -EPERM},
	{"close in on_data", AT_DATA, DO_CLOSE, 0},
	{"abort in on_data", AT_DATA, DO_ABORT, -EPERM},
	{"both in on_data", AT_DATA, DO_BOTH, -EPERM},
	{"close in on_sent", AT_SENT, DO_CLOSE, 0},
	{"abort in on_sent", AT_SENT, DO_ABORT, -EPERM},
	{"close in on_eof", AT_EOF, DO_CLOSE, 0},
	{"abort in on_eof", AT_EOF, DO_ABORT, -EPERM},
	{"close in on_drain", AT_DRAIN, DO_CLOSE, 0},
	{"abort in on_drain", AT_DRAIN, DO_ABORT, -EPERM},
	{"both in on_close", AT_CLOSE, DO_BOTH, 0},
};

static const char site[] = "the test";

struct seen {
	const struct plan *plan;
	atomic_uint nr_close;
	atomic_uint nr_told; /* the members below are set */
	atomic_uint nr_late; /* callbacks after on_close */
	int err;	     /* of the first on_close */
	uint8_t origin;
	const char *site;
};

static struct seen seen;

static void act(struct keel_stream *stream, enum place place)
{
	if (atomic_load(&seen.nr_close))
		atomic_fetch_add(&seen.nr_late, 1);
	if (seen.plan->place != place)
		return;
	if (seen.plan->action != DO_ABORT)
		keel_stream_close(stream);
	if (seen.plan->action != DO_CLOSE)
		keel_stream_abort(stream, -EPERM, site);
	/* Nothing can be sent any more, whichever it was. */
	if (keel_stream_send(stream, "x", 1) != -ESTALE ||
	    keel_stream_send_file(stream, 0, 0, 1) != -ESTALE)
		abort();
}

static int on_accept(struct keel_stream *stream)
{
	act(stream, AT_ACCEPT);
	return 0;
}

static void on_open(struct keel_stream *stream, const struct keel_hs_info *info)
{
	(void)info;
	act(stream, AT_OPEN);
}

static void on_data(struct keel_stream *stream, void *data, size_t len)
{
	/* An answer that is on its way when the stream ends. */
	if (keel_stream_send(stream, data, len) < 0)
		abort();
	act(stream, AT_DATA);
}

static void on_sent(struct keel_stream *stream)
{
	act(stream, AT_SENT);
}

static void on_eof(struct keel_stream *stream)
{
	act(stream, AT_EOF);
	keel_stream_close(stream);
}

static void on_drain(struct keel_stream *stream)
{
	act(stream, AT_DRAIN);
	keel_stream_close(stream);
}

static void on_close(struct keel_stream *stream, const struct keel_err *err)
{
	act(stream, AT_CLOSE);
	if (atomic_fetch_add(&seen.nr_close, 1))
		return;
	seen.err = err->err;
	seen.origin = err->origin;
	seen.site = err->site;
	atomic_fetch_add(&seen.nr_told, 1);
}

static const struct keel_stream_ops ops = {
	.on_accept = on_accept,
	.on_open = on_open,
	.on_data = on_data,
	.on_sent = on_sent,
	.on_eof = on_eof,
	.on_drain = on_drain,
	.on_close = on_close,
};

/* A client that does whatever makes the server come by all its callbacks. */
static void visit(struct server *server, const struct plan *plan)
{
	struct client client = {0};
	char c[100];

	if (!client_try(&client, server) && client.is_open) {
		memset(c, 'c', sizeof(c));
		client_send(&client, c, sizeof(c));
		client_recv(&client, c, sizeof(c));
	}
	if (plan->place == AT_DRAIN)
		keel_loop_stop(server->loop, 2000);
	else if (plan->place != AT_SENT && client.is_open &&
		 keel_conn_close(client.conn))
		abort();
	client_wait_end(&client);
	client_drop(&client);
}

CASE(end__in_callbacks, "a stream may be closed and aborted in any callback")
{
	WORLD_EACH(row)
	{
		size_t i;

		for (i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
			struct server_opts opts = {.row = row, .ops = &ops};
			struct server server;
			const char *name = plans[i].name;

			seen = (struct seen){.plan = &plans[i]};
			server_start(&server, &opts);
			visit(&server, &plans[i]);
			wait_for(name, &seen.nr_told, 1);
			if (plans[i].place == AT_DRAIN)
				server_join(&server);
			else
				server_stop(&server, 1000);
			CHECK_INT(name, plans[i].err, seen.err);
			CHECK_INT(name, 1, atomic_load(&seen.nr_close));
			CHECK_INT(name, 0, atomic_load(&seen.nr_late));
			CHECK_INT(name, 0, server.stats.nr_streams);
			if (plans[i].err)
				ATF_CHECK_STREQ(site, seen.site);
		}
	}
}

static atomic_uint nr_refused;

static int refuse(struct keel_stream *stream)
{
	keel_stream_close(stream);
	keel_stream_set_deadline(stream, 1000);
	atomic_fetch_add(&nr_refused, 1);
	return -EPERM;
}

static void must_not_close(struct keel_stream *stream,
			   const struct keel_err *err)
{
	(void)stream;
	(void)err;
	abort();
}

CASE(end__refused, "on_accept may refuse a connection, which has no on_close")
{
	static const struct keel_stream_ops refuse_ops = {
		.on_accept = refuse,
		.on_data = on_data,
		.on_close = must_not_close,
	};
	struct server_opts opts = {.row = &world_rows[0], .ops = &refuse_ops};
	struct server server;
	int fd;

	server_start(&server, &opts);
	fd = tcp_open(&server, 0);
	CHECK_INT("ended", 1, tcp_ended(fd, 5000));
	close(fd);
	CHECK_INT("refused", 1, atomic_load(&nr_refused));
	server_stop(&server, 1000);
	CHECK_INT("streams", 0, server.stats.nr_streams);
	CHECK_INT("accepted", 1, server.stats.accepted);
}

/* The loop's thread aborts a stream while another one's callback runs. */
static _Atomic(struct keel_stream *) first;

static void abort_first(struct keel_stream *stream, void *data, size_t len)
{
	(void)data;
	(void)len;
	if (!atomic_load(&first)) {
		atomic_store(&first, stream);
		return;
	}
	keel_stream_abort(atomic_load(&first), -EPERM, site);
	keel_stream_abort(atomic_load(&first), -EIO, "too late");
}

CASE(end__another_stream, "a callback may abort another stream")
{
	static const struct keel_stream_ops abort_ops = {
		.on_data = abort_first,
		.on_close = on_close,
	};
	static const struct plan none = {.place = 0};
	struct server_opts opts = {.row = &world_rows[0], .ops = &abort_ops};
	struct client a = {0}, b = {0};
	struct server server;

	seen = (struct seen){.plan = &none};
	server_start(&server, &opts);
	client_open(&a, &server);
	client_open(&b, &server);
	client_send(&a, "1", 1);
	while (!atomic_load(&first))
		usleep(1000);
	client_send(&b, "2", 1);
	CHECK_INT("a ends", -ECONNABORTED, client_wait_end(&a));
	wait_for("closed", &seen.nr_told, 1);
	CHECK_INT("error", -EPERM, seen.err);
	CHECK_INT("origin", KEEL_ERR_USAGE, seen.origin);
	client_drop(&a);
	CHECK_INT("b ends", 0, client_finish(&b));
	server_stop(&server, 1000);
}

/* How a peer may go, and when. */
enum moment {
	BEFORE_HELLO,
	IN_HELLO,
	WHEN_OPEN,
	WHILE_SENDING,
};

static const struct {
	const char *name;
	enum moment moment;
	bool is_reset; /* else an end of TCP without one of TLS */
	int err;
} goodbyes[] = {
	{"reset before hello", BEFORE_HELLO, true, -ECONNRESET},
	{"reset in hello", IN_HELLO, true, -ECONNRESET},
	{"reset when open", WHEN_OPEN, true, -ECONNRESET},
	{"reset while sending", WHILE_SENDING, true, -ECONNRESET},
	{"end before hello", BEFORE_HELLO, false, -ECONNABORTED},
	{"end in hello", IN_HELLO, false, -ECONNABORTED},
	{"end when open", WHEN_OPEN, false, -ECONNABORTED},
	{"end while sending", WHILE_SENDING, false, -ECONNABORTED},
};

static void pour(struct keel_stream *stream)
{
	static const uint8_t zeroes[262144];

	while (keel_stream_send(stream, zeroes, sizeof(zeroes)) > 0)
		;
}

static void pour_data(struct keel_stream *stream, void *data, size_t len)
{
	(void)data;
	(void)len;
	pour(stream);
}

static void say_goodbye(struct server *server, enum moment moment,
			bool is_reset)
{
	static const uint8_t hello[] = {22, 3, 1, 0, 200, 1, 0};
	struct client client = {.rcvbuf = 32768};

	if (moment >= WHEN_OPEN)
		client_open(&client, server);
	else
		client.fd = tcp_open(server, 0);
	if (moment == IN_HELLO)
		ATF_REQUIRE_EQ(sizeof(hello),
			       send(client.fd, hello, sizeof(hello), 0));
	if (moment == WHILE_SENDING)
		client_send(&client, "x", 1);
	usleep(50000);
	keel_conn_free(client.conn);
	if (is_reset) {
		tcp_reset(client.fd);
		return;
	}
	/* Closing with unread bytes would be a reset. */
	shutdown(client.fd, SHUT_WR);
	tcp_ended(client.fd, 5000);
	close(client.fd);
}

CASE(end__peer_goes, "a peer that just goes ends its stream with an error")
{
	static const struct keel_stream_ops pour_ops = {
		.on_data = pour_data,
		.on_sent = pour,
		.on_close = on_close,
	};
	static const struct plan none = {.place = 0};

	WORLD_EACH(row)
	{
		struct server_opts opts = {.row = row, .ops = &pour_ops};
		struct server server;
		size_t i;

		for (i = 0; i < sizeof(goodbyes) / sizeof(goodbyes[0]); i++) {
			const char *name = goodbyes[i].name;

			seen = (struct seen){.plan = &none};
			server_start(&server, &opts);
			say_goodbye(&server, goodbyes[i].moment,
				    goodbyes[i].is_reset);
			wait_for(name, &seen.nr_told, 1);
			server_stop(&server, 1000);
			CHECK_INT(name, goodbyes[i].err, seen.err);
			CHECK_INT(name, 1, server.stats.failed);
			CHECK_INT(name, 0, server.stats.nr_streams);
		}
	}
}

#define BIG_LEN (5 * 1024 * 1024)

static void send_big(struct keel_stream *stream)
{
	uint64_t *off = keel_stream_data(stream);
	static uint8_t buf[100000];
	ssize_t n;

	while (*off < BIG_LEN) {
		size_t len = BIG_LEN - *off < sizeof(buf) ? BIG_LEN - *off
							  : sizeof(buf);

		pattern_fill(1, *off, buf, len);
		n = keel_stream_send(stream, buf, len);
		if (n < 0)
			abort();
		*off += (uint64_t)n;
		if (!n)
			return;
	}
	/* All of it is given, little of it is sent. */
	keel_stream_close(stream);
}

static void open_big(struct keel_stream *stream,
		     const struct keel_hs_info *info)
{
	(void)info;
	send_big(stream);
}

CASE(end__data_first, "closing sends what was given, then says so")
{
	static const struct keel_stream_ops big_ops = {
		.on_open = open_big,
		.on_data = on_data,
		.on_sent = send_big,
		.on_close = on_close,
	};
	static const struct plan none = {.place = 0};

	WORLD_EACH(row)
	{
		struct server_opts opts = {.row = row,
					   .ops = &big_ops,
					   .data_len = sizeof(uint64_t)};
		static uint8_t buf[BIG_LEN];
		struct client client = {0};
		struct server server;

		seen = (struct seen){.plan = &none};
		server_start(&server, &opts);
		client_open(&client, &server);
		CHECK_INT(row->name, BIG_LEN,
			  client_recv(&client, buf, BIG_LEN));
		CHECK_INT(row->name, BIG_LEN,
			  pattern_check(1, 0, buf, BIG_LEN));
		CHECK_INT(row->name, 0, client_recv(&client, buf, 1));
		CHECK_INT(row->name, true, client.is_eof);
		CHECK_INT(row->name, 0, client_finish(&client));
		wait_for("closed", &seen.nr_told, 1);
		CHECK_INT(row->name, 0, seen.err);
		server_stop(&server, 1000);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, end__in_callbacks);
	ATF_TP_ADD_TC(tp, end__refused);
	ATF_TP_ADD_TC(tp, end__another_stream);
	ATF_TP_ADD_TC(tp, end__peer_goes);
	ATF_TP_ADD_TC(tp, end__data_first);
	return atf_no_error();
}
