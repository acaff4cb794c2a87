/* SPDX-License-Identifier: MIT */
/* Deadlines of a loop: a heap whose entries are moved late. */
#ifndef KEEL_URING_TIMER_PRIVATE_H
#define KEEL_URING_TIMER_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

/* Never: further away than any deadline. */
#define KEEL__NEVER UINT64_MAX

#define KEEL__NS_PER_MS UINT64_C(1000000)

/* Who owns a timer; a row of the table in uring/timer.c each. */
enum keel__timer_kind {
	KEEL__TIMER_STREAM = 0,
	KEEL__TIMER_LISTENER,
	KEEL__TIMER_LOOP,
	KEEL__NR_TIMER_KINDS,
};

struct keel__timer {
	uint32_t pos; /* place in the heap plus 1; 0: not in it */
	uint8_t kind; /* enum keel__timer_kind */
};

struct keel__timer_entry {
	uint64_t deadline_ns;
	struct keel__timer *timer;
};

struct keel__timers {
	struct keel__timer_entry *heap;
	uint32_t nr;
	uint32_t cap;
};

struct keel_loop;

/*
 * Make room for @nr timers in all, so that keel__timer_arm() cannot fail.
 * Returns 0 or -ENOMEM.
 */
int keel__timers_reserve(struct keel__timers *timers, uint32_t nr);
void keel__timers_fini(struct keel__timers *timers);

/*
 * See to it that @timer is looked at not later than @deadline_ns. An entry that
 * comes up earlier is left alone: its owner is asked then and names the next
 * moment. So the common case, a deadline that moves on with every byte, costs
 * nothing here.
 */
void keel__timer_arm(struct keel__timers *timers, struct keel__timer *timer,
		     uint64_t deadline_ns);
void keel__timer_disarm(struct keel__timers *timers, struct keel__timer *timer);

/* The earliest moment of all; KEEL__NEVER if there is none. */
uint64_t keel__timers_next(const struct keel__timers *timers);

/* Ask the owners of everything that is due at @now_ns. */
void keel__timers_expire(struct keel_loop *loop, uint64_t now_ns);

#endif
