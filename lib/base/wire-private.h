/* SPDX-License-Identifier: MIT */
/* Integers and strings of bytes in a row, written and read with bounds. */
#ifndef KEEL_BASE_WIRE_PRIVATE_H
#define KEEL_BASE_WIRE_PRIVATE_H

#include <stdbool.h>

#include "lib/base/buf-private.h"

/*
 * A writer gathers the first error and goes on without effect, so that a row of
 * calls needs one look at the end.
 */
struct keel__writer {
	struct keel_buf buf;
	int err; /* 0, -ENOMEM or -ENOBUFS */
};

/* The low @width bytes of @value, 1 to 8, the most significant first. */
void keel__write_uint(struct keel__writer *w, uint64_t value, size_t width);
void keel__write_bytes(struct keel__writer *w, const void *data, size_t len);

/* Behind their length, which takes @width bytes. */
void keel__write_vector(struct keel__writer *w, const void *data, size_t len,
			size_t width);

/* Likewise: past the end there is nothing but @is_short and zeroes. */
struct keel__reader {
	const uint8_t *at;
	size_t left;
	bool is_short;
};

uint64_t keel__read_uint(struct keel__reader *r, size_t width);

/* Borrowed; NULL if fewer are left. */
const uint8_t *keel__read_bytes(struct keel__reader *r, size_t len);
const uint8_t *keel__read_vector(struct keel__reader *r, size_t width,
				 size_t *ret_len);

/*
 * CRC-64 as of ECMA-182, the one of xz(1): tells every error of up to 64 bits in
 * a row, and others but for one in 2^64.
 */
uint64_t keel__crc64(const void *data, size_t len);

#endif
