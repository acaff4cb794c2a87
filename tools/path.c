/* SPDX-License-Identifier: MIT */
/* Paths of URLs: from a request target to a file name and back. */
#include "tools/path-private.h"

#include <string.h>

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The byte at *@i, which moves to its last character; or a refusal. */
static unsigned int decode_one(const char *target, size_t len, size_t *i,
			       unsigned char *ret_byte)
{
	int byte = (unsigned char)target[*i];

	if (byte == '%') {
		int high = *i + 2 < len ? hex_value(target[*i + 1]) : -1;
		int low = *i + 2 < len ? hex_value(target[*i + 2]) : -1;

		if (high < 0 || low < 0)
			return 400;
		byte = high << 4 | low;
		if (byte == '/')
			return 404;
		*i += 2;
	}
	if (byte < 0x20 || byte == 0x7f)
		return 400;
	*ret_byte = (unsigned char)byte;
	return 0;
}

/* "." and ".." mean nothing in a name that the kernel resolves. */
static bool is_dots(const char *segment, size_t len)
{
	return (len == 1 && segment[0] == '.') ||
	       (len == 2 && segment[0] == '.' && segment[1] == '.');
}

static unsigned int decode_name(const char *target, size_t len,
				struct keel_path *path)
{
	char *name = path->name;
	size_t segment = 0;
	size_t out = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char byte;
		unsigned int refused = decode_one(target, len, &i, &byte);

		if (refused)
			return refused;
		/* Slashes in a row are one, and none begins the name. */
		if (byte == '/') {
			if (is_dots(name + segment, out - segment))
				return 400;
			if (out == segment)
				continue;
		}
		if (out + 1 >= sizeof(path->name))
			return 414;
		name[out++] = (char)byte;
		if (byte == '/')
			segment = out;
	}
	if (is_dots(name + segment, out - segment))
		return 400;
	name[out] = '\0';
	path->name_len = out;
	path->is_dir = !out || name[out - 1] == '/';
	return 0;
}

unsigned int keel__path_decode(const char *target, size_t len,
			       struct keel_path *ret_path)
{
	const char *fragment = memchr(target, '#', len);
	const char *query;

	/* RFC 9112 section 3.2 has no fragment; a client's slip is ignored. */
	if (fragment)
		len = (size_t)(fragment - target);
	query = memchr(target, '?', len);
	ret_path->query = query;
	ret_path->query_len = query ? len - (size_t)(query - target) : 0;
	if (query)
		len = (size_t)(query - target);
	for (size_t i = 0; i < ret_path->query_len; i++)
		if ((unsigned char)query[i] <= 0x20 || query[i] == 0x7f)
			return 400;
	return decode_name(target, len, ret_path);
}

unsigned int keel__path_add(struct keel_path *path, const char *name)
{
	size_t len = strlen(name);

	if (path->name_len + len >= sizeof(path->name))
		return 414;
	memcpy(path->name + path->name_len, name, len + 1);
	path->name_len += len;
	return 0;
}

/* pchar of RFC 3986 section 3.3 and '/'; less what HTML would change. */
static bool is_plain(unsigned char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= '0' && byte <= '9') ||
	       (byte && strchr("-._~!$()*+,;=@/", byte));
}

void keel__path_encode(struct keel_http_out *out, const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)name[i];
		char hex[3] = {'%', "0123456789ABCDEF"[byte >> 4],
			       "0123456789ABCDEF"[byte & 15]};

		if (is_plain(byte))
			keel__http_out_put(out, name + i, 1);
		else
			keel__http_out_put(out, hex, sizeof(hex));
	}
}
