/* SPDX-License-Identifier: MIT */
/* The built-in backends, and the process's registry made of them. */
#include "lib/registry/registry-private.h"

#include <errno.h>

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
	.lock = PTHREAD_MUTEX_INITIALIZER};

/* Guards the filling; nr_filled counts rows of builtin[] that are done. */
static pthread_mutex_t fill_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_size_t nr_filled;

static void fill(void)
{
	size_t i = atomic_load_explicit(&nr_filled, memory_order_relaxed);
	int ret;

	for (; i < KEEL__ARRAY_LEN(builtin); i++) {
		ret = keel_registry_add(&process_registry, builtin[i]);
		/* No memory: whoever asks next has another try. */
		if (ret == -ENOMEM)
			break;
		/* A row of our own that is not complete is a bug of ours. */
		assert(ret == 0 || ret == -EEXIST);
	}
	atomic_store_explicit(&nr_filled, i, memory_order_release);
}

struct keel_registry *keel_registry_default(void)
{
	if (atomic_load_explicit(&nr_filled, memory_order_acquire) <
	    KEEL__ARRAY_LEN(builtin)) {
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
