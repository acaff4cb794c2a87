/* SPDX-License-Identifier: MIT */
/* The null backend against peers that break the handshake. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <keel/backend.h>

#include "lib/base/base-private.h"
#include "tests/backends/null_pair.h"
#include "tests/support/case.h"
#include "tests/support/check.h"

/* A hello with lengths made right after @len bytes were kept. */
static size_t cut_record(uint8_t *rec, size_t len)
{
	rec[3] = (uint8_t)((len - 5) >> 8);
	rec[4] = (uint8_t)(len - 5);
	if (len >= 9) {
		rec[6] = 0;
		rec[7] = (uint8_t)((len - 9) >> 8);
		rec[8] = (uint8_t)(len - 9);
	}
	return len;
}

/* Both hellos, untouched: out[0] the client's, out[1] the server's. */
static void hellos(struct null_out *ret_client, struct null_out *ret_server)
{
	struct null_pair pair;

	null_pair_long(&pair);
	*ret_client = pair.out[0];
	REQUIRE_INT(
		"answer", KEEL_HS_DONE,
		null_pair_step(&pair, 1, pair.out[0].data, pair.out[0].len));
	*ret_server = pair.out[1];
	null_pair_fini(&pair);
}

/* One end is given @rec in a block of just that size, for ASan to watch. */
static void feed_exactly(int end, const struct null_out *rec, size_t len,
			 const char *row, unsigned int alert)
{
	static struct null_pair pair;
	uint8_t *data = malloc(len);

	ATF_REQUIRE(data);
	memcpy(data, rec->data, len);
	null_pair_long(&pair);
	null_pair_step(&pair, end, data, len);
	null_pair_check_alert(row, &pair, end, alert);
	null_pair_fini(&pair);
	free(data);
}

CASE(handshake__survives_every_cut,
     "A hello cut anywhere, lengths made to fit, is refused with an alert")
{
	static struct null_out whole[2], rec;

	hellos(&whole[0], &whole[1]);
	for (int end = 0; end < 2; end++) {
		for (size_t len = 5; len < whole[!end].len; len++) {
			unsigned int alert = KEEL_ALERT_DECODE_ERROR;

			/* Headers whole, magic not: that is somebody else. */
			if (len >= 9 && len < 17)
				alert = KEEL_ALERT_HANDSHAKE_FAILURE;
			rec = whole[!end];
			cut_record(rec.data, len);
			feed_exactly(end, &rec, len,
				     end ? "client hello" : "server hello",
				     alert);
		}
	}
}

CASE(handshake__wants_exact_lengths,
     "A record or message length one off, either way, gets decode_error")
{
	static const struct {
		const char *row;
		size_t byte; /* the low one of a length */
		int change;
	} rows[] = {
		{"record longer than it says", 4, -1},
		{"record shorter than it says", 4, 1},
		{"message longer than it says", 8, -1},
		{"message shorter than it says", 8, 1},
	};
	static struct null_out whole[2], rec;

	hellos(&whole[0], &whole[1]);
	for (size_t i = 0; i < KEEL__ARRAY_LEN(rows); i++) {
		for (int end = 0; end < 2; end++) {
			rec = whole[!end];
			rec.data[rows[i].byte] =
				(uint8_t)(rec.data[rows[i].byte] +
					  rows[i].change);
			feed_exactly(end, &rec, rec.len, rows[i].row,
				     KEEL_ALERT_DECODE_ERROR);
		}
	}
}

/* Record versions are not looked at (RFC 8446 section 5.1). */
static bool is_ignored(size_t byte)
{
	return byte == 1 || byte == 2;
}

CASE(handshake__notices_every_changed_byte,
     "A byte changed in either hello ends the handshake at one end at least")
{
	static struct null_pair pair;
	size_t client_len, server_len = 1;

	null_pair_long(&pair);
	client_len = pair.out[0].len;
	null_pair_fini(&pair);
	for (size_t i = 0; i < client_len; i++) {
		null_pair_long(&pair);
		pair.out[0].data[i] ^= 0x10;
		if (null_pair_step(&pair, 1, pair.out[0].data, client_len) ==
		    KEEL_HS_DONE)
			null_pair_step(&pair, 0, pair.out[1].data,
				       pair.out[1].len);
		ATF_CHECK_MSG(pair.ret[0] < 0 || pair.ret[1] < 0,
			      "client hello, byte %zu", i);
		null_pair_fini(&pair);
	}
	for (size_t i = 0; i < server_len; i++) {
		null_pair_long(&pair);
		null_pair_step(&pair, 1, pair.out[0].data, client_len);
		server_len = pair.out[1].len;
		pair.out[1].data[i] ^= 0x10;
		null_pair_step(&pair, 0, pair.out[1].data, server_len);
		ATF_CHECK_MSG(is_ignored(i) || pair.ret[0] < 0,
			      "server hello, byte %zu", i);
		null_pair_fini(&pair);
	}
}

/* Records that are no hello, and what each end says to them. */
static const struct {
	const char *row;
	const char *rec;
	size_t len;
	unsigned int alert;
} rubbish[] = {
	{"no header", "\26\3\3", 3, KEEL_ALERT_DECODE_ERROR},
	{"header only", "\26\3\3\0\0", 5, KEEL_ALERT_DECODE_ERROR},
	{"wrong record length", "\26\3\3\0\4\1\0\0", 8,
	 KEEL_ALERT_DECODE_ERROR},
	{"application data", "\27\3\3\0\1x", 6, KEEL_ALERT_UNEXPECTED_MESSAGE},
	{"change_cipher_spec", "\24\3\3\0\1\1", 6,
	 KEEL_ALERT_UNEXPECTED_MESSAGE},
	{"HTTP", "GET / HTTP/1.1\r\n\r\n", 18, KEEL_ALERT_DECODE_ERROR},
	{"half a message", "\26\3\3\0\5\1\0\0\2x", 10, KEEL_ALERT_DECODE_ERROR},
	{"a certificate", "\26\3\3\0\4\13\0\0\0", 9,
	 KEEL_ALERT_UNEXPECTED_MESSAGE},
	{"alert cut", "\25\3\3\0\1\2", 6, KEEL_ALERT_DECODE_ERROR},
	{"alert too long", "\25\3\3\0\3\2\50\0", 8, KEEL_ALERT_DECODE_ERROR},
	{"alert of no level", "\25\3\3\0\2\3\50", 7, KEEL_ALERT_DECODE_ERROR},
};

CASE(handshake__refuses_rubbish,
     "What is no hello gets the alert that says so, at both ends")
{
	static struct null_pair pair;
	uint8_t rec[64];

	for (size_t i = 0; i < KEEL__ARRAY_LEN(rubbish); i++) {
		null_pair_long(&pair);
		for (int end = 0; end < 2; end++) {
			memcpy(rec, rubbish[i].rec, rubbish[i].len);
			null_pair_step(&pair, end, rec, rubbish[i].len);
			null_pair_check_alert(rubbish[i].row, &pair, end,
					      rubbish[i].alert);
		}
		null_pair_fini(&pair);
	}
}

CASE(handshake__refuses_real_tls,
     "A hello without the magic gets handshake_failure")
{
	static struct null_pair pair;
	uint8_t rec[50] = {22, 3, 1, 0, 45, 1, 0, 0, 41, 3, 3};

	null_pair_long(&pair);
	null_pair_step(&pair, 1, rec, sizeof(rec));
	null_pair_check_alert("real TLS", &pair, 1,
			      KEEL_ALERT_HANDSHAKE_FAILURE);
	null_pair_fini(&pair);
}

CASE(handshake__refuses_a_broken_host_name,
     "A name with a NUL or a control character gets illegal_parameter")
{
	static struct null_pair pair;

	for (unsigned int c = 0; c < 3; c++) {
		null_pair_long(&pair);
		/* The host name is the hello's end. */
		pair.out[0].data[pair.out[0].len - 3] = (uint8_t) " \n"[c];
		null_pair_step(&pair, 1, pair.out[0].data, pair.out[0].len);
		null_pair_check_alert("host", &pair, 1,
				      KEEL_ALERT_ILLEGAL_PARAMETER);
		null_pair_fini(&pair);
	}
}

CASE(handshake__reports_the_peers_alert,
     "An alert of the peer ends the handshake and is named; none is sent")
{
	static struct null_pair pair;
	uint8_t rec[] = {21, 3, 3, 0, 2, 2, KEEL_ALERT_UNKNOWN_CA};

	null_pair_long(&pair);
	for (int end = 0; end < 2; end++) {
		CHECK_INT("ret", -ECONNRESET,
			  null_pair_step(&pair, end, rec, sizeof(rec)));
		CHECK_INT("err", -ECONNRESET, pair.err[end].err);
		CHECK_INT("origin", KEEL_ERR_PEER_ALERT, pair.err[end].origin);
		CHECK_INT("alert", KEEL_ALERT_UNKNOWN_CA, pair.err[end].alert);
		CHECK_INT("sent", 0, pair.out[end].len);
	}
	null_pair_fini(&pair);
}

/* Two clients are started and one is given the answer to the other. */
CASE(handshake__refuses_an_answer_to_somebody_else,
     "A server hello made for another client gets decrypt_error")
{
	static struct null_pair one, two;

	null_pair_long(&one);
	null_pair_long(&two);
	null_pair_step(&two, 1, two.out[0].data, two.out[0].len);
	null_pair_step(&one, 0, two.out[1].data, two.out[1].len);
	null_pair_check_alert("other client's", &one, 0,
			      KEEL_ALERT_DECRYPT_ERROR);
	null_pair_fini(&one);
	null_pair_fini(&two);
}

CASE(handshake__is_not_done_before_it_is_done,
     "Slots for afterwards and steps out of turn give -ESTALE")
{
	struct keel_backend_params params = null_wish();
	static struct null_pair pair;
	struct keel_hs_info info;
	struct keel_export ex;
	uint8_t rec[] = {22, 3, 3, 0, 0};

	null_pair_init(&pair, params, params, NULL);
	for (int end = 0; end < 2; end++) {
		CHECK_INT("info", -ESTALE,
			  null_row->hs_info(pair.hs[end], &info));
		CHECK_INT("export", -ESTALE,
			  null_row->hs_export(pair.hs[end], KEEL_TX, &ex));
		CHECK_INT("ticket", -ESTALE,
			  null_row->hs_ticket(pair.hs[end], rec, 4, null_sink,
					      &pair.out[end]));
	}
	CHECK_INT("client before its hello", -ESTALE,
		  null_pair_step(&pair, 0, rec, sizeof(rec)));
	CHECK_INT("server without a record", -ESTALE,
		  null_pair_step(&pair, 1, NULL, 0));
	CHECK_INT("origin", KEEL_ERR_USAGE, pair.err[1].origin);
	null_pair_fini(&pair);
}

CASE(handshake__passes_on_what_its_output_says,
     "An error of the sink ends the handshake and comes back")
{
	struct keel_backend_params params = null_wish();
	static struct null_pair pair;
	uint8_t rec[] = {23, 3, 3, 0, 0};

	null_pair_init(&pair, params, params, NULL);
	pair.out[0].fail = -ENOMEM;
	CHECK_INT("hello", -ENOMEM, null_pair_step(&pair, 0, NULL, 0));
	CHECK_INT("hello", -ENOMEM, pair.err[0].err);
	CHECK_INT("hello", KEEL_ERR_SYS, pair.err[0].origin);
	pair.out[1].fail = -ENOMEM;
	CHECK_INT("alert", -ENOMEM, null_pair_step(&pair, 1, rec, sizeof(rec)));
	CHECK_INT("alert", -ENOMEM, pair.err[1].err);
	null_pair_fini(&pair);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, handshake__survives_every_cut);
	ATF_TP_ADD_TC(tp, handshake__wants_exact_lengths);
	ATF_TP_ADD_TC(tp, handshake__notices_every_changed_byte);
	ATF_TP_ADD_TC(tp, handshake__refuses_rubbish);
	ATF_TP_ADD_TC(tp, handshake__refuses_real_tls);
	ATF_TP_ADD_TC(tp, handshake__refuses_a_broken_host_name);
	ATF_TP_ADD_TC(tp, handshake__reports_the_peers_alert);
	ATF_TP_ADD_TC(tp, handshake__refuses_an_answer_to_somebody_else);
	ATF_TP_ADD_TC(tp, handshake__is_not_done_before_it_is_done);
	ATF_TP_ADD_TC(tp, handshake__passes_on_what_its_output_says);
	return atf_no_error();
}
