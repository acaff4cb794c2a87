/* SPDX-License-Identifier: MIT */
/* keel serve: a file as a response. */
#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tools/mime-private.h"
#include "tools/reply-private.h"

/* Head and file together fit one record, and so one system call to send. */
#define INLINE_MAX KEEL_MAX_PLAINTEXT
/* A file that changes while it is read is asked for again so often. */
#define MAX_TRIES 4

/**
 * enum body - how a body goes out
 * @BODY_INLINE: it stands behind its head already, or there is none
 * @BODY_FILE:   the loop sends it: it is large, or would have to be waited for
 * @BODY_CUT:    fewer bytes came than the file has: it may be shorter by now
 */
enum body {
	BODY_INLINE,
	BODY_FILE,
	BODY_CUT,
};

int keel__reply_find(struct keel_reply *reply,
		     struct keel_cache_entry *ret_found)
{
	struct keel_serve_worker *worker = reply->worker;
	const struct keel_cache_entry *entry = keel__cache_find(
		worker->cache, worker->serve->root, worker->path.name,
		keel_loop_now_ns(worker->loop));

	if (entry) {
		*ret_found = *entry;
		return 0;
	}
	ret_found->data = NULL;
	return keel__files_open(worker->serve->root, worker->path.name,
				&ret_found->file);
}

static void put_range(struct keel_reply *reply,
		      const struct keel_http_plan *plan, uint64_t size)
{
	keel__http_out_text(&reply->out, "Content-Range: bytes ");
	if (plan->status == 416) {
		keel__http_out_text(&reply->out, "*");
	} else {
		keel__http_out_number(&reply->out, plan->offset);
		keel__http_out_text(&reply->out, "-");
		keel__http_out_number(&reply->out,
				      plan->offset + plan->len - 1);
	}
	keel__http_out_text(&reply->out, "/");
	keel__http_out_number(&reply->out, size);
	keel__http_out_text(&reply->out, "\r\n");
}

static void put_validators(struct keel_reply *reply,
			   const struct keel_http_facts *facts)
{
	char date[KEEL_HTTP_DATE_LEN];

	keel__http_date_format((time_t)facts->mtime_s, date);
	keel__http_out_text(&reply->out, "Last-Modified: ");
	keel__http_out_put(&reply->out, date, sizeof(date));
	keel__http_out_text(&reply->out, "\r\nETag: ");
	keel__http_out_put(&reply->out, facts->etag, facts->etag_len);
	keel__http_out_text(&reply->out, "\r\n");
}

static void file_head(struct keel_reply *reply,
		      const struct keel_http_facts *facts,
		      const struct keel_http_plan *plan)
{
	const struct keel_path *path = &reply->worker->path;

	keel__reply_begin(reply, plan->status);
	if (plan->status != 304) {
		keel__http_out_text(&reply->out, "Content-Type: ");
		keel__http_out_text(
			&reply->out,
			keel__mime_type(path->name, path->name_len));
		keel__http_out_text(&reply->out, "\r\n");
		keel__reply_length(reply, plan->len);
	}
	put_validators(reply, facts);
	keel__http_out_text(&reply->out, "Accept-Ranges: bytes\r\n");
	if (plan->status == 206)
		put_range(reply, plan, facts->size);
	keel__reply_end(reply);
}

static void reply_unsatisfiable(struct keel_reply *reply, uint64_t size)
{
	struct keel_http_plan plan = {.status = 416};
	char field[64];

	reply->out =
		(struct keel_http_out){.buf = field, .max = sizeof(field) - 1};
	put_range(reply, &plan, size);
	field[reply->out.len] = '\0';
	keel__reply_status(reply, 416, field);
}

/* Puts a small file right behind its head. */
static enum body put_body(struct keel_reply *reply,
			  const struct keel_cache_entry *found,
			  const struct keel_http_plan *plan)
{
	struct iovec iov = {
		.iov_base = reply->out.buf + reply->out.len,
		.iov_len = (size_t)plan->len,
	};
	ssize_t got;

	if (!plan->len)
		return BODY_INLINE;
	/* What is kept is small enough for any head of a file. */
	if (found->data) {
		keel__http_out_put(&reply->out, found->data + plan->offset,
				   (size_t)plan->len);
		return BODY_INLINE;
	}
	if (plan->len > INLINE_MAX - reply->out.len)
		return BODY_FILE;
	got = preadv2(found->file.fd, &iov, 1, (off_t)plan->offset, RWF_NOWAIT);
	if (got < 0)
		return BODY_FILE;
	if (got < (ssize_t)plan->len)
		return BODY_CUT;
	reply->out.len += (size_t)got;
	return BODY_INLINE;
}

static void keep(struct keel_reply *reply, const struct keel_cache_entry *found,
		 const struct keel_http_plan *plan)
{
	struct keel_serve_worker *worker = reply->worker;

	if (!found->data && plan->status == 200 &&
	    plan->len == found->file.size)
		keel__cache_add(worker->cache, worker->path.name, &found->file,
				reply->out.buf + reply->out.len - plan->len,
				keel_loop_now_ns(worker->loop), worker->now);
}

static void file_send(struct keel_reply *reply,
		      const struct keel_cache_entry *found,
		      const struct keel_http_plan *plan, enum body body)
{
	struct keel_serve_output output = {
		.data = reply->out.buf,
		.len = reply->out.len,
		.fd = -1,
		.offset = (off_t)plan->offset,
		.body_len = plan->len,
		.status = plan->status,
	};

	if (body == BODY_FILE) {
		output.fd = found->file.fd;
		output.file_len = plan->len;
	} else {
		keep(reply, found, plan);
		if (found->file.fd >= 0)
			close(found->file.fd);
	}
	keel__serve_send(reply->stream, reply->req, &output);
}

static void file_refuse(struct keel_reply *reply, const struct keel_file *file,
			unsigned int status)
{
	if (file->fd >= 0)
		close(file->fd);
	if (status == 416)
		reply_unsatisfiable(reply, file->size);
	else
		keel__reply_error(reply, status);
}

/* A response of the file as it is now, into reply->out. */
static enum body file_put(struct keel_reply *reply,
			  const struct keel_cache_entry *found,
			  struct keel_http_plan *ret_plan)
{
	const struct keel_file *file = &found->file;
	char etag[KEEL_HTTP_ETAG_MAX];
	struct keel_http_facts facts = {
		.size = file->size,
		.mtime_s = file->mtime_s,
		.etag = etag,
	};

	facts.etag_len = keel__http_etag(file->ino, file->mtime_s,
					 file->mtime_ns, file->size, etag);
	keel__http_plan(reply->req, &facts, ret_plan);
	if (ret_plan->status == 412 || ret_plan->status == 416)
		return BODY_INLINE;
	file_head(reply, &facts, ret_plan);
	if (keel__http_request_is_head(reply->req))
		ret_plan->len = 0;
	return put_body(reply, found, ret_plan);
}

void keel__reply_file(struct keel_reply *reply, struct keel_cache_entry *found)
{
	struct keel_http_plan plan;
	enum body body = BODY_CUT;

	for (int i = 0; i < MAX_TRIES && body == BODY_CUT; i++) {
		uint64_t size = found->file.size;

		body = file_put(reply, found, &plan);
		if (body != BODY_CUT)
			break;
		if (keel__files_stat(&found->file))
			break;
		/* As long as before: a part of it is not in memory. */
		if (found->file.size == size)
			body = BODY_FILE;
	}
	if (body == BODY_CUT)
		file_refuse(reply, &found->file, 503);
	else if (plan.status == 412 || plan.status == 416)
		file_refuse(reply, &found->file, plan.status);
	else
		file_send(reply, found, &plan, body);
}
