/* SPDX-License-Identifier: MIT */
/* The null backend: what two ends agree on, and its contexts. */
#include <errno.h>
#include <string.h>

#include <keel/backend.h>

#include "lib/base/base-private.h"
#include "tests/support/alloc.h"
#include "tests/backends/null_pair.h"
#include "tests/support/case.h"
#include "tests/support/check.h"

static void check_exports(const char *row, struct null_pair *pair,
			  const struct keel_suite *suite)
{
	bool old = suite->version == KEEL_TLS1_2;
	struct keel_export ex[2][2]; /* [sender][who says so] */

	for (int end = 0; end < 2; end++) {
		REQUIRE_INT(row, 0,
			    null_row->hs_export(pair->hs[end], KEEL_TX,
						&ex[end][end]));
		REQUIRE_INT(row, 0,
			    null_row->hs_export(pair->hs[end], KEEL_RX,
						&ex[!end][end]));
	}
	for (int sender = 0; sender < 2; sender++) {
		const struct keel_export *x = &ex[sender][0];

		CHECK_MEM(row, x, &ex[sender][1], sizeof(*x));
		CHECK_INT(row, old, x->seq);
		CHECK_INT(row, old, x->explicit_nonce);
		CHECK_INT(row,
			  old ? KEEL_EXPORT_MASTER_SECRET
			      : KEEL_EXPORT_TRAFFIC_SECRET,
			  x->kind);
		CHECK_INT(row, old ? 48 : suite->hash_len, x->secret_len);
	}
	ATF_CHECK_MSG(old == !memcmp(ex[0][0].secret, ex[1][0].secret, 32),
		      "%s: one secret a direction in TLS 1.3 only", row);
	ATF_CHECK_MSG(old == (memcmp(ex[0][0].client_random,
				     ex[0][0].server_random, 32) != 0),
		      "%s: randoms in TLS 1.2 only", row);
}

CASE(handshake__agrees_on_every_suite,
     "With each suite both ends are done and export the same secrets")
{
	struct null_pair pair;

	for (size_t i = 0; i < NULL_NR_SUITES; i++) {
		const struct keel_suite *suite =
			keel_suite_by_id(null_suites[i]);
		struct keel_backend_params params = null_wish();
		struct keel_hs_info info;

		params.suites = &null_suites[i];
		params.nr_suites = 1;
		null_pair_init(&pair, params, params, NULL);
		null_pair_shake(&pair);
		for (int end = 0; end < 2; end++) {
			REQUIRE_INT(suite->name, KEEL_HS_DONE, pair.ret[end]);
			REQUIRE_INT(suite->name, 0,
				    null_row->hs_info(pair.hs[end], &info));
			ATF_CHECK(info.suite == suite);
			CHECK_INT(suite->name, suite->version, info.version);
			ATF_CHECK(!info.alpn && !info.sni && !info.resumed &&
				  !info.peer_verified);
		}
		check_exports(suite->name, &pair, suite);
		null_pair_fini(&pair);
	}
}

CASE(handshake__secrets_are_new_each_time,
     "Two handshakes of the same contexts export different secrets")
{
	struct keel_backend_params params = null_wish();
	struct keel_export ex[2];
	struct null_pair pair;

	for (int i = 0; i < 2; i++) {
		null_pair_init(&pair, params, params, NULL);
		null_pair_shake(&pair);
		REQUIRE_INT("export", 0,
			    null_row->hs_export(pair.hs[0], KEEL_TX, &ex[i]));
		null_pair_fini(&pair);
	}
	ATF_CHECK(memcmp(ex[0].secret, ex[1].secret, ex[0].secret_len));
}

/* Suites of both versions; 0 ends a list. */
static const struct {
	const char *row;
	uint16_t client_min, client_max, server_min, server_max;
	uint16_t client_suites[4], server_suites[4];
	uint16_t want_suite; /* 0: an alert */
	unsigned int want_alert;
} choices[] = {
	{"highest version",
	 KEEL_TLS1_2,
	 KEEL_TLS1_3,
	 KEEL_TLS1_2,
	 KEEL_TLS1_3,
	 {0xc02b, 0x1301},
	 {0xc02b, 0x1301},
	 0x1301,
	 0},
	{"client has 1.2 only",
	 KEEL_TLS1_2,
	 KEEL_TLS1_2,
	 KEEL_TLS1_2,
	 KEEL_TLS1_3,
	 {0xc02b, 0x1301},
	 {0xc02b, 0x1301},
	 0xc02b,
	 0},
	{"server has 1.2 only",
	 KEEL_TLS1_2,
	 KEEL_TLS1_3,
	 KEEL_TLS1_2,
	 KEEL_TLS1_2,
	 {0xc02b, 0x1301},
	 {0xc02b, 0x1301},
	 0xc02b,
	 0},
	{"server's order",
	 KEEL_TLS1_3,
	 KEEL_TLS1_3,
	 KEEL_TLS1_3,
	 KEEL_TLS1_3,
	 {0x1301, 0x1302, 0x1303},
	 {0x1304, 0x1303, 0x1301},
	 0x1303,
	 0},
	{"lower version for a common suite",
	 KEEL_TLS1_2,
	 KEEL_TLS1_3,
	 KEEL_TLS1_2,
	 KEEL_TLS1_3,
	 {0x1301, 0xc02b},
	 {0x1302, 0xc02b},
	 0xc02b,
	 0},
	{"no common version",
	 KEEL_TLS1_3,
	 KEEL_TLS1_3,
	 KEEL_TLS1_2,
	 KEEL_TLS1_2,
	 {0x1301},
	 {0xc02b},
	 0,
	 KEEL_ALERT_PROTOCOL_VERSION},
	{"no common suite",
	 KEEL_TLS1_2,
	 KEEL_TLS1_3,
	 KEEL_TLS1_2,
	 KEEL_TLS1_3,
	 {0x1301, 0xc02b},
	 {0x1302, 0xc02c},
	 0,
	 KEEL_ALERT_HANDSHAKE_FAILURE},
};

static size_t nr_listed(const uint16_t *suites)
{
	size_t nr = 0;

	while (nr < 4 && suites[nr])
		nr++;
	return nr;
}

CASE(handshake__chooses_version_and_suite,
     "The highest common version, in it the server's first common suite")
{
	struct null_pair pair;
	struct keel_hs_info info;

	for (size_t i = 0; i < KEEL__ARRAY_LEN(choices); i++) {
		struct keel_backend_params client = null_wish();
		struct keel_backend_params server = null_wish();

		client.min_version = choices[i].client_min;
		client.max_version = choices[i].client_max;
		client.suites = choices[i].client_suites;
		client.nr_suites = nr_listed(client.suites);
		server.min_version = choices[i].server_min;
		server.max_version = choices[i].server_max;
		server.suites = choices[i].server_suites;
		server.nr_suites = nr_listed(server.suites);
		null_pair_init(&pair, client, server, NULL);
		null_pair_shake(&pair);
		if (choices[i].want_suite) {
			REQUIRE_INT(choices[i].row, KEEL_HS_DONE, pair.ret[0]);
			REQUIRE_INT(choices[i].row, 0,
				    null_row->hs_info(pair.hs[0], &info));
			CHECK_INT(choices[i].row, choices[i].want_suite,
				  info.suite->id);
		} else {
			null_pair_check_alert(choices[i].row, &pair, 1,
					      choices[i].want_alert);
		}
		null_pair_fini(&pair);
	}
}

static const struct {
	const char *row;
	const char *client;
	const char *server;
	const char *want; /* NULL: no_application_protocol */
} alpns[] = {
	{"server's order", "\2h2\10http/1.1", "\10http/1.1\2h2", "http/1.1"},
	{"only common one", "\1a\2h2\1b", "\1c\2h2", "h2"},
	{"server has none", "\2h2", "", ""},
	{"client has none", "", "\2h2", ""},
	{"prefix is no match", "\2h2", "\1h", NULL},
	{"nothing in common", "\2h2", "\10http/1.1", NULL},
	/* The second name is 50 bytes long, and 50 is '2'. */
	{"no match across names",
	 "\1h\062xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "\2h2",
	 NULL},
};

CASE(handshake__chooses_alpn, "The server's first common protocol, or an alert")
{
	struct null_pair pair;
	struct keel_hs_info info;

	for (size_t i = 0; i < KEEL__ARRAY_LEN(alpns); i++) {
		struct keel_backend_params client = null_wish();
		struct keel_backend_params server = null_wish();

		client.alpn = (const uint8_t *)alpns[i].client;
		client.alpn_len = strlen(alpns[i].client);
		server.alpn = (const uint8_t *)alpns[i].server;
		server.alpn_len = strlen(alpns[i].server);
		null_pair_init(&pair, client, server, NULL);
		null_pair_shake(&pair);
		if (!alpns[i].want)
			null_pair_check_alert(
				alpns[i].row, &pair, 1,
				KEEL_ALERT_NO_APPLICATION_PROTOCOL);
		for (int end = 0; alpns[i].want && end < 2; end++) {
			REQUIRE_INT(alpns[i].row, 0,
				    null_row->hs_info(pair.hs[end], &info));
			REQUIRE_INT(alpns[i].row, strlen(alpns[i].want),
				    info.alpn_len);
			if (info.alpn_len)
				CHECK_MEM(alpns[i].row, alpns[i].want,
					  info.alpn, info.alpn_len);
		}
		null_pair_fini(&pair);
	}
}

static const struct {
	const char *host;
	const char *want;
} hosts[] = {
	{NULL, NULL},
	{"example.org", "example.org"},
	{"192.0.2.1", NULL},
	{"2001:db8::1", NULL},
	{"1.2.3.4.5", "1.2.3.4.5"},
};

CASE(handshake__tells_the_host_name,
     "The server learns the host name, but never an address (RFC 6066)")
{
	struct keel_backend_params params = null_wish();
	struct null_pair pair;
	struct keel_hs_info info;

	for (size_t i = 0; i < KEEL__ARRAY_LEN(hosts); i++) {
		null_pair_init(&pair, params, params, hosts[i].host);
		null_pair_shake(&pair);
		REQUIRE_INT("server", 0, null_row->hs_info(pair.hs[1], &info));
		ATF_CHECK_STREQ(hosts[i].want ? hosts[i].want : "none",
				info.sni ? info.sni : "none");
		REQUIRE_INT("client", 0, null_row->hs_info(pair.hs[0], &info));
		ATF_CHECK(!info.sni);
		null_pair_fini(&pair);
	}
}

CASE(handshake__refuses_a_host_too_long, "More than 255 bytes are no host name")
{
	struct keel_backend_params params = null_wish();
	char host[300];
	struct keel_hs_params hs = {.sz = sizeof(hs), .host = host};
	void *ctx;
	void *obj = NULL;

	null_backend();
	params.role = KEEL_CLIENT;
	ctx = null_ctx(&params);
	memset(host, 'a', sizeof(host));
	host[256] = '\0';
	CHECK_INT("256", -EINVAL, null_row->hs_new(ctx, &hs, &obj));
	ATF_CHECK(!obj);
	host[255] = '\0';
	CHECK_INT("255", 0, null_row->hs_new(ctx, &hs, &obj));
	null_row->hs_free(obj);
	null_row->hs_free(NULL);
	null_row->ctx_free(ctx);
	null_row->ctx_free(NULL);
}

static const struct {
	const char *row;
	uint16_t version;
	const char *msg;
	size_t len;
	int want;
} tickets[] = {
	{"whole", KEEL_TLS1_3, "\4\0\0\5abcde", 9, 0},
	{"empty", KEEL_TLS1_3, "\4\0\0\0", 4, 0},
	{"cut", KEEL_TLS1_3, "\4\0\0\5abcd", 8, -EPROTO},
	{"no header", KEEL_TLS1_3, "\4\0\0", 3, -EPROTO},
	{"KeyUpdate", KEEL_TLS1_3, "\30\0\0\1\0", 5, -EPROTO},
	{"TLS 1.2", KEEL_TLS1_2, "\4\0\0\5abcde", 9, -ENOTSUP},
};

CASE(ticket__is_handed_back, "A whole NewSessionTicket comes back as the blob")
{
	static struct null_pair pair;

	for (size_t i = 0; i < KEEL__ARRAY_LEN(tickets); i++) {
		struct keel_backend_params params = null_wish();

		params.max_version = tickets[i].version;
		null_pair_init(&pair, params, params, NULL);
		null_pair_shake(&pair);
		pair.out[0].len = 0;
		CHECK_INT(tickets[i].row, tickets[i].want,
			  null_row->hs_ticket(pair.hs[0], tickets[i].msg,
					      tickets[i].len, null_sink,
					      &pair.out[0]));
		CHECK_INT(tickets[i].row, tickets[i].want ? 0 : tickets[i].len,
			  pair.out[0].len);
		CHECK_MEM(tickets[i].row, tickets[i].msg, pair.out[0].data,
			  pair.out[0].len);
		CHECK_INT("a server", -ESTALE,
			  null_row->hs_ticket(pair.hs[1], tickets[i].msg,
					      tickets[i].len, null_sink,
					      &pair.out[1]));
		null_pair_fini(&pair);
	}
}

static const uint16_t unknown_suites[] = {0x0001, 0x1305};

static const struct {
	const char *row;
	uint16_t min;
	uint16_t max;
	const uint16_t *suites;
	size_t nr_suites;
	enum keel_verify verify;
	const char *alpn;
	size_t alpn_len;
	int want;
} contexts[] = {
	{"verify", 0x0303, 0x0304, null_suites, 12, KEEL_VERIFY_REQUIRED, NULL,
	 0, -ENOTSUP},
	{"optional", 0x0303, 0x0304, null_suites, 12, KEEL_VERIFY_OPTIONAL,
	 NULL, 0, -ENOTSUP},
	{"TLS 1.1", 0x0302, 0x0304, null_suites, 12, KEEL_VERIFY_NONE, NULL, 0,
	 -EINVAL},
	{"TLS 1.4", 0x0303, 0x0305, null_suites, 12, KEEL_VERIFY_NONE, NULL, 0,
	 -EINVAL},
	{"no version", 0x0304, 0x0303, null_suites, 12, KEEL_VERIFY_NONE, NULL,
	 0, -EINVAL},
	{"unknown suites", 0x0303, 0x0304, unknown_suites, 2, KEEL_VERIFY_NONE,
	 NULL, 0, -EINVAL},
	{"suites of the other version", 0x0304, 0x0304, null_suites + 4, 8,
	 KEEL_VERIFY_NONE, NULL, 0, -EINVAL},
	{"empty ALPN name", 0x0303, 0x0304, null_suites, 12, KEEL_VERIFY_NONE,
	 "\0", 1, -EINVAL},
	{"ALPN name past the end", 0x0303, 0x0304, null_suites, 12,
	 KEEL_VERIFY_NONE, "\2h", 2, -EINVAL},
};

static void check_refused(const char *row, int want,
			  const struct keel_backend_params *params)
{
	struct keel_diag diag = {.err = {.err = 0}};
	void *ctx = NULL;

	CHECK_INT(row, want, null_row->ctx_new(params, &diag, &ctx));
	CHECK_INT(row, want, diag.err.err);
	ATF_CHECK_MSG(!ctx && diag.err.site && !strncmp(diag.text, "null: ", 6),
		      "%s: \"%s\"", row, diag.text);
}

CASE(context__refuses_what_it_cannot_do,
     "A wish that cannot be kept is refused with a line that says why")
{
	struct keel_backend_params params = null_wish();

	null_backend();
	params.sz--;
	check_refused("too small", -EINVAL, &params);
	for (size_t i = 0; i < KEEL__ARRAY_LEN(contexts); i++) {
		params = null_wish();
		params.min_version = contexts[i].min;
		params.max_version = contexts[i].max;
		params.suites = contexts[i].suites;
		params.nr_suites = contexts[i].nr_suites;
		params.verify = contexts[i].verify;
		params.alpn = (const uint8_t *)contexts[i].alpn;
		params.alpn_len = contexts[i].alpn_len;
		check_refused(contexts[i].row, contexts[i].want, &params);
	}
}

CASE(null__survives_lack_of_memory,
     "Without memory every slot that allocates says so and leaks nothing")
{
	struct keel_backend_params params = null_wish();
	struct keel_hs_params hs_params = {.sz = sizeof(hs_params)};
	struct null_out out = {.len = 0};
	struct keel_err err;
	struct keel_diag diag;
	void *ctx, *hs, *aead;
	long nr_live;

	params.role = KEEL_CLIENT;
	params.alpn = (const uint8_t *)"\2h2";
	params.alpn_len = 3;
	null_backend();
	nr_live = alloc_probe.nr_live;
	for (long left = 0; left < 3; left++) {
		alloc_probe.nr_left = left;
		CHECK_INT("ctx", -ENOMEM,
			  null_row->ctx_new(&params, &diag, &ctx));
		CHECK_INT("ctx", -ENOMEM, diag.err.err);
		CHECK_INT("ctx", nr_live, alloc_probe.nr_live);
	}
	alloc_probe.nr_left = -1;
	ctx = null_ctx(&params);
	alloc_probe.nr_left = 0;
	CHECK_INT("hs", -ENOMEM, null_row->hs_new(ctx, &hs_params, &hs));
	CHECK_INT("aead", -ENOMEM,
		  null_row->aead_new(KEEL_AEAD_AES_128_GCM, out.data, true,
				     &aead));
	alloc_probe.nr_left = -1;
	REQUIRE_INT("hs", 0, null_row->hs_new(ctx, &hs_params, &hs));
	alloc_probe.nr_left = 0;
	CHECK_INT("step", -ENOMEM,
		  null_row->hs_step(hs, NULL, 0, null_sink, &out, &err));
	CHECK_INT("step", -ENOMEM, err.err);
	alloc_probe.nr_left = -1;
	null_row->hs_free(hs);
	null_row->ctx_free(ctx);
	CHECK_INT("all", nr_live, alloc_probe.nr_live);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, handshake__agrees_on_every_suite);
	ATF_TP_ADD_TC(tp, handshake__secrets_are_new_each_time);
	ATF_TP_ADD_TC(tp, handshake__chooses_version_and_suite);
	ATF_TP_ADD_TC(tp, handshake__chooses_alpn);
	ATF_TP_ADD_TC(tp, handshake__tells_the_host_name);
	ATF_TP_ADD_TC(tp, handshake__refuses_a_host_too_long);
	ATF_TP_ADD_TC(tp, ticket__is_handed_back);
	ATF_TP_ADD_TC(tp, context__refuses_what_it_cannot_do);
	ATF_TP_ADD_TC(tp, null__survives_lack_of_memory);
	return atf_no_error();
}
