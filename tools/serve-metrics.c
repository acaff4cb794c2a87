/* SPDX-License-Identifier: MIT */
/* keel serve: --metrics, plain HTTP for those who watch. */
#include "tools/serve-metrics-private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "tools/tool-private.h"

/* A worker that does not answer by then is told of as late. */
#define ANSWER_MS 1000
/* Who asks has so long to ask, and to take the answer. */
#define CLIENT_S 2

struct keel_metrics_server {
	struct keel_serve *serve;
	struct keel_group *group;
	pthread_t thread;
	bool has_thread;
	atomic_bool ends;
	int fd;
	struct sockaddr_storage addr;
	socklen_t addr_len;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	uint64_t round; /* of asking; under the lock, as all below */
	uint64_t asked_ns;
	uint64_t *answered; /* the last round each worker answered */
	struct keel_metrics *answers;
};

void keel__metrics_on_open(struct keel_stream *stream,
			   const struct keel_hs_info *info)
{
	struct keel_serve_worker *worker = keel_stream_arg(stream);

	keel__metrics_opened(&worker->metrics, info);
}

void keel__metrics_on_close(struct keel_stream *stream,
			    const struct keel_err *err)
{
	struct keel_serve_worker *worker = keel_stream_arg(stream);
	struct keel_conn_info info = {.sz = sizeof(info)};

	if (!keel_conn_get_info(keel_stream_conn(stream), &info))
		keel__metrics_closed(&worker->metrics, &info, err);
}

/* A worker's answer, on its thread. */
static void post_answer(struct keel_loop *loop, void *arg)
{
	struct keel_metrics_server *server = arg;
	struct keel_serve_worker *worker =
		keel__serve_worker_of(server->serve, loop);
	struct keel_metrics *answer;

	if (!worker)
		return;
	worker->metrics.loop.sz = sizeof(worker->metrics.loop);
	if (keel_loop_get_stats(loop, &worker->metrics.loop))
		return;
	pthread_mutex_lock(&server->lock);
	answer = &server->answers[worker->idx];
	*answer = worker->metrics;
	answer->latency_ns = keel__tool_now_ns() - server->asked_ns;
	server->answered[worker->idx] = server->round;
	pthread_cond_signal(&server->cond);
	pthread_mutex_unlock(&server->lock);
}

static bool have_all(const struct keel_metrics_server *server)
{
	for (unsigned int i = 0; i < server->serve->nr_workers; i++)
		if (server->answered[i] != server->round)
			return false;
	return true;
}

/* With the lock held. */
static void wait_for_all(struct keel_metrics_server *server)
{
	struct timespec until;
	int err = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ANSWER_MS / 1000;
	while (!err && !have_all(server))
		err = pthread_cond_timedwait(&server->cond, &server->lock,
					     &until);
	for (unsigned int i = 0; i < server->serve->nr_workers; i++)
		server->answers[i].is_late =
			server->answered[i] != server->round;
}

static void print(struct keel_metrics_server *server, FILE *out)
{
	struct keel_serve *serve = server->serve;
	const char *backend;
	int err;

	pthread_mutex_lock(&server->lock);
	server->round++;
	server->asked_ns = keel__tool_now_ns();
	pthread_mutex_unlock(&server->lock);
	/* Those that end answer no more, and are told of as late. */
	err = keel_group_post(server->group, post_answer, server);
	(void)err;
	pthread_mutex_lock(&serve->ctx_lock);
	backend = keel_ctx_backend_name(serve->ctx);
	pthread_mutex_unlock(&serve->ctx_lock);
	pthread_mutex_lock(&server->lock);
	wait_for_all(server);
	keel__metrics_print(out, server->answers, serve->nr_workers, backend);
	pthread_mutex_unlock(&server->lock);
}

static bool send_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

static void reply(int fd, const char *status, const char *body, size_t len,
		  bool is_head)
{
	char head[256];
	int n = snprintf(head, sizeof(head),
			 "HTTP/1.1 %s\r\nContent-Type: text/plain; "
			 "version=0.0.4\r\nContent-Length: %zu\r\n"
			 "Connection: close\r\n\r\n",
			 status, len);

	if (send_all(fd, head, (size_t)n) && !is_head)
		send_all(fd, body, len);
}

static void reply_metrics(struct keel_metrics_server *server, int fd,
			  bool is_head)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (out) {
		print(server, out);
		fclose(out);
	}
	if (text)
		reply(fd, "200 OK", text, len, is_head);
	else
		reply(fd, "503 Service Unavailable", "", 0, is_head);
	free(text);
}

/* A request, as far as it matters here. */
static void answer(struct keel_metrics_server *server, int fd,
		   const struct keel_http_request *req)
{
	static const char hint[] = "see /metrics\n";
	bool is_head = keel__http_request_is_head(req);
	const char *target;
	size_t len;

	if (req->status || keel__http_request_target(req, &target, &len))
		reply(fd, "400 Bad Request", "", 0, false);
	else if (len != 8 || memcmp(target, "/metrics", len) != 0)
		reply(fd, "404 Not Found", hint, sizeof(hint) - 1, is_head);
	else
		reply_metrics(server, fd, is_head);
}

static void serve_client(struct keel_metrics_server *server, int fd)
{
	const struct timeval limit = {.tv_sec = CLIENT_S};
	struct keel_http_request req;
	char buf[4096];
	size_t got = 0;
	ssize_t n = 1;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	keel__http_request_init(&req);
	while (!req.head_done && !req.status && got < sizeof(buf)) {
		n = recv(fd, buf + got, sizeof(buf) - got, 0);
		if (n <= 0)
			return;
		keel__http_request_feed(&req, buf, buf + got, (size_t)n);
		got += (size_t)n;
	}
	answer(server, fd, &req);
	/* Bytes that are not read would reset what was sent. */
	shutdown(fd, SHUT_WR);
	while (recv(fd, buf, sizeof(buf), 0) > 0)
		;
}

static void *run(void *arg)
{
	struct keel_metrics_server *server = arg;

	while (!atomic_load(&server->ends)) {
		int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0) {
			serve_client(server, fd);
			close(fd);
		} else if (errno != EINTR && errno != ECONNABORTED) {
			/* Out of descriptors, for a while. */
			usleep(100000);
		}
	}
	return NULL;
}

static int open_socket(struct keel_metrics_server *server)
{
	int on = 1;
	int fd = socket(server->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	/* A server that takes over has the port beside the one before. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) ||
	    bind(fd, (const struct sockaddr *)&server->addr,
		 server->addr_len) ||
	    listen(fd, 16) ||
	    getsockname(fd, (struct sockaddr *)&server->addr,
			&server->addr_len)) {
		int err = -errno;

		close(fd);
		return err;
	}
	server->fd = fd;
	return 0;
}

static int fail(struct keel_metrics_server *server, int err)
{
	keel__tool_error("--metrics %s: %s", server->serve->opts.metrics,
			 strerror(-err));
	keel__metrics_close(server);
	return KEEL_EXIT_FAILURE;
}

int keel__metrics_open(struct keel_serve *serve,
		       struct keel_metrics_server **ret_server)
{
	unsigned int nr = serve->opts.nr_workers;
	struct keel_metrics_server *server = calloc(1, sizeof(*server));
	int code, err;

	if (!server)
		return KEEL_EXIT_FAILURE;
	server->serve = serve;
	server->fd = -1;
	pthread_mutex_init(&server->lock, NULL);
	pthread_cond_init(&server->cond, NULL);
	code = keel__serve_resolve("metrics", serve->opts.metrics,
				   !serve->taker, &server->addr,
				   &server->addr_len);
	if (code) {
		keel__metrics_close(server);
		return code;
	}
	server->answered = calloc(nr, sizeof(server->answered[0]));
	server->answers = calloc(nr, sizeof(server->answers[0]));
	err = server->answered && server->answers ? open_socket(server)
						  : -ENOMEM;
	if (err)
		return fail(server, err);
	*ret_server = server;
	return 0;
}

int keel__metrics_start(struct keel_metrics_server *server,
			struct keel_group *group)
{
	char text[64];
	int err;

	server->group = group;
	err = pthread_create(&server->thread, NULL, run, server);
	if (err)
		return -err;
	server->has_thread = true;
	keel__serve_addr_text(&server->addr, text, sizeof(text));
	printf("keel: metrics at http://%s/metrics\n", text);
	fflush(stdout);
	return 0;
}

struct keel_metrics_server *
keel__metrics_close(struct keel_metrics_server *server)
{
	if (!server)
		return NULL;
	atomic_store(&server->ends, true);
	/* Wakes accept(2). */
	if (server->fd >= 0)
		shutdown(server->fd, SHUT_RDWR);
	if (server->has_thread)
		pthread_join(server->thread, NULL);
	if (server->fd >= 0)
		close(server->fd);
	pthread_cond_destroy(&server->cond);
	pthread_mutex_destroy(&server->lock);
	free(server->answered);
	free(server->answers);
	free(server);
	return NULL;
}
