/* SPDX-License-Identifier: MIT */
/* The fuzz target of connections, bounded and the same every time. */
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
	snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/conn", srcdir);
	return path;
}

CASE(conn_fuzz__corpus, "Every kept input")
{
	int nr = fuzz_run_files(corpus());

	ATF_CHECK_MSG(nr >= 10, "ran %d", nr);
}

CASE(conn_fuzz__mutants, "Kept inputs with changes chosen by a fixed seed")
{
	ATF_CHECK_EQ(100000, fuzz_run_mutants(corpus(), 1, 100000));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, conn_fuzz__corpus);
	ATF_TP_ADD_TC(tp, conn_fuzz__mutants);
	return atf_no_error();
}
