/* SPDX-License-Identifier: MIT */
/* keel serve: the workers, and the signals that steer them. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "tools/give-private.h"
#include "tools/serve-metrics-private.h"
#include "tools/serve-private.h"
#include "tools/take-private.h"
#include "tools/tool-private.h"

/* The share of --max-conns of one worker; 0 for no limit. */
static unsigned int max_streams(const struct keel_serve *serve,
				unsigned int idx)
{
	unsigned int share = serve->opts.max_conns / serve->nr_workers;
	unsigned int left = serve->opts.max_conns % serve->nr_workers;

	return share + (idx < left ? 1 : 0);
}

struct keel_stream_timeouts keel__serve_timeouts(const struct keel_serve *serve)
{
	return (struct keel_stream_timeouts){
		.handshake_ms = serve->opts.handshake_s * 1000,
		.idle_ms = serve->opts.idle_s * 1000,
	};
}

/*
 * There may be more sockets than workers, when the server before had more, and
 * fewer: every worker has some and every socket one.
 */
static unsigned int nr_sockets(const struct keel_serve_worker *worker)
{
	const struct keel_serve *serve = worker->serve;
	unsigned int nr = serve->nr_listen_fds / serve->nr_workers;

	nr += worker->idx < serve->nr_listen_fds % serve->nr_workers;
	return nr ? nr : 1;
}

/* One that may have none would have no limit at all: it may have one. */
static unsigned int max_of(unsigned int max, unsigned int nr_all,
			   unsigned int nr)
{
	unsigned int share = max / nr_all + (nr < max % nr_all);

	return max && !share ? 1 : share;
}

static int listen_at(struct keel_serve_worker *worker, unsigned int nr)
{
	struct keel_serve *serve = worker->serve;
	unsigned int idx =
		(worker->idx + nr * serve->nr_workers) % serve->nr_listen_fds;
	unsigned int max = max_streams(serve, worker->idx);
	unsigned int nr_all = nr_sockets(worker);
	struct keel_listener_opts opts = {
		.sz = sizeof(opts),
		.ctx = serve->ctx,
		.ops = &keel__serve_ops,
		.arg = worker,
		.data_len = sizeof(struct keel_serve_conn),
		.timeouts = keel__serve_timeouts(serve),
		/* Shared out once more; the loop has the sum. */
		.max_streams = max_of(max, nr_all, nr),
		.has_fd = true,
		/* Ours stays, for a server to come. */
		.fd = fcntl(serve->listen_fds[idx], F_DUPFD_CLOEXEC, 0),
	};
	int err = opts.fd < 0 ? -errno : 0;

	if (!err)
		err = keel_listener_new(worker->loop, &opts,
					&worker->listeners[nr]);
	if (err && opts.fd >= 0)
		close(opts.fd);
	return err;
}

int keel__serve_listen(struct keel_serve_worker *worker)
{
	struct keel_serve *serve = worker->serve;
	unsigned int nr = nr_sockets(worker);
	int err = 0;

	if (!worker->listeners)
		worker->listeners = calloc(nr, sizeof(worker->listeners[0]));
	if (!worker->listeners)
		return -ENOMEM;
	pthread_mutex_lock(&serve->ctx_lock);
	while (!err && worker->nr_listeners < nr) {
		err = listen_at(worker, worker->nr_listeners);
		if (!err)
			worker->nr_listeners++;
	}
	pthread_mutex_unlock(&serve->ctx_lock);
	return err;
}

void keel__serve_unlisten(struct keel_serve_worker *worker)
{
	while (worker->nr_listeners)
		keel_listener_close(worker->listeners[--worker->nr_listeners]);
}

static int worker_setup(struct keel_loop *loop, unsigned int idx, void *arg)
{
	struct keel_serve *serve = arg;
	struct keel_serve_worker *worker = &serve->workers[idx];
	int err;

	worker->serve = serve;
	worker->loop = loop;
	worker->idx = idx;
	serve->failed = "file cache";
	err = keel__cache_new(&worker->cache);
	if (!err && serve->log_fd >= 0) {
		serve->failed = "access log";
		err = keel__accesslog_new(serve->log_fd, &worker->log);
	}
	if (!err) {
		serve->failed = "listen";
		err = keel__serve_listen(worker);
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
	worker->nr_listeners = 0;
	/* The main thread counts the workers that ended. */
	if (write(serve->event_fd, &one, sizeof(one)) != sizeof(one))
		abort();
}

struct keel_serve_worker *keel__serve_worker_of(struct keel_serve *serve,
						const struct keel_loop *loop)
{
	for (unsigned int i = 0; i < serve->nr_workers; i++)
		if (serve->workers[i].loop == loop)
			return &serve->workers[i];
	return NULL;
}

static void post_flush(struct keel_loop *loop, void *arg)
{
	struct keel_serve_worker *worker = keel__serve_worker_of(arg, loop);

	if (worker && worker->log)
		keel__accesslog_flush(worker->log);
}

static void post_ctx(struct keel_loop *loop, void *arg)
{
	struct keel_serve *serve = arg;
	struct keel_serve_worker *worker = keel__serve_worker_of(serve, loop);

	pthread_mutex_lock(&serve->ctx_lock);
	/* A loop that stops has closed its listener. */
	for (unsigned int i = 0; worker && i < worker->nr_listeners; i++)
		if (keel_listener_set_ctx(worker->listeners[i], serve->ctx))
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
 * @is_ending: the loops were told to stop
 * @stop_ns:   when they are at the latest, where connections are being given to
 *             another server; or 0
 */
struct control {
	struct keel_serve *serve;
	struct keel_group *group;
	int signal_fd;
	uint64_t nr_ended;
	unsigned int nr_stops;
	bool is_ending;
	uint64_t stop_ns;
};

static void end_loops(struct control *control, unsigned int drain_ms)
{
	struct keel_giver *giver = control->serve->giver;

	if (giver && !control->is_ending)
		keel__giver_cancel(giver);
	control->is_ending = true;
	control->stop_ns = 0;
	keel_group_stop(control->group, drain_ms);
}

/*
 * A server whose connections go to another one ends when the last has left. One
 * that a client keeps in its handshake must not hold it up for ever.
 */
static void stop(struct control *control)
{
	struct keel_giver *giver = control->serve->giver;

	control->nr_stops++;
	if (control->nr_stops == 1 && giver && keel__giver_is_giving(giver))
		control->stop_ns = keel__tool_now_ns() +
				   KEEL_SERVE_DRAIN_MS * UINT64_C(1000000);
	else
		end_loops(control,
			  control->nr_stops > 1 ? 0 : KEEL_SERVE_DRAIN_MS);
}

/* What becomes of connections on their way. */
static void look_after_giver(struct control *control, const struct pollfd *fds)
{
	struct keel_giver *giver = control->serve->giver;
	bool is_given;

	if (!giver || control->is_ending)
		return;
	is_given = keel__giver_work(giver, fds);
	if (is_given ||
	    (control->stop_ns && (!keel__giver_is_giving(giver) ||
				  keel__tool_now_ns() >= control->stop_ns)))
		end_loops(control, KEEL_SERVE_DRAIN_MS);
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
	case SIGUSR2:
		if (control->serve->giver)
			keel__giver_exec(control->serve->giver);
		else
			keel__tool_error("SIGUSR2: nothing happens without "
					 "--upgrade-socket PATH");
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

enum {
	FD_SIGNAL,
	FD_ENDED,
	FD_TAKER,
	FD_GIVER,
	NR_FDS = FD_GIVER + KEEL_GIVER_NR_FDS,
};

/* Until something is to be done. */
static bool wait_for(struct control *control, struct pollfd fds[NR_FDS])
{
	struct keel_serve *serve = control->serve;
	int ms = serve->log_fd >= 0 ? 1000 : -1;
	int giver_ms = -1;

	for (size_t i = 0; i < NR_FDS; i++)
		fds[i] = (struct pollfd){.fd = -1, .events = POLLIN};
	fds[FD_SIGNAL].fd = control->signal_fd;
	fds[FD_ENDED].fd = serve->event_fd;
	if (serve->taker)
		fds[FD_TAKER].fd = keel__taker_fd(serve->taker);
	if (serve->giver && !control->is_ending)
		giver_ms = keel__giver_poll(serve->giver, fds + FD_GIVER);
	if (giver_ms >= 0)
		ms = giver_ms;
	return poll(fds, NR_FDS, ms) >= 0;
}

/* Returns when every worker has ended. */
static int supervise(struct control *control)
{
	struct keel_serve *serve = control->serve;
	struct pollfd fds[NR_FDS];
	int code = 0;

	while (control->nr_ended < serve->nr_workers) {
		if (!wait_for(control, fds))
			continue;
		if (serve->log_fd >= 0)
			flush_logs(serve, control->group);
		if (fds[FD_SIGNAL].revents)
			take_signal(control);
		if (fds[FD_ENDED].revents)
			take_ended(control);
		if (fds[FD_TAKER].revents)
			keel__taker_work(serve->taker);
		look_after_giver(control, fds + FD_GIVER);
		if (control->nr_ended && !control->is_ending) {
			keel__tool_error("a worker has ended by itself; "
					 "stopping");
			code = KEEL_EXIT_FAILURE;
			end_loops(control, KEEL_SERVE_DRAIN_MS);
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
	sigaddset(&set, SIGUSR2);
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

static void start_metrics(struct keel_serve *serve, struct keel_group *group)
{
	int err = keel__metrics_start(serve->metrics, group);

	if (err)
		keel__tool_error("no metrics: %s", strerror(-err));
}

static void start_taking(struct keel_taker *taker)
{
	int err = keel__taker_start(taker);

	/* It goes on by itself then; both accept. */
	if (err)
		keel__tool_error("upgrade: the server before does not hear: %s",
				 strerror(-err));
}

static int run_group(struct keel_serve *serve, int signal_fd)
{
	struct keel_group_opts opts = {
		.sz = sizeof(opts),
		.nr_loops = serve->nr_workers,
		.loop = {.sz = sizeof(opts.loop),
			 /* Those that came from another server count here. */
			 .max_streams = max_streams(serve, 0),
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
	if (serve->giver)
		keel__giver_start(serve->giver, control.group);
	keel__serve_print_start(serve);
	if (serve->metrics)
		start_metrics(serve, control.group);
	if (serve->taker)
		start_taking(serve->taker);
	code = supervise(&control);
	/* It asks the loops. */
	serve->metrics = keel__metrics_close(serve->metrics);
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
	else if (!serve->opts.upgrade_socket ||
		 !keel__giver_new(serve, &serve->giver))
		code = run_group(serve, signal_fd);
	serve->giver = keel__giver_free(serve->giver);
	if (signal_fd >= 0)
		close(signal_fd);
	if (serve->event_fd >= 0)
		close(serve->event_fd);
	return code;
}
