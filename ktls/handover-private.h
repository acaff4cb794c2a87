/* SPDX-License-Identifier: MIT */
/* May a direction move into the kernel, and if not, why not. */
#ifndef KEEL_KTLS_HANDOVER_PRIVATE_H
#define KEEL_KTLS_HANDOVER_PRIVATE_H

#include "ktls/probe-private.h"

/**
 * struct keel__ktls_wish - what is known when a direction may move
 * @suite:        what was negotiated
 * @max_fragment: bytes of plaintext a record may hold, if fewer than 2^14; or 0
 * @dir:          enum keel_dir
 * @policy:       enum keel_offload
 * @is_able:      the driver has a socket and does what is asked of it
 * @is_insecure:  the backend's ciphers are not what they are called
 */
struct keel__ktls_wish {
	const struct keel_suite *suite;
	uint16_t max_fragment;
	uint8_t dir;
	uint8_t policy;
	bool is_able;
	bool is_insecure;
};

/*
 * Go through the table of what must hold. KEEL_REASON_NONE, or the first that
 * does not; @ret_err is then what the kernel said when it was probed, or 0.
 */
enum keel_reason keel__ktls_judge(const struct keel__ktls_facts *facts,
				  const struct keel__ktls_wish *wish,
				  int *ret_err);

/* Could a direction of any connection with one of @suites move? As above. */
enum keel_reason keel__ktls_judge_suites(const struct keel__ktls_facts *facts,
					 const uint16_t *suites, size_t nr,
					 enum keel_dir dir, int *ret_err);

/* Why the kernel refused to attach its TLS, from its errno. */
enum keel_reason keel__ktls_attach_reason(int err);

/* Lay out the option that attaches it: see keel__ktls_attach(). */
void keel__ktls_info_attach(struct keel__ktls_info *ret_info);

/* The kernel takes new keys for a direction that has some. */
static inline bool keel__ktls_can_rekey(const struct keel__ktls_facts *facts)
{
	return !facts->features[KEEL__KTLS_REKEY];
}

#endif
