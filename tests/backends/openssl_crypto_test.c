/* SPDX-License-Identifier: MIT */
/* Algorithms of the OpenSSL backend: published vectors, and tampering. */
#include "lib/backends/openssl/openssl-private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tests/support/crypto_row.h"
#include "tests/support/hex.h"

#define MAX_TEXT 20000

static const struct keel_backend *const be = &keel__backend_openssl;

static void init(void)
{
	char why[256];

	ATF_REQUIRE_EQ(0, be->init(why, sizeof(why)));
}

static const struct {
	const char *row;
	enum keel_aead aead;
} aeads[] = {
	{"AES-128-GCM", KEEL_AEAD_AES_128_GCM},
	{"AES-256-GCM", KEEL_AEAD_AES_256_GCM},
	{"ChaCha20-Poly1305", KEEL_AEAD_CHACHA20_POLY1305},
	{"AES-128-CCM", KEEL_AEAD_AES_128_CCM},
	{"AES-256-CCM", KEEL_AEAD_AES_256_CCM},
};

#define NR_AEADS (sizeof(aeads) / sizeof(aeads[0]))

/*
 * GCM: cases 4 and 16 of McGrew and Viega's specification. ChaCha20-Poly1305:
 * RFC 8439 section 2.8.2. CCM with a 12-byte nonce and a 16-byte tag has no
 * published vector of that shape; aead__agrees_with_evp covers it.
 */
static const struct {
	const char *row;
	enum keel_aead aead;
	const char *key;
	const char *nonce;
	const char *aad;
	const char *text;
	const char *sealed;
} vectors[] = {
	{"GCM case 4", KEEL_AEAD_AES_128_GCM,
	 "feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
	 "feedfacedeadbeeffeedfacedeadbeefabaddad2",
	 "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
	 "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
	 "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
	 "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091"
	 "5bc94fbc3221a5db94fae95ae7121a47"},
	{"GCM case 16", KEEL_AEAD_AES_256_GCM,
	 "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
	 "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
	 "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
	 "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
	 "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
	 "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
	 "76fc6ece0f4e1768cddf8853bb2d551b"},
	{"RFC 8439", KEEL_AEAD_CHACHA20_POLY1305,
	 "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
	 "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
	 "4c616469657320616e642047656e746c656d656e206f662074686520636c6173"
	 "73206f66202739393a204966204920636f756c64206f6666657220796f75206f"
	 "6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
	 "637265656e20776f756c642062652069742e",
	 "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
	 "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
	 "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
	 "3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd060"
	 "0691"},
};

static void *aead_new(const char *row, enum keel_aead aead, const uint8_t *key,
		      bool encrypt)
{
	void *a = NULL;

	REQUIRE_INT(row, 0, be->aead_new(aead, key, encrypt, &a));
	return a;
}

CASE(aead__vectors, "Published vectors of GCM and ChaCha20-Poly1305")
{
	uint8_t key[32], nonce[12], aad[32], text[256], sealed[256], out[256];
	struct iovec in = {.iov_base = text};
	size_t aad_len;
	size_t len;
	void *a;

	init();
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		hex_decode(vectors[i].key, key, sizeof(key));
		hex_decode(vectors[i].nonce, nonce, sizeof(nonce));
		aad_len = hex_decode(vectors[i].aad, aad, sizeof(aad));
		in.iov_len = hex_decode(vectors[i].text, text, sizeof(text));
		len = hex_decode(vectors[i].sealed, sealed, sizeof(sealed));
		a = aead_new(vectors[i].row, vectors[i].aead, key, true);
		REQUIRE_INT(vectors[i].row, 0,
			    be->aead_seal(a, nonce, aad, aad_len, &in, 1, out));
		CHECK_MEM(vectors[i].row, sealed, out, len);
		be->aead_free(a);
		a = aead_new(vectors[i].row, vectors[i].aead, key, false);
		REQUIRE_INT(vectors[i].row, 0,
			    be->aead_open(a, nonce, aad, aad_len, sealed, len,
					  out));
		CHECK_MEM(vectors[i].row, text, out, in.iov_len);
		be->aead_free(a);
	}
}

static const size_t lens[] = {0, 1, 15, 16, 17, 1000, 16384, 16385};

static void fill(uint8_t *data, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(i * 31 + seed);
}

/* One length: out of place and in place, in one part and in four. */
static void agree(size_t row, void *mine, void *opener, void *theirs,
		  size_t len, uint8_t *text, uint8_t *want, uint8_t *out)
{
	uint8_t nonce[12];
	uint8_t aad[13];
	struct iovec one = {.iov_base = text, .iov_len = len};
	struct iovec place = {.iov_base = out, .iov_len = len};
	struct iovec parts[4] = {
		{.iov_base = text, .iov_len = len / 3},
		{.iov_base = NULL, .iov_len = 0},
		{.iov_base = text + len / 3, .iov_len = len / 2},
		{.iov_base = text + len / 3 + len / 2,
		 .iov_len = len - len / 3 - len / 2},
	};
	const char *name = aeads[row].row;

	fill(text, len, 1);
	fill(nonce, sizeof(nonce), (unsigned int)len);
	fill(aad, sizeof(aad), 3);
	REQUIRE_INT(name, 0,
		    crypto_row.aead_seal(theirs, nonce, aad, sizeof(aad), &one,
					 1, want));
	REQUIRE_INT(name, 0,
		    be->aead_seal(mine, nonce, aad, sizeof(aad), &one, 1, out));
	CHECK_MEM(name, want, out, len + KEEL_TAG_LEN);
	memset(out, 0, len + KEEL_TAG_LEN);
	REQUIRE_INT(
		name, 0,
		be->aead_seal(mine, nonce, aad, sizeof(aad), parts, 4, out));
	CHECK_MEM(name, want, out, len + KEEL_TAG_LEN);
	memcpy(out, text, len);
	REQUIRE_INT(
		name, 0,
		be->aead_seal(mine, nonce, aad, sizeof(aad), &place, 1, out));
	CHECK_MEM(name, want, out, len + KEEL_TAG_LEN);
	REQUIRE_INT(name, 0,
		    be->aead_open(opener, nonce, aad, sizeof(aad), out,
				  len + KEEL_TAG_LEN, out));
	CHECK_MEM(name, text, out, len);
}

CASE(aead__agrees_with_evp,
     "Every algorithm and shape of input against another implementation")
{
	uint8_t *text = malloc(MAX_TEXT);
	uint8_t *want = malloc(MAX_TEXT);
	uint8_t *out = malloc(MAX_TEXT);
	uint8_t key[32];
	void *theirs;
	void *opener;
	void *mine;

	init();
	fill(key, sizeof(key), 9);
	for (size_t i = 0; i < NR_AEADS; i++) {
		mine = aead_new(aeads[i].row, aeads[i].aead, key, true);
		opener = aead_new(aeads[i].row, aeads[i].aead, key, false);
		ATF_REQUIRE_EQ(0, crypto_row.aead_new(aeads[i].aead, key, true,
						      &theirs));
		for (size_t j = 0; j < sizeof(lens) / sizeof(lens[0]); j++)
			agree(i, mine, opener, theirs, lens[j], text, want,
			      out);
		be->aead_free(mine);
		be->aead_free(opener);
		crypto_row.aead_free(theirs);
	}
	free(text);
	free(want);
	free(out);
}

/* A bad record is refused and the next good one still opens. */
CASE(aead__tampering, "Any changed byte of text, tag, AAD or nonce: -EBADMSG")
{
	uint8_t text[40], sealed[56], bad[56], out[56], nonce[12], aad[5];
	struct iovec in = {.iov_base = text, .iov_len = sizeof(text)};
	uint8_t key[32];
	const char *row;
	void *opener;
	void *a;

	init();
	fill(key, sizeof(key), 9);
	fill(text, sizeof(text), 2);
	fill(nonce, sizeof(nonce), 5);
	fill(aad, sizeof(aad), 6);
	for (size_t i = 0; i < NR_AEADS; i++) {
		row = aeads[i].row;
		a = aead_new(row, aeads[i].aead, key, true);
		opener = aead_new(row, aeads[i].aead, key, false);
		REQUIRE_INT(row, 0,
			    be->aead_seal(a, nonce, aad, 5, &in, 1, sealed));
		for (size_t j = 0; j < sizeof(sealed); j++) {
			memcpy(bad, sealed, sizeof(bad));
			bad[j] ^= 1;
			CHECK_INT(row, -EBADMSG,
				  be->aead_open(opener, nonce, aad, 5, bad,
						sizeof(bad), out));
		}
		for (size_t j = 0; j < sizeof(aad) + sizeof(nonce); j++) {
			uint8_t *byte = j < 5 ? &aad[j] : &nonce[j - 5];

			*byte ^= 1;
			CHECK_INT(row, -EBADMSG,
				  be->aead_open(opener, nonce, aad, 5, sealed,
						sizeof(sealed), out));
			*byte ^= 1;
		}
		for (size_t len = 0; len < sizeof(sealed); len++)
			CHECK_INT(row, -EBADMSG,
				  be->aead_open(opener, nonce, aad, 5, sealed,
						len, out));
		REQUIRE_INT(row, 0,
			    be->aead_open(opener, nonce, aad, 5, sealed,
					  sizeof(sealed), out));
		CHECK_MEM(row, text, out, sizeof(text));
		CHECK_INT(row, 0, ERR_peek_error());
		be->aead_free(a);
		be->aead_free(opener);
	}
}

CASE(aead__unknown, "An algorithm that keel has not: -ENOTSUP")
{
	uint8_t key[32] = {0};
	void *a = NULL;

	init();
	CHECK_INT("0", -ENOTSUP,
		  be->aead_new((enum keel_aead)0, key, true, &a));
	CHECK_INT("99", -ENOTSUP,
		  be->aead_new((enum keel_aead)99, key, true, &a));
	ATF_CHECK(!a);
	be->aead_free(NULL);
}

/* RFC 5869 appendix A, the expand step of cases 1 to 3. */
static const struct {
	const char *row;
	const char *prk;
	const char *info;
	const char *okm;
} hkdf_rows[] = {
	{"case 1",
	 "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
	 "f0f1f2f3f4f5f6f7f8f9",
	 "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
	 "34007208d5b887185865"},
	{"case 2",
	 "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
	 "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
	 "d0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeef"
	 "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
	 "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
	 "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
	 "cc30c58179ec3e87c14c01d5c1f3434f1d87"},
	{"case 3",
	 "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04", "",
	 "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
	 "9d201395faa4b61a96c8"},
};

CASE(hkdf__vectors, "RFC 5869 appendix A, HMAC with SHA-256")
{
	uint8_t prk[48], info[128], okm[128], out[128];
	size_t info_len;
	size_t prk_len;
	size_t len;

	init();
	for (size_t i = 0; i < sizeof(hkdf_rows) / sizeof(hkdf_rows[0]); i++) {
		prk_len = hex_decode(hkdf_rows[i].prk, prk, sizeof(prk));
		info_len = hex_decode(hkdf_rows[i].info, info, sizeof(info));
		len = hex_decode(hkdf_rows[i].okm, okm, sizeof(okm));
		REQUIRE_INT(hkdf_rows[i].row, 0,
			    be->hkdf_expand(KEEL_HASH_SHA256, prk, prk_len,
					    info, info_len, out, len));
		CHECK_MEM(hkdf_rows[i].row, okm, out, len);
	}
}

/* OpenSSL's own KDF, as the other implementation. */
static void evp_hkdf(char *hash, uint8_t *prk, size_t prk_len, uint8_t *info,
		     size_t info_len, uint8_t *out, size_t len)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, hash,
						 0),
		OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, prk,
						  prk_len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info,
						  info_len),
		OSSL_PARAM_construct_end(),
	};

	ATF_REQUIRE(EVP_KDF_derive(ctx, out, len, params) > 0);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

CASE(hkdf__agrees_with_evp, "Both hashes, lengths up to the limit and past it")
{
	static const size_t out_lens[] = {1, 12, 32, 48, 49, 96, 97, 1000};
	static char names[][8] = {
		[KEEL_HASH_SHA256] = "SHA256",
		[KEEL_HASH_SHA384] = "SHA384",
	};
	static uint8_t out[256 * 48];
	static uint8_t want[1000];
	uint8_t prk[48];
	uint8_t info[20];

	init();
	fill(prk, sizeof(prk), 1);
	fill(info, sizeof(info), 2);
	for (int h = KEEL_HASH_SHA256; h <= KEEL_HASH_SHA384; h++) {
		size_t hash_len = h == KEEL_HASH_SHA256 ? 32 : 48;

		for (size_t i = 0; i < sizeof(out_lens) / sizeof(out_lens[0]);
		     i++) {
			evp_hkdf(names[h], prk, hash_len, info, sizeof(info),
				 want, out_lens[i]);
			REQUIRE_INT(names[h], 0,
				    be->hkdf_expand((enum keel_hash)h, prk,
						    hash_len, info,
						    sizeof(info), out,
						    out_lens[i]));
			CHECK_MEM(names[h], want, out, out_lens[i]);
		}
		CHECK_INT(names[h], 0,
			  be->hkdf_expand((enum keel_hash)h, prk, hash_len,
					  info, sizeof(info), out,
					  255 * hash_len));
		CHECK_INT(names[h], -EINVAL,
			  be->hkdf_expand((enum keel_hash)h, prk, hash_len,
					  info, sizeof(info), out,
					  255 * hash_len + 1));
	}
	CHECK_INT("hash 0", -EINVAL,
		  be->hkdf_expand((enum keel_hash)0, prk, 32, info, 1, out, 1));
}

CASE(hkdf__takes_keys_of_any_length, "Up to the hash's block, and past it")
{
	static const size_t key_lens[] = {1, 63, 64, 65, 127, 128, 129, 200};
	static char names[][8] = {
		[KEEL_HASH_SHA256] = "SHA256",
		[KEEL_HASH_SHA384] = "SHA384",
	};
	uint8_t prk[200];
	uint8_t info[20];
	uint8_t want[100];
	uint8_t out[100];

	init();
	fill(prk, sizeof(prk), 1);
	fill(info, sizeof(info), 2);
	for (int h = KEEL_HASH_SHA256; h <= KEEL_HASH_SHA384; h++) {
		for (size_t i = 0; i < sizeof(key_lens) / sizeof(key_lens[0]);
		     i++) {
			evp_hkdf(names[h], prk, key_lens[i], info, sizeof(info),
				 want, sizeof(want));
			REQUIRE_INT(names[h], 0,
				    be->hkdf_expand((enum keel_hash)h, prk,
						    key_lens[i], info,
						    sizeof(info), out,
						    sizeof(out)));
			CHECK_MEM(names[h], want, out, sizeof(out));
		}
	}
}

/* The test vectors that the TLS working group used for P_SHA256, P_SHA384. */
static const struct {
	const char *row;
	enum keel_hash hash;
	const char *secret;
	const char *seed; /* after "test label" */
	const char *out;
} prf_rows[] = {
	{"SHA-256", KEEL_HASH_SHA256, "9bbe436ba940f017b17652849a71db35",
	 "a0ba9f936cda311827a6f796ffd5198c",
	 "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a"
	 "6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab"
	 "4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701"
	 "87347b66"},
	{"SHA-384", KEEL_HASH_SHA384, "b80b733d6ceefcdc71566ea48e5567df",
	 "cd665cf6a8447dd6ff8b27555edb7465",
	 "7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cd"
	 "e9ca0faa60be9fe34f82b1233c9146a0e534cb400fed2700884f9dc236f80edd"
	 "8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d918425"
	 "9b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee6"
	 "91c8f3a26854308d5eaa3be85e0990703d73e56f"},
};

CASE(prf__vectors, "The TLS 1.2 PRF with SHA-256 and SHA-384")
{
	uint8_t secret[32], seed[64], want[160], out[160];
	size_t secret_len;
	size_t seed_len;
	size_t len;

	init();
	for (size_t i = 0; i < sizeof(prf_rows) / sizeof(prf_rows[0]); i++) {
		secret_len =
			hex_decode(prf_rows[i].secret, secret, sizeof(secret));
		memcpy(seed, "test label", 10);
		seed_len = 10 + hex_decode(prf_rows[i].seed, seed + 10,
					   sizeof(seed) - 10);
		len = hex_decode(prf_rows[i].out, want, sizeof(want));
		REQUIRE_INT(prf_rows[i].row, 0,
			    be->tls12_prf(prf_rows[i].hash, secret, secret_len,
					  seed, seed_len, out, len));
		CHECK_MEM(prf_rows[i].row, want, out, len);
	}
	CHECK_INT("hash 7", -EINVAL,
		  be->tls12_prf((enum keel_hash)7, secret, 16, seed, 10, out,
				10));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, aead__vectors);
	ATF_TP_ADD_TC(tp, aead__agrees_with_evp);
	ATF_TP_ADD_TC(tp, aead__tampering);
	ATF_TP_ADD_TC(tp, aead__unknown);
	ATF_TP_ADD_TC(tp, hkdf__vectors);
	ATF_TP_ADD_TC(tp, hkdf__agrees_with_evp);
	ATF_TP_ADD_TC(tp, hkdf__takes_keys_of_any_length);
	ATF_TP_ADD_TC(tp, prf__vectors);
	return atf_no_error();
}
