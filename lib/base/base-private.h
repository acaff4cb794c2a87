/* SPDX-License-Identifier: MIT */
/* Small things every layer uses; nothing here knows TLS. */
#ifndef KEEL_BASE_PRIVATE_H
#define KEEL_BASE_PRIVATE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define KEEL__ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define keel__container_of(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline size_t keel__min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

#endif
