/* SPDX-License-Identifier: MIT */
/* Groups: loops on threads of their own that share a port. */
#include "tests/uring/world.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define NR_CLIENTS 40

/* What the loops of a group share; set-ups run one after the other. */
struct shared {
	struct server server; /* for the clients: its address */
	unsigned int nr_setup;
	unsigned int fail_at; /* this set-up fails; 0: none */
	atomic_uint nr_teardown;
	atomic_uint nr_posted;
	atomic_uint nr_used; /* loops that had a stream */
	bool is_blocked;     /* signals, on the loop's thread */
};

static int setup(struct keel_loop *loop, unsigned int idx, void *arg)
{
	struct shared *shared = arg;
	struct keel_listener_opts opts = {
		.sz = sizeof(opts),
		.addr = (struct sockaddr *)&shared->server.addr,
		.addr_len = sizeof(struct sockaddr_in),
		.ctx = world_ctx(&world_rows[1], KEEL_SERVER),
		.ops = &echo_ops,
		.data_len = sizeof(struct echo),
		.reuse_port = true,
	};
	struct keel_listener *listener;
	sigset_t set;
	int err;

	if (idx != shared->nr_setup++)
		return -EPROTO;
	if (shared->fail_at && shared->fail_at == idx)
		return -EPERM;
	pthread_sigmask(SIG_SETMASK, NULL, &set);
	shared->is_blocked = sigismember(&set, SIGTERM);
	err = keel_listener_new(loop, &opts, &listener);
	if (err)
		return err;
	return keel_listener_get_addr(listener, &shared->server.addr);
}

static void teardown(struct keel_loop *loop, unsigned int idx, void *arg)
{
	struct keel_loop_stats stats = {.sz = sizeof(stats)};
	struct shared *shared = arg;

	(void)idx;
	if (keel_loop_get_stats(loop, &stats))
		abort();
	if (stats.opened)
		atomic_fetch_add(&shared->nr_used, 1);
	atomic_fetch_add(&shared->nr_teardown, 1);
}

static void post(struct keel_loop *loop, void *arg)
{
	struct shared *shared = arg;

	(void)loop;
	atomic_fetch_add(&shared->nr_posted, 1);
}

static void share(struct shared *shared, struct keel_group_opts *opts)
{
	struct sockaddr_in *any = (void *)&shared->server.addr;

	*shared = (struct shared){.server.opts.row = &world_rows[1]};
	any->sin_family = AF_INET;
	any->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	world_ctx(&world_rows[1], KEEL_SERVER);
	*opts = (struct keel_group_opts){
		.sz = sizeof(*opts),
		.nr_loops = 2,
		.setup = setup,
		.teardown = teardown,
		.arg = shared,
	};
}

static void use(struct shared *shared)
{
	static struct client clients[NR_CLIENTS];
	unsigned int i;
	char c;

	for (i = 0; i < NR_CLIENTS; i++)
		client_open(&clients[i], &shared->server);
	for (i = 0; i < NR_CLIENTS; i++) {
		client_send(&clients[i], "x", 1);
		CHECK_INT("echo", 1, client_recv(&clients[i], &c, 1));
	}
	for (i = 0; i < NR_CLIENTS; i++)
		CHECK_INT("finish", 0, client_finish(&clients[i]));
}

CASE(group__shares_a_port, "two loops with one port both get connections")
{
	static struct shared shared;
	struct keel_group_opts opts;
	struct keel_group *group;

	share(&shared, &opts);
	ATF_REQUIRE_EQ(0, keel_group_new(&opts, &group));
	CHECK_INT("set up", 2, shared.nr_setup);
	CHECK_INT("signals", true, shared.is_blocked);
	use(&shared);
	CHECK_INT("post", 0, keel_group_post(group, post, &shared));
	wait_for("posted", &shared.nr_posted, 2);
	keel_group_stop(group, 1000);
	keel_group_stop(group, 500);
	ATF_CHECK_EQ(NULL, keel_group_free(group));
	CHECK_INT("torn down", 2, atomic_load(&shared.nr_teardown));
	CHECK_INT("used", 2, atomic_load(&shared.nr_used));
}

CASE(group__setup_fails, "a set-up that fails ends the group with its error")
{
	static struct shared shared;
	struct keel_group_opts opts;
	struct keel_group *group;

	share(&shared, &opts);
	shared.fail_at = 1;
	CHECK_INT("new", -EPERM, keel_group_new(&opts, &group));
	CHECK_INT("torn down", 1, atomic_load(&shared.nr_teardown));
	opts.loop = (struct keel_loop_opts){.sz = sizeof(opts.loop),
					    .recv_buffers = 3};
	CHECK_INT("loop", -EINVAL, keel_group_new(&opts, &group));
	opts.setup = NULL;
	CHECK_INT("no set-up", -EINVAL, keel_group_new(&opts, &group));
	opts.setup = setup;
	opts.nr_loops = 1025;
	CHECK_INT("too many", -EINVAL, keel_group_new(&opts, &group));
	ATF_CHECK_EQ(NULL, keel_group_free(NULL));
	CHECK_INT("no group", -EINVAL, keel_group_post(NULL, post, NULL));
}

/* Loops that have ended, told apart from the thread that frees them. */
static pthread_t main_thread;
static atomic_uint nr_here, nr_there;

static void post_where(struct keel_loop *loop, void *arg)
{
	(void)loop;
	(void)arg;
	atomic_fetch_add(pthread_equal(pthread_self(), main_thread) ? &nr_here
								    : &nr_there,
			 1);
}

CASE(group__post_to_ended, "a loop that has ended takes no post; what it took "
			   "ran on its thread")
{
	static struct shared shared;
	struct keel_group_opts opts;
	struct keel_group *group;
	uint64_t end = now_ms() + 5000;
	unsigned int nr_taken = 0;
	int err = 0;

	share(&shared, &opts);
	opts.nr_loops = 1;
	main_thread = pthread_self();
	ATF_REQUIRE_EQ(0, keel_group_new(&opts, &group));
	keel_group_stop(group, 0);
	while (now_ms() < end) {
		err = keel_group_post(group, post_where, NULL);
		if (err)
			break;
		nr_taken++;
		usleep(1000);
	}
	keel_group_free(group);
	CHECK_INT("told", -ESHUTDOWN, err);
	CHECK_INT("on this thread", 0, atomic_load(&nr_here));
	CHECK_INT("on the loop's", nr_taken, atomic_load(&nr_there));
}

/* Stopped by a signal handler while group_free() waits. */
static struct keel_group *signal_group;

static void on_signal(int nr)
{
	(void)nr;
	keel_group_stop(signal_group, 1000);
}

static void *send_signal(void *arg)
{
	usleep(100000);
	kill(getpid(), SIGUSR1);
	usleep(20000);
	kill(getpid(), SIGUSR1);
	return arg;
}

CASE(group__stop_by_signal, "a signal handler may stop a group, even twice")
{
	static struct shared shared;
	struct keel_group_opts opts;
	pthread_t thread;

	share(&shared, &opts);
	signal(SIGUSR1, on_signal);
	ATF_REQUIRE_EQ(0, keel_group_new(&opts, &signal_group));
	ATF_REQUIRE_EQ(0, pthread_create(&thread, NULL, send_signal, NULL));
	pthread_join(thread, NULL);
	keel_group_free(signal_group);
	CHECK_INT("torn down", 2, atomic_load(&shared.nr_teardown));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, group__shares_a_port);
	ATF_TP_ADD_TC(tp, group__setup_fails);
	ATF_TP_ADD_TC(tp, group__post_to_ended);
	ATF_TP_ADD_TC(tp, group__stop_by_signal);
	return atf_no_error();
}
