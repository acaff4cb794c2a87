/* SPDX-License-Identifier: MIT */
/* The immutable context behind keel_ctx. */
#ifndef KEEL_CORE_CTX_PRIVATE_H
#define KEEL_CORE_CTX_PRIVATE_H

#include <stdatomic.h>

#include <keel/config.h>

#include "ktls/handover-private.h"

struct keel_ctx {
	atomic_uint nr_refs;
	struct keel_backend_ref *ref;
	const struct keel_backend *be;
	void *be_ctx;
	enum keel_role role;
	enum keel_verify verify;
	uint8_t offload[2]; /* enum keel_offload: TX, RX */
	bool is_insecure;   /* KEEL_CAP_INSECURE, for what the kernel gets */
	uint64_t offload_after; /* bytes */
	/* What the kernel can do; NULL until somebody has to know. */
	const struct keel__ktls_facts *_Atomic facts;
	unsigned int nr_tickets;
	uint64_t record_limit; /* UINT64_MAX: the AEAD's own */
	keel_log_fn log;
	void *log_arg;
	unsigned int log_level;
};

/*
 * What the kernel can do, found out the first time. 0, or why sockets for that
 * could not be made.
 */
int keel__ctx_facts(struct keel_ctx *ctx,
		    const struct keel__ktls_facts **ret_facts);

/* Report an event, if anybody listens at that level. */
void keel__ctx_log(const struct keel_ctx *ctx,
		   const struct keel_log_event *event);

#endif
