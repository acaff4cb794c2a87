/* SPDX-License-Identifier: MIT */
/* Record protection: one keyed cipher context an object. */
#include "lib/backends/openssl/openssl-private.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "lib/base/base-private.h"

struct ossl_aead {
	EVP_CIPHER_CTX *cipher;
	bool is_ccm;
};

static const char *const cipher_names[KEEL__OSSL_NR_AEADS] = {
	[KEEL_AEAD_AES_128_GCM] = "AES-128-GCM",
	[KEEL_AEAD_AES_256_GCM] = "AES-256-GCM",
	[KEEL_AEAD_CHACHA20_POLY1305] = "ChaCha20-Poly1305",
	[KEEL_AEAD_AES_128_CCM] = "AES-128-CCM",
	[KEEL_AEAD_AES_256_CCM] = "AES-256-CCM",
};

/* A provider may lack any but AES-GCM, without which there is no TLS. */
int keel__ossl_aead_init(struct keel__ossl_lib *lib)
{
	for (size_t i = 0; i < KEEL__ARRAY_LEN(cipher_names); i++) {
		if (cipher_names[i])
			lib->ciphers[i] =
				EVP_CIPHER_fetch(NULL, cipher_names[i], NULL);
	}
	if (!lib->ciphers[KEEL_AEAD_AES_128_GCM] ||
	    !lib->ciphers[KEEL_AEAD_AES_256_GCM])
		return -ENOTSUP;
	ERR_clear_error();
	return 0;
}

/* CCM fixes nonce and tag lengths before the key (RFC 3610 section 2). */
static int cipher_init(EVP_CIPHER_CTX *cipher, enum keel_aead aead,
		       const uint8_t *key, bool encrypt)
{
	const EVP_CIPHER *type = keel__ossl_lib.ciphers[aead];

	if (aead != KEEL_AEAD_AES_128_CCM && aead != KEEL_AEAD_AES_256_CCM)
		return EVP_CipherInit_ex2(cipher, type, key, NULL, encrypt,
					  NULL);
	return EVP_CipherInit_ex2(cipher, type, NULL, NULL, encrypt, NULL) &&
	       EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_IVLEN,
				   KEEL_NONCE_LEN, NULL) > 0 &&
	       EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, KEEL_TAG_LEN,
				   NULL) > 0 &&
	       EVP_CipherInit_ex2(cipher, NULL, key, NULL, encrypt, NULL);
}

int keel__ossl_aead_new(enum keel_aead aead, const uint8_t *key, bool encrypt,
			void **ret_aead)
{
	struct ossl_aead *a;

	if ((unsigned int)aead >= KEEL__OSSL_NR_AEADS ||
	    !keel__ossl_lib.ciphers[aead])
		return -ENOTSUP;
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->is_ccm =
		aead == KEEL_AEAD_AES_128_CCM || aead == KEEL_AEAD_AES_256_CCM;
	a->cipher = EVP_CIPHER_CTX_new();
	if (!a->cipher || !cipher_init(a->cipher, aead, key, encrypt)) {
		ERR_clear_error();
		keel__ossl_aead_free(a);
		return -ENOMEM;
	}
	*ret_aead = a;
	return 0;
}

/* Frees the key schedule as well; OpenSSL clears it. */
void keel__ossl_aead_free(void *p)
{
	struct ossl_aead *a = p;

	if (!a)
		return;
	EVP_CIPHER_CTX_free(a->cipher);
	free(a);
}

static int update(EVP_CIPHER_CTX *cipher, uint8_t *out, const void *in,
		  size_t len)
{
	int n;

	return len <= INT_MAX &&
	       EVP_CipherUpdate(cipher, out, &n, in, (int)len);
}

/* CCM wants the length first and the text in one piece: gather it in @out. */
static int seal_ccm(EVP_CIPHER_CTX *cipher, const void *aad, size_t aad_len,
		    const struct iovec *in, size_t nr_in, uint8_t *out,
		    size_t len)
{
	size_t pos = 0;

	for (size_t i = 0; i < nr_in; i++) {
		if (in[i].iov_len && in[i].iov_base != out + pos)
			memcpy(out + pos, in[i].iov_base, in[i].iov_len);
		pos += in[i].iov_len;
	}
	return update(cipher, NULL, NULL, len) &&
	       update(cipher, NULL, aad, aad_len) &&
	       update(cipher, out, out, len);
}

static int seal_stream(EVP_CIPHER_CTX *cipher, const void *aad, size_t aad_len,
		       const struct iovec *in, size_t nr_in, uint8_t *out)
{
	int n;

	if (!update(cipher, NULL, aad, aad_len))
		return 0;
	for (size_t i = 0; i < nr_in; i++) {
		if (in[i].iov_len &&
		    !update(cipher, out, in[i].iov_base, in[i].iov_len))
			return 0;
		out += in[i].iov_len;
	}
	return EVP_EncryptFinal_ex(cipher, out, &n);
}

int keel__ossl_aead_seal(void *p, const uint8_t *nonce, const void *aad,
			 size_t aad_len, const struct iovec *in, size_t nr_in,
			 uint8_t *out)
{
	struct ossl_aead *a = p;
	size_t len = 0;
	int ok;

	for (size_t i = 0; i < nr_in; i++)
		len += in[i].iov_len;
	ok = EVP_CipherInit_ex2(a->cipher, NULL, NULL, nonce, -1, NULL);
	if (ok && a->is_ccm)
		ok = seal_ccm(a->cipher, aad, aad_len, in, nr_in, out, len);
	else if (ok)
		ok = seal_stream(a->cipher, aad, aad_len, in, nr_in, out);
	if (ok && EVP_CIPHER_CTX_ctrl(a->cipher, EVP_CTRL_AEAD_GET_TAG,
				      KEEL_TAG_LEN, out + len) > 0)
		return 0;
	ERR_clear_error();
	return -EIO;
}

/* Both kinds know the tag before the text; CCM has no final step. */
static int open_text(const struct ossl_aead *a, const void *aad, size_t aad_len,
		     const uint8_t *in, size_t len, uint8_t *out)
{
	int n;

	if (a->is_ccm && !update(a->cipher, NULL, NULL, len))
		return 0;
	if (!update(a->cipher, NULL, aad, aad_len))
		return 0;
	if (a->is_ccm)
		return update(a->cipher, out, in, len);
	return (!len || update(a->cipher, out, in, len)) &&
	       EVP_DecryptFinal_ex(a->cipher, out + len, &n);
}

int keel__ossl_aead_open(void *p, const uint8_t *nonce, const void *aad,
			 size_t aad_len, const uint8_t *in, size_t len,
			 uint8_t *out)
{
	struct ossl_aead *a = p;
	uint8_t tag[KEEL_TAG_LEN];

	if (len < KEEL_TAG_LEN)
		return -EBADMSG;
	len -= KEEL_TAG_LEN;
	memcpy(tag, in + len, sizeof(tag));
	if (!EVP_CipherInit_ex2(a->cipher, NULL, NULL, nonce, -1, NULL) ||
	    EVP_CIPHER_CTX_ctrl(a->cipher, EVP_CTRL_AEAD_SET_TAG, KEEL_TAG_LEN,
				tag) <= 0) {
		ERR_clear_error();
		return -EIO;
	}
	if (open_text(a, aad, aad_len, in, len, out))
		return 0;
	ERR_clear_error();
	return -EBADMSG;
}
