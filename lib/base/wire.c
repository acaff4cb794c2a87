/* SPDX-License-Identifier: MIT */
/* Integers and strings of bytes in a row, written and read with bounds. */
#include "lib/base/wire-private.h"

#include <assert.h>

void keel__write_bytes(struct keel__writer *w, const void *data, size_t len)
{
	if (!w->err)
		w->err = keel__buf_append(&w->buf, data, len, UINT32_MAX);
}

void keel__write_uint(struct keel__writer *w, uint64_t value, size_t width)
{
	uint8_t bytes[8];

	assert(width <= sizeof(bytes));
	for (size_t i = width; i--; value >>= 8)
		bytes[i] = (uint8_t)value;
	keel__write_bytes(w, bytes, width);
}

void keel__write_vector(struct keel__writer *w, const void *data, size_t len,
			size_t width)
{
	keel__write_uint(w, len, width);
	keel__write_bytes(w, data, len);
}

const uint8_t *keel__read_bytes(struct keel__reader *r, size_t len)
{
	const uint8_t *at = r->at;

	if (len > r->left) {
		r->is_short = true;
		r->left = 0;
		return NULL;
	}
	r->at += len;
	r->left -= len;
	return at;
}

uint64_t keel__read_uint(struct keel__reader *r, size_t width)
{
	const uint8_t *bytes = keel__read_bytes(r, width);
	uint64_t value = 0;

	for (size_t i = 0; bytes && i < width; i++)
		value = value << 8 | bytes[i];
	return value;
}

const uint8_t *keel__read_vector(struct keel__reader *r, size_t width,
				 size_t *ret_len)
{
	const uint8_t *at;

	*ret_len = (size_t)keel__read_uint(r, width);
	at = keel__read_bytes(r, *ret_len);
	if (!at)
		*ret_len = 0;
	return at;
}

/* Of four bits each, by the polynomial 0xc96c5795d7870f42, bits turned round. */
static const uint64_t crc64_ecma[16] = {
	UINT64_C(0x0000000000000000), UINT64_C(0x7d9ba13851336649),
	UINT64_C(0xfb374270a266cc92), UINT64_C(0x86ace348f355aadb),
	UINT64_C(0x64b62bcaebc387a1), UINT64_C(0x192d8af2baf0e1e8),
	UINT64_C(0x9f8169ba49a54b33), UINT64_C(0xe21ac88218962d7a),
	UINT64_C(0xc96c5795d7870f42), UINT64_C(0xb4f7f6ad86b4690b),
	UINT64_C(0x325b15e575e1c3d0), UINT64_C(0x4fc0b4dd24d2a599),
	UINT64_C(0xadda7c5f3c4488e3), UINT64_C(0xd041dd676d77eeaa),
	UINT64_C(0x56ed3e2f9e224471), UINT64_C(0x2b769f17cf112238),
};

uint64_t keel__crc64(const void *data, size_t len)
{
	const uint8_t *bytes = data;
	uint64_t crc = UINT64_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= bytes[i];
		crc = crc >> 4 ^ crc64_ecma[crc & 15];
		crc = crc >> 4 ^ crc64_ecma[crc & 15];
	}
	return ~crc;
}
