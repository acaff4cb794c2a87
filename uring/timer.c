/* SPDX-License-Identifier: MIT */
/* Deadlines of a loop: a heap whose entries are moved late. */
#include "uring/timer-private.h"

#include <errno.h>
#include <stdlib.h>

#include "uring/uring-private.h"

/*
 * What to ask when a timer comes up. The answer is the next moment to ask
 * again, KEEL__NEVER for none.
 */
static uint64_t (*const kinds[])(struct keel_loop *loop,
				 struct keel__timer *timer, uint64_t now_ns) = {
	[KEEL__TIMER_STREAM] = keel__stream_timer,
	[KEEL__TIMER_LISTENER] = keel__listener_timer,
	[KEEL__TIMER_LOOP] = keel__loop_timer,
};

_Static_assert(KEEL__ARRAY_LEN(kinds) == KEEL__NR_TIMER_KINDS,
	       "a kind of timer without a row");

int keel__timers_reserve(struct keel__timers *timers, uint32_t nr)
{
	uint32_t cap = timers->cap ? timers->cap : 64;
	struct keel__timer_entry *heap;

	if (nr <= timers->cap)
		return 0;
	while (cap < nr)
		cap *= 2;
	heap = reallocarray(timers->heap, cap, sizeof(*heap));
	if (!heap)
		return -ENOMEM;
	timers->heap = heap;
	timers->cap = cap;
	return 0;
}

void keel__timers_fini(struct keel__timers *timers)
{
	free(timers->heap);
	*timers = (struct keel__timers){0};
}

static void place(struct keel__timers *timers, uint32_t idx,
		  struct keel__timer_entry entry)
{
	timers->heap[idx] = entry;
	entry.timer->pos = idx + 1;
}

/* Put @entry where it belongs, from the hole at @idx towards the root. */
static void sift_up(struct keel__timers *timers, uint32_t idx,
		    struct keel__timer_entry entry)
{
	while (idx) {
		uint32_t parent = (idx - 1) / 2;

		if (timers->heap[parent].deadline_ns <= entry.deadline_ns)
			break;
		place(timers, idx, timers->heap[parent]);
		idx = parent;
	}
	place(timers, idx, entry);
}

/* The same towards the leaves. */
static void sift_down(struct keel__timers *timers, uint32_t idx,
		      struct keel__timer_entry entry)
{
	for (;;) {
		uint32_t child = 2 * idx + 1;

		if (child >= timers->nr)
			break;
		if (child + 1 < timers->nr &&
		    timers->heap[child + 1].deadline_ns <
			    timers->heap[child].deadline_ns)
			child++;
		if (entry.deadline_ns <= timers->heap[child].deadline_ns)
			break;
		place(timers, idx, timers->heap[child]);
		idx = child;
	}
	place(timers, idx, entry);
}

void keel__timer_arm(struct keel__timers *timers, struct keel__timer *timer,
		     uint64_t deadline_ns)
{
	struct keel__timer_entry entry = {deadline_ns, timer};
	uint32_t idx = timer->pos;

	if (deadline_ns == KEEL__NEVER)
		return;
	if (!idx)
		idx = ++timers->nr;
	else if (timers->heap[idx - 1].deadline_ns <= deadline_ns)
		return;
	assert(timers->nr <= timers->cap);
	sift_up(timers, idx - 1, entry);
}

void keel__timer_disarm(struct keel__timers *timers, struct keel__timer *timer)
{
	uint32_t idx = timer->pos;
	struct keel__timer_entry last;

	if (!idx--)
		return;
	timer->pos = 0;
	last = timers->heap[--timers->nr];
	if (last.timer == timer)
		return;
	if (idx && timers->heap[(idx - 1) / 2].deadline_ns > last.deadline_ns)
		sift_up(timers, idx, last);
	else
		sift_down(timers, idx, last);
}

uint64_t keel__timers_next(const struct keel__timers *timers)
{
	return timers->nr ? timers->heap[0].deadline_ns : KEEL__NEVER;
}

void keel__timers_expire(struct keel_loop *loop, uint64_t now_ns)
{
	struct keel__timers *timers = &loop->timers;

	while (timers->nr && timers->heap[0].deadline_ns <= now_ns) {
		struct keel__timer *timer = timers->heap[0].timer;
		uint64_t next;

		keel__timer_disarm(timers, timer);
		next = kinds[timer->kind](loop, timer, now_ns);
		/* An answer in the past would keep us here for ever. */
		if (next <= now_ns)
			next = now_ns + 1;
		keel__timer_arm(timers, timer, next);
	}
}
