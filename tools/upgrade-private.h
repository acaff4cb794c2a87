/* SPDX-License-Identifier: MIT */
/* Messages between a server and the one that takes over from it. */
#ifndef KEEL_TOOLS_UPGRADE_PRIVATE_H
#define KEEL_TOOLS_UPGRADE_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of one message; the kernel passes 253 (SCM_MAX_FD). */
#define KEEL_UPGRADE_MAX_FDS 253

/**
 * enum keel_upgrade_type - what a message is
 * @KEEL_UPGRADE_HELLO:  from the server: the sockets it listens on
 * @KEEL_UPGRADE_READY:  to the server: the other one accepts, send connections
 * @KEEL_UPGRADE_PARCEL: from the server: a connection. Nothing is done with it yet
 * @KEEL_UPGRADE_ACK:    to the server: struct keel_upgrade_ack. It could be taken,
 *                       or not
 * @KEEL_UPGRADE_COMMIT: from the server: a uint64_t, the parcel's number: it is
 *                       the other's now, and was the server's until here
 */
enum keel_upgrade_type {
	KEEL_UPGRADE_HELLO = 1,
	KEEL_UPGRADE_READY,
	KEEL_UPGRADE_PARCEL,
	KEEL_UPGRADE_ACK,
	KEEL_UPGRADE_COMMIT,
};

/**
 * struct keel_upgrade_ack - what became of a connection
 * @id:  as its parcel had it
 * @err: 0, or the negative errno why it was not taken
 */
struct keel_upgrade_ack {
	uint64_t id;
	int32_t err;
	int32_t zero;
};

/**
 * struct keel_upgrade_msg - one message
 * @type:   enum keel_upgrade_type
 * @data:   its bytes; received: the caller's to free, after clearing
 * @len:    how many
 * @fds:    descriptors; received: the caller's to close
 * @nr_fds: how many
 * @is_cut: received: there were descriptors, for which this process had no room
 */
struct keel_upgrade_msg {
	unsigned int type;
	void *data;
	size_t len;
	int fds[KEEL_UPGRADE_MAX_FDS];
	unsigned int nr_fds;
	bool is_cut;
};

/*
 * A socket at @path that only this user can connect to; one that a server
 * before left there is replaced. A descriptor, or a negative errno.
 */
int keel__upgrade_listen(const char *path);

/*
 * The other end: to the server at @path, or one that has connected. Both refuse
 * a process of another user with -EPERM. -ENOENT: nobody is there.
 */
int keel__upgrade_connect(const char *path);
int keel__upgrade_accept(int listen_fd);

/*
 * Whole messages. Who does not read or write for ten seconds is gone. 0, or a
 * negative errno; receiving also -ECONNRESET at the end, and -EPROTO for what
 * is no message of this version.
 */
int keel__upgrade_send(int fd, const struct keel_upgrade_msg *msg);
int keel__upgrade_recv(int fd, struct keel_upgrade_msg *ret_msg);

/* Clear and free a received message's bytes, close its descriptors. */
void keel__upgrade_msg_fini(struct keel_upgrade_msg *msg);

#endif
