/* SPDX-License-Identifier: MIT */
/* Shapes of the vectors; every byte string is hexadecimal. */
#ifndef TESTS_CORE_VECTORS_VECTOR_H
#define TESTS_CORE_VECTORS_VECTOR_H

#include <keel/backend.h>

#include "lib/core/record-private.h"

/* A secret of TLS 1.3 and the keys that come of it. */
struct key_vector {
	const char *name;
	uint16_t suite;
	const char *secret;
	const char *key;
	const char *iv;
};

/* A secret of TLS 1.3 and the next one. */
struct update_vector {
	const char *name;
	uint16_t suite;
	const char *secret;
	const char *next_secret;
};

/*
 * One record. @secret is the traffic secret of generation 0, or the master
 * secret of TLS 1.2, which also needs the randoms.
 */
struct record_vector {
	const char *name;
	uint16_t suite;
	enum keel_role sender;
	const char *secret;
	const char *client_random;
	const char *server_random;
	unsigned int updates;
	uint64_t seq;
	uint8_t type;
	const char *text;
	const char *record;
};

#endif
