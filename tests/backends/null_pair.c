/* SPDX-License-Identifier: MIT */
/* Two ends of the null backend over memory. */
#include "tests/backends/null_pair.h"

#include <errno.h>
#include <string.h>

#include <keel/registry.h>

#include "tests/support/check.h"

const struct keel_backend *null_row;

/* The row, as a program gets it. The built-in ones are never unloaded. */
void null_backend(void)
{
	struct keel_backend_ref *ref;

	REQUIRE_INT("null", 0, keel_registry_find(NULL, "null", 0, NULL, &ref));
	null_row = keel_backend_ref_get(ref);
	keel_backend_ref_unref(ref);
}

int null_sink(void *arg, const void *data, size_t len)
{
	struct null_out *out = arg;

	if (out->fail)
		return out->fail;
	ATF_REQUIRE(len <= sizeof(out->data) - out->len);
	memcpy(out->data + out->len, data, len);
	out->len += len;
	return 0;
}

const uint16_t null_suites[NULL_NR_SUITES] = {0x1301, 0x1302, 0x1303, 0x1304,
					      0xc02b, 0xc02f, 0xc02c, 0xc030,
					      0xcca9, 0xcca8, 0xc0ac, 0xc0ad};

/* All that this backend has. */
struct keel_backend_params null_wish(void)
{
	return (struct keel_backend_params){
		.sz = sizeof(struct keel_backend_params),
		.min_version = KEEL_TLS1_2,
		.max_version = KEEL_TLS1_3,
		.suites = null_suites,
		.nr_suites = NULL_NR_SUITES,
	};
}

void *null_ctx(const struct keel_backend_params *params)
{
	struct keel_diag diag = {.text = "no diagnosis"};
	void *ctx;
	int ret = null_row->ctx_new(params, &diag, &ctx);

	ATF_REQUIRE_MSG(!ret, "ctx_new: %d, %s", ret, diag.text);
	return ctx;
}

void null_pair_init(struct null_pair *pair, struct keel_backend_params client,
		    struct keel_backend_params server, const char *host)
{
	struct keel_hs_params hs = {.sz = sizeof(hs), .host = host};

	null_backend();
	memset(pair, 0, sizeof(*pair));
	client.role = KEEL_CLIENT;
	server.role = KEEL_SERVER;
	pair->ctx[0] = null_ctx(&client);
	pair->ctx[1] = null_ctx(&server);
	REQUIRE_INT("client", 0,
		    null_row->hs_new(pair->ctx[0], &hs, &pair->hs[0]));
	REQUIRE_INT("server", 0,
		    null_row->hs_new(pair->ctx[1], &hs, &pair->hs[1]));
}

void null_pair_fini(struct null_pair *pair)
{
	for (int i = 0; i < 2; i++) {
		null_row->hs_free(pair->hs[i]);
		null_row->ctx_free(pair->ctx[i]);
	}
}

/* One record (or NULL) for one end. */
int null_pair_step(struct null_pair *pair, int end, void *rec, size_t len)
{
	pair->out[end].len = 0;
	pair->ret[end] = null_row->hs_step(pair->hs[end], rec, len, null_sink,
					   &pair->out[end], &pair->err[end]);
	return pair->ret[end];
}

/* Both hellos; what came of it is in ret[]. */
void null_pair_shake(struct null_pair *pair)
{
	REQUIRE_INT("start", KEEL_HS_WANT_RECORD,
		    null_pair_step(pair, 0, NULL, 0));
	if (null_pair_step(pair, 1, pair->out[0].data, pair->out[0].len) ==
	    KEEL_HS_DONE)
		null_pair_step(pair, 0, pair->out[1].data, pair->out[1].len);
}

/* The end failed, said so in a fatal alert record, and filled its error. */
void null_pair_check_alert(const char *row, struct null_pair *pair, int end,
			   unsigned int alert)
{
	const uint8_t want[] = {21, 3, 3, 0, 2, 2, (uint8_t)alert};

	CHECK_INT(row, -EPROTO, pair->ret[end]);
	CHECK_INT(row, -EPROTO, pair->err[end].err);
	CHECK_INT(row, KEEL_ERR_SENT_ALERT, pair->err[end].origin);
	CHECK_INT(row, alert, pair->err[end].alert);
	ATF_CHECK_MSG(pair->err[end].site, "%s: no site", row);
	REQUIRE_INT(row, sizeof(want), pair->out[end].len);
	CHECK_MEM(row, want, pair->out[end].data, sizeof(want));
}

/* A context that makes both hellos long. */
void null_pair_long(struct null_pair *pair)
{
	struct keel_backend_params params = null_wish();

	params.alpn = (const uint8_t *)"\2h2\10http/1.1";
	params.alpn_len = 12;
	null_pair_init(pair, params, params, "example.org");
	REQUIRE_INT("start", KEEL_HS_WANT_RECORD,
		    null_pair_step(pair, 0, NULL, 0));
}
