/* SPDX-License-Identifier: MIT */
/* A backend row with nothing but algorithms, for tests of what uses them. */
#ifndef TESTS_SUPPORT_CRYPTO_ROW_H
#define TESTS_SUPPORT_CRYPTO_ROW_H

#include <keel/backend.h>

/*
 * AEADs, HKDF and the TLS 1.2 PRF, written on libcrypto's EVP without a line of
 * the OpenSSL backend, so that the two can be held against each other. The
 * handshake slots are NULL. Copy the row to replace a slot.
 */
extern const struct keel_backend crypto_row;

/* What became of the AEADs of this row; a test may set it to zero. */
struct crypto_row_counts {
	unsigned int nr_new;
	unsigned int nr_free;
};

extern struct crypto_row_counts crypto_row_counts;

#endif
