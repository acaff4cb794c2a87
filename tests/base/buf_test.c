/* SPDX-License-Identifier: MIT */
/* The byte queue: order, bounds, memory. */
#include "lib/base/buf-private.h"

#include <errno.h>
#include <string.h>

#include "lib/base/base-private.h"
#include "tests/support/alloc.h"
#include "tests/support/case.h"
#include "tests/support/check.h"

CASE(buf__is_no_memory_while_empty,
     "An empty queue holds no memory, before and after it was used")
{
	struct keel_buf buf = {.data = NULL};

	REQUIRE_INT("first", 0, keel__buf_append(&buf, "abc", 3, 10));
	REQUIRE_INT("used", 1, alloc_probe.nr_live);
	CHECK_MEM("used", "abc", keel__buf_head(&buf), 3);
	keel__buf_consume(&buf, 2);
	CHECK_MEM("left", "c", keel__buf_head(&buf), 1);
	keel__buf_consume(&buf, 1);
	ATF_CHECK(!buf.data);
	CHECK_INT("empty", 0, alloc_probe.nr_live);
	CHECK_INT("empty", 0, buf.cap);
}

/* Bytes 0, 1, 2 .. in, the same bytes out, for steps of changing lengths. */
CASE(buf__keeps_bytes_in_order,
     "Bytes come out as they went in, through growth and compaction")
{
	struct keel_buf buf = {.data = NULL};
	uint8_t in = 0;
	uint8_t out = 0;
	uint8_t chunk[97];

	for (unsigned int step = 0; step < 4000; step++) {
		size_t len = step * 7 % sizeof(chunk);

		for (size_t i = 0; i < len; i++)
			chunk[i] = (uint8_t)(in + i);
		if (keel__buf_append(&buf, chunk, len, 1000) == 0)
			in = (uint8_t)(in + len);
		ATF_REQUIRE(buf.cap <= 1000 && buf.head + buf.len <= buf.cap);
		len = keel__min_size(step * 5 % 89, buf.len);
		for (size_t i = 0; i < len; i++)
			ATF_REQUIRE_EQ(out++, keel__buf_head(&buf)[i]);
		keel__buf_consume(&buf, len);
	}
	keel__buf_fini(&buf);
}

static const struct {
	const char *row;
	size_t have;
	size_t more;
	size_t max;
	int want;
} bounds[] = {
	{"one byte, no room", 0, 1, 0, -ENOBUFS},
	{"nothing, no room", 0, 0, 0, 0},
	{"up to the bound", 5, 5, 10, 0},
	{"one past the bound", 5, 6, 10, -ENOBUFS},
	{"nothing at the bound", 10, 0, 10, 0},
	{"bound under what is there", 10, 1, 5, -ENOBUFS},
	{"length that wraps", 5, SIZE_MAX - 2, SIZE_MAX, -ENOBUFS},
	{"length over 32 bits", 5, (size_t)UINT32_MAX, SIZE_MAX, -ENOBUFS},
};

CASE(buf__refuses_more_than_its_bound,
     "Appending past the bound gives -ENOBUFS and changes nothing")
{
	static const uint8_t zeros[16];

	for (size_t i = 0; i < KEEL__ARRAY_LEN(bounds); i++) {
		struct keel_buf buf = {.data = NULL};
		size_t after = bounds[i].have;

		REQUIRE_INT(bounds[i].row, 0,
			    keel__buf_append(&buf, zeros, bounds[i].have, 16));
		CHECK_INT(bounds[i].row, bounds[i].want,
			  keel__buf_append(&buf, zeros, bounds[i].more,
					   bounds[i].max));
		if (!bounds[i].want)
			after += bounds[i].more;
		else
			ATF_CHECK_MSG(!keel__buf_reserve(&buf, bounds[i].more,
							 bounds[i].max),
				      "%s: room was given", bounds[i].row);
		CHECK_INT(bounds[i].row, after, buf.len);
		keel__buf_fini(&buf);
	}
}

CASE(buf__counts_what_is_committed,
     "Reserved room counts only as far as it is committed")
{
	struct keel_buf buf = {.data = NULL};
	uint8_t *to = keel__buf_reserve(&buf, 100, 100);

	ATF_REQUIRE(to);
	CHECK_INT("reserved", 0, buf.len);
	memcpy(to, "xyz", 3);
	keel__buf_commit(&buf, 3);
	CHECK_INT("committed", 3, buf.len);
	CHECK_MEM("committed", "xyz", keel__buf_head(&buf), 3);
	ATF_CHECK(!keel__buf_reserve(&buf, 98, 100));
	ATF_CHECK(keel__buf_reserve(&buf, 97, 100));
	ATF_CHECK(keel__buf_reserve(&buf, 0, 100));
	keel__buf_fini(&buf);
	CHECK_INT("gone", 0, alloc_probe.nr_live);
}

CASE(buf__survives_lack_of_memory,
     "Without memory the queue says so and keeps what it has")
{
	struct keel_buf buf = {.data = NULL};
	static const uint8_t zeros[4096];

	alloc_probe.nr_left = 0;
	CHECK_INT("first", -ENOMEM, keel__buf_append(&buf, "a", 1, 10));
	alloc_probe.nr_left = -1;
	REQUIRE_INT("memory", 0, keel__buf_append(&buf, "abc", 3, 8192));
	alloc_probe.nr_left = 0;
	CHECK_INT("growth", -ENOMEM, keel__buf_append(&buf, zeros, 4096, 8192));
	ATF_CHECK(!keel__buf_reserve(&buf, 4096, 8192));
	alloc_probe.nr_left = -1;
	CHECK_INT("kept", 3, buf.len);
	CHECK_MEM("kept", "abc", keel__buf_head(&buf), 3);
	keel__buf_fini(&buf);
}

static unsigned int nr_leaks;
static unsigned int nr_frees;

static void look_for_secret(const unsigned char *data, size_t len)
{
	nr_frees++;
	if (memmem(data, len, "s3cret", 6))
		nr_leaks++;
}

CASE(buf__clears_what_it_leaves_behind,
     "Blocks left by growth, by the last byte and by wipe hold no old bytes")
{
	struct keel_buf buf = {.data = NULL};
	static const uint8_t zeros[200];

	alloc_probe.on_free = look_for_secret;
	REQUIRE_INT("in", 0, keel__buf_append(&buf, "s3cret", 6, 4096));
	REQUIRE_INT("growth", 0, keel__buf_append(&buf, zeros, 200, 4096));
	CHECK_INT("growth", 1, nr_frees);
	keel__buf_consume(&buf, 206);
	CHECK_INT("last byte", 2, nr_frees);

	REQUIRE_INT("in", 0, keel__buf_append(&buf, "s3cret", 6, 4096));
	keel__buf_consume(&buf, 5);
	keel__buf_wipe(&buf);
	CHECK_INT("wipe", 3, nr_frees);
	CHECK_INT("all", 0, nr_leaks);
	ATF_CHECK(!buf.data);
	alloc_probe.on_free = NULL;
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, buf__is_no_memory_while_empty);
	ATF_TP_ADD_TC(tp, buf__keeps_bytes_in_order);
	ATF_TP_ADD_TC(tp, buf__refuses_more_than_its_bound);
	ATF_TP_ADD_TC(tp, buf__counts_what_is_committed);
	ATF_TP_ADD_TC(tp, buf__survives_lack_of_memory);
	ATF_TP_ADD_TC(tp, buf__clears_what_it_leaves_behind);
	return atf_no_error();
}
