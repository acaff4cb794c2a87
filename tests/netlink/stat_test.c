/* SPDX-License-Identifier: MIT */
/* The kernel's counters of TLS: made-up files, and the kernel's. */
#include "ktls/netlink/netlink-private.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tests/support/descriptors.h"
#include "tests/support/offload.h"

/* All that was told, in a line. */
static int note(const char *name, uint64_t value, void *arg)
{
	char *line = arg;
	size_t len = strlen(line);

	snprintf(line + len, 512 - len, "%s=%" PRIu64 ";", name, value);
	return strcmp(name, "Stop") ? 0 : 17;
}

CASE(tls_stat__lines, "Names and values; what is no such line is refused")
{
	static const struct {
		const char *text;
		int result;
		const char *told;
	} rows[] = {
		{"TlsCurrTxSw                     \t12\nTlsTxRekeyOk\t0\n", 0,
		 "TlsCurrTxSw=12;TlsTxRekeyOk=0;"},
		{"A 18446744073709551615\n", 0, "A=18446744073709551615;"},
		{"A 1\nStop 2\nB 3\n", 17, "A=1;Stop=2;"},
		{"A\n", -EBADMSG, ""},
		{"A 1\nB x\n", -EBADMSG, "A=1;"},
		{"A 1 2\n", -EBADMSG, ""},
		{"A 1", -EBADMSG, ""},
		{"\n", -EBADMSG, ""},
		{"A-name-of-much-more-than-sixty-three-bytes-as-no-kernel-has-"
		 "any-of 1\n",
		 -EBADMSG, ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char told[512] = "";
		FILE *file = fmemopen((void *)(uintptr_t)rows[i].text,
				      strlen(rows[i].text), "r");

		ATF_REQUIRE(file);
		CHECK_INT(rows[i].text, rows[i].result,
			  keel__tls_stat_parse(file, note, told));
		ATF_CHECK_STREQ(rows[i].told, told);
		fclose(file);
	}
}

static int count(const char *name, uint64_t value, void *arg)
{
	(void)value;
	ATF_CHECK_MSG(!strncmp(name, "Tls", 3), "%s", name);
	++*(int *)arg;
	return 0;
}

CASE(tls_stat__this_kernel, "The kernel that runs has them if it has TLS")
{
	struct keel_diag diag = {0};
	int before = nr_descriptors();
	bool has_tls = offload_has("ulp", "");
	int nr = 0;
	int r = keel_tls_stat_list(count, &nr, &diag);

	if (has_tls) {
		ATF_CHECK_MSG(!r, "%d: %s", r, diag.text);
		ATF_CHECK_MSG(nr >= 11, "%d counters", nr);
	} else {
		CHECK_INT("without", -ENOENT, r);
		ATF_CHECK_MSG(strstr(diag.text, "not loaded"), "%s", diag.text);
	}
	CHECK_INT("no function", -EINVAL, keel_tls_stat_list(NULL, NULL, NULL));
	CHECK_INT("descriptors", before, nr_descriptors());
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, tls_stat__lines);
	ATF_TP_ADD_TC(tp, tls_stat__this_kernel);
	return atf_no_error();
}
