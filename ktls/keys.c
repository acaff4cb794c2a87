/* SPDX-License-Identifier: MIT */
/* Keys as the kernel takes them: one row a cipher, one function for all. */
#include "ktls/keys-private.h"

#include <endian.h>
#include <string.h>

#include "lib/base/secret-private.h"

#include "ktls/uapi-private.h"

/* Where a nonce of 12 bytes is split: RFC 5288 section 3, RFC 6655. */
#define SPLIT .salt_len = 4, .iv_len = 8
#define WHOLE .salt_len = 0, .iv_len = 12

/* RFC 9367 has no ARIA in TLS 1.3, and neither has the kernel. */
const struct keel__ktls_cipher keel__ktls_ciphers[KEEL__KTLS_NR_CIPHERS] = {
	{.name = "AES-128-GCM",
	 .type = TLS_CIPHER_AES_GCM_128,
	 .aead = KEEL_AEAD_AES_128_GCM,
	 .key_len = 16,
	 SPLIT,
	 .in_tls13 = true},
	{.name = "AES-256-GCM",
	 .type = TLS_CIPHER_AES_GCM_256,
	 .aead = KEEL_AEAD_AES_256_GCM,
	 .key_len = 32,
	 SPLIT,
	 .in_tls13 = true},
	{.name = "CHACHA20-POLY1305",
	 .type = TLS_CIPHER_CHACHA20_POLY1305,
	 .aead = KEEL_AEAD_CHACHA20_POLY1305,
	 .key_len = 32,
	 WHOLE,
	 .in_tls13 = true},
	{.name = "AES-128-CCM",
	 .type = TLS_CIPHER_AES_CCM_128,
	 .aead = KEEL_AEAD_AES_128_CCM,
	 .key_len = 16,
	 SPLIT,
	 .in_tls13 = true},
	{.name = "SM4-GCM",
	 .type = TLS_CIPHER_SM4_GCM,
	 .key_len = 16,
	 SPLIT,
	 .in_tls13 = true},
	{.name = "SM4-CCM",
	 .type = TLS_CIPHER_SM4_CCM,
	 .key_len = 16,
	 SPLIT,
	 .in_tls13 = true},
	{.name = "ARIA-128-GCM",
	 .type = TLS_CIPHER_ARIA_GCM_128,
	 .key_len = 16,
	 SPLIT},
	{.name = "ARIA-256-GCM",
	 .type = TLS_CIPHER_ARIA_GCM_256,
	 .key_len = 32,
	 SPLIT},
};

_Static_assert(sizeof(struct tls12_crypto_info_aes_gcm_256) ==
			       KEEL__KTLS_MAX_INFO &&
		       sizeof(struct tls12_crypto_info_chacha20_poly1305) <=
			       KEEL__KTLS_MAX_INFO,
	       "the longest of the kernel's structures");

const struct keel__ktls_cipher *
keel__ktls_cipher_of(const struct keel_suite *suite)
{
	for (size_t i = 0; i < KEEL__KTLS_NR_CIPHERS; i++) {
		if (keel__ktls_ciphers[i].aead == suite->aead)
			return &keel__ktls_ciphers[i];
	}
	return NULL;
}

static uint8_t *put(uint8_t *to, const void *from, size_t len)
{
	memcpy(to, from, len);
	return to + len;
}

static uint8_t *put_u64(uint8_t *to, uint64_t value)
{
	value = htobe64(value);
	return put(to, &value, sizeof(value));
}

/*
 * The iv of TLS 1.2 with GCM and CCM is the explicit nonce of the next record,
 * which a receiver takes from the record. All else have the rest of the write
 * IV there.
 */
static uint8_t *put_iv(uint8_t *to, const struct keel__ktls_keys *keys)
{
	const struct keel__ktls_cipher *cipher = keys->cipher;

	if (keys->version == KEEL_TLS1_3 || !cipher->salt_len)
		return put(to, keys->iv + cipher->salt_len, cipher->iv_len);
	return put_u64(to, keys->dir == KEEL_TX ? keys->explicit_nonce : 0);
}

/* Every structure of linux/tls.h is head, iv, key, salt, rec_seq. */
void keel__ktls_info_fill(struct keel__ktls_info *ret_info,
			  const struct keel__ktls_keys *keys)
{
	const struct keel__ktls_cipher *cipher = keys->cipher;
	const struct tls_crypto_info head = {
		.version = keys->version,
		.cipher_type = cipher->type,
	};
	uint8_t *end = ret_info->bytes;

	ret_info->level = SOL_TLS;
	ret_info->name = keys->dir == KEEL_TX ? TLS_TX : TLS_RX;
	end = put(end, &head, sizeof(head));
	end = put_iv(end, keys);
	end = put(end, keys->key, cipher->key_len);
	end = put(end, keys->iv, cipher->salt_len);
	end = put_u64(end, keys->seq);
	ret_info->len = (size_t)(end - ret_info->bytes);
}

uint64_t keel__ktls_info_seq(const struct keel__ktls_info *info)
{
	uint64_t seq;

	memcpy(&seq, info->bytes + info->len - sizeof(seq), sizeof(seq));
	return be64toh(seq);
}

int keel__ktls_attach(const struct keel__ktls_sys *sys, int fd)
{
	return sys->set(sys->arg, fd, IPPROTO_TCP, TCP_ULP, KEEL__KTLS_ULP_NAME,
			sizeof(KEEL__KTLS_ULP_NAME) - 1);
}

int keel__ktls_set_keys(const struct keel__ktls_sys *sys, int fd,
			const struct keel__ktls_keys *keys)
{
	struct keel__ktls_info info;
	int err;

	keel__ktls_info_fill(&info, keys);
	err = sys->set(sys->arg, fd, info.level, info.name, info.bytes,
		       info.len);
	keel__secret_clear(&info, sizeof(info));
	return err;
}
