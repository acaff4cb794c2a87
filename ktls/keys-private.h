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
 * @aead:     enum keel_aead, 0 for what keel does not negotiate
 * @in_tls13: TLS 1.3 has it too; TLS 1.2 has them all
 */
struct keel__ktls_cipher {
	const char *name;
	uint16_t type;
	uint8_t key_len;
	uint8_t salt_len;
	uint8_t iv_len;
	uint8_t aead;
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

/* The longest of the kernel's structures. */
#define KEEL__KTLS_MAX_INFO 56

/**
 * struct keel__ktls_info - one direction's keys as an option of the socket
 * @level: for setsockopt(2) and getsockopt(2), as is
 * @name:  TLS_TX or TLS_RX
 * @len:   bytes of @bytes
 * @bytes: one of the structures of linux/tls.h: secret
 */
struct keel__ktls_info {
	int level;
	int name;
	size_t len;
	uint8_t bytes[KEEL__KTLS_MAX_INFO];
};

/* Lay out @keys; the caller clears the result with keel__secret_clear(). */
void keel__ktls_info_fill(struct keel__ktls_info *ret_info,
			  const struct keel__ktls_keys *keys);

/* Number of the next record, as getsockopt(2) has filled @info in. */
uint64_t keel__ktls_info_seq(const struct keel__ktls_info *info);

/* The row of the kernel's cipher for a suite; NULL if it has none. */
const struct keel__ktls_cipher *
keel__ktls_cipher_of(const struct keel_suite *suite);

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
