/* SPDX-License-Identifier: MIT */
/* Records: vectors, every length, sequence numbers, the backend's part. */
#include <atf-c.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base-private.h"
#include "lib/core/record-private.h"
#include "lib/registry/registry-private.h"
#include "tests/core/vectors/rfc8448.h"
#include "tests/core/vectors/wire_tls12.h"
#include "tests/core/vectors/wire_tls13.h"
#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tests/support/crypto_row.h"
#include "tests/support/hex.h"

#define MAX_RECORD (KEEL__RECORD_HEADER_LEN + KEEL__RECORD_MAX_BODY)
#define MAX_VECTOR 512

static uint8_t pattern[KEEL_MAX_PLAINTEXT];

static void pattern_init(void)
{
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 31 + i / 256);
}

/* Both ends of one direction of a suite, with the same keys. */
static void pair_init(const struct keel_suite *suite, struct keel_traffic *tx,
		      struct keel_traffic *rx)
{
	struct keel_export ex = {
		.kind = KEEL_EXPORT_KEYS,
		.seq = 5,
		.explicit_nonce = UINT64_C(0x0123456789abcdef),
	};

	memset(ex.key, 0x42, sizeof(ex.key));
	memset(ex.iv, 0x17, sizeof(ex.iv));
	REQUIRE_INT(suite->name, 0,
		    keel__traffic_init(tx, &crypto_row, suite, KEEL_SERVER,
				       KEEL_TX, &ex));
	REQUIRE_INT(suite->name, 0,
		    keel__traffic_init(rx, &crypto_row, suite, KEEL_CLIENT,
				       KEEL_RX, &ex));
}

static void pair_fini(struct keel_traffic *tx, struct keel_traffic *rx)
{
	keel__traffic_clear(tx, &crypto_row);
	keel__traffic_clear(rx, &crypto_row);
}

/*
 * What shows the same bytes for every implementation runs over both: the tests'
 * own algorithms and the ones that keel is used with.
 */
static const struct keel_backend *const rows[] = {
	&crypto_row,
	&keel__backend_openssl,
};

static void rows_init(void)
{
	char why[256] = "";

	for (size_t i = 0; i < KEEL__ARRAY_LEN(rows); i++)
		if (rows[i]->init)
			ATF_REQUIRE_MSG(!rows[i]->init(why, sizeof(why)),
					"%s: %s", rows[i]->name, why);
}

/* Vectors */

struct vector_set {
	const struct record_vector *vectors;
	size_t len;
};

static const struct vector_set vector_sets[] = {
	{rfc8448_records, KEEL__ARRAY_LEN(rfc8448_records)},
	{wire_tls13, KEEL__ARRAY_LEN(wire_tls13)},
	{wire_tls12, KEEL__ARRAY_LEN(wire_tls12)},
};

/* The traffic that made the record of @v, or is to open it. */
static void vector_traffic(const struct keel_backend *be,
			   const struct record_vector *v, enum keel_dir dir,
			   const uint8_t *record, struct keel_traffic *t)
{
	const struct keel_suite *suite = keel_suite_by_id(v->suite);
	struct keel_export ex = {.kind = KEEL_EXPORT_TRAFFIC_SECRET};
	bool is_client = (v->sender == KEEL_CLIENT) == (dir == KEEL_TX);

	ex.secret_len = hex_decode(v->secret, ex.secret, 48);
	ex.seq = v->seq;
	if (suite->version == KEEL_TLS1_2) {
		ex.kind = KEEL_EXPORT_MASTER_SECRET;
		hex_decode(v->client_random, ex.client_random, 32);
		hex_decode(v->server_random, ex.server_random, 32);
		for (size_t i = 0; i < 8; i++)
			ex.explicit_nonce = ex.explicit_nonce << 8 |
					    record[KEEL__RECORD_HEADER_LEN + i];
	}
	REQUIRE_INT(v->name, 0,
		    keel__traffic_init(t, be, suite,
				       is_client ? KEEL_CLIENT : KEEL_SERVER,
				       dir, &ex));
	for (unsigned int i = 0; i < v->updates; i++)
		REQUIRE_INT(v->name, 0, keel__traffic_update(t, be));
	t->seq = v->seq;
}

static void check_vector_seal(const struct keel_backend *be,
			      const struct record_vector *v, bool in_place)
{
	uint8_t record[MAX_VECTOR], text[MAX_VECTOR], out[MAX_VECTOR];
	size_t record_len = hex_decode(v->record, record, sizeof(record));
	size_t text_len = hex_decode(v->text, text, sizeof(text));
	struct keel_traffic t;

	vector_traffic(be, v, KEEL_TX, record, &t);
	if (in_place)
		memcpy(out + keel__record_prefix_len(t.suite), text, text_len);
	CHECK_INT(v->name, record_len,
		  keel__record_seal(&t, be, v->type, in_place ? NULL : text,
				    text_len, out));
	CHECK_MEM(v->name, record, out, record_len);
	keel__traffic_clear(&t, be);
}

static void check_vector_open(const struct keel_backend *be,
			      const struct record_vector *v)
{
	uint8_t record[MAX_VECTOR], text[MAX_VECTOR];
	size_t record_len = hex_decode(v->record, record, sizeof(record));
	size_t text_len = hex_decode(v->text, text, sizeof(text));
	struct keel__record_header header;
	struct keel__record opened = {0};
	struct keel_traffic t;
	uint8_t alert = 0;

	vector_traffic(be, v, KEEL_RX, record, &t);
	keel__record_header_read(record, &header);
	REQUIRE_INT(v->name, 0, keel__record_check(t.suite, &header, &alert));
	REQUIRE_INT(
		v->name, 0,
		keel__record_open(&t, be, record, record_len, &opened, &alert));
	CHECK_INT(v->name, v->type, opened.type);
	REQUIRE_INT(v->name, text_len, opened.len);
	CHECK_MEM(v->name, text, opened.data, text_len);
	CHECK_INT(v->name, keel__record_prefix_len(t.suite),
		  opened.data - record);
	keel__traffic_clear(&t, be);
}

typedef void (*vector_fn)(const struct keel_backend *be,
			  const struct record_vector *v);

static void for_vectors(vector_fn fn)
{
	rows_init();
	for (size_t i = 0; i < KEEL__ARRAY_LEN(rows); i++)
		for (size_t j = 0; j < KEEL__ARRAY_LEN(vector_sets); j++)
			for (size_t k = 0; k < vector_sets[j].len; k++)
				fn(rows[i], &vector_sets[j].vectors[k]);
}

static void check_vector_seals(const struct keel_backend *be,
			       const struct record_vector *v)
{
	check_vector_seal(be, v, false);
	check_vector_seal(be, v, true);
}

CASE(record_seal__matches_vectors,
     "RFC 8448 and records of GnuTLS and OpenSSL are made byte for "
     "byte, in place and not")
{
	for_vectors(check_vector_seals);
}

CASE(record_open__matches_vectors,
     "RFC 8448 and records of GnuTLS and OpenSSL are opened")
{
	for_vectors(check_vector_open);
}

CASE(record_vectors__cover_every_aead_and_version,
     "No AEAD of the suite table lacks a foreign vector")
{
	const struct keel_suite *suite;

	for (size_t i = 0; (suite = keel_suite_at(i)); i++) {
		unsigned int nr_found = 0;

		for (size_t j = 0; j < KEEL__ARRAY_LEN(vector_sets); j++)
			for (size_t k = 0; k < vector_sets[j].len; k++) {
				const struct keel_suite *other =
					keel_suite_by_id(vector_sets[j]
								 .vectors[k]
								 .suite);

				nr_found += other->aead == suite->aead &&
					    other->version == suite->version;
			}
		ATF_CHECK_MSG(nr_found >= 2, "%s: %u vectors", suite->name,
			      nr_found);
	}
}

/* Lengths */

static void check_length(const struct keel_backend *be, struct keel_traffic *tx,
			 struct keel_traffic *rx, size_t len, uint8_t type)
{
	const char *name = tx->suite->name;
	size_t prefix_len = keel__record_prefix_len(tx->suite);
	size_t total = prefix_len + len + keel__record_suffix_len(tx->suite);
	/* Exactly the room that is asked for: ASan watches the ends. */
	uint8_t *copied = malloc(total), *placed = malloc(total);
	struct keel_traffic twin = *tx;
	struct keel__record_header header;
	struct keel__record opened;
	uint8_t alert;

	ATF_REQUIRE(copied && placed);
	twin.aead = NULL;
	memcpy(placed + prefix_len, pattern, len);
	REQUIRE_INT(name, total,
		    keel__record_seal(tx, be, type, pattern, len, copied));
	REQUIRE_INT(name, total,
		    keel__record_seal(&twin, be, type, NULL, len, placed));
	keel__traffic_trim(&twin, be);
	ATF_CHECK_MSG(!memcmp(copied, placed, total), "%s: %zu", name, len);

	keel__record_header_read(copied, &header);
	CHECK_INT(name, total - KEEL__RECORD_HEADER_LEN, header.len);
	REQUIRE_INT(name, 0, keel__record_check(tx->suite, &header, &alert));
	REQUIRE_INT(name, 0,
		    keel__record_open(rx, be, copied, total, &opened, &alert));
	CHECK_INT(name, type, opened.type);
	REQUIRE_INT(name, len, opened.len);
	CHECK_MEM(name, pattern, opened.data, len);
	free(copied);
	free(placed);
}

static void check_lengths(const struct keel_backend *be,
			  const struct keel_suite *suite)
{
	struct keel_traffic tx, rx;
	static const uint8_t types[] = {KEEL__RECORD_DATA, KEEL__RECORD_ALERT,
					KEEL__RECORD_HANDSHAKE};

	pair_init(suite, &tx, &rx);
	for (size_t len = 0; len <= 300; len++)
		check_length(be, &tx, &rx, len, types[len % 3]);
	for (size_t len = KEEL_MAX_PLAINTEXT - 20; len <= KEEL_MAX_PLAINTEXT;
	     len++)
		check_length(be, &tx, &rx, len, types[len % 3]);
	CHECK_INT(suite->name, 5 + 301 + 21, tx.seq);
	CHECK_INT(suite->name, 5 + 301 + 21, rx.seq);
	keel__traffic_clear(&tx, be);
	keel__traffic_clear(&rx, be);
}

CASE(record__every_length_comes_back,
     "0 to 300 bytes and up to 2^14, every suite: sealed twice with "
     "one result, opened, equal")
{
	const struct keel_suite *suite;

	pattern_init();
	rows_init();
	for (size_t i = 0; (suite = keel_suite_at(i)); i++)
		for (size_t j = 0; j < KEEL__ARRAY_LEN(rows); j++)
			check_lengths(rows[j], suite);
}

CASE(record_seal__refuses_too_much,
     "2^14 + 1 bytes are -EMSGSIZE; nothing is used up")
{
	const struct keel_suite *suite;

	for (size_t i = 0; (suite = keel_suite_at(i)); i++) {
		struct keel_traffic tx, rx;
		uint8_t none = 0xee;

		pair_init(suite, &tx, &rx);
		CHECK_INT(suite->name, -EMSGSIZE,
			  keel__record_seal(&tx, &crypto_row, 23, NULL,
					    KEEL_MAX_PLAINTEXT + 1, &none));
		CHECK_INT(suite->name, 5, tx.seq);
		CHECK_INT(suite->name, 0xee, none);
		ATF_CHECK_EQ(NULL, tx.aead);
		pair_fini(&tx, &rx);
	}
}

CASE(record__sizes_around_the_payload, "Prefix and suffix of each shape")
{
	static const struct {
		uint16_t suite;
		size_t prefix_len;
		size_t suffix_len;
	} shapes[] = {
		{0x1301, 5, 17},  {0x1302, 5, 17},  {0x1303, 5, 17},
		{0x1304, 5, 17},  {0xc02b, 13, 16}, {0xc02f, 13, 16},
		{0xc02c, 13, 16}, {0xc030, 13, 16}, {0xcca9, 5, 16},
		{0xcca8, 5, 16},  {0xc0ac, 13, 16}, {0xc0ad, 13, 16},
	};

	for (size_t i = 0; i < KEEL__ARRAY_LEN(shapes); i++) {
		const struct keel_suite *suite =
			keel_suite_by_id(shapes[i].suite);

		ATF_REQUIRE(suite);
		CHECK_INT(suite->name, shapes[i].prefix_len,
			  keel__record_prefix_len(suite));
		CHECK_INT(suite->name, shapes[i].suffix_len,
			  keel__record_suffix_len(suite));
	}
}

/* Sequence numbers */

#define SHORT_LEN 10
#define SHORT_RECORD 64

static size_t seal_short(struct keel_traffic *tx, uint8_t *out)
{
	ssize_t n = keel__record_seal(tx, &crypto_row, KEEL__RECORD_DATA,
				      pattern, SHORT_LEN, out);

	ATF_REQUIRE(n > 0 && n <= SHORT_RECORD);
	return (size_t)n;
}

static int open_copy(struct keel_traffic *rx, const uint8_t *record, size_t len,
		     uint8_t *ret_alert)
{
	uint8_t copy[SHORT_RECORD];
	struct keel__record opened;

	memcpy(copy, record, len);
	*ret_alert = 0xff;
	return keel__record_open(rx, &crypto_row, copy, len, &opened,
				 ret_alert);
}

static void check_order(const struct keel_suite *suite)
{
	uint8_t first[SHORT_RECORD], second[SHORT_RECORD], alert;
	struct keel_traffic tx, rx;
	size_t len;

	pair_init(suite, &tx, &rx);
	len = seal_short(&tx, first);
	seal_short(&tx, second);
	ATF_CHECK_MSG(memcmp(first, second, len), "%s: same bytes twice",
		      suite->name);
	CHECK_INT("second first", -EBADMSG,
		  open_copy(&rx, second, len, &alert));
	CHECK_INT("second first", KEEL_ALERT_BAD_RECORD_MAC, alert);
	CHECK_INT("second first", 5, rx.seq);
	CHECK_INT("first", 0, open_copy(&rx, first, len, &alert));
	CHECK_INT("first again", -EBADMSG, open_copy(&rx, first, len, &alert));
	CHECK_INT("second", 0, open_copy(&rx, second, len, &alert));
	CHECK_INT("second", 7, rx.seq);
	pair_fini(&tx, &rx);
}

CASE(record_open__refuses_wrong_order,
     "A record too early or twice is bad_record_mac, and does not "
     "count")
{
	const struct keel_suite *suite;

	pattern_init();
	for (size_t i = 0; (suite = keel_suite_at(i)); i++)
		check_order(suite);
}

static void check_wrap(const struct keel_suite *suite)
{
	uint8_t record[SHORT_RECORD], alert;
	struct keel_traffic tx, rx;
	size_t len;

	pair_init(suite, &tx, &rx);
	tx.seq = UINT64_MAX - 1;
	rx.seq = UINT64_MAX - 1;
	len = seal_short(&tx, record);
	CHECK_INT(suite->name, 0, open_copy(&rx, record, len, &alert));
	CHECK_INT(suite->name, -EKEYEXPIRED,
		  keel__record_seal(&tx, &crypto_row, 23, pattern, 1, record));
	CHECK_INT(suite->name, -EKEYEXPIRED,
		  open_copy(&rx, record, len, &alert));
	CHECK_INT(suite->name, KEEL_ALERT_INTERNAL_ERROR, alert);
	ATF_CHECK_EQ(UINT64_MAX, tx.seq);
	ATF_CHECK_EQ(UINT64_MAX, rx.seq);
	pair_fini(&tx, &rx);
}

CASE(record__sequence_never_wraps,
     "-EKEYEXPIRED before the number would wrap, both directions")
{
	const struct keel_suite *suite;

	pattern_init();
	for (size_t i = 0; (suite = keel_suite_at(i)); i++)
		check_wrap(suite);
}

CASE(record_seal__explicit_nonce_counts,
     "It is in the record, goes up by one, apart from the sequence, "
     "and never wraps")
{
	static const uint8_t nonce[] = {0x01, 0x23, 0x45, 0x67,
					0x89, 0xab, 0xcd, 0xef};
	uint8_t record[SHORT_RECORD], alert;
	struct keel_traffic tx, rx;
	size_t len;

	pattern_init();
	pair_init(keel_suite_by_id(0xc02b), &tx, &rx);
	len = seal_short(&tx, record);
	CHECK_MEM("first", nonce, record + KEEL__RECORD_HEADER_LEN, 8);
	CHECK_INT("first", 0, open_copy(&rx, record, len, &alert));
	seal_short(&tx, record);
	CHECK_INT("second", 0xf0, record[KEEL__RECORD_HEADER_LEN + 7]);
	CHECK_INT("second", 0, open_copy(&rx, record, len, &alert));
	tx.explicit_nonce = UINT64_MAX;
	CHECK_INT("wrap", -EKEYEXPIRED,
		  keel__record_seal(&tx, &crypto_row, 23, pattern, 1, record));
	/* A receiver has none of its own. */
	rx.explicit_nonce = UINT64_MAX;
	tx.explicit_nonce = 0;
	seal_short(&tx, record);
	CHECK_INT("receiver", 0, open_copy(&rx, record, len, &alert));
	pair_fini(&tx, &rx);
}

/* The backend's part */

CASE(record__aead_is_made_when_needed,
     "By the first record, once; again after a trim, with the stream "
     "unbroken")
{
	uint8_t record[SHORT_RECORD], alert;
	struct keel_traffic tx, rx;
	size_t len;

	pattern_init();
	crypto_row_counts = (struct crypto_row_counts){0};
	pair_init(keel_suite_by_id(0x1301), &tx, &rx);
	CHECK_INT("before", 0, crypto_row_counts.nr_new);
	for (unsigned int i = 0; i < 6; i++) {
		len = seal_short(&tx, record);
		CHECK_INT("open", 0, open_copy(&rx, record, len, &alert));
		if (i == 2) {
			CHECK_INT("once", 2, crypto_row_counts.nr_new);
			keel__traffic_trim(&tx, &crypto_row);
			keel__traffic_trim(&rx, &crypto_row);
			CHECK_INT("trim", 2, crypto_row_counts.nr_free);
		}
	}
	CHECK_INT("again", 4, crypto_row_counts.nr_new);
	pair_fini(&tx, &rx);
	CHECK_INT("clear", 4, crypto_row_counts.nr_free);
}

static int no_aead(enum keel_aead aead, const uint8_t *key, bool encrypt,
		   void **ret_aead)
{
	(void)aead, (void)key, (void)encrypt, (void)ret_aead;
	return -ENOMEM;
}

static int no_seal(void *aead, const uint8_t *nonce, const void *aad,
		   size_t aad_len, const struct iovec *in, size_t nr_in,
		   uint8_t *out)
{
	(void)aead, (void)nonce, (void)aad, (void)aad_len, (void)in;
	(void)nr_in, (void)out;
	return -EIO;
}

static int no_open(void *aead, const uint8_t *nonce, const void *aad,
		   size_t aad_len, const uint8_t *in, size_t len, uint8_t *out)
{
	(void)aead, (void)nonce, (void)aad, (void)aad_len, (void)in;
	(void)len, (void)out;
	return -EIO;
}

CASE(record__backend_failures_are_passed_on,
     "Its code comes back, with internal_error when opening, and no "
     "number is used up")
{
	struct keel_backend bare = crypto_row, broken = crypto_row;
	uint8_t record[SHORT_RECORD], alert = 0;
	struct keel__record opened = {.type = 0xee};
	struct keel_traffic tx, rx;
	size_t len;

	bare.aead_new = no_aead;
	broken.aead_seal = no_seal;
	broken.aead_open = no_open;
	pair_init(keel_suite_by_id(0xc02b), &tx, &rx);
	CHECK_INT("seal", -ENOMEM,
		  keel__record_seal(&tx, &bare, 23, pattern, 1, record));
	CHECK_INT("seal", -EIO,
		  keel__record_seal(&tx, &broken, 23, pattern, 1, record));
	CHECK_INT("seal", 5, tx.seq);
	ATF_CHECK_EQ(UINT64_C(0x0123456789abcdef), tx.explicit_nonce);
	len = seal_short(&tx, record);
	CHECK_INT("open", -ENOMEM,
		  keel__record_open(&rx, &bare, record, len, &opened, &alert));
	CHECK_INT("open", KEEL_ALERT_INTERNAL_ERROR, alert);
	alert = 0;
	CHECK_INT(
		"open", -EIO,
		keel__record_open(&rx, &broken, record, len, &opened, &alert));
	CHECK_INT("open", KEEL_ALERT_INTERNAL_ERROR, alert);
	CHECK_INT("open", 5, rx.seq);
	CHECK_INT("open", 0xee, opened.type);
	pair_fini(&tx, &rx);
}

/* What the engine hands to the backend. */
static struct iovec seen_parts[2];
static size_t nr_seen_parts;
static const uint8_t *seen_out;

static int spy_seal(void *aead, const uint8_t *nonce, const void *aad,
		    size_t aad_len, const struct iovec *in, size_t nr_in,
		    uint8_t *out)
{
	(void)aead, (void)nonce, (void)aad, (void)aad_len;
	ATF_REQUIRE(nr_in <= 2);
	memcpy(seen_parts, in, nr_in * sizeof(*in));
	nr_seen_parts = nr_in;
	seen_out = out;
	return 0;
}

CASE(record_seal__copies_nothing,
     "The AEAD reads the caller's bytes where they are; in place it "
     "gets one part, type included")
{
	static const struct {
		const char *name;
		uint16_t suite;
		size_t nr_parts, extra;
	} shapes[] = {{"1.3", 0x1301, 2, 1}, {"1.2", 0xc02b, 1, 0}};
	struct keel_backend spy = crypto_row;
	uint8_t record[128];

	spy.aead_seal = spy_seal;
	for (size_t i = 0; i < KEEL__ARRAY_LEN(shapes); i++) {
		struct keel_traffic tx, rx;
		uint8_t *payload;

		pair_init(keel_suite_by_id(shapes[i].suite), &tx, &rx);
		payload = record + keel__record_prefix_len(tx.suite);
		(void)!keel__record_seal(&tx, &spy, 22, pattern, 50, record);
		CHECK_INT(shapes[i].name, shapes[i].nr_parts, nr_seen_parts);
		ATF_CHECK_EQ(pattern, seen_parts[0].iov_base);
		CHECK_INT(shapes[i].name, 50, seen_parts[0].iov_len);
		ATF_CHECK_EQ(payload, seen_out);

		/* Data that stands there already counts as in place. */
		for (int j = 0; j < 2; j++) {
			(void)!keel__record_seal(
				&tx, &spy, 22, j ? payload : NULL, 50, record);
			CHECK_INT(shapes[i].name, 1, nr_seen_parts);
			ATF_CHECK_EQ(payload, seen_parts[0].iov_base);
			CHECK_INT(shapes[i].name, 50 + shapes[i].extra,
				  seen_parts[0].iov_len);
		}
		if (shapes[i].extra)
			CHECK_INT(shapes[i].name, 22, payload[50]);
		pair_fini(&tx, &rx);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, record_seal__matches_vectors);
	ATF_TP_ADD_TC(tp, record_open__matches_vectors);
	ATF_TP_ADD_TC(tp, record_vectors__cover_every_aead_and_version);
	ATF_TP_ADD_TC(tp, record__every_length_comes_back);
	ATF_TP_ADD_TC(tp, record_seal__refuses_too_much);
	ATF_TP_ADD_TC(tp, record__sizes_around_the_payload);
	ATF_TP_ADD_TC(tp, record_open__refuses_wrong_order);
	ATF_TP_ADD_TC(tp, record__sequence_never_wraps);
	ATF_TP_ADD_TC(tp, record_seal__explicit_nonce_counts);
	ATF_TP_ADD_TC(tp, record__aead_is_made_when_needed);
	ATF_TP_ADD_TC(tp, record__backend_failures_are_passed_on);
	ATF_TP_ADD_TC(tp, record_seal__copies_nothing);
	return atf_no_error();
}
