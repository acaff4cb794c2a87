/* SPDX-License-Identifier: MIT */
/* Why a direction is not in the kernel, in words. */
#include <keel/offload.h>

#include "lib/base/base-private.h"

static const char *const texts[] = {
	[KEEL_REASON_NONE] = "in the kernel, or not decided yet",
	[KEEL_REASON_POLICY] = "the offload policy is off",
	[KEEL_REASON_DRIVER] = "the connection is not driven on a socket that "
			       "the kernel could protect",
	[KEEL_REASON_NO_ULP] = "the kernel's TLS is not loaded or not built "
			       "(\"modprobe tls\" as root)",
	[KEEL_REASON_CIPHER] = "the kernel's TLS does not have this cipher in "
			       "this version and direction",
	[KEEL_REASON_FRAGMENT] = "the peer wants shorter records than the "
				 "kernel makes",
	[KEEL_REASON_NO_REKEY] =
		"the kernel cannot change keys, so a "
		"KeyUpdate of the peer would end the connection",
	[KEEL_REASON_THRESHOLD] = "too few bytes so far for the move to pay",
	[KEEL_REASON_BOUNDARY] = "on its way: input in user space has to be "
				 "used up first",
	[KEEL_REASON_STATE] = "the socket is not connected, or its peer has "
			      "ended already",
	[KEEL_REASON_TAKEN] = "the socket has an upper layer protocol already",
	[KEEL_REASON_SOCKET] = "the socket is not an ordinary TCP socket",
	[KEEL_REASON_ATTACH] = "the kernel's TLS could not be attached to the "
			       "socket",
	[KEEL_REASON_KEYS] = "the kernel refused the keys",
	[KEEL_REASON_PROBE] = "what the kernel can do could not be found out",
	[KEEL_REASON_BACKEND] = "the backend is insecure, and what it calls a "
				"cipher is not the kernel's",
};

const char *keel_reason_text(unsigned int reason)
{
	if (reason >= KEEL__ARRAY_LEN(texts))
		return "?";
	return texts[reason];
}

static const char *const names[] = {
	[KEEL_REASON_NONE] = "none",
	[KEEL_REASON_POLICY] = "policy",
	[KEEL_REASON_DRIVER] = "driver",
	[KEEL_REASON_NO_ULP] = "no-ulp",
	[KEEL_REASON_CIPHER] = "cipher",
	[KEEL_REASON_FRAGMENT] = "fragment",
	[KEEL_REASON_NO_REKEY] = "no-rekey",
	[KEEL_REASON_THRESHOLD] = "threshold",
	[KEEL_REASON_BOUNDARY] = "boundary",
	[KEEL_REASON_STATE] = "state",
	[KEEL_REASON_TAKEN] = "taken",
	[KEEL_REASON_SOCKET] = "socket",
	[KEEL_REASON_ATTACH] = "attach",
	[KEEL_REASON_KEYS] = "keys",
	[KEEL_REASON_PROBE] = "probe",
	[KEEL_REASON_BACKEND] = "backend",
};

_Static_assert(KEEL__ARRAY_LEN(names) == KEEL__ARRAY_LEN(texts),
	       "a reason without a name, or without a sentence");

const char *keel_reason_name(unsigned int reason)
{
	if (reason >= KEEL__ARRAY_LEN(names))
		return "?";
	return names[reason];
}
