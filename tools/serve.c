/* SPDX-License-Identifier: MIT */
/* keel serve: a directory over HTTPS. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tools/files-private.h"
#include "tools/serve-metrics-private.h"
#include "tools/serve-private.h"
#include "tools/take-private.h"
#include "tools/tool-private.h"

static int open_root(struct keel_serve *serve)
{
	const char *dir = serve->opts.dir;
	int fd = keel__files_root(dir);

	if (fd >= 0) {
		serve->root = fd;
		return 0;
	}
	if (fd == -ENOSYS || fd == -EPERM)
		keel__tool_error("openat2(2) is not to be had here: %s; Linux "
				 "5.6 or later is needed, and a container that "
				 "allows it",
				 strerror(-fd));
	else
		keel__tool_error("cannot serve %s: %s; give a directory that "
				 "can be read",
				 dir, strerror(-fd));
	return KEEL_EXIT_FAILURE;
}

static int open_log(struct keel_serve *serve)
{
	const char *path = serve->opts.access_log;
	int fd = path ? keel__accesslog_open(path) : -1;

	serve->log_fd = fd;
	if (!path || fd >= 0)
		return 0;
	serve->log_fd = -1;
	keel__tool_error("cannot write the access log %s: %s; give a file that "
			 "can be written",
			 path, strerror(-fd));
	return KEEL_EXIT_FAILURE;
}

/*
 * A connection is a descriptor, and the usual soft limit is 1024. Connections
 * beyond what is allowed wait before they are accepted: if they took the last
 * descriptor, no file could be opened for anybody.
 */
static void bound_connections(struct keel_serve_opts *opts)
{
	struct rlimit limit;
	rlim_t files;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) &&
	    getrlimit(RLIMIT_NOFILE, &limit))
		return;
	if (opts->max_conns || limit.rlim_cur > UINT_MAX)
		return;
	files = limit.rlim_cur / 8 + 32;
	opts->max_conns = opts->nr_workers;
	if (limit.rlim_cur > files + opts->nr_workers)
		opts->max_conns = (unsigned int)(limit.rlim_cur - files);
}

static int open_all(struct keel_serve *serve)
{
	int code = open_root(serve);

	if (!code && serve->opts.upgrade_socket)
		code = keel__taker_new(serve);
	/* Else the sockets are there, and the port is taken. */
	if (!code && !serve->taker)
		code = keel__serve_resolve("listen", serve->opts.listen, true,
					   &serve->addr, &serve->addr_len);
	if (!code && !serve->taker)
		code = keel__serve_open_sockets(serve);
	if (!code && keel__serve_ctx(serve, &serve->ctx))
		code = KEEL_EXIT_FAILURE;
	if (!code)
		code = open_log(serve);
	if (!code && serve->opts.metrics)
		code = keel__metrics_open(serve, &serve->metrics);
	return code;
}

static void worker_fini(struct keel_serve_worker *worker)
{
	free(worker->listeners);
	keel__cache_free(worker->cache);
	keel__listings_fini(&worker->listings);
}

static void close_all(struct keel_serve *serve)
{
	keel__metrics_close(serve->metrics);
	keel_ctx_unref(serve->ctx);
	if (serve->root >= 0)
		close(serve->root);
	if (serve->log_fd >= 0)
		close(serve->log_fd);
	for (unsigned int i = 0; serve->workers && i < serve->nr_workers; i++)
		worker_fini(&serve->workers[i]);
	for (unsigned int i = 0; i < serve->nr_listen_fds; i++)
		close(serve->listen_fds[i]);
	free(serve->listen_fds);
	keel__taker_free(serve->taker);
	free(serve->workers);
	pthread_mutex_destroy(&serve->ctx_lock);
}

int serve_main(int argc, char **argv)
{
	struct keel_serve serve = {
		.root = -1,
		.log_fd = -1,
		.ctx_lock = PTHREAD_MUTEX_INITIALIZER,
	};
	int code = keel__serve_parse(argc, argv, &serve.opts);

	if (code)
		return keel__tool_end(code < 0 ? 0 : code);
	signal(SIGPIPE, SIG_IGN);
	bound_connections(&serve.opts);
	code = open_all(&serve);
	if (!code)
		code = keel__serve_run(&serve);
	close_all(&serve);
	return keel__tool_end(code);
}
