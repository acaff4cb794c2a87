/* SPDX-License-Identifier: MIT */
/* Streams whose records the kernel protects, in one direction or in both. */
#ifndef TESTS_URING_OFFLOAD_H
#define TESTS_URING_OFFLOAD_H

#include "tests/support/choices.h"
#include "tests/support/offload.h"
#include "tests/uring/world.h"

#define LEN_OF(a) (sizeof(a) / sizeof((a)[0]))

/**
 * struct plan - one side's configuration
 * @name:    for messages
 * @version: the only one allowed
 * @suite:   the only one allowed; NULL for AES-128-GCM
 * @tx:      policy
 * @rx:      policy
 * @after:   bytes before an automatic move; 0: at once
 * @limit:   records under one key; 0: as the AEAD has it
 */
struct plan {
	const char *name;
	uint16_t version;
	const char *suite;
	enum keel_offload tx;
	enum keel_offload rx;
	uint64_t after;
	uint64_t limit;
};

/* A new context, the caller's. */
struct keel_ctx *plan_ctx(const struct plan *plan, enum keel_role role);

/* The same suite, and never the kernel. */
struct keel_ctx *plan_ctx_user(const struct plan *plan, enum keel_role role);

/* Start a server of @plan's; its streams tell of their ends in outcome. */
void plan_start(struct server *server, const struct plan *plan,
		const struct server_opts *opts);

/* A client without the kernel, its handshake done. */
void plan_open(struct client *client, const struct server *server,
	       const struct plan *plan);

/* The server goes, with its context. */
void plan_stop(struct server *server);

/* Data there and back, in pieces that leave no side waiting for the other. */
void plan_round_trip(struct client *client, const char *name, unsigned int seed,
		     size_t len);

/* What is known of streams that closed; the facts are the last one's. */
struct outcome {
	atomic_uint nr_close;
	struct keel_conn_info info;
	int err;
	uint8_t origin;
	uint8_t alert;
	const char *site;
};

extern struct outcome outcome;

void outcome_note(struct keel_stream *stream, const struct keel_err *err);

/* The last one's engines are those that @plan demands. */
void outcome_check_engines(const struct plan *plan);

/* echo_ops, and the outcome; data_len is sizeof(struct echo). */
extern const struct keel_stream_ops plan_echo_ops;

#endif
