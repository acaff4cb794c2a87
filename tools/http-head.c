/* SPDX-License-Identifier: MIT */
/* Response heads, put together from pieces. */
#include "tools/http-private.h"

#include <string.h>

/* Every status keel answers with; a row is a whole status line. */
static const struct {
	unsigned int status;
	const char *line;
} statuses[] = {
	{200, "HTTP/1.1 200 OK\r\n"},
	{206, "HTTP/1.1 206 Partial Content\r\n"},
	{301, "HTTP/1.1 301 Moved Permanently\r\n"},
	{304, "HTTP/1.1 304 Not Modified\r\n"},
	{400, "HTTP/1.1 400 Bad Request\r\n"},
	{403, "HTTP/1.1 403 Forbidden\r\n"},
	{404, "HTTP/1.1 404 Not Found\r\n"},
	{405, "HTTP/1.1 405 Method Not Allowed\r\n"},
	{412, "HTTP/1.1 412 Precondition Failed\r\n"},
	{413, "HTTP/1.1 413 Content Too Large\r\n"},
	{414, "HTTP/1.1 414 URI Too Long\r\n"},
	{416, "HTTP/1.1 416 Range Not Satisfiable\r\n"},
	{417, "HTTP/1.1 417 Expectation Failed\r\n"},
	{431, "HTTP/1.1 431 Request Header Fields Too Large\r\n"},
	{500, "HTTP/1.1 500 Internal Server Error\r\n"},
	{501, "HTTP/1.1 501 Not Implemented\r\n"},
	{503, "HTTP/1.1 503 Service Unavailable\r\n"},
	{505, "HTTP/1.1 505 HTTP Version Not Supported\r\n"},
};

#define NR_STATUSES (sizeof(statuses) / sizeof(statuses[0]))

static const char *status_line(unsigned int status)
{
	for (size_t i = 0; i < NR_STATUSES; i++)
		if (statuses[i].status == status)
			return statuses[i].line;
	return "HTTP/1.1 500 Internal Server Error\r\n";
}

const char *keel__http_status_text(unsigned int status, size_t *ret_len)
{
	const char *line = status_line(status);

	*ret_len = strlen(line) - strlen("HTTP/1.1 \r\n");
	return line + strlen("HTTP/1.1 ");
}

void keel__http_out_put(struct keel_http_out *out, const void *data, size_t len)
{
	if (len > out->max - out->len) {
		out->cut = true;
		return;
	}
	/* Nothing may be a NULL pointer, which memcpy(3) does not take. */
	if (len)
		memcpy(out->buf + out->len, data, len);
	out->len += len;
}

void keel__http_out_text(struct keel_http_out *out, const char *text)
{
	keel__http_out_put(out, text, strlen(text));
}

void keel__http_out_number(struct keel_http_out *out, uint64_t number)
{
	char digits[20];
	size_t i = sizeof(digits);

	do {
		digits[--i] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	keel__http_out_put(out, digits + i, sizeof(digits) - i);
}

void keel__http_out_status(struct keel_http_out *out, unsigned int status,
			   const char *date)
{
	keel__http_out_text(out, status_line(status));
	keel__http_out_text(out, "Server: keel\r\nDate: ");
	keel__http_out_put(out, date, KEEL_HTTP_DATE_LEN);
	keel__http_out_text(out, "\r\n");
}

static char *put_hex(char *to, uint64_t number)
{
	int shift = 60;

	while (shift && !(number >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*to++ = "0123456789abcdef"[number >> shift & 15];
	return to;
}

size_t keel__http_etag(uint64_t ino, int64_t mtime_s, uint32_t mtime_ns,
		       uint64_t size, char buf[KEEL_HTTP_ETAG_MAX])
{
	char *p = buf;

	*p++ = '"';
	p = put_hex(p, ino);
	*p++ = '-';
	p = put_hex(p, (uint64_t)mtime_s);
	*p++ = '.';
	p = put_hex(p, mtime_ns);
	*p++ = '-';
	p = put_hex(p, size);
	*p++ = '"';
	return (size_t)(p - buf);
}
