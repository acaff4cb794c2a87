/* SPDX-License-Identifier: MIT */
/* Fetch a page over TLS with a driver of one's own: client HOST PORT [CA] */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <keel/conn.h>

/* keel says what to do on the socket; this does it. */
struct driver {
	struct keel_conn *conn;
	int fd;
	bool wants_recv;
	struct keel_op send; /* len 0: none */
};

static int on_event(struct driver *d, const struct keel_event *event)
{
	static const char request[] = "GET / HTTP/1.0\r\n\r\n";
	ssize_t n = 0;

	switch (event->type) {
	case KEEL_EVENT_OPEN:
		n = keel_conn_send(d->conn, request, sizeof(request) - 1);
		break;
	case KEEL_EVENT_DATA:
		fwrite(event->data, 1, event->len, stdout);
		break;
	case KEEL_EVENT_EOF:
	case KEEL_EVENT_CUT:
		n = keel_conn_close(d->conn);
		break;
	case KEEL_EVENT_SESSION:
	case KEEL_EVENT_CLOSED:
	case KEEL_EVENT_FAILED:
		break;
	}
	return n < 0 ? (int)n : 0;
}

static int take_events(struct driver *d)
{
	struct keel_event event;
	int r;

	while ((r = keel_conn_next_event(d->conn, &event)) == 1) {
		r = on_event(d, &event);
		if (r < 0)
			break;
	}
	return r;
}

/* Note what is wanted. 1 when the connection is to be closed. */
static int take_ops(struct driver *d)
{
	struct keel_op op;
	int r;

	while ((r = keel_conn_next_op(d->conn, &op)) == 1) {
		switch (op.type) {
		case KEEL_OP_RECV:
			d->wants_recv = true;
			break;
		case KEEL_OP_SEND:
			d->send = op;
			break;
		case KEEL_OP_SHUTDOWN:
			r = shutdown(d->fd, SHUT_WR) < 0 ? -errno : 0;
			r = keel_conn_op_done(d->conn, op.type, r);
			break;
		case KEEL_OP_CLOSE:
			return 1;
		default:
			break; /* opts.has_socket is for drivers that do more */
		}
		if (r < 0)
			break;
	}
	return r;
}

static int do_send(struct driver *d)
{
	ssize_t n = send(d->fd, d->send.data, d->send.len,
			 MSG_NOSIGNAL | MSG_DONTWAIT);

	d->send.len = 0;
	return keel_conn_op_done(d->conn, KEEL_OP_SEND, n < 0 ? -errno : n);
}

static int do_recv(struct driver *d)
{
	char buf[16384];
	ssize_t n = recv(d->fd, buf, sizeof(buf), MSG_DONTWAIT);
	int r;

	d->wants_recv = false;
	r = n > 0 ? keel_conn_input(d->conn, buf, (size_t)n)
		  : keel_conn_op_done(d->conn, KEEL_OP_RECV,
				      n < 0 ? -errno : 0);
	/* The bytes lie in buf until there is no more event. */
	return r < 0 ? r : take_events(d);
}

static int drive(struct driver *d)
{
	struct pollfd pfd;
	int r;

	while ((r = take_ops(d)) == 0) {
		pfd = (struct pollfd){.fd = d->fd};
		pfd.events = (short)((d->wants_recv ? POLLIN : 0) |
				     (d->send.len ? POLLOUT : 0));
		if (poll(&pfd, 1, -1) < 0 && errno != EINTR)
			return -errno;
		if (d->send.len && pfd.revents)
			r = do_send(d);
		if (r >= 0 && d->wants_recv && pfd.revents & ~POLLOUT)
			r = do_recv(d);
		if (r >= 0)
			r = take_events(d);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : take_events(d);
}

static int dial(const char *host, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list;
	int fd = -1;
	int r = getaddrinfo(host, port, &hints, &list);

	if (r) {
		fprintf(stderr, "%s: %s\n", host, gai_strerror(r));
		return -1;
	}
	for (struct addrinfo *ai = list; ai && fd < 0; ai = ai->ai_next) {
		fd = socket(ai->ai_family, ai->ai_socktype, 0);
		if (fd >= 0 && connect(fd, ai->ai_addr, ai->ai_addrlen) < 0) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	if (fd < 0)
		perror(host);
	return fd;
}

static struct keel_ctx *make_ctx(const char *ca)
{
	struct keel_config *config;
	struct keel_ctx *ctx = NULL;
	int r = keel_config_new(KEEL_CLIENT, &config);

	if (r < 0) {
		fprintf(stderr, "out of memory\n");
		return NULL;
	}
	if (ca)
		r = keel_config_set_ca_file(config, ca);
	if (r >= 0)
		r = keel_ctx_new(config, NULL, &ctx);
	if (r < 0)
		fprintf(stderr, "%s\n", keel_config_diag(config)->text);
	keel_config_free(config);
	return ctx;
}

static int fetch(struct keel_ctx *ctx, const char *host, int fd)
{
	struct keel_conn_opts opts = {.sz = sizeof(opts), .host = host};
	struct driver d = {.fd = fd};
	char line[256];
	int r = keel_conn_new(ctx, &opts, &d.conn);

	if (r < 0) {
		fprintf(stderr, "connection: %s\n", strerror(-r));
		return r;
	}
	r = drive(&d);
	if (r >= 0)
		r = keel_conn_err(d.conn)->err;
	if (r < 0 &&
	    keel_err_format(keel_conn_err(d.conn), line, sizeof(line)) >= 0)
		fprintf(stderr, "%s: %s\n", host, line);
	keel_conn_free(d.conn);
	return r;
}

int main(int argc, char **argv)
{
	struct keel_ctx *ctx;
	int fd;
	int r = -1;

	if (argc < 3 || argc > 4) {
		fprintf(stderr, "usage: client HOST PORT [CA-FILE]\n");
		return 2;
	}
	ctx = make_ctx(argc > 3 ? argv[3] : NULL);
	fd = ctx ? dial(argv[1], argv[2]) : -1;
	if (fd >= 0) {
		r = fetch(ctx, argv[1], fd);
		close(fd);
	}
	keel_ctx_unref(ctx);
	return r < 0 ? 1 : 0;
}
