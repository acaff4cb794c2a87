/* SPDX-License-Identifier: MIT */
/* KeyUpdates where a kernel has the keys: in it, and where it cannot. */
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

#define ALERT KEEL__RECORD_ALERT
#define HANDSHAKE KEEL__RECORD_HANDSHAKE
#define DATA KEEL__RECORD_DATA

#define KEY_UPDATE "\30\0\0\1\0"
#define KEY_UPDATE_ASK "\30\0\0\1\1"
#define KEY_UPDATE_LEN 5

static uint8_t data[200000];

static char label[128];

static const char *name_of(const char *row, const char *what, size_t nr)
{
	snprintf(label, sizeof(label), "%s, %s, %zu", row, what, nr);
	return label;
}

/* The rows of TLS 1.3. */
static const struct pipe_row *const rows13[] = {&pipe_rows[0], &pipe_rows[2]};

#define FOR_ROWS13(on) \
	for (const struct pipe_row *const *on##_at = rows13, *on = rows13[0]; \
	     on##_at < rows13 + 2; on##_at++, on = rows13[1])

/* An open pipe whose server has a kernel for @dirs, by policy @policy. */
static void start(struct kernel_pipe *kp, const struct pipe_row *on,
		  unsigned int dirs, enum keel_offload policy, bool no_rekey)
{
	const struct kernel_setup setup = {
		.row = on,
		.ends = KERNEL_SERVER,
		.dirs = dirs,
		.policy = policy,
		.no_rekey = no_rekey,
	};

	kernel_pattern(data, sizeof(data));
	kernel_pipe_init(kp, &setup);
	kp->pipe.client.conn->dirs[0].policy = KEEL_OFFLOAD_OFF;
	kp->pipe.client.conn->dirs[1].policy = KEEL_OFFLOAD_OFF;
	pipe_run(&kp->pipe);
	REQUIRE_INT(label, KEEL_CONN_OPEN,
		    keel_conn_get_state(kp->pipe.server.conn));
}

static void check_good(struct kernel_pipe *kp)
{
	CHECK_INT(label, true, kernel_pipe_both_ways(kp, 20000));
	CHECK_INT(label, 0, keel_conn_err(kp->pipe.client.conn)->err);
	CHECK_INT(label, 0, keel_conn_err(kp->pipe.server.conn)->err);
}

static unsigned int nr_updates(const struct pipe_end *end, enum keel_dir dir)
{
	return kernel_info(end, dir).key_updates;
}

CASE(rekey__both_sides, "Either side changes its keys, asks for the other's or "
			"not, and the kernel has the new ones")
{
	FOR_ROWS13(on)
	{
		for (unsigned int i = 0; i < 4 * 3; i++) {
			bool is_asked = i % 2;
			bool by_server = i / 2 % 2;
			unsigned int dirs = i / 4 + 1;
			struct kernel_pipe kp;
			struct pipe_end *end;

			name_of(on->name, "change", i);
			start(&kp, on, dirs, KEEL_OFFLOAD_AUTO, false);
			end = by_server ? &kp.pipe.server : &kp.pipe.client;
			for (unsigned int n = 1; n <= 3; n++) {
				REQUIRE_INT(label, 0,
					    keel_conn_key_update(end->conn,
								 is_asked));
				check_good(&kp);
				CHECK_INT(label, n, nr_updates(end, KEEL_TX));
				CHECK_INT(label, n,
					  nr_updates(end->peer, KEEL_RX));
				CHECK_INT(label, is_asked ? n : 0,
					  nr_updates(end, KEEL_RX));
			}
			if (dirs & KEEL_TX)
				CHECK_INT(label, by_server || is_asked ? 4 : 1,
					  kp.server.tx.nr_sets);
			if (dirs & KEEL_RX)
				CHECK_INT(label, !by_server || is_asked ? 4 : 1,
					  kp.server.rx.nr_sets);
			kernel_pipe_fini(&kp);
		}
	}
}

CASE(rekey__at_once,
     "Both sides at once, again and again, with kernels for all "
     "and data between")
{
	FOR_ROWS13(on)
	{
		const struct kernel_setup setup = {
			.row = on,
			.ends = KERNEL_CLIENT | KERNEL_SERVER,
			.dirs = KERNEL_BOTH,
		};
		struct kernel_pipe kp;
		size_t at = 0;

		name_of(on->name, "at once", 0);
		kernel_pattern(data, sizeof(data));
		kernel_pipe_open(&kp, &setup);
		for (unsigned int i = 0; i < 40; i++) {
			struct pipe_end *ends[] = {&kp.pipe.client,
						   &kp.pipe.server};

			kp.pipe.server.is_multishot = i % 3;
			for (size_t k = 0; k < 2; k++) {
				ATF_REQUIRE_EQ(999,
					       keel_conn_send(ends[k]->conn,
							      data + at, 999));
				ATF_REQUIRE_EQ(
					0, keel_conn_key_update(ends[k]->conn,
								i & (1u << k)));
			}
			at += 999;
			if (i % 4)
				pipe_run(&kp.pipe);
		}
		pipe_run(&kp.pipe);
		REQUIRE_INT(label, at, kp.pipe.client.got.len);
		REQUIRE_INT(label, at, kp.pipe.server.got.len);
		CHECK_MEM(label, data, kp.pipe.client.got.data, at);
		CHECK_MEM(label, data, kp.pipe.server.got.data, at);
		check_good(&kp);
		kernel_pipe_fini(&kp);
	}
}

/* A KeyUpdate of the client's in as many records as @cut says, and data. */
static void send_in_pieces(struct kernel_pipe *kp, const char *msg, size_t step)
{
	for (size_t at = 0; at < KEY_UPDATE_LEN; at += step)
		pipe_end_forge(&kp->pipe.client, HANDSHAKE, msg + at,
			       keel__min_size(step, KEY_UPDATE_LEN - at));
	pipe_end_next_keys(&kp->pipe.client, KEEL_TX);
	pipe_end_forge(&kp->pipe.client, DATA, "after", 5);
}

CASE(rekey__in_pieces, "A KeyUpdate in several records, of which the kernel "
		       "knows the first by its first byte only")
{
	FOR_ROWS13(on)
	{
		for (size_t i = 0; i < 5 * 4; i++) {
			struct kernel_pipe kp;

			name_of(on->name, "in pieces", i);
			start(&kp, on, i % 2 ? KERNEL_BOTH : KEEL_RX,
			      KEEL_OFFLOAD_AUTO, false);
			kp.pipe.server.is_multishot = i / 2 % 2;
			send_in_pieces(&kp, KEY_UPDATE_ASK, i / 4 + 1);
			pipe_run(&kp.pipe);
			CHECK_INT(label, 5, kp.pipe.server.got.len);
			CHECK_INT(label, 1,
				  nr_updates(&kp.pipe.server, KEEL_RX));
			CHECK_INT(label, 1,
				  nr_updates(&kp.pipe.server, KEEL_TX));
			check_good(&kp);
			kernel_pipe_fini(&kp);
		}
	}
}

#define TICKET "\4\0\0\x0e\0\0\0\1\0\0\0\2\0\0\1x\0\0"

CASE(rekey__behind_a_ticket,
     "A KeyUpdate that the kernel does not see: it tries "
     "the next record under the old keys, and again")
{
	FOR_ROWS13(on)
	{
		for (size_t i = 0; i < 4; i++) {
			const struct kernel_setup setup = {
				.row = on,
				.ends = KERNEL_CLIENT,
				.dirs = i % 2 ? KERNEL_BOTH : KEEL_RX,
			};
			const char msg[] = TICKET KEY_UPDATE;
			struct kernel_pipe kp;

			name_of(on->name, "behind a ticket", i);
			kernel_pattern(data, sizeof(data));
			kernel_pipe_open(&kp, &setup);
			kp.pipe.client.is_multishot = i / 2;
			pipe_end_forge(&kp.pipe.server, HANDSHAKE, msg,
				       sizeof(msg) - 1);
			pipe_end_next_keys(&kp.pipe.server, KEEL_TX);
			pipe_end_forge(&kp.pipe.server, DATA, "after", 5);
			ATF_REQUIRE_EQ(5000, keel_conn_send(kp.pipe.client.conn,
							    data, 5000));
			pipe_run(&kp.pipe);
			CHECK_INT(label, 5, kp.pipe.client.got.len);
			CHECK_INT(label, 5000, kp.pipe.server.got.len);
			/* Many receives go on by themselves, one does not. */
			CHECK_INT(label, i / 2, kp.client.nr_so_error);
			check_good(&kp);
			kernel_pipe_fini(&kp);
		}
	}
}

CASE(rekey__forged_behind_it, "A record that is no good under the new keys "
			      "either is refused in the end")
{
	FOR_ROWS13(on)
	{
		for (size_t i = 0; i < 2; i++) {
			struct kernel_pipe kp;
			struct bytes *wire = &kp.pipe.client.wire;

			name_of(on->name, "forged", i);
			start(&kp, on, KERNEL_BOTH, KEEL_OFFLOAD_AUTO, false);
			kp.pipe.server.is_multishot = i;
			send_in_pieces(&kp, KEY_UPDATE, 5);
			wire->data[wire->len - 1] ^= 1;
			pipe_run(&kp.pipe);
			CHECK_INT(label, 0, kp.pipe.server.got.len);
			CHECK_INT(label, -EBADMSG,
				  keel_conn_err(kp.pipe.server.conn)->err);
			CHECK_INT(label, KEEL_ALERT_BAD_RECORD_MAC,
				  keel_conn_err(kp.pipe.client.conn)->alert);
			kernel_pipe_fini(&kp);
		}
	}
}

/* A server that sends by its kernel, with few records a key. */
static void start_limited(struct kernel_pipe *kp, const struct pipe_row *on,
			  bool no_rekey)
{
	const struct kernel_setup setup = {
		.row = on,
		.ends = KERNEL_SERVER,
		.dirs = KEEL_TX,
		.no_rekey = no_rekey,
		.tune = kernel_few_records,
	};

	kernel_pattern(data, sizeof(data));
	kernel_pipe_open(kp, &setup);
}

/* Far more than one key is for. */
static void send_beyond(struct kernel_pipe *kp)
{
	for (int n = 0; n < 30; n++)
		REQUIRE_INT(label, true,
			    kernel_pipe_send(kp, &kp->pipe.server, data,
					     sizeof(data)));
	pipe_run(&kp->pipe);
	CHECK_INT(label, 30 * sizeof(data), kp->pipe.client.got.len);
}

CASE(rekey__at_the_limit,
     "The kernel makes more records than we know of: it is "
     "asked, and gets new keys in time")
{
	static const size_t lens[] = {0, 8192, 4096};

	FOR_ROWS13(on)
	{
		for (size_t i = 0; i < KEEL__ARRAY_LEN(lens); i++) {
			struct kernel_pipe kp;
			uint64_t nr;

			name_of(on->name, "limit", i);
			start_limited(&kp, on, false);
			kp.server.max_record = lens[i];
			send_beyond(&kp);
			nr = kp.server.tx.nr_recs;
			CHECK_INT(label, true, kp.server.tx.nr_gets > 0);
			ATF_CHECK_MSG(kp.server.tx.nr_sets >
					      nr / KERNEL_FEW_RECORDS / 2,
				      "%s: %u for %llu", label,
				      kp.server.tx.nr_sets,
				      (unsigned long long)nr);
			/* What the queue holds is known too late: four records
			 * of ours, each of which may be four of the kernel. */
			ATF_CHECK_MSG(kp.server.tx.max_seq <=
					      KERNEL_FEW_RECORDS +
						      5 * (i ? 4 : 1),
				      "%s: %llu", label,
				      (unsigned long long)kp.server.tx.max_seq);
			check_good(&kp);
			kernel_pipe_fini(&kp);
		}
	}
}

CASE(rekey__limit_untold, "A driver that cannot ask the kernel: records of "
			  "sends cut short are counted by their answers")
{
	static const size_t lens[] = {0, 8192, 4096, 1000};

	FOR_ROWS13(on)
	{
		for (size_t i = 0; i < KEEL__ARRAY_LEN(lens); i++) {
			size_t each = lens[i] ? 16384 / lens[i] + 1 : 1;
			struct kernel_pipe kp;

			name_of(on->name, "untold", i);
			start_limited(&kp, on, false);
			kp.server.fail[FAKE_GET_TX] = -EOPNOTSUPP;
			kp.server.max_send = lens[i];
			send_beyond(&kp);
			CHECK_INT(label, 0, kp.server.tx.nr_gets);
			/* What the queue holds is known too late. */
			ATF_CHECK_MSG(kp.server.tx.max_seq <=
					      KERNEL_FEW_RECORDS + 5 * each,
				      "%s: %llu", label,
				      (unsigned long long)kp.server.tx.max_seq);
			check_good(&kp);
			kernel_pipe_fini(&kp);
		}
	}
}

CASE(rekey__limit_in_vain, "Where no new keys can be had sending ends in order "
			   "at the limit")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		struct keel_tx_info info;
		struct kernel_pipe kp;
		size_t nr = 0;
		ssize_t r;

		start_limited(&kp, on, true);
		while ((r = keel_conn_send(kp.pipe.server.conn, "x", 1)) == 1) {
			pipe_run(&kp.pipe);
			nr++;
		}
		CHECK_INT(on->name, -EKEYEXPIRED, r);
		CHECK_INT(on->name, -ESTALE,
			  keel_conn_tx_info(kp.pipe.server.conn, &info));
		CHECK_INT(on->name, 0, keel_conn_err(kp.pipe.server.conn)->err);
		pipe_run(&kp.pipe);
		CHECK_INT(on->name, nr, kp.pipe.client.got.len);
		CHECK_INT(on->name, true,
			  nr <= KERNEL_FEW_RECORDS &&
				  nr > KERNEL_FEW_RECORDS - 4);
		ATF_CHECK_STREQ("ODE", kp.pipe.client.events + 0);
		/* The peer's data still comes. */
		ATF_REQUIRE_EQ(3,
			       keel_conn_send(kp.pipe.client.conn, "abc", 3));
		ATF_REQUIRE_EQ(0, keel_conn_close(kp.pipe.client.conn));
		pipe_run(&kp.pipe);
		ATF_CHECK_STREQ("ODEC", kp.pipe.server.events);
		kernel_pipe_fini(&kp);
	}
}

CASE(rekey__cannot,
     "A kernel that takes no new keys: ours are refused, and the "
     "connection goes on")
{
	FOR_ROWS13(on)
	{
		struct kernel_pipe kp;

		name_of(on->name, "cannot", 0);
		start(&kp, on, KEEL_TX, KEEL_OFFLOAD_AUTO, true);
		CHECK_INT(label, -EOPNOTSUPP,
			  keel_conn_key_update(kp.pipe.server.conn, false));
		check_good(&kp);
		/* The peer's keys are not the kernel's. */
		REQUIRE_INT(label, 0,
			    keel_conn_key_update(kp.pipe.client.conn, false));
		check_good(&kp);
		/* What it asks for cannot be given: no data may follow. */
		REQUIRE_INT(label, 3,
			    keel_conn_send(kp.pipe.server.conn, "end", 3));
		REQUIRE_INT(label, 0,
			    keel_conn_key_update(kp.pipe.client.conn, true));
		pipe_run(&kp.pipe);
		CHECK_INT(label, KEEL_CONN_CLOSING,
			  keel_conn_get_state(kp.pipe.server.conn));
		CHECK_INT(label, 0, keel_conn_err(kp.pipe.server.conn)->err);
		ATF_CHECK_STREQ("ODE", kp.pipe.client.events);
		REQUIRE_INT(label, 4,
			    keel_conn_send(kp.pipe.client.conn, "last", 4));
		ATF_REQUIRE_EQ(0, keel_conn_close(kp.pipe.client.conn));
		pipe_run(&kp.pipe);
		ATF_CHECK_STREQ("ODEC", kp.pipe.server.events);
		kernel_pipe_fini(&kp);
	}
}

/* How the peer's new keys come, and what else cuts receiving off. */
static const struct {
	const char *name;
	const char *msg;
	bool no_rekey;
	enum fake_step step;
	int err;
	size_t step_len;
} cuts[] = {
	{"cannot", KEY_UPDATE, true, FAKE_ATTACH, 0, 5},
	{"cannot, asked", KEY_UPDATE_ASK, true, FAKE_ATTACH, 0, 5},
	{"cannot, in pieces", KEY_UPDATE, true, FAKE_ATTACH, 0, 2},
	{"refused", KEY_UPDATE, false, FAKE_RX_AGAIN, -EINVAL, 5},
	{"refused, asked", KEY_UPDATE_ASK, false, FAKE_RX_AGAIN, -EINVAL, 5},
	{"not told", KEY_UPDATE, false, FAKE_GET_RX, -EINVAL, 2},
};

CASE(rekey__cut, "The kernel cannot follow the peer: what came before is told, "
		 "ours still goes, and then that is the connection's error")
{
	FOR_ROWS13(on)
	{
		for (size_t i = 0; i < KEEL__ARRAY_LEN(cuts) * 4; i++) {
			size_t cut = i / 4;
			struct kernel_pipe kp;
			struct pipe_end *end = &kp.pipe.server;

			name_of(on->name, cuts[cut].name, i % 4);
			start(&kp, on, i % 2 ? KERNEL_BOTH : KEEL_RX,
			      KEEL_OFFLOAD_REQUIRE, cuts[cut].no_rekey);
			kp.server.fail[cuts[cut].step] = cuts[cut].err;
			end->is_multishot = i % 4 / 2;
			pipe_end_forge(&kp.pipe.client, DATA, "before", 6);
			send_in_pieces(&kp, cuts[cut].msg, cuts[cut].step_len);
			pipe_run(&kp.pipe);
			ATF_CHECK_STREQ("ODX", end->events);
			CHECK_INT(label, 6, end->got.len);
			CHECK_INT(label, KEEL_CONN_OPEN,
				  keel_conn_get_state(end->conn));
			CHECK_INT(label, -EKEYEXPIRED,
				  keel_conn_err(end->conn)->err);
			CHECK_INT(label, KEEL_ERR_KERNEL_TLS,
				  keel_conn_err(end->conn)->origin);
			CHECK_INT(label, true,
				  kernel_pipe_send(&kp, end, data, 100000));
			ATF_REQUIRE_EQ(0, keel_conn_close(end->conn));
			pipe_run(&kp.pipe);
			ATF_CHECK_STREQ("ODXF", end->events);
			CHECK_INT(label, -EKEYEXPIRED,
				  keel_conn_err(end->conn)->err);
			CHECK_INT(label, 100000, kp.pipe.client.got.len);
			ATF_CHECK_STREQ("ODE", kp.pipe.client.events);
			CHECK_INT(label, true, end->is_closed);
			kernel_pipe_fini(&kp);
		}
	}
}

CASE(rekey__cut_while_closing,
     "The same once we have closed: nothing is left to "
     "wait for")
{
	FOR_ROWS13(on)
	{
		for (size_t i = 0; i < 4; i++) {
			struct kernel_pipe kp;
			struct pipe_end *end = &kp.pipe.server;

			name_of(on->name, "closing", i);
			start(&kp, on, i % 2 ? KERNEL_BOTH : KEEL_RX,
			      KEEL_OFFLOAD_REQUIRE, true);
			ATF_REQUIRE_EQ(0, keel_conn_close(end->conn));
			if (i / 2)
				pipe_run(&kp.pipe);
			pipe_end_forge(&kp.pipe.client, DATA, "before", 6);
			send_in_pieces(&kp, KEY_UPDATE, 5);
			pipe_run(&kp.pipe);
			CHECK_INT(label, KEEL_CONN_FAILED,
				  keel_conn_get_state(end->conn));
			CHECK_INT(label, -EKEYEXPIRED,
				  keel_conn_err(end->conn)->err);
			CHECK_INT(label, 6, end->got.len);
			ATF_CHECK_STREQ("OE", kp.pipe.client.events);
			CHECK_INT(label, true, end->is_closed);
			kernel_pipe_fini(&kp);
		}
	}
}

CASE(rekey__lost, "New keys for sending that the kernel refuses end the "
		  "connection: the peer has the message already")
{
	FOR_ROWS13(on)
	{
		for (size_t i = 0; i < 2; i++) {
			struct kernel_pipe kp;
			const struct keel_err *err;

			name_of(on->name, "lost", i);
			start(&kp, on, KERNEL_BOTH, KEEL_OFFLOAD_AUTO, false);
			kp.server.fail[FAKE_TX_AGAIN] = -EINVAL;
			if (i)
				REQUIRE_INT(label, 0,
					    keel_conn_key_update(
						    kp.pipe.client.conn, true));
			else
				REQUIRE_INT(
					label, 0,
					keel_conn_key_update(
						kp.pipe.server.conn, false));
			pipe_run(&kp.pipe);
			err = keel_conn_err(kp.pipe.server.conn);
			CHECK_INT(label, -EINVAL, err->err);
			CHECK_INT(label, KEEL_ERR_KERNEL_TLS, err->origin);
			ATF_CHECK_STREQ("OF", kp.pipe.server.events);
			CHECK_INT(label, true, kp.pipe.server.is_closed);
			CHECK_INT(label, -ECONNABORTED,
				  keel_conn_err(kp.pipe.client.conn)->err);
			kernel_pipe_fini(&kp);
		}
	}
}

CASE(rekey__late, "Data, closes and requests while the kernel has not got the "
		  "new keys go out under these, in order")
{
	static const int opts[] = {TLS_TX, TLS_RX};

	FOR_ROWS13(on)
	{
		for (size_t i = 0; i < 2 * 4; i++) {
			struct kernel_pipe kp;
			struct pipe_end *end = &kp.pipe.server;

			name_of(on->name, "late", i);
			start(&kp, on, KERNEL_BOTH, KEEL_OFFLOAD_AUTO, false);
			end->late_name = opts[i % 2];
			REQUIRE_INT(label, 0,
				    keel_conn_key_update(kp.pipe.client.conn,
							 true));
			ATF_REQUIRE_EQ(50, keel_conn_send(kp.pipe.client.conn,
							  data, 50));
			pipe_run(&kp.pipe);
			REQUIRE_INT(label, KEEL_OP_SETSOCKOPT, end->held.type);
			ATF_REQUIRE_EQ(3, keel_conn_send(end->conn, "one", 3));
			if (i / 2 % 2)
				ATF_REQUIRE_EQ(0, keel_conn_key_update(
							  end->conn, true));
			ATF_REQUIRE_EQ(3, keel_conn_send(end->conn, "two", 3));
			if (i / 4)
				ATF_REQUIRE_EQ(0, keel_conn_close(end->conn));
			ATF_REQUIRE_EQ(50, keel_conn_send(kp.pipe.client.conn,
							  data + 50, 50));
			pipe_run(&kp.pipe);
			if (i % 2 == 0)
				CHECK_INT(label, 0, kp.pipe.client.got.len);
			end->nr_again = i % 2 ? 0 : 2;
			pipe_end_release(end);
			pipe_run(&kp.pipe);
			REQUIRE_INT(label, 6, kp.pipe.client.got.len);
			CHECK_MEM(label, "onetwo", kp.pipe.client.got.data, 6);
			CHECK_INT(label, 100, end->got.len);
			CHECK_MEM(label, data, end->got.data, 100);
			if (!(i / 4))
				check_good(&kp);
			CHECK_INT(label, 0, keel_conn_err(end->conn)->err);
			kernel_pipe_fini(&kp);
		}
	}
}

CASE(rekey__flood, "A peer that changes its keys and sends nothing is refused")
{
	static const char *const msgs[] = {KEY_UPDATE, KEY_UPDATE_ASK};

	FOR_ROWS13(on)
	{
		for (size_t i = 0; i < 2 * 3; i++) {
			struct kernel_pipe kp;

			name_of(on->name, "flood", i);
			start(&kp, on, i / 2 ? KERNEL_BOTH : KEEL_RX,
			      KEEL_OFFLOAD_AUTO, false);
			kp.pipe.server.is_multishot = i / 4;
			/* Our answers would be a flood to it too. */
			kp.pipe.client.is_deaf = i % 2;
			for (int n = 0; n < 33; n++) {
				CHECK_INT(label, 0,
					  keel_conn_err(kp.pipe.server.conn)
						  ->err);
				pipe_end_forge(&kp.pipe.client, HANDSHAKE,
					       msgs[i % 2], KEY_UPDATE_LEN);
				pipe_end_next_keys(&kp.pipe.client, KEEL_TX);
				pipe_run(&kp.pipe);
			}
			CHECK_INT(label, -EPROTO,
				  keel_conn_err(kp.pipe.server.conn)->err);
			CHECK_INT(label, KEEL_ALERT_UNEXPECTED_MESSAGE,
				  keel_conn_err(kp.pipe.server.conn)->alert);
			if (i % 2 == 0)
				CHECK_INT(label, -ECONNRESET,
					  keel_conn_err(kp.pipe.client.conn)
						  ->err);
			kernel_pipe_fini(&kp);
		}
	}
}

CASE(rekey__end_behind_it, "A stream that ends behind a KeyUpdate is cut off, "
			   "and does not wait for ever")
{
	FOR_ROWS13(on)
	{
		for (size_t i = 0; i < 4; i++) {
			struct kernel_pipe kp;

			name_of(on->name, "end", i);
			start(&kp, on, KERNEL_BOTH, KEEL_OFFLOAD_AUTO, false);
			kp.pipe.server.is_multishot = i % 2;
			pipe_end_forge(&kp.pipe.client, HANDSHAKE, KEY_UPDATE,
				       i / 2 ? 2 : KEY_UPDATE_LEN);
			kp.pipe.client.is_shut = true;
			pipe_run(&kp.pipe);
			CHECK_INT(label, -ECONNABORTED,
				  keel_conn_err(kp.pipe.server.conn)->err);
			CHECK_INT(label, true, kp.pipe.server.is_closed);
			kernel_pipe_fini(&kp);
		}
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, rekey__both_sides);
	ATF_TP_ADD_TC(tp, rekey__at_once);
	ATF_TP_ADD_TC(tp, rekey__in_pieces);
	ATF_TP_ADD_TC(tp, rekey__behind_a_ticket);
	ATF_TP_ADD_TC(tp, rekey__forged_behind_it);
	ATF_TP_ADD_TC(tp, rekey__at_the_limit);
	ATF_TP_ADD_TC(tp, rekey__limit_untold);
	ATF_TP_ADD_TC(tp, rekey__limit_in_vain);
	ATF_TP_ADD_TC(tp, rekey__cannot);
	ATF_TP_ADD_TC(tp, rekey__cut);
	ATF_TP_ADD_TC(tp, rekey__cut_while_closing);
	ATF_TP_ADD_TC(tp, rekey__lost);
	ATF_TP_ADD_TC(tp, rekey__late);
	ATF_TP_ADD_TC(tp, rekey__flood);
	ATF_TP_ADD_TC(tp, rekey__end_behind_it);
	return atf_no_error();
}
