/* SPDX-License-Identifier: MIT */
/* Connections on an application's own ring, on direct descriptors. */
#ifndef TESTS_URING_DIRECT_H
#define TESTS_URING_DIRECT_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

#include <keel/conn.h>

/* A request to read or to write, as the ring wants it. */
struct direct_msg {
	/* Room for one control message of one byte. */
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(1)];
	struct iovec iov;
	struct msghdr msg;
};

/**
 * struct direct - a connection and its socket
 * @ring:     the application's
 * @conn:     from keel_conn_new(); freed by the owner
 * @slot:     the socket, among the ring's registered files
 * @on_event: receives the events
 * @arg:      passed on
 * @ops:      those that the ring has, 1 << enum keel_op_type
 * @is_stopping: the receive is being taken back
 * @is_closed: there is no socket any more
 * @nr_set:   options that the ring has set
 * @recv:     of the request to read
 * @send:     of the request to write
 * @in:       what was read
 */
struct direct {
	struct io_uring *ring;
	struct keel_conn *conn;
	int slot;
	void (*on_event)(const struct keel_event *event, void *arg);
	void *arg;
	unsigned int ops;
	bool is_stopping;
	bool is_closed;
	unsigned int nr_set;
	struct direct_msg recv;
	struct direct_msg send;
	uint8_t in[16384];
};

/* A TCP connection between @slots, neither end of which ever is a descriptor. */
void direct_connect(struct io_uring *ring, const int slots[2]);

/* Tell what is to be told, then ask the ring for what is to be done. */
void direct_drive(struct direct *d);

/* Wait for one completion, whose-ever, and go on with that connection. */
void direct_wait(struct io_uring *ring);

#endif
