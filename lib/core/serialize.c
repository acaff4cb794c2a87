/* SPDX-License-Identifier: MIT */
/* A connection as bytes, and back: for another process to go on with it. */
#include <keel/serialize.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base-private.h"
#include "lib/base/wire-private.h"
#include "lib/core/conn-private.h"

/*
 * What is written, integers most significant byte first:
 *
 *   magic, format     u32, u16: another format is refused as such
 *   extra             u32 length, bytes: the driver's
 *   suite, role       u16, u8
 *   fields            as the table below has them
 *   six secrets       u8 length, bytes: secret, key and iv, each way
 *   message           u32 length, bytes: a handshake message that is not whole
 *   stash             u32 length, bytes: input not told yet
 *   queue             u32 length, bytes: not sent yet
 *   CRC-64            of all before
 *
 * The checksum tells accidents from content; who could write to the channel that
 * this goes through has the keys anyway.
 */
#define MAGIC UINT32_C(0x6b65656c) /* "keel" */
#define FORMAT 1
#define CRC_LEN 8

/* What a driver may add; and more than all parts are: that is an accident. */
#define MAX_PART (1U << 24)
#define MAX_READ (1U << 26)

struct field {
	uint16_t at;
	uint8_t len;
};

#define FIELD(member) \
	{ \
		offsetof(struct keel_conn, member), \
			sizeof(((struct keel_conn *)NULL)->member) \
	}

static const struct field fields[] = {
	FIELD(id),	    FIELD(tx_records),	      FIELD(tx_bytes),
	FIELD(rx_records),  FIELD(rx_bytes),	      FIELD(tx_asked),
	FIELD(tx.seq),	    FIELD(tx.explicit_nonce), FIELD(tx.key_updates),
	FIELD(rx.seq),	    FIELD(rx.explicit_nonce), FIELD(rx.key_updates),
	FIELD(flags),	    FIELD(max_fragment),      FIELD(rx_err),
	FIELD(nr_requests), FIELD(nr_renegs),	      FIELD(budget),
	FIELD(events),	    FIELD(dirs[0].engine),    FIELD(dirs[0].reason),
	FIELD(dirs[0].err), FIELD(dirs[1].engine),    FIELD(dirs[1].reason),
	FIELD(dirs[1].err),
};

/* What is true of a connection and not of the moment; the rest starts anew. */
#define LASTING_FLAGS \
	((uint32_t)(KEEL__CONN_RX_END | KEEL__CONN_RX_EOF | \
		    KEEL__CONN_ATTACHED | KEEL__CONN_NO_ATTACH | \
		    KEEL__CONN_CAN_REKEY | KEEL__CONN_TX_KEYS | \
		    KEEL__CONN_RX_KEYS | KEEL__CONN_RX_EXPIRED | \
		    KEEL__CONN_RX_RETRY | KEEL__CONN_RX_RESUME | \
		    KEEL__CONN_SO_ERROR | KEEL__CONN_KU_QUEUED))

/* Events that are told with nothing but their number, in an open connection. */
#define PLAIN_EVENTS (1u << KEEL_EVENT_EOF)

static void *field_at(struct keel_conn *conn, const struct field *field)
{
	return (uint8_t *)conn + field->at;
}

static uint64_t field_get(struct keel_conn *conn, const struct field *field)
{
	uint64_t value = 0;

	/* The host's byte order, whichever it is, at each length. */
	switch (field->len) {
	case 1:
		value = *(uint8_t *)field_at(conn, field);
		break;
	case 2:
		value = *(uint16_t *)field_at(conn, field);
		break;
	case 4:
		value = *(uint32_t *)field_at(conn, field);
		break;
	default:
		value = *(uint64_t *)field_at(conn, field);
	}
	return value;
}

static void field_set(struct keel_conn *conn, const struct field *field,
		      uint64_t value)
{
	switch (field->len) {
	case 1:
		*(uint8_t *)field_at(conn, field) = (uint8_t)value;
		break;
	case 2:
		*(uint16_t *)field_at(conn, field) = (uint16_t)value;
		break;
	case 4:
		*(uint32_t *)field_at(conn, field) = (uint32_t)value;
		break;
	default:
		*(uint64_t *)field_at(conn, field) = value;
	}
}

/* A secret that is not there, or no longer, takes no room. */
static void put_secret(struct keel__writer *w, const uint8_t *secret,
		       size_t size, size_t len)
{
	static const uint8_t none[KEEL_MAX_SECRET_LEN];

	if (keel__secret_equal(secret, none, size))
		len = 0;
	keel__write_vector(w, secret, len, 1);
}

static void put_traffic(struct keel__writer *w, const struct keel_traffic *t)
{
	put_secret(w, t->secret, sizeof(t->secret), t->suite->hash_len);
	put_secret(w, t->key, sizeof(t->key), t->suite->key_len);
	put_secret(w, t->iv, sizeof(t->iv), sizeof(t->iv));
}

static void put_buf(struct keel__writer *w, const struct keel_buf *buf)
{
	if (buf->len)
		keel__write_bytes(w, keel__buf_head(buf), buf->len);
}

/* What waits to be sent; a frame that was begun is one of its own. */
static void put_queue(struct keel__writer *w, const struct keel_conn *conn)
{
	uint8_t header[KEEL__FRAME_HEADER_LEN];

	if (conn->frame_left) {
		keel__frame_write(header, conn->frame_type, conn->frame_left);
		keel__write_bytes(w, header, sizeof(header));
	}
	put_buf(w, &conn->fly);
	put_buf(w, &conn->out);
}

static size_t queue_len(const struct keel_conn *conn)
{
	return keel__conn_out_len(conn) +
	       (conn->frame_left ? KEEL__FRAME_HEADER_LEN : 0);
}

static void put_fields(struct keel__writer *w, struct keel_conn *conn)
{
	uint32_t flags = conn->flags;
	uint8_t events = conn->events;

	conn->flags &= LASTING_FLAGS;
	conn->events &= PLAIN_EVENTS;
	for (size_t i = 0; i < KEEL__ARRAY_LEN(fields); i++)
		keel__write_uint(w, field_get(conn, &fields[i]), fields[i].len);
	conn->flags = flags;
	conn->events = events;
}

static void put_conn(struct keel__writer *w, struct keel_conn *conn,
		     const void *extra, size_t extra_len)
{
	const struct keel_buf none = {.data = NULL};
	const struct keel_buf *msg = conn->hs ? &conn->hs->msg : &none;

	keel__write_uint(w, MAGIC, 4);
	keel__write_uint(w, FORMAT, 2);
	keel__write_vector(w, extra, extra_len, 4);
	keel__write_uint(w, conn->tx.suite->id, 2);
	keel__write_uint(w, conn->ctx->role, 1);
	put_fields(w, conn);
	put_traffic(w, &conn->tx);
	put_traffic(w, &conn->rx);
	keel__write_uint(w, msg->len, 4);
	put_buf(w, msg);
	keel__write_uint(w, conn->stash.len, 4);
	put_buf(w, &conn->stash);
	keel__write_uint(w, queue_len(conn), 4);
	put_queue(w, conn);
	if (!w->err)
		keel__write_uint(
			w, keel__crc64(keel__buf_head(&w->buf), w->buf.len),
			CRC_LEN);
}

/* 0 if it stands still and can go on elsewhere. */
static int judge(const struct keel_conn *conn)
{
	if (conn->state < KEEL_CONN_OPEN)
		return -EAGAIN;
	if (conn->state > KEEL_CONN_OPEN ||
	    keel__conn_has(conn, KEEL__CONN_RX_CUT))
		return -ESTALE;
	if (conn->stash.len > MAX_PART)
		return -EMSGSIZE;
	if (conn->ops || conn->info || conn->in_len ||
	    keel__conn_has(conn, KEEL__CONN_IN_RECORD) ||
	    (conn->events & 1u << KEEL_EVENT_OPEN))
		return -EBUSY;
	return 0;
}

int keel_conn_serialize(struct keel_conn *conn, const void *extra,
			size_t extra_len, struct keel_blob *ret_blob)
{
	struct keel__writer w = {.err = 0};
	int r;

	if (!conn || !conn->ctx || !ret_blob || (!extra && extra_len) ||
	    extra_len > MAX_PART)
		return -EINVAL;
	r = judge(conn);
	if (r < 0)
		return r;
	keel__conn_release(conn);
	/* Only the backend's object can make them, and it stays here. */
	keel__conn_hs_issue(conn);
	put_conn(&w, conn, extra, extra_len);
	if (w.err) {
		keel__buf_wipe(&w.buf);
		return w.err;
	}
	*ret_blob = (struct keel_blob){.data = w.buf.data, .len = w.buf.len};
	keel_conn_fini(conn);
	return 0;
}

void keel_blob_fini(struct keel_blob *blob)
{
	if (!blob)
		return;
	keel__secret_clear(blob->data, blob->len);
	free(blob->data);
	*blob = (struct keel_blob){.data = NULL};
}

/* Told apart from damage, as far as it can be. */
static int check(const struct keel_blob *blob, struct keel__reader *ret_reader)
{
	struct keel__reader r = {.at = blob->data, .left = blob->len};
	struct keel__reader end;

	if (keel__read_uint(&r, 4) != MAGIC || r.left < CRC_LEN)
		return -EBADMSG;
	r.left -= CRC_LEN;
	end = (struct keel__reader){.at = r.at + r.left, .left = CRC_LEN};
	if (keel__read_uint(&end, CRC_LEN) !=
	    keel__crc64(blob->data, blob->len - CRC_LEN))
		return -EBADMSG;
	if (keel__read_uint(&r, 2) != FORMAT)
		return -EPROTONOSUPPORT;
	*ret_reader = r;
	return 0;
}

const void *keel_blob_extra(const struct keel_blob *blob, size_t *ret_len)
{
	struct keel__reader r;

	if (!blob || !ret_len || (!blob->data && blob->len) || check(blob, &r))
		return NULL;
	return keel__read_vector(&r, 4, ret_len);
}

static bool get_secret(struct keel__reader *r, uint8_t *to, size_t len,
		       bool is_needed)
{
	size_t n;
	const uint8_t *from = keel__read_vector(r, 1, &n);

	if (n != len)
		return !n && !is_needed;
	memcpy(to, from, n);
	return true;
}

/* The keys that the kernel has are not here. */
static bool get_traffic(struct keel__reader *r, struct keel_conn *conn,
			enum keel_dir dir)
{
	struct keel_traffic *t = dir == KEEL_TX ? &conn->tx : &conn->rx;
	bool is_ours = !keel__conn_in_kernel(conn, dir);

	t->dir = (uint8_t)dir;
	return get_secret(r, t->secret, t->suite->hash_len, false) &&
	       get_secret(r, t->key, t->suite->key_len, is_ours) &&
	       get_secret(r, t->iv, sizeof(t->iv), is_ours);
}

static int get_buf(struct keel__reader *r, struct keel_buf *to)
{
	size_t len;
	const uint8_t *from = keel__read_vector(r, 4, &len);

	if (r->is_short || len > MAX_READ)
		return -EBADMSG;
	return keel__buf_append(to, from, len, MAX_READ);
}

/* Frames are walked without another look at their lengths. */
static bool are_frames(const struct keel_buf *buf)
{
	struct keel__reader r = {.left = buf->len};
	size_t len;

	if (buf->len)
		r.at = keel__buf_head(buf);
	while (r.left) {
		keel__read_uint(&r, 1);
		keel__read_vector(&r, 4, &len);
	}
	return !r.is_short;
}

/* What no connection can be, whatever its checksum. */
static bool is_sane(const struct keel_conn *conn)
{
	for (size_t i = 0; i < 2; i++) {
		const struct keel__conn_dir *d = &conn->dirs[i];
		bool is_kernel = d->engine == KEEL_ENGINE_KERNEL;

		if (d->engine != KEEL_ENGINE_USER && !is_kernel)
			return false;
		if (is_kernel && !are_frames(i ? &conn->stash : &conn->fly))
			return false;
	}
	return !(conn->flags & ~LASTING_FLAGS) &&
	       !(conn->events & ~PLAIN_EVENTS) &&
	       conn->budget <= KEEL__NR_USELESS &&
	       conn->max_fragment <= KEEL_MAX_PLAINTEXT;
}

static int get_message(struct keel__reader *r, struct keel_conn *conn)
{
	struct keel_buf msg = {.data = NULL};
	struct keel__conn_hs *hs;
	int err = get_buf(r, &msg);

	if (err || !msg.len)
		return err;
	hs = keel__conn_hs_get(conn);
	if (!hs) {
		keel__buf_wipe(&msg);
		return -ENOMEM;
	}
	hs->msg = msg;
	return 0;
}

static int get_conn(struct keel__reader *r, struct keel_conn *conn)
{
	const struct keel_suite *suite;
	size_t extra_len;
	int err;

	keel__read_vector(r, 4, &extra_len);
	suite = keel_suite_by_id((uint16_t)keel__read_uint(r, 2));
	if (!suite)
		return -ENOTSUP;
	if (keel__read_uint(r, 1) != conn->ctx->role)
		return -EINVAL;
	for (size_t i = 0; i < KEEL__ARRAY_LEN(fields); i++)
		field_set(conn, &fields[i], keel__read_uint(r, fields[i].len));
	conn->tx.suite = suite;
	conn->rx.suite = suite;
	if (!get_traffic(r, conn, KEEL_TX) || !get_traffic(r, conn, KEEL_RX))
		return -EBADMSG;
	err = get_message(r, conn);
	if (!err)
		err = get_buf(r, &conn->stash);
	if (!err)
		err = get_buf(r, &conn->fly);
	if (!err && (r->is_short || r->left || !is_sane(conn)))
		err = -EBADMSG;
	return err;
}

/* Has the backend what our own engine needs for a direction? */
static int try_backend(const struct keel_conn *conn, enum keel_dir dir)
{
	const struct keel_backend *be = conn->ctx->be;
	const struct keel_traffic *t = dir == KEEL_TX ? &conn->tx : &conn->rx;
	void *aead = NULL;
	int r;

	if (keel__conn_in_kernel(conn, dir))
		return 0;
	r = be->aead_new(t->suite->aead, t->key, dir == KEEL_TX, &aead);
	if (r >= 0)
		be->aead_free(aead);
	return r < 0 ? r : 0;
}

static int settle(struct keel_conn *conn, const struct keel_conn_opts *opts)
{
	bool has_socket = opts && opts->has_socket;
	int r;

	if (!has_socket && (keel__conn_in_kernel(conn, KEEL_TX) ||
			    keel__conn_in_kernel(conn, KEEL_RX)))
		return -EINVAL;
	if (has_socket)
		keel__conn_mark(conn, KEEL__CONN_HAS_SOCKET);
	if (opts && opts->id)
		conn->id = opts->id;
	r = try_backend(conn, KEEL_TX);
	if (!r)
		r = try_backend(conn, KEEL_RX);
	if (r)
		return r;
	/* As if it had been open here all the time; nothing is told of that. */
	conn->state = KEEL_CONN_OPEN;
	keel__conn_kernel_adopt(conn);
	return 0;
}

int keel_conn_deserialize(struct keel_conn *conn, struct keel_ctx *ctx,
			  const struct keel_conn_opts *opts,
			  const struct keel_blob *blob)
{
	struct keel__reader reader;
	int r;

	if (!conn || !ctx || !blob || (!blob->data && blob->len) ||
	    !keel__conn_opts_known(opts))
		return -EINVAL;
	*conn = (struct keel_conn){.ctx = NULL};
	r = check(blob, &reader);
	if (r < 0)
		return r;
	conn->ctx = keel_ctx_ref(ctx);
	r = get_conn(&reader, conn);
	if (!r)
		r = settle(conn, opts);
	if (r < 0)
		keel_conn_fini(conn);
	return r;
}

/*
 * Bytes that a driver had sealed and not sent stand before the connection's own:
 * nothing is sealed while these wait.
 */
int keel_conn_unsend(struct keel_conn *conn, const void *data, size_t len)
{
	uint8_t header[KEEL__FRAME_HEADER_LEN];
	struct keel__writer w = {.err = 0};

	if (!conn || (!data && len) || len > MAX_PART)
		return -EINVAL;
	if (conn->state != KEEL_CONN_OPEN && conn->state != KEEL_CONN_CLOSING)
		return -ESTALE;
	if (keel__conn_is_sending(conn))
		return -EBUSY;
	if (!len)
		return 0;
	if (keel__conn_in_kernel(conn, KEEL_TX)) {
		keel__frame_write(header, KEEL__RECORD_DATA, len);
		keel__write_bytes(&w, header, sizeof(header));
	}
	keel__write_bytes(&w, data, len);
	put_queue(&w, conn);
	if (w.err) {
		keel__buf_wipe(&w.buf);
		return w.err;
	}
	keel__buf_wipe(&conn->fly);
	keel__buf_wipe(&conn->out);
	conn->fly = w.buf;
	conn->frame_left = 0;
	return 0;
}
