/* SPDX-License-Identifier: MIT */
/* A library that a module needs. */
#include <keel/visibility.h>

KEEL_API int keel_test_below(void);

int keel_test_below(void)
{
	return 1;
}
