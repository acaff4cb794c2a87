/* SPDX-License-Identifier: MIT */
/* Make many full TLS handshakes, each on a connection of its own. */
#include <err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/client.h"

#define MAX_THREADS 64

/* What the threads share; nothing but the counters changes. */
struct run {
	struct sockaddr_in addr;
	struct bench_tls tls;
	SSL_CTX *ctx;
	bool abort;
	const char *path;
	long nr_wanted;
	atomic_long nr_started;
	atomic_long nr_failed;
	atomic_long nr_resumed;
};

static const char usage_text[] =
	"usage: tls_handshakes [-n COUNT] [-c THREADS] [-V 1.2|1.3] [-s SUITE]\n"
	"                      [-g PATH] [-r] ADDRESS PORT\n"
	"  -g PATH  fetch PATH on each connection\n"
	"  -r       end each connection with a reset, not in order\n";

/*
 * End in order and wait for the server to be done with the connection: the
 * CPU time it spends on closing belongs to this handshake, not to a later one.
 */
static void end_connection(const struct run *run, SSL *ssl, int fd)
{
	struct linger linger = {.l_onoff = 1};
	char buf[4096];

	if (run->abort) {
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger,
				 sizeof(linger));
		SSL_set_quiet_shutdown(ssl, 1);
		return;
	}
	(void)SSL_shutdown(ssl);
	(void)shutdown(fd, SHUT_WR);
	while (read(fd, buf, sizeof(buf)) > 0)
		continue;
}

static bool one_handshake(struct run *run)
{
	bool ok = false;
	SSL *ssl;
	int fd;

	fd = bench_connect(&run->addr);
	if (fd < 0)
		return false;
	ssl = bench_handshake(run->ctx, fd);
	if (ssl) {
		ok = !run->path || bench_get(ssl, run->path) >= 0;
		if (SSL_session_reused(ssl))
			atomic_fetch_add(&run->nr_resumed, 1);
		end_connection(run, ssl, fd);
	}
	SSL_free(ssl);
	close(fd);
	return ok;
}

static void *worker(void *arg)
{
	struct run *run = arg;

	while (atomic_fetch_add(&run->nr_started, 1) < run->nr_wanted) {
		if (!one_handshake(run))
			atomic_fetch_add(&run->nr_failed, 1);
	}
	return NULL;
}

static int count_ticket(SSL *ssl, SSL_SESSION *session)
{
	atomic_int *nr_tickets = SSL_get_app_data(ssl);

	(void)session;
	if (nr_tickets)
		atomic_fetch_add(nr_tickets, 1);
	return 0;
}

/*
 * One connection that reads an answer, and with it the tickets before it: the
 * facts about the set-up that belong beside the figure.
 */
static void print_setup(struct run *run)
{
	atomic_int nr_tickets = 0;
	int fd = bench_connect(&run->addr);
	SSL *ssl;

	if (fd < 0)
		errx(1, "connect: %s", strerror(-fd));
	ssl = SSL_new(run->ctx);
	if (!ssl)
		errx(1, "SSL_new: no memory");
	SSL_set_app_data(ssl, &nr_tickets);
	if (SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1)
		errx(1, "the server refuses the handshake");
	(void)bench_get(ssl, run->path ? run->path : "/");
	printf("version=%s suite=%s tickets=%d ", SSL_get_version(ssl),
	       SSL_get_cipher_name(ssl), atomic_load(&nr_tickets));
	end_connection(run, ssl, fd);
	SSL_free(ssl);
	close(fd);
}

static double seconds_since(const struct timespec *from)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - from->tv_sec) +
	       (double)(now.tv_nsec - from->tv_nsec) / 1e9;
}

static void run_threads(struct run *run, long nr_threads)
{
	pthread_t threads[MAX_THREADS];
	struct timespec start;
	long i;

	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	for (i = 0; i < nr_threads; i++) {
		if (pthread_create(&threads[i], NULL, worker, run))
			errx(1, "no thread");
	}
	for (i = 0; i < nr_threads; i++)
		pthread_join(threads[i], NULL);
	printf("threads=%ld handshakes=%ld failed=%ld resumed=%ld "
	       "seconds=%.3f\n",
	       nr_threads, run->nr_wanted, atomic_load(&run->nr_failed),
	       atomic_load(&run->nr_resumed), seconds_since(&start));
}

static void usage(void)
{
	fputs(usage_text, stderr);
	exit(2);
}

static long parse(int argc, char **argv, struct run *run)
{
	long nr_threads = 1;
	int opt;

	while ((opt = getopt(argc, argv, "n:c:V:s:g:r")) != -1) {
		if (opt == 'n')
			run->nr_wanted =
				bench_number("count", optarg, 0, 10000000);
		else if (opt == 'c')
			nr_threads =
				bench_number("threads", optarg, 1, MAX_THREADS);
		else if (opt == 'V')
			run->tls.version = bench_version(optarg);
		else if (opt == 's')
			run->tls.suite = optarg;
		else if (opt == 'g')
			run->path = optarg;
		else if (opt == 'r')
			run->abort = true;
		else
			usage();
	}
	if (argc - optind != 2)
		usage();
	run->addr = bench_addr(argv[optind], argv[optind + 1]);
	return nr_threads;
}

int main(int argc, char **argv)
{
	struct run run = {.nr_wanted = 1000};
	long nr_threads = parse(argc, argv, &run);

	run.ctx = bench_ctx_new(&run.tls);
	if (!run.ctx)
		errx(1, "OpenSSL refuses these settings");
	SSL_CTX_set_session_cache_mode(
		run.ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(run.ctx, count_ticket);
	print_setup(&run);
	run_threads(&run, nr_threads);
	SSL_CTX_free(run.ctx);
	return atomic_load(&run.nr_failed) ? 1 : 0;
}
