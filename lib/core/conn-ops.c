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

/* For the kernel to seal: one frame at a time, each with its type. */
static void next_frame(struct keel_conn *conn, struct keel_op *ret_op)
{
	if (!conn->frame_left) {
		conn->frame_left = keel__frame_read(keel__buf_head(&conn->fly),
						    &conn->frame_type);
		keel__buf_consume(&conn->fly, KEEL__FRAME_HEADER_LEN);
	}
	ret_op->data = keel__buf_head(&conn->fly);
	ret_op->len = conn->frame_left;
	if (conn->frame_type == KEEL__RECORD_DATA)
		return;
	ret_op->type = KEEL_OP_SEND_RECORD;
	ret_op->record_type = conn->frame_type;
}

#define SENDS (1u << KEEL_OP_SEND | 1u << KEEL_OP_SEND_RECORD)

/* The kernel is to be told something before more is sent. */
static bool is_held(const struct keel_conn *conn)
{
	return keel__conn_is_sending(conn) ||
	       conn->sockopt == KEEL__SOCKOPT_TX ||
	       conn->sockopt == KEEL__SOCKOPT_ERROR ||
	       keel__conn_has(conn, KEEL__CONN_TX_KEYS) ||
	       keel__conn_has(conn, KEEL__CONN_SO_ERROR);
}

static bool want_send(struct keel_conn *conn, struct keel_op *ret_op)
{
	if (!keel__conn_out_len(conn) || is_held(conn) ||
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
	if (keel__conn_in_kernel(conn, KEEL_TX))
		next_frame(conn, ret_op);
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

/* While receiving moves: the rest of a record that has begun, and no more. */
static bool want_rest(const struct keel_conn *conn, struct keel_op *ret_op)
{
	struct keel__record_header h;
	size_t len = KEEL__RECORD_HEADER_LEN;

	if (!keel__conn_has(conn, KEEL__CONN_RX_QUIET) || conn->stash_used ||
	    !conn->stash.len)
		return false;
	if (conn->stash.len >= len) {
		keel__record_header_read(keel__buf_head(&conn->stash), &h);
		len += h.len;
	}
	/* More than that is kept for an application that pauses. */
	if (conn->stash.len >= len)
		return false;
	ret_op->len = len - conn->stash.len;
	return true;
}

/* Nothing can be had before the kernel has been told something. */
static bool is_deaf(const struct keel_conn *conn)
{
	return conn->rx_err || keel__conn_has(conn, KEEL__CONN_RX_KEYS) ||
	       keel__conn_has(conn, KEEL__CONN_RX_EXPIRED) ||
	       keel__conn_has(conn, KEEL__CONN_SO_ERROR);
}

static bool want_recv(struct keel_conn *conn, struct keel_op *ret_op)
{
	bool is_kernel = keel__conn_in_kernel(conn, KEEL_RX);

	ret_op->type = is_kernel ? KEEL_OP_RECV_RECORD : KEEL_OP_RECV;
	if (conn->in_len || keel__conn_has(conn, KEEL__CONN_IN_RECORD) ||
	    keel__conn_has(conn, KEEL__CONN_RX_END))
		return false;
	/* Whose bytes come next is about to be told. */
	if (!is_kernel && conn->sockopt == KEEL__SOCKOPT_RX)
		return false;
	if (lingers(conn))
		return true;
	if (!keel__conn_reads(conn) || (is_kernel && is_deaf(conn)))
		return false;
	if (keel__conn_rx_moves(conn) &&
	    keel__conn_has(conn, KEEL__CONN_ATTACHED))
		return want_rest(conn, ret_op);
	keel__conn_unmark(conn, KEEL__CONN_RX_QUIET);
	return true;
}

/* In the order in which they matter. */
static bool (*const wants[])(struct keel_conn *conn, struct keel_op *ret_op) = {
	want_close, keel__conn_want_sockopt, keel__conn_want_recv_stop,
	want_send,  want_shutdown,	     want_recv,
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
		conn->ops = (uint16_t)(conn->ops | 1u << op.type);
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

static bool is_verdict(ssize_t res)
{
	return res == -EBADMSG || res == -EMSGSIZE || res == -EINVAL;
}

/*
 * What the kernel says of a record waits for its turn: see step(). The error of
 * the socket does not, for it keeps us from sending, and an application may want
 * to send before it takes what goes before that turn.
 */
static void take_verdict(struct keel_conn *conn, ssize_t res)
{
	if (keel__conn_reads(conn))
		conn->rx_err = (int16_t)res;
	keel__conn_mark(conn, KEEL__CONN_SO_ERROR);
}

/*
 * The only handshake message of ours that goes this way is a KeyUpdate. What a
 * send leaves over is a record of its own, which counts, for the kernel need
 * not be able to tell.
 */
static void frame_sent(struct keel_conn *conn, uint32_t len)
{
	conn->frame_left -= len;
	if (len && conn->frame_left)
		conn->tx.seq++;
	if (!conn->frame_left && conn->frame_type == KEEL__RECORD_HANDSHAKE)
		keel__conn_key_update_sent(conn);
}

static int send_done(struct keel_conn *conn, ssize_t res)
{
	if (res < 0) {
		/* Of what came: nothing is sent before that is cleared. */
		if (is_verdict(res) && keel__conn_in_kernel(conn, KEEL_RX))
			take_verdict(conn, res);
		else if (!is_transient(res))
			transport_failed(conn, res, "send");
		return 0;
	}
	/* Nothing to clear: all of it went over the wire. */
	if ((size_t)res == conn->fly.len &&
	    !keel__conn_in_kernel(conn, KEEL_TX))
		keel__buf_fini(&conn->fly);
	else
		keel__buf_consume(&conn->fly, (size_t)res);
	if (keel__conn_in_kernel(conn, KEEL_TX))
		frame_sent(conn, (uint32_t)res);
	keel__conn_check_closed(conn);
	return 0;
}

/*
 * A failed shutdown(2) means the peer is gone, which a receive will tell. If no
 * more can be received this is the end.
 */
static int shutdown_done(struct keel_conn *conn, ssize_t res)
{
	(void)res;
	keel__conn_mark(conn, KEEL__CONN_TX_SHUT);
	if (keel__conn_has(conn, KEEL__CONN_RX_CUT) &&
	    conn->state == KEEL_CONN_CLOSING)
		keel__conn_set_state(conn, KEEL_CONN_FAILED);
	return 0;
}

static int recv_record_done(struct keel_conn *conn, ssize_t res)
{
	if (!is_verdict(res) && res != -EKEYEXPIRED)
		return recv_done(conn, res);
	keel__conn_unmark(conn, KEEL__CONN_RECV_AGAIN);
	/* Nothing more can be read away: an alert on its way is all there is. */
	if (conn->state == KEEL_CONN_FAILED)
		keel__conn_mark(conn, KEEL__CONN_RX_END);
	if (is_verdict(res))
		take_verdict(conn, res);
	else
		keel__conn_mark(conn, KEEL__CONN_RX_EXPIRED);
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
	[KEEL_OP_SETSOCKOPT] = keel__conn_sockopt_done,
	[KEEL_OP_GETSOCKOPT] = keel__conn_sockopt_done,
	[KEEL_OP_RECV_STOP] = keel__conn_recv_stop_done,
	[KEEL_OP_RECV_RECORD] = recv_record_done,
	[KEEL_OP_SEND_RECORD] = send_done,
};

/* A multishot receive ends after it was answered, which is allowed. */
static bool is_out(const struct keel_conn *conn, enum keel_op_type type)
{
	return conn->ops & 1u << type ||
	       ((type == KEEL_OP_RECV || type == KEEL_OP_RECV_RECORD) &&
		keel__conn_has(conn, KEEL__CONN_RECV_AGAIN));
}

int keel_conn_op_done(struct keel_conn *conn, enum keel_op_type type,
		      ssize_t res)
{
	ssize_t max = 0;

	if (!conn || (unsigned int)type >= KEEL__ARRAY_LEN(done_fns) ||
	    !done_fns[type])
		return -EINVAL;
	if (!is_out(conn, type))
		return -ESTALE;
	if (1u << type & SENDS)
		max = keel__conn_in_kernel(conn, KEEL_TX) ? conn->frame_left
							  : conn->fly.len;
	if (res > max || res < -4095)
		return -EINVAL;
	/* A close is final: it is not handed out a second time. */
	if (type != KEEL_OP_CLOSE)
		conn->ops = (uint16_t)(conn->ops & ~(1u << type));
	return done_fns[type](conn, res);
}
