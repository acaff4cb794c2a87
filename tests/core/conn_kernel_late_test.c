/* SPDX-License-Identifier: MIT */
/* A move into the kernel that takes its time, while life goes on. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <keel/conn.h>

#include "ktls/uapi-private.h"
#include "lib/base/base-private.h"
#include "lib/core/conn-private.h"
#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tests/support/kernel_pipe.h"

#define ROW13 (&pipe_rows[0])
#define LEN 5000

static uint8_t data[8 * LEN];

static char label[128];

static const char *name_of(const char *row, const char *what, const char *act,
			   int err)
{
	snprintf(label, sizeof(label), "%s, %s, %s, %d", row, what, act, err);
	return label;
}

/* What has gone which way, as far as the test is concerned. */
static size_t nr_to_client, nr_to_server;

static void send_more(struct pipe_end *end, size_t *nr)
{
	ATF_REQUIRE_EQ_MSG(LEN, keel_conn_send(end->conn, data + *nr, LEN),
			   "%s: send", label);
	*nr += LEN;
}

static void tell(struct kernel_pipe *kp)
{
	send_more(&kp->pipe.server, &nr_to_client);
}

static void hear(struct kernel_pipe *kp)
{
	send_more(&kp->pipe.client, &nr_to_server);
}

static void update(struct kernel_pipe *kp)
{
	REQUIRE_INT(label, 0,
		    keel_conn_key_update(kp->pipe.server.conn, false));
	tell(kp);
}

static void update_both(struct kernel_pipe *kp)
{
	tell(kp);
	REQUIRE_INT(label, 0, keel_conn_key_update(kp->pipe.server.conn, true));
	tell(kp);
	hear(kp);
}

static void update_twice(struct kernel_pipe *kp)
{
	update_both(kp);
	update(kp);
	REQUIRE_INT(label, 0,
		    keel_conn_key_update(kp->pipe.server.conn, false));
}

static void peer_updates(struct kernel_pipe *kp)
{
	hear(kp);
	REQUIRE_INT(label, 0,
		    keel_conn_key_update(kp->pipe.client.conn, false));
	hear(kp);
}

static void peer_asks(struct kernel_pipe *kp)
{
	REQUIRE_INT(label, 0, keel_conn_key_update(kp->pipe.client.conn, true));
	hear(kp);
	tell(kp);
}

static void close_it(struct kernel_pipe *kp)
{
	tell(kp);
	REQUIRE_INT(label, 0, keel_conn_close(kp->pipe.server.conn));
	hear(kp);
}

static void peer_closes(struct kernel_pipe *kp)
{
	hear(kp);
	REQUIRE_INT(label, 0, keel_conn_close(kp->pipe.client.conn));
	tell(kp);
}

static void everything(struct kernel_pipe *kp)
{
	peer_asks(kp);
	update_both(kp);
	peer_updates(kp);
	close_it(kp);
}

static const struct {
	const char *name;
	bool in_tls13;
	void (*fn)(struct kernel_pipe *kp);
} acts[] = {
	{"send", false, tell},
	{"receive", false, hear},
	{"close", false, close_it},
	{"peer closes", false, peer_closes},
	{"new keys", true, update},
	{"new keys for both", true, update_both},
	{"new keys twice", true, update_twice},
	{"peer's new keys", true, peer_updates},
	{"peer asks for new keys", true, peer_asks},
	{"everything", true, everything},
};

/* What is late, and what makes it fail then. */
static const struct {
	const char *name;
	int opt;
	enum fake_step step;
} late_rows[] = {
	{"attaching", TCP_ULP, FAKE_ATTACH},
	{"keys to send", TLS_TX, FAKE_TX_KEYS},
	{"keys to receive", TLS_RX, FAKE_RX_KEYS},
};

static void check_got(struct kernel_pipe *kp)
{
	const struct bytes *client = &kp->pipe.client.got;
	const struct bytes *server = &kp->pipe.server.got;

	REQUIRE_INT(label, nr_to_client, client->len);
	REQUIRE_INT(label, nr_to_server, server->len);
	if (client->len)
		CHECK_MEM(label, data, client->data, client->len);
	if (server->len)
		CHECK_MEM(label, data, server->data, server->len);
	CHECK_INT(label, 0, keel_conn_err(kp->pipe.client.conn)->err);
	CHECK_INT(label, 0, keel_conn_err(kp->pipe.server.conn)->err);
}

static void check_end(struct kernel_pipe *kp)
{
	/* New keys of either side work from here on. */
	if (keel_conn_get_state(kp->pipe.client.conn) == KEEL_CONN_OPEN)
		hear(kp);
	if (keel_conn_get_state(kp->pipe.server.conn) == KEEL_CONN_OPEN)
		tell(kp);
	pipe_run(&kp->pipe);
	check_got(kp);
	ATF_REQUIRE_EQ(0, keel_conn_close(kp->pipe.client.conn));
	ATF_REQUIRE_EQ(0, keel_conn_close(kp->pipe.server.conn));
	pipe_run(&kp->pipe);
	check_got(kp);
	CHECK_INT(label, KEEL_CONN_CLOSED,
		  keel_conn_get_state(kp->pipe.client.conn));
	CHECK_INT(label, KEEL_CONN_CLOSED,
		  keel_conn_get_state(kp->pipe.server.conn));
}

static void start(struct kernel_pipe *kp, const struct pipe_row *on,
		  enum keel_offload policy, int opt)
{
	const struct kernel_setup setup = {
		.row = on,
		.ends = KERNEL_SERVER,
		.dirs = KERNEL_BOTH,
		.policy = policy,
	};

	kernel_pattern(data, sizeof(data));
	nr_to_client = 0;
	nr_to_server = 0;
	kernel_pipe_init(kp, &setup);
	kp->pipe.server.late_name = opt;
	kp->pipe.client.conn->dirs[0].policy = KEEL_OFFLOAD_OFF;
	kp->pipe.client.conn->dirs[1].policy = KEEL_OFFLOAD_OFF;
	pipe_run(&kp->pipe);
	REQUIRE_INT(label, KEEL_OP_SETSOCKOPT, kp->pipe.server.held.type);
	REQUIRE_INT(label, KEEL_CONN_OPEN,
		    keel_conn_get_state(kp->pipe.server.conn));
}

static void check_late(const struct pipe_row *on, size_t late, size_t act,
		       int err)
{
	struct kernel_pipe kp;

	name_of(on->name, late_rows[late].name, acts[act].name, err);
	start(&kp, on, KEEL_OFFLOAD_AUTO, late_rows[late].opt);
	acts[act].fn(&kp);
	pipe_run(&kp.pipe);
	kp.server.fail[late_rows[late].step] = err;
	pipe_end_release(&kp.pipe.server);
	pipe_run(&kp.pipe);
	check_got(&kp);
	check_end(&kp);
	kernel_pipe_fini(&kp);
}

CASE(late__answer, "Whatever is done and comes while the kernel has not "
		   "answered happens in order, be it yes or no in the end")
{
	static const int errs[] = {0, -ENOENT};

	for (const struct pipe_row *on = pipe_rows; on->name; on++)
		for (size_t i = 0; i < KEEL__ARRAY_LEN(late_rows); i++)
			for (size_t k = 0; k < KEEL__ARRAY_LEN(acts); k++)
				for (size_t e = 0; e < 2; e++) {
					if (!acts[k].in_tls13 ||
					    on->version == KEEL_TLS1_3)
						check_late(on, i, k, errs[e]);
				}
}

CASE(late__put_off, "A driver that has to send first is asked again")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		struct kernel_pipe kp;

		name_of(on->name, "put off", "send", 0);
		start(&kp, on, KEEL_OFFLOAD_AUTO, TLS_TX);
		tell(&kp);
		kp.pipe.server.nr_again = 5;
		pipe_end_release(&kp.pipe.server);
		/* In between there are no frames: what is sent then is ours. */
		tell(&kp);
		pipe_run(&kp.pipe);
		CHECK_INT(label, 0, kp.pipe.server.nr_again);
		CHECK_INT(label, KEEL_ENGINE_KERNEL,
			  kernel_info(&kp.pipe.server, KEEL_TX).engine);
		check_got(&kp);
		check_end(&kp);
		kernel_pipe_fini(&kp);
	}
}

CASE(late__limit, "What waits for the kernel's answer is counted: the keys of "
		  "TLS 1.2 are not used beyond their limit")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		const struct kernel_setup setup = {
			.row = on,
			.ends = KERNEL_SERVER,
			.dirs = KEEL_TX,
			.tune = kernel_few_records,
		};
		struct kernel_pipe kp;
		size_t nr = 0;

		if (on->version == KEEL_TLS1_3)
			continue;
		name_of(on->name, "limit", "send", 0);
		kernel_pipe_init(&kp, &setup);
		kp.pipe.server.late_name = TLS_TX;
		pipe_run(&kp.pipe);
		REQUIRE_INT(label, KEEL_OP_SETSOCKOPT,
			    kp.pipe.server.held.type);
		while (nr < 3 * KERNEL_FEW_RECORDS &&
		       keel_conn_send(kp.pipe.server.conn, "x", 1) == 1)
			nr++;
		pipe_end_release(&kp.pipe.server);
		pipe_run(&kp.pipe);
		CHECK_INT(label, nr, kp.pipe.client.got.len);
		ATF_CHECK_MSG(kp.server.tx.max_seq <= KERNEL_FEW_RECORDS + 1,
			      "%s: %llu", label,
			      (unsigned long long)kp.server.tx.max_seq);
		kernel_pipe_fini(&kp);
	}
}

CASE(late__required, "What is required and refused late: nothing that only the "
		     "kernel was to send is sent, and the peer is told")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++)
		for (size_t i = 0; i < KEEL__ARRAY_LEN(late_rows); i++) {
			const struct keel_err *err;
			struct kernel_pipe kp;

			name_of(on->name, late_rows[i].name, "required", 0);
			start(&kp, on, KEEL_OFFLOAD_REQUIRE, late_rows[i].opt);
			tell(&kp);
			kp.server.fail[late_rows[i].step] = -ENOENT;
			pipe_end_release(&kp.pipe.server);
			pipe_run(&kp.pipe);
			err = keel_conn_err(kp.pipe.server.conn);
			CHECK_INT(label, -EOPNOTSUPP, err->err);
			CHECK_INT(label, KEEL_ERR_KERNEL_TLS, err->origin);
			err = keel_conn_err(kp.pipe.client.conn);
			CHECK_INT(label, KEEL_ERR_PEER_ALERT, err->origin);
			CHECK_INT(label, KEEL_ALERT_INTERNAL_ERROR, err->alert);
			if (late_rows[i].opt == TLS_TX)
				CHECK_INT(label, 0, kp.pipe.client.got.len);
			kernel_pipe_fini(&kp);
		}
}

CASE(late__peer_fails, "A peer's fatal alert, or its end, while the kernel has "
		       "not answered")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++)
		for (size_t i = 0; i < KEEL__ARRAY_LEN(late_rows) * 2; i++) {
			bool is_alert = i % 2;
			struct kernel_pipe kp;

			name_of(on->name, late_rows[i / 2].name, "dies",
				is_alert);
			start(&kp, on, KEEL_OFFLOAD_AUTO, late_rows[i / 2].opt);
			tell(&kp);
			if (is_alert)
				pipe_end_forge(&kp.pipe.client,
					       KEEL__RECORD_ALERT, "\2\120", 2);
			else
				kp.pipe.client.is_shut = true;
			pipe_run(&kp.pipe);
			pipe_end_release(&kp.pipe.server);
			pipe_run(&kp.pipe);
			CHECK_INT(label, is_alert ? -ECONNRESET : -ECONNABORTED,
				  keel_conn_err(kp.pipe.server.conn)->err);
			CHECK_INT(label, true, kp.pipe.server.is_closed);
			kernel_pipe_fini(&kp);
		}
}

CASE(late__policy, "A policy that is turned off and on while the kernel has "
		   "not answered")
{
	static const enum keel_offload ends[] = {
		KEEL_OFFLOAD_AUTO, KEEL_OFFLOAD_REQUIRE, KEEL_OFFLOAD_OFF};

	for (const struct pipe_row *on = pipe_rows; on->name; on++)
		for (size_t i = 0; i < KEEL__ARRAY_LEN(late_rows) * 3; i++) {
			struct keel_conn *conn;
			struct kernel_pipe kp;

			name_of(on->name, late_rows[i / 3].name, "policy",
				(int)i % 3);
			start(&kp, on, KEEL_OFFLOAD_AUTO, late_rows[i / 3].opt);
			conn = kp.pipe.server.conn;
			REQUIRE_INT(label, 0,
				    keel_conn_set_offload(conn, KERNEL_BOTH,
							  KEEL_OFFLOAD_OFF));
			hear(&kp);
			tell(&kp);
			pipe_run(&kp.pipe);
			REQUIRE_INT(label, 0,
				    keel_conn_set_offload(conn, KERNEL_BOTH,
							  ends[i % 3]));
			pipe_run(&kp.pipe);
			pipe_end_release(&kp.pipe.server);
			pipe_run(&kp.pipe);
			check_got(&kp);
			check_end(&kp);
			kernel_pipe_fini(&kp);
		}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, late__answer);
	ATF_TP_ADD_TC(tp, late__put_off);
	ATF_TP_ADD_TC(tp, late__limit);
	ATF_TP_ADD_TC(tp, late__required);
	ATF_TP_ADD_TC(tp, late__peer_fails);
	ATF_TP_ADD_TC(tp, late__policy);
	return atf_no_error();
}
