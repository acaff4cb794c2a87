/* SPDX-License-Identifier: MIT */
/* Why a direction is not in the kernel, in words. */
#include <keel/offload.h>

#include "lib/base/base-private.h"

static const char *const texts[] = {
	[KEEL_REASON_NONE] = "in the kernel, or not decided yet",
	[KEEL_REASON_NOT_BUILT] =
		"this version of keel cannot hand keys to the kernel",
	[KEEL_REASON_POLICY] = "the offload policy is off",
};

const char *keel_reason_text(unsigned int reason)
{
	if (reason >= KEEL__ARRAY_LEN(texts))
		return "?";
	return texts[reason];
}
