/* SPDX-License-Identifier: MIT */
/* Fuzz target: a connection's whole life, by a hostile peer and driver. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <keel/conn.h>

#include "lib/base/base-private.h"
#include "lib/core/conn-private.h"
#include "lib/registry/registry-private.h"
#include "tests/fuzz/fuzz.h"

/*
 * Input: one byte that chooses role, version and whether the handshake is done,
 * then steps. A step is one byte, an action in its upper three bits and a
 * length in the lower five, and as many bytes that the peer sends. The backend
 * is null with an AEAD that encrypts nothing and believes a record whose last
 * byte is even, so that any plaintext comes through.
 *
 * Watched are the promises of <keel/conn.h> that hold whatever comes.
 */

#define REQUIRE(cond) \
	do { \
		if (!(cond)) \
			abort(); \
	} while (0)

enum {
	PICK_CLIENT = 1,
	PICK_TLS1_2 = 2,
	PICK_HANDSHAKE = 4,
	PICK_TICKETS = 8,
	PICK_LIMIT = 16,
	NR_PICKS = 32,
};

enum action {
	ACTION_NONE,
	ACTION_SEND,
	ACTION_SEAL,
	ACTION_KEY_UPDATE,
	ACTION_KEEP,
	ACTION_SEND_BLOCKED,
	ACTION_STREAM_END,
	ACTION_CLOSE,
};

static int aead_open(void *aead, const uint8_t *nonce, const void *aad,
		     size_t aad_len, const uint8_t *in, size_t len,
		     uint8_t *out)
{
	(void)aead, (void)nonce, (void)aad, (void)aad_len;
	REQUIRE(len >= KEEL_TAG_LEN);
	memmove(out, in, len - KEEL_TAG_LEN);
	return in[len - 1] % 2 ? -EBADMSG : 0;
}

static struct keel_ctx *make_ctx(enum keel_role role, unsigned int picks)
{
	static struct keel_registry *registry;
	static struct keel_backend be;
	uint16_t version = picks & PICK_TLS1_2 ? KEEL_TLS1_2 : KEEL_TLS1_3;
	struct keel_config *config;
	struct keel_ctx *ctx;

	if (!registry) {
		be = keel__backend_null;
		be.caps |= KEEL_CAP_RESUME;
		be.aead_open = aead_open;
		REQUIRE(!keel_registry_new(&registry));
		REQUIRE(!keel_registry_add(registry, &be));
	}
	REQUIRE(!keel_config_new(role, &config));
	REQUIRE(!keel_config_set_backend(config, "null"));
	REQUIRE(!keel_config_set_versions(config, version, version));
	REQUIRE(!keel_config_set_verify(config, KEEL_VERIFY_NONE));
	REQUIRE(!keel_config_set_tickets(config, picks & PICK_TICKETS ? 2 : 0));
	REQUIRE(!keel_config_set_record_limit(config,
					      picks & PICK_LIMIT ? 2 : 0));
	REQUIRE(!keel_ctx_new(config, registry, &ctx));
	keel_config_free(config);
	return ctx;
}

/* Made once; what is picked decides which. */
static struct keel_ctx *get_ctx(enum keel_role role, unsigned int picks)
{
	static struct keel_ctx *ctxs[2][NR_PICKS];
	struct keel_ctx **ctx = &ctxs[role == KEEL_CLIENT][picks];

	if (!*ctx)
		*ctx = make_ctx(role, picks);
	return *ctx;
}

/* The connection under test, and what it has promised so far. */
struct watch {
	struct keel_conn *conn;
	unsigned int events; /* told, 1 << type */
	bool is_closed;	     /* KEEL_OP_CLOSE came */
	bool is_blocked;     /* sends are left out */
	size_t send_len;     /* of one that is out; 0: none */
	size_t nr_in;
	size_t nr_data;
};

static unsigned int touched;

static void touch(const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++)
		touched += bytes[i];
}

static void check_event(struct watch *w, const struct keel_event *ev)
{
	unsigned int bit = 1u << ev->type;
	bool is_data =
		ev->type == KEEL_EVENT_DATA || ev->type == KEEL_EVENT_SESSION;

	/* Data may come often, the others once; nothing after the end. */
	REQUIRE(is_data || !(w->events & bit));
	REQUIRE(!(w->events &
		  (1u << KEEL_EVENT_CLOSED | 1u << KEEL_EVENT_FAILED)) ||
		ev->type == KEEL_EVENT_FAILED);
	REQUIRE(ev->type != KEEL_EVENT_DATA ||
		(w->events & 1u << KEEL_EVENT_OPEN &&
		 !(w->events & 1u << KEEL_EVENT_EOF)));
	w->events |= bit;
	if (is_data) {
		REQUIRE(ev->len);
		touch(ev->data, ev->len);
		memset(ev->data, 0, ev->len);
	}
	if (ev->type == KEEL_EVENT_DATA) {
		w->nr_data += ev->len;
		REQUIRE(w->nr_data <= w->nr_in);
	}
	if (ev->type == KEEL_EVENT_OPEN)
		REQUIRE(ev->info->suite);
}

static void check_conn(const struct watch *w)
{
	enum keel_conn_state state = keel_conn_get_state(w->conn);
	const struct keel_err *err = keel_conn_err(w->conn);

	REQUIRE(state != KEEL_CONN_FAILED || err->err < 0);
	REQUIRE(!err->err || err->site);
	REQUIRE(!err->err || state >= KEEL_CONN_CLOSING);
	REQUIRE(keel__conn_out_len(w->conn) <= 512 * 1024);
	/* A record and a byte, or what was kept. */
	REQUIRE(w->conn->stash.len <= w->nr_in);
}

static void take_events(struct watch *w)
{
	struct keel_event ev;
	int r;

	while ((r = keel_conn_next_event(w->conn, &ev)) == 1)
		check_event(w, &ev);
	REQUIRE(!r);
	check_conn(w);
}

/* Half of it, so that the rest is handed out again. */
static void finish_send(struct watch *w)
{
	ssize_t n = (ssize_t)(w->send_len / 2 + 1);

	if (!w->send_len || w->is_blocked)
		return;
	w->send_len = 0;
	REQUIRE(!keel_conn_op_done(w->conn, KEEL_OP_SEND, n));
}

static void take_ops(struct watch *w)
{
	struct keel_op op;
	int r;

	finish_send(w);
	while ((r = keel_conn_next_op(w->conn, &op)) == 1) {
		REQUIRE(!w->is_closed);
		w->is_closed = op.type == KEEL_OP_CLOSE;
		if (op.type == KEEL_OP_SHUTDOWN)
			REQUIRE(!keel_conn_op_done(w->conn, op.type, 0));
		if (op.type != KEEL_OP_SEND)
			continue;
		REQUIRE(op.len && !w->send_len);
		touch(op.data, op.len);
		w->send_len = op.len;
		finish_send(w);
	}
	REQUIRE(!r);
	check_conn(w);
}

static void seal(struct watch *w)
{
	struct keel_tx_info info;
	uint8_t rec[64];
	ssize_t r;

	if (keel_conn_tx_info(w->conn, &info) < 0)
		return;
	REQUIRE(info.prefix_len + 1 + info.suffix_len <= sizeof(rec));
	r = keel_conn_seal(w->conn, rec, "x", 1);
	REQUIRE(info.nr_records ? r > 0 : r < 0);
}

static void act(struct watch *w, enum action action)
{
	int r;

	switch (action) {
	case ACTION_NONE:
	case ACTION_KEEP:
		break;
	case ACTION_SEND:
		w->is_blocked = false;
		r = (int)keel_conn_send(w->conn, "hello", 5);
		REQUIRE(r >= 0 || r == -ESTALE || r == -EKEYEXPIRED);
		break;
	case ACTION_SEAL:
		seal(w);
		break;
	case ACTION_KEY_UPDATE:
		r = keel_conn_key_update(w->conn, true);
		REQUIRE(!r || r == -ESTALE || r == -EOPNOTSUPP);
		break;
	case ACTION_SEND_BLOCKED:
		w->is_blocked = true;
		break;
	case ACTION_STREAM_END:
		r = keel_conn_op_done(w->conn, KEEL_OP_RECV, 0);
		REQUIRE(!r || r == -ESTALE);
		break;
	case ACTION_CLOSE:
		REQUIRE(!keel_conn_close(w->conn));
		break;
	}
}

/* A block of its own, so that a sanitizer sees who reads too far. */
static void feed(struct watch *w, const uint8_t *data, size_t len, bool keep)
{
	uint8_t *copy = malloc(len);

	REQUIRE(copy);
	memcpy(copy, data, len);
	w->nr_in += len;
	REQUIRE(!keel_conn_input(w->conn, copy, len));
	if (keep)
		REQUIRE(keel_conn_keep_input(w->conn) >= 0);
	else
		take_events(w);
	free(copy);
}

/* Null's handshake is a record each way. */
static void shake_hands(struct watch *w, struct keel_conn *peer, bool is_client)
{
	struct keel_conn *const ends[] = {is_client ? w->conn : peer,
					  is_client ? peer : w->conn};
	struct keel_event ev;
	struct keel_op op;

	for (size_t i = 0; i < 2; i++) {
		uint8_t buf[1024];

		REQUIRE(keel_conn_next_op(ends[i], &op) == 1);
		REQUIRE(op.type == KEEL_OP_SEND && op.len <= sizeof(buf));
		memcpy(buf, op.data, op.len);
		REQUIRE(!keel_conn_input(ends[1 - i], buf, op.len));
		REQUIRE(!keel_conn_op_done(ends[i], KEEL_OP_SEND,
					   (ssize_t)op.len));
		while (keel_conn_next_event(ends[1 - i], &ev) == 1) {
			if (ends[1 - i] == w->conn)
				check_event(w, &ev);
		}
	}
	REQUIRE(w->events == 1u << KEEL_EVENT_OPEN);
}

static void run(struct watch *w, const uint8_t *data, size_t size)
{
	enum action action;
	size_t len;

	while (size) {
		action = (enum action)(*data >> 5);
		len = keel__min_size(*data & 31u, size - 1);
		data++;
		size--;
		take_ops(w);
		act(w, action);
		if (len)
			feed(w, data, len, action == ACTION_KEEP);
		else
			take_events(w);
		data += len;
		size -= len;
	}
	w->is_blocked = false;
	take_ops(w);
	take_events(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int picks = size ? data[0] % NR_PICKS : 0;
	bool is_client = picks & PICK_CLIENT;
	enum keel_role role = is_client ? KEEL_CLIENT : KEEL_SERVER;
	struct watch w = {.nr_in = 1024};
	struct keel_conn *peer = NULL;

	if (!size)
		return 0;
	REQUIRE(!keel_conn_new(get_ctx(role, picks), NULL, &w.conn));
	if (!(picks & PICK_HANDSHAKE)) {
		role = is_client ? KEEL_SERVER : KEEL_CLIENT;
		REQUIRE(!keel_conn_new(get_ctx(role, picks), NULL, &peer));
		shake_hands(&w, peer, is_client);
	}
	run(&w, data + 1, size - 1);
	keel_conn_free(peer);
	keel_conn_free(w.conn);
	return 0;
}
