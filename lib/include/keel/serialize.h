/* SPDX-License-Identifier: MIT */
/* A live connection as bytes, for another process to go on with it. */
#ifndef KEEL_SERIALIZE_H
#define KEEL_SERIALIZE_H

#include <keel/conn.h>

KEEL_BEGIN_DECLS

/*
 * A connection past its handshake is a socket and a note of a few hundred bytes.
 * Pass the socket over a Unix socket (SCM_RIGHTS, unix(7)) with the note behind
 * it, and the other process goes on in the middle of the stream; the peer does
 * not notice. It may be another version of the program, and another backend:
 * both processes need a context of the same role, not the same certificate.
 *
 * The note holds the keys of whatever user space protects. Whoever reads it
 * reads the connection: ask who is at the other end (SO_PEERCRED), and clear
 * what held it (keel_blob_fini()). Its checksum finds accidents, not forgery.
 *
 * A connection is in one place only: keel_conn_serialize() ends it here, so
 * that no number of a record is used twice under a key. For the same reason a
 * note is used once. Which socket it belongs to, and that nothing was sent on
 * that since, is for the driver to check; that of libkeel-uring does.
 */

/**
 * struct keel_blob - bytes on the heap that are secret
 * @data: the bytes
 * @len:  how many
 */
struct keel_blob {
	void *data;
	size_t len;
};

/**
 * keel_blob_fini() - clear and free
 * @blob: NULL and one that is empty are fine; empty afterwards
 *
 * Units:     none
 * Ownership: takes @blob->data
 * Threads:   any
 * Blocking:  never
 * Return:    none
 * Errors:    none
 * Since:     0.1
 */
KEEL_API void keel_blob_fini(struct keel_blob *blob);

/**
 * keel_conn_unsend() - give back what was sealed and will not be sent
 * @conn: the connection
 * @data: what keel_conn_seal() made, in order, from the first byte that was not
 *        sent; where the kernel protects what is sent, the plaintext
 * @len:  its length, 16 MiB at most
 *
 * The connection sends it by itself, before anything else: KEEL_OP_SEND. For a
 * driver that is about to serialize.
 *
 * Units:     bytes
 * Ownership: @data is copied
 * Threads:   one
 * Blocking:  never
 * State:     OPEN, CLOSING
 * Return:    0
 * Errors:    -EINVAL  NULL argument, too long
 *            -EBUSY   an operation that sends is out
 *            -ESTALE  another state
 *            -ENOMEM  no memory; nothing has happened
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_conn_unsend(struct keel_conn *conn,
					      const void *data, size_t len);

/**
 * keel_conn_serialize() - a connection as bytes
 * @conn:      the connection; on success as after keel_conn_fini()
 * @extra:     bytes of the driver's that go along, for keel_blob_extra()
 * @extra_len: how many, 16 MiB at most
 * @ret_blob:  the bytes
 *
 * No operation may be out: a driver answers a receive that it has taken back
 * with -EAGAIN. Input that was given and not used up is kept first, with
 * keel_conn_keep_input(); it goes with the connection, as does what waits to be
 * sent. A server's tickets that were to go with its first data are made now. A
 * client's tickets that have not been told, or come later, never are.
 *
 * Units:     none
 * Ownership: the caller gives @ret_blob back with keel_blob_fini(); the
 *            socket stays the caller's. Where this fails all stays as it was
 * Threads:   one
 * Blocking:  never
 * State:     OPEN
 * Return:    0
 * Errors:    -EINVAL  NULL argument
 *            -EAGAIN  the handshake is not done
 *            -EBUSY   an operation is out, input has not been kept, or
 *                     KEEL_EVENT_OPEN waits to be taken
 *            -ESTALE  the connection is ending
 *            -EMSGSIZE  16 MiB of input or more have been kept
 *            -ENOMEM  no memory
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_conn_serialize(struct keel_conn *conn,
						 const void *extra,
						 size_t extra_len,
						 struct keel_blob *ret_blob);

/**
 * keel_blob_extra() - the driver's own bytes in a connection
 * @blob:    from keel_conn_serialize()
 * @ret_len: how many
 *
 * Units:     bytes
 * Ownership: borrowed from @blob
 * Threads:   any
 * Blocking:  never
 * Return:    the bytes, not aligned; NULL if @blob is damaged or of another
 *            format, which keel_conn_deserialize() tells
 * Errors:    none
 * Since:     0.1
 */
KEEL_API const void *keel_blob_extra(const struct keel_blob *blob,
				     size_t *ret_len);

/**
 * keel_conn_deserialize() - go on with a connection
 * @conn: storage of keel_conn_size() bytes
 * @ctx:  of the same role; its policy, limits and log are the connection's from
 *        now on
 * @opts: as for keel_conn_init(), or NULL; id 0 keeps the old one, host and
 *        session are not looked at
 * @blob: from keel_conn_serialize()
 *
 * The connection is OPEN, without KEEL_EVENT_OPEN. Input that had not been told
 * comes first. A direction in user space moves into the kernel as the context
 * says; one that is there stays, and needs has_socket. Where the policy is
 * require and cannot be met the connection fails, with KEEL_EVENT_FAILED.
 *
 * Units:     none
 * Ownership: @blob stays the caller's; the connection is ended with
 *            keel_conn_fini(). Where this fails @conn holds nothing
 * Threads:   one
 * Blocking:  for the first probe of the kernel in the process
 * State:     n/a
 * Return:    0
 * Errors:    -EINVAL           NULL argument, another role, a size this version
 *                              does not know, or a connection in the kernel
 *                              without has_socket
 *            -EBADMSG          the bytes are damaged, cut off, or no connection
 *            -EPROTONOSUPPORT  of a version of keel with another format
 *            -ENOTSUP          the context's backend has not the cipher
 *            -ENOMEM           no memory
 *            other             what the backend returned
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_conn_deserialize(struct keel_conn *conn, struct keel_ctx *ctx,
		      const struct keel_conn_opts *opts,
		      const struct keel_blob *blob);

KEEL_END_DECLS

#endif
