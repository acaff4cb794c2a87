/* SPDX-License-Identifier: MIT */
/* Streams: how they begin and end, and what the application may call. */
#include "uring/uring-private.h"

#include <keel/serialize.h>

static const struct keel_stream_timeouts default_timeouts = {
	.handshake_ms = 10000,
	.idle_ms = 60000,
	.close_ms = 5000,
};

static void set_timeouts(struct keel_stream_timeouts *t,
			 const struct keel_stream_timeouts *want)
{
	*t = *want;
	if (!t->handshake_ms)
		t->handshake_ms = default_timeouts.handshake_ms;
	if (!t->idle_ms)
		t->idle_ms = default_timeouts.idle_ms;
	if (!t->close_ms)
		t->close_ms = default_timeouts.close_ms;
}

static void stream_init(struct keel_stream *stream, struct keel_loop *loop,
			const struct keel__stream_params *params)
{
	stream->loop = loop;
	stream->ops = params->ops;
	stream->arg = params->arg;
	stream->fd = params->fd;
	stream->file_fd = -1;
	stream->timer.kind = KEEL__TIMER_STREAM;
	keel__link_init(&stream->queue);
	keel__link_init(&stream->hot);
	set_timeouts(&stream->timeouts, params->timeouts);
	stream->active_ns = loop->now_ns;
	stream->phase_ns =
		loop->now_ns + stream->timeouts.handshake_ms * KEEL__NS_PER_MS;
}

static int conn_init(struct keel_conn *conn,
		     const struct keel__stream_params *params)
{
	if (params->blob)
		return keel_conn_deserialize(conn, params->ctx, params->conn,
					     params->blob);
	return keel_conn_init(conn, params->ctx, params->conn);
}

int keel__stream_new(struct keel_loop *loop,
		     const struct keel__stream_params *params,
		     struct keel_stream **ret_stream)
{
	struct keel__chunk *chunk;
	struct keel_stream *stream;
	int err;

	/* One that was open elsewhere is not to be lost for a limit here. */
	if (!params->blob && loop->stats.nr_streams >= loop->opts.max_streams)
		return -EUSERS;
	err = keel__loop_reserve(loop);
	if (err)
		return err;
	stream = keel__slab_get(params->slab, &chunk);
	if (!stream)
		return -ENOMEM;
	stream->chunk = chunk;
	stream_init(stream, loop, params);
	err = conn_init(keel__stream_conn(stream), params);
	if (err) {
		keel__slab_put(chunk, stream);
		return err;
	}
	loop->stats.nr_streams++;
	*ret_stream = stream;
	return 0;
}

void keel__stream_start(struct keel_stream *stream)
{
	keel__stream_dirty(stream);
	keel__stream_arm(stream);
}

static void leave_queue(struct keel_stream *stream)
{
	if (stream->is_dirty)
		stream->loop->nr_dirty--;
	stream->is_dirty = false;
	stream->is_starved = false;
	keel__link_del(&stream->queue);
}

void keel__stream_dirty(struct keel_stream *stream)
{
	struct keel_loop *loop = stream->loop;

	if (stream->is_dirty)
		return;
	stream->is_dirty = true;
	stream->is_starved = false;
	keel__link_move(&loop->dirty, &stream->queue);
	loop->nr_dirty++;
}

void keel__stream_clean(struct keel_stream *stream)
{
	leave_queue(stream);
}

void keel__stream_free(struct keel_stream *stream)
{
	struct keel_loop *loop = stream->loop;
	struct keel_listener *listener = stream->listener;
	bool was_full = loop->stats.nr_streams >= loop->opts.max_streams;

	assert(!stream->pending);
	leave_queue(stream);
	keel__stream_release_tx(stream);
	keel__stream_cool(stream);
	keel__timer_disarm(&loop->timers, &stream->timer);
	if (stream->fd >= 0)
		keel__op_close(loop, stream->fd);
	keel_conn_fini(keel__stream_conn(stream));
	keel__slab_put(stream->chunk, stream);
	loop->stats.nr_streams--;
	loop->churn++;
	if (listener)
		keel__listener_unref(listener);
	if (was_full)
		keel__listeners_update(loop);
}

void keel__stream_refuse(struct keel_stream *stream)
{
	keel__stream_free(stream);
}

void keel__stream_end(struct keel_stream *stream, int err,
		      enum keel_err_origin origin, const char *site)
{
	if (stream->phase == KEEL__PHASE_GONE)
		return;
	if (!stream->aborted) {
		stream->aborted = true;
		stream->abort_err = err;
		stream->abort_origin = (uint8_t)origin;
		stream->abort_site = site;
	}
	keel__stream_dirty(stream);
}

void keel__streams_each(struct keel_loop *loop,
			void (*fn)(void *obj, void *arg), void *arg)
{
	struct keel__link *link;

	for (link = loop->slabs.next; link != &loop->slabs; link = link->next)
		keel__slab_each(
			keel__container_of(link, struct keel__slab, link), fn,
			arg);
}

struct each {
	void (*fn)(struct keel_stream *stream, void *arg);
	void *arg;
};

static void call_each(void *obj, void *arg)
{
	struct keel_stream *stream = obj;
	const struct each *each = arg;

	if (stream->phase != KEEL__PHASE_GONE)
		each->fn(stream, each->arg);
}

int keel_loop_each_stream(struct keel_loop *loop,
			  void (*fn)(struct keel_stream *stream, void *arg),
			  void *arg)
{
	struct each each = {.fn = fn, .arg = arg};

	if (!loop || !fn)
		return -EINVAL;
	keel__streams_each(loop, call_each, &each);
	return 0;
}

void keel__stream_stop(void *obj, void *arg)
{
	struct keel_stream *stream = obj;

	(void)arg;
	if (!stream->opened)
		keel__stream_end(stream, -ESHUTDOWN, KEEL_ERR_USAGE,
				 "handshake when the loop was stopped");
	else if (stream->closing || stream->leaving ||
		 stream->phase != KEEL__PHASE_IDLE)
		return;
	else if (stream->ops->on_drain)
		stream->ops->on_drain(stream);
	else
		keel_stream_close(stream);
}

void keel__stream_drain_over(void *obj, void *arg)
{
	(void)arg;
	keel__stream_end(obj, -ETIMEDOUT, KEEL_ERR_TIMEOUT, "drain timeout");
}

void keel__stream_loop_gone(void *obj, void *arg)
{
	(void)arg;
	keel__stream_end(obj, -ESHUTDOWN, KEEL_ERR_USAGE, "loop freed");
}

/* The application may send. */
static bool may_send(const struct keel_stream *stream)
{
	return stream->opened && !stream->closing && !stream->aborted &&
	       !stream->failed && stream->phase == KEEL__PHASE_IDLE;
}

ssize_t keel_stream_send(struct keel_stream *stream, const void *data,
			 size_t len)
{
	if (!stream || (!data && len))
		return -EINVAL;
	if (!may_send(stream))
		return -ESTALE;
	keel__stream_dirty(stream);
	stream->sent_due = true;
	if (stream->file)
		return 0;
	return keel__stream_gather(stream, data, len);
}

int keel_stream_send_file(struct keel_stream *stream, int fd, off_t offset,
			  uint64_t len)
{
	if (!stream || fd < 0 || offset < 0 || len > INT64_MAX ||
	    (uint64_t)offset > INT64_MAX - len)
		return -EINVAL;
	if (!may_send(stream))
		return -ESTALE;
	if (stream->file)
		return -EBUSY;
	stream->sent_due = true;
	keel__stream_dirty(stream);
	if (!len)
		return 0;
	stream->file = true;
	stream->file_fd = fd;
	stream->file_off = (uint64_t)offset;
	stream->file_left = len;
	stream->file_blocking = false;
	stream->file_uncached = false;
	return 0;
}

void keel_stream_pause(struct keel_stream *stream)
{
	if (stream)
		stream->paused = true;
}

void keel_stream_resume(struct keel_stream *stream)
{
	if (!stream || !stream->paused)
		return;
	stream->paused = false;
	keel__stream_dirty(stream);
}

void keel_stream_close(struct keel_stream *stream)
{
	if (!stream || stream->closing || stream->phase == KEEL__PHASE_GONE)
		return;
	stream->closing = true;
	stream->paused = false;
	stream->sent_due = false;
	keel__stream_dirty(stream);
}

void keel_stream_abort(struct keel_stream *stream, int err, const char *site)
{
	if (stream)
		keel__stream_end(stream, err < 0 ? err : -ECANCELED,
				 KEEL_ERR_USAGE,
				 site ? site : "keel_stream_abort()");
}

void keel_stream_set_deadline(struct keel_stream *stream, unsigned int ms)
{
	if (!stream)
		return;
	keel__loop_refresh(stream->loop);
	stream->deadline_ns =
		ms ? stream->loop->now_ns + ms * KEEL__NS_PER_MS : 0;
	if (ms && stream->phase != KEEL__PHASE_GONE)
		keel__timer_arm(&stream->loop->timers, &stream->timer,
				stream->deadline_ns);
}

void *keel_stream_data(struct keel_stream *stream)
{
	if (!stream || !stream->chunk->slab->data_len)
		return NULL;
	return (uint8_t *)keel__stream_conn(stream) +
	       keel__align16(keel_conn_size());
}

void *keel_stream_arg(const struct keel_stream *stream)
{
	return stream ? stream->arg : NULL;
}

struct keel_loop *keel_stream_loop(const struct keel_stream *stream)
{
	return stream ? stream->loop : NULL;
}

/* What the caller does with it may make the connection want something. */
struct keel_conn *keel_stream_conn(struct keel_stream *stream)
{
	if (!stream)
		return NULL;
	if (stream->phase != KEEL__PHASE_GONE)
		keel__stream_dirty(stream);
	return keel__stream_conn(stream);
}

int keel_stream_get_peer(const struct keel_stream *stream,
			 struct sockaddr_storage *ret_addr)
{
	struct sockaddr_storage addr = {0};
	socklen_t len = sizeof(addr);

	if (!stream || !ret_addr)
		return -EINVAL;
	if (getpeername(stream->fd, (struct sockaddr *)&addr, &len) < 0)
		return -errno;
	*ret_addr = addr;
	return 0;
}
