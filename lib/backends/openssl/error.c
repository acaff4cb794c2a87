/* SPDX-License-Identifier: MIT */
/* What OpenSSL says went wrong, in keel's words. */
#include "lib/backends/openssl/openssl-private.h"

#include <errno.h>

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509_vfy.h>

/* OpenSSL's strings are static tables, so the pointer may be kept. */
const char *keel__ossl_error_take(long *ret_native)
{
	unsigned long code = ERR_peek_error();
	const char *text = code ? ERR_reason_error_string(code) : NULL;

	*ret_native = (long)code;
	ERR_clear_error();
	return text ? text : "no reason given";
}

/* The peer's fatal alert, which OpenSSL adds to a fixed base; 0 if none. */
static unsigned int peer_alert(unsigned long code)
{
	int reason = ERR_GET_REASON(code);

	if (ERR_GET_LIB(code) != ERR_LIB_SSL || reason < SSL_AD_REASON_OFFSET ||
	    reason > SSL_AD_REASON_OFFSET + UINT8_MAX)
		return 0;
	return (unsigned int)(reason - SSL_AD_REASON_OFFSET);
}

static bool is_reason(unsigned long code, int reason)
{
	return ERR_GET_LIB(code) == ERR_LIB_SSL &&
	       ERR_GET_REASON(code) == reason;
}

/* Errors that are not the peer's doing keep another errno than -EPROTO. */
static int errno_of(const struct keel__ossl_hs *hs, unsigned long code)
{
	if (is_reason(code, SSL_R_CERTIFICATE_VERIFY_FAILED) ||
	    is_reason(code, SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE))
		return -EKEYREJECTED;
	if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE)
		return -ENOMEM;
	/* The alert, for the reason that goes with it changes with OpenSSL. */
	if (hs->has_sent_alert && hs->alert == SSL_AD_BAD_RECORD_MAC)
		return -EBADMSG;
	if (hs->has_sent_alert && hs->alert == SSL_AD_INTERNAL_ERROR)
		return -EIO;
	return -EPROTO;
}

/*
 * A stream whose first record is not TLS gets no alert from OpenSSL. Nothing is
 * encrypted yet, so the alert is plain bytes: fatal protocol_version (RFC 8446
 * section 6.2), in a record that a peer of any version can read.
 */
static void alert_not_tls(struct keel__ossl_hs *hs)
{
	static const uint8_t record[] = {
		SSL3_RT_ALERT,		 3, 1, 0, 2, SSL3_AL_FATAL,
		SSL_AD_PROTOCOL_VERSION,
	};

	hs->has_sent_alert = true;
	hs->alert = SSL_AD_PROTOCOL_VERSION;
	if (hs->sink)
		hs->sink_err = hs->sink(hs->sink_arg, record, sizeof(record));
}

static const char *site_of(unsigned long code, long verify)
{
	const char *text;

	if (is_reason(code, SSL_R_CERTIFICATE_VERIFY_FAILED))
		return X509_verify_cert_error_string(verify);
	text = ERR_reason_error_string(code);
	return text ? text : "TLS handshake";
}

static struct keel_err judge(struct keel__ossl_hs *hs, int ssl_error)
{
	unsigned long code = ERR_peek_last_error();
	long verify = SSL_get_verify_result(hs->ssl);
	struct keel_err err = {
		.err = errno_of(hs, code),
		.origin = KEEL_ERR_BACKEND,
		.native = is_reason(code, SSL_R_CERTIFICATE_VERIFY_FAILED)
				  ? verify
				  : (long)ERR_peek_error(),
		.site = site_of(code, verify),
	};

	if (hs->has_sent_alert) {
		err.origin = KEEL_ERR_SENT_ALERT;
		err.alert = hs->alert;
	} else if (peer_alert(code) || ssl_error == SSL_ERROR_ZERO_RETURN) {
		/* A close_notify in a handshake ends it as well. */
		err.err = -ECONNRESET;
		err.origin = KEEL_ERR_PEER_ALERT;
		err.alert = (uint8_t)peer_alert(code);
	}
	return err;
}

static int sink_error(struct keel__ossl_hs *hs, struct keel_err *ret_err)
{
	*ret_err = (struct keel_err){
		.err = hs->sink_err,
		.origin = KEEL_ERR_SYS,
		.site = "keeping handshake bytes for the peer",
	};
	return hs->sink_err;
}

/* Fill @ret_err after a call on hs->ssl failed; clears OpenSSL's queue. */
int keel__ossl_hs_error(struct keel__ossl_hs *hs, int ssl_error,
			struct keel_err *ret_err)
{
	unsigned long code = ERR_peek_last_error();

	hs->is_failed = true;
	if (!hs->sink_err && !hs->has_sent_alert &&
	    (is_reason(code, SSL_R_WRONG_VERSION_NUMBER) ||
	     is_reason(code, SSL_R_HTTP_REQUEST) ||
	     is_reason(code, SSL_R_HTTPS_PROXY_REQUEST)))
		alert_not_tls(hs);
	*ret_err = judge(hs, ssl_error);
	ERR_clear_error();
	return hs->sink_err ? sink_error(hs, ret_err) : ret_err->err;
}

/*
 * OpenSSL asks for more after a record that was not whole, such as the header
 * of an SSL 2 hello, which it would still read and RFC 8446 appendix D.5 would
 * rather have refused.
 */
int keel__ossl_hs_cut(struct keel__ossl_hs *hs, struct keel_err *ret_err)
{
	hs->is_failed = true;
	*ret_err = (struct keel_err){
		.err = -EPROTO,
		.origin = KEEL_ERR_BACKEND,
		.native = ERR_PACK(ERR_LIB_SSL, 0, SSL_R_WRONG_VERSION_NUMBER),
		.site = "not a TLS record",
	};
	if (hs->rx.nr_records)
		return -EPROTO;
	alert_not_tls(hs);
	ret_err->origin = KEEL_ERR_SENT_ALERT;
	ret_err->alert = hs->alert;
	return hs->sink_err ? sink_error(hs, ret_err) : -EPROTO;
}
