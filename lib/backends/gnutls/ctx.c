/* SPDX-License-Identifier: MIT */
/* A context: credentials and priorities, shared by handshakes. */
#include "lib/backends/gnutls/gnutls-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/err-private.h"

#define SITE "making a TLS context"

/* The list of RFC 7301, taken apart; GnuTLS copies the names it is given. */
static int set_alpn(struct keel__gtls_ctx *ctx,
		    const struct keel_backend_params *params,
		    struct keel_diag *diag)
{
	size_t at = 0;

	if (!params->alpn || !params->alpn_len)
		return 0;
	ctx->alpn_data = malloc(params->alpn_len);
	if (!ctx->alpn_data)
		return keel__diag_set(diag, -ENOMEM, KEEL_ERR_SYS, 0, SITE,
				      "out of memory");
	memcpy(ctx->alpn_data, params->alpn, params->alpn_len);
	while (at < params->alpn_len) {
		uint8_t len = ctx->alpn_data[at];

		if (!len || len > params->alpn_len - at - 1)
			return keel__diag_set(diag, -EINVAL, KEEL_ERR_USAGE, 0,
					      SITE,
					      "the list of ALPN protocols is "
					      "not as RFC 7301 has it");
		/* GnuTLS takes no name of more than 32 bytes. */
		if (ctx->nr_alpn == KEEL__GTLS_MAX_ALPN || len > 32)
			return keel__diag_set(diag, -ENOTSUP, KEEL_ERR_USAGE, 0,
					      SITE,
					      "the gnutls backend takes no "
					      "more than %d ALPN protocols of "
					      "32 bytes",
					      KEEL__GTLS_MAX_ALPN);
		ctx->alpn[ctx->nr_alpn].data = &ctx->alpn_data[at + 1];
		ctx->alpn[ctx->nr_alpn].size = len;
		ctx->nr_alpn++;
		at += len + 1U;
	}
	return 0;
}

static int check_role(const struct keel_backend_params *params,
		      struct keel_diag *diag)
{
	if (params->role == KEEL_SERVER && !params->cert_pem)
		return keel__diag_set(diag, -EINVAL, KEEL_ERR_USAGE, 0, SITE,
				      "a server needs a certificate and its "
				      "key: give both");
	return 0;
}

static int set_all(struct keel__gtls_ctx *ctx,
		   const struct keel_backend_params *params,
		   struct keel_diag *diag)
{
	int ret = check_role(params, diag);

	if (!ret)
		ret = keel__gtls_suites_set(ctx, params, diag);
	if (ret)
		return ret;
	ret = gnutls_certificate_allocate_credentials(&ctx->cred);
	if (ret < 0)
		return keel__diag_set(diag, -ENOMEM, KEEL_ERR_BACKEND, ret,
				      SITE, "GnuTLS: %s", gnutls_strerror(ret));
	ret = 0;
	if (params->cert_pem)
		ret = keel__gtls_cert_use(ctx, params, diag);
	if (!ret && params->verify != KEEL_VERIFY_NONE)
		ret = keel__gtls_trust_use(ctx, params, diag);
	if (!ret)
		ret = set_alpn(ctx, params, diag);
	return ret;
}

int keel__gtls_ctx_new(const struct keel_backend_params *params,
		       struct keel_diag *ret_diag, void **ret_ctx)
{
	struct keel_backend_params named;
	struct keel__gtls_ctx *ctx;
	int ret;

	if (params->sz < sizeof(*params))
		return keel__diag_set(ret_diag, -EINVAL, KEEL_ERR_USAGE, 0,
				      SITE, "parameters of another version");
	ctx = calloc(1, sizeof(*ctx));
	if (!ctx)
		return keel__diag_set(ret_diag, -ENOMEM, KEEL_ERR_SYS, 0, SITE,
				      "out of memory");
	ctx->role = params->role;
	ctx->verify = params->verify;
	named = *params;
	named.cert_name = named.cert_name ? named.cert_name : "certificate";
	named.key_name = named.key_name ? named.key_name : "private key";
	named.ca_name = named.ca_name ? named.ca_name : "CA certificates";
	ret = set_all(ctx, &named, ret_diag);
	if (ret) {
		keel__gtls_ctx_free(ctx);
		return ret;
	}
	*ret_ctx = ctx;
	return 0;
}

void keel__gtls_ctx_free(void *p)
{
	struct keel__gtls_ctx *ctx = p;

	if (!ctx)
		return;
	if (ctx->cred)
		gnutls_certificate_free_credentials(ctx->cred);
	if (ctx->priority)
		gnutls_priority_deinit(ctx->priority);
	free(ctx->alpn_data);
	free(ctx);
}
