/* SPDX-License-Identifier: MIT */
/* A server's loop on a thread of its own, and clients to talk to it. */
#include "tests/uring/world.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/record_io.h"

const struct world_row world_rows[] = {
	{"null", "null", KEEL_TLS1_3},
	{"openssl, TLS 1.3", "openssl", KEEL_TLS1_3},
	{"openssl, TLS 1.2", "openssl", KEEL_TLS1_2},
	{.name = NULL},
};

/*
 * KEEL_TEST_OFFLOAD=require: everything that can be in the kernel is. The null
 * backend's ciphers are none of the kernel's.
 */
static bool requires_kernel(const struct world_row *row)
{
	const char *policy = getenv("KEEL_TEST_OFFLOAD");

	return policy && !strcmp(policy, "require") &&
	       strcmp(row->backend, "null");
}

static void set_up_config(struct keel_config *config,
			  const struct world_row *row, enum keel_role role)
{
	ATF_REQUIRE_EQ(0, keel_config_set_backend(config, row->backend));
	ATF_REQUIRE_EQ(0, keel_config_set_versions(config, row->version,
						   row->version));
	if (requires_kernel(row))
		ATF_REQUIRE_EQ(
			0, keel_config_set_offload(config, KEEL_TX | KEEL_RX,
						   KEEL_OFFLOAD_REQUIRE));
	if (role == KEEL_CLIENT)
		ATF_REQUIRE_EQ(
			0, keel_config_set_verify(config, KEEL_VERIFY_NONE));
	else if (strcmp(row->backend, "null"))
		ATF_REQUIRE_EQ(
			0, keel_config_set_self_signed(config, "localhost"));
}

struct keel_ctx *
world_ctx_tuned(const struct world_row *row, enum keel_role role,
		void (*tune)(struct keel_config *config, const void *arg),
		const void *arg)
{
	struct keel_config *config;
	struct keel_ctx *ctx;
	int err;

	ATF_REQUIRE_EQ(0, keel_config_new(role, &config));
	set_up_config(config, row, role);
	if (tune)
		tune(config, arg);
	err = keel_ctx_new(config, NULL, &ctx);
	ATF_REQUIRE_MSG(!err, "%s: context: %s", row->name,
			keel_config_diag(config)->text);
	keel_config_free(config);
	return ctx;
}

struct keel_ctx *world_ctx_new(const struct world_row *row, enum keel_role role)
{
	return world_ctx_tuned(row, role, NULL, NULL);
}

struct keel_ctx *world_ctx(const struct world_row *row, enum keel_role role)
{
	static struct keel_ctx *made[8][3];
	struct keel_ctx **ctx = &made[row - world_rows][role];

	if (!*ctx)
		*ctx = world_ctx_new(row, role);
	return *ctx;
}

/* One who waits for something that happens on another thread. */
struct rendezvous {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool is_done;
};

static void rendezvous_wait(struct rendezvous *r)
{
	pthread_mutex_lock(&r->lock);
	while (!r->is_done)
		pthread_cond_wait(&r->cond, &r->lock);
	pthread_mutex_unlock(&r->lock);
}

static void rendezvous_done(struct rendezvous *r)
{
	pthread_mutex_lock(&r->lock);
	r->is_done = true;
	pthread_cond_signal(&r->cond);
	pthread_mutex_unlock(&r->lock);
}

/* Unless a test says otherwise; as long as the default here. */
#define HANDSHAKE_MS 10000

struct start {
	struct server *server;
	struct rendezvous ready;
	int err;
};

static int listen_on(struct server *server)
{
	struct sockaddr_in any = {.sin_family = AF_INET};
	struct keel_listener_opts opts = {
		.sz = sizeof(opts),
		.addr = (struct sockaddr *)&any,
		.addr_len = sizeof(any),
		.ctx = server->opts.ctx
			       ? server->opts.ctx
			       : world_ctx(server->opts.row, KEEL_SERVER),
		.ops = server->opts.ops,
		.arg = server->opts.arg,
		.data_len = server->opts.data_len,
		.timeouts = server->opts.timeouts,
		.max_streams = server->opts.max_streams,
	};
	int err;

	if (!opts.timeouts.handshake_ms)
		opts.timeouts.handshake_ms =
			HANDSHAKE_MS * (unsigned int)slower();
	any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	err = keel_listener_new(server->loop, &opts, &server->listener);
	if (err)
		return err;
	return keel_listener_get_addr(server->listener, &server->addr);
}

static void *server_main(void *arg)
{
	struct start *start = arg;
	struct server *server = start->server;

	server->opts.loop.sz = sizeof(server->opts.loop);
	start->err = keel_loop_new(&server->opts.loop, &server->loop);
	if (!start->err)
		start->err = listen_on(server);
	rendezvous_done(&start->ready);
	if (!server->listener)
		return NULL;
	server->run_result = keel_loop_run(server->loop);
	server->stats.sz = sizeof(server->stats);
	if (keel_loop_get_stats(server->loop, &server->stats))
		abort();
	server->loop = keel_loop_free(server->loop);
	return NULL;
}

void server_start(struct server *server, const struct server_opts *opts)
{
	struct start start = {.server = server,
			      .ready = {PTHREAD_MUTEX_INITIALIZER,
					PTHREAD_COND_INITIALIZER, false}};

	*server = (struct server){.opts = *opts};
	if (!opts->ctx)
		world_ctx(opts->row, KEEL_SERVER);
	ATF_REQUIRE_EQ(
		0, pthread_create(&server->thread, NULL, server_main, &start));
	rendezvous_wait(&start.ready);
	REQUIRE_INT("server", 0, start.err);
}

void server_join(struct server *server)
{
	pthread_join(server->thread, NULL);
	CHECK_INT("keel_loop_run()", 0, server->run_result);
}

void server_stop(struct server *server, unsigned int drain_ms)
{
	keel_loop_stop(server->loop, drain_ms);
	server_join(server);
}

struct call {
	struct rendezvous done;
	struct server *server;
	void (*fn)(struct server *server, void *arg);
	void *arg;
};

static void run_call(struct keel_loop *loop, void *arg)
{
	struct call *call = arg;

	(void)loop;
	call->fn(call->server, call->arg);
	rendezvous_done(&call->done);
}

void server_call(struct server *server,
		 void (*fn)(struct server *server, void *arg), void *arg)
{
	struct call call = {
		{PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false},
		server,
		fn,
		arg};

	ATF_REQUIRE_EQ(0, keel_loop_post(server->loop, run_call, &call));
	rendezvous_wait(&call.done);
}

static void get_stats(struct server *server, void *arg)
{
	struct keel_loop_stats *stats = arg;

	stats->sz = sizeof(*stats);
	if (keel_loop_get_stats(server->loop, stats))
		abort();
}

void server_get_stats(struct server *server, struct keel_loop_stats *ret_stats)
{
	server_call(server, get_stats, ret_stats);
}

int tcp_open(const struct server *server, int rcvbuf)
{
	struct timeval limit = {.tv_sec = WORLD_LIMIT_S};
	int fd = socket(server->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ATF_REQUIRE(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (rcvbuf)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
	ATF_REQUIRE_EQ(0, connect(fd, (const struct sockaddr *)&server->addr,
				  sizeof(struct sockaddr_in)));
	return fd;
}

void tcp_reset(int fd)
{
	struct linger linger = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}

int tcp_ended(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint64_t end = now_ms() + (uint64_t)ms;
	char buf[4096];

	while (now_ms() < end) {
		if (poll(&p, 1, 10) <= 0)
			continue;
		if (recv(fd, buf, sizeof(buf), 0) <= 0)
			return 1;
	}
	return 0;
}

static bool write_all(struct client *client, const uint8_t *data, size_t len)
{
	while (len) {
		size_t max = client->chunk ? client->chunk : len;
		ssize_t n = send(client->fd, data, len < max ? len : max,
				 MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

/* Do what the connection wants, but for reading. */
static void do_ops(struct client *client)
{
	struct keel_op op;
	ssize_t res;
	int err = 0;

	while (keel_conn_next_op(client->conn, &op) == 1) {
		switch (op.type) {
		case KEEL_OP_RECV:
		case KEEL_OP_RECV_RECORD:
			client->wants_read = true;
			client->wants_record = op.type == KEEL_OP_RECV_RECORD;
			client->recv_len = op.len;
			break;
		case KEEL_OP_SEND:
			res = write_all(client, op.data, op.len)
				      ? (ssize_t)op.len
				      : -EPIPE;
			err = keel_conn_op_done(client->conn, op.type, res);
			break;
		case KEEL_OP_SHUTDOWN:
			record_io_shutdown(client->fd, WORLD_LIMIT_S * 1000);
			err = keel_conn_op_done(client->conn, op.type, 0);
			break;
		case KEEL_OP_SETSOCKOPT:
		case KEEL_OP_GETSOCKOPT:
			res = record_io_option(client->fd, &op);
			err = keel_conn_op_done(client->conn, op.type, res);
			break;
		case KEEL_OP_RECV_STOP:
			client->wants_read = false;
			err = keel_conn_op_done(client->conn, op.type, 0);
			break;
		case KEEL_OP_SEND_RECORD:
			res = record_io_send(client->fd, op.record_type,
					     op.data, op.len, 0);
			err = keel_conn_op_done(client->conn, op.type, res);
			break;
		case KEEL_OP_CLOSE:
			client->is_over = true;
			break;
		}
		ATF_REQUIRE_EQ(0, err);
	}
}

/* One event. False when there is none. */
static bool take_event(struct client *client)
{
	struct keel_event ev;

	if (keel_conn_next_event(client->conn, &ev) != 1)
		return false;
	switch (ev.type) {
	case KEEL_EVENT_OPEN:
		client->is_open = true;
		break;
	case KEEL_EVENT_DATA:
		client->data = ev.data;
		client->len = ev.len;
		break;
	case KEEL_EVENT_EOF:
		client->is_eof = true;
		break;
	case KEEL_EVENT_CUT:
		client->is_cut = true;
		break;
	case KEEL_EVENT_SESSION:
	case KEEL_EVENT_CLOSED:
	case KEEL_EVENT_FAILED:
		break;
	}
	return true;
}

static int read_record(struct client *client)
{
	uint8_t type = 0;
	ssize_t n = record_io_recv(client->fd, client->in, sizeof(client->in),
				   0, &type);

	if (n >= 0 && type)
		return keel_conn_input_record(client->conn, type, client->in,
					      (size_t)n);
	return keel_conn_op_done(client->conn, KEEL_OP_RECV_RECORD, n);
}

static int read_bytes(struct client *client)
{
	size_t len = client->recv_len ? client->recv_len : sizeof(client->in);
	ssize_t n;

	len = len < sizeof(client->in) ? len : sizeof(client->in);
	n = recv(client->fd, client->in, len, 0);
	if (n > 0)
		return keel_conn_input(client->conn, client->in, (size_t)n);
	return keel_conn_op_done(client->conn, KEEL_OP_RECV, n ? -errno : 0);
}

static void read_some(struct client *client)
{
	client->wants_read = false;
	ATF_REQUIRE_EQ(0, client->wants_record ? read_record(client)
					       : read_bytes(client));
}

/* Until there is an event, or no more can come. */
static bool next_event(struct client *client)
{
	while (!client->is_over) {
		if (take_event(client))
			return true;
		do_ops(client);
		if (client->is_over || !client->wants_read)
			break;
		read_some(client);
	}
	return take_event(client);
}

static int client_err(const struct client *client)
{
	return keel_conn_err(client->conn)->err;
}

int client_try(struct client *client, const struct server *server)
{
	bool has_socket =
		client->has_socket || requires_kernel(server->opts.row);
	struct client want = {.chunk = client->chunk,
			      .rcvbuf = client->rcvbuf,
			      .ctx = client->ctx,
			      .has_socket = has_socket};
	struct keel_conn_opts opts = {.sz = sizeof(opts),
				      .has_socket = has_socket};
	struct keel_ctx *ctx = client->ctx;

	if (!ctx)
		ctx = world_ctx(server->opts.row, KEEL_CLIENT);
	*client = want;
	client->fd = tcp_open(server, want.rcvbuf);
	ATF_REQUIRE_EQ(0, keel_conn_new(ctx, &opts, &client->conn));
	while (!client->is_open && next_event(client))
		;
	do_ops(client);
	return client_err(client);
}

void client_open(struct client *client, const struct server *server)
{
	int err = client_try(client, server);

	ATF_REQUIRE_MSG(!err && client->is_open, "%s: handshake: %s",
			server->opts.row->name,
			err ? keel_conn_err(client->conn)->site : "no end");
}

void client_send(struct client *client, const void *data, size_t len)
{
	const uint8_t *from = data;

	while (len) {
		ssize_t n = keel_conn_send(client->conn, from, len);

		REQUIRE_INT("keel_conn_send()", true, n >= 0);
		do_ops(client);
		from += n;
		len -= (size_t)n;
	}
	do_ops(client);
}

size_t client_recv(struct client *client, void *buf, size_t len)
{
	size_t got = 0;

	while (got < len) {
		size_t n = client->len < len - got ? client->len : len - got;

		if (n) {
			memcpy((uint8_t *)buf + got, client->data, n);
			client->data += n;
			client->len -= n;
			got += n;
		}
		if (got < len && !client->len &&
		    (client->is_eof || !next_event(client)))
			break;
	}
	return got;
}

int client_wait_end(struct client *client)
{
	while (next_event(client)) {
		client->len = 0;
		if (client->is_eof)
			ATF_REQUIRE_EQ(0, keel_conn_close(client->conn));
	}
	return client_err(client);
}

int client_finish(struct client *client)
{
	int err = keel_conn_close(client->conn);

	ATF_REQUIRE_EQ(0, err);
	err = client_wait_end(client);
	client_drop(client);
	return err;
}

void client_drop(struct client *client)
{
	keel_conn_free(client->conn);
	close(client->fd);
}

/* The eight bytes at offset 8 * @idx, first byte lowest. */
static uint64_t pattern_word(unsigned int seed, uint64_t idx)
{
	uint64_t x = (idx + seed) * UINT64_C(0x9e3779b97f4a7c15) + seed;

	return x ^ x >> 29;
}

void pattern_fill(unsigned int seed, uint64_t off, void *buf, size_t len)
{
	uint8_t *to = buf;
	size_t i;

	for (i = 0; i < len;) {
		uint64_t word = pattern_word(seed, (off + i) / 8);
		unsigned int skip = (unsigned int)((off + i) % 8);
		size_t n = len - i < 8 - skip ? len - i : 8 - skip;

		word >>= 8 * skip;
		memcpy(to + i, &word, n);
		i += n;
	}
}

size_t pattern_check(unsigned int seed, uint64_t off, const void *buf,
		     size_t len)
{
	const uint8_t *from = buf;
	uint8_t want[4096];
	size_t i, k, n;

	for (i = 0; i < len; i += n) {
		n = len - i < sizeof(want) ? len - i : sizeof(want);
		pattern_fill(seed, off + i, want, n);
		if (!memcmp(want, from + i, n))
			continue;
		for (k = 0; want[k] == from[i + k]; k++)
			;
		return i + k;
	}
	return len;
}

uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void wait_for(const char *what, atomic_uint *counter, unsigned int value)
{
	uint64_t end = now_ms() + (uint64_t)WORLD_LIMIT_S * 1000;

	while (atomic_load(counter) < value && now_ms() < end)
		usleep(1000);
	ATF_REQUIRE_MSG(atomic_load(counter) >= value, "%s: %u, not %u", what,
			atomic_load(counter), value);
}
