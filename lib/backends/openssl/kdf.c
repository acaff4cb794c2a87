/* SPDX-License-Identifier: MIT */
/* HMAC and what is a loop around it: HKDF-Expand and the TLS 1.2 PRF. */
#include "lib/backends/openssl/openssl-private.h"

#include <errno.h>
#include <string.h>

#include <openssl/err.h>

#include "lib/base/base-private.h"
#include "lib/base/secret-private.h"

/* The longest block of a hash that OpenSSL has is SHA3-224's. */
#define MAX_BLOCK_LEN 144

/* RFC 2104 section 2. */
#define IPAD 0x36
#define OPAD 0x5c

static const struct {
	enum keel_hash hash;
	const char *name;
} names[] = {
	{KEEL_HASH_SHA256, "SHA256"},
	{KEEL_HASH_SHA384, "SHA384"},
};

/* False if HMAC cannot rest on @md; otherwise @hash has taken it over. */
bool keel__ossl_hash_init(struct keel__ossl_hash *hash, EVP_MD *md)
{
	int len = EVP_MD_get_size(md);
	int block_len = EVP_MD_get_block_size(md);

	if ((EVP_MD_get_flags(md) & EVP_MD_FLAG_XOF) || len <= 0 ||
	    len > EVP_MAX_MD_SIZE || block_len < len ||
	    block_len > MAX_BLOCK_LEN ||
	    !EVP_Digest(NULL, 0, hash->of_nothing, NULL, md, NULL))
		return false;
	hash->md = md;
	hash->len = (size_t)len;
	hash->block_len = (size_t)block_len;
	return true;
}

int keel__ossl_kdf_init(struct keel__ossl_lib *lib)
{
	EVP_MD *md;

	for (size_t i = 0; i < KEEL__ARRAY_LEN(names); i++) {
		md = EVP_MD_fetch(NULL, names[i].name, NULL);
		if (!md ||
		    !keel__ossl_hash_init(&lib->hashes[names[i].hash], md)) {
			EVP_MD_free(md);
			return -ENOTSUP;
		}
	}
	return 0;
}

static const struct keel__ossl_hash *hash_find(enum keel_hash hash)
{
	if ((unsigned int)hash >= KEEL__OSSL_NR_HASHES ||
	    !keel__ossl_lib.hashes[hash].md)
		return NULL;
	return &keel__ossl_lib.hashes[hash];
}

/*
 * An HMAC under way: RFC 2104. OpenSSL's own spends more on its parameters and
 * copies of contexts than on hashing the two or three blocks that a key
 * schedule gives it; keel asks the hash directly.
 */
struct hmac {
	EVP_MD_CTX *ctx;
	const struct keel__ossl_hash *hash;
	uint8_t key[MAX_BLOCK_LEN]; /* padded, XORed with IPAD */
};

static void hmac_fini(struct hmac *hmac)
{
	EVP_MD_CTX_free(hmac->ctx);
	keel__secret_clear(hmac, sizeof(*hmac));
}

static bool hmac_init(struct hmac *hmac, const struct keel__ossl_hash *hash,
		      const struct keel__ossl_part *key)
{
	hmac->ctx = EVP_MD_CTX_new();
	hmac->hash = hash;
	memset(hmac->key, 0, sizeof(hmac->key));
	if (!hmac->ctx)
		return false;
	/* A key longer than a block is hashed first. */
	if (key->len > hash->block_len) {
		if (!EVP_DigestInit_ex(hmac->ctx, hash->md, NULL) ||
		    !EVP_DigestUpdate(hmac->ctx, key->data, key->len) ||
		    !EVP_DigestFinal_ex(hmac->ctx, hmac->key, NULL))
			return false;
	} else if (key->len) {
		memcpy(hmac->key, key->data, key->len);
	}
	for (size_t i = 0; i < hash->block_len; i++)
		hmac->key[i] ^= IPAD;
	return true;
}

static bool hmac_start(struct hmac *hmac)
{
	return EVP_DigestInit_ex(hmac->ctx, hmac->hash->md, NULL) &&
	       EVP_DigestUpdate(hmac->ctx, hmac->key, hmac->hash->block_len);
}

static bool hmac_add(struct hmac *hmac, const void *data, size_t len)
{
	return EVP_DigestUpdate(hmac->ctx, data, len);
}

/* @out may be what was added. */
static bool hmac_end(struct hmac *hmac, uint8_t *out)
{
	const struct keel__ossl_hash *hash = hmac->hash;
	uint8_t pad[MAX_BLOCK_LEN];
	bool ok;

	for (size_t i = 0; i < hash->block_len; i++)
		pad[i] = hmac->key[i] ^ IPAD ^ OPAD;
	ok = EVP_DigestFinal_ex(hmac->ctx, out, NULL) &&
	     EVP_DigestInit_ex(hmac->ctx, hash->md, NULL) &&
	     EVP_DigestUpdate(hmac->ctx, pad, hash->block_len) &&
	     EVP_DigestUpdate(hmac->ctx, out, hash->len) &&
	     EVP_DigestFinal_ex(hmac->ctx, out, NULL);
	keel__secret_clear(pad, sizeof(pad));
	return ok;
}

bool keel__ossl_hmac(const struct keel__ossl_hash *hash,
		     const struct keel__ossl_part *key,
		     const struct keel__ossl_part *text, uint8_t *out)
{
	struct hmac hmac;
	bool ok = hmac_init(&hmac, hash, key) && hmac_start(&hmac) &&
		  hmac_add(&hmac, text->data, text->len) &&
		  hmac_end(&hmac, out);

	hmac_fini(&hmac);
	return ok;
}

/* T(n) = HMAC(PRK, T(n-1) | info | n): RFC 5869 section 2.3. */
bool keel__ossl_expand(const struct keel__ossl_hash *hash,
		       const struct keel__ossl_part *prk,
		       const struct keel__ossl_part *info, uint8_t *out,
		       size_t len)
{
	uint8_t block[EVP_MAX_MD_SIZE];
	size_t block_len = 0;
	struct hmac hmac;
	size_t n;
	bool ok = hmac_init(&hmac, hash, prk);

	if (len > UINT8_MAX * hash->len)
		ok = false;
	for (uint8_t i = 1; len && ok; i++) {
		ok = hmac_start(&hmac) && hmac_add(&hmac, block, block_len) &&
		     hmac_add(&hmac, info->data, info->len) &&
		     hmac_add(&hmac, &i, 1) && hmac_end(&hmac, block);
		block_len = hash->len;
		n = keel__min_size(len, block_len);
		if (ok)
			memcpy(out, block, n);
		out += n;
		len -= n;
	}
	keel__secret_clear(block, sizeof(block));
	hmac_fini(&hmac);
	return ok;
}

int keel__ossl_hkdf_expand(enum keel_hash hash, const uint8_t *prk,
			   size_t prk_len, const uint8_t *info, size_t info_len,
			   uint8_t *out, size_t len)
{
	const struct keel__ossl_part key = {prk, prk_len};
	const struct keel__ossl_part text = {info, info_len};
	const struct keel__ossl_hash *found = hash_find(hash);

	if (!found || len > UINT8_MAX * found->len)
		return -EINVAL;
	if (keel__ossl_expand(found, &key, &text, out, len))
		return 0;
	ERR_clear_error();
	return -ENOMEM;
}

static bool hmac_two(struct hmac *hmac, const uint8_t *a, size_t a_len,
		     const uint8_t *b, size_t b_len, uint8_t *out)
{
	return hmac_start(hmac) && hmac_add(hmac, a, a_len) &&
	       hmac_add(hmac, b, b_len) && hmac_end(hmac, out);
}

/*
 * A(n) = HMAC(secret, A(n-1)); output HMAC(secret, A(n) | seed): RFC 5246
 * section 5.
 */
static bool p_hash(struct hmac *hmac, const uint8_t *seed, size_t seed_len,
		   uint8_t *out, size_t len)
{
	size_t hash_len = hmac->hash->len;
	uint8_t block[EVP_MAX_MD_SIZE];
	uint8_t a[EVP_MAX_MD_SIZE];
	size_t n;
	bool ok = hmac_two(hmac, seed, seed_len, NULL, 0, a);

	while (len && ok) {
		ok = hmac_two(hmac, a, hash_len, seed, seed_len, block);
		n = keel__min_size(len, hash_len);
		if (ok)
			memcpy(out, block, n);
		out += n;
		len -= n;
		if (ok && len)
			ok = hmac_two(hmac, a, hash_len, NULL, 0, a);
	}
	keel__secret_clear(block, sizeof(block));
	keel__secret_clear(a, sizeof(a));
	return ok;
}

int keel__ossl_tls12_prf(enum keel_hash hash, const uint8_t *secret,
			 size_t secret_len, const uint8_t *seed,
			 size_t seed_len, uint8_t *out, size_t len)
{
	const struct keel__ossl_part key = {secret, secret_len};
	const struct keel__ossl_hash *found = hash_find(hash);
	struct hmac hmac;
	bool ok;

	if (!found)
		return -EINVAL;
	ok = hmac_init(&hmac, found, &key) &&
	     p_hash(&hmac, seed, seed_len, out, len);
	hmac_fini(&hmac);
	if (ok)
		return 0;
	ERR_clear_error();
	return -ENOMEM;
}
