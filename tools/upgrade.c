/* SPDX-License-Identifier: MIT */
/* Messages between a server and the one that takes over from it. */
#include "tools/upgrade-private.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define MAGIC UINT32_C(0x6b75706c)
#define FORMAT 1
#define LIMIT_S 10
/* A connection brings 16 MiB of what was not sent, at most, and its requests. */
#define MAX_LEN (64u * 1024 * 1024)

/* Both processes are on one machine: as it writes numbers. */
struct header {
	uint32_t magic;
	uint16_t format;
	uint16_t type;
	uint32_t len;
	uint32_t nr_fds;
};

union control {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(int) * KEEL_UPGRADE_MAX_FDS)];
};

static int address(const char *path, struct sockaddr_un *ret_addr)
{
	size_t len = strlen(path);

	*ret_addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (!len || len >= sizeof(ret_addr->sun_path))
		return -ENAMETOOLONG;
	memcpy(ret_addr->sun_path, path, len);
	return 0;
}

/* What is there and is no socket is somebody's. */
static bool is_free(const char *path)
{
	struct stat st;

	return lstat(path, &st) || S_ISSOCK(st.st_mode);
}

/* Its name appears with its permissions, and in the place of an old one. */
static int bind_at(int fd, const char *path)
{
	char temporary[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	struct sockaddr_un addr;
	int err;

	if (snprintf(temporary, sizeof(temporary), "%s.%d", path,
		     (int)getpid()) >= (int)sizeof(temporary))
		return -ENAMETOOLONG;
	err = address(temporary, &addr);
	if (!err && !is_free(path))
		err = -EEXIST;
	if (err)
		return err;
	unlink(temporary);
	if (fchmod(fd, 0600) ||
	    bind(fd, (const struct sockaddr *)&addr, sizeof(addr)))
		return -errno;
	if (!chmod(temporary, 0600) && !listen(fd, 1) &&
	    !rename(temporary, path))
		return 0;
	err = -errno;
	unlink(temporary);
	return err;
}

static int open_socket(void)
{
	const struct timeval limit = {.tv_sec = LIMIT_S};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	return fd;
}

int keel__upgrade_listen(const char *path)
{
	int fd = open_socket();
	int err = fd < 0 ? fd : bind_at(fd, path);

	if (err >= 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return err;
}

static int check_user(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return -errno;
	return peer.uid == geteuid() ? 0 : -EPERM;
}

int keel__upgrade_connect(const char *path)
{
	struct sockaddr_un addr;
	int err = address(path, &addr);
	int fd = err ? err : open_socket();

	if (fd < 0)
		return fd;
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)))
		err = errno == ECONNREFUSED ? -ENOENT : -errno;
	if (!err)
		err = check_user(fd);
	if (!err)
		return fd;
	close(fd);
	return err;
}

int keel__upgrade_accept(int listen_fd)
{
	const struct timeval limit = {.tv_sec = LIMIT_S};
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	err = check_user(fd);
	if (!err)
		return fd;
	close(fd);
	return err;
}

static int send_rest(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

static ssize_t send_first(int fd, struct msghdr *head)
{
	ssize_t n;

	do
		n = sendmsg(fd, head, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return n;
}

/* All of it, or the other does not take it for a message. */
int keel__upgrade_send(int fd, const struct keel_upgrade_msg *msg)
{
	struct header header = {
		.magic = MAGIC,
		.format = FORMAT,
		.type = (uint16_t)msg->type,
		.len = (uint32_t)msg->len,
		.nr_fds = msg->nr_fds,
	};
	struct iovec iov[] = {{&header, sizeof(header)}, {msg->data, msg->len}};
	union control control = {.bytes = {0}};
	struct msghdr head = {.msg_iov = iov, .msg_iovlen = 2};
	size_t fds_len = msg->nr_fds * sizeof(int);
	ssize_t n;
	int err = 0;

	if (msg->len > MAX_LEN || msg->nr_fds > KEEL_UPGRADE_MAX_FDS)
		return -EMSGSIZE;
	if (fds_len) {
		control.head = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
						.cmsg_type = SCM_RIGHTS,
						.cmsg_len = CMSG_LEN(fds_len)};
		memcpy(CMSG_DATA(&control.head), msg->fds, fds_len);
		head.msg_control = &control;
		head.msg_controllen = CMSG_SPACE(fds_len);
	}
	n = send_first(fd, &head);
	if (n < 0)
		return (int)n;
	if ((size_t)n < sizeof(header)) {
		err = send_rest(fd, (char *)&header + n,
				sizeof(header) - (size_t)n);
		n = sizeof(header);
	}
	n -= (ssize_t)sizeof(header);
	if (err || (size_t)n == msg->len)
		return err;
	return send_rest(fd, (const char *)msg->data + n, msg->len - (size_t)n);
}

static int recv_rest(int fd, void *data, size_t len)
{
	char *at = data;

	while (len) {
		ssize_t n = recv(fd, at, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (!n)
			return -ECONNRESET;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

static void take_fds(struct msghdr *head, struct keel_upgrade_msg *msg)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(head);

	if (!cmsg || cmsg->cmsg_level != SOL_SOCKET ||
	    cmsg->cmsg_type != SCM_RIGHTS)
		return;
	msg->nr_fds =
		(unsigned int)((cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	memcpy(msg->fds, CMSG_DATA(cmsg), msg->nr_fds * sizeof(int));
}

static int recv_header(int fd, struct header *header,
		       struct keel_upgrade_msg *msg)
{
	struct iovec iov = {.iov_base = header, .iov_len = sizeof(*header)};
	union control control;
	struct msghdr head = {.msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control)};
	ssize_t n;

	do
		n = recvmsg(fd, &head, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (!n)
		return -ECONNRESET;
	take_fds(&head, msg);
	msg->is_cut = head.msg_flags & MSG_CTRUNC;
	n = recv_rest(fd, (char *)header + n, sizeof(*header) - (size_t)n);
	if (n)
		return (int)n;
	if (header->magic != MAGIC || header->format != FORMAT ||
	    header->len > MAX_LEN ||
	    (header->nr_fds != msg->nr_fds && !msg->is_cut))
		return -EPROTO;
	return 0;
}

int keel__upgrade_recv(int fd, struct keel_upgrade_msg *ret_msg)
{
	struct header header;
	struct keel_upgrade_msg msg = {.data = NULL};
	int err = recv_header(fd, &header, &msg);

	if (!err) {
		msg.type = header.type;
		msg.len = header.len;
		msg.data = malloc(msg.len + 1);
		err = msg.data ? recv_rest(fd, msg.data, msg.len) : -ENOMEM;
	}
	if (err) {
		if (!msg.data)
			msg.len = 0;
		keel__upgrade_msg_fini(&msg);
		return err;
	}
	*ret_msg = msg;
	return 0;
}

void keel__upgrade_msg_fini(struct keel_upgrade_msg *msg)
{
	if (msg->len)
		explicit_bzero(msg->data, msg->len);
	free(msg->data);
	for (unsigned int i = 0; i < msg->nr_fds; i++)
		close(msg->fds[i]);
	*msg = (struct keel_upgrade_msg){.data = NULL};
}
