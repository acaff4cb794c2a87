/* SPDX-License-Identifier: MIT */
/* The access log: Common Log Format, one buffered writer a worker. */
#include "tools/accesslog-private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_LEN (64 * 1024)
/* What follows the request line: a quote, a status, a length, the end. */
#define TAIL_MAX 40

struct keel_accesslog {
	int fd;
	size_t len;
	uint64_t nr_lost;
	time_t stamp_at;
	char stamp[40];
	char buf[BUFFER_LEN];
};

int keel__accesslog_open(const char *path)
{
	/* O_NONBLOCK: a pipe that nobody reads must not stop the server. */
	int fd = open(path,
		      O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY |
			      O_NONBLOCK,
		      0640);

	return fd < 0 ? -errno : fd;
}

int keel__accesslog_reopen(const char *path, int fd)
{
	int other = keel__accesslog_open(path);
	int err = 0;

	if (other < 0)
		return other;
	/* Atomic for the writers: a line goes to the one file or the other. */
	if (dup3(other, fd, O_CLOEXEC) < 0)
		err = -errno;
	close(other);
	return err;
}

int keel__accesslog_new(int fd, struct keel_accesslog **ret_log)
{
	struct keel_accesslog *log = calloc(1, sizeof(*log));

	if (!log)
		return -ENOMEM;
	log->fd = fd;
	*ret_log = log;
	return 0;
}

struct keel_accesslog *keel__accesslog_free(struct keel_accesslog *log)
{
	if (!log)
		return NULL;
	keel__accesslog_flush(log);
	free(log);
	return NULL;
}

void keel__accesslog_flush(struct keel_accesslog *log)
{
	ssize_t written;

	if (!log->len)
		return;
	do {
		written = write(log->fd, log->buf, log->len);
	} while (written < 0 && errno == EINTR);
	if (written <= 0)
		return;
	log->len -= (size_t)written;
	memmove(log->buf, log->buf + written, log->len);
}

uint64_t keel__accesslog_lost(const struct keel_accesslog *log)
{
	return log->nr_lost;
}

/* Printable ASCII stays, but for what would end or fake the quoted string. */
static size_t escape(char *to, size_t max, const char *text, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	size_t out = 0;

	for (size_t i = 0; i < len && out + 4 <= max; i++) {
		unsigned char byte = (unsigned char)text[i];

		if (byte >= 0x20 && byte < 0x7f && byte != '"' &&
		    byte != '\\') {
			to[out++] = (char)byte;
			continue;
		}
		to[out++] = '\\';
		to[out++] = 'x';
		to[out++] = hex[byte >> 4];
		to[out++] = hex[byte & 15];
	}
	return out;
}

static void peer_text(const struct sockaddr_storage *peer, char *buf,
		      socklen_t len)
{
	const void *addr = NULL;

	if (peer->ss_family == AF_INET)
		addr = &((const struct sockaddr_in *)peer)->sin_addr;
	else if (peer->ss_family == AF_INET6)
		addr = &((const struct sockaddr_in6 *)peer)->sin6_addr;
	if (!addr || !inet_ntop(peer->ss_family, addr, buf, len))
		memcpy(buf, "-", 2);
}

static void stamp_update(struct keel_accesslog *log, time_t when)
{
	struct tm tm;

	if (log->stamp_at == when || !gmtime_r(&when, &tm))
		return;
	strftime(log->stamp, sizeof(log->stamp), "%d/%b/%Y:%H:%M:%S +0000",
		 &tm);
	log->stamp_at = when;
}

size_t keel__accesslog_begin(struct keel_accesslog *log,
			     const struct sockaddr_storage *peer, time_t when,
			     const char *request, size_t len, char *buf)
{
	char addr[INET6_ADDRSTRLEN];
	size_t max = KEEL_ACCESSLOG_LINE - TAIL_MAX;
	size_t out;

	peer_text(peer, addr, sizeof(addr));
	stamp_update(log, when);
	out = (size_t)snprintf(buf, max, "%s - - [%s] \"", addr, log->stamp);
	return out + escape(buf + out, max - out, request, len);
}

void keel__accesslog_end(struct keel_accesslog *log, const char *begin,
			 size_t len, unsigned int status, uint64_t bytes)
{
	char tail[TAIL_MAX] = "";
	int tail_len;

	if (bytes)
		tail_len = snprintf(tail, sizeof(tail), "\" %u %" PRIu64 "\n",
				    status, bytes);
	else
		tail_len = snprintf(tail, sizeof(tail), "\" %u -\n", status);
	if (log->len + len + (size_t)tail_len > sizeof(log->buf))
		keel__accesslog_flush(log);
	if (log->len + len + (size_t)tail_len > sizeof(log->buf)) {
		log->nr_lost++;
		return;
	}
	memcpy(log->buf + log->len, begin, len);
	memcpy(log->buf + log->len + len, tail, (size_t)tail_len);
	log->len += len + (size_t)tail_len;
}
