/* SPDX-License-Identifier: MIT */
/* Two connections of which the pretended kernel may have a part. */
#include "tests/support/kernel_pipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/ctx-private.h"

static void die(const char *what)
{
	fprintf(stderr, "kernel pipe: %s\n", what);
	abort();
}

/*
 * The policy is set behind the configuration's back, which would ask the real
 * kernel about KEEL_OFFLOAD_REQUIRE.
 */
static struct keel_ctx *make_ctx(struct kernel_pipe *kp, enum keel_role role,
				 const struct kernel_setup *setup)
{
	struct keel_ctx *ctx = pipe_ctx(role, setup->row, setup->tune);

	for (size_t i = 0; i < 2; i++) {
		bool is_wanted = setup->dirs & (i ? KEEL_RX : KEEL_TX);

		ctx->offload[i] =
			(uint8_t)(is_wanted ? setup->policy : KEEL_OFFLOAD_OFF);
	}
	ctx->offload_after = setup->after;
	ctx->facts = &kp->facts;
	/* The pretended kernel has the ciphers of the null backend too. */
	ctx->is_insecure = false;
	return ctx;
}

void kernel_pipe_init(struct kernel_pipe *kp, const struct kernel_setup *setup)
{
	struct keel_ctx *client, *server;

	*kp = (struct kernel_pipe){
		.client = {.can_rekey = !setup->no_rekey},
		.server = {.can_rekey = !setup->no_rekey},
		.facts = fake_ktls_facts(!setup->no_rekey),
	};
	client = make_ctx(kp, KEEL_CLIENT, setup);
	server = make_ctx(kp, KEEL_SERVER, setup);
	pipe_init_socks(&kp->pipe, client, server,
			setup->ends & KERNEL_CLIENT ? &kp->client : NULL,
			setup->ends & KERNEL_SERVER ? &kp->server : NULL);
	keel_ctx_unref(client);
	keel_ctx_unref(server);
}

void kernel_pipe_open(struct kernel_pipe *kp, const struct kernel_setup *setup)
{
	kernel_pipe_init(kp, setup);
	pipe_run(&kp->pipe);
	if (keel_conn_get_state(kp->pipe.client.conn) != KEEL_CONN_OPEN ||
	    keel_conn_get_state(kp->pipe.server.conn) != KEEL_CONN_OPEN)
		die(setup->row->name);
}

void kernel_pipe_fini(struct kernel_pipe *kp)
{
	pipe_fini(&kp->pipe);
}

void kernel_few_records(struct keel_config *config)
{
	if (keel_config_set_record_limit(config, KERNEL_FEW_RECORDS))
		die("no such limit of records");
}

void kernel_pattern(uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = (uint8_t)(i * 131 + (i >> 8) * 17 + (i >> 16));
}

bool kernel_pipe_send(struct kernel_pipe *kp, struct pipe_end *from,
		      const void *data, size_t len)
{
	const uint8_t *at = data;
	ssize_t n;

	while (len) {
		n = keel_conn_send(from->conn, at, len);
		if (n < 0)
			return false;
		at += n;
		len -= (size_t)n;
		pipe_run(&kp->pipe);
	}
	return true;
}

static bool one_way(struct kernel_pipe *kp, struct pipe_end *from,
		    const uint8_t *data, size_t len)
{
	struct bytes *got = &from->peer->got;

	got->len = 0;
	if (!kernel_pipe_send(kp, from, data, len))
		return false;
	pipe_run(&kp->pipe);
	return got->len == len && !memcmp(got->data, data, len);
}

bool kernel_pipe_both_ways(struct kernel_pipe *kp, size_t len)
{
	uint8_t *data = malloc(len);
	bool is_good;

	if (!data)
		die("memory");
	kernel_pattern(data, len);
	is_good = one_way(kp, &kp->pipe.client, data, len) &&
		  one_way(kp, &kp->pipe.server, data, len);
	free(data);
	return is_good;
}

struct keel_dir_info kernel_info(const struct pipe_end *end, enum keel_dir dir)
{
	struct keel_conn_info info = {.sz = sizeof(info)};

	if (keel_conn_get_info(end->conn, &info) < 0)
		die("facts");
	return dir == KEEL_TX ? info.tx : info.rx;
}
