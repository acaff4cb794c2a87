/* SPDX-License-Identifier: MIT */
/* A server's loop on a thread of its own, and clients to talk to it. */
#ifndef TESTS_URING_WORLD_H
#define TESTS_URING_WORLD_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <keel/stream.h>

#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tests/support/slower.h"

/* Longer than anything takes, so that a hang is a failure. */
#define WORLD_LIMIT_S (20 * slower())

/* Backend and version of each run; the last row has no name. */
struct world_row {
	const char *name;
	const char *backend;
	uint16_t version;
};

extern const struct world_row world_rows[];

#define WORLD_EACH(row) \
	for (const struct world_row *row = world_rows; row->name; row++)

/* A context of one side; kept until the process ends. */
struct keel_ctx *world_ctx(const struct world_row *row, enum keel_role role);

/* A new one, the caller's; @tune may change its configuration, or is NULL. */
struct keel_ctx *
world_ctx_tuned(const struct world_row *row, enum keel_role role,
		void (*tune)(struct keel_config *config, const void *arg),
		const void *arg);
struct keel_ctx *world_ctx_new(const struct world_row *row,
			       enum keel_role role);

struct server_opts {
	const struct world_row *row;
	struct keel_ctx *ctx; /* NULL: the row's */
	const struct keel_stream_ops *ops;
	void *arg;
	size_t data_len;
	struct keel_stream_timeouts timeouts;
	unsigned int max_streams;
	struct keel_loop_opts loop;
};

struct server {
	struct server_opts opts;
	pthread_t thread;
	struct keel_loop *loop;
	struct keel_listener *listener;
	struct sockaddr_storage addr;
	struct keel_loop_stats stats; /* after server_stop() */
	int run_result;
};

void server_start(struct server *server, const struct server_opts *opts);

/* Let it drain, end its thread, and fill in the statistics. */
void server_stop(struct server *server, unsigned int drain_ms);
/* The same without asking it to stop, which somebody has done already. */
void server_join(struct server *server);

/* Run @fn on the server's thread and wait for its end. */
void server_call(struct server *server,
		 void (*fn)(struct server *server, void *arg), void *arg);

void server_get_stats(struct server *server, struct keel_loop_stats *ret_stats);

/*
 * A TCP connection and nothing else; reads and writes give up in the end.
 * @rcvbuf: size of its receive buffer, 0 for the system's choice
 */
int tcp_open(const struct server *server, int rcvbuf);
/* It ends with a reset. */
void tcp_reset(int fd);
/* 1 when the peer ended in order, 0 when it did not within @ms. */
int tcp_ended(int fd, int ms);

/* A TLS client that blocks. */
struct client {
	int fd;
	struct keel_conn *conn;
	uint8_t in[16384];
	const uint8_t *data; /* plaintext not asked for yet */
	size_t len;
	bool wants_read; /* KEEL_OP_RECV is out */
	bool is_open;
	bool is_eof;
	bool is_over;	      /* the connection wants to close */
	size_t chunk;	      /* bytes in one write to the socket; 0: all */
	int rcvbuf;	      /* as for tcp_open() */
	struct keel_ctx *ctx; /* NULL: that of the server's row */
	bool has_socket;      /* the kernel may protect its records */
	bool is_cut;	      /* KEEL_EVENT_CUT came */
	bool wants_record;    /* KEEL_OP_RECV_RECORD is out */
	size_t recv_len;      /* of what is out; 0: any */
};

/* Connect and shake hands. */
void client_open(struct client *client, const struct server *server);
/* The same, without a word of complaint: 0 or the connection's error. */
int client_try(struct client *client, const struct server *server);
void client_send(struct client *client, const void *data, size_t len);
/* Exactly @len bytes; fewer come when the server ends. */
size_t client_recv(struct client *client, void *buf, size_t len);
/* close_notify, then wait for the server's. Returns the connection's error. */
int client_finish(struct client *client);
/*
 * Wait for the end and answer it; what comes is dropped. Returns the
 * connection's error.
 */
int client_wait_end(struct client *client);
/* Just drop it. */
void client_drop(struct client *client);

/* Bytes that are different at each offset and for each @seed. */
void pattern_fill(unsigned int seed, uint64_t off, void *buf, size_t len);
/* Offset of the first wrong byte, or @len. */
size_t pattern_check(unsigned int seed, uint64_t off, const void *buf,
		     size_t len);

/* Wait until @counter has reached @value; fails the test when it does not. */
void wait_for(const char *what, atomic_uint *counter, unsigned int value);

uint64_t now_ms(void);

/* An application that sends back what it gets; data_len is sizeof. */
struct echo {
	uint8_t *rest;
	size_t rest_len;
	size_t rest_off;
};

extern const struct keel_stream_ops echo_ops;

/* What echo_ops counted. */
struct echo_counts {
	atomic_uint nr_open;
	atomic_uint nr_close;
	atomic_uint nr_failed;
	atomic_int last_err;
	atomic_size_t max_rest;
	_Atomic(const char *) last_site;
};

extern struct echo_counts echo_counts;

#endif
