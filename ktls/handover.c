/* SPDX-License-Identifier: MIT */
/* May a direction move into the kernel: a table of what must hold. */
#include "ktls/handover-private.h"

#include <errno.h>
#include <string.h>

#include "ktls/uapi-private.h"

/* Each says 0 if all is well, or what the kernel said or would say. */

static int is_wanted(const struct keel__ktls_facts *facts,
		     const struct keel__ktls_wish *wish)
{
	(void)facts;
	return wish->policy == KEEL_OFFLOAD_OFF ? -EPERM : 0;
}

static int has_driver(const struct keel__ktls_facts *facts,
		      const struct keel__ktls_wish *wish)
{
	(void)facts;
	return wish->is_able ? 0 : -ENOTSOCK;
}

static int has_backend(const struct keel__ktls_facts *facts,
		       const struct keel__ktls_wish *wish)
{
	(void)facts;
	return wish->is_insecure ? -EOPNOTSUPP : 0;
}

static int has_ulp(const struct keel__ktls_facts *facts,
		   const struct keel__ktls_wish *wish)
{
	(void)wish;
	return facts->features[KEEL__KTLS_ULP];
}

static int has_cipher(const struct keel__ktls_facts *facts,
		      const struct keel__ktls_wish *wish)
{
	const struct keel__ktls_cipher *row = keel__ktls_cipher_of(wish->suite);
	size_t use = (wish->suite->version == KEEL_TLS1_3 ? 2u : 0u) +
		     (wish->dir == KEEL_RX ? 1u : 0u);

	return row ? facts->ciphers[row - keel__ktls_ciphers][use]
		   : -EOPNOTSUPP;
}

/*
 * A send(2) makes records of 2^14 bytes, whoever negotiated less. What is
 * received may always be shorter.
 */
static int has_length(const struct keel__ktls_facts *facts,
		      const struct keel__ktls_wish *wish)
{
	(void)facts;
	return wish->dir == KEEL_TX && wish->max_fragment ? -EMSGSIZE : 0;
}

/*
 * One KeyUpdate of the peer, and a kernel that cannot follow must end the
 * connection. Who requires the kernel takes that risk.
 */
static int has_rekey(const struct keel__ktls_facts *facts,
		     const struct keel__ktls_wish *wish)
{
	if (wish->dir == KEEL_TX || wish->suite->version != KEEL_TLS1_3 ||
	    wish->policy == KEEL_OFFLOAD_REQUIRE)
		return 0;
	return facts->features[KEEL__KTLS_REKEY];
}

/* In the order in which they are told. */
static const struct {
	enum keel_reason reason;
	bool is_of_kernel; /* its answer is the kernel's */
	int (*fn)(const struct keel__ktls_facts *facts,
		  const struct keel__ktls_wish *wish);
} rows[] = {
	{KEEL_REASON_POLICY, false, is_wanted},
	{KEEL_REASON_DRIVER, false, has_driver},
	{KEEL_REASON_BACKEND, false, has_backend},
	{KEEL_REASON_NO_ULP, true, has_ulp},
	{KEEL_REASON_CIPHER, true, has_cipher},
	{KEEL_REASON_FRAGMENT, false, has_length},
	{KEEL_REASON_NO_REKEY, true, has_rekey},
};

enum keel_reason keel__ktls_judge(const struct keel__ktls_facts *facts,
				  const struct keel__ktls_wish *wish,
				  int *ret_err)
{
	*ret_err = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int err = rows[i].fn(facts, wish);

		if (!err)
			continue;
		*ret_err = rows[i].is_of_kernel ? err : 0;
		return rows[i].reason;
	}
	return KEEL_REASON_NONE;
}

enum keel_reason keel__ktls_judge_suites(const struct keel__ktls_facts *facts,
					 const uint16_t *suites, size_t nr,
					 enum keel_dir dir, int *ret_err)
{
	enum keel_reason reason = KEEL_REASON_CIPHER;

	*ret_err = -EOPNOTSUPP;
	for (size_t i = 0; i < nr; i++) {
		const struct keel__ktls_wish wish = {
			.suite = keel_suite_by_id(suites[i]),
			.dir = (uint8_t)dir,
			.policy = KEEL_OFFLOAD_REQUIRE,
			.is_able = true,
		};

		reason = keel__ktls_judge(facts, &wish, ret_err);
		if (reason == KEEL_REASON_NONE)
			break;
	}
	return reason;
}

/* net/ipv4/tcp_ulp.c, net/tls/tls_main.c, net/mptcp/sockopt.c */
static const struct {
	int err;
	enum keel_reason reason;
} refusals[] = {
	{-ENOENT, KEEL_REASON_NO_ULP},
	{-ENOTCONN, KEEL_REASON_STATE},
	{-EEXIST, KEEL_REASON_TAKEN},
	{-EOPNOTSUPP, KEEL_REASON_SOCKET},
	{-ENOPROTOOPT, KEEL_REASON_SOCKET},
	{-ENOTSOCK, KEEL_REASON_SOCKET},
	{-EPROTONOSUPPORT, KEEL_REASON_SOCKET},
};

enum keel_reason keel__ktls_attach_reason(int err)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		if (refusals[i].err == err)
			return refusals[i].reason;
	}
	return KEEL_REASON_ATTACH;
}

void keel__ktls_info_attach(struct keel__ktls_info *ret_info)
{
	ret_info->level = IPPROTO_TCP;
	ret_info->name = TCP_ULP;
	ret_info->len = sizeof(KEEL__KTLS_ULP_NAME) - 1;
	memcpy(ret_info->bytes, KEEL__KTLS_ULP_NAME, ret_info->len);
}
