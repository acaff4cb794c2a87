/* SPDX-License-Identifier: MIT */
/* The registry used from many threads at once; meant for ThreadSanitizer. */
#include "lib/registry/registry-private.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base-private.h"
#include "tests/support/case.h"
#include "tests/support/check.h"

#define NR_THREADS 8
#define NR_ROUNDS 2000

/*
 * Checks of ATF end the test from inside a thread, so threads count what goes
 * wrong and the case looks at the count.
 */
static atomic_uint nr_wrong;
static atomic_uint nr_inits;
static atomic_uint nr_failing;

static void expect(bool good)
{
	if (!good)
		atomic_fetch_add(&nr_wrong, 1);
}

/* Fails until it was called often enough. Never runs twice at once. */
static int slow_init(char *ret_why, size_t why_len)
{
	static unsigned int inside; /* not atomic: the registry's lock guards */

	inside++;
	expect(inside == 1);
	inside--;
	atomic_fetch_add(&nr_inits, 1);
	if (atomic_load(&nr_failing) == 0)
		return 0;
	atomic_fetch_sub(&nr_failing, 1);
	snprintf(ret_why, why_len, "not yet");
	return -EAGAIN;
}

static struct keel_backend fake(const char *name, int priority)
{
	struct keel_backend be = keel__backend_null;

	be.name = name;
	be.priority = priority;
	be.caps &= ~KEEL_CAP_INSECURE;
	return be;
}

struct worker {
	pthread_t thread;
	struct keel_registry *registry;
	struct keel_backend own; /* added and removed by this thread only */
	char name[16];
	unsigned int idx;
};

static void find_one(struct worker *w, const char *name)
{
	struct keel_backend_ref *ref;
	struct keel_diag diag;
	int ret = keel_registry_find(w->registry, name, 0, &diag, &ref);

	if (ret) {
		expect(ret == -ENOENT && diag.err.err == ret);
		return;
	}
	expect(!name || !strcmp(keel_backend_ref_get(ref)->name, name));
	expect(keel_backend_ref_get(ref)->run_version()[0] != '\0');
	keel_backend_ref_ref(ref);
	keel_backend_ref_unref(ref);
	keel_backend_ref_unref(ref);
}

static int count(const struct keel_backend_info *info, void *arg)
{
	unsigned int *nr = arg;

	expect(info->name[0] != '\0');
	(*nr)++;
	return 0;
}

static void list_all(struct worker *w)
{
	unsigned int nr = 0;

	expect(keel_registry_list(w->registry, count, &nr) == 0);
	/* "steady" is always there, each thread has at most one of its own */
	expect(nr >= 1 && nr <= 1 + NR_THREADS);
}

static void *churn(void *arg)
{
	struct worker *w = arg;
	char other[16];

	snprintf(other, sizeof(other), "w%u", (w->idx + 1) % NR_THREADS);
	for (unsigned int i = 0; i < NR_ROUNDS; i++) {
		expect(keel_registry_add(w->registry, &w->own) == 0);
		expect(keel_registry_add(w->registry, &w->own) == -EEXIST);
		find_one(w, w->name);
		find_one(w, other);
		find_one(w, NULL);
		find_one(w, "steady");
		if (i % 16 == w->idx)
			list_all(w);
		expect(keel_registry_remove(w->registry, w->name) == 0);
		expect(keel_registry_remove(w->registry, w->name) == -ENOENT);
	}
	return NULL;
}

static void run_all(struct worker *workers, void *(*fn)(void *arg))
{
	for (unsigned int i = 0; i < NR_THREADS; i++)
		ATF_REQUIRE_EQ(0, pthread_create(&workers[i].thread, NULL, fn,
						 &workers[i]));
	for (unsigned int i = 0; i < NR_THREADS; i++)
		ATF_REQUIRE_EQ(0, pthread_join(workers[i].thread, NULL));
	CHECK_INT("wrong answers", 0, atomic_load(&nr_wrong));
}

static void make_workers(struct worker *workers, struct keel_registry *registry)
{
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		struct worker *w = &workers[i];

		w->idx = i;
		w->registry = registry;
		snprintf(w->name, sizeof(w->name), "w%u", i);
		w->own = fake(w->name, (int)i);
	}
}

CASE(threads__add_remove_find_list,
     "Eight threads change and ask one registry, each sees what must be there")
{
	struct worker workers[NR_THREADS];
	struct keel_backend steady = fake("steady", -1);
	struct keel_registry *registry;

	unsetenv("KEEL_BACKEND");
	REQUIRE_INT("new", 0, keel_registry_new(&registry));
	REQUIRE_INT("steady", 0, keel_registry_add(registry, &steady));
	make_workers(workers, registry);
	run_all(workers, churn);
	keel_registry_free(registry);
}

static void *find_slow(void *arg)
{
	struct worker *w = arg;
	struct keel_backend_ref *ref;
	struct keel_diag diag;
	int ret;

	do {
		ret = keel_registry_find(w->registry, "slow", 0, &diag, &ref);
		expect(!ret ||
		       (ret == -EAGAIN && strstr(diag.text, "not yet")));
	} while (ret == -EAGAIN);
	if (!ret)
		keel_backend_ref_unref(ref);
	return NULL;
}

CASE(threads__initialise_once,
     "Eight threads look up one backend: init runs alone, until it works, "
     "then never again")
{
	struct worker workers[NR_THREADS];
	struct keel_backend slow = fake("slow", 0);
	struct keel_registry *registry;

	slow.init = slow_init;
	atomic_store(&nr_failing, 20);
	REQUIRE_INT("new", 0, keel_registry_new(&registry));
	REQUIRE_INT("slow", 0, keel_registry_add(registry, &slow));
	make_workers(workers, registry);
	run_all(workers, find_slow);
	CHECK_INT("inits", 21, atomic_load(&nr_inits));
	keel_registry_free(registry);
}

static void *find_default(void *arg)
{
	struct worker *w = arg;

	w->registry = keel_registry_default();
	find_one(w, "null");
	find_one(w, "openssl");
	find_one(w, NULL);
	return NULL;
}

CASE(threads__meet_in_the_default_registry,
     "Eight threads ask for the default registry first: one, complete")
{
	struct worker workers[NR_THREADS];
	struct keel_backend_ref *ref;

	unsetenv("KEEL_BACKEND");
	make_workers(workers, NULL);
	run_all(workers, find_default);
	for (unsigned int i = 0; i < NR_THREADS; i++)
		ATF_CHECK(workers[i].registry == keel_registry_default());
	REQUIRE_INT("null", 0, keel_registry_find(NULL, "null", 0, NULL, &ref));
	keel_backend_ref_unref(ref);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, threads__add_remove_find_list);
	ATF_TP_ADD_TC(tp, threads__initialise_once);
	ATF_TP_ADD_TC(tp, threads__meet_in_the_default_registry);
	return atf_no_error();
}
