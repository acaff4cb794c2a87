/* SPDX-License-Identifier: MIT */
/* Messages that go to a peer and come back: lines of letters. */
#ifndef TESTS_INTEROP_MESSAGE_H
#define TESTS_INTEROP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MESSAGE_MAX_SIZES 16

/**
 * struct sizes - lengths of messages, one after the other
 * @nr:  of them
 * @len: of each
 */
struct sizes {
	size_t nr;
	uint64_t len[MESSAGE_MAX_SIZES];
};

/* Numbers above 0 with commas between them. */
bool sizes_parse(const char *text, struct sizes *ret_sizes);

/* All of them together. */
uint64_t sizes_sum(const struct sizes *sizes);

/*
 * Bytes from @off on of message @idx, which has @total. No two messages and no
 * two places are alike. The last byte ends a line: some peers wait for it.
 */
void message_fill(size_t idx, uint64_t total, uint64_t off, void *buf,
		  size_t len);

/* Offset of the first byte that is not so, or @len. */
size_t message_check(size_t idx, uint64_t total, uint64_t off, const void *buf,
		     size_t len);

#endif
