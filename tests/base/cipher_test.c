/* SPDX-License-Identifier: MIT */
/* The suite table: complete, consistent, and nothing weak in it. */
#include <keel/cipher.h>

#include <stdbool.h>
#include <string.h>

#include "lib/base/base-private.h"
#include "tests/support/case.h"
#include "tests/support/check.h"

/* What the registry of IANA says, in the order a server of keel prefers. */
static const struct {
	uint16_t id;
	const char *name;
} iana[] = {
	{0x1301, "TLS_AES_128_GCM_SHA256"},
	{0x1302, "TLS_AES_256_GCM_SHA384"},
	{0x1303, "TLS_CHACHA20_POLY1305_SHA256"},
	{0x1304, "TLS_AES_128_CCM_SHA256"},
	{0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"},
	{0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},
	{0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"},
	{0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"},
	{0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"},
	{0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"},
	{0xc0ac, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM"},
	{0xc0ad, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM"},
};

CASE(suite__table_is_the_one_of_iana,
     "Code points, names and order are as written down here")
{
	for (size_t i = 0; i < KEEL__ARRAY_LEN(iana); i++) {
		const struct keel_suite *suite = keel_suite_at(i);

		ATF_REQUIRE_MSG(suite, "%s is missing", iana[i].name);
		CHECK_INT(iana[i].name, iana[i].id, suite->id);
		ATF_CHECK_STREQ(iana[i].name, suite->name);
		ATF_CHECK_MSG(keel_suite_by_id(suite->id) == suite,
			      "%s is not found by id, or is there twice",
			      suite->name);
		ATF_CHECK_MSG(keel_suite_by_name(suite->name) == suite,
			      "%s is not found by name, or is there twice",
			      suite->name);
	}
	ATF_CHECK(!keel_suite_at(KEEL__ARRAY_LEN(iana)));
	ATF_CHECK(!keel_suite_at(SIZE_MAX));
}

/* Part of a name, and what it says of the row. */
static const struct {
	const char *part;
	unsigned int aead;
	unsigned int key_len;
} ciphers[] = {
	{"AES_128_GCM", KEEL_AEAD_AES_128_GCM, 16},
	{"AES_256_GCM", KEEL_AEAD_AES_256_GCM, 32},
	{"CHACHA20_POLY1305", KEEL_AEAD_CHACHA20_POLY1305, 32},
	{"AES_128_CCM", KEEL_AEAD_AES_128_CCM, 16},
	{"AES_256_CCM", KEEL_AEAD_AES_256_CCM, 32},
};

CASE(suite__rows_do_what_their_names_say,
     "Version, algorithm, hash and lengths of each row fit its name")
{
	const struct keel_suite *suite;

	for (size_t i = 0; (suite = keel_suite_at(i)); i++) {
		bool sha384 = strstr(suite->name, "SHA384") != NULL;
		bool old = strstr(suite->name, "_WITH_") != NULL;
		unsigned int nr_found = 0;

		for (size_t j = 0; j < KEEL__ARRAY_LEN(ciphers); j++) {
			if (!strstr(suite->name, ciphers[j].part))
				continue;
			nr_found++;
			CHECK_INT(suite->name, ciphers[j].aead, suite->aead);
			CHECK_INT(suite->name, ciphers[j].key_len,
				  suite->key_len);
		}
		CHECK_INT(suite->name, 1, nr_found);
		CHECK_INT(suite->name,
			  sha384 ? KEEL_HASH_SHA384 : KEEL_HASH_SHA256,
			  suite->hash);
		CHECK_INT(suite->name, sha384 ? 48 : 32, suite->hash_len);
		CHECK_INT(suite->name, old ? KEEL_TLS1_2 : KEEL_TLS1_3,
			  suite->version);
		ATF_CHECK(suite->key_len <= KEEL_MAX_KEY_LEN);
		ATF_CHECK(suite->hash_len <= KEEL_MAX_SECRET_LEN);
	}
}

static const struct {
	uint16_t id;
	const char *name;
} refused[] = {
	{0x0000, "TLS_NULL_WITH_NULL_NULL"},
	{0x0005, "TLS_RSA_WITH_RC4_128_SHA"},
	{0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256"},
	{0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"},
	{0x1305, "TLS_AES_128_CCM_8_SHA256"},
	{0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"},
	{0xc0ae, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"},
};

CASE(suite__table_has_nothing_weak,
     "No CBC, no RC4, no short tags, no static RSA, no finite-field DHE")
{
	for (size_t i = 0; i < KEEL__ARRAY_LEN(refused); i++) {
		ATF_CHECK_MSG(!keel_suite_by_id(refused[i].id), "%s",
			      refused[i].name);
		ATF_CHECK_MSG(!keel_suite_by_name(refused[i].name), "%s",
			      refused[i].name);
	}
}

CASE(suite__lookups_want_the_exact_name,
     "Other case, a prefix, more, nothing: not found")
{
	ATF_CHECK(!keel_suite_by_name(NULL));
	ATF_CHECK(!keel_suite_by_name(""));
	ATF_CHECK(!keel_suite_by_name("tls_aes_128_gcm_sha256"));
	ATF_CHECK(!keel_suite_by_name("TLS_AES_128_GCM_SHA25"));
	ATF_CHECK(!keel_suite_by_name("TLS_AES_128_GCM_SHA256 "));
}

CASE(version__names, "Names of the two versions, and of no other")
{
	ATF_CHECK_STREQ("TLSv1.2", keel_version_name(KEEL_TLS1_2));
	ATF_CHECK_STREQ("TLSv1.3", keel_version_name(KEEL_TLS1_3));
	ATF_CHECK_STREQ("?", keel_version_name(0));
	ATF_CHECK_STREQ("?", keel_version_name(0x0302));
	ATF_CHECK_STREQ("?", keel_version_name(0x10304));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, suite__table_is_the_one_of_iana);
	ATF_TP_ADD_TC(tp, suite__rows_do_what_their_names_say);
	ATF_TP_ADD_TC(tp, suite__table_has_nothing_weak);
	ATF_TP_ADD_TC(tp, suite__lookups_want_the_exact_name);
	ATF_TP_ADD_TC(tp, version__names);
	return atf_no_error();
}
