/* SPDX-License-Identifier: MIT */
/* Answers of the kernel, made by hand: right ones, cut ones, wrong ones. */
#include "tests/netlink/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"

static void append(struct wire *wire, const void *data, size_t len)
{
	ATF_REQUIRE(wire->len + NLMSG_ALIGN(len) <= sizeof(wire->bytes));
	if (len)
		memcpy(wire->bytes + wire->len, data, len);
	wire->len += NLMSG_ALIGN(len);
}

void wire_init(struct wire *wire, uint16_t type, const void *head, size_t len)
{
	const struct nlmsghdr message = {.nlmsg_type = type};

	*wire = (struct wire){0};
	append(wire, &message, sizeof(message));
	append(wire, head, len);
}

void wire_put(struct wire *wire, uint16_t type, const void *data, size_t len)
{
	const struct nlattr attr = {
		.nla_len = (uint16_t)(sizeof(attr) + len),
		.nla_type = type,
	};

	append(wire, &attr, sizeof(attr));
	append(wire, data, len);
}

void wire_put_text(struct wire *wire, uint16_t type, const char *text)
{
	wire_put(wire, type, text, strlen(text) + 1);
}

void wire_put_u16(struct wire *wire, uint16_t type, uint16_t value)
{
	wire_put(wire, type, &value, sizeof(value));
}

void wire_put_u32(struct wire *wire, uint16_t type, uint32_t value)
{
	wire_put(wire, type, &value, sizeof(value));
}

size_t wire_begin(struct wire *wire, uint16_t type)
{
	size_t begin = wire->len;

	wire_put(wire, type | NLA_F_NESTED, NULL, 0);
	return begin;
}

void wire_end(struct wire *wire, size_t begin)
{
	struct nlattr attr;

	memcpy(&attr, wire->bytes + begin, sizeof(attr));
	attr.nla_len = (uint16_t)(wire->len - begin);
	memcpy(wire->bytes + begin, &attr, sizeof(attr));
}

const struct nlmsghdr *wire_message(struct wire *wire)
{
	struct nlmsghdr *message = (struct nlmsghdr *)(void *)wire->bytes;

	message->nlmsg_len = (uint32_t)wire->len;
	return message;
}

static void spoil(struct wire *wire, size_t len, size_t at, uint8_t mask,
		  int (*parse)(const struct nlmsghdr *answer, void *arg),
		  void *arg)
{
	struct nlmsghdr *copy = malloc(len);
	int r;

	ATF_REQUIRE(copy);
	memcpy(copy, wire->bytes, len);
	copy->nlmsg_len = (uint32_t)len;
	if (at)
		((uint8_t *)copy)[at] ^= mask;
	r = parse(copy, arg);
	ATF_CHECK_MSG(r == 0 || r == -EBADMSG, "%zu bytes, byte %zu ^ %#x: %d",
		      len, at, mask, r);
	free(copy);
}

void wire_spoil(struct wire *wire,
		int (*parse)(const struct nlmsghdr *answer, void *arg),
		void *arg)
{
	static const uint8_t masks[] = {0x01, 0x04, 0x80, 0xff};

	for (size_t len = sizeof(struct nlmsghdr); len <= wire->len; len++)
		spoil(wire, len, 0, 0, parse, arg);
	for (size_t at = sizeof(struct nlmsghdr); at < wire->len; at++)
		for (size_t i = 0; i < sizeof(masks); i++)
			spoil(wire, wire->len, at, masks[i], parse, arg);
}
