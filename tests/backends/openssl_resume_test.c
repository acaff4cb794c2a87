/* SPDX-License-Identifier: MIT */
/* Which sessions the OpenSSL backend resumes, and which it does not. */
#include "lib/backends/openssl/openssl-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include <openssl/pem.h>

#include "tests/backends/bed.h"
#include "tests/support/case.h"
#include "tests/support/check.h"

#define DAY_S (24 * 3600)

static const struct keel_backend *const be = &keel__backend_openssl;
static const uint16_t versions[] = {KEEL_TLS1_2, KEEL_TLS1_3};

/*
 * The clock of this program and, by symbol interposition, of OpenSSL: sessions
 * and certificates can be seen to age.
 */
static time_t clock_skew;

__attribute__((visibility("default"))) time_t time(time_t *ret_now)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_sec += clock_skew;
	if (ret_now)
		*ret_now = now.tv_sec;
	return now.tv_sec;
}

/* What OpenSSL has asked since 3.2, for sessions. */
__attribute__((visibility("default"))) int
gettimeofday(struct timeval *restrict ret_now, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	ret_now->tv_sec = now.tv_sec + clock_skew;
	ret_now->tv_usec = (suseconds_t)(now.tv_nsec / 1000);
	return 0;
}

static const char *version_name(uint16_t version)
{
	return version == KEEL_TLS1_3 ? "1.3" : "1.2";
}

/* The next handshake has a client context of the present parameters. */
static void new_client(struct bed *bed)
{
	be->ctx_free(bed->client_ctx);
	bed->client_ctx = NULL;
}

static SSL_SESSION *offered(const struct bed *bed)
{
	return SSL_get_session(
		((struct keel__ossl_hs *)bed->hs.client.hs)->ssl);
}

/* The blob is as good as none: a full handshake, which succeeds. */
static void check_absent(struct bed *bed, const char *row,
			 const struct hs_bytes *session)
{
	REQUIRE_INT(row, 0, bed_start(bed, bed->host, session));
	ATF_CHECK_MSG(!offered(bed), "%s: it is offered", row);
	hs_pair_fini(&bed->hs);
	bed_run(bed, row, session);
	CHECK_INT(row, 0, bed_info(&bed->hs.client).resumed);
	CHECK_INT(row, 0, bed_info(&bed->hs.server).resumed);
	hs_pair_fini(&bed->hs);
}

/* A full handshake follows, and @side refuses the other's certificate in it. */
static void check_refused(struct bed *bed, struct hs_side *side,
			  const char *row, const struct hs_bytes *session,
			  long native)
{
	REQUIRE_INT(row, 0, bed_start(bed, bed->host, session));
	CHECK_INT(row, 0, hs_pair_run(&bed->hs));
	CHECK_INT(row, -EKEYREJECTED, side->result);
	CHECK_INT(row, native, side->err.native);
	CHECK_INT(row, KEEL_ERR_SENT_ALERT, side->err.origin);
	hs_pair_fini(&bed->hs);
}

static void resume(uint16_t version, const char *row)
{
	struct hs_bytes session = {.data = NULL};
	struct bed bed;

	bed_init(&bed, &pki_ecdsa);
	bed_set_version(&bed, version);
	bed_full(&bed, &session, row);
	bed_run(&bed, row, &session);
	CHECK_INT(row, 1, bed_info(&bed.hs.client).resumed);
	CHECK_INT(row, 1, bed_info(&bed.hs.server).resumed);
	CHECK_INT(row, 1, bed_info(&bed.hs.client).peer_verified);
	ATF_CHECK_STREQ(PKI_HOST, bed_info(&bed.hs.server).sni);
	bed_cross_check(&bed, NULL, row);
	hs_bytes_fini(&session);
	bed_fini(&bed);
}

CASE(resume__tls13, "A TLS 1.3 ticket taken by the shadow resumes")
{
	resume(KEEL_TLS1_3, "1.3");
}

CASE(resume__tls12, "A TLS 1.2 session with a ticket resumes")
{
	resume(KEEL_TLS1_2, "1.2");
}

CASE(resume__damaged, "A blob that is cut, longer, changed or rubbish counts "
		      "as none")
{
	struct hs_bytes session = {.data = NULL};
	struct bed bed;
	size_t len;

	bed_init(&bed, &pki_ecdsa);
	bed_full(&bed, &session, "full");
	len = session.len;
	check_absent(&bed, "other bytes",
		     &(struct hs_bytes){(uint8_t *)session.data + 1, len - 1});
	for (session.len = 0; session.len < len; session.len += 37)
		check_absent(&bed, "cut", &session);
	session.len = len;
	for (size_t i = 0; i < len; i += 13) {
		session.data[i] ^= 1;
		check_absent(&bed, "changed", &session);
		session.data[i] ^= 1;
	}
	REQUIRE_INT("more", 0, hs_bytes_sink(&session, "x", 1));
	check_absent(&bed, "more", &session);
	memset(session.data, 'x', session.len);
	check_absent(&bed, "rubbish", &session);
	hs_bytes_fini(&session);
	bed_fini(&bed);
}

/* How the second client differs from the one that the blob is of. */
enum change {
	CHANGE_NONE,
	CHANGE_TO_VERIFY,
	CHANGE_TO_TRUST_ALL,
	CHANGE_CA_TEXT,
	CHANGE_CERT,
};

static const struct {
	const char *row;
	enum change change;
	bool resumed;
} change_rows[] = {
	{"the same again", CHANGE_NONE, true},
	{"did not verify before", CHANGE_TO_VERIFY, false},
	{"does not verify now", CHANGE_TO_TRUST_ALL, false},
	{"one CA more", CHANGE_CA_TEXT, false},
	{"another client certificate", CHANGE_CERT, false},
};

static void change_row(size_t i, uint16_t version)
{
	struct hs_bytes session = {.data = NULL};
	struct hs_bytes cas = {.data = NULL};
	enum change change = change_rows[i].change;
	const char *row = change_rows[i].row;
	struct pki_pair leaf;
	struct pki other;
	struct bed bed;

	bed_init(&bed, &pki_ecdsa);
	pki_init(&other);
	pki_issue(&other, &pki_client, &leaf);
	hs_bytes_sink(&cas, bed.pki.cert, strlen(bed.pki.cert));
	hs_bytes_sink(&cas, other.cert, strlen(other.cert) + 1);
	if (change == CHANGE_TO_VERIFY)
		bed.client_params.verify = KEEL_VERIFY_NONE;
	bed_set_version(&bed, version);
	bed_full(&bed, &session, row);
	new_client(&bed);
	if (change == CHANGE_CERT)
		bed.client_params = hs_params(KEEL_CLIENT, &leaf, bed.pki.cert);
	if (change == CHANGE_CA_TEXT)
		bed.client_params =
			hs_params(KEEL_CLIENT, NULL, (const char *)cas.data);
	bed.client_params.verify = change == CHANGE_TO_TRUST_ALL
					   ? KEEL_VERIFY_NONE
					   : KEEL_VERIFY_REQUIRED;
	bed_set_version(&bed, version);
	if (change_rows[i].resumed) {
		bed_run(&bed, row, &session);
		CHECK_INT(row, 1, bed_info(&bed.hs.client).resumed);
	} else {
		check_absent(&bed, row, &session);
	}
	hs_bytes_fini(&cas);
	hs_bytes_fini(&session);
	pki_pair_fini(&leaf);
	pki_fini(&other);
	bed_fini(&bed);
}

CASE(resume__bound_to_trust,
     "A blob is offered by a context of the same trust and identity only")
{
	for (size_t i = 0; i < sizeof(change_rows) / sizeof(change_rows[0]);
	     i++) {
		change_row(i, KEEL_TLS1_2);
		change_row(i, KEEL_TLS1_3);
	}
}

CASE(resume__other_ca,
     "A client that trusts another CA verifies anew, and refuses the server")
{
	struct hs_bytes session = {.data = NULL};
	struct pki other;
	struct bed bed;

	for (size_t i = 0; i < 2; i++) {
		bed_init(&bed, &pki_ecdsa);
		bed_set_version(&bed, versions[i]);
		bed_full(&bed, &session, "full");
		pki_init(&other);
		bed.client_params = hs_params(KEEL_CLIENT, NULL, other.cert);
		new_client(&bed);
		check_refused(&bed, &bed.hs.client, version_name(versions[i]),
			      &session,
			      X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
		pki_fini(&other);
		hs_bytes_fini(&session);
		bed_fini(&bed);
	}
}

CASE(resume__other_host,
     "A session of one name is not offered for another, in either version")
{
	struct hs_bytes session = {.data = NULL};
	struct bed bed;

	for (size_t i = 0; i < 2; i++) {
		bed_init(&bed, &pki_ecdsa);
		bed_set_version(&bed, versions[i]);
		bed_full(&bed, &session, "full");
		bed.host = "other.test";
		check_refused(&bed, &bed.hs.client, version_name(versions[i]),
			      &session, X509_V_ERR_HOSTNAME_MISMATCH);
		hs_bytes_fini(&session);
		bed_fini(&bed);
	}
}

/* A server would end the handshake: RFC 5246 section 7.4.1.2. */
CASE(resume__suite_not_offered,
     "TLS 1.2: a session whose suite is not offered any more counts as none")
{
	static const uint16_t suites[] = {0xc02b, 0xc02c};
	struct hs_bytes session = {.data = NULL};
	struct bed bed;

	bed_init(&bed, &pki_ecdsa);
	bed_set_version(&bed, KEEL_TLS1_2);
	bed.client_params.nr_suites = 1;
	bed.client_params.suites = &suites[0];
	bed_full(&bed, &session, "full");
	bed.client_params.suites = &suites[1];
	new_client(&bed);
	check_absent(&bed, "other suite", &session);
	hs_bytes_fini(&session);
	bed_fini(&bed);
}

static const struct {
	const char *row;
	time_t later;
} stale_rows[] = {
	{"timed out", 8000},
	{"a clock set back", -100},
};

CASE(resume__stale, "A session past its time, or from the future, is not "
		    "offered")
{
	struct hs_bytes session = {.data = NULL};
	struct bed bed;

	for (size_t i = 0; i < 4; i++) {
		bed_init(&bed, &pki_ecdsa);
		bed_set_version(&bed, versions[i % 2]);
		bed_full(&bed, &session, "full");
		clock_skew = stale_rows[i / 2].later;
		check_absent(&bed, stale_rows[i / 2].row, &session);
		clock_skew = 0;
		hs_bytes_fini(&session);
		bed_fini(&bed);
	}
}

CASE(resume__server_cert_expired,
     "Client: a session does not outlive the server's certificate")
{
	static const struct pki_spec spec = {.from_days = -1, .until_days = 1};
	struct hs_bytes session = {.data = NULL};
	struct bed bed;

	for (size_t i = 0; i < 2; i++) {
		bed_init(&bed, &spec);
		bed_set_version(&bed, versions[i]);
		clock_skew = DAY_S - 1000;
		bed_full(&bed, &session, "full");
		clock_skew = DAY_S + 1000;
		check_refused(&bed, &bed.hs.client, version_name(versions[i]),
			      &session, X509_V_ERR_CERT_HAS_EXPIRED);
		clock_skew = 0;
		hs_bytes_fini(&session);
		bed_fini(&bed);
	}
}

static void client_cert_row(uint16_t version, enum keel_verify verify)
{
	static const struct pki_spec spec = {
		.from_days = -1,
		.until_days = 1,
		.is_client = true,
	};
	const char *row = version_name(version);
	struct hs_bytes session = {.data = NULL};
	struct pki_pair leaf;
	struct bed bed;

	bed_init(&bed, &pki_ecdsa);
	pki_issue(&bed.pki, &spec, &leaf);
	bed.client_params = hs_params(KEEL_CLIENT, &leaf, bed.pki.cert);
	bed.server_params = hs_params(KEEL_SERVER, &bed.pair, bed.pki.cert);
	bed.server_params.verify = verify;
	bed_set_version(&bed, version);
	clock_skew = DAY_S - 1000;
	bed_full(&bed, &session, row);
	/* Good, still; TLS 1.3 renews the ticket. */
	clock_skew = DAY_S - 500;
	bed_run(&bed, row, &session);
	CHECK_INT(row, 1, bed_info(&bed.hs.server).resumed);
	CHECK_INT(row, 1, bed_info(&bed.hs.server).peer_verified);
	bed_cross_check(&bed, version == KEEL_TLS1_3 ? &session : NULL, row);
	hs_pair_fini(&bed.hs);
	clock_skew = DAY_S + 1000;
	check_refused(&bed, &bed.hs.server, row, &session,
		      X509_V_ERR_CERT_HAS_EXPIRED);
	clock_skew = 0;
	pki_pair_fini(&leaf);
	hs_bytes_fini(&session);
	bed_fini(&bed);
}

CASE(resume__client_cert_expired,
     "Server: no ticket, nor a renewed one, outlives the client's certificate")
{
	for (size_t i = 0; i < 2; i++) {
		client_cert_row(versions[i], KEEL_VERIFY_OPTIONAL);
		client_cert_row(versions[i], KEEL_VERIFY_REQUIRED);
	}
}

/* A leaf without alternative names: its common name is PKI_HOST. */
static void bed_init_cn_only(struct bed *bed)
{
	BIO *bio;
	char *text;
	X509 *cert;
	long len;
	int at;

	bed_init(bed, &pki_ecdsa);
	bio = BIO_new_mem_buf(bed->pair.cert, -1);
	cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	at = X509_get_ext_by_NID(cert, NID_subject_alt_name, -1);
	ATF_REQUIRE(at >= 0);
	X509_EXTENSION_free(X509_delete_ext(cert, at));
	bio = BIO_new(BIO_s_mem());
	ATF_REQUIRE(X509_sign(cert, bed->pki.pkey, EVP_sha256()) &&
		    PEM_write_bio_X509(bio, cert));
	X509_free(cert);
	len = BIO_get_mem_data(bio, &text);
	free(bed->pair.cert);
	bed->pair.cert = strndup(text, (size_t)len);
	BIO_free(bio);
	bed->server_params = hs_params(KEEL_SERVER, &bed->pair, NULL);
}

CASE(verify__common_name,
     "A name in the subject alone is no match (RFC 9525 section 6.3)")
{
	struct bed bed;

	for (size_t i = 0; i < 2; i++) {
		bed_init_cn_only(&bed);
		bed_set_version(&bed, versions[i]);
		check_refused(&bed, &bed.hs.client, version_name(versions[i]),
			      NULL, X509_V_ERR_HOSTNAME_MISMATCH);
		bed_fini(&bed);
	}
}

/* Sessions of one client, marked as if another had made them. */
static const struct {
	const char *row;
	enum keel_verify verify; /* of the one; the other requires it */
	const char *host;
	const char *asks; /* the other */
	bool cn_only;
	bool other_ca;
	long native;
} net_rows[] = {
	{.row = "another name",
	 .verify = KEEL_VERIFY_REQUIRED,
	 .host = PKI_HOST,
	 .asks = "other.test",
	 .native = X509_V_ERR_HOSTNAME_MISMATCH},
	{.row = "a common name",
	 .verify = KEEL_VERIFY_REQUIRED,
	 .asks = PKI_HOST,
	 .cn_only = true,
	 .native = X509_V_ERR_HOSTNAME_MISMATCH},
	{.row = "nothing verified",
	 .verify = KEEL_VERIFY_NONE,
	 .host = PKI_HOST,
	 .asks = PKI_HOST,
	 .other_ca = true,
	 .native = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY},
};

static void net_row(size_t i, uint16_t version)
{
	const char *row = net_rows[i].row;
	struct hs_bytes session = {.data = NULL};
	uint8_t trust[KEEL__OSSL_TRUST_LEN];
	struct hs_side *client;
	struct pki other;
	struct bed bed;

	if (net_rows[i].cn_only)
		bed_init_cn_only(&bed);
	else
		bed_init(&bed, &pki_ecdsa);
	client = &bed.hs.client;
	pki_init(&other);
	if (net_rows[i].other_ca)
		bed.client_params = hs_params(KEEL_CLIENT, NULL, other.cert);
	bed_set_version(&bed, version);
	REQUIRE_INT(row, 0, bed_start(&bed, net_rows[i].asks, NULL));
	memcpy(trust, ((struct keel__ossl_hs *)client->hs)->trust,
	       sizeof(trust));
	hs_pair_fini(&bed.hs);
	bed.client_params.verify = net_rows[i].verify;
	new_client(&bed);
	bed.host = net_rows[i].host;
	bed.trust = trust;
	bed_full(&bed, &session, row);
	bed.client_params.verify = KEEL_VERIFY_REQUIRED;
	new_client(&bed);
	REQUIRE_INT(row, 0, bed_start(&bed, net_rows[i].asks, &session));
	ATF_CHECK_MSG(offered(&bed), "%s: not offered", row);
	CHECK_INT(row, 0, hs_pair_run(&bed.hs));
	CHECK_INT(row, -EKEYREJECTED, client->result);
	CHECK_INT(row, net_rows[i].native, client->err.native);
	CHECK_INT(row, KEEL_ERR_BACKEND, client->err.origin);
	CHECK_INT(row, 0, client->err.alert);
	pki_fini(&other);
	hs_bytes_fini(&session);
	bed_fini(&bed);
}

CASE(resume__forged_mark,
     "A session marked with a trust that it has not is refused when resumed")
{
	for (size_t i = 0; i < sizeof(net_rows) / sizeof(net_rows[0]); i++) {
		net_row(i, KEEL_TLS1_2);
		net_row(i, KEEL_TLS1_3);
	}
}

CASE(resume__after_server_changed,
     "A ticket of another server's keys leads to a full handshake")
{
	struct hs_bytes session = {.data = NULL};
	struct bed bed;

	bed_init(&bed, &pki_ecdsa);
	bed_full(&bed, &session, "full");
	be->ctx_free(bed.server_ctx);
	bed.server_ctx = NULL;
	bed_run(&bed, "again", &session);
	CHECK_INT("client", 0, bed_info(&bed.hs.client).resumed);
	CHECK_INT("again", 2, bed_cross_check(&bed, NULL, "again"));
	hs_bytes_fini(&session);
	bed_fini(&bed);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, resume__tls13);
	ATF_TP_ADD_TC(tp, resume__tls12);
	ATF_TP_ADD_TC(tp, resume__damaged);
	ATF_TP_ADD_TC(tp, resume__bound_to_trust);
	ATF_TP_ADD_TC(tp, resume__other_ca);
	ATF_TP_ADD_TC(tp, resume__other_host);
	ATF_TP_ADD_TC(tp, resume__suite_not_offered);
	ATF_TP_ADD_TC(tp, resume__stale);
	ATF_TP_ADD_TC(tp, resume__server_cert_expired);
	ATF_TP_ADD_TC(tp, resume__client_cert_expired);
	ATF_TP_ADD_TC(tp, resume__forged_mark);
	ATF_TP_ADD_TC(tp, resume__after_server_changed);
	ATF_TP_ADD_TC(tp, verify__common_name);
	return atf_no_error();
}
