/* SPDX-License-Identifier: MIT */
/* The loop, its listeners and its streams, as the files of uring/ see them. */
#ifndef KEEL_URING_PRIVATE_H
#define KEEL_URING_PRIVATE_H

#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <keel/loop.h>
#include <keel/stream.h>

#include "uring/list-private.h"
#include "uring/rxbuf-private.h"
#include "uring/slab-private.h"
#include "uring/timer-private.h"
#include "uring/txbuf-private.h"

#define KEEL__ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/*
 * What is asked of the ring; a row of the table in uring/ops.c each. The number
 * stands in the low bits of user_data, beside the owner's address.
 */
enum keel__op {
	KEEL__OP_QUIET = 0, /* cancel, close: nobody waits for the answer */
	KEEL__OP_WAKE,	    /* read of the loop's eventfd */
	KEEL__OP_ACCEPT,    /* one shot or many, on a listener */
	KEEL__OP_CONNECT,
	KEEL__OP_RECV, /* many shots, into the shared buffers */
	KEEL__OP_SEND,
	KEEL__OP_POLL, /* for room to send */
	KEEL__OP_READ, /* of a file that is not in the page cache */
	KEEL__NR_OPS,
};

#define KEEL__OP_MASK UINT64_C(15)

/* Room for the control message of a record that the kernel opened. */
#define KEEL__RX_CONTROL CMSG_SPACE(1)

/* The system calls on a socket that tests have fail. */
struct keel__sock_sys {
	int (*set)(int fd, int level, int name, const void *value,
		   socklen_t len);
	int (*get)(int fd, int level, int name, void *value, socklen_t *len);
};

/* A function posted from another thread. */
struct keel__post {
	struct keel__post *next;
	void (*fn)(struct keel_loop *loop, void *arg);
	void *arg;
};

struct keel_loop {
	struct io_uring ring;
	const struct keel__sock_sys *sys;
	struct keel__rxbufs rxbufs;
	struct keel__txpool txpool;
	struct keel__timers timers;
	struct keel__link dirty;   /* streams to be looked at this turn */
	struct keel__link starved; /* streams that wait for a send buffer */
	struct keel__link hot; /* streams with expanded keys, oldest first */
	struct keel__link slabs;
	struct keel__link listeners;
	uint64_t now_ns;
	uint64_t last_work_ns;
	uint64_t next_id;
	uint64_t drain_ns; /* when those left are aborted; KEEL__NEVER: later */
	size_t queued;	   /* bytes of sends that this turn has asked for */
	unsigned int nr_ops; /* requests the ring owns */
	unsigned int nr_hot;
	unsigned int nr_dirty;
	unsigned int nr_heavy;	 /* steps of handshakes, in this turn */
	unsigned int near_limit; /* of streams: then accept one by one */
	unsigned int nr_listeners;
	unsigned int max_records; /* in flight for one stream */
	struct keel_loop_opts opts;
	struct keel_loop_stats stats;
	struct keel__timer
		tick; /* once a second, while there is tidying to do */
	uint64_t wake_value;
	int wake_fd;
	bool deferred; /* completions happen inside our own waits only */
	bool wake_armed;
	bool woken; /* posted functions may wait */
	bool running;
	bool stopping;
	bool freeing;
	bool trim_due;
	unsigned int churn; /* handshakes and ends since the last tick */

	/* What other threads touch. */
	_Atomic uint64_t stop_ms; /* 1 + what was asked; 0: nothing */
	atomic_uint nr_stoppers;  /* inside keel_loop_stop() now */
	pthread_mutex_t post_lock;
	struct keel__post *posts; /* under post_lock */
	struct keel__post **posts_end;
	bool posts_closed; /* under post_lock: no more are taken */
};

struct keel_listener {
	struct keel__link link; /* in the loop */
	struct keel_loop *loop;
	struct keel__slab *slab;
	struct keel_ctx *ctx;
	const struct keel_stream_ops *ops;
	void *arg;
	struct keel_stream_timeouts timeouts;
	struct keel__timer timer; /* after an accept that failed */
	unsigned int max_streams;
	unsigned int nr_streams;
	int fd;
	bool armed;
	bool is_many; /* the accept that is armed */
	bool backoff; /* no descriptor or memory: the timer tries again */
	bool episode; /* the log knows about it */
	bool stopped; /* the loop is stopping */
	bool closed;  /* by the application; freed with its last stream */
	bool canceling;
};

/* Which of its times a stream runs under. */
enum keel__phase {
	KEEL__PHASE_HANDSHAKE = 0,
	KEEL__PHASE_IDLE,
	KEEL__PHASE_CLOSE,
	KEEL__PHASE_GONE, /* nothing left but to give everything back */
};

struct keel_stream {
	struct keel_loop *loop;
	struct keel__chunk *chunk;
	const struct keel_stream_ops *ops;
	void *arg;
	struct keel_listener *listener; /* NULL: by keel_stream_connect() */
	struct keel__txbuf *tx;
	struct keel__link queue; /* in loop->dirty or loop->starved */
	struct keel__link hot;
	uint64_t active_ns;   /* a byte of data moved */
	uint64_t phase_ns;    /* end of a phase other than IDLE */
	uint64_t deadline_ns; /* the application's; 0: none */
	uint64_t file_off;
	uint64_t file_left;
	const char *abort_site;
	struct keel_stream_timeouts timeouts;
	int abort_err;
	int fd;
	int file_fd;
	uint32_t
		outq; /* bytes in the socket when its sending was last judged */
	struct keel__timer timer;
	uint16_t pending; /* a bit each enum keel__op the ring owns */
	uint8_t abort_origin;
	uint8_t phase;
	uint8_t prefix_len; /* of its records, as are the next two */
	uint8_t suffix_len;
	uint16_t max_payload;
	uint16_t recv_len; /* of the receive that is wanted; 0: many shots */
	bool is_dirty : 1;
	bool is_starved : 1;
	bool opened : 1;
	bool closing : 1;   /* the application, or the loop for it, closes */
	bool closed_tx : 1; /* the connection knows that */
	bool cut : 1;	    /* its key was used up before it was done */
	bool aborted : 1;
	bool failed : 1;
	bool paused : 1;
	bool kept : 1; /* the connection keeps input for later */
	bool eof : 1;  /* of the socket; told when kept input is used up */
	bool want_recv : 1;
	bool want_shutdown : 1;
	bool want_gone : 1;
	bool file : 1;
	bool file_blocking : 1; /* its reads never sleep: a memory file system */
	bool file_uncached : 1; /* its reads go through the ring */
	bool writable : 1;	/* the socket said so */
	bool sampled : 1;	/* outq is valid for the send that is stuck */
	bool sent_due : 1;	/* on_sent is owed */
	bool rx_full : 1;	/* paused, and kept as much as one may */
	bool cancel_recv : 1;
	bool canceled : 1;  /* everything that was pending */
	bool is_rest : 1;   /* a send was cut short */
	bool is_corked : 1; /* more of a file is sure to follow */
	bool tx_kernel : 1; /* the kernel protects what is sent */
	bool rx_kernel : 1;
	bool stop_recv : 1;   /* the connection wants no receive under way */
	bool excused : 1;     /* a send failed for what was received */
	bool leaving : 1;     /* keel_stream_detach() */
	bool taken_back : 1;  /* what the ring had for that */
	bool brought : 1;     /* its connection may have output of before */
	bool leave_waits : 1; /* until what was sealed is sent */
	bool linger : 1; /* only the peer's acknowledgement is waited for */
};

/* The connection stands behind the stream, the application's bytes behind it. */
static inline size_t keel__align16(size_t len)
{
	return (len + 15) & ~(size_t)15;
}

static inline struct keel_conn *keel__stream_conn(struct keel_stream *stream)
{
	return (struct keel_conn *)(void *)((uint8_t *)stream +
					    keel__align16(sizeof(*stream)));
}

static inline bool keel__stream_has_op(const struct keel_stream *stream,
				       enum keel__op op)
{
	return stream->pending & (1U << op);
}

/*
 * Copy an options struct of another version: what it lacks is zero, what it has
 * beyond ours must be. 0 or -EINVAL.
 */
int keel__opts_copy(void *dst, size_t dst_len, const void *src, size_t sz);

/* ops.c */

/*
 * Ask the ring for @op on behalf of @owner. Returns 0, or -EBUSY when the
 * queue is full and the kernel takes nothing: try again next turn.
 */
int keel__op_start(struct keel_loop *loop, enum keel__op op, void *owner);
int keel__op_cancel(struct keel_loop *loop, enum keel__op op, void *owner);
void keel__op_close(struct keel_loop *loop, int fd);
void keel__op_done(struct keel_loop *loop, const struct io_uring_cqe *cqe);

/* loop.c */

/* The time, for what is armed while no turn keeps it. */
void keel__loop_refresh(struct keel_loop *loop);
void keel__loop_log(const struct keel_loop *loop, unsigned int level,
		    const char *event, int err, const char *site);
void keel__loop_wake_done(struct keel_loop *loop, void *owner,
			  const struct io_uring_cqe *cqe);
/*
 * keel_loop_free() in two parts: all that must happen on the loop's thread, and
 * what keel_loop_stop() and keel_loop_post() may touch until nobody calls them
 * any more. False: the kernel does not give its requests back, all is leaked.
 */
bool keel__loop_end(struct keel_loop *loop);
void keel__loop_dispose(struct keel_loop *loop);
int keel__loop_reserve(struct keel_loop *loop);
int keel__loop_slab(struct keel_loop *loop, size_t data_len,
		    struct keel__slab **ret_slab);

/* tick.c */
void keel__loop_tick_arm(struct keel_loop *loop);
uint64_t keel__loop_timer(struct keel_loop *loop, struct keel__timer *timer,
			  uint64_t now_ns);

/* quiet.c */
struct keel__quiet {
	sigset_t old;
	bool was_pending;
};

void keel__quiet_begin(struct keel__quiet *quiet);
void keel__quiet_end(const struct keel__quiet *quiet);

/* probe.c */

/* What was found out of the ring, in words: 0, or an errno. */
int keel__ring_tell(int fact,
		    int (*fn)(const struct keel_feature *feature, void *arg),
		    void *arg);

/* post.c */
int keel__posts_init(struct keel_loop *loop);
void keel__posts_fini(struct keel_loop *loop);
void keel__posts_run(struct keel_loop *loop);
/* Take no more, and run the last ones. */
void keel__posts_close(struct keel_loop *loop);
void keel__loop_wake(struct keel_loop *loop);

/* listener.c */
void keel__listener_accept_done(struct keel_loop *loop, void *owner,
				const struct io_uring_cqe *cqe);
uint64_t keel__listener_timer(struct keel_loop *loop, struct keel__timer *timer,
			      uint64_t now_ns);
void keel__listener_prep(struct io_uring_sqe *sqe, void *owner);
/* One of its streams is gone. */
void keel__listener_unref(struct keel_listener *listener);
/* Streams ended or the loop changed: accept if that is possible. */
void keel__listener_update(struct keel_listener *listener);
void keel__listeners_update(struct keel_loop *loop);
void keel__listeners_stop(struct keel_loop *loop);
void keel__listeners_free(struct keel_loop *loop);

/* stream.c */
struct keel__stream_params {
	struct keel__slab *slab;
	struct keel_ctx *ctx;
	const struct keel_stream_ops *ops;
	void *arg;
	const struct keel_stream_timeouts *timeouts;
	const struct keel_conn_opts *conn;
	const struct keel_blob *blob; /* NULL: a new connection */
	int fd;
};

int keel__stream_new(struct keel_loop *loop,
		     const struct keel__stream_params *params,
		     struct keel_stream **ret_stream);
/* Begin with the handshake; its socket is connected. */
void keel__stream_start(struct keel_stream *stream);
/* The application does not want it: gone without on_close. */
void keel__stream_refuse(struct keel_stream *stream);
/* The ring owns nothing of it. Closes the socket. */
void keel__stream_free(struct keel_stream *stream);
/* Look at it at the end of this turn. */
void keel__stream_dirty(struct keel_stream *stream);
/* End it with an error, from the end of this turn; the first one counts. */
void keel__stream_end(struct keel_stream *stream, int err,
		      enum keel_err_origin origin, const char *site);
void keel__streams_each(struct keel_loop *loop,
			void (*fn)(void *obj, void *arg), void *arg);
/* For keel__streams_each(): the loop stops, its time is over, it is freed. */
void keel__stream_stop(void *obj, void *arg);
void keel__stream_drain_over(void *obj, void *arg);
void keel__stream_loop_gone(void *obj, void *arg);

/* Not dirty any more, nor starved. */
void keel__stream_clean(struct keel_stream *stream);

/* stream-life.c */
void keel__stream_service(struct keel_stream *stream);
uint64_t keel__stream_timer(struct keel_loop *loop, struct keel__timer *timer,
			    uint64_t now_ns);
void keel__stream_arm(struct keel_stream *stream);
void keel__stream_set_phase(struct keel_stream *stream, enum keel__phase phase);
/* A byte of data moved: it is not idle. */
void keel__stream_active(struct keel_stream *stream);
/* Its keys are in use, and worth keeping expanded. */
void keel__stream_warm(struct keel_stream *stream);
/* A send waits for the socket. */
bool keel__stream_is_sending(const struct keel_stream *stream);
void keel__stream_cool(struct keel_stream *stream);
/* Drop the expanded keys of streams that did nothing since @before_ns. */
void keel__streams_trim(struct keel_loop *loop, uint64_t before_ns);

/* stream-rx.c */
void keel__stream_recv_done(struct keel_loop *loop, void *owner,
			    const struct io_uring_cqe *cqe);
/* Go on with input that the connection keeps, and tell the end. */
void keel__stream_input_left(struct keel_stream *stream);
void keel__stream_arm_recv(struct keel_stream *stream);

/* stream-gather.c */
ssize_t keel__stream_gather(struct keel_stream *stream, const uint8_t *data,
			    size_t len);
/*
 * Records that @len bytes make, or less if the socket has no room for so many:
 * what is sealed and cannot be sent would cost memory for as long as the peer
 * likes. 0 when it has no room for one.
 */
size_t keel__stream_window(const struct keel_stream *stream, size_t len);

/* stream-buf.c */

/* Everything given was taken by the kernel, but for a file. */
bool keel__stream_tx_idle(const struct keel_stream *stream);
/* Where the plaintext ends that is not sealed yet. */
uint32_t keel__stream_open_end(const struct keel_stream *stream);
/*
 * See to it that @len more bytes fit behind what is in the send buffer. Returns
 * 0, -EAGAIN when that must wait for the kernel, or -ENOMEM.
 */
int keel__stream_reserve(struct keel_stream *stream, size_t len);
/* What is left of a large buffer may have to wait long: in a small one. */
void keel__stream_shrink(struct keel_stream *stream);
/* Forget what is not sealed; or all of it. */
void keel__stream_drop_plain(struct keel_stream *stream);
void keel__stream_drop_output(struct keel_stream *stream);
void keel__stream_release_tx(struct keel_stream *stream);
/* Wait for a buffer to come back. */
void keel__stream_starve(struct keel_stream *stream);

/* stream-tx.c */

/* Seal and send what can be. */
void keel__stream_output(struct keel_stream *stream);
/* Take what the connection itself wants; false: not everything, come back. */
bool keel__stream_take_ops(struct keel_stream *stream);
/* keel_conn_tx_info(). */
int keel__stream_tx_info(struct keel_stream *stream,
			 struct keel_tx_info *ret_info);
/* The same, for who wants to seal: -EAGAIN when no record may be sealed now. */
int keel__stream_ready(struct keel_stream *stream,
		       struct keel_tx_info *ret_info);
/* Seal @len bytes, from @data or as they stand behind the gap; what is open. */
int keel__stream_seal(struct keel_stream *stream, const void *data, size_t len);
int keel__stream_seal_open(struct keel_stream *stream);
void keel__stream_send_done(struct keel_loop *loop, void *owner,
			    const struct io_uring_cqe *cqe);
void keel__stream_poll_done(struct keel_loop *loop, void *owner,
			    const struct io_uring_cqe *cqe);

/* stream-kernel.c */

/* Do what the connection asks for. False: it must be asked again later. */
bool keel__stream_set_option(struct keel_stream *stream,
			     const struct keel_op *op);
bool keel__stream_get_option(struct keel_stream *stream,
			     const struct keel_op *op);
bool keel__stream_stop_recv(struct keel_stream *stream,
			    const struct keel_op *op);
bool keel__stream_send_record(struct keel_stream *stream,
			      const struct keel_op *op);
/* Once no receive is under way, say so. */
void keel__stream_recv_stopped(struct keel_stream *stream);
bool keel__stream_is_writable(const struct keel_stream *stream);
/* Have the ring say when it is; the stream gets a turn then. */
void keel__stream_wait_writable(struct keel_stream *stream);
/* Was a send refused for what was received? Then it can be tried again. */
bool keel__stream_send_refused(struct keel_stream *stream, int res);
/*
 * Closing a socket with unread bytes resets the connection, and bytes that the
 * kernel could not open cannot be read away: wait until the peer has all of
 * ours.
 */
bool keel__stream_lingers(struct keel_stream *stream);
void keel__stream_prep_records(struct io_uring_sqe *sqe,
			       struct keel_stream *stream);
/* What a receive of records brought: 1, 0 at the end, or a negative errno. */
int keel__stream_opened_record(struct keel_stream *stream, uint8_t *buf,
			       int res, size_t *ret_len);

/* All that was sealed so far has been taken by the kernel. */
bool keel__stream_is_flushed(const struct keel_stream *stream);
/* Has a direction moved? Then the application's bytes go as they are. */
void keel__stream_look_at_engines(struct keel_stream *stream);

/* What the connection calls a receive of this stream. */
enum keel_op_type keel__stream_recv_op(const struct keel_stream *stream);

/* handoff.c */

/*
 * A stream that is leaving gets its turn. True: it waits for the ring, or it is
 * gone. False: it goes on as usual, for now or for good.
 */
bool keel__stream_leave(struct keel_stream *stream);

/* connect.c */
void keel__stream_connect_done(struct keel_loop *loop, void *owner,
			       const struct io_uring_cqe *cqe);

/* file.c */

/*
 * Seal the full records that stand open, read the next part of the file into
 * records and seal the full ones of these. Returns
 * 0, -EAGAIN when the stream waits for the file or for the socket, or what
 * failed.
 */
int keel__file_fill(struct keel_stream *stream);
/*
 * Seal the records that are full, behind the connection's own bytes. 0, -EAGAIN
 * when these must go out first, or what failed.
 */
int keel__file_seal(struct keel_stream *stream);
/*
 * The same by sendfile(2), with what keel__stream_ready() said; -EOPNOTSUPP: that
 * would wait for a disk.
 */
int keel__file_splice(struct keel_stream *stream, struct keel_tx_info *info);
/* Let go what waited for more of a file, if no more is to come. */
void keel__file_uncork(struct keel_stream *stream);
void keel__file_prep(struct io_uring_sqe *sqe, void *owner);
void keel__file_read_done(struct keel_loop *loop, void *owner,
			  const struct io_uring_cqe *cqe);

#endif
