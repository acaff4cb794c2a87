/* SPDX-License-Identifier: MIT */
/* What the files of the GnuTLS backend share. */
#ifndef KEEL_BACKENDS_GNUTLS_GNUTLS_PRIVATE_H
#define KEEL_BACKENDS_GNUTLS_GNUTLS_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <gnutls/gnutls.h>

#include <keel/backend.h>

/* Protocols a list of ALPN names may hold; more are an error. */
#define KEEL__GTLS_MAX_ALPN 32

#define KEEL__GTLS_HEADER_LEN 5

/* Longest name a client may send, with the end of the string. */
#define KEEL__GTLS_MAX_NAME 256

/* Made once, then read by handshakes on many threads. */
struct keel__gtls_ctx {
	enum keel_role role;
	enum keel_verify verify;
	gnutls_priority_t priority;
	gnutls_certificate_credentials_t cred;
	bool has_cert;
	uint8_t *alpn_data; /* what the names below point into */
	unsigned int nr_alpn;
	gnutls_datum_t alpn[KEEL__GTLS_MAX_ALPN];
};

/* One direction's traffic secret of TLS 1.3. */
struct keel__gtls_secret {
	size_t len; /* 0: not known yet */
	uint8_t data[KEEL_MAX_SECRET_LEN];
};

/*
 * A handshake. The session reads from @in, one record, and writes through
 * @sink; both are set for the time of one call only.
 */
struct keel__gtls_hs {
	gnutls_session_t session;
	const struct keel__gtls_ctx *ctx;
	const uint8_t *in;
	size_t in_len;
	keel_sink_fn sink;
	void *sink_arg;
	int sink_err;
	const struct keel_suite *suite; /* after the end */
	struct keel__gtls_secret tx;
	struct keel__gtls_secret rx;
	unsigned int
		verify_status; /* of GnuTLS; 0: nothing to say against it */
	bool is_verified;
	bool is_done;
	bool is_failed;
	char host[KEEL__GTLS_MAX_NAME]; /* client: to verify; "" if none */
	char sni[KEEL__GTLS_MAX_NAME];	/* server: from the client */
};

/* ctx.c */
int keel__gtls_ctx_new(const struct keel_backend_params *params,
		       struct keel_diag *ret_diag, void **ret_ctx);
void keel__gtls_ctx_free(void *ctx);

/* cert.c */
int keel__gtls_cert_use(struct keel__gtls_ctx *ctx,
			const struct keel_backend_params *params,
			struct keel_diag *diag);
int keel__gtls_trust_use(struct keel__gtls_ctx *ctx,
			 const struct keel_backend_params *params,
			 struct keel_diag *diag);
int keel__gtls_ctx_cert_info(void *ctx, struct keel_cert_info *ret_info);

/* suites.c */
int keel__gtls_suites_set(struct keel__gtls_ctx *ctx,
			  const struct keel_backend_params *params,
			  struct keel_diag *diag);
const struct keel_suite *keel__gtls_suite_of(gnutls_session_t session);

/* verify.c: a function for the session, and what its result means. */
int keel__gtls_verify(gnutls_session_t session);
gnutls_alert_description_t keel__gtls_verify_alert(unsigned int status);
const char *keel__gtls_verify_text(unsigned int status);

/* handshake.c */
int keel__gtls_hs_new(void *ctx, const struct keel_hs_params *params,
		      void **ret_hs);
int keel__gtls_hs_step(void *hs, void *rec, size_t len, keel_sink_fn sink,
		       void *arg, struct keel_err *ret_err);
void keel__gtls_hs_free(void *hs);

/* error.c: says so to the peer, too. */
int keel__gtls_hs_fail(struct keel__gtls_hs *hs, int code,
		       struct keel_err *ret_err);
int keel__gtls_hs_heard(struct keel__gtls_hs *hs, uint8_t alert, long native,
			struct keel_err *ret_err);
int keel__gtls_hs_refuse(struct keel__gtls_hs *hs, int err,
			 gnutls_alert_description_t alert, const char *site,
			 struct keel_err *ret_err);

/* keys.c */
int keel__gtls_on_secret(gnutls_session_t session,
			 gnutls_record_encryption_level_t level,
			 const void *secret_read, const void *secret_write,
			 size_t len);
int keel__gtls_hs_info(void *hs, struct keel_hs_info *ret_info);
int keel__gtls_hs_export(void *hs, enum keel_dir dir,
			 struct keel_export *ret_export);

/* crypto.c */
int keel__gtls_aead_new(enum keel_aead aead, const uint8_t *key, bool encrypt,
			void **ret_aead);
int keel__gtls_aead_seal(void *aead, const uint8_t *nonce, const void *aad,
			 size_t aad_len, const struct iovec *in, size_t nr_in,
			 uint8_t *out);
int keel__gtls_aead_open(void *aead, const uint8_t *nonce, const void *aad,
			 size_t aad_len, const uint8_t *in, size_t len,
			 uint8_t *out);
void keel__gtls_aead_free(void *aead);
int keel__gtls_hkdf_expand(enum keel_hash hash, const uint8_t *prk,
			   size_t prk_len, const uint8_t *info, size_t info_len,
			   uint8_t *out, size_t len);
int keel__gtls_tls12_prf(enum keel_hash hash, const uint8_t *secret,
			 size_t secret_len, const uint8_t *seed,
			 size_t seed_len, uint8_t *out, size_t len);

#endif
