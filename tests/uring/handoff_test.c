/* SPDX-License-Identifier: MIT */
/* Streams that go from loop to loop, in the middle of whatever they do. */
#include "tests/uring/offload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEED 4
#define POUR_LEN (6 * 1024 * 1024 + 5) /* more than a socket holds */

/* What the server does, and what a stream takes along for that. */
enum job {
	JOB_ECHO,
	JOB_POUR, /* a pattern, as soon as there is room */
	JOB_FILE, /* the same from a file */
	JOB_DEAF, /* paused, until it has gone somewhere else */
};

struct cargo {
	struct echo echo;
	uint64_t poured;
	size_t since; /* bytes received here */
};

/* Two servers, between which one stream at a time goes. */
static struct {
	struct server servers[2];
	struct keel_ctx *ctx;
	enum job job;
	size_t hop_every; /* bytes received; 0: only when told */
	bool parks;	  /* what leaves does not go anywhere by itself */
	int file_fd;
	struct keel_stream *stream; /* of the server it is at */
	struct parcel *parked;
	atomic_int at; /* that server; -1 on the way */
	atomic_uint nr_hops;
	atomic_uint nr_parked;
	atomic_uint nr_refused;
	atomic_uint nr_close;
	atomic_int close_err;
} ferry;

struct parcel {
	struct keel_handoff handoff;
	struct cargo cargo;
};

static void pour(struct keel_stream *stream, struct cargo *cargo)
{
	static uint8_t buf[2][100000];
	uint8_t *part = buf[keel_stream_loop(stream) == ferry.servers[1].loop];
	ssize_t n = 1;

	while (cargo->poured < POUR_LEN && n > 0) {
		size_t len = sizeof(buf[0]);

		if (len > POUR_LEN - cargo->poured)
			len = (size_t)(POUR_LEN - cargo->poured);
		pattern_fill(SEED, cargo->poured, part, len);
		n = keel_stream_send(stream, part, len);
		if (n > 0)
			cargo->poured += (uint64_t)n;
	}
}

static int index_of(struct keel_stream *stream)
{
	return keel_stream_loop(stream) == ferry.servers[1].loop;
}

static void on_open(struct keel_stream *stream, const struct keel_hs_info *info)
{
	(void)info;
	ferry.stream = stream;
	atomic_store(&ferry.at, index_of(stream));
	if (ferry.job == JOB_POUR)
		pour(stream, keel_stream_data(stream));
	if (ferry.job == JOB_DEAF)
		keel_stream_pause(stream);
	if (ferry.job == JOB_FILE &&
	    keel_stream_send_file(stream, ferry.file_fd, 1, POUR_LEN - 1))
		abort();
}

static void on_data(struct keel_stream *stream, void *data, size_t len)
{
	struct cargo *cargo = keel_stream_data(stream);

	cargo->since += len;
	echo_ops.on_data(stream, data, len);
	if (!ferry.hop_every || cargo->since < ferry.hop_every)
		return;
	cargo->since = 0;
	if (keel_stream_detach(stream))
		abort();
}

static void on_sent(struct keel_stream *stream)
{
	if (ferry.job == JOB_POUR)
		pour(stream, keel_stream_data(stream));
	else
		echo_ops.on_sent(stream);
}

static void on_close(struct keel_stream *stream, const struct keel_err *err)
{
	struct cargo *cargo = keel_stream_data(stream);

	free(cargo->echo.rest);
	atomic_store(&ferry.close_err, err->err);
	atomic_store(&ferry.at, -1);
	atomic_fetch_add(&ferry.nr_close, 1);
}

static const struct keel_stream_ops ops;

static int adopt(struct keel_loop *loop, const struct parcel *parcel,
		 struct keel_ctx *ctx)
{
	const struct keel_adopt_opts opts = {
		.sz = sizeof(opts),
		.handoff = &parcel->handoff,
		.ctx = ctx,
		.ops = &ops,
		.data_len = sizeof(struct cargo),
	};
	struct keel_stream *stream;
	int err = keel_stream_adopt(loop, &opts, &stream);

	if (err)
		return err;
	memcpy(keel_stream_data(stream), &parcel->cargo, sizeof(parcel->cargo));
	if (parcel->cargo.echo.rest)
		keel_stream_pause(stream);
	ferry.stream = stream;
	atomic_fetch_add(&ferry.nr_hops, 1);
	atomic_store(&ferry.at, index_of(stream));
	return 0;
}

static void parcel_free(struct parcel *parcel)
{
	keel_blob_fini(&parcel->handoff.conn);
	free(parcel);
}

static void arrive(struct keel_loop *loop, void *arg)
{
	int err = adopt(loop, arg, ferry.ctx);

	if (err) {
		fprintf(stderr, "keel_stream_adopt(): %d\n", err);
		abort();
	}
	parcel_free(arg);
}

static struct parcel *pack(struct keel_stream *stream,
			   const struct keel_handoff *handoff)
{
	struct parcel *parcel = malloc(sizeof(*parcel));
	void *data = malloc(handoff->conn.len);

	if (!parcel || !data)
		abort();
	memcpy(data, handoff->conn.data, handoff->conn.len);
	*parcel = (struct parcel){.handoff = *handoff};
	parcel->handoff.conn.data = data;
	memcpy(&parcel->cargo, keel_stream_data(stream), sizeof(parcel->cargo));
	return parcel;
}

static void on_detach(struct keel_stream *stream,
		      const struct keel_handoff *handoff)
{
	struct parcel *parcel;

	if (!handoff) {
		atomic_fetch_add(&ferry.nr_refused, 1);
		return;
	}
	parcel = pack(stream, handoff);
	atomic_store(&ferry.at, -1);
	if (ferry.parks) {
		ferry.parked = parcel;
		atomic_fetch_add(&ferry.nr_parked, 1);
	} else if (keel_loop_post(ferry.servers[!index_of(stream)].loop, arrive,
				  parcel)) {
		abort();
	}
}

static const struct keel_stream_ops ops = {
	.on_open = on_open,
	.on_data = on_data,
	.on_sent = on_sent,
	.on_close = on_close,
	.on_detach = on_detach,
};

static void ferry_start(const struct world_row *row, struct keel_ctx *ctx,
			enum job job)
{
	const struct server_opts opts = {.row = row,
					 .ctx = ctx,
					 .ops = &ops,
					 .data_len = sizeof(struct cargo)};

	memset(&ferry, 0, sizeof(ferry));
	ferry.job = job;
	ferry.file_fd = -1;
	ferry.ctx = ctx ? ctx : world_ctx(row, KEEL_SERVER);
	atomic_store(&ferry.at, -1);
	for (size_t i = 0; i < 2; i++)
		server_start(&ferry.servers[i], &opts);
}

/* One stream is gone by then, and nothing went wrong. */
static void ferry_stop(const char *name)
{
	uint64_t adopted = 0, detached = 0;

	wait_for(name, &ferry.nr_close, 1);
	for (size_t i = 0; i < 2; i++) {
		server_stop(&ferry.servers[i], 1000);
		adopted += ferry.servers[i].stats.adopted;
		detached += ferry.servers[i].stats.detached;
		CHECK_INT(name, 0, ferry.servers[i].stats.failed);
		CHECK_INT(name, 0, ferry.servers[i].stats.nr_streams);
	}
	CHECK_INT(name, 0, atomic_load(&ferry.close_err));
	CHECK_INT(name, atomic_load(&ferry.nr_hops), adopted);
	CHECK_INT(name, adopted, detached);
	CHECK_INT(name, 0, atomic_load(&ferry.nr_refused));
}

static void detach_it(struct keel_stream *stream, void *arg)
{
	bool *ret_done = arg;

	*ret_done = !keel_stream_detach(stream);
}

static void call_detach(struct server *server, void *arg)
{
	if (atomic_load(&ferry.at) == server - ferry.servers)
		keel_loop_each_stream(server->loop, detach_it, arg);
}

/* Have it leave, wherever it is; it may be on its way. */
static void hop(const char *name)
{
	uint64_t end = now_ms() + (uint64_t)WORLD_LIMIT_S * 1000;
	bool is_done = false;

	while (!is_done) {
		int at = atomic_load(&ferry.at);

		ATF_REQUIRE_MSG(now_ms() < end, "%s: nowhere", name);
		if (at >= 0)
			server_call(&ferry.servers[at], call_detach, &is_done);
		else
			usleep(1000);
	}
}

static void round_trip(struct client *client, const char *name, uint64_t off,
		       size_t len)
{
	static uint8_t buf[200000];

	pattern_fill(SEED, off, buf, len);
	client_send(client, buf, len);
	memset(buf, 0, len);
	REQUIRE_INT(name, len, client_recv(client, buf, len));
	CHECK_INT(name, len, pattern_check(SEED, off, buf, len));
}

/* Who changes keys: the client, and the server when it is asked to. */
enum updates { UPDATES_NONE, UPDATES_CLIENT, UPDATES_BOTH };

static void echo_while_going(const char *name, struct client *client,
			     enum updates updates)
{
	static const size_t lens[] = {1,     100,   16384, 16385,
				      40000, 80000, 200000};

	for (unsigned int i = 0; i < 28; i++) {
		size_t len = lens[i % LEN_OF(lens)];

		round_trip(client, name, i * 1000, len);
		if (updates && i % 5 == 4)
			CHECK_INT(name, 0,
				  keel_conn_key_update(
					  client->conn,
					  updates == UPDATES_BOTH && i % 2));
		if (i % 9 == 3)
			hop(name);
	}
}

/* A kernel that sends and takes keys once ends a connection that asks. */
static enum updates updates_of(const struct world_row *row)
{
	if (row->version != KEEL_TLS1_3)
		return UPDATES_NONE;
	return offload_has("ulp", "") && !offload_has("rekey", "")
		       ? UPDATES_CLIENT
		       : UPDATES_BOTH;
}

CASE(handoff__echo, "an echo goes from loop to loop while data comes and goes")
{
	WORLD_EACH(row)
	{
		struct client client = {.rcvbuf = 32768};

		ferry_start(row, NULL, JOB_ECHO);
		ferry.hop_every = 30000;
		client_open(&client, &ferry.servers[0]);
		echo_while_going(row->name, &client, updates_of(row));
		CHECK_INT(row->name, 0, client_finish(&client));
		ferry_stop(row->name);
		ATF_CHECK_MSG(atomic_load(&ferry.nr_hops) > 20, "%s: %u hops",
			      row->name, atomic_load(&ferry.nr_hops));
	}
}

/* Read what is poured, by and by, and have it go elsewhere between. */
static void drink(const char *name, struct client *client, uint64_t off)
{
	static uint8_t buf[150000];

	for (unsigned int i = 0; off < POUR_LEN; i++) {
		size_t len = sizeof(buf);

		if (len > POUR_LEN - off)
			len = (size_t)(POUR_LEN - off);
		/* Its sending is stuck by now, or soon. */
		if (i % 3 == 0)
			hop(name);
		REQUIRE_INT(name, len, client_recv(client, buf, len));
		CHECK_INT(name, len, pattern_check(SEED, off, buf, len));
		off += len;
	}
}

static void finish(const char *name, struct client *client)
{
	CHECK_INT(name, 0, client_finish(client));
	ferry_stop(name);
	ATF_CHECK_MSG(atomic_load(&ferry.nr_hops) >= 5, "%s: %u hops", name,
		      atomic_load(&ferry.nr_hops));
}

CASE(handoff__stuck, "what a peer does not read goes along")
{
	WORLD_EACH(row)
	{
		struct client client = {.rcvbuf = 16384};

		ferry_start(row, NULL, JOB_POUR);
		client_open(&client, &ferry.servers[0]);
		drink(row->name, &client, 0);
		finish(row->name, &client);
	}
}

static int make_file(void)
{
	static uint8_t buf[POUR_LEN];
	int fd = memfd_create("handoff", MFD_CLOEXEC);

	ATF_REQUIRE(fd >= 0);
	pattern_fill(SEED, 0, buf, sizeof(buf));
	ATF_REQUIRE_EQ((ssize_t)sizeof(buf), write(fd, buf, sizeof(buf)));
	return fd;
}

static void send_file(const struct world_row *row, struct keel_ctx *ctx,
		      struct keel_ctx *client_ctx, const char *name)
{
	struct client client = {.rcvbuf = 16384, .ctx = client_ctx};

	ferry_start(row, ctx, JOB_FILE);
	ferry.file_fd = make_file();
	client_open(&client, &ferry.servers[0]);
	drink(name, &client, 1);
	finish(name, &client);
	close(ferry.file_fd);
}

CASE(handoff__file, "a file goes on where it was")
{
	WORLD_EACH(row)
	send_file(row, NULL, NULL, row->name);
}

CASE(handoff__kept_input, "what came during a pause is told elsewhere, and the "
			  "end behind it")
{
	WORLD_EACH(row)
	{
		struct client client = {.fd = -1};
		static uint8_t buf[30000];

		ferry_start(row, NULL, JOB_DEAF);
		client_open(&client, &ferry.servers[0]);
		pattern_fill(SEED, 0, buf, sizeof(buf));
		client_send(&client, buf, sizeof(buf));
		usleep(50000);
		hop(row->name);
		memset(buf, 0, sizeof(buf));
		REQUIRE_INT(row->name, sizeof(buf),
			    client_recv(&client, buf, sizeof(buf)));
		CHECK_INT(row->name, sizeof(buf),
			  pattern_check(SEED, 0, buf, sizeof(buf)));
		CHECK_INT(row->name, 0, client_finish(&client));
		ferry_stop(row->name);
	}
}

struct attempt {
	struct parcel parcel;
	struct keel_ctx *ctx;
	int res;
};

static void call_adopt(struct server *server, void *arg)
{
	struct attempt *attempt = arg;

	attempt->res = adopt(server->loop, &attempt->parcel, attempt->ctx);
}

/* At the second server, with the descriptor and context that are said. */
static int try_adopt(int fd, struct keel_ctx *ctx)
{
	struct attempt attempt = {.parcel = *ferry.parked, .ctx = ctx};

	attempt.parcel.handoff.fd = fd;
	server_call(&ferry.servers[1], call_adopt, &attempt);
	return attempt.res;
}

CASE(handoff__refused,
     "a handoff with something wrong is refused, and good for "
     "another try")
{
	WORLD_EACH(row)
	{
		struct client client = {.fd = -1};
		struct keel_ctx *client_ctx = world_ctx(row, KEEL_CLIENT);
		struct parcel *parcel;
		int file = make_file();
		int again;

		ferry_start(row, NULL, JOB_ECHO);
		client_open(&client, &ferry.servers[0]);
		round_trip(&client, row->name, 0, 100);
		ferry.parks = true;
		hop(row->name);
		wait_for(row->name, &ferry.nr_parked, 1);
		parcel = ferry.parked;
		again = dup(parcel->handoff.fd);
		CHECK_INT("no descriptor", -EINVAL, try_adopt(-1, ferry.ctx));
		CHECK_INT("a file", -ENOTSOCK, try_adopt(file, ferry.ctx));
		CHECK_INT("another socket", -ESTALE,
			  try_adopt(client.fd, ferry.ctx));
		CHECK_INT("a client's context", -EINVAL,
			  try_adopt(parcel->handoff.fd, client_ctx));
		((uint8_t *)parcel->handoff.conn.data)[40] ^= 1;
		CHECK_INT("damage", -EBADMSG,
			  try_adopt(parcel->handoff.fd, ferry.ctx));
		((uint8_t *)parcel->handoff.conn.data)[40] ^= 1;
		CHECK_INT("the right one", 0,
			  try_adopt(parcel->handoff.fd, ferry.ctx));
		round_trip(&client, row->name, 100, 1000);
		/* Where the kernel has the keys no number is used twice. */
		CHECK_INT("replayed", -ESTALE, try_adopt(again, ferry.ctx));
		round_trip(&client, row->name, 1100, 1000);
		CHECK_INT(row->name, 0, client_finish(&client));
		parcel_free(parcel);
		close(again);
		close(file);
		ferry_stop(row->name);
	}
}

static void call_close(struct server *server, void *arg)
{
	(void)server;
	(void)arg;
	/* Of two wishes the end is the last. */
	if (keel_stream_detach(ferry.stream))
		abort();
	keel_stream_close(ferry.stream);
	if (keel_stream_detach(ferry.stream) != -ESTALE)
		abort();
}

CASE(handoff__closing, "a stream that is closed does not leave any more")
{
	WORLD_EACH(row)
	{
		struct client client = {.fd = -1};

		CHECK_INT("NULL", -EINVAL, keel_stream_detach(NULL));
		ferry_start(row, NULL, JOB_ECHO);
		client_open(&client, &ferry.servers[0]);
		round_trip(&client, row->name, 0, 100);
		server_call(&ferry.servers[0], call_close, NULL);
		CHECK_INT(row->name, 0, client_wait_end(&client));
		client_drop(&client);
		wait_for(row->name, &ferry.nr_refused, 1);
		atomic_store(&ferry.nr_refused, 0);
		ferry_stop(row->name);
	}
}

static const struct plan *each_engine(size_t i)
{
	static char name[64];
	static struct plan plan;
	size_t e = 1 + i / 2;

	if (e == NR_ENGINE_CHOICES)
		return NULL;
	plan = (struct plan){
		.name = name,
		.version = i % 2 ? KEEL_TLS1_3 : KEEL_TLS1_2,
		.tx = engine_choices[e].tx,
		.rx = engine_choices[e].rx,
	};
	snprintf(name, sizeof(name), "%s, %s", keel_version_name(plan.version),
		 engine_choices[e].name);
	return &plan;
}

static void kernel_echo(const struct plan *plan)
{
	struct keel_ctx *ctx = plan_ctx(plan, KEEL_SERVER);
	const struct world_row *row =
		&world_rows[plan->version == KEEL_TLS1_3 ? 1 : 2];
	struct client client = {.rcvbuf = 32768};
	bool updates = plan->version == KEEL_TLS1_3 && offload_has("rekey", "");

	ferry_start(row, ctx, JOB_ECHO);
	ferry.hop_every = 30000;
	plan_open(&client, &ferry.servers[0], plan);
	echo_while_going(plan->name, &client,
			 updates ? UPDATES_BOTH : UPDATES_NONE);
	CHECK_INT(plan->name, 0, client_finish(&client));
	ferry_stop(plan->name);
	keel_ctx_unref(ctx);
}

static void kernel_file(const struct plan *plan)
{
	struct keel_ctx *ctx = plan_ctx(plan, KEEL_SERVER);
	struct keel_ctx *client = plan_ctx_user(plan, KEEL_CLIENT);
	const struct world_row *row =
		&world_rows[plan->version == KEEL_TLS1_3 ? 1 : 2];

	send_file(row, ctx, client, plan->name);
	keel_ctx_unref(ctx);
	keel_ctx_unref(client);
}

CASE(handoff__kernel,
     "streams whose records the kernel protects go from loop to "
     "loop as well")
{
	const struct plan *plan;

	offload_need("ulp", "");
	for (size_t i = 0; (plan = each_engine(i)); i++) {
		kernel_echo(plan);
		kernel_file(plan);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, handoff__echo);
	ATF_TP_ADD_TC(tp, handoff__stuck);
	ATF_TP_ADD_TC(tp, handoff__file);
	ATF_TP_ADD_TC(tp, handoff__kept_input);
	ATF_TP_ADD_TC(tp, handoff__refused);
	ATF_TP_ADD_TC(tp, handoff__closing);
	ATF_TP_ADD_TC(tp, handoff__kernel);
	return atf_no_error();
}
