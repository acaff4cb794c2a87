/* SPDX-License-Identifier: MIT */
/* The interface a TLS library is wrapped in: one constant row of slots. */
#ifndef KEEL_BACKEND_H
#define KEEL_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <keel/cipher.h>
#include <keel/error.h>
#include <keel/offload.h>

KEEL_BEGIN_DECLS

/*
 * A backend negotiates handshakes and lends its AEADs and hashes; it touches
 * no descriptor and keeps no connection alive after the handshake. It includes
 * no other header of keel but <keel/cipher.h> and <keel/error.h>. The smallest
 * complete one, made to be copied, is lib/backends/null.
 *
 * Rules for every slot: returns 0 or a positive result, or a negative errno;
 * writes ret_* only on success; clears every copy of key material it made
 * before it returns; may be called on any thread, but on one object by one
 * thread at a time, except that a ctx is used by many handshakes on many
 * threads at once.
 */

/* First member of every row; a row of another number is not called. */
#define KEEL_BACKEND_ABI 1

/* Capability bits; a bit is a promise kept by the tests. */
#define KEEL_CAP_SERVER      (UINT64_C(1) << 0)
#define KEEL_CAP_CLIENT      (UINT64_C(1) << 1)
#define KEEL_CAP_TLS1_2      (UINT64_C(1) << 2)
#define KEEL_CAP_TLS1_3      (UINT64_C(1) << 3)
#define KEEL_CAP_ALPN        (UINT64_C(1) << 4)
#define KEEL_CAP_SNI         (UINT64_C(1) << 5)
#define KEEL_CAP_VERIFY      (UINT64_C(1) << 6) /* chain and host name */
#define KEEL_CAP_SYSTEM_CA   (UINT64_C(1) << 7)
#define KEEL_CAP_RESUME      (UINT64_C(1) << 8) /* tickets, both roles */
#define KEEL_CAP_SELF_SIGNED (UINT64_C(1) << 9)
/* No security at all: for tests. Chosen by its exact name only. */
#define KEEL_CAP_INSECURE    (UINT64_C(1) << 63)

/**
 * enum keel_role - which side of the handshake
 */
enum keel_role {
	KEEL_SERVER = 1,
	KEEL_CLIENT,
};

/**
 * enum keel_verify - what is asked of the peer's certificate
 * @KEEL_VERIFY_NONE:     nothing (default of a server)
 * @KEEL_VERIFY_OPTIONAL: server: ask; refuse a bad one, accept none
 * @KEEL_VERIFY_REQUIRED: refuse none and bad ones (default of a client)
 */
enum keel_verify {
	KEEL_VERIFY_NONE = 0,
	KEEL_VERIFY_OPTIONAL,
	KEEL_VERIFY_REQUIRED,
};

/**
 * struct keel_diag - why a context could not be made
 * @err:  the error
 * @text: one line for people that names the thing and the remedy
 */
struct keel_diag {
	struct keel_err err;
	char text[256];
};

/**
 * struct keel_backend_params - what a context is made of
 * @sz:          size of this struct as the caller knows it
 * @role:        enum keel_role
 * @verify:      enum keel_verify
 * @min_version: lowest version allowed
 * @max_version: highest version allowed
 * @suites:      code points, best first; never empty
 * @nr_suites:   their number
 * @cert_pem:    leaf certificate and chain, PEM; NULL if none
 * @cert_len:    bytes
 * @cert_name:   where it came from, for messages
 * @key_pem:     private key, PEM; NULL if none
 * @key_len:     bytes
 * @key_name:    where it came from, for messages
 * @ca_pem:      trusted certificates, PEM; NULL if none
 * @ca_len:      bytes
 * @ca_name:     where they came from, for messages
 * @system_ca:   trust the system's store
 * @alpn:        protocol list as in RFC 7301 section 3.1: length-prefixed
 *               names, best first, without the outer length; NULL if none
 * @alpn_len:    bytes
 * @nr_tickets:  server: tickets for a client after a full handshake
 * @want_tickets: client: the caller keeps tickets for resumption
 *
 * Everything is borrowed for the time of ctx_new.
 */
struct keel_backend_params {
	size_t sz;
	enum keel_role role;
	enum keel_verify verify;
	uint16_t min_version;
	uint16_t max_version;
	const uint16_t *suites;
	size_t nr_suites;
	const void *cert_pem;
	size_t cert_len;
	const char *cert_name;
	const void *key_pem;
	size_t key_len;
	const char *key_name;
	const void *ca_pem;
	size_t ca_len;
	const char *ca_name;
	const uint8_t *alpn;
	size_t alpn_len;
	unsigned int nr_tickets;
	bool system_ca;
	bool want_tickets;
};

/**
 * struct keel_cert_info - facts about a context's own leaf certificate
 * @sha256:    SHA-256 of its DER form
 * @spki_sha256: SHA-256 of its DER SubjectPublicKeyInfo (RFC 7469 section 2.4)
 * @not_after: end of validity, seconds since the epoch
 */
struct keel_cert_info {
	uint8_t sha256[32];
	uint8_t spki_sha256[32];
	int64_t not_after;
};

/**
 * struct keel_hs_params - what one handshake needs beyond its context
 * @sz:          size of this struct
 * @host:        client: name to send as SNI and to verify; NULL for neither.
 *               An IP address literal is verified but not sent (RFC 6066)
 * @session:     client: a session blob to resume; NULL if none. One that cannot
 *               be used, whatever the reason, counts as none
 * @session_len: bytes
 *
 * Everything is borrowed for the time of hs_new.
 */
struct keel_hs_params {
	size_t sz;
	const char *host;
	const void *session;
	size_t session_len;
};

/* Where a backend puts bytes. Copies; returns 0 or -ENOMEM. */
typedef int (*keel_sink_fn)(void *arg, const void *data, size_t len);

/**
 * struct keel_hs_info - what was negotiated
 * @suite:    the suite's row
 * @alpn:     chosen protocol, not terminated; NULL if none
 * @alpn_len: bytes
 * @sni:      server: name the client sent, terminated; NULL if none
 * @version:  KEEL_TLS1_2 or KEEL_TLS1_3
 * @max_fragment: bytes of plaintext a record may hold in either direction by
 *            RFC 6066 section 4; 0 if nothing was negotiated (2^14)
 * @resumed:  no full handshake was needed
 * @peer_verified: the peer's certificate was verified
 *
 * Pointers live as long as the handshake object.
 */
struct keel_hs_info {
	const struct keel_suite *suite;
	const uint8_t *alpn;
	size_t alpn_len;
	const char *sni;
	uint16_t version;
	uint16_t max_fragment;
	bool resumed;
	bool peer_verified;
};

/**
 * enum keel_export_kind - which key material an export holds
 * @KEEL_EXPORT_TRAFFIC_SECRET: TLS 1.3: [sender]_application_traffic_secret_N
 * @KEEL_EXPORT_MASTER_SECRET:  TLS 1.2: master secret and both randoms
 * @KEEL_EXPORT_KEYS:           key and iv as the record layer uses them
 */
enum keel_export_kind {
	KEEL_EXPORT_TRAFFIC_SECRET = 1,
	KEEL_EXPORT_MASTER_SECRET,
	KEEL_EXPORT_KEYS,
};

/**
 * struct keel_export - one direction's keys as the backend hands them out
 * @kind:          enum keel_export_kind
 * @secret:        traffic secret or master secret
 * @secret_len:    bytes
 * @client_random: TLS 1.2 only
 * @server_random: TLS 1.2 only
 * @key:           KEEL_EXPORT_KEYS only
 * @iv:            KEEL_EXPORT_KEYS only: 12 bytes, or the 4-byte salt of
 *                 TLS 1.2 GCM and CCM
 * @seq:           sequence number of the next record in this direction
 * @explicit_nonce: TLS 1.2 GCM and CCM, TX: a value never used under this key,
 *                 nor any above it; the next record carries it
 *
 * The receiver clears it.
 */
struct keel_export {
	enum keel_export_kind kind;
	uint8_t secret[KEEL_MAX_SECRET_LEN];
	size_t secret_len;
	uint8_t client_random[32];
	uint8_t server_random[32];
	uint8_t key[KEEL_MAX_KEY_LEN];
	uint8_t iv[KEEL_NONCE_LEN];
	uint64_t seq;
	uint64_t explicit_nonce;
};

/* Results of hs_step. */
#define KEEL_HS_WANT_RECORD 0
#define KEEL_HS_DONE 1

/**
 * struct keel_backend - the row
 * @abi:         KEEL_BACKEND_ABI
 * @sz:          sizeof(struct keel_backend) as the backend was built with
 * @name:        short, lower case, unique
 * @description: a few words for people
 * @caps:        capability bits of the build; see @init
 * @priority:    higher is preferred when the user does not choose
 *
 * @build_version: mandatory. Version of the library at build time.
 * @run_version:   mandatory. Version of the library in use.
 * @init:          optional. Called once before the first use and again after a
 *                 failure. On failure writes into @ret_why (of @why_len bytes)
 *                 one line that says what is missing.
 *
 * @ctx_new:       mandatory. Makes a context; on failure fills @ret_diag.
 * @ctx_free:      mandatory. Frees it; no handshake uses it any more.
 * @ctx_cert_info: optional. -ENOENT without a certificate.
 *
 * @hs_new:        mandatory. Starts a handshake.
 * @hs_step:       mandatory. @rec is one whole record with its header, or NULL
 *                 to start a client. Bytes for the peer go to @sink. Returns
 *                 KEEL_HS_WANT_RECORD or KEEL_HS_DONE; on failure a negative
 *                 errno with *@ret_err filled, after the alert record, if one
 *                 is due, went to @sink. May write to the bytes of @rec.
 * @hs_info:       mandatory. After KEEL_HS_DONE.
 * @hs_export:     mandatory. After KEEL_HS_DONE; @dir is KEEL_TX or KEEL_RX.
 * @hs_ticket:     optional. Client, after KEEL_HS_DONE: takes the plaintext of
 *                 a NewSessionTicket message, with its 4-byte header, and
 *                 gives a session blob to @sink, once if at all. -ENOTSUP in
 *                 TLS 1.2.
 * @hs_session:    optional. Client, after KEEL_HS_DONE: gives the session that
 *                 the handshake itself made (TLS 1.2) to @sink, if there is
 *                 one to resume.
 * @hs_issue:      optional. Server, TLS 1.3, after KEEL_HS_DONE: makes the
 *                 tickets that nr_tickets asks for and gives their records,
 *                 protected with our traffic key from the number on that
 *                 hs_export told, to @sink. Returns the number of records.
 *                 Called once at most, and before anything else is sealed with
 *                 that key. A backend without it sends them within hs_step.
 * @hs_free:       mandatory. Frees it and clears its keys.
 *
 * @aead_new:      mandatory. -ENOTSUP for an algorithm it has not. @encrypt
 *                 chooses the only direction the object is used in.
 * @aead_seal:     mandatory. Encrypts the concatenation of @in into @out and
 *                 appends the tag. @in may be one part that begins at @out (in
 *                 place); otherwise no part overlaps @out.
 * @aead_open:     mandatory. Decrypts @len bytes, tag included, to @out, which
 *                 may be @in. -EBADMSG if the tag is wrong.
 * @aead_free:     mandatory. Frees it and clears its key.
 * @hkdf_expand:   mandatory with KEEL_CAP_TLS1_3. RFC 5869 section 2.3.
 * @tls12_prf:     mandatory with KEEL_CAP_TLS1_2. RFC 5246 section 5; @seed
 *                 begins with the label.
 *
 * @self_signed:   optional. Makes a key and a certificate for @host and
 *                 gives the two as PEM, certificate first, to @sink.
 */
struct keel_backend {
	uint32_t abi;
	size_t sz;
	const char *name;
	const char *description;
	uint64_t caps;
	int priority;

	const char *(*build_version)(void);
	const char *(*run_version)(void);
	int (*init)(char *ret_why, size_t why_len);

	int (*ctx_new)(const struct keel_backend_params *params,
		       struct keel_diag *ret_diag, void **ret_ctx);
	void (*ctx_free)(void *ctx);
	int (*ctx_cert_info)(void *ctx, struct keel_cert_info *ret_info);

	int (*hs_new)(void *ctx, const struct keel_hs_params *params,
		      void **ret_hs);
	int (*hs_step)(void *hs, void *rec, size_t len, keel_sink_fn sink,
		       void *arg, struct keel_err *ret_err);
	int (*hs_info)(void *hs, struct keel_hs_info *ret_info);
	int (*hs_export)(void *hs, enum keel_dir dir,
			 struct keel_export *ret_export);
	int (*hs_ticket)(void *hs, const void *msg, size_t len,
			 keel_sink_fn sink, void *arg);
	int (*hs_session)(void *hs, keel_sink_fn sink, void *arg);
	int (*hs_issue)(void *hs, keel_sink_fn sink, void *arg);
	void (*hs_free)(void *hs);

	int (*aead_new)(enum keel_aead aead, const uint8_t *key, bool encrypt,
			void **ret_aead);
	int (*aead_seal)(void *aead, const uint8_t *nonce, const void *aad,
			 size_t aad_len, const struct iovec *in, size_t nr_in,
			 uint8_t *out);
	int (*aead_open)(void *aead, const uint8_t *nonce, const void *aad,
			 size_t aad_len, const uint8_t *in, size_t len,
			 uint8_t *out);
	void (*aead_free)(void *aead);
	int (*hkdf_expand)(enum keel_hash hash, const uint8_t *prk,
			   size_t prk_len, const uint8_t *info,
			   size_t info_len, uint8_t *out, size_t len);
	int (*tls12_prf)(enum keel_hash hash, const uint8_t *secret,
			 size_t secret_len, const uint8_t *seed,
			 size_t seed_len, uint8_t *out, size_t len);

	int (*self_signed)(const char *host, keel_sink_fn sink, void *arg);
};

/*
 * A backend in a file of its own, a module, names its row once with
 *
 *	KEEL_BACKEND_MODULE(my_row);
 *
 * which makes the note that keel reads in the file before it loads it, and the
 * one symbol that it asks for afterwards. The name of the file is
 * keel-NAME.so, with the row's name. Such a file is linked like
 *
 *	cc -shared -fPIC -o keel-NAME.so name.c -lname
 *
 * and may be unloaded when the last reference to it is gone; the libraries it
 * is linked with stay for the life of the process, since these leave behind
 * handlers of exit(3), keys of threads and the like. A module whose own code
 * does that too is linked with -Wl,-z,nodelete.
 */
#define KEEL_BACKEND_NOTE_SECTION ".note.keel"
#define KEEL_BACKEND_NOTE_OWNER   "keel"
#define KEEL_BACKEND_NOTE_TYPE    1
#define KEEL_BACKEND_SYMBOL       "keel_backend_module"

/**
 * struct keel_backend_note - what a module says of itself, an ELF note
 * @owner_len: bytes of @owner, with the end of the string
 * @desc_len:  bytes of what follows @owner
 * @type:      KEEL_BACKEND_NOTE_TYPE
 * @owner:     KEEL_BACKEND_NOTE_OWNER, filled up to a multiple of 4
 * @abi:       KEEL_BACKEND_ABI as the module was built with
 * @row_len:   sizeof(struct keel_backend) as the module was built with
 */
struct keel_backend_note {
	uint32_t owner_len;
	uint32_t desc_len;
	uint32_t type;
	char owner[8];
	uint32_t abi;
	uint32_t row_len;
};

#define KEEL_BACKEND_MODULE(row) \
	__attribute__((section(KEEL_BACKEND_NOTE_SECTION), used, aligned(4))) \
	static const struct keel_backend_note keel_backend_note = { \
		sizeof(KEEL_BACKEND_NOTE_OWNER), 2 * sizeof(uint32_t), \
		KEEL_BACKEND_NOTE_TYPE, KEEL_BACKEND_NOTE_OWNER, \
		KEEL_BACKEND_ABI, sizeof(struct keel_backend) \
	}; \
	extern const struct keel_backend *const keel_backend_module; \
	__attribute__((visibility("default"))) \
	const struct keel_backend *const keel_backend_module = &(row)

KEEL_END_DECLS

#endif
