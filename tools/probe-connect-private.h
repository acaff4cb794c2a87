/* SPDX-License-Identifier: MIT */
/* keel probe --connect: a connection, and who drives it. */
#ifndef KEEL_TOOLS_PROBE_CONNECT_PRIVATE_H
#define KEEL_TOOLS_PROBE_CONNECT_PRIVATE_H

#include <stdbool.h>

#include <keel/conn.h>

/**
 * struct keel__drive - a connection on its socket
 * @conn:        the connection, not owned
 * @fd:          connected, not owned
 * @events:      those told so far, 1 << enum keel_event_type
 * @is_over:     the connection wants the socket closed
 * @wants_recv:  it waits for bytes
 * @recv:        then in which way
 * @deadline_ms: of the call that runs
 */
struct keel__drive {
	struct keel_conn *conn;
	int fd;
	unsigned int events;
	bool is_over;
	bool wants_recv;
	struct keel_op recv;
	long long deadline_ms;
};

/*
 * Goes on until one of @events was told or the connection is over. Returns 0,
 * -ETIMEDOUT after @limit_ms, or what a call on the connection said.
 */
int keel__drive(struct keel__drive *drive, unsigned int events, int limit_ms);

#endif
