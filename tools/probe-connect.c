/* SPDX-License-Identifier: MIT */
/* keel probe --connect: makes a TLS connection, to say who protects it. */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/probe-connect-private.h"
#include "tools/probe-private.h"
#include "tools/tool-private.h"

#define CONNECT_MS 10000
#define HANDSHAKE_MS 10000

/* For tickets to come, and for what they keep from moving to move. */
#define SETTLE_MS 200
#define CLOSE_MS 1000

#define ENDS (1U << KEEL_EVENT_CLOSED | 1U << KEEL_EVENT_FAILED)

static void note_address(const struct addrinfo *info, char *buf, size_t len)
{
	char host[KEEL__HOST_MAX];
	char port[16];

	if (getnameinfo(info->ai_addr, info->ai_addrlen, host, sizeof(host),
			port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV))
		return;
	(void)snprintf(buf, len,
		       info->ai_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
		       port);
}

/* How a connect(2) that did not block has ended. */
static int await(int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLOUT};
	int err = 0;
	socklen_t len = sizeof(err);

	if (poll(&pfd, 1, CONNECT_MS) <= 0)
		return -ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len))
		return -errno;
	return -err;
}

/* A connected socket that does not block, or a negative errno. */
static int dial_one(const struct addrinfo *info)
{
	int fd = socket(info->ai_family,
			SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, info->ai_addr, info->ai_addrlen))
		err = errno == EINPROGRESS ? await(fd) : -errno;
	if (!err)
		return fd;
	close(fd);
	return err;
}

static const char *dial_remedy(int err)
{
	switch (-err) {
	case ECONNREFUSED:
		return "nothing listens there";
	case ENETUNREACH:
	case EHOSTUNREACH:
		return "this machine has no route there, see \"ip route\"";
	case ETIMEDOUT:
		return "nothing answers; a firewall may drop it";
	default:
		return "is the address right?";
	}
}

/* The descriptor, or the exit code below 0. */
static int dial(struct keel__probe *probe, const char *host, const char *port)
{
	const char *target = probe->opts.connect;
	const struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV,
	};
	struct addrinfo *list;
	int fd = -1;
	int err = getaddrinfo(host, port, &hints, &list);

	if (err) {
		keel__tool_error("--connect %s: %s; is the name right?", target,
				 gai_strerror(err));
		return -KEEL_EXIT_FAILURE;
	}
	for (struct addrinfo *info = list; info && fd < 0;
	     info = info->ai_next) {
		fd = dial_one(info);
		if (fd >= 0)
			note_address(info, probe->conn.address,
				     sizeof(probe->conn.address));
	}
	freeaddrinfo(list);
	if (fd >= 0)
		return fd;
	keel__tool_error("--connect %s: %s; %s", target, strerror(-fd),
			 dial_remedy(fd));
	return -KEEL_EXIT_FAILURE;
}

/* All that can move moves, and at once: there is nothing to wait for. */
static int configure(const struct keel__probe_opts *opts,
		     struct keel_config *config)
{
	int err = keel_config_set_offload_after(config, 0);

	if (!err && opts->ca)
		err = keel_config_set_ca_file(config, opts->ca);
	if (!err && opts->is_insecure)
		err = keel_config_set_verify(config, KEEL_VERIFY_NONE);
	return err;
}

static int make_ctx(const struct keel__probe_opts *opts,
		    struct keel_ctx **ret_ctx)
{
	struct keel_config *config = NULL;
	int err = keel_config_new(KEEL_CLIENT, &config);

	if (err) {
		keel__tool_error("%s", strerror(-err));
		return err;
	}
	return keel__tool_ctx(config, configure(opts, config), ret_ctx);
}

static int complain(const struct keel__probe *probe,
		    const struct keel_conn *conn, int err)
{
	const struct keel_err *what = keel_conn_err(conn);
	const char *remedy = "";
	char line[256] = "";

	if (!what->err || keel_err_format(what, line, sizeof(line)) < 0)
		(void)snprintf(line, sizeof(line), "%s",
			       err == -ETIMEDOUT
				       ? "no handshake in 10 seconds; is it a "
					 "TLS server?"
				       : strerror(-err));
	if (what->err == -EKEYREJECTED)
		remedy = "; --ca FILE trusts another authority, --insecure "
			 "asks for no proof";
	keel__tool_error("--connect %s: %s%s", probe->opts.connect, line,
			 remedy);
	return -KEEL_EXIT_FAILURE;
}

/* How it stands once nothing moves any more; then its end, in order. */
static int look(struct keel__probe *probe, struct keel__drive *drive)
{
	struct keel__conn *conn = &probe->conn;
	int err =
		keel__drive(drive, 1U << KEEL_EVENT_OPEN | ENDS, HANDSHAKE_MS);

	if (!(drive->events & 1U << KEEL_EVENT_OPEN))
		return complain(probe, drive->conn, err ? err : -EPROTO);
	err = keel__drive(drive, ENDS, SETTLE_MS);
	if (drive->events & 1U << KEEL_EVENT_FAILED)
		return complain(probe, drive->conn, err ? err : -EPROTO);
	conn->info.sz = sizeof(conn->info);
	err = keel_conn_get_info(drive->conn, &conn->info);
	if (err)
		return complain(probe, drive->conn, err);
	keel__probe_socket(drive->fd, conn);
	conn->is_made = true;
	/* What the peer makes of it is not asked. */
	if (!keel_conn_close(drive->conn))
		(void)keel__drive(drive, ENDS, CLOSE_MS);
	return 0;
}

static int talk(struct keel__probe *probe, struct keel_ctx *ctx, int fd,
		const char *host)
{
	const struct keel_conn_opts opts = {
		.sz = sizeof(opts),
		.host = host,
		.has_socket = true,
	};
	struct keel__drive drive = {.fd = fd};
	int err = keel_conn_new(ctx, &opts, &drive.conn);

	if (err) {
		keel__tool_error("--connect %s: %s", probe->opts.connect,
				 strerror(-err));
		return -KEEL_EXIT_FAILURE;
	}
	(void)snprintf(probe->conn.backend, sizeof(probe->conn.backend), "%s",
		       keel_ctx_backend_name(ctx));
	err = look(probe, &drive);
	keel_conn_free(drive.conn);
	return err;
}

static int connect_to(struct keel__probe *probe, const char *host,
		      const char *port)
{
	struct keel_ctx *ctx = NULL;
	int fd;
	int err;

	if (make_ctx(&probe->opts, &ctx))
		return -KEEL_EXIT_FAILURE;
	fd = dial(probe, host, port);
	err = fd;
	if (fd >= 0) {
		err = talk(probe, ctx, fd, host);
		close(fd);
	}
	keel_ctx_unref(ctx);
	return err;
}

int keel__probe_connect(struct keel__probe *probe)
{
	/* The kernel's TLS raises it for a peer that is gone. */
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct sigaction before;
	char host[KEEL__HOST_MAX];
	unsigned int number;
	const char *port;
	int err;

	if (keel__tool_split_addr(probe->opts.connect, host, &port) ||
	    keel__tool_number(port, 1, 65535, &number)) {
		keel__tool_error("--connect %s: must be HOST:PORT or "
				 "[IPV6]:PORT, such as www.example.org:443",
				 probe->opts.connect);
		return KEEL_EXIT_USAGE;
	}
	(void)sigaction(SIGPIPE, &ignore, &before);
	err = connect_to(probe, host, port);
	(void)sigaction(SIGPIPE, &before, NULL);
	return -err;
}
