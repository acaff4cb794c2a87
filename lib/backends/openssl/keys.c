/* SPDX-License-Identifier: MIT */
/* Taking the traffic keys and the exact record counts out of OpenSSL. */
#include "lib/backends/openssl/openssl-private.h"

#include <errno.h>
#include <string.h>

#include "lib/base/base-private.h"
#include "lib/base/secret-private.h"

/* A line is "LABEL client_random secret", the latter two in hex. */
#define CLIENT_LABEL "CLIENT_TRAFFIC_SECRET_0 "
#define SERVER_LABEL "SERVER_TRAFFIC_SECRET_0 "
#define LABEL_LEN (sizeof(CLIENT_LABEL) - 1)
#define RANDOM_HEX_LEN 64

#define TRAFFIC_LABEL_LEN 12

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Bytes decoded; 0 if @hex is not hex of 1 to @size bytes. */
static size_t hex_decode(const char *hex, uint8_t *out, size_t size)
{
	size_t n;
	int hi;
	int lo;

	for (n = 0; n < size && hex[2 * n]; n++) {
		hi = nibble(hex[2 * n]);
		lo = nibble(hex[2 * n + 1]);
		if (hi < 0 || lo < 0)
			return 0;
		out[n] = (uint8_t)(hi << 4 | lo);
	}
	return hex[2 * n] ? 0 : n;
}

static struct keel__ossl_flow *flow_of(struct keel__ossl_hs *hs,
				       bool is_server_write)
{
	bool is_server = hs->ctx->role == KEEL_SERVER;

	return is_server == is_server_write ? &hs->tx : &hs->rx;
}

/* The handshake that this thread is in, if its secrets are wanted. */
static _Thread_local struct keel__ossl_hs *deriving;

struct keel__ossl_hs *keel__ossl_secrets_to(struct keel__ossl_hs *hs)
{
	struct keel__ossl_hs *before = deriving;

	deriving = hs;
	return before;
}

/*
 * The secrets of the two directions, as our KDF derives them: RFC 8446 section
 * 7.1. Counting starts anew, as with a line of the key log.
 */
void keel__ossl_on_derived(struct keel__ossl_bytes label, const uint8_t *secret,
			   size_t len)
{
	struct keel__ossl_flow *flow;

	if (!deriving || label.len != TRAFFIC_LABEL_LEN ||
	    len > sizeof(flow->secret))
		return;
	if (!memcmp(label.data, "s ap traffic", TRAFFIC_LABEL_LEN))
		flow = flow_of(deriving, true);
	else if (!memcmp(label.data, "c ap traffic", TRAFFIC_LABEL_LEN))
		flow = flow_of(deriving, false);
	else
		return;
	memcpy(flow->secret, secret, len);
	flow->secret_len = len;
	flow->nr_records = 0;
}

/*
 * Without our KDF the key log tells the secrets, in hex, with others that are
 * not wanted: OpenSSL 3.0 prints each byte of them with sprintf().
 *
 * OpenSSL calls this where it derives a secret, right before the record layer
 * takes the key made of it, so counting starts anew here. Nobody but keel sees
 * the line: OpenSSL clears it afterwards.
 */
void keel__ossl_on_keylog(const SSL *ssl, const char *line)
{
	struct keel__ossl_hs *hs = BIO_get_data(SSL_get_rbio(ssl));
	bool is_server_write = !strncmp(line, SERVER_LABEL, LABEL_LEN);
	struct keel__ossl_flow *flow;

	if (!is_server_write && strncmp(line, CLIENT_LABEL, LABEL_LEN))
		return;
	if (strlen(line) <= LABEL_LEN + RANDOM_HEX_LEN + 1)
		return;
	flow = flow_of(hs, is_server_write);
	flow->secret_len = hex_decode(line + LABEL_LEN + RANDOM_HEX_LEN + 1,
				      flow->secret, sizeof(flow->secret));
	flow->nr_records = 0;
}

/*
 * Counts headers, not messages: a message may span records and records may be
 * shared. In TLS 1.2 the key changes after the ChangeCipherSpec record (RFC
 * 5246 section 7.1); in TLS 1.3 that record means nothing and comes before the
 * application keys, which start their own count.
 */
void keel__ossl_on_message(int is_write, int version, int content_type,
			   const void *buf, size_t len, SSL *ssl, void *arg)
{
	const uint8_t *bytes = buf;
	struct keel__ossl_hs *hs = arg;
	struct keel__ossl_flow *flow = is_write ? &hs->tx : &hs->rx;

	(void)version;
	(void)ssl;
	if (content_type == SSL3_RT_HEADER && len >= KEEL__OSSL_HEADER_LEN) {
		if (bytes[0] == SSL3_RT_CHANGE_CIPHER_SPEC)
			flow->nr_records = 0;
		else
			flow->nr_records++;
	} else if (content_type == SSL3_RT_ALERT && is_write && len == 2 &&
		   bytes[0] == SSL3_AL_FATAL) {
		hs->has_sent_alert = true;
		hs->alert = bytes[1];
	}
}

static int export_tls13(const struct keel__ossl_flow *flow, size_t hash_len,
			struct keel_export *ret_export)
{
	if (flow->secret_len != hash_len)
		return -EIO;
	ret_export->kind = KEEL_EXPORT_TRAFFIC_SECRET;
	ret_export->secret_len = flow->secret_len;
	memcpy(ret_export->secret, flow->secret, flow->secret_len);
	return 0;
}

/*
 * The explicit nonce of our Finished, plus one: OpenSSL counts up from a random
 * start with GCM (RFC 5288 section 3) and from the sequence number with CCM.
 */
static uint64_t next_explicit(const struct keel__ossl_hs *hs)
{
	const uint8_t *bytes = hs->out_head + KEEL__OSSL_HEADER_LEN;
	uint64_t n = 0;

	for (size_t i = 0; i < KEEL__OSSL_EXPLICIT_LEN; i++)
		n = n << 8 | bytes[i];
	return n + 1;
}

static int export_tls12(const struct keel__ossl_hs *hs, enum keel_dir dir,
			enum keel_aead aead, struct keel_export *ret_export)
{
	SSL_SESSION *session = SSL_get_session(hs->ssl);

	ret_export->kind = KEEL_EXPORT_MASTER_SECRET;
	ret_export->secret_len = SSL_SESSION_get_master_key(
		session, ret_export->secret, sizeof(ret_export->secret));
	SSL_get_client_random(hs->ssl, ret_export->client_random,
			      sizeof(ret_export->client_random));
	SSL_get_server_random(hs->ssl, ret_export->server_random,
			      sizeof(ret_export->server_random));
	if (!ret_export->secret_len)
		return -EIO;
	if (dir == KEEL_RX || aead == KEEL_AEAD_CHACHA20_POLY1305)
		return 0;
	if (hs->nr_out_head < sizeof(hs->out_head))
		return -EIO;
	ret_export->explicit_nonce = next_explicit(hs);
	return 0;
}

int keel__ossl_hs_export(void *p, enum keel_dir dir,
			 struct keel_export *ret_export)
{
	struct keel__ossl_hs *hs = p;
	const struct keel__ossl_flow *flow = dir == KEEL_TX ? &hs->tx : &hs->rx;
	struct keel_export export = {.seq = flow->nr_records};
	const struct keel_suite *suite;
	int r;

	if (dir != KEEL_TX && dir != KEEL_RX)
		return -EINVAL;
	if (!hs->is_done)
		return -ESTALE;
	suite = keel__ossl_hs_suite(hs);
	if (!suite)
		return -EIO;
	if (suite->version == KEEL_TLS1_3)
		r = export_tls13(flow, suite->hash_len, &export);
	else
		r = export_tls12(hs, dir, suite->aead, &export);
	if (!r)
		*ret_export = export;
	keel__secret_clear(&export, sizeof(export));
	return r;
}
