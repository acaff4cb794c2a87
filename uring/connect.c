/* SPDX-License-Identifier: MIT */
/* Outgoing streams. */
#include "uring/uring-private.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

void keel__stream_connect_done(struct keel_loop *loop, void *owner,
			       const struct io_uring_cqe *cqe)
{
	struct keel_stream *stream = owner;

	(void)loop;
	stream->pending &= (uint16_t) ~(1U << KEEL__OP_CONNECT);
	stream->tx->tail = 0;
	keel__stream_release_tx(stream);
	if (cqe->res < 0)
		keel__stream_end(stream, cqe->res, KEEL_ERR_SYS, "connect");
	keel__stream_dirty(stream);
}

/* The ring reads the address when it likes: it waits in the send buffer. */
static int start_connect(struct keel_stream *stream,
			 const struct keel_connect_opts *opts)
{
	struct keel_loop *loop = stream->loop;
	int err;

	stream->tx = keel__txpool_get(&loop->txpool, opts->addr_len);
	if (!stream->tx)
		return -ENOMEM;
	memcpy(stream->tx->data, opts->addr, opts->addr_len);
	stream->tx->tail = opts->addr_len;
	err = keel__op_start(loop, KEEL__OP_CONNECT, stream);
	if (err)
		return err;
	stream->pending |= 1U << KEEL__OP_CONNECT;
	keel__stream_arm(stream);
	return 0;
}

static int open_socket(const struct sockaddr *addr, int *ret_fd)
{
	int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		return -errno;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	*ret_fd = fd;
	return 0;
}

static int check_connect(const struct keel_loop *loop,
			 const struct keel_connect_opts *o)
{
	if (!o->addr || !o->ops || !o->ops->on_data || !o->ctx ||
	    o->addr_len < sizeof(sa_family_t) ||
	    o->addr_len > sizeof(struct sockaddr_storage) ||
	    keel_ctx_get_role(o->ctx) != KEEL_CLIENT)
		return -EINVAL;
	return loop->stopping ? -ESHUTDOWN : 0;
}

static int connect_stream(struct keel_loop *loop,
			  const struct keel_connect_opts *o,
			  struct keel_stream **ret_stream)
{
	struct keel_conn_opts conn = o->conn;
	struct keel__stream_params params = {.ctx = o->ctx,
					     .ops = o->ops,
					     .arg = o->arg,
					     .timeouts = &o->timeouts,
					     .conn = &conn};
	int err = keel__loop_slab(loop, o->data_len, &params.slab);

	conn.has_socket = true;
	if (!err)
		err = open_socket(o->addr, &params.fd);
	if (err)
		return err;
	err = keel__stream_new(loop, &params, ret_stream);
	if (err)
		close(params.fd);
	return err;
}

int keel_stream_connect(struct keel_loop *loop,
			const struct keel_connect_opts *opts,
			struct keel_stream **ret_stream)
{
	struct keel_connect_opts o;
	struct keel_stream *stream;
	int err;

	if (!loop || !opts || !ret_stream ||
	    keel__opts_copy(&o, sizeof(o), opts, opts->sz))
		return -EINVAL;
	err = check_connect(loop, &o);
	if (err)
		return err;
	keel__loop_refresh(loop);
	/* Nothing but its size: as good as none. */
	if (!o.conn.sz)
		o.conn.sz = sizeof(o.conn);
	if (!o.conn.id)
		o.conn.id = ++loop->next_id;
	err = connect_stream(loop, &o, &stream);
	if (err)
		return err;
	err = start_connect(stream, &o);
	if (err) {
		keel__stream_free(stream);
		return err;
	}
	*ret_stream = stream;
	return 0;
}
