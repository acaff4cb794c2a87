/* SPDX-License-Identifier: MIT */
/* keel's TLS13-KDF: vectors, OpenSSL's own beside it, and handshakes. */
#include "lib/backends/openssl/openssl-private.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include "tests/backends/openssl_bed.h"
#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tests/support/hex.h"

#define OURS KEEL__OSSL_KDF_QUERY
#define THEIRS "provider=default"
#define EXTRACT EVP_KDF_HKDF_MODE_EXTRACT_ONLY
#define EXPAND EVP_KDF_HKDF_MODE_EXPAND_ONLY
#define MAX_LEN 9000

/* One step of a key schedule; what is NULL or -1 is not set. */
struct step {
	const char *row;
	int mode;
	const char *hash;
	const char *key;
	const char *salt;
	const char *label;
	const char *data;
	size_t len;
	const char *want; /* NULL: whatever OpenSSL says */
};

static void init(void)
{
	char why[256];

	ATF_REQUIRE_EQ(0, keel__backend_openssl.init(why, sizeof(why)));
	ATF_REQUIRE(keel__ossl_provider_is_used());
}

static bool is_of(const char *query, const char *provider)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_TLS1_3_KDF, query);
	bool is;

	ATF_REQUIRE(kdf);
	is = !strcmp(provider,
		     OSSL_PROVIDER_get0_name(EVP_KDF_get0_provider(kdf)));
	EVP_KDF_free(kdf);
	return is;
}

static EVP_KDF_CTX *kdf_new(const char *query)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_TLS1_3_KDF, query);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);

	ATF_REQUIRE(ctx);
	EVP_KDF_free(kdf);
	return ctx;
}

static void put_octets(OSSL_PARAM **end, const char *name, const char *hex,
		       uint8_t *buf, size_t size)
{
	size_t len;

	if (!hex)
		return;
	len = hex_decode(hex, buf, size);
	*(*end)++ = OSSL_PARAM_construct_octet_string(name, buf, len);
}

static int derive(EVP_KDF_CTX *ctx, const struct step *step, uint8_t *out)
{
	uint8_t key[256], salt[128], data[256];
	char hash[16], label[300];
	char prefix[] = "tls13 ";
	int mode = step->mode;
	OSSL_PARAM params[8];
	OSSL_PARAM *end = params;

	if (mode >= 0)
		*end++ = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
	if (step->hash) {
		snprintf(hash, sizeof(hash), "%s", step->hash);
		*end++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
							  hash, 0);
	}
	put_octets(&end, OSSL_KDF_PARAM_KEY, step->key, key, sizeof(key));
	put_octets(&end, OSSL_KDF_PARAM_SALT, step->salt, salt, sizeof(salt));
	put_octets(&end, OSSL_KDF_PARAM_DATA, step->data, data, sizeof(data));
	*end++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX,
						   prefix, strlen(prefix));
	if (step->label) {
		snprintf(label, sizeof(label), "%s", step->label);
		*end++ = OSSL_PARAM_construct_octet_string(
			OSSL_KDF_PARAM_LABEL, label, strlen(label));
	}
	*end = OSSL_PARAM_construct_end();
	return EVP_KDF_derive(ctx, out, step->len, params);
}

#define EARLY "33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a"
#define SHARED \
	"8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d"
#define HANDSHAKE \
	"1dc826e93606aa6fdc0aadc12f741b01046aa6b99f691ed221a9f0ca043fbeac"
#define MASTER \
	"18df06843d13a08bf2a449844c5f8a478001bc4d4c627984d5a41da8d0402919"
#define CLIENT_HS \
	"b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21"

/* The first five are RFC 8448 section 3. */
static const struct step steps[] = {
	{"early secret", EXTRACT, "SHA256", NULL, NULL, "derived", NULL, 32,
	 EARLY},
	{"handshake secret", EXTRACT, "SHA2-256", SHARED, EARLY, "derived",
	 NULL, 32, HANDSHAKE},
	{"master secret", EXTRACT, "sha-256", NULL, HANDSHAKE, "derived", NULL,
	 32, MASTER},
	{"write key", EXPAND, "SHA256", CLIENT_HS, NULL, "key", "", 16,
	 "dbfaa693d1762c5b666af5d950258d01"},
	{"write iv", EXPAND, "SHA256", CLIENT_HS, NULL, "iv", NULL, 12,
	 "5bd3c71b836e0b76bb73265f"},
	{"SHA-384", EXPAND, "SHA384", CLIENT_HS, NULL, "c ap traffic",
	 HANDSHAKE "00112233445566778899aabbccddeeff", 48, NULL},
	{"SHA-384, extract", EXTRACT, "SHA384", SHARED, EARLY, "derived", NULL,
	 48, NULL},
	{"SHA-512", EXTRACT, "SHA512", SHARED, EARLY, "derived", NULL, 64,
	 NULL},
	{"a long key", EXTRACT, "SHA256", SHARED EARLY HANDSHAKE MASTER, EARLY,
	 "derived", NULL, 32, NULL},
	{"a long output", EXPAND, "SHA256", CLIENT_HS, NULL, "label", SHARED,
	 255 * 32, NULL},
	{"no mode", -1, "SHA256", SHARED, EARLY, "derived", NULL, 32, NULL},
	{"no hash", EXPAND, NULL, SHARED, NULL, "key", NULL, 16, NULL},
	{"no such hash", EXPAND, "SHA257", SHARED, NULL, "key", NULL, 16, NULL},
	{"no key", EXPAND, "SHA256", NULL, NULL, "key", NULL, 16, NULL},
	{"bad mode", 7, "SHA256", SHARED, NULL, "key", NULL, 16, NULL},
	{"a hash too long", EXTRACT, "SHA256", SHARED, NULL, "derived", NULL,
	 33, NULL},
	{"too long", EXPAND, "SHA256", SHARED, NULL, "key", NULL, 255 * 32 + 1,
	 NULL},
};

CASE(kdf__agrees, "RFC 8448 section 3, and whatever OpenSSL's own KDF says")
{
	static uint8_t mine[MAX_LEN];
	static uint8_t theirs[MAX_LEN];
	uint8_t want[64];
	EVP_KDF_CTX *ctx;
	int r;

	init();
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		const struct step *step = &steps[i];

		ctx = kdf_new(THEIRS);
		r = derive(ctx, step, theirs);
		EVP_KDF_CTX_free(ctx);
		ctx = kdf_new(OURS);
		CHECK_INT(step->row, r > 0, derive(ctx, step, mine) > 0);
		EVP_KDF_CTX_free(ctx);
		if (r > 0)
			CHECK_MEM(step->row, theirs, mine, step->len);
		if (!step->want)
			continue;
		hex_decode(step->want, want, sizeof(want));
		CHECK_MEM(step->row, want, mine, step->len);
	}
	ERR_clear_error();
}

CASE(kdf__copies, "A copy goes on by itself; reset forgets")
{
	const struct step set = {"set", EXPAND, "SHA512", CLIENT_HS, NULL,
				 "key", NULL,	16,	  NULL};
	const struct step no_key = {
		.row = "no key", .mode = EXPAND, .hash = "SHA512", .len = 16};
	const struct step rest = {.row = "rest", .mode = -1, .len = 16};
	uint8_t want[16], out[16];
	EVP_KDF_CTX *copy;
	EVP_KDF_CTX *ctx;

	init();
	ctx = kdf_new(OURS);
	ATF_REQUIRE(derive(ctx, &set, want) > 0);
	copy = EVP_KDF_CTX_dup(ctx);
	ATF_REQUIRE(copy);
	EVP_KDF_CTX_reset(ctx);
	ATF_CHECK(derive(ctx, &no_key, out) <= 0);
	EVP_KDF_CTX_free(ctx);
	ATF_REQUIRE(derive(copy, &rest, out) > 0);
	CHECK_MEM("copy", want, out, sizeof(out));
	EVP_KDF_CTX_free(copy);
	ERR_clear_error();
}

CASE(provider__leaves_others_alone,
     "Who does not ask for keel's KDF gets OpenSSL's, and all its providers")
{
	init();
	ATF_CHECK(is_of(OURS, "keel"));
	ATF_CHECK(is_of(NULL, "default"));
	ATF_CHECK(is_of("", "default"));
	ATF_CHECK(is_of(THEIRS, "default"));
	ATF_CHECK(OSSL_PROVIDER_available(NULL, "default"));
	ATF_REQUIRE(EVP_set_default_properties(NULL, "?fips=no"));
	ATF_CHECK(is_of(NULL, "default"));
}

static void handshake(const char *row, uint16_t version, bool want_keylog)
{
	struct hs_bytes session = {.len = 0};
	struct keel__ossl_ctx *ctx;
	struct bed bed;

	bed_init(&bed, &pki_ecdsa);
	bed_set_version(&bed, version);
	bed.client_params.want_tickets = true;
	bed.server_params.nr_tickets = 1;
	bed_full(&bed, &session, row);
	ctx = bed.server_ctx;
	CHECK_INT(row, want_keylog,
		  SSL_CTX_get_keylog_callback(ctx->ssl_ctx) != NULL);
	bed_run(&bed, row, &session);
	CHECK_INT(row, 1, bed_info(&bed.hs.client).resumed);
	bed_cross_check(&bed, NULL, row);
	hs_bytes_fini(&session);
	bed_fini(&bed);
}

CASE(secrets__leave_by_either_way,
     "By the provider, or by the key log without it: keys that work")
{
	OSSL_PROVIDER *provider;

	init();
	handshake("TLS 1.3, provider", KEEL_TLS1_3, false);
	handshake("TLS 1.2, provider", KEEL_TLS1_2, false);
	ATF_REQUIRE(EVP_set_default_properties(NULL, "provider=default"));
	handshake("TLS 1.3, properties", KEEL_TLS1_3, true);
	ATF_REQUIRE(EVP_set_default_properties(NULL, ""));
	provider = keel__ossl_lib.provider;
	keel__ossl_lib.provider = NULL;
	handshake("TLS 1.3, key log", KEEL_TLS1_3, true);
	handshake("TLS 1.2, key log", KEEL_TLS1_2, true);
	keel__ossl_lib.provider = provider;
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, kdf__agrees);
	ATF_TP_ADD_TC(tp, kdf__copies);
	ATF_TP_ADD_TC(tp, provider__leaves_others_alone);
	ATF_TP_ADD_TC(tp, secrets__leave_by_either_way);
	return atf_no_error();
}
