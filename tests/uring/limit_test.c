/* SPDX-License-Identifier: MIT */
/* Listeners at the limit of streams, of descriptors. */
#include "tests/uring/world.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "uring/uring-private.h"

CASE(limit__max_streams, "a listener at its limit lets others wait their turn")
{
	static const unsigned int limits[] = {1, 3};
	unsigned int k;

	for (k = 0; k < 2; k++) {
		struct server_opts opts = {.row = &world_rows[1],
					   .ops = &echo_ops,
					   .data_len = sizeof(struct echo),
					   .max_streams = limits[k]};
		struct client clients[3] = {{.fd = 0}};
		struct server server;
		struct keel_loop_stats stats;
		unsigned int i;
		int fd;

		server_start(&server, &opts);
		for (i = 0; i < limits[k]; i++)
			client_open(&clients[i], &server);
		fd = tcp_open(&server, 0);
		CHECK_INT("waits", 0, tcp_ended(fd, 100));
		server_get_stats(&server, &stats);
		CHECK_INT("streams", limits[k], stats.nr_streams);
		for (i = 0; i < limits[k]; i++)
			CHECK_INT("finish", 0, client_finish(&clients[i]));
		/* Now it has been accepted; its rubbish is answered. */
		ATF_REQUIRE_EQ(4, send(fd, "xxxx\n", 4, 0));
		ATF_REQUIRE_EQ(4, send(fd, "xxxx\n", 4, 0));
		CHECK_INT("served", 1, tcp_ended(fd, 5000));
		close(fd);
		server_stop(&server, 1000);
		CHECK_INT("accepted", limits[k] + 1, server.stats.accepted);
	}
}

static void set_near_limit(struct server *server, void *arg)
{
	server->loop->near_limit = *(unsigned int *)arg;
}

/* The first accept is of one connection, the next of many. */
CASE(limit__near_limit, "an accept of many connections ends near the limit")
{
	struct server_opts opts = {.row = &world_rows[0],
				   .ops = &echo_ops,
				   .data_len = sizeof(struct echo),
				   .max_streams = 6};
	struct client clients[6] = {{.fd = 0}};
	struct keel_loop_stats stats;
	struct server server;
	unsigned int i, near = 2;
	int fds[4];

	server_start(&server, &opts);
	server_call(&server, set_near_limit, &near);
	for (i = 0; i < 6; i++)
		client_open(&clients[i], &server);
	for (i = 0; i < 4; i++)
		fds[i] = tcp_open(&server, 0);
	usleep(100000);
	server_get_stats(&server, &stats);
	CHECK_INT("streams", 6, stats.nr_streams);
	for (i = 0; i < 4; i++) {
		CHECK_INT("finish", 0, client_finish(&clients[i]));
		CHECK_INT("rubbish", 8, send(fds[i], "xxxxxxxx", 8, 0));
		CHECK_INT("served", 1, tcp_ended(fds[i], 5000));
		close(fds[i]);
	}
	for (; i < 6; i++)
		CHECK_INT("finish", 0, client_finish(&clients[i]));
	server_stop(&server, 1000);
	CHECK_INT("accepted", 10, server.stats.accepted);
}

/* The loop is busy while they come, and then accepts all of them at once. */
#define NR_BURST 10

static void wait_for_burst(struct server *server, void *arg)
{
	int *fds = arg;
	unsigned int i;

	for (i = 0; i < NR_BURST; i++)
		fds[i] = tcp_open(server, 0);
}

CASE(limit__burst, "an accept of many that comes too late to its end does not "
		   "pass the limit")
{
	struct server_opts opts = {.row = &world_rows[0],
				   .ops = &echo_ops,
				   .data_len = sizeof(struct echo),
				   .max_streams = 4};
	unsigned int i, near = 0;
	struct keel_loop_stats stats;
	struct client client = {0};
	struct server server;
	int fds[NR_BURST];

	server_start(&server, &opts);
	server_call(&server, set_near_limit, &near);
	/* The accept that is armed is of one; the next one is of many. */
	client_open(&client, &server);
	server_call(&server, wait_for_burst, fds);
	usleep(100000);
	server_get_stats(&server, &stats);
	CHECK_INT("streams", 4, stats.nr_streams);
	for (i = 0; i < NR_BURST; i++)
		close(fds[i]);
	CHECK_INT("finish", 0, client_finish(&client));
	server_stop(&server, 1000);
	ATF_CHECK_MSG(server.stats.accept_errors > 0, "there was no burst");
}

/* What the kernel made of it: tcpi_sacked of a socket that listens. */
static unsigned int backlog_of(unsigned int backlog)
{
	struct sockaddr_in any = {.sin_family = AF_INET};
	struct keel_listener_opts lo = {
		.sz = sizeof(lo),
		.addr = (struct sockaddr *)&any,
		.addr_len = sizeof(any),
		.ctx = world_ctx(&world_rows[0], KEEL_SERVER),
		.ops = &echo_ops,
		.backlog = backlog,
	};
	struct keel_listener *listener;
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	struct keel_loop *loop;

	any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ATF_REQUIRE_EQ(0, keel_loop_new(NULL, &loop));
	ATF_REQUIRE_EQ(0, keel_listener_new(loop, &lo, &listener));
	ATF_REQUIRE_EQ(0, getsockopt(listener->fd, IPPROTO_TCP, TCP_INFO, &info,
				     &len));
	keel_loop_free(loop);
	return info.tcpi_sacked;
}

static unsigned int somaxconn(void)
{
	FILE *file = fopen("/proc/sys/net/core/somaxconn", "re");
	unsigned int nr = 0;

	if (!file)
		atf_tc_skip("no /proc/sys/net/core/somaxconn");
	ATF_REQUIRE_EQ(1, fscanf(file, "%u", &nr));
	fclose(file);
	return nr;
}

CASE(limit__backlog, "a backlog is the kernel's own limit unless it is less")
{
	CHECK_INT("none", somaxconn(), backlog_of(0));
	CHECK_INT("small", 7, backlog_of(7));
	CHECK_INT("large", somaxconn(), backlog_of(UINT_MAX));
}

static atomic_uint nr_logged;

static void note_log(const struct keel_log_event *event, void *arg)
{
	(void)arg;
	if (!strcmp(event->event, "accept-failed") &&
	    event->err->err == -EMFILE)
		atomic_fetch_add(&nr_logged, 1);
}

/* No descriptor is free below the limit that is set. */
static void forbid_descriptors(struct rlimit *old)
{
	struct rlimit limit;
	int fd = dup(0);

	ATF_REQUIRE(fd >= 0);
	close(fd);
	ATF_REQUIRE_EQ(0, getrlimit(RLIMIT_NOFILE, old));
	limit = *old;
	limit.rlim_cur = (rlim_t)fd;
	ATF_REQUIRE_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
}

/*
 * The ring notes the limit when an accept is asked for, not when it happens;
 * near the limit of streams each connection is asked for.
 */
CASE(limit__no_descriptors, "without descriptors accepting waits, then goes on")
{
	struct server_opts opts = {.row = &world_rows[0],
				   .ops = &echo_ops,
				   .data_len = sizeof(struct echo),
				   .max_streams = 100,
				   .loop = {.log = note_log}};
	struct client client = {0};
	struct server server;
	struct rlimit old;
	int fds[3], i;

	server_start(&server, &opts);
	client_open(&client, &server);
	for (i = 0; i < 3; i++)
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	forbid_descriptors(&old);
	for (i = 0; i < 3; i++)
		ATF_REQUIRE_EQ(0,
			       connect(fds[i], (struct sockaddr *)&server.addr,
				       sizeof(struct sockaddr_in)));
	usleep(350000);
	/* Those that are there go on meanwhile. */
	client_send(&client, "x", 1);
	CHECK_INT("echo", 1, client_recv(&client, client.in, 1));
	ATF_REQUIRE_EQ(0, setrlimit(RLIMIT_NOFILE, &old));
	for (i = 0; i < 3; i++) {
		ATF_REQUIRE_EQ(8, send(fds[i], "xxxxxxxx", 8, 0));
		CHECK_INT("served", 1, tcp_ended(fds[i], 5000));
		close(fds[i]);
	}
	CHECK_INT("finish", 0, client_finish(&client));
	server_stop(&server, 1000);
	CHECK_INT("logged", 1, atomic_load(&nr_logged));
	CHECK_INT("accepted", 4, server.stats.accepted);
	ATF_CHECK_MSG(server.stats.accept_errors >= 1 &&
			      server.stats.accept_errors < 10,
		      "%llu tries",
		      (unsigned long long)server.stats.accept_errors);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, limit__max_streams);
	ATF_TP_ADD_TC(tp, limit__near_limit);
	ATF_TP_ADD_TC(tp, limit__burst);
	ATF_TP_ADD_TC(tp, limit__backlog);
	ATF_TP_ADD_TC(tp, limit__no_descriptors);
	return atf_no_error();
}
