/* SPDX-License-Identifier: MIT */
/* keel serve: taking over from the server before. */
#include "tools/take-private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/parcel-private.h"
#include "tools/tool-private.h"
#include "tools/upgrade-private.h"

struct keel_taker {
	struct keel_serve *serve;
	int fd;
	unsigned int next;    /* worker */
	pthread_mutex_t lock; /* workers answer */
	atomic_ullong nr_taken;
};

/* A connection on its way to a worker. */
struct job {
	struct keel_taker *taker;
	struct keel_serve_worker *worker;
	struct keel_upgrade_msg msg;
};

static int refused(const struct keel_serve *serve, int err)
{
	const char *path = serve->opts.upgrade_socket;

	if (err == -EPERM)
		keel__tool_error("the server at --upgrade-socket %s is another "
				 "user's; give another path",
				 path);
	else if (err == -EPROTO)
		keel__tool_error("the server at --upgrade-socket %s is of a "
				 "version that passes connections otherwise; "
				 "end it first",
				 path);
	else
		keel__tool_error("cannot take over from the server at "
				 "--upgrade-socket %s: %s",
				 path, strerror(-err));
	return KEEL_EXIT_FAILURE;
}

/* The address is that of its sockets, whatever --listen says. */
static int take_sockets(struct keel_serve *serve,
			const struct keel_upgrade_msg *msg)
{
	socklen_t len = sizeof(serve->addr);

	if (msg->type != KEEL_UPGRADE_HELLO || !msg->nr_fds)
		return -EPROTO;
	serve->listen_fds = calloc(msg->nr_fds, sizeof(serve->listen_fds[0]));
	if (!serve->listen_fds)
		return -ENOMEM;
	if (getsockname(msg->fds[0], (struct sockaddr *)&serve->addr, &len))
		return -errno;
	serve->addr_len = len;
	memcpy(serve->listen_fds, msg->fds,
	       msg->nr_fds * sizeof(serve->listen_fds[0]));
	serve->nr_listen_fds = msg->nr_fds;
	return 0;
}

static int hear_hello(struct keel_serve *serve, int fd)
{
	struct keel_upgrade_msg msg;
	int err = keel__upgrade_recv(fd, &msg);

	if (err)
		return err;
	err = take_sockets(serve, &msg);
	if (!err)
		msg.nr_fds = 0;
	keel__upgrade_msg_fini(&msg);
	return err;
}

int keel__taker_new(struct keel_serve *serve)
{
	int fd = keel__upgrade_connect(serve->opts.upgrade_socket);
	struct keel_taker *taker;
	int err;

	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return refused(serve, fd);
	taker = calloc(1, sizeof(*taker));
	err = taker ? hear_hello(serve, fd) : -ENOMEM;
	if (err) {
		free(taker);
		close(fd);
		return refused(serve, err);
	}
	taker->serve = serve;
	taker->fd = fd;
	pthread_mutex_init(&taker->lock, NULL);
	serve->taker = taker;
	return 0;
}

struct keel_taker *keel__taker_free(struct keel_taker *taker)
{
	if (!taker)
		return NULL;
	if (taker->fd >= 0)
		close(taker->fd);
	pthread_mutex_destroy(&taker->lock);
	free(taker);
	return NULL;
}

int keel__taker_start(struct keel_taker *taker)
{
	const struct keel_upgrade_msg msg = {.type = KEEL_UPGRADE_READY};

	return keel__upgrade_send(taker->fd, &msg);
}

int keel__taker_fd(const struct keel_taker *taker)
{
	return taker->fd;
}

/* A server before that has gone meanwhile takes nothing back. */
static void answer(struct keel_taker *taker, uint64_t id, int err)
{
	struct keel_upgrade_ack ack = {.id = id, .err = err};
	const struct keel_upgrade_msg msg = {
		.type = KEEL_UPGRADE_ACK, .data = &ack, .len = sizeof(ack)};

	pthread_mutex_lock(&taker->lock);
	if (taker->fd >= 0 && keel__upgrade_send(taker->fd, &msg))
		keel__tool_error("upgrade: the server before does not hear");
	pthread_mutex_unlock(&taker->lock);
}

static void finish(struct job *job, int err)
{
	uint64_t id = keel__parcel_id(job->msg.data, job->msg.len);

	/* They are the stream's now. */
	if (!err) {
		job->msg.nr_fds = 0;
		atomic_fetch_add(&job->taker->nr_taken, 1);
	}
	keel__upgrade_msg_fini(&job->msg);
	answer(job->taker, id, err);
	free(job);
}

static void post_unpack(struct keel_loop *loop, void *arg)
{
	struct job *job = arg;

	(void)loop;
	finish(job,
	       keel__parcel_unpack(job->worker, job->msg.data, job->msg.len,
				   job->msg.fds, job->msg.nr_fds));
}

static int take_parcel(struct keel_taker *taker, struct keel_upgrade_msg *msg)
{
	struct keel_serve *serve = taker->serve;
	struct job *job = malloc(sizeof(*job));
	int err;

	if (!job)
		return -ENOMEM;
	*job = (struct job){
		.taker = taker,
		.worker = &serve->workers[taker->next++ % serve->nr_workers],
		.msg = *msg,
	};
	*msg = (struct keel_upgrade_msg){.data = NULL};
	err = keel_loop_post(job->worker->loop, post_unpack, job);
	if (err)
		finish(job, err);
	return 0;
}

static void end(struct keel_taker *taker, int err)
{
	pthread_mutex_lock(&taker->lock);
	close(taker->fd);
	taker->fd = -1;
	pthread_mutex_unlock(&taker->lock);
	if (err != -ECONNRESET)
		keel__tool_error("upgrade: the server before: %s",
				 strerror(-err));
	printf("keel: took %llu connections from the server before\n",
	       (unsigned long long)atomic_load(&taker->nr_taken));
	fflush(stdout);
}

void keel__taker_work(struct keel_taker *taker)
{
	struct keel_upgrade_msg msg = {.data = NULL};
	int err = keel__upgrade_recv(taker->fd, &msg);

	if (!err && msg.type != KEEL_UPGRADE_PARCEL)
		err = -EPROTO;
	if (!err)
		err = take_parcel(taker, &msg);
	keel__upgrade_msg_fini(&msg);
	if (err)
		end(taker, err);
}
