/* SPDX-License-Identifier: MIT */
/* Messages between two servers, whole, cut and spoilt. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tools/upgrade-private.h"

#define HEADER_LEN 16

static void pair(int fds[2])
{
	ATF_REQUIRE_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
}

static bool is_same_file(int a, int b)
{
	struct stat sa, sb;

	return !fstat(a, &sa) && !fstat(b, &sb) && sa.st_ino == sb.st_ino &&
	       sa.st_dev == sb.st_dev;
}

struct sending {
	int fd;
	const struct keel_upgrade_msg *msg;
	int res;
};

/* A long one waits for its reader. */
static void *send_it(void *arg)
{
	struct sending *sending = arg;

	sending->res = keel__upgrade_send(sending->fd, sending->msg);
	return NULL;
}

CASE(upgrade__messages, "messages of any length come as they were sent, their "
			"descriptors too")
{
	static const size_t lens[] = {0, 1, 1000, 3000000};
	static const unsigned int nrs[] = {0, 1, 2, KEEL_UPGRADE_MAX_FDS};
	int fds[2];
	int file = open("file", O_RDWR | O_CREAT, 0600);

	ATF_REQUIRE(file >= 0);
	pair(fds);
	for (size_t i = 0; i < 16; i++) {
		struct keel_upgrade_msg got;
		struct keel_upgrade_msg msg = {.type = KEEL_UPGRADE_PARCEL,
					       .len = lens[i % 4],
					       .nr_fds = nrs[i / 4]};
		struct sending sending = {.fd = fds[0], .msg = &msg};
		pthread_t thread;

		msg.data = malloc(msg.len + 1);
		ATF_REQUIRE(msg.data);
		memset(msg.data, (int)i, msg.len);
		for (unsigned int n = 0; n < msg.nr_fds; n++)
			msg.fds[n] = file;
		ATF_REQUIRE_EQ(
			0, pthread_create(&thread, NULL, send_it, &sending));
		ATF_REQUIRE_EQ(0, keel__upgrade_recv(fds[1], &got));
		pthread_join(thread, NULL);
		CHECK_INT("sent", 0, sending.res);
		CHECK_INT("type", msg.type, got.type);
		REQUIRE_INT("length", msg.len, got.len);
		CHECK_MEM("bytes", msg.data, got.data, msg.len);
		REQUIRE_INT("descriptors", msg.nr_fds, got.nr_fds);
		for (unsigned int n = 0; n < got.nr_fds; n++)
			ATF_CHECK(is_same_file(file, got.fds[n]));
		keel__upgrade_msg_fini(&got);
		free(msg.data);
	}
	close(fds[0]);
	close(fds[1]);
}

/* What comes with a descriptor is a read of its own. */
static ssize_t read_all(int fd, char *buf, size_t len)
{
	size_t got = 0;
	ssize_t n = 1;

	while (got < len && n > 0) {
		n = read(fd, buf + got, len - got);
		got += n > 0 ? (size_t)n : 0;
	}
	return (ssize_t)got;
}

CASE(upgrade__spoilt, "a message that is cut off, or none, is refused, and its "
		      "descriptors are closed")
{
	const struct keel_upgrade_msg msg = {
		.type = KEEL_UPGRADE_ACK,
		.data = (void *)(uintptr_t) "12345678",
		.len = 8,
		.fds = {0},
		.nr_fds = 1};
	char bytes[HEADER_LEN + 8];
	const ssize_t len = sizeof(bytes);
	int fds[2];

	pair(fds);
	ATF_REQUIRE_EQ(0, keel__upgrade_send(fds[0], &msg));
	ATF_REQUIRE_EQ(len, read_all(fds[1], bytes, sizeof(bytes)));
	for (ssize_t i = 0; i <= len; i++) {
		struct keel_upgrade_msg got;
		int cut[2];

		pair(cut);
		ATF_REQUIRE_EQ(i, send(cut[0], bytes, (size_t)i, 0));
		close(cut[0]);
		/* The descriptor that it promises does not come, either. */
		CHECK_INT("cut off", i < HEADER_LEN ? -ECONNRESET : -EPROTO,
			  keel__upgrade_recv(cut[1], &got));
		close(cut[1]);
	}
	for (ssize_t i = 0; i < HEADER_LEN; i++) {
		struct keel_upgrade_msg got;
		int err;

		/* Another type is for the reader to judge. */
		if (i == 6 || i == 7)
			continue;
		ATF_REQUIRE_EQ(0, keel__upgrade_send(fds[0], &msg));
		ATF_REQUIRE_EQ(len, read_all(fds[1], bytes, sizeof(bytes)));
		bytes[i] ^= 0x40;
		ATF_REQUIRE_EQ(len, send(fds[0], bytes, (size_t)len, 0));
		err = keel__upgrade_recv(fds[1], &got);
		ATF_CHECK_MSG(err == -EPROTO, "byte %zd: %d", i, err);
		close(fds[0]);
		close(fds[1]);
		pair(fds);
	}
	close(fds[0]);
	close(fds[1]);
}

CASE(upgrade__path, "a path is taken from a server that is gone, and is for "
		    "this user only")
{
	struct stat st;
	char longer[200];
	int first = keel__upgrade_listen("sock");
	int second, to;

	ATF_REQUIRE(first >= 0);
	ATF_REQUIRE_EQ(0, stat("sock", &st));
	CHECK_INT("mode", 0600, st.st_mode & 0777);
	close(first);
	CHECK_INT("nobody", -ENOENT, keel__upgrade_connect("sock"));
	CHECK_INT("nothing", -ENOENT, keel__upgrade_connect("none"));
	second = keel__upgrade_listen("sock");
	ATF_REQUIRE(second >= 0);
	to = keel__upgrade_connect("sock");
	ATF_REQUIRE(to >= 0);
	first = keel__upgrade_accept(second);
	ATF_CHECK(first >= 0);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	CHECK_INT("long", -ENAMETOOLONG, keel__upgrade_listen(longer));
	CHECK_INT("long", -ENAMETOOLONG, keel__upgrade_connect(longer));
	CHECK_INT("no directory", -ENOENT, keel__upgrade_listen("no/sock"));
	close(first);
	close(second);
	close(to);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, upgrade__messages);
	ATF_TP_ADD_TC(tp, upgrade__spoilt);
	ATF_TP_ADD_TC(tp, upgrade__path);
	return atf_no_error();
}
