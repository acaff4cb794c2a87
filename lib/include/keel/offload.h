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

/**
 * struct keel_feature - one thing that the kernel's TLS can or cannot do here
 * @name: such as "ulp", "rekey", "AES-256-GCM"
 * @use:  of a cipher: "TLSv1.3 tx" or the like; else ""
 * @text: what it is good for, a sentence
 * @err:  0 if it works, else a negative errno
 * @why:  if it does not work, why, and what would change that; else ""
 */
struct keel_feature {
	const char *name;
	const char *use;
	const char *text;
	int err;
	const char *why;
};

/**
 * keel_offload_probe() - what this machine's kernel can do for TLS
 * @fn:  called for each feature, always in the same order; a result other than
 *       0 ends the walk
 * @arg: passed on
 *
 * Each feature is tried on a pair of connected sockets of the loopback
 * interface, the first time that anybody asks in this process; the answers are
 * kept, also when a module is loaded later. No version is compared. The kernel
 * loads its tls module for a process with CAP_NET_ADMIN only, so run
 * "modprobe tls" for others.
 *
 * Units:     none
 * Ownership: what @fn is given is static
 * Threads:   any
 * Blocking:  the first time, for some milliseconds
 * Return:    0, or what @fn returned
 * Errors:    -EINVAL  NULL @fn
 *            other    no pair of sockets could be made: what socket(2), bind(2),
 *                     connect(2) or accept(2) said
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_offload_probe(int (*fn)(const struct keel_feature *feature, void *arg),
		   void *arg);

KEEL_END_DECLS

#endif
