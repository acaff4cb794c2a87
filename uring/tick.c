/* SPDX-License-Identifier: MIT */
/* Once a second: what a loop gives back while it has little to do. */
#include "uring/uring-private.h"

#include <malloc.h>

#define TICK_NS UINT64_C(1000000000)

/* Handshakes and ends of streams after which the heap may be worth a look,
 * once there are few of them in a second. */
#define CHURN_MANY 64
#define CHURN_FEW 8

/*
 * Handshakes leave the heap full of holes; after a burst of them the free pages
 * go back to the system.
 */
static void tidy_heap(struct keel_loop *loop)
{
	if (loop->churn > CHURN_MANY)
		loop->trim_due = true;
	if (loop->trim_due && loop->churn < CHURN_FEW) {
		malloc_trim(0);
		loop->trim_due = false;
	}
	loop->churn = 0;
}

/*
 * Only where nothing but our own wait writes to the receive buffers; after a
 * quiet second all of them are with the kernel, and empty.
 */
static void tidy_rxbufs(struct keel_loop *loop)
{
	if (loop->deferred && loop->now_ns - loop->last_work_ns >= TICK_NS)
		keel__rxbufs_release(&loop->rxbufs);
}

/* Memory may have come back elsewhere in the process. */
static void wake_starved(struct keel_loop *loop)
{
	struct keel__link *link = loop->starved.next;

	while (link != &loop->starved) {
		struct keel__link *next = link->next;

		keel__stream_dirty(
			keel__container_of(link, struct keel_stream, queue));
		link = next;
	}
}

static bool needs_tick(const struct keel_loop *loop)
{
	return loop->nr_hot || loop->trim_due || loop->churn ||
	       (loop->deferred && loop->rxbufs.touched) ||
	       !keel__link_alone(&loop->starved);
}

void keel__loop_tick_arm(struct keel_loop *loop)
{
	if (!loop->tick.pos && needs_tick(loop))
		keel__timer_arm(&loop->timers, &loop->tick,
				loop->now_ns + TICK_NS);
}

uint64_t keel__loop_timer(struct keel_loop *loop, struct keel__timer *timer,
			  uint64_t now_ns)
{
	size_t pooled;

	(void)timer;
	keel__streams_trim(loop, now_ns - TICK_NS);
	pooled = keel__txpool_trim(&loop->txpool);
	tidy_rxbufs(loop);
	tidy_heap(loop);
	wake_starved(loop);
	return pooled || needs_tick(loop) ? now_ns + TICK_NS : KEEL__NEVER;
}
