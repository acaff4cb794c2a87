/* SPDX-License-Identifier: MIT */
/* What the files of the OpenSSL backend share. */
#ifndef KEEL_BACKENDS_OPENSSL_OPENSSL_PRIVATE_H
#define KEEL_BACKENDS_OPENSSL_OPENSSL_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/bio.h>
#include <openssl/core.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <keel/backend.h>

#define KEEL__OSSL_NR_AEADS (KEEL_AEAD_AES_256_CCM + 1)
#define KEEL__OSSL_NR_HASHES (KEEL_HASH_SHA384 + 1)

/* Header of a record and the explicit nonce after it: RFC 5246, RFC 5288. */
#define KEEL__OSSL_HEADER_LEN 5
#define KEEL__OSSL_EXPLICIT_LEN 8

/* The longest of any hash that OpenSSL has; a block is SHA3-224's. */
#define KEEL__OSSL_MAX_HASH_LEN EVP_MAX_MD_SIZE
#define KEEL__OSSL_MAX_BLOCK_LEN 144

/* SHA-256 of what a session rests on; see blob.c. */
#define KEEL__OSSL_TRUST_LEN 32

/*
 * How names are compared: RFC 9525 section 6.3. A certificate is for the names
 * in its subjectAltName, the subject's common name being none of them, and a
 * wildcard stands for the whole left-most label.
 */
#define KEEL__OSSL_NAME_FLAGS \
	(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | \
	 X509_CHECK_FLAG_NEVER_CHECK_SUBJECT)

/* Our provider, and its value of the property of that name. */
#define KEEL__OSSL_PROVIDER "keel"

/* A hash; its md is NULL if there is none. */
struct keel__ossl_hash {
	EVP_MD *md;
	size_t len;
	size_t block_len;
	uint8_t of_nothing[KEEL__OSSL_MAX_HASH_LEN];
	/* Of a TLS 1.3 handshake without PSK: the same in each. */
	bool has_early;
	uint8_t early_secret[KEEL__OSSL_MAX_HASH_LEN];
	uint8_t early_derived[KEEL__OSSL_MAX_HASH_LEN];
};

/* Bytes of somebody else. */
struct keel__ossl_bytes {
	const void *data;
	size_t len;
};

/*
 * Everything init() fetched, once: fetching costs more than an HMAC. Written
 * under a lock, read-only as soon as init() has succeeded.
 */
struct keel__ossl_lib {
	BIO_METHOD *bio_method;
	EVP_CIPHER *ciphers[KEEL__OSSL_NR_AEADS]; /* NULL: library lacks it */
	struct keel__ossl_hash hashes[KEEL__OSSL_NR_HASHES];
	OSSL_LIB_CTX *libctx; /* NULL: there is the application's only */
	OSSL_PROVIDER *dflt;  /* of libctx */
	OSSL_PROVIDER *own;
};

extern struct keel__ossl_lib keel__ossl_lib;
extern const struct keel_backend keel__backend_openssl;

/* One row: a suite under keel's code point and OpenSSL's name. */
struct keel__ossl_suite {
	uint16_t id;
	uint16_t version;
	const char *name;
};

struct keel__ossl_ctx {
	OSSL_LIB_CTX *libctx; /* NULL: the application's */
	SSL_CTX *ssl_ctx;
	enum keel_role role;
	enum keel_verify verify;
	uint8_t *alpn; /* RFC 7301 list; NULL if none */
	unsigned int alpn_len;
	unsigned int nr_tickets;	     /* server */
	uint8_t trust[KEEL__OSSL_TRUST_LEN]; /* client */
};

/* Keys of one sender and records that passed under the present ones. */
struct keel__ossl_flow {
	uint64_t nr_records;
	size_t secret_len; /* 0 until the traffic secret is known; TLS 1.3 */
	uint8_t secret[KEEL_MAX_SECRET_LEN];
};

/*
 * A handshake. The SSL object reads from @in, one record, and writes through
 * @sink; both are set for the time of one call only.
 */
struct keel__ossl_hs {
	SSL *ssl;
	const struct keel__ossl_ctx *ctx;
	const uint8_t *in;
	size_t in_len;
	keel_sink_fn sink; /* NULL: bytes written are dropped */
	void *sink_arg;
	int sink_err;
	struct keel__ossl_flow tx;
	struct keel__ossl_flow rx;
	/* Framing of what was written: the start of the last record. */
	size_t out_left;
	uint8_t out_head[KEEL__OSSL_HEADER_LEN + KEEL__OSSL_EXPLICIT_LEN];
	uint8_t nr_out_head;
	uint8_t alert;
	bool has_sent_alert;
	bool is_done;
	bool is_failed;
	/* Client: what a session of this handshake rests on. */
	uint8_t trust[KEEL__OSSL_TRUST_LEN];
	/* A session that arrived in hs_ticket. */
	SSL_SESSION *session;
};

/* bio.c */
BIO_METHOD *keel__ossl_bio_method_new(void);

/* suites.c */
const struct keel__ossl_suite *keel__ossl_suite_find(uint16_t id);
int keel__ossl_suites_set(SSL_CTX *ctx,
			  const struct keel_backend_params *params,
			  struct keel_diag *diag);

/* ctx.c */
int keel__ossl_ctx_new(const struct keel_backend_params *params,
		       struct keel_diag *ret_diag, void **ret_ctx);
void keel__ossl_ctx_free(void *ctx);

/* cert.c */
int keel__ossl_cert_use(struct keel__ossl_ctx *ctx,
			const struct keel_backend_params *params,
			struct keel_diag *diag);
int keel__ossl_ca_use(struct keel__ossl_ctx *ctx,
		      const struct keel_backend_params *params,
		      struct keel_diag *diag);
bool keel__ossl_cert_is_current(const X509 *cert);
int keel__ossl_ctx_cert_info(void *ctx, struct keel_cert_info *ret_info);

/* handshake.c */
int keel__ossl_hs_new(void *ctx, const struct keel_hs_params *params,
		      void **ret_hs);
int keel__ossl_hs_step(void *hs, void *rec, size_t len, keel_sink_fn sink,
		       void *arg, struct keel_err *ret_err);
int keel__ossl_hs_info(void *hs, struct keel_hs_info *ret_info);
void keel__ossl_hs_free(void *hs);
const struct keel_suite *keel__ossl_hs_suite(const struct keel__ossl_hs *hs);

/* keys.c */
/* Whose secrets this thread derives from now on; returns whose until now. */
struct keel__ossl_hs *keel__ossl_secrets_to(struct keel__ossl_hs *hs);
void keel__ossl_on_derived(struct keel__ossl_bytes label, const uint8_t *secret,
			   size_t len);
void keel__ossl_on_keylog(const SSL *ssl, const char *line);
void keel__ossl_on_message(int is_write, int version, int content_type,
			   const void *buf, size_t len, SSL *ssl, void *arg);
int keel__ossl_hs_export(void *hs, enum keel_dir dir,
			 struct keel_export *ret_export);

/* session.c */
int keel__ossl_on_session(SSL *ssl, SSL_SESSION *session);
SSL_TICKET_RETURN keel__ossl_on_ticket(SSL *ssl, SSL_SESSION *session,
				       const unsigned char *key_name,
				       size_t key_name_len,
				       SSL_TICKET_STATUS status, void *arg);
void keel__ossl_session_resume(struct keel__ossl_hs *hs, const void *blob,
			       size_t len);
int keel__ossl_hs_ticket(void *hs, const void *msg, size_t len,
			 keel_sink_fn sink, void *arg);
int keel__ossl_hs_session(void *hs, keel_sink_fn sink, void *arg);
int keel__ossl_hs_issue(void *hs, keel_sink_fn sink, void *arg);

/* blob.c */
int keel__ossl_trust_of_ctx(const struct keel_backend_params *params,
			    uint8_t *ret_trust);
int keel__ossl_trust_of_host(const uint8_t *ctx_trust, const char *host,
			     uint8_t *ret_trust);
int keel__ossl_blob_give(SSL_SESSION *session, const uint8_t *trust,
			 keel_sink_fn sink, void *arg);
SSL_SESSION *keel__ossl_blob_read(const void *blob, size_t len,
				  const uint8_t *trust);
bool keel__ossl_session_is_over(const SSL_SESSION *session);

/* error.c */
int keel__ossl_hs_error(struct keel__ossl_hs *hs, int ssl_error,
			struct keel_err *ret_err);
int keel__ossl_hs_cut(struct keel__ossl_hs *hs, struct keel_err *ret_err);
/* The oldest error OpenSSL queued, in words; clears the queue. */
const char *keel__ossl_error_take(long *ret_native);

/* aead.c */
int keel__ossl_aead_init(struct keel__ossl_lib *lib);
int keel__ossl_aead_new(enum keel_aead aead, const uint8_t *key, bool encrypt,
			void **ret_aead);
int keel__ossl_aead_seal(void *aead, const uint8_t *nonce, const void *aad,
			 size_t aad_len, const struct iovec *in, size_t nr_in,
			 uint8_t *out);
int keel__ossl_aead_open(void *aead, const uint8_t *nonce, const void *aad,
			 size_t aad_len, const uint8_t *in, size_t len,
			 uint8_t *out);
void keel__ossl_aead_free(void *aead);

/* kdf.c */
int keel__ossl_kdf_init(struct keel__ossl_lib *lib);
void keel__ossl_kdf_fini(struct keel__ossl_lib *lib);
/* False if the hash is none that an HMAC can be made of. */
bool keel__ossl_hash_init(struct keel__ossl_hash *hash, EVP_MD *md);
/* HMAC over the parts, of hash->len bytes; false if OpenSSL cannot. */
bool keel__ossl_hmac(const struct keel__ossl_hash *hash,
		     struct keel__ossl_bytes key,
		     const struct keel__ossl_bytes *parts, size_t nr_parts,
		     uint8_t *out);
/* HKDF-Expand; false if it is too long or OpenSSL cannot. */
bool keel__ossl_expand(const struct keel__ossl_hash *hash,
		       struct keel__ossl_bytes prk,
		       struct keel__ossl_bytes info, uint8_t *out, size_t len);
int keel__ossl_hkdf_expand(enum keel_hash hash, const uint8_t *prk,
			   size_t prk_len, const uint8_t *info, size_t info_len,
			   uint8_t *out, size_t len);
int keel__ossl_tls12_prf(enum keel_hash hash, const uint8_t *secret,
			 size_t secret_len, const uint8_t *seed,
			 size_t seed_len, uint8_t *out, size_t len);

/* tls13kdf.c */
void keel__ossl_early_init(struct keel__ossl_hash *hash);
int keel__ossl_provider_init(const OSSL_CORE_HANDLE *handle,
			     const OSSL_DISPATCH *core,
			     const OSSL_DISPATCH **ret_slots, void **ret_ctx);

/* libctx.c */
void keel__ossl_libctx_init(struct keel__ossl_lib *lib);
void keel__ossl_libctx_fini(struct keel__ossl_lib *lib);
/* The one to make a context in now; NULL means the application's. */
OSSL_LIB_CTX *keel__ossl_libctx_get(void);

/* selfsigned.c */
int keel__ossl_self_signed(const char *host, keel_sink_fn sink, void *arg);

#endif
