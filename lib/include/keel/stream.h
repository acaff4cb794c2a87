/* SPDX-License-Identifier: MIT */
/* Listeners and TLS streams on a loop. Link libkeel-uring. */
#ifndef KEEL_STREAM_H
#define KEEL_STREAM_H

#include <sys/socket.h>
#include <sys/types.h>

#include <keel/loop.h>
#include <keel/serialize.h>

KEEL_BEGIN_DECLS

/*
 * Every call and callback happens on the loop's thread. A callback may send,
 * close or abort its own stream and any other. A stream is valid from on_accept
 * (or keel_stream_connect()) until its on_close returns, never after.
 */
struct keel_listener;
struct keel_stream;
struct keel_handoff;

/**
 * struct keel_stream_ops - the application's side of a stream
 * @on_accept: optional. A connection was accepted; no handshake yet. A
 *             negative result closes it
 * @on_open:   optional. The handshake is done; @info is borrowed for the call
 * @on_data:   mandatory. Plaintext came, borrowed for the call; it may be
 *             written to. After keel_stream_pause() in the call no more comes
 *             until keel_stream_resume()
 * @on_sent:   optional. Everything given to the stream so far, files too, has
 *             been taken by the kernel; called from the loop, never from
 *             inside a call that sends
 * @on_session: optional. Client: a session blob to resume with; secret
 * @on_eof:    optional. The peer will send no more (close_notify). Default:
 *             keel_stream_close()
 * @on_drain:  optional. The loop is stopping: finish and close. Default:
 *             keel_stream_close()
 * @on_detach: for keel_stream_detach(). The stream leaves: @handoff, borrowed for
 *             the call, is all there is of it, and this the last callback. Its
 *             descriptor is the application's. NULL: it could not, for its end
 *             has begun or memory has run out, and goes on here
 * @on_close:  optional. The stream is gone; @err is its error, with err 0
 *             after an orderly end. The last callback of a stream that had
 *             on_accept
 */
struct keel_stream_ops {
	int (*on_accept)(struct keel_stream *stream);
	void (*on_open)(struct keel_stream *stream,
			const struct keel_hs_info *info);
	void (*on_data)(struct keel_stream *stream, void *data, size_t len);
	void (*on_sent)(struct keel_stream *stream);
	void (*on_session)(struct keel_stream *stream, const void *data,
			   size_t len);
	void (*on_eof)(struct keel_stream *stream);
	void (*on_drain)(struct keel_stream *stream);
	void (*on_close)(struct keel_stream *stream,
			 const struct keel_err *err);
	void (*on_detach)(struct keel_stream *stream,
			  const struct keel_handoff *handoff);
};

/**
 * struct keel_stream_timeouts - how long a stream may take; 0 for the default
 * @handshake_ms: from accept or connect to on_open; default 10,000
 * @idle_ms:      without a byte of data in either direction; default 60,000
 * @close_ms:     from keel_stream_close(), all data sent, to the peer's end;
 *                default 5,000
 *
 * A time that runs out ends the stream with -ETIMEDOUT.
 *
 * What counts against @idle_ms is data: records that have come whole, and bytes
 * the peer has taken. A piece of a record counts for nothing, so a record, 16
 * KiB at most, must come within that time. While a send waits for the peer only
 * its progress counts, not what the peer says meanwhile. What comes during a
 * keel_stream_pause() counts when it is told.
 */
struct keel_stream_timeouts {
	unsigned int handshake_ms;
	unsigned int idle_ms;
	unsigned int close_ms;
};

/**
 * struct keel_listener_opts - what a listener needs
 * @sz:         size of this struct as the caller knows it; the rest zero
 * @addr:       address to bind; port 0 for any. NULL with @has_fd
 * @addr_len:   bytes
 * @ctx:        a server's context
 * @ops:        the application; must outlive the listener and its streams
 * @arg:        for keel_stream_arg()
 * @data_len:   bytes of the application's own in each stream, zeroed, for
 *              keel_stream_data()
 * @timeouts:   of its streams
 * @max_streams: of this listener; it stops accepting there, and goes on when
 *              one ends; 0 for the loop's limit
 * @backlog:    0 for the kernel's own limit, net.core.somaxconn
 * @reuse_port: several loops bind the same port (SO_REUSEPORT)
 * @has_fd:     @fd is a socket that listens already, of an earlier process or a
 *              service manager's; the listener owns it from then on
 * @fd:         that socket
 */
struct keel_listener_opts {
	size_t sz;
	const struct sockaddr *addr;
	socklen_t addr_len;
	struct keel_ctx *ctx;
	const struct keel_stream_ops *ops;
	void *arg;
	size_t data_len;
	struct keel_stream_timeouts timeouts;
	unsigned int max_streams;
	unsigned int backlog;
	bool reuse_port;
	bool has_fd;
	int fd;
};

/**
 * keel_listener_new() - bind, listen and accept
 * @loop:         the loop
 * @opts:         what is needed; copied
 * @ret_listener: the listener
 *
 * Units:     none
 * Ownership: the loop owns it; takes its own reference on the context
 * Threads:   the loop's
 * Blocking:  never
 * Return:    0
 * Errors:    -EINVAL      NULL argument, no on_data, not a server's context, a
 *                         descriptor that does not listen for TCP
 *            -EADDRINUSE  the port is taken
 *            -EACCES      the port needs privileges
 *            -ENOMEM      no memory
 *            -ESHUTDOWN   the loop is stopping
 *            other        what socket(2), bind(2) or listen(2) said
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_listener_new(struct keel_loop *loop, const struct keel_listener_opts *opts,
		  struct keel_listener **ret_listener);

/**
 * keel_listener_get_addr() - the address it is bound to, with the real port
 * @listener: the listener
 * @ret_addr: the address
 *
 * Units:     none
 * Ownership: nothing moves
 * Threads:   the loop's
 * Blocking:  never
 * Return:    0
 * Errors:    -EINVAL  NULL argument
 *            other    what getsockname(2) said
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_listener_get_addr(const struct keel_listener *listener,
		       struct sockaddr_storage *ret_addr);

/**
 * keel_listener_set_ctx() - a new context for connections accepted from now on
 * @listener: the listener
 * @ctx:      a server's context
 *
 * Units:     none
 * Ownership: takes its own reference on @ctx, gives the old one back
 * Threads:   the loop's
 * Blocking:  never
 * Return:    0
 * Errors:    -EINVAL  NULL argument, not a server's context
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_listener_set_ctx(struct keel_listener *listener, struct keel_ctx *ctx);

/**
 * keel_listener_close() - stop accepting; streams go on
 * @listener: NULL is fine; not valid afterwards
 *
 * A connection that the kernel has accepted by then still becomes a stream.
 *
 * Units:     none
 * Ownership: takes @listener
 * Threads:   the loop's
 * Blocking:  never
 * Return:    none
 * Errors:    none
 * Since:     0.1
 */
KEEL_API void keel_listener_close(struct keel_listener *listener);

/**
 * struct keel_connect_opts - what an outgoing stream needs
 * @sz:       size of this struct as the caller knows it; the rest zero
 * @addr:     where to connect
 * @addr_len: bytes
 * @ctx:      a client's context
 * @conn:     host name, session: as for keel_conn_init()
 * @ops:      the application; on_accept is not called
 * @arg:      for keel_stream_arg()
 * @data_len: bytes for keel_stream_data()
 * @timeouts: of the stream
 */
struct keel_connect_opts {
	size_t sz;
	const struct sockaddr *addr;
	socklen_t addr_len;
	struct keel_ctx *ctx;
	struct keel_conn_opts conn;
	const struct keel_stream_ops *ops;
	void *arg;
	size_t data_len;
	struct keel_stream_timeouts timeouts;
};

/**
 * keel_stream_connect() - connect and start a client's handshake
 * @loop:       the loop
 * @opts:       what is needed; copied
 * @ret_stream: the stream; on_open or on_close follows, from the loop
 *
 * Units:     none
 * Ownership: the loop owns it
 * Threads:   the loop's
 * Blocking:  never
 * Return:    0
 * Errors:    -EINVAL     NULL argument, no on_data, not a client's context
 *            -EUSERS     the loop's limit of streams is reached
 *            -ESHUTDOWN  the loop is stopping
 *            -ENOMEM     no memory
 *            other       what socket(2) said
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_stream_connect(struct keel_loop *loop,
		    const struct keel_connect_opts *opts,
		    struct keel_stream **ret_stream);

/**
 * keel_stream_send() - send plaintext
 * @stream: the stream, open
 * @data:   the plaintext
 * @len:    its length
 *
 * What is taken is copied or sealed at once; what several calls of one callback
 * give goes out together. Less than @len is taken when the stream has
 * max_send_len under way or a file before it; on_sent tells when to go on.
 *
 * Units:     bytes
 * Ownership: @data stays the caller's
 * Threads:   the loop's
 * Blocking:  never
 * Return:    bytes taken, 0 when none can be taken now
 * Errors:    -EINVAL  NULL argument
 *            -ESTALE  not open, or closing
 *            other    the connection's error; it has failed
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK ssize_t keel_stream_send(struct keel_stream *stream,
						  const void *data, size_t len);

/**
 * keel_stream_send_file() - send a part of a file
 * @stream: the stream, open
 * @fd:     a regular file
 * @offset: where to begin
 * @len:    how much
 *
 * One file at a time; data sent after it in the same callback is refused until
 * on_sent. A file that turns out shorter than @offset + @len fails the stream
 * with -EIO: what was promised cannot be sent. Without a turn of the loop when
 * the bytes are in the page cache.
 *
 * Units:     bytes
 * Ownership: @fd is borrowed until on_sent or on_close
 * Threads:   the loop's
 * Blocking:  never
 * Return:    0
 * Errors:    -EINVAL  NULL stream, negative @fd or @offset
 *            -EBUSY   a file is being sent
 *            -ESTALE  not open, or closing
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_stream_send_file(struct keel_stream *stream,
						   int fd, off_t offset,
						   uint64_t len);

/**
 * keel_stream_pause() - no on_data until keel_stream_resume()
 * @stream: the stream
 *
 * What has come already is kept, 64 KiB and one turn's receives at most; beyond
 * it the peer waits.
 *
 * Units:     none
 * Ownership: nothing moves
 * Threads:   the loop's
 * Blocking:  never
 * Return:    none
 * Errors:    none
 * Since:     0.1
 */
KEEL_API void keel_stream_pause(struct keel_stream *stream);

/**
 * keel_stream_resume() - on_data again, from the loop
 * @stream: the stream
 *
 * Units:     none
 * Ownership: nothing moves
 * Threads:   the loop's
 * Blocking:  never
 * Return:    none
 * Errors:    none
 * Since:     0.1
 */
KEEL_API void keel_stream_resume(struct keel_stream *stream);

/**
 * keel_stream_close() - send what was given, close_notify, then close
 * @stream: the stream
 *
 * Data that still comes is dropped. on_close follows, from the loop.
 *
 * Units:     none
 * Ownership: nothing moves
 * Threads:   the loop's
 * Blocking:  never
 * Return:    none
 * Errors:    none
 * Since:     0.1
 */
KEEL_API void keel_stream_close(struct keel_stream *stream);

/**
 * keel_stream_abort() - close at once, without close_notify
 * @stream: the stream
 * @err:    negative errno for on_close
 * @site:   a static string for on_close
 *
 * Units:     none
 * Ownership: @site must be static
 * Threads:   the loop's
 * Blocking:  never
 * Return:    none
 * Errors:    none
 * Since:     0.1
 */
KEEL_API void keel_stream_abort(struct keel_stream *stream, int err,
				const char *site);

/**
 * keel_stream_set_deadline() - a moment by which the application wants to be
 * done with what it is doing
 * @stream: the stream
 * @ms:     from now; 0 for none. When it passes the stream ends with
 *          -ETIMEDOUT
 *
 * On top of the stream's own timeouts: a peer that sends one byte now and then
 * is never idle.
 *
 * Units:     milliseconds
 * Ownership: nothing moves
 * Threads:   the loop's
 * Blocking:  never
 * Return:    none
 * Errors:    none
 * Since:     0.1
 */
KEEL_API void keel_stream_set_deadline(struct keel_stream *stream,
				       unsigned int ms);

/**
 * keel_stream_data() - the application's own bytes in the stream
 * @stream: the stream
 *
 * Units:     data_len bytes, aligned as of malloc(3)
 * Ownership: borrowed; valid as long as @stream
 * Threads:   the loop's
 * Blocking:  never
 * Return:    the bytes, NULL if data_len was 0
 * Errors:    none
 * Since:     0.1
 */
KEEL_API void *keel_stream_data(struct keel_stream *stream);

/**
 * keel_stream_arg() - the arg of the listener or of keel_stream_connect()
 * @stream: the stream
 *
 * Units:     none
 * Ownership: as the application has it
 * Threads:   the loop's
 * Blocking:  never
 * Return:    the arg
 * Errors:    none
 * Since:     0.1
 */
KEEL_API void *keel_stream_arg(const struct keel_stream *stream);

/**
 * keel_stream_loop() - the stream's loop
 * @stream: the stream
 *
 * Units:     none
 * Ownership: borrowed
 * Threads:   the loop's
 * Blocking:  never
 * Return:    the loop
 * Errors:    none
 * Since:     0.1
 */
KEEL_API struct keel_loop *keel_stream_loop(const struct keel_stream *stream);

/**
 * keel_stream_conn() - the stream's connection, to ask it
 * @stream: the stream
 *
 * Only for calls that ask: keel_conn_get_info(), keel_conn_get_state(),
 * keel_conn_err(), and for keel_conn_key_update().
 *
 * Units:     none
 * Ownership: borrowed; valid as long as @stream
 * Threads:   the loop's
 * Blocking:  never
 * Return:    the connection
 * Errors:    none
 * Since:     0.1
 */
KEEL_API struct keel_conn *keel_stream_conn(struct keel_stream *stream);

/**
 * keel_stream_get_peer() - the peer's address
 * @stream:   the stream
 * @ret_addr: the address
 *
 * Units:     none
 * Ownership: nothing moves
 * Threads:   the loop's
 * Blocking:  never
 * Return:    0
 * Errors:    -EINVAL  NULL argument
 *            other    what getpeername(2) said
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_stream_get_peer(const struct keel_stream *stream,
		     struct sockaddr_storage *ret_addr);

/**
 * keel_loop_each_stream() - call a function for every stream of a loop
 * @loop: the loop
 * @fn:   gets each stream, in no order; it may close, abort or detach that or
 *        another one, and may not make one
 * @arg:  for @fn
 *
 * Units:     none
 * Ownership: the stream is borrowed for the call
 * Threads:   the loop's
 * Blocking:  as @fn
 * Return:    0
 * Errors:    -EINVAL  NULL loop or function
 * Since:     0.1
 */
KEEL_API int
keel_loop_each_stream(struct keel_loop *loop,
		      void (*fn)(struct keel_stream *stream, void *arg),
		      void *arg);

/**
 * struct keel_handoff - an open stream between two loops
 * @sz:          size of this struct as the caller knows it
 * @fd:          its socket
 * @conn:        its connection, input not told yet and output not sent: secret
 * @file_fd:     the file that is being sent, the application's; or -1
 * @file_offset: where that goes on
 * @file_len:    what is left of it; 0 for none
 *
 * What the application has of its own about the stream is for it to pass on.
 */
struct keel_handoff {
	size_t sz;
	int fd;
	struct keel_blob conn;
	int file_fd;
	off_t file_offset;
	uint64_t file_len;
};

/**
 * keel_stream_detach() - have an open stream leave its loop
 * @stream: the stream; its ops have on_detach
 *
 * Where to is the application's business: another loop, or a process that gets
 * the descriptor and the bytes over a Unix socket (SCM_RIGHTS, unix(7)). Nothing
 * is said to the peer, and nothing is lost: what was given to the stream and not
 * sent, and what came and was not told, goes along. From this call on there is
 * no on_data and no on_sent.
 *
 * on_detach follows, from the loop; or on_close, if it ends before. It waits for
 * a part of a file that is being read, and where the kernel is to get new keys
 * to send with, until what was sealed before is sent.
 *
 * Units:     none
 * Ownership: nothing moves yet
 * Threads:   the loop's
 * Blocking:  never
 * Return:    0
 * Errors:    -EINVAL  NULL argument, no on_detach
 *            -EAGAIN  the handshake is not done
 *            -ESTALE  closing, or at its end
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_stream_detach(struct keel_stream *stream);

/**
 * struct keel_adopt_opts - what a stream that left another loop needs
 * @sz:       size of this struct as the caller knows it; the rest zero
 * @handoff:  what on_detach had; in another process the descriptors are those
 *            that came there
 * @ctx:      a context of the same role, see keel_conn_deserialize()
 * @ops:      the application; neither on_accept nor on_open is called
 * @arg:      for keel_stream_arg()
 * @data_len: bytes for keel_stream_data()
 * @timeouts: of the stream; the idle time begins anew
 */
struct keel_adopt_opts {
	size_t sz;
	const struct keel_handoff *handoff;
	struct keel_ctx *ctx;
	const struct keel_stream_ops *ops;
	void *arg;
	size_t data_len;
	struct keel_stream_timeouts timeouts;
};

/**
 * keel_stream_adopt() - go on with a stream that left another loop
 * @loop:       the loop
 * @opts:       what is needed; copied
 * @ret_stream: the stream, open. on_data follows with what had not been told,
 *              and on_sent once everything it brought along has been sent
 *
 * A handoff is good once, which is for the caller to see to: of two loops that
 * have one stream the peer hears nonsense, and the keys are spoilt. Where the
 * socket is another, or where user space protects what is sent and something has
 * been sent since, it is refused. The loop's limit of streams does not count.
 *
 * Units:     none
 * Ownership: the loop owns the stream and the socket; opts->handoff stays the
 *            caller's, as does its socket where this fails: another try, here
 *            or where it came from, goes on as well
 * Threads:   the loop's
 * Blocking:  as keel_conn_deserialize()
 * Return:    0
 * Errors:    -EINVAL     NULL argument, no on_data, another role
 *            -ENOTSOCK   the descriptor is no socket
 *            -ESTALE     not this connection's socket, or not any more
 *            -ESHUTDOWN  the loop is stopping
 *            -ENOMEM     no memory
 *            other       what keel_conn_deserialize() returned
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_stream_adopt(struct keel_loop *loop, const struct keel_adopt_opts *opts,
		  struct keel_stream **ret_stream);

KEEL_END_DECLS

#endif
