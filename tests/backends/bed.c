/* SPDX-License-Identifier: MIT */
/* A client and a server of any two backends with all that they need. */
#include "tests/backends/bed.h"

#include <stdio.h>
#include <string.h>

#include "lib/backends/openssl/openssl-private.h"
#include "lib/core/record-private.h"
#include "lib/core/traffic-private.h"
#include "tests/support/check.h"

void *bed_ctx_new_of(const struct keel_backend *be,
		     const struct keel_backend_params *params)
{
	struct keel_diag diag = {.text = ""};
	void *ctx = NULL;
	int r = be->ctx_new(params, &diag, &ctx);

	ATF_REQUIRE_MSG(r == 0, "%s: ctx_new: %d, %s", be->name, r, diag.text);
	return ctx;
}

void *bed_ctx_new(const struct keel_backend_params *params)
{
	return bed_ctx_new_of(&keel__backend_openssl, params);
}

void bed_init(struct bed *bed, const struct pki_spec *spec)
{
	bed_init_of(bed, spec, &keel__backend_openssl, &keel__backend_openssl);
}

void bed_init_of(struct bed *bed, const struct pki_spec *spec,
		 const struct keel_backend *client,
		 const struct keel_backend *server)
{
	char why[256];

	ATF_REQUIRE_EQ(0, client->init(why, sizeof(why)));
	ATF_REQUIRE_EQ(0, server->init(why, sizeof(why)));
	*bed = (struct bed){
		.client = client,
		.server = server,
		.host = PKI_HOST,
	};
	pki_init(&bed->pki);
	pki_issue(&bed->pki, spec, &bed->pair);
	bed->client_params = hs_params(KEEL_CLIENT, NULL, bed->pki.cert);
	bed->server_params = hs_params(KEEL_SERVER, &bed->pair, NULL);
}

void bed_set_version(struct bed *bed, uint16_t version)
{
	bed->client_params.min_version = version;
	bed->client_params.max_version = version;
}

int bed_start(struct bed *bed, const char *host, const struct hs_bytes *session)
{
	struct keel_hs_params params = {
		.sz = sizeof(params),
		.host = host,
		.session = session ? session->data : NULL,
		.session_len = session ? session->len : 0,
	};

	if (!bed->client_ctx)
		bed->client_ctx =
			bed_ctx_new_of(bed->client, &bed->client_params);
	if (!bed->server_ctx)
		bed->server_ctx =
			bed_ctx_new_of(bed->server, &bed->server_params);
	return hs_pair_init_of(&bed->hs, bed->client, bed->client_ctx,
			       bed->server, bed->server_ctx, &params);
}

void bed_run(struct bed *bed, const char *row, const struct hs_bytes *session)
{
	REQUIRE_INT(row, 0, bed_start(bed, bed->host, session));
	ATF_REQUIRE_MSG(hs_pair_run(&bed->hs), "%s: client %d %s, server %d %s",
			row, bed->hs.client.result, bed->hs.client.err.site,
			bed->hs.server.result, bed->hs.server.err.site);
}

void bed_fini(struct bed *bed)
{
	hs_pair_fini(&bed->hs);
	bed->client->ctx_free(bed->client_ctx);
	bed->server->ctx_free(bed->server_ctx);
	pki_pair_fini(&bed->pair);
	pki_fini(&bed->pki);
}

struct keel_hs_info bed_info(struct hs_side *side)
{
	struct keel_hs_info info;

	ATF_REQUIRE_EQ(0, side->be->hs_info(side->hs, &info));
	return info;
}

/* The keys of one end, as the connection will have them. */
struct keys {
	struct keel_traffic tx;
	struct keel_traffic rx;
};

static void keys_one(struct keel_traffic *t, struct hs_side *side,
		     enum keel_role role, enum keel_dir dir, const char *row)
{
	struct keel_export ex;

	REQUIRE_INT(row, 0, side->be->hs_export(side->hs, dir, &ex));
	REQUIRE_INT(row, 0,
		    keel__traffic_init(t, side->be, bed_info(side).suite, role,
				       dir, &ex));
}

static void keys_init(struct keys *keys, struct hs_side *side,
		      enum keel_role role, const char *row)
{
	*keys = (struct keys){.tx = {.suite = NULL}};
	keys_one(&keys->tx, side, role, KEEL_TX, row);
	keys_one(&keys->rx, side, role, KEEL_RX, row);
}

static void keys_fini(struct keys *keys, const struct keel_backend *be)
{
	keel__traffic_clear(&keys->tx, be);
	keel__traffic_clear(&keys->rx, be);
}

/*
 * Open the records that wait at the client, which must be tickets; give each
 * to @take, if it is not NULL. Returns how many there were.
 */
static unsigned int drain_tickets(struct bed *bed, struct keel_traffic *rx,
				  struct hs_bytes *ret_session, const char *row)
{
	const struct keel_backend *be = bed->client;
	struct hs_bytes *in = &bed->hs.client.in;
	struct keel__record rec;
	unsigned int nr = 0;
	uint8_t alert;
	size_t len;

	while ((len = hs_bytes_record(in))) {
		REQUIRE_INT(
			row, 0,
			keel__record_open(rx, be, in->data, len, &rec, &alert));
		REQUIRE_INT(row, KEEL__RECORD_HANDSHAKE, rec.type);
		if (ret_session) {
			hs_bytes_fini(ret_session);
			REQUIRE_INT(row, 0,
				    be->hs_ticket(bed->hs.client.hs, rec.data,
						  rec.len, hs_bytes_sink,
						  ret_session));
		}
		hs_bytes_drop(in, len);
		nr++;
	}
	CHECK_INT(row, 0, in->len);
	return nr;
}

/* Seal under one end's keys, open under the other's: three records. */
static void exchange(struct keel_traffic *tx, const struct keel_backend *tx_be,
		     struct keel_traffic *rx, const struct keel_backend *rx_be,
		     const char *row)
{
	uint8_t buf[KEEL__RECORD_HEADER_LEN + KEEL__RECORD_MAX_BODY];
	struct keel__record rec;
	char text[32];
	uint8_t alert;
	ssize_t len;

	for (int i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "record %d of data", i);
		len = keel__record_seal(tx, tx_be, KEEL__RECORD_DATA, text,
					strlen(text), buf);
		ATF_REQUIRE_MSG(len > 0, "%s: seal %zd", row, len);
		REQUIRE_INT(row, 0,
			    keel__record_open(rx, rx_be, buf, (size_t)len, &rec,
					      &alert));
		CHECK_INT(row, KEEL__RECORD_DATA, rec.type);
		REQUIRE_INT(row, strlen(text), rec.len);
		CHECK_MEM(row, text, rec.data, rec.len);
	}
}

unsigned int bed_cross_check(struct bed *bed, struct hs_bytes *ret_session,
			     const char *row)
{
	struct keys client;
	struct keys server;
	unsigned int nr;

	keys_init(&client, &bed->hs.client, KEEL_CLIENT, row);
	keys_init(&server, &bed->hs.server, KEEL_SERVER, row);
	nr = drain_tickets(bed, &client.rx, ret_session, row);
	CHECK_INT(row, client.rx.seq, server.tx.seq);
	CHECK_INT(row, client.tx.seq, server.rx.seq);
	exchange(&server.tx, bed->server, &client.rx, bed->client, row);
	exchange(&client.tx, bed->client, &server.rx, bed->server, row);
	keys_fini(&client, bed->client);
	keys_fini(&server, bed->server);
	return nr;
}

void bed_full(struct bed *bed, struct hs_bytes *ret_session, const char *row)
{
	bed_run(bed, row, NULL);
	if (bed->trust)
		memcpy(((struct keel__ossl_hs *)bed->hs.client.hs)->trust,
		       bed->trust, KEEL__OSSL_TRUST_LEN);
	if (bed->client_params.max_version == KEEL_TLS1_2)
		REQUIRE_INT(row, 0,
			    bed->client->hs_session(bed->hs.client.hs,
						    hs_bytes_sink,
						    ret_session));
	bed_cross_check(bed,
			bed->client_params.max_version == KEEL_TLS1_3
				? ret_session
				: NULL,
			row);
	ATF_REQUIRE_MSG(ret_session->len > 0, "%s: no session", row);
	hs_pair_fini(&bed->hs);
}
