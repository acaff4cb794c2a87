/* SPDX-License-Identifier: MIT */
/* What the record engine borrows: AEADs, HKDF, the PRF of TLS 1.2. */
#include "lib/backends/gnutls/gnutls-private.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <string.h>

#include "lib/base/base-private.h"
#include "lib/base/secret-private.h"

#define MAX_HASH_LEN 48

static const struct {
	gnutls_cipher_algorithm_t cipher;
	unsigned int key_len;
} aeads[] = {
	[KEEL_AEAD_AES_128_GCM] = {GNUTLS_CIPHER_AES_128_GCM, 16},
	[KEEL_AEAD_AES_256_GCM] = {GNUTLS_CIPHER_AES_256_GCM, 32},
	[KEEL_AEAD_CHACHA20_POLY1305] = {GNUTLS_CIPHER_CHACHA20_POLY1305, 32},
	[KEEL_AEAD_AES_128_CCM] = {GNUTLS_CIPHER_AES_128_CCM, 16},
	[KEEL_AEAD_AES_256_CCM] = {GNUTLS_CIPHER_AES_256_CCM, 32},
};

int keel__gtls_aead_new(enum keel_aead aead, const uint8_t *key, bool encrypt,
			void **ret_aead)
{
	gnutls_aead_cipher_hd_t handle;
	uint8_t copy[KEEL_MAX_KEY_LEN];
	gnutls_datum_t datum = {.data = copy};
	int ret;

	(void)encrypt; /* one object does both */
	if ((unsigned int)aead >= KEEL__ARRAY_LEN(aeads) ||
	    !aeads[aead].key_len)
		return -ENOTSUP;
	datum.size = aeads[aead].key_len;
	memcpy(copy, key, datum.size);
	ret = gnutls_aead_cipher_init(&handle, aeads[aead].cipher, &datum);
	keel__secret_clear(copy, sizeof(copy));
	if (ret < 0)
		return ret == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -ENOTSUP;
	*ret_aead = handle;
	return 0;
}

void keel__gtls_aead_free(void *aead)
{
	if (aead)
		gnutls_aead_cipher_deinit(aead);
}

/* One part is read where it lies; several are put together first. */
static const void *text_of(const struct iovec *in, size_t nr_in, uint8_t *out,
			   size_t *ret_len)
{
	size_t len = 0;

	if (nr_in == 1) {
		*ret_len = in->iov_len;
		return in->iov_base;
	}
	for (size_t i = 0; i < nr_in; i++) {
		if (in[i].iov_len)
			memcpy(out + len, in[i].iov_base, in[i].iov_len);
		len += in[i].iov_len;
	}
	*ret_len = len;
	return out;
}

int keel__gtls_aead_seal(void *aead, const uint8_t *nonce, const void *aad,
			 size_t aad_len, const struct iovec *in, size_t nr_in,
			 uint8_t *out)
{
	size_t len;
	const void *text = text_of(in, nr_in, out, &len);
	size_t out_len = len + KEEL_TAG_LEN;

	if (gnutls_aead_cipher_encrypt(aead, nonce, KEEL_NONCE_LEN, aad,
				       aad_len, KEEL_TAG_LEN, text, len, out,
				       &out_len) < 0)
		return -EIO;
	return 0;
}

int keel__gtls_aead_open(void *aead, const uint8_t *nonce, const void *aad,
			 size_t aad_len, const uint8_t *in, size_t len,
			 uint8_t *out)
{
	size_t out_len = len < KEEL_TAG_LEN ? 0 : len - KEEL_TAG_LEN;

	if (len < KEEL_TAG_LEN)
		return -EBADMSG;
	if (gnutls_aead_cipher_decrypt(aead, nonce, KEEL_NONCE_LEN, aad,
				       aad_len, KEEL_TAG_LEN, in, len, out,
				       &out_len) < 0)
		return -EBADMSG;
	return 0;
}

/* GNUTLS_MAC_UNKNOWN for a hash that is none of keel's. */
static gnutls_mac_algorithm_t mac_of(enum keel_hash hash, size_t *ret_len)
{
	switch (hash) {
	case KEEL_HASH_SHA256:
		*ret_len = 32;
		return GNUTLS_MAC_SHA256;
	case KEEL_HASH_SHA384:
		*ret_len = 48;
		return GNUTLS_MAC_SHA384;
	}
	return GNUTLS_MAC_UNKNOWN;
}

/* GnuTLS reads through pointers that are not const. */
static gnutls_datum_t datum_of(const void *data, size_t len)
{
	gnutls_datum_t datum = {.size = (unsigned int)len};

	memcpy(&datum.data, &data, sizeof(data));
	return datum;
}

int keel__gtls_hkdf_expand(enum keel_hash hash, const uint8_t *prk,
			   size_t prk_len, const uint8_t *info, size_t info_len,
			   uint8_t *out, size_t len)
{
	gnutls_datum_t key = datum_of(prk, prk_len);
	gnutls_datum_t text = datum_of(info, info_len);
	size_t hash_len;
	gnutls_mac_algorithm_t mac = mac_of(hash, &hash_len);

	if (mac == GNUTLS_MAC_UNKNOWN || len > 255 * hash_len)
		return -EINVAL;
	return gnutls_hkdf_expand(mac, &key, &text, out, len) < 0 ? -EIO : 0;
}

/* HMAC(secret, a + seed) for a block of output, HMAC(secret, a) for the next. */
static int prf_block(gnutls_hmac_hd_t hmac, uint8_t *a, size_t hash_len,
		     const uint8_t *seed, size_t seed_len, uint8_t *ret_block)
{
	if (gnutls_hmac(hmac, a, hash_len) < 0 ||
	    gnutls_hmac(hmac, seed, seed_len) < 0)
		return -EIO;
	gnutls_hmac_output(hmac, ret_block);
	if (gnutls_hmac(hmac, a, hash_len) < 0)
		return -EIO;
	gnutls_hmac_output(hmac, a);
	return 0;
}

/* P_hash of RFC 5246 section 5. */
int keel__gtls_tls12_prf(enum keel_hash hash, const uint8_t *secret,
			 size_t secret_len, const uint8_t *seed,
			 size_t seed_len, uint8_t *out, size_t len)
{
	uint8_t block[MAX_HASH_LEN];
	uint8_t a[MAX_HASH_LEN];
	gnutls_hmac_hd_t hmac;
	size_t hash_len;
	gnutls_mac_algorithm_t mac = mac_of(hash, &hash_len);
	int ret = 0;

	if (mac == GNUTLS_MAC_UNKNOWN)
		return -EINVAL;
	if (gnutls_hmac_init(&hmac, mac, secret, secret_len) < 0)
		return -EIO;
	if (gnutls_hmac(hmac, seed, seed_len) < 0)
		ret = -EIO;
	else
		gnutls_hmac_output(hmac, a);
	while (!ret && len) {
		size_t part = keel__min_size(len, hash_len);

		ret = prf_block(hmac, a, hash_len, seed, seed_len, block);
		if (ret)
			break;
		memcpy(out, block, part);
		out += part;
		len -= part;
	}
	gnutls_hmac_deinit(hmac, NULL);
	keel__secret_clear(block, sizeof(block));
	keel__secret_clear(a, sizeof(a));
	return ret;
}
