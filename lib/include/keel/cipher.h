/* SPDX-License-Identifier: MIT */
/* Protocol versions, AEADs and cipher suites: one table. */
#ifndef KEEL_CIPHER_H
#define KEEL_CIPHER_H

#include <stddef.h>
#include <stdint.h>

#include <keel/visibility.h>

KEEL_BEGIN_DECLS

/* Versions, as on the wire (RFC 8446 section 4.2.1). */
#define KEEL_TLS1_2 0x0303
#define KEEL_TLS1_3 0x0304

/* Sizes no suite of ours exceeds, in bytes. */
#define KEEL_MAX_KEY_LEN 32
#define KEEL_MAX_SECRET_LEN 48
#define KEEL_NONCE_LEN 12
#define KEEL_TAG_LEN 16

/* Plaintext of one record, in bytes (RFC 8446 section 5.1). */
#define KEEL_MAX_PLAINTEXT 16384

/**
 * enum keel_aead - record protection algorithms; all have 16-byte tags
 */
enum keel_aead {
	KEEL_AEAD_AES_128_GCM = 1,
	KEEL_AEAD_AES_256_GCM,
	KEEL_AEAD_CHACHA20_POLY1305,
	KEEL_AEAD_AES_128_CCM,
	KEEL_AEAD_AES_256_CCM,
};

/**
 * enum keel_hash - hashes of HKDF (RFC 5869) and the TLS 1.2 PRF
 */
enum keel_hash {
	KEEL_HASH_SHA256 = 1,
	KEEL_HASH_SHA384,
};

/**
 * struct keel_suite - one row of the suite table
 * @id:       code point (IANA TLS Cipher Suites)
 * @version:  KEEL_TLS1_2 or KEEL_TLS1_3: a suite belongs to one of them
 * @aead:     enum keel_aead
 * @hash:     enum keel_hash
 * @name:     IANA name, "TLS_AES_128_GCM_SHA256"
 * @key_len:  bytes
 * @hash_len: bytes
 */
struct keel_suite {
	uint16_t id;
	uint16_t version;
	uint8_t aead;
	uint8_t hash;
	uint8_t key_len;
	uint8_t hash_len;
	const char *name;
};

/**
 * keel_suite_by_id() - look a suite up by its code point
 * @id: IANA code point
 *
 * Units:     none
 * Ownership: a static row
 * Threads:   any
 * Blocking:  never
 * Return:    the row, NULL if keel has no such suite
 * Errors:    none
 * Since:     0.1
 */
KEEL_API const struct keel_suite *keel_suite_by_id(uint16_t id);

/**
 * keel_suite_by_name() - look a suite up by its IANA name
 * @name: the name, case sensitive
 *
 * Units:     none
 * Ownership: a static row
 * Threads:   any
 * Blocking:  never
 * Return:    the row, NULL if keel has no such suite or @name is NULL
 * Errors:    none
 * Since:     0.1
 */
KEEL_API const struct keel_suite *keel_suite_by_name(const char *name);

/**
 * keel_suite_at() - walk the table, best first
 * @idx: 0 and up
 *
 * Units:     none
 * Ownership: a static row
 * Threads:   any
 * Blocking:  never
 * Return:    the row, NULL past the end
 * Errors:    none
 * Since:     0.1
 */
KEEL_API const struct keel_suite *keel_suite_at(size_t idx);

/**
 * keel_version_name() - "TLSv1.2" or "TLSv1.3"
 * @version: KEEL_TLS1_2 or KEEL_TLS1_3
 *
 * Units:     none
 * Ownership: a static string
 * Threads:   any
 * Blocking:  never
 * Return:    the name, "?" for any other value
 * Errors:    none
 * Since:     0.1
 */
KEEL_API const char *keel_version_name(unsigned int version);

KEEL_END_DECLS

#endif
