/* SPDX-License-Identifier: MIT */
/* A driver for one connection on one socket, over poll(2). */
#ifndef TESTS_SUPPORT_BLOCKING_H
#define TESTS_SUPPORT_BLOCKING_H

#include <keel/conn.h>

/**
 * struct blocking - a connection and its socket
 * @conn:     from keel_conn_new(); freed by the owner
 * @fd:       a connected stream socket; -1 once it was closed
 * @on_event: receives the events
 * @arg:      passed on
 * @events:   those told so far, 1 << enum keel_event_type
 * @ops:      those out, 1 << enum keel_op_type
 * @send:     the one to write
 * @recv_len: bytes to read at most; 0 for any
 */
struct blocking {
	struct keel_conn *conn;
	int fd;
	void (*on_event)(const struct keel_event *event, void *arg);
	void *arg;
	unsigned int events;
	unsigned int ops;
	struct keel_op send;
	size_t recv_len;
};

/* For what is half in the socket to go on, before it is shut down. */
#define BLOCKING_SHUTDOWN_MS 5000

/*
 * Drive the connection until one of @events was told, or the socket is closed.
 * -ETIMEDOUT if nothing happens for @timeout_ms, times slower().
 */
int blocking_run(struct blocking *b, unsigned int events, int timeout_ms);

/* Give all of @len bytes to the connection, driving it meanwhile. */
int blocking_send(struct blocking *b, const void *data, size_t len,
		  int timeout_ms);

#endif
