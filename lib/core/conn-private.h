/* SPDX-License-Identifier: MIT */
/* What is inside a connection, shared by the files that make it up. */
#ifndef KEEL_CORE_CONN_PRIVATE_H
#define KEEL_CORE_CONN_PRIVATE_H

#include <keel/conn.h>

#include "lib/base/buf-private.h"
#include "lib/base/secret-private.h"
#include "lib/core/ctx-private.h"
#include "lib/core/record-private.h"
#include "lib/core/traffic-private.h"

/*
 * Bounds on what a peer can make us hold or do. Each is far above what an
 * honest peer needs.
 */
#define KEEL__HS_MAX_IN (256u * 1024)  /* bytes of handshake records */
#define KEEL__HS_MAX_RECORDS 8192u     /* a record may hold one byte only */
#define KEEL__HS_MAX_OUT (256u * 1024) /* certificates are most of it */
#define KEEL__MSG_MAX (64u * 1024)     /* one message after the handshake */
#define KEEL__NR_USELESS 32	       /* records in a row without data */
#define KEEL__NR_RENEGS 8	       /* renegotiations refused, TLS 1.2 */

/* keel_conn_send() takes nothing more while this much waits. */
#define KEEL__OUT_WAIT (64u * 1024)
/* Hard bound of the queue: the above, one record, and control records. */
#define KEEL__OUT_MAX (128u * 1024 + KEEL__HS_MAX_OUT)

/*
 * Records kept back from the AEAD's limit for what keel itself sends: our
 * KeyUpdate or close_notify, and one alert.
 */
#define KEEL__TX_RESERVE 2

#define KEEL__MSG_HEADER_LEN 4

/* Handshake messages that come after the handshake, RFC 8446 section 4. */
enum keel__msg_type {
	KEEL__MSG_HELLO_REQUEST = 0, /* RFC 5246 section 7.4.1.1 */
	KEEL__MSG_CLIENT_HELLO = 1,
	KEEL__MSG_NEW_SESSION_TICKET = 4,
	KEEL__MSG_KEY_UPDATE = 24,
};

/* Facts about a connection that are one bit each. */
enum keel__conn_flag {
	KEEL__CONN_RX_END = 1 << 0,  /* the stream ended: TCP's FIN */
	KEEL__CONN_RX_EOF = 1 << 1,  /* the peer's close_notify came */
	KEEL__CONN_TX_SHUT = 1 << 2, /* KEEL_OP_SHUTDOWN is done */
	KEEL__CONN_BROKEN = 1 << 3,  /* nothing more to send: just close */
	KEEL__CONN_PLAIN = 1 << 4,   /* alerts may still go in the clear */
	/* Our KeyUpdate is in the queue, and no data behind it. */
	KEEL__CONN_KU_UNSENT = 1 << 5,
	KEEL__CONN_RECV_AGAIN = 1 << 6, /* a receive has brought bytes */
	/* Our no_renegotiation is in the queue. */
	KEEL__CONN_NO_RENEG_UNSENT = 1 << 7,
};

/*
 * What only a part of a connection's life needs: the handshake, a message that
 * comes in pieces, a ticket. Made when needed, freed when not.
 */
struct keel__conn_hs {
	void *be_hs;
	char *host;		    /* until the handshake begins */
	struct keel_secret session; /* until the handshake begins */
	struct keel_secret blob;    /* of KEEL_EVENT_SESSION */
	struct keel_hs_info info;   /* of KEEL_EVENT_OPEN */
	struct keel_buf msg;	    /* messages not handled yet */
	uint32_t nr_in;
	uint32_t nr_out;
	uint16_t nr_records;
	uint8_t nr_tickets; /* client: still wanted; server: still to be made */
	bool is_lent;	    /* the last event points into this */
};

/* There may be a million of them, idle: nothing here that can be elsewhere. */
struct keel_conn {
	struct keel_ctx *ctx;
	struct keel__conn_hs *hs;
	uint64_t id;
	struct keel_err err;
	struct keel_traffic tx;
	struct keel_traffic rx;
	uint64_t tx_records;
	uint64_t tx_bytes;
	uint64_t rx_records;
	uint64_t rx_bytes;
	uint8_t *in; /* the driver's buffer */
	size_t in_len;
	struct keel_buf stash; /* a partial record, and kept input */
	struct keel_buf out;   /* sealed and not handed out */
	struct keel_buf fly;   /* what KEEL_OP_SEND points to */
	uint32_t stash_used;   /* bytes of the stash the last event borrows */
	uint16_t max_fragment; /* RFC 6066 section 4; 0 for 2^14 */
	uint8_t nr_requests;   /* KeyUpdates asked for and not yet come */
	uint8_t nr_renegs;     /* renegotiations refused */
	uint8_t state;	       /* enum keel_conn_state */
	uint8_t budget;	       /* records without data still allowed */
	uint8_t events;	       /* 1 << enum keel_event_type: still to tell */
	uint8_t ops;	       /* 1 << enum keel_op_type: out */
	uint8_t flags;	       /* enum keel__conn_flag */
};

static inline bool keel__conn_has(const struct keel_conn *conn,
				  enum keel__conn_flag flag)
{
	return (conn->flags & flag) != 0;
}

static inline void keel__conn_mark(struct keel_conn *conn,
				   enum keel__conn_flag flag)
{
	conn->flags = (uint8_t)(conn->flags | flag);
}

static inline void keel__conn_unmark(struct keel_conn *conn,
				     enum keel__conn_flag flag)
{
	conn->flags = (uint8_t)(conn->flags & ~(unsigned int)flag);
}

static inline void keel__conn_tell(struct keel_conn *conn,
				   enum keel_event_type type)
{
	conn->events = (uint8_t)(conn->events | 1u << type);
}

static inline bool keel__conn_is_tls13(const struct keel_conn *conn)
{
	return conn->tx.suite->version == KEEL_TLS1_3;
}

/* Bytes of plaintext a record may hold. */
static inline size_t keel__conn_max_payload(const struct keel_conn *conn)
{
	return conn->max_fragment ? conn->max_fragment : KEEL_MAX_PLAINTEXT;
}

/* A record with data pays for one without: see keel__conn_spend(). */
static inline void keel__conn_earn(struct keel_conn *conn)
{
	if (conn->budget < KEEL__NR_USELESS)
		conn->budget++;
}

/* Bytes that wait to be sent, handed out or not. */
static inline size_t keel__conn_out_len(const struct keel_conn *conn)
{
	return (size_t)conn->out.len + conn->fly.len;
}

/* conn-state.c: the table of states, and the ways to end. */

/* In this state the peer's bytes mean something. */
bool keel__conn_reads(const struct keel_conn *conn);

/* The only function that changes the state. */
void keel__conn_set_state(struct keel_conn *conn, enum keel_conn_state state);

/* CLOSING becomes CLOSED once both ends are through. */
void keel__conn_check_closed(struct keel_conn *conn);

/*
 * The peer broke TLS: fail, and say so with @alert. The error's origin tells
 * whether that could be said: KEEL_ERR_SENT_ALERT or KEEL_ERR_PEER.
 */
int keel__conn_refuse(struct keel_conn *conn, int code, enum keel_alert alert,
		      const char *site);

/* We cannot go on: fail with internal_error. -ENOMEM or a backend's errno. */
int keel__conn_give_up(struct keel_conn *conn, int code, const char *site);

/* Fail without a word to the peer, and close at once. */
int keel__conn_break(struct keel_conn *conn, const struct keel_err *err);

void keel__conn_log(const struct keel_conn *conn, enum keel_log_level level,
		    const char *event);

/* conn-handshake.c */

/* The part, made if there is none; NULL without memory. */
struct keel__conn_hs *keel__conn_hs_get(struct keel_conn *conn);

/* Free the backend's handshake object; free everything. */
void keel__conn_hs_drop(struct keel_conn *conn);
void keel__conn_hs_free(struct keel_conn *conn);

/* Free those parts that nothing needs any more and no event points to. */
void keel__conn_hs_release(struct keel_conn *conn);

/* Server: queue the tickets, if they are still due. */
void keel__conn_hs_issue(struct keel_conn *conn);

/* Server: there will be no tickets. */
void keel__conn_hs_forgo(struct keel_conn *conn);

/* Client in NEW: make the first flight. 0, or the connection has failed. */
int keel__conn_hs_begin(struct keel_conn *conn);

/* Judge a record's header before its body has come. As above. */
int keel__conn_hs_check(struct keel_conn *conn, const uint8_t *header);

/* Feed one whole record. As above. */
int keel__conn_hs_record(struct keel_conn *conn, uint8_t *rec, size_t len);

/* Where the backend puts a session blob; @arg is the connection. */
int keel__conn_hs_blob_sink(void *arg, const void *data, size_t len);

/* conn-control.c: everything after the handshake that is not data. */

/* A record brought nothing of use; too many in a row end the connection. */
int keel__conn_spend(struct keel_conn *conn);

/* Records of the two types. 0, or the connection has failed. */
int keel__conn_on_alert(struct keel_conn *conn, const uint8_t *data,
			size_t len);
int keel__conn_on_handshake(struct keel_conn *conn, const uint8_t *data,
			    size_t len);

/* A handshake message has begun and not ended. */
bool keel__conn_in_message(const struct keel_conn *conn);

/* Handle one whole message. 0 if there is none, 1 if there was, good or bad. */
int keel__conn_on_message(struct keel_conn *conn);

/*
 * Send one, and change our keys. -ENOMEM: nothing has happened; another error:
 * the connection has failed.
 */
int keel__conn_send_key_update(struct keel_conn *conn, bool request_peer);

/* conn-output.c */

/* Seal one record of our own into the queue. Does not fail the connection. */
int keel__conn_put(struct keel_conn *conn, enum keel__record_type type,
		   const void *data, size_t len);

/* Queue an alert, sealed or in the clear as the state is. True if it could. */
bool keel__conn_put_alert(struct keel_conn *conn, enum keel_alert alert);

#endif
