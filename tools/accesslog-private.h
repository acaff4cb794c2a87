/* SPDX-License-Identifier: MIT */
/* The access log: Common Log Format, one buffered writer a worker. */
#ifndef KEEL_TOOLS_ACCESSLOG_PRIVATE_H
#define KEEL_TOOLS_ACCESSLOG_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>

/* Longest line; of a longer request line the rest is left out. */
#define KEEL_ACCESSLOG_LINE 2048

struct keel_accesslog;

/* Opens the file for all workers: a descriptor, or a negative errno. */
int keel__accesslog_open(const char *path);

/* Puts another file, opened anew, in the place of @fd for every writer. */
int keel__accesslog_reopen(const char *path, int fd);

/* One worker's writer to @fd, which stays the caller's. */
int keel__accesslog_new(int fd, struct keel_accesslog **ret_log);
struct keel_accesslog *keel__accesslog_free(struct keel_accesslog *log);

/*
 * Writes what is buffered, whole lines in one append. What the file does not
 * take is kept; when the buffer is full, lines are dropped and counted.
 */
void keel__accesslog_flush(struct keel_accesslog *log);

/* Lines dropped so far. */
uint64_t keel__accesslog_lost(const struct keel_accesslog *log);

/*
 * The first part of a line, up to the request line, into @buf of
 * KEEL_ACCESSLOG_LINE bytes; returns its length. What a client may have put
 * into @request to forge lines or to play with a terminal is escaped.
 */
size_t keel__accesslog_begin(struct keel_accesslog *log,
			     const struct sockaddr_storage *peer, time_t when,
			     const char *request, size_t len, char *buf);

/* The rest of the line. @bytes of body sent; written as "-" if none. */
void keel__accesslog_end(struct keel_accesslog *log, const char *begin,
			 size_t len, unsigned int status, uint64_t bytes);

#endif
