/* SPDX-License-Identifier: MIT */
/* A byte queue that grows to a bound and is no memory while empty. */
#ifndef KEEL_BASE_BUF_PRIVATE_H
#define KEEL_BASE_BUF_PRIVATE_H

#include <stddef.h>
#include <stdint.h>

/* All zero means: empty. Bytes live at data + head, len of them. */
struct keel_buf {
	uint8_t *data;
	uint32_t head;
	uint32_t len;
	uint32_t cap;
};

static inline uint8_t *keel__buf_head(const struct keel_buf *buf)
{
	return buf->data + buf->head;
}

/*
 * Make room for @len more bytes and return where they go; they count only
 * after keel__buf_commit(). NULL if @len more would pass @max, or no memory.
 */
uint8_t *keel__buf_reserve(struct keel_buf *buf, size_t len, size_t max);
void keel__buf_commit(struct keel_buf *buf, size_t len);

/* Append. 0, -ENOBUFS past @max, -ENOMEM. */
int keel__buf_append(struct keel_buf *buf, const void *data, size_t len,
		     size_t max);

/* Drop @len bytes from the front; memory is freed with the last of them. */
void keel__buf_consume(struct keel_buf *buf, size_t len);

/* Free. keel__buf_wipe() clears first, for plaintext and keys. */
void keel__buf_fini(struct keel_buf *buf);
void keel__buf_wipe(struct keel_buf *buf);

#endif
