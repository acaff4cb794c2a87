/* SPDX-License-Identifier: MIT */
/* Who protects the records of a direction, and why. */
#ifndef KEEL_OFFLOAD_H
#define KEEL_OFFLOAD_H

#include <keel/visibility.h>

KEEL_BEGIN_DECLS

/**
 * enum keel_offload - the user's wish
 * @KEEL_OFFLOAD_AUTO:    the kernel where it can, keel elsewhere (default)
 * @KEEL_OFFLOAD_REQUIRE: the kernel, or an error
 * @KEEL_OFFLOAD_OFF:     never the kernel
 */
enum keel_offload {
	KEEL_OFFLOAD_AUTO = 0,
	KEEL_OFFLOAD_REQUIRE,
	KEEL_OFFLOAD_OFF,
};

/**
 * enum keel_engine - who protects the records of a direction
 */
enum keel_engine {
	KEEL_ENGINE_NONE = 0, /* the handshake is not done */
	KEEL_ENGINE_USER,
	KEEL_ENGINE_KERNEL,
};

/**
 * enum keel_reason - why a direction is not in the kernel
 */
enum keel_reason {
	KEEL_REASON_NONE = 0,  /* it is in the kernel, or not decided yet */
	KEEL_REASON_NOT_BUILT, /* this version of keel cannot hand over */
	KEEL_REASON_POLICY,    /* the policy is off */
};

/**
 * keel_reason_text() - a reason as a sentence
 * @reason: an enum keel_reason
 *
 * Units:     none
 * Ownership: a static string
 * Threads:   any
 * Blocking:  never
 * Return:    the sentence, "?" for a value that is none
 * Errors:    none
 * Since:     0.1
 */
KEEL_API const char *keel_reason_text(unsigned int reason);

KEEL_END_DECLS

#endif
