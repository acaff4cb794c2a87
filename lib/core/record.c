/* SPDX-License-Identifier: MIT */
/* The user-space record engine of TLS 1.2 and 1.3. */
#include "lib/core/record-private.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "lib/base/base-private.h"
#include "lib/base/secret-private.h"

/* Bytes of the nonce that a TLS 1.2 GCM or CCM record carries: RFC 5288. */
#define EXPLICIT_NONCE_LEN 8
#define SALT_LEN (KEEL_NONCE_LEN - EXPLICIT_NONCE_LEN)

/* seq_num, type, version, length: RFC 5246 section 6.2.3.3. */
#define TLS12_AAD_LEN 13

/* What goes into the AEAD beside the text. */
struct inputs {
	uint8_t nonce[KEEL_NONCE_LEN];
	uint8_t aad[TLS12_AAD_LEN];
	size_t aad_len;
};

static bool is_tls13(const struct keel_suite *suite)
{
	return suite->version == KEEL_TLS1_3;
}

/* RFC 7905 section 2 gave ChaCha20-Poly1305 the nonce of TLS 1.3 in advance. */
static bool has_explicit_nonce(const struct keel_suite *suite)
{
	return !is_tls13(suite) && suite->aead != KEEL_AEAD_CHACHA20_POLY1305;
}

void keel__record_header_read(const uint8_t *in,
			      struct keel__record_header *ret_header)
{
	ret_header->type = in[0];
	ret_header->version = (uint16_t)(in[1] << 8 | in[2]);
	ret_header->len = (uint16_t)(in[3] << 8 | in[4]);
}

static void header_write(uint8_t *out, uint8_t type, size_t len)
{
	out[0] = type;
	out[1] = KEEL_TLS1_2 >> 8;
	out[2] = KEEL_TLS1_2 & 0xff;
	out[3] = (uint8_t)(len >> 8);
	out[4] = (uint8_t)len;
}

size_t keel__record_prefix_len(const struct keel_suite *suite)
{
	return KEEL__RECORD_HEADER_LEN +
	       (has_explicit_nonce(suite) ? EXPLICIT_NONCE_LEN : 0);
}

/* TLS 1.3 puts the content type behind the payload: RFC 8446 section 5.2. */
size_t keel__record_suffix_len(const struct keel_suite *suite)
{
	return (is_tls13(suite) ? 1 : 0) + KEEL_TAG_LEN;
}

static int refuse(uint8_t *ret_alert, enum keel_alert alert)
{
	*ret_alert = (uint8_t)alert;
	return -EPROTO;
}

/*
 * Once records are protected, every TLS 1.3 record looks like application data
 * (RFC 8446 section 5.2); anything else, a plaintext alert or a late
 * change_cipher_spec included, is unexpected (sections 5 and 5.1). In TLS 1.2
 * the type is in the clear, and after the handshake there is no change of
 * ciphers to announce, for keel does not renegotiate.
 */
static bool is_outer_type(const struct keel_suite *suite, uint8_t type)
{
	if (is_tls13(suite))
		return type == KEEL__RECORD_DATA;
	return type == KEEL__RECORD_ALERT || type == KEEL__RECORD_HANDSHAKE ||
	       type == KEEL__RECORD_DATA;
}

/*
 * The version of a TLS 1.3 record "MUST be ignored for all purposes" (RFC 8446
 * section 5.1); it is part of the additional data as it came, so a version
 * changed on the way fails to authenticate. In TLS 1.2 it is the negotiated one
 * (RFC 5246 section 6.2.1).
 *
 * Too long is record_overflow in both versions. TLS 1.2 would allow 2^14 + 2048
 * (RFC 5246 section 6.2.3), but what an AEAD adds is 24 bytes at most, so a
 * body over our limit could only hold more than 2^14 bytes of plaintext, which
 * is record_overflow as well. Too short to hold a tag is a record that "cannot
 * be deprotected": bad_record_mac, "used for all deprotection failures"
 * (RFC 8446 section 6.2; RFC 5246 section 7.2.2).
 */
int keel__record_check(const struct keel_suite *suite,
		       const struct keel__record_header *header,
		       uint8_t *ret_alert)
{
	size_t overhead = keel__record_prefix_len(suite) -
			  KEEL__RECORD_HEADER_LEN + KEEL_TAG_LEN;

	if (!is_outer_type(suite, header->type))
		return refuse(ret_alert, KEEL_ALERT_UNEXPECTED_MESSAGE);
	if (!is_tls13(suite) && header->version != KEEL_TLS1_2)
		return refuse(ret_alert, KEEL_ALERT_PROTOCOL_VERSION);
	if (header->len > KEEL__RECORD_MAX_BODY)
		return refuse(ret_alert, KEEL_ALERT_RECORD_OVERFLOW);
	if (header->len < overhead)
		return refuse(ret_alert, KEEL_ALERT_BAD_RECORD_MAC);
	return 0;
}

/*
 * Make ready for one record. A number is never used twice under a key, so the
 * counters stop before they wrap (RFC 8446 section 5.3, RFC 5246 section 6.1);
 * the last value stays unused, which makes that one comparison.
 */
static int traffic_ready(struct keel_traffic *t, const struct keel_backend *be)
{
	bool is_tx = t->dir == KEEL_TX;

	if (t->seq == UINT64_MAX || (is_tx && has_explicit_nonce(t->suite) &&
				     t->explicit_nonce == UINT64_MAX))
		return -EKEYEXPIRED;
	if (t->aead)
		return 0;
	return be->aead_new(t->suite->aead, t->key, is_tx, &t->aead);
}

/*
 * Nonce and additional data of the record @rec, whose header and explicit nonce
 * are in their places; @len bytes of payload. RFC 8446 sections 5.2 and 5.3,
 * RFC 5246 section 6.2.3.3, RFC 5288 section 3, RFC 7905 section 2.
 */
static void inputs_make(const struct keel_traffic *t, const uint8_t *rec,
			size_t len, struct inputs *ret_in)
{
	uint64_t seq = htobe64(t->seq);
	uint64_t mask;

	memcpy(ret_in->nonce, t->iv, KEEL_NONCE_LEN);
	if (has_explicit_nonce(t->suite)) {
		memcpy(ret_in->nonce + SALT_LEN, rec + KEEL__RECORD_HEADER_LEN,
		       EXPLICIT_NONCE_LEN);
	} else {
		memcpy(&mask, t->iv + SALT_LEN, sizeof(mask));
		mask ^= seq;
		memcpy(ret_in->nonce + SALT_LEN, &mask, sizeof(mask));
	}

	if (is_tls13(t->suite)) {
		memcpy(ret_in->aad, rec, KEEL__RECORD_HEADER_LEN);
		ret_in->aad_len = KEEL__RECORD_HEADER_LEN;
		return;
	}
	memcpy(ret_in->aad, &seq, sizeof(seq));
	memcpy(ret_in->aad + 8, rec, 3);
	ret_in->aad[11] = (uint8_t)(len >> 8);
	ret_in->aad[12] = (uint8_t)len;
	ret_in->aad_len = TLS12_AAD_LEN;
}

/*
 * The plaintext as the AEAD takes it. In place it is one part, with the content
 * type of TLS 1.3 written behind the payload; otherwise the caller's bytes are
 * read where they are, and the type is a part of its own.
 */
static size_t plaintext_parts(const struct keel_suite *suite, const void *data,
			      size_t len, uint8_t *payload, uint8_t *type,
			      struct iovec parts[2])
{
	if (data && data != payload) {
		/* The backend only reads; struct iovec cannot say so. */
		parts[0].iov_base = (void *)(uintptr_t)data;
		parts[0].iov_len = len;
		parts[1].iov_base = type;
		parts[1].iov_len = 1;
		return is_tls13(suite) ? 2 : 1;
	}
	if (is_tls13(suite))
		payload[len++] = *type;
	parts[0].iov_base = payload;
	parts[0].iov_len = len;
	return 1;
}

ssize_t keel__record_seal(struct keel_traffic *t, const struct keel_backend *be,
			  uint8_t type, const void *data, size_t len,
			  uint8_t *rec)
{
	size_t prefix_len = keel__record_prefix_len(t->suite);
	size_t total = prefix_len + len + keel__record_suffix_len(t->suite);
	bool has_nonce = has_explicit_nonce(t->suite);
	uint64_t nonce = htobe64(t->explicit_nonce);
	struct iovec parts[2];
	struct inputs in;
	size_t nr_parts;
	int r;

	assert(t->dir == KEEL_TX);
	if (len > KEEL_MAX_PLAINTEXT)
		return -EMSGSIZE;
	r = traffic_ready(t, be);
	if (r < 0)
		return r;
	header_write(rec, is_tls13(t->suite) ? KEEL__RECORD_DATA : type,
		     total - KEEL__RECORD_HEADER_LEN);
	if (has_nonce)
		memcpy(rec + KEEL__RECORD_HEADER_LEN, &nonce, sizeof(nonce));
	inputs_make(t, rec, len, &in);
	nr_parts = plaintext_parts(t->suite, data, len, rec + prefix_len, &type,
				   parts);
	r = be->aead_seal(t->aead, in.nonce, in.aad, in.aad_len, parts,
			  nr_parts, rec + prefix_len);
	keel__secret_clear(&in, sizeof(in));
	if (r < 0)
		return r;
	t->seq++;
	t->explicit_nonce += has_nonce;
	return (ssize_t)total;
}

/*
 * Length of @data without the zero bytes at its end. There may be 16 KiB of
 * them, so blocks come first; gcc's vectors make that a quarter of a
 * microsecond, less than half of what it takes word by word.
 *
 * How long this takes tells how long the padding was. That is no oracle: only
 * bytes that passed authentication are scanned (RFC 8446 section 5.4 allows no
 * other), so nobody but the peer chose them, and a forgery never gets here.
 * What remains is the traffic analysis of RFC 8446 appendix E.3, which says
 * that a constant-time scan would not help, since the application handles
 * exactly the content's bytes afterwards.
 */
static size_t strip_zeros(const uint8_t *data, size_t len)
{
	typedef uint64_t vec __attribute__((vector_size(16)));
	vec block[4];

	while (len >= sizeof(block)) {
		vec any;

		memcpy(block, data + len - sizeof(block), sizeof(block));
		any = block[0] | block[1] | block[2] | block[3];
		if (any[0] | any[1])
			break;
		len -= sizeof(block);
	}
	while (len && !data[len - 1])
		len--;
	return len;
}

/*
 * TLSInnerPlaintext: content, type, zeros. Its limit of 2^14 + 1 counts the
 * padding too (RFC 8446 section 5.4). One without a type is refused with
 * unexpected_message, as that section says.
 */
static int inner_read(uint8_t *data, size_t len,
		      struct keel__record *ret_record, uint8_t *ret_alert)
{
	if (len > KEEL_MAX_PLAINTEXT + 1)
		return refuse(ret_alert, KEEL_ALERT_RECORD_OVERFLOW);
	len = strip_zeros(data, len);
	if (!len)
		return refuse(ret_alert, KEEL_ALERT_UNEXPECTED_MESSAGE);
	ret_record->type = data[len - 1];
	ret_record->data = data;
	ret_record->len = len - 1;
	return 0;
}

static int plain_read(uint8_t type, uint8_t *data, size_t len,
		      struct keel__record *ret_record, uint8_t *ret_alert)
{
	if (len > KEEL_MAX_PLAINTEXT)
		return refuse(ret_alert, KEEL_ALERT_RECORD_OVERFLOW);
	ret_record->type = type;
	ret_record->data = data;
	ret_record->len = len;
	return 0;
}

/*
 * Authenticate and decrypt the body in place; advances the sequence. What comes
 * out of a forgery is cleared: it is not to be seen (RFC 5116 section 2.2), and
 * an AEAD that decrypts as it goes has written it by then.
 */
static int deprotect(struct keel_traffic *t, const struct keel_backend *be,
		     uint8_t *rec, size_t prefix_len, size_t text_len)
{
	uint8_t *text = rec + prefix_len;
	struct inputs in;
	int r;

	r = traffic_ready(t, be);
	if (r < 0)
		return r;
	inputs_make(t, rec, text_len, &in);
	r = be->aead_open(t->aead, in.nonce, in.aad, in.aad_len, text,
			  text_len + KEEL_TAG_LEN, text);
	keel__secret_clear(&in, sizeof(in));
	if (r < 0) {
		keel__secret_clear(text, text_len);
		return r;
	}
	t->seq++;
	return 0;
}

int keel__record_open(struct keel_traffic *t, const struct keel_backend *be,
		      uint8_t *rec, size_t len, struct keel__record *ret_record,
		      uint8_t *ret_alert)
{
	size_t prefix_len = keel__record_prefix_len(t->suite);
	struct keel__record_header header;
	size_t text_len;
	int r = -EBADMSG;

	assert(t->dir == KEEL_RX);
	/* The caller has judged the header; nothing here relies on it. */
	if (len >= prefix_len + KEEL_TAG_LEN) {
		keel__record_header_read(rec, &header);
		text_len = len - prefix_len - KEEL_TAG_LEN;
		if (header.len == len - KEEL__RECORD_HEADER_LEN)
			r = deprotect(t, be, rec, prefix_len, text_len);
	}
	if (r < 0) {
		*ret_alert = r == -EBADMSG ? KEEL_ALERT_BAD_RECORD_MAC
					   : KEEL_ALERT_INTERNAL_ERROR;
		return r;
	}
	if (is_tls13(t->suite))
		return inner_read(rec + prefix_len, text_len, ret_record,
				  ret_alert);
	return plain_read(header.type, rec + prefix_len, text_len, ret_record,
			  ret_alert);
}
