/* SPDX-License-Identifier: MIT */
/* One direction's keys: derived, moved on, forgotten. */
#include "lib/core/traffic-private.h"

#include <errno.h>
#include <string.h>

#include "lib/base/base-private.h"
#include "lib/base/secret-private.h"

/* RFC 5246 section 8.1. */
#define MASTER_SECRET_LEN 48

/* Client's and server's key and IV at their longest: RFC 5246 section 6.3. */
#define MAX_KEY_BLOCK_LEN (2 * (KEEL_MAX_KEY_LEN + KEEL_NONCE_LEN))

#define LABEL_PREFIX "tls13 "
#define MAX_LABEL_LEN 16

/*
 * HKDF-Expand-Label with an empty context, the only form that record keys need
 * (RFC 8446 sections 7.1 to 7.3): a 16-bit length, the label and the context,
 * the latter two each behind a length of 8 bits.
 */
static int expand_label(const struct keel_backend *be, enum keel_hash hash,
			const uint8_t *secret, size_t secret_len,
			const char *label, uint8_t *out, size_t len)
{
	uint8_t info[2 + 1 + sizeof(LABEL_PREFIX) + MAX_LABEL_LEN + 1];
	size_t prefix_len = sizeof(LABEL_PREFIX) - 1;
	size_t label_len = strlen(label);
	size_t n = 0;

	assert(label_len <= MAX_LABEL_LEN);
	info[n++] = (uint8_t)(len >> 8);
	info[n++] = (uint8_t)len;
	info[n++] = (uint8_t)(prefix_len + label_len);
	memcpy(info + n, LABEL_PREFIX, prefix_len);
	n += prefix_len;
	memcpy(info + n, label, label_len);
	n += label_len;
	info[n++] = 0;
	return be->hkdf_expand(hash, secret, secret_len, info, n, out, len);
}

/* Key and IV from the secret that stands in @t: RFC 8446 section 7.3. */
static int derive_tls13(struct keel_traffic *t, const struct keel_backend *be)
{
	const struct keel_suite *suite = t->suite;
	int r;

	r = expand_label(be, suite->hash, t->secret, suite->hash_len, "key",
			 t->key, suite->key_len);
	if (r < 0)
		return r;
	r = expand_label(be, suite->hash, t->secret, suite->hash_len, "iv",
			 t->iv, KEEL_NONCE_LEN);
	return r < 0 ? r : 0;
}

static int init_tls13(struct keel_traffic *t, const struct keel_backend *be,
		      bool is_client_write, const struct keel_export *ex)
{
	(void)is_client_write;
	if (t->suite->version != KEEL_TLS1_3 ||
	    ex->secret_len != t->suite->hash_len)
		return -EINVAL;
	memcpy(t->secret, ex->secret, ex->secret_len);
	return derive_tls13(t, be);
}

/*
 * The part of the nonce that stays: four bytes of salt for GCM (RFC 5288
 * section 3) and CCM (RFC 6655 section 3), all twelve for ChaCha20-Poly1305
 * (RFC 7905 section 2).
 */
static size_t tls12_iv_len(const struct keel_suite *suite)
{
	return suite->aead == KEEL_AEAD_CHACHA20_POLY1305 ? KEEL_NONCE_LEN : 4;
}

/*
 * The key block of an AEAD suite has no MAC keys: client_write_key,
 * server_write_key, client_write_IV, server_write_IV (RFC 5246 section 6.3).
 */
static void split_key_block(struct keel_traffic *t, const uint8_t *block,
			    bool is_client_write)
{
	size_t key_len = t->suite->key_len;
	size_t iv_len = tls12_iv_len(t->suite);
	const uint8_t *key = block + (is_client_write ? 0 : key_len);
	const uint8_t *iv =
		block + 2 * key_len + (is_client_write ? 0 : iv_len);

	memcpy(t->key, key, key_len);
	memcpy(t->iv, iv, iv_len);
}

static int init_tls12(struct keel_traffic *t, const struct keel_backend *be,
		      bool is_client_write, const struct keel_export *ex)
{
	static const char label[] = "key expansion";
	uint8_t seed[sizeof(label) - 1 + 32 + 32];
	uint8_t block[MAX_KEY_BLOCK_LEN];
	size_t label_len = sizeof(label) - 1;
	int r;

	if (t->suite->version != KEEL_TLS1_2 ||
	    ex->secret_len != MASTER_SECRET_LEN)
		return -EINVAL;
	memcpy(seed, label, label_len);
	memcpy(seed + label_len, ex->server_random, 32);
	memcpy(seed + label_len + 32, ex->client_random, 32);
	r = be->tls12_prf(t->suite->hash, ex->secret, ex->secret_len, seed,
			  sizeof(seed), block,
			  2 * (t->suite->key_len + tls12_iv_len(t->suite)));
	if (r >= 0)
		split_key_block(t, block, is_client_write);
	keel__secret_clear(block, sizeof(block));
	return r < 0 ? r : 0;
}

/*
 * A backend that has the keys only cannot be asked for the next generation;
 * one that gives the TLS 1.3 secret beside them can.
 */
static int init_keys(struct keel_traffic *t, const struct keel_backend *be,
		     bool is_client_write, const struct keel_export *ex)
{
	(void)be;
	(void)is_client_write;
	if (ex->secret_len && (t->suite->version != KEEL_TLS1_3 ||
			       ex->secret_len != t->suite->hash_len))
		return -EINVAL;
	memcpy(t->secret, ex->secret, ex->secret_len);
	memcpy(t->key, ex->key, t->suite->key_len);
	memcpy(t->iv, ex->iv,
	       t->suite->version == KEEL_TLS1_3 ? KEEL_NONCE_LEN
						: tls12_iv_len(t->suite));
	return 0;
}

typedef int (*init_fn)(struct keel_traffic *t, const struct keel_backend *be,
		       bool is_client_write, const struct keel_export *ex);

static const init_fn init_fns[] = {
	[KEEL_EXPORT_TRAFFIC_SECRET] = init_tls13,
	[KEEL_EXPORT_MASTER_SECRET] = init_tls12,
	[KEEL_EXPORT_KEYS] = init_keys,
};

int keel__traffic_init(struct keel_traffic *t, const struct keel_backend *be,
		       const struct keel_suite *suite, enum keel_role role,
		       enum keel_dir dir, const struct keel_export *ex)
{
	/* A client's sent records and a server's received ones. */
	bool is_client_write = (role == KEEL_CLIENT) == (dir == KEEL_TX);
	int r = -EINVAL;

	memset(t, 0, sizeof(*t));
	t->suite = suite;
	t->dir = (uint8_t)dir;
	t->seq = ex->seq;
	t->explicit_nonce = ex->explicit_nonce;
	if ((size_t)ex->kind < KEEL__ARRAY_LEN(init_fns) && init_fns[ex->kind])
		r = init_fns[ex->kind](t, be, is_client_write, ex);
	if (r < 0)
		keel__secret_clear(t, sizeof(*t));
	return r;
}

/*
 * No hash gives an all-zero secret, so that means: there is none. Only TLS 1.3
 * keeps one.
 */
static bool has_secret(const struct keel_traffic *t)
{
	static const uint8_t none[KEEL_MAX_SECRET_LEN];

	return !keel__secret_equal(t->secret, none, sizeof(none));
}

int keel__traffic_next(const struct keel_traffic *t,
		       const struct keel_backend *be,
		       struct keel_traffic *ret_next)
{
	const struct keel_suite *suite = t->suite;
	int r;

	*ret_next = (struct keel_traffic){
		.suite = suite,
		.key_updates = t->key_updates + 1,
		.dir = t->dir,
	};
	r = has_secret(t) ? 0 : -EOPNOTSUPP;
	if (r >= 0)
		r = expand_label(be, suite->hash, t->secret, suite->hash_len,
				 "traffic upd", ret_next->secret,
				 suite->hash_len);
	if (r >= 0)
		r = derive_tls13(ret_next, be);
	if (r < 0)
		keel__secret_clear(ret_next, sizeof(*ret_next));
	return r < 0 ? r : 0;
}

/* The sequence begins at 0 again: RFC 8446 section 5.3. */
void keel__traffic_take(struct keel_traffic *t, const struct keel_backend *be,
			struct keel_traffic *next)
{
	keel__traffic_clear(t, be);
	*t = *next;
	keel__secret_clear(next, sizeof(*next));
}

int keel__traffic_update(struct keel_traffic *t, const struct keel_backend *be)
{
	struct keel_traffic next;
	int r = keel__traffic_next(t, be, &next);

	if (r >= 0)
		keel__traffic_take(t, be, &next);
	return r;
}

void keel__traffic_trim(struct keel_traffic *t, const struct keel_backend *be)
{
	if (t->aead)
		be->aead_free(t->aead);
	t->aead = NULL;
}

void keel__traffic_clear(struct keel_traffic *t, const struct keel_backend *be)
{
	keel__traffic_trim(t, be);
	keel__secret_clear(t, sizeof(*t));
}

/*
 * GCM: 2^24.5 full-size records keep the attacker's advantage under 2^-57
 * (RFC 8446 section 5.5). CCM: 2^23 (RFC 9147 section 4.5.3 and appendix B;
 * RFC 8446 says nothing of it). ChaCha20-Poly1305 runs out of sequence numbers
 * first.
 */
static const uint64_t aead_limits[] = {
	[KEEL_AEAD_AES_128_GCM] = UINT64_C(23726566),
	[KEEL_AEAD_AES_256_GCM] = UINT64_C(23726566),
	[KEEL_AEAD_CHACHA20_POLY1305] = UINT64_MAX,
	[KEEL_AEAD_AES_128_CCM] = UINT64_C(1) << 23,
	[KEEL_AEAD_AES_256_CCM] = UINT64_C(1) << 23,
};

uint64_t keel__aead_limit(enum keel_aead aead)
{
	/* An algorithm without a row may protect nothing. */
	return (size_t)aead < KEEL__ARRAY_LEN(aead_limits) ? aead_limits[aead]
							   : 0;
}
