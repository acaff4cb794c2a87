/* SPDX-License-Identifier: MIT */
/* Memory of streams: objects of one size in chunks of 64. */
#include "uring/slab-private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CHUNK_HEAD ((sizeof(struct keel__chunk) + 63) & ~(size_t)63)

/* An empty chunk is kept for the next burst; more of them are unmapped. */
#define MAX_EMPTY 1

static size_t chunk_len(const struct keel__slab *slab)
{
	return CHUNK_HEAD + KEEL__CHUNK_OBJS * slab->obj_len;
}

static uint8_t *chunk_objs(struct keel__chunk *chunk)
{
	return (uint8_t *)chunk + CHUNK_HEAD;
}

int keel__slab_new(size_t obj_len, size_t data_len,
		   struct keel__slab **ret_slab)
{
	struct keel__slab *slab = calloc(1, sizeof(*slab));

	if (!slab)
		return -ENOMEM;
	keel__link_init(&slab->link);
	keel__link_init(&slab->partial);
	keel__link_init(&slab->full);
	slab->obj_len = obj_len;
	slab->data_len = data_len;
	*ret_slab = slab;
	return 0;
}

static struct keel__chunk *chunk_of(struct keel__link *link)
{
	return keel__container_of(link, struct keel__chunk, link);
}

static void chunk_unmap(struct keel__chunk *chunk)
{
	size_t len = chunk_len(chunk->slab);

	keel__link_del(&chunk->link);
	munmap(chunk, len);
}

struct keel__slab *keel__slab_free(struct keel__slab *slab)
{
	if (!slab)
		return NULL;
	assert(keel__link_alone(&slab->full));
	while (!keel__link_alone(&slab->partial)) {
		assert(!chunk_of(slab->partial.next)->used);
		chunk_unmap(chunk_of(slab->partial.next));
	}
	keel__link_del(&slab->link);
	free(slab);
	return NULL;
}

static struct keel__chunk *chunk_new(struct keel__slab *slab)
{
	struct keel__chunk *chunk =
		mmap(NULL, chunk_len(slab), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (chunk == MAP_FAILED)
		return NULL;
	chunk->slab = slab;
	keel__link_init(&chunk->link);
	keel__link_append(&slab->partial, &chunk->link);
	slab->nr_empty++;
	return chunk;
}

void *keel__slab_get(struct keel__slab *slab, struct keel__chunk **ret_chunk)
{
	struct keel__chunk *chunk;
	unsigned int idx;
	void *obj;

	if (keel__link_alone(&slab->partial))
		chunk = chunk_new(slab);
	else
		chunk = chunk_of(slab->partial.next);
	if (!chunk)
		return NULL;
	idx = (unsigned int)__builtin_ctzll(~chunk->used);
	if (!chunk->used)
		slab->nr_empty--;
	chunk->used |= UINT64_C(1) << idx;
	if (chunk->used == UINT64_MAX)
		keel__link_move(&slab->full, &chunk->link);
	obj = chunk_objs(chunk) + idx * slab->obj_len;
	memset(obj, 0, slab->obj_len);
	*ret_chunk = chunk;
	return obj;
}

void keel__slab_put(struct keel__chunk *chunk, void *obj)
{
	struct keel__slab *slab = chunk->slab;
	size_t off = (size_t)((uint8_t *)obj - chunk_objs(chunk));
	uint64_t bit = UINT64_C(1) << (off / slab->obj_len);

	assert(chunk->used & bit);
	/*
	 * A chunk that was full goes to the front: the fuller ones are used
	 * first, so that the others can become empty.
	 */
	if (chunk->used == UINT64_MAX)
		keel__link_move(slab->partial.next, &chunk->link);
	chunk->used &= ~bit;
	if (chunk->used)
		return;
	if (slab->nr_empty >= MAX_EMPTY) {
		chunk_unmap(chunk);
		return;
	}
	slab->nr_empty++;
	keel__link_move(&slab->partial, &chunk->link);
}

static void chunk_each(struct keel__chunk *chunk,
		       void (*fn)(void *obj, void *arg), void *arg)
{
	uint64_t used = chunk->used;

	for (; used; used &= used - 1) {
		size_t idx = (size_t)__builtin_ctzll(used);

		fn(chunk_objs(chunk) + idx * chunk->slab->obj_len, arg);
	}
}

void keel__slab_each(struct keel__slab *slab, void (*fn)(void *obj, void *arg),
		     void *arg)
{
	struct keel__link *link;

	for (link = slab->full.next; link != &slab->full; link = link->next)
		chunk_each(chunk_of(link), fn, arg);
	for (link = slab->partial.next; link != &slab->partial;
	     link = link->next)
		chunk_each(chunk_of(link), fn, arg);
}
