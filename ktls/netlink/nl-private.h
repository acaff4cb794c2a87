/* SPDX-License-Identifier: MIT */
/* One question to the kernel, and its answers. */
#ifndef KEEL_KTLS_NETLINK_NL_PRIVATE_H
#define KEEL_KTLS_NETLINK_NL_PRIVATE_H

#include <netlink/msg.h>
#include <netlink/netlink.h>

#include <keel/backend.h>

/*
 * Gets an answer. A result other than 0 is the last: nothing else is told, and
 * the question ends with it.
 */
typedef int (*keel__nl_fn)(const struct nlmsghdr *answer, void *arg);

/* libnl's error as a negative errno; @nle is negative too. */
int keel__nl_errno(int nle);

/* A connected socket of @protocol, whose answers come soon or not at all. */
int keel__nl_open(int protocol, struct nl_sock **ret_sock);

/*
 * Sends @msg and tells @fn the answers. @msg stays the caller's. Returns 0, what
 * @fn returned, or what the kernel said.
 */
int keel__nl_ask(struct nl_sock *sock, struct nl_msg *msg, keel__nl_fn fn,
		 void *arg);

/* Notes why, if somebody wants to know; returns @err. */
int keel__nl_diag(struct keel_diag *ret_diag, int err, const char *site,
		  const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* As keel__nl_diag(), with the sentence for an error that any call may meet. */
int keel__nl_fail(struct keel_diag *ret_diag, int err, const char *site);

#endif
