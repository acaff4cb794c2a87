/* SPDX-License-Identifier: MIT */
/* Send buffers: where records are gathered, sealed and sent from. */
#include "uring/txbuf-private.h"

#include <stdlib.h>
#include <string.h>

#include "uring/uring-private.h"

/*
 * A small message must not pull in a whole record's worth of memory, and the
 * large ones grow by doubling. No length is a multiple of a page: buffers that
 * begin at the same offset of a page would fight for the same cache lines.
 */
static const uint32_t class_len[KEEL__NR_TX_CLASSES] = {
	4096,
	KEEL__TX_RECORD * 1 + KEEL__TX_SLACK,
	KEEL__TX_RECORD * 2 + KEEL__TX_SLACK,
	KEEL__TX_RECORD * 4 + KEEL__TX_SLACK,
	KEEL__TX_RECORD * 8 + KEEL__TX_SLACK,
	KEEL__TX_RECORD * 16 + KEEL__TX_SLACK,
	KEEL__TX_RECORD * 32 + KEEL__TX_SLACK,
	KEEL__TX_RECORD * 64 + KEEL__TX_SLACK,
};

void keel__txpool_init(struct keel__txpool *pool)
{
	*pool = (struct keel__txpool){.limit = SIZE_MAX};
}

static void drop(struct keel__tx_class *cls, unsigned int nr)
{
	for (; nr && cls->free; nr--) {
		struct keel__txbuf *buf = cls->free;

		cls->free = buf->next;
		cls->nr_free--;
		free(buf);
	}
}

void keel__txpool_fini(struct keel__txpool *pool)
{
	unsigned int i;

	for (i = 0; i < KEEL__NR_TX_CLASSES; i++)
		drop(&pool->classes[i], UINT_MAX);
}

size_t keel__txpool_trim(struct keel__txpool *pool)
{
	size_t left = 0;
	unsigned int i;

	for (i = 0; i < KEEL__NR_TX_CLASSES; i++) {
		struct keel__tx_class *cls = &pool->classes[i];

		drop(cls, cls->min_free);
		cls->min_free = cls->nr_free;
		left += (size_t)cls->nr_free * class_len[i];
	}
	return left;
}

static struct keel__txbuf *take(struct keel__tx_class *cls, uint32_t len)
{
	struct keel__txbuf *buf = cls->free;

	if (!buf)
		return malloc(sizeof(*buf) + len);
	cls->free = buf->next;
	cls->nr_free--;
	if (cls->nr_free < cls->min_free)
		cls->min_free = cls->nr_free;
	return buf;
}

struct keel__txbuf *keel__txpool_get(struct keel__txpool *pool, size_t len)
{
	struct keel__txbuf *buf;
	uint8_t i = 0;

	while (i < KEEL__NR_TX_CLASSES - 1 && class_len[i] < len)
		i++;
	if (class_len[i] < len || pool->limit - pool->used < class_len[i])
		return NULL;
	buf = take(&pool->classes[i], class_len[i]);
	if (!buf)
		return NULL;
	pool->used += class_len[i];
	buf->next = NULL;
	buf->cap = class_len[i];
	buf->head = 0;
	buf->tail = 0;
	buf->open_len = 0;
	buf->max_len = 0;
	buf->size_class = i;
	return buf;
}

void keel__txpool_put(struct keel__txpool *pool, struct keel__txbuf *buf,
		      uint32_t open_end)
{
	struct keel__tx_class *cls = &pool->classes[buf->size_class];

	if (buf->open_len)
		explicit_bzero(buf->data + buf->tail, open_end - buf->tail);
	pool->used -= buf->cap;
	buf->next = cls->free;
	cls->free = buf;
	cls->nr_free++;
}
