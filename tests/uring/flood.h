/* SPDX-License-Identifier: MIT */
/* Clients on a loop of their own that get back what they send. */
#ifndef TESTS_URING_FLOOD_H
#define TESTS_URING_FLOOD_H

#include "tests/uring/world.h"

/**
 * struct flood - what they do, and how it went
 * @row:        for messages
 * @ctx:        their context; NULL for that of the row
 * @nr_streams: of them
 * @len:        bytes that each sends and wants back
 * @updates:    each asks for new keys after every so many bytes; 0: never
 * @nr_done:    ended
 * @nr_bad:     ended with an error, or with wrong bytes or too few
 * @err:        of a bad one
 * @site:       of a bad one
 * @stats:      of the loop, at its end
 */
struct flood {
	const struct world_row *row;
	struct keel_ctx *ctx;
	unsigned int nr_streams;
	size_t len;
	size_t updates;
	struct keel_loop *loop;
	unsigned int nr_done;
	unsigned int nr_bad;
	int err;
	const char *site;
	struct keel_loop_stats stats;
};

/* Against a server that echoes. */
void flood_run(struct flood *flood, const struct server *server);

#endif
