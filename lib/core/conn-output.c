/* SPDX-License-Identifier: MIT */
/* Sealing: our own records into the queue, the application's where it likes. */
#include "lib/core/conn-private.h"

#include <errno.h>

#include "lib/base/base-private.h"
#include "lib/base/err-private.h"

#define ALERT_WARNING 1
#define ALERT_FATAL 2
#define ALERT_LEN 2

static int put_frame(struct keel_conn *conn, enum keel__record_type type,
		     const void *data, size_t len)
{
	size_t room = KEEL__FRAME_HEADER_LEN + len;
	uint8_t *to = keel__buf_reserve(&conn->out, room, KEEL__OUT_MAX);

	if (!to)
		return -ENOMEM;
	keel__frame_write(to, (uint8_t)type, len);
	memcpy(to + KEEL__FRAME_HEADER_LEN, data, len);
	keel__buf_commit(&conn->out, room);
	if (keel__conn_in_kernel(conn, KEEL_TX))
		conn->tx.seq++;
	else
		conn->nr_frames++;
	return 0;
}

/* The number of the next record, those counted that have none yet. */
static uint64_t next_seq(const struct keel_conn *conn)
{
	return conn->tx.seq + conn->nr_frames;
}

/* Seal @len bytes behind the queue. -ENOMEM, or what the backend returned. */
static int seal_out(struct keel_conn *conn, enum keel__record_type type,
		    const void *data, size_t len)
{
	const struct keel_suite *suite = conn->tx.suite;
	size_t room = keel__record_prefix_len(suite) + len +
		      keel__record_suffix_len(suite);
	uint8_t *rec;
	ssize_t r;

	if (keel__conn_makes_frames(conn))
		return put_frame(conn, type, data, len);
	rec = keel__buf_reserve(&conn->out, room, KEEL__OUT_MAX);
	if (!rec)
		return -ENOMEM;
	r = keel__record_seal(&conn->tx, conn->ctx->be, (uint8_t)type, data,
			      len, rec);
	if (r < 0)
		return (int)r;
	keel__buf_commit(&conn->out, (size_t)r);
	return 0;
}

int keel__conn_put(struct keel_conn *conn, enum keel__record_type type,
		   const void *data, size_t len)
{
	/* The reserve is used up: no record more under this key, not even ours. */
	if (next_seq(conn) >= keel__aead_limit(conn->tx.suite->aead))
		return -EKEYEXPIRED;
	return seal_out(conn, type, data, len);
}

void keel__conn_seal_frames(struct keel_conn *conn)
{
	struct keel_buf frames = conn->out;
	uint8_t type;
	size_t len;
	int r = 0;

	conn->out = (struct keel_buf){.data = NULL};
	conn->nr_frames = 0;
	while (frames.len && r >= 0) {
		len = keel__frame_read(keel__buf_head(&frames), &type);
		keel__buf_consume(&frames, KEEL__FRAME_HEADER_LEN);
		r = seal_out(conn, type, keel__buf_head(&frames), len);
		keel__buf_consume(&frames, len);
		/* A KeyUpdate: see keel__conn_send_key_update(). */
		if (r >= 0 && type == KEEL__RECORD_HANDSHAKE)
			r = keel__traffic_update(&conn->tx, conn->ctx->be);
	}
	keel__buf_wipe(&frames);
	if (r < 0 && conn->state != KEEL_CONN_FAILED)
		keel__conn_give_up(conn, r, "sealing what was queued");
}

static int put_plain_alert(struct keel_conn *conn, enum keel_alert alert)
{
	const uint8_t rec[] = {
		KEEL__RECORD_ALERT, KEEL_TLS1_2 >> 8, KEEL_TLS1_2 & 0xff, 0,
		ALERT_LEN,	    ALERT_FATAL,      (uint8_t)alert,
	};

	return keel__buf_append(&conn->out, rec, sizeof(rec), KEEL__OUT_MAX);
}

/*
 * The connection ends with or without the alert: between the handshake and the
 * end of our direction, or when memory has run out, there is none.
 */
bool keel__conn_put_alert(struct keel_conn *conn, enum keel_alert alert)
{
	const uint8_t msg[ALERT_LEN] = {ALERT_FATAL, (uint8_t)alert};
	int r = -ENOKEY;

	if (conn->state == KEEL_CONN_OPEN)
		r = keel__conn_put(conn, KEEL__RECORD_ALERT, msg, sizeof(msg));
	else if (keel__conn_has(conn, KEEL__CONN_PLAIN))
		r = put_plain_alert(conn, alert);
	return r >= 0;
}

int keel_conn_close(struct keel_conn *conn)
{
	static const uint8_t msg[ALERT_LEN] = {ALERT_WARNING,
					       KEEL_ALERT_CLOSE_NOTIFY};
	int r;

	if (!conn)
		return -EINVAL;
	if (conn->state <= KEEL_CONN_HANDSHAKE) {
		keel__buf_fini(&conn->out);
		keel__conn_set_state(conn, KEEL_CONN_CLOSED);
		return 0;
	}
	if (conn->state != KEEL_CONN_OPEN)
		return 0;
	r = keel__conn_put(conn, KEEL__RECORD_ALERT, msg, sizeof(msg));
	if (r < 0)
		return keel__conn_give_up(conn, r, "close_notify");
	keel__conn_set_state(conn, KEEL_CONN_CLOSING);
	keel__conn_hs_forgo(conn);
	return 0;
}

int keel_conn_key_update(struct keel_conn *conn, bool request_peer)
{
	if (!conn)
		return -EINVAL;
	if (conn->state != KEEL_CONN_OPEN)
		return -ESTALE;
	if (!keel__conn_is_tls13(conn))
		return -EOPNOTSUPP;
	return keel__conn_send_key_update(conn, request_peer);
}

uint64_t keel__conn_tx_left(const struct keel_conn *conn)
{
	uint64_t limit = keel__aead_limit(conn->tx.suite->aead);

	limit = limit > KEEL__TX_RESERVE ? limit - KEEL__TX_RESERVE : 0;
	if (limit > conn->ctx->record_limit)
		limit = conn->ctx->record_limit;
	return next_seq(conn) < limit ? limit - next_seq(conn) : 0;
}

/*
 * The key is used up: change it, or where TLS 1.2 or the kernel cannot, end our
 * direction in order (RFC 8446 section 5.5). That is no failure of the connection: the
 * caller is told, and the peer's data still comes.
 */
static int renew_key(struct keel_conn *conn)
{
	int r;

	r = keel__conn_is_tls13(conn) ? keel__conn_send_key_update(conn, false)
				      : -EOPNOTSUPP;
	if (r != -EOPNOTSUPP)
		return r;
	r = keel_conn_close(conn);
	return r < 0 ? r : -EKEYEXPIRED;
}

/* May a record be sealed? Renews the key if one may not. */
static int tx_ready(struct keel_conn *conn)
{
	if (conn->state != KEEL_CONN_OPEN)
		return -ESTALE;
	keel__conn_hs_issue(conn);
	if (keel__conn_has(conn, KEEL__CONN_KU_QUEUED))
		return 0;
	return keel__conn_tx_left(conn) ? 0 : renew_key(conn);
}

/* What the connection itself does comes first. */
static bool is_blocked(const struct keel_conn *conn)
{
	return keel__conn_out_len(conn) || keel__conn_tx_waits(conn);
}

int keel_conn_tx_info(struct keel_conn *conn, struct keel_tx_info *ret_info)
{
	bool is_kernel;
	int r;

	if (!conn || !ret_info)
		return -EINVAL;
	r = tx_ready(conn);
	if (r < 0)
		return r;
	is_kernel = keel__conn_in_kernel(conn, KEEL_TX);
	*ret_info = (struct keel_tx_info){
		.max_payload = keel__conn_max_payload(conn),
		.engine = conn->dirs[0].engine,
	};
	if (!is_blocked(conn))
		ret_info->nr_records = keel__conn_tx_left(conn);
	if (!is_kernel) {
		ret_info->prefix_len = keel__record_prefix_len(conn->tx.suite);
		ret_info->suffix_len = keel__record_suffix_len(conn->tx.suite);
	}
	return 0;
}

/* A request of the peer that comes later is not answered before this record. */
static void count_sealed(struct keel_conn *conn, size_t len)
{
	keel__conn_unmark(conn, KEEL__CONN_KU_UNSENT);
	keel__conn_earn(conn);
	conn->tx_records++;
	conn->tx_bytes += len;
}

/* The kernel takes plaintext, and makes one record of it. */
static ssize_t seal_one(struct keel_conn *conn, uint8_t *rec, const void *data,
			size_t len)
{
	if (!keel__conn_in_kernel(conn, KEEL_TX))
		return keel__record_seal(&conn->tx, conn->ctx->be,
					 KEEL__RECORD_DATA, data, len, rec);
	if (data)
		memcpy(rec, data, len);
	conn->tx.seq++;
	return (ssize_t)len;
}

ssize_t keel_conn_seal(struct keel_conn *conn, uint8_t *rec, const void *data,
		       size_t len)
{
	ssize_t r;

	if (!conn || !rec || !len || len > keel__conn_max_payload(conn))
		return -EINVAL;
	r = tx_ready(conn);
	if (r < 0)
		return r;
	if (is_blocked(conn))
		return -EAGAIN;
	r = seal_one(conn, rec, data, len);
	if (r < 0)
		return keel__conn_give_up(conn, (int)r, "sealing a record");
	count_sealed(conn, len);
	return r;
}

/* A record may have been begun before, and be ended later. */
int keel_conn_note_sent(struct keel_conn *conn, size_t len)
{
	size_t nr = len / KEEL_MAX_PLAINTEXT + 1;

	if (!conn)
		return -EINVAL;
	if (conn->state != KEEL_CONN_OPEN ||
	    !keel__conn_in_kernel(conn, KEEL_TX))
		return -ESTALE;
	conn->tx.seq += nr;
	count_sealed(conn, len);
	conn->tx_records += nr - 1;
	return 0;
}

static int send_record(struct keel_conn *conn, const uint8_t *data, size_t len)
{
	int r = tx_ready(conn);

	if (r < 0)
		return r;
	r = seal_out(conn, KEEL__RECORD_DATA, data, len);
	if (r < 0 && r != -ENOMEM)
		keel__conn_give_up(conn, r, "sealing a record");
	if (r < 0)
		return r;
	count_sealed(conn, len);
	return 0;
}

ssize_t keel_conn_send(struct keel_conn *conn, const void *data, size_t len)
{
	const uint8_t *from = data;
	size_t done = 0;
	size_t n;
	int r;

	if (!conn || (!data && len))
		return -EINVAL;
	if (conn->state != KEEL_CONN_OPEN)
		return -ESTALE;
	while (done < len && keel__conn_out_len(conn) < KEEL__OUT_WAIT) {
		/* The end of a TLS 1.2 key is the next call's to tell. */
		if (done && !keel__conn_tx_left(conn) &&
		    !keel__conn_is_tls13(conn))
			break;
		n = keel__min_size(len - done, keel__conn_max_payload(conn));
		r = send_record(conn, from + done, n);
		/* What was taken is taken; the next call meets the error. */
		if (r < 0)
			return done ? (ssize_t)done : r;
		done += n;
	}
	return (ssize_t)done;
}
