/* SPDX-License-Identifier: MIT */
/* The cipher suites of keel, best first, and names of versions. */
#include <keel/cipher.h>

#include <string.h>

#include "lib/base/base-private.h"

#define SHA256 .hash = KEEL_HASH_SHA256, .hash_len = 32
#define SHA384 .hash = KEEL_HASH_SHA384, .hash_len = 48
#define AES_128_GCM .aead = KEEL_AEAD_AES_128_GCM, .key_len = 16
#define AES_256_GCM .aead = KEEL_AEAD_AES_256_GCM, .key_len = 32
#define CHACHA20 .aead = KEEL_AEAD_CHACHA20_POLY1305, .key_len = 32
#define AES_128_CCM .aead = KEEL_AEAD_AES_128_CCM, .key_len = 16
#define AES_256_CCM .aead = KEEL_AEAD_AES_256_CCM, .key_len = 32

#define SUITE(code, ver, alg, digest, iana) \
	{ \
		.id = code, .version = KEEL_##ver, alg, digest, .name = iana \
	}

/*
 * AEAD suites with forward secrecy and a full tag, nothing else: no CBC, no
 * 8-byte tags, no static RSA, no finite-field DHE (RFC 9325 section 4.2).
 * AES-128-GCM leads: the fastest on hardware of servers, every kernel takes
 * it, and RFC 8446 section 9.1 makes it mandatory. In TLS 1.2 a certificate
 * fits one of ECDSA and RSA only, so those two alternate.
 */
static const struct keel_suite suites[] = {
	SUITE(0x1301, TLS1_3, AES_128_GCM, SHA256, "TLS_AES_128_GCM_SHA256"),
	SUITE(0x1302, TLS1_3, AES_256_GCM, SHA384, "TLS_AES_256_GCM_SHA384"),
	SUITE(0x1303, TLS1_3, CHACHA20, SHA256, "TLS_CHACHA20_POLY1305_SHA256"),
	SUITE(0x1304, TLS1_3, AES_128_CCM, SHA256, "TLS_AES_128_CCM_SHA256"),
	SUITE(0xc02b, TLS1_2, AES_128_GCM, SHA256,
	      "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
	SUITE(0xc02f, TLS1_2, AES_128_GCM, SHA256,
	      "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
	SUITE(0xc02c, TLS1_2, AES_256_GCM, SHA384,
	      "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
	SUITE(0xc030, TLS1_2, AES_256_GCM, SHA384,
	      "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
	SUITE(0xcca9, TLS1_2, CHACHA20, SHA256,
	      "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
	SUITE(0xcca8, TLS1_2, CHACHA20, SHA256,
	      "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
	SUITE(0xc0ac, TLS1_2, AES_128_CCM, SHA256,
	      "TLS_ECDHE_ECDSA_WITH_AES_128_CCM"),
	SUITE(0xc0ad, TLS1_2, AES_256_CCM, SHA256,
	      "TLS_ECDHE_ECDSA_WITH_AES_256_CCM"),
};

const struct keel_suite *keel_suite_by_id(uint16_t id)
{
	for (size_t i = 0; i < KEEL__ARRAY_LEN(suites); i++) {
		if (suites[i].id == id)
			return &suites[i];
	}
	return NULL;
}

const struct keel_suite *keel_suite_by_name(const char *name)
{
	if (!name)
		return NULL;
	for (size_t i = 0; i < KEEL__ARRAY_LEN(suites); i++) {
		if (!strcmp(suites[i].name, name))
			return &suites[i];
	}
	return NULL;
}

const struct keel_suite *keel_suite_at(size_t idx)
{
	return idx < KEEL__ARRAY_LEN(suites) ? &suites[idx] : NULL;
}

const char *keel_version_name(unsigned int version)
{
	switch (version) {
	case KEEL_TLS1_2:
		return "TLSv1.2";
	case KEEL_TLS1_3:
		return "TLSv1.3";
	}
	return "?";
}
