/* SPDX-License-Identifier: MIT */
/* Byte strings of vectors. */
#include "tests/support/hex.h"

#include <stdlib.h>
#include <string.h>

static uint8_t digit_value(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;

	if (!at)
		abort();
	return (uint8_t)(at - digits);
}

size_t hex_decode(const char *hex, uint8_t *out, size_t max)
{
	size_t len = strlen(hex) / 2;

	if (len > max || strlen(hex) % 2)
		abort();
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(digit_value(hex[2 * i]) << 4 |
				   digit_value(hex[2 * i + 1]));
	return len;
}
