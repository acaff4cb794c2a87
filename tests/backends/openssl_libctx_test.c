/* SPDX-License-Identifier: MIT */
/* The library context that handshakes have to themselves, and its KDF. */
#include "lib/backends/openssl/openssl-private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/obj_mac.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include "tests/backends/bed.h"
#include "tests/support/case.h"
#include "tests/support/check.h"

#define NR_INPUTS 4000
#define MAX_PART_LEN 300
#define MAX_OUT_LEN 400

static const struct keel_backend *const be = &keel__backend_openssl;

/* What openssl.cnf of this machine says is not the tests' matter. */
static void init(void)
{
	char why[256];

	setenv("OPENSSL_CONF", "/dev/null", 1);
	ATF_REQUIRE_EQ(0, be->init(why, sizeof(why)));
}

/* One input of the KDF; a part of length < 0 is not given. */
struct input {
	int mode;
	char digest[16];
	const char *properties;
	int part_lens[5];
	size_t out_len;
};

static const char *const part_names[] = {"key", "salt", "prefix", "label",
					 "data"};

static unsigned int next(unsigned int *state)
{
	*state = *state * 1103515245U + 12345U;
	return *state >> 16;
}

static struct input input_of(unsigned int *state)
{
	static const char digests[][16] = {"SHA256",   "SHA2-256", "sha384",
					   "SHA2-384", "SHA512",   "SHA3-224",
					   "SHA1",     "SHA256"};
	static const int lens[] = {-1, 0, 1, 6, 7, 32, 48, 64, 129, 249, 300};
	static const size_t out_lens[] = {0, 1, 12, 16, 28, 32, 48, 64, 400};
	static const size_t hash_lens[] = {32, 32, 48, 48, 64, 28, 20, 32};
	unsigned int digest = next(state) % 8;
	struct input in = {.mode = (int)(next(state) % 4)};

	memcpy(in.digest, digests[digest], sizeof(in.digest));
	in.properties = next(state) % 8 ? NULL : "provider=default";
	for (size_t i = 0; i < 5; i++)
		in.part_lens[i] = lens[next(state) % (i < 2 ? 9 : 11)];
	in.out_len =
		next(state) % 2 ? hash_lens[digest] : out_lens[next(state) % 9];
	return in;
}

/* How the parameters reach the KDF; libssl does the first. */
enum how {
	WITH_THE_CALL,
	BEFORE_IT,
	COPIED,
	NR_HOWS,
};

static int derive(EVP_KDF *kdf, const struct input *in, enum how how,
		  uint8_t *out)
{
	static uint8_t bytes[5 + MAX_PART_LEN];
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	EVP_KDF_CTX *copy;
	OSSL_PARAM params[9];
	OSSL_PARAM *p = params;
	struct input view = *in;
	int ok = 1;

	ATF_REQUIRE(ctx);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + 1);
	*p++ = OSSL_PARAM_construct_utf8_string("digest", view.digest, 0);
	*p++ = OSSL_PARAM_construct_int("mode", &view.mode);
	if (in->properties)
		*p++ = OSSL_PARAM_construct_utf8_string(
			"properties", (char *)(uintptr_t)in->properties, 0);
	for (size_t i = 0; i < 5; i++) {
		if (in->part_lens[i] >= 0)
			*p++ = OSSL_PARAM_construct_octet_string(
				part_names[i], bytes + i,
				(size_t)in->part_lens[i]);
	}
	*p = OSSL_PARAM_construct_end();
	if (how != WITH_THE_CALL)
		ok = EVP_KDF_CTX_set_params(ctx, params);
	if (how == COPIED && ok > 0) {
		copy = EVP_KDF_CTX_dup(ctx);
		EVP_KDF_CTX_free(ctx);
		ctx = copy;
	}
	if (ok > 0)
		ok = EVP_KDF_derive(ctx, out, in->out_len,
				    how == WITH_THE_CALL ? params : NULL);
	EVP_KDF_CTX_free(ctx);
	ERR_clear_error();
	return ok > 0;
}

static EVP_KDF *kdf_fetch(OSSL_LIB_CTX *libctx, const char *provider)
{
	EVP_KDF *kdf = EVP_KDF_fetch(libctx, "TLS13-KDF", NULL);

	ATF_REQUIRE(kdf);
	ATF_CHECK_STREQ(provider,
			OSSL_PROVIDER_get0_name(EVP_KDF_get0_provider(kdf)));
	return kdf;
}

CASE(kdf__agrees_with_openssl,
     "Good and bad input of all kinds: the same result as OpenSSL's TLS13-KDF")
{
	uint8_t want[MAX_OUT_LEN], got[MAX_OUT_LEN];
	unsigned int state = 1;
	unsigned int nr_good[3] = {0};
	struct input in;
	char row[64];
	EVP_KDF *mine;
	EVP_KDF *theirs;
	enum how how;
	int ok;

	init();
	ATF_REQUIRE(keel__ossl_libctx_get());
	mine = kdf_fetch(keel__ossl_libctx_get(), "keel");
	theirs = kdf_fetch(NULL, "default");
	for (int i = 0; i < NR_INPUTS; i++) {
		in = input_of(&state);
		how = (enum how)(next(&state) % NR_HOWS);
		snprintf(row, sizeof(row), "input %d, mode %d, %s", i, in.mode,
			 in.digest);
		memset(want, 0, sizeof(want));
		memset(got, 0, sizeof(got));
		/* OpenSSL copies contexts since 3.1, but no empty parts. */
		ok = derive(theirs, &in, how == COPIED ? BEFORE_IT : how, want);
		CHECK_INT(row, ok, derive(mine, &in, how, got));
		if (ok)
			CHECK_MEM(row, want, got, sizeof(want));
		nr_good[ok ? in.mode : 0]++;
	}
	/* Some of each kind, or the above shows nothing. */
	for (size_t i = 0; i < 3; i++)
		ATF_CHECK(nr_good[i] > NR_INPUTS / 20);
	EVP_KDF_free(mine);
	EVP_KDF_free(theirs);
}

/* The same of both: settings that last, and data that does not. */
static void settings(EVP_KDF *kdf, uint8_t out[3][32])
{
	uint8_t key[32] = {1};
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string("digest", digest, 0),
		OSSL_PARAM_construct_int("mode", &mode),
		OSSL_PARAM_construct_octet_string("data", key, 3),
		OSSL_PARAM_construct_end(),
	};
	OSSL_PARAM key_param[] = {
		OSSL_PARAM_construct_octet_string("key", key, sizeof(key)),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);

	ATF_CHECK_EQ(0, EVP_KDF_derive(ctx, out[0], 32, NULL));
	ATF_CHECK_EQ(0, EVP_KDF_CTX_set_params(ctx, key_param));
	ATF_CHECK(EVP_KDF_CTX_set_params(ctx, params) > 0);
	ATF_CHECK(EVP_KDF_derive(ctx, out[0], 32, key_param) > 0);
	ATF_CHECK(EVP_KDF_CTX_set_params(ctx, key_param) > 0);
	ATF_CHECK(EVP_KDF_derive(ctx, out[1], 32, NULL) > 0);
	ATF_CHECK(EVP_KDF_CTX_set_params(ctx, params) > 0);
	ATF_CHECK(EVP_KDF_derive(ctx, out[2], 32, NULL) > 0);
	mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY;
	ATF_CHECK(EVP_KDF_CTX_set_params(ctx, params) > 0);
	ATF_CHECK_EQ(32, EVP_KDF_CTX_get_kdf_size(ctx));
	EVP_KDF_CTX_reset(ctx);
	ATF_CHECK_EQ(0, EVP_KDF_derive(ctx, key, 32, key_param));
	EVP_KDF_CTX_free(ctx);
	ERR_clear_error();
}

CASE(kdf__keeps_its_settings,
     "Parameters hold for later calls, but the data; a reset ends that")
{
	uint8_t want[3][32], got[3][32];
	EVP_KDF *kdf;

	init();
	kdf = kdf_fetch(NULL, "default");
	settings(kdf, want);
	EVP_KDF_free(kdf);
	kdf = kdf_fetch(keel__ossl_libctx_get(), "keel");
	settings(kdf, got);
	EVP_KDF_free(kdf);
	for (size_t i = 0; i < 3; i++)
		CHECK_MEM("either", want[i], got[i], 32);
	ATF_CHECK(!memcmp(got[0], got[1], 32));
	ATF_CHECK(memcmp(got[0], got[2], 32) != 0);
}

/* A step of the schedule, from @salt and nothing. */
static void step(EVP_KDF *kdf, char *digest, char *label, const uint8_t *salt,
		 size_t len, uint8_t *out)
{
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	int mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY;
	char prefix[] = "tls13 ";
	uint8_t copy[48];
	OSSL_PARAM params[6] = {
		OSSL_PARAM_construct_utf8_string("digest", digest, 0),
		OSSL_PARAM_construct_int("mode", &mode),
		OSSL_PARAM_construct_octet_string("prefix", prefix, 6),
		OSSL_PARAM_construct_octet_string("label", label,
						  strlen(label)),
		OSSL_PARAM_construct_end(),
		OSSL_PARAM_construct_end(),
	};

	if (salt) {
		memcpy(copy, salt, len);
		params[4] =
			OSSL_PARAM_construct_octet_string("salt", copy, len);
	}
	ATF_REQUIRE(EVP_KDF_derive(ctx, out, len, params) > 0);
	EVP_KDF_CTX_free(ctx);
}

CASE(kdf__knows_the_early_secret,
     "What a handshake without PSK begins with is as OpenSSL computes it")
{
	static char digests[][8] = {"SHA256", "SHA384"};
	static char labels[][8] = {"derived", "other"};
	uint8_t early[48], other[48], want[48], got[48];
	EVP_KDF *mine;
	EVP_KDF *theirs;

	init();
	mine = kdf_fetch(keel__ossl_libctx_get(), "keel");
	theirs = kdf_fetch(NULL, "default");
	for (size_t i = 0; i < 2; i++) {
		size_t len = i ? 48 : 32;

		step(theirs, digests[i], labels[0], NULL, len, early);
		step(mine, digests[i], labels[0], NULL, len, got);
		CHECK_MEM(digests[i], early, got, len);
		for (size_t j = 0; j < 2; j++) {
			step(theirs, digests[i], labels[j], early, len, want);
			step(mine, digests[i], labels[j], early, len, got);
			CHECK_MEM(labels[j], want, got, len);
		}
		memcpy(other, early, len);
		other[len - 1] ^= 1;
		step(theirs, digests[i], labels[0], other, len, want);
		step(mine, digests[i], labels[0], other, len, got);
		CHECK_MEM("another secret", want, got, len);
	}
	EVP_KDF_free(mine);
	EVP_KDF_free(theirs);
}

static int count_provider(OSSL_PROVIDER *provider, void *arg)
{
	int *nr = arg;

	ATF_CHECK_STREQ("default", OSSL_PROVIDER_get0_name(provider));
	++*nr;
	return 1;
}

CASE(libctx__leaves_the_applications_alone,
     "Providers and algorithms of the default context are as they were")
{
	struct bed bed;
	int nr = 0;

	init();
	bed_init(&bed, &pki_ecdsa);
	bed_run(&bed, "own", NULL);
	ATF_CHECK(((struct keel__ossl_ctx *)bed.server_ctx)->libctx);
	ATF_CHECK(((struct keel__ossl_ctx *)bed.client_ctx)->libctx);
	ATF_CHECK(OSSL_PROVIDER_do_all(NULL, count_provider, &nr));
	ATF_CHECK_EQ(1, nr);
	EVP_KDF_free(kdf_fetch(NULL, "default"));
	ATF_CHECK(!EVP_KDF_fetch(NULL, "TLS13-KDF", "provider=keel"));
	ATF_CHECK_EQ(OSSL_LIB_CTX_get0_global_default(),
		     OSSL_LIB_CTX_set0_default(NULL));
	bed_fini(&bed);
	ERR_clear_error();
}

/* Handshakes of both versions, and what is exported of them. */
static void run_both(struct bed *bed, const char *row, bool is_own)
{
	be->ctx_free(bed->client_ctx);
	be->ctx_free(bed->server_ctx);
	bed->client_ctx = NULL;
	bed->server_ctx = NULL;
	bed_set_version(bed, KEEL_TLS1_3);
	bed_run(bed, row, NULL);
	CHECK_INT(row, is_own,
		  ((struct keel__ossl_ctx *)bed->server_ctx)->libctx != NULL);
	bed_cross_check(bed, NULL, row);
	hs_pair_fini(&bed->hs);
	be->ctx_free(bed->client_ctx);
	bed->client_ctx = NULL;
	bed_set_version(bed, KEEL_TLS1_2);
	bed_run(bed, row, NULL);
	bed_cross_check(bed, NULL, row);
	hs_pair_fini(&bed->hs);
}

CASE(libctx__given_up_for_a_provider,
     "With another provider active, handshakes are in the default context")
{
	OSSL_PROVIDER *other;
	OSSL_PROVIDER *dflt;
	struct bed bed;

	init();
	bed_init(&bed, &pki_ecdsa);
	run_both(&bed, "as it comes", true);
	dflt = OSSL_PROVIDER_load(NULL, "default");
	other = OSSL_PROVIDER_load(NULL, "base");
	run_both(&bed, "base", true);
	OSSL_PROVIDER_unload(other);
	other = OSSL_PROVIDER_load(NULL, "null");
	ATF_REQUIRE(dflt && other);
	run_both(&bed, "null", false);
	OSSL_PROVIDER_unload(other);
	run_both(&bed, "unloaded", true);
	OSSL_PROVIDER_unload(dflt);
	bed_fini(&bed);
}

CASE(libctx__given_up_for_properties,
     "With FIPS or other default properties, the default context is used")
{
	init();
	ATF_CHECK(keel__ossl_libctx_get());
	ATF_REQUIRE(EVP_default_properties_enable_fips(NULL, 1));
	ATF_CHECK(!keel__ossl_libctx_get());
	ATF_REQUIRE(EVP_default_properties_enable_fips(NULL, 0));
	ATF_CHECK(keel__ossl_libctx_get());
	ATF_REQUIRE(EVP_set_default_properties(NULL, "provider=nobody"));
	ATF_CHECK(!keel__ossl_libctx_get());
	ATF_REQUIRE(EVP_set_default_properties(NULL, ""));
	ATF_CHECK(keel__ossl_libctx_get());
}

CASE(libctx__given_up_for_another_context,
     "A thread with a default context of its own keeps it")
{
	OSSL_LIB_CTX *other = OSSL_LIB_CTX_new();

	init();
	ATF_REQUIRE(OSSL_LIB_CTX_set0_default(other));
	ATF_CHECK(!keel__ossl_libctx_get());
	OSSL_LIB_CTX_set0_default(OSSL_LIB_CTX_get0_global_default());
	ATF_CHECK(keel__ossl_libctx_get());
	OSSL_LIB_CTX_free(other);
}

static const struct {
	const char *row;
	const char *text; /* NULL: there is no file */
	bool is_own;
} confs[] = {
	{"no file", NULL, true},
	{"empty", "", true},
	{"nothing named", "[random]\nrandom = HASH-DRBG\n", true},
	{"providers, policy",
	 "openssl_conf = init\n[init]\nproviders = p\nssl_conf = s\n"
	 "[p]\ndefault = d\n[d]\nactivate = 1\n[s]\n",
	 true},
	{"random", "openssl_conf = init\n[init]\nrandom = r\n[r]\n", false},
	{"engines", "openssl_conf = init\n[init]\nengines = e\n[e]\n", false},
	{"properties",
	 "openssl_conf = init\n[init]\nalg_section = a\n"
	 "[a]\ndefault_properties = fips=yes\n",
	 false},
	{"not a configuration", "[init\n", false},
};

static void conf_write(const char *text)
{
	FILE *file = fopen("test.cnf", "w");

	ATF_REQUIRE(file);
	ATF_REQUIRE(fputs(text, file) >= 0);
	ATF_REQUIRE_EQ(0, fclose(file));
}

CASE(libctx__given_up_for_configuration,
     "What openssl.cnf sets for the default context only is not passed over")
{
	struct keel__ossl_lib lib;

	remove("test.cnf");
	init();
	setenv("OPENSSL_CONF", "test.cnf", 1);
	for (size_t i = 0; i < sizeof(confs) / sizeof(confs[0]); i++) {
		if (confs[i].text)
			conf_write(confs[i].text);
		lib = (struct keel__ossl_lib){.libctx = NULL};
		keel__ossl_libctx_init(&lib);
		CHECK_INT(confs[i].row, confs[i].is_own, lib.libctx != NULL);
		keel__ossl_libctx_fini(&lib);
	}
}

CASE(libctx__obeys_the_systems_policy,
     "ssl_conf of openssl.cnf holds for handshakes in the own context")
{
	const struct keel__ossl_hs *hs;
	struct bed bed;

	conf_write("openssl_conf = init\n[init]\nssl_conf = s\n"
		   "[s]\nsystem_default = d\n[d]\nGroups = P-384\n");
	setenv("OPENSSL_CONF", "test.cnf", 1);
	bed_init(&bed, &pki_ecdsa);
	bed_run(&bed, "policy", NULL);
	ATF_CHECK(((struct keel__ossl_ctx *)bed.server_ctx)->libctx);
	hs = bed.hs.server.hs;
	ATF_CHECK_EQ(NID_secp384r1, SSL_get_negotiated_group(hs->ssl));
	bed_fini(&bed);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, kdf__agrees_with_openssl);
	ATF_TP_ADD_TC(tp, kdf__keeps_its_settings);
	ATF_TP_ADD_TC(tp, kdf__knows_the_early_secret);
	ATF_TP_ADD_TC(tp, libctx__leaves_the_applications_alone);
	ATF_TP_ADD_TC(tp, libctx__given_up_for_a_provider);
	ATF_TP_ADD_TC(tp, libctx__given_up_for_properties);
	ATF_TP_ADD_TC(tp, libctx__given_up_for_another_context);
	ATF_TP_ADD_TC(tp, libctx__given_up_for_configuration);
	ATF_TP_ADD_TC(tp, libctx__obeys_the_systems_policy);
	return atf_no_error();
}
