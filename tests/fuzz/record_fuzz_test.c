/* SPDX-License-Identifier: MIT */
/* The fuzz target of records, for a bounded time and the same every time. */
#include <atf-c.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"
#include "tests/support/case.h"

static const char *corpus(void)
{
	static char path[4096];
	const char *srcdir = getenv("KEEL_SRCDIR");

	ATF_REQUIRE_MSG(srcdir, "KEEL_SRCDIR is not set: run make check");
	snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/record", srcdir);
	return path;
}

CASE(record_fuzz__corpus, "Every kept input")
{
	int nr = fuzz_run_files(corpus());

	ATF_CHECK_MSG(nr >= 20, "ran %d", nr);
}

CASE(record_fuzz__mutants, "Kept inputs with changes chosen by a fixed seed")
{
	ATF_CHECK_EQ(200000, fuzz_run_mutants(corpus(), 1, 200000));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, record_fuzz__corpus);
	ATF_TP_ADD_TC(tp, record_fuzz__mutants);
	return atf_no_error();
}
