/* SPDX-License-Identifier: MIT */
/* keel serve: passing connections on to the next server. */
#ifndef KEEL_TOOLS_GIVE_PRIVATE_H
#define KEEL_TOOLS_GIVE_PRIVATE_H

#include <poll.h>

#include "tools/parcel-private.h"

/* Descriptors the giver waits for. */
#define KEEL_GIVER_NR_FDS 3

struct keel_giver;

/*
 * Listen at --upgrade-socket for a server that takes over. Its calls are of the
 * main thread, where nothing else is said. 0, or a negative errno.
 */
int keel__giver_new(struct keel_serve *serve, struct keel_giver **ret_giver);
struct keel_giver *keel__giver_free(struct keel_giver *giver);

/* Once the workers run. */
void keel__giver_start(struct keel_giver *giver, struct keel_group *group);

/* What to wait for, and for how many milliseconds at most; -1: for ever. */
int keel__giver_poll(struct keel_giver *giver,
		     struct pollfd fds[KEEL_GIVER_NR_FDS]);

/* What came of it. True: all connections are given, there is nothing to do. */
bool keel__giver_work(struct keel_giver *giver,
		      const struct pollfd fds[KEEL_GIVER_NR_FDS]);

/* Connections are on their way: the end has to wait for them. */
bool keel__giver_is_giving(const struct keel_giver *giver);

/* Give nothing more: this server ends, and what is left with it. */
void keel__giver_cancel(struct keel_giver *giver);

/* Any thread: one that has left its worker. */
void keel__giver_enqueue(struct keel_giver *giver, struct keel_parcel *parcel);

/* Run this program again, which then takes over: SIGUSR2. */
void keel__giver_exec(struct keel_giver *giver);

/* On a worker's thread: have a connection leave; and what then comes of it. */
void keel__give(struct keel_stream *stream);
void keel__give_parcel(struct keel_stream *stream,
		       const struct keel_handoff *handoff);

#endif
