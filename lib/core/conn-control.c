/* SPDX-License-Identifier: MIT */
/* Control records after the handshake: alerts, KeyUpdate, tickets. */
#include "lib/core/conn-private.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/base/base-private.h"
#include "lib/base/err-private.h"

enum alert_level {
	ALERT_WARNING = 1,
	ALERT_FATAL = 2,
};

/*
 * A peer may not keep us busy with records that bring nothing: empty ones,
 * KeyUpdates, alerts that are ignored, renegotiation. Each costs one; each
 * record with data, the peer's or ours, gives one back (keel__conn_earn()).
 */
int keel__conn_spend(struct keel_conn *conn)
{
	if (!conn->budget)
		return keel__conn_refuse(conn, -EPROTO,
					 KEEL_ALERT_UNEXPECTED_MESSAGE,
					 "too many records without data");
	conn->budget--;
	return 0;
}

static int on_close_notify(struct keel_conn *conn)
{
	/*
	 * TLS 1.2 wants an answer at once and pending writes thrown away (RFC
	 * 5246 section 7.2.1); TLS 1.3 took that back, since it cut off data
	 * (RFC 8446 section 6.1). Like every library in use, keel lets the
	 * application finish in both versions; its keel_conn_close() answers.
	 */
	keel__conn_mark(conn, KEEL__CONN_RX_EOF);
	keel__conn_tell(conn, KEEL_EVENT_EOF);
	keel__conn_check_closed(conn);
	return 0;
}

static int on_fatal_alert(struct keel_conn *conn, uint8_t alert)
{
	struct keel_err err = {
		.err = -ECONNRESET,
		.origin = KEEL_ERR_PEER_ALERT,
		.alert = alert,
		.site = "the peer sent a fatal alert",
	};
	int r = keel__conn_break(conn, &err);

	keel__conn_log(conn, KEEL_LOG_WARN, "alert-received");
	return r;
}

/*
 * TLS 1.3: the level means nothing, and every alert is fatal but the two of RFC
 * 8446 section 6.1. TLS 1.2: the level says it (RFC 5246 section 7.2).
 */
static bool is_ignorable(const struct keel_conn *conn, uint8_t level,
			 uint8_t alert)
{
	if (keel__conn_is_tls13(conn))
		return alert == KEEL_ALERT_USER_CANCELED;
	return level == ALERT_WARNING;
}

/*
 * One alert a record, whole (RFC 8446 section 5.1). TLS 1.2 would allow an
 * alert in two pieces; nobody sends that, and it is refused.
 */
int keel__conn_on_alert(struct keel_conn *conn, const uint8_t *data, size_t len)
{
	/* RFC 8446 section 5.4 names this alert for an empty one. */
	if (!len)
		return keel__conn_refuse(conn, -EPROTO,
					 KEEL_ALERT_UNEXPECTED_MESSAGE,
					 "an empty alert record");
	if (len != 2)
		return keel__conn_refuse(conn, -EPROTO, KEEL_ALERT_DECODE_ERROR,
					 "length of an alert");
	if (!keel__conn_is_tls13(conn) && data[0] != ALERT_WARNING &&
	    data[0] != ALERT_FATAL)
		return keel__conn_refuse(conn, -EPROTO,
					 KEEL_ALERT_ILLEGAL_PARAMETER,
					 "level of an alert");
	if (data[1] == KEEL_ALERT_CLOSE_NOTIFY)
		return on_close_notify(conn);
	if (!is_ignorable(conn, data[0], data[1]))
		return on_fatal_alert(conn, data[1]);
	keel__conn_log(conn, KEEL_LOG_DEBUG, "alert-ignored");
	return keel__conn_spend(conn);
}

static void note_key_update(struct keel_conn *conn, const uint8_t *msg)
{
	keel__conn_mark(conn, KEEL__CONN_KU_UNSENT);
	if (msg[KEEL__MSG_HEADER_LEN] && conn->nr_requests < UINT8_MAX)
		conn->nr_requests++;
	keel__conn_log(conn, KEEL_LOG_DEBUG, "key-update-sent");
}

/* The kernel gets its new keys once the message is in the socket. */
static int queue_key_update(struct keel_conn *conn, const uint8_t *msg,
			    size_t len)
{
	int r;

	if (!keel__conn_has(conn, KEEL__CONN_CAN_REKEY))
		return -EOPNOTSUPP;
	r = keel__conn_put(conn, KEEL__RECORD_HANDSHAKE, msg, len);
	if (r < 0)
		return r == -ENOMEM ? r
				    : keel__conn_give_up(conn, r,
							 "changing our keys");
	keel__conn_mark(conn, KEEL__CONN_KU_QUEUED);
	note_key_update(conn, msg);
	return 0;
}

/*
 * The keys come first: what may fail then does so before a KeyUpdate stands in
 * the queue that nobody could follow.
 */
int keel__conn_send_key_update(struct keel_conn *conn, bool request_peer)
{
	const uint8_t msg[] = {KEEL__MSG_KEY_UPDATE, 0, 0, 1, request_peer};
	const struct keel_backend *be = conn->ctx->be;
	struct keel_traffic next;
	int r;

	if (keel__conn_makes_frames(conn))
		return queue_key_update(conn, msg, sizeof(msg));
	r = keel__traffic_next(&conn->tx, be, &next);
	if (r >= 0)
		r = keel__conn_put(conn, KEEL__RECORD_HANDSHAKE, msg,
				   sizeof(msg));
	if (r < 0) {
		keel__secret_clear(&next, sizeof(next));
		return r == -ENOMEM ? r
				    : keel__conn_give_up(conn, r,
							 "changing our keys");
	}
	keel__traffic_take(&conn->tx, be, &next);
	note_key_update(conn, msg);
	return 0;
}

/*
 * The peer asks for ours: due before our next data (RFC 8446 section 4.6.3).
 * One that is still in the queue with no data behind it answers any number of
 * requests, and after our close_notify nothing may follow.
 */
static int answer_key_update(struct keel_conn *conn)
{
	int r;

	if (conn->state != KEEL_CONN_OPEN ||
	    keel__conn_has(conn, KEEL__CONN_KU_UNSENT))
		return 0;
	r = keel__conn_send_key_update(conn, false);
	/* The kernel has our key and takes no other: no data may follow. */
	if (r == -EOPNOTSUPP && keel__conn_makes_frames(conn)) {
		keel__conn_log(conn, KEEL_LOG_WARN, "offload-cannot-rekey");
		return keel_conn_close(conn);
	}
	if (r < 0 && conn->state != KEEL_CONN_FAILED)
		keel__conn_give_up(conn, r, "answer to a KeyUpdate");
	return r;
}

static int on_key_update(struct keel_conn *conn, const uint8_t *msg, size_t len)
{
	int r;

	/* The new keys begin with the next record: RFC 8446 section 5.1. */
	if (conn->hs->msg.len != len)
		return keel__conn_refuse(conn, -EPROTO,
					 KEEL_ALERT_UNEXPECTED_MESSAGE,
					 "a message behind a KeyUpdate");
	if (msg[KEEL__MSG_HEADER_LEN] > 1)
		return keel__conn_refuse(conn, -EPROTO,
					 KEEL_ALERT_ILLEGAL_PARAMETER,
					 "request in a KeyUpdate");
	if (keel__conn_in_kernel(conn, KEEL_RX)) {
		r = keel__conn_key_update_came(conn);
	} else {
		r = keel__traffic_update(&conn->rx, conn->ctx->be);
		if (r < 0)
			keel__conn_give_up(conn, r, "changing the peer's keys");
	}
	if (r < 0 || keel__conn_has(conn, KEEL__CONN_RX_CUT))
		return r;
	keel__conn_log(conn, KEEL_LOG_DEBUG, "key-update-received");
	return msg[KEEL__MSG_HEADER_LEN] ? answer_key_update(conn) : 0;
}

/* lifetime, age_add, nonce<0..255>, ticket<1..>, extensions<0..>; 4.6.1. */
static bool is_ticket(const uint8_t *msg, size_t len)
{
	size_t at = KEEL__MSG_HEADER_LEN + 8;
	size_t n;

	if (len < at + 1)
		return false;
	at += 1 + (size_t)msg[at];
	if (len < at + 2)
		return false;
	n = (size_t)(msg[at] << 8 | msg[at + 1]);
	at += 2 + n;
	if (!n || len < at + 2)
		return false;
	return len == at + 2 + (size_t)(msg[at] << 8 | msg[at + 1]);
}

/*
 * The backend makes a session of it. One that it cannot use is a session less,
 * nothing worse; but its state is then in doubt, and no other is tried.
 */
static int on_ticket(struct keel_conn *conn, const uint8_t *msg, size_t len)
{
	struct keel__conn_hs *hs = conn->hs;
	int r;

	if (!is_ticket(msg, len))
		return keel__conn_refuse(conn, -EPROTO, KEEL_ALERT_DECODE_ERROR,
					 "form of a NewSessionTicket");
	if (!hs->nr_tickets)
		return 0;
	hs->nr_tickets--;
	r = conn->ctx->be->hs_ticket(hs->be_hs, msg, len,
				     keel__conn_hs_blob_sink, conn);
	if (r < 0) {
		hs->nr_tickets = 0;
		keel__secret_fini(&hs->blob);
		keel__conn_log(conn, KEEL_LOG_WARN, "ticket-dropped");
	} else if (hs->blob.len) {
		keel__conn_tell(conn, KEEL_EVENT_SESSION);
	}
	return 0;
}

/*
 * Renegotiation in TLS 1.2, which keel does not do: a warning says so and the
 * connection goes on (RFC 5246 sections 7.2.2 and 7.4.1.1). A peer that does
 * not take the hint is cut off; no_renegotiation "is always a warning", so the
 * fatal alert is the one for a message out of place. Data does not pay for it.
 */
static int on_renegotiation(struct keel_conn *conn, const uint8_t *msg,
			    size_t len)
{
	const uint8_t alert[] = {ALERT_WARNING, KEEL_ALERT_NO_RENEGOTIATION};
	int r;

	(void)msg;
	(void)len;
	if (conn->nr_renegs == KEEL__NR_RENEGS)
		return keel__conn_refuse(conn, -EPROTO,
					 KEEL_ALERT_UNEXPECTED_MESSAGE,
					 "too many renegotiations");
	conn->nr_renegs++;
	/* A warning that is still in the queue answers this attempt too. */
	if (conn->state != KEEL_CONN_OPEN ||
	    keel__conn_has(conn, KEEL__CONN_NO_RENEG_UNSENT))
		return 0;
	r = keel__conn_put(conn, KEEL__RECORD_ALERT, alert, sizeof(alert));
	if (r < 0)
		return keel__conn_give_up(conn, r, "answer to a renegotiation");
	keel__conn_mark(conn, KEEL__CONN_NO_RENEG_UNSENT);
	return 0;
}

/* What may come after the handshake, to whom, and how long it may be. */
struct msg_row {
	uint16_t version;
	uint8_t type;
	bool to_server;
	bool to_client;
	uint32_t min_len;
	uint32_t max_len;
	int (*fn)(struct keel_conn *conn, const uint8_t *msg, size_t len);
};

static const struct msg_row rows[] = {
	{.version = KEEL_TLS1_3,
	 .type = KEEL__MSG_KEY_UPDATE,
	 .to_server = true,
	 .to_client = true,
	 .min_len = 1,
	 .max_len = 1,
	 .fn = on_key_update},
	{.version = KEEL_TLS1_3,
	 .type = KEEL__MSG_NEW_SESSION_TICKET,
	 .to_client = true,
	 .max_len = KEEL__MSG_MAX,
	 .fn = on_ticket},
	{.version = KEEL_TLS1_2,
	 .type = KEEL__MSG_HELLO_REQUEST,
	 .to_client = true,
	 .fn = on_renegotiation},
	{.version = KEEL_TLS1_2,
	 .type = KEEL__MSG_CLIENT_HELLO,
	 .to_server = true,
	 .max_len = KEEL__MSG_MAX,
	 .fn = on_renegotiation},
};

static const struct msg_row *find_row(const struct keel_conn *conn,
				      uint8_t type)
{
	bool is_server = conn->ctx->role == KEEL_SERVER;

	for (size_t i = 0; i < KEEL__ARRAY_LEN(rows); i++) {
		const struct msg_row *row = &rows[i];

		if (row->type == type &&
		    row->version == conn->rx.suite->version &&
		    (is_server ? row->to_server : row->to_client))
			return row;
	}
	return NULL;
}

bool keel__conn_in_message(const struct keel_conn *conn)
{
	return conn->hs && conn->hs->msg.len;
}

/*
 * The message at the front, as far as it has come: refused as early as it can
 * be told to be wrong. NULL if the connection has failed.
 */
static const struct msg_row *judge_message(struct keel_conn *conn,
					   size_t *ret_len)
{
	const uint8_t *msg = keel__buf_head(&conn->hs->msg);
	const struct msg_row *row = find_row(conn, msg[0]);
	size_t len;

	if (!row) {
		keel__conn_refuse(conn, -EPROTO, KEEL_ALERT_UNEXPECTED_MESSAGE,
				  "an unexpected handshake message");
		return NULL;
	}
	*ret_len = SIZE_MAX;
	if (conn->hs->msg.len < KEEL__MSG_HEADER_LEN)
		return row;
	len = (size_t)msg[1] << 16 | (size_t)msg[2] << 8 | msg[3];
	if (len < row->min_len || len > row->max_len) {
		keel__conn_refuse(conn, -EPROTO, KEEL_ALERT_DECODE_ERROR,
				  "length of a handshake message");
		return NULL;
	}
	*ret_len = KEEL__MSG_HEADER_LEN + len;
	return row;
}

int keel__conn_on_handshake(struct keel_conn *conn, const uint8_t *data,
			    size_t len)
{
	struct keel__conn_hs *hs;
	size_t msg_len;

	if (!len)
		return keel__conn_refuse(conn, -EPROTO,
					 KEEL_ALERT_UNEXPECTED_MESSAGE,
					 "an empty handshake record");
	hs = keel__conn_hs_get(conn);
	if (!hs || keel__buf_append(&hs->msg, data, len,
				    KEEL__MSG_MAX + KEEL__MSG_HEADER_LEN +
					    KEEL_MAX_PLAINTEXT) < 0)
		return keel__conn_give_up(conn, -ENOMEM, "handshake message");
	if (!judge_message(conn, &msg_len))
		return conn->err.err;
	/* A piece costs as much as a message: there may be many. */
	return hs->msg.len < msg_len ? keel__conn_spend(conn) : 0;
}

/* Did we ask for this message? A KeyUpdate that answers ours costs nothing. */
static bool is_answer(struct keel_conn *conn, const uint8_t *msg)
{
	if (msg[0] != KEEL__MSG_KEY_UPDATE || msg[KEEL__MSG_HEADER_LEN] ||
	    !conn->nr_requests)
		return false;
	conn->nr_requests--;
	return true;
}

int keel__conn_on_message(struct keel_conn *conn)
{
	struct keel__conn_hs *hs = conn->hs;
	const struct msg_row *row;
	size_t len;

	if (conn->state <= KEEL_CONN_HANDSHAKE || !keel__conn_in_message(conn))
		return 0;
	row = judge_message(conn, &len);
	if (!row)
		return 1;
	if (hs->msg.len < len)
		return 0;
	if (is_answer(conn, keel__buf_head(&hs->msg)) ||
	    keel__conn_spend(conn) >= 0)
		row->fn(conn, keel__buf_head(&hs->msg), len);
	keel__buf_consume(&hs->msg, len);
	return 1;
}
