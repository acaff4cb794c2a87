/* SPDX-License-Identifier: MIT */
/* A TLS connection without I/O: bytes and completions in, operations out. */
#ifndef KEEL_CONN_H
#define KEEL_CONN_H

#include <stdbool.h>

#include <keel/config.h>

KEEL_BEGIN_DECLS

/*
 * A driver (an io_uring loop, a blocking loop of thirty lines, a test) repeats:
 *
 *   while (keel_conn_next_op(conn, &op) == 1)      start op on the socket
 *   when an operation ends                         keel_conn_op_done(), or
 *                                                  keel_conn_input() for bytes
 *   while (keel_conn_next_event(conn, &ev) == 1)   give ev to the application
 *
 * At most one operation that reads and one that writes are out at a time. A
 * connection belongs to one thread at a time. It never allocates for a peer
 * more than one record (16 KiB + 261 bytes) and one handshake message, and
 * nothing of that while it is idle.
 */
struct keel_conn;

/**
 * enum keel_conn_state - where a connection is in its life
 * @KEEL_CONN_NEW:       nothing happened yet
 * @KEEL_CONN_HANDSHAKE: the backend negotiates
 * @KEEL_CONN_OPEN:      data flows; one direction may have ended
 * @KEEL_CONN_CLOSING:   our close_notify is sealed; peer data still comes
 * @KEEL_CONN_CLOSED:    both directions ended in order
 * @KEEL_CONN_FAILED:    see keel_conn_err(); a last alert may be going out
 */
enum keel_conn_state {
	KEEL_CONN_NEW = 0,
	KEEL_CONN_HANDSHAKE,
	KEEL_CONN_OPEN,
	KEEL_CONN_CLOSING,
	KEEL_CONN_CLOSED,
	KEEL_CONN_FAILED,
};

/**
 * struct keel_conn_opts - what one connection needs beyond its context
 * @sz:          size of this struct as the caller knows it; the rest zero
 * @id:          for log events; any number
 * @host:        client: name to send and to verify (copied until the handshake
 *               begins: with keel_conn_init()); NULL only without verification
 * @session:     client: a session blob from an earlier KEEL_EVENT_SESSION
 * @session_len: bytes
 * @has_socket:  the driver works on a TCP socket and does all operations of
 *               enum keel_op_type, so that the kernel may protect records;
 *               else only the first four are asked for, and records stay in
 *               user space
 */
struct keel_conn_opts {
	size_t sz;
	uint64_t id;
	const char *host;
	const void *session;
	size_t session_len;
	bool has_socket;
};

/**
 * enum keel_op_type - what a driver is asked to do on the socket
 * @KEEL_OP_RECV:     read bytes, at most op.len if that is not 0; answer with
 *                    keel_conn_input(), or with keel_conn_op_done(): 0 at end
 *                    of stream, or an errno
 * @KEEL_OP_SEND:     write op.data, op.len; answer with the count written,
 *                    which may be short, or an errno
 * @KEEL_OP_SHUTDOWN: shutdown(SHUT_WR); where the kernel protects what is sent,
 *                    when poll(2) says POLLOUT, or the last record may be cut
 *                    off
 * @KEEL_OP_CLOSE:    close the socket and keel_conn_fini()
 * @KEEL_OP_SETSOCKOPT: setsockopt(fd, op.level, op.name, op.data, op.len);
 *                    answer with 0 or an errno. The data is secret
 * @KEEL_OP_GETSOCKOPT: getsockopt(fd, op.level, op.name, op.buf) of op.len bytes;
 *                    answer with 0 or an errno, -EOPNOTSUPP if the driver
 *                    cannot. What comes may be secret
 * @KEEL_OP_RECV_STOP: have no KEEL_OP_RECV under way: take it back, give what it
 *                    brought to keel_conn_input(), then answer with 0
 * @KEEL_OP_RECV_RECORD: recvmsg(2) with room for one control message of one
 *                    byte (SOL_TLS, TLS_GET_RECORD_TYPE); answer with
 *                    keel_conn_input_record() whenever the control message came,
 *                    or as KEEL_OP_RECV
 * @KEEL_OP_SEND_RECORD: sendmsg(2) of op.data, op.len with a control message
 *                    (SOL_TLS, TLS_SET_RECORD_TYPE) of op.record_type, once all
 *                    that was handed out before has been sent and poll(2) says
 *                    POLLOUT; answer as for KEEL_OP_SEND
 */
enum keel_op_type {
	KEEL_OP_RECV = 1,
	KEEL_OP_SEND,
	KEEL_OP_SHUTDOWN,
	KEEL_OP_CLOSE,
	KEEL_OP_SETSOCKOPT,
	KEEL_OP_GETSOCKOPT,
	KEEL_OP_RECV_STOP,
	KEEL_OP_RECV_RECORD,
	KEEL_OP_SEND_RECORD,
};

/**
 * struct keel_op - one operation
 * @type:  enum keel_op_type
 * @data:  what to send or to set: valid until keel_conn_op_done()
 * @buf:   KEEL_OP_GETSOCKOPT: where the value goes, as long
 * @len:   bytes
 * @level: of a socket's option, as is
 * @name:  of a socket's option, as is
 * @record_type: KEEL_OP_SEND_RECORD: content type, RFC 8446 section 5.1
 * @is_ordered: KEEL_OP_SETSOCKOPT: only once all that was sealed or handed out
 *         before has been sent; a driver that cannot yet answers -EAGAIN and is
 *         asked again
 */
struct keel_op {
	enum keel_op_type type;
	const void *data;
	void *buf;
	size_t len;
	int level;
	int name;
	uint8_t record_type;
	bool is_ordered;
};

/**
 * enum keel_event_type - what an application is told
 * @KEEL_EVENT_OPEN:    the handshake is done: ev.info; data may be sent
 * @KEEL_EVENT_DATA:    ev.data, ev.len: plaintext, in the input's own memory
 *                      or the connection's; may be written to
 * @KEEL_EVENT_SESSION: client: ev.data, ev.len: a session blob, secret
 * @KEEL_EVENT_EOF:     the peer's close_notify: no more data comes
 * @KEEL_EVENT_CUT:     the peer changed its keys and the kernel, which opens
 *                      its records, cannot: no more can be read, but what was
 *                      read is good and more can be sent. Finish, and close;
 *                      the connection then fails with -EKEYEXPIRED, which
 *                      keel_conn_err() says already
 * @KEEL_EVENT_CLOSED:  both directions ended in order
 * @KEEL_EVENT_FAILED:  see keel_conn_err()
 */
enum keel_event_type {
	KEEL_EVENT_OPEN = 1,
	KEEL_EVENT_DATA,
	KEEL_EVENT_SESSION,
	KEEL_EVENT_EOF,
	KEEL_EVENT_CUT,
	KEEL_EVENT_CLOSED,
	KEEL_EVENT_FAILED,
};

/**
 * struct keel_event - one event; what it points to is valid until the next
 * call on the connection other than those that send
 */
struct keel_event {
	enum keel_event_type type;
	void *data;
	size_t len;
	const struct keel_hs_info *info;
};

/**
 * keel_conn_size() - bytes a connection takes, for one's own storage
 *
 * Units:     bytes; alignment as of malloc(3)
 * Ownership: n/a
 * Threads:   any
 * Blocking:  never
 * State:     n/a
 * Return:    the size
 * Errors:    none
 * Since:     0.1
 */
KEEL_API size_t keel_conn_size(void);

/**
 * keel_conn_init() - a connection in the caller's storage
 * @conn: keel_conn_size() bytes
 * @ctx:  its context
 * @opts: NULL for none
 *
 * Units:     none
 * Ownership: takes its own reference on @ctx; @opts is copied
 * Threads:   one
 * Blocking:  never
 * State:     leaves NEW
 * Return:    0
 * Errors:    -EINVAL  NULL argument; a client that verifies without a host;
 *                     opts of a size this version does not know with
 *                     something in it
 *            -ENOMEM  no memory
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_conn_init(struct keel_conn *conn,
					    struct keel_ctx *ctx,
					    const struct keel_conn_opts *opts);

/**
 * keel_conn_fini() - free what a connection holds; keys are cleared
 * @conn: from keel_conn_init(); NULL is fine
 *
 * Sends nothing. No operation may be out that still uses op.data.
 *
 * Units:     none
 * Ownership: the storage is the caller's again
 * Threads:   one
 * Blocking:  never
 * State:     any
 * Return:    none
 * Errors:    none
 * Since:     0.1
 */
KEEL_API void keel_conn_fini(struct keel_conn *conn);

/**
 * keel_conn_new() - keel_conn_init() on the heap
 * @ctx:      its context
 * @opts:     NULL for none
 * @ret_conn: the connection
 *
 * Units:     none
 * Ownership: the caller frees it with keel_conn_free()
 * Threads:   one
 * Blocking:  never
 * State:     leaves NEW
 * Return:    0
 * Errors:    as keel_conn_init()
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_conn_new(struct keel_ctx *ctx,
					   const struct keel_conn_opts *opts,
					   struct keel_conn **ret_conn);

/**
 * keel_conn_free() - keel_conn_fini() and free
 * @conn: from keel_conn_new(); NULL is fine
 *
 * Units:     none
 * Ownership: takes @conn
 * Threads:   one
 * Blocking:  never
 * State:     any
 * Return:    NULL
 * Errors:    none
 * Since:     0.1
 */
KEEL_API struct keel_conn *keel_conn_free(struct keel_conn *conn);

/**
 * keel_conn_next_op() - the next operation to start
 * @conn:   the connection
 * @ret_op: the operation; it counts as out until it is answered
 *
 * A driver that does not want to read now leaves a KEEL_OP_RECV unanswered; a
 * multishot receive answers one KEEL_OP_RECV again and again, which is allowed.
 *
 * Units:     bytes
 * Ownership: op.data is borrowed until the answer
 * Threads:   one
 * Blocking:  never
 * State:     any
 * Return:    1 with an operation, 0 when there is none to start
 * Errors:    -EINVAL  NULL argument
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_conn_next_op(struct keel_conn *conn,
					       struct keel_op *ret_op);

/**
 * keel_conn_op_done() - an operation ended
 * @conn: the connection
 * @type: which
 * @res:  its result: a count or 0, or a negative errno
 *
 * An errno on a receive or a send fails the connection, except -EAGAIN and
 * -EINTR, after which the operation is handed out again. What the kernel says of
 * a record (KEEL_OP_RECV_RECORD: -EBADMSG, -EMSGSIZE, -EINVAL, -EKEYEXPIRED) is
 * judged in turn, behind the input that came before it; the first three may be
 * what a send is answered with as well.
 *
 * Units:     bytes
 * Ownership: op.data is the connection's again
 * Threads:   one
 * Blocking:  never
 * State:     any
 * Return:    0
 * Errors:    -EINVAL  NULL connection, no such operation, a receive with a
 *                     positive @res, a send with more than op.len
 *            -ESTALE  the operation was not out
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_conn_op_done(struct keel_conn *conn,
					       enum keel_op_type type,
					       ssize_t res);

/**
 * keel_conn_input() - a receive brought bytes
 * @conn: the connection
 * @buf:  the bytes; decrypted in place
 * @len:  their number, not 0
 *
 * Only takes note of them; keel_conn_next_event() does the work. When that
 * returned 0 the bytes are used up and @buf may be reused. To stop before,
 * call keel_conn_keep_input().
 *
 * Units:     bytes
 * Ownership: @buf is borrowed until keel_conn_next_event() returns 0 or
 *            keel_conn_keep_input()
 * Threads:   one
 * Blocking:  never
 * State:     any; after the end of the stream and after a failure the bytes
 *            are dropped
 * Return:    0
 * Errors:    -EINVAL  NULL argument, @len 0
 *            -EBUSY   earlier bytes are neither used up nor kept
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_conn_input(struct keel_conn *conn, void *buf,
					     size_t len);

/**
 * keel_conn_input_record() - a receive brought a record that the kernel opened
 * @conn: the connection
 * @type: its content type, from the control message
 * @buf:  plaintext; several records of data may stand in it, or a part of one
 * @len:  bytes, 0 for an empty record
 *
 * As keel_conn_input(), for KEEL_OP_RECV_RECORD.
 *
 * Units:     bytes
 * Ownership: as keel_conn_input()
 * Threads:   one
 * Blocking:  never
 * State:     the kernel opens what is received; else as keel_conn_input()
 * Return:    0
 * Errors:    -EINVAL  NULL argument
 *            -EBUSY   earlier bytes are neither used up nor kept
 *            -ESTALE  the kernel does not open this connection's records
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_conn_input_record(struct keel_conn *conn,
						    uint8_t type, void *buf,
						    size_t len);

/**
 * keel_conn_set_offload() - another policy for this connection
 * @conn:   the connection
 * @dirs:   KEEL_TX, KEEL_RX, or both
 * @policy: an enum keel_offload
 *
 * Counts from the next keel_conn_next_op(); a direction that the kernel has
 * stays there. KEEL_OFFLOAD_REQUIRE moves it without waiting for
 * keel_config_set_offload_after(), such as before a large file.
 *
 * Units:     none
 * Ownership: nothing moves
 * Threads:   one
 * Blocking:  never
 * State:     any
 * Return:    0
 * Errors:    -EINVAL  NULL connection, no direction or an unknown one, not an
 *                     enum keel_offload
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_conn_set_offload(struct keel_conn *conn,
						   unsigned int dirs,
						   enum keel_offload policy);

/**
 * keel_conn_keep_input() - copy bytes not used up yet
 * @conn: the connection
 *
 * For an application that stops reading in the middle: the driver gets its
 * buffer back, and keel_conn_next_event() goes on with the copy later. May be
 * followed by more keel_conn_input(); that is kept behind it, in order.
 *
 * Units:     none
 * Ownership: the buffer given to keel_conn_input() is the driver's again
 * Threads:   one
 * Blocking:  never
 * State:     any
 * Return:    bytes kept so far and not used up
 * Errors:    -EINVAL  NULL argument
 *            -ENOMEM  no memory; the connection has failed
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK ssize_t keel_conn_keep_input(struct keel_conn *conn);

/**
 * keel_conn_next_event() - process input up to the next event
 * @conn:      the connection
 * @ret_event: the event
 *
 * Units:     bytes
 * Ownership: what the event points to is borrowed, see struct keel_event
 * Threads:   one
 * Blocking:  for the backend's cryptography; no system call for I/O
 * State:     any; may leave any other
 * Return:    1 with an event, 0 when input is used up and nothing is to tell
 * Errors:    -EINVAL  NULL argument
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_conn_next_event(struct keel_conn *conn,
						  struct keel_event *ret_event);

/**
 * struct keel_tx_info - how application records look now
 * @nr_records:  records that may be sealed before asking again; 0 while an
 *               operation of the connection itself waits that must come before
 *               any record sealed later
 * @prefix_len:  bytes before the payload of a record
 * @suffix_len:  bytes after it
 * @max_payload: bytes of payload a record takes at most
 * @engine:      enum keel_engine. KEEL_ENGINE_KERNEL: keel_conn_seal() changes
 *               nothing, there is no prefix and no suffix, and plaintext goes
 *               into the socket
 */
struct keel_tx_info {
	uint64_t nr_records;
	size_t prefix_len;
	size_t suffix_len;
	size_t max_payload;
	enum keel_engine engine;
};

/**
 * keel_conn_tx_info() - may records be sealed, and what room do they need
 * @conn:     the connection
 * @ret_info: the answer
 *
 * At the AEAD limit this queues our KeyUpdate, and reports 0 records until it
 * is on its way.
 *
 * Units:     bytes, records
 * Ownership: nothing moves
 * Threads:   one
 * Blocking:  never
 * State:     OPEN; may leave FAILED
 * Return:    0
 * Errors:    -EINVAL       NULL argument
 *            -ESTALE       not OPEN
 *            -EKEYEXPIRED  the limit is reached and TLS 1.2, or the kernel
 *                          that has the key, cannot rekey; close_notify is
 *                          queued, the connection is CLOSING and has not
 *                          failed: keel_conn_err() stays as it was
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_conn_tx_info(struct keel_conn *conn,
					       struct keel_tx_info *ret_info);

/**
 * keel_conn_seal() - make one application record
 * @conn: the connection; keel_conn_tx_info() has allowed a record
 * @rec:  room for prefix_len + @len + suffix_len bytes
 * @data: the payload; NULL if it stands already at @rec + prefix_len
 * @len:  its length, 1 to max_payload
 *
 * Records must reach the socket whole and in the order they were sealed.
 *
 * Units:     bytes
 * Ownership: both stay the caller's
 * Threads:   one
 * Blocking:  never
 * State:     OPEN
 * Return:    length of the record
 * Errors:    -EINVAL  NULL argument, @len out of range
 *            -EAGAIN  the connection's own bytes must be sent first
 *            -ESTALE  not OPEN
 *            other    what the backend returned; the connection has failed
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK ssize_t keel_conn_seal(struct keel_conn *conn,
						uint8_t *rec, const void *data,
						size_t len);

/**
 * keel_conn_send() - seal into the connection's own output
 * @conn: the connection
 * @data: plaintext
 * @len:  its length
 *
 * For simple drivers. The records come out of keel_conn_next_op(). Output is
 * bounded: less than @len is taken while 64 KiB wait.
 *
 * Units:     bytes
 * Ownership: @data stays the caller's
 * Threads:   one
 * Blocking:  never
 * State:     OPEN
 * Return:    bytes taken, 0 when none can be taken now
 * Errors:    as keel_conn_tx_info(), and -ENOMEM
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK ssize_t keel_conn_send(struct keel_conn *conn,
						const void *data, size_t len);

/**
 * keel_conn_note_sent() - application data went into the socket by itself
 * @conn: the connection; keel_conn_tx_info() has allowed records
 * @len:  its length
 *
 * Where the kernel protects what is sent, data may go into the socket by any
 * system call, such as sendfile(2); this counts it for the key's limit and for
 * keel_conn_get_info(). Between keel_conn_tx_info() and this call no more may
 * be sent than its nr_records times max_payload.
 *
 * Units:     bytes
 * Ownership: nothing moves
 * Threads:   one
 * Blocking:  never
 * State:     OPEN
 * Return:    0
 * Errors:    -EINVAL  NULL connection
 *            -ESTALE  not OPEN, or the kernel does not protect what is sent
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_conn_note_sent(struct keel_conn *conn,
						 size_t len);

/**
 * keel_conn_key_update() - change our sending keys (RFC 8446 section 4.6.3)
 * @conn:         the connection
 * @request_peer: ask the peer to change its keys too
 *
 * keel does so itself at the AEAD limit.
 *
 * Units:     none
 * Ownership: nothing moves
 * Threads:   one
 * Blocking:  never
 * State:     OPEN
 * Return:    0
 * Errors:    -EINVAL      NULL connection
 *            -ESTALE      not OPEN
 *            -EOPNOTSUPP  TLS 1.2, or the kernel has the key and cannot rekey
 *            -ENOMEM      no memory
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_conn_key_update(struct keel_conn *conn,
						  bool request_peer);

/**
 * keel_conn_close() - end our direction with close_notify
 * @conn: the connection
 *
 * Data of the peer still comes (RFC 8446 section 6.1). Before the handshake is
 * done the connection just closes. Nothing happens if it is closing already.
 *
 * Units:     none
 * Ownership: nothing moves
 * Threads:   one
 * Blocking:  never
 * State:     any; leaves OPEN for CLOSING or CLOSED
 * Return:    0
 * Errors:    -EINVAL  NULL connection
 *            -ENOMEM  no memory; the connection has failed
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_conn_close(struct keel_conn *conn);

/**
 * keel_conn_fail() - the driver gives up on a connection
 * @conn:   the connection
 * @err:    negative errno, such as -ETIMEDOUT
 * @origin: enum keel_err_origin
 * @site:   a static string that says what ended it
 *
 * No alert is sent. Nothing happens if the connection has failed already.
 *
 * Units:     none
 * Ownership: @site must be static
 * Threads:   one
 * Blocking:  never
 * State:     any; leaves FAILED
 * Return:    none
 * Errors:    none
 * Since:     0.1
 */
KEEL_API void keel_conn_fail(struct keel_conn *conn, int err,
			     enum keel_err_origin origin, const char *site);

/**
 * keel_conn_trim() - free what an idle connection can make again
 * @conn: the connection
 *
 * Drops the AEADs' expanded keys; the next record makes them again at the cost
 * of about a microsecond. A TLS 1.3 server that has not sent any data yet also
 * gives up the tickets that would have gone out with the first of it, for they
 * keep the backend's object. No state changes.
 *
 * Units:     none
 * Ownership: nothing moves
 * Threads:   one
 * Blocking:  never
 * State:     any
 * Return:    none
 * Errors:    none
 * Since:     0.1
 */
KEEL_API void keel_conn_trim(struct keel_conn *conn);

/**
 * keel_conn_err() - the connection's error
 * @conn: the connection
 *
 * Units:     none
 * Ownership: borrowed; valid as long as @conn
 * Threads:   one
 * Blocking:  never
 * State:     any
 * Return:    the error; its err is 0 if nothing failed. NULL for NULL
 * Errors:    none
 * Since:     0.1
 */
KEEL_API const struct keel_err *keel_conn_err(const struct keel_conn *conn);

/**
 * keel_conn_get_state() - where a connection is in its life
 * @conn: the connection
 *
 * Units:     none
 * Ownership: nothing moves
 * Threads:   one
 * Blocking:  never
 * State:     any
 * Return:    the state; KEEL_CONN_FAILED for NULL
 * Errors:    none
 * Since:     0.1
 */
KEEL_API enum keel_conn_state keel_conn_get_state(const struct keel_conn *conn);

/**
 * keel_conn_state_name() - name of a state, for logs
 * @state: an enum keel_conn_state
 *
 * Units:     none
 * Ownership: a static string
 * Threads:   any
 * Blocking:  never
 * State:     n/a
 * Return:    the name; "?" for a value that is none
 * Errors:    none
 * Since:     0.1
 */
KEEL_API const char *keel_conn_state_name(unsigned int state);

/**
 * struct keel_dir_info - one direction
 * @engine:      enum keel_engine
 * @reason:      enum keel_reason, why @engine is not the kernel
 * @err:         what the kernel answered, if that is the reason; or 0
 * @seq:         sequence number of the next record under the current key; where
 *               the kernel counts, an estimate for sending and 0 for receiving
 * @key_updates: times the key was updated
 * @records:     application data records
 * @bytes:       application data
 */
struct keel_dir_info {
	uint8_t engine;
	uint8_t reason;
	int err;
	uint32_t key_updates;
	uint64_t seq;
	uint64_t records;
	uint64_t bytes;
};

/**
 * struct keel_conn_info - facts about a connection
 * @sz:      size of this struct as the caller knows it
 * @state:   enum keel_conn_state
 * @suite:   the suite's row, NULL before the handshake is done
 * @version: KEEL_TLS1_2, KEEL_TLS1_3, 0 before the handshake is done
 * @tx:      what we send
 * @rx:      what we receive
 */
struct keel_conn_info {
	size_t sz;
	enum keel_conn_state state;
	const struct keel_suite *suite;
	uint16_t version;
	struct keel_dir_info tx;
	struct keel_dir_info rx;
};

/**
 * keel_conn_get_info() - facts about a connection
 * @conn:     the connection
 * @ret_info: the facts; its sz must be set
 *
 * Units:     bytes, records
 * Ownership: nothing moves
 * Threads:   one
 * Blocking:  never
 * State:     any
 * Return:    0
 * Errors:    -EINVAL  NULL argument, a size this version does not know
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_conn_get_info(const struct keel_conn *conn,
						struct keel_conn_info *ret_info);

KEEL_END_DECLS

#endif
