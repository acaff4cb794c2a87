/* SPDX-License-Identifier: MIT */
/* What to answer with a file: conditions first, then the range. */
#include "tools/http-private.h"

#include <string.h>
#include <strings.h>

struct text {
	const char *at;
	size_t len;
};

static struct text field_get(const struct keel_http_request *req,
			     enum keel_http_field field)
{
	struct text text;

	text.at = keel__http_request_get(req, req->fields[field], &text.len);
	return text;
}

static void skip(struct text *text, size_t len)
{
	text->at += len;
	text->len -= len;
}

static void skip_blanks(struct text *text)
{
	while (text->len && (*text->at == ' ' || *text->at == '\t'))
		skip(text, 1);
}

/*
 * Is @etag in the list (RFC 9110 section 13.1)? Tags of ours are strong: a
 * weak one equals them in the weak comparison only. A list that is none
 * matches nothing from where it goes wrong.
 */
static bool etag_listed(struct text list, const struct keel_http_facts *facts,
			bool weak)
{
	while (list.len) {
		bool is_weak;
		const char *end;
		size_t len;

		skip_blanks(&list);
		if (list.len && *list.at == ',') {
			skip(&list, 1);
			continue;
		}
		is_weak = list.len > 2 && !memcmp(list.at, "W/", 2);
		if (is_weak)
			skip(&list, 2);
		if (list.len < 2 || *list.at != '"')
			return false;
		end = memchr(list.at + 1, '"', list.len - 1);
		if (!end)
			return false;
		len = (size_t)(end - list.at) + 1;
		if ((weak || !is_weak) && len == facts->etag_len &&
		    !memcmp(list.at, facts->etag, len))
			return true;
		skip(&list, len);
	}
	return false;
}

static bool is_any(struct text text)
{
	return text.len == 1 && *text.at == '*';
}

/* A date that is none is as good as no field at all. */
static bool field_date(const struct keel_http_request *req,
		       enum keel_http_field field, time_t *ret_when)
{
	struct text text = field_get(req, field);

	return text.len &&
	       keel__http_date_parse(text.at, text.len, ret_when) == 0;
}

/* RFC 9110 section 13.1.1 and 13.1.4: does the condition hold? */
static bool is_unchanged(const struct keel_http_request *req,
			 const struct keel_http_facts *facts)
{
	struct text match = field_get(req, KEEL_HTTP_FIELD_IF_MATCH);
	time_t when;

	if (match.len)
		return is_any(match) || etag_listed(match, facts, false);
	if (field_date(req, KEEL_HTTP_FIELD_IF_UNMODIFIED_SINCE, &when))
		return facts->mtime_s <= when;
	return true;
}

/* RFC 9110 section 13.1.2 and 13.1.3: has the client this file already? */
static bool is_known(const struct keel_http_request *req,
		     const struct keel_http_facts *facts)
{
	struct text match = field_get(req, KEEL_HTTP_FIELD_IF_NONE_MATCH);
	time_t when;

	if (match.len)
		return is_any(match) || etag_listed(match, facts, true);
	if (field_date(req, KEEL_HTTP_FIELD_IF_MODIFIED_SINCE, &when))
		return facts->mtime_s <= when;
	return false;
}

/* RFC 9110 section 13.1.5: may the range be served, or the whole file? */
static bool range_allowed(const struct keel_http_request *req,
			  const struct keel_http_facts *facts)
{
	struct text text = field_get(req, KEEL_HTTP_FIELD_IF_RANGE);
	time_t when;

	if (!text.len)
		return true;
	if (*text.at == '"')
		return text.len == facts->etag_len &&
		       !memcmp(text.at, facts->etag, text.len);
	return keel__http_date_parse(text.at, text.len, &when) == 0 &&
	       when == facts->mtime_s;
}

/* Digits at the front of @text; a number too large counts as UINT64_MAX. */
static bool take_number(struct text *text, uint64_t *ret_number)
{
	uint64_t number = 0;
	size_t len = 0;

	for (; len < text->len && text->at[len] >= '0' && text->at[len] <= '9';
	     len++) {
		unsigned int digit = (unsigned int)(text->at[len] - '0');

		if (number > (UINT64_MAX - digit) / 10)
			number = UINT64_MAX;
		else
			number = number * 10 + digit;
	}
	skip(text, len);
	*ret_number = number;
	return len > 0;
}

/**
 * struct range - one range as written (RFC 9110 section 14.1.2)
 * @first:    first position, or the length of a suffix
 * @last:     last position, UINT64_MAX if not given
 * @suffix:   "-N": the last N bytes
 */
struct range {
	uint64_t first;
	uint64_t last;
	bool suffix;
};

/* Exactly one range of bytes; everything else is not for us to honour. */
static bool range_parse(struct text text, struct range *ret_range)
{
	struct range range = {.last = UINT64_MAX};

	if (text.len < 6 || strncasecmp(text.at, "bytes=", 6) != 0)
		return false;
	skip(&text, 6);
	skip_blanks(&text);
	range.suffix = text.len && *text.at == '-';
	if (range.suffix) {
		skip(&text, 1);
		if (!take_number(&text, &range.first))
			return false;
	} else {
		if (!take_number(&text, &range.first) || !text.len ||
		    *text.at != '-')
			return false;
		skip(&text, 1);
		if (!take_number(&text, &range.last))
			range.last = UINT64_MAX;
		if (range.last < range.first)
			return false;
	}
	skip_blanks(&text);
	*ret_range = range;
	return text.len == 0;
}

static void plan_range(const struct range *range, uint64_t size,
		       struct keel_http_plan *plan)
{
	uint64_t first = range->first;
	uint64_t last = range->last;

	if (range->suffix) {
		/* "-0" asks for nothing; of an empty file all is nothing. */
		if (range->first && !size)
			return;
		first = range->first > size ? 0 : size - range->first;
		last = UINT64_MAX;
	}
	if (first >= size) {
		plan->status = 416;
		plan->len = 0;
		return;
	}
	if (last >= size)
		last = size - 1;
	plan->status = 206;
	plan->offset = first;
	plan->len = last - first + 1;
}

void keel__http_plan(const struct keel_http_request *req,
		     const struct keel_http_facts *facts,
		     struct keel_http_plan *ret_plan)
{
	struct keel_http_plan plan = {.status = 200, .len = facts->size};
	struct text text = field_get(req, KEEL_HTTP_FIELD_RANGE);
	struct range range;

	if (!is_unchanged(req, facts))
		plan = (struct keel_http_plan){.status = 412};
	else if (is_known(req, facts))
		plan = (struct keel_http_plan){.status = 304};
	else if (text.len && !keel__http_request_is_head(req) &&
		 range_parse(text, &range) && range_allowed(req, facts))
		plan_range(&range, facts->size, &plan);
	*ret_plan = plan;
}
