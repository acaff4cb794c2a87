/* SPDX-License-Identifier: MIT */
/* keel serve: a response being made. */
#ifndef KEEL_TOOLS_REPLY_PRIVATE_H
#define KEEL_TOOLS_REPLY_PRIVATE_H

#include "tools/serve-private.h"

/**
 * struct keel_reply - a response being made
 * @stream: where it goes
 * @worker: its worker
 * @conn:   its connection
 * @req:    the request
 * @out:    head, and a small body, in the worker's buffer
 */
struct keel_reply {
	struct keel_stream *stream;
	struct keel_serve_worker *worker;
	struct keel_serve_conn *conn;
	const struct keel_http_request *req;
	struct keel_http_out out;
};

/* The status line, Server and Date into an empty reply->out. */
void keel__reply_begin(struct keel_reply *reply, unsigned int status);

/* Content-Length. */
void keel__reply_length(struct keel_reply *reply, uint64_t len);

/* Connection, if it must be said, and the empty line. */
void keel__reply_end(struct keel_reply *reply);

/*
 * Sends a whole response: a status with its own text as the body. @field is a
 * whole line of the head, or "".
 */
void keel__reply_status(struct keel_reply *reply, unsigned int status,
			const char *field);
void keel__reply_error(struct keel_reply *reply, unsigned int status);

/*
 * Finds what the worker's path names, in the cache or else in the file system,
 * where found.data is NULL and the file open. 0 or a negative errno.
 */
int keel__reply_find(struct keel_reply *reply,
		     struct keel_cache_entry *ret_found);

/* Sends a regular file that was found; closes it. */
void keel__reply_file(struct keel_reply *reply, struct keel_cache_entry *found);

#endif
