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
_Static_assert(sizeof(struct keel_conn) <= 480, "struct keel_conn has grown");
_Static_assert(KEEL_EVENT_FAILED < 8 && KEEL_OP_CLOSE < 8, "bits in a byte");

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

static bool are_opts_valid(const struct keel_ctx *ctx,
			   const struct keel_conn_opts *opts)
{
	bool needs_host =
		ctx->role == KEEL_CLIENT && ctx->verify != KEEL_VERIFY_NONE;

	if (!opts)
		return !needs_host;
	if (opts->sz < OPTS_MIN_SZ ||
	    has_unknown(opts, opts->sz, sizeof(*opts)))
		return false;
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

	if (!conn || !ctx || !are_opts_valid(ctx, opts))
		return -EINVAL;
	*conn = (struct keel_conn){
		.ctx = keel_ctx_ref(ctx),
		.state = KEEL_CONN_NEW,
		.budget = KEEL__NR_USELESS,
		.flags = KEEL__CONN_PLAIN,
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
	keel__buf_fini(&conn->out);
	keel__buf_fini(&conn->fly);
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
				     const struct keel_traffic *t,
				     uint64_t records, uint64_t bytes)
{
	struct keel_dir_info info = {
		.engine = KEEL_ENGINE_NONE,
		.reason = KEEL_REASON_NONE,
		.seq = t->seq,
		.key_updates = t->key_updates,
		.records = records,
		.bytes = bytes,
	};

	if (!t->suite)
		return info;
	info.engine = KEEL_ENGINE_USER;
	info.reason = conn->ctx->offload == KEEL_OFFLOAD_OFF
			      ? KEEL_REASON_POLICY
			      : KEEL_REASON_NOT_BUILT;
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
		.tx = dir_info(conn, &conn->tx, conn->tx_records,
			       conn->tx_bytes),
		.rx = dir_info(conn, &conn->rx, conn->rx_records,
			       conn->rx_bytes),
	};
	return 0;
}
