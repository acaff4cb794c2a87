/* SPDX-License-Identifier: MIT */
/* The GnuTLS backend's row. */
#include "lib/backends/gnutls/gnutls-private.h"

#include <errno.h>
#include <stdio.h>

#include "lib/base/base-private.h"

/* The first with secrets of TLS 1.3 for others (gnutls_handshake_set_secret). */
#define MIN_VERSION "3.7.0"

static const char *build_version(void)
{
	return GNUTLS_VERSION;
}

static const char *run_version(void)
{
	return gnutls_check_version(NULL);
}

/* The library sets itself up when it is loaded; nothing is to be undone. */
static int init(char *ret_why, size_t why_len)
{
	int ret = gnutls_global_init();

	if (ret < 0) {
		snprintf(ret_why, why_len, "GnuTLS does not start: %s",
			 gnutls_strerror(ret));
		return -EIO;
	}
	if (!gnutls_check_version(MIN_VERSION)) {
		snprintf(ret_why, why_len,
			 "GnuTLS is version %s, and has to be " MIN_VERSION
			 " or later",
			 gnutls_check_version(NULL));
		return -ENOTSUP;
	}
	return 0;
}

/*
 * Not KEEL_CAP_RESUME, nor KEEL_CAP_SELF_SIGNED: nobody has written them yet. A
 * configuration that asks for one of them is refused by keel, which names both.
 * For tickets: gnutls_session_ticket_send() makes a server's, and
 * gnutls_handshake_write() takes a client's without its encryption; what a blob
 * of a session must hold besides, whom it was verified against, is in
 * lib/backends/openssl/blob.c.
 */
static const struct keel_backend row = {
	.abi = KEEL_BACKEND_ABI,
	.sz = sizeof(struct keel_backend),
	.name = "gnutls",
	.description = "GnuTLS 3.7 and later, without resumption",
	.caps = KEEL_CAP_SERVER | KEEL_CAP_CLIENT | KEEL_CAP_TLS1_2 |
		KEEL_CAP_TLS1_3 | KEEL_CAP_ALPN | KEEL_CAP_SNI |
		KEEL_CAP_VERIFY | KEEL_CAP_SYSTEM_CA,
	.priority = 50,
	.build_version = build_version,
	.run_version = run_version,
	.init = init,
	.ctx_new = keel__gtls_ctx_new,
	.ctx_free = keel__gtls_ctx_free,
	.ctx_cert_info = keel__gtls_ctx_cert_info,
	.hs_new = keel__gtls_hs_new,
	.hs_step = keel__gtls_hs_step,
	.hs_info = keel__gtls_hs_info,
	.hs_export = keel__gtls_hs_export,
	.hs_free = keel__gtls_hs_free,
	.aead_new = keel__gtls_aead_new,
	.aead_seal = keel__gtls_aead_seal,
	.aead_open = keel__gtls_aead_open,
	.aead_free = keel__gtls_aead_free,
	.hkdf_expand = keel__gtls_hkdf_expand,
	.tls12_prf = keel__gtls_tls12_prf,
};

KEEL_BACKEND_MODULE(row);
