/* SPDX-License-Identifier: MIT */
/* Reading and writing the null backend's messages, never past an end. */
#include "lib/backends/null/null-private.h"

#include <string.h>

const uint8_t *keel__null_read(struct keel__null_reader *r, size_t len)
{
	const uint8_t *data = r->data;

	if (r->bad || len > r->len) {
		r->bad = true;
		return NULL;
	}
	r->data += len;
	r->len -= len;
	return data;
}

uint32_t keel__null_read_int(struct keel__null_reader *r, size_t nr)
{
	const uint8_t *data = keel__null_read(r, nr);
	uint32_t value = 0;

	for (size_t i = 0; data && i < nr; i++)
		value = value << 8 | data[i];
	return value;
}

struct keel__null_reader keel__null_read_part(struct keel__null_reader *r,
					      size_t nr)
{
	struct keel__null_reader part = {.len = keel__null_read_int(r, nr)};

	part.data = keel__null_read(r, part.len);
	part.bad = !part.data;
	if (part.bad)
		part.len = 0;
	return part;
}

void keel__null_put(struct keel__null_writer *w, const void *data, size_t len)
{
	if (len > w->cap - w->len)
		w->full = true;
	if (w->full)
		return;
	if (len)
		memcpy(w->data + w->len, data, len);
	w->len += len;
}

void keel__null_put_int(struct keel__null_writer *w, size_t value, size_t nr)
{
	uint8_t byte;

	while (nr--) {
		byte = (uint8_t)(value >> (8 * nr));
		keel__null_put(w, &byte, 1);
	}
}

void keel__null_put_part(struct keel__null_writer *w, const void *data,
			 size_t len)
{
	keel__null_put_int(w, len, 2);
	keel__null_put(w, data, len);
}

void keel__null_put_lengths(struct keel__null_writer *w)
{
	size_t end = w->len;
	size_t body = end - KEEL__NULL_RECORD_HEADER_LEN;

	/* Each length stands behind a type, the record's also a version. */
	w->len = 3;
	keel__null_put_int(w, body, 2);
	w->len = KEEL__NULL_RECORD_HEADER_LEN + 1;
	keel__null_put_int(w, body - KEEL__NULL_MESSAGE_HEADER_LEN, 3);
	w->len = end;
}
