/* SPDX-License-Identifier: MIT */
/* The null backend's own types: what its files share. */
#ifndef KEEL_BACKENDS_NULL_PRIVATE_H
#define KEEL_BACKENDS_NULL_PRIVATE_H

#include <keel/backend.h>

#define KEEL__NULL_RANDOM_LEN 32

/* A context: what every handshake shares. It never changes once it is made. */
struct keel__null_ctx {
	enum keel_role role;
	uint16_t min_version;
	uint16_t max_version;
	const struct keel_suite **suites; /* best first */
	size_t nr_suites;
	uint8_t *alpn; /* as in struct keel_backend_params */
	size_t alpn_len;
};

/* Is this a list of length-prefixed names, each of one byte or more? */
bool keel__null_alpn_is_good(const uint8_t *list, size_t len);

/* Framing of RFC 8446 sections 4 and 5.1, and what is in it here. */
#define KEEL__NULL_RECORD_HEADER_LEN 5
#define KEEL__NULL_MESSAGE_HEADER_LEN 4
#define KEEL__NULL_MAX_HOST_LEN 255
#define KEEL__NULL_MAGIC_LEN 8

extern const uint8_t keel__null_magic[KEEL__NULL_MAGIC_LEN];

enum keel__null_record {
	KEEL__NULL_ALERT = 21,
	KEEL__NULL_HANDSHAKE = 22,
};

enum keel__null_message {
	KEEL__NULL_CLIENT_HELLO = 1,
	KEEL__NULL_SERVER_HELLO = 2,
};

enum keel__null_state {
	KEEL__NULL_START, /* a client that has not said hello */
	KEEL__NULL_WAIT,  /* for the peer's hello */
	KEEL__NULL_DONE,
	KEEL__NULL_FAILED,
};

/* A handshake. */
struct keel__null_hs {
	const struct keel__null_ctx *ctx;
	enum keel__null_state state;
	uint64_t transcript; /* of both hellos, up to the finished */
	const struct keel_suite *suite;
	uint8_t client_random[KEEL__NULL_RANDOM_LEN];
	uint8_t server_random[KEEL__NULL_RANDOM_LEN];
	uint8_t alpn[255];
	uint8_t alpn_len;
	/* Client: to send; server: received. */
	char host[KEEL__NULL_MAX_HOST_LEN + 1];
};

/* What one call of hs_step was given, in one piece to pass on. */
struct keel__null_call {
	struct keel__null_hs *hs;
	keel_sink_fn sink;
	void *arg;
	struct keel_err *ret_err;
};

/* wire.c: what a peer sent, a window that never opens past its end. */
struct keel__null_reader {
	const uint8_t *data;
	size_t len;
	bool bad; /* somebody asked for more than there was */
};

/* The next @len bytes; NULL, and bad from then on, if there are not as many. */
const uint8_t *keel__null_read(struct keel__null_reader *r, size_t len);

/* The next @nr bytes as a number, big endian; 0 when bad. */
uint32_t keel__null_read_int(struct keel__null_reader *r, size_t nr);

/* A part that begins with its length in @nr bytes. */
struct keel__null_reader keel__null_read_part(struct keel__null_reader *r,
					      size_t nr);

/* A record being made; what does not fit sets full and is left out. */
struct keel__null_writer {
	uint8_t *data;
	size_t len;
	size_t cap;
	bool full;
};

void keel__null_put(struct keel__null_writer *w, const void *data, size_t len);
void keel__null_put_int(struct keel__null_writer *w, size_t value, size_t nr);
void keel__null_put_part(struct keel__null_writer *w, const void *data,
			 size_t len);

/* The lengths of the record and of its message, when the rest is there. */
void keel__null_put_lengths(struct keel__null_writer *w);

/* hello.c: the two sides. Results as of hs_step. */
int keel__null_client_start(const struct keel__null_call *call,
			    struct keel__null_writer *w);
int keel__null_client_finish(const struct keel__null_call *call,
			     const uint8_t *rec, struct keel__null_reader *r);
int keel__null_server_take(const struct keel__null_call *call,
			   const uint8_t *rec, size_t len,
			   struct keel__null_reader *r,
			   struct keel__null_writer *w);

/* hs.c: ends of a handshake that fails; both return the error. */
int keel__null_give_up(const struct keel__null_call *call, int err,
		       enum keel_err_origin origin, const char *site);
int keel__null_send_alert(const struct keel__null_call *call,
			  enum keel_alert alert, const char *site);

/* hs.c: the slots of a handshake, described in <keel/backend.h>. */
int keel__null_hs_new(void *ctx, const struct keel_hs_params *params,
		      void **ret_hs);
int keel__null_hs_step(void *hs, void *rec, size_t len, keel_sink_fn sink,
		       void *arg, struct keel_err *ret_err);
int keel__null_hs_info(void *hs, struct keel_hs_info *ret_info);
int keel__null_hs_export(void *hs, enum keel_dir dir,
			 struct keel_export *ret_export);
int keel__null_hs_ticket(void *hs, const void *msg, size_t len,
			 keel_sink_fn sink, void *arg);
void keel__null_hs_free(void *hs);

/* toy.c: the slots of the "cryptography". */
int keel__null_aead_new(enum keel_aead aead, const uint8_t *key, bool encrypt,
			void **ret_aead);
int keel__null_aead_seal(void *aead, const uint8_t *nonce, const void *aad,
			 size_t aad_len, const struct iovec *in, size_t nr_in,
			 uint8_t *out);
int keel__null_aead_open(void *aead, const uint8_t *nonce, const void *aad,
			 size_t aad_len, const uint8_t *in, size_t len,
			 uint8_t *out);
void keel__null_aead_free(void *aead);
int keel__null_hkdf_expand(enum keel_hash hash, const uint8_t *prk,
			   size_t prk_len, const uint8_t *info, size_t info_len,
			   uint8_t *out, size_t len);
int keel__null_tls12_prf(enum keel_hash hash, const uint8_t *secret,
			 size_t secret_len, const uint8_t *seed,
			 size_t seed_len, uint8_t *out, size_t len);

/*
 * The toy every value above is made of: stir bytes into a 64-bit state, draw
 * any number of bytes from it.
 */
uint64_t keel__null_stir(uint64_t state, const void *data, size_t len);
void keel__null_draw(uint64_t state, uint8_t *out, size_t len);

#endif
