/* SPDX-License-Identifier: MIT */
/* Receive buffers that the kernel picks from, shared by all streams. */
#ifndef KEEL_URING_RXBUF_PRIVATE_H
#define KEEL_URING_RXBUF_PRIVATE_H

#include <liburing.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The only buffer group of a loop. */
#define KEEL__RX_GROUP 1

/*
 * The kernel gets few buffers at first and more when they turn out not to be
 * enough: what is used in turn stays in the cache, and costs no memory.
 */
struct keel__rxbufs {
	struct io_uring_buf_ring *ring;
	uint8_t *mem;
	uint32_t nr;	   /* entries of the ring */
	uint32_t nr_given; /* buffers in circulation */
	uint32_t buf_len;
	bool touched; /* since keel__rxbufs_release() */
};

int keel__rxbufs_init(struct keel__rxbufs *bufs, struct io_uring *ring,
		      uint32_t nr, uint32_t buf_len);

/* The ring is gone already, so nobody writes to the memory any more. */
void keel__rxbufs_fini(struct keel__rxbufs *bufs);

/* The memory of the buffer that a completion names. */
static inline uint8_t *keel__rxbufs_at(const struct keel__rxbufs *bufs,
				       uint32_t bid)
{
	return bufs->mem + (size_t)bid * bufs->buf_len;
}

/* The kernel may fill it again. */
void keel__rxbufs_put(struct keel__rxbufs *bufs, uint32_t bid);

/* A receive found no buffer: have more, up to the size of the ring. */
void keel__rxbufs_grow(struct keel__rxbufs *bufs);

/*
 * Give the pages back to the system. All buffers must be with the kernel and
 * nothing may be written to them meanwhile.
 */
void keel__rxbufs_release(struct keel__rxbufs *bufs);

#endif
