/* SPDX-License-Identifier: MIT */
/* What GnuTLS says went wrong, in keel's words, and to the peer. */
#include "lib/backends/gnutls/gnutls-private.h"

#include <errno.h>

#include "lib/base/base-private.h"

/* The others are the peer's doing: -EPROTO. */
static const struct {
	int native;
	int err;
} errors[] = {
	{GNUTLS_E_MEMORY_ERROR, -ENOMEM},
	{GNUTLS_E_INTERNAL_ERROR, -EIO},
	{GNUTLS_E_DECRYPTION_FAILED, -EBADMSG},
	{GNUTLS_E_CERTIFICATE_ERROR, -EKEYREJECTED},
	{GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR, -EKEYREJECTED},
	{GNUTLS_E_NO_CERTIFICATE_FOUND, -EKEYREJECTED},
	{GNUTLS_E_CERTIFICATE_REQUIRED, -EKEYREJECTED},
};

static int errno_of(int native)
{
	for (size_t i = 0; i < KEEL__ARRAY_LEN(errors); i++) {
		if (errors[i].native == native)
			return errors[i].err;
	}
	return -EPROTO;
}

static int fail_sink(struct keel__gtls_hs *hs, struct keel_err *ret_err)
{
	*ret_err = (struct keel_err){
		.err = hs->sink_err,
		.origin = KEEL_ERR_SYS,
		.site = "keeping handshake bytes for the peer",
	};
	return hs->sink_err;
}

/* Tell the peer and fill the error; GnuTLS sends no alerts by itself. */
static int tell(struct keel__gtls_hs *hs, const struct keel_err *err,
		gnutls_alert_description_t alert, struct keel_err *ret_err)
{
	hs->is_failed = true;
	*ret_err = *err;
	if (gnutls_alert_send(hs->session, GNUTLS_AL_FATAL, alert) >= 0) {
		ret_err->origin = KEEL_ERR_SENT_ALERT;
		ret_err->alert = (uint8_t)alert;
	}
	return hs->sink_err ? fail_sink(hs, ret_err) : ret_err->err;
}

int keel__gtls_hs_refuse(struct keel__gtls_hs *hs, int err,
			 gnutls_alert_description_t alert, const char *site,
			 struct keel_err *ret_err)
{
	const struct keel_err error = {
		.err = err,
		.origin = KEEL_ERR_BACKEND,
		.site = site,
	};

	return tell(hs, &error, alert, ret_err);
}

int keel__gtls_hs_heard(struct keel__gtls_hs *hs, uint8_t alert, long native,
			struct keel_err *ret_err)
{
	hs->is_failed = true;
	*ret_err = (struct keel_err){
		.err = -ECONNRESET,
		.origin = KEEL_ERR_PEER_ALERT,
		.alert = alert,
		.native = native,
		.site = "TLS handshake",
	};
	return ret_err->err;
}

int keel__gtls_hs_fail(struct keel__gtls_hs *hs, int code,
		       struct keel_err *ret_err)
{
	struct keel_err err = {
		.err = errno_of(code),
		.origin = KEEL_ERR_BACKEND,
		.native = code,
		.site = gnutls_strerror(code),
	};
	int level;
	int alert = gnutls_error_to_alert(code, &level);

	hs->is_failed = true;
	if (hs->sink_err)
		return fail_sink(hs, ret_err);
	if (code == GNUTLS_E_FATAL_ALERT_RECEIVED ||
	    code == GNUTLS_E_WARNING_ALERT_RECEIVED)
		return keel__gtls_hs_heard(
			hs, (uint8_t)gnutls_alert_get(hs->session), code,
			ret_err);
	if (hs->verify_status) {
		err.native = (long)hs->verify_status;
		err.site = keel__gtls_verify_text(hs->verify_status);
		alert = (int)keel__gtls_verify_alert(hs->verify_status);
	}
	return tell(hs, &err, (gnutls_alert_description_t)alert, ret_err);
}
