/* SPDX-License-Identifier: MIT */
/* What libkeel-netlink's parts have for each other, and for its tests. */
#ifndef KEEL_KTLS_NETLINK_NETLINK_PRIVATE_H
#define KEEL_KTLS_NETLINK_NETLINK_PRIVATE_H

#include <linux/netlink.h>
#include <stdio.h>

#include <keel/netlink.h>

/*
 * An answer of the kernel, of any content: 0, or -EBADMSG and an untouched
 * result. Its nlmsg_len is what the kernel wrote, so not trusted further than
 * the caller has bytes.
 */
int keel__nic_parse(const struct nlmsghdr *answer,
		    struct keel_nic_info *ret_info);
int keel__route_parse(const struct nlmsghdr *answer, unsigned int *ret_idx);
int keel__sock_parse(const struct nlmsghdr *answer,
		     struct keel_sock_info *ret_info);

/* The lines of /proc/net/tls_stat. */
int keel__tls_stat_parse(FILE *file,
			 int (*fn)(const char *name, uint64_t value, void *arg),
			 void *arg);

#endif
