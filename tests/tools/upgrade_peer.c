/* SPDX-License-Identifier: MIT */
/* A new server that does not do its part: upgrade_peer SOCKET CONDUCT [NR]. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/upgrade-private.h"

static int fail(const char *what, int err)
{
	fprintf(stderr, "%s: %s\n", what, strerror(-err));
	return 1;
}

static int hear(int fd, unsigned int type, struct keel_upgrade_msg *ret_msg)
{
	int err = keel__upgrade_recv(fd, ret_msg);

	if (err || ret_msg->type == type)
		return err;
	keel__upgrade_msg_fini(ret_msg);
	return -EPROTO;
}

/* Says that it is ready, takes @nr connections and ends, with them unanswered. */
static int dies(int fd, unsigned int nr)
{
	const struct keel_upgrade_msg ready = {.type = KEEL_UPGRADE_READY};
	struct keel_upgrade_msg msg;
	int err = keel__upgrade_send(fd, &ready);

	while (!err && nr--) {
		err = hear(fd, KEEL_UPGRADE_PARCEL, &msg);
		if (!err)
			keel__upgrade_msg_fini(&msg);
	}
	return err;
}

/* Takes @nr connections, and wants none of them. */
static int declines(int fd, unsigned int nr)
{
	struct keel_upgrade_msg msg = {.type = KEEL_UPGRADE_READY};
	int err = keel__upgrade_send(fd, &msg);

	while (!err && nr--) {
		struct keel_upgrade_ack ack = {.err = -ENOMEM};
		const struct keel_upgrade_msg answer = {
			.type = KEEL_UPGRADE_ACK,
			.data = &ack,
			.len = sizeof(ack),
		};

		err = hear(fd, KEEL_UPGRADE_PARCEL, &msg);
		if (err)
			break;
		/* It stands first. */
		if (msg.len >= sizeof(ack.id))
			memcpy(&ack.id, msg.data, sizeof(ack.id));
		keel__upgrade_msg_fini(&msg);
		err = keel__upgrade_send(fd, &answer);
	}
	/* Until the other has ended: its connections may take their time. */
	while (!err || err == -ETIMEDOUT)
		err = keel__upgrade_recv(fd, &msg);
	return err == -ECONNRESET ? 0 : err;
}

/* Says that it takes @nr connections, and ends before it may. */
static int accepts(int fd, unsigned int nr)
{
	struct keel_upgrade_msg msg = {.type = KEEL_UPGRADE_READY};
	int err = keel__upgrade_send(fd, &msg);

	while (!err && nr--) {
		struct keel_upgrade_ack ack = {.err = 0};
		const struct keel_upgrade_msg answer = {
			.type = KEEL_UPGRADE_ACK,
			.data = &ack,
			.len = sizeof(ack),
		};

		err = keel__upgrade_recv(fd, &msg);
		if (err || msg.type != KEEL_UPGRADE_PARCEL)
			break;
		if (msg.len >= sizeof(ack.id))
			memcpy(&ack.id, msg.data, sizeof(ack.id));
		keel__upgrade_msg_fini(&msg);
		/* The last one's answer is cut in half. */
		if (!nr)
			return send(fd, &answer, 8, MSG_NOSIGNAL) < 0 ? -errno
								      : 0;
		err = keel__upgrade_send(fd, &answer);
	}
	return err;
}

/* Ends before it is ready. */
static int leaves(int fd, unsigned int nr)
{
	(void)fd;
	(void)nr;
	return 0;
}

/* Bytes that are no message. */
static int talks_rubbish(int fd, unsigned int nr)
{
	char bytes[64];

	(void)nr;
	memset(bytes, 'x', sizeof(bytes));
	return send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Answers for a connection that nobody sent. */
static int invents(int fd, unsigned int nr)
{
	struct keel_upgrade_ack ack = {.id = 12345};
	const struct keel_upgrade_msg ready = {.type = KEEL_UPGRADE_READY};
	const struct keel_upgrade_msg answer = {
		.type = KEEL_UPGRADE_ACK,
		.data = &ack,
		.len = sizeof(ack),
	};
	int err = keel__upgrade_send(fd, &ready);

	(void)nr;
	return err ? err : keel__upgrade_send(fd, &answer);
}

static const struct {
	const char *name;
	int (*fn)(int fd, unsigned int nr);
} conducts[] = {
	{"dies", dies},	      {"declines", declines},
	{"leaves", leaves},   {"talks-rubbish", talks_rubbish},
	{"invents", invents}, {"accepts", accepts},
};

int main(int argc, char **argv)
{
	unsigned int nr = argc > 3 ? (unsigned int)atoi(argv[3]) : 0;
	struct keel_upgrade_msg hello;
	int err, fd;

	if (argc < 3)
		return 2;
	fd = keel__upgrade_connect(argv[1]);
	if (fd < 0)
		return fail("connect", fd);
	err = hear(fd, KEEL_UPGRADE_HELLO, &hello);
	if (err)
		return fail("hello", err);
	keel__upgrade_msg_fini(&hello);
	for (size_t i = 0; i < sizeof(conducts) / sizeof(conducts[0]); i++)
		if (!strcmp(conducts[i].name, argv[2]))
			err = conducts[i].fn(fd, nr);
	close(fd);
	return err ? fail(argv[2], err) : 0;
}
