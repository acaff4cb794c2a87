/* SPDX-License-Identifier: MIT */
/* Records that must be refused, each with its alert, and padding. */
#include <atf-c.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base-private.h"
#include "lib/core/record-private.h"
#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tests/support/crypto_row.h"
#include "tests/support/forge.h"

#define MAX_INNER (KEEL_MAX_PLAINTEXT + 1)

static const uint8_t test_key[KEEL_MAX_KEY_LEN] = {1, 2, 3, 4, 5};
static const uint8_t test_iv[KEEL_NONCE_LEN] = {9, 8, 7, 6, 5, 4, 3, 2, 1};

#define TEST_SEQ UINT64_C(0x1234)
#define TEST_NONCE UINT64_C(0xfedcba9876543210)

static void rx_init(const struct keel_suite *suite, struct keel_traffic *rx)
{
	struct keel_export ex = {.kind = KEEL_EXPORT_KEYS, .seq = TEST_SEQ};

	memcpy(ex.key, test_key, sizeof(ex.key));
	memcpy(ex.iv, test_iv, sizeof(ex.iv));
	REQUIRE_INT(suite->name, 0,
		    keel__traffic_init(rx, &crypto_row, suite, KEEL_SERVER,
				       KEEL_RX, &ex));
}

static struct forge forge_for(const struct keel_suite *suite, uint8_t type,
			      const uint8_t *text, size_t len)
{
	return (struct forge){
		.suite = suite,
		.key = test_key,
		.iv = test_iv,
		.seq = TEST_SEQ,
		.nonce = TEST_NONCE,
		.type = type,
		.version = KEEL_TLS1_2,
		.text = text,
		.len = len,
	};
}

/* An honest record of @text; in TLS 1.3 the content type is appended. */
static size_t honest_record(const struct keel_suite *suite, uint8_t type,
			    const char *text, uint8_t *out)
{
	uint8_t inner[256];
	size_t len = strlen(text);
	struct forge f;

	memcpy(inner, text, len);
	f = forge_for(suite, type, inner, len);
	if (suite->version == KEEL_TLS1_3) {
		inner[f.len++] = type;
		f.type = KEEL__RECORD_DATA;
	}
	return forge_record(&f, out);
}

/* Result of opening that nothing was written to. */
static const struct keel__record untouched = {
	.type = 0xee,
	.data = (uint8_t *)(uintptr_t)test_key,
	.len = 0xeeee,
};

static void check_untouched(const char *name, const struct keel__record *opened)
{
	CHECK_INT(name, untouched.type, opened->type);
	CHECK_INT(name, untouched.len, opened->len);
	ATF_CHECK_EQ_MSG(untouched.data, opened->data, "%s", name);
}

/* Judge and open, as a connection does. */
static int receive(struct keel_traffic *rx, uint8_t *record, size_t len,
		   struct keel__record *ret_record, uint8_t *ret_alert)
{
	struct keel__record_header header;
	int r;

	keel__record_header_read(record, &header);
	r = keel__record_check(rx->suite, &header, ret_alert);
	if (r < 0)
		return r;
	return keel__record_open(rx, &crypto_row, record, len, ret_record,
				 ret_alert);
}

/* @record must be refused, with nothing told but the alert. */
static int refused(const struct keel_suite *suite, uint8_t *record, size_t len,
		   uint8_t *ret_alert)
{
	struct keel__record opened = untouched;
	struct keel_traffic rx;
	int r;

	rx_init(suite, &rx);
	*ret_alert = 0xff;
	r = receive(&rx, record, len, &opened, ret_alert);
	check_untouched(suite->name, &opened);
	keel__traffic_clear(&rx, &crypto_row);
	return r;
}

CASE(record_header_read__splits, "Five bytes, big endian, unjudged")
{
	static const uint8_t in[] = {0xff, 0x12, 0x34, 0xab, 0xcd};
	struct keel__record_header header;

	keel__record_header_read(in, &header);
	ATF_CHECK_EQ(0xff, header.type);
	ATF_CHECK_EQ(0x1234, header.version);
	ATF_CHECK_EQ(0xabcd, header.len);
}

/* alert 0: accepted */
static const struct {
	const char *name;
	uint16_t suite;
	uint8_t type;
	uint16_t version;
	uint16_t len;
	uint8_t alert;
} headers[] = {
	{"1.3 data", 0x1301, 23, 0x0303, 17, 0},
	{"1.3 plaintext alert", 0x1301, 21, 0x0303, 2, 10},
	{"1.3 alert of that length", 0x1301, 21, 0x0303, 19, 10},
	{"1.3 late change_cipher_spec", 0x1301, 20, 0x0303, 1, 10},
	{"1.3 plaintext handshake", 0x1301, 22, 0x0303, 50, 10},
	{"1.3 heartbeat", 0x1301, 24, 0x0303, 50, 10},
	{"1.3 type 0", 0x1301, 0, 0x0303, 50, 10},
	{"1.3 type 255", 0x1301, 255, 0x0303, 50, 10},
	{"1.3 type first, length second", 0x1301, 22, 0x0303, 65535, 10},
	{"1.3 version 1.0 is ignored", 0x1301, 23, 0x0301, 50, 0},
	{"1.3 version 1.3 is ignored", 0x1301, 23, 0x0304, 50, 0},
	{"1.3 version of HTTP is ignored", 0x1301, 23, 0x4854, 50, 0},
	{"1.3 longest", 0x1301, 23, 0x0303, 16640, 0},
	{"1.3 one too long", 0x1301, 23, 0x0303, 16641, 22},
	{"1.3 65535", 0x1301, 23, 0x0303, 65535, 22},
	{"1.3 tag only", 0x1301, 23, 0x0303, 16, 0},
	{"1.3 no room for a tag", 0x1301, 23, 0x0303, 15, 20},
	{"1.3 empty", 0x1301, 23, 0x0303, 0, 20},
	{"1.2 GCM data", 0xc02b, 23, 0x0303, 24, 0},
	{"1.2 GCM alert", 0xc02b, 21, 0x0303, 26, 0},
	{"1.2 GCM handshake", 0xc02b, 22, 0x0303, 40, 0},
	{"1.2 GCM change_cipher_spec", 0xc02b, 20, 0x0303, 25, 10},
	{"1.2 GCM heartbeat", 0xc02b, 24, 0x0303, 50, 10},
	{"1.2 GCM type 19", 0xc02b, 19, 0x0303, 50, 10},
	{"1.2 GCM version 1.1", 0xc02b, 23, 0x0302, 50, 70},
	{"1.2 GCM version 1.3", 0xc02b, 23, 0x0304, 50, 70},
	{"1.2 GCM version 0x0203", 0xc02b, 23, 0x0203, 50, 70},
	{"1.2 GCM version first, length second", 0xc02b, 23, 0x0301, 0, 70},
	{"1.2 GCM longest of a sender", 0xc02b, 23, 0x0303, 16408, 0},
	{"1.2 GCM limit", 0xc02b, 23, 0x0303, 16640, 0},
	{"1.2 GCM one too long", 0xc02b, 23, 0x0303, 16641, 22},
	{"1.2 GCM no room for a tag", 0xc02b, 23, 0x0303, 23, 20},
	{"1.2 GCM empty", 0xc02b, 23, 0x0303, 0, 20},
	{"1.2 CCM no room for a tag", 0xc0ac, 23, 0x0303, 23, 20},
	{"1.2 CCM tag only", 0xc0ac, 23, 0x0303, 24, 0},
	{"1.2 ChaCha tag only", 0xcca9, 23, 0x0303, 16, 0},
	{"1.2 ChaCha no room for a tag", 0xcca9, 23, 0x0303, 15, 20},
	{"1.2 ChaCha one too long", 0xcca9, 23, 0x0303, 16641, 22},
};

CASE(record_check__judges_headers,
     "Type, version and length, each with its alert")
{
	for (size_t i = 0; i < KEEL__ARRAY_LEN(headers); i++) {
		const struct keel__record_header header = {
			.type = headers[i].type,
			.version = headers[i].version,
			.len = headers[i].len,
		};
		uint8_t alert = 0;

		CHECK_INT(headers[i].name, headers[i].alert ? -EPROTO : 0,
			  keel__record_check(keel_suite_by_id(headers[i].suite),
					     &header, &alert));
		CHECK_INT(headers[i].name, headers[i].alert, alert);
	}
}

/*
 * Authentic records: @len bytes of @fill, then @type if there is one, then @pad
 * zeros. In TLS 1.2 @type is in the header and there is no padding.
 */
static const struct {
	const char *name;
	uint16_t suite;
	size_t len;
	uint8_t fill;
	uint8_t type;
	size_t pad;
	uint8_t alert; /* 0: opened */
} authentic[] = {
	{"1.3 data", 0x1301, 5, 'x', 23, 0, 0},
	{"1.3 no data", 0x1301, 0, 0, 23, 0, 0},
	{"1.3 no data, padded", 0x1301, 0, 0, 23, 100, 0},
	{"1.3 no data, padded to the limit", 0x1301, 0, 0, 23, 16384, 0},
	{"1.3 zeros are data", 0x1301, 40, 0, 23, 0, 0},
	{"1.3 zeros are data, padded", 0x1301, 40, 0, 23, 40, 0},
	{"1.3 alert", 0x1301, 2, 1, 21, 0, 0},
	{"1.3 no alert: the caller's to judge", 0x1301, 0, 0, 21, 0, 0},
	{"1.3 no handshake: the same", 0x1301, 0, 0, 22, 0, 0},
	{"1.3 unknown inner type: the same", 0x1301, 3, 'x', 99, 0, 0},
	{"1.3 full", 0x1301, 16384, 'x', 23, 0, 0},
	{"1.3 full of zeros", 0x1301, 16384, 0, 23, 0, 0},
	{"1.3 full with padding", 0x1301, 16383, 'x', 23, 1, 0},
	{"1.3 one too much data", 0x1301, 16385, 'x', 23, 0, 22},
	{"1.3 one too much padding", 0x1301, 16384, 'x', 23, 1, 22},
	{"1.3 little data, too much padding", 0x1301, 1, 'x', 23, 16384, 22},
	{"1.3 as long as a body may be", 0x1301, 16623, 'x', 23, 0, 22},
	{"1.3 the same, all padding", 0x1301, 0, 0, 0, 16624, 22},
	{"1.3 nothing", 0x1301, 0, 0, 0, 0, 10},
	{"1.3 one zero", 0x1301, 0, 0, 0, 1, 10},
	{"1.3 64 zeros", 0x1301, 0, 0, 0, 64, 10},
	{"1.3 zeros only, full", 0x1301, 0, 0, 0, 16385, 10},
	{"1.3 SHA-384, zeros only", 0x1302, 0, 0, 0, 30, 10},
	{"1.3 ChaCha, zeros only", 0x1303, 0, 0, 0, 30, 10},
	{"1.3 ChaCha, nothing", 0x1303, 0, 0, 0, 0, 10},
	{"1.3 ChaCha, too much", 0x1303, 16385, 'x', 23, 0, 22},
	{"1.3 CCM, zeros only", 0x1304, 0, 0, 0, 30, 10},
	{"1.3 CCM, nothing", 0x1304, 0, 0, 0, 0, 10},
	{"1.3 CCM, too much", 0x1304, 16385, 'x', 23, 0, 22},
	{"1.2 GCM data", 0xc02b, 5, 'x', 23, 0, 0},
	{"1.2 GCM no data", 0xc02b, 0, 0, 23, 0, 0},
	{"1.2 GCM zeros are data", 0xc02b, 40, 0, 23, 0, 0},
	{"1.2 GCM full", 0xc02b, 16384, 'x', 23, 0, 0},
	{"1.2 GCM one too much", 0xc02b, 16385, 'x', 23, 0, 22},
	{"1.2 GCM as long as a body may be", 0xc02b, 16616, 'x', 23, 0, 22},
	{"1.2 CCM full", 0xc0ac, 16384, 'x', 23, 0, 0},
	{"1.2 CCM one too much", 0xc0ac, 16385, 'x', 23, 0, 22},
	{"1.2 CCM no data", 0xc0ad, 0, 0, 23, 0, 0},
	{"1.2 ChaCha full", 0xcca9, 16384, 'x', 23, 0, 0},
	{"1.2 ChaCha one too much", 0xcca9, 16385, 'x', 23, 0, 22},
	{"1.2 ChaCha no data", 0xcca9, 0, 0, 23, 0, 0},
	{"1.2 ChaCha alert", 0xcca9, 2, 1, 21, 0, 0},
};

static void check_authentic(size_t row)
{
	const char *name = authentic[row].name;
	const struct keel_suite *suite = keel_suite_by_id(authentic[row].suite);
	bool is_tls13 = suite->version == KEEL_TLS1_3;
	size_t len = authentic[row].len, total;
	uint8_t *text = calloc(1, FORGE_MAX_LEN);
	uint8_t *record = malloc(FORGE_MAX_LEN);
	struct keel__record opened = untouched;
	struct keel_traffic rx;
	uint8_t alert = 0;
	struct forge f;
	int r;

	ATF_REQUIRE(text && record);
	memset(text, authentic[row].fill, len);
	f = forge_for(suite, authentic[row].type, text, len);
	if (is_tls13) {
		f.type = KEEL__RECORD_DATA;
		if (authentic[row].type)
			text[f.len++] = authentic[row].type;
		f.len += authentic[row].pad;
	}
	total = forge_record(&f, record);
	rx_init(suite, &rx);
	r = receive(&rx, record, total, &opened, &alert);
	CHECK_INT(name, authentic[row].alert ? -EPROTO : 0, r);
	CHECK_INT(name, authentic[row].alert, alert);
	if (authentic[row].alert) {
		check_untouched(name, &opened);
	} else {
		CHECK_INT(name, authentic[row].type, opened.type);
		REQUIRE_INT(name, len, opened.len);
		CHECK_MEM(name, text, opened.data, len);
	}
	keel__traffic_clear(&rx, &crypto_row);
	free(record);
	free(text);
}

CASE(record_open__judges_authentic_records,
     "Limits of the plaintext, padding, missing type, each with its "
     "alert")
{
	for (size_t i = 0; i < KEEL__ARRAY_LEN(authentic); i++)
		check_authentic(i);
}

/* Padding */

static void check_padding(const struct keel_suite *suite, size_t len,
			  size_t pad)
{
	uint8_t *text = calloc(1, len + 1 + pad);
	uint8_t *record = malloc(FORGE_MAX_LEN);
	struct keel__record opened = untouched;
	struct keel_traffic rx;
	uint8_t alert = 0;
	struct forge f;
	size_t total;

	ATF_REQUIRE(text && record);
	memset(text, 'p', len);
	text[len] = KEEL__RECORD_DATA;
	f = forge_for(suite, KEEL__RECORD_DATA, text, len + 1 + pad);
	total = forge_record(&f, record);
	rx_init(suite, &rx);
	ATF_CHECK_MSG(!receive(&rx, record, total, &opened, &alert),
		      "%s: %zu bytes and %zu of padding", suite->name, len,
		      pad);
	ATF_CHECK_MSG(opened.type == KEEL__RECORD_DATA && opened.len == len &&
			      !memcmp(opened.data, text, len),
		      "%s: %zu bytes and %zu of padding", suite->name, len,
		      pad);
	keel__traffic_clear(&rx, &crypto_row);
	free(record);
	free(text);
}

CASE(record_open__strips_padding,
     "Every padding up to 300, lengths around the blocks of the "
     "scan, and the largest")
{
	static const size_t lens[] = {0, 1, 7, 8, 62, 63, 64, 65, 127, 128};
	const struct keel_suite *suite;

	for (size_t i = 0; i < KEEL__ARRAY_LEN(lens); i++)
		for (size_t pad = 1; pad <= 300; pad++)
			check_padding(keel_suite_by_id(0x1301), lens[i], pad);
	for (size_t i = 0; (suite = keel_suite_at(i)); i++) {
		if (suite->version != KEEL_TLS1_3)
			continue;
		for (size_t pad = MAX_INNER - 70; pad < MAX_INNER; pad++)
			check_padding(suite, MAX_INNER - 1 - pad, pad);
	}
}

/* Forgeries */

static const char honest_text[] = "attack at dawn";

static void check_flips(const struct keel_suite *suite)
{
	uint8_t record[128], copy[128], alert;
	size_t len =
		honest_record(suite, KEEL__RECORD_ALERT, honest_text, record);

	for (size_t bit = 0; bit < 8 * len; bit++) {
		size_t at = bit / 8;
		int r;

		memcpy(copy, record, len);
		copy[at] ^= (uint8_t)(1 << bit % 8);
		r = refused(suite, copy, len, &alert);
		ATF_CHECK_MSG(r == -EBADMSG || (r == -EPROTO && at < 5),
			      "%s: byte %zu, bit %zu: %d", suite->name, at,
			      bit % 8, r);
		if (at < 5)
			continue;
		CHECK_INT(suite->name, KEEL_ALERT_BAD_RECORD_MAC, alert);
	}
}

CASE(record_open__refuses_every_flipped_bit,
     "Each bit of a record of each suite, header included; nothing "
     "of the plaintext is given")
{
	const struct keel_suite *suite;

	for (size_t i = 0; (suite = keel_suite_at(i)); i++)
		check_flips(suite);
}

static void check_bytes(const struct keel_suite *suite)
{
	uint8_t record[128], copy[128], alert;
	size_t len =
		honest_record(suite, KEEL__RECORD_DATA, honest_text, record);

	for (size_t at = 0; at < len; at++)
		for (unsigned int value = 0; value < 256; value++) {
			int r;

			if (record[at] == value)
				continue;
			memcpy(copy, record, len);
			copy[at] = (uint8_t)value;
			r = refused(suite, copy, len, &alert);
			ATF_CHECK_MSG(r == -EBADMSG || r == -EPROTO,
				      "%s: byte %zu, value %u: %d", suite->name,
				      at, value, r);
		}
}

CASE(record_open__refuses_every_other_byte,
     "Each byte of a record of each suite, set to each other value")
{
	const struct keel_suite *suite;

	for (size_t i = 0; (suite = keel_suite_at(i)); i++)
		check_bytes(suite);
}

/* Bytes taken off or put on, with and without the header saying so. */
static void check_cut(const struct keel_suite *suite, size_t len,
		      size_t new_len, bool tell)
{
	uint8_t record[256] = {0}, alert;
	int r;

	honest_record(suite, KEEL__RECORD_DATA, honest_text, record);
	if (tell) {
		record[3] = 0;
		record[4] = (uint8_t)(new_len - KEEL__RECORD_HEADER_LEN);
	}
	r = refused(suite, record, new_len, &alert);
	ATF_CHECK_MSG(
		r == (tell ? r : -EBADMSG) && (r == -EBADMSG || r == -EPROTO),
		"%s: %zu bytes for %zu: %d", suite->name, new_len, len, r);
	CHECK_INT(suite->name, KEEL_ALERT_BAD_RECORD_MAC, alert);
}

CASE(record_open__refuses_other_lengths,
     "Every shorter record and some longer, with the header's length "
     "as it was and changed")
{
	const struct keel_suite *suite;
	uint8_t record[128];

	for (size_t i = 0; (suite = keel_suite_at(i)); i++) {
		size_t len = honest_record(suite, KEEL__RECORD_DATA,
					   honest_text, record);

		for (size_t cut = KEEL__RECORD_HEADER_LEN; cut < len + 40;
		     cut++) {
			if (cut == len)
				continue;
			check_cut(suite, len, cut, true);
			check_cut(suite, len, cut, false);
		}
	}
}

/* As if the header had not been judged. */
static void check_alone(const struct keel_suite *suite, const char *name,
			uint8_t *record, size_t len)
{
	struct keel__record opened = untouched;
	struct keel_traffic rx;
	uint8_t alert = 0;

	rx_init(suite, &rx);
	CHECK_INT(name, -EBADMSG,
		  keel__record_open(&rx, &crypto_row, record, len, &opened,
				    &alert));
	CHECK_INT(name, KEEL_ALERT_BAD_RECORD_MAC, alert);
	check_untouched(name, &opened);
	keel__traffic_clear(&rx, &crypto_row);
}

CASE(record_open__does_not_rely_on_the_check,
     "Too short for a tag, or another version: bad_record_mac without "
     "record_check()")
{
	const struct keel_suite *suite;

	for (size_t i = 0; (suite = keel_suite_at(i)); i++) {
		size_t least = keel__record_prefix_len(suite) + KEEL_TAG_LEN;
		uint8_t record[128];
		size_t len;

		for (size_t cut = 0; cut < least; cut++) {
			/* Exactly as many bytes: ASan watches the end. */
			uint8_t *tight = calloc(1, cut + !cut);

			ATF_REQUIRE(tight);
			if (cut >= KEEL__RECORD_HEADER_LEN)
				tight[4] = (uint8_t)(cut -
						     KEEL__RECORD_HEADER_LEN);
			check_alone(suite, suite->name, tight, cut);
			free(tight);
		}
		len = honest_record(suite, KEEL__RECORD_DATA, honest_text,
				    record);
		for (size_t at = 1; at <= 2; at++) {
			record[at] ^= 1;
			check_alone(suite, suite->name, record, len);
			honest_record(suite, KEEL__RECORD_DATA, honest_text,
				      record);
		}
	}
}

CASE(record_open__other_keys_do_not_open,
     "Key, IV and sequence each matter, in every suite")
{
	const struct keel_suite *suite;

	for (size_t i = 0; (suite = keel_suite_at(i)); i++) {
		for (unsigned int what = 0; what < 4; what++) {
			struct keel__record opened = untouched;
			struct keel_traffic rx;
			uint8_t record[128], alert;
			size_t len = honest_record(suite, 23, "x", record);

			rx_init(suite, &rx);
			rx.key[suite->key_len - 1] ^= what == 1;
			rx.iv[3] ^= what == 2;
			rx.seq ^= (uint64_t)(what == 3) << 63;
			CHECK_INT(suite->name, what ? -EBADMSG : 0,
				  receive(&rx, record, len, &opened, &alert));
			keel__traffic_clear(&rx, &crypto_row);
		}
	}
}

CASE(record_open__tls13_version_is_ignored,
     "A peer that writes another version is understood")
{
	static const uint8_t text[] = {'o', 'k', KEEL__RECORD_DATA};
	const struct keel_suite *suite = keel_suite_by_id(0x1301);
	struct forge f = forge_for(suite, KEEL__RECORD_DATA, text, 3);
	struct keel__record opened = untouched;
	struct keel_traffic rx;
	uint8_t record[128], alert = 0;
	size_t len;

	f.version = 0x0301;
	len = forge_record(&f, record);
	rx_init(suite, &rx);
	ATF_REQUIRE_EQ(0, receive(&rx, record, len, &opened, &alert));
	ATF_CHECK_EQ(2, opened.len);
	keel__traffic_clear(&rx, &crypto_row);
}

/* An AEAD that decrypts first and then says no. */
static int late_open(void *aead, const uint8_t *nonce, const void *aad,
		     size_t aad_len, const uint8_t *in, size_t len,
		     uint8_t *out)
{
	(void)aead, (void)nonce, (void)aad, (void)aad_len, (void)in;
	memset(out, 'S', len - KEEL_TAG_LEN);
	return -EBADMSG;
}

CASE(record_open__a_forgery_leaves_no_plaintext,
     "What the AEAD has written by then is cleared")
{
	const struct keel_suite *suite;
	struct keel_backend be = crypto_row;

	be.aead_open = late_open;
	for (size_t i = 0; (suite = keel_suite_at(i)); i++) {
		struct keel__record opened = untouched;
		struct keel_traffic rx;
		uint8_t record[128], alert;
		size_t len = honest_record(suite, 23, honest_text, record);

		rx_init(suite, &rx);
		CHECK_INT(suite->name, -EBADMSG,
			  keel__record_open(&rx, &be, record, len, &opened,
					    &alert));
		ATF_CHECK_MSG(!memmem(record, len, "SS", 2), "%s", suite->name);
		check_untouched(suite->name, &opened);
		keel__traffic_clear(&rx, &crypto_row);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, record_header_read__splits);
	ATF_TP_ADD_TC(tp, record_check__judges_headers);
	ATF_TP_ADD_TC(tp, record_open__judges_authentic_records);
	ATF_TP_ADD_TC(tp, record_open__strips_padding);
	ATF_TP_ADD_TC(tp, record_open__refuses_every_flipped_bit);
	ATF_TP_ADD_TC(tp, record_open__refuses_every_other_byte);
	ATF_TP_ADD_TC(tp, record_open__refuses_other_lengths);
	ATF_TP_ADD_TC(tp, record_open__does_not_rely_on_the_check);
	ATF_TP_ADD_TC(tp, record_open__other_keys_do_not_open);
	ATF_TP_ADD_TC(tp, record_open__tls13_version_is_ignored);
	ATF_TP_ADD_TC(tp, record_open__a_forgery_leaves_no_plaintext);
	return atf_no_error();
}
