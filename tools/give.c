/* SPDX-License-Identifier: MIT */
/* keel serve: passing connections on to the next server. */
#include "tools/give-private.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/exec-private.h"
#include "tools/parcel-private.h"
#include "tools/tool-private.h"
#include "tools/upgrade-private.h"

/* How often what is left is counted. */
#define TICK_MS 50

/*
 * The other server says hello by connecting, and gets the listening sockets. It
 * says when it accepts; then ours are closed and connections leave, each until
 * the other has it still ours: should it end before that, all that it has not
 * acknowledged goes on here.
 */
enum state {
	STATE_ALONE,
	STATE_HELLO, /* it has the sockets, and starts */
	STATE_GIVING,
	STATE_GIVEN,
};

struct keel_giver {
	struct keel_serve *serve;
	struct keel_group *group;
	enum state state;
	int listen_fd;
	int peer_fd;
	int wake_fd;
	uint64_t next_id;
	uint64_t nr_given;
	unsigned int
		nr_asked; /* times the workers were asked for their count */
	struct keel_parcel *sent; /* not acknowledged */
	pthread_mutex_t lock;
	struct keel_parcel *queue; /* under the lock, as is the next */
	struct keel_parcel **queue_end;
	pid_t child; /* by SIGUSR2, not known to have ended; 0: none */
	char exe[PATH_MAX];
};

static void note_exe(struct keel_giver *giver)
{
	ssize_t len =
		readlink("/proc/self/exe", giver->exe, sizeof(giver->exe) - 1);

	giver->exe[len > 0 ? len : 0] = '\0';
}

static void listen_at_path(struct keel_giver *giver)
{
	const char *path = giver->serve->opts.upgrade_socket;

	giver->listen_fd = keel__upgrade_listen(path);
	if (giver->listen_fd < 0)
		keel__tool_error("cannot listen at --upgrade-socket %s: %s; "
				 "give a path in a directory that can be "
				 "written",
				 path, strerror(-giver->listen_fd));
}

int keel__giver_new(struct keel_serve *serve, struct keel_giver **ret_giver)
{
	struct keel_giver *giver = calloc(1, sizeof(*giver));

	if (!giver)
		return -ENOMEM;
	giver->serve = serve;
	giver->peer_fd = -1;
	giver->listen_fd = -1;
	giver->queue_end = &giver->queue;
	pthread_mutex_init(&giver->lock, NULL);
	note_exe(giver);
	giver->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	/* The path is the server's before, until the workers run. */
	if (!serve->taker)
		listen_at_path(giver);
	if (giver->wake_fd >= 0 && (serve->taker || giver->listen_fd >= 0)) {
		*ret_giver = giver;
		return 0;
	}
	keel__giver_free(giver);
	return -EINVAL;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void free_all(struct keel_parcel *parcel)
{
	while (parcel) {
		struct keel_parcel *next = parcel->next;

		keel__parcel_free(parcel, true);
		parcel = next;
	}
}

struct keel_giver *keel__giver_free(struct keel_giver *giver)
{
	if (!giver)
		return NULL;
	/* The path is the next server's, unless there is none. */
	if (giver->listen_fd >= 0)
		unlink(giver->serve->opts.upgrade_socket);
	close_fd(&giver->listen_fd);
	close_fd(&giver->peer_fd);
	close_fd(&giver->wake_fd);
	free_all(giver->sent);
	free_all(giver->queue);
	pthread_mutex_destroy(&giver->lock);
	free(giver);
	return NULL;
}

void keel__giver_start(struct keel_giver *giver, struct keel_group *group)
{
	giver->group = group;
	if (giver->listen_fd < 0)
		listen_at_path(giver);
}

int keel__giver_poll(struct keel_giver *giver,
		     struct pollfd fds[KEEL_GIVER_NR_FDS])
{
	const int watched[KEEL_GIVER_NR_FDS] = {
		giver->state == STATE_ALONE ? giver->listen_fd : -1,
		giver->peer_fd,
		giver->wake_fd,
	};

	for (size_t i = 0; i < KEEL_GIVER_NR_FDS; i++)
		fds[i] = (struct pollfd){.fd = watched[i], .events = POLLIN};
	return giver->state == STATE_GIVING ? TICK_MS : -1;
}

static void enqueue(struct keel_giver *giver, struct keel_parcel *parcel)
{
	uint64_t one = 1;

	pthread_mutex_lock(&giver->lock);
	parcel->next = NULL;
	*giver->queue_end = parcel;
	giver->queue_end = &parcel->next;
	pthread_mutex_unlock(&giver->lock);
	if (write(giver->wake_fd, &one, sizeof(one)) != sizeof(one))
		abort();
}

static struct keel_parcel *take_queue(struct keel_giver *giver)
{
	struct keel_parcel *queue;

	pthread_mutex_lock(&giver->lock);
	queue = giver->queue;
	giver->queue = NULL;
	giver->queue_end = &giver->queue;
	pthread_mutex_unlock(&giver->lock);
	return queue;
}

void keel__give(struct keel_stream *stream)
{
	/* One that is closing ends here; there is nothing to pass on. */
	int err = keel_stream_detach(stream);

	(void)err;
}

/* Out of memory: it goes on in this process, as it was. */
static void keep(struct keel_stream *stream, const struct keel_handoff *handoff)
{
	struct keel_serve_worker *worker = keel_stream_arg(stream);
	struct keel_serve_conn *conn = keel_stream_data(stream);
	struct keel_adopt_opts opts = {
		.sz = sizeof(opts),
		.handoff = handoff,
		.ctx = worker->serve->ctx,
		.ops = &keel__serve_ops,
		.arg = worker,
		.data_len = sizeof(*conn),
		.timeouts = keel__serve_timeouts(worker->serve),
	};
	struct keel_stream *again;
	int err;

	pthread_mutex_lock(&worker->serve->ctx_lock);
	opts.ctx = worker->serve->ctx;
	err = keel_stream_adopt(worker->loop, &opts, &again);
	pthread_mutex_unlock(&worker->serve->ctx_lock);
	if (err) {
		keel__tool_error("upgrade: a connection is lost: %s",
				 strerror(-err));
		close(handoff->fd);
		keel__serve_conn_fini(conn);
		return;
	}
	memcpy(keel_stream_data(again), conn, sizeof(*conn));
	if (conn->transfer || conn->rest)
		keel_stream_pause(again);
}

void keel__give_parcel(struct keel_stream *stream,
		       const struct keel_handoff *handoff)
{
	struct keel_serve_worker *worker = keel_stream_arg(stream);
	struct keel_parcel *parcel;

	if (!handoff)
		return;
	parcel = keel__parcel_pack(stream, handoff);
	if (parcel)
		enqueue(worker->serve->giver, parcel);
	else
		keep(stream, handoff);
}

static void give_stream(struct keel_stream *stream, void *arg)
{
	(void)arg;
	keel__give(stream);
}

static void post_leave(struct keel_loop *loop, void *arg)
{
	struct keel_serve_worker *worker = keel__serve_worker_of(arg, loop);

	if (!worker)
		return;
	worker->leaving = true;
	keel__serve_unlisten(worker);
	keel_loop_each_stream(loop, give_stream, NULL);
}

static void post_stay(struct keel_loop *loop, void *arg)
{
	struct keel_serve_worker *worker = keel__serve_worker_of(arg, loop);

	if (!worker)
		return;
	worker->leaving = false;
	if (!worker->nr_listeners && keel__serve_listen(worker))
		keel__tool_error("upgrade: a worker cannot listen again");
}

static void post_count(struct keel_loop *loop, void *arg)
{
	struct keel_serve_worker *worker = keel__serve_worker_of(arg, loop);
	struct keel_loop_stats stats = {.sz = sizeof(stats)};

	if (!worker || keel_loop_get_stats(loop, &stats))
		return;
	atomic_store(&worker->nr_streams, (unsigned int)stats.nr_streams);
	atomic_fetch_add(&worker->nr_counts, 1);
}

/* It was not taken, and is a stream of its worker's again. */
static void post_take_back(struct keel_loop *loop, void *arg)
{
	struct keel_parcel *parcel = arg;
	int err = keel__parcel_unpack(parcel->worker, parcel->data, parcel->len,
				      parcel->fds, parcel->nr_fds);

	(void)loop;
	if (err)
		keel__tool_error("upgrade: a connection is lost: %s",
				 strerror(-err));
	keel__parcel_free(parcel, err != 0);
}

static void take_back(struct keel_parcel *parcel)
{
	if (keel_loop_post(parcel->worker->loop, post_take_back, parcel)) {
		keel__tool_error("upgrade: a connection is lost: its worker "
				 "has ended");
		keel__parcel_free(parcel, true);
	}
}

static void take_back_all(struct keel_parcel *parcel)
{
	while (parcel) {
		struct keel_parcel *next = parcel->next;

		take_back(parcel);
		parcel = next;
	}
}

static void post(struct keel_giver *giver,
		 void (*fn)(struct keel_loop *loop, void *arg))
{
	int err = keel_group_post(giver->group, fn, giver->serve);

	if (err && err != -ESHUTDOWN)
		keel__tool_error("upgrade: a worker was not told: %s",
				 strerror(-err));
}

/* The other has ended, or is none: everything goes on here. */
static void give_up(struct keel_giver *giver, int err)
{
	bool had_begun = giver->state == STATE_GIVING;

	keel__tool_error("upgrade: the new server %s: %s; this one goes on",
			 had_begun ? "has failed" : "did not start",
			 err == -ECONNRESET ? "it has ended" : strerror(-err));
	close_fd(&giver->peer_fd);
	giver->state = STATE_ALONE;
	if (!had_begun)
		return;
	post(giver, post_stay);
	take_back_all(giver->sent);
	giver->sent = NULL;
	take_back_all(take_queue(giver));
	listen_at_path(giver);
}

static void say_hello(struct keel_giver *giver)
{
	struct keel_serve *serve = giver->serve;
	struct keel_upgrade_msg msg = {.type = KEEL_UPGRADE_HELLO};
	int fd = keel__upgrade_accept(giver->listen_fd);
	int err;

	if (fd < 0) {
		keel__tool_error("upgrade: refused: %s",
				 fd == -EPERM ? "a process of another user"
					      : strerror(-fd));
		return;
	}
	giver->peer_fd = fd;
	giver->state = STATE_HELLO;
	memcpy(msg.fds, serve->listen_fds,
	       serve->nr_listen_fds * sizeof(msg.fds[0]));
	msg.nr_fds = serve->nr_listen_fds;
	err = keel__upgrade_send(fd, &msg);
	if (err)
		give_up(giver, err);
}

static void begin(struct keel_giver *giver)
{
	giver->state = STATE_GIVING;
	giver->nr_given = 0;
	giver->nr_asked = 0;
	for (unsigned int i = 0; i < giver->serve->nr_workers; i++)
		atomic_store(&giver->serve->workers[i].nr_counts, 0);
	/* The path leads to the other by now. */
	close_fd(&giver->listen_fd);
	post(giver, post_leave);
}

static struct keel_parcel *take_sent(struct keel_giver *giver, uint64_t id)
{
	struct keel_parcel **at = &giver->sent;
	struct keel_parcel *parcel;

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	parcel = *at;
	if (parcel)
		*at = parcel->next;
	return parcel;
}

static int acknowledged(struct keel_giver *giver,
			const struct keel_upgrade_msg *msg)
{
	struct keel_upgrade_ack ack;
	struct keel_parcel *parcel;

	if (msg->len != sizeof(ack))
		return -EPROTO;
	memcpy(&ack, msg->data, sizeof(ack));
	parcel = take_sent(giver, ack.id);
	if (!parcel)
		return -EPROTO;
	if (ack.err) {
		keel__tool_error("upgrade: a connection was not taken and ends "
				 "here: %s",
				 strerror(-ack.err));
		take_back(parcel);
		return 0;
	}
	giver->nr_given++;
	keel__parcel_free(parcel, true);
	return 0;
}

static void hear(struct keel_giver *giver)
{
	struct keel_upgrade_msg msg;
	int err = keel__upgrade_recv(giver->peer_fd, &msg);

	if (!err) {
		if (giver->state == STATE_HELLO &&
		    msg.type == KEEL_UPGRADE_READY)
			begin(giver);
		else if (giver->state == STATE_GIVING &&
			 msg.type == KEEL_UPGRADE_ACK)
			err = acknowledged(giver, &msg);
		else
			err = -EPROTO;
		keel__upgrade_msg_fini(&msg);
	}
	if (err)
		give_up(giver, err);
}

static int send_parcel(struct keel_giver *giver, struct keel_parcel *parcel)
{
	struct keel_upgrade_msg msg = {.type = KEEL_UPGRADE_PARCEL,
				       .data = parcel->data,
				       .len = parcel->len,
				       .nr_fds = parcel->nr_fds};

	keel__parcel_set_id(parcel, ++giver->next_id);
	memcpy(msg.fds, parcel->fds, sizeof(parcel->fds));
	/* In the list first: an answer finds it there, and so does give_up(). */
	parcel->next = giver->sent;
	giver->sent = parcel;
	return keel__upgrade_send(giver->peer_fd, &msg);
}

static void send_queue(struct keel_giver *giver)
{
	struct keel_parcel *parcel;
	uint64_t nr;
	int err = 0;

	if (read(giver->wake_fd, &nr, sizeof(nr)) < 0)
		return;
	parcel = take_queue(giver);
	while (parcel) {
		struct keel_parcel *next = parcel->next;

		/* What left too late, or after something failed. */
		if (giver->state != STATE_GIVING)
			take_back(parcel);
		else
			err = send_parcel(giver, parcel);
		if (err)
			give_up(giver, err);
		err = 0;
		parcel = next;
	}
}

/* Has every worker counted since it was asked, and found nothing left? */
static bool is_empty(struct keel_giver *giver)
{
	const struct keel_serve *serve = giver->serve;
	bool is_known = true;
	bool is_empty;

	for (unsigned int i = 0; i < serve->nr_workers; i++)
		is_known =
			is_known && atomic_load(&serve->workers[i].nr_counts) >=
					    giver->nr_asked;
	if (!is_known)
		return false;
	is_empty = giver->nr_asked > 0 && !giver->sent;
	for (unsigned int i = 0; i < serve->nr_workers; i++)
		is_empty =
			is_empty && !atomic_load(&serve->workers[i].nr_streams);
	pthread_mutex_lock(&giver->lock);
	is_empty = is_empty && !giver->queue;
	pthread_mutex_unlock(&giver->lock);
	if (!is_empty) {
		giver->nr_asked++;
		post(giver, post_count);
	}
	return is_empty;
}

/* Installed anew it is another file under the same name. */
void keel__giver_exec(struct keel_giver *giver)
{
	int err = -EALREADY;

	if (giver->state == STATE_ALONE)
		err = keel__exec_again(giver->exe, &giver->child);
	if (err)
		keel__tool_error("SIGUSR2: cannot start %s: %s; this server "
				 "goes on",
				 giver->exe, strerror(-err));
}

/* One that could not start has said why. */
static void reap(struct keel_giver *giver)
{
	if (giver->child && waitpid(giver->child, NULL, WNOHANG) > 0)
		giver->child = 0;
}

bool keel__giver_work(struct keel_giver *giver,
		      const struct pollfd fds[KEEL_GIVER_NR_FDS])
{
	reap(giver);
	if (giver->state == STATE_ALONE && fds[0].revents)
		say_hello(giver);
	else if (giver->peer_fd >= 0 && fds[1].fd == giver->peer_fd &&
		 fds[1].revents)
		hear(giver);
	if (fds[2].revents)
		send_queue(giver);
	if (giver->state != STATE_GIVING || !is_empty(giver))
		return giver->state == STATE_GIVEN;
	giver->state = STATE_GIVEN;
	close_fd(&giver->peer_fd);
	printf("keel: gave %llu connections to the next server\n",
	       (unsigned long long)giver->nr_given);
	fflush(stdout);
	return true;
}
