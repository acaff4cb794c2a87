/* SPDX-License-Identifier: MIT */
/* A backend row with nothing but algorithms, for tests of what uses them. */
#include "tests/support/crypto_row.h"

#include <errno.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

struct crypto_row_counts crypto_row_counts;

static const struct {
	const char *name;
	size_t key_len;
	bool is_ccm;
} algorithms[] = {
	[KEEL_AEAD_AES_128_GCM] = {"AES-128-GCM", 16, false},
	[KEEL_AEAD_AES_256_GCM] = {"AES-256-GCM", 32, false},
	[KEEL_AEAD_CHACHA20_POLY1305] = {"ChaCha20-Poly1305", 32, false},
	[KEEL_AEAD_AES_128_CCM] = {"AES-128-CCM", 16, true},
	[KEEL_AEAD_AES_256_CCM] = {"AES-256-CCM", 32, true},
};

static const char *const digests[] = {
	[KEEL_HASH_SHA256] = "SHA256",
	[KEEL_HASH_SHA384] = "SHA384",
};

/* The key is set for every record anew: slow, and nothing to get stale. */
struct aead {
	EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *ctx;
	uint8_t key[KEEL_MAX_KEY_LEN];
	bool is_ccm;
};

static void aead_free(void *arg)
{
	struct aead *aead = arg;

	if (!aead)
		return;
	crypto_row_counts.nr_free++;
	EVP_CIPHER_CTX_free(aead->ctx);
	EVP_CIPHER_free(aead->cipher);
	OPENSSL_cleanse(aead->key, sizeof(aead->key));
	free(aead);
}

static int aead_new(enum keel_aead alg, const uint8_t *key, bool encrypt,
		    void **ret_aead)
{
	struct aead *aead = calloc(1, sizeof(*aead));

	(void)encrypt;
	if (!aead)
		return -ENOMEM;
	crypto_row_counts.nr_new++;
	aead->is_ccm = algorithms[alg].is_ccm;
	aead->cipher = EVP_CIPHER_fetch(NULL, algorithms[alg].name, NULL);
	aead->ctx = EVP_CIPHER_CTX_new();
	memcpy(aead->key, key, algorithms[alg].key_len);
	if (!aead->cipher || !aead->ctx) {
		aead_free(aead);
		return -ENOMEM;
	}
	*ret_aead = aead;
	return 0;
}

/* Everything before the text. CCM must know the lengths and the tag first. */
static bool start(struct aead *aead, const uint8_t *nonce, const void *aad,
		  size_t aad_len, size_t text_len, uint8_t *tag, bool encrypt)
{
	EVP_CIPHER_CTX *ctx = aead->ctx;
	int n;

	if (EVP_CIPHER_CTX_reset(ctx) != 1 ||
	    EVP_CipherInit_ex(ctx, aead->cipher, NULL, NULL, NULL, encrypt) !=
		    1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, KEEL_NONCE_LEN,
				NULL) != 1)
		return false;
	if ((aead->is_ccm || !encrypt) &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, KEEL_TAG_LEN,
				encrypt ? NULL : tag) != 1)
		return false;
	if (EVP_CipherInit_ex(ctx, NULL, NULL, aead->key, nonce, encrypt) != 1)
		return false;
	if (aead->is_ccm &&
	    EVP_CipherUpdate(ctx, NULL, &n, NULL, (int)text_len) != 1)
		return false;
	return EVP_CipherUpdate(ctx, NULL, &n, aad, (int)aad_len) == 1;
}

/* CCM takes the text in one piece, so it is always gathered first. */
static int aead_seal(void *arg, const uint8_t *nonce, const void *aad,
		     size_t aad_len, const struct iovec *in, size_t nr_in,
		     uint8_t *out)
{
	struct aead *aead = arg;
	size_t len = 0;
	int n;

	for (size_t i = 0; i < nr_in; i++) {
		memmove(out + len, in[i].iov_base, in[i].iov_len);
		len += in[i].iov_len;
	}
	if (!start(aead, nonce, aad, aad_len, len, NULL, true) ||
	    EVP_CipherUpdate(aead->ctx, out, &n, out, (int)len) != 1 ||
	    EVP_CipherFinal_ex(aead->ctx, out + len, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(aead->ctx, EVP_CTRL_AEAD_GET_TAG, KEEL_TAG_LEN,
				out + len) != 1)
		return -EIO;
	return 0;
}

static int aead_open(void *arg, const uint8_t *nonce, const void *aad,
		     size_t aad_len, const uint8_t *in, size_t len,
		     uint8_t *out)
{
	struct aead *aead = arg;
	uint8_t tag[KEEL_TAG_LEN];
	int n;

	len -= KEEL_TAG_LEN;
	memcpy(tag, in + len, sizeof(tag));
	if (!start(aead, nonce, aad, aad_len, len, tag, false))
		return -EIO;
	if (EVP_CipherUpdate(aead->ctx, out, &n, in, (int)len) != 1)
		return -EBADMSG;
	/* CCM has verified by now, and has no final step. */
	if (!aead->is_ccm && EVP_CipherFinal_ex(aead->ctx, tag, &n) != 1)
		return -EBADMSG;
	return 0;
}

static int derive(const char *kdf_name, OSSL_PARAM *params, uint8_t *out,
		  size_t len)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, kdf_name, NULL);
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	int r = -EIO;

	if (ctx && EVP_KDF_derive(ctx, out, len, params) == 1)
		r = 0;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return r;
}

static OSSL_PARAM octets(const char *name, const uint8_t *data, size_t len)
{
	return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)data,
						 len);
}

static OSSL_PARAM digest(enum keel_hash hash)
{
	return OSSL_PARAM_construct_utf8_string(
		OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)digests[hash], 0);
}

static int hkdf_expand(enum keel_hash hash, const uint8_t *prk, size_t prk_len,
		       const uint8_t *info, size_t info_len, uint8_t *out,
		       size_t len)
{
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	OSSL_PARAM params[] = {
		digest(hash),
		OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
		octets(OSSL_KDF_PARAM_KEY, prk, prk_len),
		octets(OSSL_KDF_PARAM_INFO, info, info_len),
		OSSL_PARAM_construct_end(),
	};

	return derive("HKDF", params, out, len);
}

static int tls12_prf(enum keel_hash hash, const uint8_t *secret,
		     size_t secret_len, const uint8_t *seed, size_t seed_len,
		     uint8_t *out, size_t len)
{
	OSSL_PARAM params[] = {
		digest(hash),
		octets(OSSL_KDF_PARAM_SECRET, secret, secret_len),
		octets(OSSL_KDF_PARAM_SEED, seed, seed_len),
		OSSL_PARAM_construct_end(),
	};

	return derive("TLS1-PRF", params, out, len);
}

const struct keel_backend crypto_row = {
	.abi = KEEL_BACKEND_ABI,
	.sz = sizeof(struct keel_backend),
	.name = "crypto-row",
	.description = "algorithms only",
	.aead_new = aead_new,
	.aead_seal = aead_seal,
	.aead_open = aead_open,
	.aead_free = aead_free,
	.hkdf_expand = hkdf_expand,
	.tls12_prf = tls12_prf,
};
