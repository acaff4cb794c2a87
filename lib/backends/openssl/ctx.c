/* SPDX-License-Identifier: MIT */
/* A context: one SSL_CTX, set up once, then shared by handshakes. */
#include "lib/backends/openssl/openssl-private.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "lib/base/base-private.h"
#include "lib/base/err-private.h"

#define SITE "making a TLS context"

static const char session_id_context[] = "keel";

static int failed(struct keel_diag *diag, const char *what)
{
	long native;
	const char *text = keel__ossl_error_take(&native);

	return keel__diag_set(diag, -ENOMEM, KEEL_ERR_BACKEND, native, SITE,
			      "OpenSSL cannot set %s (%s)", what, text);
}

/*
 * The first protocol of ours that the client offers. None in common is fatal:
 * RFC 7301 section 3.2.
 */
static int on_alpn(SSL *ssl, const unsigned char **ret_name,
		   unsigned char *ret_len, const unsigned char *offered,
		   unsigned int offered_len, void *arg)
{
	const struct keel__ossl_ctx *ctx = arg;
	unsigned char *name;

	(void)ssl;
	if (SSL_select_next_proto(&name, ret_len, ctx->alpn, ctx->alpn_len,
				  offered,
				  offered_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*ret_name = name;
	return SSL_TLSEXT_ERR_OK;
}

/*
 * Every name is answered with the one certificate there is; saying OK makes
 * OpenSSL acknowledge the extension (RFC 6066 section 3) and keep the name
 * with the session.
 */
static int on_server_name(SSL *ssl, int *ret_alert, void *arg)
{
	(void)ssl;
	(void)ret_alert;
	(void)arg;
	return SSL_TLSEXT_ERR_OK;
}

static int set_alpn(struct keel__ossl_ctx *ctx,
		    const struct keel_backend_params *params,
		    struct keel_diag *diag)
{
	if (!params->alpn || !params->alpn_len)
		return 0;
	if (params->alpn_len > UINT16_MAX)
		return keel__diag_set(diag, -EINVAL, KEEL_ERR_USAGE, 0, SITE,
				      "the list of ALPN protocols is longer "
				      "than 65535 bytes: name fewer");
	ctx->alpn = malloc(params->alpn_len);
	if (!ctx->alpn)
		return failed(diag, "the ALPN protocols");
	memcpy(ctx->alpn, params->alpn, params->alpn_len);
	ctx->alpn_len = (unsigned int)params->alpn_len;
	if (ctx->role == KEEL_SERVER)
		SSL_CTX_set_alpn_select_cb(ctx->ssl_ctx, on_alpn, ctx);
	else if (SSL_CTX_set_alpn_protos(ctx->ssl_ctx, ctx->alpn,
					 ctx->alpn_len))
		return failed(diag, "the ALPN protocols");
	return 0;
}

/* Which trust, and what its absence means. */
static int set_verify(struct keel__ossl_ctx *ctx,
		      const struct keel_backend_params *params,
		      struct keel_diag *diag)
{
	int mode = SSL_VERIFY_PEER;
	int r;

	if (params->verify == KEEL_VERIFY_NONE)
		return 0;
	if (!params->ca_pem && !params->system_ca)
		return keel__diag_set(diag, -EINVAL, KEEL_ERR_USAGE, 0, SITE,
				      "the peer is to be verified, but nobody "
				      "is trusted: give a CA file or use the "
				      "system's");
	if (ctx->role == KEEL_SERVER && params->verify == KEEL_VERIFY_REQUIRED)
		mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	SSL_CTX_set_verify(ctx->ssl_ctx, mode, NULL);
	if (ctx->role == KEEL_SERVER &&
	    !SSL_CTX_set_session_ticket_cb(ctx->ssl_ctx, NULL,
					   keel__ossl_on_ticket, NULL))
		return failed(diag, "the check of tickets");
	if (params->system_ca &&
	    !SSL_CTX_set_default_verify_paths(ctx->ssl_ctx))
		return failed(diag, "the system's trusted certificates");
	if (!params->ca_pem)
		return 0;
	r = keel__ossl_ca_use(ctx, params, diag);
	return r < 0 ? r : 0;
}

/*
 * Tickets are stateless: no session cache that grows with the number of
 * clients. Those of TLS 1.3 are made by hs_issue() and not by the handshake. The
 * context id binds sessions of a server that verifies clients.
 */
static int set_server(struct keel__ossl_ctx *ctx,
		      const struct keel_backend_params *params,
		      struct keel_diag *diag)
{
	SSL_CTX *ssl_ctx = ctx->ssl_ctx;

	if (!params->cert_pem)
		return keel__diag_set(diag, -EINVAL, KEEL_ERR_USAGE, 0, SITE,
				      "a server needs a certificate and its "
				      "key: give both, or ask for a "
				      "self-signed one");
	SSL_CTX_set_options(ssl_ctx, SSL_OP_CIPHER_SERVER_PREFERENCE |
					     SSL_OP_PRIORITIZE_CHACHA);
	if (!params->nr_tickets)
		SSL_CTX_set_options(ssl_ctx, SSL_OP_NO_TICKET);
	ctx->nr_tickets = params->nr_tickets;
	if (!SSL_CTX_set_num_tickets(ssl_ctx, 0))
		return failed(diag, "the number of tickets");
	SSL_CTX_set_session_cache_mode(ssl_ctx, SSL_SESS_CACHE_OFF);
	if (!SSL_CTX_set_session_id_context(
		    ssl_ctx, (const unsigned char *)session_id_context,
		    sizeof(session_id_context) - 1))
		return failed(diag, "the session id context");
	SSL_CTX_set_tlsext_servername_callback(ssl_ctx, on_server_name);
	return 0;
}

static int set_client(struct keel__ossl_ctx *ctx,
		      const struct keel_backend_params *params,
		      struct keel_diag *diag)
{
	if (keel__ossl_trust_of_ctx(params, ctx->trust) < 0)
		return failed(diag, "the mark of its sessions");
	if (!params->want_tickets) {
		SSL_CTX_set_options(ctx->ssl_ctx, SSL_OP_NO_TICKET);
		SSL_CTX_set_session_cache_mode(ctx->ssl_ctx,
					       SSL_SESS_CACHE_OFF);
		return 0;
	}
	SSL_CTX_set_session_cache_mode(ctx->ssl_ctx,
				       SSL_SESS_CACHE_CLIENT |
					       SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx->ssl_ctx, keel__ossl_on_session);
	return 0;
}

/*
 * NO_AUTO_CHAIN: a leaf without intermediates would otherwise have its chain
 * searched and verified anew in every handshake.
 */
static void set_common(const struct keel__ossl_ctx *ctx)
{
	SSL_CTX *ssl_ctx = ctx->ssl_ctx;

	SSL_CTX_set_options(ssl_ctx,
			    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(ssl_ctx,
			 SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_read_ahead(ssl_ctx, 0);
	/* Our KDF tells the secrets in the own context. */
	if (!ctx->libctx)
		SSL_CTX_set_keylog_callback(ssl_ctx, keel__ossl_on_keylog);
	SSL_CTX_set_msg_callback(ssl_ctx, keel__ossl_on_message);
}

static int set_all(struct keel__ossl_ctx *ctx,
		   const struct keel_backend_params *params,
		   struct keel_diag *diag)
{
	int r;

	set_common(ctx);
	r = keel__ossl_suites_set(ctx->ssl_ctx, params, diag);
	if (r < 0)
		return r;
	r = ctx->role == KEEL_CLIENT ? set_client(ctx, params, diag)
				     : set_server(ctx, params, diag);
	if (r < 0)
		return r;
	if (params->cert_pem) {
		r = keel__ossl_cert_use(ctx, params, diag);
		if (r < 0)
			return r;
	}
	r = set_verify(ctx, params, diag);
	if (r < 0)
		return r;
	return set_alpn(ctx, params, diag);
}

int keel__ossl_ctx_new(const struct keel_backend_params *params,
		       struct keel_diag *ret_diag, void **ret_ctx)
{
	struct keel__ossl_ctx *ctx;
	int r;

	if (params->sz < sizeof(*params))
		return keel__diag_set(ret_diag, -EINVAL, KEEL_ERR_USAGE, 0,
				      SITE, "parameters of another version");
	ctx = calloc(1, sizeof(*ctx));
	if (!ctx)
		return keel__diag_set(ret_diag, -ENOMEM, KEEL_ERR_SYS, 0, SITE,
				      "out of memory");
	ERR_clear_error();
	ctx->role = params->role;
	ctx->verify = params->verify;
	ctx->libctx = keel__ossl_libctx_get();
	ctx->ssl_ctx = SSL_CTX_new_ex(ctx->libctx, NULL,
				      params->role == KEEL_CLIENT
					      ? TLS_client_method()
					      : TLS_server_method());
	r = ctx->ssl_ctx ? set_all(ctx, params, ret_diag)
			 : failed(ret_diag, "up a context");
	ERR_clear_error();
	if (r < 0) {
		keel__ossl_ctx_free(ctx);
		return r;
	}
	*ret_ctx = ctx;
	return 0;
}

void keel__ossl_ctx_free(void *p)
{
	struct keel__ossl_ctx *ctx = p;

	if (!ctx)
		return;
	SSL_CTX_free(ctx->ssl_ctx);
	free(ctx->alpn);
	free(ctx);
}
