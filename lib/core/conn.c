/* SPDX-License-Identifier: MIT */
/* A connection's beginning and end, and questions to it. */
#include "lib/core/conn-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base-private.h"

/* The first version of each struct that grows; a caller knows at least it. */
#define OPTS_MIN_SZ sizeof(struct keel_conn_opts)
#define INFO_MIN_SZ sizeof(struct keel_conn_info)

/* A million of them: every byte here is a megabyte there. */
_Static_assert(sizeof(struct keel_conn) <= 512, "struct keel_conn has grown");
_Static_assert(KEEL_EVENT_FAILED < 8, "bits in a byte");

size_t keel_conn_size(void)
{
	return sizeof(struct keel_conn);
}

/* A newer caller's fields, which this version does not know, must be unused. */
static bool has_unknown(const void *opts, size_t sz, size_t known)
{
	const uint8_t *bytes = opts;

	for (size_t i = known; i < sz; i++) {
		if (bytes[i])
			return true;
	}
	return false;
}

bool keel__conn_opts_known(const struct keel_conn_opts *opts)
{
	return !opts || (opts->sz >= OPTS_MIN_SZ &&
			 !has_unknown(opts, opts->sz, sizeof(*opts)));
}

static bool are_opts_valid(const struct keel_ctx *ctx,
			   const struct keel_conn_opts *opts)
{
	bool needs_host =
		ctx->role == KEEL_CLIENT && ctx->verify != KEEL_VERIFY_NONE;

	if (!opts)
		return !needs_host;
	if (!opts->session && opts->session_len)
		return false;
	return !needs_host || (opts->host && opts->host[0]);
}

static char *copy_host(const char *host)
{
	size_t len = strlen(host) + 1;
	char *copy = malloc(len);

	if (copy)
		memcpy(copy, host, len);
	return copy;
}

/* Kept on the side, and only until the handshake begins. */
static int copy_opts(struct keel_conn *conn, const struct keel_conn_opts *opts)
{
	struct keel__conn_hs *hs;
	bool has_host = opts->host && opts->host[0];

	conn->id = opts->id;
	if (opts->has_socket)
		keel__conn_mark(conn, KEEL__CONN_HAS_SOCKET);
	if (conn->ctx->role != KEEL_CLIENT || (!has_host && !opts->session_len))
		return 0;
	hs = keel__conn_hs_get(conn);
	if (!hs)
		return -ENOMEM;
	if (has_host) {
		hs->host = copy_host(opts->host);
		if (!hs->host)
			return -ENOMEM;
	}
	return keel__secret_set(&hs->session, opts->session, opts->session_len);
}

int keel_conn_init(struct keel_conn *conn, struct keel_ctx *ctx,
		   const struct keel_conn_opts *opts)
{
	int r;

	if (!conn || !ctx || !keel__conn_opts_known(opts) ||
	    !are_opts_valid(ctx, opts))
		return -EINVAL;
	*conn = (struct keel_conn){
		.ctx = keel_ctx_ref(ctx),
		.state = KEEL_CONN_NEW,
		.budget = KEEL__NR_USELESS,
		.flags = KEEL__CONN_PLAIN,
		.dirs = {{.policy = ctx->offload[0]},
			 {.policy = ctx->offload[1]}},
	};
	r = opts ? copy_opts(conn, opts) : 0;
	if (r < 0)
		keel_conn_fini(conn);
	return r;
}

void keel_conn_fini(struct keel_conn *conn)
{
	if (!conn || !conn->ctx)
		return;
	keel__conn_hs_free(conn);
	keel__buf_wipe(&conn->stash);
	keel__buf_wipe(&conn->out);
	keel__buf_wipe(&conn->fly);
	keel__conn_kernel_fini(conn);
	keel__traffic_clear(&conn->tx, conn->ctx->be);
	keel__traffic_clear(&conn->rx, conn->ctx->be);
	keel_ctx_unref(conn->ctx);
	/* All of it, so that fini twice is harmless too. */
	keel__secret_clear(conn, sizeof(*conn));
}

int keel_conn_new(struct keel_ctx *ctx, const struct keel_conn_opts *opts,
		  struct keel_conn **ret_conn)
{
	struct keel_conn *conn;
	int r;

	if (!ret_conn)
		return -EINVAL;
	conn = malloc(sizeof(*conn));
	if (!conn)
		return -ENOMEM;
	r = keel_conn_init(conn, ctx, opts);
	if (r < 0)
		free(conn);
	else
		*ret_conn = conn;
	return r;
}

struct keel_conn *keel_conn_free(struct keel_conn *conn)
{
	keel_conn_fini(conn);
	free(conn);
	return NULL;
}

void keel_conn_trim(struct keel_conn *conn)
{
	if (!conn)
		return;
	keel__conn_hs_forgo(conn);
	keel__traffic_trim(&conn->tx, conn->ctx->be);
	keel__traffic_trim(&conn->rx, conn->ctx->be);
}

const struct keel_err *keel_conn_err(const struct keel_conn *conn)
{
	return conn ? &conn->err : NULL;
}

enum keel_conn_state keel_conn_get_state(const struct keel_conn *conn)
{
	return conn ? conn->state : KEEL_CONN_FAILED;
}

static struct keel_dir_info dir_info(const struct keel_conn *conn,
				     enum keel_dir dir, uint64_t records,
				     uint64_t bytes)
{
	const struct keel_traffic *t = dir == KEEL_TX ? &conn->tx : &conn->rx;
	struct keel_dir_info info = {
		.engine = conn->dirs[dir == KEEL_RX].engine,
		.seq = t->seq,
		.key_updates = t->key_updates,
		.records = records,
		.bytes = bytes,
	};

	info.reason = (uint8_t)keel__conn_kernel_reason(conn, dir, &info.err);
	/* Only the kernel knows. */
	if (dir == KEEL_RX && info.engine == KEEL_ENGINE_KERNEL)
		info.seq = 0;
	return info;
}

int keel_conn_get_info(const struct keel_conn *conn,
		       struct keel_conn_info *ret_info)
{
	if (!conn || !ret_info || ret_info->sz < INFO_MIN_SZ ||
	    ret_info->sz > sizeof(*ret_info))
		return -EINVAL;
	*ret_info = (struct keel_conn_info){
		.sz = ret_info->sz,
		.state = conn->state,
		.suite = conn->tx.suite,
		.version = conn->tx.suite ? conn->tx.suite->version : 0,
		.tx = dir_info(conn, KEEL_TX, conn->tx_records, conn->tx_bytes),
		.rx = dir_info(conn, KEEL_RX, conn->rx_records, conn->rx_bytes),
	};
	return 0;
}
