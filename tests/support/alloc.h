/* SPDX-License-Identifier: MIT */
/* Memory that runs out when a test says so, and a look at what is freed. */
#ifndef TESTS_SUPPORT_ALLOC_H
#define TESTS_SUPPORT_ALLOC_H

#include <stddef.h>

/*
 * For programs linked with -Wl,--wrap=malloc,--wrap=calloc,--wrap=free, which
 * sends the calls of keel's objects and the test's own here. Calls from shared
 * libraries do not come by. One thread only.
 */
struct alloc_probe {
	/* Allocations that succeed before all fail; negative: all succeed. */
	long nr_left;
	/* Blocks that are allocated and not freed. */
	long nr_live;
	/* Called before a block is freed, with all its bytes. */
	void (*on_free)(const unsigned char *data, size_t len);
};

extern struct alloc_probe alloc_probe;

#endif
