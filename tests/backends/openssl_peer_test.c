/* SPDX-License-Identifier: MIT */
/* What the OpenSSL backend agrees with a peer, and how it refuses one. */
#include "lib/backends/openssl/openssl-private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tests/support/hex.h"
#include "tests/support/hs_pair.h"
#include "tests/support/pki.h"

#define ALERT_RECORD_LEN 7

static const struct keel_backend *const be = &keel__backend_openssl;

static void *ctx_new(const struct keel_backend_params *params)
{
	struct keel_diag diag = {.text = ""};
	char why[256];
	void *ctx = NULL;
	int r = be->init(why, sizeof(why));

	ATF_REQUIRE_EQ(0, r);
	r = be->ctx_new(params, &diag, &ctx);
	ATF_REQUIRE_MSG(r == 0, "ctx_new: %d, %s", r, diag.text);
	return ctx;
}

/* One handshake between two sets of parameters. */
static int run(struct hs_pair *pair, const struct keel_backend_params *client,
	       const struct keel_backend_params *server, const char *host,
	       void **ret_ctxs)
{
	struct keel_hs_params params = {.sz = sizeof(params), .host = host};

	ret_ctxs[0] = ctx_new(client);
	ret_ctxs[1] = ctx_new(server);
	ATF_REQUIRE_EQ(
		0, hs_pair_init(pair, be, ret_ctxs[0], ret_ctxs[1], &params));
	return hs_pair_run(pair);
}

static void end(struct hs_pair *pair, void **ctxs)
{
	hs_pair_fini(pair);
	be->ctx_free(ctxs[0]);
	be->ctx_free(ctxs[1]);
}

static void check_err(const char *row, const struct hs_side *side, int err,
		      enum keel_err_origin origin, unsigned int alert)
{
	CHECK_INT(row, err, side->result);
	CHECK_INT(row, err, side->err.err);
	CHECK_INT(row, origin, side->err.origin);
	CHECK_INT(row, alert, side->err.alert);
	ATF_CHECK_MSG(side->err.site && *side->err.site, "%s: no site", row);
}

static const struct {
	const char *row;
	const char *server; /* RFC 7301 lists */
	const char *client;
	const char *chosen; /* NULL: none */
	bool refused;
} alpn_rows[] = {
	{"server's order", "\2h2\10http/1.1", "\10http/1.1\2h2", "h2", false},
	{"one in common", "\2h2\10http/1.1", "\3foo\10http/1.1", "http/1.1",
	 false},
	{"server has none", NULL, "\2h2", NULL, false},
	{"client has none", "\2h2", NULL, NULL, false},
	{"none in common", "\2h2", "\3foo", NULL, true},
	{"a prefix is no match", "\2h2", "\1h\3h2c", NULL, true},
};

static void alpn_row(size_t i, const struct pki *pki,
		     const struct pki_pair *leaf, uint16_t version)
{
	struct keel_backend_params client =
		hs_params(KEEL_CLIENT, NULL, pki->cert);
	struct keel_backend_params server = hs_params(KEEL_SERVER, leaf, NULL);
	const char *row = alpn_rows[i].row;
	struct keel_hs_info info;
	struct hs_pair pair;
	void *ctxs[2];

	client.max_version = version;
	client.alpn = (const uint8_t *)alpn_rows[i].client;
	client.alpn_len = client.alpn ? strlen(alpn_rows[i].client) : 0;
	server.alpn = (const uint8_t *)alpn_rows[i].server;
	server.alpn_len = server.alpn ? strlen(alpn_rows[i].server) : 0;
	CHECK_INT(row, !alpn_rows[i].refused,
		  run(&pair, &client, &server, PKI_HOST, ctxs));
	if (alpn_rows[i].refused) {
		check_err(row, &pair.server, -EPROTO, KEEL_ERR_SENT_ALERT,
			  KEEL_ALERT_NO_APPLICATION_PROTOCOL);
		check_err(row, &pair.client, -ECONNRESET, KEEL_ERR_PEER_ALERT,
			  KEEL_ALERT_NO_APPLICATION_PROTOCOL);
	}
	for (int end = 0; end < 2 && !alpn_rows[i].refused; end++) {
		REQUIRE_INT(row, 0,
			    be->hs_info(end ? pair.client.hs : pair.server.hs,
					&info));
		REQUIRE_INT(row, alpn_rows[i].chosen != NULL,
			    info.alpn != NULL);
		if (!info.alpn)
			continue;
		REQUIRE_INT(row, strlen(alpn_rows[i].chosen), info.alpn_len);
		CHECK_MEM(row, alpn_rows[i].chosen, info.alpn, info.alpn_len);
	}
	end(&pair, ctxs);
}

CASE(alpn__negotiation,
     "The server's best shared protocol; none shared is fatal (RFC 7301)")
{
	struct pki_pair leaf;
	struct pki pki;

	pki_init(&pki);
	pki_issue(&pki, &pki_ecdsa, &leaf);
	for (size_t i = 0; i < sizeof(alpn_rows) / sizeof(alpn_rows[0]); i++) {
		alpn_row(i, &pki, &leaf, KEEL_TLS1_2);
		alpn_row(i, &pki, &leaf, KEEL_TLS1_3);
	}
	pki_pair_fini(&leaf);
	pki_fini(&pki);
}

/* What the client trusts. */
enum trust {
	TRUST_CA,
	TRUST_LEAF,
	TRUST_OTHER,
};

static const struct {
	const char *row;
	const char *host; /* what the client asks for */
	const char *sni;  /* what the server sees; NULL: nothing */
	enum trust trust;
	bool other_name; /* the certificate is for another name */
	int want;
	int native;
	uint8_t alert;
} verify_rows[] = {
	{.row = "name", .host = PKI_HOST, .sni = PKI_HOST},
	{.row = "IPv4", .host = "127.0.0.1"},
	{.row = "IPv6", .host = "::1"},
	{.row = "no name at all"},
	{.row = "wrong name",
	 .host = PKI_HOST,
	 .other_name = true,
	 .want = -EKEYREJECTED,
	 .native = X509_V_ERR_HOSTNAME_MISMATCH,
	 .alert = KEEL_ALERT_BAD_CERTIFICATE},
	{.row = "wrong address",
	 .host = "127.0.0.2",
	 .want = -EKEYREJECTED,
	 .native = X509_V_ERR_IP_ADDRESS_MISMATCH,
	 .alert = KEEL_ALERT_BAD_CERTIFICATE},
	{.row = "the leaf alone is trusted",
	 .host = PKI_HOST,
	 .sni = PKI_HOST,
	 .trust = TRUST_LEAF},
	{.row = "unknown CA",
	 .host = PKI_HOST,
	 .trust = TRUST_OTHER,
	 .want = -EKEYREJECTED,
	 .native = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
	 .alert = KEEL_ALERT_UNKNOWN_CA},
};

static void verify_row(size_t i, uint16_t version)
{
	const char *row = verify_rows[i].row;
	struct keel_backend_params client;
	struct keel_backend_params server;
	struct pki_pair leaf;
	struct hs_pair pair;
	struct keel_hs_info info;
	struct pki other;
	struct pki pki;
	void *ctxs[2];

	pki_init(&pki);
	pki_init(&other);
	pki_issue(&pki,
		  verify_rows[i].other_name ? &pki_wrong_host : &pki_ecdsa,
		  &leaf);
	client = hs_params(KEEL_CLIENT, NULL,
			   verify_rows[i].trust == TRUST_CA	? pki.cert
			   : verify_rows[i].trust == TRUST_LEAF ? leaf.cert
								: other.cert);
	client.max_version = version;
	server = hs_params(KEEL_SERVER, &leaf, NULL);
	CHECK_INT(row, !verify_rows[i].want,
		  run(&pair, &client, &server, verify_rows[i].host, ctxs));
	if (verify_rows[i].want) {
		check_err(row, &pair.client, verify_rows[i].want,
			  KEEL_ERR_SENT_ALERT, verify_rows[i].alert);
		CHECK_INT(row, verify_rows[i].native, pair.client.err.native);
		check_err(row, &pair.server, -ECONNRESET, KEEL_ERR_PEER_ALERT,
			  verify_rows[i].alert);
	} else {
		REQUIRE_INT(row, 0, be->hs_info(pair.server.hs, &info));
		CHECK_INT(row, verify_rows[i].sni != NULL, info.sni != NULL);
		if (info.sni && verify_rows[i].sni)
			ATF_CHECK_STREQ(verify_rows[i].sni, info.sni);
		REQUIRE_INT(row, 0, be->hs_info(pair.client.hs, &info));
		CHECK_INT(row, 1, info.peer_verified);
		ATF_CHECK(!info.sni);
	}
	end(&pair, ctxs);
	pki_pair_fini(&leaf);
	pki_fini(&other);
	pki_fini(&pki);
}

CASE(verify__server,
     "Name or address and issuer are checked; an address is no SNI (RFC 6066)")
{
	for (size_t i = 0; i < sizeof(verify_rows) / sizeof(verify_rows[0]);
	     i++) {
		verify_row(i, KEEL_TLS1_2);
		verify_row(i, KEEL_TLS1_3);
	}
}

CASE(verify__long_host, "A host name that no TLS can carry: -EINVAL")
{
	struct keel_backend_params client = hs_params(KEEL_CLIENT, NULL, NULL);
	struct keel_hs_params params = {.sz = sizeof(params)};
	void *ctx = ctx_new(&client);
	char host[300];
	void *hs = NULL;

	memset(host, 'a', sizeof(host));
	host[sizeof(host) - 1] = '\0';
	params.host = host;
	CHECK_INT("long", -EINVAL, be->hs_new(ctx, &params, &hs));
	params.host = "";
	CHECK_INT("empty", -EINVAL, be->hs_new(ctx, &params, &hs));
	ATF_CHECK(!hs);
	be->ctx_free(ctx);
}

/* Which certificate the client has. */
enum client_cert {
	CERT_NONE,
	CERT_GOOD,
	CERT_FOREIGN,
};

static const struct {
	const char *row;
	enum keel_verify verify;
	enum client_cert cert;
	int want;
	uint8_t alert12;
	uint8_t alert13;
	bool verified;
} client_rows[] = {
	{"not asked", KEEL_VERIFY_NONE, CERT_GOOD, 0, 0, 0, false},
	{"optional, none", KEEL_VERIFY_OPTIONAL, CERT_NONE, 0, 0, 0, false},
	{"optional, good", KEEL_VERIFY_OPTIONAL, CERT_GOOD, 0, 0, 0, true},
	{"optional, bad", KEEL_VERIFY_OPTIONAL, CERT_FOREIGN, -EKEYREJECTED,
	 KEEL_ALERT_UNKNOWN_CA, KEEL_ALERT_UNKNOWN_CA, false},
	{"required, none", KEEL_VERIFY_REQUIRED, CERT_NONE, -EKEYREJECTED,
	 KEEL_ALERT_HANDSHAKE_FAILURE, KEEL_ALERT_CERTIFICATE_REQUIRED, false},
	{"required, good", KEEL_VERIFY_REQUIRED, CERT_GOOD, 0, 0, 0, true},
	{"required, bad", KEEL_VERIFY_REQUIRED, CERT_FOREIGN, -EKEYREJECTED,
	 KEEL_ALERT_UNKNOWN_CA, KEEL_ALERT_UNKNOWN_CA, false},
};

static void client_row(size_t i, uint16_t version)
{
	const char *row = client_rows[i].row;
	struct keel_backend_params client;
	struct keel_backend_params server;
	struct pki_pair client_leaf;
	struct keel_hs_info info;
	struct pki_pair leaf;
	struct hs_pair pair;
	struct pki other;
	struct pki pki;
	void *ctxs[2];

	pki_init(&pki);
	pki_init(&other);
	pki_issue(&pki, &pki_ecdsa, &leaf);
	pki_issue(client_rows[i].cert == CERT_FOREIGN ? &other : &pki,
		  &pki_client, &client_leaf);
	client = hs_params(KEEL_CLIENT,
			   client_rows[i].cert ? &client_leaf : NULL, pki.cert);
	client.max_version = version;
	server = hs_params(KEEL_SERVER, &leaf, pki.cert);
	server.verify = client_rows[i].verify;
	CHECK_INT(row, !client_rows[i].want,
		  run(&pair, &client, &server, PKI_HOST, ctxs));
	if (client_rows[i].want) {
		check_err(row, &pair.server, client_rows[i].want,
			  KEEL_ERR_SENT_ALERT,
			  version == KEEL_TLS1_3 ? client_rows[i].alert13
						 : client_rows[i].alert12);
	} else {
		REQUIRE_INT(row, 0, be->hs_info(pair.server.hs, &info));
		CHECK_INT(row, client_rows[i].verified, info.peer_verified);
	}
	end(&pair, ctxs);
	pki_pair_fini(&client_leaf);
	pki_pair_fini(&leaf);
	pki_fini(&other);
	pki_fini(&pki);
}

CASE(verify__client,
     "A client's certificate: not asked, optional, required; none, good, bad")
{
	for (size_t i = 0; i < sizeof(client_rows) / sizeof(client_rows[0]);
	     i++) {
		client_row(i, KEEL_TLS1_2);
		client_row(i, KEEL_TLS1_3);
	}
}

/* --- A bare OpenSSL server, for what our own server would not do --- */

struct raw_server {
	SSL_CTX *ctx;
	SSL *ssl;
	BIO *in;
	BIO *out;
};

static void raw_init(struct raw_server *raw, const struct pki_pair *leaf)
{
	BIO *cert = BIO_new_mem_buf(leaf->cert, -1);
	BIO *key = BIO_new_mem_buf(leaf->key, -1);
	X509 *x509 = PEM_read_bio_X509(cert, NULL, NULL, NULL);
	EVP_PKEY *pkey = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);

	raw->ctx = SSL_CTX_new(TLS_server_method());
	ATF_REQUIRE(raw->ctx && SSL_CTX_use_certificate(raw->ctx, x509) &&
		    SSL_CTX_use_PrivateKey(raw->ctx, pkey));
	raw->ssl = SSL_new(raw->ctx);
	raw->in = BIO_new(BIO_s_mem());
	raw->out = BIO_new(BIO_s_mem());
	ATF_REQUIRE(raw->ssl && raw->in && raw->out);
	SSL_set_bio(raw->ssl, raw->in, raw->out);
	SSL_set_accept_state(raw->ssl);
	BIO_free(cert);
	BIO_free(key);
	X509_free(x509);
	EVP_PKEY_free(pkey);
}

static void raw_fini(struct raw_server *raw)
{
	SSL_free(raw->ssl);
	SSL_CTX_free(raw->ctx);
}

/* Run @pair's client against it; @pair's server stands for its input. */
static void raw_run(struct raw_server *raw, struct hs_pair *pair)
{
	struct hs_bytes *to_raw = &pair->server.in;
	char *data;
	long len;

	hs_side_step(&pair->client, &pair->server, NULL, 0);
	for (int i = 0; i < 4; i++) {
		if (to_raw->len)
			BIO_write(raw->in, to_raw->data, (int)to_raw->len);
		hs_bytes_drop(to_raw, to_raw->len);
		SSL_do_handshake(raw->ssl);
		len = BIO_get_mem_data(raw->out, &data);
		if (len > 0)
			ATF_REQUIRE_EQ(0, hs_bytes_sink(&pair->client.in, data,
							(size_t)len));
		(void)BIO_reset(raw->out);
		hs_side_pump(&pair->client, &pair->server);
	}
}

static int choose_unoffered(SSL *ssl, const unsigned char **ret_name,
			    unsigned char *ret_len, const unsigned char *in,
			    unsigned int in_len, void *arg)
{
	(void)ssl;
	(void)in;
	(void)in_len;
	(void)arg;
	*ret_name = (const unsigned char *)"spdy";
	*ret_len = 4;
	return SSL_TLSEXT_ERR_OK;
}

static const struct {
	const char *row;
	const struct pki_spec *spec;
	bool bad_alpn;
	int want;
	int native;
	uint8_t alert;
} raw_rows[] = {
	{.row = "expired",
	 .spec = &pki_expired,
	 .want = -EKEYREJECTED,
	 .native = X509_V_ERR_CERT_HAS_EXPIRED,
	 .alert = KEEL_ALERT_CERTIFICATE_EXPIRED},
	{.row = "not yet valid",
	 .spec = &pki_not_yet,
	 .want = -EKEYREJECTED,
	 .native = X509_V_ERR_CERT_NOT_YET_VALID,
	 .alert = KEEL_ALERT_BAD_CERTIFICATE},
	{.row = "a protocol not offered",
	 .spec = &pki_ecdsa,
	 .bad_alpn = true,
	 .want = -EPROTO},
};

CASE(verify__bad_server,
     "An expired certificate, and an ALPN choice that nobody offered")
{
	struct keel_hs_params params = {.sz = sizeof(params), .host = PKI_HOST};
	struct keel_backend_params client;
	struct raw_server raw;
	struct pki_pair leaf;
	struct hs_pair pair;
	const char *row;
	struct pki pki;
	void *ctx;

	pki_init(&pki);
	client = hs_params(KEEL_CLIENT, NULL, pki.cert);
	client.alpn = (const uint8_t *)"\2h2";
	client.alpn_len = 3;
	ctx = ctx_new(&client);
	for (size_t i = 0; i < sizeof(raw_rows) / sizeof(raw_rows[0]); i++) {
		row = raw_rows[i].row;
		pki_issue(&pki, raw_rows[i].spec, &leaf);
		raw_init(&raw, &leaf);
		if (raw_rows[i].bad_alpn)
			SSL_CTX_set_alpn_select_cb(raw.ctx, choose_unoffered,
						   NULL);
		pair = (struct hs_pair){.client = {.be = be}};
		REQUIRE_INT(row, 0, be->hs_new(ctx, &params, &pair.client.hs));
		raw_run(&raw, &pair);
		CHECK_INT(row, raw_rows[i].want, pair.client.result);
		/*
		 * Who notices the ALPN choice, and whether an alert goes out,
		 * depends on OpenSSL's version; no alert, no claim of one.
		 */
		if (raw_rows[i].bad_alpn)
			CHECK_INT(row,
				  pair.client.err.alert ? KEEL_ERR_SENT_ALERT
							: KEEL_ERR_BACKEND,
				  pair.client.err.origin);
		if (raw_rows[i].alert)
			check_err(row, &pair.client, raw_rows[i].want,
				  KEEL_ERR_SENT_ALERT, raw_rows[i].alert);
		if (raw_rows[i].native)
			CHECK_INT(row, raw_rows[i].native,
				  pair.client.err.native);
		hs_pair_fini(&pair);
		raw_fini(&raw);
		pki_pair_fini(&leaf);
	}
	be->ctx_free(ctx);
	pki_fini(&pki);
}

/* A bare client, for what ours does not offer, against @pair's server. */
static void raw_client_run(SSL *ssl, struct hs_pair *pair)
{
	BIO *in = BIO_new(BIO_s_mem());
	BIO *out = BIO_new(BIO_s_mem());
	char *data;
	long len;

	SSL_set_bio(ssl, in, out);
	SSL_set_connect_state(ssl);
	for (int i = 0; i < 4; i++) {
		SSL_do_handshake(ssl);
		len = BIO_get_mem_data(out, &data);
		if (len > 0)
			ATF_REQUIRE_EQ(0, hs_bytes_sink(&pair->server.in, data,
							(size_t)len));
		(void)BIO_reset(out);
		hs_side_pump(&pair->server, &pair->client);
		if (pair->client.in.len)
			BIO_write(in, pair->client.in.data,
				  (int)pair->client.in.len);
		hs_bytes_drop(&pair->client.in, pair->client.in.len);
	}
}

static const struct {
	const char *row;
	uint8_t code;
	uint16_t want;
} fragment_rows[] = {
	{"none", TLSEXT_max_fragment_length_DISABLED, 0},
	{"512", TLSEXT_max_fragment_length_512, 512},
	{"1024", TLSEXT_max_fragment_length_1024, 1024},
	{"2048", TLSEXT_max_fragment_length_2048, 2048},
	{"4096", TLSEXT_max_fragment_length_4096, 4096},
};

static void fragment_row(size_t i, void *ctx, uint16_t version)
{
	const char *row = fragment_rows[i].row;
	struct hs_pair pair = {.server = {.be = be}, .client = {.be = be}};
	SSL_CTX *raw_ctx = SSL_CTX_new(TLS_client_method());
	struct keel_hs_info info;
	SSL *ssl;

	ATF_REQUIRE(raw_ctx && SSL_CTX_set_max_proto_version(raw_ctx, version));
	ssl = SSL_new(raw_ctx);
	ATF_REQUIRE(ssl && SSL_set_tlsext_max_fragment_length(
				   ssl, fragment_rows[i].code));
	REQUIRE_INT(row, 0, be->hs_new(ctx, NULL, &pair.server.hs));
	raw_client_run(ssl, &pair);
	REQUIRE_INT(row, 0, be->hs_info(pair.server.hs, &info));
	CHECK_INT(row, version, info.version);
	CHECK_INT(row, fragment_rows[i].want, info.max_fragment);
	SSL_free(ssl);
	SSL_CTX_free(raw_ctx);
	hs_pair_fini(&pair);
}

CASE(info__max_fragment,
     "The record size that a client asked for is told (RFC 6066 section 4)")
{
	struct keel_backend_params params;
	struct pki_pair leaf;
	struct pki pki;
	void *ctx;

	pki_init(&pki);
	pki_issue(&pki, &pki_ecdsa, &leaf);
	params = hs_params(KEEL_SERVER, &leaf, NULL);
	ctx = ctx_new(&params);
	for (size_t i = 0; i < sizeof(fragment_rows) / sizeof(fragment_rows[0]);
	     i++) {
		fragment_row(i, ctx, KEEL_TLS1_2);
		fragment_row(i, ctx, KEEL_TLS1_3);
	}
	be->ctx_free(ctx);
	pki_pair_fini(&leaf);
	pki_fini(&pki);
}

/* --- Rubbish --- */

#define RANDOM \
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

/* What a server makes of one first record; headers may stand alone. */
static const struct {
	const char *row;
	const char *hex;
	int want;
	enum keel_err_origin origin;
	uint8_t alert;
} bad_first[] = {
	{"HTTP", "474554202f", -EPROTO, KEEL_ERR_SENT_ALERT,
	 KEEL_ALERT_PROTOCOL_VERSION},
	{"a proxy request", "434f4e4e45", -EPROTO, KEEL_ERR_SENT_ALERT,
	 KEEL_ALERT_PROTOCOL_VERSION},
	{"SSL 2", "802e010301", -EPROTO, KEEL_ERR_SENT_ALERT,
	 KEEL_ALERT_PROTOCOL_VERSION},
	{"zeros", "0000000000", -EPROTO, KEEL_ERR_SENT_ALERT,
	 KEEL_ALERT_PROTOCOL_VERSION},
	{"major version 4", "1604010005", -EPROTO, KEEL_ERR_SENT_ALERT,
	 KEEL_ALERT_PROTOCOL_VERSION},
	{"length over 2^14", "160301ffff", -EPROTO, KEEL_ERR_SENT_ALERT,
	 KEEL_ALERT_RECORD_OVERFLOW},
	{"unknown type", "1903010001ff", -EPROTO, KEEL_ERR_SENT_ALERT,
	 KEEL_ALERT_UNEXPECTED_MESSAGE},
	{"data first", "170303000401020304", -EPROTO, KEEL_ERR_SENT_ALERT,
	 KEEL_ALERT_UNEXPECTED_MESSAGE},
	{"ChangeCipherSpec first", "140303000101", -EPROTO, KEEL_ERR_SENT_ALERT,
	 KEEL_ALERT_UNEXPECTED_MESSAGE},
	{"a ServerHello", "16030100050200000100", -EPROTO, KEEL_ERR_SENT_ALERT,
	 KEEL_ALERT_UNEXPECTED_MESSAGE},
	{"an empty ClientHello", "160301000401000000", -EPROTO,
	 KEEL_ERR_SENT_ALERT, KEEL_ALERT_DECODE_ERROR},
	{"a message of 16 MiB", "160301000401ffffff", -EPROTO,
	 KEEL_ERR_SENT_ALERT, KEEL_ALERT_ILLEGAL_PARAMETER},
	{"TLS 1.1", "160301002d010000290302" RANDOM "000002c0130100", -EPROTO,
	 KEEL_ERR_SENT_ALERT, KEEL_ALERT_PROTOCOL_VERSION},
	{"no suite in common", "160301002d010000290303" RANDOM "000002c0130100",
	 -EPROTO, KEEL_ERR_SENT_ALERT, KEEL_ALERT_HANDSHAKE_FAILURE},
	{"an alert", "15030300020228", -EPROTO, KEEL_ERR_SENT_ALERT,
	 KEEL_ALERT_UNEXPECTED_MESSAGE},
};

static void check_alert_record(const char *row, const struct hs_bytes *out,
			       unsigned int alert)
{
	REQUIRE_INT(row, ALERT_RECORD_LEN, out->len);
	CHECK_INT(row, ALERT_RECORD_LEN, hs_bytes_record(out));
	CHECK_INT(row, SSL3_RT_ALERT, out->data[0]);
	CHECK_INT(row, 3, out->data[1]);
	CHECK_INT(row, SSL3_AL_FATAL, out->data[5]);
	CHECK_INT(row, alert, out->data[6]);
}

static void bad_first_row(size_t i, const struct keel_backend_params *params)
{
	const char *row = bad_first[i].row;
	struct hs_pair pair = {.server = {.be = be}};
	uint8_t rec[256];
	size_t len = hex_decode(bad_first[i].hex, rec, sizeof(rec));
	void *ctx = ctx_new(params);

	REQUIRE_INT(row, 0, be->hs_new(ctx, NULL, &pair.server.hs));
	hs_side_step(&pair.server, &pair.client, rec, len);
	check_err(row, &pair.server, bad_first[i].want, bad_first[i].origin,
		  bad_first[i].alert);
	ATF_CHECK_MSG(bad_first[i].alert == 0 || pair.server.err.native,
		      "%s: no native code", row);
	if (bad_first[i].origin == KEEL_ERR_SENT_ALERT)
		check_alert_record(row, &pair.client.in, bad_first[i].alert);
	else
		CHECK_INT(row, 0, pair.client.in.len);
	CHECK_INT(row, 0, ERR_peek_error());
	hs_bytes_fini(&pair.client.in);
	hs_pair_fini(&pair);
	be->ctx_free(ctx);
}

CASE(bad_input__first_record,
     "Rubbish in place of a ClientHello gets the alert that the RFCs name")
{
	struct keel_backend_params params;
	struct pki_pair leaf;
	struct pki pki;

	pki_init(&pki);
	pki_issue(&pki, &pki_ecdsa, &leaf);
	params = hs_params(KEEL_SERVER, &leaf, NULL);
	for (size_t i = 0; i < sizeof(bad_first) / sizeof(bad_first[0]); i++)
		bad_first_row(i, &params);
	pki_pair_fini(&leaf);
	pki_fini(&pki);
}

static const struct {
	const char *row;
	const char *hex;
	uint8_t alert;
} peer_alerts[] = {
	{"fatal", "15030300020230", KEEL_ALERT_UNKNOWN_CA},
	{"close_notify", "15030300020100", KEEL_ALERT_CLOSE_NOTIFY},
};

CASE(bad_input__peer_alert,
     "The peer's alert in a handshake: -ECONNRESET, and nothing is answered")
{
	struct keel_backend_params client = hs_params(KEEL_CLIENT, NULL, NULL);
	struct keel_backend_params server;
	struct hs_pair pair;
	struct pki_pair leaf;
	struct pki pki;
	void *ctxs[2];
	uint8_t rec[16];
	size_t len;

	pki_init(&pki);
	pki_issue(&pki, &pki_ecdsa, &leaf);
	server = hs_params(KEEL_SERVER, &leaf, NULL);
	server.max_version = KEEL_TLS1_2;
	for (size_t i = 0; i < 2; i++) {
		ctxs[0] = ctx_new(&client);
		ctxs[1] = ctx_new(&server);
		ATF_REQUIRE_EQ(0,
			       hs_pair_init(&pair, be, ctxs[0], ctxs[1], NULL));
		hs_side_step(&pair.client, &pair.server, NULL, 0);
		hs_side_pump(&pair.server, &pair.client);
		hs_bytes_drop(&pair.client.in, pair.client.in.len);
		len = hex_decode(peer_alerts[i].hex, rec, sizeof(rec));
		hs_side_step(&pair.server, &pair.client, rec, len);
		check_err(peer_alerts[i].row, &pair.server, -ECONNRESET,
			  KEEL_ERR_PEER_ALERT, peer_alerts[i].alert);
		CHECK_INT(peer_alerts[i].row, 0, pair.client.in.len);
		end(&pair, ctxs);
	}
	pki_pair_fini(&leaf);
	pki_fini(&pki);
}

/* Every byte of a ClientHello, changed: never a crash, always a clean end. */
CASE(bad_input__every_byte,
     "A ClientHello with any byte changed ends with an alert, or goes on")
{
	struct keel_backend_params client = hs_params(KEEL_CLIENT, NULL, NULL);
	struct keel_backend_params server;
	struct hs_pair pair;
	struct pki_pair leaf;
	struct pki pki;
	uint8_t hello[4096]; /* a post-quantum key share takes 1216 */
	void *ctxs[2];
	size_t len;

	pki_init(&pki);
	pki_issue(&pki, &pki_ecdsa, &leaf);
	server = hs_params(KEEL_SERVER, &leaf, NULL);
	ctxs[0] = ctx_new(&client);
	ctxs[1] = ctx_new(&server);
	ATF_REQUIRE_EQ(0, hs_pair_init(&pair, be, ctxs[0], ctxs[1], NULL));
	hs_side_step(&pair.client, &pair.server, NULL, 0);
	len = hs_bytes_record(&pair.server.in);
	ATF_REQUIRE(len && len <= sizeof(hello));
	memcpy(hello, pair.server.in.data, len);
	hs_pair_fini(&pair);
	for (size_t i = 5; i < len; i++) {
		pair = (struct hs_pair){.server = {.be = be}};
		ATF_REQUIRE_EQ(0, be->hs_new(ctxs[1], NULL, &pair.server.hs));
		hello[i] ^= 0xff;
		hs_side_step(&pair.server, &pair.client, hello, len);
		hello[i] ^= 0xff;
		ATF_CHECK_MSG(pair.server.result == KEEL_HS_WANT_RECORD ||
				      (pair.server.result == -EPROTO &&
				       pair.server.err.origin ==
					       KEEL_ERR_SENT_ALERT &&
				       pair.client.in.len),
			      "byte %zu: %d, origin %u, %s", i,
			      pair.server.result, pair.server.err.origin,
			      pair.server.err.site);
		hs_pair_fini(&pair);
	}
	be->ctx_free(ctxs[0]);
	be->ctx_free(ctxs[1]);
	pki_pair_fini(&leaf);
	pki_fini(&pki);
}

/* An encrypted record of the handshake, one bit off. */
CASE(bad_input__tampered_finished,
     "A tampered Finished is a bad record, with bad_record_mac")
{
	static const uint16_t versions[] = {KEEL_TLS1_2, KEEL_TLS1_3};
	struct keel_backend_params client = hs_params(KEEL_CLIENT, NULL, NULL);
	struct keel_backend_params server;
	struct hs_pair pair;
	struct pki_pair leaf;
	struct pki pki;
	void *ctxs[2];

	pki_init(&pki);
	pki_issue(&pki, &pki_ecdsa, &leaf);
	server = hs_params(KEEL_SERVER, &leaf, NULL);
	for (size_t i = 0; i < 2; i++) {
		client.max_version = versions[i];
		ctxs[0] = ctx_new(&client);
		ctxs[1] = ctx_new(&server);
		ATF_REQUIRE_EQ(0,
			       hs_pair_init(&pair, be, ctxs[0], ctxs[1], NULL));
		hs_side_step(&pair.client, &pair.server, NULL, 0);
		hs_side_pump(&pair.server, &pair.client);
		hs_side_pump(&pair.client, &pair.server);
		ATF_REQUIRE(pair.server.in.len > 16);
		pair.server.in.data[pair.server.in.len - 1] ^= 1;
		hs_side_pump(&pair.server, &pair.client);
		check_err("tampered", &pair.server, -EBADMSG,
			  KEEL_ERR_SENT_ALERT, KEEL_ALERT_BAD_RECORD_MAC);
		end(&pair, ctxs);
	}
	pki_pair_fini(&leaf);
	pki_fini(&pki);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, alpn__negotiation);
	ATF_TP_ADD_TC(tp, verify__server);
	ATF_TP_ADD_TC(tp, verify__long_host);
	ATF_TP_ADD_TC(tp, verify__client);
	ATF_TP_ADD_TC(tp, verify__bad_server);
	ATF_TP_ADD_TC(tp, info__max_fragment);
	ATF_TP_ADD_TC(tp, bad_input__first_record);
	ATF_TP_ADD_TC(tp, bad_input__peer_alert);
	ATF_TP_ADD_TC(tp, bad_input__every_byte);
	ATF_TP_ADD_TC(tp, bad_input__tampered_finished);
	return atf_no_error();
}
