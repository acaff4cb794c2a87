/* SPDX-License-Identifier: MIT */
/* keel serve: the address to listen on. */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/serve-private.h"
#include "tools/tool-private.h"

static int bad_addr(const char *option, const char *text)
{
	keel__tool_error("--%s %s: must be ADDR:PORT or [IPV6]:PORT, such "
			 "as 127.0.0.1:8443 or 0.0.0.0:443",
			 option, text);
	return KEEL_EXIT_USAGE;
}

/*
 * Listeners of several workers share their port (SO_REUSEPORT), and so would
 * those of another server of the same user. A socket without that option shows
 * whether the port is free.
 */
static int probe(const struct addrinfo *info)
{
	int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;
	int err = 0;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, info->ai_addr, info->ai_addrlen) || listen(fd, 1))
		err = -errno;
	close(fd);
	return err;
}

static const char *probe_remedy(int err)
{
	switch (-err) {
	case EADDRINUSE:
		return "choose another port, or port 0 for a free one";
	case EACCES:
		return "ports below 1024 need CAP_NET_BIND_SERVICE; choose a "
		       "higher one";
	case EADDRNOTAVAIL:
		return "this machine has no such address; 'ip address' lists "
		       "those it has";
	default:
		return "choose another address";
	}
}

int keel__serve_resolve(const char *option, const char *text, bool probes,
			struct sockaddr_storage *ret_addr, socklen_t *ret_len)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV | AI_PASSIVE,
	};
	struct addrinfo *info;
	char host[KEEL__HOST_MAX];
	unsigned int number;
	const char *port;
	int err;

	if (keel__tool_split_addr(text, host, &port) ||
	    keel__tool_number(port, 0, 65535, &number))
		return bad_addr(option, text);
	err = getaddrinfo(host, port, &hints, &info);
	if (err) {
		keel__tool_error("--%s %s: %s; give an address of this machine",
				 option, text, gai_strerror(err));
		return KEEL_EXIT_FAILURE;
	}
	err = probes ? probe(info) : 0;
	memcpy(ret_addr, info->ai_addr, info->ai_addrlen);
	*ret_len = info->ai_addrlen;
	freeaddrinfo(info);
	if (err) {
		keel__tool_error("cannot listen on %s: %s; %s", text,
				 strerror(-err), probe_remedy(err));
		return KEEL_EXIT_FAILURE;
	}
	return 0;
}

/* 0, or a negative errno with what was tried in @ret_what. */
static int open_one(const struct keel_serve *serve, const char **ret_what)
{
	int fd = socket(serve->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;
	int err;

	*ret_what = "socket";
	if (fd < 0)
		return -errno;
	*ret_what = "listen";
	if (!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) &&
	    (serve->opts.nr_workers == 1 ||
	     !setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on))) &&
	    !bind(fd, (const struct sockaddr *)&serve->addr, serve->addr_len) &&
	    !listen(fd, INT_MAX))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* With port 0 the first socket gets one, and the others share it. */
static int open_next(struct keel_serve *serve, const char **ret_what)
{
	socklen_t len = sizeof(serve->addr);
	int fd = open_one(serve, ret_what);

	if (fd < 0)
		return fd;
	serve->listen_fds[serve->nr_listen_fds++] = fd;
	if (serve->nr_listen_fds == 1 &&
	    getsockname(fd, (struct sockaddr *)&serve->addr, &len))
		return -errno;
	return 0;
}

int keel__serve_open_sockets(struct keel_serve *serve)
{
	unsigned int nr = serve->opts.nr_workers;
	const char *what = "listen";
	int err = 0;

	serve->listen_fds = calloc(nr, sizeof(serve->listen_fds[0]));
	if (!serve->listen_fds)
		err = -ENOMEM;
	while (!err && serve->nr_listen_fds < nr)
		err = open_next(serve, &what);
	if (!err)
		return 0;
	keel__tool_error("cannot %s on %s: %s; %s", what, serve->opts.listen,
			 strerror(-err),
			 err == -EMFILE ? "raise RLIMIT_NOFILE (ulimit -n)"
					: probe_remedy(err));
	return KEEL_EXIT_FAILURE;
}

static void host_text(const struct sockaddr_storage *addr, char *buf,
		      size_t len)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;
	const struct sockaddr_in *in = (const struct sockaddr_in *)addr;
	const void *bytes = addr->ss_family == AF_INET6
				    ? (const void *)&in6->sin6_addr
				    : (const void *)&in->sin_addr;

	if (!inet_ntop(addr->ss_family, bytes, buf, (socklen_t)len))
		snprintf(buf, len, "?");
}

static bool is_wildcard(const struct sockaddr_storage *addr)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;
	const struct sockaddr_in *in = (const struct sockaddr_in *)addr;

	if (addr->ss_family == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
	return in->sin_addr.s_addr == htonl(INADDR_ANY);
}

void keel__serve_addr_text(const struct sockaddr_storage *addr, char *buf,
			   size_t len)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;
	const struct sockaddr_in *in = (const struct sockaddr_in *)addr;
	char host[INET6_ADDRSTRLEN];

	host_text(addr, host, sizeof(host));
	if (addr->ss_family == AF_INET6)
		snprintf(buf, len, "[%s]:%u", host, ntohs(in6->sin6_port));
	else
		snprintf(buf, len, "%s:%u", host, ntohs(in->sin_port));
}

void keel__serve_host(const struct sockaddr_storage *addr, char *buf,
		      size_t len)
{
	if (is_wildcard(addr))
		snprintf(buf, len, "localhost");
	else
		host_text(addr, buf, len);
}
