/* SPDX-License-Identifier: MIT */
/* A test case in one line: its name, what it shows, then its body. */
#ifndef TESTS_SUPPORT_CASE_H
#define TESTS_SUPPORT_CASE_H

#include <atf-c.h>

#define CASE(name, text) \
	ATF_TC(name); \
	ATF_TC_HEAD(name, tc) \
	{ \
		atf_tc_set_md_var(tc, "descr", "%s", text); \
	} \
	ATF_TC_BODY(name, tc)

#endif
