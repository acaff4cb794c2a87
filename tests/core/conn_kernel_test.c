/* SPDX-License-Identifier: MIT */
/* Moving into a pretended kernel: when, why not, and that no byte is lost. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <keel/conn.h>

#include "lib/base/base-private.h"
#include "lib/core/conn-private.h"
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

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, kernel__data);
	return atf_no_error();
}
