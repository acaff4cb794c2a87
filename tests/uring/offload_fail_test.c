/* SPDX-License-Identifier: MIT */
/* A kernel that refuses what it is asked for, at each step. */
#include "tests/uring/offload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ktls/uapi-private.h"
#include "lib/core/conn-private.h"
#include "uring/uring-private.h"

/* What each option is answered with: 0, the kernel's own answer, or an errno. */
static struct {
	int attach;
	int tx;
	int rx;
	bool is_later; /* only from the second time on */
	bool is_required;
	unsigned int nr_tx;
	unsigned int nr_rx;
} refusal;

static int verdict(int level, int name)
{
	if (level == IPPROTO_TCP && name == TCP_ULP)
		return refusal.attach;
	if (level == SOL_TLS && name == TLS_TX)
		return refusal.nr_tx++ || !refusal.is_later ? refusal.tx : 0;
	if (level == SOL_TLS && name == TLS_RX)
		return refusal.nr_rx++ || !refusal.is_later ? refusal.rx : 0;
	return 0;
}

static int set(int fd, int level, int name, const void *value, socklen_t len)
{
	int err = verdict(level, name);

	if (err) {
		errno = err;
		return -1;
	}
	/* Where there is no such kernel, this step at least is played. */
	if (name == TCP_ULP && level == IPPROTO_TCP && !offload_has("ulp", ""))
		return 0;
	return setsockopt(fd, level, name, value, len);
}

static const struct keel__sock_sys refusing = {
	.set = set,
	.get = getsockopt,
};

static void refuse(struct server *server, void *arg)
{
	struct keel_ctx *ctx = server->opts.ctx;

	(void)arg;
	server->loop->sys = &refusing;
	/* A context that requires it cannot be had everywhere. */
	if (refusal.is_required) {
		ctx->offload[0] = KEEL_OFFLOAD_REQUIRE;
		ctx->offload[1] = KEEL_OFFLOAD_REQUIRE;
	}
}

/* A context that thinks well of every kernel. */
static void start(struct server *server, const struct plan *plan)
{
	static const struct keel__ktls_facts good;
	struct server_opts opts = {.ops = &plan_echo_ops,
				   .data_len = sizeof(struct echo)};

	refusal.nr_tx = 0;
	refusal.nr_rx = 0;
	plan_start(server, plan, &opts);
	if (!offload_has("ulp", ""))
		atomic_store(&server->opts.ctx->facts, &good);
	server_call(server, refuse, NULL);
}

static const struct {
	const char *name;
	int attach;
	int tx;
	int rx;
	uint8_t reason;
} rows[] = {
	{"attach: ENOENT", ENOENT, 0, 0, KEEL_REASON_NO_ULP},
	{"attach: ENOTCONN", ENOTCONN, 0, 0, KEEL_REASON_STATE},
	{"attach: EEXIST", EEXIST, 0, 0, KEEL_REASON_TAKEN},
	{"attach: EOPNOTSUPP", EOPNOTSUPP, 0, 0, KEEL_REASON_SOCKET},
	{"attach: EPERM", EPERM, 0, 0, KEEL_REASON_ATTACH},
	{"both: ENOENT", 0, ENOENT, ENOENT, KEEL_REASON_KEYS},
	{"tx: EINVAL", 0, EINVAL, 0, KEEL_REASON_KEYS},
	{"rx: EBUSY", 0, 0, EBUSY, KEEL_REASON_KEYS},
};

static const struct plan plans[] = {
	{.name = "1.3, at once", .version = KEEL_TLS1_3},
	{.name = "1.2, at once", .version = KEEL_TLS1_2},
	{.name = "1.3, after 30,000", .version = KEEL_TLS1_3, .after = 30000},
	{.name = "1.2, after 30,000", .version = KEEL_TLS1_2, .after = 30000},
};

/* False: this row needs a kernel with TLS. */
static bool choose(size_t r)
{
	refusal.attach = rows[r].attach;
	refusal.tx = rows[r].tx;
	refusal.rx = rows[r].rx;
	refusal.is_later = false;
	refusal.is_required = false;
	return rows[r].attach || (rows[r].tx && rows[r].rx) ||
	       offload_has("ulp", "");
}

static void check_dir(const char *name, size_t r, int err,
		      const struct keel_dir_info *dir)
{
	if (!err && !rows[r].attach)
		return;
	CHECK_INT(name, KEEL_ENGINE_USER, dir->engine);
	/* What the kernel was never asked for has a reason of its own. */
	if (dir->reason == KEEL_REASON_NO_REKEY)
		return;
	CHECK_INT(name, rows[r].reason, dir->reason);
	CHECK_INT(name, rows[r].attach ? -rows[r].attach : -err, dir->err);
}

static void go_on(size_t r, const struct plan *plan)
{
	struct client client = {0};
	struct server server;
	char name[64];

	snprintf(name, sizeof(name), "%s, %s", rows[r].name, plan->name);
	start(&server, plan);
	plan_open(&client, &server, plan);
	plan_round_trip(&client, name, 1, 150000);
	CHECK_INT(name, 0, client_finish(&client));
	wait_for(name, &outcome.nr_close, 1);
	plan_stop(&server);
	CHECK_INT(name, 0, outcome.err);
	check_dir(name, r, rows[r].tx, &outcome.info.tx);
	check_dir(name, r, rows[r].rx, &outcome.info.rx);
}

CASE(refused__goes_on, "a kernel that refuses leaves the stream in user "
		       "space, where it goes on")
{
	for (size_t i = 0; i < LEN_OF(rows) * LEN_OF(plans); i++) {
		if (choose(i / LEN_OF(plans)))
			go_on(i / LEN_OF(plans), &plans[i % LEN_OF(plans)]);
	}
}

CASE(refused__but_required, "where the kernel is required, a refusal ends "
			    "the stream, and both sides are told")
{
	static const struct plan off = {.name = "required",
					.version = KEEL_TLS1_3};

	for (size_t r = 0; r < LEN_OF(rows); r++) {
		struct plan plan = off;
		struct client client = {0};
		struct server server;
		const char *name = rows[r].name;

		if (!choose(r))
			continue;
		refusal.is_required = true;
		start(&server, &plan);
		plan_open(&client, &server, &plan);
		client_wait_end(&client);
		CHECK_INT(name, KEEL_ERR_PEER_ALERT,
			  keel_conn_err(client.conn)->origin);
		CHECK_INT(name, KEEL_ALERT_INTERNAL_ERROR,
			  keel_conn_err(client.conn)->alert);
		client_drop(&client);
		wait_for(name, &outcome.nr_close, 1);
		plan_stop(&server);
		CHECK_INT(name, -EOPNOTSUPP, outcome.err);
		CHECK_INT(name, KEEL_ERR_KERNEL_TLS, outcome.origin);
	}
}

static const struct plan both = {.name = "both",
				 .version = KEEL_TLS1_3,
				 .tx = KEEL_OFFLOAD_REQUIRE,
				 .rx = KEEL_OFFLOAD_REQUIRE};

CASE(refused__new_keys_to_receive, "a kernel that takes no new keys to receive "
				   "with ends the stream like one that cannot")
{
	struct client client = {0};
	struct server server;
	char c;

	offload_need("rekey", "");
	refusal.rx = EBUSY;
	refusal.is_later = true;
	start(&server, &both);
	plan_open(&client, &server, &both);
	plan_round_trip(&client, "before", 1, 1000);
	ATF_REQUIRE_EQ(0, keel_conn_key_update(client.conn, false));
	client_send(&client, "lost", 4);
	CHECK_INT("no more", 0, client_recv(&client, &c, 1));
	CHECK_INT("close_notify", true, client.is_eof);
	CHECK_INT("finish", 0, client_finish(&client));
	wait_for("closed", &outcome.nr_close, 1);
	plan_stop(&server);
	CHECK_INT("error", -EKEYEXPIRED, outcome.err);
	CHECK_INT("cuts", 1, server.stats.rekey_cuts);
}

CASE(refused__new_keys_to_send, "a kernel that takes no new keys to send with "
				"ends the stream at once")
{
	struct client client = {0};
	struct server server;

	offload_need("rekey", "");
	refusal.tx = EBUSY;
	refusal.is_later = true;
	start(&server, &both);
	plan_open(&client, &server, &both);
	plan_round_trip(&client, "before", 1, 1000);
	ATF_REQUIRE_EQ(0, keel_conn_key_update(client.conn, true));
	client_send(&client, "x", 1);
	client_wait_end(&client);
	/* Whether the server had read the "x" or not. */
	ATF_CHECK_MSG(keel_conn_err(client.conn)->err == -ECONNABORTED ||
			      keel_conn_err(client.conn)->err == -ECONNRESET,
		      "client: %d", keel_conn_err(client.conn)->err);
	client_drop(&client);
	wait_for("closed", &outcome.nr_close, 1);
	plan_stop(&server);
	CHECK_INT("error", -EBUSY, outcome.err);
	CHECK_INT("origin", KEEL_ERR_KERNEL_TLS, outcome.origin);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, refused__goes_on);
	ATF_TP_ADD_TC(tp, refused__but_required);
	ATF_TP_ADD_TC(tp, refused__new_keys_to_receive);
	ATF_TP_ADD_TC(tp, refused__new_keys_to_send);
	return atf_no_error();
}
