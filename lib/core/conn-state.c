/* SPDX-License-Identifier: MIT */
/* The states of a connection, the legal ways between them, and failing. */
#include "lib/core/conn-private.h"

#include <errno.h>

#include "lib/base/base-private.h"
#include "lib/base/err-private.h"

#define TO(state) (1u << KEEL_CONN_##state)

/*
 * The table of states. FAILED has no way out; CLOSED has one, for a driver that
 * reports an error afterwards.
 */
static const struct {
	const char *name;
	uint8_t next;
	bool reads; /* the peer's bytes mean something */
} states[] = {
	[KEEL_CONN_NEW] = {.name = "new",
			   .next = TO(HANDSHAKE) | TO(CLOSED) | TO(FAILED),
			   .reads = true},
	[KEEL_CONN_HANDSHAKE] = {.name = "handshake",
				 .next = TO(OPEN) | TO(CLOSED) | TO(FAILED),
				 .reads = true},
	[KEEL_CONN_OPEN] = {.name = "open",
			    .next = TO(CLOSING) | TO(FAILED),
			    .reads = true},
	[KEEL_CONN_CLOSING] = {.name = "closing",
			       .next = TO(CLOSED) | TO(FAILED),
			       .reads = true},
	[KEEL_CONN_CLOSED] = {.name = "closed", .next = TO(FAILED)},
	[KEEL_CONN_FAILED] = {.name = "failed"},
};

const char *keel_conn_state_name(unsigned int state)
{
	if (state >= KEEL__ARRAY_LEN(states))
		return "?";
	return states[state].name;
}

void keel__conn_log(const struct keel_conn *conn, enum keel_log_level level,
		    const char *event)
{
	struct keel_log_event ev = {
		.level = level,
		.event = event,
		.conn_id = conn->id,
		.state = states[conn->state].name,
		.err = conn->err.err ? &conn->err : NULL,
	};

	keel__ctx_log(conn->ctx, &ev);
}

bool keel__conn_reads(const struct keel_conn *conn)
{
	return states[conn->state].reads &&
	       !keel__conn_has(conn, KEEL__CONN_RX_EOF) &&
	       !keel__conn_has(conn, KEEL__CONN_RX_CUT);
}

/*
 * What an operator wants to know of a failure. A peer that goes away before it
 * said anything is a port scan or a health check, and one that answers our
 * close_notify with a mere FIN cuts off nothing that anybody waits for: both
 * are everyday.
 */
static void log_failure(const struct keel_conn *conn, enum keel_conn_state was)
{
	bool is_cut = conn->err.err == -ECONNABORTED;
	bool is_everyday =
		is_cut && (was == KEEL_CONN_NEW || was == KEEL_CONN_CLOSING);
	const char *event = is_cut ? "truncated" : "connection-failed";

	if (was <= KEEL_CONN_HANDSHAKE)
		event = "handshake-failed";
	keel__conn_log(conn, is_everyday ? KEEL_LOG_DEBUG : KEEL_LOG_WARN,
		       event);
}

/* Only the failure is told: what came before it is no longer true. */
static void enter_failed(struct keel_conn *conn, enum keel_conn_state was)
{
	conn->events = 1u << KEEL_EVENT_FAILED;
	conn->in = NULL;
	conn->in_len = 0;
	if (!keel__conn_out_len(conn))
		keel__conn_mark(conn, KEEL__CONN_BROKEN);
	log_failure(conn, was);
}

void keel__conn_set_state(struct keel_conn *conn, enum keel_conn_state state)
{
	enum keel_conn_state was = conn->state;

	assert(states[was].next & 1u << state);
	conn->state = (uint8_t)state;
	switch (state) {
	case KEEL_CONN_NEW:
	case KEEL_CONN_HANDSHAKE:
	case KEEL_CONN_CLOSING:
		break;
	case KEEL_CONN_OPEN:
		keel__conn_tell(conn, KEEL_EVENT_OPEN);
		keel__conn_log(conn, KEEL_LOG_DEBUG, "handshake-done");
		break;
	case KEEL_CONN_CLOSED:
		keel__conn_tell(conn, KEEL_EVENT_CLOSED);
		keel__conn_log(conn, KEEL_LOG_DEBUG, "closed");
		break;
	case KEEL_CONN_FAILED:
		enter_failed(conn, was);
		break;
	}
}

void keel__conn_check_closed(struct keel_conn *conn)
{
	if (conn->state == KEEL_CONN_CLOSING && !keel__conn_out_len(conn) &&
	    keel__conn_has(conn, KEEL__CONN_RX_EOF))
		keel__conn_set_state(conn, KEEL_CONN_CLOSED);
}

/* The alert goes first: what can carry it depends on the state. */
static int fail_with(struct keel_conn *conn, int code,
		     enum keel_err_origin origin, enum keel_alert alert,
		     const char *site)
{
	bool is_said = keel__conn_put_alert(conn, alert);

	if (origin == KEEL_ERR_SENT_ALERT && !is_said)
		origin = KEEL_ERR_PEER;
	keel__err_set(&conn->err, code, origin, (uint8_t)alert, 0, site);
	if (is_said)
		keel__conn_log(conn, KEEL_LOG_WARN, "alert-sent");
	keel__conn_set_state(conn, KEEL_CONN_FAILED);
	return code;
}

int keel__conn_refuse(struct keel_conn *conn, int code, enum keel_alert alert,
		      const char *site)
{
	return fail_with(conn, code, KEEL_ERR_SENT_ALERT, alert, site);
}

int keel__conn_decline(struct keel_conn *conn, int code, enum keel_alert alert,
		       const char *site)
{
	return fail_with(conn, code, KEEL_ERR_KERNEL_TLS, alert, site);
}

int keel__conn_give_up(struct keel_conn *conn, int code, const char *site)
{
	return fail_with(conn, code,
			 code == -ENOMEM ? KEEL_ERR_SYS : KEEL_ERR_BACKEND,
			 KEEL_ALERT_INTERNAL_ERROR, site);
}

int keel__conn_break(struct keel_conn *conn, const struct keel_err *err)
{
	keel__err_set(&conn->err, err->err, err->origin, err->alert,
		      err->native, err->site);
	/* What is handed out stays: the driver may still be reading it. */
	keel__buf_wipe(&conn->out);
	keel__conn_mark(conn, KEEL__CONN_BROKEN);
	keel__conn_set_state(conn, KEEL_CONN_FAILED);
	return err->err;
}

void keel_conn_fail(struct keel_conn *conn, int err,
		    enum keel_err_origin origin, const char *site)
{
	struct keel_err why = {
		.err = err < 0 ? err : -EINVAL,
		.origin = (uint8_t)origin,
		.site = site ? site : "the driver gave up",
	};

	if (!conn)
		return;
	/* An alert on its way has had its time: this is how to cut it short. */
	if (conn->state == KEEL_CONN_FAILED)
		keel__conn_mark(conn, KEEL__CONN_BROKEN);
	else
		keel__conn_break(conn, &why);
}
