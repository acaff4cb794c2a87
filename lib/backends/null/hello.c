/* SPDX-License-Identifier: MIT */
/* The null backend's two hellos: made, judged, answered. */
#include "lib/backends/null/null-private.h"

#include <errno.h>
#include <string.h>

#define FINISHED_LEN 16

static void put_hello_start(struct keel__null_writer *w, unsigned int message,
			    const uint8_t *random)
{
	keel__null_put_int(w, KEEL__NULL_HANDSHAKE, 1);
	/* What records of every version say, RFC 8446 section 5.1. */
	keel__null_put_int(w, KEEL_TLS1_2, 2);
	keel__null_put_int(w, 0, 2);
	keel__null_put_int(w, message, 1);
	keel__null_put_int(w, 0, 3);
	keel__null_put(w, keel__null_magic, sizeof(keel__null_magic));
	keel__null_put(w, random, KEEL__NULL_RANDOM_LEN);
}

/* --- The client --- */

int keel__null_client_start(const struct keel__null_call *call,
			    struct keel__null_writer *w)
{
	struct keel__null_hs *hs = call->hs;
	const struct keel__null_ctx *ctx = hs->ctx;
	int ret;

	put_hello_start(w, KEEL__NULL_CLIENT_HELLO, hs->client_random);
	keel__null_put_int(w, ctx->min_version, 2);
	keel__null_put_int(w, ctx->max_version, 2);
	keel__null_put_int(w, 2 * ctx->nr_suites, 2);
	for (size_t i = 0; i < ctx->nr_suites; i++)
		keel__null_put_int(w, ctx->suites[i]->id, 2);
	keel__null_put_part(w, ctx->alpn, ctx->alpn_len);
	keel__null_put_part(w, hs->host, strlen(hs->host));
	if (w->full)
		return keel__null_give_up(call, -EINVAL, KEEL_ERR_USAGE,
					  "null: hello too long for a record");
	keel__null_put_lengths(w);
	hs->transcript = keel__null_stir(0, w->data, w->len);
	ret = call->sink(call->arg, w->data, w->len);
	if (ret < 0)
		return keel__null_give_up(call, ret, KEEL_ERR_SYS,
					  "null: output");
	hs->state = KEEL__NULL_WAIT;
	return KEEL_HS_WANT_RECORD;
}

static bool offers_suite(const struct keel__null_ctx *ctx,
			 const struct keel_suite *suite)
{
	for (size_t i = 0; i < ctx->nr_suites; i++) {
		if (ctx->suites[i] == suite)
			return true;
	}
	return false;
}

static bool has_alpn(const uint8_t *list, size_t len, const uint8_t *name,
		     size_t name_len)
{
	/* The list was judged before: every name lies within it. */
	for (size_t i = 0; i < len; i += 1u + list[i]) {
		if (list[i] == name_len &&
		    !memcmp(list + i + 1, name, name_len))
			return true;
	}
	return false;
}

/* Everything a server chose must be something this client offered. */
int keel__null_client_finish(const struct keel__null_call *call,
			     const uint8_t *rec, struct keel__null_reader *r)
{
	struct keel__null_hs *hs = call->hs;
	const struct keel__null_ctx *ctx = hs->ctx;
	const uint8_t *random = keel__null_read(r, KEEL__NULL_RANDOM_LEN);
	uint32_t version = keel__null_read_int(r, 2);
	uint32_t id = keel__null_read_int(r, 2);
	struct keel__null_reader alpn = keel__null_read_part(r, 1);
	const uint8_t *end = r->data;
	const uint8_t *finished = keel__null_read(r, FINISHED_LEN);
	uint8_t want[FINISHED_LEN];

	if (r->bad || r->len)
		return keel__null_send_alert(call, KEEL_ALERT_DECODE_ERROR,
					     "null: malformed server hello");
	hs->transcript =
		keel__null_stir(hs->transcript, rec, (size_t)(end - rec));
	keel__null_draw(hs->transcript, want, sizeof(want));
	if (memcmp(want, finished, sizeof(want)))
		return keel__null_send_alert(
			call, KEEL_ALERT_DECRYPT_ERROR,
			"null: a hello was changed on its way");
	hs->suite = keel_suite_by_id((uint16_t)id);
	if (!hs->suite || hs->suite->version != version ||
	    !offers_suite(ctx, hs->suite) ||
	    (alpn.len &&
	     !has_alpn(ctx->alpn, ctx->alpn_len, alpn.data, alpn.len)))
		return keel__null_send_alert(
			call, KEEL_ALERT_ILLEGAL_PARAMETER,
			"null: server chose what was not offered");
	memcpy(hs->server_random, random, sizeof(hs->server_random));
	memcpy(hs->alpn, alpn.data, alpn.len);
	hs->alpn_len = (uint8_t)alpn.len;
	hs->state = KEEL__NULL_DONE;
	return KEEL_HS_DONE;
}

/* --- The server --- */

/* What a client offers, checked for form. */
struct offer {
	const uint8_t *random;
	uint32_t min_version;
	uint32_t max_version;
	struct keel__null_reader suites;
	struct keel__null_reader alpn;
	struct keel__null_reader host;
};

/* Is @id among what the client offers? @suites is a copy, used up here. */
static bool offer_has_suite(struct keel__null_reader suites, uint32_t id)
{
	while (suites.len) {
		if (keel__null_read_int(&suites, 2) == id)
			return true;
	}
	return false;
}

/* The highest common version, in it the best common suite, in our order. */
static int choose_suite(const struct keel__null_call *call,
			const struct offer *offer)
{
	const struct keel__null_ctx *ctx = call->hs->ctx;
	bool common_version = false;

	for (uint32_t v = KEEL_TLS1_3; v >= KEEL_TLS1_2; v--) {
		if (v > ctx->max_version || v < ctx->min_version ||
		    v > offer->max_version || v < offer->min_version)
			continue;
		common_version = true;
		for (size_t i = 0; i < ctx->nr_suites; i++) {
			if (ctx->suites[i]->version != v ||
			    !offer_has_suite(offer->suites, ctx->suites[i]->id))
				continue;
			call->hs->suite = ctx->suites[i];
			return 0;
		}
	}
	if (!common_version)
		return keel__null_send_alert(call, KEEL_ALERT_PROTOCOL_VERSION,
					     "null: no common version");
	return keel__null_send_alert(call, KEEL_ALERT_HANDSHAKE_FAILURE,
				     "null: no common cipher suite");
}

/* RFC 7301 section 3.2: our order; none in common is fatal. */
static int choose_alpn(const struct keel__null_call *call,
		       const struct offer *offer)
{
	struct keel__null_hs *hs = call->hs;
	const uint8_t *list = hs->ctx->alpn;
	size_t len = hs->ctx->alpn_len;

	if (!len || !offer->alpn.len)
		return 0;
	for (size_t i = 0; i < len; i += 1u + list[i]) {
		if (!has_alpn(offer->alpn.data, offer->alpn.len, list + i + 1,
			      list[i]))
			continue;
		memcpy(hs->alpn, list + i + 1, list[i]);
		hs->alpn_len = list[i];
		return 0;
	}
	return keel__null_send_alert(call, KEEL_ALERT_NO_APPLICATION_PROTOCOL,
				     "null: no common ALPN protocol");
}

/* A host name that would end early or bend a log line is refused. */
static bool host_is_good(const struct keel__null_reader *host)
{
	if (host->len > KEEL__NULL_MAX_HOST_LEN)
		return false;
	for (size_t i = 0; i < host->len; i++) {
		if (host->data[i] <= ' ' || host->data[i] >= 0x7f)
			return false;
	}
	return true;
}

static int server_answer(const struct keel__null_call *call,
			 struct keel__null_writer *w)
{
	struct keel__null_hs *hs = call->hs;
	uint8_t finished[FINISHED_LEN];
	int ret;

	put_hello_start(w, KEEL__NULL_SERVER_HELLO, hs->server_random);
	keel__null_put_int(w, hs->suite->version, 2);
	keel__null_put_int(w, hs->suite->id, 2);
	keel__null_put_int(w, hs->alpn_len, 1);
	keel__null_put(w, hs->alpn, hs->alpn_len);
	/* The lengths are a part of what the finished covers. */
	w->len += FINISHED_LEN;
	keel__null_put_lengths(w);
	w->len -= FINISHED_LEN;
	hs->transcript = keel__null_stir(hs->transcript, w->data, w->len);
	keel__null_draw(hs->transcript, finished, sizeof(finished));
	keel__null_put(w, finished, sizeof(finished));
	ret = call->sink(call->arg, w->data, w->len);
	if (ret < 0)
		return keel__null_give_up(call, ret, KEEL_ERR_SYS,
					  "null: output");
	hs->state = KEEL__NULL_DONE;
	return KEEL_HS_DONE;
}

int keel__null_server_take(const struct keel__null_call *call,
			   const uint8_t *rec, size_t len,
			   struct keel__null_reader *r,
			   struct keel__null_writer *w)
{
	struct keel__null_hs *hs = call->hs;
	struct offer offer;
	int ret;

	offer.random = keel__null_read(r, KEEL__NULL_RANDOM_LEN);
	offer.min_version = keel__null_read_int(r, 2);
	offer.max_version = keel__null_read_int(r, 2);
	offer.suites = keel__null_read_part(r, 2);
	offer.alpn = keel__null_read_part(r, 2);
	offer.host = keel__null_read_part(r, 2);
	if (r->bad || r->len || offer.suites.len % 2 ||
	    !keel__null_alpn_is_good(offer.alpn.data, offer.alpn.len))
		return keel__null_send_alert(call, KEEL_ALERT_DECODE_ERROR,
					     "null: malformed client hello");
	if (!host_is_good(&offer.host))
		return keel__null_send_alert(call, KEEL_ALERT_ILLEGAL_PARAMETER,
					     "null: not a host name");
	ret = choose_suite(call, &offer);
	if (!ret)
		ret = choose_alpn(call, &offer);
	if (ret)
		return ret;
	memcpy(hs->client_random, offer.random, sizeof(hs->client_random));
	memcpy(hs->host, offer.host.data, offer.host.len);
	hs->transcript = keel__null_stir(0, rec, len);
	return server_answer(call, w);
}
