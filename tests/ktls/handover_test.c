/* SPDX-License-Identifier: MIT */
/* The table of what must hold before a direction moves into the kernel. */
#include "ktls/handover-private.h"

#include <errno.h>
#include <string.h>

#include "ktls/uapi-private.h"
#include "tests/support/case.h"
#include "tests/support/check.h"

#define NR(array) (sizeof(array) / sizeof((array)[0]))

#define GCM13 0x1301
#define GCM12 0xc02b
/* No kernel has it. */
#define CCM256 0xc0ad

static struct keel__ktls_wish wish_of(uint16_t suite, enum keel_dir dir,
				      enum keel_offload policy)
{
	const struct keel__ktls_wish wish = {
		.suite = keel_suite_by_id(suite),
		.dir = (uint8_t)dir,
		.policy = (uint8_t)policy,
		.is_able = true,
	};

	ATF_REQUIRE(wish.suite);
	return wish;
}

/*
 * One thing that is wrong each, and what is said of it by direction: a reason
 * of 0 means that the direction may move.
 */
static const struct {
	const char *name;
	uint16_t suite;
	enum keel_offload policy;
	bool is_unable;
	bool is_insecure;
	uint16_t max_fragment;
	int feature; /* of the kernel that is missing, or -1 */
	int use;     /* of the first cipher that is missing, or -1 */
	int fact;
	enum keel_reason tx;
	enum keel_reason rx;
} rows[] = {
	{.name = "nothing", .suite = GCM13, .feature = -1, .use = -1},
	{.name = "nothing, 1.2", .suite = GCM12, .feature = -1, .use = -1},
	{.name = "nothing, required",
	 .suite = GCM13,
	 .policy = KEEL_OFFLOAD_REQUIRE,
	 .feature = -1,
	 .use = -1},
	{.name = "policy",
	 .suite = GCM13,
	 .policy = KEEL_OFFLOAD_OFF,
	 .feature = -1,
	 .use = -1,
	 .tx = KEEL_REASON_POLICY,
	 .rx = KEEL_REASON_POLICY},
	{.name = "driver",
	 .suite = GCM13,
	 .is_unable = true,
	 .feature = -1,
	 .use = -1,
	 .tx = KEEL_REASON_DRIVER,
	 .rx = KEEL_REASON_DRIVER},
	{.name = "backend",
	 .suite = GCM13,
	 .is_insecure = true,
	 .feature = -1,
	 .use = -1,
	 .tx = KEEL_REASON_BACKEND,
	 .rx = KEEL_REASON_BACKEND},
	{.name = "ULP",
	 .suite = GCM12,
	 .feature = KEEL__KTLS_ULP,
	 .use = -1,
	 .fact = -ENOENT,
	 .tx = KEEL_REASON_NO_ULP,
	 .rx = KEEL_REASON_NO_ULP},
	{.name = "cipher, 1.2 tx",
	 .suite = GCM12,
	 .feature = -1,
	 .use = 0,
	 .fact = -ENOENT,
	 .tx = KEEL_REASON_CIPHER},
	{.name = "cipher, 1.2 rx",
	 .suite = GCM12,
	 .feature = -1,
	 .use = 1,
	 .fact = -ENOENT,
	 .rx = KEEL_REASON_CIPHER},
	{.name = "cipher, 1.3 tx",
	 .suite = GCM13,
	 .feature = -1,
	 .use = 2,
	 .fact = -EINVAL,
	 .tx = KEEL_REASON_CIPHER},
	{.name = "cipher, 1.3 rx",
	 .suite = GCM13,
	 .feature = -1,
	 .use = 3,
	 .fact = -EINVAL,
	 .rx = KEEL_REASON_CIPHER},
	{.name = "cipher of the other version",
	 .suite = GCM13,
	 .feature = -1,
	 .use = 0,
	 .fact = -EINVAL},
	{.name = "no such cipher",
	 .suite = CCM256,
	 .feature = -1,
	 .use = -1,
	 .fact = -EOPNOTSUPP,
	 .tx = KEEL_REASON_CIPHER,
	 .rx = KEEL_REASON_CIPHER},
	{.name = "short records",
	 .suite = GCM13,
	 .max_fragment = 512,
	 .feature = -1,
	 .use = -1,
	 .tx = KEEL_REASON_FRAGMENT},
	{.name = "new keys",
	 .suite = GCM13,
	 .feature = KEEL__KTLS_REKEY,
	 .use = -1,
	 .fact = -EBUSY,
	 .rx = KEEL_REASON_NO_REKEY},
	{.name = "new keys, 1.2",
	 .suite = GCM12,
	 .feature = KEEL__KTLS_REKEY,
	 .use = -1,
	 .fact = -EBUSY},
	{.name = "new keys, required",
	 .suite = GCM13,
	 .policy = KEEL_OFFLOAD_REQUIRE,
	 .feature = KEEL__KTLS_REKEY,
	 .use = -1,
	 .fact = -EBUSY},
	/* What only makes things better does not matter. */
	{.name = "poll",
	 .suite = GCM13,
	 .feature = KEEL__KTLS_POLL,
	 .use = -1,
	 .fact = -EINVAL},
	{.name = "end of record",
	 .suite = GCM13,
	 .feature = KEEL__KTLS_EOR,
	 .use = -1,
	 .fact = -EINVAL},
};

static bool is_of_kernel(enum keel_reason reason)
{
	return reason == KEEL_REASON_NO_ULP || reason == KEEL_REASON_CIPHER ||
	       reason == KEEL_REASON_NO_REKEY;
}

static void check_row(size_t i, enum keel_dir dir, enum keel_reason reason)
{
	struct keel__ktls_wish wish =
		wish_of(rows[i].suite, dir, rows[i].policy);
	struct keel__ktls_facts facts = {.features = {0}};
	int err = 1;

	wish.is_able = !rows[i].is_unable;
	wish.is_insecure = rows[i].is_insecure;
	wish.max_fragment = rows[i].max_fragment;
	if (rows[i].feature >= 0)
		facts.features[rows[i].feature] = rows[i].fact;
	if (rows[i].use >= 0)
		facts.ciphers[0][rows[i].use] = rows[i].fact;
	CHECK_INT(rows[i].name, reason, keel__ktls_judge(&facts, &wish, &err));
	CHECK_INT(rows[i].name, is_of_kernel(reason) ? rows[i].fact : 0, err);
}

CASE(judge__rows, "Each row of the table, both ways, with what the kernel said "
		  "if the row is about that")
{
	for (size_t i = 0; i < NR(rows); i++) {
		check_row(i, KEEL_TX, rows[i].tx);
		check_row(i, KEEL_RX, rows[i].rx);
	}
}

CASE(judge__order, "The first that does not hold is told, and nobody is asked "
		   "about a kernel in vain")
{
	struct keel__ktls_facts facts = {
		.features = {[KEEL__KTLS_ULP] = -ENOENT,
			     [KEEL__KTLS_REKEY] = -EBUSY},
		.ciphers = {{-1, -1, -1, -1}},
	};
	struct keel__ktls_wish wish = wish_of(GCM13, KEEL_RX, KEEL_OFFLOAD_OFF);
	int err;

	wish.is_able = false;
	ATF_CHECK_EQ(KEEL_REASON_POLICY, keel__ktls_judge(NULL, &wish, &err));
	wish.policy = KEEL_OFFLOAD_AUTO;
	ATF_CHECK_EQ(KEEL_REASON_DRIVER, keel__ktls_judge(NULL, &wish, &err));
	wish.is_able = true;
	ATF_CHECK_EQ(KEEL_REASON_NO_ULP, keel__ktls_judge(&facts, &wish, &err));
	facts.features[KEEL__KTLS_ULP] = 0;
	ATF_CHECK_EQ(KEEL_REASON_CIPHER, keel__ktls_judge(&facts, &wish, &err));
	ATF_CHECK_EQ(-1, err);
	facts.ciphers[0][3] = 0;
	ATF_CHECK_EQ(KEEL_REASON_NO_REKEY,
		     keel__ktls_judge(&facts, &wish, &err));
	ATF_CHECK_EQ(-EBUSY, err);
	facts.features[KEEL__KTLS_REKEY] = 0;
	ATF_CHECK_EQ(KEEL_REASON_NONE, keel__ktls_judge(&facts, &wish, &err));
	ATF_CHECK_EQ(0, err);
}

CASE(judge__suites, "A context asks whether any of its suites could move")
{
	static const uint16_t some[] = {CCM256, GCM12};
	static const uint16_t none[] = {CCM256};
	struct keel__ktls_facts facts = {.features = {0}};
	int err;

	ATF_CHECK_EQ(KEEL_REASON_NONE,
		     keel__ktls_judge_suites(&facts, some, 2, KEEL_RX, &err));
	ATF_CHECK_EQ(0, err);
	ATF_CHECK_EQ(KEEL_REASON_CIPHER,
		     keel__ktls_judge_suites(&facts, none, 1, KEEL_RX, &err));
	ATF_CHECK_EQ(-EOPNOTSUPP, err);
	ATF_CHECK_EQ(KEEL_REASON_CIPHER,
		     keel__ktls_judge_suites(&facts, none, 0, KEEL_TX, &err));
	facts.features[KEEL__KTLS_ULP] = -ENOENT;
	ATF_CHECK_EQ(KEEL_REASON_NO_ULP,
		     keel__ktls_judge_suites(&facts, some, 2, KEEL_TX, &err));
	ATF_CHECK_EQ(-ENOENT, err);
}

CASE(attach__reasons, "Why the kernel did not attach its TLS, from its errno")
{
	static const struct {
		const char *name;
		int err;
		enum keel_reason reason;
	} errs[] = {
		{"no module", -ENOENT, KEEL_REASON_NO_ULP},
		{"not connected", -ENOTCONN, KEEL_REASON_STATE},
		{"taken", -EEXIST, KEEL_REASON_TAKEN},
		{"MPTCP", -EOPNOTSUPP, KEEL_REASON_SOCKET},
		{"unix", -ENOPROTOOPT, KEEL_REASON_SOCKET},
		{"a file", -ENOTSOCK, KEEL_REASON_SOCKET},
		{"protocol", -EPROTONOSUPPORT, KEEL_REASON_SOCKET},
		{"other", -EPERM, KEEL_REASON_ATTACH},
		{"other again", -EINVAL, KEEL_REASON_ATTACH},
	};

	for (size_t i = 0; i < NR(errs); i++)
		CHECK_INT(errs[i].name, errs[i].reason,
			  keel__ktls_attach_reason(errs[i].err));
}

CASE(info__attach, "The option that attaches it")
{
	struct keel__ktls_info info;

	keel__ktls_info_attach(&info);
	ATF_CHECK_EQ(IPPROTO_TCP, info.level);
	ATF_CHECK_EQ(TCP_ULP, info.name);
	ATF_CHECK_EQ(3, info.len);
	ATF_CHECK_EQ(0, memcmp("tls", info.bytes, 3));
}

CASE(info__sizes,
     "Keys as an option: the size of each structure, and the number "
     "that getsockopt(2) fills in")
{
	static const struct {
		const char *name;
		size_t len;
	} sizes[] = {
		{"AES-128-GCM", sizeof(struct tls12_crypto_info_aes_gcm_128)},
		{"AES-256-GCM", sizeof(struct tls12_crypto_info_aes_gcm_256)},
		{"CHACHA20-POLY1305",
		 sizeof(struct tls12_crypto_info_chacha20_poly1305)},
		{"AES-128-CCM", sizeof(struct tls12_crypto_info_aes_ccm_128)},
		{"SM4-GCM", sizeof(struct tls12_crypto_info_sm4_gcm)},
		{"SM4-CCM", sizeof(struct tls12_crypto_info_sm4_ccm)},
		{"ARIA-128-GCM", sizeof(struct tls12_crypto_info_aria_gcm_128)},
		{"ARIA-256-GCM", sizeof(struct tls12_crypto_info_aria_gcm_256)},
	};
	static const uint8_t key[KEEL_MAX_KEY_LEN], iv[KEEL_NONCE_LEN];

	for (size_t i = 0; i < KEEL__KTLS_NR_CIPHERS; i++) {
		const struct keel__ktls_keys keys = {
			.cipher = &keel__ktls_ciphers[i],
			.version = KEEL_TLS1_2,
			.dir = i % 2 ? KEEL_RX : KEEL_TX,
			.key = key,
			.iv = iv,
			.seq = 0x0102030405060708,
		};
		struct keel__ktls_info info;

		ATF_CHECK_STREQ(sizes[i].name, keys.cipher->name);
		keel__ktls_info_fill(&info, &keys);
		CHECK_INT(sizes[i].name, sizes[i].len, info.len);
		CHECK_INT(sizes[i].name, SOL_TLS, info.level);
		CHECK_INT(sizes[i].name, i % 2 ? TLS_RX : TLS_TX, info.name);
		CHECK_INT(sizes[i].name, keys.seq, keel__ktls_info_seq(&info));
		/* The last byte is the number's. */
		info.bytes[info.len - 1]++;
		CHECK_INT(sizes[i].name, keys.seq + 1,
			  keel__ktls_info_seq(&info));
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, judge__rows);
	ATF_TP_ADD_TC(tp, judge__order);
	ATF_TP_ADD_TC(tp, judge__suites);
	ATF_TP_ADD_TC(tp, attach__reasons);
	ATF_TP_ADD_TC(tp, info__attach);
	ATF_TP_ADD_TC(tp, info__sizes);
	return atf_no_error();
}
