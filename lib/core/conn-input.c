/* SPDX-License-Identifier: MIT */
/* Bytes in, events out: splitting into records, wherever they were cut. */
#include "lib/core/conn-private.h"

#include <errno.h>
#include <string.h>

#include "lib/base/base-private.h"
#include "lib/base/err-private.h"

/*
 * Whole records are handled in the driver's buffer. Only what is left over, a
 * part of one record, is copied to the stash, which grows with the bytes that
 * came and not with the length the peer claims.
 */
#define MAX_RECORD_LEN (KEEL__RECORD_HEADER_LEN + KEEL__RECORD_MAX_BODY)

/* What one step of the work came to. */
enum step {
	STEP_WAIT,  /* input is used up */
	STEP_AGAIN, /* something was done; look again */
	STEP_DATA,  /* there is an event of data */
};

static void consume_stash(struct keel_conn *conn)
{
	/* Clears what it frees: this was plaintext. */
	if (conn->stash_used)
		keel__buf_consume(&conn->stash, conn->stash_used);
	conn->stash_used = 0;
}

static void drop_input(struct keel_conn *conn)
{
	conn->in = NULL;
	conn->in_len = 0;
	keel__conn_unmark(conn, KEEL__CONN_IN_RECORD);
	conn->stash_used = 0;
	keel__buf_wipe(&conn->stash);
}

/* The last event's memory is no longer borrowed. */
void keel__conn_release(struct keel_conn *conn)
{
	consume_stash(conn);
	if (conn->hs)
		conn->hs->is_lent = false;
	keel__conn_hs_release(conn);
	if (!keel__conn_reads(conn))
		drop_input(conn);
}

/* Take note of @buf. True if it is of any use. */
static bool take_input(struct keel_conn *conn, enum keel_op_type type,
		       void *buf, size_t len)
{
	if (conn->ops & 1u << type)
		keel__conn_mark(conn, KEEL__CONN_RECV_AGAIN);
	conn->ops = (uint16_t)(conn->ops & ~(1u << type));
	keel__conn_release(conn);
	if (!keel__conn_reads(conn) || keel__conn_has(conn, KEEL__CONN_RX_END))
		return false;
	conn->in = buf;
	conn->in_len = len;
	return true;
}

static bool has_input(const struct keel_conn *conn)
{
	return conn->in_len || keel__conn_has(conn, KEEL__CONN_IN_RECORD);
}

int keel_conn_input(struct keel_conn *conn, void *buf, size_t len)
{
	if (!conn || !buf || !len)
		return -EINVAL;
	if (has_input(conn))
		return -EBUSY;
	take_input(conn, KEEL_OP_RECV, buf, len);
	return 0;
}

int keel_conn_input_record(struct keel_conn *conn, uint8_t type, void *buf,
			   size_t len)
{
	if (!conn || !buf)
		return -EINVAL;
	if (!keel__conn_in_kernel(conn, KEEL_RX))
		return -ESTALE;
	if (has_input(conn))
		return -EBUSY;
	if (!take_input(conn, KEEL_OP_RECV_RECORD, buf, len))
		return 0;
	conn->in_type = type;
	keel__conn_mark(conn, KEEL__CONN_IN_RECORD);
	/* The keys are right. */
	keel__conn_unmark(conn, KEEL__CONN_RX_RETRY);
	return 0;
}

/* What the kernel opened has no header of its own any more. */
static int keep_header(struct keel_conn *conn)
{
	uint8_t header[KEEL__FRAME_HEADER_LEN];

	if (!keel__conn_has(conn, KEEL__CONN_IN_RECORD))
		return 0;
	keel__conn_unmark(conn, KEEL__CONN_IN_RECORD);
	keel__frame_write(header, conn->in_type, conn->in_len);
	return keel__buf_append(&conn->stash, header, sizeof(header),
				UINT32_MAX);
}

ssize_t keel_conn_keep_input(struct keel_conn *conn)
{
	int r;

	if (!conn)
		return -EINVAL;
	keel__conn_release(conn);
	r = keep_header(conn);
	if (r >= 0)
		r = keel__buf_append(&conn->stash, conn->in, conn->in_len,
				     UINT32_MAX);
	if (r < 0)
		return keel__conn_give_up(conn, -ENOMEM, "kept input");
	conn->in = NULL;
	conn->in_len = 0;
	return (ssize_t)conn->stash.len;
}

/* Whole length of the record that begins at @header; 0 if it is refused. */
static size_t check_header(struct keel_conn *conn, const uint8_t *header)
{
	struct keel__record_header h;
	uint8_t alert;
	int r;

	keel__record_header_read(header, &h);
	if (conn->state <= KEEL_CONN_HANDSHAKE) {
		r = keel__conn_hs_check(conn, header);
	} else {
		r = keel__record_check(conn->rx.suite, &h, &alert);
		if (r < 0)
			keel__conn_refuse(conn, r, alert, "record header");
	}
	return r < 0 ? 0 : (size_t)KEEL__RECORD_HEADER_LEN + h.len;
}

/* Move bytes from the driver's buffer until the stash holds @len. */
static bool fill_stash(struct keel_conn *conn, size_t len)
{
	size_t n;

	if (conn->stash.len >= len)
		return true;
	n = keel__min_size(len - conn->stash.len, conn->in_len);
	if (keel__buf_append(&conn->stash, conn->in, n, MAX_RECORD_LEN) < 0) {
		keel__conn_give_up(conn, -ENOMEM, "partial record");
		return false;
	}
	conn->in += n;
	conn->in_len -= n;
	return conn->stash.len >= len;
}

static bool record_in_stash(struct keel_conn *conn, uint8_t **ret_rec,
			    size_t *ret_len)
{
	size_t len;

	if (!fill_stash(conn, KEEL__RECORD_HEADER_LEN))
		return false;
	len = check_header(conn, keel__buf_head(&conn->stash));
	if (!len || !fill_stash(conn, len))
		return false;
	*ret_rec = keel__buf_head(&conn->stash);
	*ret_len = len;
	conn->stash_used = (uint32_t)len;
	return true;
}

static bool record_in_place(struct keel_conn *conn, uint8_t **ret_rec,
			    size_t *ret_len)
{
	size_t len = SIZE_MAX;

	if (conn->in_len >= KEEL__RECORD_HEADER_LEN)
		len = check_header(conn, conn->in);
	if (!len)
		return false;
	if (conn->in_len < len) {
		fill_stash(conn, conn->in_len);
		return false;
	}
	*ret_rec = conn->in;
	*ret_len = len;
	conn->in += len;
	conn->in_len -= len;
	return true;
}

/* The next whole record; false if there is none, or the connection failed. */
static bool next_record(struct keel_conn *conn, uint8_t **ret_rec,
			size_t *ret_len)
{
	consume_stash(conn);
	if (conn->stash.len)
		return record_in_stash(conn, ret_rec, ret_len);
	if (conn->in_len)
		return record_in_place(conn, ret_rec, ret_len);
	return false;
}

static enum step on_data(struct keel_conn *conn, struct keel__record *record,
			 struct keel_event *ret_event)
{
	if (!record->len) {
		keel__conn_spend(conn);
		return STEP_AGAIN;
	}
	keel__conn_earn(conn);
	conn->rx_records++;
	conn->rx_bytes += record->len;
	*ret_event = (struct keel_event){
		.type = KEEL_EVENT_DATA,
		.data = record->data,
		.len = record->len,
	};
	return STEP_DATA;
}

/* Some errors are the backend's own; the alert is chosen already. */
static void refuse_record(struct keel_conn *conn, int code, uint8_t alert)
{
	if (code == -EBADMSG)
		keel__conn_refuse(conn, code, alert,
				  "a record failed authentication");
	else if (code == -EPROTO)
		keel__conn_refuse(conn, code, alert, "record content");
	else
		keel__conn_give_up(conn, code, "opening a record");
}

/* Whoever opened it. */
static enum step handle_record(struct keel_conn *conn,
			       struct keel__record *record,
			       struct keel_event *ret_event)
{
	if (record->type == KEEL__RECORD_HANDSHAKE) {
		keel__conn_on_handshake(conn, record->data, record->len);
		return STEP_AGAIN;
	}
	/* RFC 8446 section 5.1: no other records within a message. */
	if (keel__conn_in_message(conn))
		keel__conn_refuse(conn, -EPROTO, KEEL_ALERT_UNEXPECTED_MESSAGE,
				  "a record inside a handshake message");
	else if (record->type == KEEL__RECORD_DATA)
		return on_data(conn, record, ret_event);
	else if (record->type == KEEL__RECORD_ALERT)
		keel__conn_on_alert(conn, record->data, record->len);
	else
		keel__conn_refuse(conn, -EPROTO, KEEL_ALERT_UNEXPECTED_MESSAGE,
				  "a record of an unexpected type");
	return STEP_AGAIN;
}

/* The next one that the kernel opened; false if there is none. */
static bool next_opened(struct keel_conn *conn, struct keel__record *ret_record)
{
	consume_stash(conn);
	if (conn->stash.len) {
		uint8_t *frame = keel__buf_head(&conn->stash);

		ret_record->len = keel__frame_read(frame, &ret_record->type);
		ret_record->data = frame + KEEL__FRAME_HEADER_LEN;
		conn->stash_used =
			(uint32_t)(KEEL__FRAME_HEADER_LEN + ret_record->len);
		return true;
	}
	if (!keel__conn_has(conn, KEEL__CONN_IN_RECORD))
		return false;
	keel__conn_unmark(conn, KEEL__CONN_IN_RECORD);
	ret_record->type = conn->in_type;
	ret_record->data = conn->in;
	ret_record->len = conn->in_len;
	conn->in = NULL;
	conn->in_len = 0;
	return true;
}

static enum step open_record(struct keel_conn *conn, uint8_t *rec, size_t len,
			     struct keel_event *ret_event)
{
	struct keel__record record;
	uint8_t alert;
	int r;

	r = keel__record_open(&conn->rx, conn->ctx->be, rec, len, &record,
			      &alert);
	if (r < 0) {
		refuse_record(conn, r, alert);
		return STEP_AGAIN;
	}
	if (record.len > keel__conn_max_payload(conn)) {
		keel__conn_refuse(conn, -EPROTO, KEEL_ALERT_RECORD_OVERFLOW,
				  "a record over the negotiated length");
		return STEP_AGAIN;
	}
	return handle_record(conn, &record, ret_event);
}

/* Why an end of the stream is not an orderly one, by state. */
static const char *const cut_sites[] = {
	[KEEL_CONN_NEW] = "truncation: the stream ended before the handshake",
	[KEEL_CONN_HANDSHAKE] = "truncation: the stream ended in the handshake",
	[KEEL_CONN_OPEN] = "truncation: the stream ended without close_notify",
	[KEEL_CONN_CLOSING] =
		"truncation: the stream ended without the peer's close_notify",
};

/* No alert: nobody is left to read it. */
static void on_stream_end(struct keel_conn *conn)
{
	struct keel_err err = {
		.err = -ECONNABORTED,
		.origin = KEEL_ERR_SYS,
		.site = cut_sites[conn->state],
	};

	if (conn->stash.len)
		err.site = "truncation: the stream ended inside a record";
	keel__conn_break(conn, &err);
}

/* A record, if there is one. STEP_WAIT: there is not. */
static enum step step_record(struct keel_conn *conn,
			     struct keel_event *ret_event)
{
	struct keel__record record;
	uint8_t *rec;
	size_t len;

	if (keel__conn_in_kernel(conn, KEEL_RX))
		return next_opened(conn, &record)
			       ? handle_record(conn, &record, ret_event)
			       : STEP_WAIT;
	if (!next_record(conn, &rec, &len))
		return conn->state == KEEL_CONN_FAILED ? STEP_AGAIN : STEP_WAIT;
	if (conn->state > KEEL_CONN_HANDSHAKE)
		return open_record(conn, rec, len, ret_event);
	keel__conn_hs_record(conn, rec, len);
	return STEP_AGAIN;
}

/* The kernel said something of the next record, and has not been answered. */
static bool has_verdict(const struct keel_conn *conn)
{
	return conn->rx_err || (keel__conn_has(conn, KEEL__CONN_RX_EXPIRED) &&
				!keel__conn_has(conn, KEEL__CONN_RX_KEYS) &&
				!keel__conn_has(conn, KEEL__CONN_RX_RESUME));
}

static enum step step(struct keel_conn *conn, struct keel_event *ret_event)
{
	enum step step;

	if (!keel__conn_reads(conn)) {
		drop_input(conn);
		return STEP_WAIT;
	}
	if (keel__conn_on_message(conn))
		return STEP_AGAIN;
	step = step_record(conn, ret_event);
	if (step != STEP_WAIT)
		return step;
	if (has_verdict(conn))
		keel__conn_record_error(conn);
	else if (keel__conn_has(conn, KEEL__CONN_RX_END))
		on_stream_end(conn);
	else
		return STEP_WAIT;
	return STEP_AGAIN;
}

/* Events that wait, in the order of their numbers. */
static void take_event(struct keel_conn *conn, struct keel_event *ret_event)
{
	unsigned int type = (unsigned int)__builtin_ctz(conn->events);

	conn->events = (uint8_t)(conn->events & ~(1u << type));
	*ret_event = (struct keel_event){.type = type};
	if (type == KEEL_EVENT_OPEN) {
		conn->hs->is_lent = true;
		ret_event->info = &conn->hs->info;
	} else if (type == KEEL_EVENT_SESSION) {
		conn->hs->is_lent = true;
		ret_event->data = conn->hs->blob.data;
		ret_event->len = conn->hs->blob.len;
	}
}

int keel_conn_next_event(struct keel_conn *conn, struct keel_event *ret_event)
{
	if (!conn || !ret_event)
		return -EINVAL;
	keel__conn_release(conn);
	if (conn->state == KEEL_CONN_NEW && conn->ctx->role == KEEL_CLIENT)
		keel__conn_hs_begin(conn);
	while (!conn->events) {
		switch (step(conn, ret_event)) {
		case STEP_WAIT:
			return 0;
		case STEP_DATA:
			return 1;
		case STEP_AGAIN:
			break;
		}
	}
	take_event(conn, ret_event);
	return 1;
}
