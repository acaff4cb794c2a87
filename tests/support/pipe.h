/* SPDX-License-Identifier: MIT */
/* Two connections joined by memory, and what each was told. */
#ifndef TESTS_SUPPORT_PIPE_H
#define TESTS_SUPPORT_PIPE_H

#include <keel/conn.h>

/* Bytes that grow; ends the program when memory runs out. */
struct bytes {
	uint8_t *data;
	size_t len;
	size_t cap;
};

void bytes_add(struct bytes *bytes, const void *data, size_t len);
void bytes_drop(struct bytes *bytes, size_t len);
void bytes_fini(struct bytes *bytes);

struct fake_ktls;

/**
 * struct pipe_end - one of the two
 * @conn:      the connection; NULL after the pipe's end
 * @peer:      the other end
 * @wire:      bytes sent, not yet given to the peer
 * @got:       plaintext received
 * @session:   the last session blob
 * @events:    one letter an event, DATA in a row counted once: O D S E X C F
 * @ops:       one letter an operation in order: R W (send) S (shutdown) C, and
 *             on a socket o and g (options), Q (no receive), r w (of records)
 * @alpn:      as the OPEN event had it
 * @sni:       as the OPEN event had it
 * @version:   as the OPEN event had it
 * @resumed:   as the OPEN event had it
 * @max_read:  bytes given to the connection at once; 0 for all
 * @max_write: bytes a send takes at most; 0 for all
 * @nr_reads:  inputs given
 * @is_shut:   SHUTDOWN or CLOSE was asked for
 * @is_closed: CLOSE was asked for
 * @is_told:   the peer's end of stream was delivered
 * @wants_recv: a RECV is out
 * @is_deaf:   nothing is given to this end
 * @sock:      what it works on, if that can do TLS; or NULL: bytes only
 * @recv_len:  bytes that the RECV takes at most; 0 for any
 * @wants_record: a RECV_RECORD is out
 * @is_multishot: it goes on by itself, before the connection is asked
 * @late_name: an option of the socket that is not set or read before
 *             pipe_end_release(); 0 for none
 * @held:      that operation; type 0 for none
 * @nr_again:  ordered options that are put off first
 */
struct pipe_end {
	struct keel_conn *conn;
	struct pipe_end *peer;
	struct bytes wire;
	struct bytes got;
	struct bytes session;
	char events[64];
	char ops[256];
	char alpn[256];
	char sni[256];
	uint16_t version;
	bool resumed;
	size_t max_read;
	size_t max_write;
	size_t nr_reads;
	bool is_shut;
	bool is_closed;
	bool is_told;
	bool wants_recv;
	bool is_deaf;
	struct fake_ktls *sock;
	size_t recv_len;
	bool wants_record;
	bool is_multishot;
	int late_name;
	struct keel_op held;
	unsigned int nr_again;
};

struct conn_pipe {
	struct pipe_end client;
	struct pipe_end server;
};

/**
 * struct pipe_row - what a pipe runs on, for tables
 * @name:    for messages
 * @backend: name of a backend
 * @version: the only one allowed
 */
struct pipe_row {
	const char *name;
	const char *backend;
	uint16_t version;
};

/* Null and OpenSSL, TLS 1.2 and 1.3; ends with a row without name. */
extern const struct pipe_row pipe_rows[];

/* The registry pipe_ctx() uses: the built-in backends, and see pipe_ctx(). */
struct keel_registry *pipe_registry(void);

/*
 * A context that verifies nothing and has a self-signed certificate where one
 * is needed. @tune may change the configuration; NULL for none. The null
 * backend says here that it can do tickets: for it they are bytes. Ends the
 * program with a message if the context cannot be made.
 */
struct keel_ctx *pipe_ctx(enum keel_role role, const struct pipe_row *row,
			  void (*tune)(struct keel_config *config));

/* Make both connections; takes its own references on the contexts. */
void pipe_init(struct conn_pipe *pipe, struct keel_ctx *client,
	       struct keel_ctx *server);
void pipe_fini(struct conn_pipe *pipe);

/* The same on sockets that can do TLS; NULL for an end without one. */
void pipe_init_socks(struct conn_pipe *pipe, struct keel_ctx *client,
		     struct keel_ctx *server, struct fake_ktls *client_sock,
		     struct fake_ktls *server_sock);

/* All in one: contexts of @row, connections, and the handshake done. */
void pipe_open(struct conn_pipe *pipe, const struct pipe_row *row,
	       void (*tune)(struct keel_config *config));

/* Do what @late_name has put off, and put no more off. */
void pipe_end_release(struct pipe_end *end);

/* Start what an end wants started. True if anything was. */
bool pipe_end_ops(struct pipe_end *end);

/* Take an end's events until there is none. True if there was one. */
bool pipe_end_events(struct pipe_end *end);

/* Give an end what its peer sent, one read of it. True if there was any. */
bool pipe_end_read(struct pipe_end *end);

/* Give an end bytes as if the peer had sent them, and take its events. */
void pipe_end_feed(struct pipe_end *end, const void *data, size_t len);

/* Everything, until nothing moves. */
void pipe_run(struct conn_pipe *pipe);

/*
 * A record of any content, sealed by @from's own keys and numbers, onto its
 * wire; and a record of its wire opened by the peer's: the next one, whose
 * content type is returned and whose plaintext is in @ret_text. 0 if there is
 * no whole record. A record in the clear is returned as it is.
 */
void pipe_end_forge(struct pipe_end *from, uint8_t type, const void *data,
		    size_t len);
uint8_t pipe_end_unseal(struct pipe_end *from, struct bytes *ret_text);

/* Change an end's keys, as a forged or unsealed KeyUpdate demands. */
void pipe_end_next_keys(struct pipe_end *end, enum keel_dir dir);

#endif
