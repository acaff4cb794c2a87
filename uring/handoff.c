/* SPDX-License-Identifier: MIT */
/* A stream leaves its loop, and one that left another goes on here. */
#include "uring/uring-private.h"

#include <keel/serialize.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

/*
 * Whose a connection's bytes are goes along with them, as the machine writes
 * numbers: both processes are on the same.
 */
struct owner {
	uint64_t cookie;  /* of the socket: SO_COOKIE */
	uint64_t written; /* bytes that went into it, ever */
};

/* The kernel sends by itself what it has sealed, or does not count. */
#define WRITTEN_ANY UINT64_MAX

static bool acked(int fd, uint64_t *ret_bytes)
{
	struct tcp_info info = {.tcpi_state = 0};
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ||
	    len < offsetof(struct tcp_info, tcpi_bytes_received))
		return false;
	*ret_bytes = info.tcpi_bytes_acked;
	return true;
}

/*
 * What went into the socket: what the peer has acknowledged, and what it has
 * not. That it is still the same tells that no record has been sealed since, and
 * no number used. The two are read one after the other, and again if more was
 * acknowledged between.
 */
static uint64_t written(int fd, bool is_kernel)
{
	uint64_t before, after;
	unsigned int i;
	int queued = 0;

	if (is_kernel || !acked(fd, &before))
		return WRITTEN_ANY;
	for (i = 0; i < 1000; i++) {
		if (ioctl(fd, SIOCOUTQ, &queued) < 0 || !acked(fd, &after))
			return WRITTEN_ANY;
		if (before == after)
			break;
		before = after;
	}
	return before + (uint64_t)queued;
}

static int owner_of(int fd, bool is_kernel, struct owner *ret_owner)
{
	socklen_t len = sizeof(ret_owner->cookie);

	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &ret_owner->cookie, &len) < 0)
		return -errno;
	ret_owner->written = written(fd, is_kernel);
	return 0;
}

int keel_stream_detach(struct keel_stream *stream)
{
	if (!stream || !stream->ops->on_detach)
		return -EINVAL;
	if (!stream->opened && stream->phase == KEEL__PHASE_HANDSHAKE)
		return -EAGAIN;
	if (stream->closing || stream->aborted || stream->failed ||
	    stream->phase != KEEL__PHASE_IDLE)
		return -ESTALE;
	stream->leaving = true;
	keel__stream_dirty(stream);
	return 0;
}

/* Everything but a read of a file, which ends by itself. */
static bool take_back(struct keel_stream *stream)
{
	static const enum keel__op ops[] = {KEEL__OP_RECV, KEEL__OP_SEND,
					    KEEL__OP_POLL};
	size_t i;

	for (i = 0; i < KEEL__ARRAY_LEN(ops); i++)
		if (keel__stream_has_op(stream, ops[i]) &&
		    keel__op_cancel(stream->loop, ops[i], stream))
			return false;
	return true;
}

/* Is something of it still the ring's? Then it gets a turn when it is not. */
static bool is_busy(struct keel_stream *stream)
{
	if (!stream->pending)
		return false;
	if (!stream->taken_back)
		stream->taken_back = take_back(stream);
	if (!stream->taken_back)
		keel__stream_dirty(stream);
	return true;
}

/*
 * Sending that is about to move into the kernel waits for what was sealed, and
 * that for the peer. Then it moves where it is going, by the policy there.
 */
static int ready(struct keel_stream *stream)
{
	struct keel_conn *conn = keel__stream_conn(stream);
	struct keel_tx_info info;
	int err = keel__stream_ready(stream, &info);

	if (err != -EAGAIN || stream->tx_kernel)
		return err;
	err = keel_conn_set_offload(conn, KEEL_TX, KEEL_OFFLOAD_OFF);
	return err ? err : keel__stream_ready(stream, &info);
}

/* What was gathered or read is sealed; its keys may be about to change. */
static int seal_all(struct keel_stream *stream)
{
	int err;

	if (!stream->tx || !stream->tx->open_len)
		return 0;
	err = ready(stream);
	if (!err)
		err = keel__file_seal(stream);
	if (err || !stream->tx->open_len)
		return err;
	err = ready(stream);
	return err ? err : keel__stream_seal_open(stream);
}

static int give_back(struct keel_stream *stream)
{
	struct keel_conn *conn = keel__stream_conn(stream);
	const struct keel__txbuf *tx = stream->tx;
	int err = 0;

	if (tx && tx->head != tx->tail)
		err = keel_conn_unsend(conn, tx->data + tx->head,
				       tx->tail - tx->head);
	if (err)
		return err;
	keel__stream_release_tx(stream);
	stream->is_rest = false;
	if (stream->want_recv)
		err = keel_conn_op_done(conn, keel__stream_recv_op(stream),
					-EAGAIN);
	stream->want_recv = false;
	if (!err && stream->stop_recv)
		err = keel_conn_op_done(conn, KEEL_OP_RECV_STOP, 0);
	stream->stop_recv = false;
	return err;
}

static int serialize(struct keel_stream *stream, struct keel_blob *ret_blob)
{
	struct owner owner;
	int err = seal_all(stream);

	keel__file_uncork(stream);
	if (!err)
		err = owner_of(stream->fd, stream->tx_kernel, &owner);
	if (!err)
		err = give_back(stream);
	if (!err)
		err = keel_conn_serialize(keel__stream_conn(stream), &owner,
					  sizeof(owner), ret_blob);
	return err;
}

static void leave(struct keel_stream *stream, struct keel_blob *blob)
{
	struct keel_handoff handoff = {
		.sz = sizeof(handoff),
		.fd = stream->fd,
		.conn = *blob,
		.file_fd = stream->file ? stream->file_fd : -1,
		.file_offset = (off_t)stream->file_off,
		.file_len = stream->file ? stream->file_left : 0,
	};

	stream->phase = KEEL__PHASE_GONE;
	stream->loop->stats.detached++;
	stream->ops->on_detach(stream, &handoff);
	stream->fd = -1;
	keel_blob_fini(blob);
	keel__stream_free(stream);
}

/* It goes on here: its end has begun, or memory has run out. */
static void stay(struct keel_stream *stream)
{
	stream->leaving = false;
	stream->leave_waits = false;
	stream->ops->on_detach(stream, NULL);
	/* It was not told while it was leaving. */
	if (stream->loop->stopping)
		keel__stream_stop(stream, NULL);
	keel__stream_dirty(stream);
}

bool keel__stream_leave(struct keel_stream *stream)
{
	struct keel_blob blob;
	int err;

	if (stream->leave_waits && !keel__stream_is_flushed(stream))
		return false;
	if (stream->aborted || stream->closing ||
	    stream->phase != KEEL__PHASE_IDLE) {
		stay(stream);
		return false;
	}
	if (is_busy(stream))
		return true;
	stream->taken_back = false;
	err = serialize(stream, &blob);
	stream->leave_waits = err == -EAGAIN;
	if (!err)
		leave(stream, &blob);
	else if (err != -EAGAIN)
		stay(stream);
	return !err;
}

/* The descriptor may be any, and the bytes from anywhere. */
static int check_owner(const struct keel_handoff *handoff,
		       struct owner *ret_owner)
{
	size_t len;
	const void *extra = keel_blob_extra(&handoff->conn, &len);
	struct owner is;
	int err;

	/* What it is, damaged or of another format, keel_conn_deserialize() says. */
	if (!extra)
		return 0;
	if (len != sizeof(*ret_owner))
		return -EBADMSG;
	memcpy(ret_owner, extra, len);
	err = owner_of(handoff->fd, ret_owner->written == WRITTEN_ANY, &is);
	if (err)
		return err == -EBADF || err == -ENOTSOCK ? err : -ENOTSOCK;
	return memcmp(&is, ret_owner, sizeof(is)) ? -ESTALE : 0;
}

static int check_adopt(const struct keel_loop *loop,
		       const struct keel_adopt_opts *o)
{
	const struct keel_handoff *handoff = o->handoff;

	if (!o->ctx || !o->ops || !o->ops->on_data || !handoff ||
	    handoff->sz != sizeof(*handoff) || handoff->fd < 0 ||
	    (handoff->file_len &&
	     (handoff->file_fd < 0 || handoff->file_offset < 0)))
		return -EINVAL;
	return loop->stopping ? -ESHUTDOWN : 0;
}

static int adopt(struct keel_loop *loop, const struct keel_adopt_opts *o,
		 struct keel_stream **ret_stream)
{
	struct keel_conn_opts conn = {
		.sz = sizeof(conn), .id = ++loop->next_id, .has_socket = true};
	struct keel__stream_params params = {.ctx = o->ctx,
					     .ops = o->ops,
					     .arg = o->arg,
					     .timeouts = &o->timeouts,
					     .conn = &conn,
					     .blob = &o->handoff->conn,
					     .fd = o->handoff->fd};
	int err = keel__loop_slab(loop, o->data_len, &params.slab);

	return err ? err : keel__stream_new(loop, &params, ret_stream);
}

/* In the middle of things, with input that may not have been told. */
static void go_on(struct keel_stream *stream,
		  const struct keel_handoff *handoff)
{
	stream->opened = true;
	stream->phase = KEEL__PHASE_IDLE;
	stream->kept = true;
	stream->sent_due = true;
	stream->brought = true;
	keel__stream_look_at_engines(stream);
	if (handoff->file_len) {
		stream->file = true;
		stream->file_fd = handoff->file_fd;
		stream->file_off = (uint64_t)handoff->file_offset;
		stream->file_left = handoff->file_len;
	}
	stream->loop->stats.adopted++;
	keel__stream_start(stream);
}

int keel_stream_adopt(struct keel_loop *loop,
		      const struct keel_adopt_opts *opts,
		      struct keel_stream **ret_stream)
{
	struct keel_adopt_opts o;
	struct keel_stream *stream;
	struct owner owner;
	int err;

	if (!loop || !opts || !ret_stream ||
	    keel__opts_copy(&o, sizeof(o), opts, opts->sz))
		return -EINVAL;
	err = check_adopt(loop, &o);
	if (!err)
		err = check_owner(o.handoff, &owner);
	if (err)
		return err;
	keel__loop_refresh(loop);
	err = adopt(loop, &o, &stream);
	if (err)
		return err;
	go_on(stream, o.handoff);
	*ret_stream = stream;
	return 0;
}
