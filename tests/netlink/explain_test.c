/* SPDX-License-Identifier: MIT */
/* What keel says of a connection's engines, and what the kernel says. */
#include <keel/netlink.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tests/uring/offload.h"
#include "uring/uring-private.h"

/* After so many messages everything has moved that will. */
#define NR_MESSAGES 4

/* Both, of one connection at one moment. */
static struct {
	unsigned int nr;
	struct keel_conn_info conn;
	struct keel_sock_info sock;
	struct keel_diag diag;
	int err;
} said;

static void on_data(struct keel_stream *stream, void *data, size_t len)
{
	if (++said.nr == NR_MESSAGES) {
		said.conn.sz = sizeof(said.conn);
		said.sock.sz = sizeof(said.sock);
		said.err = keel_conn_get_info(keel_stream_conn(stream),
					      &said.conn);
		if (!said.err)
			said.err = keel_sock_get_info(stream->fd, &said.diag,
						      &said.sock);
	}
	if (keel_stream_send(stream, data, len) != (ssize_t)len)
		abort();
}

static const struct keel_stream_ops ops = {
	.on_data = on_data,
	.on_close = outcome_note,
};

static void talk(const struct plan *plan)
{
	const struct server_opts opts = {.ops = &ops};
	struct client client = {.fd = -1};
	struct server server;
	char buf[4];

	memset(&said, 0, sizeof(said));
	plan_start(&server, plan, &opts);
	plan_open(&client, &server, plan);
	for (unsigned int i = 0; i < NR_MESSAGES; i++) {
		client_send(&client, "text", 4);
		REQUIRE_INT(plan->name, 4, client_recv(&client, buf, 4));
	}
	CHECK_INT(plan->name, 0, client_finish(&client));
	plan_stop(&server);
}

/* Without any direction in the kernel nothing is attached. */
static unsigned int conf_of(const struct plan *plan,
			    const struct keel_dir_info *dir)
{
	if (plan->tx == KEEL_OFFLOAD_OFF && plan->rx == KEEL_OFFLOAD_OFF)
		return KEEL_SOCK_NONE;
	return dir->engine == KEEL_ENGINE_KERNEL ? KEEL_SOCK_SOFTWARE
						 : KEEL_SOCK_BASE;
}

static void compare(const struct plan *plan, const char *cipher)
{
	bool has_keys =
		plan->tx != KEEL_OFFLOAD_OFF || plan->rx != KEEL_OFFLOAD_OFF;

	talk(plan);
	ATF_REQUIRE_MSG(!said.err, "%s: %d, %s", plan->name, said.err,
			said.diag.text);
	CHECK_INT(plan->name,
		  plan->tx == KEEL_OFFLOAD_REQUIRE ? KEEL_ENGINE_KERNEL
						   : KEEL_ENGINE_USER,
		  said.conn.tx.engine);
	CHECK_INT(plan->name,
		  plan->rx == KEEL_OFFLOAD_REQUIRE ? KEEL_ENGINE_KERNEL
						   : KEEL_ENGINE_USER,
		  said.conn.rx.engine);
	CHECK_INT(plan->name, conf_of(plan, &said.conn.tx), said.sock.tx_conf);
	CHECK_INT(plan->name, conf_of(plan, &said.conn.rx), said.sock.rx_conf);
	ATF_CHECK_STREQ(has_keys ? "tls" : "", said.sock.ulp);
	CHECK_INT(plan->name, has_keys ? said.conn.version : 0,
		  said.sock.version);
	ATF_CHECK_STREQ(has_keys ? cipher : "", said.sock.cipher_name);
}

CASE(explain__agrees_with_the_kernel,
     "every cipher in every version, with every choice of engines")
{
	offload_need("ulp", "");
	for (size_t c = 0; c < NR_CIPHER_CHOICES; c++)
		for (size_t e = 0; e < NR_ENGINE_CHOICES; e++)
			for (size_t is_13 = 0; is_13 < 2; is_13++) {
				char name[64];
				const struct plan plan = {
					.name = name,
					.version = is_13 ? KEEL_TLS1_3
							 : KEEL_TLS1_2,
					.suite =
						cipher_choices[c].suites[is_13],
					.tx = engine_choices[e].tx,
					.rx = engine_choices[e].rx,
				};

				snprintf(name, sizeof(name), "%s, %s, %s",
					 keel_version_name(plan.version),
					 cipher_choices[c].name,
					 engine_choices[e].name);
				compare(&plan, cipher_choices[c].name);
			}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, explain__agrees_with_the_kernel);
	return atf_no_error();
}
