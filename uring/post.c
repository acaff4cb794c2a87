/* SPDX-License-Identifier: MIT */
/* What other threads and signal handlers ask of a loop. */
#include "uring/uring-private.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

int keel__posts_init(struct keel_loop *loop)
{
	int err = pthread_mutex_init(&loop->post_lock, NULL);

	if (err)
		return -err;
	loop->posts_end = &loop->posts;
	/* Without EFD_NONBLOCK, or io_uring would not wait for it. */
	loop->wake_fd = eventfd(0, EFD_CLOEXEC);
	if (loop->wake_fd >= 0)
		return 0;
	err = errno;
	pthread_mutex_destroy(&loop->post_lock);
	return -err;
}

void keel__posts_fini(struct keel_loop *loop)
{
	assert(!loop->posts);
	while (atomic_load(&loop->nr_stoppers))
		sched_yield();
	close(loop->wake_fd);
	pthread_mutex_destroy(&loop->post_lock);
}

/* Async-signal-safe; errno is the interrupted code's. */
void keel__loop_wake(struct keel_loop *loop)
{
	static const uint64_t one = 1;
	int saved = errno;
	ssize_t n;

	/* The counter cannot overflow, and nothing else can go wrong. */
	do
		n = write(loop->wake_fd, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
	errno = saved;
}

/* @closes: no more come. */
static struct keel__post *take_posts(struct keel_loop *loop, bool closes)
{
	struct keel__post *posts;

	pthread_mutex_lock(&loop->post_lock);
	loop->posts_closed = loop->posts_closed || closes;
	posts = loop->posts;
	loop->posts = NULL;
	loop->posts_end = &loop->posts;
	pthread_mutex_unlock(&loop->post_lock);
	return posts;
}

static void run_posts(struct keel_loop *loop, struct keel__post *post)
{
	while (post) {
		struct keel__post *next = post->next;

		post->fn(loop, post->arg);
		free(post);
		post = next;
	}
}

void keel__posts_run(struct keel_loop *loop)
{
	run_posts(loop, take_posts(loop, false));
}

void keel__posts_close(struct keel_loop *loop)
{
	run_posts(loop, take_posts(loop, true));
}

/* Append @post. 0, or -ESHUTDOWN. */
static int put_post(struct keel_loop *loop, struct keel__post *post)
{
	bool was_empty;
	int err = -ESHUTDOWN;

	pthread_mutex_lock(&loop->post_lock);
	if (!loop->posts_closed) {
		was_empty = !loop->posts;
		*loop->posts_end = post;
		loop->posts_end = &post->next;
		/* Under the lock: once taken, the loop may be freed. */
		if (was_empty)
			keel__loop_wake(loop);
		err = 0;
	}
	pthread_mutex_unlock(&loop->post_lock);
	return err;
}

int keel_loop_post(struct keel_loop *loop,
		   void (*fn)(struct keel_loop *loop, void *arg), void *arg)
{
	struct keel__post *post;
	int err;

	if (!loop || !fn)
		return -EINVAL;
	post = malloc(sizeof(*post));
	if (!post)
		return -ENOMEM;
	*post = (struct keel__post){.fn = fn, .arg = arg};
	err = put_post(loop, post);
	if (err)
		free(post);
	return err;
}

void keel_loop_stop(struct keel_loop *loop, unsigned int drain_ms)
{
	uint64_t want = (uint64_t)drain_ms + 1;
	uint64_t have;

	if (!loop)
		return;
	/* The loop may end and be freed before we have left. */
	atomic_fetch_add(&loop->nr_stoppers, 1);
	/* The shortest time wins when several ask at once. */
	have = atomic_load(&loop->stop_ms);
	do {
		if (have && have <= want)
			break;
	} while (!atomic_compare_exchange_weak(&loop->stop_ms, &have, want));
	keel__loop_wake(loop);
	atomic_fetch_sub(&loop->nr_stoppers, 1);
}
