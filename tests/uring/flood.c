/* SPDX-License-Identifier: MIT */
/* Clients on a loop of their own that get back what they send. */
#include "tests/uring/flood.h"

/* Under way in both directions at most. */
#define WINDOW 30000

struct flow {
	unsigned int seed;
	size_t sent;
	size_t got;
	size_t updated; /* bytes sent when it last asked for new keys */
	bool is_wrong;
};

static void flow_update(struct keel_stream *stream, const struct flood *flood,
			struct flow *flow)
{
	if (!flood->updates || flow->sent - flow->updated < flood->updates)
		return;
	flow->updated = flow->sent;
	if (keel_conn_key_update(keel_stream_conn(stream), flow->seed % 2))
		flow->is_wrong = true;
}

static void flow_send(struct keel_stream *stream)
{
	const struct flood *flood = keel_stream_arg(stream);
	struct flow *flow = keel_stream_data(stream);
	uint8_t buf[5000];
	ssize_t n;

	while (flow->sent < flood->len && flow->sent < flow->got + WINDOW) {
		size_t len = flood->len - flow->sent;

		len = len < sizeof(buf) ? len : sizeof(buf);
		pattern_fill(flow->seed, flow->sent, buf, len);
		n = keel_stream_send(stream, buf, len);
		if (n <= 0)
			break;
		flow->sent += (size_t)n;
		flow_update(stream, flood, flow);
	}
}

static void flow_open(struct keel_stream *stream,
		      const struct keel_hs_info *info)
{
	(void)info;
	flow_send(stream);
}

static void flow_data(struct keel_stream *stream, void *data, size_t len)
{
	const struct flood *flood = keel_stream_arg(stream);
	struct flow *flow = keel_stream_data(stream);

	if (pattern_check(flow->seed, flow->got, data, len) != len)
		flow->is_wrong = true;
	flow->got += len;
	if (flow->got == flood->len)
		keel_stream_close(stream);
	else
		flow_send(stream);
}

static void flow_close(struct keel_stream *stream, const struct keel_err *err)
{
	struct flood *flood = keel_stream_arg(stream);
	struct flow *flow = keel_stream_data(stream);

	if (err->err || flow->is_wrong || flow->got != flood->len) {
		flood->nr_bad++;
		flood->err = err->err;
		flood->site = err->err ? err->site : "wrong bytes";
	}
	if (++flood->nr_done == flood->nr_streams)
		keel_loop_stop(flood->loop, 1000);
}

static const struct keel_stream_ops flow_ops = {
	.on_open = flow_open,
	.on_data = flow_data,
	.on_sent = flow_send,
	.on_close = flow_close,
};

static void connect_all(struct flood *flood, const struct server *server)
{
	struct keel_connect_opts opts = {
		.sz = sizeof(opts),
		.addr = (const struct sockaddr *)&server->addr,
		.addr_len = sizeof(struct sockaddr_in),
		.ctx = flood->ctx,
		.ops = &flow_ops,
		.arg = flood,
		.data_len = sizeof(struct flow),
		/* All of them begin at once, on a machine that may be slow. */
		.timeouts = {.handshake_ms = 120000},
	};
	struct keel_stream *stream;
	struct flow *flow;
	unsigned int i;

	if (!opts.ctx)
		opts.ctx = world_ctx(flood->row, KEEL_CLIENT);
	for (i = 0; i < flood->nr_streams; i++) {
		ATF_REQUIRE_EQ(
			0, keel_stream_connect(flood->loop, &opts, &stream));
		flow = keel_stream_data(stream);
		flow->seed = i;
	}
}

void flood_run(struct flood *flood, const struct server *server)
{
	ATF_REQUIRE_EQ(0, keel_loop_new(NULL, &flood->loop));
	connect_all(flood, server);
	CHECK_INT(flood->row->name, 0, keel_loop_run(flood->loop));
	flood->stats.sz = sizeof(flood->stats);
	ATF_CHECK_EQ(0, keel_loop_get_stats(flood->loop, &flood->stats));
	keel_loop_free(flood->loop);
	CHECK_INT(flood->row->name, flood->nr_streams, flood->nr_done);
	ATF_CHECK_MSG(!flood->nr_bad, "%s: %u bad streams, one of them %d: %s",
		      flood->row->name, flood->nr_bad, flood->err, flood->site);
}
