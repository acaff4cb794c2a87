/* SPDX-License-Identifier: MIT */
/* The null backend's handshake: two records, real framing, NO SECURITY. */
#include "lib/backends/null/null-private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/*
 * The client says hello, the server answers, both know everything:
 *
 *   client                                      server
 *   hello: magic, random, versions,
 *          suites, ALPN names, host   ------->
 *                                     <-------  hello: magic, random, version,
 *                                               suite, ALPN name, finished
 *
 * Each hello is one handshake message in one record (RFC 8446 sections 4 and
 * 5.1), so keel's framing is used for real. "finished" is drawn from all that
 * was said before, so the client notices a changed byte. Whoever listens can
 * draw the same keys: both randoms travel in the clear and nothing is added.
 */
const uint8_t keel__null_magic[KEEL__NULL_MAGIC_LEN] = {'k', 'e', 'e', 'l',
							'n', 'u', 'l', 'l'};

/* The one message besides the hellos, RFC 8446 section 4.6.1. */
#define NEW_SESSION_TICKET 4

/* For what is not the peer's doing: no alert. */
int keel__null_give_up(const struct keel__null_call *call, int err,
		       enum keel_err_origin origin, const char *site)
{
	call->hs->state = KEEL__NULL_FAILED;
	*call->ret_err = (struct keel_err){
		.err = err,
		.origin = (uint8_t)origin,
		.site = site,
	};
	return err;
}

/* The peer broke the protocol: tell it which way (RFC 8446 section 6.2). */
int keel__null_send_alert(const struct keel__null_call *call,
			  enum keel_alert alert, const char *site)
{
	const uint8_t rec[] = {KEEL__NULL_ALERT, 3, 3, 0, 2, 2, (uint8_t)alert};
	int ret = call->sink(call->arg, rec, sizeof(rec));

	if (ret < 0)
		return keel__null_give_up(call, ret, KEEL_ERR_SYS,
					  "null: output");
	keel__null_give_up(call, -EPROTO, KEEL_ERR_SENT_ALERT, site);
	call->ret_err->alert = (uint8_t)alert;
	return -EPROTO;
}

/* The peer says that it gave up. */
static int take_alert(const struct keel__null_call *call,
		      struct keel__null_reader *r)
{
	uint32_t level = keel__null_read_int(r, 1);
	uint32_t alert = keel__null_read_int(r, 1);

	if (r->bad || r->len || (level != 1 && level != 2))
		return keel__null_send_alert(call, KEEL_ALERT_DECODE_ERROR,
					     "null: malformed alert");
	keel__null_give_up(call, -ECONNRESET, KEEL_ERR_PEER_ALERT,
			   "null: handshake");
	call->ret_err->alert = (uint8_t)alert;
	return -ECONNRESET;
}

/* An address is never sent as SNI (RFC 6066 section 3). */
static bool is_address(const char *host)
{
	uint8_t addr[16];

	return inet_pton(AF_INET, host, addr) == 1 ||
	       inet_pton(AF_INET6, host, addr) == 1;
}

/*
 * Slot hs_new. A session to resume is an offer the toy server would not take,
 * so it is not sent: a full handshake is always a correct answer.
 */
int keel__null_hs_new(void *ctx, const struct keel_hs_params *params,
		      void **ret_hs)
{
	const struct keel__null_ctx *c = ctx;
	bool client = c->role == KEEL_CLIENT;
	uint8_t *random;
	struct keel__null_hs *hs;

	if (client && params->host &&
	    strlen(params->host) > KEEL__NULL_MAX_HOST_LEN)
		return -EINVAL;
	hs = calloc(1, sizeof(*hs));
	if (!hs)
		return -ENOMEM;
	hs->ctx = c;
	hs->state = client ? KEEL__NULL_START : KEEL__NULL_WAIT;
	random = client ? hs->client_random : hs->server_random;
	if (getrandom(random, KEEL__NULL_RANDOM_LEN, 0) !=
	    KEEL__NULL_RANDOM_LEN) {
		keel__null_hs_free(hs);
		return -EIO;
	}
	if (client && params->host && !is_address(params->host))
		strcpy(hs->host, params->host);
	*ret_hs = hs;
	return 0;
}

/* One record of the peer: judge its frame, then let the right side have it. */
static int take_record(const struct keel__null_call *call, const uint8_t *rec,
		       size_t len, struct keel__null_writer *w)
{
	bool client = call->hs->ctx->role == KEEL_CLIENT;
	struct keel__null_reader r = {.data = rec, .len = len};
	uint32_t type = keel__null_read_int(&r, 1);
	const uint8_t *found;
	uint32_t message;

	/* A record's version must be ignored, RFC 8446 section 5.1. */
	keel__null_read_int(&r, 2);
	if (keel__null_read_int(&r, 2) != r.len || r.bad)
		return keel__null_send_alert(call, KEEL_ALERT_DECODE_ERROR,
					     "null: not one whole record");
	if (type == KEEL__NULL_ALERT)
		return take_alert(call, &r);
	if (type != KEEL__NULL_HANDSHAKE)
		return keel__null_send_alert(call,
					     KEEL_ALERT_UNEXPECTED_MESSAGE,
					     "null: not a handshake record");
	message = keel__null_read_int(&r, 1);
	if (keel__null_read_int(&r, 3) != r.len || r.bad)
		return keel__null_send_alert(call, KEEL_ALERT_DECODE_ERROR,
					     "null: not one whole message");
	if (message !=
	    (client ? KEEL__NULL_SERVER_HELLO : KEEL__NULL_CLIENT_HELLO))
		return keel__null_send_alert(call,
					     KEEL_ALERT_UNEXPECTED_MESSAGE,
					     "null: not a hello");
	found = keel__null_read(&r, sizeof(keel__null_magic));
	if (!found || memcmp(found, keel__null_magic, sizeof(keel__null_magic)))
		return keel__null_send_alert(
			call, KEEL_ALERT_HANDSHAKE_FAILURE,
			"null: the peer speaks real TLS, or nothing");
	return client ? keel__null_client_finish(call, rec, &r)
		      : keel__null_server_take(call, rec, len, &r, w);
}

/* Slot hs_step. */
int keel__null_hs_step(void *arg_hs, void *rec, size_t len, keel_sink_fn sink,
		       void *arg, struct keel_err *ret_err)
{
	struct keel__null_hs *hs = arg_hs;
	struct keel__null_call call = {hs, sink, arg, ret_err};
	struct keel__null_writer w = {.cap = KEEL__NULL_RECORD_HEADER_LEN +
					     KEEL_MAX_PLAINTEXT};
	int ret;

	/* NULL starts a client and nothing else. */
	if (hs->state != (rec ? KEEL__NULL_WAIT : KEEL__NULL_START))
		return keel__null_give_up(&call, -ESTALE, KEEL_ERR_USAGE,
					  "null: step in the wrong state");
	w.data = malloc(w.cap);
	if (!w.data)
		return keel__null_give_up(&call, -ENOMEM, KEEL_ERR_SYS,
					  "null: memory");
	ret = rec ? take_record(&call, rec, len, &w)
		  : keel__null_client_start(&call, &w);
	free(w.data);
	return ret;
}

/* Slot hs_info. */
int keel__null_hs_info(void *arg_hs, struct keel_hs_info *ret_info)
{
	const struct keel__null_hs *hs = arg_hs;
	bool server = hs->ctx->role == KEEL_SERVER;

	if (hs->state != KEEL__NULL_DONE)
		return -ESTALE;
	*ret_info = (struct keel_hs_info){
		.suite = hs->suite,
		.alpn = hs->alpn_len ? hs->alpn : NULL,
		.alpn_len = hs->alpn_len,
		.sni = server && hs->host[0] ? hs->host : NULL,
		.version = hs->suite->version,
	};
	return 0;
}

/*
 * Slot hs_export. TLS 1.3 hands out the secret of one sender; keel derives the
 * key and the iv, and later secrets, through hkdf_expand. TLS 1.2 hands out the
 * master secret and both randoms; keel cuts the key block from tls12_prf.
 *
 * seq is the number of the next record under these keys: in TLS 1.2 each
 * Finished was number 0. Get this wrong and no record opens. A TLS 1.3 server
 * that has sent session tickets counts them.
 */
int keel__null_hs_export(void *arg_hs, enum keel_dir dir,
			 struct keel_export *ret_export)
{
	const struct keel__null_hs *hs = arg_hs;
	bool we_send = dir == KEEL_TX;
	bool from_client = (hs->ctx->role == KEEL_CLIENT) == we_send;
	uint64_t state;

	if (hs->state != KEEL__NULL_DONE)
		return -ESTALE;
	*ret_export = (struct keel_export){.kind = KEEL_EXPORT_TRAFFIC_SECRET};
	state = keel__null_stir(hs->suite->id, hs->client_random,
				KEEL__NULL_RANDOM_LEN);
	state = keel__null_stir(state, hs->server_random,
				KEEL__NULL_RANDOM_LEN);
	if (hs->suite->version == KEEL_TLS1_3) {
		state = keel__null_stir(state, from_client ? "c" : "s", 1);
		ret_export->secret_len = hs->suite->hash_len;
	} else {
		ret_export->kind = KEEL_EXPORT_MASTER_SECRET;
		ret_export->secret_len = 48; /* RFC 5246 section 8.1 */
		ret_export->seq = 1;
		ret_export->explicit_nonce = 1;
		memcpy(ret_export->client_random, hs->client_random,
		       KEEL__NULL_RANDOM_LEN);
		memcpy(ret_export->server_random, hs->server_random,
		       KEEL__NULL_RANDOM_LEN);
	}
	keel__null_draw(state, ret_export->secret, ret_export->secret_len);
	return 0;
}

/*
 * Slot hs_ticket. A blob is whatever this backend can resume from later, and
 * secret. The toy never resumes, so the message itself will do: tests see that
 * it arrived whole.
 */
int keel__null_hs_ticket(void *arg_hs, const void *msg, size_t len,
			 keel_sink_fn sink, void *arg)
{
	const struct keel__null_hs *hs = arg_hs;
	struct keel__null_reader r = {.data = msg, .len = len};

	if (hs->state != KEEL__NULL_DONE || hs->ctx->role != KEEL_CLIENT)
		return -ESTALE;
	if (hs->suite->version != KEEL_TLS1_3)
		return -ENOTSUP;
	if (keel__null_read_int(&r, 1) != NEW_SESSION_TICKET ||
	    keel__null_read_int(&r, 3) != r.len || r.bad)
		return -EPROTO;
	return sink(arg, msg, len);
}

/* Slot hs_free. */
void keel__null_hs_free(void *hs)
{
	if (!hs)
		return;
	explicit_bzero(hs, sizeof(struct keel__null_hs));
	free(hs);
}
