/* SPDX-License-Identifier: MIT */
/* The built-in backends, and the process's registry made of them. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* secure_getenv(3), mutexes that check */
#endif
#include "lib/registry/registry-private.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/base/base-private.h"

/*
 * To add a backend: declare its row in registry-private.h and name it here, one
 * line. A backend that configure can leave out stands between #ifdef and
 * #endif. Order does not matter, priority does.
 */
static const struct keel_backend *const builtin[] = {
	&keel__backend_openssl,
	&keel__backend_null,
};

static struct keel_registry process_registry = {
	.lock = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP};

/*
 * What fills it, in this order: a row of builtin[] each, then the directories.
 * Files are found only; they are loaded when a lookup needs them.
 */
#define NR_STEPS (KEEL__ARRAY_LEN(builtin) + 1)

static pthread_mutex_t fill_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_size_t nr_steps_done;

static int scan_directories(void)
{
	const char *dirs = secure_getenv(KEEL__REGISTRY_PATH_ENV);
	int ret = 0;

	if (dirs)
		ret = keel__registry_scan_path(&process_registry, dirs);
	if (ret != -ENOMEM)
		ret = keel__registry_scan_path(&process_registry,
					       KEEL_BACKEND_DIR);
	return ret;
}

static void fill(void)
{
	size_t i = atomic_load_explicit(&nr_steps_done, memory_order_relaxed);
	int ret;

	for (; i < NR_STEPS; i++) {
		if (i < KEEL__ARRAY_LEN(builtin))
			ret = keel_registry_add(&process_registry, builtin[i]);
		else
			ret = scan_directories();
		/* No memory: whoever asks next has another try. */
		if (ret == -ENOMEM)
			break;
		/* A row of our own that is not complete is a bug of ours. */
		assert(ret == 0 || ret == -EEXIST);
	}
	atomic_store_explicit(&nr_steps_done, i, memory_order_release);
}

struct keel_registry *keel_registry_default(void)
{
	if (atomic_load_explicit(&nr_steps_done, memory_order_acquire) <
	    NR_STEPS) {
		pthread_mutex_lock(&fill_lock);
		fill();
		pthread_mutex_unlock(&fill_lock);
	}
	return &process_registry;
}

bool keel__registry_is_default(const struct keel_registry *registry)
{
	return registry == &process_registry;
}
