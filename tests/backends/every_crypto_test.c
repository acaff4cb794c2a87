/* SPDX-License-Identifier: MIT */
/* AEADs, HKDF and the PRF of every backend, against those of the first. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/base-private.h"
#include "tests/backends/rows.h"
#include "tests/support/case.h"
#include "tests/support/check.h"

#define MAX_LEN 16384

static const struct {
	enum keel_aead aead;
	const char *name;
} aeads[] = {
	{KEEL_AEAD_AES_128_GCM, "AES-128-GCM"},
	{KEEL_AEAD_AES_256_GCM, "AES-256-GCM"},
	{KEEL_AEAD_CHACHA20_POLY1305, "ChaCha20-Poly1305"},
	{KEEL_AEAD_AES_128_CCM, "AES-128-CCM"},
	{KEEL_AEAD_AES_256_CCM, "AES-256-CCM"},
};

static const size_t lens[] = {0, 1, 15, 16, 17, 1000, MAX_LEN};

static uint8_t text[MAX_LEN];
static uint8_t out[2][MAX_LEN + KEEL_TAG_LEN];
static uint8_t opened[MAX_LEN];
static const uint8_t key[KEEL_MAX_KEY_LEN] = {1, 2, 3};
static const uint8_t nonce[KEEL_NONCE_LEN] = {4, 5, 6};
static const uint8_t aad[13] = {7, 8, 9};
static char row_name[128];

static void fill(void)
{
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 7 + i / 251);
}

/* In one part, in three parts, or in place. */
enum way { WHOLE, PARTS, IN_PLACE, NR_WAYS };

static void seal(const struct keel_backend *be, enum keel_aead aead, size_t len,
		 enum way way, uint8_t *to)
{
	struct iovec whole = {.iov_base = way == IN_PLACE ? to : text,
			      .iov_len = len};
	struct iovec parts[] = {
		{.iov_base = text, .iov_len = len / 3},
		{.iov_base = text, .iov_len = 0},
		{.iov_base = text + len / 3, .iov_len = len - len / 3},
	};
	void *object;

	REQUIRE_INT(row_name, 0, be->aead_new(aead, key, true, &object));
	memset(to, 0, sizeof(out[0]));
	if (way == IN_PLACE)
		memcpy(to, text, len);
	for (int twice = 0; twice < (way == IN_PLACE ? 1 : 2); twice++)
		REQUIRE_INT(row_name, 0,
			    be->aead_seal(object, nonce, aad, sizeof(aad),
					  way == PARTS ? parts : &whole,
					  way == PARTS ? 3 : 1, to));
	be->aead_free(object);
}

static void check_open(const struct keel_backend *be, enum keel_aead aead,
		       size_t len, uint8_t *sealed)
{
	void *object;

	REQUIRE_INT(row_name, 0, be->aead_new(aead, key, false, &object));
	REQUIRE_INT(row_name, 0,
		    be->aead_open(object, nonce, aad, sizeof(aad), sealed,
				  len + KEEL_TAG_LEN, opened));
	CHECK_MEM(row_name, text, opened, len);
	sealed[len] ^= 1;
	CHECK_INT(row_name, -EBADMSG,
		  be->aead_open(object, nonce, aad, sizeof(aad), sealed,
				len + KEEL_TAG_LEN, opened));
	sealed[len] ^= 1;
	CHECK_INT(row_name, -EBADMSG,
		  be->aead_open(object, nonce, aad, sizeof(aad), sealed,
				KEEL_TAG_LEN - 1, opened));
	/* In place, and after failures. */
	REQUIRE_INT(row_name, 0,
		    be->aead_open(object, nonce, aad, sizeof(aad), sealed,
				  len + KEEL_TAG_LEN, sealed));
	CHECK_MEM(row_name, text, sealed, len);
	be->aead_free(object);
}

CASE(crypto__seals_and_opens_alike,
     "Each AEAD gives the same bytes in every backend, whole, in parts and in "
     "place, and opens them; a wrong tag is told")
{
	const struct keel_backend *first = backend_row(0);
	const struct keel_backend *be;

	fill();
	for (size_t b = 0; (be = backend_row(b)); b++) {
		for (size_t a = 0; a < KEEL__ARRAY_LEN(aeads) * NR_WAYS *
					       KEEL__ARRAY_LEN(lens);
		     a++) {
			size_t len = lens[a / NR_WAYS % KEEL__ARRAY_LEN(lens)];
			size_t i = a / NR_WAYS / KEEL__ARRAY_LEN(lens);
			enum way way = (enum way)(a % NR_WAYS);

			snprintf(row_name, sizeof(row_name),
				 "%s, %s, %zu bytes, way %d", be->name,
				 aeads[i].name, len, way);
			seal(first, aeads[i].aead, len, WHOLE, out[0]);
			seal(be, aeads[i].aead, len, way, out[1]);
			CHECK_MEM(row_name, out[0], out[1], len + KEEL_TAG_LEN);
			check_open(be, aeads[i].aead, len, out[1]);
		}
	}
}

CASE(crypto__knows_what_it_has_not, "An AEAD of no number is not supported")
{
	const struct keel_backend *be;
	void *object;

	for (size_t b = 0; (be = backend_row(b)); b++) {
		CHECK_INT(be->name, -ENOTSUP,
			  be->aead_new((enum keel_aead)0, key, true, &object));
		CHECK_INT(be->name, -ENOTSUP,
			  be->aead_new((enum keel_aead)99, key, true, &object));
	}
}

CASE(crypto__derives_alike,
     "HKDF and the PRF of TLS 1.2 give the same bytes in every backend, of any "
     "length")
{
	const struct keel_backend *first = backend_row(0);
	const struct keel_backend *be;

	fill();
	for (size_t b = 0; (be = backend_row(b)); b++) {
		for (size_t len = 1; len < 200; len++) {
			enum keel_hash hash =
				len & 1 ? KEEL_HASH_SHA256 : KEEL_HASH_SHA384;
			size_t secret_len = len & 1 ? 32 : 48;

			snprintf(row_name, sizeof(row_name), "%s, %zu bytes",
				 be->name, len);
			REQUIRE_INT(row_name, 0,
				    first->hkdf_expand(hash, key, 32, text, len,
						       out[0], len));
			REQUIRE_INT(row_name, 0,
				    be->hkdf_expand(hash, key, 32, text, len,
						    out[1], len));
			CHECK_MEM(row_name, out[0], out[1], len);
			REQUIRE_INT(row_name, 0,
				    first->tls12_prf(hash, text, secret_len,
						     aad, sizeof(aad), out[0],
						     len));
			REQUIRE_INT(row_name, 0,
				    be->tls12_prf(hash, text, secret_len, aad,
						  sizeof(aad), out[1], len));
			CHECK_MEM(row_name, out[0], out[1], len);
		}
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, crypto__seals_and_opens_alike);
	ATF_TP_ADD_TC(tp, crypto__knows_what_it_has_not);
	ATF_TP_ADD_TC(tp, crypto__derives_alike);
	return atf_no_error();
}
