/* SPDX-License-Identifier: MIT */
/* Traffic keys: derivation, update, and that nothing of them stays behind. */
#include <atf-c.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base-private.h"
#include "lib/core/traffic-private.h"
#include "tests/core/vectors/rfc8448.h"
#include "tests/core/vectors/wire_tls13.h"
#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tests/support/crypto_row.h"
#include "tests/support/hex.h"

#define SUITE_TLS13 0x1301
#define SUITE_TLS12 0xc02b

static const struct keel_traffic zero_traffic;

static void fill(uint8_t *out, size_t len, unsigned int start)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(start + 7 * i);
}

/* HKDF-Expand-Label as libcrypto has it, with its own idea of the label. */
static void reference_label(const struct keel_suite *suite,
			    const uint8_t *secret, const char *label,
			    uint8_t *out, size_t len)
{
	static char prefix[] = "tls13 ";
	static char sha256[] = "SHA256", sha384[] = "SHA384";
	char label_copy[32];
	uint8_t secret_copy[KEEL_MAX_SECRET_LEN];
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
		OSSL_PARAM_construct_utf8_string(
			OSSL_KDF_PARAM_DIGEST,
			suite->hash == KEEL_HASH_SHA384 ? sha384 : sha256, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY,
						  secret_copy, suite->hash_len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, prefix,
						  strlen(prefix)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL,
						  label_copy, strlen(label)),
		OSSL_PARAM_construct_end(),
	};

	memcpy(secret_copy, secret, suite->hash_len);
	ATF_REQUIRE(strlen(label) < sizeof(label_copy));
	memcpy(label_copy, label, strlen(label) + 1);
	ATF_REQUIRE_EQ(1, EVP_KDF_derive(ctx, out, len, params));
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

static void tls13_export(const struct keel_suite *suite,
			 struct keel_export *ret_ex)
{
	*ret_ex = (struct keel_export){
		.kind = KEEL_EXPORT_TRAFFIC_SECRET,
		.secret_len = suite->hash_len,
		.seq = 3,
	};
	fill(ret_ex->secret, ret_ex->secret_len, suite->id);
}

static void tls12_export(struct keel_export *ret_ex)
{
	*ret_ex = (struct keel_export){
		.kind = KEEL_EXPORT_MASTER_SECRET,
		.secret_len = 48,
		.seq = 1,
		.explicit_nonce = 77,
	};
	fill(ret_ex->secret, 48, 1);
	fill(ret_ex->client_random, 32, 2);
	fill(ret_ex->server_random, 32, 3);
}

CASE(traffic_init__matches_rfc8448, "Keys and IVs of the RFC 8448 trace")
{
	for (size_t i = 0; i < KEEL__ARRAY_LEN(rfc8448_keys); i++) {
		const struct key_vector *v = &rfc8448_keys[i];
		struct keel_export ex = {.kind = KEEL_EXPORT_TRAFFIC_SECRET};
		uint8_t key[KEEL_MAX_KEY_LEN], iv[KEEL_NONCE_LEN];
		struct keel_traffic t;

		ex.secret_len = hex_decode(v->secret, ex.secret, 48);
		REQUIRE_INT(v->name, 0,
			    keel__traffic_init(&t, &crypto_row,
					       keel_suite_by_id(v->suite),
					       KEEL_SERVER, KEEL_TX, &ex));
		CHECK_MEM(v->name, key, t.key, hex_decode(v->key, key, 32));
		CHECK_MEM(v->name, iv, t.iv, hex_decode(v->iv, iv, 12));
		keel__traffic_clear(&t, &crypto_row);
	}
}

CASE(traffic_init__derives_tls13_keys,
     "Every TLS 1.3 suite against libcrypto's TLS13-KDF; sequence "
     "and direction are taken over")
{
	const struct keel_suite *suite;

	for (size_t i = 0; (suite = keel_suite_at(i)); i++) {
		uint8_t key[KEEL_MAX_KEY_LEN], iv[KEEL_NONCE_LEN];
		struct keel_export ex;
		struct keel_traffic t;

		if (suite->version != KEEL_TLS1_3)
			continue;
		tls13_export(suite, &ex);
		REQUIRE_INT(suite->name, 0,
			    keel__traffic_init(&t, &crypto_row, suite,
					       KEEL_CLIENT, KEEL_RX, &ex));
		reference_label(suite, ex.secret, "key", key, suite->key_len);
		reference_label(suite, ex.secret, "iv", iv, sizeof(iv));
		CHECK_MEM(suite->name, key, t.key, suite->key_len);
		CHECK_MEM(suite->name, iv, t.iv, sizeof(iv));
		CHECK_MEM(suite->name, ex.secret, t.secret, ex.secret_len);
		CHECK_INT(suite->name, 3, t.seq);
		CHECK_INT(suite->name, KEEL_RX, t.dir);
		ATF_CHECK_EQ(suite, t.suite);
		ATF_CHECK_EQ(NULL, t.aead);
		keel__traffic_clear(&t, &crypto_row);
	}
}

/* Whose half of the key block a connection's direction is. */
static const struct {
	const char *name;
	enum keel_role role;
	enum keel_dir dir;
	unsigned int half;
} halves[] = {
	{"client sends", KEEL_CLIENT, KEEL_TX, 0},
	{"client receives", KEEL_CLIENT, KEEL_RX, 1},
	{"server sends", KEEL_SERVER, KEEL_TX, 1},
	{"server receives", KEEL_SERVER, KEEL_RX, 0},
};

static void check_half(const struct keel_suite *suite, size_t row)
{
	bool is_chacha = suite->aead == KEEL_AEAD_CHACHA20_POLY1305;
	size_t iv_len = is_chacha ? 12 : 4, key_len = suite->key_len;
	uint8_t seed[13 + 64], block[2 * (32 + 12)];
	struct keel_export ex;
	struct keel_traffic t;

	tls12_export(&ex);
	memcpy(seed, "key expansion", 13);
	memcpy(seed + 13, ex.server_random, 32);
	memcpy(seed + 45, ex.client_random, 32);
	ATF_REQUIRE_EQ(0, crypto_row.tls12_prf(suite->hash, ex.secret, 48, seed,
					       sizeof(seed), block,
					       2 * (key_len + iv_len)));
	REQUIRE_INT(halves[row].name, 0,
		    keel__traffic_init(&t, &crypto_row, suite, halves[row].role,
				       halves[row].dir, &ex));
	CHECK_MEM(halves[row].name, block + halves[row].half * key_len, t.key,
		  key_len);
	CHECK_MEM(halves[row].name,
		  block + 2 * key_len + halves[row].half * iv_len, t.iv,
		  iv_len);
	CHECK_INT(halves[row].name, 77, t.explicit_nonce);
	CHECK_INT(halves[row].name, 1, t.seq);
	/* The master secret is not kept: TLS 1.2 has no key update. */
	CHECK_MEM(halves[row].name, zero_traffic.secret, t.secret, 48);
	keel__traffic_clear(&t, &crypto_row);
}

CASE(traffic_init__splits_the_tls12_key_block,
     "Every TLS 1.2 suite, role and direction gets its part of the "
     "key block")
{
	const struct keel_suite *suite;

	for (size_t i = 0; (suite = keel_suite_at(i)); i++)
		for (size_t j = 0; j < KEEL__ARRAY_LEN(halves); j++)
			if (suite->version == KEEL_TLS1_2)
				check_half(suite, j);
}

CASE(traffic_init__takes_ready_keys, "KEEL_EXPORT_KEYS in both versions")
{
	static const struct {
		const char *name;
		uint16_t suite;
		size_t iv_len;
	} rows[] = {
		{"1.3", SUITE_TLS13, 12},
		{"1.2 GCM", SUITE_TLS12, 4},
		{"1.2 ChaCha", 0xcca9, 12},
	};

	for (size_t i = 0; i < KEEL__ARRAY_LEN(rows); i++) {
		const struct keel_suite *suite =
			keel_suite_by_id(rows[i].suite);
		struct keel_export ex = {.kind = KEEL_EXPORT_KEYS, .seq = 9};
		struct keel_traffic t;

		fill(ex.key, suite->key_len, 11);
		fill(ex.iv, KEEL_NONCE_LEN, 12);
		REQUIRE_INT(rows[i].name, 0,
			    keel__traffic_init(&t, &crypto_row, suite,
					       KEEL_SERVER, KEEL_TX, &ex));
		CHECK_MEM(rows[i].name, ex.key, t.key, KEEL_MAX_KEY_LEN);
		CHECK_MEM(rows[i].name, ex.iv, t.iv, rows[i].iv_len);
		CHECK_INT(rows[i].name, 9, t.seq);
		CHECK_INT(rows[i].name, -EOPNOTSUPP,
			  keel__traffic_update(&t, &crypto_row));
		keel__traffic_clear(&t, &crypto_row);
	}
}

static const struct {
	const char *name;
	uint16_t suite;
	int kind;
	size_t secret_len;
} misfits[] = {
	{"TLS 1.3 secret, TLS 1.2 suite", SUITE_TLS12, 1, 32},
	{"TLS 1.3 secret too short", SUITE_TLS13, 1, 31},
	{"TLS 1.3 secret too long", SUITE_TLS13, 1, 48},
	{"TLS 1.3 secret longer than the field", SUITE_TLS13, 1, 49},
	{"TLS 1.3 no secret", SUITE_TLS13, 1, 0},
	{"SHA-384 suite, SHA-256 secret", 0x1302, 1, 32},
	{"master secret, TLS 1.3 suite", SUITE_TLS13, 2, 48},
	{"master secret too short", SUITE_TLS12, 2, 47},
	{"master secret longer than the field", SUITE_TLS12, 2, 49},
	{"keys, with a secret in TLS 1.2", SUITE_TLS12, 3, 32},
	{"keys, secret of wrong length", SUITE_TLS13, 3, 48},
	{"no kind", SUITE_TLS13, 0, 32},
	{"unknown kind", SUITE_TLS13, 4, 32},
	{"negative kind", SUITE_TLS13, -1, 32},
};

CASE(traffic_init__refuses_what_does_not_fit,
     "-EINVAL and nothing left in the object")
{
	for (size_t i = 0; i < KEEL__ARRAY_LEN(misfits); i++) {
		struct keel_export ex = {.secret_len = misfits[i].secret_len};
		struct keel_traffic t;

		ex.kind = (enum keel_export_kind)misfits[i].kind;
		memset(&t, 0xa5, sizeof(t));
		fill(ex.secret, sizeof(ex.secret), 1);
		fill(ex.key, sizeof(ex.key), 2);
		CHECK_INT(misfits[i].name, -EINVAL,
			  keel__traffic_init(&t, &crypto_row,
					     keel_suite_by_id(misfits[i].suite),
					     KEEL_SERVER, KEEL_TX, &ex));
		CHECK_MEM(misfits[i].name, &zero_traffic, &t, sizeof(t));
	}
}

/* A row whose derivations fail when the count reaches zero. */
static int derivations_left;

static int failing_expand(enum keel_hash hash, const uint8_t *prk,
			  size_t prk_len, const uint8_t *info, size_t info_len,
			  uint8_t *out, size_t len)
{
	if (!derivations_left--)
		return -EIO;
	return crypto_row.hkdf_expand(hash, prk, prk_len, info, info_len, out,
				      len);
}

static int failing_prf(enum keel_hash hash, const uint8_t *secret,
		       size_t secret_len, const uint8_t *seed, size_t seed_len,
		       uint8_t *out, size_t len)
{
	(void)hash, (void)secret, (void)secret_len, (void)seed, (void)seed_len;
	memset(out, 0x5a, len);
	return -EIO;
}

static struct keel_backend failing_row(void)
{
	struct keel_backend be = crypto_row;

	be.hkdf_expand = failing_expand;
	be.tls12_prf = failing_prf;
	return be;
}

CASE(traffic_init__backend_failure_leaves_nothing,
     "Whichever derivation fails, its code is returned and the "
     "object is all zero")
{
	const struct keel_suite *suite = keel_suite_by_id(SUITE_TLS13);
	struct keel_backend be = failing_row();
	struct keel_export ex;
	struct keel_traffic t;

	tls13_export(suite, &ex);
	for (int nr_good = 0; nr_good < 2; nr_good++) {
		derivations_left = nr_good;
		CHECK_INT("TLS 1.3", -EIO,
			  keel__traffic_init(&t, &be, suite, KEEL_SERVER,
					     KEEL_TX, &ex));
		CHECK_MEM("TLS 1.3", &zero_traffic, &t, sizeof(t));
	}
	tls12_export(&ex);
	CHECK_INT("TLS 1.2", -EIO,
		  keel__traffic_init(&t, &be, keel_suite_by_id(SUITE_TLS12),
				     KEEL_SERVER, KEEL_TX, &ex));
	CHECK_MEM("TLS 1.2", &zero_traffic, &t, sizeof(t));
}

CASE(traffic_update__matches_other_libraries,
     "The next secret is the one in another library's key log after "
     "a key update on the wire")
{
	for (size_t i = 0; i < KEEL__ARRAY_LEN(update_vectors); i++) {
		const struct update_vector *v = &update_vectors[i];
		struct keel_export ex = {.kind = KEEL_EXPORT_TRAFFIC_SECRET};
		uint8_t next[KEEL_MAX_SECRET_LEN];
		struct keel_traffic t;

		ex.secret_len = hex_decode(v->secret, ex.secret, 48);
		REQUIRE_INT(v->name, 0,
			    keel__traffic_init(&t, &crypto_row,
					       keel_suite_by_id(v->suite),
					       KEEL_SERVER, KEEL_TX, &ex));
		REQUIRE_INT(v->name, 0, keel__traffic_update(&t, &crypto_row));
		CHECK_MEM(v->name, next, t.secret,
			  hex_decode(v->next_secret, next, 48));
		keel__traffic_clear(&t, &crypto_row);
	}
}

static void check_generations(const struct keel_suite *suite)
{
	uint8_t secret[KEEL_MAX_SECRET_LEN], next[KEEL_MAX_SECRET_LEN];
	uint8_t key[KEEL_MAX_KEY_LEN], iv[KEEL_NONCE_LEN];
	struct keel_export ex;
	struct keel_traffic t;

	tls13_export(suite, &ex);
	REQUIRE_INT(suite->name, 0,
		    keel__traffic_init(&t, &crypto_row, suite, KEEL_SERVER,
				       KEEL_TX, &ex));
	memcpy(secret, ex.secret, sizeof(secret));
	for (unsigned int n = 1; n <= 3; n++) {
		t.seq = 100;
		REQUIRE_INT(
			suite->name, 0,
			crypto_row.aead_new(suite->aead, t.key, true, &t.aead));
		REQUIRE_INT(suite->name, 0,
			    keel__traffic_update(&t, &crypto_row));
		reference_label(suite, secret, "traffic upd", next,
				suite->hash_len);
		memcpy(secret, next, sizeof(secret));
		reference_label(suite, secret, "key", key, suite->key_len);
		reference_label(suite, secret, "iv", iv, sizeof(iv));
		CHECK_MEM(suite->name, key, t.key, suite->key_len);
		CHECK_MEM(suite->name, iv, t.iv, sizeof(iv));
		CHECK_INT(suite->name, 0, t.seq);
		CHECK_INT(suite->name, n, t.key_updates);
		CHECK_INT(suite->name, KEEL_TX, t.dir);
		ATF_CHECK_EQ(suite, t.suite);
		ATF_CHECK_EQ(NULL, t.aead);
	}
	keel__traffic_clear(&t, &crypto_row);
}

CASE(traffic_update__derives_each_generation,
     "Three generations against libcrypto's TLS13-KDF; sequence 0, "
     "old AEAD freed, count goes on")
{
	const struct keel_suite *suite;

	crypto_row_counts = (struct crypto_row_counts){0};
	for (size_t i = 0; (suite = keel_suite_at(i)); i++)
		if (suite->version == KEEL_TLS1_3)
			check_generations(suite);
	CHECK_INT("all", crypto_row_counts.nr_new, crypto_row_counts.nr_free);
}

CASE(traffic_update__failure_changes_nothing,
     "Whichever derivation fails, the old keys stay")
{
	const struct keel_suite *suite = keel_suite_by_id(SUITE_TLS13);
	struct keel_backend be = failing_row();
	struct keel_traffic t, before;
	struct keel_export ex;

	tls13_export(suite, &ex);
	ATF_REQUIRE_EQ(0, keel__traffic_init(&t, &crypto_row, suite,
					     KEEL_SERVER, KEEL_TX, &ex));
	memcpy(&before, &t, sizeof(t));
	for (int nr_good = 0; nr_good < 3; nr_good++) {
		derivations_left = nr_good;
		CHECK_INT("update", -EIO, keel__traffic_update(&t, &be));
		CHECK_MEM("update", &before, &t, sizeof(t));
	}
	keel__traffic_clear(&t, &crypto_row);
}

CASE(traffic_update__needs_a_tls13_secret,
     "-EOPNOTSUPP in TLS 1.2; ready keys can be updated when the "
     "secret came with them")
{
	const struct keel_suite *suite = keel_suite_by_id(SUITE_TLS13);
	uint8_t next[KEEL_MAX_SECRET_LEN];
	struct keel_export ex;
	struct keel_traffic t;

	tls12_export(&ex);
	ATF_REQUIRE_EQ(0, keel__traffic_init(&t, &crypto_row,
					     keel_suite_by_id(SUITE_TLS12),
					     KEEL_SERVER, KEEL_TX, &ex));
	CHECK_INT("TLS 1.2", -EOPNOTSUPP,
		  keel__traffic_update(&t, &crypto_row));

	tls13_export(suite, &ex);
	ex.kind = KEEL_EXPORT_KEYS;
	ATF_REQUIRE_EQ(0, keel__traffic_init(&t, &crypto_row, suite,
					     KEEL_SERVER, KEEL_TX, &ex));
	CHECK_INT("keys", 0, keel__traffic_update(&t, &crypto_row));
	reference_label(suite, ex.secret, "traffic upd", next, 32);
	CHECK_MEM("keys", next, t.secret, 32);
	keel__traffic_clear(&t, &crypto_row);
}

CASE(traffic_clear__leaves_nothing,
     "trim frees the AEAD only; clear leaves zeros; both may be "
     "called again")
{
	const struct keel_suite *suite = keel_suite_by_id(SUITE_TLS13);
	struct keel_traffic t, before;
	struct keel_export ex;

	crypto_row_counts = (struct crypto_row_counts){0};
	tls13_export(suite, &ex);
	ATF_REQUIRE_EQ(0, keel__traffic_init(&t, &crypto_row, suite,
					     KEEL_SERVER, KEEL_TX, &ex));
	memcpy(&before, &t, sizeof(t));
	for (int i = 0; i < 2; i++) {
		ATF_REQUIRE_EQ(0, crypto_row.aead_new(suite->aead, t.key, true,
						      &t.aead));
		keel__traffic_trim(&t, &crypto_row);
		CHECK_MEM("trim", &before, &t, sizeof(t));
		keel__traffic_trim(&t, &crypto_row);
	}
	ATF_REQUIRE_EQ(0,
		       crypto_row.aead_new(suite->aead, t.key, true, &t.aead));
	keel__traffic_clear(&t, &crypto_row);
	CHECK_MEM("clear", &zero_traffic, &t, sizeof(t));
	keel__traffic_clear(&t, &crypto_row);
	CHECK_INT("new", 3, crypto_row_counts.nr_new);
	CHECK_INT("free", 3, crypto_row_counts.nr_free);
}

CASE(aead_limit__is_that_of_the_rfcs, "RFC 8446 5.5 and RFC 9147 4.5.3")
{
	/* 2^24.5 squared is 2^49: the largest integer not above it. */
	uint64_t gcm = keel__aead_limit(KEEL_AEAD_AES_128_GCM);

	ATF_CHECK(gcm * gcm <= UINT64_C(1) << 49);
	ATF_CHECK((gcm + 1) * (gcm + 1) > UINT64_C(1) << 49);
	ATF_CHECK_EQ(gcm, keel__aead_limit(KEEL_AEAD_AES_256_GCM));
	ATF_CHECK_EQ(UINT64_MAX, keel__aead_limit(KEEL_AEAD_CHACHA20_POLY1305));
	ATF_CHECK_EQ(1 << 23, keel__aead_limit(KEEL_AEAD_AES_128_CCM));
	ATF_CHECK_EQ(1 << 23, keel__aead_limit(KEEL_AEAD_AES_256_CCM));
	ATF_CHECK_EQ(0, keel__aead_limit((enum keel_aead)0));
	ATF_CHECK_EQ(0, keel__aead_limit((enum keel_aead)99));
}

/*
 * The next three cases look for key bytes on the stack that a thread has left.
 * A derivation that writes a known pattern, and nothing else, stands in for the
 * backend, so that whatever is found is ours.
 */
#define PATTERN 0xc7
#define MIN_RUN 12

static int pattern_result;

static int pattern_expand(enum keel_hash hash, const uint8_t *prk,
			  size_t prk_len, const uint8_t *info, size_t info_len,
			  uint8_t *out, size_t len)
{
	(void)hash, (void)prk, (void)prk_len, (void)info, (void)info_len;
	memset(out, PATTERN, len);
	return pattern_result;
}

static int pattern_prf(enum keel_hash hash, const uint8_t *secret,
		       size_t secret_len, const uint8_t *seed, size_t seed_len,
		       uint8_t *out, size_t len)
{
	return pattern_expand(hash, secret, secret_len, seed, seed_len, out,
			      len);
}

/*
 * AddressSanitizer keeps locals elsewhere, where this search would find nothing
 * whatever the code does.
 */
#if defined(__SANITIZE_ADDRESS__)
#define STACK_IS_THE_STACK false
#elif defined(__has_feature)
#define STACK_IS_THE_STACK (!__has_feature(address_sanitizer))
#else
#define STACK_IS_THE_STACK true
#endif

static struct keel_traffic stack_traffic;
static struct keel_export stack_export;
static uint16_t stack_suite;

static void *stack_init(void *arg)
{
	struct keel_backend *be = arg;

	(void)!keel__traffic_init(&stack_traffic, be,
				  keel_suite_by_id(stack_suite), KEEL_SERVER,
				  KEEL_TX, &stack_export);
	return NULL;
}

static void *stack_update(void *arg)
{
	struct keel_backend *be = arg;

	(void)!keel__traffic_update(&stack_traffic, be);
	return NULL;
}

/*
 * Longest run of the pattern on the stack @fn has run on. It runs once before
 * elsewhere: the dynamic linker saves the vector registers, where copies of
 * structs pass through, when it resolves a symbol late. keel itself is linked
 * with -z now.
 */
static size_t run_on_stack(void *(*fn)(void *), void *arg)
{
	enum { STACK_LEN = 1 << 20 };
	uint8_t *stack = aligned_alloc(4096, STACK_LEN);
	size_t run = 0, longest = 0;
	pthread_attr_t attr;
	pthread_t thread;

	ATF_REQUIRE(stack);
	(void)fn(arg);
	memset(stack, 0, STACK_LEN);
	ATF_REQUIRE_EQ(0, pthread_attr_init(&attr));
	ATF_REQUIRE_EQ(0, pthread_attr_setstack(&attr, stack, STACK_LEN));
	ATF_REQUIRE_EQ(0, pthread_create(&thread, &attr, fn, arg));
	ATF_REQUIRE_EQ(0, pthread_join(thread, NULL));
	pthread_attr_destroy(&attr);
	for (size_t i = 0; i < STACK_LEN; i++) {
		run = stack[i] == PATTERN ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	free(stack);
	return longest;
}

static void *leaky(void *arg)
{
	volatile uint8_t secret[8192];

	(void)arg;
	for (size_t i = 0; i < sizeof(secret); i++)
		secret[i] = PATTERN;
	return NULL;
}

CASE(traffic_init__leaves_no_key_on_the_stack,
     "The stack is searched for key bytes after success and after "
     "failure, in both versions")
{
	static const uint16_t suites[] = {SUITE_TLS13, SUITE_TLS12};
	struct keel_backend be = crypto_row;

	be.hkdf_expand = pattern_expand;
	be.tls12_prf = pattern_prf;
	ATF_REQUIRE_MSG(run_on_stack(leaky, NULL) >= MIN_RUN,
			"the search finds nothing even where something is");
	for (size_t i = 0; i < KEEL__ARRAY_LEN(suites); i++) {
		stack_suite = suites[i];
		if (stack_suite == SUITE_TLS12)
			tls12_export(&stack_export);
		else
			tls13_export(keel_suite_by_id(stack_suite),
				     &stack_export);
		for (pattern_result = 0; pattern_result >= -1; pattern_result--)
			ATF_CHECK_MSG(run_on_stack(stack_init, &be) < MIN_RUN,
				      "%04x, backend returns %d", suites[i],
				      pattern_result);
	}
	pattern_result = 0;
}

CASE(traffic_update__leaves_no_key_on_the_stack,
     "The stack is searched for key bytes after success and after "
     "failure")
{
	struct keel_backend be = crypto_row;

	be.hkdf_expand = pattern_expand;
	stack_suite = SUITE_TLS13;
	tls13_export(keel_suite_by_id(stack_suite), &stack_export);
	stack_init(&be);
	for (pattern_result = 0; pattern_result >= -1; pattern_result--)
		ATF_CHECK_MSG(run_on_stack(stack_update, &be) < MIN_RUN,
			      "backend returns %d", pattern_result);
	pattern_result = 0;
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, traffic_init__matches_rfc8448);
	ATF_TP_ADD_TC(tp, traffic_init__derives_tls13_keys);
	ATF_TP_ADD_TC(tp, traffic_init__splits_the_tls12_key_block);
	ATF_TP_ADD_TC(tp, traffic_init__takes_ready_keys);
	ATF_TP_ADD_TC(tp, traffic_init__refuses_what_does_not_fit);
	ATF_TP_ADD_TC(tp, traffic_init__backend_failure_leaves_nothing);
	ATF_TP_ADD_TC(tp, traffic_update__matches_other_libraries);
	ATF_TP_ADD_TC(tp, traffic_update__derives_each_generation);
	ATF_TP_ADD_TC(tp, traffic_update__failure_changes_nothing);
	ATF_TP_ADD_TC(tp, traffic_update__needs_a_tls13_secret);
	ATF_TP_ADD_TC(tp, traffic_clear__leaves_nothing);
	ATF_TP_ADD_TC(tp, aead_limit__is_that_of_the_rfcs);
	if (STACK_IS_THE_STACK) {
		ATF_TP_ADD_TC(tp, traffic_init__leaves_no_key_on_the_stack);
		ATF_TP_ADD_TC(tp, traffic_update__leaves_no_key_on_the_stack);
	}
	return atf_no_error();
}
