/* SPDX-License-Identifier: MIT */
/* Memory that runs out when a test says so, and a look at what is freed. */
#include "tests/support/alloc.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>

struct alloc_probe alloc_probe = {.nr_left = -1};

/* The linker makes these names, see ld(1) --wrap. */
void *__wrap_malloc(size_t len);
void *__wrap_calloc(size_t nr, size_t len);
void __wrap_free(void *data);
void *__real_malloc(size_t len);
void *__real_calloc(size_t nr, size_t len);
void __real_free(void *data);

static bool may_allocate(void)
{
	if (alloc_probe.nr_left == 0)
		return false;
	if (alloc_probe.nr_left > 0)
		alloc_probe.nr_left--;
	return true;
}

static void *counted(void *data)
{
	if (data)
		alloc_probe.nr_live++;
	return data;
}

void *__wrap_malloc(size_t len)
{
	return may_allocate() ? counted(__real_malloc(len)) : NULL;
}

void *__wrap_calloc(size_t nr, size_t len)
{
	return may_allocate() ? counted(__real_calloc(nr, len)) : NULL;
}

void __wrap_free(void *data)
{
	if (data) {
		alloc_probe.nr_live--;
		if (alloc_probe.on_free)
			alloc_probe.on_free(data, malloc_usable_size(data));
	}
	__real_free(data);
}
