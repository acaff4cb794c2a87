/* SPDX-License-Identifier: MIT */
/* What the kernel's TLS can do here, each by the smallest real act. */
#ifndef KEEL_KTLS_PROBE_PRIVATE_H
#define KEEL_KTLS_PROBE_PRIVATE_H

#include <keel/offload.h>

#include "ktls/keys-private.h"

/* Features that are not a cipher in a version and a direction. */
enum keel__ktls_feature {
	KEEL__KTLS_ULP,
	KEEL__KTLS_UNPRIVILEGED, /* found out first, before others load it */
	KEEL__KTLS_REKEY,
	KEEL__KTLS_POLL,
	KEEL__KTLS_EOR,
	KEEL__KTLS_MAX_PAYLOAD,
	KEEL__KTLS_ZEROCOPY,
	KEEL__KTLS_NO_PAD,
	KEEL__KTLS_NR_FEATURES,
};

/* Sending and receiving, each in two versions. */
#define KEEL__KTLS_NR_USES 4

/**
 * struct keel__ktls_facts - what the kernel can do: 0, or an errno each
 * @features: an entry each enum keel__ktls_feature
 * @ciphers:  for each row of keel__ktls_ciphers: TLS 1.2 sending and receiving,
 *            then TLS 1.3
 */
struct keel__ktls_facts {
	int features[KEEL__KTLS_NR_FEATURES];
	int ciphers[KEEL__KTLS_NR_CIPHERS][KEEL__KTLS_NR_USES];
};

/*
 * Try everything, or with @is_brief only what a connection of ours may ask for:
 * for each algorithm that it lacks the kernel runs modprobe(8), and waits. 0, or
 * what kept sockets from being made; that is no fact about TLS, and nothing is
 * known then.
 */
int keel__ktls_probe(const struct keel__ktls_sys *sys, bool is_brief,
		     struct keel__ktls_facts *ret_facts);

/* Is a fact one that can be: not ARIA in TLS 1.3. */
bool keel__ktls_has_use(size_t cipher, size_t use);

/* Facts in words, as keel_offload_probe() has them. */
int keel__ktls_tell(const struct keel__ktls_facts *facts,
		    int (*fn)(const struct keel_feature *feature, void *arg),
		    void *arg);

/* The kernel's facts, each found once in this process. As keel__ktls_probe(). */
int keel__ktls_facts(bool is_brief, const struct keel__ktls_facts **ret_facts);

#endif
