/* SPDX-License-Identifier: MIT */
/* Cost of a lookup in the registry, by one thread and by many. */
#include <err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <keel/registry.h>

/*
 * usage: lookup_bench [MAX_THREADS]
 *
 * For 1, 2, 4 ... threads: nanoseconds of one thread's CPU time for a lookup
 * by name with its reference given back, the same for a lookup without a name,
 * which searches the environment too, and both again while a writer adds and
 * removes an entry all the time. Each figure is the best of several blocks of
 * the slowest thread. CPU time, so that more threads than processors tell
 * something: what a lookup costs, not how long it waited for a processor.
 */

#define NR_BLOCKS 20
#define NR_LOOKUPS 100000
#define MAX_THREADS 64

struct reader {
	pthread_t thread;
	pthread_barrier_t *start;
	const char *name;
	double ns;
};

static atomic_bool stop_writer;

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * UINT64_C(1000000000) +
	       (uint64_t)ts.tv_nsec;
}

static void *look_up(void *arg)
{
	struct reader *r = arg;
	struct keel_backend_ref *ref;
	uint64_t best = UINT64_MAX;

	for (unsigned int block = 0; block < NR_BLOCKS; block++) {
		uint64_t start;

		pthread_barrier_wait(r->start);
		start = cpu_ns();
		for (unsigned int i = 0; i < NR_LOOKUPS; i++) {
			if (keel_registry_find(NULL, r->name, 0, NULL, &ref))
				errx(1, "no backend");
			keel_backend_ref_unref(ref);
		}
		start = cpu_ns() - start;
		best = start < best ? start : best;
	}
	r->ns = (double)best / NR_LOOKUPS;
	return NULL;
}

/* Adds and removes a copy of a row, as fast as it can be. */
static void *change(void *arg)
{
	struct keel_backend *own = arg;
	struct keel_registry *registry = keel_registry_default();

	while (!atomic_load(&stop_writer)) {
		if (keel_registry_add(registry, own) ||
		    keel_registry_remove(registry, own->name))
			errx(1, "cannot add or remove");
	}
	return NULL;
}

static double run_readers(unsigned int nr, const char *name)
{
	static struct reader readers[MAX_THREADS];
	pthread_barrier_t start;
	double worst = 0;

	pthread_barrier_init(&start, NULL, nr);
	for (unsigned int i = 0; i < nr; i++) {
		readers[i] = (struct reader){.start = &start, .name = name};
		if (pthread_create(&readers[i].thread, NULL, look_up,
				   &readers[i]))
			errx(1, "no thread");
	}
	for (unsigned int i = 0; i < nr; i++) {
		pthread_join(readers[i].thread, NULL);
		worst = readers[i].ns > worst ? readers[i].ns : worst;
	}
	pthread_barrier_destroy(&start);
	return worst;
}

static void print_line(unsigned int nr, struct keel_backend *own)
{
	pthread_t writer;
	double quiet[2];
	double busy[2];

	quiet[0] = run_readers(nr, "openssl");
	quiet[1] = run_readers(nr, NULL);
	atomic_store(&stop_writer, false);
	if (pthread_create(&writer, NULL, change, own))
		errx(1, "no thread");
	busy[0] = run_readers(nr, "openssl");
	busy[1] = run_readers(nr, NULL);
	atomic_store(&stop_writer, true);
	pthread_join(writer, NULL);
	printf("%7u %10.1f %10.1f %14.1f %14.1f\n", nr, quiet[0], quiet[1],
	       busy[0], busy[1]);
}

int main(int argc, char **argv)
{
	unsigned long max = argc > 1 ? strtoul(argv[1], NULL, 10) : 8;
	struct keel_backend_ref *ref;
	struct keel_backend own;

	if (max < 1 || max > MAX_THREADS)
		errx(2, "usage: lookup_bench [MAX_THREADS], at most %d",
		     MAX_THREADS);
	if (keel_registry_find(NULL, "null", 0, NULL, &ref))
		errx(1, "no backend \"null\"");
	own = *keel_backend_ref_get(ref);
	keel_backend_ref_unref(ref);
	own.name = "comes-and-goes";
	printf("%ld processors; ns a lookup and the end of its reference\n"
	       "threads    by name  by itself  by name, busy  "
	       "by itself, busy\n",
	       sysconf(_SC_NPROCESSORS_ONLN));
	for (unsigned int nr = 1; nr <= max; nr *= 2)
		print_line(nr, &own);
	return 0;
}
