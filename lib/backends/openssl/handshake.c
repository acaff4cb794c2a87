/* SPDX-License-Identifier: MIT */
/* A handshake: one SSL object that lives until the keys are out. */
#include "lib/backends/openssl/openssl-private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "lib/base/secret-private.h"

static bool is_ip_literal(const char *host)
{
	unsigned char addr[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, addr) == 1 ||
	       inet_pton(AF_INET6, host, addr) == 1;
}

/*
 * An address goes into the check only: RFC 6066 section 3 bars literals from
 * the extension.
 */
static int set_host(struct keel__ossl_hs *hs, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(hs->ssl);
	char name[TLSEXT_MAXLEN_host_name + 1];
	size_t len = strlen(host);

	if (is_ip_literal(host))
		return X509_VERIFY_PARAM_set1_ip_asc(param, host) ? 0 : -ENOMEM;
	if (!len || len >= sizeof(name))
		return -EINVAL;
	memcpy(name, host, len + 1);
	if (!SSL_set_tlsext_host_name(hs->ssl, name) ||
	    !SSL_set1_host(hs->ssl, name))
		return -EINVAL;
	SSL_set_hostflags(hs->ssl, KEEL__OSSL_NAME_FLAGS);
	return 0;
}

static int hs_set_client(struct keel__ossl_hs *hs,
			 const struct keel_hs_params *params)
{
	const char *host = params ? params->host : NULL;
	int r = 0;

	SSL_set_connect_state(hs->ssl);
	if (host)
		r = set_host(hs, host);
	if (!r)
		r = keel__ossl_trust_of_host(hs->ctx->trust, host, hs->trust);
	if (!r && params && params->session)
		keel__ossl_session_resume(hs, params->session,
					  params->session_len);
	return r;
}

/* One BIO for both directions; the SSL object takes it over. */
static int hs_set_bio(struct keel__ossl_hs *hs)
{
	BIO *bio = BIO_new(keel__ossl_lib.bio_method);

	if (!bio)
		return -ENOMEM;
	BIO_set_data(bio, hs);
	BIO_set_init(bio, 1);
	SSL_set_bio(hs->ssl, bio, bio);
	SSL_set_msg_callback_arg(hs->ssl, hs);
	return 0;
}

int keel__ossl_hs_new(void *p, const struct keel_hs_params *params,
		      void **ret_hs)
{
	struct keel__ossl_ctx *ctx = p;
	struct keel__ossl_hs *hs;
	int r;

	if (params && params->sz < sizeof(*params))
		return -EINVAL;
	hs = calloc(1, sizeof(*hs));
	if (!hs)
		return -ENOMEM;
	hs->ctx = ctx;
	hs->ssl = SSL_new(ctx->ssl_ctx);
	r = hs->ssl ? hs_set_bio(hs) : -ENOMEM;
	if (!r && ctx->role == KEEL_CLIENT)
		r = hs_set_client(hs, params);
	else if (!r)
		SSL_set_accept_state(hs->ssl);
	if (r < 0) {
		ERR_clear_error();
		keel__ossl_hs_free(hs);
		return r;
	}
	*ret_hs = hs;
	return 0;
}

void keel__ossl_hs_free(void *p)
{
	struct keel__ossl_hs *hs = p;

	if (!hs)
		return;
	SSL_SESSION_free(hs->session);
	SSL_free(hs->ssl);
	keel__secret_clear(hs, sizeof(*hs));
	free(hs);
}

static int done_error(struct keel__ossl_hs *hs, int code, long native,
		      const char *site, struct keel_err *ret_err)
{
	hs->is_failed = true;
	*ret_err = (struct keel_err){
		.err = code,
		.origin = KEEL_ERR_BACKEND,
		.native = native,
		.site = site,
	};
	return code;
}

/*
 * OpenSSL resumes a session without a second look at its certificate. A blob
 * of another trust or name was not offered (blob.c), so this is a net under
 * that check: result of then, name of now.
 */
static int check_resumed(struct keel__ossl_hs *hs, struct keel_err *ret_err)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(hs->ssl);
	X509 *cert = SSL_get0_peer_certificate(hs->ssl);
	long verify = SSL_get_verify_result(hs->ssl);
	char *host = X509_VERIFY_PARAM_get0_host(param, 0);
	char *ip = X509_VERIFY_PARAM_get1_ip_asc(param);
	bool fits = cert;

	if (fits && ip)
		fits = X509_check_ip_asc(cert, ip, 0) == 1;
	else if (fits && host)
		fits = X509_check_host(cert, host, 0, KEEL__OSSL_NAME_FLAGS,
				       NULL) == 1;
	OPENSSL_free(ip);
	if (verify == X509_V_OK && !fits)
		verify = X509_V_ERR_HOSTNAME_MISMATCH;
	if (verify == X509_V_OK)
		return 0;
	return done_error(hs, -EKEYREJECTED, verify,
			  X509_verify_cert_error_string(verify), ret_err);
}

/* A server may choose among those offered only: RFC 7301 section 3.2. */
static bool is_alpn_offered(const struct keel__ossl_hs *hs)
{
	const struct keel__ossl_ctx *ctx = hs->ctx;
	const unsigned char *name;
	unsigned int len;

	SSL_get0_alpn_selected(hs->ssl, &name, &len);
	if (!name)
		return true;
	for (unsigned int i = 0; i < ctx->alpn_len; i += ctx->alpn[i] + 1U) {
		if (ctx->alpn[i] == len &&
		    !memcmp(&ctx->alpn[i + 1], name, len))
			return true;
	}
	return false;
}

/*
 * The last record is read to its end: what shares a record with the last
 * Finished came too early (RFC 8446 section 5.1) or is a renegotiation.
 */
static int hs_finish(struct keel__ossl_hs *hs, struct keel_err *ret_err)
{
	int r;

	if (hs->in_len || SSL_has_pending(hs->ssl))
		return done_error(hs, -EPROTO, 0,
				  "bytes after the end of the handshake",
				  ret_err);
	if (!keel__ossl_hs_suite(hs))
		return done_error(hs, -ENOTSUP, 0,
				  "a cipher suite keel does not know", ret_err);
	if (hs->ctx->role == KEEL_CLIENT) {
		if (!is_alpn_offered(hs))
			return done_error(hs, -EPROTO, 0,
					  "an ALPN protocol nobody offered",
					  ret_err);
		if (hs->ctx->verify != KEEL_VERIFY_NONE &&
		    SSL_session_reused(hs->ssl)) {
			r = check_resumed(hs, ret_err);
			if (r < 0)
				return r;
		}
	}
	hs->is_done = true;
	return KEEL_HS_DONE;
}

static int hs_run(struct keel__ossl_hs *hs, bool is_whole,
		  struct keel_err *ret_err)
{
	struct keel__ossl_hs *before;
	int ssl_error;
	int r;

	/* SSL_get_error() looks at the queue; leave nobody else's there. */
	ERR_clear_error();
	before = keel__ossl_secrets_to(hs);
	r = SSL_do_handshake(hs->ssl);
	keel__ossl_secrets_to(before);
	if (r == 1 && !hs->sink_err)
		return hs_finish(hs, ret_err);
	ssl_error = SSL_get_error(hs->ssl, r);
	if (ssl_error != SSL_ERROR_WANT_READ || hs->sink_err)
		return keel__ossl_hs_error(hs, ssl_error, ret_err);
	return is_whole ? KEEL_HS_WANT_RECORD : keel__ossl_hs_cut(hs, ret_err);
}

static bool is_whole_record(const uint8_t *rec, size_t len)
{
	return len >= KEEL__OSSL_HEADER_LEN &&
	       len - KEEL__OSSL_HEADER_LEN == (size_t)(rec[3] << 8 | rec[4]);
}

int keel__ossl_hs_step(void *p, void *rec, size_t len, keel_sink_fn sink,
		       void *arg, struct keel_err *ret_err)
{
	struct keel__ossl_hs *hs = p;
	int r;

	if (hs->is_done || hs->is_failed) {
		*ret_err = (struct keel_err){
			.err = -ESTALE,
			.origin = KEEL_ERR_USAGE,
			.site = "a step of a handshake that has ended",
		};
		return -ESTALE;
	}
	hs->in = rec;
	hs->in_len = rec ? len : 0;
	hs->sink = sink;
	hs->sink_arg = arg;
	r = hs_run(hs, !rec || is_whole_record(rec, len), ret_err);
	hs->in = NULL;
	hs->in_len = 0;
	hs->sink = NULL;
	hs->sink_arg = NULL;
	return r;
}

const struct keel_suite *keel__ossl_hs_suite(const struct keel__ossl_hs *hs)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(hs->ssl);

	if (!cipher)
		return NULL;
	return keel_suite_by_id(SSL_CIPHER_get_protocol_id(cipher));
}

/* RFC 6066 section 4: codes 1 to 4 are 2^9 to 2^12. */
static uint16_t max_fragment(const SSL_SESSION *session)
{
	unsigned int code = SSL_SESSION_get_max_fragment_length(session);

	if (code < TLSEXT_max_fragment_length_512 ||
	    code > TLSEXT_max_fragment_length_4096)
		return 0;
	return (uint16_t)(256U << code);
}

int keel__ossl_hs_info(void *p, struct keel_hs_info *ret_info)
{
	struct keel__ossl_hs *hs = p;
	struct keel_hs_info info = {.suite = keel__ossl_hs_suite(hs)};
	unsigned int alpn_len;

	if (!hs->is_done)
		return -ESTALE;
	SSL_get0_alpn_selected(hs->ssl, &info.alpn, &alpn_len);
	info.alpn_len = alpn_len;
	if (hs->ctx->role == KEEL_SERVER)
		info.sni =
			SSL_get_servername(hs->ssl, TLSEXT_NAMETYPE_host_name);
	info.version = (uint16_t)SSL_version(hs->ssl);
	info.max_fragment = max_fragment(SSL_get_session(hs->ssl));
	info.resumed = SSL_session_reused(hs->ssl);
	info.peer_verified = hs->ctx->verify != KEEL_VERIFY_NONE &&
			     SSL_get0_peer_certificate(hs->ssl) &&
			     SSL_get_verify_result(hs->ssl) == X509_V_OK;
	*ret_info = info;
	return 0;
}
