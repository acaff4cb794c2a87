/* SPDX-License-Identifier: MIT */
/* Two handshake objects that talk through memory, record by record. */
#ifndef TESTS_SUPPORT_HS_PAIR_H
#define TESTS_SUPPORT_HS_PAIR_H

#include <keel/backend.h>

#include "tests/support/pki.h"

/*
 * Parameters of a context that speaks everything: every suite of keel, TLS 1.2
 * and 1.3, two tickets. @pair and @ca_pem may be NULL; a client verifies if
 * there is a @ca_pem. Borrows both.
 */
struct keel_backend_params
hs_params(enum keel_role role, const struct pki_pair *pair, const char *ca_pem);

/* A growing run of bytes; all zero means: empty. */
struct hs_bytes {
	uint8_t *data;
	size_t len;
};

/* A keel_sink_fn; @arg is a struct hs_bytes. */
int hs_bytes_sink(void *arg, const void *data, size_t len);
void hs_bytes_drop(struct hs_bytes *bytes, size_t len);
void hs_bytes_fini(struct hs_bytes *bytes);

/* Length of the first record, 0 if it is not all there. */
size_t hs_bytes_record(const struct hs_bytes *bytes);

/* One end. */
struct hs_side {
	const struct keel_backend *be;
	void *hs;
	struct hs_bytes in;   /* from the peer, not yet taken */
	struct hs_bytes sent; /* all that went to the peer */
	int result;	      /* of the last step */
	struct keel_err err;
	unsigned int nr_sinks; /* times this side gave bytes */
	int nr_issued;	       /* records of tickets */
};

struct hs_pair {
	struct hs_side client;
	struct hs_side server;
};

/* Start both ends; 0, or what hs_new returned. Contexts are borrowed. */
int hs_pair_init(struct hs_pair *pair, const struct keel_backend *be,
		 void *client_ctx, void *server_ctx,
		 const struct keel_hs_params *client_params);
/* The same with two backends. */
int hs_pair_init_of(struct hs_pair *pair, const struct keel_backend *client,
		    void *client_ctx, const struct keel_backend *server,
		    void *server_ctx,
		    const struct keel_hs_params *client_params);
void hs_pair_fini(struct hs_pair *pair);

/*
 * One step of @side with @len bytes at @rec (NULL to start); what it gives goes
 * to @peer's input. Returns the result, which @side keeps too.
 */
int hs_side_step(struct hs_side *side, struct hs_side *peer, const void *rec,
		 size_t len);

/* Feed whole records until @side is done, has failed, or wants more. */
void hs_side_pump(struct hs_side *side, struct hs_side *peer);

/*
 * Run both ends till nothing moves: 1 if both are done, else 0. Records after
 * the end of a handshake stay in @in.
 */
int hs_pair_run(struct hs_pair *pair);

#endif
