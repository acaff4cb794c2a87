/* SPDX-License-Identifier: MIT */
/* The system calls of this folder: the kernel's. */
#include "ktls/sys-private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/sockios.h>

#include "ktls/uapi-private.h"

/* Connections of others that come first are turned away, so many times. */
#define MAX_STRANGERS 8
/* What is connected is accepted at once, as a rule; a busy machine lags. */
#define ACCEPT_MS 5000

static void sys_close(void *arg, int fd)
{
	(void)arg;
	if (fd >= 0)
		close(fd);
}

static int sys_set(void *arg, int fd, int level, int name, const void *value,
		   size_t len)
{
	(void)arg;
	return setsockopt(fd, level, name, value, (socklen_t)len) ? -errno : 0;
}

/* What the calling thread may do; no C library has these two. */
struct caps {
	struct __user_cap_header_struct head;
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
};

static int get_caps(struct caps *ret_caps)
{
	*ret_caps = (struct caps){
		.head.version = _LINUX_CAPABILITY_VERSION_3,
	};
	return syscall(SYS_capget, &ret_caps->head, ret_caps->data) ? -errno
								    : 0;
}

static int drop_admin(struct caps *caps)
{
	caps->data[CAP_TO_INDEX(CAP_NET_ADMIN)].effective &=
		~CAP_TO_MASK(CAP_NET_ADMIN);
	return syscall(SYS_capset, &caps->head, caps->data) ? -errno : 0;
}

/* One option to set, and what came of it. */
struct bare {
	struct caps caps;
	int fd;
	int level;
	int name;
	const void *value;
	size_t len;
	int err;
};

static void *bare_thread(void *arg)
{
	struct bare *bare = arg;

	bare->err = drop_admin(&bare->caps);
	if (!bare->err)
		bare->err = sys_set(NULL, bare->fd, bare->level, bare->name,
				    bare->value, bare->len);
	return NULL;
}

/*
 * Capabilities are each thread's own, so nobody else loses any, and nothing is
 * to be put back. No signal of the application's is handled there.
 */
static int run_bare(struct bare *bare)
{
	pthread_t thread;
	sigset_t all, old;
	int err;

	sigfillset(&all);
	err = pthread_sigmask(SIG_SETMASK, &all, &old);
	if (err)
		return -err;
	err = pthread_create(&thread, NULL, bare_thread, bare);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err)
		return -err;
	pthread_join(thread, NULL);
	return bare->err;
}

static int sys_set_bare(void *arg, int fd, int level, int name,
			const void *value, size_t len)
{
	struct bare bare = {
		.fd = fd,
		.level = level,
		.name = name,
		.value = value,
		.len = len,
	};
	int err = get_caps(&bare.caps);

	if (err)
		return err;
	if (!(bare.caps.data[CAP_TO_INDEX(CAP_NET_ADMIN)].effective &
	      CAP_TO_MASK(CAP_NET_ADMIN)))
		return sys_set(arg, fd, level, name, value, len);
	return run_bare(&bare);
}

static ssize_t sys_send(void *arg, int fd, const void *data, size_t len,
			int flags)
{
	ssize_t n;

	(void)arg;
	do
		n = send(fd, data, len, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int sys_is_in(void *arg, int fd)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};

	(void)arg;
	if (poll(&pollfd, 1, 0) < 0)
		return -errno;
	return (pollfd.revents & POLLIN) != 0;
}

static int sys_nr_in(void *arg, int fd)
{
	int nr;

	(void)arg;
	return ioctl(fd, SIOCINQ, &nr) ? -errno : nr;
}

static int open_listener(struct sockaddr_in *ret_addr)
{
	socklen_t len = sizeof(*ret_addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err;

	if (fd < 0)
		return -errno;
	*ret_addr = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	if (!bind(fd, (struct sockaddr *)ret_addr, len) &&
	    !listen(fd, MAX_STRANGERS) &&
	    !getsockname(fd, (struct sockaddr *)ret_addr, &len))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static int open_client(const struct sockaddr_in *addr,
		       struct sockaddr_in *ret_own)
{
	socklen_t len = sizeof(*ret_own);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	/* The listener's queue has room: this waits for nobody. */
	if (!connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) &&
	    !getsockname(fd, (struct sockaddr *)ret_own, &len))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* The end that @own has at the listener: anybody can connect to a port. */
static int accept_own(int listener, const struct sockaddr_in *own)
{
	struct pollfd pollfd = {.fd = listener, .events = POLLIN};

	for (int i = 0; i < MAX_STRANGERS; i++) {
		struct sockaddr_in peer = {.sin_family = AF_UNSPEC};
		socklen_t len = sizeof(peer);
		int fd;

		while (poll(&pollfd, 1, ACCEPT_MS) < 0)
			if (errno != EINTR)
				return -errno;
		fd = accept4(listener, (struct sockaddr *)&peer, &len,
			     SOCK_CLOEXEC);
		if (fd < 0 && errno == EAGAIN)
			return -ETIMEDOUT;
		if (fd < 0)
			return -errno;
		if (peer.sin_port == own->sin_port &&
		    peer.sin_addr.s_addr == own->sin_addr.s_addr)
			return fd;
		close(fd);
	}
	return -ECONNREFUSED;
}

static int sys_pair(void *arg, int ret_fds[2])
{
	struct sockaddr_in addr;
	struct sockaddr_in own;
	int listener = open_listener(&addr);
	int client;
	int server;

	(void)arg;
	if (listener < 0)
		return listener;
	client = open_client(&addr, &own);
	server = client < 0 ? client : accept_own(listener, &own);
	close(listener);
	if (server < 0) {
		sys_close(NULL, client);
		return server;
	}
	ret_fds[0] = client;
	ret_fds[1] = server;
	return 0;
}

const struct keel__ktls_sys keel__ktls_kernel = {
	.pair = sys_pair,
	.close = sys_close,
	.set = sys_set,
	.set_bare = sys_set_bare,
	.send = sys_send,
	.is_in = sys_is_in,
	.nr_in = sys_nr_in,
};
