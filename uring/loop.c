/* SPDX-License-Identifier: MIT */
/* The loop: its ring, its turns, its end. */
#include "uring/uring-private.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SQ_ENTRIES 1024
#define CQ_ENTRIES 8192

/* Completions handled before what they led to is sent off; of those that are a
 * part of a handshake, which may take a millisecond each, fewer. */
#define BATCH 256
#define HEAVY_BATCH 8

/* Bytes of sends asked for before the kernel is given them: they still are in
 * the cache then, and their buffers come back for the next stream. */
#define QUEUE_LEN (256U * 1024)

/*
 * A many-shot accept takes all that waits at once; this near to the limit of
 * streams connections are accepted one by one, so that it is never passed.
 */
#define NEAR_LIMIT 8192

/* Best first; what a kernel does not know it refuses with -EINVAL. */
static const struct {
	unsigned int flags;
	bool deferred;
} setups[] = {
	{IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, true},
	{IORING_SETUP_COOP_TASKRUN, false},
	{0, false},
};

static const struct keel__sock_sys kernel_sys = {
	.set = setsockopt,
	.get = getsockopt,
};

static uint64_t clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

void keel__loop_refresh(struct keel_loop *loop)
{
	if (!loop->running)
		loop->now_ns = clock_now();
}

void keel__loop_log(const struct keel_loop *loop, unsigned int level,
		    const char *event, int err, const char *site)
{
	struct keel_err why = {
		.err = err, .origin = KEEL_ERR_SYS, .site = site};
	struct keel_log_event ev = {
		.level = level, .event = event, .err = err ? &why : NULL};

	if (loop->opts.log)
		loop->opts.log(&ev, loop->opts.log_arg);
}

static int open_ring(struct keel_loop *loop)
{
	int err = -EINVAL;
	size_t i;

	for (i = 0; i < KEEL__ARRAY_LEN(setups) && err == -EINVAL; i++) {
		struct io_uring_params params = {
			.flags = setups[i].flags | IORING_SETUP_CLAMP |
				 IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL,
			.cq_entries = CQ_ENTRIES};

		err = io_uring_queue_init_params(SQ_ENTRIES, &loop->ring,
						 &params);
		loop->deferred = setups[i].deferred;
	}
	return err;
}

/* Defaults, and the range each may have; max 0: nobody minds. */
static int set_size(unsigned int *size, unsigned int def, unsigned int min,
		    unsigned int max)
{
	if (!*size)
		*size = def;
	return *size < min || *size > max ? -EINVAL : 0;
}

static int set_opts(struct keel_loop *loop, const struct keel_loop_opts *opts)
{
	struct keel_loop_opts *o = &loop->opts;

	if (opts && keel__opts_copy(o, sizeof(*o), opts, opts->sz))
		return -EINVAL;
	if (set_size(&o->max_streams, 1000000, 1, 1U << 30) ||
	    set_size(&o->recv_buffers, 512, 1, 32768) ||
	    set_size(&o->recv_buffer_len, 8192, 64, 1U << 20) ||
	    set_size(&o->max_send_len, 256 * 1024, KEEL__TX_PAYLOAD,
		     64 * KEEL__TX_PAYLOAD) ||
	    set_size(&o->hot_streams, 1024, 1, UINT_MAX))
		return -EINVAL;
	if (o->recv_buffers & (o->recv_buffers - 1))
		return -EINVAL;
	loop->max_records = o->max_send_len / KEEL__TX_PAYLOAD;
	return 0;
}

/* A timer for each stream and listener, one more of either, and the tick. */
int keel__loop_reserve(struct keel_loop *loop)
{
	return keel__timers_reserve(&loop->timers,
				    (uint32_t)loop->stats.nr_streams +
					    loop->nr_listeners + 2);
}

static int open_loop(struct keel_loop *loop)
{
	int err = open_ring(loop);

	loop->sys = &kernel_sys;

	if (err)
		return err;
	/* Saves the kernel a look-up in each wait; no matter if it cannot. */
	if (io_uring_register_ring_fd(&loop->ring) < 0)
		keel__loop_log(loop, KEEL_LOG_DEBUG, "ring-fd-not-registered",
			       0, NULL);
	err = keel__rxbufs_init(&loop->rxbufs, &loop->ring,
				loop->opts.recv_buffers,
				loop->opts.recv_buffer_len);
	if (!err)
		err = keel__loop_reserve(loop);
	if (!err)
		err = keel__posts_init(loop);
	if (err) {
		io_uring_queue_exit(&loop->ring);
		keel__rxbufs_fini(&loop->rxbufs);
		keel__timers_fini(&loop->timers);
	}
	return err;
}

int keel_loop_new(const struct keel_loop_opts *opts,
		  struct keel_loop **ret_loop)
{
	struct keel_loop *loop;
	int err;

	if (!ret_loop)
		return -EINVAL;
	loop = calloc(1, sizeof(*loop));
	if (!loop)
		return -ENOMEM;
	keel__txpool_init(&loop->txpool);
	keel__link_init(&loop->dirty);
	keel__link_init(&loop->starved);
	keel__link_init(&loop->hot);
	keel__link_init(&loop->slabs);
	keel__link_init(&loop->listeners);
	loop->drain_ns = KEEL__NEVER;
	loop->near_limit = NEAR_LIMIT;
	loop->tick.kind = KEEL__TIMER_LOOP;
	loop->now_ns = clock_now();
	err = set_opts(loop, opts);
	if (!err)
		err = open_loop(loop);
	if (err) {
		free(loop);
		return err;
	}
	*ret_loop = loop;
	return 0;
}

static struct keel__slab *slab_of(struct keel__link *link)
{
	return keel__container_of(link, struct keel__slab, link);
}

int keel__loop_slab(struct keel_loop *loop, size_t data_len,
		    struct keel__slab **ret_slab)
{
	size_t head = keel__align16(sizeof(struct keel_stream)) +
		      keel__align16(keel_conn_size());
	struct keel__link *link;
	struct keel__slab *slab;
	int err;

	for (link = loop->slabs.next; link != &loop->slabs; link = link->next)
		if (slab_of(link)->data_len == data_len) {
			*ret_slab = slab_of(link);
			return 0;
		}
	if (data_len > SIZE_MAX / KEEL__CHUNK_OBJS / 2)
		return -ENOMEM;
	err = keel__slab_new(head + keel__align16(data_len), data_len, &slab);
	if (err)
		return err;
	keel__link_append(&loop->slabs, &slab->link);
	*ret_slab = slab;
	return 0;
}

void keel__loop_wake_done(struct keel_loop *loop, void *owner,
			  const struct io_uring_cqe *cqe)
{
	(void)owner;
	(void)cqe;
	loop->wake_armed = false;
	loop->woken = true;
}

/* What keel_loop_stop() asked for, maybe again with less time. */
static void take_stop(struct keel_loop *loop)
{
	uint64_t ms = atomic_exchange(&loop->stop_ms, 0);
	uint64_t at;

	if (!ms)
		return;
	at = loop->now_ns + (ms - 1) * KEEL__NS_PER_MS;
	if (at < loop->drain_ns)
		loop->drain_ns = at;
	if (loop->stopping)
		return;
	loop->stopping = true;
	keel__listeners_stop(loop);
	keel__streams_each(loop, keel__stream_stop, NULL);
}

static void check_drain(struct keel_loop *loop)
{
	if (!loop->stopping || loop->now_ns < loop->drain_ns)
		return;
	loop->drain_ns = KEEL__NEVER;
	keel__streams_each(loop, keel__stream_drain_over, NULL);
}

static void take_wake(struct keel_loop *loop)
{
	if (!loop->woken)
		return;
	loop->woken = false;
	keel__posts_run(loop);
	take_stop(loop);
}

static void arm_wake(struct keel_loop *loop)
{
	if (!loop->wake_armed && !loop->freeing)
		loop->wake_armed = !keel__op_start(loop, KEEL__OP_WAKE, loop);
}

static struct keel_stream *dirty_first(struct keel_loop *loop)
{
	return keel__container_of(loop->dirty.next, struct keel_stream, queue);
}

/*
 * Look at the streams that something happened to: those that are here now, not
 * what they add, and not more than is good to send at once.
 */
static void serve(struct keel_loop *loop)
{
	unsigned int nr = loop->nr_dirty;

	loop->queued = 0;
	while (nr-- && !keel__link_alone(&loop->dirty) &&
	       loop->queued < QUEUE_LEN)
		keel__stream_service(dirty_first(loop));
}

static bool is_done(const struct keel_loop *loop)
{
	return loop->stopping && !loop->stats.nr_streams;
}

/* How long to wait: not at all while there is work. */
static uint64_t wait_ns(const struct keel_loop *loop)
{
	uint64_t next = keel__timers_next(&loop->timers);

	if (loop->nr_dirty || is_done(loop) ||
	    (!loop->wake_armed && !loop->freeing))
		return 0;
	if (loop->drain_ns < next)
		next = loop->drain_ns;
	if (next == KEEL__NEVER)
		return KEEL__NEVER;
	return next > loop->now_ns ? next - loop->now_ns : 0;
}

/* Hand over what was asked, and wait. 0, or what the kernel said. */
static int enter(struct keel_loop *loop, uint64_t ns)
{
	struct __kernel_timespec ts = {.tv_sec = (int64_t)(ns / 1000000000),
				       .tv_nsec = (int64_t)(ns % 1000000000)};
	struct io_uring_cqe *cqe;
	int ret;

	if (!ns)
		ret = io_uring_submit_and_get_events(&loop->ring);
	else
		ret = io_uring_submit_and_wait_timeout(
			&loop->ring, &cqe, 1, ns == KEEL__NEVER ? NULL : &ts,
			NULL);
	switch (ret) {
	case -ETIME:
	case -EINTR:
	case -EAGAIN: /* short of memory: goes on with what completes */
	case -EBUSY:
		return 0;
	default:
		return ret < 0 ? ret : 0;
	}
}

static void reap(struct keel_loop *loop)
{
	struct io_uring_cqe *cqe;
	unsigned int nr = 0;
	unsigned int head;

	loop->nr_heavy = 0;
	io_uring_for_each_cqe(&loop->ring, head, cqe)
	{
		keel__op_done(loop, cqe);
		if (++nr == BATCH || loop->nr_heavy >= HEAVY_BATCH)
			break;
	}
	if (!nr)
		return;
	io_uring_cq_advance(&loop->ring, nr);
	loop->last_work_ns = loop->now_ns;
}

/* One turn. Returns 0, or what the kernel said. */
static int turn(struct keel_loop *loop)
{
	int err;

	serve(loop);
	arm_wake(loop);
	keel__loop_tick_arm(loop);
	err = enter(loop, io_uring_cq_ready(&loop->ring) ? 0 : wait_ns(loop));
	loop->now_ns = clock_now();
	reap(loop);
	take_wake(loop);
	keel__timers_expire(loop, loop->now_ns);
	check_drain(loop);
	return err;
}

int keel_loop_run(struct keel_loop *loop)
{
	struct keel__quiet quiet;
	int err = 0;

	if (!loop)
		return -EINVAL;
	if (loop->running)
		return -EDEADLK;
	keel__quiet_begin(&quiet);
	loop->running = true;
	loop->now_ns = clock_now();
	while (!err && !is_done(loop))
		err = turn(loop);
	loop->running = false;
	keel__quiet_end(&quiet);
	return err;
}

/*
 * Everything was asked to end; turns are made until the ring owns nothing.
 * Returns 0, or why the kernel does not let us wait.
 */
static int drain_ring(struct keel_loop *loop)
{
	int err = 0;

	while (!err && (loop->stats.nr_streams || loop->nr_ops)) {
		if (loop->wake_armed && !loop->stats.nr_streams)
			keel__loop_wake(loop);
		err = turn(loop);
	}
	return err;
}

static void end_all(struct keel_loop *loop)
{
	loop->running = true;
	loop->stopping = true;
	loop->now_ns = clock_now();
	keel__posts_run(loop);
	loop->freeing = true;
	keel__listeners_stop(loop);
	keel__streams_each(loop, keel__stream_loop_gone, NULL);
}

static bool loop_end(struct keel_loop *loop)
{
	int err;

	end_all(loop);
	err = drain_ring(loop);
	/* While there are listeners they may close, and a ring to do it. */
	keel__posts_close(loop);
	if (err) {
		/* The kernel may still write: leaking is the lesser evil. */
		keel__loop_log(loop, KEEL_LOG_ERROR, "loop-leaked", err,
			       "waiting for the ring's requests");
		return false;
	}
	io_uring_submit(&loop->ring); /* the last closes */
	io_uring_queue_exit(&loop->ring);
	keel__listeners_free(loop);
	keel__rxbufs_fini(&loop->rxbufs);
	keel__txpool_fini(&loop->txpool);
	keel__timers_fini(&loop->timers);
	while (!keel__link_alone(&loop->slabs))
		keel__slab_free(slab_of(loop->slabs.next));
	return true;
}

bool keel__loop_end(struct keel_loop *loop)
{
	struct keel__quiet quiet;
	bool is_ended;

	keel__quiet_begin(&quiet);
	is_ended = loop_end(loop);
	keel__quiet_end(&quiet);
	return is_ended;
}

void keel__loop_dispose(struct keel_loop *loop)
{
	keel__posts_fini(loop);
	free(loop);
}

struct keel_loop *keel_loop_free(struct keel_loop *loop)
{
	if (!loop)
		return NULL;
	assert(!loop->running);
	if (keel__loop_end(loop))
		keel__loop_dispose(loop);
	return NULL;
}

uint64_t keel_loop_now_ns(const struct keel_loop *loop)
{
	return loop ? loop->now_ns : 0;
}

int keel_loop_get_stats(const struct keel_loop *loop,
			struct keel_loop_stats *ret_stats)
{
	if (!loop || !ret_stats || ret_stats->sz != sizeof(*ret_stats))
		return -EINVAL;
	*ret_stats = loop->stats;
	ret_stats->sz = sizeof(*ret_stats);
	return 0;
}
