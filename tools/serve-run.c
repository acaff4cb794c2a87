/* SPDX-License-Identifier: MIT */
/* keel serve: the workers, and the signals that steer them. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "tools/serve-private.h"
#include "tools/tool-private.h"

/* The share of --max-conns of one worker; 0 for no limit. */
static unsigned int max_streams(const struct keel_serve *serve,
				unsigned int idx)
{
	unsigned int share = serve->opts.max_conns / serve->nr_workers;
	unsigned int left = serve->opts.max_conns % serve->nr_workers;

	return share + (idx < left ? 1 : 0);
}

static int listen_on(struct keel_serve_worker *worker, unsigned int idx)
{
	struct keel_serve *serve = worker->serve;
	struct keel_listener_opts opts = {
		.sz = sizeof(opts),
		.addr = (const struct sockaddr *)&serve->addr,
		.addr_len = serve->addr_len,
		.ctx = serve->ctx,
		.ops = &keel__serve_ops,
		.arg = worker,
		.data_len = sizeof(struct keel_serve_conn),
		.timeouts =
			{
				.handshake_ms = serve->opts.handshake_s * 1000,
				.idle_ms = serve->opts.idle_s * 1000,
			},
		.max_streams = max_streams(serve, idx),
		.reuse_port = serve->nr_workers > 1,
	};
	int err = keel_listener_new(worker->loop, &opts, &worker->listener);

	/* With port 0 the first worker gets one, and the others share it. */
	if (!err && idx == 0)
		err = keel_listener_get_addr(worker->listener, &serve->addr);
	return err;
}

static int worker_setup(struct keel_loop *loop, unsigned int idx, void *arg)
{
	struct keel_serve *serve = arg;
	struct keel_serve_worker *worker = &serve->workers[idx];
	int err;

	worker->serve = serve;
	worker->loop = loop;
	serve->failed = "file cache";
	err = keel__cache_new(&worker->cache);
	if (!err && serve->log_fd >= 0) {
		serve->failed = "access log";
		err = keel__accesslog_new(serve->log_fd, &worker->log);
	}
	if (!err) {
		serve->failed = "listen";
		err = listen_on(worker, idx);
	}
	if (!err) {
		serve->failed = NULL;
		return 0;
	}
	worker->log = keel__accesslog_free(worker->log);
	return err;
}

static void worker_teardown(struct keel_loop *loop, unsigned int idx, void *arg)
{
	struct keel_serve *serve = arg;
	struct keel_serve_worker *worker = &serve->workers[idx];
	uint64_t one = 1;

	(void)loop;
	if (worker->log && keel__accesslog_lost(worker->log))
		keel__tool_error(
			"the access log could not be written: %llu "
			"lines are lost",
			(unsigned long long)keel__accesslog_lost(worker->log));
	worker->log = keel__accesslog_free(worker->log);
	/* What is still posted to the loop runs before it is gone. */
	worker->listener = NULL;
	/* The main thread counts the workers that ended. */
	if (write(serve->event_fd, &one, sizeof(one)) != sizeof(one))
		abort();
}

static struct keel_serve_worker *worker_of(struct keel_serve *serve,
					   const struct keel_loop *loop)
{
	for (unsigned int i = 0; i < serve->nr_workers; i++)
		if (serve->workers[i].loop == loop)
			return &serve->workers[i];
	return NULL;
}

static void post_flush(struct keel_loop *loop, void *arg)
{
	struct keel_serve_worker *worker = worker_of(arg, loop);

	if (worker && worker->log)
		keel__accesslog_flush(worker->log);
}

static void post_ctx(struct keel_loop *loop, void *arg)
{
	struct keel_serve *serve = arg;
	struct keel_serve_worker *worker = worker_of(serve, loop);

	pthread_mutex_lock(&serve->ctx_lock);
	/* A loop that stops has closed its listener. */
	if (worker && worker->listener &&
	    keel_listener_set_ctx(worker->listener, serve->ctx))
		keel__tool_error("a worker kept its old certificate");
	pthread_mutex_unlock(&serve->ctx_lock);
}

/* New certificates for connections to come; a bad file changes nothing. */
static void reload(struct keel_serve *serve, struct keel_group *group)
{
	struct keel_ctx *ctx;
	int err;

	if (!serve->opts.cert) {
		keel__tool_error("SIGHUP: no --cert to read anew; the "
				 "self-signed one stays");
		return;
	}
	if (keel__serve_ctx(serve, &ctx)) {
		keel__tool_error("SIGHUP: the old certificate stays in use");
		return;
	}
	pthread_mutex_lock(&serve->ctx_lock);
	keel_ctx_unref(serve->ctx);
	serve->ctx = ctx;
	pthread_mutex_unlock(&serve->ctx_lock);
	err = keel_group_post(group, post_ctx, serve);
	if (err) {
		keel__tool_error("SIGHUP: not every worker has the new "
				 "certificate: %s; send it again",
				 strerror(-err));
		return;
	}
	keel__serve_print_reload(ctx);
}

static void flush_logs(struct keel_serve *serve, struct keel_group *group)
{
	int err = keel_group_post(group, post_flush, serve);

	/* A worker that ends has written what it had. */
	if (err && err != -ESHUTDOWN)
		keel__tool_error("the access log waits: %s", strerror(-err));
}

static void reopen_log(struct keel_serve *serve, struct keel_group *group)
{
	int err;

	if (serve->log_fd < 0)
		return;
	/* What is buffered goes to the one file or the other: both are ours. */
	flush_logs(serve, group);
	err = keel__accesslog_reopen(serve->opts.access_log, serve->log_fd);
	if (err)
		keel__tool_error("SIGUSR1: cannot open %s: %s; the old file "
				 "stays in use",
				 serve->opts.access_log, strerror(-err));
}

/**
 * struct control - what the main thread waits for
 * @signal_fd: signals
 * @nr_ended:  workers that ended
 * @nr_stops:  SIGTERM and SIGINT so far
 */
struct control {
	struct keel_serve *serve;
	struct keel_group *group;
	int signal_fd;
	uint64_t nr_ended;
	unsigned int nr_stops;
};

static void stop(struct control *control)
{
	control->nr_stops++;
	keel_group_stop(control->group,
			control->nr_stops > 1 ? 0 : KEEL_SERVE_DRAIN_MS);
}

static void take_signal(struct control *control)
{
	struct signalfd_siginfo info;

	if (read(control->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGHUP:
		/* Nobody connects any more to a server that stops. */
		if (!control->nr_stops)
			reload(control->serve, control->group);
		break;
	case SIGUSR1:
		reopen_log(control->serve, control->group);
		break;
	default:
		stop(control);
	}
}

static void take_ended(struct control *control)
{
	uint64_t nr;

	if (read(control->serve->event_fd, &nr, sizeof(nr)) == sizeof(nr))
		control->nr_ended += nr;
}

/* Returns when every worker has ended. */
static int supervise(struct control *control)
{
	struct pollfd fds[] = {
		{.fd = control->signal_fd, .events = POLLIN},
		{.fd = control->serve->event_fd, .events = POLLIN},
	};
	bool logs = control->serve->log_fd >= 0;
	int code = 0;

	while (control->nr_ended < control->serve->nr_workers) {
		int nr = poll(fds, 2, logs ? 1000 : -1);

		if (nr < 0)
			continue;
		if (logs)
			flush_logs(control->serve, control->group);
		if (fds[0].revents)
			take_signal(control);
		if (fds[1].revents)
			take_ended(control);
		if (control->nr_ended && !control->nr_stops) {
			keel__tool_error("a worker has ended by itself; "
					 "stopping");
			code = KEEL_EXIT_FAILURE;
			stop(control);
		}
	}
	return code;
}

static int open_signals(int *ret_fd)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL))
		return -EINVAL;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

static const char *start_remedy(int err)
{
	switch (-err) {
	case EPERM:
		return "io_uring is forbidden here: see sysctl "
		       "kernel.io_uring_disabled, or the container's seccomp "
		       "profile";
	case ENOSYS:
		return "this kernel or container has no io_uring";
	case ENOMEM:
		return "raise RLIMIT_MEMLOCK (ulimit -l), or use fewer "
		       "--workers";
	case EMFILE:
		return "raise RLIMIT_NOFILE (ulimit -n)";
	case EADDRINUSE:
		return "choose another port, or port 0 for a free one";
	default:
		return "use fewer --workers";
	}
}

static int start_failed(const struct keel_serve *serve, int err)
{
	char text[64];

	keel__serve_addr_text(&serve->addr, text, sizeof(text));
	if (serve->failed)
		keel__tool_error("cannot start: %s on %s: %s; %s",
				 serve->failed, text, strerror(-err),
				 start_remedy(err));
	else
		keel__tool_error("cannot start the loop: %s; %s",
				 strerror(-err), start_remedy(err));
	return KEEL_EXIT_FAILURE;
}

/*
 * What the loops tell: that the machine has no more descriptors, for example.
 * What single connections tell is left out; anybody could fill the disk.
 */
static void on_log(const struct keel_log_event *event, void *arg)
{
	struct keel_serve *serve = arg;
	long now = (long)time(NULL);
	char text[256] = "";

	/* What is the matter with the machine is so many times a second. */
	if (event->level > KEEL_LOG_WARN ||
	    atomic_exchange(&serve->logged_at, now) == now)
		return;
	if (event->err && keel_err_format(event->err, text, sizeof(text)) < 0)
		text[0] = '\0';
	keel__tool_error("%s: %s", event->event, text);
}

static int run_group(struct keel_serve *serve, int signal_fd)
{
	struct keel_group_opts opts = {
		.sz = sizeof(opts),
		.nr_loops = serve->nr_workers,
		.loop = {.sz = sizeof(opts.loop),
			 .log = on_log,
			 .log_arg = serve},
		.setup = worker_setup,
		.teardown = worker_teardown,
		.arg = serve,
	};
	struct control control = {.serve = serve, .signal_fd = signal_fd};
	int err = keel_group_new(&opts, &control.group);
	int code;

	if (err)
		return start_failed(serve, err);
	keel__serve_print_start(serve);
	code = supervise(&control);
	keel_group_free(control.group);
	return code;
}

int keel__serve_run(struct keel_serve *serve)
{
	int signal_fd = -1;
	int err = open_signals(&signal_fd);
	int code = KEEL_EXIT_FAILURE;

	serve->nr_workers = serve->opts.nr_workers;
	serve->workers = calloc(serve->nr_workers, sizeof(*serve->workers));
	serve->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (err || !serve->workers || serve->event_fd < 0)
		keel__tool_error("cannot start: %s",
				 strerror(err ? -err : errno));
	else
		code = run_group(serve, signal_fd);
	if (signal_fd >= 0)
		close(signal_fd);
	if (serve->event_fd >= 0)
		close(serve->event_fd);
	return code;
}
