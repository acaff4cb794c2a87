/* SPDX-License-Identifier: MIT */
/* Another policy for one connection, at any time of its life. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <keel/conn.h>

#include "lib/base/base-private.h"
#include "lib/core/conn-private.h"
#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tests/support/kernel_pipe.h"

static char label[128];

static const char *name_of(const char *row, const char *what, size_t nr)
{
	snprintf(label, sizeof(label), "%s, %s, %zu", row, what, nr);
	return label;
}

static void check_both_ways(struct kernel_pipe *kp, const char *name,
			    size_t len)
{
	CHECK_INT(name, true, kernel_pipe_both_ways(kp, len));
}

static void check_engines(const char *name, const struct pipe_end *end,
			  unsigned int dirs)
{
	CHECK_INT(name, dirs & KEEL_TX ? KEEL_ENGINE_KERNEL : KEEL_ENGINE_USER,
		  kernel_info(end, KEEL_TX).engine);
	CHECK_INT(name, dirs & KEEL_RX ? KEEL_ENGINE_KERNEL : KEEL_ENGINE_USER,
		  kernel_info(end, KEEL_RX).engine);
}

CASE(offload__no_socket, "A driver without a socket is asked for nothing new, "
			 "whatever the policy becomes")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		const struct kernel_setup setup = {
			.row = on,
			.dirs = KERNEL_BOTH,
		};
		struct kernel_pipe kp;

		kernel_pipe_open(&kp, &setup);
		/* An operation for a socket would end the program. */
		check_both_ways(&kp, on->name, 100000);
		ATF_REQUIRE_EQ(0, keel_conn_set_offload(kp.pipe.client.conn,
							KERNEL_BOTH,
							KEEL_OFFLOAD_OFF));
		ATF_REQUIRE_EQ(0, keel_conn_set_offload(kp.pipe.client.conn,
							KERNEL_BOTH,
							KEEL_OFFLOAD_AUTO));
		check_both_ways(&kp, on->name, 100000);
		CHECK_INT(on->name, KEEL_REASON_DRIVER,
			  kernel_info(&kp.pipe.client, KEEL_TX).reason);
		kernel_pipe_fini(&kp);
	}
}

CASE(offload__arguments, "Directions and policies that are none are refused")
{
	const struct kernel_setup setup = {.row = &pipe_rows[0]};
	struct keel_conn *conn;
	struct kernel_pipe kp;

	kernel_pipe_init(&kp, &setup);
	conn = kp.pipe.client.conn;
	ATF_CHECK_EQ(-EINVAL, keel_conn_set_offload(NULL, 1, 0));
	ATF_CHECK_EQ(-EINVAL, keel_conn_set_offload(conn, 0, 0));
	ATF_CHECK_EQ(-EINVAL, keel_conn_set_offload(conn, 4, 0));
	ATF_CHECK_EQ(-EINVAL, keel_conn_set_offload(conn, 7, 0));
	ATF_CHECK_EQ(-EINVAL, keel_conn_set_offload(conn, 1, 3));
	ATF_CHECK_EQ(-EINVAL,
		     keel_conn_set_offload(conn, 1, (enum keel_offload) - 1));
	kernel_pipe_fini(&kp);
}

CASE(offload__before, "A policy that is set before the handshake counts")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++)
		for (int is_late = 0; is_late < 2; is_late++) {
			const struct kernel_setup setup = {
				.row = on,
				.ends = KERNEL_CLIENT,
			};
			struct kernel_pipe kp;

			name_of(on->name, "late", (size_t)is_late);
			kernel_pipe_init(&kp, &setup);
			if (is_late)
				pipe_end_ops(&kp.pipe.client);
			ATF_REQUIRE_EQ(0, keel_conn_set_offload(
						  kp.pipe.client.conn, KEEL_TX,
						  KEEL_OFFLOAD_REQUIRE));
			pipe_run(&kp.pipe);
			check_both_ways(&kp, label, 1000);
			check_engines(label, &kp.pipe.client, KEEL_TX);
			CHECK_INT(label, KEEL_REASON_POLICY,
				  kernel_info(&kp.pipe.client, KEEL_RX).reason);
			kernel_pipe_fini(&kp);
		}
}

CASE(offload__stays, "What the kernel has it keeps, and what it refused is not "
		     "tried again")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		const struct kernel_setup setup = {
			.row = on,
			.ends = KERNEL_CLIENT,
			.dirs = KERNEL_BOTH,
		};
		struct keel_conn *conn;
		struct kernel_pipe kp;

		kernel_pipe_init(&kp, &setup);
		conn = kp.pipe.client.conn;
		kp.client.fail[FAKE_RX_KEYS] = -ENOENT;
		pipe_run(&kp.pipe);
		ATF_REQUIRE_EQ(0, keel_conn_set_offload(conn, KERNEL_BOTH,
							KEEL_OFFLOAD_OFF));
		check_both_ways(&kp, on->name, 1000);
		kp.client.fail[FAKE_RX_KEYS] = 0;
		ATF_REQUIRE_EQ(0, keel_conn_set_offload(conn, KERNEL_BOTH,
							KEEL_OFFLOAD_AUTO));
		check_both_ways(&kp, on->name, 1000);
		check_engines(on->name, &kp.pipe.client, KEEL_TX);
		CHECK_INT(on->name, KEEL_REASON_KEYS,
			  kernel_info(&kp.pipe.client, KEEL_RX).reason);
		CHECK_INT(on->name, 1, kp.client.tx.nr_sets);
		/* Required now, it is an error. */
		ATF_REQUIRE_EQ(0, keel_conn_set_offload(conn, KEEL_RX,
							KEEL_OFFLOAD_REQUIRE));
		pipe_run(&kp.pipe);
		CHECK_INT(on->name, -EOPNOTSUPP, keel_conn_err(conn)->err);
		CHECK_INT(on->name, KEEL_ALERT_INTERNAL_ERROR,
			  keel_conn_err(kp.pipe.server.conn)->alert);
		kernel_pipe_fini(&kp);
	}
}

CASE(offload__off_and_on,
     "A move that is called off in the middle of a record, "
     "and wanted again, begins anew")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		const struct kernel_setup setup = {
			.row = on,
			.ends = KERNEL_SERVER,
		};
		static const enum keel_offload policies[] = {
			KEEL_OFFLOAD_AUTO, KEEL_OFFLOAD_OFF, KEEL_OFFLOAD_AUTO};
		struct bytes rest = {.data = NULL};
		struct kernel_pipe kp;
		struct bytes *wire = &kp.pipe.client.wire;

		kernel_pipe_open(&kp, &setup);
		pipe_end_forge(&kp.pipe.client, KEEL__RECORD_DATA, "abc", 3);
		bytes_add(&rest, wire->data + 10, wire->len - 10);
		wire->len = 10;
		pipe_end_read(&kp.pipe.server);
		for (size_t i = 0; i < KEEL__ARRAY_LEN(policies); i++) {
			REQUIRE_INT(on->name, 0,
				    keel_conn_set_offload(kp.pipe.server.conn,
							  KEEL_RX,
							  policies[i]));
			if (i == 1)
				bytes_add(wire, rest.data, rest.len);
			/* Receiving while keys are set ends the program. */
			pipe_run(&kp.pipe);
			CHECK_INT(on->name, i == 2, kp.server.rx.nr_sets);
		}
		CHECK_INT(on->name, 3, kp.pipe.server.got.len);
		check_both_ways(&kp, on->name, 1000);
		check_engines(on->name, &kp.pipe.server, KEEL_RX);
		bytes_fini(&rest);
		kernel_pipe_fini(&kp);
	}
}

CASE(offload__at_the_end, "Once a connection ends no policy changes how")
{
	static const enum keel_conn_state states[] = {
		KEEL_CONN_CLOSING, KEEL_CONN_CLOSED, KEEL_CONN_FAILED};

	for (const struct pipe_row *on = pipe_rows; on->name; on++)
		for (size_t i = 0; i < 3 * KEEL__ARRAY_LEN(states); i++) {
			const struct kernel_setup setup = {.row = on};
			struct keel_conn *conn;
			struct kernel_pipe kp;
			int err;

			name_of(on->name, keel_conn_state_name(states[i / 3]),
				i % 3);
			kernel_pipe_open(&kp, &setup);
			conn = kp.pipe.client.conn;
			if (states[i / 3] == KEEL_CONN_FAILED)
				keel_conn_fail(conn, -EIO, KEEL_ERR_SYS, "x");
			else
				ATF_REQUIRE_EQ(0, keel_conn_close(conn));
			if (states[i / 3] == KEEL_CONN_CLOSED)
				ATF_REQUIRE_EQ(0, keel_conn_close(
							  kp.pipe.server.conn));
			pipe_run(&kp.pipe);
			REQUIRE_INT(label, states[i / 3],
				    keel_conn_get_state(conn));
			err = keel_conn_err(conn)->err;
			CHECK_INT(label, 0,
				  keel_conn_set_offload(
					  conn, KERNEL_BOTH,
					  (enum keel_offload)(i % 3)));
			pipe_run(&kp.pipe);
			CHECK_INT(label, states[i / 3],
				  keel_conn_get_state(conn));
			CHECK_INT(label, err, keel_conn_err(conn)->err);
			kernel_pipe_fini(&kp);
		}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, offload__no_socket);
	ATF_TP_ADD_TC(tp, offload__arguments);
	ATF_TP_ADD_TC(tp, offload__before);
	ATF_TP_ADD_TC(tp, offload__stays);
	ATF_TP_ADD_TC(tp, offload__off_and_on);
	ATF_TP_ADD_TC(tp, offload__at_the_end);
	return atf_no_error();
}
