/* SPDX-License-Identifier: MIT */
/* The user-space record engine: headers, sealing and opening in place. */
#ifndef KEEL_CORE_RECORD_PRIVATE_H
#define KEEL_CORE_RECORD_PRIVATE_H

#include <sys/types.h>

#include "lib/core/traffic-private.h"

#define KEEL__RECORD_HEADER_LEN 5

/* Content types, RFC 8446 section 5.1. */
enum keel__record_type {
	KEEL__RECORD_CCS = 20,
	KEEL__RECORD_ALERT = 21,
	KEEL__RECORD_HANDSHAKE = 22,
	KEEL__RECORD_DATA = 23,
};

/* Longest body of a protected record: 2^14 + 256, RFC 8446 section 5.2. */
#define KEEL__RECORD_MAX_BODY (KEEL_MAX_PLAINTEXT + 256)

struct keel__record_header {
	uint8_t type;
	uint16_t version;
	uint16_t len; /* of the body */
};

/* Split a header; @in holds KEEL__RECORD_HEADER_LEN bytes. Judges nothing. */
void keel__record_header_read(const uint8_t *in,
			      struct keel__record_header *ret_header);

/* Bytes a record has before and after its payload under @suite. */
size_t keel__record_prefix_len(const struct keel_suite *suite);
size_t keel__record_suffix_len(const struct keel_suite *suite);

/*
 * Judge the header of a protected record that was just read, before its body
 * has come: type, version, length (RFC 8446 section 5.2, RFC 5246 section
 * 6.2.3). Returns 0, or -EPROTO with the alert to send.
 */
int keel__record_check(const struct keel_suite *suite,
		       const struct keel__record_header *header,
		       uint8_t *ret_alert);

/*
 * Protect one record of content @type. @rec has room for prefix + len + suffix.
 * @data NULL: the payload stands at rec + prefix already. @len 0 to 16384.
 * Returns the record's length, or what the backend returned.
 */
ssize_t keel__record_seal(struct keel_traffic *t, const struct keel_backend *be,
			  uint8_t type, const void *data, size_t len,
			  uint8_t *rec);

struct keel__record {
	uint8_t type;  /* inner content type */
	uint8_t *data; /* plaintext, inside the record given */
	size_t len;
};

/*
 * Open one whole record (@len bytes with header, judged by
 * keel__record_check()) in place. Returns 0; -EBADMSG if authentication fails
 * (bad_record_mac); -EPROTO with the alert to send: plaintext over 2^14
 * (record_overflow), no content type at all (unexpected_message); or what the
 * backend returned, with internal_error.
 */
int keel__record_open(struct keel_traffic *t, const struct keel_backend *be,
		      uint8_t *rec, size_t len, struct keel__record *ret_record,
		      uint8_t *ret_alert);

#endif
