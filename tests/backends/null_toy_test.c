/* SPDX-License-Identifier: MIT */
/* The null backend's toy algorithms: what the record engine's tests need. */
#include <errno.h>
#include <string.h>

#include "tests/backends/null_pair.h"
#include "tests/support/case.h"
#include "tests/support/check.h"

/* An AEAD in both directions with its input. */
struct aead_case {
	uint8_t key[KEEL_MAX_KEY_LEN];
	uint8_t nonce[KEEL_NONCE_LEN];
	uint8_t aad[13];
	uint8_t rec[100 + KEEL_TAG_LEN];
};

static void aead_case_fill(struct aead_case *c)
{
	for (size_t i = 0; i < sizeof(*c); i++)
		((uint8_t *)c)[i] = (uint8_t)(i * 7);
}

static void seal(enum keel_aead aead, struct aead_case *c, size_t len)
{
	struct iovec iov = {.iov_base = c->rec, .iov_len = len};
	void *a;

	REQUIRE_INT("aead", 0, null_row->aead_new(aead, c->key, true, &a));
	REQUIRE_INT("seal", 0,
		    null_row->aead_seal(a, c->nonce, c->aad, sizeof(c->aad),
					&iov, 1, c->rec));
	null_row->aead_free(a);
}

static int open_in_place(enum keel_aead aead, struct aead_case *c, size_t len)
{
	void *a;
	int ret;

	REQUIRE_INT("aead", 0, null_row->aead_new(aead, c->key, false, &a));
	ret = null_row->aead_open(a, c->nonce, c->aad, sizeof(c->aad), c->rec,
				  len + KEEL_TAG_LEN, c->rec);
	null_row->aead_free(a);
	return ret;
}

CASE(aead__opens_what_it_sealed,
     "Every algorithm and every length from 0 to 100 comes back in place")
{
	struct aead_case plain, c;

	null_backend();
	for (enum keel_aead aead = KEEL_AEAD_AES_128_GCM;
	     aead <= KEEL_AEAD_AES_256_CCM; aead++) {
		for (size_t len = 0; len <= 100; len++) {
			aead_case_fill(&plain);
			c = plain;
			seal(aead, &c, len);
			ATF_CHECK(len < 8 || memcmp(plain.rec, c.rec, len));
			REQUIRE_INT("open", 0, open_in_place(aead, &c, len));
			CHECK_MEM("open", plain.rec, c.rec, len);
		}
	}
}

CASE(aead__notices_every_flipped_bit,
     "A bit flipped in key, nonce, additional data, text or tag: -EBADMSG")
{
	struct aead_case sealed, c;
	const size_t len = 100;

	null_backend();
	aead_case_fill(&sealed);
	seal(KEEL_AEAD_AES_256_GCM, &sealed, len);
	for (size_t bit = 0; bit < 8 * sizeof(sealed); bit++) {
		c = sealed;
		((uint8_t *)&c)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ATF_CHECK_MSG(open_in_place(KEEL_AEAD_AES_256_GCM, &c, len) ==
				      -EBADMSG,
			      "bit %zu", bit);
	}
	c = sealed;
	CHECK_INT("other algorithm", -EBADMSG,
		  open_in_place(KEEL_AEAD_CHACHA20_POLY1305, &c, len));
	CHECK_INT("cut", -EBADMSG,
		  open_in_place(KEEL_AEAD_AES_256_GCM, &c, len - 1));
	c = sealed;
	CHECK_INT("untouched", 0,
		  open_in_place(KEEL_AEAD_AES_256_GCM, &c, len));
}

CASE(aead__seals_parts_as_one,
     "Text in three parts, cut anywhere, gives the record of the whole")
{
	struct aead_case whole, c;
	uint8_t out[sizeof(whole.rec)];
	void *a;

	null_backend();
	aead_case_fill(&whole);
	c = whole;
	seal(KEEL_AEAD_AES_128_CCM, &whole, 100);
	REQUIRE_INT("aead", 0,
		    null_row->aead_new(KEEL_AEAD_AES_128_CCM, c.key, true, &a));
	for (size_t one = 0; one <= 50; one++) {
		struct iovec iov[] = {
			{.iov_base = c.rec, .iov_len = one},
			{.iov_base = c.rec + one, .iov_len = 2 * one - one},
			{.iov_base = c.rec + 2 * one, .iov_len = 100 - 2 * one},
		};

		REQUIRE_INT("seal", 0,
			    null_row->aead_seal(a, c.nonce, c.aad,
						sizeof(c.aad), iov, 3, out));
		CHECK_MEM("parts", whole.rec, out, sizeof(out));
	}
	null_row->aead_free(a);
	null_row->aead_free(NULL);
}

CASE(aead__keeps_its_direction,
     "An object for sealing does not open, nor the other way round")
{
	struct aead_case c;
	struct iovec iov = {.iov_base = c.rec, .iov_len = 1};
	void *a = NULL;

	null_backend();
	aead_case_fill(&c);
	CHECK_INT("no algorithm", -ENOTSUP,
		  null_row->aead_new((enum keel_aead)99, c.key, true, &a));
	ATF_CHECK(!a);
	REQUIRE_INT("seal", 0,
		    null_row->aead_new(KEEL_AEAD_AES_128_GCM, c.key, true, &a));
	CHECK_INT("open", -EINVAL,
		  null_row->aead_open(a, c.nonce, c.aad, 13, c.rec, 20, c.rec));
	null_row->aead_free(a);
	REQUIRE_INT(
		"open", 0,
		null_row->aead_new(KEEL_AEAD_AES_128_GCM, c.key, false, &a));
	CHECK_INT("seal", -EINVAL,
		  null_row->aead_seal(a, c.nonce, c.aad, 13, &iov, 1, c.rec));
	CHECK_INT("short", -EBADMSG,
		  null_row->aead_open(a, c.nonce, c.aad, 13, c.rec, 15, c.rec));
	null_row->aead_free(a);
}

/* hkdf_expand and tls12_prf have one shape. */
typedef int (*derive_fn)(enum keel_hash hash, const uint8_t *secret,
			 size_t secret_len, const uint8_t *seed,
			 size_t seed_len, uint8_t *out, size_t len);

static void check_derive(const char *row, derive_fn derive)
{
	static const uint8_t in[64] = {1, 2, 3};
	uint8_t a[80], b[80];

	REQUIRE_INT(row, 0, derive(KEEL_HASH_SHA256, in, 32, in, 20, a, 80));
	REQUIRE_INT(row, 0, derive(KEEL_HASH_SHA256, in, 32, in, 20, b, 80));
	CHECK_MEM(row, a, b, 80);
	REQUIRE_INT(row, 0, derive(KEEL_HASH_SHA256, in, 32, in, 20, b, 33));
	CHECK_MEM(row, a, b, 33);
	REQUIRE_INT(row, 0, derive(KEEL_HASH_SHA384, in, 32, in, 20, b, 80));
	ATF_CHECK_MSG(memcmp(a, b, 32), "%s: hash makes no difference", row);
	REQUIRE_INT(row, 0, derive(KEEL_HASH_SHA256, in, 31, in, 20, b, 80));
	ATF_CHECK_MSG(memcmp(a, b, 32), "%s: secret makes none", row);
	REQUIRE_INT(row, 0, derive(KEEL_HASH_SHA256, in, 32, in, 21, b, 80));
	ATF_CHECK_MSG(memcmp(a, b, 32), "%s: seed makes none", row);
	REQUIRE_INT(row, 0, derive(KEEL_HASH_SHA256, in, 32, NULL, 0, b, 80));
	CHECK_INT(row, -ENOTSUP,
		  derive((enum keel_hash)9, in, 32, in, 20, b, 80));
}

CASE(derive__depends_on_all_input,
     "Key derivation is the same for the same input and another for another")
{
	static uint8_t out[255 * 32 + 1];

	null_backend();
	check_derive("hkdf", null_row->hkdf_expand);
	check_derive("prf", null_row->tls12_prf);
	CHECK_INT("longest", 0,
		  null_row->hkdf_expand(KEEL_HASH_SHA256, out, 32, out, 1, out,
					255 * 32));
	CHECK_INT("too long", -EINVAL,
		  null_row->hkdf_expand(KEEL_HASH_SHA256, out, 32, out, 1, out,
					255 * 32 + 1));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, aead__opens_what_it_sealed);
	ATF_TP_ADD_TC(tp, aead__notices_every_flipped_bit);
	ATF_TP_ADD_TC(tp, aead__seals_parts_as_one);
	ATF_TP_ADD_TC(tp, aead__keeps_its_direction);
	ATF_TP_ADD_TC(tp, derive__depends_on_all_input);
	return atf_no_error();
}
