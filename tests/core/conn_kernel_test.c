/* SPDX-License-Identifier: MIT */
/* Moving into a pretended kernel: when, why not, and that no byte is lost. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <keel/conn.h>

#include "lib/base/base-private.h"
#include "lib/core/conn-private.h"
#include "tests/support/alloc.h"
#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tests/support/kernel_pipe.h"

#define ROW13 (&pipe_rows[0])
#define ROW12 (&pipe_rows[1])

#define MAX_DATA (1u << 20)

static uint8_t data[MAX_DATA];

#define CHECK_STR(row, expected, actual) \
	ATF_CHECK_MSG(!strcmp(expected, actual), \
		      "%s: %s is \"%s\", not \"%s\"", row, #actual, actual, \
		      expected)

/* Who has a kernel, and for which directions. */
static const struct {
	const char *name;
	unsigned int ends;
	unsigned int dirs;
} uses[] = {
	{"client tx", KERNEL_CLIENT, KEEL_TX},
	{"client rx", KERNEL_CLIENT, KEEL_RX},
	{"client both", KERNEL_CLIENT, KERNEL_BOTH},
	{"server tx", KERNEL_SERVER, KEEL_TX},
	{"server rx", KERNEL_SERVER, KEEL_RX},
	{"server both", KERNEL_SERVER, KERNEL_BOTH},
	{"all tx", KERNEL_CLIENT | KERNEL_SERVER, KEEL_TX},
	{"all rx", KERNEL_CLIENT | KERNEL_SERVER, KEEL_RX},
	{"all", KERNEL_CLIENT | KERNEL_SERVER, KERNEL_BOTH},
};

static char label[128];

static const char *name_of(const char *row, const char *use, size_t nr)
{
	snprintf(label, sizeof(label), "%s, %s, %zu", row, use, nr);
	return label;
}

static void check_engines(const char *name, const struct pipe_end *end,
			  unsigned int dirs)
{
	CHECK_INT(name,
		  end->sock && dirs & KEEL_TX ? KEEL_ENGINE_KERNEL
					      : KEEL_ENGINE_USER,
		  kernel_info(end, KEEL_TX).engine);
	CHECK_INT(name,
		  end->sock && dirs & KEEL_RX ? KEEL_ENGINE_KERNEL
					      : KEEL_ENGINE_USER,
		  kernel_info(end, KEEL_RX).engine);
}

/* Data one way, and that it came. */
static void check_way(struct kernel_pipe *kp, const char *name,
		      struct pipe_end *from, size_t len)
{
	struct pipe_end *to = from->peer;

	to->got.len = 0;
	ATF_CHECK_MSG(kernel_pipe_send(kp, from, data, len), "%s: send", name);
	pipe_run(&kp->pipe);
	REQUIRE_INT(name, len, to->got.len);
	CHECK_MEM(name, data, to->got.data, len);
}

static void check_both_ways(struct kernel_pipe *kp, const char *name,
			    size_t len)
{
	check_way(kp, name, &kp->pipe.client, len);
	check_way(kp, name, &kp->pipe.server, len);
	CHECK_INT(name, 0, keel_conn_err(kp->pipe.client.conn)->err);
	CHECK_INT(name, 0, keel_conn_err(kp->pipe.server.conn)->err);
}

/* In order, from both sides, as kernels of their own would see it. */
static void check_close(struct kernel_pipe *kp, const char *name)
{
	ATF_REQUIRE_EQ(0, keel_conn_close(kp->pipe.client.conn));
	pipe_run(&kp->pipe);
	ATF_REQUIRE_EQ(0, keel_conn_close(kp->pipe.server.conn));
	pipe_run(&kp->pipe);
	CHECK_INT(name, KEEL_CONN_CLOSED,
		  keel_conn_get_state(kp->pipe.client.conn));
	CHECK_INT(name, KEEL_CONN_CLOSED,
		  keel_conn_get_state(kp->pipe.server.conn));
}

CASE(kernel__data, "Bytes of any number come through, whoever protects which "
		   "direction, and the end is in order")
{
	static const size_t lens[] = {1,     2,	    100,   16383,
				      16384, 16385, 65536, MAX_DATA};

	kernel_pattern(data, sizeof(data));
	for (const struct pipe_row *on = pipe_rows; on->name; on++)
		for (size_t i = 0; i < KEEL__ARRAY_LEN(uses); i++) {
			const struct kernel_setup setup = {
				.row = on,
				.ends = uses[i].ends,
				.dirs = uses[i].dirs,
			};
			struct kernel_pipe kp;

			kernel_pipe_open(&kp, &setup);
			for (size_t n = 0; n < KEEL__ARRAY_LEN(lens); n++)
				check_both_ways(&kp,
						name_of(on->name, uses[i].name,
							lens[n]),
						lens[n]);
			check_engines(label, &kp.pipe.client, uses[i].dirs);
			check_engines(label, &kp.pipe.server, uses[i].dirs);
			check_close(&kp, label);
			kernel_pipe_fini(&kp);
		}
}

/* What is changed, and what is then said of both directions of a client. */
struct why_row {
	const char *name;
	uint16_t version; /* 0 for both */
	struct kernel_setup setup;
	void (*spoil)(struct kernel_pipe *kp);
	enum keel_reason tx;
	enum keel_reason rx;
	int tx_err;
	int rx_err;
	bool is_early; /* known before the handshake tells the cipher */
};

static void no_ulp(struct kernel_pipe *kp)
{
	kp->facts.features[KEEL__KTLS_ULP] = -ENOENT;
}

static void no_cipher(struct kernel_pipe *kp)
{
	for (size_t i = 0; i < KEEL__KTLS_NR_CIPHERS; i++)
		for (size_t k = 0; k < KEEL__KTLS_NR_USES; k++)
			kp->facts.ciphers[i][k] = -ENOENT;
}

static void no_rx_cipher(struct kernel_pipe *kp)
{
	for (size_t i = 0; i < KEEL__KTLS_NR_CIPHERS; i++) {
		kp->facts.ciphers[i][1] = -EINVAL;
		kp->facts.ciphers[i][3] = -EINVAL;
	}
}

#define WHY_ALL .ends = KERNEL_CLIENT, .dirs = KERNEL_BOTH

static const struct why_row whys[] = {
	{.name = "policy",
	 .is_early = true,
	 .setup = {.ends = KERNEL_CLIENT},
	 .tx = KEEL_REASON_POLICY,
	 .rx = KEEL_REASON_POLICY},
	{.name = "driver",
	 .is_early = true,
	 .setup = {.dirs = KERNEL_BOTH},
	 .tx = KEEL_REASON_DRIVER,
	 .rx = KEEL_REASON_DRIVER},
	{.name = "no ULP",
	 .is_early = true,
	 .setup = {WHY_ALL},
	 .spoil = no_ulp,
	 .tx = KEEL_REASON_NO_ULP,
	 .rx = KEEL_REASON_NO_ULP,
	 .tx_err = -ENOENT,
	 .rx_err = -ENOENT},
	{.name = "cipher",
	 .setup = {WHY_ALL},
	 .spoil = no_cipher,
	 .tx = KEEL_REASON_CIPHER,
	 .rx = KEEL_REASON_CIPHER,
	 .tx_err = -ENOENT,
	 .rx_err = -ENOENT},
	{.name = "cipher one way",
	 .setup = {.ends = KERNEL_CLIENT, .dirs = KEEL_RX},
	 .spoil = no_rx_cipher,
	 .tx = KEEL_REASON_POLICY,
	 .rx = KEEL_REASON_CIPHER,
	 .rx_err = -EINVAL},
	{.name = "no new keys",
	 .version = KEEL_TLS1_3,
	 .setup = {.ends = KERNEL_CLIENT, .dirs = KEEL_RX, .no_rekey = true},
	 .tx = KEEL_REASON_POLICY,
	 .rx = KEEL_REASON_NO_REKEY,
	 .rx_err = -EBUSY},
	{.name = "threshold",
	 .is_early = true,
	 .setup = {WHY_ALL, .after = 1000000},
	 .tx = KEEL_REASON_THRESHOLD,
	 .rx = KEEL_REASON_THRESHOLD},
};

CASE(kernel__why_not, "Each reason for staying in user space is told, and then "
		      "nothing is different")
{
	kernel_pattern(data, 20000);
	for (size_t i = 0; i < KEEL__ARRAY_LEN(whys); i++)
		for (const struct pipe_row *on = pipe_rows; on->name; on++) {
			const struct why_row *why = &whys[i];
			struct kernel_setup setup = why->setup;
			const struct pipe_end *end;
			struct kernel_pipe kp;

			if (why->version && why->version != on->version)
				continue;
			name_of(on->name, why->name, 0);
			setup.row = on;
			kernel_pipe_init(&kp, &setup);
			if (why->spoil)
				why->spoil(&kp);
			pipe_run(&kp.pipe);
			end = &kp.pipe.client;
			check_both_ways(&kp, label, 20000);
			CHECK_INT(label, why->tx,
				  kernel_info(end, KEEL_TX).reason);
			CHECK_INT(label, why->tx_err,
				  kernel_info(end, KEEL_TX).err);
			CHECK_INT(label, why->rx,
				  kernel_info(end, KEEL_RX).reason);
			CHECK_INT(label, why->rx_err,
				  kernel_info(end, KEEL_RX).err);
			CHECK_INT(label, !why->is_early, kp.client.is_attached);
			CHECK_INT(label, 0, kp.client.tx.nr_sets);
			CHECK_INT(label, 0, kp.client.rx.nr_sets);
			CHECK_INT(label, true, !strpbrk(end->ops, "Qrw"));
			check_close(&kp, label);
			kernel_pipe_fini(&kp);
		}
}

CASE(kernel__short_records, "A peer that wants short records keeps sending, "
			    "and not receiving, out of the kernel")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		const struct kernel_setup setup = {
			.row = on,
			.ends = KERNEL_CLIENT,
			.dirs = KERNEL_BOTH,
			.after = 1,
		};
		struct kernel_pipe kp;
		struct keel_conn *conn;

		kernel_pipe_open(&kp, &setup);
		conn = kp.pipe.client.conn;
		/* As if it had been negotiated: the policy is asked again. */
		conn->max_fragment = 512;
		kp.pipe.server.conn->max_fragment = 512;
		REQUIRE_INT(on->name, 0,
			    keel_conn_set_offload(conn, KERNEL_BOTH,
						  KEEL_OFFLOAD_AUTO));
		check_both_ways(&kp, on->name, 5000);
		CHECK_INT(on->name, KEEL_REASON_FRAGMENT,
			  kernel_info(&kp.pipe.client, KEEL_TX).reason);
		CHECK_INT(on->name, KEEL_ENGINE_KERNEL,
			  kernel_info(&kp.pipe.client, KEEL_RX).engine);
		kernel_pipe_fini(&kp);
	}
}

CASE(kernel__threshold, "A direction moves with the first record behind the "
			"bytes that it takes")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		const struct kernel_setup setup = {
			.row = on,
			.ends = KERNEL_CLIENT,
			.dirs = KERNEL_BOTH,
			.after = 5000,
		};
		struct kernel_pipe kp;

		kernel_pattern(data, 5000);
		kernel_pipe_open(&kp, &setup);
		CHECK_INT(on->name, false, kp.client.is_attached);
		check_both_ways(&kp, on->name, 4999);
		CHECK_INT(on->name, false, kp.client.is_attached);
		check_way(&kp, on->name, &kp.pipe.client, 1);
		CHECK_INT(on->name, KEEL_ENGINE_KERNEL,
			  kernel_info(&kp.pipe.client, KEEL_TX).engine);
		CHECK_INT(on->name, KEEL_REASON_THRESHOLD,
			  kernel_info(&kp.pipe.client, KEEL_RX).reason);
		check_way(&kp, on->name, &kp.pipe.server, 1);
		CHECK_INT(on->name, KEEL_ENGINE_KERNEL,
			  kernel_info(&kp.pipe.client, KEEL_RX).engine);
		check_both_ways(&kp, on->name, 5000);
		check_close(&kp, on->name);
		kernel_pipe_fini(&kp);
	}
}

CASE(kernel__require_in_vain, "What is required and cannot be had fails, and "
			      "the peer is told")
{
	for (size_t i = 0; i < KEEL__ARRAY_LEN(whys); i++)
		for (const struct pipe_row *on = pipe_rows; on->name; on++) {
			const struct why_row *why = &whys[i];
			struct kernel_setup setup = why->setup;
			const struct keel_err *err;
			struct kernel_pipe kp;

			/* Required, it is not asked for new keys or bytes. */
			if (why->rx == KEEL_REASON_POLICY ||
			    why->rx == KEEL_REASON_NO_REKEY || setup.after)
				continue;
			name_of(on->name, why->name, 0);
			setup.row = on;
			setup.policy = KEEL_OFFLOAD_REQUIRE;
			kernel_pipe_init(&kp, &setup);
			if (why->spoil)
				why->spoil(&kp);
			/* Only the client: the server's own would do as well. */
			kp.pipe.server.conn->dirs[0].policy = KEEL_OFFLOAD_OFF;
			kp.pipe.server.conn->dirs[1].policy = KEEL_OFFLOAD_OFF;
			pipe_run(&kp.pipe);
			err = keel_conn_err(kp.pipe.client.conn);
			CHECK_INT(label, -EOPNOTSUPP, err->err);
			CHECK_INT(label, KEEL_ERR_KERNEL_TLS, err->origin);
			CHECK_STR(label, keel_reason_text(why->rx), err->site);
			CHECK_STR(label, "F", kp.pipe.client.events);
			CHECK_INT(label, KEEL_ALERT_INTERNAL_ERROR,
				  keel_conn_err(kp.pipe.server.conn)->alert);
			CHECK_INT(label, true, kp.pipe.client.is_closed);
			kernel_pipe_fini(&kp);
		}
}

/* A call that fails, when, and what is said of both directions then. */
static const struct {
	const char *name;
	enum fake_step step;
	int err;
	enum keel_reason tx;
	enum keel_reason rx;
} steps[] = {
	{"attach, no module", FAKE_ATTACH, -ENOENT, KEEL_REASON_NO_ULP,
	 KEEL_REASON_NO_ULP},
	{"attach, not connected", FAKE_ATTACH, -ENOTCONN, KEEL_REASON_STATE,
	 KEEL_REASON_STATE},
	{"attach, taken", FAKE_ATTACH, -EEXIST, KEEL_REASON_TAKEN,
	 KEEL_REASON_TAKEN},
	{"attach, MPTCP", FAKE_ATTACH, -EOPNOTSUPP, KEEL_REASON_SOCKET,
	 KEEL_REASON_SOCKET},
	{"attach, no socket", FAKE_ATTACH, -ENOTSOCK, KEEL_REASON_SOCKET,
	 KEEL_REASON_SOCKET},
	{"attach, other", FAKE_ATTACH, -EPERM, KEEL_REASON_ATTACH,
	 KEEL_REASON_ATTACH},
	{"keys to send", FAKE_TX_KEYS, -ENOENT, KEEL_REASON_KEYS,
	 KEEL_REASON_NONE},
	{"keys to receive", FAKE_RX_KEYS, -EINVAL, KEEL_REASON_NONE,
	 KEEL_REASON_KEYS},
};

static void check_refused(const char *name, const struct pipe_end *end,
			  enum keel_dir dir, enum keel_reason reason, int err)
{
	struct keel_dir_info info = kernel_info(end, dir);

	CHECK_INT(name, reason, info.reason);
	CHECK_INT(name, reason ? err : 0, info.err);
	CHECK_INT(name, reason ? KEEL_ENGINE_USER : KEEL_ENGINE_KERNEL,
		  info.engine);
}

CASE(kernel__step_fails,
     "Whatever the kernel refuses, early or late, keel goes "
     "on by itself and no byte is lost")
{
	static const uint64_t afters[] = {0, 5000};

	kernel_pattern(data, 70000);
	for (size_t i = 0; i < KEEL__ARRAY_LEN(steps) * 2; i++)
		for (const struct pipe_row *on = pipe_rows; on->name; on++) {
			size_t row = i / 2;
			const struct kernel_setup setup = {
				.row = on,
				.ends = KERNEL_SERVER,
				.dirs = KERNEL_BOTH,
				.after = afters[i % 2],
			};
			const struct pipe_end *end;
			struct kernel_pipe kp;

			name_of(on->name, steps[row].name, afters[i % 2]);
			kernel_pipe_init(&kp, &setup);
			end = &kp.pipe.server;
			kp.server.fail[steps[row].step] = steps[row].err;
			pipe_run(&kp.pipe);
			check_both_ways(&kp, label, 5000);
			check_both_ways(&kp, label, 70000);
			check_refused(label, end, KEEL_TX, steps[row].tx,
				      steps[row].err);
			check_refused(label, end, KEEL_RX, steps[row].rx,
				      steps[row].err);
			check_close(&kp, label);
			kernel_pipe_fini(&kp);
		}
}

CASE(kernel__required_step_fails,
     "Whatever the kernel refuses of what is required is the connection's "
     "error, and the peer is told")
{
	for (size_t i = 0; i < KEEL__ARRAY_LEN(steps); i++)
		for (const struct pipe_row *on = pipe_rows; on->name; on++) {
			const struct kernel_setup setup = {
				.row = on,
				.ends = KERNEL_SERVER,
				.dirs = KERNEL_BOTH,
				.policy = KEEL_OFFLOAD_REQUIRE,
			};
			const struct keel_err *err;
			struct kernel_pipe kp;

			name_of(on->name, steps[i].name, 0);
			kernel_pipe_init(&kp, &setup);
			kp.server.fail[steps[i].step] = steps[i].err;
			/* Only the server. */
			kp.pipe.client.conn->dirs[0].policy = KEEL_OFFLOAD_OFF;
			kp.pipe.client.conn->dirs[1].policy = KEEL_OFFLOAD_OFF;
			pipe_run(&kp.pipe);
			err = keel_conn_err(kp.pipe.server.conn);
			CHECK_INT(label, -EOPNOTSUPP, err->err);
			CHECK_INT(label, KEEL_ERR_KERNEL_TLS, err->origin);
			CHECK_STR(label,
				  keel_reason_text(steps[i].tx ? steps[i].tx
							       : steps[i].rx),
				  err->site);
			CHECK_INT(label, KEEL_ALERT_INTERNAL_ERROR,
				  keel_conn_err(kp.pipe.client.conn)->alert);
			CHECK_INT(label, KEEL_ERR_PEER_ALERT,
				  keel_conn_err(kp.pipe.client.conn)->origin);
			CHECK_INT(label, true, kp.pipe.server.is_closed);
			kernel_pipe_fini(&kp);
		}
}

static const char *suite_wanted;

static void only_suite(struct keel_config *config)
{
	ATF_REQUIRE_EQ(0, keel_config_set_suites(config, suite_wanted));
}

CASE(kernel__suites, "Each suite that the kernel has, and what it has not")
{
	const struct keel_suite *suite;

	kernel_pattern(data, 40000);
	for (size_t i = 0; (suite = keel_suite_at(i)); i++) {
		const struct pipe_row on = {suite->name, "openssl",
					    suite->version};
		const struct kernel_setup setup = {
			.row = &on,
			.ends = KERNEL_CLIENT | KERNEL_SERVER,
			.dirs = KERNEL_BOTH,
			.tune = only_suite,
		};
		bool has_row = keel__ktls_cipher_of(suite);
		struct kernel_pipe kp;

		/* The certificate's key is one of an elliptic curve. */
		if (strstr(suite->name, "_RSA_"))
			continue;
		suite_wanted = suite->name;
		kernel_pipe_open(&kp, &setup);
		check_both_ways(&kp, suite->name, 40000);
		check_engines(suite->name, &kp.pipe.client,
			      has_row ? KERNEL_BOTH : 0);
		check_engines(suite->name, &kp.pipe.server,
			      has_row ? KERNEL_BOTH : 0);
		check_close(&kp, suite->name);
		kernel_pipe_fini(&kp);
	}
}

static void two_tickets(struct keel_config *config)
{
	ATF_REQUIRE_EQ(0, keel_config_set_tickets(config, 2));
}

CASE(kernel__tickets,
     "Tickets go before sending moves, have their numbers, and "
     "come through a client's kernel")
{
	for (size_t i = 0; i < KEEL__ARRAY_LEN(uses) * 2; i++) {
		const struct kernel_setup setup = {
			.row = &pipe_rows[2],
			.ends = uses[i / 2].ends,
			.dirs = uses[i / 2].dirs,
			.after = i % 2 * 100,
			.tune = two_tickets,
		};
		bool moves = setup.ends & KERNEL_SERVER && setup.dirs & KEEL_TX;
		struct kernel_pipe kp;

		name_of("openssl 1.3", uses[i / 2].name, i % 2);
		kernel_pattern(data, 200);
		kernel_pipe_open(&kp, &setup);
		check_both_ways(&kp, label, 200);
		check_both_ways(&kp, label, 100);
		ATF_CHECK_MSG(strchr(kp.pipe.client.events, 'S'),
			      "%s: no session", label);
		/* Two records that the kernel did not make. */
		if (moves)
			CHECK_INT(label, 2 + i % 2,
				  kp.server.tx.t.seq - kp.server.tx.nr_recs);
		check_close(&kp, label);
		kernel_pipe_fini(&kp);
	}
}

CASE(kernel__nonces, "In TLS 1.2 the explicit nonces go on where ours ended")
{
	static const uint64_t afters[] = {0, 300};

	for (size_t i = 0; i < 4; i++) {
		const struct kernel_setup setup = {
			.row = i / 2 ? &pipe_rows[3] : ROW12,
			.ends = KERNEL_CLIENT,
			.dirs = KEEL_TX,
			.after = afters[i % 2],
		};
		uint64_t nonces[8], seq;
		struct kernel_pipe kp;
		struct bytes *wire = &kp.pipe.client.wire;
		size_t at = 0, nr = 0;

		name_of(setup.row->name, "nonces", i % 2);
		kernel_pipe_open(&kp, &setup);
		kp.pipe.server.is_deaf = true;
		for (size_t n = 0; n < 6; n++)
			ATF_REQUIRE(kernel_pipe_send(&kp, &kp.pipe.client, data,
						     100));
		for (; at < wire->len && nr < 8; nr++) {
			memcpy(&nonces[nr], wire->data + at + 5, 8);
			at += 5 + 8 + 100 + KEEL_TAG_LEN;
			for (size_t k = 0; k < nr; k++)
				ATF_CHECK_MSG(nonces[k] != nonces[nr],
					      "%s: %zu and %zu", label, k, nr);
		}
		CHECK_INT(label, 6, nr);
		CHECK_INT(label, i % 2 ? 3 : 6, kp.client.tx.nr_recs);
		/* The Finished was number 0. */
		seq = kp.client.tx.t.seq;
		CHECK_INT(label, 7, seq);
		kp.pipe.server.is_deaf = false;
		pipe_run(&kp.pipe);
		CHECK_INT(label, 600, kp.pipe.server.got.len);
		kernel_pipe_fini(&kp);
	}
}

static struct kernel_pipe *watched;
static unsigned int nr_leaks, nr_freed;

static bool holds_key(const void *mem, size_t len, const struct fake_dir *dir)
{
	const struct keel_suite *suite = dir->t.suite;

	return suite && (memmem(mem, len, dir->t.key, suite->key_len) ||
			 memmem(mem, len, dir->t.iv, KEEL_NONCE_LEN));
}

static void look_for_keys(const void *mem, size_t len)
{
	if (holds_key(mem, len, &watched->server.tx) ||
	    holds_key(mem, len, &watched->server.rx))
		nr_leaks++;
}

/* Only where an option was: other memory may have been a library's before. */
static void look_at_option(const unsigned char *mem, size_t len)
{
	const unsigned char *opt = watched->server.last_opt;

	if (opt < mem || opt >= mem + len)
		return;
	nr_freed++;
	look_for_keys(mem, len);
}

CASE(kernel__no_keys_left,
     "Once the kernel has the keys a connection does not, "
     "nor is a copy freed; a kernel that takes no others "
     "leaves nothing to make any from")
{
	static const uint8_t none[KEEL_MAX_SECRET_LEN];

	for (const struct pipe_row *on = pipe_rows; on->name; on++)
		for (int no_rekey = 0; no_rekey < 2; no_rekey++) {
			const struct kernel_setup setup = {
				.row = on,
				.ends = KERNEL_SERVER,
				.dirs = KERNEL_BOTH,
				.policy = KEEL_OFFLOAD_REQUIRE,
				.no_rekey = no_rekey,
			};
			struct keel_conn *conn;
			struct kernel_pipe kp;

			name_of(on->name, "no rekey", (size_t)no_rekey);
			kernel_pipe_init(&kp, &setup);
			conn = kp.pipe.client.conn;
			conn->dirs[0].policy = KEEL_OFFLOAD_OFF;
			conn->dirs[1].policy = KEEL_OFFLOAD_OFF;
			watched = &kp;
			nr_leaks = 0;
			nr_freed = 0;
			alloc_probe.on_free = look_at_option;
			pipe_run(&kp.pipe);
			check_both_ways(&kp, label, 100);
			conn = kp.pipe.server.conn;
			if (on->version == KEEL_TLS1_3 && !no_rekey) {
				ATF_REQUIRE_EQ(
					0, keel_conn_key_update(conn, true));
				check_both_ways(&kp, label, 100);
				CHECK_INT(label, 2, kp.server.rx.nr_sets);
			}
			alloc_probe.on_free = NULL;
			check_engines(label, &kp.pipe.server, KERNEL_BOTH);
			CHECK_INT(label, 0, nr_leaks);
			CHECK_INT(label, true, nr_freed >= 3);
			CHECK_INT(label, true, !conn->info);
			look_for_keys(conn, sizeof(*conn));
			CHECK_INT(label, 0, nr_leaks);
			if (no_rekey) {
				CHECK_MEM(label, none, conn->tx.secret,
					  sizeof(none));
				CHECK_MEM(label, none, conn->rx.secret,
					  sizeof(none));
			}
			kernel_pipe_fini(&kp);
		}
}

CASE(kernel__no_memory, "Without memory for an option of the socket the "
			"connection fails, and says why")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		const struct kernel_setup setup = {
			.row = on,
			.ends = KERNEL_SERVER,
			.dirs = KERNEL_BOTH,
			.after = 1,
		};
		struct pipe_end *end;
		struct kernel_pipe kp;
		struct keel_op op;

		kernel_pipe_open(&kp, &setup);
		end = &kp.pipe.server;
		ATF_REQUIRE_EQ(1, keel_conn_send(end->conn, "x", 1));
		alloc_probe.nr_left = 0;
		CHECK_INT(on->name, 0, keel_conn_next_op(end->conn, &op));
		alloc_probe.nr_left = -1;
		CHECK_INT(on->name, -ENOMEM, keel_conn_err(end->conn)->err);
		pipe_run(&kp.pipe);
		CHECK_STR(on->name, "OF", end->events);
		CHECK_INT(on->name, true, end->is_closed);
		kernel_pipe_fini(&kp);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, kernel__data);
	ATF_TP_ADD_TC(tp, kernel__why_not);
	ATF_TP_ADD_TC(tp, kernel__short_records);
	ATF_TP_ADD_TC(tp, kernel__threshold);
	ATF_TP_ADD_TC(tp, kernel__require_in_vain);
	ATF_TP_ADD_TC(tp, kernel__step_fails);
	ATF_TP_ADD_TC(tp, kernel__required_step_fails);
	ATF_TP_ADD_TC(tp, kernel__suites);
	ATF_TP_ADD_TC(tp, kernel__tickets);
	ATF_TP_ADD_TC(tp, kernel__nonces);
	ATF_TP_ADD_TC(tp, kernel__no_keys_left);
	ATF_TP_ADD_TC(tp, kernel__no_memory);
	return atf_no_error();
}
