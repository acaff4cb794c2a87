/* SPDX-License-Identifier: MIT */
/* Requests: the packaged parser, and the rules it leaves to its user. */
#include "tools/http-private.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

/*
 * libhttp-parser is packaged in its lenient build, which lets a space end a
 * field name, any byte stand for the last line feed of a head, and control
 * characters stand in a URL. What RFC 9112 forbids of these is refused here.
 * The same build takes almost anything for the line ends of chunks, and where a
 * request ends must never be a matter of opinion: so chunks are not parsed. A
 * request with a Transfer-Encoding is complete with its head and the last one
 * of its connection; RFC 9112 section 9.3 has a server read a body "or close
 * the connection after sending its response".
 */

static const struct {
	const char *name;
	size_t len;
} field_names[KEEL_HTTP_NR_FIELDS] = {
#define FIELD(id, text) [KEEL_HTTP_FIELD_##id] = {text, sizeof(text) - 1}
	FIELD(HOST, "host"),
	FIELD(RANGE, "range"),
	FIELD(IF_RANGE, "if-range"),
	FIELD(IF_MATCH, "if-match"),
	FIELD(IF_NONE_MATCH, "if-none-match"),
	FIELD(IF_MODIFIED_SINCE, "if-modified-since"),
	FIELD(IF_UNMODIFIED_SINCE, "if-unmodified-since"),
	FIELD(EXPECT, "expect"),
	FIELD(CONTENT_LENGTH, "content-length"),
	FIELD(TRANSFER_ENCODING, "transfer-encoding"),
#undef FIELD
};

static int refuse(struct keel_http_request *req, unsigned int status)
{
	if (!req->status)
		req->status = (uint16_t)status;
	return -1;
}

/*
 * Adds a piece to a span. Pieces of one string follow each other; a gap is a
 * value folded over lines, which RFC 9112 section 5.2 lets a server refuse.
 */
static int span_add(struct keel_http_request *req, struct keel_span *span,
		    const char *at, size_t len, unsigned int too_long)
{
	size_t off = (size_t)(at - req->head);

	if (off + len > KEEL_HTTP_MAX_HEAD)
		return refuse(req, too_long);
	if (!span->len)
		span->off = (uint16_t)off;
	else if (off != (size_t)span->off + span->len)
		return refuse(req, 400);
	span->len = (uint16_t)(span->len + len);
	return 0;
}

static int on_url(http_parser *parser, const char *at, size_t len)
{
	struct keel_http_request *req = parser->data;

	if (span_add(req, &req->url, at, len, 414))
		return -1;
	return req->url.len > KEEL_HTTP_MAX_URL ? refuse(req, 414) : 0;
}

/* RFC 9110 section 7.2: a server answers a bad Host with 400. */
static int host_check(struct keel_http_request *req, const char *value,
		      size_t len)
{
	if (++req->nr_hosts > 1)
		return refuse(req, 400);
	for (size_t i = 0; i < len; i++)
		if (!isgraph((unsigned char)value[i]) ||
		    strchr("\"#/<>?@\\^`{|}", value[i]))
			return refuse(req, 400);
	return 0;
}

/* RFC 9112 section 6.3: a length that is no number is an error in framing. */
static int length_check(struct keel_http_request *req, const char *value,
			size_t len)
{
	if (!len)
		return refuse(req, 400);
	for (size_t i = 0; i < len; i++)
		if (!isdigit((unsigned char)value[i]))
			return refuse(req, 400);
	return 0;
}

/*
 * RFC 9112 section 6.3: 400 where "chunked" is not the last coding, and 501
 * (section 6.1) where there is another before it. It comes once (section 7.1).
 */
static int coding_check(struct keel_http_request *req, const char *value,
			size_t len)
{
	static const char chunked[] = "chunked";
	size_t chunked_len = sizeof(chunked) - 1;
	size_t before;

	if (req->has_coding || len < chunked_len)
		return refuse(req, 400);
	req->has_coding = true;
	before = len - chunked_len;
	if (strncasecmp(value + before, chunked, chunked_len) != 0)
		return refuse(req, 400);
	if (!before)
		return 0;
	return refuse(req, strchr(", \t", value[before - 1]) ? 501 : 400);
}

/* A field of ours: what it means at once, whatever follows. */
static int field_check(struct keel_http_request *req, unsigned int field,
		       const char *value, size_t len)
{
	if (field == KEEL_HTTP_FIELD_HOST)
		return host_check(req, value, len);
	if (field == KEEL_HTTP_FIELD_CONTENT_LENGTH)
		return length_check(req, value, len);
	if (field == KEEL_HTTP_FIELD_TRANSFER_ENCODING)
		return coding_check(req, value, len);
	return 0;
}

static size_t trimmed(const char *text, size_t len)
{
	while (len && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	return len;
}

/* A field is whole: keeps its value if it is one of ours. */
static int field_end(struct keel_http_request *req)
{
	const char *name = req->head + req->name.off;
	const char *value = req->head + req->value.off;

	if (!req->name.len)
		return 0;
	if (memchr(name, ' ', req->name.len))
		return refuse(req, 400);
	/* The parser looks at every character of a value but the first. */
	if (req->value.len && iscntrl((unsigned char)*value) && *value != '\t')
		return refuse(req, 400);
	req->value.len = (uint16_t)trimmed(value, req->value.len);
	for (unsigned int i = 0; i < KEEL_HTTP_NR_FIELDS; i++) {
		if (req->name.len != field_names[i].len ||
		    strncasecmp(name, field_names[i].name, req->name.len) != 0)
			continue;
		if (!req->fields[i].len)
			req->fields[i] = req->value;
		return field_check(req, i, value, req->value.len);
	}
	return 0;
}

static int on_header_field(http_parser *parser, const char *at, size_t len)
{
	struct keel_http_request *req = parser->data;

	if (req->has_value) {
		if (field_end(req))
			return -1;
		req->name = (struct keel_span){0};
		req->value = (struct keel_span){0};
		req->has_value = false;
	}
	return span_add(req, &req->name, at, len, 431);
}

static int on_header_value(http_parser *parser, const char *at, size_t len)
{
	struct keel_http_request *req = parser->data;

	req->has_value = true;
	return span_add(req, &req->value, at, len, 431);
}

static int version_check(struct keel_http_request *req)
{
	const struct http_parser *parser = &req->parser;

	/* A request line without a version is HTTP/0.9: parsed as major 0. */
	if (parser->http_major != 1)
		return refuse(req, 505);
	if (parser->http_minor >= 1 && !req->nr_hosts)
		return refuse(req, 400);
	return 0;
}

static bool is_too_long(const struct http_parser *parser)
{
	return parser->content_length != ULLONG_MAX &&
	       parser->content_length > KEEL_HTTP_MAX_BODY;
}

static int expect_check(struct keel_http_request *req)
{
	struct keel_span span = req->fields[KEEL_HTTP_FIELD_EXPECT];

	/* RFC 9110 section 10.1.1: there is one expectation. */
	if (span.len &&
	    (span.len != strlen("100-continue") ||
	     strncasecmp(req->head + span.off, "100-continue", span.len) != 0))
		return refuse(req, 417);
	return 0;
}

static int on_headers_complete(http_parser *parser)
{
	struct keel_http_request *req = parser->data;

	if (field_end(req) || version_check(req) || expect_check(req))
		return -1;
	if (parser->method != HTTP_GET && parser->method != HTTP_HEAD)
		return refuse(req, 405);
	if (is_too_long(parser))
		return refuse(req, 413);
	req->head_done = true;
	/* Before the head's last byte, which parse_end() looks at. */
	http_parser_pause(parser, 1);
	return 0;
}

static int on_message_complete(http_parser *parser)
{
	struct keel_http_request *req = parser->data;

	req->complete = true;
	/* What follows is the next request: the parser stops right here. */
	http_parser_pause(parser, 1);
	return 0;
}

static const http_parser_settings settings = {
	.on_url = on_url,
	.on_header_field = on_header_field,
	.on_header_value = on_header_value,
	.on_headers_complete = on_headers_complete,
	.on_message_complete = on_message_complete,
};

void keel__http_request_init(struct keel_http_request *req)
{
	memset(req, 0, sizeof(*req));
	http_parser_init(&req->parser, HTTP_REQUEST);
	req->parser.data = req;
}

/*
 * A method the parser does not know is 501 if it could be one (RFC 9110
 * section 9.1), else it is no HTTP.
 */
static unsigned int bad_method_status(const char *head, size_t len)
{
	size_t i = 0;

	while (i < len && (isupper((unsigned char)head[i]) || head[i] == '-'))
		i++;
	return i && i <= 32 && (i == len || head[i] == ' ') ? 501 : 400;
}

static unsigned int parser_status(const struct keel_http_request *req)
{
	switch (HTTP_PARSER_ERRNO(&req->parser)) {
	case HPE_INVALID_METHOD:
		return bad_method_status(req->head, req->head_len);
	case HPE_HEADER_OVERFLOW:
		return req->url.len ? 431 : 414;
	default:
		return 400;
	}
}

/* The parser has stopped at what must be the line feed of the empty line. */
static size_t parse_end(struct keel_http_request *req, const char *data,
			size_t len)
{
	if (*data != '\n') {
		(void)refuse(req, 400);
		return 0;
	}
	if (req->has_coding) {
		req->complete = true;
		return 1;
	}
	http_parser_pause(&req->parser, 0);
	return http_parser_execute(&req->parser, &settings, data, len);
}

static size_t parse(struct keel_http_request *req, const char *data, size_t len)
{
	bool in_body = req->head_done;
	size_t used = http_parser_execute(&req->parser, &settings, data, len);

	if (!in_body && req->head_done)
		used += parse_end(req, data + used, len - used);
	if (HTTP_PARSER_ERRNO(&req->parser) != HPE_OK && !req->complete)
		(void)refuse(req, parser_status(req));
	return used;
}

static void head_check(struct keel_http_request *req, size_t fed)
{
	if (!req->head_done && fed > KEEL_HTTP_MAX_HEAD)
		(void)refuse(req, req->url.len ? 431 : 414);
}

size_t keel__http_request_feed(struct keel_http_request *req, const char *head,
			       const char *data, size_t len)
{
	bool in_body = req->head_done;
	size_t used;

	req->head = head;
	if (!in_body)
		req->head_len = (size_t)(data - head) + len;
	/* The request may lie somewhere else than at the last call. */
	req->parser.data = req;
	used = parse(req, data, len);
	if (req->status)
		return used;
	if (in_body)
		req->body_seen += (uint32_t)used;
	else
		head_check(req, (size_t)(data - head) + used);
	return used;
}

const char *keel__http_request_get(const struct keel_http_request *req,
				   struct keel_span span, size_t *ret_len)
{
	*ret_len = span.len;
	return span.len ? req->head + span.off : NULL;
}

const char *keel__http_request_line(const struct keel_http_request *req,
				    size_t *ret_len)
{
	const char *end = memchr(req->head, '\n', req->head_len);
	size_t len = end ? (size_t)(end - req->head) : req->head_len;

	if (end && len && end[-1] == '\r')
		len--;
	*ret_len = len;
	return req->head;
}

bool keel__http_request_expects(const struct keel_http_request *req)
{
	/* RFC 9110 section 10.1.1: ignored in HTTP/1.0 and without a body. */
	return req->head_done && !req->complete && !req->body_seen &&
	       req->fields[KEEL_HTTP_FIELD_EXPECT].len &&
	       req->parser.http_minor >= 1;
}

bool keel__http_request_keeps(const struct keel_http_request *req)
{
	/* Behind its head are bytes of a body that nobody has read. */
	return !req->status && !req->has_coding &&
	       http_should_keep_alive(&req->parser);
}

int keel__http_request_target(const struct keel_http_request *req,
			      const char **ret_target, size_t *ret_len)
{
	const char *url = req->head + req->url.off;
	struct http_parser_url parts;

	if (req->url.len && url[0] == '/') {
		*ret_target = url;
		*ret_len = req->url.len;
		return 0;
	}
	/* RFC 9112 section 3.2.2: a server takes the absolute form too. */
	http_parser_url_init(&parts);
	if (http_parser_parse_url(url, req->url.len, 0, &parts) ||
	    !(parts.field_set & (1 << UF_HOST)))
		return -1;
	if (!(parts.field_set & (1 << UF_PATH))) {
		*ret_target = "/";
		*ret_len = 1;
		return 0;
	}
	*ret_target = url + parts.field_data[UF_PATH].off;
	*ret_len = req->url.len - parts.field_data[UF_PATH].off;
	return 0;
}
