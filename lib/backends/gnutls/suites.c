/* SPDX-License-Identifier: MIT */
/* Cipher suites, as GnuTLS wants them: a priority string. */
#include "lib/backends/gnutls/gnutls-private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/base-private.h"
#include "lib/base/err-private.h"

#define SITE "choosing cipher suites"

/* How a suite of TLS 1.2 authenticates; in TLS 1.3 the certificate decides. */
enum kx { KX_ANY, KX_ECDSA, KX_RSA };

/* Best first, as keel's own table. */
static const struct {
	uint16_t id;
	enum keel_aead aead;
	enum kx kx;
} suites[] = {
	{0x1301, KEEL_AEAD_AES_128_GCM, KX_ANY},
	{0x1302, KEEL_AEAD_AES_256_GCM, KX_ANY},
	{0x1303, KEEL_AEAD_CHACHA20_POLY1305, KX_ANY},
	{0x1304, KEEL_AEAD_AES_128_CCM, KX_ANY},
	{0xc02b, KEEL_AEAD_AES_128_GCM, KX_ECDSA},
	{0xc02f, KEEL_AEAD_AES_128_GCM, KX_RSA},
	{0xc02c, KEEL_AEAD_AES_256_GCM, KX_ECDSA},
	{0xc030, KEEL_AEAD_AES_256_GCM, KX_RSA},
	{0xcca9, KEEL_AEAD_CHACHA20_POLY1305, KX_ECDSA},
	{0xcca8, KEEL_AEAD_CHACHA20_POLY1305, KX_RSA},
	{0xc0ac, KEEL_AEAD_AES_128_CCM, KX_ECDSA},
	{0xc0ad, KEEL_AEAD_AES_256_CCM, KX_ECDSA},
};

static const char *const aead_names[] = {
	[KEEL_AEAD_AES_128_GCM] = "AES-128-GCM",
	[KEEL_AEAD_AES_256_GCM] = "AES-256-GCM",
	[KEEL_AEAD_CHACHA20_POLY1305] = "CHACHA20-POLY1305",
	[KEEL_AEAD_AES_128_CCM] = "AES-128-CCM",
	[KEEL_AEAD_AES_256_CCM] = "AES-256-CCM",
};

static const char *const kx_names[] = {
	[KX_ECDSA] = "ECDHE-ECDSA",
	[KX_RSA] = "ECDHE-RSA",
};

/* The suites that are wanted, taken apart. */
struct wish {
	bool suites[KEEL__ARRAY_LEN(suites)];
	bool aeads[KEEL__ARRAY_LEN(aead_names)];
	bool kxs[KEEL__ARRAY_LEN(kx_names)];
	bool has_tls12;
	bool has_tls13;
	char priority[512];
};

static void add(struct wish *wish, const char *sign, const char *name)
{
	size_t len = strlen(wish->priority);

	snprintf(wish->priority + len, sizeof(wish->priority) - len, "%s%s",
		 sign, name);
}

static int find(uint16_t id)
{
	for (size_t i = 0; i < KEEL__ARRAY_LEN(suites); i++) {
		if (suites[i].id == id)
			return (int)i;
	}
	return -1;
}

/* The order is that of the ciphers in the string, so theirs of first mention. */
static void want(struct wish *wish, size_t i)
{
	wish->suites[i] = true;
	if (!wish->aeads[suites[i].aead])
		add(wish, ":+", aead_names[suites[i].aead]);
	wish->aeads[suites[i].aead] = true;
	wish->kxs[suites[i].kx] = true;
	if (suites[i].kx == KX_ANY)
		wish->has_tls13 = true;
	else
		wish->has_tls12 = true;
}

static int take_apart(const struct keel_backend_params *params,
		      struct wish *ret_wish, struct keel_diag *diag)
{
	for (size_t n = 0; n < params->nr_suites; n++) {
		int i = find(params->suites[n]);
		uint16_t version;

		if (i < 0)
			return keel__diag_set(
				diag, -ENOTSUP, KEEL_ERR_USAGE, 0, SITE,
				"the gnutls backend has no cipher suite "
				"%#06x: leave it out",
				params->suites[n]);
		version = suites[i].kx == KX_ANY ? KEEL_TLS1_3 : KEEL_TLS1_2;
		if (version >= params->min_version &&
		    version <= params->max_version)
			want(ret_wish, (size_t)i);
	}
	if (ret_wish->has_tls12 || ret_wish->has_tls13)
		return 0;
	return keel__diag_set(diag, -EINVAL, KEEL_ERR_USAGE, 0, SITE,
			      "no cipher suite fits the TLS versions allowed: "
			      "widen one or the other");
}

/*
 * A priority string names ciphers, key exchanges and versions, and means every
 * suite that can be made of them. What was not asked for must not come of it.
 */
static int check_product(const struct wish *wish, struct keel_diag *diag)
{
	for (size_t i = 0; i < KEEL__ARRAY_LEN(suites); i++) {
		bool is_made =
			wish->aeads[suites[i].aead] &&
			(suites[i].kx == KX_ANY ? wish->has_tls13
						: wish->kxs[suites[i].kx]);

		if (is_made && !wish->suites[i])
			return keel__diag_set(
				diag, -ENOTSUP, KEEL_ERR_USAGE, 0, SITE,
				"the gnutls backend cannot have these cipher "
				"suites without %s: add it, or leave out "
				"those with its cipher",
				keel_suite_by_id(suites[i].id)->name);
	}
	return 0;
}

int keel__gtls_suites_set(struct keel__gtls_ctx *ctx,
			  const struct keel_backend_params *params,
			  struct keel_diag *diag)
{
	struct wish wish = {.priority = "NONE:+CTYPE-X509:+COMP-NULL:+AEAD"
					":+SIGN-ALL:+GROUP-ALL"};
	const char *at;
	int ret = take_apart(params, &wish, diag);

	if (!ret)
		ret = check_product(&wish, diag);
	if (ret)
		return ret;
	if (wish.has_tls13)
		add(&wish, ":+", "VERS-TLS1.3");
	if (wish.has_tls12)
		add(&wish, ":+", "VERS-TLS1.2");
	for (size_t i = KX_ECDSA; i < KEEL__ARRAY_LEN(kx_names); i++) {
		if (wish.kxs[i])
			add(&wish, ":+", kx_names[i]);
	}
	if (ctx->role == KEEL_SERVER)
		add(&wish, ":%", "SERVER_PRECEDENCE");
	ret = gnutls_priority_init(&ctx->priority, wish.priority, &at);
	if (ret < 0)
		return keel__diag_set(
			diag, -ENOTSUP, KEEL_ERR_BACKEND, ret, SITE,
			"GnuTLS refuses the priorities \"%.100s\" "
			"(%s): see its system-wide configuration",
			wish.priority, gnutls_strerror(ret));
	return 0;
}

const struct keel_suite *keel__gtls_suite_of(gnutls_session_t session)
{
	gnutls_cipher_algorithm_t cipher = gnutls_cipher_get(session);
	bool is_tls13 = gnutls_protocol_get_version(session) == GNUTLS_TLS1_3;
	bool is_ecdsa = gnutls_kx_get(session) == GNUTLS_KX_ECDHE_ECDSA;
	enum kx kx = is_tls13 ? KX_ANY : is_ecdsa ? KX_ECDSA : KX_RSA;
	const char *name = gnutls_cipher_get_name(cipher);

	for (size_t i = 0; name && i < KEEL__ARRAY_LEN(suites); i++) {
		if (suites[i].kx == kx &&
		    !strcmp(aead_names[suites[i].aead], name))
			return keel_suite_by_id(suites[i].id);
	}
	return NULL;
}
