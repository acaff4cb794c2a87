/* SPDX-License-Identifier: MIT */
/* Handshakes of every backend with every backend. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base-private.h"
#include "tests/backends/bed.h"
#include "tests/backends/rows.h"
#include "tests/support/case.h"
#include "tests/support/check.h"

#define ALERT_BAD_CERTIFICATE 42
#define ALERT_UNKNOWN_CA 48
#define ALERT_NO_APPLICATION_PROTOCOL 120

static const uint16_t versions[] = {KEEL_TLS1_2, KEEL_TLS1_3};

/* Names the client, the server and what is done, for every message. */
static char row[128];

static void name_row(const struct bed *bed, const char *what)
{
	snprintf(row, sizeof(row), "%s to %s, %s", bed->client->name,
		 bed->server->name, what);
}

/* Every ordered pair, with a bed for each. */
static void each_pair(const struct pki_spec *spec, void (*fn)(struct bed *bed))
{
	const struct keel_backend *client;
	const struct keel_backend *server;
	struct bed bed;

	for (size_t i = 0; (client = backend_row(i)); i++) {
		for (size_t k = 0; (server = backend_row(k)); k++) {
			bed_init_of(&bed, spec, client, server);
			name_row(&bed, "");
			fn(&bed);
			bed_fini(&bed);
		}
	}
}

/* To begin anew with changed parameters. */
static void drop_contexts(struct bed *bed)
{
	hs_pair_fini(&bed->hs);
	bed->client->ctx_free(bed->client_ctx);
	bed->server->ctx_free(bed->server_ctx);
	bed->client_ctx = NULL;
	bed->server_ctx = NULL;
}

static bool suite_fits(const struct bed *bed, const struct keel_suite *suite)
{
	bool is_ecdsa = strstr(bed->pair.key, "BEGIN PRIVATE") &&
			strlen(bed->pair.key) < 500;

	return suite->version == KEEL_TLS1_3 ||
	       !!strstr(suite->name, "ECDSA") == is_ecdsa;
}

/*
 * TLS 1.2: the explicit nonce that is to come is above that of the Finished,
 * the one record so far that was sealed with the key (RFC 5288 section 3).
 */
static void check_nonce(struct hs_side *side, const struct keel_suite *suite)
{
	struct hs_bytes rest = side->sent;
	struct keel_export export;
	uint64_t used = 0;
	size_t len;

	if (suite->version != KEEL_TLS1_2 ||
	    suite->aead == KEEL_AEAD_CHACHA20_POLY1305)
		return;
	while ((len = hs_bytes_record(&rest)) && len < rest.len) {
		rest.data += len;
		rest.len -= len;
	}
	REQUIRE_INT(row, rest.len, len);
	for (size_t i = 5; i < 13; i++)
		used = used << 8 | rest.data[i];
	REQUIRE_INT(row, 0, side->be->hs_export(side->hs, KEEL_TX, &export));
	CHECK_INT(row, used + 1, export.explicit_nonce);
}

static void try_suite(struct bed *bed, const struct keel_suite *suite)
{
	struct keel_hs_info info;
	bool has_tickets = suite->version == KEEL_TLS1_3 &&
			   bed->server->caps & KEEL_CAP_RESUME;

	name_row(bed, suite->name);
	bed->client_params.suites = &suite->id;
	bed->client_params.nr_suites = 1;
	bed_run(bed, row, NULL);
	for (int i = 0; i < 2; i++) {
		info = bed_info(i ? &bed->hs.client : &bed->hs.server);
		CHECK_INT(row, suite->id, info.suite->id);
		CHECK_INT(row, suite->version, info.version);
		CHECK_INT(row, i, info.peer_verified);
		CHECK_INT(row, 0, info.resumed);
		CHECK_INT(row, 0, info.max_fragment);
	}
	check_nonce(&bed->hs.client, suite);
	check_nonce(&bed->hs.server, suite);
	CHECK_INT(row, has_tickets ? 2 : 0, bed_cross_check(bed, NULL, row));
	drop_contexts(bed);
}

static void try_suites(struct bed *bed)
{
	const struct keel_suite *suite;

	for (size_t i = 0; (suite = keel_suite_at(i)); i++) {
		if (suite_fits(bed, suite))
			try_suite(bed, suite);
	}
}

CASE(pair__every_suite_ecdsa,
     "Every suite that an ECDSA key can serve, between each two backends: keys "
     "and numbers of both ends fit")
{
	each_pair(&pki_ecdsa, try_suites);
}

CASE(pair__every_suite_rsa,
     "Every suite that an RSA key can serve, between each two backends: keys "
     "and numbers of both ends fit")
{
	each_pair(&pki_rsa, try_suites);
}

static const uint8_t alpn_client[] = "\2h2\10http/1.1\3foo";
static const uint8_t alpn_server[] = "\10http/1.1\2h2";
static const uint8_t alpn_other[] = "\3bar";

static void set_alpn(struct keel_backend_params *params, const uint8_t *list)
{
	params->alpn = list;
	params->alpn_len = strlen((const char *)list);
}

static void try_names(struct bed *bed)
{
	struct keel_hs_info info;

	set_alpn(&bed->client_params, alpn_client);
	set_alpn(&bed->server_params, alpn_server);
	for (size_t i = 0; i < KEEL__ARRAY_LEN(versions); i++) {
		bed_set_version(bed, versions[i]);
		name_row(bed, keel_version_name(versions[i]));
		bed_run(bed, row, NULL);
		info = bed_info(&bed->hs.server);
		REQUIRE_INT(row, 8, info.alpn_len);
		CHECK_MEM(row, "http/1.1", info.alpn, 8);
		ATF_CHECK_STREQ(PKI_HOST, info.sni ? info.sni : "none");
		info = bed_info(&bed->hs.client);
		REQUIRE_INT(row, 8, info.alpn_len);
		CHECK_MEM(row, "http/1.1", info.alpn, 8);
		ATF_CHECK(!info.sni);
		drop_contexts(bed);
	}
}

CASE(pair__names,
     "The server's first protocol that the client offers, and the host's name")
{
	each_pair(&pki_ecdsa, try_names);
}

static void try_address(struct bed *bed)
{
	static const char *const hosts[] = {"127.0.0.1", "::1"};

	for (size_t i = 0; i < KEEL__ARRAY_LEN(hosts); i++) {
		name_row(bed, hosts[i]);
		bed->host = hosts[i];
		bed_run(bed, row, NULL);
		ATF_CHECK_MSG(!bed_info(&bed->hs.server).sni, "%s: sent", row);
		CHECK_INT(row, 1, bed_info(&bed->hs.client).peer_verified);
		drop_contexts(bed);
	}
}

CASE(pair__addresses, "An address is verified, and not sent as a name")
{
	each_pair(&pki_ecdsa, try_address);
}

/*
 * Both ends fail: one says why with that alert, the other hears it. In TLS 1.3
 * a client may be done before the server looks at its certificate.
 */
static void check_failure(struct bed *bed, struct hs_side *refuses,
			  struct hs_side *hears, int err, unsigned int alert)
{
	hs_pair_run(&bed->hs);
	CHECK_INT(row, err, refuses->result);
	CHECK_INT(row, KEEL_ERR_SENT_ALERT, refuses->err.origin);
	CHECK_INT(row, alert, refuses->err.alert);
	ATF_CHECK_MSG(refuses->err.site, "%s: no site", row);
	if (hears->result == KEEL_HS_DONE) {
		ATF_CHECK_MSG(hs_bytes_record(&hears->in), "%s: no alert", row);
	} else {
		CHECK_INT(row, -ECONNRESET, hears->result);
		CHECK_INT(row, KEEL_ERR_PEER_ALERT, hears->err.origin);
		CHECK_INT(row, alert, hears->err.alert);
	}
	drop_contexts(bed);
}

static void try_no_protocol(struct bed *bed)
{
	set_alpn(&bed->client_params, alpn_client);
	set_alpn(&bed->server_params, alpn_other);
	for (size_t i = 0; i < KEEL__ARRAY_LEN(versions); i++) {
		bed_set_version(bed, versions[i]);
		name_row(bed, keel_version_name(versions[i]));
		REQUIRE_INT(row, 0, bed_start(bed, PKI_HOST, NULL));
		check_failure(bed, &bed->hs.server, &bed->hs.client, -EPROTO,
			      ALERT_NO_APPLICATION_PROTOCOL);
	}
}

CASE(pair__no_protocol_in_common, "No protocol in common ends the handshake")
{
	each_pair(&pki_ecdsa, try_no_protocol);
}

static unsigned int wanted_alert;

static void try_bad_certificate(struct bed *bed)
{
	for (size_t i = 0; i < KEEL__ARRAY_LEN(versions); i++) {
		bed_set_version(bed, versions[i]);
		name_row(bed, keel_version_name(versions[i]));
		REQUIRE_INT(row, 0, bed_start(bed, PKI_HOST, NULL));
		check_failure(bed, &bed->hs.client, &bed->hs.server,
			      -EKEYREJECTED, wanted_alert);
	}
}

CASE(pair__certificate_of_another,
     "A client refuses a certificate for another host")
{
	wanted_alert = ALERT_BAD_CERTIFICATE;
	each_pair(&pki_wrong_host, try_bad_certificate);
}

CASE(pair__certificate_with_a_common_name_only,
     "A common name is no name: RFC 9525 section 6.3")
{
	wanted_alert = ALERT_BAD_CERTIFICATE;
	each_pair(&pki_common_name, try_bad_certificate);
}

static void try_stranger(struct bed *bed)
{
	struct pki other;

	pki_init(&other);
	bed->client_params.ca_pem = other.cert;
	bed->client_params.ca_len = strlen(other.cert);
	wanted_alert = ALERT_UNKNOWN_CA;
	try_bad_certificate(bed);
	pki_fini(&other);
}

CASE(pair__unknown_authority,
     "A client refuses a certificate of an authority it does not know")
{
	each_pair(&pki_ecdsa, try_stranger);
}

static void trust_clients(struct bed *bed, enum keel_verify verify)
{
	bed->server_params.verify = verify;
	bed->server_params.ca_pem = bed->pki.cert;
	bed->server_params.ca_len = strlen(bed->pki.cert);
}

static void try_client_certificate(struct bed *bed)
{
	struct pki_pair pair;
	struct keel_backend_params plain = bed->client_params;

	pki_issue(&bed->pki, &pki_client, &pair);
	for (size_t i = 0; i < KEEL__ARRAY_LEN(versions); i++) {
		bed->client_params = plain;
		bed_set_version(bed, versions[i]);
		name_row(bed, keel_version_name(versions[i]));
		trust_clients(bed, KEEL_VERIFY_OPTIONAL);
		bed_run(bed, row, NULL);
		CHECK_INT(row, 0, bed_info(&bed->hs.server).peer_verified);
		bed_cross_check(bed, NULL, row);
		drop_contexts(bed);
		trust_clients(bed, KEEL_VERIFY_REQUIRED);
		bed->client_params.cert_pem = pair.cert;
		bed->client_params.cert_len = strlen(pair.cert);
		bed->client_params.key_pem = pair.key;
		bed->client_params.key_len = strlen(pair.key);
		bed_run(bed, row, NULL);
		CHECK_INT(row, 1, bed_info(&bed->hs.server).peer_verified);
		bed_cross_check(bed, NULL, row);
		drop_contexts(bed);
	}
	pki_pair_fini(&pair);
}

CASE(pair__client_certificate,
     "A server that asks takes a good certificate, and none if it may be so")
{
	each_pair(&pki_ecdsa, try_client_certificate);
}

static void try_no_client_certificate(struct bed *bed)
{
	trust_clients(bed, KEEL_VERIFY_REQUIRED);
	for (size_t i = 0; i < KEEL__ARRAY_LEN(versions); i++) {
		bed_set_version(bed, versions[i]);
		name_row(bed, keel_version_name(versions[i]));
		REQUIRE_INT(row, 0, bed_start(bed, PKI_HOST, NULL));
		hs_pair_run(&bed->hs);
		CHECK_INT(row, -EKEYREJECTED, bed->hs.server.result);
		CHECK_INT(row, KEEL_ERR_SENT_ALERT, bed->hs.server.err.origin);
		drop_contexts(bed);
	}
}

CASE(pair__no_client_certificate,
     "A server that requires a certificate refuses a client without")
{
	each_pair(&pki_ecdsa, try_no_client_certificate);
}

/* Of one backend alone; the pair is with itself. */

CASE(one__refuses_what_is_not_tls,
     "A first record that is no TLS is answered with an alert")
{
	static char http[] = "GET / HTTP/1.1\r\n\r\n";
	const struct keel_backend *be;
	struct bed bed;

	for (size_t i = 0; (be = backend_row(i)); i++) {
		bed_init_of(&bed, &pki_ecdsa, be, be);
		REQUIRE_INT(be->name, 0, bed_start(&bed, PKI_HOST, NULL));
		CHECK_INT(be->name, -EPROTO,
			  hs_side_step(&bed.hs.server, &bed.hs.client, http,
				       strlen(http)));
		CHECK_INT(be->name, KEEL_ERR_SENT_ALERT,
			  bed.hs.server.err.origin);
		ATF_CHECK(hs_bytes_record(&bed.hs.client.in) == 7);
		CHECK_INT(be->name, -ESTALE,
			  hs_side_step(&bed.hs.server, &bed.hs.client, http,
				       strlen(http)));
		bed_fini(&bed);
	}
}

CASE(one__is_over_when_it_is_over,
     "After the end a step is refused, before it there are no keys")
{
	const struct keel_backend *be;
	struct keel_export export;
	struct keel_hs_info info;
	struct bed bed;

	for (size_t i = 0; (be = backend_row(i)); i++) {
		bed_init_of(&bed, &pki_ecdsa, be, be);
		REQUIRE_INT(be->name, 0, bed_start(&bed, PKI_HOST, NULL));
		CHECK_INT(be->name, -ESTALE,
			  be->hs_export(bed.hs.client.hs, KEEL_TX, &export));
		CHECK_INT(be->name, -ESTALE,
			  be->hs_info(bed.hs.client.hs, &info));
		ATF_REQUIRE(hs_pair_run(&bed.hs));
		CHECK_INT(be->name, -EINVAL,
			  be->hs_export(bed.hs.client.hs,
					(enum keel_dir)(KEEL_TX | KEEL_RX),
					&export));
		CHECK_INT(be->name, -ESTALE,
			  be->hs_step(bed.hs.client.hs, NULL, 0, hs_bytes_sink,
				      &bed.hs.client.in, &bed.hs.client.err));
		bed_fini(&bed);
	}
}

static int full(void *arg, const void *data, size_t len)
{
	(void)arg;
	(void)data;
	(void)len;
	return -ENOMEM;
}

CASE(one__passes_on_a_full_sink, "What the sink says is what the step says")
{
	const struct keel_backend *be;
	struct keel_err err;
	struct bed bed;

	for (size_t i = 0; (be = backend_row(i)); i++) {
		bed_init_of(&bed, &pki_ecdsa, be, be);
		REQUIRE_INT(be->name, 0, bed_start(&bed, PKI_HOST, NULL));
		CHECK_INT(be->name, -ENOMEM,
			  be->hs_step(bed.hs.client.hs, NULL, 0, full, NULL,
				      &err));
		CHECK_INT(be->name, -ENOMEM, err.err);
		CHECK_INT(be->name, KEEL_ERR_SYS, err.origin);
		bed_fini(&bed);
	}
}

CASE(one__tells_of_its_certificate,
     "Prints and end of the own certificate are the same in every backend")
{
	const struct keel_backend *be;
	struct keel_cert_info first = {.not_after = 0};
	struct keel_cert_info info;
	struct bed bed;
	void *ctx;

	bed_init_of(&bed, &pki_ecdsa, backend_row(0), backend_row(0));
	for (size_t i = 0; (be = backend_row(i)); i++) {
		ctx = bed_ctx_new_of(be, &bed.server_params);
		REQUIRE_INT(be->name, 0, be->ctx_cert_info(ctx, &info));
		if (i == 0)
			first = info;
		CHECK_INT(be->name, first.not_after, info.not_after);
		CHECK_MEM(be->name, first.sha256, info.sha256, 32);
		CHECK_MEM(be->name, first.spki_sha256, info.spki_sha256, 32);
		be->ctx_free(ctx);
		ctx = bed_ctx_new_of(be, &bed.client_params);
		CHECK_INT(be->name, -ENOENT, be->ctx_cert_info(ctx, &info));
		be->ctx_free(ctx);
	}
	bed_fini(&bed);
}

#define NR_THREADS 4
#define NR_HANDSHAKES 10

static atomic_uint nr_good;

static void *shake_hands(void *arg)
{
	const struct keel_hs_params params = {
		.sz = sizeof(params),
		.host = PKI_HOST,
	};
	const struct bed *bed = arg;
	struct hs_pair pair;

	for (int i = 0; i < NR_HANDSHAKES; i++) {
		if (hs_pair_init_of(&pair, bed->client, bed->client_ctx,
				    bed->server, bed->server_ctx, &params))
			continue;
		if (hs_pair_run(&pair))
			atomic_fetch_add(&nr_good, 1);
		hs_pair_fini(&pair);
	}
	return NULL;
}

CASE(one__shares_a_context,
     "Handshakes on many threads use one context of each role at once")
{
	pthread_t threads[NR_THREADS];
	const struct keel_backend *be;
	struct bed bed;

	for (size_t i = 0; (be = backend_row(i)); i++) {
		bed_init_of(&bed, &pki_ecdsa, be, be);
		bed.client_ctx = bed_ctx_new_of(be, &bed.client_params);
		bed.server_ctx = bed_ctx_new_of(be, &bed.server_params);
		atomic_store(&nr_good, 0);
		for (int k = 0; k < NR_THREADS; k++)
			REQUIRE_INT(be->name, 0,
				    pthread_create(&threads[k], NULL,
						   shake_hands, &bed));
		for (int k = 0; k < NR_THREADS; k++)
			pthread_join(threads[k], NULL);
		CHECK_INT(be->name, NR_THREADS * NR_HANDSHAKES,
			  atomic_load(&nr_good));
		bed_fini(&bed);
	}
}

/* Each spoils what a server is made of; the text has to name it. */
static const uint16_t unknown_suite = 0xc013;

static void spoil(struct keel_backend_params *params, int kind,
		  const struct pki_pair *other)
{
	switch (kind) {
	case 0:
		params->cert_pem = NULL;
		break;
	case 1:
		params->cert_pem = "-----BEGIN CERTIFICATE-----\nx\n";
		params->cert_len = strlen(params->cert_pem);
		break;
	case 2:
		params->key_pem = "-----BEGIN PRIVATE KEY-----\nx\n";
		params->key_len = strlen(params->key_pem);
		break;
	case 3:
		params->key_pem = other->key;
		params->key_len = strlen(other->key);
		break;
	case 4:
		params->verify = KEEL_VERIFY_REQUIRED;
		break;
	case 5:
		params->suites = &unknown_suite;
		params->nr_suites = 1;
		break;
	case 6:
		params->min_version = KEEL_TLS1_3;
		params->max_version = KEEL_TLS1_2;
		break;
	}
}

CASE(one__says_what_is_wrong_with_a_context,
     "A context that cannot be made names the thing")
{
	static const char *const texts[] = {
		"certificate", "cert.pem", "key.pem",	   "key.pem",
		"trusted",     "0xc013",   "TLS versions",
	};
	const struct keel_backend *be;
	struct keel_backend_params params;
	struct keel_diag diag;
	struct pki_pair other;
	struct bed bed;
	void *ctx;

	bed_init_of(&bed, &pki_ecdsa, backend_row(0), backend_row(0));
	pki_issue(&bed.pki, &pki_ecdsa, &other);
	for (size_t i = 0; (be = backend_row(i)); i++) {
		for (size_t k = 0; k < KEEL__ARRAY_LEN(texts); k++) {
			params = bed.server_params;
			spoil(&params, (int)k, &other);
			diag.text[0] = '\0';
			ATF_CHECK_MSG(be->ctx_new(&params, &diag, &ctx) < 0,
				      "%s: %s", be->name, texts[k]);
			ATF_CHECK_MSG(strstr(diag.text, texts[k]), "%s: %s: %s",
				      be->name, texts[k], diag.text);
		}
	}
	pki_pair_fini(&other);
	bed_fini(&bed);
}

CASE(one__takes_suites_or_names_one,
     "Of any list of suites none is negotiated that is not in it; or it is an "
     "error that names one")
{
	static const uint16_t odd[] = {0x1302, 0xc02b};
	static const uint16_t other = 0x1301; /* of the cipher of 0xc02b */
	const struct keel_backend *be;
	struct keel_diag diag;
	struct bed bed;
	void *ctx;
	int ret;

	for (size_t i = 0; (be = backend_row(i)); i++) {
		bed_init_of(&bed, &pki_ecdsa, backend_row(0), be);
		bed.server_params.suites = odd;
		bed.server_params.nr_suites = KEEL__ARRAY_LEN(odd);
		bed.client_params.suites = &other;
		bed.client_params.nr_suites = 1;
		ret = be->ctx_new(&bed.server_params, &diag, &ctx);
		if (ret == 0) {
			be->ctx_free(ctx);
			REQUIRE_INT(be->name, 0,
				    bed_start(&bed, PKI_HOST, NULL));
			CHECK_INT(be->name, 0, hs_pair_run(&bed.hs));
		} else {
			CHECK_INT(be->name, -ENOTSUP, ret);
			ATF_CHECK_MSG(strstr(diag.text, be->name) &&
					      strstr(diag.text, "TLS_"),
				      "%s: %s", be->name, diag.text);
		}
		bed_fini(&bed);
	}
}

CASE(one__refuses_certificates_out_of_date,
     "A context with a certificate of the past or the future names the date")
{
	static const struct pki_spec *const specs[] = {
		&pki_expired,
		&pki_not_yet,
	};
	static const char *const texts[] = {"expired on 20",
					    "is not valid before 20"};
	const struct keel_backend *be;
	struct keel_diag diag;
	struct bed bed;
	void *ctx;

	for (size_t k = 0; k < KEEL__ARRAY_LEN(specs); k++) {
		bed_init_of(&bed, specs[k], backend_row(0), backend_row(0));
		for (size_t i = 0; (be = backend_row(i)); i++) {
			CHECK_INT(be->name, -EKEYEXPIRED,
				  be->ctx_new(&bed.server_params, &diag, &ctx));
			ATF_CHECK_MSG(strstr(diag.text, texts[k]) &&
					      strstr(diag.text, "cert.pem"),
				      "%s: %s", be->name, diag.text);
		}
		bed_fini(&bed);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, pair__every_suite_ecdsa);
	ATF_TP_ADD_TC(tp, pair__every_suite_rsa);
	ATF_TP_ADD_TC(tp, pair__names);
	ATF_TP_ADD_TC(tp, pair__addresses);
	ATF_TP_ADD_TC(tp, pair__no_protocol_in_common);
	ATF_TP_ADD_TC(tp, one__takes_suites_or_names_one);
	ATF_TP_ADD_TC(tp, one__refuses_certificates_out_of_date);
	ATF_TP_ADD_TC(tp, pair__certificate_of_another);
	ATF_TP_ADD_TC(tp, pair__certificate_with_a_common_name_only);
	ATF_TP_ADD_TC(tp, pair__unknown_authority);
	ATF_TP_ADD_TC(tp, pair__client_certificate);
	ATF_TP_ADD_TC(tp, pair__no_client_certificate);
	ATF_TP_ADD_TC(tp, one__refuses_what_is_not_tls);
	ATF_TP_ADD_TC(tp, one__is_over_when_it_is_over);
	ATF_TP_ADD_TC(tp, one__passes_on_a_full_sink);
	ATF_TP_ADD_TC(tp, one__shares_a_context);
	ATF_TP_ADD_TC(tp, one__tells_of_its_certificate);
	ATF_TP_ADD_TC(tp, one__says_what_is_wrong_with_a_context);
	return atf_no_error();
}
