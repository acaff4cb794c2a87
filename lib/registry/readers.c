/* SPDX-License-Identifier: MIT */
/* Readers that never wait, and a writer that knows when they are gone. */
#include "lib/registry/readers-private.h"

#include <sched.h>
#include <time.h>

/* So often a writer only yields, before it sleeps. */
#define NR_YIELDS 100

/*
 * Why it is right. All operations below but the last are sequentially
 * consistent, and so are those on the pointer that is guarded: they have one
 * order. A reader that got the old pointer loaded it before the writer's store,
 * and counted itself before that. So the writer, which looks after its store,
 * finds that reader counted, on the one side or the other, until it has left.
 * It leaves with a release, which the writer's look acquires: all the reader
 * did comes before what the writer does next. A side that is seen at zero has
 * no reader left that matters, whoever comes to it later; hence the shards and
 * the sides need not be zero at the same time.
 *
 * The two sides are there so that the wait ends: readers that come all the time
 * go to the side the writer is not waiting for.
 */

unsigned int keel__shard_idx(void)
{
	static atomic_uint nr_threads;
	static _Thread_local unsigned int number; /* 0: none yet */

	if (!number)
		number = 1 + atomic_fetch_add_explicit(&nr_threads, 1,
						       memory_order_relaxed) %
				     KEEL__NR_SHARDS;
	return number - 1;
}

atomic_uint *keel__readers_enter(struct keel__readers *readers)
{
	unsigned int side = atomic_load(&readers->turn) & 1;
	atomic_uint *inside;

	inside = &readers->shards[keel__shard_idx()].nr_inside[side];
	atomic_fetch_add(inside, 1);
	return inside;
}

void keel__readers_leave(atomic_uint *inside)
{
	atomic_fetch_sub_explicit(inside, 1, memory_order_release);
}

/*
 * Readers are short; one that is off its processor needs it. A thread of a
 * real-time policy yields to its like only, hence the sleep.
 */
static void let_others_run(unsigned int nr_before)
{
	const struct timespec nap = {.tv_nsec = 50000};

	if (nr_before < NR_YIELDS)
		sched_yield();
	else
		nanosleep(&nap, NULL);
}

static void wait_for_side(struct keel__readers *readers, unsigned int side)
{
	unsigned int nr_waits = 0;

	for (unsigned int i = 0; i < KEEL__NR_SHARDS; i++) {
		while (atomic_load(&readers->shards[i].nr_inside[side]))
			let_others_run(nr_waits++);
	}
}

void keel__readers_wait(struct keel__readers *readers)
{
	unsigned int side = atomic_load(&readers->turn) & 1;

	/* Only those who were about to enter at the last turn are there. */
	wait_for_side(readers, !side);
	atomic_fetch_add(&readers->turn, 1);
	wait_for_side(readers, side);
}
