/* SPDX-License-Identifier: MIT */
/* Hold many connections to a TLS server that never finish a handshake. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/bio.h>

#include "tests/bench/client.h"

#define TICK_MS 50
#define BYTE_MS 1000
#define MAX_EVENTS 256
#define RUBBISH_LEN 600

enum kind {
	KIND_SILENT,
	KIND_HALF,
	KIND_DRIBBLE,
	KIND_RUBBISH,
	KIND_STALL,
	NR_KINDS,
};

struct peer {
	int fd; /* -1: not open */
	enum kind kind;
	bool connected;
	size_t nr_sent;
	int64_t since_ms; /* connected since */
	int64_t next_ms;  /* next byte, or next try to connect */
};

/* What one kind saw, for the table at the end. */
struct tally {
	long nr_connected;
	long nr_closed;
	long nr_refused;
	int64_t first_ms; /* shortest and longest life a server gave */
	int64_t last_ms;
};

struct run {
	struct sockaddr_in addr;
	long nr_peers;
	long seconds;
	long rate; /* connects a second at most */
	int64_t start_ms;
	bool reopen;
	int epfd;
	struct peer *peers;
	struct tally tally[NR_KINDS];
	uint8_t hello[2048];
	size_t hello_len;
	uint64_t seed;
	long nr_tries;
};

static const char usage_text[] =
	"usage: hostile [-n COUNT] [-k KIND,...] [-t SECONDS] [-r RATE] [-o]\n"
	"               ADDRESS PORT\n"
	"  -k KIND  of silent, half, dribble, rubbish, stall; default: all five\n"
	"  -r RATE  connections opened a second at most; default 2000\n"
	"  -o       open a connection again when the server closes it\n"
	"Prints \"ready\" when each connection was opened once, and at the end a\n"
	"line for each kind. Succeeds if every connection could be opened.\n";

static void usage(void)
{
	fputs(usage_text, stderr);
	exit(2);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The server may close at any time: a failed send is seen as an event. */
static void send_some(struct peer *peer, const uint8_t *data, size_t len)
{
	ssize_t n = send(peer->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n > 0)
		peer->nr_sent += (size_t)n;
}

static void start_silent(struct run *run, struct peer *peer)
{
	(void)run;
	(void)peer;
}

static void start_half(struct run *run, struct peer *peer)
{
	send_some(peer, run->hello, run->hello_len / 2);
}

static void start_dribble(struct run *run, struct peer *peer)
{
	send_some(peer, run->hello, 1);
	peer->next_ms = peer->since_ms + BYTE_MS;
}

static void start_stall(struct run *run, struct peer *peer)
{
	send_some(peer, run->hello, run->hello_len);
}

/* xorshift64*: the same rubbish in each run, so that a failure comes again. */
static uint8_t next_random(struct run *run)
{
	run->seed ^= run->seed >> 12;
	run->seed ^= run->seed << 25;
	run->seed ^= run->seed >> 27;
	return (uint8_t)((run->seed * UINT64_C(0x2545f4914f6cdd1d)) >> 56);
}

/*
 * Three sorts in turn: nothing but random; a record header that is in order
 * before it; and a ClientHello with one byte changed.
 */
static void start_rubbish(struct run *run, struct peer *peer)
{
	static const uint8_t header[] = {22, 3, 1, 0x02, 0x00};
	uint8_t buf[sizeof(run->hello)];
	size_t len = RUBBISH_LEN;
	uint8_t sort = next_random(run) % 3;
	size_t i;

	for (i = 0; i < len; i++)
		buf[i] = next_random(run);
	if (sort == 1)
		memcpy(buf, header, sizeof(header));
	if (sort == 2) {
		len = run->hello_len;
		memcpy(buf, run->hello, len);
		i = (next_random(run) * 256u + next_random(run)) % len;
		buf[i] ^= (uint8_t)(1 + next_random(run) % 255);
	}
	send_some(peer, buf, len);
}

static const struct {
	const char *name;
	void (*start)(struct run *run, struct peer *peer);
} kinds[NR_KINDS] = {
	[KIND_SILENT] = {"silent", start_silent},
	[KIND_HALF] = {"half", start_half},
	[KIND_DRIBBLE] = {"dribble", start_dribble},
	[KIND_RUBBISH] = {"rubbish", start_rubbish},
	[KIND_STALL] = {"stall", start_stall},
};

static void peer_gone(struct run *run, struct peer *peer, bool refused)
{
	struct tally *tally = &run->tally[peer->kind];
	int64_t life = now_ms() - peer->since_ms;

	close(peer->fd);
	peer->fd = -1;
	peer->next_ms = now_ms();
	if (refused) {
		tally->nr_refused++;
		return;
	}
	tally->nr_closed++;
	if (tally->nr_closed == 1 || life < tally->first_ms)
		tally->first_ms = life;
	if (life > tally->last_ms)
		tally->last_ms = life;
}

static void peer_open(struct run *run, struct peer *peer)
{
	const struct sockaddr *addr = (const struct sockaddr *)&run->addr;
	struct epoll_event ev = {.events = EPOLLOUT | EPOLLRDHUP | EPOLLET,
				 .data.ptr = peer};

	peer->connected = false;
	peer->nr_sent = 0;
	peer->since_ms = now_ms();
	peer->fd =
		socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (peer->fd < 0)
		err(1, "socket");
	run->nr_tries++;
	if (connect(peer->fd, addr, sizeof(run->addr)) < 0 &&
	    errno != EINPROGRESS) {
		peer_gone(run, peer, true);
		return;
	}
	if (epoll_ctl(run->epfd, EPOLL_CTL_ADD, peer->fd, &ev) < 0)
		err(1, "epoll_ctl");
}

static void peer_event(struct run *run, struct peer *peer, uint32_t events)
{
	if (peer->fd < 0)
		return;
	if (!peer->connected && (events & EPOLLERR)) {
		peer_gone(run, peer, true);
		return;
	}
	if (!peer->connected && (events & EPOLLOUT)) {
		peer->connected = true;
		peer->since_ms = now_ms();
		run->tally[peer->kind].nr_connected++;
		kinds[peer->kind].start(run, peer);
	}
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		peer_gone(run, peer, false);
}

static void dribble(struct run *run, int64_t now)
{
	struct peer *peer;
	long i;

	for (i = 0; i < run->nr_peers; i++) {
		peer = &run->peers[i];
		if (peer->kind != KIND_DRIBBLE || peer->fd < 0 ||
		    !peer->connected || now < peer->next_ms ||
		    peer->nr_sent >= run->hello_len)
			continue;
		send_some(peer, run->hello + peer->nr_sent, 1);
		peer->next_ms += BYTE_MS;
	}
}

/*
 * Open what was never open and, with @again, what was closed; no faster than
 * the rate. False when nothing was left to open.
 */
static bool open_more(struct run *run, int64_t now, bool again)
{
	long allowed = (now - run->start_ms + TICK_MS) * run->rate / 1000;
	bool left = false;
	struct peer *peer;
	long i;

	for (i = 0; i < run->nr_peers; i++) {
		peer = &run->peers[i];
		if (peer->fd >= 0 || (peer->next_ms && !again))
			continue;
		left = true;
		if (run->nr_tries >= allowed)
			break;
		peer_open(run, peer);
	}
	return left;
}

static void poll_once(struct run *run)
{
	struct epoll_event ev[MAX_EVENTS];
	int nr;
	int i;

	do {
		nr = epoll_wait(run->epfd, ev, MAX_EVENTS, TICK_MS);
		if (nr < 0 && errno != EINTR)
			err(1, "epoll_wait");
		for (i = 0; i < nr; i++)
			peer_event(run, ev[i].data.ptr, ev[i].events);
	} while (nr == MAX_EVENTS);
}

static void run_for(struct run *run)
{
	bool ready = false;
	int64_t now;

	run->start_ms = now_ms();
	for (now = run->start_ms; now - run->start_ms < run->seconds * 1000;
	     now = now_ms()) {
		if (!open_more(run, now, ready && run->reopen) && !ready) {
			ready = true;
			printf("ready\n");
			fflush(stdout);
		}
		poll_once(run);
		dribble(run, now_ms());
	}
}

static bool report(const struct run *run)
{
	const struct tally *t;
	bool good = true;
	long nr_open;
	int k;
	long i;

	for (k = 0; k < NR_KINDS; k++) {
		t = &run->tally[k];
		nr_open = 0;
		for (i = 0; i < run->nr_peers; i++) {
			if ((int)run->peers[i].kind == k &&
			    run->peers[i].fd >= 0)
				nr_open++;
		}
		if (!t->nr_connected && !t->nr_refused)
			continue;
		printf("%-8s connected %ld refused %ld closed %ld open %ld "
		       "life_ms %lld to %lld\n",
		       kinds[k].name, t->nr_connected, t->nr_refused,
		       t->nr_closed, nr_open, (long long)t->first_ms,
		       (long long)t->last_ms);
		if (t->nr_refused)
			good = false;
	}
	return good;
}

/* The ClientHello of a real client, so that the server takes it as one. */
static void make_hello(struct run *run)
{
	struct bench_tls tls = {0};
	SSL_CTX *ctx = bench_ctx_new(&tls);
	BIO *out = BIO_new(BIO_s_mem());
	BIO *in = BIO_new(BIO_s_mem());
	SSL *ssl = ctx ? SSL_new(ctx) : NULL;
	int n;

	if (!ssl || !in || !out)
		errx(1, "OpenSSL: no memory");
	SSL_set_bio(ssl, in, out);
	(void)SSL_connect(ssl);
	n = BIO_read(out, run->hello, sizeof(run->hello));
	if (n <= 0)
		errx(1, "OpenSSL makes no ClientHello");
	run->hello_len = (size_t)n;
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

static enum kind kind_by_name(const char *name)
{
	int k;

	for (k = 0; k < NR_KINDS; k++) {
		if (!strcmp(kinds[k].name, name))
			return (enum kind)k;
	}
	errx(2, "%s: no such kind", name);
}

/* Deal the kinds named in @list to the peers in turn. */
static void make_peers(struct run *run, char *list)
{
	enum kind chosen[NR_KINDS];
	size_t nr = 0;
	char *name;
	long i;

	for (name = strtok(list, ","); name && nr < NR_KINDS;
	     name = strtok(NULL, ","))
		chosen[nr++] = kind_by_name(name);
	run->peers = calloc((size_t)run->nr_peers, sizeof(*run->peers));
	if (!nr || !run->peers)
		errx(1, "no kind, or no memory");
	for (i = 0; i < run->nr_peers; i++) {
		run->peers[i].fd = -1;
		run->peers[i].kind = chosen[(size_t)i % nr];
	}
}

static void raise_descriptors(long wanted)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
		err(1, "getrlimit");
	lim.rlim_cur = lim.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &lim);
	if ((long)lim.rlim_cur < wanted + 16)
		errx(1,
		     "%ld connections need more than the %ld descriptors "
		     "allowed (ulimit -Hn)",
		     wanted, (long)lim.rlim_cur);
}

int main(int argc, char **argv)
{
	static char all[] = "silent,half,dribble,rubbish,stall";
	struct run run = {
		.nr_peers = 500, .seconds = 15, .rate = 2000, .seed = 20240229};
	char *list = all;
	int opt;

	while ((opt = getopt(argc, argv, "n:k:t:r:o")) != -1) {
		if (opt == 'n')
			run.nr_peers =
				bench_number("count", optarg, 1, 1000000);
		else if (opt == 'k')
			list = optarg;
		else if (opt == 't')
			run.seconds = bench_number("seconds", optarg, 1, 3600);
		else if (opt == 'r')
			run.rate = bench_number("rate", optarg, 1, 1000000);
		else if (opt == 'o')
			run.reopen = true;
		else
			usage();
	}
	if (argc - optind != 2)
		usage();
	run.addr = bench_addr(argv[optind], argv[optind + 1]);
	raise_descriptors(run.nr_peers);
	make_peers(&run, list);
	make_hello(&run);
	run.epfd = epoll_create1(EPOLL_CLOEXEC);
	if (run.epfd < 0)
		err(1, "epoll_create1");
	run_for(&run);
	return report(&run) ? 0 : 1;
}
