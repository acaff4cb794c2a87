/* SPDX-License-Identifier: MIT */
/* A TCP socket of a kernel that has TLS, pretended: real records, no kernel. */
#include "tests/support/fake_ktls.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ktls/uapi-private.h"
#include "lib/base/base-private.h"
#include "lib/core/record-private.h"

/* TLS_HANDSHAKE_KEYUPDATE of net/tls/tls.h. */
#define KEY_UPDATE 24

static void die(const char *what)
{
	fprintf(stderr, "fake kernel: %s\n", what);
	abort();
}

void fake_ktls_fini(struct fake_ktls *sock)
{
	if (sock->tx.t.suite)
		keel__traffic_clear(&sock->tx.t, sock->be);
	if (sock->rx.t.suite)
		keel__traffic_clear(&sock->rx.t, sock->be);
	bytes_fini(&sock->text);
}

struct keel__ktls_facts fake_ktls_facts(bool can_rekey)
{
	struct keel__ktls_facts facts = {.features = {0}};

	if (!can_rekey)
		facts.features[KEEL__KTLS_REKEY] = -EBUSY;
	return facts;
}

static const struct keel__ktls_cipher *cipher_by_type(uint16_t type)
{
	for (size_t i = 0; i < KEEL__KTLS_NR_CIPHERS; i++) {
		if (keel__ktls_ciphers[i].type == type)
			return &keel__ktls_ciphers[i];
	}
	return NULL;
}

static const struct keel_suite *suite_of(uint16_t version, uint8_t aead)
{
	const struct keel_suite *suite;

	for (size_t i = 0; (suite = keel_suite_at(i)); i++) {
		if (suite->version == version && suite->aead == aead)
			return suite;
	}
	return NULL;
}

static uint64_t get_u64(const uint8_t *from)
{
	uint64_t be;

	memcpy(&be, from, sizeof(be));
	return be64toh(be);
}

/* The structures of linux/tls.h: head, iv, key, salt, rec_seq. */
static int parse(struct fake_dir *dir, enum keel_dir which, const uint8_t *info,
		 size_t len, struct keel_traffic *ret_t)
{
	const struct keel__ktls_cipher *cipher;
	struct tls_crypto_info head;
	const uint8_t *iv = info + sizeof(head);
	const uint8_t *key, *salt;

	if (len < sizeof(head))
		return -EINVAL;
	memcpy(&head, info, sizeof(head));
	cipher = cipher_by_type(head.cipher_type);
	if (!cipher)
		return -EINVAL;
	key = iv + cipher->iv_len;
	salt = key + cipher->key_len;
	if (len != (size_t)(salt - info) + cipher->salt_len + sizeof(uint64_t))
		return -EINVAL;
	*ret_t = (struct keel_traffic){
		.suite = suite_of(head.version, cipher->aead),
		.dir = (uint8_t)which,
		.seq = get_u64(salt + cipher->salt_len),
	};
	if (!ret_t->suite)
		return -EINVAL;
	memcpy(ret_t->key, key, cipher->key_len);
	if (head.version == KEEL_TLS1_2 && cipher->salt_len) {
		memcpy(ret_t->iv, salt, cipher->salt_len);
		ret_t->explicit_nonce = get_u64(iv);
	} else {
		memcpy(ret_t->iv, salt, cipher->salt_len);
		memcpy(ret_t->iv + cipher->salt_len, iv, cipher->iv_len);
	}
	dir->info_len = len;
	return 0;
}

/* do_tls_setsockopt_conf(): a second set only for TLS 1.3, and the same. */
static int set_keys(struct fake_ktls *sock, enum keel_dir which,
		    const struct keel_op *op)
{
	bool is_tx = which == KEEL_TX;
	struct fake_dir *dir = is_tx ? &sock->tx : &sock->rx;
	bool is_again = dir->t.suite;
	int step = is_again ? (is_tx ? FAKE_TX_AGAIN : FAKE_RX_AGAIN)
			    : (is_tx ? FAKE_TX_KEYS : FAKE_RX_KEYS);
	struct keel_traffic next;
	int r;

	if (!sock->is_attached)
		return -ENOPROTOOPT;
	if (sock->fail[step])
		return sock->fail[step];
	r = parse(dir, which, op->data, op->len, &next);
	if (r < 0)
		return r;
	if (is_again &&
	    (!sock->can_rekey || dir->t.suite->version != KEEL_TLS1_3))
		return -EBUSY;
	if (is_again && memcmp(dir->head, op->data, sizeof(dir->head)))
		return -EINVAL;
	if (is_again)
		keel__traffic_clear(&dir->t, sock->be);
	dir->t = next;
	memcpy(dir->head, op->data, sizeof(dir->head));
	dir->nr_sets++;
	if (!is_tx)
		sock->is_paused = false;
	return 0;
}

static int attach(struct fake_ktls *sock, const struct keel_op *op)
{
	if (op->len != 3 || memcmp(op->data, "tls", 3))
		return -ENOENT;
	if (sock->fail[FAKE_ATTACH])
		return sock->fail[FAKE_ATTACH];
	if (sock->is_attached)
		return -EEXIST;
	sock->is_attached = true;
	return 0;
}

int fake_ktls_set(struct fake_ktls *sock, const struct keel_op *op)
{
	sock->last_opt = op->data;
	if (op->level == IPPROTO_TCP && op->name == TCP_ULP)
		return attach(sock, op);
	if (op->level == SOL_TLS && op->name == TLS_TX)
		return set_keys(sock, KEEL_TX, op);
	if (op->level == SOL_TLS && op->name == TLS_RX)
		return set_keys(sock, KEEL_RX, op);
	return -ENOPROTOOPT;
}

/* The key too, and where the numbers stand. */
static int get_keys(struct fake_ktls *sock, enum keel_dir which,
		    const struct keel_op *op)
{
	bool is_tx = which == KEEL_TX;
	struct fake_dir *dir = is_tx ? &sock->tx : &sock->rx;
	const struct keel_traffic *t = &dir->t;
	int step = is_tx ? FAKE_GET_TX : FAKE_GET_RX;
	struct keel__ktls_keys keys;
	struct keel__ktls_info info;

	if (sock->fail[step])
		return sock->fail[step];
	if (!t->suite)
		return -EBUSY;
	if (op->len != dir->info_len)
		return -EINVAL;
	keys = (struct keel__ktls_keys){
		.cipher = keel__ktls_cipher_of(t->suite),
		.version = t->suite->version,
		.dir = (uint8_t)which,
		.key = t->key,
		.iv = t->iv,
		.seq = t->seq,
		.explicit_nonce = t->explicit_nonce,
	};
	keel__ktls_info_fill(&info, &keys);
	memcpy(op->buf, info.bytes, info.len);
	dir->nr_gets++;
	return 0;
}

static int get_error(struct fake_ktls *sock, const struct keel_op *op)
{
	if (op->len != sizeof(sock->sk_err))
		return -EINVAL;
	memcpy(op->buf, &sock->sk_err, sizeof(sock->sk_err));
	sock->sk_err = 0;
	sock->nr_so_error++;
	return 0;
}

int fake_ktls_get(struct fake_ktls *sock, const struct keel_op *op)
{
	if (op->level == SOL_SOCKET && op->name == SO_ERROR)
		return get_error(sock, op);
	if (op->level == SOL_TLS && op->name == TLS_TX)
		return get_keys(sock, KEEL_TX, op);
	if (op->level == SOL_TLS && op->name == TLS_RX)
		return get_keys(sock, KEEL_RX, op);
	return -EOPNOTSUPP;
}

/* tls_rx_msg_size(): runs when bytes come, whoever calls. 0: not whole yet. */
static size_t parse_header(struct fake_ktls *sock, const struct bytes *in)
{
	const struct keel_suite *suite = sock->rx.t.suite;
	bool is_tls13 = suite && suite->version == KEEL_TLS1_3;
	struct keel__record_header h;
	size_t prefix, overhead;

	if (!suite || sock->is_stopped)
		return 0;
	prefix = keel__record_prefix_len(suite);
	if (in->len < prefix)
		return 0;
	overhead = prefix - KEEL__RECORD_HEADER_LEN + KEEL_TAG_LEN;
	keel__record_header_read(in->data, &h);
	if (h.len > KEEL_MAX_PLAINTEXT + overhead + is_tls13)
		sock->sk_err = EMSGSIZE;
	else if (h.len < overhead)
		sock->sk_err = EBADMSG;
	else if (h.version != KEEL_TLS1_2)
		sock->sk_err = EINVAL;
	else
		return KEEL__RECORD_HEADER_LEN + (size_t)h.len;
	sock->is_stopped = true;
	return 0;
}

/* With keys a send makes records; without it is a stream as any other. */
static void put(struct fake_ktls *sock, struct bytes *out, uint8_t type,
		const uint8_t *data, size_t len)
{
	struct keel_traffic *t = &sock->tx.t;
	size_t max = sock->max_record ? sock->max_record : KEEL_MAX_PLAINTEXT;
	uint8_t *rec;
	ssize_t r;

	if (!t->suite) {
		if (type != KEEL__RECORD_DATA)
			die("a record's type for a socket without keys");
		bytes_add(out, data, len);
		return;
	}
	rec = malloc(keel__record_prefix_len(t->suite) + max +
		     keel__record_suffix_len(t->suite));
	if (!rec)
		die("memory");
	while (len) {
		size_t n = keel__min_size(len, max);

		r = keel__record_seal(t, sock->be, type, data, n, rec);
		if (r < 0)
			die("sealing");
		bytes_add(out, rec, (size_t)r);
		data += n;
		len -= n;
		sock->tx.nr_recs++;
		if (t->seq > sock->tx.max_seq)
			sock->tx.max_seq = t->seq;
	}
	free(rec);
}

ssize_t fake_ktls_send(struct fake_ktls *sock, struct bytes *in,
		       struct bytes *out, uint8_t type, const void *data,
		       size_t len)
{
	parse_header(sock, in);
	if (sock->sk_err)
		return -sock->sk_err;
	if (sock->nr_busy) {
		sock->nr_busy--;
		return -EAGAIN;
	}
	if (sock->max_send)
		len = keel__min_size(len, sock->max_send);
	put(sock, out, type, data, len);
	return (ssize_t)len;
}

/* The next whole record, opened; what does not open stays where it is. */
static int open_next(struct fake_ktls *sock, struct bytes *in)
{
	size_t len = parse_header(sock, in);
	struct keel__record record;
	uint8_t *copy;
	uint8_t alert;
	int r;

	if (!len || in->len < len)
		return -EAGAIN;
	copy = malloc(len);
	if (!copy)
		die("memory");
	memcpy(copy, in->data, len);
	r = keel__record_open(&sock->rx.t, sock->be, copy, len, &record,
			      &alert);
	if (r < 0) {
		free(copy);
		sock->sk_err = EBADMSG;
		return -EBADMSG;
	}
	bytes_drop(in, len);
	sock->text.len = 0;
	bytes_add(&sock->text, record.data, record.len);
	sock->text_type = record.type;
	sock->has_text = true;
	sock->rx.nr_recs++;
	/* tls_check_pending_rekey() */
	sock->is_paused = sock->can_rekey &&
			  sock->rx.t.suite->version == KEEL_TLS1_3 &&
			  record.type == KEEL__RECORD_HANDSHAKE && record.len &&
			  record.data[0] == KEY_UPDATE;
	free(copy);
	return 0;
}

static int want_text(struct fake_ktls *sock, struct bytes *in, bool is_end)
{
	int r = 0;

	while (!r && !sock->has_text) {
		if (sock->is_paused)
			return -EKEYEXPIRED;
		r = open_next(sock, in);
		/* Empty data is not told. */
		if (!r && sock->text_type == KEEL__RECORD_DATA &&
		    !sock->text.len)
			sock->has_text = false;
	}
	if (r != -EAGAIN)
		return r;
	if (sock->sk_err) {
		r = -sock->sk_err;
		sock->sk_err = 0;
		return r;
	}
	return is_end ? -ENODATA : -EAGAIN;
}

static size_t take_text(struct fake_ktls *sock, uint8_t *buf, size_t len)
{
	size_t n = keel__min_size(len, sock->text.len);

	if (n)
		memcpy(buf, sock->text.data, n);
	bytes_drop(&sock->text, n);
	sock->has_text = sock->text.len > 0;
	return n;
}

ssize_t fake_ktls_recv(struct fake_ktls *sock, struct bytes *in, bool is_end,
		       int *ret_type, uint8_t *buf, size_t len)
{
	size_t done;
	int r = 0;

	if (!sock->rx.t.suite)
		die("a receive of records without keys");
	*ret_type = -1;
	r = want_text(sock, in, is_end);
	if (r < 0)
		return r == -ENODATA ? 0 : r;
	*ret_type = sock->text_type;
	done = take_text(sock, buf, len);
	while (*ret_type == KEEL__RECORD_DATA && sock->merges && done < len) {
		r = want_text(sock, in, false);
		if (r < 0 || sock->text_type != KEEL__RECORD_DATA)
			break;
		done += take_text(sock, buf + done, len - done);
	}
	/* Told by the next one, since this one has something to tell. */
	if (r < 0 && r != -EAGAIN && r != -EKEYEXPIRED)
		sock->sk_err = -r;
	return (ssize_t)done;
}
