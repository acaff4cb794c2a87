/* SPDX-License-Identifier: MIT */
/* HKDF-Expand and the TLS 1.2 PRF, both loops around one HMAC. */
#include "lib/backends/openssl/openssl-private.h"

#include <errno.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include "lib/base/base-private.h"
#include "lib/base/secret-private.h"

#define MAX_HASH_LEN 48

static const struct {
	char name[8];
	size_t len;
} hashes[KEEL__OSSL_NR_HASHES] = {
	[KEEL_HASH_SHA256] = {"SHA256", 32},
	[KEEL_HASH_SHA384] = {"SHA384", 48},
};

/*
 * An HMAC context with the hash set and no key. A copy of it costs a fraction
 * of what OpenSSL's own KDFs spend on looking up the hash and the HMAC.
 */
static EVP_MAC_CTX *hmac_new(EVP_MAC *mac, size_t hash)
{
	char name[sizeof(hashes[0].name)];
	OSSL_PARAM params[2];
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);

	memcpy(name, hashes[hash].name, sizeof(name));
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
						     name, 0);
	params[1] = OSSL_PARAM_construct_end();
	if (ctx && !EVP_MAC_CTX_set_params(ctx, params)) {
		EVP_MAC_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

int keel__ossl_kdf_init(struct keel__ossl_lib *lib)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
	int r = mac ? 0 : -ENOTSUP;

	for (size_t i = 0; i < KEEL__ARRAY_LEN(hashes) && !r; i++) {
		if (!hashes[i].len)
			continue;
		lib->hmacs[i] = hmac_new(mac, i);
		if (!lib->hmacs[i])
			r = -ENOTSUP;
	}
	EVP_MAC_free(mac);
	return r;
}

/* A keyed copy; NULL if there is no such hash or no memory. */
static EVP_MAC_CTX *hmac_start(enum keel_hash hash, const uint8_t *key,
			       size_t key_len)
{
	EVP_MAC_CTX *ctx;

	if ((unsigned int)hash >= KEEL__OSSL_NR_HASHES ||
	    !keel__ossl_lib.hmacs[hash])
		return NULL;
	ctx = EVP_MAC_CTX_dup(keel__ossl_lib.hmacs[hash]);
	if (ctx && !EVP_MAC_init(ctx, key, key_len, NULL)) {
		EVP_MAC_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

/* HMAC over two parts under the key that @ctx has; the result is whole. */
static int hmac_parts(EVP_MAC_CTX *ctx, const uint8_t *a, size_t a_len,
		      const uint8_t *b, size_t b_len, uint8_t *out)
{
	size_t n;

	return EVP_MAC_update(ctx, a, a_len) && EVP_MAC_update(ctx, b, b_len) &&
	       EVP_MAC_final(ctx, out, &n, MAX_HASH_LEN) &&
	       EVP_MAC_init(ctx, NULL, 0, NULL);
}

/* T(n) = HMAC(PRK, T(n-1) | info | n): RFC 5869 section 2.3. */
static int expand(EVP_MAC_CTX *ctx, size_t hash_len, const uint8_t *info,
		  size_t info_len, uint8_t *out, size_t len)
{
	uint8_t block[MAX_HASH_LEN];
	size_t block_len = 0;
	size_t n = 0;
	int ok = 1;

	for (uint8_t i = 1; len && ok; i++) {
		ok = EVP_MAC_update(ctx, block, block_len) &&
		     EVP_MAC_update(ctx, info, info_len) &&
		     EVP_MAC_update(ctx, &i, 1) &&
		     EVP_MAC_final(ctx, block, &block_len, sizeof(block));
		n = keel__min_size(len, hash_len);
		if (ok)
			memcpy(out, block, n);
		out += n;
		len -= n;
		if (ok && len)
			ok = EVP_MAC_init(ctx, NULL, 0, NULL);
	}
	keel__secret_clear(block, sizeof(block));
	return ok;
}

int keel__ossl_hkdf_expand(enum keel_hash hash, const uint8_t *prk,
			   size_t prk_len, const uint8_t *info, size_t info_len,
			   uint8_t *out, size_t len)
{
	EVP_MAC_CTX *ctx;
	int ok;

	if ((unsigned int)hash >= KEEL__OSSL_NR_HASHES || !hashes[hash].len ||
	    len > 255 * hashes[hash].len)
		return -EINVAL;
	ctx = hmac_start(hash, prk, prk_len);
	ok = ctx && expand(ctx, hashes[hash].len, info, info_len, out, len);
	EVP_MAC_CTX_free(ctx);
	if (ok)
		return 0;
	ERR_clear_error();
	return -ENOMEM;
}

/* A(n) = HMAC(secret, A(n-1)); output HMAC(secret, A(n) | seed): RFC 5246. */
static int p_hash(EVP_MAC_CTX *ctx, size_t hash_len, const uint8_t *seed,
		  size_t seed_len, uint8_t *out, size_t len)
{
	uint8_t block[MAX_HASH_LEN];
	uint8_t a[MAX_HASH_LEN];
	size_t n = 0;
	int ok = hmac_parts(ctx, seed, seed_len, NULL, 0, a);

	while (len && ok) {
		ok = hmac_parts(ctx, a, hash_len, seed, seed_len, block);
		n = keel__min_size(len, hash_len);
		if (ok)
			memcpy(out, block, n);
		out += n;
		len -= n;
		if (ok && len)
			ok = hmac_parts(ctx, a, hash_len, NULL, 0, a);
	}
	keel__secret_clear(block, sizeof(block));
	keel__secret_clear(a, sizeof(a));
	return ok;
}

int keel__ossl_tls12_prf(enum keel_hash hash, const uint8_t *secret,
			 size_t secret_len, const uint8_t *seed,
			 size_t seed_len, uint8_t *out, size_t len)
{
	EVP_MAC_CTX *ctx;
	int ok;

	if ((unsigned int)hash >= KEEL__OSSL_NR_HASHES || !hashes[hash].len)
		return -EINVAL;
	ctx = hmac_start(hash, secret, secret_len);
	ok = ctx && p_hash(ctx, hashes[hash].len, seed, seed_len, out, len);
	EVP_MAC_CTX_free(ctx);
	if (ok)
		return 0;
	ERR_clear_error();
	return -ENOMEM;
}
