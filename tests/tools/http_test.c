/* SPDX-License-Identifier: MIT */
/* Requests, dates, and what is answered with a file. */
#include "tools/http-private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/case.h"
#include "tests/support/check.h"

#define NR(array) (sizeof(array) / sizeof((array)[0]))

#define KEEPS true
#define CLOSES false

/* Requests; status 0 means one that is complete and fine. */
static const struct request_row {
	const char *name;
	const char *text;
	unsigned int status;
	bool keeps;
} requests[] = {
	{"plain", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0, KEEPS},
	{"head", "HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n", 0, KEEPS},
	{"line feeds only", "GET / HTTP/1.1\nHost: a\n\n", 0, KEEPS},
	{"empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 0, KEEPS},
	{"host with port", "GET / HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n", 0,
	 KEEPS},
	{"any case", "GET / HTTP/1.1\r\nhOsT: a\r\n\r\n", 0, KEEPS},
	{"close", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 0,
	 CLOSES},
	{"1.0", "GET / HTTP/1.0\r\n\r\n", 0, CLOSES},
	{"1.0 kept", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 0,
	 KEEPS},
	{"1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 0, KEEPS},
	{"absolute", "GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n", 0, KEEPS},
	{"upgrade is ignored",
	 "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
	 "Upgrade: h2c\r\n\r\n",
	 0, KEEPS},
	{"body", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 0,
	 KEEPS},
	/* What is behind such a head is not parsed. */
	{"chunked body",
	 "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 0,
	 CLOSES},
	{"chunked in any case",
	 "GET / HTTP/1.1\r\nHost: a\r\nTRANSFER-encoding: \tChunked \r\n"
	 "\r\n",
	 0, CLOSES},
	{"chunked, line feeds only",
	 "GET / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n", 0, CLOSES},
	{"chunked in 1.0",
	 "GET / HTTP/1.0\r\nConnection: keep-alive\r\n"
	 "Transfer-Encoding: chunked\r\n\r\n",
	 0, CLOSES},
	{"chunked and expected",
	 "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
	 "Transfer-Encoding: chunked\r\n\r\n",
	 0, CLOSES},
	{"expect",
	 "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n"
	 "Content-Length: 1\r\n\r\nx",
	 0, KEEPS},

	{"rubbish", "\x16\x03\x01\x02 / HTTP/1.1\r\n\r\n", 400, CLOSES},
	{"small letters", "get / HTTP/1.1\r\nHost: a\r\n\r\n", 400, CLOSES},
	{"no host", "GET / HTTP/1.1\r\nA: b\r\n\r\n", 400, CLOSES},
	{"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400,
	 CLOSES},
	{"bad host", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, CLOSES},
	{"host with blank", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, CLOSES},
	{"blank before colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400,
	 CLOSES},
	{"blank in name", "GET / HTTP/1.1\r\nHost: a\r\nA b: c\r\n\r\n", 400,
	 CLOSES},
	{"folded", "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n", 400,
	 CLOSES},
	{"no colon", "GET / HTTP/1.1\r\nHost\r\n\r\n", 400, CLOSES},
	{"carriage return alone", "GET / HTTP/1.1\r\nHost: a\r\n\rX", 400,
	 CLOSES},
	{"control character", "GET / HTTP/1.1\r\nHost: a\r\nA: \x01\r\n\r\n",
	 400, CLOSES},
	{"control character inside",
	 "GET / HTTP/1.1\r\nHost: a\r\nA: b\x01\r\n\r\n", 400, CLOSES},
	{"two lengths",
	 "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
	 "Content-Length: 2\r\n\r\n",
	 400, CLOSES},
	{"length and chunks",
	 "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
	 "Transfer-Encoding: chunked\r\n\r\n",
	 400, CLOSES},
	{"negative length",
	 "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400,
	 CLOSES},
	{"huge length",
	 "GET / HTTP/1.1\r\nHost: a\r\n"
	 "Content-Length: 99999999999999999999\r\n\r\n",
	 400, CLOSES},
	{"unknown coding",
	 "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 400,
	 CLOSES},
	{"empty coding",
	 "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n", 400,
	 CLOSES},
	{"coding that ends so",
	 "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n",
	 400, CLOSES},
	{"no chunks at the end",
	 "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
	 400, CLOSES},
	{"chunks twice",
	 "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
	 400, CLOSES},
	{"identity",
	 "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n",
	 400, CLOSES},
	{"coding below the chunks",
	 "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
	 501, CLOSES},
	{"carriage return alone before a body",
	 "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\rhello", 400,
	 CLOSES},
	{"any byte before a body",
	 "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\rXhello", 400,
	 CLOSES},
	{"any byte before chunks",
	 "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\rX", 400,
	 CLOSES},
	{"chunks and length",
	 "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
	 "Content-Length: 1\r\n\r\n",
	 400, CLOSES},
	{"empty length", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
	 400, CLOSES},
	{"signed length",
	 "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx", 400,
	 CLOSES},
	{"list of lengths",
	 "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx", 400,
	 CLOSES},
	{"same length twice",
	 "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
	 "Content-Length: 1\r\n\r\nx",
	 400, CLOSES},
	{"no version", "GET / HTTP\r\n\r\n", 400, CLOSES},
	{"other protocol", "GET / ICE/1.0\r\n\r\n", 400, CLOSES},
	{"post", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
	 405, CLOSES},
	{"options", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 405, CLOSES},
	{"connect", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 405, CLOSES},
	{"delete", "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", 405, CLOSES},
	{"long body",
	 "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n", 413,
	 CLOSES},
	{"other expectation",
	 "GET / HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\n\r\n", 417, CLOSES},
	{"unknown method", "FETCH / HTTP/1.1\r\nHost: a\r\n\r\n", 501, CLOSES},
	{"http/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 501, CLOSES},
	{"0.9", "GET /\r\n\r\n", 505, CLOSES},
	{"2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, CLOSES},
};

static void check_request(const char *name, const struct request_row *row,
			  const struct keel_http_request *req, size_t used)
{
	CHECK_INT(name, row->status, req->status);
	if (row->status)
		return;
	CHECK_INT(name, true, req->complete);
	CHECK_INT(name, strlen(row->text), used);
	CHECK_INT(name, row->keeps, keel__http_request_keeps(req));
}

CASE(request__has_its_status,
     "Each request of the table is complete, or refused with its status")
{
	for (size_t i = 0; i < NR(requests); i++) {
		const struct request_row *row = &requests[i];
		struct keel_http_request req;
		size_t used;

		keel__http_request_init(&req);
		used = keel__http_request_feed(&req, row->text, row->text,
					       strlen(row->text));
		check_request(row->name, row, &req, used);
	}
}

/*
 * Feeds @text in pieces: each time the head lies in fresh memory of just the
 * right size, so that a sanitizer sees a byte read too far, and the request
 * itself has moved too.
 */
static size_t feed_in_steps(struct keel_http_request *req, const char *text,
			    size_t first, size_t step)
{
	struct keel_http_request copy;
	size_t len = strlen(text);
	char *head = NULL;
	size_t used = 0;
	size_t at = 0;

	keel__http_request_init(req);
	while (at < len && !req->status && !req->complete) {
		size_t want = at ? step : first;
		char *moved;
		size_t n;

		copy = *req;
		if (want > len - at)
			want = len - at;
		moved = malloc(at + want);
		ATF_REQUIRE(moved);
		memcpy(moved, text, at + want);
		free(head);
		head = moved;
		n = keel__http_request_feed(&copy, head, head + at, want);
		used = at + n;
		*req = copy;
		memset(&copy, 0xff, sizeof(copy));
		at += want;
	}
	free(head);
	return used;
}

CASE(request__may_arrive_in_pieces,
     "Cut anywhere, or sent byte by byte, a request means the same")
{
	for (size_t i = 0; i < NR(requests); i++) {
		const struct request_row *row = &requests[i];
		struct keel_http_request req;
		char name[80];
		size_t used;

		for (size_t cut = 1; cut < strlen(row->text); cut++) {
			snprintf(name, sizeof(name), "%s cut at %zu", row->name,
				 cut);
			used = feed_in_steps(&req, row->text, cut, SIZE_MAX);
			check_request(name, row, &req, used);
		}
		snprintf(name, sizeof(name), "%s by bytes", row->name);
		used = feed_in_steps(&req, row->text, 1, 1);
		check_request(name, row, &req, used);
	}
}

CASE(request__ends_where_the_next_begins,
     "Of two requests in one buffer only the first is used up")
{
	static const char text[] = "GET /a HTTP/1.1\r\nHost: a\r\n"
				   "Content-Length: 2\r\n\r\nxy"
				   "GET /b HTTP/1.1\r\nHost: a\r\n\r\n";
	struct keel_http_request req;
	const char *target;
	size_t used;
	size_t len;

	keel__http_request_init(&req);
	used = keel__http_request_feed(&req, text, text, strlen(text));
	REQUIRE_INT("first", true, req.complete);
	CHECK_MEM("second", "GET /b", text + used, 6);
	keel__http_request_init(&req);
	(void)keel__http_request_feed(&req, text + used, text + used,
				      strlen(text) - used);
	REQUIRE_INT("second", true, req.complete);
	REQUIRE_INT("second", 0,
		    keel__http_request_target(&req, &target, &len));
	CHECK_INT("second", 2, len);
	CHECK_MEM("second", "/b", target, 2);
}

CASE(request__knows_its_fields,
     "Values are found under any case, without blanks around, first one wins")
{
	static const char text[] = "GET / HTTP/1.1\r\nhost: a\r\n"
				   "RANGE: \t bytes=1-2 \t\r\n"
				   "Range: bytes=3-4\r\nX-Range: no\r\n\r\n";
	struct keel_http_request req;
	const char *value;
	size_t len;

	keel__http_request_init(&req);
	(void)keel__http_request_feed(&req, text, text, strlen(text));
	REQUIRE_INT("whole", true, req.complete);
	value = keel__http_request_get(&req, req.fields[KEEL_HTTP_FIELD_RANGE],
				       &len);
	REQUIRE_INT("range", 9, len);
	CHECK_MEM("range", "bytes=1-2", value, 9);
	ATF_CHECK(!keel__http_request_get(
		&req, req.fields[KEEL_HTTP_FIELD_IF_RANGE], &len));
}

/* The status of a request whose URL and one field have these lengths. */
static unsigned int status_of_length(size_t url_len, size_t field_len,
				     size_t step)
{
	size_t max = url_len + field_len + 100;
	char *text = malloc(max);
	struct keel_http_request req;
	size_t len = 0;

	ATF_REQUIRE(text);
	len += (size_t)snprintf(text, max, "GET /");
	memset(text + len, 'u', url_len - 1);
	len += url_len - 1;
	len += (size_t)snprintf(text + len, max - len,
				" HTTP/1.1\r\nHost: a\r\nF: ");
	memset(text + len, 'f', field_len);
	len += field_len;
	len += (size_t)snprintf(text + len, max - len, "\r\n\r\n");
	(void)feed_in_steps(&req, text, step, step);
	free(text);
	return req.status;
}

CASE(request__has_bounds, "Long URLs get 414, long heads 431, at their bounds")
{
	static const struct {
		const char *name;
		size_t url_len;
		size_t field_len;
		unsigned int status;
	} rows[] = {
		{"longest url", KEEL_HTTP_MAX_URL, 1, 0},
		{"url one too long", KEEL_HTTP_MAX_URL + 1, 1, 414},
		{"url of a megabyte", 1 << 20, 1, 414},
		{"long field", 1, KEEL_HTTP_MAX_HEAD - 100, 0},
		{"field too long", 1, KEEL_HTTP_MAX_HEAD, 431},
		{"field of a megabyte", 1, 1 << 20, 431},
	};
	static const size_t steps[] = {SIZE_MAX, 4096};

	for (size_t i = 0; i < NR(rows); i++)
		for (size_t s = 0; s < NR(steps); s++)
			CHECK_INT(rows[i].name, rows[i].status,
				  status_of_length(rows[i].url_len,
						   rows[i].field_len,
						   steps[s]));
}

CASE(request__bounds_blanks, "A head of blanks is ended")
{
	char text[KEEL_HTTP_MAX_HEAD + 1];
	struct keel_http_request req;
	size_t len;

	len = (size_t)snprintf(text, sizeof(text),
			       "GET / HTTP/1.1\r\nHost: a\r\nF:");
	memset(text + len, ' ', sizeof(text) - len);
	keel__http_request_init(&req);
	(void)keel__http_request_feed(&req, text, text, sizeof(text));
	CHECK_INT("blanks", 431, req.status);
}

CASE(request__leaves_chunks_alone,
     "Nothing behind a head with a Transfer-Encoding is parsed, good or bad")
{
	static const char head[] = "GET / HTTP/1.1\r\nHost: a\r\n"
				   "Transfer-Encoding: chunked\r\n\r\n";
	static const char *const bodies[] = {
		"3\r\nabc\r\n0\r\n\r\n",
		"5;a=\rX\r\nhello\r\n0\r\n\r\n",
		"5\r\nhelloZZ0\r\n\r\n",
		"0\r\n\rX",
		"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n",
	};

	for (size_t i = 0; i < NR(bodies); i++) {
		struct keel_http_request req;
		char text[200];
		size_t used;

		snprintf(text, sizeof(text), "%s%s", head, bodies[i]);
		keel__http_request_init(&req);
		used = keel__http_request_feed(&req, text, text, strlen(text));
		CHECK_INT(bodies[i], 0, req.status);
		CHECK_INT(bodies[i], true, req.complete);
		CHECK_INT(bodies[i], strlen(head), used);
		CHECK_INT(bodies[i], false, keel__http_request_keeps(&req));
		CHECK_INT(bodies[i], false, keel__http_request_expects(&req));
	}
}

CASE(request__expects_a_continue_once,
     "100 (Continue) is due in HTTP/1.1 while the body has not begun")
{
	static const struct {
		const char *name;
		const char *text;
		bool expects;
	} rows[] = {
		{"1.1",
		 "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
		 "Content-Length: 1\r\n\r\n",
		 true},
		{"1.0",
		 "GET / HTTP/1.0\r\nExpect: 100-continue\r\n"
		 "Content-Length: 1\r\n\r\n",
		 false},
		{"no body",
		 "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
		 false},
		{"not asked",
		 "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n",
		 false},
		{"head not done",
		 "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n",
		 false},
	};

	for (size_t i = 0; i < NR(rows); i++) {
		struct keel_http_request req;

		keel__http_request_init(&req);
		(void)keel__http_request_feed(&req, rows[i].text, rows[i].text,
					      strlen(rows[i].text));
		CHECK_INT(rows[i].name, 0, req.status);
		CHECK_INT(rows[i].name, rows[i].expects,
			  keel__http_request_expects(&req));
	}
}

CASE(request__has_a_target, "Origin and absolute form give path and query")
{
	static const struct {
		const char *url;
		const char *target;
	} rows[] = {
		{"/", "/"},
		{"/a?b", "/a?b"},
		{"//a/b", "//a/b"},
		{"http://h/a?b", "/a?b"},
		{"https://h:1/a", "/a"},
		{"http://h", "/"},
		{"*", NULL},
	};

	for (size_t i = 0; i < NR(rows); i++) {
		struct keel_http_request req;
		char text[100];
		const char *target = "";
		size_t len = 0;
		int err;

		snprintf(text, sizeof(text),
			 "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", rows[i].url);
		keel__http_request_init(&req);
		(void)keel__http_request_feed(&req, text, text, strlen(text));
		REQUIRE_INT(rows[i].url, true, req.complete);
		err = keel__http_request_target(&req, &target, &len);
		CHECK_INT(rows[i].url, rows[i].target ? 0 : -1, err);
		if (!rows[i].target)
			continue;
		REQUIRE_INT(rows[i].url, strlen(rows[i].target), len);
		CHECK_MEM(rows[i].url, rows[i].target, target, len);
	}
}

/* The file of the plans: 1000 bytes, changed at WHEN. */
#define ETAG "\"1-2\""
#define WHEN "Sun, 06 Nov 1994 08:49:37 GMT"
#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"
#define AFTER "Sun, 06 Nov 1994 08:49:38 GMT"

static const struct plan_row {
	const char *fields;
	unsigned int status;
	uint64_t offset;
	uint64_t len;
} plans[] = {
	{"", 200, 0, 1000},
	/* RFC 9110 section 13.1.2 */
	{"If-None-Match: " ETAG "\r\n", 304, 0, 0},
	{"If-None-Match: W/" ETAG "\r\n", 304, 0, 0},
	{"If-None-Match: \"x\", " ETAG "\r\n", 304, 0, 0},
	{"If-None-Match: \"a,b\",W/\"c\" ,,\t" ETAG "\r\n", 304, 0, 0},
	{"If-None-Match: *\r\n", 304, 0, 0},
	{"If-None-Match: \"x\"\r\n", 200, 0, 1000},
	{"If-None-Match: 1-2\r\n", 200, 0, 1000},
	{"If-None-Match: \"1-2\r\n", 200, 0, 1000},
	{"If-None-Match: \"x\"\r\nIf-Modified-Since: " AFTER "\r\n", 200, 0,
	 1000},
	/* RFC 9110 section 13.1.3 */
	{"If-Modified-Since: " WHEN "\r\n", 304, 0, 0},
	{"If-Modified-Since: " AFTER "\r\n", 304, 0, 0},
	{"If-Modified-Since: " BEFORE "\r\n", 200, 0, 1000},
	{"If-Modified-Since: yesterday\r\n", 200, 0, 1000},
	{"If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n", 304, 0, 0},
	{"If-Modified-Since: Sun Nov  6 08:49:37 1994\r\n", 304, 0, 0},
	/* RFC 9110 section 13.1.1 and 13.1.4 */
	{"If-Match: " ETAG "\r\n", 200, 0, 1000},
	{"If-Match: *\r\n", 200, 0, 1000},
	{"If-Match: W/" ETAG "\r\n", 412, 0, 0},
	{"If-Match: \"x\"\r\n", 412, 0, 0},
	{"If-Match: \"x\"\r\nIf-None-Match: *\r\n", 412, 0, 0},
	{"If-Unmodified-Since: " WHEN "\r\n", 200, 0, 1000},
	{"If-Unmodified-Since: " BEFORE "\r\n", 412, 0, 0},
	{"If-Match: " ETAG "\r\nIf-Unmodified-Since: " BEFORE "\r\n", 200, 0,
	 1000},
	/* RFC 9110 section 14.1.2 */
	{"Range: bytes=0-0\r\n", 206, 0, 1},
	{"Range: bytes=0-\r\n", 206, 0, 1000},
	{"Range: bytes=1-2\r\n", 206, 1, 2},
	{"Range: bytes=999-\r\n", 206, 999, 1},
	{"Range: bytes=0-999\r\n", 206, 0, 1000},
	{"Range: bytes=0-1000\r\n", 206, 0, 1000},
	{"Range: bytes=0-99999\r\n", 206, 0, 1000},
	{"Range: BYTES=1-2\r\n", 206, 1, 2},
	{"Range: bytes= 1-2\r\n", 206, 1, 2},
	{"Range: bytes=1-99999999999999999999\r\n", 206, 1, 999},
	{"Range: bytes=-1\r\n", 206, 999, 1},
	{"Range: bytes=-1000\r\n", 206, 0, 1000},
	{"Range: bytes=-99999999999999999999\r\n", 206, 0, 1000},
	{"Range: bytes=-0\r\n", 416, 0, 0},
	{"Range: bytes=1000-\r\n", 416, 0, 0},
	{"Range: bytes=1000-2000\r\n", 416, 0, 0},
	{"Range: bytes=99999999999999999999-\r\n", 416, 0, 0},
	{"Range: bytes=2-1\r\n", 200, 0, 1000},
	{"Range: bytes=0-1,3-4\r\n", 200, 0, 1000},
	{"Range: bytes=\r\n", 200, 0, 1000},
	{"Range: bytes=-\r\n", 200, 0, 1000},
	{"Range: bytes=a-b\r\n", 200, 0, 1000},
	{"Range: bytes=1-2x\r\n", 200, 0, 1000},
	{"Range: lines=1-2\r\n", 200, 0, 1000},
	/* RFC 9110 section 13.1.5 */
	{"Range: bytes=1-2\r\nIf-Range: " ETAG "\r\n", 206, 1, 2},
	{"Range: bytes=1-2\r\nIf-Range: W/" ETAG "\r\n", 200, 0, 1000},
	{"Range: bytes=1-2\r\nIf-Range: \"x\"\r\n", 200, 0, 1000},
	{"Range: bytes=1-2\r\nIf-Range: " WHEN "\r\n", 206, 1, 2},
	{"Range: bytes=1-2\r\nIf-Range: " AFTER "\r\n", 200, 0, 1000},
	{"Range: bytes=5000-\r\nIf-Range: \"x\"\r\n", 200, 0, 1000},
	/* Conditions come before ranges (RFC 9110 section 13.2.2). */
	{"Range: bytes=1-2\r\nIf-None-Match: " ETAG "\r\n", 304, 0, 0},
	{"Range: bytes=5000-\r\nIf-None-Match: " ETAG "\r\n", 304, 0, 0},
};

static void plan_request(const char *method, const char *fields, uint64_t size,
			 struct keel_http_plan *ret_plan)
{
	struct keel_http_facts facts = {
		.size = size,
		.mtime_s = 784111777,
		.etag = ETAG,
		.etag_len = strlen(ETAG),
	};
	struct keel_http_request req;
	char text[400];

	snprintf(text, sizeof(text), "%s / HTTP/1.1\r\nHost: a\r\n%s\r\n",
		 method, fields);
	keel__http_request_init(&req);
	(void)keel__http_request_feed(&req, text, text, strlen(text));
	REQUIRE_INT(fields, true, req.complete);
	keel__http_plan(&req, &facts, ret_plan);
}

CASE(plan__follows_rfc_9110,
     "Conditions and ranges of the table give their status and bytes")
{
	for (size_t i = 0; i < NR(plans); i++) {
		struct keel_http_plan plan;

		plan_request("GET", plans[i].fields, 1000, &plan);
		CHECK_INT(plans[i].fields, plans[i].status, plan.status);
		CHECK_INT(plans[i].fields, plans[i].offset, plan.offset);
		CHECK_INT(plans[i].fields, plans[i].len, plan.len);
	}
}

CASE(plan__of_an_empty_file, "Nothing can be a range of an empty file")
{
	struct keel_http_plan plan;

	plan_request("GET", "Range: bytes=0-\r\n", 0, &plan);
	CHECK_INT("from 0", 416, plan.status);
	plan_request("GET", "Range: bytes=-5\r\n", 0, &plan);
	CHECK_INT("suffix", 200, plan.status);
	CHECK_INT("suffix", 0, plan.len);
	plan_request("GET", "", 0, &plan);
	CHECK_INT("whole", 200, plan.status);
}

CASE(plan__ignores_ranges_of_head,
     "RFC 9110 section 14.2: a range is for GET only")
{
	struct keel_http_plan plan;

	plan_request("HEAD", "Range: bytes=1-2\r\n", 1000, &plan);
	CHECK_INT("head", 200, plan.status);
	CHECK_INT("head", 1000, plan.len);
}

CASE(date__is_read_and_written,
     "Dates survive a round trip; others are refused")
{
	static const struct {
		time_t when;
		const char *text;
	} rows[] = {
		{0, "Thu, 01 Jan 1970 00:00:00 GMT"},
		{784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
		{951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
		{4102444799, "Thu, 31 Dec 2099 23:59:59 GMT"},
		{-1, "Wed, 31 Dec 1969 23:59:59 GMT"},
	};
	static const char *const bad[] = {
		"",
		"x",
		"Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994",
		"Sun, 06 Nov 1994 08:49:37 GMT+1",
		"Sun, 99 Nov 1994 08:49:37 GMT",
		"01234567890123456789012345678901234567890123456789012345678901",
	};
	char buf[KEEL_HTTP_DATE_LEN];
	time_t when;

	for (size_t i = 0; i < NR(rows); i++) {
		keel__http_date_format(rows[i].when, buf);
		CHECK_MEM(rows[i].text, rows[i].text, buf, sizeof(buf));
		REQUIRE_INT(rows[i].text, 0,
			    keel__http_date_parse(buf, sizeof(buf), &when));
		CHECK_INT(rows[i].text, rows[i].when, when);
	}
	for (size_t i = 0; i < NR(bad); i++)
		CHECK_INT(bad[i], -EINVAL,
			  keel__http_date_parse(bad[i], strlen(bad[i]), &when));
}

CASE(etag__tells_files_apart, "Each fact changes the tag; the longest fits")
{
	char buf[KEEL_HTTP_ETAG_MAX];
	char other[KEEL_HTTP_ETAG_MAX];
	size_t len = keel__http_etag(0x10, 0x2a, 0xff, 0, buf);

	REQUIRE_INT("short", strlen("\"10-2a.ff-0\""), len);
	CHECK_MEM("short", "\"10-2a.ff-0\"", buf, len);
	len = keel__http_etag(0x10, 0x2a, 0xfe, 0, other);
	ATF_CHECK(memcmp(buf, other, len) != 0);
	len = keel__http_etag(UINT64_MAX, -1, UINT32_MAX, UINT64_MAX, buf);
	ATF_CHECK(len <= sizeof(buf));
}

CASE(out__never_overflows, "What does not fit marks the buffer as cut")
{
	char buf[8];
	struct keel_http_out out = {.buf = buf, .max = sizeof(buf)};

	keel__http_out_number(&out, 1234567);
	CHECK_INT("fits", false, out.cut);
	CHECK_INT("fits", 7, out.len);
	keel__http_out_text(&out, "xy");
	CHECK_INT("does not", true, out.cut);
	CHECK_INT("does not", 7, out.len);
	out = (struct keel_http_out){.buf = buf, .max = sizeof(buf)};
	keel__http_out_number(&out, 0);
	CHECK_MEM("zero", "0", buf, 1);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, request__has_its_status);
	ATF_TP_ADD_TC(tp, request__may_arrive_in_pieces);
	ATF_TP_ADD_TC(tp, request__ends_where_the_next_begins);
	ATF_TP_ADD_TC(tp, request__knows_its_fields);
	ATF_TP_ADD_TC(tp, request__has_bounds);
	ATF_TP_ADD_TC(tp, request__bounds_blanks);
	ATF_TP_ADD_TC(tp, request__leaves_chunks_alone);
	ATF_TP_ADD_TC(tp, request__expects_a_continue_once);
	ATF_TP_ADD_TC(tp, request__has_a_target);
	ATF_TP_ADD_TC(tp, plan__follows_rfc_9110);
	ATF_TP_ADD_TC(tp, plan__of_an_empty_file);
	ATF_TP_ADD_TC(tp, plan__ignores_ranges_of_head);
	ATF_TP_ADD_TC(tp, date__is_read_and_written);
	ATF_TP_ADD_TC(tp, etag__tells_files_apart);
	ATF_TP_ADD_TC(tp, out__never_overflows);
	return atf_no_error();
}
