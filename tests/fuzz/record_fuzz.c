/* SPDX-License-Identifier: MIT */
/* Fuzz target: a stream of protected records, against a plain model. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base-private.h"
#include "lib/core/record-private.h"
#include "tests/fuzz/fuzz.h"

/*
 * Input: one byte that chooses the suite, then records. No fuzzer guesses a
 * tag, so the AEAD here encrypts nothing and believes a record whose last byte
 * is even: the code behind the authentication is reached, with any plaintext.
 *
 * Whatever the engine says of a record must be what model() says, which is
 * written byte by byte from the RFCs.
 */

#define REQUIRE(cond) \
	do { \
		if (!(cond)) \
			abort(); \
	} while (0)

static int aead_new(enum keel_aead aead, const uint8_t *key, bool encrypt,
		    void **ret_aead)
{
	static char something;

	(void)aead, (void)key, (void)encrypt;
	*ret_aead = &something;
	return 0;
}

static void aead_free(void *aead)
{
	(void)aead;
}

static int aead_seal(void *aead, const uint8_t *nonce, const void *aad,
		     size_t aad_len, const struct iovec *in, size_t nr_in,
		     uint8_t *out)
{
	(void)aead, (void)nonce, (void)aad, (void)aad_len;
	for (size_t i = 0; i < nr_in; i++) {
		memmove(out, in[i].iov_base, in[i].iov_len);
		out += in[i].iov_len;
	}
	memset(out, 0, KEEL_TAG_LEN);
	return 0;
}

static int aead_open(void *aead, const uint8_t *nonce, const void *aad,
		     size_t aad_len, const uint8_t *in, size_t len,
		     uint8_t *out)
{
	(void)aead, (void)nonce, (void)aad, (void)aad_len;
	REQUIRE(len >= KEEL_TAG_LEN);
	memmove(out, in, len - KEEL_TAG_LEN);
	return in[len - 1] % 2 ? -EBADMSG : 0;
}

static const struct keel_backend believer = {
	.abi = KEEL_BACKEND_ABI,
	.sz = sizeof(struct keel_backend),
	.name = "believer",
	.aead_new = aead_new,
	.aead_seal = aead_seal,
	.aead_open = aead_open,
	.aead_free = aead_free,
};

struct verdict {
	int r;
	uint8_t alert;
	uint8_t type;
	const uint8_t *data;
	size_t len;
};

static struct verdict refusal(int r, uint8_t alert)
{
	return (struct verdict){.r = r, .alert = alert};
}

/* What a header alone decides; r 0 means: read the body. */
static struct verdict model_header(const struct keel_suite *suite,
				   const uint8_t *rec)
{
	size_t body_len = (size_t)rec[3] * 256 + rec[4];
	size_t least = 16;

	if (suite->version == KEEL_TLS1_3) {
		if (rec[0] != 23)
			return refusal(-EPROTO, 10);
	} else {
		if (rec[0] != 21 && rec[0] != 22 && rec[0] != 23)
			return refusal(-EPROTO, 10);
		if (rec[1] != 3 || rec[2] != 3)
			return refusal(-EPROTO, 70);
		if (suite->aead != KEEL_AEAD_CHACHA20_POLY1305)
			least = 24;
	}
	if (body_len > 16640)
		return refusal(-EPROTO, 22);
	if (body_len < least)
		return refusal(-EPROTO, 20);
	return refusal(0, 0);
}

static struct verdict model_body(const struct keel_suite *suite,
				 const uint8_t *rec, size_t len)
{
	bool is_tls13 = suite->version == KEEL_TLS1_3;
	size_t prefix_len =
		is_tls13 || suite->aead == KEEL_AEAD_CHACHA20_POLY1305 ? 5 : 13;
	struct verdict v = {
		.type = rec[0],
		.data = rec + prefix_len,
		.len = len - prefix_len - 16,
	};

	if (rec[len - 1] % 2)
		return refusal(-EBADMSG, 20);
	if (v.len > (is_tls13 ? 16385 : 16384))
		return refusal(-EPROTO, 22);
	if (!is_tls13)
		return v;
	while (v.len && v.data[v.len - 1] == 0)
		v.len--;
	if (!v.len)
		return refusal(-EPROTO, 10);
	v.len--;
	v.type = v.data[v.len];
	return v;
}

/* What was opened, sealed again and opened again, is the same. */
static void check_again(const struct keel_suite *suite,
			const struct keel__record *record)
{
	struct keel_traffic tx = {.suite = suite, .dir = KEEL_TX};
	struct keel_traffic rx = {.suite = suite, .dir = KEEL_RX};
	size_t total = keel__record_prefix_len(suite) + record->len +
		       keel__record_suffix_len(suite);
	uint8_t *copy = malloc(total);
	struct keel__record again;
	uint8_t alert;

	REQUIRE(copy);
	/* A content type of zero cannot be told from padding. */
	if (record->type) {
		REQUIRE(keel__record_seal(&tx, &believer, record->type,
					  record->data, record->len,
					  copy) == (ssize_t)total);
		REQUIRE(!keel__record_open(&rx, &believer, copy, total, &again,
					   &alert));
		REQUIRE(again.type == record->type &&
			again.len == record->len &&
			!memcmp(again.data, record->data, again.len));
	}
	free(copy);
}

static void check_record(struct keel_traffic *rx, const uint8_t *rec,
			 size_t len)
{
	struct verdict v = model_body(rx->suite, rec, len);
	struct keel__record record = {.type = 1, .data = NULL, .len = 2};
	uint64_t seq = rx->seq;
	uint8_t *copy = malloc(len);
	uint8_t alert = 0;

	REQUIRE(copy);
	memcpy(copy, rec, len);
	REQUIRE(v.r ==
		keel__record_open(rx, &believer, copy, len, &record, &alert));
	REQUIRE(v.alert == alert);
	REQUIRE(rx->seq == seq + (v.r != -EBADMSG));
	if (v.r) {
		REQUIRE(record.type == 1 && !record.data && record.len == 2);
	} else {
		REQUIRE(record.type == v.type && record.len == v.len);
		REQUIRE(!memcmp(record.data, v.data, v.len));
		check_again(rx->suite, &record);
	}
	free(copy);
}

/* The body has not come whole: opened all the same, it must be refused. */
static void check_partial(struct keel_traffic *rx, const uint8_t *rec,
			  size_t len)
{
	struct keel__record record;
	uint8_t *copy = malloc(len);
	uint8_t alert = 0;

	REQUIRE(copy);
	memcpy(copy, rec, len);
	REQUIRE(keel__record_open(rx, &believer, copy, len, &record, &alert) ==
		-EBADMSG);
	REQUIRE(alert == 20);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct keel_traffic rx = {.dir = KEEL_RX};
	size_t nr_suites = 0;

	while (keel_suite_at(nr_suites))
		nr_suites++;
	if (!size)
		return 0;
	rx.suite = keel_suite_at(data[0] % nr_suites);
	data++;
	size--;
	while (size >= KEEL__RECORD_HEADER_LEN) {
		struct verdict v = model_header(rx.suite, data);
		struct keel__record_header header;
		uint8_t alert = 0;
		size_t len;

		keel__record_header_read(data, &header);
		REQUIRE(v.r == keel__record_check(rx.suite, &header, &alert));
		REQUIRE(v.alert == alert);
		len = KEEL__RECORD_HEADER_LEN + header.len;
		if (v.r)
			break;
		if (len > size) {
			check_partial(&rx, data, size);
			break;
		}
		check_record(&rx, data, len);
		data += len;
		size -= len;
	}
	keel__traffic_clear(&rx, &believer);
	return 0;
}
