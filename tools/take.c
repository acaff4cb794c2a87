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
	unsigned int next; /* worker */
	uint64_t nr_taken;
	struct job *held;
};

/* A connection that we may have, and one on its way to a worker. */
struct job {
	struct job *next;
	uint64_t id;
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

	if (msg->is_cut)
		return -EMFILE;
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
	serve->taker = taker;
	return 0;
}

static void job_free(struct job *job)
{
	keel__upgrade_msg_fini(&job->msg);
	free(job);
}

/* What is still the other's: it never was here. */
static void drop_held(struct keel_taker *taker)
{
	while (taker->held) {
		struct job *next = taker->held->next;

		job_free(taker->held);
		taker->held = next;
	}
}

struct keel_taker *keel__taker_free(struct keel_taker *taker)
{
	if (!taker)
		return NULL;
	drop_held(taker);
	if (taker->fd >= 0)
		close(taker->fd);
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

static int answer(struct keel_taker *taker, uint64_t id, int err)
{
	struct keel_upgrade_ack ack = {.id = id, .err = err};
	const struct keel_upgrade_msg msg = {
		.type = KEEL_UPGRADE_ACK, .data = &ack, .len = sizeof(ack)};

	return keel__upgrade_send(taker->fd, &msg);
}

static int hold(struct keel_taker *taker, struct keel_upgrade_msg *msg,
		uint64_t id)
{
	struct job *job;
	int err = -EMFILE;

	if (!msg->is_cut)
		err = keel__parcel_check(taker->serve, msg->data, msg->len,
					 msg->nr_fds);
	if (err)
		return err;
	job = malloc(sizeof(*job));
	if (!job)
		return -ENOMEM;
	*job = (struct job){.next = taker->held, .id = id, .msg = *msg};
	taker->held = job;
	*msg = (struct keel_upgrade_msg){.data = NULL};
	return 0;
}

static int take_parcel(struct keel_taker *taker, struct keel_upgrade_msg *msg)
{
	uint64_t id = keel__parcel_id(msg->data, msg->len);

	return answer(taker, id, hold(taker, msg, id));
}

static struct job *take_held(struct keel_taker *taker, uint64_t id)
{
	struct job **at = &taker->held;
	struct job *job;

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	job = *at;
	if (job)
		*at = job->next;
	return job;
}

static void lost(int err)
{
	keel__tool_error("upgrade: a connection is lost: %s", strerror(-err));
}

static void post_unpack(struct keel_loop *loop, void *arg)
{
	struct job *job = arg;
	int err = keel__parcel_unpack(job->worker, job->msg.data, job->msg.len,
				      job->msg.fds, job->msg.nr_fds);

	(void)loop;
	/* They are the stream's now. */
	if (!err)
		job->msg.nr_fds = 0;
	else
		lost(err);
	job_free(job);
}

/* From here on it is ours. */
static int take_commit(struct keel_taker *taker,
		       const struct keel_upgrade_msg *msg)
{
	struct keel_serve *serve = taker->serve;
	struct job *job;
	uint64_t id;
	int err;

	if (msg->len != sizeof(id))
		return -EPROTO;
	memcpy(&id, msg->data, sizeof(id));
	job = take_held(taker, id);
	if (!job)
		return -EPROTO;
	taker->nr_taken++;
	job->worker = &serve->workers[taker->next++ % serve->nr_workers];
	err = keel_loop_post(job->worker->loop, post_unpack, job);
	if (err) {
		lost(err);
		job_free(job);
	}
	return 0;
}

static void end(struct keel_taker *taker, int err)
{
	close(taker->fd);
	taker->fd = -1;
	drop_held(taker);
	if (err != -ECONNRESET)
		keel__tool_error("upgrade: the server before: %s",
				 strerror(-err));
	printf("keel: took %llu connections from the server before\n",
	       (unsigned long long)taker->nr_taken);
	fflush(stdout);
}

void keel__taker_work(struct keel_taker *taker)
{
	struct keel_upgrade_msg msg = {.data = NULL};
	int err = keel__upgrade_recv(taker->fd, &msg);

	if (!err && msg.type == KEEL_UPGRADE_PARCEL)
		err = take_parcel(taker, &msg);
	else if (!err && msg.type == KEEL_UPGRADE_COMMIT)
		err = take_commit(taker, &msg);
	else if (!err)
		err = -EPROTO;
	keel__upgrade_msg_fini(&msg);
	if (err)
		end(taker, err);
}
