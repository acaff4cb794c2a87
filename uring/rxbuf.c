/* SPDX-License-Identifier: MIT */
/* Receive buffers that the kernel picks from, shared by all streams. */
#include "uring/rxbuf-private.h"

#include <errno.h>
#include <sys/mman.h>

/* Buffers in circulation at the start; doubled whenever they run out. */
#define FIRST_BUFS 64

static void *map(size_t len)
{
	void *mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

static size_t ring_len(const struct keel__rxbufs *bufs)
{
	return bufs->nr * sizeof(struct io_uring_buf);
}

static size_t mem_len(const struct keel__rxbufs *bufs)
{
	return (size_t)bufs->nr * bufs->buf_len;
}

static void give(struct keel__rxbufs *bufs, uint32_t up_to)
{
	for (; bufs->nr_given < up_to; bufs->nr_given++)
		keel__rxbufs_put(bufs, bufs->nr_given);
}

int keel__rxbufs_init(struct keel__rxbufs *bufs, struct io_uring *ring,
		      uint32_t nr, uint32_t buf_len)
{
	struct io_uring_buf_reg reg = {.ring_entries = nr,
				       .bgid = KEEL__RX_GROUP};
	int err;

	*bufs = (struct keel__rxbufs){.nr = nr, .buf_len = buf_len};
	bufs->ring = map(ring_len(bufs));
	bufs->mem = map(mem_len(bufs));
	if (!bufs->ring || !bufs->mem) {
		keel__rxbufs_fini(bufs);
		return -ENOMEM;
	}
	/*
	 * A quiet loop gives its pages back, and the next byte that comes must
	 * not clear two megabytes. Nobody minds a kernel without huge pages.
	 */
	(void)madvise(bufs->mem, mem_len(bufs), MADV_NOHUGEPAGE);
	io_uring_buf_ring_init(bufs->ring);
	reg.ring_addr = (uintptr_t)bufs->ring;
	err = io_uring_register_buf_ring(ring, &reg, 0);
	if (err) {
		keel__rxbufs_fini(bufs);
		return err;
	}
	give(bufs, nr < FIRST_BUFS ? nr : FIRST_BUFS);
	return 0;
}

void keel__rxbufs_fini(struct keel__rxbufs *bufs)
{
	if (bufs->ring)
		munmap(bufs->ring, ring_len(bufs));
	if (bufs->mem)
		munmap(bufs->mem, mem_len(bufs));
	*bufs = (struct keel__rxbufs){0};
}

void keel__rxbufs_put(struct keel__rxbufs *bufs, uint32_t bid)
{
	io_uring_buf_ring_add(bufs->ring, keel__rxbufs_at(bufs, bid),
			      bufs->buf_len, (unsigned short)bid,
			      io_uring_buf_ring_mask(bufs->nr), 0);
	io_uring_buf_ring_advance(bufs->ring, 1);
	bufs->touched = true;
}

void keel__rxbufs_grow(struct keel__rxbufs *bufs)
{
	uint32_t up_to = bufs->nr_given * 2;

	give(bufs, up_to < bufs->nr ? up_to : bufs->nr);
}

void keel__rxbufs_release(struct keel__rxbufs *bufs)
{
	if (!bufs->touched)
		return;
	madvise(bufs->mem, mem_len(bufs), MADV_DONTNEED);
	bufs->touched = false;
}
