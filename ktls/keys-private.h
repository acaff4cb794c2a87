/* SPDX-License-Identifier: MIT */
/* Keys as the kernel takes them, and the calls that give them to it. */
#ifndef KEEL_KTLS_KEYS_PRIVATE_H
#define KEEL_KTLS_KEYS_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include <keel/backend.h>

#include "ktls/sys-private.h"

/**
 * struct keel__ktls_cipher - one row of the kernel's ciphers
 * @name:     for people
 * @type:     TLS_CIPHER_..., the kernel's number
 * @key_len:  bytes
 * @salt_len: bytes of the write IV that go into the salt
 * @iv_len:   bytes of the iv
 * @in_tls13: TLS 1.3 has it too; TLS 1.2 has them all
 */
struct keel__ktls_cipher {
	const char *name;
	uint16_t type;
	uint8_t key_len;
	uint8_t salt_len;
	uint8_t iv_len;
	bool in_tls13;
};

#define KEEL__KTLS_NR_CIPHERS 8

extern const struct keel__ktls_cipher keel__ktls_ciphers[KEEL__KTLS_NR_CIPHERS];

/**
 * struct keel__ktls_keys - what one direction goes on with
 * @cipher:         its row
 * @version:        KEEL_TLS1_2 or KEEL_TLS1_3
 * @dir:            enum keel_dir
 * @key:            cipher->key_len bytes
 * @iv:             the write IV, KEEL_NONCE_LEN bytes; in TLS 1.2 with GCM and
 *                  CCM its first four
 * @seq:            number of the next record
 * @explicit_nonce: TLS 1.2, GCM and CCM, sending: of the next record. The kernel
 *                  counts up from it; never used before under this key
 */
struct keel__ktls_keys {
	const struct keel__ktls_cipher *cipher;
	uint16_t version;
	uint8_t dir;
	const uint8_t *key;
	const uint8_t *iv;
	uint64_t seq;
	uint64_t explicit_nonce;
};

/*
 * Attach the kernel's TLS to a TCP socket, which stays an ordinary one until it
 * has keys. Only while it is ESTABLISHED, so right after accept or connect;
 * cannot be undone (net/ipv4/tcp_ulp.c). 0 or a negative errno.
 */
int keel__ktls_attach(const struct keel__ktls_sys *sys, int fd);

/*
 * Give the kernel the keys of one direction: from here on it protects every
 * record. On failure the direction is as it was (net/tls/tls_main.c,
 * do_tls_setsockopt_conf()). Leaves no copy of the keys. 0 or a negative errno.
 */
int keel__ktls_set_keys(const struct keel__ktls_sys *sys, int fd,
			const struct keel__ktls_keys *keys);

#endif
