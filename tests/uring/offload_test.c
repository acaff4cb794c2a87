/* SPDX-License-Identifier: MIT */
/* Bytes through the kernel's TLS and back: ciphers, engines, roles, files. */
#include "tests/uring/offload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/uring/flood.h"
#include "uring/uring-private.h"

static const size_t sizes[] = {1, 16384, 16385, 100000};

/* Every cipher in every version, with every choice of engines. */
static void each_plan(void (*fn)(const struct plan *plan))
{
	for (size_t i = 0; i < 2 * NR_CIPHER_CHOICES * NR_ENGINE_CHOICES; i++) {
		size_t c = i / NR_ENGINE_CHOICES / 2, is_13 = i % 2;
		size_t e = i / 2 % NR_ENGINE_CHOICES;
		const char *version = is_13 ? "TLSv1.3" : "TLSv1.2";
		char name[64];
		struct plan plan = {
			.name = name,
			.version = is_13 ? KEEL_TLS1_3 : KEEL_TLS1_2,
			.suite = cipher_choices[c].suites[is_13],
			.tx = engine_choices[e].tx,
			.rx = engine_choices[e].rx,
		};

		/* That is what all other tests do. */
		if (c && !e)
			continue;
		snprintf(name, sizeof(name), "%s tx", version);
		/* Every kernel that has TLS at all has these. */
		ATF_CHECK_MSG(offload_has(cipher_choices[c].name, name),
			      "%s %s", cipher_choices[c].name, name);
		snprintf(name, sizeof(name), "%s, %s, %s", version,
			 cipher_choices[c].name, engine_choices[e].name);
		fn(&plan);
	}
}

static void serve_echo(const struct plan *plan)
{
	struct server_opts opts = {.ops = &plan_echo_ops,
				   .data_len = sizeof(struct echo)};
	struct client client = {0};
	struct server server;

	plan_start(&server, plan, &opts);
	plan_open(&client, &server, plan);
	for (size_t i = 0; i < LEN_OF(sizes); i++)
		plan_round_trip(&client, plan->name, (unsigned int)i, sizes[i]);
	if (plan->tx == plan->rx)
		plan_round_trip(&client, plan->name, 9, 1000000);
	CHECK_INT(plan->name, 0, client_finish(&client));
	wait_for(plan->name, &outcome.nr_close, 1);
	plan_stop(&server);
	CHECK_INT(plan->name, 0, outcome.err);
	ATF_CHECK_STREQ(plan->suite, outcome.info.suite->name);
	outcome_check_engines(plan);
	CHECK_INT(plan->name, plan->tx == KEEL_OFFLOAD_REQUIRE,
		  server.stats.tx_offloaded);
	CHECK_INT(plan->name, plan->rx == KEEL_OFFLOAD_REQUIRE,
		  server.stats.rx_offloaded);
	CHECK_INT(plan->name, 0, server.stats.failed);
	CHECK_INT(plan->name, server.stats.rx_bytes, server.stats.tx_bytes);
}

CASE(offload__server, "a server's bytes are the same in all ciphers, whoever "
		      "protects either direction")
{
	offload_need("ulp", "");
	each_plan(serve_echo);
}

static void run_clients(const struct plan *plan, unsigned int nr, size_t len)
{
	struct flood flood = {.row = &world_rows[1],
			      .ctx = plan_ctx(plan, KEEL_CLIENT),
			      .nr_streams = nr,
			      .len = len};
	struct server_opts opts = {.ops = &plan_echo_ops,
				   .data_len = sizeof(struct echo)};
	const struct plan user = {.name = plan->name,
				  .version = plan->version,
				  .suite = plan->suite,
				  .tx = KEEL_OFFLOAD_OFF,
				  .rx = KEEL_OFFLOAD_OFF};
	struct server server;

	plan_start(&server, &user, &opts);
	flood_run(&flood, &server);
	plan_stop(&server);
	keel_ctx_unref(flood.ctx);
	CHECK_INT(plan->name, nr * (plan->tx == KEEL_OFFLOAD_REQUIRE),
		  flood.stats.tx_offloaded);
	CHECK_INT(plan->name, nr * (plan->rx == KEEL_OFFLOAD_REQUIRE),
		  flood.stats.rx_offloaded);
	CHECK_INT(plan->name, 0, flood.stats.failed);
	CHECK_INT(plan->name, 0, server.stats.failed);
	CHECK_INT(plan->name, 0,
		  server.stats.tx_offloaded + server.stats.rx_offloaded);
}

static void be_client(const struct plan *plan)
{
	run_clients(plan, 1, 200000);
}

CASE(offload__client, "a client's bytes are the same in all ciphers, whoever "
		      "protects either direction")
{
	offload_need("ulp", "");
	each_plan(be_client);
}

CASE(offload__many_streams, "200 streams at once, the kernel at both ends")
{
	static const struct plan plan = {.name = "both ends",
					 .version = KEEL_TLS1_3,
					 .tx = KEEL_OFFLOAD_REQUIRE,
					 .rx = KEEL_OFFLOAD_REQUIRE};
	struct flood flood = {
		.row = &world_rows[1], .nr_streams = 200, .len = 50000};
	struct server_opts opts = {.ops = &plan_echo_ops,
				   .data_len = sizeof(struct echo),
				   .timeouts = {.handshake_ms = 120000}};
	struct server server;

	offload_need("ulp", "");
	flood.ctx = plan_ctx(&plan, KEEL_CLIENT);
	plan_start(&server, &plan, &opts);
	flood_run(&flood, &server);
	plan_stop(&server);
	keel_ctx_unref(flood.ctx);
	CHECK_INT("server", 200, server.stats.tx_offloaded);
	CHECK_INT("server", 200, server.stats.rx_offloaded);
	CHECK_INT("server", 0, server.stats.failed);
	CHECK_INT("clients", 200, flood.stats.tx_offloaded);
	CHECK_INT("clients", 200, flood.stats.rx_offloaded);
}

/* Moves that come when they come. */
static const struct plan autos[] = {
	{.name = "1.3, at once", .version = KEEL_TLS1_3},
	{.name = "1.2, at once", .version = KEEL_TLS1_2},
	{.name = "1.3, after 1", .version = KEEL_TLS1_3, .after = 1},
	{.name = "1.3, after 100,000", .version = KEEL_TLS1_3, .after = 100000},
	{.name = "1.2, after 100,000", .version = KEEL_TLS1_2, .after = 100000},
	{.name = "1.3, after 16,384", .version = KEEL_TLS1_3, .after = 16384},
};

/* Receiving in TLS 1.3 is only for kernels that can change keys. */
static enum keel_offload likely_rx(const struct plan *plan)
{
	return plan->version == KEEL_TLS1_2 || offload_has("rekey", "")
		       ? KEEL_OFFLOAD_REQUIRE
		       : KEEL_OFFLOAD_OFF;
}

CASE(offload__auto, "without a demand directions move once they have carried "
		    "enough, and never before")
{
	struct server_opts opts = {.ops = &plan_echo_ops,
				   .data_len = sizeof(struct echo)};

	offload_need("ulp", "");
	for (size_t i = 0; i < LEN_OF(autos); i++) {
		struct plan want = autos[i];
		struct keel_loop_stats stats;
		struct client client = {0};
		struct server server;

		plan_start(&server, &autos[i], &opts);
		plan_open(&client, &server, &autos[i]);
		/* The last byte before. */
		plan_round_trip(&client, want.name, 1,
				want.after ? want.after - 1 : 0);
		server_get_stats(&server, &stats);
		if (want.after)
			CHECK_INT(want.name, 0,
				  stats.tx_offloaded + stats.rx_offloaded);
		plan_round_trip(&client, want.name, 2, 300000);
		CHECK_INT(want.name, 0, client_finish(&client));
		wait_for(want.name, &outcome.nr_close, 1);
		plan_stop(&server);
		CHECK_INT(want.name, 0, outcome.err);
		want.rx = likely_rx(&want);
		outcome_check_engines(&want);
	}
}

/* What is sent by turns: from memory, from a file, ... */
static const size_t steps[] = {7,      50000, 100000, 16384, 16384,  200000,
			       262144, 1,     16383,  3,     300000, 16377};

#define MIX_LEN (1024 * 1024 + 5)

static int mix_fd;
static bool mix_uncached;

struct mix {
	size_t off;
	size_t step;
	size_t left; /* of a step from memory */
};

static void mix_send(struct keel_stream *stream, struct mix *mix)
{
	static uint8_t buf[300000];
	ssize_t n;

	pattern_fill(1, mix->off, buf, mix->left);
	n = keel_stream_send(stream, buf, mix->left);
	if (n < 0)
		abort();
	mix->off += (size_t)n;
	mix->left -= (size_t)n;
}

static void mix_send_file(struct keel_stream *stream, struct mix *mix,
			  size_t len)
{
	if (keel_stream_send_file(stream, mix_fd, (off_t)mix->off, len))
		abort();
	stream->file_uncached = mix_uncached;
	mix->off += len;
}

static void mix_go_on(struct keel_stream *stream)
{
	struct mix *mix = keel_stream_data(stream);
	size_t len;

	while (mix->left || mix->off < MIX_LEN) {
		if (mix->left) {
			mix_send(stream, mix);
			if (mix->left)
				return;
			continue;
		}
		len = steps[mix->step % LEN_OF(steps)];
		len = len < MIX_LEN - mix->off ? len : MIX_LEN - mix->off;
		if (mix->step++ % 2) {
			mix_send_file(stream, mix, len);
			return;
		}
		mix->left = len;
	}
	keel_stream_close(stream);
}

static void mix_open(struct keel_stream *stream,
		     const struct keel_hs_info *info)
{
	(void)info;
	mix_go_on(stream);
}

static void ignore(struct keel_stream *stream, void *data, size_t len)
{
	(void)stream;
	(void)data;
	(void)len;
}

static const struct keel_stream_ops mix_ops = {
	.on_open = mix_open,
	.on_data = ignore,
	.on_sent = mix_go_on,
	.on_close = outcome_note,
};

static void make_mix_file(void)
{
	static uint8_t buf[MIX_LEN];

	mix_fd = memfd_create("mix", MFD_CLOEXEC);
	ATF_REQUIRE(mix_fd >= 0);
	pattern_fill(1, 0, buf, sizeof(buf));
	ATF_REQUIRE_EQ((ssize_t)sizeof(buf), write(mix_fd, buf, sizeof(buf)));
}

static void check_mix(const struct plan *plan)
{
	struct server_opts opts = {.ops = &mix_ops,
				   .data_len = sizeof(struct mix)};
	static uint8_t buf[MIX_LEN + 1];
	struct client client = {0};
	struct server server;

	plan_start(&server, plan, &opts);
	plan_open(&client, &server, plan);
	CHECK_INT(plan->name, MIX_LEN, client_recv(&client, buf, MIX_LEN + 1));
	CHECK_INT(plan->name, MIX_LEN, pattern_check(1, 0, buf, MIX_LEN));
	CHECK_INT(plan->name, true, client.is_eof);
	CHECK_INT(plan->name, 0, client_finish(&client));
	wait_for(plan->name, &outcome.nr_close, 1);
	plan_stop(&server);
	CHECK_INT(plan->name, 0, outcome.err);
	CHECK_INT(plan->name, plan->after < MIX_LEN, server.stats.tx_offloaded);
	CHECK_INT(plan->name, MIX_LEN, server.stats.tx_bytes);
}

CASE(offload__files, "memory and files by turns keep their order, whenever "
		     "sending moves into the kernel")
{
	static const uint64_t afters[] = {0,	 1,	 7,	 16384,
					  49999, 100001, 500000, 1700000};

	offload_need("ulp", "");
	make_mix_file();
	for (size_t i = 0; i < LEN_OF(afters); i++) {
		char name[64];
		struct plan plan = {
			.name = name,
			.version = i % 4 < 2 ? KEEL_TLS1_3 : KEEL_TLS1_2,
			.rx = KEEL_OFFLOAD_OFF,
			.after = afters[i],
		};

		mix_uncached = i % 2;
		snprintf(name, sizeof(name), "after %zu, %s",
			 (size_t)plan.after,
			 mix_uncached ? "uncached" : "cached");
		check_mix(&plan);
	}
	close(mix_fd);
}

/* More than any socket takes. */
#define WHOLE_LEN (64 * 1024 * 1024)

static int whole_fd;

static void whole_open(struct keel_stream *stream,
		       const struct keel_hs_info *info)
{
	(void)info;
	if (keel_stream_send_file(stream, whole_fd, 0, WHOLE_LEN))
		abort();
}

static const struct keel_stream_ops whole_ops = {
	.on_open = whole_open,
	.on_data = ignore,
	.on_close = outcome_note,
};

static void note_sent(struct server *server, void *arg)
{
	struct keel_loop_stats stats = {.sz = sizeof(stats)};

	if (keel_loop_get_stats(server->loop, &stats))
		abort();
	*(uint64_t *)arg = stats.tx_bytes;
}

CASE(offload__file_to_nobody, "a peer that closes and is gone while a file is "
			      "sent ends its stream, not the process")
{
	static const struct plan plan = {
		.name = "gone",
		.version = KEEL_TLS1_3,
		.tx = KEEL_OFFLOAD_REQUIRE,
		.rx = KEEL_OFFLOAD_OFF,
	};
	struct server_opts opts = {.ops = &whole_ops};
	struct client client = {.rcvbuf = 4096};
	struct server server;
	uint64_t before = 0, after = 1;

	offload_need("ulp", "");
	whole_fd = memfd_create("whole", MFD_CLOEXEC);
	ATF_REQUIRE(whole_fd >= 0);
	ATF_REQUIRE_EQ(0, ftruncate(whole_fd, WHOLE_LEN));
	plan_start(&server, &plan, &opts);
	plan_open(&client, &server, &plan);
	/* No more is taken: the rest of the file waits for room. */
	while (before != after) {
		before = after;
		usleep(20000 * (unsigned int)slower());
		server_call(&server, note_sent, &after);
	}
	ATF_CHECK_MSG(after && after < WHOLE_LEN, "%llu bytes went",
		      (unsigned long long)after);
	ATF_REQUIRE_EQ(0, keel_conn_close(client.conn));
	client_send(&client, NULL, 0);
	shutdown(client.fd, SHUT_WR);
	keel_conn_free(client.conn);
	tcp_reset(client.fd);
	wait_for("end", &outcome.nr_close, 1);
	CHECK_INT("end", -ECONNRESET, outcome.err);
	plan_stop(&server);
	close(whole_fd);
}

static void flow(struct keel_stream *stream)
{
	static const uint8_t buf[100000];

	while (keel_stream_send(stream, buf, sizeof(buf)) > 0)
		;
}

static void flow_open(struct keel_stream *stream,
		      const struct keel_hs_info *info)
{
	(void)info;
	flow(stream);
}

static const struct keel_stream_ops flow_ops = {
	.on_open = flow_open,
	.on_data = ignore,
	.on_sent = flow,
	.on_close = outcome_note,
};

/* Shorter than a tag; twice, for the kernel looks at no less than 13 bytes. */
static const uint8_t short_record[] = {23, 3, 3, 0, 3, 1, 2, 3,
				       23, 3, 3, 0, 3, 1, 2, 3};
static const uint8_t false_record[5 + 40] = {23, 3, 3, 0, 40};

static void check_bad_record(const struct plan *plan, const uint8_t *record,
			     size_t len)
{
	struct server_opts opts = {.ops = &flow_ops};
	static uint8_t buf[300000];
	struct client client = {0};
	unsigned int nr_kernel = 0;
	struct server server;

	plan_start(&server, plan, &opts);
	for (unsigned int i = 1; i <= 10; i++) {
		client = (struct client){0};
		plan_open(&client, &server, plan);
		/* Most likely receiving has moved by then. */
		client_recv(&client, buf, sizeof(buf));
		ATF_REQUIRE_EQ((ssize_t)len, write(client.fd, record, len));
		client_wait_end(&client);
		CHECK_INT(plan->name, KEEL_ALERT_BAD_RECORD_MAC,
			  keel_conn_err(client.conn)->alert);
		client_drop(&client);
		wait_for(plan->name, &outcome.nr_close, i);
		CHECK_INT(plan->name,
			  record == short_record && outcome.info.rx.engine ==
							    KEEL_ENGINE_USER
				  ? -EPROTO
				  : -EBADMSG,
			  outcome.err);
		nr_kernel += outcome.info.rx.engine == KEEL_ENGINE_KERNEL;
	}
	ATF_CHECK_MSG(nr_kernel > 0, "%s: never in the kernel", plan->name);
	plan_stop(&server);
}

CASE(offload__bad_record, "a record that is none ends a stream that is busy "
			  "sending, whichever call hears of it")
{
	offload_need("ulp", "");
	for (unsigned int i = 0; i < 4; i++) {
		const struct plan plan = {
			.name = i / 2 ? "short" : "false",
			.version = i % 2 ? KEEL_TLS1_3 : KEEL_TLS1_2,
			.tx = KEEL_OFFLOAD_REQUIRE,
			.rx = KEEL_OFFLOAD_REQUIRE,
		};

		if (i / 2)
			check_bad_record(&plan, short_record,
					 sizeof(short_record));
		else
			check_bad_record(&plan, false_record,
					 sizeof(false_record));
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, offload__server);
	ATF_TP_ADD_TC(tp, offload__client);
	ATF_TP_ADD_TC(tp, offload__many_streams);
	ATF_TP_ADD_TC(tp, offload__auto);
	ATF_TP_ADD_TC(tp, offload__files);
	ATF_TP_ADD_TC(tp, offload__file_to_nobody);
	ATF_TP_ADD_TC(tp, offload__bad_record);
	return atf_no_error();
}
