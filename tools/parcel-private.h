/* SPDX-License-Identifier: MIT */
/* keel serve: a connection between two servers. */
#ifndef KEEL_TOOLS_PARCEL_PRIVATE_H
#define KEEL_TOOLS_PARCEL_PRIVATE_H

#include "tools/serve-private.h"

/**
 * struct keel_parcel - all there is of a connection
 * @next:   in a queue
 * @worker: whose it was
 * @id:     of the parcel
 * @fds:    its socket, and a file
 * @nr_fds: 1 or 2
 * @len:    bytes
 * @data:   what goes over the wire; secret
 */
struct keel_parcel {
	struct keel_parcel *next;
	struct keel_serve_worker *worker;
	uint64_t id;
	int fds[2];
	unsigned int nr_fds;
	size_t len;
	uint8_t data[];
};

/*
 * Out of a stream that has left its loop, whose own bytes are then empty. NULL
 * without memory, when nothing has happened.
 */
struct keel_parcel *keel__parcel_pack(struct keel_stream *stream,
				      const struct keel_handoff *handoff);

/*
 * Could it be a stream here? Any thread; nothing comes of it. 0, or as
 * keel_conn_deserialize(); -EPROTO for what is no parcel, -EOPNOTSUPP where
 * --offload requires what cannot be.
 */
int keel__parcel_check(struct keel_serve *serve, const void *data, size_t len,
		       unsigned int nr_fds);

/*
 * A stream of @worker's again, on its thread. On success @fds are its own. 0, or
 * a negative errno; -EPROTO for what is no parcel.
 */
int keel__parcel_unpack(struct keel_serve_worker *worker, const void *data,
			size_t len, const int *fds, unsigned int nr_fds);

/* A number for the answer; that of what came, 0 for what is no parcel. */
void keel__parcel_set_id(struct keel_parcel *parcel, uint64_t id);
uint64_t keel__parcel_id(const void *data, size_t len);

/* Clear and free; the descriptors are closed if @closes. */
void keel__parcel_free(struct keel_parcel *parcel, bool closes);

#endif
