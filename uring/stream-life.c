/* SPDX-License-Identifier: MIT */
/* A stream's turn, its times, and its end. */
#include "uring/uring-private.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

/* What a time that ran out is called, a phase each. */
static const char *const timeout_sites[] = {
	[KEEL__PHASE_HANDSHAKE] = "handshake timeout",
	[KEEL__PHASE_IDLE] = "idle timeout",
	[KEEL__PHASE_CLOSE] = "close timeout",
	[KEEL__PHASE_GONE] = NULL,
};

static uint64_t idle_ns(const struct keel_stream *stream)
{
	return stream->timeouts.idle_ms * KEEL__NS_PER_MS;
}

/* When the stream's phase ends if nothing happens. */
static uint64_t phase_end(const struct keel_stream *stream)
{
	switch ((enum keel__phase)stream->phase) {
	case KEEL__PHASE_HANDSHAKE:
	case KEEL__PHASE_CLOSE:
		return stream->phase_ns;
	case KEEL__PHASE_IDLE:
		return stream->active_ns + idle_ns(stream);
	case KEEL__PHASE_GONE:
		break;
	}
	return KEEL__NEVER;
}

static uint64_t next_look(const struct keel_stream *stream)
{
	uint64_t end = phase_end(stream);

	if (stream->deadline_ns && stream->deadline_ns < end)
		return stream->deadline_ns;
	return end;
}

void keel__stream_arm(struct keel_stream *stream)
{
	keel__timer_arm(&stream->loop->timers, &stream->timer,
			next_look(stream));
}

bool keel__stream_is_sending(const struct keel_stream *stream)
{
	return keel__stream_has_op(stream, KEEL__OP_SEND) ||
	       keel__stream_has_op(stream, KEEL__OP_POLL);
}

/*
 * While a send is stuck nothing goes into the socket, so what is in it can only
 * become less: that is the peer reading, if slowly.
 */
static void look_at_queue(struct keel_stream *stream, uint64_t now_ns)
{
	int len = 0;

	if (ioctl(stream->fd, SIOCOUTQ, &len) < 0 || len < 0)
		return;
	if (!stream->sampled)
		/* Nothing to compare with: half a time more. */
		stream->active_ns = now_ns - idle_ns(stream) / 2;
	else if ((uint32_t)len < stream->outq)
		stream->active_ns = now_ns;
	stream->sampled = true;
	stream->outq = (uint32_t)len;
}

static void timed_out(struct keel_stream *stream, const char *site)
{
	keel__stream_end(stream, -ETIMEDOUT, KEEL_ERR_TIMEOUT, site);
}

uint64_t keel__stream_timer(struct keel_loop *loop, struct keel__timer *timer,
			    uint64_t now_ns)
{
	struct keel_stream *stream =
		keel__container_of(timer, struct keel_stream, timer);
	bool is_stuck = stream->phase == KEEL__PHASE_IDLE &&
			keel__stream_is_sending(stream);
	uint64_t next;

	(void)loop;
	if (stream->linger) {
		stream->linger = false;
		keel__stream_dirty(stream);
		return phase_end(stream);
	}
	if (stream->deadline_ns && stream->deadline_ns <= now_ns) {
		timed_out(stream, "deadline");
		return KEEL__NEVER;
	}
	if (is_stuck)
		look_at_queue(stream, now_ns);
	if (phase_end(stream) <= now_ns) {
		timed_out(stream, timeout_sites[stream->phase]);
		return KEEL__NEVER;
	}
	next = next_look(stream);
	/* Look often enough to tell slow from stuck. */
	if (is_stuck && next > now_ns + idle_ns(stream) / 2)
		next = now_ns + idle_ns(stream) / 2;
	return next;
}

void keel__stream_set_phase(struct keel_stream *stream, enum keel__phase phase)
{
	stream->phase = (uint8_t)phase;
	stream->phase_ns = stream->loop->now_ns +
			   stream->timeouts.close_ms * KEEL__NS_PER_MS;
	keel__stream_arm(stream);
}

static void trim(struct keel_stream *stream)
{
	keel_conn_trim(keel__stream_conn(stream));
	keel__stream_cool(stream);
}

void keel__stream_cool(struct keel_stream *stream)
{
	if (keel__link_alone(&stream->hot))
		return;
	keel__link_del(&stream->hot);
	stream->loop->nr_hot--;
}

static struct keel_stream *coldest(struct keel_loop *loop)
{
	return keel__container_of(loop->hot.next, struct keel_stream, hot);
}

void keel__stream_active(struct keel_stream *stream)
{
	stream->active_ns = stream->loop->now_ns;
	keel__stream_warm(stream);
}

void keel__stream_warm(struct keel_stream *stream)
{
	struct keel_loop *loop = stream->loop;

	if (loop->hot.prev == &stream->hot)
		return;
	if (keel__link_alone(&stream->hot))
		loop->nr_hot++;
	keel__link_move(&loop->hot, &stream->hot);
	if (loop->nr_hot > loop->opts.hot_streams)
		trim(coldest(loop));
}

void keel__streams_trim(struct keel_loop *loop, uint64_t before_ns)
{
	while (loop->nr_hot && coldest(loop)->active_ns < before_ns)
		trim(coldest(loop));
}

/* What the ring still owns of a stream that goes. False: the queue is full. */
static bool cancel_all(struct keel_stream *stream)
{
	enum keel__op op;

	for (op = KEEL__OP_QUIET; op < KEEL__NR_OPS; op++)
		if (keel__stream_has_op(stream, op) &&
		    keel__op_cancel(stream->loop, op, stream))
			return false;
	return true;
}

/*
 * A peer that does not read leaves its data in our socket; a reset frees it,
 * where an orderly end would keep it for minutes.
 */
static void reset_if_stuck(struct keel_stream *stream)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};
	int len = 0;

	if (ioctl(stream->fd, SIOCOUTQ, &len) < 0 || !len)
		return;
	setsockopt(stream->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

static void go(struct keel_stream *stream)
{
	stream->phase = KEEL__PHASE_GONE;
	keel__timer_disarm(&stream->loop->timers, &stream->timer);
	keel__stream_drop_output(stream);
}

static void end_with_error(struct keel_stream *stream)
{
	keel_conn_fail(keel__stream_conn(stream), stream->abort_err,
		       stream->abort_origin, stream->abort_site);
	reset_if_stuck(stream);
	go(stream);
}

/* Nothing of it is in use any more: tell, and free. */
static void finish(struct keel_stream *stream)
{
	struct keel_loop_stats *stats = &stream->loop->stats;
	const struct keel_err *err = keel_conn_err(keel__stream_conn(stream));
	struct keel_err cut = {
		.err = stream->cut ? -EKEYEXPIRED : 0,
		.origin = KEEL_ERR_USAGE,
		.site = "our key is at its end, and TLS 1.2 or the kernel has no KeyUpdate",
	};

	if (stream->pending) {
		if (!stream->canceled)
			stream->canceled = cancel_all(stream);
		if (!stream->canceled)
			keel__stream_dirty(stream);
		return;
	}
	/* The connection ended in order, but not when the application chose. */
	if (!err->err && cut.err)
		err = &cut;
	if (err->err)
		stats->failed++;
	if (err->err && err->origin == KEEL_ERR_TIMEOUT)
		stats->timed_out++;
	if (stream->ops->on_close)
		stream->ops->on_close(stream, err);
	keel__stream_free(stream);
}

/* An alert may be on its way still; data no longer is. */
static void fail(struct keel_stream *stream)
{
	if (stream->failed)
		return;
	stream->failed = true;
	keel__stream_drop_plain(stream);
	keel__stream_set_phase(stream, KEEL__PHASE_CLOSE);
	keel__stream_dirty(stream);
}

/* Not by our doing: its key is used up, in a version that has no other. */
static void close_by_itself(struct keel_stream *stream)
{
	if (stream->closed_tx)
		return;
	stream->cut = true;
	stream->closing = true;
	stream->paused = false;
	stream->closed_tx = true;
	keel__stream_drop_plain(stream);
	keel__stream_dirty(stream);
}

/* What the connection has come to without being asked. */
static void follow_state(struct keel_stream *stream)
{
	switch (keel_conn_get_state(keel__stream_conn(stream))) {
	case KEEL_CONN_NEW:
	case KEEL_CONN_HANDSHAKE:
	case KEEL_CONN_OPEN:
		break;
	case KEEL_CONN_CLOSING:
	case KEEL_CONN_CLOSED:
		close_by_itself(stream);
		break;
	case KEEL_CONN_FAILED:
		fail(stream);
		break;
	}
}

/* Once everything is out: what the connection wanted to happen then. */
static void after_output(struct keel_stream *stream)
{
	struct keel_conn *conn = keel__stream_conn(stream);

	if (!keel__stream_tx_idle(stream))
		return;
	if (stream->closed_tx && stream->phase == KEEL__PHASE_IDLE)
		keel__stream_set_phase(stream, KEEL__PHASE_CLOSE);
	if (stream->want_shutdown) {
		/* A record may be half in the socket: that is cut off. */
		if (stream->tx_kernel && !keel__stream_is_writable(stream)) {
			keel__stream_wait_writable(stream);
			return;
		}
		stream->want_shutdown = false;
		/* What it says tells nothing: the peer may be gone. */
		shutdown(stream->fd, SHUT_WR);
		if (keel_conn_op_done(conn, KEEL_OP_SHUTDOWN, 0) ||
		    !keel__stream_take_ops(stream))
			keel__stream_dirty(stream);
	}
	if (stream->want_gone && !keel__stream_lingers(stream))
		go(stream);
}

static void call_on_sent(struct keel_stream *stream)
{
	if (!stream->sent_due || stream->file || stream->closing ||
	    stream->leaving || stream->aborted || !keel__stream_tx_idle(stream))
		return;
	/* What it brought along is sent, too. */
	if (stream->brought &&
	    (!keel__stream_take_ops(stream) || !keel__stream_tx_idle(stream)))
		return;
	stream->brought = false;
	stream->sent_due = false;
	if (stream->ops->on_sent)
		stream->ops->on_sent(stream);
}

static void work(struct keel_stream *stream)
{
	if (keel__stream_has_op(stream, KEEL__OP_CONNECT))
		return;
	keel__stream_input_left(stream);
	keel__stream_recv_stopped(stream);
	call_on_sent(stream);
	if (stream->aborted)
		return;
	keel__stream_output(stream);
	follow_state(stream);
	after_output(stream);
	if (stream->phase != KEEL__PHASE_GONE)
		keel__stream_arm_recv(stream);
}

void keel__stream_service(struct keel_stream *stream)
{
	keel__stream_clean(stream);
	if (stream->leaving && keel__stream_leave(stream))
		return;
	if (stream->phase != KEEL__PHASE_GONE && !stream->aborted)
		work(stream);
	if (stream->phase != KEEL__PHASE_GONE && stream->aborted)
		end_with_error(stream);
	if (stream->phase == KEEL__PHASE_GONE)
		finish(stream);
}
