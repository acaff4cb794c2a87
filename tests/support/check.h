/* SPDX-License-Identifier: MIT */
/* Checks that name the row of a table and show both values. */
#ifndef TESTS_SUPPORT_CHECK_H
#define TESTS_SUPPORT_CHECK_H

#include <atf-c.h>
#include <string.h>

/* Integers of any type that fits a long long. */
#define CHECK_INT(row, expected, actual) \
	do { \
		long long check_e = (long long)(expected); \
		long long check_a = (long long)(actual); \
		ATF_CHECK_MSG(check_e == check_a, "%s: %s is %lld, not %lld", \
			      row, #actual, check_a, check_e); \
	} while (0)

#define CHECK_MEM(row, expected, actual, len) \
	ATF_CHECK_MSG(!memcmp(expected, actual, len), "%s: %s differs", row, \
		      #actual)

#define REQUIRE_INT(row, expected, actual) \
	do { \
		long long check_e = (long long)(expected); \
		long long check_a = (long long)(actual); \
		ATF_REQUIRE_MSG(check_e == check_a, \
				"%s: %s is %lld, not %lld", row, #actual, \
				check_a, check_e); \
	} while (0)

#endif
