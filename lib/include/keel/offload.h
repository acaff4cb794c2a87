/* SPDX-License-Identifier: MIT */
/* Who protects the records of a direction, and why. */
#ifndef KEEL_OFFLOAD_H
#define KEEL_OFFLOAD_H

#include <keel/visibility.h>

KEEL_BEGIN_DECLS

/**
 * enum keel_dir - direction, seen from this side; also a bit mask
 */
enum keel_dir {
	KEEL_TX = 1,
	KEEL_RX = 2,
};

/**
 * enum keel_offload - the user's wish
 * @KEEL_OFFLOAD_AUTO:    the kernel where it can and where that pays, keel
 *                        elsewhere (default)
 * @KEEL_OFFLOAD_REQUIRE: the kernel, and at once, or an error
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
 * @KEEL_REASON_NONE:      it is in the kernel, or not decided yet
 * @KEEL_REASON_POLICY:    the policy is off
 * @KEEL_REASON_DRIVER:    the driver did not say that it has a socket and does
 *                         what the kernel engine asks (struct keel_conn_opts)
 * @KEEL_REASON_NO_ULP:    no TLS in this kernel, or its module is not loaded
 * @KEEL_REASON_CIPHER:    not in this version and direction
 * @KEEL_REASON_FRAGMENT:  a shorter record length was negotiated (RFC 6066
 *                         section 4), which the kernel's sending ignores
 * @KEEL_REASON_NO_REKEY:  receiving in TLS 1.3 where the kernel takes keys once
 * @KEEL_REASON_THRESHOLD: fewer bytes so far than keel_config_set_offload_after()
 *                         wants
 * @KEEL_REASON_BOUNDARY:  decided, and waiting: for a record boundary, or for
 *                         what the application has not taken yet
 * @KEEL_REASON_STATE:     the ULP wants a connected socket (ENOTCONN)
 * @KEEL_REASON_TAKEN:     the socket has an upper layer protocol (EEXIST)
 * @KEEL_REASON_SOCKET:    no TCP socket, or one of MPTCP
 * @KEEL_REASON_ATTACH:    attaching failed otherwise
 * @KEEL_REASON_KEYS:      the kernel refused the keys
 * @KEEL_REASON_PROBE:     keel_offload_probe() failed: no sockets could be made
 * @KEEL_REASON_BACKEND:   the backend is insecure (KEEL_CAP_INSECURE): what it
 *                         calls a cipher is not the kernel's
 */
enum keel_reason {
	KEEL_REASON_NONE = 0,
	KEEL_REASON_POLICY,
	KEEL_REASON_DRIVER,
	KEEL_REASON_NO_ULP,
	KEEL_REASON_CIPHER,
	KEEL_REASON_FRAGMENT,
	KEEL_REASON_NO_REKEY,
	KEEL_REASON_THRESHOLD,
	KEEL_REASON_BOUNDARY,
	KEEL_REASON_STATE,
	KEEL_REASON_TAKEN,
	KEEL_REASON_SOCKET,
	KEEL_REASON_ATTACH,
	KEEL_REASON_KEYS,
	KEEL_REASON_PROBE,
	KEEL_REASON_BACKEND,
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
 * keel_reason_name() - a reason as a word, for counters and machines to read
 * @reason: an enum keel_reason
 *
 * "policy", "no-rekey": that of the enumerator, in small letters.
 *
 * Units:     none
 * Ownership: a static string
 * Threads:   any
 * Blocking:  never
 * Return:    the word, "?" for a value that is none
 * Errors:    none
 * Since:     0.1
 */
KEEL_API const char *keel_reason_name(unsigned int reason);

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
 * "modprobe tls" for others. Whether these have it is "unprivileged": tried
 * before anything else, in a process with CAP_NET_ADMIN on a short-lived thread
 * that gives it up. The module stays until the next boot, so ask before the
 * process has its first connection.
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
