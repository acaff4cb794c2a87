/* SPDX-License-Identifier: MIT */
/* Answers of the kernel, made by hand: right ones, cut ones, wrong ones. */
#ifndef TESTS_NETLINK_WIRE_H
#define TESTS_NETLINK_WIRE_H

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

struct wire {
	_Alignas(NLMSG_ALIGNTO) uint8_t bytes[2048];
	size_t len;
};

/* Begin a message, with the header of its family. */
void wire_init(struct wire *wire, uint16_t type, const void *head, size_t len);

void wire_put(struct wire *wire, uint16_t type, const void *data, size_t len);
void wire_put_text(struct wire *wire, uint16_t type, const char *text);
void wire_put_u16(struct wire *wire, uint16_t type, uint16_t value);
void wire_put_u32(struct wire *wire, uint16_t type, uint32_t value);

/* What is put between the two is inside of an attribute. */
size_t wire_begin(struct wire *wire, uint16_t type);
void wire_end(struct wire *wire, size_t begin);

/* The message, whole. */
const struct nlmsghdr *wire_message(struct wire *wire);

/*
 * Call @parse with each beginning of the message, and with each of its bytes
 * after the header changed, always in memory of just that length. It must answer
 * with 0 or with -EBADMSG.
 */
void wire_spoil(struct wire *wire,
		int (*parse)(const struct nlmsghdr *answer, void *arg),
		void *arg);

#endif
