/* SPDX-License-Identifier: MIT */
/* Secrets: replaced, compared, cleared. */
#include "lib/base/secret-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base-private.h"
#include "tests/support/alloc.h"
#include "tests/support/case.h"
#include "tests/support/check.h"

static unsigned int nr_leaks;
static unsigned int nr_frees;

static void look_for_secret(const unsigned char *data, size_t len)
{
	nr_frees++;
	if (memmem(data, len, "s3cret", 6))
		nr_leaks++;
}

CASE(secret__clear_overwrites, "Clearing leaves no byte, and takes NULL with 0")
{
	unsigned char data[64];
	static const unsigned char zeros[64];

	memset(data, 0xa5, sizeof(data));
	keel__secret_clear(data, sizeof(data));
	CHECK_MEM("cleared", zeros, data, sizeof(data));
	keel__secret_clear(NULL, 0);
}

CASE(secret__is_cleared_before_it_is_freed,
     "Replacing, taking and ending a secret clear its old block first")
{
	struct keel_secret secret = {.data = NULL};
	unsigned char *block = malloc(6);

	ATF_REQUIRE(block);
	memcpy(block, "s3cret", 6);
	alloc_probe.on_free = look_for_secret;
	REQUIRE_INT("set", 0, keel__secret_set(&secret, "s3cret 1", 8));
	REQUIRE_INT("set again", 0, keel__secret_set(&secret, "s3cret 2", 8));
	CHECK_INT("set again", 1, nr_frees);
	CHECK_MEM("set again", "s3cret 2", secret.data, 8);
	keel__secret_take(&secret, block, 6);
	CHECK_INT("take", 2, nr_frees);
	ATF_CHECK(secret.data == block && secret.len == 6);
	keel__secret_fini(&secret);
	CHECK_INT("end", 3, nr_frees);
	CHECK_INT("all", 0, nr_leaks);
	ATF_CHECK(!secret.data && !secret.len);
	alloc_probe.on_free = NULL;
}

CASE(secret__set_takes_a_part_of_itself,
     "A secret can be set to a part of its old content")
{
	struct keel_secret secret = {.data = NULL};

	REQUIRE_INT("set", 0, keel__secret_set(&secret, "abcdef", 6));
	REQUIRE_INT("part", 0, keel__secret_set(&secret, secret.data + 2, 3));
	CHECK_MEM("part", "cde", secret.data, 3);
	REQUIRE_INT("none", 0, keel__secret_set(&secret, NULL, 0));
	ATF_CHECK(!secret.data && !secret.len);
	CHECK_INT("none", 0, alloc_probe.nr_live);
}

CASE(secret__survives_lack_of_memory,
     "Without memory the old secret stays as it was")
{
	struct keel_secret secret = {.data = NULL};

	REQUIRE_INT("set", 0, keel__secret_set(&secret, "old", 3));
	alloc_probe.nr_left = 0;
	CHECK_INT("no memory", -ENOMEM, keel__secret_set(&secret, "new", 3));
	alloc_probe.nr_left = -1;
	CHECK_INT("kept", 3, secret.len);
	CHECK_MEM("kept", "old", secret.data, 3);
	keel__secret_fini(&secret);
}

static const struct {
	const char *a;
	const char *b;
	size_t len;
	int want;
} pairs[] = {
	{"", "", 0, 1},		{"a", "b", 0, 1},	{"abc", "abc", 3, 1},
	{"abc", "abd", 3, 0},	{"abc", "bbc", 3, 0},	{"abc", "abd", 2, 1},
	{"\x80", "\x00", 1, 0}, {"\x01", "\x00", 1, 0},
};

CASE(secret__equal_compares_all_bytes, "Equal means equal in every byte")
{
	for (size_t i = 0; i < KEEL__ARRAY_LEN(pairs); i++)
		ATF_CHECK_MSG(keel__secret_equal(pairs[i].a, pairs[i].b,
						 pairs[i].len) == pairs[i].want,
			      "row %zu", i);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, secret__clear_overwrites);
	ATF_TP_ADD_TC(tp, secret__is_cleared_before_it_is_freed);
	ATF_TP_ADD_TC(tp, secret__set_takes_a_part_of_itself);
	ATF_TP_ADD_TC(tp, secret__survives_lack_of_memory);
	ATF_TP_ADD_TC(tp, secret__equal_compares_all_bytes);
	return atf_no_error();
}
