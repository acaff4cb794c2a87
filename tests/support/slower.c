/* SPDX-License-Identifier: MIT */
/* How many times longer things may take. */
#include "tests/support/slower.h"

#include <stdlib.h>

#define MAX_SLOWER 100

int slower(void)
{
	const char *text = getenv("KEEL_SLOWER");
	char *end = NULL;
	long n = text ? strtol(text, &end, 10) : 1;

	return (end && *end) || n < 1 || n > MAX_SLOWER ? 1 : (int)n;
}
