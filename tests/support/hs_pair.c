/* SPDX-License-Identifier: MIT */
/* Two handshake objects that talk through memory, record by record. */
#include "tests/support/hs_pair.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_LEN 5
#define MAX_SUITES 64

static const uint16_t *all_suites(size_t *ret_nr)
{
	static uint16_t ids[MAX_SUITES];
	const struct keel_suite *suite;
	size_t nr = 0;

	while (nr < MAX_SUITES && (suite = keel_suite_at(nr)))
		ids[nr++] = suite->id;
	*ret_nr = nr;
	return ids;
}

struct keel_backend_params
hs_params(enum keel_role role, const struct pki_pair *pair, const char *ca_pem)
{
	struct keel_backend_params params = {
		.sz = sizeof(params),
		.role = role,
		.min_version = KEEL_TLS1_2,
		.max_version = KEEL_TLS1_3,
		.nr_tickets = role == KEEL_SERVER ? 2 : 0,
		.want_tickets = role == KEEL_CLIENT,
		.cert_name = "cert.pem",
		.key_name = "key.pem",
		.ca_name = "ca.pem",
	};

	params.suites = all_suites(&params.nr_suites);
	if (pair) {
		params.cert_pem = pair->cert;
		params.cert_len = strlen(pair->cert);
		params.key_pem = pair->key;
		params.key_len = strlen(pair->key);
	}
	if (ca_pem) {
		params.ca_pem = ca_pem;
		params.ca_len = strlen(ca_pem);
		params.verify = KEEL_VERIFY_REQUIRED;
	}
	return params;
}

int hs_bytes_sink(void *arg, const void *data, size_t len)
{
	struct hs_bytes *bytes = arg;
	uint8_t *more = realloc(bytes->data, bytes->len + len);

	if (!more)
		return -ENOMEM;
	memcpy(more + bytes->len, data, len);
	bytes->data = more;
	bytes->len += len;
	return 0;
}

void hs_bytes_drop(struct hs_bytes *bytes, size_t len)
{
	bytes->len -= len;
	if (bytes->len)
		memmove(bytes->data, bytes->data + len, bytes->len);
}

void hs_bytes_fini(struct hs_bytes *bytes)
{
	free(bytes->data);
	*bytes = (struct hs_bytes){.data = NULL};
}

size_t hs_bytes_record(const struct hs_bytes *bytes)
{
	size_t len;

	if (bytes->len < HEADER_LEN)
		return 0;
	len = HEADER_LEN + (size_t)(bytes->data[3] << 8 | bytes->data[4]);
	return len <= bytes->len ? len : 0;
}

static int side_init(struct hs_side *side, const struct keel_backend *be,
		     void *ctx, const struct keel_hs_params *params)
{
	side->be = be;
	return be->hs_new(ctx, params, &side->hs);
}

int hs_pair_init(struct hs_pair *pair, const struct keel_backend *be,
		 void *client_ctx, void *server_ctx,
		 const struct keel_hs_params *client_params)
{
	return hs_pair_init_of(pair, be, client_ctx, be, server_ctx,
			       client_params);
}

int hs_pair_init_of(struct hs_pair *pair, const struct keel_backend *client,
		    void *client_ctx, const struct keel_backend *server,
		    void *server_ctx,
		    const struct keel_hs_params *client_params)
{
	int r;

	*pair = (struct hs_pair){
		.client = {.be = client},
		.server = {.be = server},
	};
	r = side_init(&pair->client, client, client_ctx, client_params);
	if (r < 0)
		return r;
	r = side_init(&pair->server, server, server_ctx, NULL);
	if (r < 0)
		hs_pair_fini(pair);
	return r;
}

static void side_fini(struct hs_side *side)
{
	if (side->hs)
		side->be->hs_free(side->hs);
	side->hs = NULL;
	hs_bytes_fini(&side->in);
	hs_bytes_fini(&side->sent);
}

void hs_pair_fini(struct hs_pair *pair)
{
	side_fini(&pair->client);
	side_fini(&pair->server);
}

struct sink {
	struct hs_side *side;
	struct hs_side *peer;
};

static int to_peer(void *arg, const void *data, size_t len)
{
	const struct sink *sink = arg;

	sink->side->nr_sinks++;
	if (hs_bytes_sink(&sink->side->sent, data, len))
		return -ENOMEM;
	return hs_bytes_sink(&sink->peer->in, data, len);
}

/* Tickets, as if data were about to be sent; -ENOTSUP if none can be. */
static int issue(struct hs_side *side, struct sink *sink)
{
	return side->be->hs_issue ? side->be->hs_issue(side->hs, to_peer, sink)
				  : -ENOTSUP;
}

int hs_side_step(struct hs_side *side, struct hs_side *peer, const void *rec,
		 size_t len)
{
	struct sink sink = {.side = side, .peer = peer};
	/* A block of its own, so that a sanitizer sees a read past it. */
	void *copy = rec ? malloc(len) : NULL;

	if (rec && !copy)
		abort();
	if (rec)
		memcpy(copy, rec, len);
	side->result = side->be->hs_step(side->hs, copy, len, to_peer, &sink,
					 &side->err);
	free(copy);
	if (side->result == KEEL_HS_DONE)
		side->nr_issued = issue(side, &sink);
	return side->result;
}

void hs_side_pump(struct hs_side *side, struct hs_side *peer)
{
	size_t len;

	while (side->result == KEEL_HS_WANT_RECORD &&
	       (len = hs_bytes_record(&side->in))) {
		hs_side_step(side, peer, side->in.data, len);
		hs_bytes_drop(&side->in, len);
	}
}

int hs_pair_run(struct hs_pair *pair)
{
	hs_side_step(&pair->client, &pair->server, NULL, 0);
	for (int i = 0; i < 5; i++) {
		hs_side_pump(&pair->server, &pair->client);
		hs_side_pump(&pair->client, &pair->server);
	}
	return pair->client.result == KEEL_HS_DONE &&
	       pair->server.result == KEEL_HS_DONE;
}
