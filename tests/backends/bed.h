/* SPDX-License-Identifier: MIT */
/* A client and a server of any two backends with all that they need. */
#ifndef TESTS_BACKENDS_BED_H
#define TESTS_BACKENDS_BED_H

#include "tests/support/hs_pair.h"
#include "tests/support/pki.h"

/* A server, a client that verifies it, and what the two need. */
struct bed {
	const struct keel_backend *client;
	const struct keel_backend *server;
	struct pki pki;
	struct pki_pair pair;
	struct keel_backend_params client_params;
	struct keel_backend_params server_params;
	void *client_ctx;
	void *server_ctx;
	struct hs_pair hs;
	const char *host;     /* the client asks for it; PKI_HOST by default */
	const uint8_t *trust; /* sessions are marked with it; NULL: honestly */
};

/*
 * Of the OpenSSL backend, or of two others. The parameters may be changed
 * before the first start.
 */
void bed_init(struct bed *bed, const struct pki_spec *spec);
void bed_init_of(struct bed *bed, const struct pki_spec *spec,
		 const struct keel_backend *client,
		 const struct keel_backend *server);
void bed_set_version(struct bed *bed, uint16_t version);
void bed_fini(struct bed *bed);

/* A context, which must come to be. */
void *bed_ctx_new(const struct keel_backend_params *params);
void *bed_ctx_new_of(const struct keel_backend *be,
		     const struct keel_backend_params *params);

/* Begin a handshake; contexts that are not there are made. As hs_new. */
int bed_start(struct bed *bed, const char *host,
	      const struct hs_bytes *session);

/* A handshake with bed->host that must succeed. */
void bed_run(struct bed *bed, const char *row, const struct hs_bytes *session);

/* The same, without a session to begin with; the session it left. */
void bed_full(struct bed *bed, struct hs_bytes *ret_session, const char *row);

struct keel_hs_info bed_info(struct hs_side *side);

/*
 * Everything that is exported, used by both ends. Tickets go into @ret_session,
 * if it is not NULL; returns their number.
 */
unsigned int bed_cross_check(struct bed *bed, struct hs_bytes *ret_session,
			     const char *row);

#endif
