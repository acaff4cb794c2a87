/* SPDX-License-Identifier: MIT */
/* Moving a direction into the kernel, and changing its keys there. */
#include "lib/core/conn-private.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "lib/base/err-private.h"

/* The kernel's count of records is asked for after this part of what is left. */
#define ASK_PART 16

static enum keel_dir dir_at(size_t idx)
{
	return idx ? KEEL_RX : KEEL_TX;
}

static const struct keel_traffic *traffic(const struct keel_conn *conn,
					  enum keel_dir dir)
{
	return dir == KEEL_TX ? &conn->tx : &conn->rx;
}

/* What is required and cannot be had ends the connection; all else goes on. */
static void refused(struct keel_conn *conn, enum keel_dir dir,
		    enum keel_reason reason, int err)
{
	struct keel__conn_dir *d = keel__conn_dir(conn, dir);

	d->may = false;
	d->reason = (uint8_t)reason;
	d->err = (int16_t)err;
	if (d->policy != KEEL_OFFLOAD_REQUIRE)
		return;
	if (conn->state != KEEL_CONN_FAILED)
		keel__conn_decline(conn, -EOPNOTSUPP, KEEL_ALERT_INTERNAL_ERROR,
				   keel_reason_text(reason));
}

static enum keel_reason judge(struct keel_conn *conn, enum keel_dir dir,
			      enum keel_offload policy, int *ret_err)
{
	const struct keel__ktls_facts *facts = NULL;
	const struct keel__ktls_wish wish = {
		.suite = conn->tx.suite,
		.max_fragment = conn->max_fragment,
		.dir = (uint8_t)dir,
		.policy = (uint8_t)policy,
		.is_able = keel__conn_has(conn, KEEL__CONN_HAS_SOCKET),
		.is_insecure = conn->ctx->is_insecure,
	};

	*ret_err = 0;
	/* Nobody is asked about what is not wanted. */
	if (wish.is_able && policy != KEEL_OFFLOAD_OFF)
		*ret_err = keel__ctx_facts(conn->ctx, &facts);
	if (*ret_err)
		return KEEL_REASON_PROBE;
	if (facts && keel__ktls_can_rekey(facts) &&
	    wish.suite->version == KEEL_TLS1_3)
		keel__conn_mark(conn, KEEL__CONN_CAN_REKEY);
	return keel__ktls_judge(facts, &wish, ret_err);
}

static void decide(struct keel_conn *conn, enum keel_dir dir)
{
	struct keel__conn_dir *d = keel__conn_dir(conn, dir);
	enum keel_reason reason;
	int err;

	/* The ULP was to be attached before, and could not be. */
	if (keel__conn_has(conn, KEEL__CONN_NO_ATTACH) &&
	    d->policy != KEEL_OFFLOAD_OFF) {
		refused(conn, dir, d->reason, d->err);
		return;
	}
	reason = judge(conn, dir, d->policy, &err);
	if (reason == KEEL_REASON_NONE)
		d->may = true;
	else
		refused(conn, dir, reason, err);
}

void keel__conn_kernel_open(struct keel_conn *conn)
{
	keel__conn_mark(conn, KEEL__CONN_JUDGED);
	for (size_t i = 0; i < 2; i++)
		decide(conn, dir_at(i));
}

static void set_policy(struct keel_conn *conn, enum keel_dir dir,
		       enum keel_offload policy)
{
	struct keel__conn_dir *d = keel__conn_dir(conn, dir);
	int err;

	/* A connection that ends moves no more. */
	if (d->engine == KEEL_ENGINE_KERNEL || conn->state > KEEL_CONN_OPEN)
		return;
	d->policy = (uint8_t)policy;
	if (!keel__conn_has(conn, KEEL__CONN_JUDGED))
		return;
	if (d->reason != KEEL_REASON_KEYS &&
	    !keel__conn_has(conn, KEEL__CONN_NO_ATTACH)) {
		d->reason = (uint8_t)judge(conn, dir, policy, &err);
		d->err = (int16_t)err;
	}
	d->may = d->reason == KEEL_REASON_NONE;
	if (!d->may)
		refused(conn, dir, d->reason, d->err);
}

int keel_conn_set_offload(struct keel_conn *conn, unsigned int dirs,
			  enum keel_offload policy)
{
	if (!conn || !dirs || dirs & ~(unsigned int)(KEEL_TX | KEEL_RX) ||
	    (unsigned int)policy > KEEL_OFFLOAD_OFF)
		return -EINVAL;
	for (size_t i = 0; i < 2; i++) {
		if (dirs & dir_at(i))
			set_policy(conn, dir_at(i), policy);
	}
	return 0;
}

/* What the kernel has stays there, whatever the new policy is. */
void keel__conn_kernel_adopt(struct keel_conn *conn)
{
	keel__conn_mark(conn, KEEL__CONN_JUDGED);
	for (size_t i = 0; i < 2; i++) {
		conn->dirs[i].policy = conn->ctx->offload[i];
		set_policy(conn, dir_at(i), conn->ctx->offload[i]);
	}
}

/* Enough has gone that way for the move to pay. */
static bool is_due(const struct keel_conn *conn, enum keel_dir dir)
{
	uint64_t bytes = dir == KEEL_TX ? conn->tx_bytes : conn->rx_bytes;

	return conn->dirs[dir == KEEL_RX].policy == KEEL_OFFLOAD_REQUIRE ||
	       bytes >= conn->ctx->offload_after;
}

static bool moves(const struct keel_conn *conn, enum keel_dir dir)
{
	const struct keel__conn_dir *d = &conn->dirs[dir == KEEL_RX];

	return conn->state == KEEL_CONN_OPEN && d->may &&
	       d->engine == KEEL_ENGINE_USER && is_due(conn, dir);
}

bool keel__conn_rx_moves(const struct keel_conn *conn)
{
	return moves(conn, KEEL_RX) && keel__conn_reads(conn) &&
	       !keel__conn_has(conn, KEEL__CONN_RX_END);
}

enum keel_reason keel__conn_kernel_reason(const struct keel_conn *conn,
					  enum keel_dir dir, int *ret_err)
{
	const struct keel__conn_dir *d = &conn->dirs[dir == KEEL_RX];

	*ret_err = 0;
	if (d->engine != KEEL_ENGINE_USER)
		return KEEL_REASON_NONE;
	if (d->may)
		return is_due(conn, dir) ? KEEL_REASON_BOUNDARY
					 : KEEL_REASON_THRESHOLD;
	*ret_err = d->err;
	return d->reason;
}

/* May the kernel have made more records than we know of? */
static bool must_ask(const struct keel_conn *conn)
{
	uint64_t left = keel__conn_tx_left(conn);

	return keel__conn_in_kernel(conn, KEEL_TX) && left &&
	       conn->tx.seq > conn->tx_asked &&
	       conn->tx.seq - conn->tx_asked >= left / ASK_PART;
}

bool keel__conn_tx_waits(const struct keel_conn *conn)
{
	return keel__conn_has(conn, KEEL__CONN_TX_KEYS) ||
	       keel__conn_has(conn, KEEL__CONN_SO_ERROR) ||
	       conn->sockopt == KEEL__SOCKOPT_ERROR || moves(conn, KEEL_TX) ||
	       must_ask(conn);
}

/* Before the handshake, if the move is to come as soon as it is done. */
static bool attaches_early(struct keel_conn *conn)
{
	const struct keel__ktls_facts *facts;
	bool is_wanted = false;

	for (size_t i = 0; i < 2; i++) {
		uint8_t policy = conn->dirs[i].policy;

		is_wanted = is_wanted || policy == KEEL_OFFLOAD_REQUIRE ||
			    (policy == KEEL_OFFLOAD_AUTO &&
			     !conn->ctx->offload_after);
	}
	return is_wanted && conn->state <= KEEL_CONN_HANDSHAKE &&
	       !keel__ctx_facts(conn->ctx, &facts) &&
	       !facts->features[KEEL__KTLS_ULP];
}

static bool wants_attach(struct keel_conn *conn)
{
	if (!keel__conn_has(conn, KEEL__CONN_HAS_SOCKET) ||
	    keel__conn_has(conn, KEEL__CONN_ATTACHED) ||
	    keel__conn_has(conn, KEEL__CONN_NO_ATTACH))
		return false;
	return attaches_early(conn) || moves(conn, KEEL_TX) ||
	       keel__conn_rx_moves(conn);
}

/* All that is sealed by us goes before, tickets too, for they have numbers. */
static bool wants_tx(struct keel_conn *conn)
{
	if (keel__conn_is_sending(conn))
		return false;
	if (keel__conn_has(conn, KEEL__CONN_TX_KEYS))
		return true;
	if (!moves(conn, KEEL_TX))
		return false;
	keel__conn_hs_issue(conn);
	return !keel__conn_out_len(conn);
}

static bool is_at_boundary(const struct keel_conn *conn)
{
	return !conn->in_len && !conn->stash.len;
}

static bool wants_rx(struct keel_conn *conn)
{
	if (keel__conn_has(conn, KEEL__CONN_RX_KEYS))
		return true;
	return keel__conn_rx_moves(conn) &&
	       keel__conn_has(conn, KEEL__CONN_RX_QUIET) &&
	       is_at_boundary(conn);
}

bool keel__conn_want_recv_stop(struct keel_conn *conn, struct keel_op *ret_op)
{
	ret_op->type = KEEL_OP_RECV_STOP;
	return keel__conn_rx_moves(conn) &&
	       keel__conn_has(conn, KEEL__CONN_ATTACHED) &&
	       !keel__conn_has(conn, KEEL__CONN_RX_QUIET);
}

int keel__conn_recv_stop_done(struct keel_conn *conn, ssize_t res)
{
	(void)res;
	conn->ops &= (uint16_t) ~(1u << KEEL_OP_RECV);
	keel__conn_unmark(conn, KEEL__CONN_RECV_AGAIN);
	keel__conn_mark(conn, KEEL__CONN_RX_QUIET);
	return 0;
}

static enum keel__sockopt choose(struct keel_conn *conn)
{
	if (conn->state == KEEL_CONN_CLOSED ||
	    keel__conn_has(conn, KEEL__CONN_BROKEN))
		return KEEL__SOCKOPT_NONE;
	if (keel__conn_has(conn, KEEL__CONN_SO_ERROR))
		return KEEL__SOCKOPT_ERROR;
	if (wants_attach(conn))
		return KEEL__SOCKOPT_ATTACH;
	if (wants_tx(conn))
		return KEEL__SOCKOPT_TX;
	/* An alert is all that is left to do. */
	if (conn->state == KEEL_CONN_FAILED)
		return KEEL__SOCKOPT_NONE;
	if (wants_rx(conn))
		return KEEL__SOCKOPT_RX;
	if (keel__conn_has(conn, KEEL__CONN_RX_RESUME))
		return KEEL__SOCKOPT_GET_RX;
	if (conn->state == KEEL_CONN_OPEN && must_ask(conn))
		return KEEL__SOCKOPT_GET_TX;
	return KEEL__SOCKOPT_NONE;
}

static void fill_keys(const struct keel_conn *conn, enum keel_dir dir,
		      struct keel__ktls_info *info)
{
	const struct keel_traffic *t = traffic(conn, dir);
	/* Of what is counted under new keys nothing has been sent yet. */
	bool is_again = keel__conn_in_kernel(conn, dir);
	const struct keel__ktls_keys keys = {
		.cipher = keel__ktls_cipher_of(t->suite),
		.version = t->suite->version,
		.dir = (uint8_t)dir,
		.key = t->key,
		.iv = t->iv,
		.seq = is_again ? 0 : t->seq,
		.explicit_nonce = t->explicit_nonce,
	};

	keel__ktls_info_fill(info, &keys);
}

static void fill(const struct keel_conn *conn, enum keel__sockopt opt,
		 struct keel__ktls_info *info)
{
	switch (opt) {
	case KEEL__SOCKOPT_NONE:
		break;
	case KEEL__SOCKOPT_ERROR:
		info->level = SOL_SOCKET;
		info->name = SO_ERROR;
		info->len = sizeof(int);
		break;
	case KEEL__SOCKOPT_ATTACH:
		keel__ktls_info_attach(info);
		break;
	/* What is read has the form of what was set. */
	case KEEL__SOCKOPT_TX:
	case KEEL__SOCKOPT_GET_TX:
		fill_keys(conn, KEEL_TX, info);
		break;
	case KEEL__SOCKOPT_RX:
	case KEEL__SOCKOPT_GET_RX:
		fill_keys(conn, KEEL_RX, info);
		break;
	}
}

static bool is_get(enum keel__sockopt opt)
{
	return opt == KEEL__SOCKOPT_ERROR || opt == KEEL__SOCKOPT_GET_TX ||
	       opt == KEEL__SOCKOPT_GET_RX;
}

static void no_memory(struct keel_conn *conn)
{
	const struct keel_err err = {
		.err = -ENOMEM,
		.origin = KEEL_ERR_SYS,
		.site = "option of the socket",
	};

	if (conn->state != KEEL_CONN_FAILED)
		keel__conn_break(conn, &err);
	else
		keel__conn_mark(conn, KEEL__CONN_BROKEN);
}

bool keel__conn_want_sockopt(struct keel_conn *conn, struct keel_op *ret_op)
{
	enum keel__sockopt opt;

	if (conn->sockopt != KEEL__SOCKOPT_NONE)
		return false;
	/* What was read is to be set again: see rx_asked(). */
	opt = conn->info ? KEEL__SOCKOPT_RX : choose(conn);
	if (opt == KEEL__SOCKOPT_NONE)
		return false;
	if (!conn->info) {
		conn->info = calloc(1, sizeof(*conn->info));
		if (!conn->info) {
			no_memory(conn);
			return false;
		}
		fill(conn, opt, conn->info);
	}
	conn->sockopt = (uint8_t)opt;
	*ret_op = (struct keel_op){
		.type = is_get(opt) ? KEEL_OP_GETSOCKOPT : KEEL_OP_SETSOCKOPT,
		.data = conn->info->bytes,
		.buf = is_get(opt) ? conn->info->bytes : NULL,
		.len = conn->info->len,
		.level = conn->info->level,
		.name = conn->info->name,
		.is_ordered = opt == KEEL__SOCKOPT_TX,
	};
	return true;
}

/*
 * The kernel has them now. What the next ones are made from stays where the
 * kernel will take next ones.
 */
static void forget_keys(struct keel_conn *conn, struct keel_traffic *t)
{
	keel__traffic_trim(t, conn->ctx->be);
	keel__secret_clear(t->key, sizeof(t->key));
	keel__secret_clear(t->iv, sizeof(t->iv));
	if (!keel__conn_has(conn, KEEL__CONN_CAN_REKEY))
		keel__secret_clear(t->secret, sizeof(t->secret));
}

static void moved(struct keel_conn *conn, enum keel_dir dir)
{
	struct keel__conn_dir *d = keel__conn_dir(conn, dir);

	d->engine = KEEL_ENGINE_KERNEL;
	d->reason = KEEL_REASON_NONE;
	d->err = 0;
	keel__conn_log(conn, KEEL_LOG_DEBUG,
		       dir == KEEL_TX ? "offload-tx" : "offload-rx");
}

static void lost_tx(struct keel_conn *conn, int res)
{
	const struct keel_err err = {
		.err = res,
		.origin = KEEL_ERR_KERNEL_TLS,
		.site = "new keys for the kernel to send with",
	};

	if (conn->state != KEEL_CONN_FAILED)
		keel__conn_break(conn, &err);
	else
		keel__conn_mark(conn, KEEL__CONN_BROKEN);
}

static void tx_done(struct keel_conn *conn, int res)
{
	bool is_first = !keel__conn_in_kernel(conn, KEEL_TX);

	keel__conn_unmark(conn, KEEL__CONN_TX_KEYS);
	keel__conn_unmark(conn, KEEL__CONN_KU_QUEUED);
	if (res < 0 && is_first) {
		/*
		 * Nothing is lost: what came meanwhile is sealed by us, except
		 * what only the kernel was to seal. An alert goes behind that.
		 */
		if (keel__conn_dir(conn, KEEL_TX)->policy ==
			    KEEL_OFFLOAD_REQUIRE &&
		    conn->state != KEEL_CONN_FAILED)
			keel__buf_wipe(&conn->out);
		keel__conn_seal_frames(conn);
		refused(conn, KEEL_TX, KEEL_REASON_KEYS, res);
	} else if (res < 0) {
		lost_tx(conn, res);
	} else {
		forget_keys(conn, &conn->tx);
		conn->tx.seq += conn->nr_frames;
		conn->nr_frames = 0;
		conn->tx_asked = conn->tx.seq;
		if (is_first)
			moved(conn, KEEL_TX);
	}
}

static void rx_done(struct keel_conn *conn, int res)
{
	bool is_first = !keel__conn_in_kernel(conn, KEEL_RX);

	keel__conn_unmark(conn, KEEL__CONN_RX_QUIET);
	keel__conn_unmark(conn, KEEL__CONN_RX_KEYS);
	keel__conn_unmark(conn, KEEL__CONN_RX_RESUME);
	keel__conn_unmark(conn, KEEL__CONN_RX_EXPIRED);
	if (res < 0 && is_first) {
		refused(conn, KEEL_RX, KEEL_REASON_KEYS, res);
	} else if (res < 0) {
		keel__conn_cut(conn);
	} else {
		forget_keys(conn, &conn->rx);
		if (is_first)
			moved(conn, KEEL_RX);
		else
			keel__conn_mark(conn, KEEL__CONN_RX_RETRY);
	}
}

static void attach_done(struct keel_conn *conn, int res)
{
	enum keel_reason reason;

	if (res >= 0) {
		keel__conn_mark(conn, KEEL__CONN_ATTACHED);
		return;
	}
	reason = keel__ktls_attach_reason(res);
	keel__conn_mark(conn, KEEL__CONN_NO_ATTACH);
	for (size_t i = 0; i < 2; i++) {
		struct keel__conn_dir *d = &conn->dirs[i];

		if (keel__conn_has(conn, KEEL__CONN_JUDGED) && !d->may)
			continue;
		d->reason = (uint8_t)reason;
		d->err = (int16_t)res;
		/* Before the handshake is done nobody could be told. */
		if (keel__conn_has(conn, KEEL__CONN_JUDGED))
			refused(conn, dir_at(i), reason, res);
	}
}

/* A kernel that does not tell has made no more than we count. */
static void tx_asked(struct keel_conn *conn, int res)
{
	uint64_t seq = res < 0 ? 0 : keel__ktls_info_seq(conn->info);

	if (seq > conn->tx.seq)
		conn->tx.seq = seq;
	conn->tx_asked = conn->tx.seq;
}

/* The same keys and number are set again: the kernel goes on with them. */
static void rx_asked(struct keel_conn *conn, int res)
{
	keel__conn_unmark(conn, KEEL__CONN_RX_RESUME);
	if (res < 0)
		keel__conn_cut(conn);
	else
		keel__conn_mark(conn, KEEL__CONN_RX_KEYS);
}

static void drop_info(struct keel_conn *conn)
{
	if (conn->info)
		keel__secret_clear(conn->info, sizeof(*conn->info));
	free(conn->info);
	conn->info = NULL;
}

int keel__conn_sockopt_done(struct keel_conn *conn, ssize_t res)
{
	enum keel__sockopt opt = conn->sockopt;

	conn->sockopt = KEEL__SOCKOPT_NONE;
	if (res == -EAGAIN && opt == KEEL__SOCKOPT_TX) {
		/* The driver has to send first, and what was queued is ours. */
		if (!keel__conn_in_kernel(conn, KEEL_TX))
			keel__conn_seal_frames(conn);
		drop_info(conn);
		return 0;
	}
	switch (opt) {
	case KEEL__SOCKOPT_NONE:
		break;
	case KEEL__SOCKOPT_ERROR:
		keel__conn_unmark(conn, KEEL__CONN_SO_ERROR);
		break;
	case KEEL__SOCKOPT_ATTACH:
		attach_done(conn, (int)res);
		break;
	case KEEL__SOCKOPT_TX:
		tx_done(conn, (int)res);
		break;
	case KEEL__SOCKOPT_RX:
		rx_done(conn, (int)res);
		break;
	case KEEL__SOCKOPT_GET_TX:
		tx_asked(conn, (int)res);
		break;
	case KEEL__SOCKOPT_GET_RX:
		rx_asked(conn, (int)res);
		if (keel__conn_has(conn, KEEL__CONN_RX_KEYS))
			return 0; /* what was read is what is set */
		break;
	}
	drop_info(conn);
	return 0;
}

void keel__conn_kernel_fini(struct keel_conn *conn)
{
	drop_info(conn);
}

/* What may fail here can no longer be taken back: the peer has the message. */
void keel__conn_key_update_sent(struct keel_conn *conn)
{
	int r = keel__traffic_update(&conn->tx, conn->ctx->be);

	if (r < 0)
		lost_tx(conn, r);
	else
		keel__conn_mark(conn, KEEL__CONN_TX_KEYS);
}

int keel__conn_key_update_came(struct keel_conn *conn)
{
	int r;

	if (!keel__conn_has(conn, KEEL__CONN_CAN_REKEY)) {
		keel__conn_cut(conn);
		return 0;
	}
	r = keel__traffic_update(&conn->rx, conn->ctx->be);
	if (r < 0)
		return keel__conn_give_up(conn, r, "changing the peer's keys");
	keel__conn_mark(conn, KEEL__CONN_RX_KEYS);
	return 0;
}

void keel__conn_cut(struct keel_conn *conn)
{
	if (!keel__conn_reads(conn))
		return;
	keel__err_set(&conn->err, -EKEYEXPIRED, KEEL_ERR_KERNEL_TLS, 0, 0,
		      "the peer changed its keys, which this kernel cannot "
		      "follow");
	keel__conn_mark(conn, KEEL__CONN_RX_CUT);
	keel__conn_tell(conn, KEEL_EVENT_CUT);
	keel__conn_log(conn, KEEL_LOG_WARN, "offload-cannot-rekey");
	/* Ours has ended already, and nothing more comes: see shutdown_done(). */
	if (keel__conn_has(conn, KEEL__CONN_TX_SHUT))
		keel__conn_set_state(conn, KEEL_CONN_FAILED);
}

/* net/tls/tls_sw.c, tls_rx_msg_size() and tls_decrypt_sg(). */
static const struct {
	int res;
	int code;
	enum keel_alert alert;
	const char *site;
} record_errors[] = {
	{-EBADMSG, -EBADMSG, KEEL_ALERT_BAD_RECORD_MAC,
	 "a record failed authentication"},
	{-EMSGSIZE, -EPROTO, KEEL_ALERT_RECORD_OVERFLOW, "record header"},
	{-EINVAL, -EPROTO, KEEL_ALERT_PROTOCOL_VERSION, "record header"},
};

/* It was tried under keys that are no longer the peer's; it is still there. */
static bool is_stale(struct keel_conn *conn)
{
	bool is_new = keel__conn_has(conn, KEEL__CONN_RX_KEYS) ||
		      keel__conn_has(conn, KEEL__CONN_RX_RETRY);

	if (conn->rx_err != -EBADMSG || !is_new)
		return false;
	keel__conn_unmark(conn, KEEL__CONN_RX_RETRY);
	return true;
}

void keel__conn_record_error(struct keel_conn *conn)
{
	int res = conn->rx_err;

	if (!res) {
		/* Paused for a KeyUpdate of which only a piece has come. */
		if (keel__conn_spend(conn) >= 0)
			keel__conn_mark(conn, KEEL__CONN_RX_RESUME);
		return;
	}
	if (is_stale(conn)) {
		conn->rx_err = 0;
		return;
	}
	conn->rx_err = 0;
	for (size_t i = 0; i < sizeof(record_errors) / sizeof(record_errors[0]);
	     i++) {
		if (record_errors[i].res == res)
			keel__conn_refuse(conn, record_errors[i].code,
					  record_errors[i].alert,
					  record_errors[i].site);
	}
}
