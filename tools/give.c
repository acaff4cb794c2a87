/* SPDX-License-Identifier: MIT */
/* keel serve: passing connections on to the next server. */
#include "tools/give-private.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/exec-private.h"
#include "tools/leave-private.h"
#include "tools/parcel-private.h"
#include "tools/take-private.h"
#include "tools/tool-private.h"
#include "tools/upgrade-private.h"

/* How often what is left is counted. */
#define TICK_MS 50
/* Who has the sockets is ready by then, or is given up. */
#define HELLO_MS 30000
/* A worker that was not told is told again. */
#define ASK_AGAIN_MS 1000
/*
 * Connections on their way at once. So many answers fit a socket, so that the
 * other never waits for us to read them, nor we for the other.
 */
#define WINDOW 64

/*
 * The other server says hello by connecting, and gets the listening sockets. It
 * says when it accepts; then ours are closed and connections leave. Each is sent,
 * the other says that it could take it, and is told that it may: up to there it
 * is ours, and nothing is done with it there; from there on it is the other's.
 * Should anything fail, all that the other was not told to take goes on here.
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
	struct stat
		path; /* what stood there then: the next server's replaces it */
	int peer_fd;
	int wake_fd;
	uint64_t next_id;
	uint64_t nr_given;
	uint64_t since_ns;     /* when the state was entered */
	uint64_t asked_ns;     /* when workers were asked for their count */
	unsigned int nr_asked; /* times they were */
	unsigned int nr_empty; /* of these in a row, all had none */
	unsigned int nr_sent;
	struct keel_parcel *sent;    /* no answer yet */
	struct keel_parcel *waiting; /* for room among these */
	pthread_mutex_t lock;
	struct keel_parcel *queue; /* under the lock, as is the next */
	struct keel_parcel **queue_end;
	pid_t child; /* by SIGUSR2, not known to have ended; 0: none */
	char exe[PATH_MAX];
};

static bool is_over(uint64_t since_ns, unsigned int ms)
{
	return keel__tool_now_ns() - since_ns >= (uint64_t)ms * 1000000;
}

static void enter(struct keel_giver *giver, enum state state)
{
	giver->state = state;
	giver->since_ns = keel__tool_now_ns();
}

static void note_exe(struct keel_giver *giver)
{
	ssize_t len =
		readlink("/proc/self/exe", giver->exe, sizeof(giver->exe) - 1);

	giver->exe[len > 0 ? len : 0] = '\0';
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void listen_at_path(struct keel_giver *giver)
{
	const char *path = giver->serve->opts.upgrade_socket;

	close_fd(&giver->listen_fd);
	giver->listen_fd = keel__upgrade_listen(path);
	if (giver->listen_fd < 0)
		keel__tool_error("cannot listen at --upgrade-socket %s: %s; "
				 "give a path in a directory that can be "
				 "written",
				 path, strerror(-giver->listen_fd));
	else if (lstat(path, &giver->path))
		giver->path = (struct stat){.st_ino = 0};
}

static void unlisten_at_path(struct keel_giver *giver)
{
	const char *path = giver->serve->opts.upgrade_socket;
	struct stat now;

	if (giver->listen_fd >= 0 && !lstat(path, &now) &&
	    now.st_ino == giver->path.st_ino &&
	    now.st_dev == giver->path.st_dev)
		unlink(path);
	close_fd(&giver->listen_fd);
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
	unlisten_at_path(giver);
	close_fd(&giver->peer_fd);
	close_fd(&giver->wake_fd);
	free_all(giver->sent);
	free_all(giver->waiting);
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

/* What is still on its way to us is not ours to give. */
static bool is_taking(const struct keel_giver *giver)
{
	const struct keel_taker *taker = giver->serve->taker;

	return taker && keel__taker_fd(taker) >= 0;
}

int keel__giver_poll(struct keel_giver *giver,
		     struct pollfd fds[KEEL_GIVER_NR_FDS])
{
	bool is_free = giver->state == STATE_ALONE && !is_taking(giver);
	const int watched[KEEL_GIVER_NR_FDS] = {
		is_free ? giver->listen_fd : -1,
		giver->peer_fd,
		giver->wake_fd,
	};

	for (size_t i = 0; i < KEEL_GIVER_NR_FDS; i++)
		fds[i] = (struct pollfd){.fd = watched[i], .events = POLLIN};
	return giver->state == STATE_HELLO || giver->state == STATE_GIVING
		       ? TICK_MS
		       : -1;
}

void keel__giver_enqueue(struct keel_giver *giver, struct keel_parcel *parcel)
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

static void take_back_all(struct keel_parcel *parcel)
{
	while (parcel) {
		struct keel_parcel *next = parcel->next;

		keel__parcel_take_back(parcel);
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

/* All that is not the other's goes on here. */
static void keep_all(struct keel_giver *giver)
{
	bool had_begun = giver->state == STATE_GIVING;

	/* With this the other drops what it was not told to take. */
	close_fd(&giver->peer_fd);
	enter(giver, STATE_ALONE);
	if (!had_begun)
		return;
	post(giver, keel__post_stay);
	take_back_all(giver->sent);
	take_back_all(giver->waiting);
	take_back_all(take_queue(giver));
	giver->sent = NULL;
	giver->nr_sent = 0;
	giver->waiting = NULL;
}

/* The other has ended, or is none. */
static void give_up(struct keel_giver *giver, int err)
{
	keel__tool_error("upgrade: the new server %s: %s; this one goes on",
			 giver->state == STATE_GIVING ? "has failed"
						      : "did not start",
			 err == -ECONNRESET ? "it has ended" : strerror(-err));
	keep_all(giver);
	/* The path may lead to the other by now, or to nobody. */
	listen_at_path(giver);
}

static void say_hello(struct keel_giver *giver)
{
	struct keel_serve *serve = giver->serve;
	struct keel_upgrade_msg msg = {.type = KEEL_UPGRADE_HELLO};
	int fd = keel__upgrade_accept(giver->listen_fd);
	int err = -EMSGSIZE;

	if (fd < 0) {
		keel__tool_error("upgrade: refused: %s",
				 fd == -EPERM ? "a process of another user"
					      : strerror(-fd));
		/* Without descriptors it is there again at once. */
		usleep(TICK_MS * 1000);
		return;
	}
	giver->peer_fd = fd;
	enter(giver, STATE_HELLO);
	if (serve->nr_listen_fds <= KEEL_UPGRADE_MAX_FDS) {
		memcpy(msg.fds, serve->listen_fds,
		       serve->nr_listen_fds * sizeof(msg.fds[0]));
		msg.nr_fds = serve->nr_listen_fds;
		err = keel__upgrade_send(fd, &msg);
	}
	if (err)
		give_up(giver, err);
}

static void ask(struct keel_giver *giver)
{
	giver->asked_ns = keel__tool_now_ns();
	post(giver, keel__post_count);
}

/* They are of before: something has come back since. */
static void forget_counts(struct keel_giver *giver)
{
	giver->nr_asked = 0;
	giver->nr_empty = 0;
	for (unsigned int i = 0; i < giver->serve->nr_workers; i++)
		atomic_store(&giver->serve->workers[i].nr_counts, 0);
}

static void begin(struct keel_giver *giver)
{
	enter(giver, STATE_GIVING);
	giver->nr_given = 0;
	forget_counts(giver);
	/* The path leads to the other by now. */
	close_fd(&giver->listen_fd);
	post(giver, keel__post_leave);
}

static struct keel_parcel *take_sent(struct keel_giver *giver, uint64_t id)
{
	struct keel_parcel **at = &giver->sent;
	struct keel_parcel *parcel;

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	parcel = *at;
	if (parcel) {
		*at = parcel->next;
		giver->nr_sent--;
	}
	return parcel;
}

static void put_sent(struct keel_giver *giver, struct keel_parcel *parcel)
{
	parcel->next = giver->sent;
	giver->sent = parcel;
	giver->nr_sent++;
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
	put_sent(giver, parcel);
	return keel__upgrade_send(giver->peer_fd, &msg);
}

static int send_waiting(struct keel_giver *giver)
{
	int err = 0;

	while (!err && giver->waiting && giver->nr_sent < WINDOW) {
		struct keel_parcel *parcel = giver->waiting;

		giver->waiting = parcel->next;
		err = send_parcel(giver, parcel);
	}
	return err;
}

/* A message that was not sent whole is none: then it is still ours. */
static int commit(struct keel_giver *giver, struct keel_parcel *parcel)
{
	uint64_t id = parcel->id;
	const struct keel_upgrade_msg msg = {
		.type = KEEL_UPGRADE_COMMIT, .data = &id, .len = sizeof(id)};
	int err = keel__upgrade_send(giver->peer_fd, &msg);

	if (err) {
		put_sent(giver, parcel);
		return err;
	}
	giver->nr_given++;
	keel__parcel_free(parcel, true);
	return 0;
}

static int acknowledged(struct keel_giver *giver,
			const struct keel_upgrade_msg *msg)
{
	struct keel_upgrade_ack ack;
	struct keel_parcel *parcel;
	int err = 0;

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
		keel__parcel_take_back(parcel);
		forget_counts(giver);
	} else {
		err = commit(giver, parcel);
	}
	return err ? err : send_waiting(giver);
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

static void send_queue(struct keel_giver *giver)
{
	struct keel_parcel **at = &giver->waiting;
	struct keel_parcel *queue;
	uint64_t nr;
	int err;

	if (read(giver->wake_fd, &nr, sizeof(nr)) < 0)
		return;
	queue = take_queue(giver);
	/* What left too late, after something failed. */
	if (giver->state != STATE_GIVING) {
		take_back_all(queue);
		return;
	}
	while (*at)
		at = &(*at)->next;
	*at = queue;
	err = send_waiting(giver);
	if (err)
		give_up(giver, err);
}

static bool have_counted(const struct keel_giver *giver)
{
	const struct keel_serve *serve = giver->serve;

	for (unsigned int i = 0; i < serve->nr_workers; i++)
		if (atomic_load(&serve->workers[i].nr_counts) < giver->nr_asked)
			return false;
	return true;
}

static bool has_any(struct keel_giver *giver)
{
	const struct keel_serve *serve = giver->serve;
	bool has_queue;

	for (unsigned int i = 0; i < serve->nr_workers; i++)
		if (atomic_load(&serve->workers[i].nr_streams))
			return true;
	pthread_mutex_lock(&giver->lock);
	has_queue = giver->queue;
	pthread_mutex_unlock(&giver->lock);
	return has_queue || giver->sent || giver->waiting;
}

/*
 * Twice in a row: what was accepted when the listeners were closed is a stream a
 * moment later.
 */
static bool is_empty(struct keel_giver *giver)
{
	if (giver->nr_asked && !have_counted(giver)) {
		if (is_over(giver->asked_ns, ASK_AGAIN_MS))
			ask(giver);
		return false;
	}
	if (giver->nr_asked && !is_over(giver->asked_ns, TICK_MS))
		return false;
	giver->nr_empty =
		giver->nr_asked && !has_any(giver) ? giver->nr_empty + 1 : 0;
	giver->nr_asked++;
	ask(giver);
	return giver->nr_empty >= 2;
}

bool keel__giver_is_giving(const struct keel_giver *giver)
{
	return giver->state == STATE_GIVING;
}

void keel__giver_cancel(struct keel_giver *giver)
{
	if (giver->state == STATE_HELLO || giver->state == STATE_GIVING)
		keep_all(giver);
}

/* Installed anew it is another file under the same name. */
void keel__giver_exec(struct keel_giver *giver)
{
	int err = -EALREADY;

	if (giver->state == STATE_ALONE && !giver->child)
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
	if (giver->state == STATE_HELLO && is_over(giver->since_ns, HELLO_MS))
		give_up(giver, -ETIMEDOUT);
	if (giver->state != STATE_GIVING || !is_empty(giver))
		return giver->state == STATE_GIVEN;
	enter(giver, STATE_GIVEN);
	close_fd(&giver->peer_fd);
	printf("keel: gave %llu connections to the next server\n",
	       (unsigned long long)giver->nr_given);
	fflush(stdout);
	return true;
}
