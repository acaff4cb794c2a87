/* SPDX-License-Identifier: MIT */
/* Send buffers: where records are gathered, sealed and sent from. */
#ifndef KEEL_URING_TXBUF_PRIVATE_H
#define KEEL_URING_TXBUF_PRIVATE_H

#include <stddef.h>
#include <stdint.h>

/*
 * What a full record takes: 2^14 bytes of payload and room for the header, an
 * explicit nonce, the inner content type and the tag of any suite.
 */
#define KEEL__TX_PAYLOAD 16384U
#define KEEL__TX_GAPS 64U
#define KEEL__TX_RECORD (KEEL__TX_PAYLOAD + KEEL__TX_GAPS)

/*
 * Room beside the records: for bytes of the connection itself (RFC 8446 section
 * 4.6), and for the list of places that a read of a file is to fill.
 */
#define KEEL__TX_SLACK 2048U

/* A page for small messages; then 1, 2, 4 ... 64 records. */
#define KEEL__NR_TX_CLASSES 8

/*
 * Bytes [head, tail) are ready for the wire. Behind them stands what is not
 * sealed yet: a gap for a header, then open_len bytes of plaintext. These are
 * more than one record only when a file was read; then each stands where it
 * will be sealed, with gaps between them.
 */
struct keel__txbuf {
	struct keel__txbuf *next; /* in the pool */
	uint32_t cap;
	uint32_t head;
	uint32_t tail;
	uint32_t open_len;
	uint32_t
		max_len; /* of plaintext that the socket has room for; 0: ask */
	uint32_t iov_at; /* of a read: its list of places */
	uint32_t nr_iov;
	uint8_t size_class;
	_Alignas(16) uint8_t data[];
};

struct keel__tx_class {
	struct keel__txbuf *free; /* last in, first out: warm in the cache */
	unsigned int nr_free;
	unsigned int min_free; /* since the last keel__txpool_trim() */
};

struct keel__txpool {
	struct keel__tx_class classes[KEEL__NR_TX_CLASSES];
	size_t used;  /* bytes handed out */
	size_t limit; /* of these; SIZE_MAX but in tests */
};

void keel__txpool_init(struct keel__txpool *pool);
void keel__txpool_fini(struct keel__txpool *pool);

/* Free what nobody needed since the last call. Returns bytes still pooled. */
size_t keel__txpool_trim(struct keel__txpool *pool);

/* Bytes a buffer for @nr_records full records needs. */
static inline size_t keel__txbuf_need(size_t nr_records)
{
	return nr_records * KEEL__TX_RECORD + KEEL__TX_SLACK;
}

/* A buffer with at least @len bytes; NULL when there is no memory. */
struct keel__txbuf *keel__txpool_get(struct keel__txpool *pool, size_t len);

/* Give it back; plaintext left in it, from its tail to @open_end, is cleared. */
void keel__txpool_put(struct keel__txpool *pool, struct keel__txbuf *buf,
		      uint32_t open_end);

#endif
