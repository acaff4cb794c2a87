/* SPDX-License-Identifier: MIT */
/* Open many TLS connections and hold them idle. */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/client.h"

struct held {
	int fd;
	SSL *ssl;
};

static const char usage_text[] =
	"usage: idle_conns [-n COUNT] [-V 1.2|1.3] [-s SUITE] [-g PATH]\n"
	"                  [-t SECONDS] ADDRESS PORT\n"
	"  -g PATH     fetch PATH once on each connection\n"
	"  -t SECONDS  hold at most that long\n"
	"Prints \"ready COUNT\" when all are open, holds them until its input\n"
	"ends, then prints \"alive N\": those the server has not closed.\n";

static void usage(void)
{
	fputs(usage_text, stderr);
	exit(2);
}

static void raise_descriptors(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
		err(1, "getrlimit");
	lim.rlim_cur = lim.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &lim);
}

static void open_one(struct held *held, const struct sockaddr_in *addr,
		     SSL_CTX *ctx, const char *path)
{
	held->fd = bench_connect(addr);
	if (held->fd < 0)
		errx(1, "connect: %s", strerror(-held->fd));
	held->ssl = bench_handshake(ctx, held->fd);
	if (!held->ssl)
		errx(1, "handshake refused");
	if (path && bench_get(held->ssl, path) < 0)
		errx(1, "%s: no answer", path);
}

/*
 * Whether the server has closed: the end of the stream, or the close_notify
 * that comes before it. Tickets nobody has read are fine.
 */
static bool is_alive(struct held *held)
{
	char byte;
	ssize_t n;

	if (SSL_peek(held->ssl, &byte, 1) == 1)
		return true;
	if (SSL_get_shutdown(held->ssl) & SSL_RECEIVED_SHUTDOWN)
		return false;
	n = recv(held->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	return n > 0 || (n < 0 && errno == EAGAIN);
}

static long count_alive(struct held *held, long nr)
{
	struct timeval soon = {.tv_usec = 1};
	long nr_alive = 0;
	long i;

	for (i = 0; i < nr; i++) {
		/* SSL_peek() must not wait for data that is not to come. */
		(void)setsockopt(held[i].fd, SOL_SOCKET, SO_RCVTIMEO, &soon,
				 sizeof(soon));
		if (is_alive(&held[i]))
			nr_alive++;
	}
	return nr_alive;
}

static void hold(long seconds)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	char buf[64];

	while (poll(&in, 1, (int)seconds * 1000) == 1) {
		if (read(STDIN_FILENO, buf, sizeof(buf)) <= 0)
			return;
	}
}

/* What the command line asks for. */
struct wish {
	struct bench_tls tls;
	struct sockaddr_in addr;
	const char *path;
	long seconds;
	long nr;
};

static void parse(int argc, char **argv, struct wish *wish)
{
	int opt;

	while ((opt = getopt(argc, argv, "n:V:s:g:t:")) != -1) {
		if (opt == 'n')
			wish->nr = bench_number("count", optarg, 1, 1000000);
		else if (opt == 'V')
			wish->tls.version = bench_version(optarg);
		else if (opt == 's')
			wish->tls.suite = optarg;
		else if (opt == 'g')
			wish->path = optarg;
		else if (opt == 't')
			wish->seconds =
				bench_number("seconds", optarg, 1, 3600);
		else
			usage();
	}
	if (argc - optind != 2)
		usage();
	wish->addr = bench_addr(argv[optind], argv[optind + 1]);
}

int main(int argc, char **argv)
{
	struct wish wish = {.seconds = 60, .nr = 1000};
	struct held *held;
	SSL_CTX *ctx;
	long i;

	parse(argc, argv, &wish);
	raise_descriptors();
	ctx = bench_ctx_new(&wish.tls);
	held = calloc((size_t)wish.nr, sizeof(*held));
	if (!ctx || !held)
		errx(1, "OpenSSL refuses these settings, or no memory");
	for (i = 0; i < wish.nr; i++)
		open_one(&held[i], &wish.addr, ctx, wish.path);
	printf("ready %ld %s %s\n", wish.nr, SSL_get_version(held[0].ssl),
	       SSL_get_cipher_name(held[0].ssl));
	fflush(stdout);
	hold(wish.seconds);
	printf("alive %ld\n", count_alive(held, wish.nr));
	for (i = 0; i < wish.nr; i++) {
		SSL_free(held[i].ssl);
		close(held[i].fd);
	}
	free(held);
	SSL_CTX_free(ctx);
	return 0;
}
