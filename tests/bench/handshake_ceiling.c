/* SPDX-License-Identifier: MIT */
/* Server CPU of a TLS 1.3 handshake in memory: bare OpenSSL, the backend. */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <keel/backend.h>

#include "lib/backends/openssl/openssl-private.h"
#include "tests/support/pki.h"

#define NR_ROUNDS 40
#define NR_PER_ROUND 50
#define PIPE_LEN 32768

/*
 * One handshake a call; returns the server's CPU time alone. Both servers make
 * their object, run the handshake and free it; keel's also exports the keys.
 */
struct bench_case {
	const char *name;
	unsigned int nr_tickets;
	bool is_keel;
	bool is_default; /* OpenSSL's modes and options as they come */
	SSL_CTX *plain;
	void *ctx;
	uint64_t ns[NR_ROUNDS];
};

static struct bench_case cases[] = {
	{.name = "openssl, 2 tickets", .nr_tickets = 2},
	{.name = "keel,    2 tickets", .nr_tickets = 2, .is_keel = true},
	{.name = "openssl, 1 ticket", .nr_tickets = 1},
	{.name = "keel,    1 ticket", .nr_tickets = 1, .is_keel = true},
	{.name = "openssl, 0 tickets", .nr_tickets = 0},
	{.name = "keel,    0 tickets", .nr_tickets = 0, .is_keel = true},
	{.name = "openssl, 2 tickets, default modes",
	 .nr_tickets = 2,
	 .is_default = true},
};

#define NR_CASES (sizeof(cases) / sizeof(cases[0]))

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

/* The client of both: bare OpenSSL, its other end is @ret_net. */
static SSL *client_new(SSL_CTX *ctx, BIO **ret_net)
{
	SSL *ssl = SSL_new(ctx);
	BIO *bio;

	if (!ssl || !BIO_new_bio_pair(&bio, PIPE_LEN, ret_net, PIPE_LEN))
		errx(1, "no client");
	SSL_set_bio(ssl, bio, bio);
	SSL_set_connect_state(ssl);
	return ssl;
}

/* Carry what one end has written to the other. */
static void carry(BIO *from, BIO *to)
{
	char buf[PIPE_LEN];
	int n;

	while ((n = BIO_read(from, buf, sizeof(buf))) > 0) {
		if (BIO_write(to, buf, n) != n)
			errx(1, "pipe too small");
	}
}

static uint64_t run_plain(const struct bench_case *c, SSL *client, BIO *net)
{
	uint64_t start = cpu_ns();
	uint64_t ns;
	SSL *ssl = SSL_new(c->plain);
	BIO *bio;
	BIO *server_net;
	int r = 0;

	if (!ssl || !BIO_new_bio_pair(&bio, PIPE_LEN, &server_net, PIPE_LEN))
		errx(1, "no server");
	SSL_set_bio(ssl, bio, bio);
	SSL_set_accept_state(ssl);
	ns = cpu_ns() - start;
	for (int i = 0; i < 4 && r != 1; i++) {
		SSL_do_handshake(client);
		carry(net, server_net);
		start = cpu_ns();
		r = SSL_do_handshake(ssl);
		ns += cpu_ns() - start;
		carry(server_net, net);
	}
	if (r != 1)
		errx(1, "handshake failed");
	start = cpu_ns();
	SSL_free(ssl);
	ns += cpu_ns() - start;
	BIO_free(server_net);
	return ns;
}

/* What the backend wrote, for the client. */
struct out {
	size_t len;
	uint8_t bytes[PIPE_LEN];
};

static int out_sink(void *arg, const void *data, size_t len)
{
	struct out *out = arg;

	if (len > sizeof(out->bytes) - out->len)
		return -1;
	memcpy(out->bytes + out->len, data, len);
	out->len += len;
	return 0;
}

/* Feed record by record, as the connection does. */
static int feed(void *hs, uint8_t *in, size_t len, struct out *out)
{
	struct keel_err err = {.err = 0};
	size_t n;
	int r = KEEL_HS_WANT_RECORD;

	for (; len && r == KEEL_HS_WANT_RECORD; in += n, len -= n) {
		n = 5U + (size_t)(in[3] << 8 | in[4]);
		r = keel__backend_openssl.hs_step(hs, in, n, out_sink, out,
						  &err);
	}
	if (r < 0)
		errx(1, "handshake failed: %s", err.site);
	return r;
}

static uint64_t run_keel(const struct bench_case *c, SSL *client, BIO *net)
{
	const struct keel_backend *be = &keel__backend_openssl;
	static struct out in;
	static struct out out;
	struct keel_export ex;
	uint64_t start = cpu_ns();
	uint64_t ns;
	void *hs;
	int n;
	int r = 0;

	if (be->hs_new(c->ctx, NULL, &hs) < 0)
		errx(1, "no server");
	ns = cpu_ns() - start;
	for (int i = 0; i < 4 && r != KEEL_HS_DONE; i++) {
		SSL_do_handshake(client);
		n = BIO_read(net, in.bytes, sizeof(in.bytes));
		out.len = 0;
		start = cpu_ns();
		r = feed(hs, in.bytes, n > 0 ? (size_t)n : 0, &out);
		ns += cpu_ns() - start;
		BIO_write(net, out.bytes, (int)out.len);
	}
	start = cpu_ns();
	if (be->hs_export(hs, KEEL_TX, &ex) || be->hs_export(hs, KEEL_RX, &ex))
		errx(1, "no keys");
	OPENSSL_cleanse(&ex, sizeof(ex));
	if (c->nr_tickets && be->hs_issue(hs, out_sink, &out) < 0)
		errx(1, "no tickets");
	be->hs_free(hs);
	ns += cpu_ns() - start;
	return ns;
}

static SSL_CTX *plain_ctx(const struct bench_case *c,
			  const struct pki_pair *pair)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	BIO *cert = BIO_new_mem_buf(pair->cert, -1);
	BIO *key = BIO_new_mem_buf(pair->key, -1);
	X509 *x509 = PEM_read_bio_X509(cert, NULL, NULL, NULL);
	EVP_PKEY *pkey = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);

	if (!SSL_CTX_use_certificate(ctx, x509) ||
	    !SSL_CTX_use_PrivateKey(ctx, pkey) ||
	    !SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256") ||
	    !SSL_CTX_set_num_tickets(ctx, c->nr_tickets))
		errx(1, "no context");
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	if (!c->is_default)
		SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
					      SSL_MODE_NO_AUTO_CHAIN);
	X509_free(x509);
	EVP_PKEY_free(pkey);
	BIO_free(cert);
	BIO_free(key);
	return ctx;
}

static void *keel_ctx(const struct bench_case *c, const struct pki_pair *pair)
{
	static const uint16_t suites[] = {0x1301};
	struct keel_backend_params params = {
		.sz = sizeof(params),
		.role = KEEL_SERVER,
		.min_version = KEEL_TLS1_2,
		.max_version = KEEL_TLS1_3,
		.suites = suites,
		.nr_suites = 1,
		.cert_pem = pair->cert,
		.cert_len = strlen(pair->cert),
		.key_pem = pair->key,
		.key_len = strlen(pair->key),
		.nr_tickets = c->nr_tickets,
	};
	struct keel_diag diag;
	void *ctx;

	if (keel__backend_openssl.ctx_new(&params, &diag, &ctx) < 0)
		errx(1, "%s", diag.text);
	return ctx;
}

static uint64_t run_round(const struct bench_case *c, SSL_CTX *client_ctx)
{
	uint64_t ns = 0;
	SSL *client;
	BIO *net;

	for (int i = 0; i < NR_PER_ROUND; i++) {
		client = client_new(client_ctx, &net);
		ns += c->is_keel ? run_keel(c, client, net)
				 : run_plain(c, client, net);
		SSL_free(client);
		BIO_free(net);
	}
	return ns / NR_PER_ROUND;
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a;
	const uint64_t *y = b;

	return (*x > *y) - (*x < *y);
}

static void report(struct bench_case *c)
{
	qsort(c->ns, NR_ROUNDS, sizeof(c->ns[0]), by_value);
	printf("%-36s median %7.1f us  least %7.1f us\n", c->name,
	       (double)c->ns[NR_ROUNDS / 2] / 1e3, (double)c->ns[0] / 1e3);
}

int main(void)
{
	SSL_CTX *client_ctx;
	struct pki_pair pair;
	struct pki pki;
	char why[256];

	if (keel__backend_openssl.init(why, sizeof(why)) < 0)
		errx(1, "%s", why);
	pki_init(&pki);
	pki_issue(&pki, &pki_ecdsa, &pair);
	client_ctx = SSL_CTX_new(TLS_client_method());
	if (!client_ctx || !SSL_CTX_set1_groups_list(client_ctx, "X25519"))
		errx(1, "no client");
	for (size_t i = 0; i < NR_CASES; i++) {
		if (cases[i].is_keel)
			cases[i].ctx = keel_ctx(&cases[i], &pair);
		else
			cases[i].plain = plain_ctx(&cases[i], &pair);
	}
	for (int round = 0; round < NR_ROUNDS; round++) {
		for (size_t i = 0; i < NR_CASES; i++)
			cases[i].ns[round] = run_round(&cases[i], client_ctx);
	}
	printf("Server CPU of a full TLS 1.3 handshake, ECDSA P-256, X25519,\n"
	       "AES-128-GCM, in memory; %s; %d rounds of %d\n",
	       OpenSSL_version(OPENSSL_VERSION), NR_ROUNDS, NR_PER_ROUND);
	for (size_t i = 0; i < NR_CASES; i++) {
		report(&cases[i]);
		SSL_CTX_free(cases[i].plain);
		keel__backend_openssl.ctx_free(cases[i].ctx);
	}
	SSL_CTX_free(client_ctx);
	pki_pair_fini(&pair);
	pki_fini(&pki);
	return 0;
}
