/* SPDX-License-Identifier: MIT */
/* HTTP/1.1 for a file server: requests, what to answer, response heads. */
#ifndef KEEL_TOOLS_HTTP_PRIVATE_H
#define KEEL_TOOLS_HTTP_PRIVATE_H

#include <http_parser.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Limits; RFC 9110 section 4.1 asks for at least 8000 bytes of URI. */
#define KEEL_HTTP_MAX_URL 8192
#define KEEL_HTTP_MAX_HEAD 16384
/* Bytes of a request's body on the wire; read and thrown away. */
#define KEEL_HTTP_MAX_BODY (1024 * 1024)

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
#define KEEL_HTTP_DATE_LEN 29
/* Two hexadecimal numbers of 64 bits, one of 96, dashes, quotes and NUL. */
#define KEEL_HTTP_ETAG_MAX 64

/**
 * enum keel_http_field - header fields the server looks at
 */
enum keel_http_field {
	KEEL_HTTP_FIELD_HOST = 0,
	KEEL_HTTP_FIELD_RANGE,
	KEEL_HTTP_FIELD_IF_RANGE,
	KEEL_HTTP_FIELD_IF_MATCH,
	KEEL_HTTP_FIELD_IF_NONE_MATCH,
	KEEL_HTTP_FIELD_IF_MODIFIED_SINCE,
	KEEL_HTTP_FIELD_IF_UNMODIFIED_SINCE,
	KEEL_HTTP_FIELD_EXPECT,
	KEEL_HTTP_FIELD_CONTENT_LENGTH,
	KEEL_HTTP_FIELD_TRANSFER_ENCODING,
	KEEL_HTTP_NR_FIELDS,
};

/**
 * struct keel_span - a part of a request's head; @len 0 for none
 */
struct keel_span {
	uint16_t off;
	uint16_t len;
};

/**
 * struct keel_http_request - a request being read, or read
 * @parser:    the parser's own state
 * @head:      the request's first byte, as given with the last feed
 * @head_len:  bytes known to lie there
 * @name:      the field being read
 * @value:     its value
 * @url:       the request target
 * @fields:    values, of each field the first one seen
 * @status:    the status of the error met, 0 for none
 * @body_seen: bytes read after the head
 * @nr_hosts:  Host fields seen
 * @has_value: a value of @name began
 * @has_coding: there is a Transfer-Encoding: it ends with its head, and the
 *             connection with its response
 * @head_done: the empty line came; @head is no longer added to
 * @complete:  the body, if any, came too
 *
 * Spans are offsets from @head: the head may be moved between two feeds.
 */
struct keel_http_request {
	struct http_parser parser;
	const char *head;
	size_t head_len;
	struct keel_span name;
	struct keel_span value;
	struct keel_span url;
	struct keel_span fields[KEEL_HTTP_NR_FIELDS];
	uint32_t body_seen;
	uint16_t status;
	uint8_t nr_hosts;
	bool has_value;
	bool has_coding;
	bool head_done;
	bool complete;
};

void keel__http_request_init(struct keel_http_request *req);

/*
 * Parses bytes. @head is where the request's first byte lies now; until
 * head_done, @data lies in the same buffer, right behind what was fed before.
 * Returns how many bytes belong to this request. Ends early when it is
 * complete, has met an error (status), or its head has ended and @len was used
 * up.
 */
size_t keel__http_request_feed(struct keel_http_request *req, const char *head,
			       const char *data, size_t len);

/* A span as a string; NULL with *@ret_len 0 if the request has it not. */
const char *keel__http_request_get(const struct keel_http_request *req,
				   struct keel_span span, size_t *ret_len);

/* The client waits for 100 (Continue) before it sends its body. */
bool keel__http_request_expects(const struct keel_http_request *req);

/* The connection may carry another request (RFC 9112 section 9.3). */
bool keel__http_request_keeps(const struct keel_http_request *req);

/* The request line, as far as it came; for logs. Not terminated. */
const char *keel__http_request_line(const struct keel_http_request *req,
				    size_t *ret_len);

/* The path and query of the request target, its absolute form taken apart. */
int keel__http_request_target(const struct keel_http_request *req,
			      const char **ret_target, size_t *ret_len);

static inline bool
keel__http_request_is_head(const struct keel_http_request *req)
{
	return req->parser.method == HTTP_HEAD;
}

/**
 * struct keel_http_facts - what the answer depends on beside the request
 * @size:     bytes of the file
 * @mtime_s:  last change, seconds since the epoch
 * @etag:     entity tag with its quotes
 * @etag_len: bytes
 */
struct keel_http_facts {
	uint64_t size;
	int64_t mtime_s;
	const char *etag;
	size_t etag_len;
};

/**
 * struct keel_http_plan - what to answer with a file
 * @status: 200, 206, 304, 412 or 416
 * @offset: first byte of the file to send
 * @len:    bytes to send
 */
struct keel_http_plan {
	unsigned int status;
	uint64_t offset;
	uint64_t len;
};

/* Conditions and ranges, in the order of RFC 9110 section 13.2.2. */
void keel__http_plan(const struct keel_http_request *req,
		     const struct keel_http_facts *facts,
		     struct keel_http_plan *ret_plan);

/* Writes KEEL_HTTP_DATE_LEN bytes, not terminated. */
void keel__http_date_format(time_t when, char *buf);

/* Any of the three forms of RFC 9110 section 5.6.7. 0 or -EINVAL. */
int keel__http_date_parse(const char *text, size_t len, time_t *ret_when);

/* Writes the tag with its quotes; returns its length. */
size_t keel__http_etag(uint64_t ino, int64_t mtime_s, uint32_t mtime_ns,
		       uint64_t size, char buf[KEEL_HTTP_ETAG_MAX]);

/**
 * struct keel_http_out - a buffer a head is written to
 * @cut: something did not fit; what is there must not be sent
 */
struct keel_http_out {
	char *buf;
	size_t len;
	size_t max;
	bool cut;
};

void keel__http_out_put(struct keel_http_out *out, const void *data,
			size_t len);
void keel__http_out_text(struct keel_http_out *out, const char *text);
void keel__http_out_number(struct keel_http_out *out, uint64_t number);

/* "HTTP/1.1 404 Not Found\r\n", Server and Date (KEEL_HTTP_DATE_LEN bytes). */
void keel__http_out_status(struct keel_http_out *out, unsigned int status,
			   const char *date);

/* "404 Not Found", not terminated; that of 500 for a status keel never uses. */
const char *keel__http_status_text(unsigned int status, size_t *ret_len);

#endif
