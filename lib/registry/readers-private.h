/* SPDX-License-Identifier: MIT */
/* Readers that never wait, and a writer that knows when they are gone. */
#ifndef KEEL_REGISTRY_READERS_PRIVATE_H
#define KEEL_REGISTRY_READERS_PRIVATE_H

#include <stdatomic.h>

/* Two lines of a cache, which processors fetch in pairs. */
#define KEEL__LINE_LEN 128

/* Threads beyond that many share a shard, and are right all the same. */
#define KEEL__NR_SHARDS 16

/*
 * A reader counts itself in one of two sides of its thread's shard, loads a
 * pointer, takes a count of what it needs and counts itself out: two atomic
 * additions to a cache line of its own, no loop, no lock. A writer replaces the
 * pointer and then waits until nobody is left who could have seen the old one.
 */
struct keel__readers {
	atomic_uint turn; /* its lowest bit is the side for new readers */
	char apart[KEEL__LINE_LEN];
	struct {
		atomic_uint nr_inside[2];
		char apart[KEEL__LINE_LEN - 2 * sizeof(atomic_uint)];
	} shards[KEEL__NR_SHARDS];
};

/* The calling thread's shard, always the same. */
unsigned int keel__shard_idx(void);

/* Come in. What it returns is for keel__readers_leave(). */
atomic_uint *keel__readers_enter(struct keel__readers *readers);
void keel__readers_leave(atomic_uint *inside);

/*
 * Return when all readers have left that entered before the call. One caller at
 * a time, and not a reader. Readers that come meanwhile are not waited for.
 */
void keel__readers_wait(struct keel__readers *readers);

#endif
