/* SPDX-License-Identifier: MIT */
/* A group of loops, one a thread. */
#include "uring/uring-private.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>

#define MAX_LOOPS 1024

/* More than any kernel is built for. */
#define MAX_PROCESSORS (1U << 20)

struct member {
	struct keel_group *group;
	struct keel_loop *loop;
	pthread_t thread;
	unsigned int idx;
	bool is_ready;	/* its set-up is over; under the lock */
	bool is_leaked; /* the kernel does not give its loop back */
	int err;	/* of its set-up */
};

struct keel_group {
	struct keel_group_opts opts;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool is_decided; /* all may run, or all must end; under the lock */
	bool is_go;
	unsigned int nr_started;
	unsigned int nr;
	struct member members[];
};

/* Processors in our set if the kernel knows @max at most; 0: it knows more. */
static unsigned int count_processors(unsigned int max)
{
	size_t sz = CPU_ALLOC_SIZE(max);
	cpu_set_t *set = CPU_ALLOC(max);
	unsigned int nr = 1;

	if (!set)
		return 1;
	if (!sched_getaffinity(0, sz, set))
		nr = (unsigned int)CPU_COUNT_S(sz, set);
	else if (errno == EINVAL)
		nr = 0;
	CPU_FREE(set);
	return nr;
}

/* A cpu_set_t has room for 1024 of them; there are larger machines. */
static unsigned int nr_processors(void)
{
	unsigned int max = CPU_SETSIZE;
	unsigned int nr = 0;

	for (; !nr && max <= MAX_PROCESSORS; max *= 2)
		nr = count_processors(max);
	if (!nr)
		return 1;
	return nr < MAX_LOOPS ? nr : MAX_LOOPS;
}

static int member_setup(struct member *member)
{
	const struct keel_group_opts *opts = &member->group->opts;
	int err = keel_loop_new(opts->loop.sz ? &opts->loop : NULL,
				&member->loop);

	if (err)
		return err;
	err = opts->setup(member->loop, member->idx, opts->arg);
	return err < 0 ? err : 0;
}

/* Tell how the set-up went; then wait until that of all is known. */
static bool wait_for_go(struct member *member, int err)
{
	struct keel_group *group = member->group;
	bool is_go;

	pthread_mutex_lock(&group->lock);
	member->err = err;
	member->is_ready = true;
	pthread_cond_broadcast(&group->cond);
	while (!group->is_decided)
		pthread_cond_wait(&group->cond, &group->lock);
	is_go = group->is_go;
	pthread_mutex_unlock(&group->lock);
	return is_go;
}

static void *member_main(void *arg)
{
	struct member *member = arg;
	const struct keel_group_opts *opts = &member->group->opts;
	int err = member_setup(member);
	bool is_set_up = !err;

	if (wait_for_go(member, err)) {
		err = keel_loop_run(member->loop);
		if (err)
			keel__loop_log(member->loop, KEEL_LOG_ERROR,
				       "loop-failed", err, "a group's loop");
	}
	if (is_set_up && opts->teardown)
		opts->teardown(member->loop, member->idx, opts->arg);
	/* A stop may come at any time until the group is freed. */
	if (member->loop)
		member->is_leaked = !keel__loop_end(member->loop);
	return NULL;
}

/* With all signals blocked: they are the business of other threads. */
static int start_thread(struct member *member)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&member->thread, NULL, member_main, member);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -err;
}

static int start_member(struct keel_group *group, unsigned int idx)
{
	struct member *member = &group->members[idx];
	int err;

	member->group = group;
	member->idx = idx;
	err = start_thread(member);
	if (err)
		return err;
	group->nr_started++;
	pthread_mutex_lock(&group->lock);
	while (!member->is_ready)
		pthread_cond_wait(&group->cond, &group->lock);
	err = member->err;
	pthread_mutex_unlock(&group->lock);
	return err;
}

static void decide(struct keel_group *group, bool is_go)
{
	pthread_mutex_lock(&group->lock);
	group->is_go = is_go;
	group->is_decided = true;
	pthread_cond_broadcast(&group->cond);
	pthread_mutex_unlock(&group->lock);
}

static int start_all(struct keel_group *group)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < group->nr && !err; i++)
		err = start_member(group, i);
	decide(group, !err);
	return err;
}

static int group_alloc(const struct keel_group_opts *opts,
		       struct keel_group **ret_group)
{
	unsigned int nr = opts->nr_loops ? opts->nr_loops : nr_processors();
	struct keel_group *group;

	group = calloc(1, sizeof(*group) + nr * sizeof(group->members[0]));
	if (!group)
		return -ENOMEM;
	group->opts = *opts;
	group->nr = nr;
	pthread_mutex_init(&group->lock, NULL);
	pthread_cond_init(&group->cond, NULL);
	*ret_group = group;
	return 0;
}

int keel_group_new(const struct keel_group_opts *opts,
		   struct keel_group **ret_group)
{
	struct keel_group_opts o;
	struct keel_group *group;
	int err;

	if (!opts || !ret_group ||
	    keel__opts_copy(&o, sizeof(o), opts, opts->sz) || !o.setup ||
	    o.nr_loops > MAX_LOOPS)
		return -EINVAL;
	err = group_alloc(&o, &group);
	if (err)
		return err;
	err = start_all(group);
	if (err) {
		keel_group_free(group);
		return err;
	}
	*ret_group = group;
	return 0;
}

void keel_group_stop(struct keel_group *group, unsigned int drain_ms)
{
	unsigned int i;

	for (i = 0; group && i < group->nr; i++)
		keel_loop_stop(group->members[i].loop, drain_ms);
}

int keel_group_post(struct keel_group *group,
		    void (*fn)(struct keel_loop *loop, void *arg), void *arg)
{
	int ret = -ESHUTDOWN;
	unsigned int i;

	if (!group || !fn)
		return -EINVAL;
	for (i = 0; i < group->nr; i++) {
		int err = keel_loop_post(group->members[i].loop, fn, arg);

		/* One that has ended is left out. */
		if (err == -ESHUTDOWN)
			continue;
		if (err)
			return err;
		ret = 0;
	}
	return ret;
}

struct keel_group *keel_group_free(struct keel_group *group)
{
	unsigned int i;

	if (!group)
		return NULL;
	for (i = 0; i < group->nr_started; i++)
		pthread_join(group->members[i].thread, NULL);
	for (i = 0; i < group->nr_started; i++)
		if (group->members[i].loop && !group->members[i].is_leaked)
			keel__loop_dispose(group->members[i].loop);
	pthread_cond_destroy(&group->cond);
	pthread_mutex_destroy(&group->lock);
	free(group);
	return NULL;
}
