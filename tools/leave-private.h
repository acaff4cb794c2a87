/* SPDX-License-Identifier: MIT */
/* keel serve: connections that leave a worker, and come back to it. */
#ifndef KEEL_TOOLS_LEAVE_PRIVATE_H
#define KEEL_TOOLS_LEAVE_PRIVATE_H

#include "tools/parcel-private.h"

/* Posted to a worker's loop; @arg is the server. */
void keel__post_leave(struct keel_loop *loop, void *arg);
void keel__post_stay(struct keel_loop *loop, void *arg);
void keel__post_count(struct keel_loop *loop, void *arg);

/* Any thread: it was not taken, and is a stream of its worker's again. */
void keel__parcel_take_back(struct keel_parcel *parcel);

#endif
