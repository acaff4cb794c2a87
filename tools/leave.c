/* SPDX-License-Identifier: MIT */
/* keel serve: connections that leave a worker, and come back to it. */
#include "tools/leave-private.h"

#include <string.h>
#include <unistd.h>

#include "tools/give-private.h"
#include "tools/tool-private.h"

void keel__give(struct keel_stream *stream)
{
	/* One that is closing ends here; there is nothing to pass on. */
	int err = keel_stream_detach(stream);

	(void)err;
}

/* It goes on in this process, as it was. */
static void keep(struct keel_stream *stream, const struct keel_handoff *handoff)
{
	struct keel_serve_worker *worker = keel_stream_arg(stream);
	struct keel_serve_conn *conn = keel_stream_data(stream);
	struct keel_adopt_opts opts = {
		.sz = sizeof(opts),
		.handoff = handoff,
		.ops = &keel__serve_ops,
		.arg = worker,
		.data_len = sizeof(*conn),
		.timeouts = keel__serve_timeouts(worker->serve),
	};
	struct keel_stream *again;
	int err;

	pthread_mutex_lock(&worker->serve->ctx_lock);
	opts.ctx = worker->serve->ctx;
	err = keel_stream_adopt(worker->loop, &opts, &again);
	pthread_mutex_unlock(&worker->serve->ctx_lock);
	if (err) {
		keel__tool_error("upgrade: a connection is lost: %s",
				 strerror(-err));
		close(handoff->fd);
		keel__serve_conn_fini(conn);
		return;
	}
	memcpy(keel_stream_data(again), conn, sizeof(*conn));
	if (conn->transfer || conn->rest)
		keel_stream_pause(again);
	if (conn->partial)
		keel_stream_set_deadline(again, KEEL_SERVE_REQUEST_MS);
}

void keel__give_parcel(struct keel_stream *stream,
		       const struct keel_handoff *handoff)
{
	struct keel_serve_worker *worker = keel_stream_arg(stream);
	struct keel_parcel *parcel = NULL;

	if (!handoff)
		return;
	/* Else it was too late: the other server has failed meanwhile. */
	if (worker->leaving)
		parcel = keel__parcel_pack(stream, handoff);
	if (parcel)
		keel__giver_enqueue(worker->serve->giver, parcel);
	else
		keep(stream, handoff);
}

static void give_stream(struct keel_stream *stream, void *arg)
{
	(void)arg;
	keel__give(stream);
}

void keel__post_leave(struct keel_loop *loop, void *arg)
{
	struct keel_serve_worker *worker = keel__serve_worker_of(arg, loop);

	if (!worker)
		return;
	worker->leaving = true;
	keel__serve_unlisten(worker);
	keel_loop_each_stream(loop, give_stream, NULL);
}

void keel__post_stay(struct keel_loop *loop, void *arg)
{
	struct keel_serve_worker *worker = keel__serve_worker_of(arg, loop);

	if (!worker)
		return;
	worker->leaving = false;
	if (!worker->nr_listeners && keel__serve_listen(worker))
		keel__tool_error("upgrade: a worker cannot listen again");
}

void keel__post_count(struct keel_loop *loop, void *arg)
{
	struct keel_serve_worker *worker = keel__serve_worker_of(arg, loop);
	struct keel_loop_stats stats = {.sz = sizeof(stats)};

	if (!worker || keel_loop_get_stats(loop, &stats))
		return;
	atomic_store(&worker->nr_streams, (unsigned int)stats.nr_streams);
	atomic_fetch_add(&worker->nr_counts, 1);
}

static void post_take_back(struct keel_loop *loop, void *arg)
{
	struct keel_parcel *parcel = arg;
	int err = keel__parcel_unpack(parcel->worker, parcel->data, parcel->len,
				      parcel->fds, parcel->nr_fds);

	(void)loop;
	if (err)
		keel__tool_error("upgrade: a connection is lost: %s",
				 strerror(-err));
	keel__parcel_free(parcel, err != 0);
}

void keel__parcel_take_back(struct keel_parcel *parcel)
{
	if (keel_loop_post(parcel->worker->loop, post_take_back, parcel)) {
		keel__tool_error("upgrade: a connection is lost: its worker "
				 "has ended");
		keel__parcel_free(parcel, true);
	}
}
