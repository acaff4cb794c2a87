/* SPDX-License-Identifier: MIT */
/* Streams whose records the kernel protects, in one direction or in both. */
#include "tests/uring/offload.h"

#include <stdio.h>
#include <stdlib.h>

struct outcome outcome;

static const char *const usual_suites[] = {
	"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
	"TLS_AES_128_GCM_SHA256",
};

/* Rows of OpenSSL: the null backend's ciphers are none of the kernel's. */
static const struct world_row *row_of(const struct plan *plan)
{
	return &world_rows[plan->version == KEEL_TLS1_3 ? 1 : 2];
}

static void tune(struct keel_config *config, const void *arg)
{
	const struct plan *plan = arg;
	const char *suite = plan->suite;

	if (!suite)
		suite = usual_suites[plan->version == KEEL_TLS1_3];
	ATF_REQUIRE_EQ(0, keel_config_set_suites(config, suite));
	ATF_REQUIRE_EQ(0, keel_config_set_offload(config, KEEL_TX, plan->tx));
	ATF_REQUIRE_EQ(0, keel_config_set_offload(config, KEEL_RX, plan->rx));
	ATF_REQUIRE_EQ(0, keel_config_set_offload_after(config, plan->after));
	ATF_REQUIRE_EQ(0, keel_config_set_record_limit(config, plan->limit));
}

struct keel_ctx *plan_ctx(const struct plan *plan, enum keel_role role)
{
	return world_ctx_tuned(row_of(plan), role, tune, plan);
}

struct keel_ctx *plan_ctx_user(const struct plan *plan, enum keel_role role)
{
	struct plan user = {
		.version = plan->version,
		.suite = plan->suite,
		.tx = KEEL_OFFLOAD_OFF,
		.rx = KEEL_OFFLOAD_OFF,
	};

	return plan_ctx(&user, role);
}

void plan_start(struct server *server, const struct plan *plan,
		const struct server_opts *opts)
{
	struct server_opts all = *opts;

	outcome = (struct outcome){.err = 0};
	echo_counts = (struct echo_counts){.nr_open = 0};
	all.row = row_of(plan);
	all.ctx = plan_ctx(plan, KEEL_SERVER);
	server_start(server, &all);
}

void plan_open(struct client *client, const struct server *server,
	       const struct plan *plan)
{
	client->ctx = plan_ctx_user(plan, KEEL_CLIENT);
	client_open(client, server);
	/* The connection has its own reference. */
	keel_ctx_unref(client->ctx);
}

void plan_stop(struct server *server)
{
	server_stop(server, 2000);
	keel_ctx_unref(server->opts.ctx);
}

void plan_round_trip(struct client *client, const char *name, unsigned int seed,
		     size_t len)
{
	static uint8_t buf[64 * 1024];
	size_t off, n;

	for (off = 0; off < len; off += n) {
		n = len - off < sizeof(buf) ? len - off : sizeof(buf);
		pattern_fill(seed, off, buf, n);
		client_send(client, buf, n);
		memset(buf, 0, n);
		REQUIRE_INT(name, n, client_recv(client, buf, n));
		REQUIRE_INT(name, n, pattern_check(seed, off, buf, n));
	}
}

void outcome_note(struct keel_stream *stream, const struct keel_err *err)
{
	outcome.info.sz = sizeof(outcome.info);
	if (keel_conn_get_info(keel_stream_conn(stream), &outcome.info))
		abort();
	outcome.err = err->err;
	outcome.origin = err->origin;
	outcome.alert = err->alert;
	outcome.site = err->site;
	atomic_fetch_add(&outcome.nr_close, 1);
}

static void check_engine(const char *name, enum keel_offload policy,
			 const struct keel_dir_info *dir)
{
	enum keel_engine want = policy == KEEL_OFFLOAD_OFF ? KEEL_ENGINE_USER
							   : KEEL_ENGINE_KERNEL;

	ATF_CHECK_MSG(dir->engine == want, "%s: engine %u, not %u: %s, %d",
		      name, dir->engine, want, keel_reason_text(dir->reason),
		      dir->err);
}

void outcome_check_engines(const struct plan *plan)
{
	char name[128];

	snprintf(name, sizeof(name), "%s, sending", plan->name);
	check_engine(name, plan->tx, &outcome.info.tx);
	snprintf(name, sizeof(name), "%s, receiving", plan->name);
	check_engine(name, plan->rx, &outcome.info.rx);
}

static void on_open(struct keel_stream *stream, const struct keel_hs_info *info)
{
	echo_ops.on_open(stream, info);
}

static void on_data(struct keel_stream *stream, void *data, size_t len)
{
	echo_ops.on_data(stream, data, len);
}

static void on_sent(struct keel_stream *stream)
{
	echo_ops.on_sent(stream);
}

static void on_close(struct keel_stream *stream, const struct keel_err *err)
{
	echo_ops.on_close(stream, err);
	outcome_note(stream, err);
}

const struct keel_stream_ops plan_echo_ops = {
	.on_open = on_open,
	.on_data = on_data,
	.on_sent = on_sent,
	.on_close = on_close,
};
