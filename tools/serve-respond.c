/* SPDX-License-Identifier: MIT */
/* keel serve: from a request to its response. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/files-private.h"
#include "tools/reply-private.h"

/* Once a second; the coarse clock costs no system call. */
static void date_update(struct keel_serve_worker *worker)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	if (now.tv_sec == worker->now)
		return;
	worker->now = now.tv_sec;
	keel__http_date_format(now.tv_sec, worker->date);
}

void keel__reply_begin(struct keel_reply *reply, unsigned int status)
{
	reply->out = (struct keel_http_out){
		.buf = reply->worker->out,
		.max = sizeof(reply->worker->out),
	};
	keel__http_out_status(&reply->out, status, reply->worker->date);
}

/* RFC 9112 section 9.3: only what is not the version's own default is said. */
void keel__reply_end(struct keel_reply *reply)
{
	if (reply->conn->last)
		keel__http_out_text(&reply->out, "Connection: close\r\n");
	else if (reply->req->parser.http_minor == 0)
		keel__http_out_text(&reply->out, "Connection: keep-alive\r\n");
	keel__http_out_text(&reply->out, "\r\n");
}

void keel__reply_length(struct keel_reply *reply, uint64_t len)
{
	keel__http_out_text(&reply->out, "Content-Length: ");
	keel__http_out_number(&reply->out, len);
	keel__http_out_text(&reply->out, "\r\n");
}

/* Sends what is in reply->out. */
static void reply_send(struct keel_reply *reply, unsigned int status,
		       uint64_t body_len)
{
	struct keel_serve_output output = {
		.data = reply->out.buf,
		.len = reply->out.len,
		.fd = -1,
		.body_len = body_len,
		.status = status,
	};

	keel__serve_send(reply->stream, reply->req, &output);
}

/* What comes behind such a request cannot be told from its body. */
static bool status_ends(unsigned int status)
{
	return status >= 500 || status == 400 || status == 405 ||
	       status == 413 || status == 414 || status == 417 || status == 431;
}

/* A status with its own text as the body; @field is a whole header line. */
void keel__reply_status(struct keel_reply *reply, unsigned int status,
			const char *field)
{
	size_t len;
	const char *text = keel__http_status_text(status, &len);
	bool is_head = keel__http_request_is_head(reply->req);

	if (status_ends(status))
		reply->conn->last = true;
	keel__reply_begin(reply, status);
	keel__http_out_text(&reply->out, field);
	keel__http_out_text(&reply->out,
			    "Content-Type: text/plain; charset=utf-8\r\n");
	keel__reply_length(reply, len + 1);
	keel__reply_end(reply);
	if (!is_head) {
		keel__http_out_put(&reply->out, text, len);
		keel__http_out_text(&reply->out, "\n");
	}
	reply_send(reply, status, is_head ? 0 : len + 1);
}

void keel__reply_error(struct keel_reply *reply, unsigned int status)
{
	keel__reply_status(reply, status,
			   status == 405 ? "Allow: GET, HEAD\r\n" : "");
}

/* The same path with a slash; "//host" at its front would be another host. */
static void reply_redirect(struct keel_reply *reply)
{
	const struct keel_path *path = &reply->worker->path;

	keel__reply_begin(reply, 301);
	keel__http_out_text(&reply->out, "Location: /");
	keel__path_encode(&reply->out, path->name, path->name_len);
	keel__http_out_text(&reply->out, "/");
	keel__http_out_put(&reply->out, path->query, path->query_len);
	keel__http_out_text(&reply->out, "\r\n");
	keel__reply_length(reply, 0);
	keel__reply_end(reply);
	if (reply->out.cut)
		keel__reply_error(reply, 414);
	else
		reply_send(reply, 301, 0);
}

/*
 * Making a page takes long, and a client that asks for many at once takes
 * turns with all others.
 */
static void page_send(struct keel_reply *reply, struct keel_listing_page *page)
{
	bool is_head = keel__http_request_is_head(reply->req);
	struct keel_serve_output output = {
		.page = is_head ? NULL : page,
		.waits = true,
		.fd = -1,
		.body_len = is_head ? 0 : page->len,
		.status = 200,
	};

	keel__reply_begin(reply, 200);
	keel__http_out_text(&reply->out,
			    "Content-Type: text/html; charset=utf-8\r\n");
	keel__reply_length(reply, page->len);
	keel__reply_end(reply);
	output.data = reply->out.buf;
	output.len = reply->out.len;
	keel__serve_send(reply->stream, reply->req, &output);
	if (is_head)
		keel__listing_page_unref(page);
}

static void reply_listing(struct keel_reply *reply)
{
	struct keel_serve_worker *worker = reply->worker;
	struct keel_listing_page *page;
	int err = keel__listings_get(&worker->listings, worker->serve->root,
				     worker->path.name,
				     keel_loop_now_ns(worker->loop), &page);

	if (err)
		keel__reply_error(reply, keel__files_status(err));
	else
		page_send(reply, page);
}

/* A directory without index.html: a listing if wanted, else nothing. */
static void reply_bare_dir(struct keel_reply *reply)
{
	const struct keel_serve *serve = reply->worker->serve;
	struct keel_file dir;
	int err;

	if (serve->opts.list) {
		reply_listing(reply);
		return;
	}
	/* Of a directory that is not there even this is said. */
	err = keel__files_open(serve->root, reply->worker->path.name, &dir);
	if (!err)
		close(dir.fd);
	keel__reply_error(reply, err ? keel__files_status(err) : 403);
}

static void reply_dir(struct keel_reply *reply)
{
	struct keel_path *path = &reply->worker->path;
	size_t dir_len = path->name_len;
	struct keel_cache_entry found;
	unsigned int refused = keel__path_add(path, "index.html");
	int err;

	if (refused) {
		keel__reply_error(reply, refused);
		return;
	}
	err = keel__reply_find(reply, &found);
	if (!err && !found.file.is_dir) {
		keel__reply_file(reply, &found);
		return;
	}
	if (!err)
		close(found.file.fd);
	path->name[dir_len] = '\0';
	path->name_len = dir_len;
	if (err && err != -ENOENT)
		keel__reply_error(reply, keel__files_status(err));
	else
		reply_bare_dir(reply);
}

static void reply_path(struct keel_reply *reply)
{
	struct keel_cache_entry found;
	int err;

	if (reply->worker->path.is_dir) {
		reply_dir(reply);
		return;
	}
	err = keel__reply_find(reply, &found);
	if (err) {
		keel__reply_error(reply, keel__files_status(err));
		return;
	}
	if (!found.file.is_dir) {
		keel__reply_file(reply, &found);
		return;
	}
	close(found.file.fd);
	reply_redirect(reply);
}

void keel__serve_respond(struct keel_stream *stream,
			 const struct keel_http_request *req)
{
	struct keel_reply reply = {
		.stream = stream,
		.worker = keel_stream_arg(stream),
		.conn = keel_stream_data(stream),
		.req = req,
	};
	unsigned int status = req->status;
	const char *target;
	size_t len;

	date_update(reply.worker);
	if (!keel__http_request_keeps(req) || reply.conn->draining)
		reply.conn->last = true;
	if (!status && keel__http_request_target(req, &target, &len))
		status = 400;
	if (!status)
		status = keel__path_decode(target, len, &reply.worker->path);
	if (status)
		keel__reply_error(&reply, status);
	else
		reply_path(&reply);
}
