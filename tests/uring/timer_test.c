/* SPDX-License-Identifier: MIT */
/* The heap of deadlines, held against a list that is searched. */
#include "uring/uring-private.h"

#include "tests/support/case.h"
#include "tests/support/check.h"

#define NR 64

static uint64_t earliest(const uint64_t *deadlines)
{
	uint64_t min = KEEL__NEVER;
	unsigned int i;

	for (i = 0; i < NR; i++)
		if (deadlines[i] < min)
			min = deadlines[i];
	return min;
}

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

CASE(timer__random_order, "the earliest deadline is known after every change")
{
	struct keel__timers timers = {.heap = NULL};
	struct keel__timer list[NR] = {{.pos = 0}};
	uint64_t deadlines[NR];
	uint32_t state = 1;
	unsigned int i, n;

	ATF_REQUIRE_EQ(0, keel__timers_reserve(&timers, NR));
	for (i = 0; i < NR; i++)
		deadlines[i] = KEEL__NEVER;
	for (i = 0; i < 20000; i++) {
		uint64_t at = next_random(&state) % 1000 + 1;

		n = next_random(&state) % NR;
		if (next_random(&state) % 3) {
			keel__timer_arm(&timers, &list[n], at);
			/* A later one changes nothing. */
			if (at < deadlines[n])
				deadlines[n] = at;
		} else {
			keel__timer_disarm(&timers, &list[n]);
			deadlines[n] = KEEL__NEVER;
		}
		REQUIRE_INT("next", earliest(deadlines),
			    keel__timers_next(&timers));
	}
	keel__timers_fini(&timers);
}

CASE(timer__reserve_grows, "room for a timer is room for all before it")
{
	struct keel__timers timers = {.heap = NULL};
	static struct keel__timer list[1000];
	uint32_t i;

	for (i = 0; i < 1000; i++) {
		ATF_REQUIRE_EQ(0, keel__timers_reserve(&timers, i + 1));
		keel__timer_arm(&timers, &list[i], 2000 - i);
		CHECK_INT("next", 2000 - i, keel__timers_next(&timers));
	}
	for (i = 1000; i--;) {
		CHECK_INT("next", 2000 - i, keel__timers_next(&timers));
		keel__timer_disarm(&timers, &list[i]);
	}
	CHECK_INT("empty", 0, timers.nr);
	keel__timers_fini(&timers);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, timer__random_order);
	ATF_TP_ADD_TC(tp, timer__reserve_grows);
	return atf_no_error();
}
