/* SPDX-License-Identifier: MIT */
/* What went wrong, where it came from, and which TLS alert goes with it. */
#ifndef KEEL_ERROR_H
#define KEEL_ERROR_H

#include <stddef.h>
#include <stdint.h>

#include <keel/visibility.h>

KEEL_BEGIN_DECLS

/**
 * enum keel_err_origin - who said no
 * @KEEL_ERR_NONE:       no error
 * @KEEL_ERR_SYS:        the operating system: a socket, a file, memory
 * @KEEL_ERR_KERNEL_TLS: the kernel's TLS layer
 * @KEEL_ERR_PEER_ALERT: the peer sent a fatal alert
 * @KEEL_ERR_SENT_ALERT: the peer broke TLS and we sent the alert that says so
 * @KEEL_ERR_BACKEND:    the TLS library
 * @KEEL_ERR_USAGE:      the caller: a bad argument, a call in the wrong state
 * @KEEL_ERR_TIMEOUT:    a timer of the loop ran out
 * @KEEL_ERR_PEER:       the peer broke TLS and no alert could tell it
 */
enum keel_err_origin {
	KEEL_ERR_NONE = 0,
	KEEL_ERR_SYS,
	KEEL_ERR_KERNEL_TLS,
	KEEL_ERR_PEER_ALERT,
	KEEL_ERR_SENT_ALERT,
	KEEL_ERR_BACKEND,
	KEEL_ERR_USAGE,
	KEEL_ERR_TIMEOUT,
	KEEL_ERR_PEER,
};

/**
 * enum keel_alert - alert descriptions, RFC 8446 section 6 and RFC 5246
 * section 7.2; the values are those on the wire
 */
enum keel_alert {
	KEEL_ALERT_CLOSE_NOTIFY = 0,
	KEEL_ALERT_UNEXPECTED_MESSAGE = 10,
	KEEL_ALERT_BAD_RECORD_MAC = 20,
	KEEL_ALERT_RECORD_OVERFLOW = 22,
	KEEL_ALERT_HANDSHAKE_FAILURE = 40,
	KEEL_ALERT_BAD_CERTIFICATE = 42,
	KEEL_ALERT_UNSUPPORTED_CERTIFICATE = 43,
	KEEL_ALERT_CERTIFICATE_REVOKED = 44,
	KEEL_ALERT_CERTIFICATE_EXPIRED = 45,
	KEEL_ALERT_CERTIFICATE_UNKNOWN = 46,
	KEEL_ALERT_ILLEGAL_PARAMETER = 47,
	KEEL_ALERT_UNKNOWN_CA = 48,
	KEEL_ALERT_ACCESS_DENIED = 49,
	KEEL_ALERT_DECODE_ERROR = 50,
	KEEL_ALERT_DECRYPT_ERROR = 51,
	KEEL_ALERT_PROTOCOL_VERSION = 70,
	KEEL_ALERT_INSUFFICIENT_SECURITY = 71,
	KEEL_ALERT_INTERNAL_ERROR = 80,
	KEEL_ALERT_INAPPROPRIATE_FALLBACK = 86,
	KEEL_ALERT_USER_CANCELED = 90,
	KEEL_ALERT_NO_RENEGOTIATION = 100,
	KEEL_ALERT_MISSING_EXTENSION = 109,
	KEEL_ALERT_UNSUPPORTED_EXTENSION = 110,
	KEEL_ALERT_UNRECOGNIZED_NAME = 112,
	KEEL_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE = 113,
	KEEL_ALERT_UNKNOWN_PSK_IDENTITY = 115,
	KEEL_ALERT_CERTIFICATE_REQUIRED = 116,
	KEEL_ALERT_NO_APPLICATION_PROTOCOL = 120,
};

/**
 * struct keel_err - one error; the first one sticks to its object
 * @err:    negative errno, 0 when nothing went wrong
 * @origin: enum keel_err_origin
 * @alert:  enum keel_alert, sent or received; meaningful for the two alert
 *          origins only
 * @native: the TLS library's own code, 0 if none
 * @site:   a static string that says what was being done; never NULL when
 *          @err is not 0
 *
 * Fixed meanings of @err on a connection:
 *   -EPROTO        the peer broke TLS
 *   -EBADMSG       a record failed authentication
 *   -EKEYREJECTED  the peer's certificate was refused
 *   -ECONNABORTED  the stream ended without close_notify (truncation)
 *   -ECONNRESET    the peer sent a fatal alert, or a TCP reset
 *   -EKEYEXPIRED   the AEAD limit is reached and this version cannot rekey
 *   -ETIMEDOUT     a timer ran out; @site names it
 *   -ESTALE        a call in the wrong state
 */
struct keel_err {
	int err;
	uint8_t origin;
	uint8_t alert;
	long native;
	const char *site;
};

/**
 * keel_err_origin_name() - name of an origin, for logs
 * @origin: an enum keel_err_origin
 *
 * Units:     none
 * Ownership: a static string
 * Threads:   any
 * Blocking:  never
 * Return:    the name; "?" for a value that is none
 * Errors:    none
 * Since:     0.1
 */
KEEL_API const char *keel_err_origin_name(unsigned int origin);

/**
 * keel_alert_name() - name of an alert as RFC 8446 section 6 writes it
 * @alert: alert description, any byte
 *
 * Units:     none
 * Ownership: a static string
 * Threads:   any
 * Blocking:  never
 * Return:    the name, "unknown" for a value no RFC names
 * Errors:    none
 * Since:     0.1
 */
KEEL_API const char *keel_alert_name(unsigned int alert);

/**
 * keel_err_format() - one line for people
 * @err: the error; borrowed
 * @buf: where the line goes; always terminated when @len is not 0
 * @len: size of @buf
 *
 * The line never holds keys, plaintext or a peer's name.
 *
 * Units:     @len in bytes
 * Ownership: nothing moves
 * Threads:   any
 * Blocking:  never
 * Return:    the length of the whole line, which was cut if >= @len
 * Errors:    -EINVAL  a NULL argument
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_err_format(const struct keel_err *err,
					     char *buf, size_t len);

KEEL_END_DECLS

#endif
