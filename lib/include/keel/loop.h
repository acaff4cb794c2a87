/* SPDX-License-Identifier: MIT */
/* An event loop for one thread, and a group of them. Link libkeel-uring. */
#ifndef KEEL_LOOP_H
#define KEEL_LOOP_H

#include <keel/conn.h>

KEEL_BEGIN_DECLS

/*
 * A loop belongs to the thread that made it: every call is made there, except
 * keel_loop_post() and keel_loop_stop(). Nothing in this header depends on how
 * the loop waits; today it is io_uring.
 */
struct keel_loop;
struct keel_group;

/**
 * struct keel_loop_opts - sizes of a loop; 0 takes the default
 * @sz:              size of this struct as the caller knows it; the rest zero
 * @max_streams:     connections at most; default 1,000,000
 * @recv_buffers:    receive buffers shared by all streams, a power of two;
 *                   default 512
 * @recv_buffer_len: bytes of each; default 8192
 * @max_send_len:    bytes of records in flight for one stream at most;
 *                   default 256 KiB. Grows from one record only while the
 *                   peer keeps up
 * @hot_streams:     streams that keep their expanded keys; default 1024
 * @log:             receives the loop's own events; NULL for silence
 * @log_arg:         passed on
 */
struct keel_loop_opts {
	size_t sz;
	unsigned int max_streams;
	unsigned int recv_buffers;
	unsigned int recv_buffer_len;
	unsigned int max_send_len;
	unsigned int hot_streams;
	keel_log_fn log;
	void *log_arg;
};

/**
 * keel_loop_new() - make a loop for this thread
 * @opts:     NULL for the defaults
 * @ret_loop: the loop
 *
 * Units:     as struct keel_loop_opts
 * Ownership: the caller frees it with keel_loop_free()
 * Threads:   the calling thread becomes the loop's
 * Blocking:  never
 * Return:    0
 * Errors:    -EINVAL  NULL argument, sizes out of range
 *            -ENOMEM  no memory, or RLIMIT_MEMLOCK is too low
 *            -EPERM   io_uring is forbidden (kernel.io_uring_disabled)
 *            -ENOSYS  no io_uring in this kernel or container
 *            -EMFILE  no descriptor left
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_loop_new(const struct keel_loop_opts *opts,
					   struct keel_loop **ret_loop);

/**
 * keel_loop_free() - free a loop, its listeners and streams
 * @loop: NULL is fine; not from inside one of its callbacks
 *
 * Streams that still live are aborted; their on_close is called.
 *
 * Units:     none
 * Ownership: takes @loop
 * Threads:   the loop's
 * Blocking:  until the kernel has given back every request
 * Return:    NULL
 * Errors:    none
 * Since:     0.1
 */
KEEL_API struct keel_loop *keel_loop_free(struct keel_loop *loop);

/**
 * keel_loop_run() - run until stopped and drained
 * @loop: the loop
 *
 * Meanwhile SIGPIPE is blocked on this thread: the kernel's TLS raises it for a
 * peer that is gone, without a flag that keeps it from that. Processes that
 * callbacks start inherit the mask.
 *
 * Units:     none
 * Ownership: nothing moves
 * Threads:   the loop's
 * Blocking:  yes: it is the loop
 * Return:    0 after keel_loop_stop() when no stream is left
 * Errors:    -EINVAL    NULL argument
 *            -EDEADLK   called from inside the loop
 *            other      what the kernel said when waiting failed
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_loop_run(struct keel_loop *loop);

/**
 * keel_loop_stop() - stop accepting, let streams finish, end the loop
 * @loop:     the loop
 * @drain_ms: how long streams may take; those left are then aborted. A
 *            handshake not done is aborted at once, each open stream gets
 *            on_drain. A second call may shorten the time
 *
 * Units:     milliseconds
 * Ownership: nothing moves
 * Threads:   any; may be called from a signal handler
 * Blocking:  never
 * Return:    none
 * Errors:    none
 * Since:     0.1
 */
KEEL_API void keel_loop_stop(struct keel_loop *loop, unsigned int drain_ms);

/**
 * keel_loop_post() - run a function on the loop's thread
 * @loop: the loop
 * @fn:   the function
 * @arg:  passed on
 *
 * Functions run in the order posted. Those still waiting when the loop is
 * freed are run then, before its listeners are gone; from that moment on,
 * also inside these functions, it takes no more.
 *
 * Units:     none
 * Ownership: @arg is the function's affair
 * Threads:   any
 * Blocking:  never
 * Return:    0
 * Errors:    -EINVAL     NULL argument
 *            -ENOMEM     no memory
 *            -ESHUTDOWN  the loop is being freed; @fn will not run
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_loop_post(struct keel_loop *loop,
					    void (*fn)(struct keel_loop *loop,
						       void *arg),
					    void *arg);

/**
 * keel_loop_now_ns() - the time this turn of the loop began
 * @loop: the loop
 *
 * Units:     nanoseconds of CLOCK_MONOTONIC
 * Ownership: nothing moves
 * Threads:   the loop's
 * Blocking:  never
 * Return:    the time, 0 for NULL
 * Errors:    none
 * Since:     0.1
 */
KEEL_API uint64_t keel_loop_now_ns(const struct keel_loop *loop);

/**
 * struct keel_loop_stats - counters since the loop was made
 * @sz:             size of this struct as the caller knows it
 * @nr_streams:     streams now
 * @accepted:       connections accepted
 * @accept_errors:  accepts that failed (EMFILE and the like)
 * @opened:         handshakes done
 * @failed:         streams that ended with an error
 * @timed_out:      of these, by a timer
 * @recv_starved:   receives that found no buffer
 * @send_starved:   sends that waited for memory
 * @rx_bytes:       plaintext received
 * @tx_bytes:       plaintext sealed
 * @tx_offloaded:   streams whose sending moved into the kernel
 * @rx_offloaded:   streams whose receiving did
 * @rekey_cuts:     of these, ended by a KeyUpdate that the kernel cannot follow
 * @detached:       streams that left for another process or loop
 * @adopted:        streams that came from one
 */
struct keel_loop_stats {
	size_t sz;
	uint64_t nr_streams;
	uint64_t accepted;
	uint64_t accept_errors;
	uint64_t opened;
	uint64_t failed;
	uint64_t timed_out;
	uint64_t recv_starved;
	uint64_t send_starved;
	uint64_t rx_bytes;
	uint64_t tx_bytes;
	uint64_t tx_offloaded;
	uint64_t rx_offloaded;
	uint64_t rekey_cuts;
	uint64_t detached;
	uint64_t adopted;
};

/**
 * keel_loop_get_stats() - read the counters
 * @loop:      the loop
 * @ret_stats: the counters; its sz must be set
 *
 * Units:     as struct keel_loop_stats
 * Ownership: nothing moves
 * Threads:   the loop's
 * Blocking:  never
 * Return:    0
 * Errors:    -EINVAL  NULL argument, a size this version does not know
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_loop_get_stats(const struct keel_loop *loop,
		    struct keel_loop_stats *ret_stats);

/**
 * keel_loop_probe() - what this machine's io_uring can do for TLS
 * @fn:  called for each feature, always in the same order; a result other than
 *       0 ends the walk
 * @arg: passed on
 *
 * Goes on where keel_offload_probe() ends, for applications with a ring of their
 * own. There is one feature so far, "ring": the kernel's TLS is attached and
 * gets keys by commands to a direct descriptor, as keel_conn(3) explains. The
 * loop itself does not need it. Each is tried, on a ring and a socket of its
 * own, whenever somebody asks; no version is compared.
 *
 * Units:     none
 * Ownership: what @fn is given is static, but for the feature itself, which
 *            is valid until @fn returns
 * Threads:   any
 * Blocking:  for less than a millisecond
 * Return:    0, or what @fn returned
 * Errors:    -EINVAL  NULL @fn
 *            other    no ring or no socket could be made, which says nothing of
 *                     the feature: such as -EMFILE or -ENOMEM
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_loop_probe(int (*fn)(const struct keel_feature *feature, void *arg),
		void *arg);

/**
 * struct keel_group_opts - a group of loops
 * @sz:       size of this struct as the caller knows it; the rest zero
 * @nr_loops: threads; 0 for the number of processors this process may use,
 *            1024 at most
 * @loop:     sizes of each loop
 * @setup:    called on each loop's thread before it runs, one after the other;
 *            makes its listeners (with reuse_port). A negative result ends the
 *            start of the group
 * @teardown: called on each loop's thread after it ran; may be NULL
 * @arg:      passed to both
 */
struct keel_group_opts {
	size_t sz;
	unsigned int nr_loops;
	struct keel_loop_opts loop;
	int (*setup)(struct keel_loop *loop, unsigned int idx, void *arg);
	void (*teardown)(struct keel_loop *loop, unsigned int idx, void *arg);
	void *arg;
};

/**
 * keel_group_new() - start loops, one a thread
 * @opts:      what to start
 * @ret_group: the group, running
 *
 * Signals are blocked in the new threads.
 *
 * Units:     none
 * Ownership: the caller ends it with keel_group_stop() and keel_group_free()
 * Threads:   any
 * Blocking:  until every setup returned
 * Return:    0
 * Errors:    -EINVAL  NULL argument, no setup, more than 1024 loops
 *            -ENOMEM  no memory
 *            other    from keel_loop_new(), pthread_create(3) or @setup; loops
 *                     started before are stopped
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_group_new(const struct keel_group_opts *opts,
					    struct keel_group **ret_group);

/**
 * keel_group_stop() - keel_loop_stop() on every loop
 * @group:    the group
 * @drain_ms: as for keel_loop_stop()
 *
 * Units:     milliseconds
 * Ownership: nothing moves
 * Threads:   any; may be called from a signal handler
 * Blocking:  never
 * Return:    none
 * Errors:    none
 * Since:     0.1
 */
KEEL_API void keel_group_stop(struct keel_group *group, unsigned int drain_ms);

/**
 * keel_group_post() - keel_loop_post() on every loop
 * @group: the group
 * @fn:    the function; runs once on each loop's thread
 * @arg:   passed on, to all
 *
 * Loops that have ended are left out.
 *
 * Units:     none
 * Ownership: @arg is the function's affair
 * Threads:   any
 * Blocking:  never
 * Return:    0
 * Errors:    -EINVAL     NULL argument
 *            -ENOMEM     no memory; some loops may have got it
 *            -ESHUTDOWN  all loops have ended
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_group_post(struct keel_group *group,
					     void (*fn)(struct keel_loop *loop,
							void *arg),
					     void *arg);

/**
 * keel_group_free() - wait for every loop to end, then free the group
 * @group: NULL is fine; stopped with keel_group_stop() before, else this waits
 *         for somebody to do so
 *
 * Units:     none
 * Ownership: takes @group
 * Threads:   not one of the group's
 * Blocking:  until the loops have ended
 * Return:    NULL
 * Errors:    none
 * Since:     0.1
 */
KEEL_API struct keel_group *keel_group_free(struct keel_group *group);

KEEL_END_DECLS

#endif
