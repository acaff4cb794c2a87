/* SPDX-License-Identifier: MIT */
/* Sessions: a client keeps and offers them, a server judges them. */
#include "lib/backends/openssl/openssl-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "lib/base/base-private.h"
#include "lib/base/secret-private.h"

/* RFC 8446 section 4.6.1. */
#define NEW_SESSION_TICKET 4
#define MESSAGE_HEADER_LEN 4

/*
 * OpenSSL has a session worth keeping. One that comes before the end of the
 * handshake is of TLS 1.2 and stays with the SSL object; a later one is a
 * ticket's, kept (1 says so) for hs_ticket() to hand out.
 */
int keel__ossl_on_session(SSL *ssl, SSL_SESSION *session)
{
	struct keel__ossl_hs *hs = BIO_get_data(SSL_get_rbio(ssl));

	if (!hs->is_done)
		return 0;
	SSL_SESSION_free(hs->session);
	hs->session = session;
	return 1;
}

/*
 * Server that verifies: OpenSSL resumes without a second look at the client's
 * certificate and every resumption renews the ticket, so a certificate would
 * hold for ever. One that has expired since leads to a full handshake instead,
 * in which the client may show another. The other answers are OpenSSL's own.
 */
SSL_TICKET_RETURN keel__ossl_on_ticket(SSL *ssl, SSL_SESSION *session,
				       const unsigned char *key_name,
				       size_t key_name_len,
				       SSL_TICKET_STATUS status, void *arg)
{
	X509 *cert;

	(void)ssl;
	(void)key_name;
	(void)key_name_len;
	(void)arg;
	if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	cert = SSL_SESSION_get0_peer(session);
	if (cert && !keel__ossl_cert_is_current(cert))
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE
					    : SSL_TICKET_RETURN_USE_RENEW;
}

/*
 * A session of TLS 1.2 stays with its suite; a server ends the handshake of a
 * client that shows one without offering the other (RFC 5246 section 7.4.1.2).
 */
static bool is_suite_offered(const SSL *ssl, const SSL_SESSION *session)
{
	if (SSL_SESSION_get_protocol_version(session) == TLS1_3_VERSION)
		return true;
	return sk_SSL_CIPHER_find(SSL_get_ciphers(ssl),
				  SSL_SESSION_get0_cipher(session)) >= 0;
}

/* RFC 8446 section 4.6.1: not past the server's certificate either. */
static bool is_usable(const struct keel__ossl_hs *hs, SSL_SESSION *session)
{
	X509 *cert = SSL_SESSION_get0_peer(session);

	if (hs->ctx->verify != KEEL_VERIFY_NONE &&
	    (!cert || !keel__ossl_cert_is_current(cert)))
		return false;
	return SSL_SESSION_is_resumable(session) &&
	       !keel__ossl_session_is_over(session) &&
	       is_suite_offered(hs->ssl, session);
}

/* A blob that is of no use, whatever the reason, means a full handshake. */
void keel__ossl_session_resume(struct keel__ossl_hs *hs, const void *blob,
			       size_t len)
{
	SSL_SESSION *session = keel__ossl_blob_read(blob, len, hs->trust);

	/* A context that keeps no tickets of its own may still show one. */
	if (session && is_usable(hs, session) &&
	    SSL_set_session(hs->ssl, session))
		SSL_clear_options(hs->ssl, SSL_OP_NO_TICKET);
	SSL_SESSION_free(session);
	ERR_clear_error();
}

/* HKDF-Expand-Label without context: RFC 8446 section 7.1. */
static int expand_label(const struct keel_suite *suite, const uint8_t *secret,
			const char *label, uint8_t *out, size_t len)
{
	uint8_t info[32] = {(uint8_t)(len >> 8), (uint8_t)len,
			    (uint8_t)strlen(label)};
	size_t n = 3 + strlen(label);

	memcpy(info + 3, label, strlen(label));
	info[n++] = 0;
	return keel__ossl_hkdf_expand(suite->hash, secret, suite->hash_len,
				      info, n, out, len);
}

/* The key that hs->ssl reads with, made a second time to write with. */
struct echo {
	void *aead;
	uint8_t iv[KEEL_NONCE_LEN];
};

static int echo_init(struct echo *echo, const struct keel__ossl_hs *hs,
		     const struct keel_suite *suite)
{
	uint8_t key[KEEL_MAX_KEY_LEN];
	int r;

	r = expand_label(suite, hs->rx.secret, "tls13 key", key,
			 suite->key_len);
	if (!r)
		r = expand_label(suite, hs->rx.secret, "tls13 iv", echo->iv,
				 sizeof(echo->iv));
	if (!r)
		r = keel__ossl_aead_new(suite->aead, key, true, &echo->aead);
	keel__secret_clear(key, sizeof(key));
	return r;
}

/* RFC 8446 section 5.2. @rec has room for header, data, type and tag. */
static int echo_seal(const struct echo *echo, uint64_t seq, const uint8_t *data,
		     size_t len, uint8_t *rec)
{
	size_t body_len = len + 1 + KEEL_TAG_LEN;
	const uint8_t header[KEEL__OSSL_HEADER_LEN] = {
		SSL3_RT_APPLICATION_DATA, 3, 3, (uint8_t)(body_len >> 8),
		(uint8_t)body_len};
	uint8_t *body = rec + sizeof(header);
	struct iovec in = {.iov_base = body, .iov_len = len + 1};
	uint8_t nonce[KEEL_NONCE_LEN];

	memcpy(rec, header, sizeof(header));
	memcpy(body, data, len);
	body[len] = SSL3_RT_HANDSHAKE;
	memcpy(nonce, echo->iv, sizeof(nonce));
	for (size_t i = 0; i < sizeof(seq); i++)
		nonce[KEEL_NONCE_LEN - 1 - i] ^= (uint8_t)(seq >> 8 * i);
	return keel__ossl_aead_seal(echo->aead, nonce, header, sizeof(header),
				    &in, 1, body);
}

/* Let hs->ssl read one record; it has nothing to say to the peer about it. */
static int shadow_feed(struct keel__ossl_hs *hs, const uint8_t *rec, size_t len)
{
	size_t n;
	char byte;
	int r;

	ERR_clear_error();
	hs->in = rec;
	hs->in_len = len;
	r = SSL_read_ex(hs->ssl, &byte, sizeof(byte), &n);
	r = SSL_get_error(hs->ssl, r) == SSL_ERROR_WANT_READ ? 0 : -EPROTO;
	hs->in = NULL;
	hs->in_len = 0;
	ERR_clear_error();
	return r;
}

/*
 * OpenSSL takes no plaintext NewSessionTicket. So seal it again under the key
 * and the next sequence number that hs->ssl reads with, whose records end here:
 * the network's go to the record engine. Nothing sealed here leaves this
 * process, so no nonce is used twice on the wire.
 */
static int shadow_take(struct keel__ossl_hs *hs, const struct echo *echo,
		       const uint8_t *msg, size_t len)
{
	uint8_t *rec = malloc(KEEL__OSSL_HEADER_LEN + KEEL_MAX_PLAINTEXT + 1 +
			      KEEL_TAG_LEN);
	size_t n;
	int r = 0;

	if (!rec)
		return -ENOMEM;
	for (; len && !r; msg += n, len -= n) {
		n = keel__min_size(len, KEEL_MAX_PLAINTEXT);
		r = echo_seal(echo, hs->rx.nr_records, msg, n, rec);
		if (!r)
			r = shadow_feed(hs, rec,
					KEEL__OSSL_HEADER_LEN + n + 1 +
						KEEL_TAG_LEN);
	}
	free(rec);
	return r;
}

static bool is_ticket(const uint8_t *msg, size_t len)
{
	return len >= MESSAGE_HEADER_LEN && msg[0] == NEW_SESSION_TICKET &&
	       (size_t)(msg[1] << 16 | msg[2] << 8 | msg[3]) ==
		       len - MESSAGE_HEADER_LEN;
}

int keel__ossl_hs_ticket(void *p, const void *msg, size_t len,
			 keel_sink_fn sink, void *arg)
{
	struct keel__ossl_hs *hs = p;
	const struct keel_suite *suite = keel__ossl_hs_suite(hs);
	struct echo echo = {.aead = NULL};
	int r;

	if (!hs->is_done || hs->is_failed || hs->ctx->role != KEEL_CLIENT)
		return -ESTALE;
	if (suite->version != KEEL_TLS1_3)
		return -ENOTSUP;
	if (!is_ticket(msg, len))
		return -EINVAL;
	r = echo_init(&echo, hs, suite);
	if (!r)
		r = shadow_take(hs, &echo, msg, len);
	keel__ossl_aead_free(echo.aead);
	keel__secret_clear(&echo, sizeof(echo));
	hs->is_failed = r < 0;
	if (!r && hs->session)
		r = keel__ossl_blob_give(hs->session, hs->trust, sink, arg);
	SSL_SESSION_free(hs->session);
	hs->session = NULL;
	return r;
}

int keel__ossl_hs_session(void *p, keel_sink_fn sink, void *arg)
{
	struct keel__ossl_hs *hs = p;
	SSL_SESSION *session;

	if (!hs->is_done || hs->ctx->role != KEEL_CLIENT)
		return -ESTALE;
	session = SSL_get_session(hs->ssl);
	if (!session || SSL_version(hs->ssl) == TLS1_3_VERSION ||
	    !SSL_SESSION_is_resumable(session))
		return -ENOENT;
	return keel__ossl_blob_give(session, hs->trust, sink, arg);
}

/*
 * A resumed client still has the tickets it did not use, and gets one for the
 * one it did, as OpenSSL itself does it.
 */
static unsigned int nr_due(const struct keel__ossl_hs *hs)
{
	unsigned int nr = hs->ctx->nr_tickets;

	return nr && SSL_session_reused(hs->ssl) ? 1 : nr;
}

/* OpenSSL's own numbers go on where the handshake stopped, like its keys. */
int keel__ossl_hs_issue(void *p, keel_sink_fn sink, void *arg)
{
	struct keel__ossl_hs *hs = p;
	uint64_t before = hs->tx.nr_records;
	unsigned int nr;
	int ok = 1;

	if (!hs->is_done || hs->ctx->role != KEEL_SERVER)
		return -ESTALE;
	if (SSL_version(hs->ssl) != TLS1_3_VERSION)
		return -ENOTSUP;
	nr = nr_due(hs);
	if (!nr)
		return 0;
	for (unsigned int i = 0; i < nr && ok == 1; i++)
		ok = SSL_new_session_ticket(hs->ssl);
	hs->sink = sink;
	hs->sink_arg = arg;
	if (ok == 1)
		ok = SSL_do_handshake(hs->ssl);
	hs->sink = NULL;
	hs->sink_arg = NULL;
	ERR_clear_error();
	if (ok != 1 || hs->sink_err)
		return hs->sink_err ? hs->sink_err : -EIO;
	return (int)(hs->tx.nr_records - before);
}
