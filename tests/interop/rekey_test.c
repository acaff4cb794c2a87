/* SPDX-License-Identifier: MIT */
/* OpenSSL changes its keys while keel's records are in the kernel, or not. */
#include "tests/uring/offload.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/interop/peer.h"
#include "tests/uring/flood.h"

#define NR_RECORDS 136
#define MAX_RECORD 16384
/* What no buffer on the way is too small for. */
#define BURST 8

/* One of TLS 1.3, which is what has KeyUpdates. */
static const char *suite_of(size_t cipher)
{
	return cipher_choices[cipher].suites[1];
}

static const struct {
	const char *name;
	unsigned int every;
	bool asks;
	size_t suite;
} rows[] = {
	{"each record", 1, false, 0},
	{"each record, asking", 1, true, 0},
	{"each 7 records", 7, false, 0},
	{"each 7 records, asking", 7, true, 0},
	{"each 64 records", 64, false, 0},
	{"each 64 records, asking", 64, true, 0},
	{"AES-256-GCM", 7, true, 1},
	{"CHACHA20-POLY1305", 7, true, 2},
	{"AES-128-CCM", 7, true, 3},
};

static void plan_of(size_t row, size_t engine, char name[64],
		    struct plan *ret_plan, struct peer *ret_peer)
{
	snprintf(name, 64, "%s, %s", rows[row].name,
		 engine_choices[engine].name);
	*ret_plan = (struct plan){
		.name = name,
		.version = KEEL_TLS1_3,
		.suite = suite_of(rows[row].suite),
		.tx = engine_choices[engine].tx,
		.rx = engine_choices[engine].rx,
	};
	*ret_peer = (struct peer){
		.name = name,
		.suite = suite_of(rows[row].suite),
		.every = rows[row].every,
		.asks = rows[row].asks,
	};
}

/* Most are small, some are full. */
static size_t record_len(unsigned int idx)
{
	return idx % 10 == 9 ? MAX_RECORD : 1 + idx * 2731 % 4096;
}

/* Those that differ by their suite are for both directions at once. */
static bool is_needed(size_t row, size_t engine)
{
	return !rows[row].suite || engine == ENGINE_BOTH ||
	       engine == ENGINE_NONE;
}

static size_t write_records(struct peer *peer, size_t off, unsigned int nr)
{
	uint8_t buf[MAX_RECORD];

	for (unsigned int i = 0; i < nr; i++) {
		size_t len = record_len(peer->nr_records);

		pattern_fill(1, off, buf, len);
		ATF_REQUIRE_MSG(peer_write(peer, buf, len), "%s: write at %zu",
				peer->name, off);
		off += len;
	}
	return off;
}

/* As far as @end, if that does not come from the other side before. */
static size_t read_echo(struct peer *peer, size_t off, size_t end)
{
	uint8_t buf[MAX_RECORD];

	while (off < end) {
		size_t len = end - off < sizeof(buf) ? end - off : sizeof(buf);
		int n = peer_read(peer, buf, len);

		ATF_REQUIRE_MSG(n >= 0, "%s: read at %zu", peer->name, off);
		if (!n)
			break;
		REQUIRE_INT(peer->name, n,
			    pattern_check(1, off, buf, (size_t)n));
		off += (size_t)n;
	}
	return off;
}

/* All records there and back. Returns their bytes. */
static size_t echo_records(struct peer *peer)
{
	size_t off = 0, end;

	while (peer->nr_records < NR_RECORDS) {
		end = write_records(peer, off, BURST);
		REQUIRE_INT(peer->name, end, read_echo(peer, off, end));
		off = end;
	}
	return off;
}

static void start_server(struct server *server, const struct plan *plan,
			 struct peer *peer, const struct server_opts *opts)
{
	signal(SIGPIPE, SIG_IGN);
	plan_start(server, plan, opts);
	ATF_REQUIRE_MSG(peer_connect(peer, tcp_open(server, 0)), "%s",
			plan->name);
}

static void stop_server(struct server *server, const struct plan *plan)
{
	wait_for(plan->name, &outcome.nr_close, 1);
	plan_stop(server);
}

static const struct server_opts echo_opts = {
	.ops = &plan_echo_ops,
	.data_len = sizeof(struct echo),
};

static void check_answers(const struct peer *peer)
{
	CHECK_INT(peer->name, peer->asks, peer->nr_answers > 0);
	ATF_CHECK_MSG(peer->nr_answers <= peer->nr_updates,
		      "%s: %u answers to %u KeyUpdates", peer->name,
		      peer->nr_answers, peer->nr_updates);
}

static void serve(size_t row, size_t engine)
{
	struct server server;
	struct plan plan;
	struct peer peer;
	char name[64];
	size_t len;

	plan_of(row, engine, name, &plan, &peer);
	start_server(&server, &plan, &peer, &echo_opts);
	len = echo_records(&peer);
	ATF_CHECK_MSG(peer_close(&peer), "%s: close", name);
	stop_server(&server, &plan);
	CHECK_INT(name, 0, outcome.err);
	outcome_check_engines(&plan);
	CHECK_INT(name, len, outcome.info.rx.bytes);
	CHECK_INT(name, len, outcome.info.tx.bytes);
	CHECK_INT(name, (NR_RECORDS - 1) / peer.every, peer.nr_updates);
	CHECK_INT(name, peer.nr_updates, outcome.info.rx.key_updates);
	CHECK_INT(name, peer.nr_answers, outcome.info.tx.key_updates);
	check_answers(&peer);
}

/* Where receiving is cut off keel has no way to wait for the peer's end. */
static bool end_peer(struct peer *peer, bool is_cut)
{
	if (!is_cut)
		return peer_close(peer);
	peer_drop(peer);
	return true;
}

/* OpenSSL's side on a thread of its own. */
struct host {
	struct peer peer;
	struct server as_server; /* nothing but its address */
	int fd;
	bool (*talk)(struct peer *peer);
	bool is_cut; /* keel does not wait for its end */
	bool is_good;
	pthread_t thread;
};

static void *host_main(void *arg)
{
	struct timeval limit = {.tv_sec = WORLD_LIMIT_S};
	struct host *host = arg;
	int fd = accept4(host->fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return NULL;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	host->is_good = peer_accept(&host->peer, fd) && host->talk(&host->peer);
	if (host->is_good)
		host->is_good = end_peer(&host->peer, host->is_cut);
	else
		peer_drop(&host->peer);
	return NULL;
}

static void start_host(struct host *host)
{
	struct timeval limit = {.tv_sec = WORLD_LIMIT_S};
	struct sockaddr_in *addr = (struct sockaddr_in *)&host->as_server.addr;
	socklen_t len = sizeof(*addr);

	signal(SIGPIPE, SIG_IGN);
	addr->sin_family = AF_INET;
	addr->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	host->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ATF_REQUIRE(host->fd >= 0);
	setsockopt(host->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	ATF_REQUIRE_EQ(0, bind(host->fd, (struct sockaddr *)addr, len));
	ATF_REQUIRE_EQ(0, listen(host->fd, 1));
	ATF_REQUIRE_EQ(0, getsockname(host->fd, (struct sockaddr *)addr, &len));
	ATF_REQUIRE_EQ(0, pthread_create(&host->thread, NULL, host_main, host));
}

static void stop_host(struct host *host)
{
	pthread_join(host->thread, NULL);
	close(host->fd);
	ATF_CHECK_MSG(host->is_good, "%s: OpenSSL is not content",
		      host->peer.name);
}

/* Record by record, as it comes. */
static bool talk_echo(struct peer *peer)
{
	uint8_t buf[MAX_RECORD];
	int n;

	while ((n = peer_read(peer, buf, sizeof(buf))) > 0) {
		if (!peer_write(peer, buf, (size_t)n))
			return false;
	}
	return !n;
}

static void be_client(size_t row, size_t engine)
{
	struct host host = {.talk = talk_echo};
	struct flood flood = {.row = &world_rows[1],
			      .nr_streams = 1,
			      .len = NR_RECORDS * 5000};
	struct plan plan;
	char name[64];

	plan_of(row, engine, name, &plan, &host.peer);
	/* Both sides' KeyUpdates cross. */
	if (host.peer.asks)
		flood.updates = 70000;
	flood.ctx = plan_ctx(&plan, KEEL_CLIENT);
	start_host(&host);
	flood_run(&flood, &host.as_server);
	stop_host(&host);
	keel_ctx_unref(flood.ctx);
	ATF_CHECK_MSG(!flood.nr_bad, "%s: %s", name, flood.site);
	CHECK_INT(name, plan.tx == KEEL_OFFLOAD_REQUIRE,
		  flood.stats.tx_offloaded);
	CHECK_INT(name, plan.rx == KEEL_OFFLOAD_REQUIRE,
		  flood.stats.rx_offloaded);
	CHECK_INT(name, (host.peer.nr_records - 1) / host.peer.every,
		  host.peer.nr_updates);
	CHECK_INT(name, host.peer.asks, host.peer.nr_answers > 0);
}

CASE(peer_rekeys__user_server,
     "OpenSSL changes its keys every few records, and may ask for ours: every "
     "byte is right")
{
	for (size_t i = 0; i < LEN_OF(rows); i++)
		serve(i, ENGINE_NONE);
}

CASE(peer_rekeys__user_client,
     "the same with keel as a client, whose own KeyUpdates cross the peer's")
{
	for (size_t i = 0; i < LEN_OF(rows); i++)
		be_client(i, ENGINE_NONE);
}

CASE(peer_rekeys__kernel_server,
     "OpenSSL changes its keys every few records, and the kernel follows")
{
	offload_need("ulp", "");
	offload_need("rekey", "");
	for (size_t i = 0; i < LEN_OF(rows); i++) {
		for (size_t k = ENGINE_TX; k <= ENGINE_BOTH; k++) {
			if (is_needed(i, k))
				serve(i, k);
		}
	}
}

CASE(peer_rekeys__kernel_client, "the same with keel as a client")
{
	offload_need("ulp", "");
	offload_need("rekey", "");
	for (size_t i = 0; i < LEN_OF(rows); i++) {
		for (size_t k = ENGINE_TX; k <= ENGINE_BOTH; k++) {
			if (is_needed(i, k))
				be_client(i, k);
		}
	}
}

/* What a kernel that has no new keys leaves to do. */
static void need_no_rekey(void)
{
	offload_need("ulp", "");
	if (offload_has("rekey", ""))
		atf_tc_skip("this kernel takes new keys");
}

/*
 * Sending in the kernel, receiving not: the peer's keys may change, ours may
 * not, and a peer that asks for that is told that no more comes.
 */
static void check_unasked(const struct plan *plan)
{
	struct peer peer = {
		.name = plan->name, .suite = suite_of(0), .every = 7};
	struct server server;
	size_t len;

	start_server(&server, plan, &peer, &echo_opts);
	len = echo_records(&peer);
	ATF_CHECK_MSG(peer_close(&peer), "%s: close", plan->name);
	stop_server(&server, plan);
	CHECK_INT(plan->name, 0, outcome.err);
	CHECK_INT(plan->name, len, outcome.info.rx.bytes);
	CHECK_INT(plan->name, peer.nr_updates, outcome.info.rx.key_updates);
	CHECK_INT(plan->name, 0, server.stats.rekey_cuts);
}

CASE(peer_rekeys__auto, "where the choice is keel's, no KeyUpdate of a peer "
			"that does not ask for ours ends a stream")
{
	static const struct plan plan = {.name = "auto",
					 .version = KEEL_TLS1_3};
	bool has_tls = offload_has("ulp", "");
	bool has_rekey = offload_has("rekey", "");

	check_unasked(&plan);
	CHECK_INT("tx", has_tls ? KEEL_ENGINE_KERNEL : KEEL_ENGINE_USER,
		  outcome.info.tx.engine);
	CHECK_INT("rx", has_rekey ? KEEL_ENGINE_KERNEL : KEEL_ENGINE_USER,
		  outcome.info.rx.engine);
	CHECK_INT("rx",
		  has_rekey ? KEEL_REASON_NONE
		  : has_tls ? KEEL_REASON_NO_REKEY
			    : KEEL_REASON_NO_ULP,
		  outcome.info.rx.reason);
}

/* Engines that a KeyUpdate ends, and whether it has to ask for ours. */
static const struct {
	const char *name;
	size_t engine;
	bool asks;
	bool is_cut; /* by receiving; else our sending ends */
} ends[] = {
	{"rx", ENGINE_RX, false, true},
	{"rx, asking", ENGINE_RX, true, true},
	{"both", ENGINE_BOTH, false, true},
	{"both, asking", ENGINE_BOTH, true, true},
	{"tx, asking", ENGINE_TX, true, false},
};

static void end_of(size_t i, struct plan *ret_plan, struct peer *ret_peer)
{
	*ret_plan = (struct plan){
		.name = ends[i].name,
		.version = KEEL_TLS1_3,
		.suite = suite_of(0),
		.tx = engine_choices[ends[i].engine].tx,
		.rx = engine_choices[ends[i].engine].rx,
	};
	*ret_peer = (struct peer){
		.name = ends[i].name,
		.suite = suite_of(0),
		.asks = ends[i].asks,
	};
}

/*
 * The KeyUpdate is not to come before the kernel has the keys: keel would
 * follow it itself, as it should.
 */
static bool has_moved(struct keel_stream *stream, const struct plan *plan)
{
	struct keel_conn_info info = {.sz = sizeof(info)};

	if (keel_conn_get_info(keel_stream_conn(stream), &info))
		abort();
	return (plan->tx == KEEL_OFFLOAD_OFF ||
		info.tx.engine == KEEL_ENGINE_KERNEL) &&
	       (plan->rx == KEEL_OFFLOAD_OFF ||
		info.rx.engine == KEEL_ENGINE_KERNEL);
}

/* Records that need not arrive: keel may be gone by then. */
static void write_in_vain(struct peer *peer, size_t off, unsigned int nr)
{
	uint8_t buf[MAX_RECORD];

	for (unsigned int i = 0; i < nr; i++) {
		size_t len = record_len(peer->nr_records);

		pattern_fill(1, off, buf, len);
		if (!peer_write(peer, buf, len))
			break;
		off += len;
	}
}

static _Atomic(struct keel_stream *) opened;

static void note_open(struct keel_stream *stream,
		      const struct keel_hs_info *info)
{
	plan_echo_ops.on_open(stream, info);
	atomic_store(&opened, stream);
}

static void look_if_moved(struct server *server, void *arg)
{
	struct keel_stream *stream = atomic_load(&opened);
	const struct plan **plan = arg;

	(void)server;
	if (stream && has_moved(stream, *plan))
		*plan = NULL;
}

static void wait_until_moved(struct server *server, const struct plan *plan)
{
	const struct plan *arg = plan;

	for (unsigned int i = 0; i < 5000 && arg; i++) {
		server_call(server, look_if_moved, &arg);
		usleep(1000);
	}
	ATF_REQUIRE_MSG(!arg, "%s: not in the kernel", plan->name);
}

static void end_echo(size_t i)
{
	struct keel_stream_ops ops = plan_echo_ops;
	struct server_opts opts = {.ops = &ops,
				   .data_len = sizeof(struct echo)};
	struct server server;
	struct plan plan;
	struct peer peer;
	size_t off, end;

	end_of(i, &plan, &peer);
	ops.on_open = note_open;
	atomic_store(&opened, NULL);
	start_server(&server, &plan, &peer, &opts);
	wait_until_moved(&server, &plan);
	off = write_records(&peer, 0, BURST);
	REQUIRE_INT(plan.name, off, read_echo(&peer, 0, off));
	/* Some of it is under way, with the KeyUpdate behind it. */
	end = write_records(&peer, off, 2 * BURST);
	ATF_REQUIRE(peer_update(&peer));
	write_in_vain(&peer, end, 2 * BURST);
	CHECK_INT(plan.name, end, read_echo(&peer, off, SIZE_MAX));
	ATF_CHECK_MSG(end_peer(&peer, ends[i].is_cut), "%s: close", plan.name);
	stop_server(&server, &plan);
	CHECK_INT(plan.name, -EKEYEXPIRED, outcome.err);
	outcome_check_engines(&plan);
	CHECK_INT(plan.name, end, outcome.info.tx.bytes);
	CHECK_INT(plan.name, ends[i].is_cut, server.stats.rekey_cuts);
	if (ends[i].is_cut)
		CHECK_INT(plan.name, end, outcome.info.rx.bytes);
}

CASE(peer_rekeys__ends_echo,
     "a kernel that cannot follow: what came before the KeyUpdate is echoed to "
     "the last byte, then comes close_notify")
{
	need_no_rekey();
	for (size_t i = 0; i < LEN_OF(ends); i++)
		end_echo(i);
}

#define FILE_LEN (3 * 1024 * 1024)

static int file_fd;

static void make_file(void)
{
	static uint8_t buf[FILE_LEN];

	file_fd = memfd_create("file", MFD_CLOEXEC);
	ATF_REQUIRE(file_fd >= 0);
	pattern_fill(1, 0, buf, sizeof(buf));
	ATF_REQUIRE_EQ((ssize_t)sizeof(buf), write(file_fd, buf, sizeof(buf)));
}

/* An application that is asked whether all is in the kernel: "y" or "n". */
static struct {
	const struct plan *plan;
	bool is_moved;
	size_t nr_right; /* bytes that came since */
} filer;

static void file_answer(struct keel_stream *stream)
{
	filer.is_moved = has_moved(stream, filer.plan);
	if (keel_stream_send(stream, filer.is_moved ? "y" : "n", 1) != 1)
		abort();
	if (filer.is_moved &&
	    keel_stream_send_file(stream, file_fd, 0, FILE_LEN))
		abort();
}

static void file_data(struct keel_stream *stream, void *data, size_t len)
{
	if (!filer.is_moved)
		file_answer(stream);
	else
		filer.nr_right += pattern_check(1, filer.nr_right, data, len);
}

static void close_client(struct keel_stream *stream, const struct keel_err *err)
{
	outcome_note(stream, err);
	keel_loop_stop(keel_stream_loop(stream), 0);
}

static const struct keel_stream_ops server_ops = {
	.on_data = file_data,
	.on_close = outcome_note,
};

static const struct keel_stream_ops client_ops = {
	.on_data = file_data,
	.on_close = close_client,
};

static bool ask_until_moved(struct peer *peer, size_t *ret_nr)
{
	char answer = 'n';

	while (answer == 'n') {
		if (!peer_write(peer, "q", 1) ||
		    peer_read(peer, &answer, 1) != 1)
			return false;
		(*ret_nr)++;
		usleep(1000);
	}
	peer->nr_records = 0;
	return answer == 'y';
}

/* As much of the file as comes, and close_notify behind it. */
static bool read_file(struct peer *peer, size_t *ret_len)
{
	uint8_t buf[MAX_RECORD];
	size_t off = 0;
	int n;

	while ((n = peer_read(peer, buf, sizeof(buf))) > 0) {
		if (pattern_check(1, off, buf, (size_t)n) != (size_t)n)
			return false;
		off += (size_t)n;
	}
	*ret_len = off;
	return !n;
}

/* What OpenSSL's side has seen. */
static struct {
	size_t nr_answers;
	size_t file_len;
	size_t sent; /* before the KeyUpdate */
} seen;

/* Data, then new keys and more data, before a byte of the file is read. */
static bool talk_file(struct peer *peer)
{
	memset(&seen, 0, sizeof(seen));
	if (!ask_until_moved(peer, &seen.nr_answers))
		return false;
	seen.sent = write_records(peer, 0, BURST);
	if (!peer_update(peer))
		return false;
	write_in_vain(peer, seen.sent, 2 * BURST);
	usleep(300000);
	return read_file(peer, &seen.file_len);
}

/*
 * All that keel has sent came. That is the whole file, unless the peer asks for
 * keys that the kernel cannot change: then no more may be sent.
 */
static void check_file(size_t i, const struct plan *plan)
{
	CHECK_INT(plan->name, -EKEYEXPIRED, outcome.err);
	outcome_check_engines(plan);
	CHECK_INT(plan->name, outcome.info.tx.bytes,
		  seen.nr_answers + seen.file_len);
	if (ends[i].is_cut) {
		CHECK_INT(plan->name, FILE_LEN, seen.file_len);
		CHECK_INT(plan->name, seen.sent, filer.nr_right);
	} else {
		ATF_CHECK_MSG(filer.nr_right >= seen.sent, "%s: %zu came",
			      plan->name, filer.nr_right);
	}
}

static void serve_file(size_t i)
{
	struct server_opts opts = {.ops = &server_ops};
	struct server server;
	struct plan plan;
	struct peer peer;

	end_of(i, &plan, &peer);
	memset(&filer, 0, sizeof(filer));
	filer.plan = &plan;
	start_server(&server, &plan, &peer, &opts);
	ATF_CHECK_MSG(talk_file(&peer), "%s: talk", plan.name);
	ATF_CHECK_MSG(end_peer(&peer, ends[i].is_cut), "%s: close", plan.name);
	stop_server(&server, &plan);
	check_file(i, &plan);
}

CASE(peer_rekeys__ends_server,
     "a kernel that cannot follow: what keel has sent arrives, though the peer "
     "reads late and has more to say")
{
	need_no_rekey();
	make_file();
	for (size_t i = 0; i < LEN_OF(ends); i++)
		serve_file(i);
}

static void connect_client(const struct host *host, const struct plan *plan)
{
	struct keel_connect_opts opts = {
		.sz = sizeof(opts),
		.addr = (const struct sockaddr *)&host->as_server.addr,
		.addr_len = sizeof(struct sockaddr_in),
		.ctx = plan_ctx(plan, KEEL_CLIENT),
		.ops = &client_ops,
	};
	struct keel_stream *stream;
	struct keel_loop *loop;

	opts.timeouts.handshake_ms = 10000 * (unsigned int)slower();
	ATF_REQUIRE_EQ(0, keel_loop_new(NULL, &loop));
	ATF_REQUIRE_EQ(0, keel_stream_connect(loop, &opts, &stream));
	CHECK_INT(plan->name, 0, keel_loop_run(loop));
	keel_loop_free(loop);
	keel_ctx_unref(opts.ctx);
}

static void fetch_file(size_t i)
{
	struct host host = {.talk = talk_file, .is_cut = ends[i].is_cut};
	struct plan plan;

	end_of(i, &plan, &host.peer);
	memset(&filer, 0, sizeof(filer));
	filer.plan = &plan;
	outcome = (struct outcome){.err = 0};
	start_host(&host);
	connect_client(&host, &plan);
	stop_host(&host);
	check_file(i, &plan);
}

CASE(peer_rekeys__ends_client, "the same with keel as a client")
{
	need_no_rekey();
	make_file();
	for (size_t i = 0; i < LEN_OF(ends); i++)
		fetch_file(i);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, peer_rekeys__user_server);
	ATF_TP_ADD_TC(tp, peer_rekeys__user_client);
	ATF_TP_ADD_TC(tp, peer_rekeys__kernel_server);
	ATF_TP_ADD_TC(tp, peer_rekeys__kernel_client);
	ATF_TP_ADD_TC(tp, peer_rekeys__auto);
	ATF_TP_ADD_TC(tp, peer_rekeys__ends_echo);
	ATF_TP_ADD_TC(tp, peer_rekeys__ends_server);
	ATF_TP_ADD_TC(tp, peer_rekeys__ends_client);
	return atf_no_error();
}
