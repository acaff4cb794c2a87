/* SPDX-License-Identifier: MIT */
/* The loop itself: arguments, posts, stopping, changes under load. */
#include "tests/uring/world.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static void ignore_data(struct keel_stream *stream, void *data, size_t len)
{
	(void)stream;
	(void)data;
	(void)len;
}

static const struct keel_stream_ops quiet_ops = {.on_data = ignore_data};

static const struct {
	const char *name;
	struct keel_loop_opts opts;
	int err;
} loop_rows[] = {
	{"no size", {.sz = 0}, -EINVAL},
	{"defaults", {.sz = sizeof(struct keel_loop_opts)}, 0},
	{"older, shorter", {.sz = sizeof(size_t) + 4}, 0},
	{"buffers no power of two",
	 {.sz = sizeof(struct keel_loop_opts), .recv_buffers = 100},
	 -EINVAL},
	{"buffers too many",
	 {.sz = sizeof(struct keel_loop_opts), .recv_buffers = 65536},
	 -EINVAL},
	{"buffers too short",
	 {.sz = sizeof(struct keel_loop_opts), .recv_buffer_len = 63},
	 -EINVAL},
	{"sends too short",
	 {.sz = sizeof(struct keel_loop_opts), .max_send_len = 1000},
	 -EINVAL},
	{"sends too long",
	 {.sz = sizeof(struct keel_loop_opts), .max_send_len = 1U << 30},
	 -EINVAL},
};

CASE(loop__options, "sizes are checked, and a shorter struct is an older one")
{
	size_t i;

	for (i = 0; i < sizeof(loop_rows) / sizeof(loop_rows[0]); i++) {
		struct keel_loop *loop = NULL;

		CHECK_INT(loop_rows[i].name, loop_rows[i].err,
			  keel_loop_new(&loop_rows[i].opts, &loop));
		ATF_CHECK_EQ(NULL, keel_loop_free(loop));
	}
	CHECK_INT("NULL", -EINVAL, keel_loop_new(NULL, NULL));
}

CASE(loop__newer_options, "a longer struct is fine when its rest is zero")
{
	struct {
		struct keel_loop_opts opts;
		uint64_t newer;
	} opts = {.opts = {.sz = sizeof(opts)}};
	struct keel_loop *loop;

	CHECK_INT("zero", 0, keel_loop_new(&opts.opts, &loop));
	keel_loop_free(loop);
	opts.newer = 1;
	CHECK_INT("one", -EINVAL, keel_loop_new(&opts.opts, &loop));
}

/* A socket of 127.0.0.1, and its address. */
static int open_tcp(struct sockaddr_in *ret_addr)
{
	socklen_t len = sizeof(*ret_addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	*ret_addr = (struct sockaddr_in){.sin_family = AF_INET};
	ret_addr->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ATF_REQUIRE(fd >= 0);
	ATF_REQUIRE_EQ(0, bind(fd, (struct sockaddr *)ret_addr, len));
	ATF_REQUIRE_EQ(0, getsockname(fd, (struct sockaddr *)ret_addr, &len));
	return fd;
}

static void call_given(struct server *server, void *arg)
{
	struct keel_listener_opts *lo = arg;
	struct keel_listener *listener;

	lo->arg =
		keel_listener_new(server->loop, lo, &listener) ? server : NULL;
}

CASE(loop__given_socket, "a socket that listens already is accepted from")
{
	struct server_opts opts = {.row = &world_rows[0],
				   .ops = &echo_ops,
				   .data_len = sizeof(struct echo)};
	struct keel_listener_opts lo = {
		.sz = sizeof(lo),
		.ctx = world_ctx(&world_rows[0], KEEL_SERVER),
		.ops = &echo_ops,
		.data_len = sizeof(struct echo),
		.has_fd = true,
	};
	struct client client = {.fd = -1};
	struct sockaddr_in addr;
	struct server server;
	char buf[4];

	server_start(&server, &opts);
	lo.fd = -1;
	server_call(&server, call_given, &lo);
	ATF_CHECK_MSG(lo.arg, "no descriptor");
	lo.fd = open_tcp(&addr);
	server_call(&server, call_given, &lo);
	ATF_CHECK_MSG(lo.arg, "it does not listen");
	ATF_REQUIRE_EQ(0, listen(lo.fd, 5));
	server_call(&server, call_given, &lo);
	ATF_CHECK_MSG(!lo.arg, "it listens, and does not block");
	memcpy(&server.addr, &addr, sizeof(addr));
	client_open(&client, &server);
	client_send(&client, "abcd", 4);
	CHECK_INT("echo", 4, client_recv(&client, buf, 4));
	CHECK_INT("end", 0, client_finish(&client));
	server_stop(&server, 1000);
}

CASE(loop__arguments, "what makes no sense is refused")
{
	const struct world_row *row = &world_rows[0];
	struct sockaddr_in any = {.sin_family = AF_INET};
	struct keel_listener_opts lo = {
		.sz = sizeof(lo),
		.addr = (struct sockaddr *)&any,
		.addr_len = sizeof(any),
		.ctx = world_ctx(row, KEEL_CLIENT),
		.ops = &quiet_ops,
	};
	static const struct keel_stream_ops no_data = {.on_eof = NULL};
	struct keel_connect_opts co = {
		.sz = sizeof(co),
		.addr = (struct sockaddr *)&any,
		.addr_len = sizeof(any),
		.ctx = world_ctx(row, KEEL_SERVER),
		.ops = &quiet_ops,
	};
	struct keel_loop_stats stats = {.sz = 1};
	struct keel_listener *listener;
	struct keel_stream *stream;
	struct keel_loop *loop;

	ATF_REQUIRE_EQ(0, keel_loop_new(NULL, &loop));
	CHECK_INT("a client's context", -EINVAL,
		  keel_listener_new(loop, &lo, &listener));
	lo.ctx = world_ctx(row, KEEL_SERVER);
	lo.ops = &no_data;
	CHECK_INT("no on_data", -EINVAL,
		  keel_listener_new(loop, &lo, &listener));
	lo.ops = &quiet_ops;
	CHECK_INT("fine", 0, keel_listener_new(loop, &lo, &listener));
	CHECK_INT("a client's context", -EINVAL,
		  keel_listener_set_ctx(listener, world_ctx(row, KEEL_CLIENT)));
	CHECK_INT("a server's context", -EINVAL,
		  keel_stream_connect(loop, &co, &stream));
	CHECK_INT("size", -EINVAL, keel_loop_get_stats(loop, &stats));
	CHECK_INT("NULL", -EINVAL, keel_loop_run(NULL));
	CHECK_INT("NULL", -EINVAL, keel_loop_post(loop, NULL, NULL));
	CHECK_INT("NULL", -EINVAL, keel_stream_send(NULL, "x", 1));
	keel_listener_close(listener);
	keel_listener_close(NULL);
	keel_stream_close(NULL);
	keel_loop_stop(NULL, 0);
	keel_loop_free(loop);
}

CASE(loop__port_taken, "a port that is taken is said to be")
{
	struct server_opts opts = {.row = &world_rows[0], .ops = &quiet_ops};
	struct server server;
	struct keel_listener_opts lo = {
		.sz = sizeof(lo),
		.addr = (struct sockaddr *)&server.addr,
		.addr_len = sizeof(struct sockaddr_in),
		.ctx = world_ctx(opts.row, KEEL_SERVER),
		.ops = &quiet_ops,
	};
	struct keel_listener *listener;
	struct keel_loop *loop;

	server_start(&server, &opts);
	ATF_REQUIRE_EQ(0, keel_loop_new(NULL, &loop));
	CHECK_INT("taken", -EADDRINUSE,
		  keel_listener_new(loop, &lo, &listener));
	keel_loop_free(loop);
	server_stop(&server, 0);
}

/* Posts. */
#define NR_POSTS 1000

static unsigned int post_order[4 * NR_POSTS];
static unsigned int nr_posted;

static void note_post(struct keel_loop *loop, void *arg)
{
	(void)loop;
	post_order[nr_posted++] = (unsigned int)(uintptr_t)arg;
}

static void check_deadlock(struct keel_loop *loop, void *arg)
{
	*(int *)arg = keel_loop_run(loop);
}

struct poster {
	struct keel_loop *loop;
	unsigned int idx;
};

static void *post_many(void *arg)
{
	struct poster *poster = arg;
	unsigned int i;

	for (i = 0; i < NR_POSTS; i++)
		if (keel_loop_post(
			    poster->loop, note_post,
			    (void *)(uintptr_t)(poster->idx * NR_POSTS + i)))
			abort();
	return NULL;
}

CASE(loop__post, "functions of many threads run, each thread's in order")
{
	struct server_opts opts = {.row = &world_rows[0], .ops = &quiet_ops};
	struct poster posters[4];
	struct server server;
	pthread_t threads[4];
	unsigned int i, next[4] = {0};
	int err = 0;

	nr_posted = 0;
	server_start(&server, &opts);
	for (i = 0; i < 4; i++) {
		posters[i] = (struct poster){server.loop, i};
		ATF_REQUIRE_EQ(0, pthread_create(&threads[i], NULL, post_many,
						 &posters[i]));
	}
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	ATF_REQUIRE_EQ(0, keel_loop_post(server.loop, check_deadlock, &err));
	server_stop(&server, 0);
	CHECK_INT("posted", 4 * NR_POSTS, nr_posted);
	for (i = 0; i < nr_posted; i++)
		REQUIRE_INT("order", next[post_order[i] / NR_POSTS]++,
			    post_order[i] % NR_POSTS);
	CHECK_INT("run in the loop", -EDEADLK, err);
}

CASE(loop__post_before_free, "functions still waiting are run by the end")
{
	struct keel_loop *loop;

	nr_posted = 0;
	ATF_REQUIRE_EQ(0, keel_loop_new(NULL, &loop));
	ATF_REQUIRE_EQ(0, keel_loop_post(loop, note_post, NULL));
	ATF_REQUIRE_EQ(0, keel_loop_post(loop, note_post, NULL));
	keel_loop_free(loop);
	CHECK_INT("run", 2, nr_posted);
}

struct again {
	unsigned int nr;
	int err;
};

/* Never done: it asks for the next time each time. */
static void post_again(struct keel_loop *loop, void *arg)
{
	struct again *again = arg;

	again->nr++;
	again->err = keel_loop_post(loop, post_again, again);
}

CASE(loop__post_for_ever, "a function that posts itself ends with the loop")
{
	struct again again = {0};
	struct keel_loop *loop;

	ATF_REQUIRE_EQ(0, keel_loop_new(NULL, &loop));
	ATF_REQUIRE_EQ(0, keel_loop_post(loop, post_again, &again));
	ATF_CHECK_EQ(NULL, keel_loop_free(loop));
	CHECK_INT("told", -ESHUTDOWN, again.err);
	ATF_CHECK_MSG(again.nr >= 2, "run %u times", again.nr);
}

static struct keel_listener *last_listener;

/* A listener of the loop is still there to be closed. */
static void close_last(struct keel_loop *loop, void *arg)
{
	(void)loop;
	keel_listener_close(last_listener);
	++*(unsigned int *)arg;
}

static void post_close(struct keel_stream *stream, const struct keel_err *err)
{
	(void)err;
	if (keel_loop_post(keel_stream_loop(stream), close_last,
			   keel_stream_arg(stream)))
		abort();
}

CASE(loop__post_from_last_close, "what on_close posts runs, also when the loop "
				 "is freed")
{
	static const struct keel_stream_ops ops = {.on_data = ignore_data,
						   .on_close = post_close};
	struct sockaddr_storage addr = {.ss_family = AF_INET};
	unsigned int nr = 0;
	struct keel_listener_opts lo = {
		.sz = sizeof(lo),
		.addr = (struct sockaddr *)&addr,
		.addr_len = sizeof(struct sockaddr_in),
		.ctx = world_ctx(&world_rows[0], KEEL_SERVER),
		.ops = &quiet_ops,
	};
	struct keel_connect_opts co = {
		.sz = sizeof(co),
		.addr = (struct sockaddr *)&addr,
		.addr_len = sizeof(struct sockaddr_in),
		.ctx = world_ctx(&world_rows[0], KEEL_CLIENT),
		.ops = &ops,
		.arg = &nr,
	};
	struct keel_stream *stream;
	struct keel_loop *loop;

	ATF_REQUIRE_EQ(0, keel_loop_new(NULL, &loop));
	ATF_REQUIRE_EQ(0, keel_listener_new(loop, &lo, &last_listener));
	ATF_REQUIRE_EQ(0, keel_listener_get_addr(last_listener, &addr));
	ATF_REQUIRE_EQ(0, keel_stream_connect(loop, &co, &stream));
	keel_loop_free(loop);
	CHECK_INT("run", 1, nr);
}

CASE(loop__stop_before_run, "a loop that was stopped before does not run")
{
	struct keel_loop *loop;

	ATF_REQUIRE_EQ(0, keel_loop_new(NULL, &loop));
	keel_loop_stop(loop, 60000);
	CHECK_INT("run", 0, keel_loop_run(loop));
	CHECK_INT("run again", 0, keel_loop_run(loop));
	keel_loop_free(loop);
}

/* Draining. */
static atomic_uint nr_drained, nr_closed;
static int drain_err;
static const char *drain_site;

static void note_drain(struct keel_stream *stream)
{
	(void)stream;
	atomic_fetch_add(&nr_drained, 1);
}

static void note_close(struct keel_stream *stream, const struct keel_err *err)
{
	(void)stream;
	drain_err = err->err;
	drain_site = err->site;
	atomic_fetch_add(&nr_closed, 1);
}

static const struct keel_stream_ops drain_ops = {
	.on_data = ignore_data,
	.on_drain = note_drain,
	.on_close = note_close,
};

CASE(loop__drain, "open streams are told, handshakes end, the rest is aborted")
{
	struct server_opts opts = {.row = &world_rows[1], .ops = &drain_ops};
	struct client client = {0};
	struct server server;
	uint64_t begin;
	int fd;

	server_start(&server, &opts);
	client_open(&client, &server);
	client_send(&client, "x", 1);
	fd = tcp_open(&server, 0);
	usleep(50000);
	begin = now_ms();
	keel_loop_stop(server.loop, 300);
	CHECK_INT("handshake ends", 1, tcp_ended(fd, 5000));
	ATF_CHECK_MSG(now_ms() - begin < 250, "handshake was waited for");
	wait_for("drained", &nr_drained, 1);
	CHECK_INT("client", -ECONNABORTED, client_wait_end(&client));
	server_join(&server);
	ATF_CHECK_MSG(now_ms() - begin >= 290, "no time was given");
	CHECK_INT("closed", 2, atomic_load(&nr_closed));
	CHECK_INT("error", -ETIMEDOUT, drain_err);
	ATF_CHECK_STREQ("drain timeout", drain_site);
	client_drop(&client);
	close(fd);
}

CASE(loop__stop_twice, "a second stop may shorten the time, not make it longer")
{
	struct server_opts opts = {.row = &world_rows[0], .ops = &drain_ops};
	struct client client = {0};
	struct server server;
	uint64_t begin = now_ms();

	server_start(&server, &opts);
	client_open(&client, &server);
	client_send(&client, "x", 1);
	keel_loop_stop(server.loop, 15000);
	wait_for("drained", &nr_drained, 1);
	keel_loop_stop(server.loop, 60000);
	keel_loop_stop(server.loop, 100);
	client_wait_end(&client);
	server_join(&server);
	ATF_CHECK_MSG(now_ms() - begin < 10000, "the time was not shortened");
	CHECK_INT("told", 1, atomic_load(&nr_drained));
	client_drop(&client);
}

CASE(loop__drain_default, "without on_drain a stream is closed in order")
{
	WORLD_EACH(row)
	{
		struct server_opts opts = {.row = row,
					   .ops = &echo_ops,
					   .data_len = sizeof(struct echo)};
		struct client client = {0};
		struct server server;
		char c;

		server_start(&server, &opts);
		client_open(&client, &server);
		client_send(&client, "x", 1);
		CHECK_INT(row->name, 1, client_recv(&client, &c, 1));
		keel_loop_stop(server.loop, 5000);
		CHECK_INT(row->name, 0, client_wait_end(&client));
		server_join(&server);
		CHECK_INT(row->name, 0, server.stats.failed);
		client_drop(&client);
	}
}

CASE(loop__free_with_streams, "freeing a loop ends its streams")
{
	const struct world_row *row = &world_rows[0];
	struct server_opts opts = {.row = row, .ops = &quiet_ops};
	struct server server;
	struct keel_connect_opts co = {
		.sz = sizeof(co),
		.addr = (struct sockaddr *)&server.addr,
		.addr_len = sizeof(struct sockaddr_in),
		.ctx = world_ctx(row, KEEL_CLIENT),
		.ops = &drain_ops,
	};
	struct keel_stream *stream;
	struct keel_loop *loop;
	unsigned int i;

	server_start(&server, &opts);
	ATF_REQUIRE_EQ(0, keel_loop_new(NULL, &loop));
	for (i = 0; i < 5; i++)
		ATF_REQUIRE_EQ(0, keel_stream_connect(loop, &co, &stream));
	keel_loop_free(loop);
	CHECK_INT("error", -ESHUTDOWN, drain_err);
	CHECK_INT("closed", true, atomic_load(&nr_closed) >= 5);
	server_stop(&server, 0);
}

/* Connecting. */
static struct keel_loop *connect_loop;

static void stop_on_close(struct keel_stream *stream,
			  const struct keel_err *err)
{
	note_close(stream, err);
	keel_loop_stop(connect_loop, 0);
}

CASE(loop__connect_refused, "a connection nobody takes ends with the error")
{
	static const struct keel_stream_ops ops = {.on_data = ignore_data,
						   .on_close = stop_on_close};
	struct sockaddr_in addr = {.sin_family = AF_INET};
	socklen_t len = sizeof(addr);
	struct keel_connect_opts co = {
		.sz = sizeof(co),
		.addr = (struct sockaddr *)&addr,
		.addr_len = sizeof(addr),
		.ctx = world_ctx(&world_rows[0], KEEL_CLIENT),
		.ops = &ops,
	};
	struct keel_loop_opts lo = {.sz = sizeof(lo), .max_streams = 1};
	struct keel_stream *stream;
	/* Bound and not listening: nobody else can have the port. */
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ATF_REQUIRE_EQ(0, bind(fd, (struct sockaddr *)&addr, sizeof(addr)));
	ATF_REQUIRE_EQ(0, getsockname(fd, (struct sockaddr *)&addr, &len));
	ATF_REQUIRE_EQ(0, keel_loop_new(&lo, &connect_loop));
	CHECK_INT("connect", 0,
		  keel_stream_connect(connect_loop, &co, &stream));
	CHECK_INT("limit", -EUSERS,
		  keel_stream_connect(connect_loop, &co, &stream));
	CHECK_INT("run", 0, keel_loop_run(connect_loop));
	CHECK_INT("error", -ECONNREFUSED, drain_err);
	CHECK_INT("stopping", -ESHUTDOWN,
		  keel_stream_connect(connect_loop, &co, &stream));
	keel_loop_free(connect_loop);
	close(fd);
}

/* A new context while clients come and go. */
static void swap_ctx(struct server *server, void *arg)
{
	if (keel_listener_set_ctx(server->listener, arg))
		abort();
}

static void *swap_many(void *arg)
{
	struct server *server = arg;
	struct keel_ctx *ctx;
	unsigned int i;

	for (i = 0; i < 30; i++) {
		ctx = world_ctx_new(server->opts.row, KEEL_SERVER);
		server_call(server, swap_ctx, ctx);
		keel_ctx_unref(ctx);
	}
	return NULL;
}

CASE(loop__swap_context, "a new context serves new connections, no one fails")
{
	struct server_opts opts = {.row = &world_rows[1],
				   .ops = &echo_ops,
				   .data_len = sizeof(struct echo)};
	struct client old = {0}, client = {0};
	struct server server;
	pthread_t thread;
	unsigned int i;
	char c;

	server_start(&server, &opts);
	client_open(&old, &server);
	ATF_REQUIRE_EQ(0, pthread_create(&thread, NULL, swap_many, &server));
	for (i = 0; i < 30; i++) {
		client_open(&client, &server);
		client_send(&client, "x", 1);
		CHECK_INT("echo", 1, client_recv(&client, &c, 1));
		CHECK_INT("finish", 0, client_finish(&client));
	}
	pthread_join(thread, NULL);
	client_send(&old, "y", 1);
	CHECK_INT("echo", 1, client_recv(&old, &c, 1));
	CHECK_INT("finish", 0, client_finish(&old));
	server_stop(&server, 1000);
	CHECK_INT("failed", 0, server.stats.failed);
}

static void close_listener(struct server *server, void *arg)
{
	(void)arg;
	keel_listener_close(server->listener);
}

CASE(loop__close_listener, "a closed listener accepts no more, streams go on")
{
	struct server_opts opts = {.row = &world_rows[1],
				   .ops = &echo_ops,
				   .data_len = sizeof(struct echo)};
	struct client client = {0};
	struct server server;
	char c;
	int fd;

	server_start(&server, &opts);
	client_open(&client, &server);
	server_call(&server, close_listener, NULL);
	usleep(50000);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_INT("connect", -1,
		  connect(fd, (struct sockaddr *)&server.addr,
			  sizeof(struct sockaddr_in)));
	close(fd);
	client_send(&client, "x", 1);
	CHECK_INT("echo", 1, client_recv(&client, &c, 1));
	CHECK_INT("finish", 0, client_finish(&client));
	server_stop(&server, 1000);
	CHECK_INT("failed", 0, server.stats.failed);
}

static void check_peer(struct keel_stream *stream,
		       const struct keel_hs_info *info)
{
	struct sockaddr_storage addr;

	(void)info;
	if (keel_stream_get_peer(stream, &addr) || addr.ss_family != AF_INET ||
	    keel_stream_data(stream) ||
	    keel_stream_arg(stream) != &nr_drained ||
	    !keel_stream_loop(stream) ||
	    !keel_loop_now_ns(keel_stream_loop(stream)) ||
	    keel_conn_get_state(keel_stream_conn(stream)) != KEEL_CONN_OPEN)
		abort();
	atomic_fetch_add(&nr_drained, 1);
	keel_stream_close(stream);
}

CASE(loop__questions, "a stream knows its peer, its loop and its connection")
{
	static const struct keel_stream_ops ops = {.on_open = check_peer,
						   .on_data = ignore_data};
	struct server_opts opts = {
		.row = &world_rows[1], .ops = &ops, .arg = &nr_drained};
	struct client client = {0};
	struct server server;

	server_start(&server, &opts);
	client_open(&client, &server);
	CHECK_INT("finish", 0, client_wait_end(&client));
	CHECK_INT("asked", 1, atomic_load(&nr_drained));
	client_drop(&client);
	server_stop(&server, 1000);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, loop__options);
	ATF_TP_ADD_TC(tp, loop__newer_options);
	ATF_TP_ADD_TC(tp, loop__arguments);
	ATF_TP_ADD_TC(tp, loop__given_socket);
	ATF_TP_ADD_TC(tp, loop__port_taken);
	ATF_TP_ADD_TC(tp, loop__post);
	ATF_TP_ADD_TC(tp, loop__post_before_free);
	ATF_TP_ADD_TC(tp, loop__post_for_ever);
	ATF_TP_ADD_TC(tp, loop__post_from_last_close);
	ATF_TP_ADD_TC(tp, loop__stop_before_run);
	ATF_TP_ADD_TC(tp, loop__drain);
	ATF_TP_ADD_TC(tp, loop__stop_twice);
	ATF_TP_ADD_TC(tp, loop__drain_default);
	ATF_TP_ADD_TC(tp, loop__free_with_streams);
	ATF_TP_ADD_TC(tp, loop__connect_refused);
	ATF_TP_ADD_TC(tp, loop__swap_context);
	ATF_TP_ADD_TC(tp, loop__close_listener);
	ATF_TP_ADD_TC(tp, loop__questions);
	return atf_no_error();
}
