/* SPDX-License-Identifier: MIT */
/* A TCP socket of a kernel that has TLS, pretended: real records, no kernel. */
#ifndef TESTS_SUPPORT_FAKE_KTLS_H
#define TESTS_SUPPORT_FAKE_KTLS_H

#include "ktls/probe-private.h"
#include "lib/core/traffic-private.h"
#include "tests/support/pipe.h"

/* Calls that can be made to fail. */
enum fake_step {
	FAKE_ATTACH,
	FAKE_TX_KEYS,
	FAKE_RX_KEYS,
	FAKE_TX_AGAIN, /* keys for a direction that has some */
	FAKE_RX_AGAIN,
	FAKE_GET_TX,
	FAKE_GET_RX,
	FAKE_NR_STEPS,
};

/**
 * struct fake_dir - one direction of it
 * @t:        its keys; no suite means none
 * @head:     version and cipher as they were set
 * @nr_sets:  times keys were set
 * @nr_gets:  times they were read
 * @nr_recs:  records sealed or opened under all keys
 * @max_seq:  the highest number it came to
 * @info_len: bytes of the option
 */
struct fake_dir {
	struct keel_traffic t;
	uint8_t head[4];
	unsigned int nr_sets;
	unsigned int nr_gets;
	uint64_t nr_recs;
	uint64_t max_seq;
	size_t info_len;
};

/**
 * struct fake_ktls - the socket
 * @be:         for its cryptography
 * @can_rekey:  a kernel of 6.14 and later
 * @fail:       errno of each step, 0 for none
 * @max_record: bytes of a record it makes; 0 for 2^14
 * @max_send:   bytes a send takes; 0 for all
 * @nr_busy:    sends that say EAGAIN before one goes
 * @max_recv:   bytes of a receive; 0 for a whole record
 * @merges:     a receive goes on behind a record of data
 * @is_attached: the upper layer protocol is there
 * @is_paused:  a KeyUpdate went by
 * @is_stopped: a header was wrong: nothing is parsed any more
 * @sk_err:     what SO_ERROR says; 0 or a positive errno
 * @nr_so_error: times that was read
 * @last_opt:   where the value of the last option that was set stands
 * @tx:         sending
 * @rx:         receiving
 * @text:       what is left of the record received last
 * @text_type:  its content type
 * @has_text:   there is one, if empty
 */
struct fake_ktls {
	const struct keel_backend *be;
	bool can_rekey;
	int fail[FAKE_NR_STEPS];
	size_t max_record;
	size_t max_send;
	unsigned int nr_busy;
	size_t max_recv;
	bool merges;
	bool is_attached;
	bool is_paused;
	bool is_stopped;
	int sk_err;
	unsigned int nr_so_error;
	const void *last_opt;
	struct fake_dir tx;
	struct fake_dir rx;
	struct bytes text;
	uint8_t text_type;
	bool has_text;
};

void fake_ktls_fini(struct fake_ktls *sock);

/* setsockopt(2) and getsockopt(2): 0 or a negative errno. */
int fake_ktls_set(struct fake_ktls *sock, const struct keel_op *op);
int fake_ktls_get(struct fake_ktls *sock, const struct keel_op *op);

/*
 * send(2), or sendmsg(2) with a record's type: bytes of TCP onto @out. @in is
 * what has come, of which a wrong header makes sending fail too.
 */
ssize_t fake_ktls_send(struct fake_ktls *sock, struct bytes *in,
		       struct bytes *out, uint8_t type, const void *data,
		       size_t len);

/*
 * recvmsg(2) with room for a control message, from @in; @is_end: nothing comes
 * behind that. @ret_type is the record's, or -1 without a control message.
 */
ssize_t fake_ktls_recv(struct fake_ktls *sock, struct bytes *in, bool is_end,
		       int *ret_type, uint8_t *buf, size_t len);

/* Everything works; with @can_rekey also new keys. */
struct keel__ktls_facts fake_ktls_facts(bool can_rekey);

#endif
