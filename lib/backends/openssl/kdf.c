/* SPDX-License-Identifier: MIT */
/* HKDF-Expand and the TLS 1.2 PRF, both loops around one HMAC. */
#include "lib/backends/openssl/openssl-private.h"

#include <errno.h>
#include <string.h>

#include <openssl/err.h>

#include "lib/base/base-private.h"
#include "lib/base/secret-private.h"

static const char *const hash_names[KEEL__OSSL_NR_HASHES] = {
	[KEEL_HASH_SHA256] = "SHA256",
	[KEEL_HASH_SHA384] = "SHA384",
};

/*
 * RFC 2104 by hand, on a hash that was looked up once: OpenSSL's own HMAC and
 * KDFs spend several times the hashing on looking up what they are made of.
 */
struct hmac {
	EVP_MD_CTX *ctx;
	const struct keel__ossl_hash *hash;
	uint8_t inner[KEEL__OSSL_MAX_BLOCK_LEN]; /* the key and ipad */
	uint8_t outer[KEEL__OSSL_MAX_BLOCK_LEN]; /* the key and opad */
};

bool keel__ossl_hash_init(struct keel__ossl_hash *hash, EVP_MD *md)
{
	int len = EVP_MD_get_size(md);
	int block_len = EVP_MD_get_block_size(md);

	if (len <= 0 || len > KEEL__OSSL_MAX_HASH_LEN || block_len < len ||
	    block_len > KEEL__OSSL_MAX_BLOCK_LEN ||
	    EVP_MD_get_flags(md) & EVP_MD_FLAG_XOF)
		return false;
	*hash = (struct keel__ossl_hash){
		.md = md,
		.len = (size_t)len,
		.block_len = (size_t)block_len,
	};
	return EVP_Digest("", 0, hash->of_nothing, NULL, md, NULL);
}

int keel__ossl_kdf_init(struct keel__ossl_lib *lib)
{
	EVP_MD *md;

	for (size_t i = 0; i < KEEL__ARRAY_LEN(hash_names); i++) {
		if (!hash_names[i])
			continue;
		md = EVP_MD_fetch(NULL, hash_names[i], NULL);
		if (!md)
			return -ENOTSUP;
		if (!keel__ossl_hash_init(&lib->hashes[i], md)) {
			EVP_MD_free(md);
			return -ENOTSUP;
		}
	}
	return 0;
}

void keel__ossl_kdf_fini(struct keel__ossl_lib *lib)
{
	for (size_t i = 0; i < KEEL__OSSL_NR_HASHES; i++)
		EVP_MD_free(lib->hashes[i].md);
}

static const struct keel__ossl_hash *hash_get(enum keel_hash hash)
{
	if ((unsigned int)hash >= KEEL__OSSL_NR_HASHES ||
	    !keel__ossl_lib.hashes[hash].md)
		return NULL;
	return &keel__ossl_lib.hashes[hash];
}

/* The hash of a block of @hmac, NULL for none, and of the parts. */
static bool digest(const struct hmac *hmac, const uint8_t *block,
		   const struct keel__ossl_bytes *parts, size_t nr_parts,
		   uint8_t *out)
{
	bool ok = EVP_DigestInit_ex2(hmac->ctx, hmac->hash->md, NULL);

	if (ok && block)
		ok = EVP_DigestUpdate(hmac->ctx, block, hmac->hash->block_len);
	for (size_t i = 0; i < nr_parts && ok; i++) {
		if (parts[i].len)
			ok = EVP_DigestUpdate(hmac->ctx, parts[i].data,
					      parts[i].len);
	}
	return ok && EVP_DigestFinal_ex(hmac->ctx, out, NULL);
}

/* False if OpenSSL cannot; hmac_fini() is due in any case. */
static bool hmac_init(struct hmac *hmac, const struct keel__ossl_hash *hash,
		      struct keel__ossl_bytes key)
{
	*hmac = (struct hmac){.ctx = EVP_MD_CTX_new(), .hash = hash};
	if (!hmac->ctx)
		return false;
	if (key.len > hash->block_len) {
		if (!digest(hmac, NULL, &key, 1, hmac->inner))
			return false;
	} else if (key.len) {
		memcpy(hmac->inner, key.data, key.len);
	}
	for (size_t i = 0; i < hash->block_len; i++) {
		hmac->outer[i] = hmac->inner[i] ^ 0x5c;
		hmac->inner[i] ^= 0x36;
	}
	return true;
}

static bool hmac_run(const struct hmac *hmac,
		     const struct keel__ossl_bytes *parts, size_t nr_parts,
		     uint8_t *out)
{
	const struct keel__ossl_bytes inner = {out, hmac->hash->len};

	return digest(hmac, hmac->inner, parts, nr_parts, out) &&
	       digest(hmac, hmac->outer, &inner, 1, out);
}

/* OpenSSL clears the state of its hash. */
static void hmac_fini(struct hmac *hmac)
{
	EVP_MD_CTX_free(hmac->ctx);
	keel__secret_clear(hmac, sizeof(*hmac));
}

bool keel__ossl_hmac(const struct keel__ossl_hash *hash,
		     struct keel__ossl_bytes key,
		     const struct keel__ossl_bytes *parts, size_t nr_parts,
		     uint8_t *out)
{
	struct hmac hmac;
	bool ok = hmac_init(&hmac, hash, key) &&
		  hmac_run(&hmac, parts, nr_parts, out);

	hmac_fini(&hmac);
	return ok;
}

/* T(n) = HMAC(PRK, T(n-1) | info | n): RFC 5869 section 2.3. */
static bool expand(const struct hmac *hmac, struct keel__ossl_bytes info,
		   uint8_t *out, size_t len)
{
	uint8_t block[KEEL__OSSL_MAX_HASH_LEN];
	uint8_t n = 1;
	struct keel__ossl_bytes parts[] = {{block, 0}, info, {&n, 1}};
	size_t part_len;
	bool ok = true;

	for (; len && ok; n++) {
		ok = hmac_run(hmac, parts, KEEL__ARRAY_LEN(parts), block);
		part_len = keel__min_size(len, hmac->hash->len);
		if (ok)
			memcpy(out, block, part_len);
		out += part_len;
		len -= part_len;
		parts[0].len = hmac->hash->len;
	}
	keel__secret_clear(block, sizeof(block));
	return ok;
}

bool keel__ossl_expand(const struct keel__ossl_hash *hash,
		       struct keel__ossl_bytes prk,
		       struct keel__ossl_bytes info, uint8_t *out, size_t len)
{
	struct hmac hmac;
	bool ok;

	if (len > 255 * hash->len)
		return false;
	ok = hmac_init(&hmac, hash, prk) && expand(&hmac, info, out, len);
	hmac_fini(&hmac);
	return ok;
}

int keel__ossl_hkdf_expand(enum keel_hash hash_id, const uint8_t *prk,
			   size_t prk_len, const uint8_t *info, size_t info_len,
			   uint8_t *out, size_t len)
{
	const struct keel__ossl_hash *hash = hash_get(hash_id);

	if (!hash || len > 255 * hash->len)
		return -EINVAL;
	if (keel__ossl_expand(hash, (struct keel__ossl_bytes){prk, prk_len},
			      (struct keel__ossl_bytes){info, info_len}, out,
			      len))
		return 0;
	ERR_clear_error();
	return -ENOMEM;
}

/* A(n) = HMAC(secret, A(n-1)); output HMAC(secret, A(n) | seed): RFC 5246. */
static bool p_hash(const struct hmac *hmac, struct keel__ossl_bytes seed,
		   uint8_t *out, size_t len)
{
	uint8_t block[KEEL__OSSL_MAX_HASH_LEN];
	uint8_t a[KEEL__OSSL_MAX_HASH_LEN];
	const struct keel__ossl_bytes parts[] = {{a, hmac->hash->len}, seed};
	size_t n;
	bool ok = hmac_run(hmac, &seed, 1, a);

	while (len && ok) {
		ok = hmac_run(hmac, parts, KEEL__ARRAY_LEN(parts), block);
		n = keel__min_size(len, hmac->hash->len);
		if (ok)
			memcpy(out, block, n);
		out += n;
		len -= n;
		if (ok && len)
			ok = hmac_run(hmac, parts, 1, a);
	}
	keel__secret_clear(block, sizeof(block));
	keel__secret_clear(a, sizeof(a));
	return ok;
}

int keel__ossl_tls12_prf(enum keel_hash hash_id, const uint8_t *secret,
			 size_t secret_len, const uint8_t *seed,
			 size_t seed_len, uint8_t *out, size_t len)
{
	const struct keel__ossl_hash *hash = hash_get(hash_id);
	struct hmac hmac;
	bool ok;

	if (!hash)
		return -EINVAL;
	ok = hmac_init(&hmac, hash,
		       (struct keel__ossl_bytes){secret, secret_len}) &&
	     p_hash(&hmac, (struct keel__ossl_bytes){seed, seed_len}, out, len);
	hmac_fini(&hmac);
	if (ok)
		return 0;
	ERR_clear_error();
	return -ENOMEM;
}
