/* SPDX-License-Identifier: MIT */
/* An application's own ring and direct descriptors: kernel TLS by commands. */
#include "tests/uring/direct.h"

#include <errno.h>
#include <stdio.h>

#include "tests/support/descriptors.h"
#include "tests/uring/offload.h"
#include "uring/uring-private.h"

#define LEN 200000

static int note_ring(const struct keel_feature *feature, void *arg)
{
	*(struct keel_feature *)arg = *feature;
	return 0;
}

static void need_ring(void)
{
	struct keel_feature ring;

	offload_need("ulp", "");
	ATF_REQUIRE_EQ(0, keel_loop_probe(note_ring, &ring));
	if (ring.err)
		atf_tc_skip("ring: %s", ring.why);
}

/* One end: a client that wants its bytes back, or a server that gives them. */
struct end {
	struct direct d;
	bool is_client;
	uint8_t bytes[LEN]; /* to send */
	uint8_t got[LEN];
	size_t nr_bytes;
	size_t nr_sent;
	size_t nr_got;
	size_t update_at; /* bytes sent before new keys; 0: never */
	unsigned int events;
};

static void on_event(const struct keel_event *event, void *arg)
{
	struct end *end = arg;

	end->events |= 1u << event->type;
	if (event->type == KEEL_EVENT_EOF)
		REQUIRE_INT("close", 0, keel_conn_close(end->d.conn));
	if (event->type != KEEL_EVENT_DATA)
		return;
	ATF_REQUIRE(event->len <= LEN - end->nr_got);
	memcpy(end->got + end->nr_got, event->data, event->len);
	end->nr_got += event->len;
	if (end->is_client)
		return;
	memcpy(end->bytes + end->nr_bytes, event->data, event->len);
	end->nr_bytes += event->len;
}

/* What the application has to say; then what follows from it. */
static void go_on(struct end *end)
{
	struct keel_conn *conn = end->d.conn;
	ssize_t n = 1;

	while (end->events & 1u << KEEL_EVENT_OPEN && n > 0 &&
	       end->nr_sent < end->nr_bytes) {
		n = keel_conn_send(conn, end->bytes + end->nr_sent,
				   end->nr_bytes - end->nr_sent);
		ATF_REQUIRE_MSG(n >= 0, "send: %zd", n);
		end->nr_sent += (size_t)n;
	}
	if (end->update_at && end->nr_sent >= end->update_at) {
		REQUIRE_INT("update", 0, keel_conn_key_update(conn, true));
		end->update_at = 0;
	}
	if (end->is_client && end->nr_got == LEN)
		REQUIRE_INT("close", 0, keel_conn_close(conn));
	direct_drive(&end->d);
}

static void open_end(struct end *end, const struct plan *plan,
		     enum keel_role role, bool in_kernel)
{
	struct keel_conn_opts opts = {.sz = sizeof(opts),
				      .has_socket = in_kernel};
	struct keel_ctx *ctx =
		in_kernel ? plan_ctx(plan, role) : plan_ctx_user(plan, role);

	end->is_client = role == KEEL_CLIENT;
	if (end->is_client) {
		end->nr_bytes = LEN;
		pattern_fill(1, 0, end->bytes, LEN);
	}
	end->d.on_event = on_event;
	end->d.arg = end;
	ATF_REQUIRE_EQ(0, keel_conn_new(ctx, &opts, &end->d.conn));
	keel_ctx_unref(ctx);
}

static void check_end(const char *name, const struct end *end, bool in_kernel)
{
	const unsigned int all = 1u << KEEL_EVENT_OPEN | 1u << KEEL_EVENT_EOF |
				 1u << KEEL_EVENT_CLOSED;
	enum keel_engine engine =
		in_kernel ? KEEL_ENGINE_KERNEL : KEEL_ENGINE_USER;
	struct keel_conn_info info = {.sz = sizeof(info)};

	CHECK_INT(name, 0, keel_conn_err(end->d.conn)->err);
	CHECK_INT(name, all, end->events & all);
	CHECK_INT(name, LEN, end->nr_got);
	CHECK_INT(name, LEN, pattern_check(1, 0, end->got, LEN));
	REQUIRE_INT(name, 0, keel_conn_get_info(end->d.conn, &info));
	CHECK_INT(name, engine, info.tx.engine);
	CHECK_INT(name, engine, info.rx.engine);
}

static struct end ends[2]; /* server, client */

/* @kernel: which ends are in the kernel, a bit each. */
static void talk(const struct plan *plan, unsigned int kernel, size_t update_at)
{
	static const int slots[2] = {0, 1};
	struct io_uring ring;
	int before;

	memset(ends, 0, sizeof(ends));
	ATF_REQUIRE_EQ(0, io_uring_queue_init(64, &ring, 0));
	ATF_REQUIRE_EQ(0, io_uring_register_files_sparse(&ring, 2));
	before = nr_descriptors();
	direct_connect(&ring, slots);
	for (int i = 0; i < 2; i++) {
		ends[i].d.ring = &ring;
		ends[i].d.slot = slots[i];
		open_end(&ends[i], plan, i ? KEEL_CLIENT : KEEL_SERVER,
			 kernel & 1u << i);
		direct_drive(&ends[i].d);
	}
	ends[1].update_at = update_at;
	CHECK_INT("ordinary descriptors", before, nr_descriptors());
	while (!ends[0].d.is_closed || !ends[1].d.is_closed) {
		direct_wait(&ring);
		for (int i = 0; i < 2; i++)
			go_on(&ends[i]);
	}
	io_uring_queue_exit(&ring);
	for (unsigned int i = 0; i < 2; i++) {
		check_end(plan->name, &ends[i], kernel & 1u << i);
		keel_conn_free(ends[i].d.conn);
	}
}

static const struct plan plans[] = {
	{.name = "1.2",
	 .version = KEEL_TLS1_2,
	 .tx = KEEL_OFFLOAD_REQUIRE,
	 .rx = KEEL_OFFLOAD_REQUIRE},
	{.name = "1.3",
	 .version = KEEL_TLS1_3,
	 .tx = KEEL_OFFLOAD_REQUIRE,
	 .rx = KEEL_OFFLOAD_REQUIRE},
};

CASE(direct__user_space, "Without the kernel's TLS a ring and direct "
			 "descriptors are all that a connection needs")
{
	for (size_t i = 0; i < KEEL__ARRAY_LEN(plans); i++) {
		talk(&plans[i], 0, 0);
		CHECK_INT(plans[i].name, 0, ends[0].d.nr_set);
		CHECK_INT(plans[i].name, 0, ends[1].d.nr_set);
	}
}

CASE(direct__kernel, "The ULP and both directions' keys are set by commands to "
		     "direct descriptors, at either end or at both")
{
	need_ring();
	for (size_t i = 0; i < KEEL__ARRAY_LEN(plans); i++) {
		for (unsigned int kernel = 1; kernel < 4; kernel++) {
			struct plan plan = plans[i];
			char name[64];

			snprintf(name, sizeof(name), "%s, ends %u",
				 plans[i].name, kernel);
			plan.name = name;
			talk(&plan, kernel, 0);
			for (unsigned int k = 0; k < 2; k++)
				CHECK_INT(name, kernel & 1u << k ? 3 : 0,
					  ends[k].d.nr_set);
		}
	}
}

CASE(direct__new_keys, "New keys go the same way")
{
	need_ring();
	offload_need("rekey", "");
	talk(&plans[1], 3, LEN / 2);
	CHECK_INT("server", 5, ends[0].d.nr_set);
	CHECK_INT("client", 5, ends[1].d.nr_set);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, direct__user_space);
	ATF_TP_ADD_TC(tp, direct__kernel);
	ATF_TP_ADD_TC(tp, direct__new_keys);
	return atf_no_error();
}
