/* SPDX-License-Identifier: MIT */
/* One direction's keys: where they live, how they change, how they end. */
#ifndef KEEL_CORE_TRAFFIC_PRIVATE_H
#define KEEL_CORE_TRAFFIC_PRIVATE_H

#include <keel/backend.h>

/*
 * The only home of traffic keys. All zero means: no keys. The AEAD is made by
 * the first record and may be freed at any time (keel__traffic_trim()), which
 * keeps an idle connection small.
 */
struct keel_traffic {
	const struct keel_suite *suite;
	void *aead;
	uint64_t seq;		 /* of the next record */
	uint64_t explicit_nonce; /* of the next record; TLS 1.2 GCM, CCM, TX */
	uint32_t key_updates;
	uint8_t dir;			     /* enum keel_dir */
	uint8_t secret[KEEL_MAX_SECRET_LEN]; /* TLS 1.3 */
	uint8_t key[KEEL_MAX_KEY_LEN];
	uint8_t iv[KEEL_NONCE_LEN];
};

/*
 * Derive the record keys of one direction from what the backend exported.
 * @role is ours. Returns 0, -EINVAL for an export that does not fit the suite,
 * or what the backend returned; on failure @t is all zero.
 */
int keel__traffic_init(struct keel_traffic *t, const struct keel_backend *be,
		       const struct keel_suite *suite, enum keel_role role,
		       enum keel_dir dir, const struct keel_export *ex);

/*
 * The next generation of keys, RFC 8446 section 7.2; TLS 1.3 only. In two
 * steps, so that what may fail comes before anything has changed: @ret_next is
 * all zero on failure, and keel__traffic_take() clears what it takes. A @next
 * that is not taken is cleared by the caller.
 */
int keel__traffic_next(const struct keel_traffic *t,
		       const struct keel_backend *be,
		       struct keel_traffic *ret_next);
void keel__traffic_take(struct keel_traffic *t, const struct keel_backend *be,
			struct keel_traffic *next);

/* Both in one. */
int keel__traffic_update(struct keel_traffic *t, const struct keel_backend *be);

/* Free the AEAD; it is made again when needed. */
void keel__traffic_trim(struct keel_traffic *t, const struct keel_backend *be);

/* Free the AEAD and clear everything. */
void keel__traffic_clear(struct keel_traffic *t, const struct keel_backend *be);

/*
 * Records that may be protected under one key: RFC 8446 section 5.5 for GCM,
 * RFC 9147 section 4.5.3 for CCM. UINT64_MAX where the sequence number is the
 * only limit.
 */
uint64_t keel__aead_limit(enum keel_aead aead);

#endif
