/* SPDX-License-Identifier: MIT */
/* Listeners: accepting, and not accepting for a while. */
#include "uring/uring-private.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

/* After an accept that failed for want of something. */
#define BACKOFF_NS (100 * KEEL__NS_PER_MS)

static struct keel_listener *listener_of(struct keel__link *link)
{
	return keel__container_of(link, struct keel_listener, link);
}

/* How many more streams there may be. */
static unsigned int room(const struct keel_listener *listener)
{
	const struct keel_loop *loop = listener->loop;
	unsigned int nr = listener->max_streams > listener->nr_streams
				  ? listener->max_streams - listener->nr_streams
				  : 0;
	uint64_t all = loop->opts.max_streams > loop->stats.nr_streams
			       ? loop->opts.max_streams - loop->stats.nr_streams
			       : 0;

	return all < nr ? (unsigned int)all : nr;
}

void keel__listener_prep(struct io_uring_sqe *sqe, void *owner)
{
	struct keel_listener *listener = owner;

	listener->is_many = room(listener) > listener->loop->near_limit;
	if (listener->is_many)
		io_uring_prep_multishot_accept(sqe, listener->fd, NULL, NULL,
					       SOCK_CLOEXEC);
	else
		io_uring_prep_accept(sqe, listener->fd, NULL, NULL,
				     SOCK_CLOEXEC);
}

static void listener_free(struct keel_listener *listener)
{
	keel__timer_disarm(&listener->loop->timers, &listener->timer);
	keel__link_del(&listener->link);
	listener->loop->nr_listeners--;
	keel_ctx_unref(listener->ctx);
	free(listener);
}

/* Not to accept while there is no room; the answer to that comes later. */
static void retry_later(struct keel_listener *listener)
{
	struct keel_loop *loop = listener->loop;

	listener->backoff = true;
	keel__timer_arm(&loop->timers, &listener->timer,
			loop->now_ns + BACKOFF_NS);
}

static void cancel_accept(struct keel_listener *listener)
{
	if (listener->canceling)
		return;
	if (keel__op_cancel(listener->loop, KEEL__OP_ACCEPT, listener))
		retry_later(listener);
	else
		listener->canceling = true;
}

/* The socket stays open as long as the ring uses it. */
static void close_socket(struct keel_listener *listener)
{
	if (listener->armed) {
		cancel_accept(listener);
		return;
	}
	if (listener->fd >= 0)
		keel__op_close(listener->loop, listener->fd);
	listener->fd = -1;
	if (listener->closed && !listener->nr_streams)
		listener_free(listener);
}

void keel__listener_update(struct keel_listener *listener)
{
	if (listener->closed || listener->stopped) {
		close_socket(listener);
		return;
	}
	/* A many-shot accept that has come near the limit ends. */
	if (listener->armed && listener->is_many &&
	    room(listener) <= listener->loop->near_limit)
		cancel_accept(listener);
	if (listener->armed || listener->backoff || !room(listener))
		return;
	if (keel__op_start(listener->loop, KEEL__OP_ACCEPT, listener))
		retry_later(listener);
	else
		listener->armed = true;
}

uint64_t keel__listener_timer(struct keel_loop *loop, struct keel__timer *timer,
			      uint64_t now_ns)
{
	struct keel_listener *listener =
		keel__container_of(timer, struct keel_listener, timer);

	(void)loop;
	(void)now_ns;
	listener->backoff = false;
	keel__listener_update(listener);
	return KEEL__NEVER;
}

/* What an accept reports about a connection that is gone, see accept(2). */
static bool is_peers_fault(int err)
{
	static const int errs[] = {ECONNABORTED, EPROTO,      ENETDOWN,
				   ENOPROTOOPT,	 EHOSTDOWN,   ENONET,
				   EHOSTUNREACH, ENETUNREACH, EINTR,
				   EAGAIN,	 EPERM};
	size_t i;

	for (i = 0; i < KEEL__ARRAY_LEN(errs); i++)
		if (err == -errs[i])
			return true;
	return false;
}

/* Out of descriptors or memory: the log hears of it once, until it is over. */
static void accept_failed(struct keel_listener *listener, int err)
{
	struct keel_loop *loop = listener->loop;

	if (err == -ECANCELED)
		return;
	loop->stats.accept_errors++;
	if (is_peers_fault(err))
		return;
	if (!listener->episode)
		keel__loop_log(loop, KEEL_LOG_WARN, "accept-failed", err,
			       "accepting a connection; trying again");
	listener->episode = true;
	retry_later(listener);
}

static void accepted(struct keel_listener *listener, int fd)
{
	struct keel_loop *loop = listener->loop;
	struct keel_conn_opts conn = {
		.sz = sizeof(conn), .id = ++loop->next_id, .has_socket = true};
	struct keel__stream_params params = {
		.slab = listener->slab,
		.ctx = listener->ctx,
		.ops = listener->ops,
		.arg = listener->arg,
		.timeouts = &listener->timeouts,
		.conn = &conn,
		.fd = fd,
	};
	struct keel_stream *stream;
	int err = keel__stream_new(loop, &params, &stream);

	if (err) {
		keel__op_close(loop, fd);
		accept_failed(listener, err);
		return;
	}
	loop->stats.accepted++;
	listener->episode = false;
	listener->nr_streams++;
	stream->listener = listener;
	if (stream->ops->on_accept && stream->ops->on_accept(stream) < 0)
		keel__stream_refuse(stream);
	else
		keel__stream_start(stream);
}

/* More than NEAR_LIMIT in one burst: it is the limit that counts. */
static void too_many(struct keel_loop *loop, int fd)
{
	loop->stats.accept_errors++;
	keel__op_close(loop, fd);
}

void keel__listener_accept_done(struct keel_loop *loop, void *owner,
				const struct io_uring_cqe *cqe)
{
	struct keel_listener *listener = owner;
	bool has_room = room(listener);

	/* One more user, or a callback that closes it would free it. */
	listener->nr_streams++;
	if (!(cqe->flags & IORING_CQE_F_MORE)) {
		listener->armed = false;
		listener->canceling = false;
	}
	if (cqe->res < 0)
		accept_failed(listener, cqe->res);
	else if (listener->stopped)
		keel__op_close(loop, cqe->res);
	else if (!has_room)
		too_many(loop, cqe->res);
	else
		accepted(listener, cqe->res);
	listener->nr_streams--;
	keel__listener_update(listener);
}

void keel__listener_unref(struct keel_listener *listener)
{
	listener->nr_streams--;
	/* What the stream held may be what was missing. */
	if (listener->backoff) {
		keel__timer_disarm(&listener->loop->timers, &listener->timer);
		listener->backoff = false;
	}
	keel__listener_update(listener);
}

void keel__listeners_update(struct keel_loop *loop)
{
	struct keel__link *link = loop->listeners.next;

	while (link != &loop->listeners) {
		struct keel__link *next = link->next;

		keel__listener_update(listener_of(link));
		link = next;
	}
}

void keel__listeners_stop(struct keel_loop *loop)
{
	struct keel__link *link = loop->listeners.next;

	while (link != &loop->listeners) {
		struct keel__link *next = link->next;

		listener_of(link)->stopped = true;
		keel__listener_update(listener_of(link));
		link = next;
	}
}

/* Those that the application did not close itself. */
void keel__listeners_free(struct keel_loop *loop)
{
	while (!keel__link_alone(&loop->listeners))
		listener_free(listener_of(loop->listeners.next));
}

static int open_socket(const struct keel_listener_opts *opts, int *ret_fd)
{
	/* The kernel cuts it down to its own limit, net.core.somaxconn. */
	int backlog = opts->backlog && opts->backlog < INT_MAX
			      ? (int)opts->backlog
			      : INT_MAX;
	int fd = socket(opts->addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;
	int err;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* Inherited by what is accepted; records are whole messages. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if ((opts->reuse_port &&
	     setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0) ||
	    bind(fd, opts->addr, opts->addr_len) < 0 ||
	    listen(fd, backlog) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

/* What the one who opened it may have set otherwise. */
static int take_socket(const struct keel_listener_opts *opts, int *ret_fd)
{
	int type = 0, listens = 0;
	int on = 1;
	socklen_t len = sizeof(int);
	int flags = fcntl(opts->fd, F_GETFL);

	if (flags < 0 ||
	    getsockopt(opts->fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
	    getsockopt(opts->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) <
		    0 ||
	    type != SOCK_STREAM || !listens ||
	    setsockopt(opts->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
		return -EINVAL;
	/* The ring would not wait on one that does not block. */
	if (flags & O_NONBLOCK &&
	    fcntl(opts->fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
		return -errno;
	*ret_fd = opts->fd;
	return 0;
}

static int listener_init(struct keel_listener *listener,
			 const struct keel_listener_opts *opts)
{
	struct keel_loop *loop = listener->loop;
	int err = keel__loop_slab(loop, opts->data_len, &listener->slab);

	if (!err)
		err = keel__loop_reserve(loop);
	if (!err)
		err = opts->has_fd ? take_socket(opts, &listener->fd)
				   : open_socket(opts, &listener->fd);
	if (err)
		return err;
	listener->ctx = keel_ctx_ref(opts->ctx);
	listener->ops = opts->ops;
	listener->arg = opts->arg;
	listener->timeouts = opts->timeouts;
	listener->max_streams =
		opts->max_streams ? opts->max_streams : UINT_MAX;
	listener->timer.kind = KEEL__TIMER_LISTENER;
	return 0;
}

static bool is_server(const struct keel_ctx *ctx)
{
	return ctx && keel_ctx_get_role(ctx) == KEEL_SERVER;
}

int keel_listener_new(struct keel_loop *loop,
		      const struct keel_listener_opts *opts,
		      struct keel_listener **ret_listener)
{
	struct keel_listener_opts o;
	struct keel_listener *listener;
	int err;

	if (!loop || !opts || !ret_listener ||
	    keel__opts_copy(&o, sizeof(o), opts, opts->sz) ||
	    (!o.addr && !o.has_fd) || !o.ops || !o.ops->on_data ||
	    !is_server(o.ctx))
		return -EINVAL;
	if (loop->stopping)
		return -ESHUTDOWN;
	listener = calloc(1, sizeof(*listener));
	if (!listener)
		return -ENOMEM;
	listener->loop = loop;
	keel__loop_refresh(loop);
	err = listener_init(listener, &o);
	if (err) {
		free(listener);
		return err;
	}
	keel__link_init(&listener->link);
	keel__link_append(&loop->listeners, &listener->link);
	loop->nr_listeners++;
	keel__listener_update(listener);
	*ret_listener = listener;
	return 0;
}

int keel_listener_get_addr(const struct keel_listener *listener,
			   struct sockaddr_storage *ret_addr)
{
	struct sockaddr_storage addr = {0};
	socklen_t len = sizeof(addr);

	if (!listener || !ret_addr)
		return -EINVAL;
	if (getsockname(listener->fd, (struct sockaddr *)&addr, &len) < 0)
		return -errno;
	*ret_addr = addr;
	return 0;
}

int keel_listener_set_ctx(struct keel_listener *listener, struct keel_ctx *ctx)
{
	struct keel_ctx *old;

	if (!listener || !is_server(ctx))
		return -EINVAL;
	old = listener->ctx;
	listener->ctx = keel_ctx_ref(ctx);
	keel_ctx_unref(old);
	return 0;
}

void keel_listener_close(struct keel_listener *listener)
{
	if (!listener)
		return;
	listener->closed = true;
	keel__timer_disarm(&listener->loop->timers, &listener->timer);
	keel__listener_update(listener);
}
