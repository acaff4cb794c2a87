/* SPDX-License-Identifier: MIT */
/* What is inside a connection, shared by the files that make it up. */
#ifndef KEEL_CORE_CONN_PRIVATE_H
#define KEEL_CORE_CONN_PRIVATE_H

#include <endian.h>
#include <string.h>

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

/* Of what is queued for the kernel, or kept from it: type, length (32 bits). */
#define KEEL__FRAME_HEADER_LEN 5

static inline void keel__frame_write(uint8_t *to, uint8_t type, size_t len)
{
	uint32_t be = htobe32((uint32_t)len);

	to[0] = type;
	memcpy(to + 1, &be, sizeof(be));
}

static inline uint32_t keel__frame_read(const uint8_t *from, uint8_t *ret_type)
{
	uint32_t be;

	*ret_type = from[0];
	memcpy(&be, from + 1, sizeof(be));
	return be32toh(be);
}

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

	/* The kernel's part: conn-kernel.c. */
	KEEL__CONN_HAS_SOCKET = 1 << 8,
	KEEL__CONN_ATTACHED = 1 << 9, /* the ULP is on the socket */
	KEEL__CONN_CAN_REKEY = 1 << 10,
	KEEL__CONN_JUDGED = 1 << 11,   /* dirs[].may are valid */
	KEEL__CONN_RX_QUIET = 1 << 12, /* no receive is under way */
	KEEL__CONN_RX_CUT = 1 << 13,   /* KEEL_EVENT_CUT */
	KEEL__CONN_KU_QUEUED = 1
			       << 14, /* ours, until the kernel has its keys */
	KEEL__CONN_TX_KEYS = 1 << 15, /* the kernel is to get new ones */
	KEEL__CONN_RX_KEYS = 1 << 16,
	/* The kernel waits for new keys, and says -EKEYEXPIRED till then. */
	KEEL__CONN_RX_EXPIRED = 1 << 17,
	/* It may have tried the next record under the old ones. */
	KEEL__CONN_RX_RETRY = 1 << 18,
	/* Nothing can be sent until SO_ERROR has been read. */
	KEEL__CONN_SO_ERROR = 1 << 19,
	/* The same keys again: a KeyUpdate comes in pieces. */
	KEEL__CONN_RX_RESUME = 1 << 20,
	KEEL__CONN_NO_ATTACH = 1 << 21, /* the ULP was refused */
	/* The kernel opened what stands in in, if only an empty record. */
	KEEL__CONN_IN_RECORD = 1 << 22,
};

/* What the socket's option is that is being set or read. */
enum keel__sockopt {
	KEEL__SOCKOPT_NONE = 0,
	KEEL__SOCKOPT_ERROR, /* SO_ERROR: read and cleared */
	KEEL__SOCKOPT_ATTACH,
	KEEL__SOCKOPT_TX,
	KEEL__SOCKOPT_RX,
	KEEL__SOCKOPT_GET_TX, /* how many records it made */
	KEEL__SOCKOPT_GET_RX,
};

/* Who protects a direction, and what is to become of that. */
struct keel__conn_dir {
	uint8_t engine; /* enum keel_engine */
	uint8_t reason; /* enum keel_reason */
	uint8_t policy; /* enum keel_offload */
	bool may;	/* the kernel has what it takes */
	int16_t err;	/* what the kernel said */
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
	uint8_t in_type;       /* content type of in, where the kernel opens */
	uint16_t ops;	       /* 1 << enum keel_op_type: out */
	uint8_t frame_type;    /* of the frame at the head of fly */
	uint8_t sockopt;       /* enum keel__sockopt: out */
	int16_t rx_err;	       /* what the kernel said of the record to come */
	uint32_t frame_left;   /* its bytes that are not sent yet */
	uint32_t nr_frames;    /* queued before the kernel has our keys */
	uint32_t flags;	       /* enum keel__conn_flag */
	struct keel__conn_dir dirs[2]; /* TX, RX */
	struct keel__ktls_info *info;  /* while it is out */
	uint64_t tx_asked; /* tx.seq when the kernel was asked for its own */
};

static inline struct keel__conn_dir *keel__conn_dir(struct keel_conn *conn,
						    enum keel_dir dir)
{
	return &conn->dirs[dir == KEEL_RX];
}

static inline bool keel__conn_in_kernel(const struct keel_conn *conn,
					enum keel_dir dir)
{
	return conn->dirs[dir == KEEL_RX].engine == KEEL_ENGINE_KERNEL;
}

static inline bool keel__conn_has(const struct keel_conn *conn,
				  enum keel__conn_flag flag)
{
	return (conn->flags & flag) != 0;
}

static inline void keel__conn_mark(struct keel_conn *conn,
				   enum keel__conn_flag flag)
{
	conn->flags |= (uint32_t)flag;
}

static inline void keel__conn_unmark(struct keel_conn *conn,
				     enum keel__conn_flag flag)
{
	conn->flags &= ~(uint32_t)flag;
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

/* What is queued is for the kernel to seal, or may have to be. */
static inline bool keel__conn_makes_frames(const struct keel_conn *conn)
{
	return keel__conn_in_kernel(conn, KEEL_TX) ||
	       conn->sockopt == KEEL__SOCKOPT_TX;
}

/* An operation that sends is out. */
static inline bool keel__conn_is_sending(const struct keel_conn *conn)
{
	return conn->ops & (1u << KEEL_OP_SEND | 1u << KEEL_OP_SEND_RECORD);
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

/* conn.c */

/* Is there nothing in @opts that this version does not know? NULL is fine. */
bool keel__conn_opts_known(const struct keel_conn_opts *opts);

/* conn-input.c */

/* The last event's memory is no longer borrowed. */
void keel__conn_release(struct keel_conn *conn);

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

/* The kernel cannot do what is required of it. */
int keel__conn_decline(struct keel_conn *conn, int code, enum keel_alert alert,
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

/* conn-kernel.c: moving into the kernel, and keys there. */
void keel__conn_kernel_fini(struct keel_conn *conn);

/* The backend's keys are here: say what may become of each direction. */
void keel__conn_kernel_open(struct keel_conn *conn);

/* The same for one that was open elsewhere: its context is another. */
void keel__conn_kernel_adopt(struct keel_conn *conn);

/* Why a direction in user space is not in the kernel, as of now. */
enum keel_reason keel__conn_kernel_reason(const struct keel_conn *conn,
					  enum keel_dir dir, int *ret_err);

/* The wishes: rows of the table in conn-ops.c. */
bool keel__conn_want_sockopt(struct keel_conn *conn, struct keel_op *ret_op);
bool keel__conn_want_recv_stop(struct keel_conn *conn, struct keel_op *ret_op);

/* Answers to KEEL_OP_SETSOCKOPT, KEEL_OP_GETSOCKOPT and KEEL_OP_RECV_STOP. */
int keel__conn_sockopt_done(struct keel_conn *conn, ssize_t res);
int keel__conn_recv_stop_done(struct keel_conn *conn, ssize_t res);

/* Nothing may be sealed or sent until the kernel has been asked or told. */
bool keel__conn_tx_waits(const struct keel_conn *conn);

/* Receiving is on its way into the kernel, and no more is to be read. */
bool keel__conn_rx_moves(const struct keel_conn *conn);

/* Our KeyUpdate is in the socket: the kernel's next record has new keys. */
void keel__conn_key_update_sent(struct keel_conn *conn);

/* The peer's has come, and conn->rx has its new keys. 0, or it has failed. */
int keel__conn_key_update_came(struct keel_conn *conn);

/* The kernel cannot follow the peer's new keys. */
void keel__conn_cut(struct keel_conn *conn);

/* What the kernel said of a record, once everything before it is used up. */
void keel__conn_record_error(struct keel_conn *conn);

/* conn-output.c */

/* Seal one record of our own into the queue. Does not fail the connection. */
int keel__conn_put(struct keel_conn *conn, enum keel__record_type type,
		   const void *data, size_t len);

/* Records the application may still have sealed under this key. */
uint64_t keel__conn_tx_left(const struct keel_conn *conn);

/*
 * While the kernel protects what is sent, or is about to, the queue holds
 * frames: a header of type and length, and plaintext. The kernel refused:
 * these are sealed after all.
 */
void keel__conn_seal_frames(struct keel_conn *conn);

/* Queue an alert, sealed or in the clear as the state is. True if it could. */
bool keel__conn_put_alert(struct keel_conn *conn, enum keel_alert alert);

#endif
