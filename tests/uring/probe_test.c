/* SPDX-License-Identifier: MIT */
/* What is found out about the kernel's io_uring, and said of it. */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tests/support/descriptors.h"
#include "tests/support/offload.h"
#include "uring/uring-private.h"

/* What was told, and how often. */
struct told {
	int nr;
	int err;
	const char *why;
};

static int note(const struct keel_feature *feature, void *arg)
{
	struct told *told = arg;

	told->nr++;
	told->err = feature->err;
	told->why = feature->why;
	ATF_CHECK_STREQ("ring", feature->name);
	ATF_CHECK_STREQ("", feature->use);
	return 17;
}

CASE(probe__says_why_not, "Each answer of a kernel has its sentence")
{
	static const struct {
		int err;
		const char *why;
	} rows[] = {
		{0, ""},
		{-ENOENT, "needs ulp"},
		{-EINVAL, "sets no options"},
		{-EOPNOTSUPP, "sets no options"},
		{-ENOSYS, "no io_uring"},
		{-EPERM, "io_uring_disabled"},
		{-EACCES, "io_uring_disabled"},
		{-EIO, "error"},
	};

	for (size_t i = 0; i < KEEL__ARRAY_LEN(rows); i++) {
		struct told told = {0};

		CHECK_INT(rows[i].why, 17,
			  keel__ring_tell(rows[i].err, note, &told));
		CHECK_INT(rows[i].why, 1, told.nr);
		CHECK_INT(rows[i].why, rows[i].err, told.err);
		ATF_CHECK_MSG(strstr(told.why, rows[i].why) &&
				      !*told.why == !*rows[i].why,
			      "%d: %s", rows[i].err, told.why);
	}
}

CASE(probe__this_kernel, "The kernel that runs: nothing left open, and what "
			 "has no TLS at all has none through a ring")
{
	struct told told = {0};
	int before = nr_descriptors();

	REQUIRE_INT("probe", 17, keel_loop_probe(note, &told));
	CHECK_INT("told", 1, told.nr);
	CHECK_INT("descriptors", before, nr_descriptors());
	if (!offload_has("ulp", ""))
		ATF_CHECK_MSG(told.err < 0, "it has no TLS: %d", told.err);
	CHECK_INT("no function", -EINVAL, keel_loop_probe(NULL, NULL));
}

CASE(probe__is_tried_on_a_socket, "Keys are set where the kernel can")
{
	struct told told = {0};

	offload_need("ulp", "");
	REQUIRE_INT("probe", 17, keel_loop_probe(note, &told));
	if (told.err == -EOPNOTSUPP)
		atf_tc_skip("ring: %s", told.why);
	ATF_CHECK_MSG(!told.err, "%d: %s", told.err, told.why);
}

CASE(probe__no_descriptors, "Without descriptors nothing is known, at any "
			    "point")
{
	struct told told = {0};
	struct rlimit limit;
	int before = nr_descriptors();
	int first = dup(STDERR_FILENO);

	ATF_REQUIRE(first >= 0);
	close(first);
	ATF_REQUIRE_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	/* Of its two the first, then the second cannot be had. */
	for (int i = 0; i < 2; i++) {
		limit.rlim_cur = (rlim_t)(first + i);
		ATF_REQUIRE_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
		CHECK_INT("probe", -EMFILE, keel_loop_probe(note, &told));
		limit.rlim_cur = limit.rlim_max;
		ATF_REQUIRE_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
		CHECK_INT("descriptors", before, nr_descriptors());
	}
	CHECK_INT("told", 0, told.nr);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, probe__says_why_not);
	ATF_TP_ADD_TC(tp, probe__this_kernel);
	ATF_TP_ADD_TC(tp, probe__is_tried_on_a_socket);
	ATF_TP_ADD_TC(tp, probe__no_descriptors);
	return atf_no_error();
}
