/* SPDX-License-Identifier: MIT */
/* Protected records of any shape, also such as no honest peer sends. */
#ifndef TESTS_SUPPORT_FORGE_H
#define TESTS_SUPPORT_FORGE_H

#include <keel/backend.h>

/* Room that the longest record takes: header and a 16-bit length. */
#define FORGE_MAX_LEN (5 + 65535)

/**
 * struct forge - one record to make
 * @suite:   decides the shape
 * @key:     key of the suite
 * @iv:      12 bytes, or the 4 of the salt
 * @seq:     sequence number
 * @nonce:   explicit nonce, TLS 1.2 GCM and CCM
 * @type:    content type in the header
 * @version: in the header
 * @text:    what is encrypted: in TLS 1.3 the whole inner plaintext, content
 *           type and padding included; may be NULL with @len 0
 * @len:     bytes
 */
struct forge {
	const struct keel_suite *suite;
	const uint8_t *key;
	const uint8_t *iv;
	uint64_t seq;
	uint64_t nonce;
	uint8_t type;
	uint16_t version;
	const uint8_t *text;
	size_t len;
};

/*
 * Write the record to @out and return its length. It does not use the record
 * engine: header, nonce and additional data are spelled out again.
 */
size_t forge_record(const struct forge *f, uint8_t *out);

#endif
