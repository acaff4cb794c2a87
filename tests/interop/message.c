/* SPDX-License-Identifier: MIT */
/* Messages that go to a peer and come back: lines of letters. */
#include "tests/interop/message.h"

#include <errno.h>
#include <stdlib.h>

#define LINE_LEN 64

bool sizes_parse(const char *text, struct sizes *ret_sizes)
{
	struct sizes sizes = {.nr = 0};
	const char *at = text;
	char *end;

	while (sizes.nr < MESSAGE_MAX_SIZES) {
		errno = 0;
		sizes.len[sizes.nr] = strtoull(at, &end, 10);
		if (errno || end == at || !sizes.len[sizes.nr])
			return false;
		sizes.nr++;
		if (!*end) {
			*ret_sizes = sizes;
			return true;
		}
		if (*end != ',')
			return false;
		at = end + 1;
	}
	return false;
}

uint64_t sizes_sum(const struct sizes *sizes)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < sizes->nr; i++)
		sum += sizes->len[i];
	return sum;
}

/* Eight letters in lower case, which no peer takes for a command. */
static uint64_t letters(size_t idx, uint64_t word)
{
	uint64_t x = (word + idx * 977 + 1) * UINT64_C(0x9e3779b97f4a7c15);

	x ^= x >> 29;
	return (x & UINT64_C(0x0f0f0f0f0f0f0f0f)) +
	       UINT64_C(0x6161616161616161);
}

static uint8_t byte_at(size_t idx, uint64_t total, uint64_t off)
{
	if (off == total - 1 || off % LINE_LEN == LINE_LEN - 1)
		return '\n';
	return (uint8_t)(letters(idx, off / 8) >> 8 * (off % 8));
}

/* A guest has 100 MB to make and is slow, so most come eight at a time. */
void message_fill(size_t idx, uint64_t total, uint64_t off, void *buf,
		  size_t len)
{
	uint8_t *to = buf;
	size_t i = 0;

	while (i < len) {
		uint64_t at = off + i;

		if (at % 8 || len - i < 8 || at % LINE_LEN == LINE_LEN - 8 ||
		    total - at <= 8) {
			to[i++] = byte_at(idx, total, at);
		} else {
			uint64_t word = letters(idx, at / 8);

			for (size_t k = 0; k < 8; k++)
				to[i++] = (uint8_t)(word >> 8 * k);
		}
	}
}

size_t message_check(size_t idx, uint64_t total, uint64_t off, const void *buf,
		     size_t len)
{
	const uint8_t *from = buf;
	uint8_t want[4096];
	size_t i, k, n;

	for (i = 0; i < len; i += n) {
		n = len - i < sizeof(want) ? len - i : sizeof(want);
		message_fill(idx, total, off + i, want, n);
		for (k = 0; k < n; k++) {
			if (want[k] != from[i + k])
				return i + k;
		}
	}
	return len;
}
