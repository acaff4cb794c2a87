/* SPDX-License-Identifier: MIT */
/* Two connections of which the pretended kernel may have a part. */
#ifndef TESTS_SUPPORT_KERNEL_PIPE_H
#define TESTS_SUPPORT_KERNEL_PIPE_H

#include "tests/support/fake_ktls.h"
#include "tests/support/pipe.h"

/* Ends of a pipe, as bits. */
#define KERNEL_CLIENT 1u
#define KERNEL_SERVER 2u

#define KERNEL_BOTH (KEEL_TX | KEEL_RX)

/**
 * struct kernel_setup - who has a kernel, and for what
 * @row:      backend and version
 * @ends:     those on a socket, KERNEL_CLIENT and KERNEL_SERVER
 * @dirs:     of these ends, what the policy is for; the rest is off
 * @policy:   for @dirs
 * @after:    bytes before a direction moves
 * @no_rekey: a kernel older than 6.14
 * @tune:     changes the configuration of both; or NULL
 */
struct kernel_setup {
	const struct pipe_row *row;
	unsigned int ends;
	unsigned int dirs;
	enum keel_offload policy;
	uint64_t after;
	bool no_rekey;
	void (*tune)(struct keel_config *config);
};

/**
 * struct kernel_pipe - the pipe and what it stands on; does not move in memory
 * @pipe:   the connections
 * @client: its socket
 * @server: its socket
 * @facts:  what the kernel can do; may be changed before the handshake
 */
struct kernel_pipe {
	struct conn_pipe pipe;
	struct fake_ktls client;
	struct fake_ktls server;
	struct keel__ktls_facts facts;
};

/* Make it; and the same with the handshake done and nothing left to move. */
void kernel_pipe_init(struct kernel_pipe *kp, const struct kernel_setup *setup);
void kernel_pipe_open(struct kernel_pipe *kp, const struct kernel_setup *setup);
void kernel_pipe_fini(struct kernel_pipe *kp);

/* A tune: so few records may be sent under one key. */
#define KERNEL_FEW_RECORDS 64
void kernel_few_records(struct keel_config *config);

/* Bytes that differ from one place to the next. */
void kernel_pattern(uint8_t *buf, size_t len);

/* Send all of it, running the pipe as needed. True if it could be. */
bool kernel_pipe_send(struct kernel_pipe *kp, struct pipe_end *from,
		      const void *data, size_t len);

/* @len bytes of the pattern each way. True if that is what came. */
bool kernel_pipe_both_ways(struct kernel_pipe *kp, size_t len);

/* One direction of keel_conn_get_info(). */
struct keel_dir_info kernel_info(const struct pipe_end *end, enum keel_dir dir);

#endif
