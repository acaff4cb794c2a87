/* SPDX-License-Identifier: MIT */
/* Handshakes of the OpenSSL backend: keys, exact counts, tickets. */
#include "lib/backends/openssl/openssl-private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/record-private.h"
#include "lib/core/traffic-private.h"
#include "tests/backends/bed.h"
#include "tests/support/case.h"
#include "tests/support/check.h"

static const struct keel_backend *const be = &keel__backend_openssl;

static bool suite_fits(const struct keel_suite *suite, enum pki_key key)
{
	if (suite->version == KEEL_TLS1_3)
		return true;
	return !!strstr(suite->name, "ECDSA") == (key == PKI_ECDSA);
}

static void every_suite(const struct pki_spec *spec)
{
	const struct keel_suite *suite;
	struct keel_hs_info info;
	struct bed bed;

	bed_init(&bed, spec);
	bed.server_ctx = bed_ctx_new(&bed.server_params);
	bed.client_params.nr_suites = 1;
	for (size_t i = 0; (suite = keel_suite_at(i)); i++) {
		if (!suite_fits(suite, spec->key))
			continue;
		bed.client_params.suites = &suite->id;
		bed.client_ctx = bed_ctx_new(&bed.client_params);
		bed_run(&bed, suite->name, NULL);
		info = bed_info(&bed.hs.client);
		CHECK_INT(suite->name, suite->id, info.suite->id);
		CHECK_INT(suite->name, suite->version, info.version);
		CHECK_INT(suite->name, 1, info.peer_verified);
		info = bed_info(&bed.hs.server);
		CHECK_INT(suite->name, suite->id, info.suite->id);
		CHECK_INT(suite->name, suite->version, info.version);
		CHECK_INT(suite->name, 0, info.resumed);
		CHECK_INT(suite->name, suite->version == KEEL_TLS1_3 ? 2 : 0,
			  bed_cross_check(&bed, NULL, suite->name));
		hs_pair_fini(&bed.hs);
		be->ctx_free(bed.client_ctx);
	}
	bed.client_ctx = NULL;
	bed_fini(&bed);
}

CASE(handshake__every_suite_ecdsa,
     "Every suite that an ECDSA key can serve: both ends' keys fit together")
{
	every_suite(&pki_ecdsa);
}

CASE(handshake__every_suite_rsa,
     "Every suite that an RSA key can serve: both ends' keys fit together")
{
	every_suite(&pki_rsa);
}

CASE(handshake__few_writes, "A flight reaches the sink in at most two pieces")
{
	struct bed bed;

	bed_init(&bed, &pki_ecdsa);
	bed_run(&bed, "1.3", NULL);
	/* The server's flight, then its tickets; the client's hello, its end. */
	ATF_CHECK_MSG(bed.hs.server.nr_sinks <= 3, "server gave %u pieces",
		      bed.hs.server.nr_sinks);
	ATF_CHECK_MSG(bed.hs.client.nr_sinks <= 3, "client gave %u pieces",
		      bed.hs.client.nr_sinks);
	bed_fini(&bed);
}

/* Plain handshake records of one byte each: RFC 8446 section 5.1 allows it. */
CASE(handshake__fragmented_hello,
     "A ClientHello of one-byte records is understood")
{
	struct hs_side *server;
	struct hs_bytes *in;
	struct bed bed;
	uint8_t rec[6];
	size_t len;

	bed_init(&bed, &pki_ecdsa);
	REQUIRE_INT("start", 0, bed_start(&bed, PKI_HOST, NULL));
	server = &bed.hs.server;
	in = &server->in;
	hs_side_step(&bed.hs.client, server, NULL, 0);
	len = hs_bytes_record(in);
	for (size_t i = KEEL__RECORD_HEADER_LEN; i < len; i++) {
		memcpy(rec, in->data, 3);
		rec[3] = 0;
		rec[4] = 1;
		rec[5] = in->data[i];
		REQUIRE_INT("piece", KEEL_HS_WANT_RECORD,
			    hs_side_step(server, &bed.hs.client, rec, 6));
	}
	hs_bytes_drop(in, len);
	hs_side_pump(&bed.hs.client, server);
	hs_side_pump(server, &bed.hs.client);
	CHECK_INT("server", KEEL_HS_DONE, server->result);
	bed_cross_check(&bed, NULL, "fragmented");
	bed_fini(&bed);
}

static const struct {
	const char *row;
	uint16_t version;
	unsigned int nr_tickets;
	unsigned int nr_records; /* after the handshake */
	uint64_t tx_seq;
	uint64_t rx_seq;
	bool has_session; /* TLS 1.2: something to resume */
} ticket_rows[] = {
	{"1.3, no ticket", KEEL_TLS1_3, 0, 0, 0, 0, false},
	{"1.3, one ticket", KEEL_TLS1_3, 1, 1, 1, 0, false},
	{"1.3, two tickets", KEEL_TLS1_3, 2, 2, 2, 0, false},
	{"1.3, eight tickets", KEEL_TLS1_3, 8, 8, 8, 0, false},
	{"1.2, no ticket", KEEL_TLS1_2, 0, 0, 1, 1, false},
	{"1.2, one ticket", KEEL_TLS1_2, 1, 0, 1, 1, true},
};

CASE(tickets__are_counted,
     "As many tickets as asked for, and the exact number of the next record")
{
	struct hs_bytes session = {.data = NULL};
	struct keel_export ex;
	struct bed bed;
	const char *row;
	int r;

	for (size_t i = 0; i < sizeof(ticket_rows) / sizeof(ticket_rows[0]);
	     i++) {
		row = ticket_rows[i].row;
		bed_init(&bed, &pki_ecdsa);
		bed_set_version(&bed, ticket_rows[i].version);
		bed.server_params.nr_tickets = ticket_rows[i].nr_tickets;
		bed_run(&bed, row, NULL);
		REQUIRE_INT(row, 0,
			    be->hs_export(bed.hs.server.hs, KEEL_TX, &ex));
		CHECK_INT(row, ticket_rows[i].tx_seq, ex.seq);
		REQUIRE_INT(row, 0,
			    be->hs_export(bed.hs.server.hs, KEEL_RX, &ex));
		CHECK_INT(row, ticket_rows[i].rx_seq, ex.seq);
		r = be->hs_session(bed.hs.client.hs, hs_bytes_sink, &session);
		CHECK_INT(row, ticket_rows[i].has_session ? 0 : -ENOENT, r);
		CHECK_INT(row, ticket_rows[i].nr_records,
			  bed_cross_check(&bed, NULL, row));
		hs_bytes_fini(&session);
		bed_fini(&bed);
	}
}

/*
 * The shadow numbers its records by itself: application data that went to the
 * record engine in between, and AEADs of every kind, are nothing to it.
 */
CASE(ticket__shadow_every_suite,
     "The shadow takes each ticket under every TLS 1.3 suite")
{
	struct hs_bytes session = {.data = NULL};
	const struct keel_suite *suite;
	struct bed bed;

	bed_init(&bed, &pki_ecdsa);
	bed.server_params.nr_tickets = 3;
	bed.client_params.nr_suites = 1;
	bed.server_ctx = bed_ctx_new(&bed.server_params);
	for (size_t i = 0; (suite = keel_suite_at(i)); i++) {
		if (suite->version != KEEL_TLS1_3)
			continue;
		bed.client_params.suites = &suite->id;
		bed.client_ctx = bed_ctx_new(&bed.client_params);
		bed_full(&bed, &session, suite->name);
		bed_run(&bed, suite->name, &session);
		CHECK_INT(suite->name, 1, bed_info(&bed.hs.client).resumed);
		hs_pair_fini(&bed.hs);
		hs_bytes_fini(&session);
		be->ctx_free(bed.client_ctx);
	}
	bed.client_ctx = NULL;
	bed_fini(&bed);
}

static const struct {
	const char *row;
	const char *msg;
	size_t len;
	int want;
} bad_tickets[] = {
	{"nothing", "", 0, -EINVAL},
	{"a KeyUpdate", "\x18\0\0\1\0", 5, -EINVAL},
	{"length too long", "\4\0\0\7\0", 5, -EINVAL},
	{"length too short", "\4\0\0\0\0", 5, -EINVAL},
	{"an empty ticket", "\4\0\0\0", 4, -EPROTO},
	{"rubbish", "\4\0\0\4abcd", 8, -EPROTO},
};

CASE(ticket__malformed, "A bad NewSessionTicket is refused; nothing is given")
{
	struct hs_bytes session = {.data = NULL};
	struct bed bed;

	for (size_t i = 0; i < sizeof(bad_tickets) / sizeof(bad_tickets[0]);
	     i++) {
		bed_init(&bed, &pki_ecdsa);
		bed_run(&bed, bad_tickets[i].row, NULL);
		CHECK_INT(bad_tickets[i].row, bad_tickets[i].want,
			  be->hs_ticket(bed.hs.client.hs, bad_tickets[i].msg,
					bad_tickets[i].len, hs_bytes_sink,
					&session));
		CHECK_INT(bad_tickets[i].row, 0, session.len);
		bed_fini(&bed);
	}
}

CASE(ticket__not_tls12, "hs_ticket says -ENOTSUP in TLS 1.2")
{
	struct hs_bytes session = {.data = NULL};
	struct bed bed;

	bed_init(&bed, &pki_ecdsa);
	bed_set_version(&bed, KEEL_TLS1_2);
	bed_run(&bed, "1.2", NULL);
	CHECK_INT("1.2", -ENOTSUP,
		  be->hs_ticket(bed.hs.client.hs, "\4\0\0\0", 4, hs_bytes_sink,
				&session));
	bed_fini(&bed);
}

CASE(handshake__wrong_state,
     "Calls before the end and after it are refused with -ESTALE")
{
	struct keel_hs_info info;
	struct keel_export ex;
	struct bed bed;

	bed_init(&bed, &pki_ecdsa);
	REQUIRE_INT("start", 0, bed_start(&bed, PKI_HOST, NULL));
	CHECK_INT("info", -ESTALE, be->hs_info(bed.hs.server.hs, &info));
	CHECK_INT("export", -ESTALE,
		  be->hs_export(bed.hs.server.hs, KEEL_TX, &ex));
	REQUIRE_INT("run", 1, hs_pair_run(&bed.hs));
	CHECK_INT("dir", -EINVAL,
		  be->hs_export(bed.hs.server.hs, (enum keel_dir)3, &ex));
	CHECK_INT("step", -ESTALE,
		  hs_side_step(&bed.hs.server, &bed.hs.client, "\x17", 1));
	CHECK_INT("step", KEEL_ERR_USAGE, bed.hs.server.err.origin);
	bed_fini(&bed);
}

/* The explicit nonce of the last record that waits at @side. */
static uint64_t last_nonce(const struct hs_bytes *in)
{
	const uint8_t *rec = in->data;
	size_t left = in->len;
	uint64_t nonce = 0;
	size_t len;

	while ((len = 5U + (size_t)(rec[3] << 8 | rec[4])) < left) {
		rec += len;
		left -= len;
	}
	for (size_t i = 5; i < 13; i++)
		nonce = nonce << 8 | rec[i];
	return nonce;
}

/*
 * Reuse would give the plaintext away (RFC 5288 section 3), and no peer would
 * notice, so look at the wire: both Finished, and what is exported after them.
 */
CASE(export__explicit_nonce,
     "TLS 1.2: the next explicit nonce follows the one of our Finished")
{
	const struct keel_suite *suite;
	struct keel_export ex;
	uint64_t client_nonce;
	uint64_t server_nonce;
	struct bed bed;

	bed_init(&bed, &pki_ecdsa);
	bed.client_params.nr_suites = 1;
	bed_set_version(&bed, KEEL_TLS1_2);
	for (size_t i = 0; (suite = keel_suite_at(i)); i++) {
		if (suite->version == KEEL_TLS1_3 ||
		    suite->aead == KEEL_AEAD_CHACHA20_POLY1305 ||
		    !suite_fits(suite, PKI_ECDSA))
			continue;
		bed.client_params.suites = &suite->id;
		REQUIRE_INT(suite->name, 0, bed_start(&bed, PKI_HOST, NULL));
		hs_side_step(&bed.hs.client, &bed.hs.server, NULL, 0);
		hs_side_pump(&bed.hs.server, &bed.hs.client);
		hs_side_pump(&bed.hs.client, &bed.hs.server);
		client_nonce = last_nonce(&bed.hs.server.in);
		hs_side_pump(&bed.hs.server, &bed.hs.client);
		server_nonce = last_nonce(&bed.hs.client.in);
		hs_side_pump(&bed.hs.client, &bed.hs.server);
		REQUIRE_INT(suite->name, 0,
			    be->hs_export(bed.hs.client.hs, KEEL_TX, &ex));
		CHECK_INT(suite->name, client_nonce + 1, ex.explicit_nonce);
		REQUIRE_INT(suite->name, 0,
			    be->hs_export(bed.hs.server.hs, KEEL_TX, &ex));
		CHECK_INT(suite->name, server_nonce + 1, ex.explicit_nonce);
		hs_pair_fini(&bed.hs);
		be->ctx_free(bed.client_ctx);
		bed.client_ctx = NULL;
	}
	bed_fini(&bed);
}

/* Open the client's Finished, add a message, seal it again. */
static void add_to_finished(struct bed *bed, uint8_t *rec, size_t *ret_len)
{
	static const uint8_t more[] = {0, 0, 0, 0};
	struct hs_bytes *in = &bed->hs.server.in;
	const struct keel_suite *suite = bed_info(&bed->hs.client).suite;
	struct keel_traffic t = {.suite = NULL};
	struct keel__record opened;
	struct keel_export ex;
	uint8_t text[64];
	uint8_t alert;
	size_t len;

	ATF_REQUIRE_EQ(0, be->hs_export(bed->hs.client.hs, KEEL_TX, &ex));
	ex.seq = 0;
	ATF_REQUIRE_EQ(0, keel__traffic_init(&t, be, suite, KEEL_SERVER,
					     KEEL_RX, &ex));
	ATF_REQUIRE_EQ(0,
		       keel__record_open(&t, be, in->data, hs_bytes_record(in),
					 &opened, &alert));
	len = opened.len;
	ATF_REQUIRE(len == 16 && opened.data[0] == SSL3_MT_FINISHED);
	memcpy(text, opened.data, len);
	memcpy(text + len, more, sizeof(more));
	keel__traffic_clear(&t, be);
	ATF_REQUIRE_EQ(0, keel__traffic_init(&t, be, suite, KEEL_CLIENT,
					     KEEL_TX, &ex));
	*ret_len = (size_t)keel__record_seal(&t, be, KEEL__RECORD_HANDSHAKE,
					     text, len + sizeof(more), rec);
	keel__traffic_clear(&t, be);
}

/* In a resumed handshake of TLS 1.2 the client's Finished comes last. */
CASE(handshake__bytes_after_finished,
     "A record that holds more than the last Finished fails the handshake")
{
	struct hs_bytes session = {.data = NULL};
	uint8_t rec[128];
	struct bed bed;
	size_t len;

	bed_init(&bed, &pki_ecdsa);
	bed_set_version(&bed, KEEL_TLS1_2);
	bed_full(&bed, &session, "full");
	REQUIRE_INT("start", 0, bed_start(&bed, PKI_HOST, &session));
	hs_side_step(&bed.hs.client, &bed.hs.server, NULL, 0);
	hs_side_pump(&bed.hs.server, &bed.hs.client);
	hs_side_pump(&bed.hs.client, &bed.hs.server);
	REQUIRE_INT("client", KEEL_HS_DONE, bed.hs.client.result);
	len = hs_bytes_record(&bed.hs.server.in);
	REQUIRE_INT("CCS", KEEL_HS_WANT_RECORD,
		    hs_side_step(&bed.hs.server, &bed.hs.client,
				 bed.hs.server.in.data, len));
	hs_bytes_drop(&bed.hs.server.in, len);
	add_to_finished(&bed, rec, &len);
	CHECK_INT("Finished", -EPROTO,
		  hs_side_step(&bed.hs.server, &bed.hs.client, rec, len));
	/* OpenSSL has sent no alert, so none is claimed. */
	CHECK_INT("Finished", KEEL_ERR_BACKEND, bed.hs.server.err.origin);
	CHECK_INT("Finished", 0, bed.hs.server.err.alert);
	CHECK_INT("Finished", 0, bed.hs.client.in.len);
	hs_bytes_fini(&session);
	bed_fini(&bed);
}

static int full_sink(void *arg, const void *data, size_t len)
{
	(void)arg;
	(void)data;
	(void)len;
	return -ENOMEM;
}

CASE(handshake__sink_is_full, "What the sink says comes back, as origin SYS")
{
	struct keel_err err = {.err = 0};
	struct bed bed;

	bed_init(&bed, &pki_ecdsa);
	REQUIRE_INT("start", 0, bed_start(&bed, PKI_HOST, NULL));
	CHECK_INT(
		"step", -ENOMEM,
		be->hs_step(bed.hs.client.hs, NULL, 0, full_sink, NULL, &err));
	CHECK_INT("err", -ENOMEM, err.err);
	CHECK_INT("origin", KEEL_ERR_SYS, err.origin);
	ATF_CHECK(err.site);
	bed_fini(&bed);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, handshake__every_suite_ecdsa);
	ATF_TP_ADD_TC(tp, handshake__every_suite_rsa);
	ATF_TP_ADD_TC(tp, handshake__few_writes);
	ATF_TP_ADD_TC(tp, handshake__fragmented_hello);
	ATF_TP_ADD_TC(tp, handshake__bytes_after_finished);
	ATF_TP_ADD_TC(tp, export__explicit_nonce);
	ATF_TP_ADD_TC(tp, handshake__wrong_state);
	ATF_TP_ADD_TC(tp, handshake__sink_is_full);
	ATF_TP_ADD_TC(tp, tickets__are_counted);
	ATF_TP_ADD_TC(tp, ticket__shadow_every_suite);
	ATF_TP_ADD_TC(tp, ticket__malformed);
	ATF_TP_ADD_TC(tp, ticket__not_tls12);
	return atf_no_error();
}
