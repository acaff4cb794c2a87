/* SPDX-License-Identifier: MIT */
/* Keys as the kernel takes them, against the structures of linux/tls.h. */
#include "ktls/keys-private.h"

#include <errno.h>
#include <string.h>

#include "ktls/uapi-private.h"
#include "tests/support/case.h"
#include "tests/support/check.h"

#define SEQ 0x0102030405060708
#define NONCE 0x1112131415161718

static const uint8_t key[KEEL_MAX_KEY_LEN] = "0123456789abcdefghijklmnopqrstuv";
static const uint8_t iv[KEEL_NONCE_LEN + 1] = "SALTivivIVIV";
static const uint8_t seq_bytes[] = {1, 2, 3, 4, 5, 6, 7, 8};
static const uint8_t nonce_bytes[] = {0x11, 0x12, 0x13, 0x14,
				      0x15, 0x16, 0x17, 0x18};

/* What the last call of set() was given. */
static struct {
	int fd;
	int level;
	int name;
	size_t len;
	uint8_t value[64];
	int result;
} seen;

static int fake_set(void *arg, int fd, int level, int name, const void *value,
		    size_t len)
{
	(void)arg;
	seen.fd = fd;
	seen.level = level;
	seen.name = name;
	seen.len = len;
	ATF_REQUIRE(len <= sizeof(seen.value));
	memcpy(seen.value, value, len);
	return seen.result;
}

static const struct keel__ktls_sys fake = {.set = fake_set};

static const struct keel__ktls_cipher *cipher_of(unsigned int type)
{
	for (size_t i = 0; i < KEEL__KTLS_NR_CIPHERS; i++) {
		if (keel__ktls_ciphers[i].type == type)
			return &keel__ktls_ciphers[i];
	}
	atf_tc_fail("no cipher %u", type);
}

static void set_keys(unsigned int type, uint16_t version, unsigned int dir)
{
	const struct keel__ktls_keys keys = {
		.cipher = cipher_of(type),
		.version = version,
		.dir = (uint8_t)dir,
		.key = key,
		.iv = iv,
		.seq = SEQ,
		.explicit_nonce = NONCE,
	};

	memset(&seen, 0xaa, sizeof(seen));
	seen.result = 0;
	REQUIRE_INT("set", 0, keel__ktls_set_keys(&fake, 7, &keys));
	CHECK_INT("fd", 7, seen.fd);
	CHECK_INT("level", 282, seen.level);
	CHECK_INT("name", dir == KEEL_TX ? 1 : 2, seen.name);
}

/* The fields that all structures have, each at its own place. */
#define CHECK_INFO(row, type, id, ver, iv_bytes, salt_bytes) \
	do { \
		struct type info = { \
			.info = {.version = (ver), .cipher_type = (id)}}; \
		memcpy(info.iv, iv_bytes, sizeof(info.iv)); \
		memcpy(info.key, key, sizeof(info.key)); \
		memcpy(info.salt, salt_bytes, sizeof(info.salt)); \
		memcpy(info.rec_seq, seq_bytes, sizeof(info.rec_seq)); \
		CHECK_INT(row, sizeof(info), seen.len); \
		CHECK_MEM(row, &info, seen.value, sizeof(info)); \
	} while (0)

CASE(keys__tls13, "TLS 1.3: the write IV is split into salt and iv, both ways")
{
	static const unsigned int dirs[] = {KEEL_TX, KEEL_RX};

	for (size_t i = 0; i < 2; i++) {
		set_keys(TLS_CIPHER_AES_GCM_128, KEEL_TLS1_3, dirs[i]);
		CHECK_INFO("AES-128-GCM", tls12_crypto_info_aes_gcm_128, 51,
			   0x0304, iv + 4, iv);
		set_keys(TLS_CIPHER_AES_GCM_256, KEEL_TLS1_3, dirs[i]);
		CHECK_INFO("AES-256-GCM", tls12_crypto_info_aes_gcm_256, 52,
			   0x0304, iv + 4, iv);
		set_keys(TLS_CIPHER_AES_CCM_128, KEEL_TLS1_3, dirs[i]);
		CHECK_INFO("AES-128-CCM", tls12_crypto_info_aes_ccm_128, 53,
			   0x0304, iv + 4, iv);
		set_keys(TLS_CIPHER_CHACHA20_POLY1305, KEEL_TLS1_3, dirs[i]);
		CHECK_INFO("CHACHA20", tls12_crypto_info_chacha20_poly1305, 54,
			   0x0304, iv, iv);
	}
}

CASE(keys__tls12, "TLS 1.2: GCM and CCM send from the explicit nonce on")
{
	static const uint8_t zeros[8];

	set_keys(TLS_CIPHER_AES_GCM_128, KEEL_TLS1_2, KEEL_TX);
	CHECK_INFO("AES-128-GCM tx", tls12_crypto_info_aes_gcm_128, 51, 0x0303,
		   nonce_bytes, iv);
	set_keys(TLS_CIPHER_AES_GCM_256, KEEL_TLS1_2, KEEL_TX);
	CHECK_INFO("AES-256-GCM tx", tls12_crypto_info_aes_gcm_256, 52, 0x0303,
		   nonce_bytes, iv);
	set_keys(TLS_CIPHER_AES_CCM_128, KEEL_TLS1_2, KEEL_RX);
	CHECK_INFO("AES-128-CCM rx", tls12_crypto_info_aes_ccm_128, 53, 0x0303,
		   zeros, iv);
	set_keys(TLS_CIPHER_CHACHA20_POLY1305, KEEL_TLS1_2, KEEL_TX);
	CHECK_INFO("CHACHA20 tx", tls12_crypto_info_chacha20_poly1305, 54,
		   0x0303, iv, iv);
}

CASE(keys__others, "What no suite of keel has is laid out as the kernel wants")
{
	static const struct {
		const char *name;
		unsigned int type;
		size_t len;
	} rows[] = {
		{"SM4-GCM", TLS_CIPHER_SM4_GCM,
		 sizeof(struct tls12_crypto_info_sm4_gcm)},
		{"SM4-CCM", TLS_CIPHER_SM4_CCM,
		 sizeof(struct tls12_crypto_info_sm4_ccm)},
		{"ARIA-128-GCM", TLS_CIPHER_ARIA_GCM_128,
		 sizeof(struct tls12_crypto_info_aria_gcm_128)},
		{"ARIA-256-GCM", TLS_CIPHER_ARIA_GCM_256,
		 sizeof(struct tls12_crypto_info_aria_gcm_256)},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ATF_CHECK_STREQ(rows[i].name, cipher_of(rows[i].type)->name);
		set_keys(rows[i].type, KEEL_TLS1_2, KEEL_TX);
		CHECK_INT(rows[i].name, rows[i].len, seen.len);
	}
}

CASE(keys__errors, "What the kernel says is passed on")
{
	const struct keel__ktls_keys keys = {
		.cipher = &keel__ktls_ciphers[0],
		.version = KEEL_TLS1_3,
		.dir = KEEL_RX,
		.key = key,
		.iv = iv,
	};

	seen.result = -EBUSY;
	CHECK_INT("keys", -EBUSY, keel__ktls_set_keys(&fake, 0, &keys));
	seen.result = -ENOTCONN;
	CHECK_INT("attach", -ENOTCONN, keel__ktls_attach(&fake, 3));
	CHECK_INT("level", 6, seen.level);
	CHECK_INT("name", 31, seen.name);
	CHECK_INT("len", 3, seen.len);
	CHECK_MEM("ulp", "tls", seen.value, 3);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, keys__tls13);
	ATF_TP_ADD_TC(tp, keys__tls12);
	ATF_TP_ADD_TC(tp, keys__others);
	ATF_TP_ADD_TC(tp, keys__errors);
	return atf_no_error();
}
