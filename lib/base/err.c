/* SPDX-License-Identifier: MIT */
/* Errors: the first one sticks; one line for people; names. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* strerrordesc_np(3), the thread-safe strerror(3) */
#endif
#include "lib/base/err-private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/base-private.h"

static const char *const origin_names[] = {
	[KEEL_ERR_NONE] = "none",
	[KEEL_ERR_SYS] = "system",
	[KEEL_ERR_KERNEL_TLS] = "kernel-tls",
	[KEEL_ERR_PEER_ALERT] = "peer-alert",
	[KEEL_ERR_SENT_ALERT] = "sent-alert",
	[KEEL_ERR_BACKEND] = "backend",
	[KEEL_ERR_USAGE] = "usage",
	[KEEL_ERR_TIMEOUT] = "timeout",
	[KEEL_ERR_PEER] = "peer",
};

/*
 * Names as RFC 8446 section 6 and its appendix B.2 write them; what that RFC
 * only reserves keeps the name of the RFC that gave it (RFC 5246 section 7.2,
 * RFC 6066 section 9). 52 is of RFC 9147 section 10.
 */
static const char *const alert_names[] = {
	[KEEL_ALERT_CLOSE_NOTIFY] = "close_notify",
	[KEEL_ALERT_UNEXPECTED_MESSAGE] = "unexpected_message",
	[KEEL_ALERT_BAD_RECORD_MAC] = "bad_record_mac",
	[21] = "decryption_failed",
	[KEEL_ALERT_RECORD_OVERFLOW] = "record_overflow",
	[30] = "decompression_failure",
	[KEEL_ALERT_HANDSHAKE_FAILURE] = "handshake_failure",
	[41] = "no_certificate",
	[KEEL_ALERT_BAD_CERTIFICATE] = "bad_certificate",
	[KEEL_ALERT_UNSUPPORTED_CERTIFICATE] = "unsupported_certificate",
	[KEEL_ALERT_CERTIFICATE_REVOKED] = "certificate_revoked",
	[KEEL_ALERT_CERTIFICATE_EXPIRED] = "certificate_expired",
	[KEEL_ALERT_CERTIFICATE_UNKNOWN] = "certificate_unknown",
	[KEEL_ALERT_ILLEGAL_PARAMETER] = "illegal_parameter",
	[KEEL_ALERT_UNKNOWN_CA] = "unknown_ca",
	[KEEL_ALERT_ACCESS_DENIED] = "access_denied",
	[KEEL_ALERT_DECODE_ERROR] = "decode_error",
	[KEEL_ALERT_DECRYPT_ERROR] = "decrypt_error",
	[52] = "too_many_cids_requested",
	[60] = "export_restriction",
	[KEEL_ALERT_PROTOCOL_VERSION] = "protocol_version",
	[KEEL_ALERT_INSUFFICIENT_SECURITY] = "insufficient_security",
	[KEEL_ALERT_INTERNAL_ERROR] = "internal_error",
	[KEEL_ALERT_INAPPROPRIATE_FALLBACK] = "inappropriate_fallback",
	[KEEL_ALERT_USER_CANCELED] = "user_canceled",
	[KEEL_ALERT_NO_RENEGOTIATION] = "no_renegotiation",
	[KEEL_ALERT_MISSING_EXTENSION] = "missing_extension",
	[KEEL_ALERT_UNSUPPORTED_EXTENSION] = "unsupported_extension",
	[111] = "certificate_unobtainable",
	[KEEL_ALERT_UNRECOGNIZED_NAME] = "unrecognized_name",
	[KEEL_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE] =
		"bad_certificate_status_response",
	[114] = "bad_certificate_hash_value",
	[KEEL_ALERT_UNKNOWN_PSK_IDENTITY] = "unknown_psk_identity",
	[KEEL_ALERT_CERTIFICATE_REQUIRED] = "certificate_required",
	[KEEL_ALERT_NO_APPLICATION_PROTOCOL] = "no_application_protocol",
};

/* What <keel/error.h> fixes, where the system's words would mislead. */
static const struct {
	int err;
	const char *text;
} meanings[] = {
	{.err = -EPROTO, .text = "the peer broke TLS"},
	{.err = -EBADMSG, .text = "a record failed authentication"},
	{.err = -EKEYREJECTED, .text = "the certificate was refused"},
	{.err = -ECONNABORTED,
	 .text = "the stream ended without close_notify (truncated)"},
	{.err = -EKEYEXPIRED, .text = "the key may no longer be used"},
	{.err = -ESTALE, .text = "a call in the wrong state"},
};

int keel__err_set(struct keel_err *err, int code, enum keel_err_origin origin,
		  uint8_t alert, long native, const char *site)
{
	assert(code < 0 && site);
	if (err->err)
		return code;
	*err = (struct keel_err){
		.err = code,
		.origin = (uint8_t)origin,
		.alert = alert,
		.native = native,
		.site = site,
	};
	return code;
}

/*
 * File names and library texts end up here: a line break or an escape sequence
 * in them must not reach a terminal or a log file.
 */
static void keep_one_line(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p; p++) {
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
	}
}

int keel__diag_set(struct keel_diag *diag, int code,
		   enum keel_err_origin origin, long native, const char *site,
		   const char *fmt, ...)
{
	va_list ap;

	assert(code < 0 && site);
	if (!diag)
		return code;
	diag->err = (struct keel_err){
		.err = code,
		.origin = (uint8_t)origin,
		.native = native,
		.site = site,
	};
	va_start(ap, fmt);
	if (vsnprintf(diag->text, sizeof(diag->text), fmt, ap) < 0)
		diag->text[0] = '\0';
	va_end(ap);
	keep_one_line(diag->text);
	return code;
}

void keel__diag_clear(struct keel_diag *diag)
{
	if (diag)
		*diag = (struct keel_diag){.text = ""};
}

const char *keel_err_origin_name(unsigned int origin)
{
	if (origin >= KEEL__ARRAY_LEN(origin_names))
		return "?";
	return origin_names[origin];
}

const char *keel_alert_name(unsigned int alert)
{
	if (alert >= KEEL__ARRAY_LEN(alert_names) || !alert_names[alert])
		return "unknown";
	return alert_names[alert];
}

static const char *meaning(int err)
{
	const char *text;

	for (size_t i = 0; i < KEEL__ARRAY_LEN(meanings); i++) {
		if (meanings[i].err == err)
			return meanings[i].text;
	}
	text = strerrordesc_np(-err);
	return text ? text : "unknown error";
}

/* " (sent alert decode_error)", or what else the origin adds. */
static void format_detail(const struct keel_err *err, char *buf, size_t len)
{
	const char *who;

	buf[0] = '\0';
	if (err->origin == KEEL_ERR_SENT_ALERT ||
	    err->origin == KEEL_ERR_PEER_ALERT) {
		who = err->origin == KEEL_ERR_SENT_ALERT ? "sent" : "received";
		snprintf(buf, len, " (%s alert %s, %u)", who,
			 keel_alert_name(err->alert), err->alert);
	} else if (err->native) {
		snprintf(buf, len, " (%s, code %#lx)",
			 keel_err_origin_name(err->origin),
			 (unsigned long)err->native);
	} else if (err->origin != KEEL_ERR_NONE) {
		snprintf(buf, len, " (%s)", keel_err_origin_name(err->origin));
	}
}

int keel_err_format(const struct keel_err *err, char *buf, size_t len)
{
	char detail[96];

	if (!err || !buf)
		return -EINVAL;
	if (!err->err)
		return snprintf(buf, len, "no error");
	format_detail(err, detail, sizeof(detail));
	return snprintf(buf, len, "%s: %s%s", err->site ? err->site : "?",
			meaning(err->err), detail);
}
