/* SPDX-License-Identifier: MIT */
/* Cipher suites: IANA code points and OpenSSL's names for them. */
#include "lib/backends/openssl/openssl-private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/base-private.h"
#include "lib/base/err-private.h"

#define SITE "choosing cipher suites"

static const struct keel__ossl_suite suites[] = {
	{0x1301, KEEL_TLS1_3, "TLS_AES_128_GCM_SHA256"},
	{0x1302, KEEL_TLS1_3, "TLS_AES_256_GCM_SHA384"},
	{0x1303, KEEL_TLS1_3, "TLS_CHACHA20_POLY1305_SHA256"},
	{0x1304, KEEL_TLS1_3, "TLS_AES_128_CCM_SHA256"},
	{0xc02b, KEEL_TLS1_2, "ECDHE-ECDSA-AES128-GCM-SHA256"},
	{0xc02c, KEEL_TLS1_2, "ECDHE-ECDSA-AES256-GCM-SHA384"},
	{0xc02f, KEEL_TLS1_2, "ECDHE-RSA-AES128-GCM-SHA256"},
	{0xc030, KEEL_TLS1_2, "ECDHE-RSA-AES256-GCM-SHA384"},
	{0xcca8, KEEL_TLS1_2, "ECDHE-RSA-CHACHA20-POLY1305"},
	{0xcca9, KEEL_TLS1_2, "ECDHE-ECDSA-CHACHA20-POLY1305"},
	{0xc0ac, KEEL_TLS1_2, "ECDHE-ECDSA-AES128-CCM"},
	{0xc0ad, KEEL_TLS1_2, "ECDHE-ECDSA-AES256-CCM"},
};

/* The longest list: every name and a colon. */
#define LIST_LEN (KEEL__ARRAY_LEN(suites) * 32 + 1)

const struct keel__ossl_suite *keel__ossl_suite_find(uint16_t id)
{
	for (size_t i = 0; i < KEEL__ARRAY_LEN(suites); i++) {
		if (suites[i].id == id)
			return &suites[i];
	}
	return NULL;
}

static int list_add(char *list, const char *name)
{
	size_t used = strlen(list);
	int n = snprintf(list + used, LIST_LEN - used, "%s%s", used ? ":" : "",
			 name);

	return n < 0 || (size_t)n >= LIST_LEN - used ? -EINVAL : 0;
}

/* The names of @params' suites of one version, colons between them. */
static int list_make(const struct keel_backend_params *params, uint16_t version,
		     char *ret_list, struct keel_diag *diag)
{
	const struct keel__ossl_suite *suite;
	int r;

	ret_list[0] = '\0';
	for (size_t i = 0; i < params->nr_suites; i++) {
		suite = keel__ossl_suite_find(params->suites[i]);
		if (!suite)
			return keel__diag_set(
				diag, -ENOTSUP, KEEL_ERR_USAGE, 0, SITE,
				"the openssl backend has no cipher suite "
				"%#06x: leave it out",
				params->suites[i]);
		if (suite->version != version)
			continue;
		r = list_add(ret_list, suite->name);
		if (r < 0)
			return keel__diag_set(diag, r, KEEL_ERR_USAGE, 0, SITE,
					      "too many cipher suites: name "
					      "each one once");
	}
	return 0;
}

static int refused(struct keel_diag *diag, const char *list)
{
	long native;
	const char *text = keel__ossl_error_take(&native);

	return keel__diag_set(diag, -ENOTSUP, KEEL_ERR_BACKEND, native, SITE,
			      "OpenSSL refuses the cipher suites %s (%s)", list,
			      text);
}

/* A version without a suite cannot be spoken: narrow the range to the rest. */
static int set_versions(SSL_CTX *ctx, const struct keel_backend_params *params,
			bool has_tls12, bool has_tls13, struct keel_diag *diag)
{
	uint16_t min = params->min_version;
	uint16_t max = params->max_version;

	if (!has_tls12 && min < KEEL_TLS1_3)
		min = KEEL_TLS1_3;
	if (!has_tls13 && max > KEEL_TLS1_2)
		max = KEEL_TLS1_2;
	if (min < KEEL_TLS1_2 || max > KEEL_TLS1_3 || min > max)
		return keel__diag_set(diag, -EINVAL, KEEL_ERR_USAGE, 0, SITE,
				      "no cipher suite fits the TLS versions "
				      "allowed: widen one or the other");
	if (!SSL_CTX_set_min_proto_version(ctx, min) ||
	    !SSL_CTX_set_max_proto_version(ctx, max))
		return keel__diag_set(diag, -ENOTSUP, KEEL_ERR_BACKEND, 0, SITE,
				      "this OpenSSL was built without one of "
				      "the TLS versions allowed");
	return 0;
}

int keel__ossl_suites_set(SSL_CTX *ctx,
			  const struct keel_backend_params *params,
			  struct keel_diag *diag)
{
	char tls12[LIST_LEN];
	char tls13[LIST_LEN];
	int r;

	r = list_make(params, KEEL_TLS1_2, tls12, diag);
	if (r < 0)
		return r;
	r = list_make(params, KEEL_TLS1_3, tls13, diag);
	if (r < 0)
		return r;
	r = set_versions(ctx, params, tls12[0], tls13[0], diag);
	if (r < 0)
		return r;
	/* An empty TLS 1.3 list is taken, an empty TLS 1.2 list is not. */
	if (!SSL_CTX_set_ciphersuites(ctx, tls13))
		return refused(diag, tls13);
	if (tls12[0] && !SSL_CTX_set_cipher_list(ctx, tls12))
		return refused(diag, tls12);
	return 0;
}
