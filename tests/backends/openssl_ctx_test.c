/* SPDX-License-Identifier: MIT */
/* Contexts of the OpenSSL backend: what is refused, and in which words. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem(3) */
#endif
#include "lib/backends/openssl/openssl-private.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tests/support/hs_pair.h"
#include "tests/support/pki.h"

static const struct keel_backend *const be = &keel__backend_openssl;

static void init(void)
{
	char why[256];

	ATF_REQUIRE_EQ(0, be->init(why, sizeof(why)));
}

/* What the rows of the table choose from. */
struct material {
	struct pki pki;
	struct pki_pair good;
	struct pki_pair other;
	struct pki_pair rsa;
	struct pki_pair expired;
	struct pki_pair early;
	char *encrypted;
	char *damaged;
};

static void material_init(struct material *m)
{
	pki_init(&m->pki);
	pki_issue(&m->pki, &pki_ecdsa, &m->good);
	pki_issue(&m->pki, &pki_ecdsa, &m->other);
	pki_issue(&m->pki, &pki_rsa, &m->rsa);
	pki_issue(&m->pki, &pki_expired, &m->expired);
	pki_issue(&m->pki, &pki_not_yet, &m->early);
	m->encrypted = pki_encrypt_key(&m->good, "secret");
	m->damaged = strdup(m->good.cert);
	ATF_REQUIRE(m->damaged);
	memset(m->damaged + 40, 'A', 40);
}

static void material_fini(struct material *m)
{
	pki_pair_fini(&m->good);
	pki_pair_fini(&m->other);
	pki_pair_fini(&m->rsa);
	pki_pair_fini(&m->expired);
	pki_pair_fini(&m->early);
	free(m->encrypted);
	free(m->damaged);
	pki_fini(&m->pki);
}

/* Which text stands in for a file. */
enum text {
	NOTHING,
	CERT,
	KEY,
	OTHER_KEY,
	RSA_KEY,
	ENCRYPTED_KEY,
	EXPIRED_CERT,
	EXPIRED_KEY,
	EARLY_CERT,
	EARLY_KEY,
	DAMAGED_CERT,
	DAMAGED_KEY,
	RUBBISH,
	EMPTY,
	CA,
};

static const char *text_of(const struct material *m, enum text text)
{
	const char *const texts[] = {
		[NOTHING] = NULL,
		[CERT] = m->good.cert,
		[KEY] = m->good.key,
		[OTHER_KEY] = m->other.key,
		[RSA_KEY] = m->rsa.key,
		[ENCRYPTED_KEY] = m->encrypted,
		[EXPIRED_CERT] = m->expired.cert,
		[EXPIRED_KEY] = m->expired.key,
		[EARLY_CERT] = m->early.cert,
		[EARLY_KEY] = m->early.key,
		[DAMAGED_CERT] = m->damaged,
		[DAMAGED_KEY] = "-----BEGIN PRIVATE KEY-----\nAAAA\n"
				"-----END PRIVATE KEY-----\n",
		[RUBBISH] = "0\202\001\n is what DER looks like",
		[EMPTY] = "",
		[CA] = m->pki.cert,
	};

	return texts[text];
}

static const struct {
	const char *row;
	enum keel_role role;
	enum text cert;
	enum text key;
	enum text ca;
	enum keel_verify verify;
	int want;
	const char *names;  /* the file it must name; NULL: none */
	const char *says;   /* what is wrong */
	const char *remedy; /* what to do */
} diag_rows[] = {
	{"good", KEEL_SERVER, CERT, KEY, NOTHING, KEEL_VERIFY_NONE, 0, NULL,
	 NULL, NULL},
	{"good client", KEEL_CLIENT, NOTHING, NOTHING, CA, KEEL_VERIFY_REQUIRED,
	 0, NULL, NULL, NULL},
	{"server without certificate", KEEL_SERVER, NOTHING, NOTHING, NOTHING,
	 KEEL_VERIFY_NONE, -EINVAL, NULL, "needs a certificate", "self-signed"},
	{"certificate not PEM", KEEL_SERVER, RUBBISH, KEY, NOTHING,
	 KEEL_VERIFY_NONE, -EINVAL, "cert.pem", "not PEM",
	 "openssl x509 -inform DER"},
	{"certificate empty", KEEL_SERVER, EMPTY, KEY, NOTHING,
	 KEEL_VERIFY_NONE, -EINVAL, "cert.pem", "empty", "give"},
	{"key for certificate", KEEL_SERVER, KEY, KEY, NOTHING,
	 KEEL_VERIFY_NONE, -EINVAL, "cert.pem", "no certificate inside",
	 "BEGIN CERTIFICATE"},
	{"certificate damaged", KEEL_SERVER, DAMAGED_CERT, KEY, NOTHING,
	 KEEL_VERIFY_NONE, -EINVAL, "cert.pem", "damaged", "anew"},
	{"no key", KEEL_SERVER, CERT, NOTHING, NOTHING, KEEL_VERIFY_NONE,
	 -EINVAL, "cert.pem", "without its private key", "give the key"},
	{"key not PEM", KEEL_SERVER, CERT, RUBBISH, NOTHING, KEEL_VERIFY_NONE,
	 -EINVAL, "key.pem", "not PEM", "openssl pkey -inform DER"},
	{"certificate for key", KEEL_SERVER, CERT, CERT, NOTHING,
	 KEEL_VERIFY_NONE, -EINVAL, "key.pem", "no private key inside",
	 "give the key"},
	{"key encrypted", KEEL_SERVER, CERT, ENCRYPTED_KEY, NOTHING,
	 KEEL_VERIFY_NONE, -EINVAL, "key.pem", "encrypted", "openssl pkey"},
	{"key damaged", KEEL_SERVER, CERT, DAMAGED_KEY, NOTHING,
	 KEEL_VERIFY_NONE, -EINVAL, "key.pem", "damaged", "anew"},
	{"key of another", KEEL_SERVER, CERT, OTHER_KEY, NOTHING,
	 KEEL_VERIFY_NONE, -EINVAL, "key.pem",
	 "does not belong to the certificate in cert.pem", "give the key"},
	{"key of another kind", KEEL_SERVER, CERT, RSA_KEY, NOTHING,
	 KEEL_VERIFY_NONE, -EINVAL, "key.pem",
	 "does not belong to the certificate in cert.pem", "give the key"},
	{"expired", KEEL_SERVER, EXPIRED_CERT, EXPIRED_KEY, NOTHING,
	 KEEL_VERIFY_NONE, -EKEYEXPIRED, "cert.pem", "expired on 20",
	 "UTC; renew"},
	{"not yet valid", KEEL_SERVER, EARLY_CERT, EARLY_KEY, NOTHING,
	 KEEL_VERIFY_NONE, -EKEYEXPIRED, "cert.pem", "not valid before 20",
	 "clock"},
	{"expired client", KEEL_CLIENT, EXPIRED_CERT, EXPIRED_KEY, CA,
	 KEEL_VERIFY_REQUIRED, -EKEYEXPIRED, "cert.pem", "expired on 20",
	 "renew"},
	{"CA not PEM", KEEL_CLIENT, NOTHING, NOTHING, RUBBISH,
	 KEEL_VERIFY_REQUIRED, -EINVAL, "ca.pem", "not PEM", "convert"},
	{"CA is a key", KEEL_CLIENT, NOTHING, NOTHING, KEY,
	 KEEL_VERIFY_REQUIRED, -EINVAL, "ca.pem", "no certificates inside",
	 "CA certificates"},
	{"CA damaged", KEEL_CLIENT, NOTHING, NOTHING, DAMAGED_CERT,
	 KEEL_VERIFY_REQUIRED, -EINVAL, "ca.pem", "damaged", "anew"},
	{"client trusts nobody", KEEL_CLIENT, NOTHING, NOTHING, NOTHING,
	 KEEL_VERIFY_REQUIRED, -EINVAL, NULL, "nobody is trusted", "CA file"},
	{"server trusts nobody", KEEL_SERVER, CERT, KEY, NOTHING,
	 KEEL_VERIFY_OPTIONAL, -EINVAL, NULL, "nobody is trusted", "CA file"},
};

static void diag_has(const char *row, const struct keel_diag *diag,
		     const char *part)
{
	ATF_CHECK_MSG(!part || strstr(diag->text, part),
		      "%s: \"%s\" lacks \"%s\"", row, diag->text, part);
}

static void diag_row(size_t i, const struct material *m)
{
	struct keel_backend_params params =
		hs_params(diag_rows[i].role, NULL, NULL);
	const char *row = diag_rows[i].row;
	struct keel_diag diag = {.text = ""};
	void *ctx = NULL;

	params.cert_pem = text_of(m, diag_rows[i].cert);
	params.cert_len = params.cert_pem ? strlen(params.cert_pem) : 0;
	params.key_pem = text_of(m, diag_rows[i].key);
	params.key_len = params.key_pem ? strlen(params.key_pem) : 0;
	params.ca_pem = text_of(m, diag_rows[i].ca);
	params.ca_len = params.ca_pem ? strlen(params.ca_pem) : 0;
	params.verify = diag_rows[i].verify;
	CHECK_INT(row, diag_rows[i].want, be->ctx_new(&params, &diag, &ctx));
	CHECK_INT(row, diag_rows[i].want, diag.err.err);
	CHECK_INT(row, diag_rows[i].want == 0, ctx != NULL);
	if (diag_rows[i].want)
		printf("%s: %s\n", row, diag.text);
	diag_has(row, &diag, diag_rows[i].names);
	diag_has(row, &diag, diag_rows[i].says);
	diag_has(row, &diag, diag_rows[i].remedy);
	ATF_CHECK_MSG(strlen(diag.text) < sizeof(diag.text) - 1, "%s: cut",
		      row);
	CHECK_INT(row, 0, ERR_peek_error());
	be->ctx_free(ctx);
}

CASE(diagnosis__names_thing_and_remedy,
     "Each bad certificate, key or CA is named, with what to do about it")
{
	struct material m;

	init();
	material_init(&m);
	for (size_t i = 0; i < sizeof(diag_rows) / sizeof(diag_rows[0]); i++)
		diag_row(i, &m);
	material_fini(&m);
}

static const uint16_t no_such[] = {0x1301, 0xabcd};
static const uint16_t tls12_only[] = {0xc02b};
static const uint16_t tls13_only[] = {0x1301};

static const struct {
	const char *row;
	const uint16_t *suites;
	size_t nr_suites;
	uint16_t min;
	uint16_t max;
	int want;
	const char *says;
	uint16_t version; /* spoken with a client that knows both */
} suite_rows[] = {
	{"unknown suite", no_such, 2, KEEL_TLS1_2, KEEL_TLS1_3, -ENOTSUP,
	 "0xabcd", 0},
	{"no suite for the version", tls12_only, 1, KEEL_TLS1_3, KEEL_TLS1_3,
	 -EINVAL, "no cipher suite fits", 0},
	{"no suite for the old version", tls13_only, 1, KEEL_TLS1_2,
	 KEEL_TLS1_2, -EINVAL, "no cipher suite fits", 0},
	{"an old version", tls12_only, 1, 0x0301, KEEL_TLS1_2, -EINVAL,
	 "no cipher suite fits", 0},
	{"only 1.2 suites", tls12_only, 1, KEEL_TLS1_2, KEEL_TLS1_3, 0, NULL,
	 KEEL_TLS1_2},
	{"only 1.3 suites", tls13_only, 1, KEEL_TLS1_2, KEEL_TLS1_3, 0, NULL,
	 KEEL_TLS1_3},
};

static void suite_row(size_t i, const struct pki_pair *leaf, void *client_ctx)
{
	struct keel_backend_params params = hs_params(KEEL_SERVER, leaf, NULL);
	const char *row = suite_rows[i].row;
	struct keel_diag diag = {.text = ""};
	struct keel_hs_info info;
	struct hs_pair pair;
	void *ctx = NULL;

	params.suites = suite_rows[i].suites;
	params.nr_suites = suite_rows[i].nr_suites;
	params.min_version = suite_rows[i].min;
	params.max_version = suite_rows[i].max;
	REQUIRE_INT(row, suite_rows[i].want, be->ctx_new(&params, &diag, &ctx));
	diag_has(row, &diag, suite_rows[i].says);
	if (!ctx)
		return;
	REQUIRE_INT(row, 0, hs_pair_init(&pair, be, client_ctx, ctx, NULL));
	REQUIRE_INT(row, 1, hs_pair_run(&pair));
	REQUIRE_INT(row, 0, be->hs_info(pair.server.hs, &info));
	CHECK_INT(row, suite_rows[i].version, info.version);
	hs_pair_fini(&pair);
	be->ctx_free(ctx);
}

CASE(suites__decide_versions,
     "Unknown suites are refused; a version without suites is not spoken")
{
	struct keel_backend_params client = hs_params(KEEL_CLIENT, NULL, NULL);
	struct keel_diag diag;
	struct pki_pair leaf;
	struct pki pki;
	void *ctx;

	init();
	pki_init(&pki);
	pki_issue(&pki, &pki_ecdsa, &leaf);
	ATF_REQUIRE_EQ(0, be->ctx_new(&client, &diag, &ctx));
	for (size_t i = 0; i < sizeof(suite_rows) / sizeof(suite_rows[0]); i++)
		suite_row(i, &leaf, ctx);
	be->ctx_free(ctx);
	pki_pair_fini(&leaf);
	pki_fini(&pki);
}

static const uint16_t gcm_first[] = {0x1301, 0x1302, 0x1303};
static const uint16_t chacha_first[] = {0x1303, 0x1301, 0x1302};
static const uint16_t big_first[] = {0x1302, 0x1301, 0x1303};

static const struct {
	const char *row;
	const uint16_t *client;
	uint16_t want;
} order_rows[] = {
	{"the server's order", big_first, 0x1301},
	{"a client without AES", chacha_first, 0x1303},
};

CASE(suites__server_order,
     "The server's order counts, save for a client that leads with ChaCha20")
{
	struct keel_backend_params client = hs_params(KEEL_CLIENT, NULL, NULL);
	struct keel_backend_params server;
	struct keel_hs_info info;
	struct keel_diag diag;
	struct pki_pair leaf;
	struct hs_pair pair;
	struct pki pki;
	void *ctxs[2];

	init();
	pki_init(&pki);
	pki_issue(&pki, &pki_ecdsa, &leaf);
	server = hs_params(KEEL_SERVER, &leaf, NULL);
	server.suites = gcm_first;
	server.nr_suites = client.nr_suites = 3;
	ATF_REQUIRE_EQ(0, be->ctx_new(&server, &diag, &ctxs[1]));
	for (size_t i = 0; i < 2; i++) {
		client.suites = order_rows[i].client;
		ATF_REQUIRE_EQ(0, be->ctx_new(&client, &diag, &ctxs[0]));
		ATF_REQUIRE_EQ(0,
			       hs_pair_init(&pair, be, ctxs[0], ctxs[1], NULL));
		REQUIRE_INT(order_rows[i].row, 1, hs_pair_run(&pair));
		ATF_REQUIRE_EQ(0, be->hs_info(pair.client.hs, &info));
		CHECK_INT(order_rows[i].row, order_rows[i].want,
			  info.suite->id);
		hs_pair_fini(&pair);
		be->ctx_free(ctxs[0]);
	}
	be->ctx_free(ctxs[1]);
	pki_pair_fini(&leaf);
	pki_fini(&pki);
}

static const struct {
	const char *row;
	const char *host;
	int want;
} self_rows[] = {
	{"name", "box.example", 0},
	{"localhost", "localhost", 0},
	{"IPv4", "192.0.2.7", 0},
	{"IPv6", "2001:db8::7", 0},
	{"a name over 64 bytes",
	 "a23456789.a23456789.a23456789.a23456789.a23456789.a23456789."
	 "a23456789.example",
	 0},
	{"a comma is a byte", "a,DNS:b", 0},
	{"empty", "", -EINVAL},
	{"a space", "a b", -EINVAL},
	{"a line break", "a\nb", -EINVAL},
	{"not ASCII", "b\303\274cher", -EINVAL},
};

/* The certificate is the server's, and all that the client trusts. */
static void self_signed_row(size_t i)
{
	struct keel_hs_params hs_p = {.sz = sizeof(hs_p),
				      .host = self_rows[i].host};
	struct hs_bytes pem = {.data = NULL};
	const char *row = self_rows[i].row;
	struct keel_backend_params client;
	struct keel_backend_params server;
	struct keel_cert_info info;
	struct keel_hs_info hs_info;
	struct keel_diag diag = {.text = ""};
	struct pki_pair pair_pem;
	struct hs_pair pair;
	void *ctxs[2];

	REQUIRE_INT(row, self_rows[i].want,
		    be->self_signed(self_rows[i].host, hs_bytes_sink, &pem));
	if (self_rows[i].want) {
		CHECK_INT(row, 0, pem.len);
		return;
	}
	ATF_REQUIRE_EQ(0, hs_bytes_sink(&pem, "", 1));
	pair_pem.cert = pair_pem.key = (char *)pem.data;
	client = hs_params(KEEL_CLIENT, NULL, pair_pem.cert);
	server = hs_params(KEEL_SERVER, &pair_pem, NULL);
	ATF_REQUIRE_EQ_MSG(0, be->ctx_new(&client, &diag, &ctxs[0]), "%s",
			   diag.text);
	ATF_REQUIRE_EQ_MSG(0, be->ctx_new(&server, &diag, &ctxs[1]), "%s",
			   diag.text);
	ATF_REQUIRE_EQ(0, hs_pair_init(&pair, be, ctxs[0], ctxs[1], &hs_p));
	ATF_CHECK_MSG(hs_pair_run(&pair), "%s: %s", row, pair.client.err.site);
	ATF_REQUIRE_EQ(0, be->hs_info(pair.client.hs, &hs_info));
	CHECK_INT(row, 1, hs_info.peer_verified);
	ATF_REQUIRE_EQ(0, be->ctx_cert_info(ctxs[1], &info));
	CHECK_INT(row, 1, info.not_after > time(NULL) + 29 * 86400);
	CHECK_INT(row, 1, info.not_after < time(NULL) + 31 * 86400);
	hs_pair_fini(&pair);
	be->ctx_free(ctxs[0]);
	be->ctx_free(ctxs[1]);
	hs_bytes_fini(&pem);
}

CASE(self_signed__is_accepted,
     "A self-signed certificate verifies for whoever trusts it")
{
	init();
	for (size_t i = 0; i < sizeof(self_rows) / sizeof(self_rows[0]); i++)
		self_signed_row(i);
}

CASE(cert_info__fingerprints, "Digests of the certificate and of its key")
{
	struct keel_backend_params params;
	uint8_t want[EVP_MAX_MD_SIZE];
	struct keel_cert_info info;
	unsigned char *der = NULL;
	struct keel_diag diag;
	struct pki_pair leaf;
	unsigned int len;
	struct pki pki;
	X509 *x509;
	void *ctx;
	BIO *bio;
	int n;

	init();
	pki_init(&pki);
	pki_issue(&pki, &pki_ecdsa, &leaf);
	params = hs_params(KEEL_SERVER, &leaf, NULL);
	ATF_REQUIRE_EQ(0, be->ctx_new(&params, &diag, &ctx));
	ATF_REQUIRE_EQ(0, be->ctx_cert_info(ctx, &info));
	bio = BIO_new_mem_buf(leaf.cert, -1);
	x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	ATF_REQUIRE(X509_digest(x509, EVP_sha256(), want, &len) && len == 32);
	CHECK_MEM("certificate", want, info.sha256, 32);
	n = i2d_PUBKEY(X509_get0_pubkey(x509), &der);
	ATF_REQUIRE(n > 0 &&
		    EVP_Digest(der, (size_t)n, want, NULL, EVP_sha256(), NULL));
	CHECK_MEM("key", want, info.spki_sha256, 32);
	OPENSSL_free(der);
	X509_free(x509);
	BIO_free(bio);
	be->ctx_free(ctx);
	params = hs_params(KEEL_CLIENT, NULL, pki.cert);
	ATF_REQUIRE_EQ(0, be->ctx_new(&params, &diag, &ctx));
	CHECK_INT("client", -ENOENT, be->ctx_cert_info(ctx, &info));
	be->ctx_free(ctx);
	pki_pair_fini(&leaf);
	pki_fini(&pki);
}

/* Intermediates in the file are sent, in order. */
CASE(cert__chain_is_sent, "A chain of PEM blocks reaches the peer whole")
{
	struct keel_backend_params client;
	struct keel_backend_params server;
	struct keel_diag diag = {.text = ""};
	struct pki_pair both;
	struct pki_pair leaf;
	struct hs_pair pair;
	struct pki pki;
	void *ctxs[2];
	SSL *ssl;

	init();
	pki_init(&pki);
	pki_issue(&pki, &pki_ecdsa, &leaf);
	both = leaf;
	ATF_REQUIRE(asprintf(&both.cert, "%s%s", leaf.cert, pki.cert) > 0);
	client = hs_params(KEEL_CLIENT, NULL, pki.cert);
	server = hs_params(KEEL_SERVER, &both, NULL);
	ATF_REQUIRE_EQ(0, be->ctx_new(&client, &diag, &ctxs[0]));
	ATF_REQUIRE_EQ(0, be->ctx_new(&server, &diag, &ctxs[1]));
	ATF_REQUIRE_EQ(0, hs_pair_init(&pair, be, ctxs[0], ctxs[1], NULL));
	ATF_REQUIRE_EQ(1, hs_pair_run(&pair));
	ssl = ((struct keel__ossl_hs *)pair.client.hs)->ssl;
	CHECK_INT("chain", 2, sk_X509_num(SSL_get_peer_cert_chain(ssl)));
	hs_pair_fini(&pair);
	be->ctx_free(ctxs[0]);
	be->ctx_free(ctxs[1]);
	free(both.cert);
	pki_pair_fini(&leaf);
	pki_fini(&pki);
}

CASE(ctx__system_store, "A client can rest on the system's trusted roots")
{
	struct keel_backend_params params = hs_params(KEEL_CLIENT, NULL, NULL);
	struct keel_diag diag = {.text = ""};
	void *ctx = NULL;

	init();
	params.system_ca = true;
	params.verify = KEEL_VERIFY_REQUIRED;
	ATF_CHECK_EQ_MSG(0, be->ctx_new(&params, &diag, &ctx), "%s", diag.text);
	be->ctx_free(ctx);
}

static void *init_thread(void *arg)
{
	char why[256];

	return be->init(why, sizeof(why)) ? arg : NULL;
}

CASE(init__from_threads, "Eight threads may initialise at once")
{
	pthread_t threads[8];
	int failed = 1;
	void *ret;

	for (size_t i = 0; i < 8; i++)
		ATF_REQUIRE_EQ(0, pthread_create(&threads[i], NULL, init_thread,
						 &failed));
	for (size_t i = 0; i < 8; i++) {
		ATF_REQUIRE_EQ(0, pthread_join(threads[i], &ret));
		ATF_CHECK(!ret);
	}
	ATF_CHECK(*be->build_version() && *be->run_version());
}

#define NR_THREADS 4
#define NR_PER_THREAD 25

static void *handshake_thread(void *arg)
{
	void **ctxs = arg;
	struct hs_pair pair;
	intptr_t nr = 0;

	for (int i = 0; i < NR_PER_THREAD; i++) {
		if (hs_pair_init(&pair, be, ctxs[0], ctxs[1], NULL))
			break;
		nr += hs_pair_run(&pair);
		hs_pair_fini(&pair);
	}
	return (void *)nr;
}

CASE(ctx__shared_by_threads,
     "Threads run handshakes on the same two contexts at once")
{
	struct keel_backend_params client;
	struct keel_backend_params server;
	pthread_t threads[NR_THREADS];
	struct keel_diag diag;
	struct pki_pair leaf;
	struct pki pki;
	void *ctxs[2];
	void *ret;

	init();
	pki_init(&pki);
	pki_issue(&pki, &pki_ecdsa, &leaf);
	client = hs_params(KEEL_CLIENT, NULL, pki.cert);
	server = hs_params(KEEL_SERVER, &leaf, NULL);
	ATF_REQUIRE_EQ(0, be->ctx_new(&client, &diag, &ctxs[0]));
	ATF_REQUIRE_EQ(0, be->ctx_new(&server, &diag, &ctxs[1]));
	for (size_t i = 0; i < NR_THREADS; i++)
		ATF_REQUIRE_EQ(0, pthread_create(&threads[i], NULL,
						 handshake_thread, ctxs));
	for (size_t i = 0; i < NR_THREADS; i++) {
		ATF_REQUIRE_EQ(0, pthread_join(threads[i], &ret));
		CHECK_INT("thread", NR_PER_THREAD, (intptr_t)ret);
	}
	be->ctx_free(ctxs[0]);
	be->ctx_free(ctxs[1]);
	pki_pair_fini(&leaf);
	pki_fini(&pki);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, diagnosis__names_thing_and_remedy);
	ATF_TP_ADD_TC(tp, suites__decide_versions);
	ATF_TP_ADD_TC(tp, suites__server_order);
	ATF_TP_ADD_TC(tp, self_signed__is_accepted);
	ATF_TP_ADD_TC(tp, cert_info__fingerprints);
	ATF_TP_ADD_TC(tp, cert__chain_is_sent);
	ATF_TP_ADD_TC(tp, ctx__system_store);
	ATF_TP_ADD_TC(tp, init__from_threads);
	ATF_TP_ADD_TC(tp, ctx__shared_by_threads);
	return atf_no_error();
}
