/* SPDX-License-Identifier: MIT */
/* OpenSSL as a peer that changes its keys again and again. */
#ifndef TESTS_INTEROP_PEER_H
#define TESTS_INTEROP_PEER_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

/**
 * struct peer - one connection, with blocking calls
 * @name:       for messages
 * @suite:      OpenSSL's name of one of TLS 1.3
 * @every:      records between two KeyUpdates; 0: none
 * @asks:       each asks for keel's to change too
 * @nr_records: written
 * @nr_updates: of ours
 * @nr_answers: KeyUpdates that came
 */
struct peer {
	const char *name;
	const char *suite;
	unsigned int every;
	bool asks;
	unsigned int nr_records;
	unsigned int nr_updates;
	unsigned int nr_answers;
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
};

/* A handshake on a connected socket, which the peer then owns. */
bool peer_connect(struct peer *peer, int fd);
bool peer_accept(struct peer *peer, int fd);

/* One record, behind a KeyUpdate if that is due. */
bool peer_write(struct peer *peer, const void *data, size_t len);

/* The next one changes the keys, whatever is due. */
bool peer_update(struct peer *peer);

/* At most @len bytes; 0 after close_notify, -1 after any other end. */
int peer_read(struct peer *peer, void *buf, size_t len);

/* close_notify; what still comes is to be the other one. Frees all. */
bool peer_close(struct peer *peer);

/* Frees all. */
void peer_drop(struct peer *peer);

#endif
