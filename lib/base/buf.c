/* SPDX-License-Identifier: MIT */
/* A byte queue that grows to a bound and is no memory while empty. */
#include "lib/base/buf-private.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base-private.h"
#include "lib/base/secret-private.h"

/* Smallest block worth a malloc(3): an alert or a KeyUpdate record fits. */
#define MIN_CAP 64u

/*
 * Every block this file frees on its own is cleared first. A queue may hold
 * plaintext or a handshake secret, the caller has no hand in when a block is
 * left behind by growth or by the last keel__buf_consume(), and clearing is
 * cheap beside the cryptography that filled it.
 */

static bool fits(const struct keel_buf *buf, size_t len, size_t max)
{
	if (max > UINT32_MAX)
		max = UINT32_MAX;
	return buf->len <= max && len <= max - buf->len;
}

/* Doubling, so that n appended bytes cost O(n) copies; never past @max. */
static size_t next_cap(const struct keel_buf *buf, size_t need, size_t max)
{
	size_t cap = (size_t)buf->cap * 2;

	if (cap < MIN_CAP)
		cap = MIN_CAP;
	if (cap > max)
		cap = max;
	if (cap > UINT32_MAX)
		cap = UINT32_MAX;
	/* @need 0 on an empty queue must not become malloc(0). */
	if (cap < need || cap == 0)
		cap = need ? need : 1;
	return cap;
}

static bool grow(struct keel_buf *buf, size_t need, size_t max)
{
	size_t cap = next_cap(buf, need, max);
	uint32_t len = buf->len;
	uint8_t *data = malloc(cap);

	if (!data)
		return false;
	if (len)
		memcpy(data, keel__buf_head(buf), len);
	keel__buf_wipe(buf);
	buf->data = data;
	buf->len = len;
	buf->cap = (uint32_t)cap;
	return true;
}

uint8_t *keel__buf_reserve(struct keel_buf *buf, size_t len, size_t max)
{
	size_t need;

	if (!fits(buf, len, max))
		return NULL;
	need = buf->len + len;
	if (!buf->data || need > buf->cap) {
		if (!grow(buf, need, max))
			return NULL;
	} else if (buf->head + need > buf->cap) {
		memmove(buf->data, keel__buf_head(buf), buf->len);
		buf->head = 0;
	}
	return keel__buf_head(buf) + buf->len;
}

void keel__buf_commit(struct keel_buf *buf, size_t len)
{
	assert(len <= (size_t)buf->cap - buf->head - buf->len);
	buf->len += (uint32_t)len;
}

int keel__buf_append(struct keel_buf *buf, const void *data, size_t len,
		     size_t max)
{
	uint8_t *to;

	if (!fits(buf, len, max))
		return -ENOBUFS;
	if (!len)
		return 0;
	to = keel__buf_reserve(buf, len, max);
	if (!to)
		return -ENOMEM;
	memcpy(to, data, len);
	keel__buf_commit(buf, len);
	return 0;
}

void keel__buf_consume(struct keel_buf *buf, size_t len)
{
	assert(len <= buf->len);
	buf->head += (uint32_t)len;
	buf->len -= (uint32_t)len;
	if (!buf->len)
		keel__buf_wipe(buf);
}

void keel__buf_fini(struct keel_buf *buf)
{
	free(buf->data);
	*buf = (struct keel_buf){.data = NULL};
}

void keel__buf_wipe(struct keel_buf *buf)
{
	/* All of it: bytes that were consumed or moved lie outside head, len */
	keel__secret_clear(buf->data, buf->cap);
	keel__buf_fini(buf);
}
