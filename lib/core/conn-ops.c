/* SPDX-License-Identifier: MIT */
/* What the driver is to do on the socket, and what came of it. */
#include "lib/core/conn-private.h"

#include <errno.h>

#include "lib/base/base-private.h"
#include "lib/base/err-private.h"

/*
 * How a failed connection ends. With an alert to send: send it, shut our side
 * down, and read the peer's bytes away until it ends too, since closing a
 * socket with unread bytes makes TCP reset the connection and the peer may
 * never see the alert. With nothing to send, or nobody to send it to: close.
 */
static bool lingers(const struct keel_conn *conn)
{
	return conn->state == KEEL_CONN_FAILED &&
	       !keel__conn_has(conn, KEEL__CONN_BROKEN);
}

static bool want_close(struct keel_conn *conn, struct keel_op *ret_op)
{
	bool is_drained = !keel__conn_out_len(conn);

	ret_op->type = KEEL_OP_CLOSE;
	if (lingers(conn))
		return is_drained && keel__conn_has(conn, KEEL__CONN_RX_END);
	return conn->state >= KEEL_CONN_CLOSED;
}

static bool want_send(struct keel_conn *conn, struct keel_op *ret_op)
{
	if (!keel__conn_out_len(conn) ||
	    (conn->state >= KEEL_CONN_CLOSED && !lingers(conn)))
		return false;
	/* What is handed out keeps its place; more may be queued meanwhile. */
	if (!conn->fly.len) {
		conn->fly = conn->out;
		conn->out = (struct keel_buf){.data = NULL};
		/* A request that comes from now on has its own answer. */
		keel__conn_unmark(conn, KEEL__CONN_KU_UNSENT);
		keel__conn_unmark(conn, KEEL__CONN_NO_RENEG_UNSENT);
	}
	*ret_op = (struct keel_op){
		.type = KEEL_OP_SEND,
		.data = keel__buf_head(&conn->fly),
		.len = conn->fly.len,
	};
	return true;
}

/* Once all is sent. A peer that has ended first makes CLOSING CLOSED then. */
static bool want_shutdown(struct keel_conn *conn, struct keel_op *ret_op)
{
	ret_op->type = KEEL_OP_SHUTDOWN;
	if (keel__conn_out_len(conn) ||
	    keel__conn_has(conn, KEEL__CONN_TX_SHUT))
		return false;
	return conn->state == KEEL_CONN_CLOSING || lingers(conn);
}

static bool want_recv(struct keel_conn *conn, struct keel_op *ret_op)
{
	ret_op->type = KEEL_OP_RECV;
	if (conn->in_len || keel__conn_has(conn, KEEL__CONN_RX_END))
		return false;
	return keel__conn_reads(conn) || lingers(conn);
}

/* In the order in which they matter. */
static bool (*const wants[])(struct keel_conn *conn, struct keel_op *ret_op) = {
	want_close,
	want_send,
	want_shutdown,
	want_recv,
};

int keel_conn_next_op(struct keel_conn *conn, struct keel_op *ret_op)
{
	struct keel_op op;

	if (!conn || !ret_op)
		return -EINVAL;
	/* Nothing comes after the close. */
	if (conn->ops & 1u << KEEL_OP_CLOSE)
		return 0;
	if (conn->state == KEEL_CONN_NEW && conn->ctx->role == KEEL_CLIENT)
		keel__conn_hs_begin(conn);
	for (size_t i = 0; i < KEEL__ARRAY_LEN(wants); i++) {
		op = (struct keel_op){.len = 0};
		if (!wants[i](conn, &op) || conn->ops & 1u << op.type)
			continue;
		conn->ops = (uint8_t)(conn->ops | 1u << op.type);
		*ret_op = op;
		return 1;
	}
	return 0;
}

static bool is_transient(ssize_t res)
{
	return res == -EAGAIN || res == -EINTR;
}

/*
 * The transport is gone. In a connection that has ended already this is what
 * the driver's own clean-up looks like (-ECANCELED), and changes nothing but
 * that no alert can be sent.
 */
static void transport_failed(struct keel_conn *conn, ssize_t res,
			     const char *site)
{
	struct keel_err err = {
		.err = (int)res,
		.origin = KEEL_ERR_SYS,
		.site = site,
	};

	if (conn->state == KEEL_CONN_FAILED)
		keel__conn_mark(conn, KEEL__CONN_BROKEN);
	else if (conn->state != KEEL_CONN_CLOSED)
		keel__conn_break(conn, &err);
}

static int recv_done(struct keel_conn *conn, ssize_t res)
{
	keel__conn_unmark(conn, KEEL__CONN_RECV_AGAIN);
	if (res == 0)
		keel__conn_mark(conn, KEEL__CONN_RX_END);
	else if (!is_transient(res))
		transport_failed(conn, res, "receive");
	return 0;
}

static int send_done(struct keel_conn *conn, ssize_t res)
{
	if (res < 0) {
		if (!is_transient(res))
			transport_failed(conn, res, "send");
		return 0;
	}
	/* Nothing to clear: all of it went over the wire. */
	if ((size_t)res == conn->fly.len)
		keel__buf_fini(&conn->fly);
	else
		keel__buf_consume(&conn->fly, (size_t)res);
	keel__conn_check_closed(conn);
	return 0;
}

/* A failed shutdown(2) means the peer is gone, which a receive will tell. */
static int shutdown_done(struct keel_conn *conn, ssize_t res)
{
	(void)res;
	keel__conn_mark(conn, KEEL__CONN_TX_SHUT);
	return 0;
}

static int close_done(struct keel_conn *conn, ssize_t res)
{
	(void)conn;
	(void)res;
	return 0;
}

static int (*const done_fns[])(struct keel_conn *conn, ssize_t res) = {
	[KEEL_OP_RECV] = recv_done,
	[KEEL_OP_SEND] = send_done,
	[KEEL_OP_SHUTDOWN] = shutdown_done,
	[KEEL_OP_CLOSE] = close_done,
};

/* A multishot receive ends after it was answered, which is allowed. */
static bool is_out(const struct keel_conn *conn, enum keel_op_type type)
{
	return conn->ops & 1u << type ||
	       (type == KEEL_OP_RECV &&
		keel__conn_has(conn, KEEL__CONN_RECV_AGAIN));
}

int keel_conn_op_done(struct keel_conn *conn, enum keel_op_type type,
		      ssize_t res)
{
	ssize_t max;

	if (!conn || (unsigned int)type >= KEEL__ARRAY_LEN(done_fns) ||
	    !done_fns[type])
		return -EINVAL;
	if (!is_out(conn, type))
		return -ESTALE;
	max = type == KEEL_OP_SEND ? (ssize_t)conn->fly.len : 0;
	if (res > max || res < -4095)
		return -EINVAL;
	/* A close is final: it is not handed out a second time. */
	if (type != KEEL_OP_CLOSE)
		conn->ops = (uint8_t)(conn->ops & ~(1u << type));
	return done_fns[type](conn, res);
}
