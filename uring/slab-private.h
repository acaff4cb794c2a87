/* SPDX-License-Identifier: MIT */
/* Memory of streams: objects of one size in chunks of 64. */
#ifndef KEEL_URING_SLAB_PRIVATE_H
#define KEEL_URING_SLAB_PRIVATE_H

#include <stddef.h>
#include <stdint.h>

#include "uring/list-private.h"

#define KEEL__CHUNK_OBJS 64

/* All objects of one size; kept by the loop until its end. */
struct keel__slab {
	struct keel__link link;	   /* in the loop */
	struct keel__link partial; /* chunks with a free object */
	struct keel__link full;	   /* chunks without */
	size_t obj_len;
	size_t data_len; /* the application's share, for keel_stream_data() */
	unsigned int nr_empty;
};

/* The head of a chunk; the objects follow in the same mapping. */
struct keel__chunk {
	struct keel__link link;
	struct keel__slab *slab;
	uint64_t used; /* a bit an object */
};

int keel__slab_new(size_t obj_len, size_t data_len,
		   struct keel__slab **ret_slab);

/* No object may be in use. */
struct keel__slab *keel__slab_free(struct keel__slab *slab);

/* A zeroed object, and the chunk it is in. NULL without memory. */
void *keel__slab_get(struct keel__slab *slab, struct keel__chunk **ret_chunk);
void keel__slab_put(struct keel__chunk *chunk, void *obj);

/* Call @fn for every object in use; it must not free any. */
void keel__slab_each(struct keel__slab *slab, void (*fn)(void *obj, void *arg),
		     void *arg);

#endif
