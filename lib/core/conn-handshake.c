/* SPDX-License-Identifier: MIT */
/* The handshake: records to the backend, its output to the queue, the keys. */
#include "lib/core/conn-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base-private.h"
#include "lib/base/err-private.h"

struct keel__conn_hs *keel__conn_hs_get(struct keel_conn *conn)
{
	if (!conn->hs)
		conn->hs = calloc(1, sizeof(*conn->hs));
	return conn->hs;
}

void keel__conn_hs_drop(struct keel_conn *conn)
{
	struct keel__conn_hs *hs = conn->hs;

	if (hs->be_hs)
		conn->ctx->be->hs_free(hs->be_hs);
	hs->be_hs = NULL;
	hs->nr_tickets = 0;
	/* Its pointers led into the object. */
	memset(&hs->info, 0, sizeof(hs->info));
}

/* The host and the session were needed to begin only. */
static void drop_opts(struct keel__conn_hs *hs)
{
	free(hs->host);
	hs->host = NULL;
	keel__secret_fini(&hs->session);
}

void keel__conn_hs_free(struct keel_conn *conn)
{
	struct keel__conn_hs *hs = conn->hs;

	if (!hs)
		return;
	keel__conn_hs_drop(conn);
	drop_opts(hs);
	keel__secret_fini(&hs->blob);
	keel__buf_wipe(&hs->msg);
	free(hs);
	conn->hs = NULL;
}

void keel__conn_hs_release(struct keel_conn *conn)
{
	struct keel__conn_hs *hs = conn->hs;

	if (!hs || hs->is_lent || conn->state <= KEEL_CONN_HANDSHAKE)
		return;
	if (!keel__conn_reads(conn)) {
		keel__conn_hs_free(conn);
		return;
	}
	/* A session may wait behind the event that was taken last. */
	if (!(conn->events & 1u << KEEL_EVENT_SESSION))
		keel__secret_fini(&hs->blob);
	if (!hs->nr_tickets && !(conn->events & 1u << KEEL_EVENT_OPEN))
		keel__conn_hs_drop(conn);
	if (!hs->be_hs && !hs->blob.len && !hs->msg.len)
		keel__conn_hs_free(conn);
}

/* What the backend wants sent. It may only be told of missing memory. */
static int hs_sink(void *arg, const void *data, size_t len)
{
	struct keel_conn *conn = arg;
	struct keel__conn_hs *hs = conn->hs;

	if (len > KEEL__HS_MAX_OUT - hs->nr_out)
		return -ENOMEM;
	hs->nr_out += (uint32_t)len;
	return keel__buf_append(&conn->out, data, len, KEEL__OUT_MAX) < 0
		       ? -ENOMEM
		       : 0;
}

int keel__conn_hs_blob_sink(void *arg, const void *data, size_t len)
{
	struct keel_conn *conn = arg;

	return keel__secret_set(&conn->hs->blob, data, len);
}

/*
 * The backend has said no, and has left an alert in the queue if one is due.
 * After an alert of the peer nothing more is said (RFC 8446 section 6.2).
 */
static int hs_failed(struct keel_conn *conn, int code, struct keel_err *err)
{
	if (!err->err) {
		err->err = code;
		err->origin = KEEL_ERR_BACKEND;
	}
	if (!err->site)
		err->site = "handshake";
	if (err->origin == KEEL_ERR_PEER_ALERT) {
		keel__conn_log(conn, KEEL_LOG_WARN, "alert-received");
		return keel__conn_break(conn, err);
	}
	keel__err_set(&conn->err, err->err, err->origin, err->alert,
		      err->native, err->site);
	if (err->origin == KEEL_ERR_SENT_ALERT)
		keel__conn_log(conn, KEEL_LOG_WARN, "alert-sent");
	keel__conn_set_state(conn, KEEL_CONN_FAILED);
	return code;
}

static int install_keys(struct keel_conn *conn, struct keel_traffic *t,
			enum keel_dir dir)
{
	const struct keel_backend *be = conn->ctx->be;
	struct keel_export ex = {.secret_len = 0};
	int r;

	r = be->hs_export(conn->hs->be_hs, dir, &ex);
	if (r >= 0)
		r = keel__traffic_init(t, be, conn->hs->info.suite,
				       conn->ctx->role, dir, &ex);
	keel__secret_clear(&ex, sizeof(ex));
	return r < 0 ? r : 0;
}

/*
 * In TLS 1.3 tickets come after the handshake, and whoever makes them or makes
 * sessions of them needs the backend's object until then.
 */
static uint8_t tickets_to_come(const struct keel_conn *conn)
{
	const struct keel_backend *be = conn->ctx->be;
	bool is_able = conn->ctx->role == KEEL_CLIENT ? be->hs_ticket != NULL
						      : be->hs_issue != NULL;

	return is_able ? (uint8_t)conn->ctx->nr_tickets : 0;
}

/* In TLS 1.2 the ticket came in the handshake. */
static void want_tickets(struct keel_conn *conn)
{
	const struct keel_backend *be = conn->ctx->be;
	struct keel__conn_hs *hs = conn->hs;
	int r = 0;

	if (hs->info.version == KEEL_TLS1_3) {
		hs->nr_tickets = tickets_to_come(conn);
		return;
	}
	if (conn->ctx->role != KEEL_CLIENT || !conn->ctx->nr_tickets)
		return;
	if (be->hs_session)
		r = be->hs_session(hs->be_hs, keel__conn_hs_blob_sink, conn);
	/* A server need not give one; and without one the next is just slower. */
	if (r >= 0)
		return;
	keel__secret_fini(&hs->blob);
	if (r != -ENOENT)
		keel__conn_log(conn, KEEL_LOG_WARN, "ticket-dropped");
}

/* RFC 6066 section 4 has four lengths; 0 is the backend's word for none. */
static bool is_max_fragment(uint16_t len)
{
	return len == 0 || len == 512 || len == 1024 || len == 2048 ||
	       len == 4096;
}

static int hs_done(struct keel_conn *conn)
{
	struct keel__conn_hs *hs = conn->hs;
	int r;

	r = conn->ctx->be->hs_info(hs->be_hs, &hs->info);
	if (r >= 0 &&
	    (!hs->info.suite || !is_max_fragment(hs->info.max_fragment)))
		r = -EINVAL;
	if (r >= 0)
		r = install_keys(conn, &conn->tx, KEEL_TX);
	if (r >= 0)
		r = install_keys(conn, &conn->rx, KEEL_RX);
	if (r < 0)
		return keel__conn_give_up(conn, r, "keys of the handshake");
	conn->max_fragment = hs->info.max_fragment;
	conn->dirs[0].engine = KEEL_ENGINE_USER;
	conn->dirs[1].engine = KEEL_ENGINE_USER;
	want_tickets(conn);
	keel__conn_set_state(conn, KEEL_CONN_OPEN);
	if (hs->blob.len)
		keel__conn_tell(conn, KEEL_EVENT_SESSION);
	keel__conn_kernel_open(conn);
	return conn->err.err;
}

void keel__conn_hs_forgo(struct keel_conn *conn)
{
	if (!conn->hs || conn->ctx->role != KEEL_SERVER)
		return;
	conn->hs->nr_tickets = 0;
	keel__conn_hs_release(conn);
}

/*
 * A server's tickets go out with its first data and in the same flight, which
 * RFC 8446 section 4.6.1 leaves open: that is a packet and a system call less,
 * and no work for a peer that never asks for anything. The backend numbers their
 * records by itself, so it is too late once anything else has been sealed.
 */
void keel__conn_hs_issue(struct keel_conn *conn)
{
	uint32_t had = conn->out.len;
	int r = -EALREADY;

	if (!conn->hs || !conn->hs->nr_tickets ||
	    conn->ctx->role != KEEL_SERVER)
		return;
	if (!conn->tx.seq && !conn->tx.key_updates)
		r = conn->ctx->be->hs_issue(conn->hs->be_hs, hs_sink, conn);
	if (r >= 0) {
		conn->tx.seq += (uint64_t)r;
	} else {
		/* Half a flight of numbers nobody knows: as if not made. */
		conn->out.len = had;
		keel__conn_log(conn, KEEL_LOG_DEBUG, "ticket-dropped");
	}
	keel__conn_hs_forgo(conn);
}

static int hs_step(struct keel_conn *conn, uint8_t *rec, size_t len)
{
	struct keel_err err = {.err = 0};
	int r;

	r = conn->ctx->be->hs_step(conn->hs->be_hs, rec, len, hs_sink, conn,
				   &err);
	if (r < 0)
		return hs_failed(conn, r, &err);
	return r == KEEL_HS_DONE ? hs_done(conn) : 0;
}

/* A client's peer has not heard of us yet: nothing is said to it. */
static int no_object(struct keel_conn *conn, int code)
{
	struct keel_err err = {
		.err = code,
		.origin = code == -ENOMEM ? KEEL_ERR_SYS : KEEL_ERR_BACKEND,
		.site = "handshake object",
	};

	if (conn->ctx->role == KEEL_CLIENT)
		return keel__conn_break(conn, &err);
	return keel__conn_give_up(conn, code, err.site);
}

/* Make the backend's object; for a server only when a peer has said enough. */
static int hs_begin(struct keel_conn *conn)
{
	struct keel__conn_hs *hs = keel__conn_hs_get(conn);
	struct keel_hs_params params = {.sz = sizeof(params)};
	int r;

	if (!hs)
		return no_object(conn, -ENOMEM);
	params.host = hs->host;
	params.session = hs->session.data;
	params.session_len = hs->session.len;
	r = conn->ctx->be->hs_new(conn->ctx->be_ctx, &params, &hs->be_hs);
	if (r < 0)
		return no_object(conn, r);
	drop_opts(hs);
	keel__conn_set_state(conn, KEEL_CONN_HANDSHAKE);
	return 0;
}

int keel__conn_hs_begin(struct keel_conn *conn)
{
	int r = hs_begin(conn);

	return r < 0 ? r : hs_step(conn, NULL, 0);
}

/* Peers that took the port for another protocol's: how they begin. */
static const struct {
	const char *start; /* at most KEEL__RECORD_HEADER_LEN bytes */
	const char *site;
} strangers[] = {
	{"GET ", "the peer speaks plain HTTP, not TLS"},
	{"HEAD ", "the peer speaks plain HTTP, not TLS"},
	{"POST ", "the peer speaks plain HTTP, not TLS"},
	{"PUT ", "the peer speaks plain HTTP, not TLS"},
	{"DEL", "the peer speaks plain HTTP, not TLS"},
	{"OPT", "the peer speaks plain HTTP, not TLS"},
	{"PATCH", "the peer speaks plain HTTP, not TLS"},
	{"TRACE", "the peer speaks plain HTTP, not TLS"},
	{"CONN", "the peer speaks plain HTTP, not TLS"},
	{"PRI *", "the peer speaks plain HTTP/2, not TLS"},
	{"PROXY", "the peer sends a PROXY protocol header, not TLS"},
	{"HTTP/", "the peer answers in plain HTTP, not TLS"},
	{"SSH-2", "the peer speaks SSH, not TLS"},
};

static const char *stranger_site(const uint8_t *header)
{
	for (size_t i = 0; i < KEEL__ARRAY_LEN(strangers); i++) {
		const char *start = strangers[i].start;

		if (!memcmp(start, header, strlen(start)))
			return strangers[i].site;
	}
	return "the peer does not speak TLS";
}

/*
 * The first record is in the clear: no longer than 2^14 (RFC 8446 section 5.1)
 * and no application data, which "MUST NOT" come unprotected. Later ones may be
 * protected; only the backend knows.
 */
static int judge(const struct keel__record_header *header, bool is_first,
		 enum keel_alert *ret_alert)
{
	uint8_t last = is_first ? KEEL__RECORD_HANDSHAKE : KEEL__RECORD_DATA;
	size_t max = is_first ? KEEL_MAX_PLAINTEXT : KEEL__RECORD_MAX_BODY;

	if (header->type < KEEL__RECORD_CCS || header->type > last)
		*ret_alert = KEEL_ALERT_UNEXPECTED_MESSAGE;
	else if (header->version >> 8 != KEEL_TLS1_2 >> 8)
		*ret_alert = KEEL_ALERT_PROTOCOL_VERSION;
	else if (header->len > max)
		*ret_alert = KEEL_ALERT_RECORD_OVERFLOW;
	else
		return 0;
	return -EPROTO;
}

static const char *judge_site(const uint8_t *header, enum keel_alert alert)
{
	if (alert == KEEL_ALERT_RECORD_OVERFLOW)
		return "a handshake record is too long";
	if (header[0] >= KEEL__RECORD_CCS && header[0] <= KEEL__RECORD_DATA)
		return "a record does not belong into the handshake";
	return stranger_site(header);
}

/*
 * Alerts may be protected by now, with keys only the backend has. It is shown
 * what is wrong, to answer that with an alert of its own: the header with a
 * body of one byte, or, if the length is what is wrong, with one that is too
 * long in every version. Should the backend see nothing wrong the connection
 * ends without an alert.
 */
static int refuse_by_backend(struct keel_conn *conn, const uint8_t *header,
			     enum keel_alert alert, const char *site)
{
	bool is_long = alert == KEEL_ALERT_RECORD_OVERFLOW;
	uint8_t rec[KEEL__RECORD_HEADER_LEN + 1] = {
		header[0],	    header[1],		header[2],
		is_long ? 0xff : 0, is_long ? 0xff : 1,
	};
	struct keel_err err = {
		.err = -EPROTO,
		.origin = KEEL_ERR_PEER,
		.site = site,
	};
	int r;

	r = hs_step(conn, rec, sizeof(rec));
	return r < 0 ? r : keel__conn_break(conn, &err);
}

int keel__conn_hs_check(struct keel_conn *conn, const uint8_t *header)
{
	bool is_first = keel__conn_has(conn, KEEL__CONN_PLAIN);
	struct keel__record_header h;
	enum keel_alert alert;
	const char *site;

	keel__record_header_read(header, &h);
	if (!judge(&h, is_first, &alert))
		return 0;
	site = judge_site(header, alert);
	if (is_first)
		return keel__conn_refuse(conn, -EPROTO, alert, site);
	return refuse_by_backend(conn, header, alert, site);
}

static int count(struct keel_conn *conn, size_t len)
{
	struct keel__conn_hs *hs = conn->hs;
	struct keel_err err = {
		.err = -EPROTO,
		.origin = KEEL_ERR_PEER,
		.site = "the handshake of the peer is too long",
	};

	if (len > KEEL__HS_MAX_IN - hs->nr_in ||
	    hs->nr_records >= KEEL__HS_MAX_RECORDS)
		return keel__conn_break(conn, &err);
	hs->nr_in += (uint32_t)len;
	hs->nr_records++;
	return 0;
}

int keel__conn_hs_record(struct keel_conn *conn, uint8_t *rec, size_t len)
{
	int r = 0;

	if (conn->state == KEEL_CONN_NEW)
		r = hs_begin(conn);
	if (r >= 0)
		r = count(conn, len);
	if (r < 0)
		return r;
	/* Whatever the answer is, what follows it may be protected. */
	keel__conn_unmark(conn, KEEL__CONN_PLAIN);
	return hs_step(conn, rec, len);
}
