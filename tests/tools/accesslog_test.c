/* SPDX-License-Identifier: MIT */
/* The access log: its lines, its files, what happens when it is full. */
#include "tools/accesslog-private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/case.h"
#include "tests/support/check.h"

/* 127.0.0.1 */
static struct sockaddr_storage loopback(void)
{
	struct sockaddr_storage peer = {0};
	struct sockaddr_in in = {.sin_family = AF_INET};

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	memcpy(&peer, &in, sizeof(in));
	return peer;
}

static void add(struct keel_accesslog *log, const char *request, size_t len,
		unsigned int status, uint64_t bytes)
{
	struct sockaddr_storage peer = loopback();
	char line[KEEL_ACCESSLOG_LINE];
	size_t begun = keel__accesslog_begin(log, &peer, 784111777, request,
					     len, line);

	ATF_REQUIRE(begun < sizeof(line));
	keel__accesslog_end(log, line, begun, status, bytes);
}

static void read_back(const char *path, char *buf, size_t max)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	ATF_REQUIRE_MSG(fd >= 0, "%s: %s", path, strerror(errno));
	len = read(fd, buf, max - 1);
	ATF_REQUIRE(len >= 0);
	buf[len] = '\0';
	close(fd);
}

CASE(accesslog__writes_common_log_format,
     "A line has address, time, request, status and bytes, dash for none")
{
	struct keel_accesslog *log;
	char text[4096];
	int fd = keel__accesslog_open("log");

	ATF_REQUIRE(fd >= 0);
	REQUIRE_INT("new", 0, keel__accesslog_new(fd, &log));
	add(log, "GET / HTTP/1.1", 14, 200, 12);
	add(log, "HEAD / HTTP/1.1", 15, 304, 0);
	read_back("log", text, sizeof(text));
	ATF_CHECK_STREQ("", text);
	keel__accesslog_flush(log);
	read_back("log", text, sizeof(text));
	ATF_CHECK_STREQ("127.0.0.1 - - [06/Nov/1994:08:49:37 +0000] "
			"\"GET / HTTP/1.1\" 200 12\n"
			"127.0.0.1 - - [06/Nov/1994:08:49:37 +0000] "
			"\"HEAD / HTTP/1.1\" 304 -\n",
			text);
	add(log, "GET /x HTTP/1.1", 15, 404, 14);
	ATF_CHECK(!keel__accesslog_free(log));
	read_back("log", text, sizeof(text));
	ATF_CHECK_MSG(strstr(text, "\"GET /x HTTP/1.1\" 404 14\n"), "%s", text);
	close(fd);
}

CASE(accesslog__cannot_be_forged,
     "Line ends, quotes, escapes of a terminal and long requests stay one line")
{
	static const char evil[] = "GET /\" 200 1\n\x1b[2J\\\x80";
	char request[3 * KEEL_ACCESSLOG_LINE];
	struct keel_accesslog *log;
	char text[8192];
	int fd = keel__accesslog_open("log");
	size_t nr_lines = 0;

	ATF_REQUIRE(fd >= 0);
	REQUIRE_INT("new", 0, keel__accesslog_new(fd, &log));
	add(log, evil, sizeof(evil) - 1, 200, 1);
	memset(request, '\n', sizeof(request));
	add(log, request, sizeof(request), 400, 1);
	keel__accesslog_free(log);
	close(fd);
	read_back("log", text, sizeof(text));
	ATF_CHECK_MSG(strstr(text,
			     "\"GET /\\x22 200 1\\x0a\\x1b[2J\\x5c\\x80\" "
			     "200 1\n"),
		      "%s", text);
	for (const char *p = text; (p = strchr(p, '\n')); p++)
		nr_lines++;
	CHECK_INT("lines", 2, nr_lines);
	ATF_CHECK(strlen(text) < 2 * KEEL_ACCESSLOG_LINE);
}

CASE(accesslog__knows_every_peer, "IPv6 is written out, no address is a dash")
{
	struct sockaddr_storage peer = {0};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	struct keel_accesslog *log;
	char line[KEEL_ACCESSLOG_LINE];
	size_t len;

	REQUIRE_INT("new", 0, keel__accesslog_new(-1, &log));
	len = keel__accesslog_begin(log, &peer, 0, "x", 1, line);
	ATF_CHECK(len > 5 && !memcmp(line, "- - -", 5));
	in6.sin6_addr = in6addr_loopback;
	memcpy(&peer, &in6, sizeof(in6));
	len = keel__accesslog_begin(log, &peer, 0, "x", 1, line);
	ATF_CHECK(len > 7 && !memcmp(line, "::1 - -", 7));
	keel__accesslog_free(log);
}

CASE(accesslog__moves_to_a_new_file,
     "After a rename and a reopen lines go to the new file, for each writer")
{
	struct keel_accesslog *log;
	char text[4096];
	int fd = keel__accesslog_open("log");

	ATF_REQUIRE(fd >= 0);
	REQUIRE_INT("new", 0, keel__accesslog_new(fd, &log));
	add(log, "GET /1", 6, 200, 1);
	keel__accesslog_flush(log);
	ATF_REQUIRE(rename("log", "log.1") == 0);
	REQUIRE_INT("reopen", 0, keel__accesslog_reopen("log", fd));
	add(log, "GET /2", 6, 200, 1);
	keel__accesslog_free(log);
	close(fd);
	read_back("log.1", text, sizeof(text));
	ATF_CHECK(strstr(text, "GET /1") && !strstr(text, "GET /2"));
	read_back("log", text, sizeof(text));
	ATF_CHECK(strstr(text, "GET /2") && !strstr(text, "GET /1"));
}

CASE(accesslog__needs_a_file_it_can_write, "Files that cannot be are refused")
{
	ATF_REQUIRE(mkfifo("fifo", 0644) == 0);
	CHECK_INT("directory", -EISDIR, keel__accesslog_open("."));
	CHECK_INT("no such folder", -ENOENT, keel__accesslog_open("x/y"));
	CHECK_INT("nobody reads", -ENXIO, keel__accesslog_open("fifo"));
}

CASE(accesslog__drops_whole_lines_when_full,
     "A pipe that is full loses lines, counted, and never a part of one")
{
	static char text[1 << 20];
	struct keel_accesslog *log;
	size_t nr_lines = 0;
	size_t len = 0;
	int fds[2];

	ATF_REQUIRE(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
	/* Smaller than the buffer: a part of it is taken, a line is split. */
	ATF_REQUIRE(fcntl(fds[1], F_SETPIPE_SZ, 16384) > 0);
	REQUIRE_INT("new", 0, keel__accesslog_new(fds[1], &log));
	for (int i = 0; i < 10000; i++)
		add(log, "GET / HTTP/1.1", 14, 200, 12);
	ATF_CHECK(keel__accesslog_lost(log) > 0);
	for (;;) {
		ssize_t got = read(fds[0], text + len, sizeof(text) - len);

		if (got <= 0) {
			size_t before = len;

			keel__accesslog_flush(log);
			got = read(fds[0], text + len, sizeof(text) - len);
			if (got <= 0)
				break;
			ATF_REQUIRE(len == before);
		}
		len += (size_t)got;
	}
	for (size_t i = 0; i < len; i++)
		nr_lines += text[i] == '\n';
	CHECK_INT("kept and lost", 10000, nr_lines + keel__accesslog_lost(log));
	CHECK_INT("whole lines", len % nr_lines, 0);
	keel__accesslog_free(log);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, accesslog__writes_common_log_format);
	ATF_TP_ADD_TC(tp, accesslog__cannot_be_forged);
	ATF_TP_ADD_TC(tp, accesslog__knows_every_peer);
	ATF_TP_ADD_TC(tp, accesslog__moves_to_a_new_file);
	ATF_TP_ADD_TC(tp, accesslog__needs_a_file_it_can_write);
	ATF_TP_ADD_TC(tp, accesslog__drops_whole_lines_when_full);
	return atf_no_error();
}
