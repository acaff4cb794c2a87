/* SPDX-License-Identifier: MIT */
/* The BIO between an SSL object and keel: one record in, a sink out. */
#include "lib/backends/openssl/openssl-private.h"

#include <errno.h>
#include <string.h>

#include "lib/base/base-private.h"

/*
 * Serves the bytes of the one record that hs_step() was given, and no other:
 * what follows it belongs to the record engine.
 */
static int record_read(BIO *bio, char *buf, int len)
{
	struct keel__ossl_hs *hs = BIO_get_data(bio);
	size_t n;

	BIO_clear_retry_flags(bio);
	if (len <= 0)
		return 0;
	if (!hs->in_len) {
		BIO_set_retry_read(bio);
		return -1;
	}
	n = keel__min_size((size_t)len, hs->in_len);
	memcpy(buf, hs->in, n);
	hs->in += n;
	hs->in_len -= n;
	return (int)n;
}

/* Follow the record framing: hs_export() wants the last record's start. */
static void track_records(struct keel__ossl_hs *hs, const uint8_t *data,
			  size_t len)
{
	size_t room;
	size_t n;

	while (len) {
		if (hs->nr_out_head >= KEEL__OSSL_HEADER_LEN && !hs->out_left)
			hs->nr_out_head = 0;
		if (hs->nr_out_head < KEEL__OSSL_HEADER_LEN) {
			hs->out_head[hs->nr_out_head++] = *data++;
			len--;
			if (hs->nr_out_head == KEEL__OSSL_HEADER_LEN)
				hs->out_left = (size_t)(hs->out_head[3] << 8 |
							hs->out_head[4]);
			continue;
		}
		n = keel__min_size(len, hs->out_left);
		room = keel__min_size(n,
				      sizeof(hs->out_head) - hs->nr_out_head);
		memcpy(hs->out_head + hs->nr_out_head, data, room);
		hs->nr_out_head = (uint8_t)(hs->nr_out_head + room);
		hs->out_left -= n;
		data += n;
		len -= n;
	}
}

/*
 * OpenSSL puts its own buffer in front of this during a handshake, so a flight
 * arrives in one piece, or in pieces of 4 KiB.
 */
static int record_write(BIO *bio, const char *buf, int len)
{
	struct keel__ossl_hs *hs = BIO_get_data(bio);
	int r;

	BIO_clear_retry_flags(bio);
	if (len <= 0)
		return 0;
	if (!hs->sink)
		return len;
	track_records(hs, (const uint8_t *)buf, (size_t)len);
	r = hs->sink(hs->sink_arg, buf, (size_t)len);
	if (r < 0) {
		hs->sink_err = r;
		return -1;
	}
	return len;
}

static long record_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	(void)bio;
	(void)num;
	(void)ptr;
	return cmd == BIO_CTRL_FLUSH;
}

BIO_METHOD *keel__ossl_bio_method_new(void)
{
	int type = BIO_get_new_index();
	BIO_METHOD *method;

	if (type < 0)
		return NULL;
	method = BIO_meth_new(type | BIO_TYPE_SOURCE_SINK, "keel record");
	if (!method)
		return NULL;
	if (!BIO_meth_set_read(method, record_read) ||
	    !BIO_meth_set_write(method, record_write) ||
	    !BIO_meth_set_ctrl(method, record_ctrl)) {
		BIO_meth_free(method);
		return NULL;
	}
	return method;
}
