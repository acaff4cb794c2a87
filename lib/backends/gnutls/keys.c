/* SPDX-License-Identifier: MIT */
/* What was agreed upon, and the keys. */
#include "lib/backends/gnutls/gnutls-private.h"

#include <errno.h>
#include <string.h>

#include "lib/base/secret-private.h"

static void keep(struct keel__gtls_secret *secret, const void *data, size_t len)
{
	if (!data || len > sizeof(secret->data))
		return;
	memcpy(secret->data, data, len);
	secret->len = len;
}

/*
 * The traffic secrets, which new keys are derived from (RFC 8446 section 7.2).
 * GnuTLS tells each when it begins to use it. Of TLS 1.2 there are none.
 */
int keel__gtls_on_secret(gnutls_session_t session,
			 gnutls_record_encryption_level_t level,
			 const void *secret_read, const void *secret_write,
			 size_t len)
{
	struct keel__gtls_hs *hs = gnutls_session_get_ptr(session);

	if (level != GNUTLS_ENCRYPTION_LEVEL_APPLICATION)
		return 0;
	keep(&hs->rx, secret_read, len);
	keep(&hs->tx, secret_write, len);
	return 0;
}

/* RFC 6066 section 4; step() has refused what is no such length. */
static uint16_t max_fragment(gnutls_session_t session)
{
	size_t len = gnutls_record_get_max_size(session);

	return len < KEEL_MAX_PLAINTEXT ? (uint16_t)len : 0;
}

int keel__gtls_hs_info(void *p, struct keel_hs_info *ret_info)
{
	struct keel__gtls_hs *hs = p;
	struct keel_hs_info info = {.suite = hs->suite};
	gnutls_datum_t alpn;

	if (!hs->is_done)
		return -ESTALE;
	if (gnutls_alpn_get_selected_protocol(hs->session, &alpn) >= 0) {
		info.alpn = alpn.data;
		info.alpn_len = alpn.size;
	}
	info.sni = hs->sni[0] ? hs->sni : NULL;
	info.version = hs->suite->version;
	info.max_fragment = max_fragment(hs->session);
	info.peer_verified = hs->is_verified;
	*ret_info = info;
	return 0;
}

static uint64_t number_of(const unsigned char *seq)
{
	uint64_t n = 0;

	for (size_t i = 0; i < 8; i++)
		n = n << 8 | seq[i];
	return n;
}

static int export_secret(const struct keel__gtls_hs *hs, enum keel_dir dir,
			 struct keel_export *export)
{
	const struct keel__gtls_secret *secret =
		dir == KEEL_TX ? &hs->tx : &hs->rx;

	if (secret->len != hs->suite->hash_len)
		return -EIO;
	export->kind = KEEL_EXPORT_TRAFFIC_SECRET;
	export->secret_len = secret->len;
	memcpy(export->secret, secret->data, secret->len);
	return 0;
}

/*
 * GnuTLS takes the record's number for the explicit nonce of TLS 1.2, so the
 * next number was never used, nor any above it.
 */
static int export_keys(const struct keel__gtls_hs *hs, enum keel_dir dir,
		       const gnutls_datum_t *iv, const gnutls_datum_t *key,
		       struct keel_export *export)
{
	if (key->size != hs->suite->key_len || iv->size > sizeof(export->iv))
		return -EIO;
	export->kind = KEEL_EXPORT_KEYS;
	memcpy(export->key, key->data, key->size);
	memcpy(export->iv, iv->data, iv->size);
	if (dir == KEEL_TX && hs->suite->aead != KEEL_AEAD_CHACHA20_POLY1305)
		export->explicit_nonce = export->seq;
	return 0;
}

int keel__gtls_hs_export(void *p, enum keel_dir dir,
			 struct keel_export *ret_export)
{
	struct keel__gtls_hs *hs = p;
	struct keel_export export = {.seq = 0};
	gnutls_datum_t mac;
	gnutls_datum_t iv;
	gnutls_datum_t key;
	unsigned char seq[8];
	int ret;

	if (dir != KEEL_TX && dir != KEEL_RX)
		return -EINVAL;
	if (!hs->is_done)
		return -ESTALE;
	/* These point into the session, which clears them. */
	if (gnutls_record_get_state(hs->session, dir == KEEL_RX, &mac, &iv,
				    &key, seq) < 0)
		return -EIO;
	export.seq = number_of(seq);
	if (hs->suite->version == KEEL_TLS1_3)
		ret = export_secret(hs, dir, &export);
	else
		ret = export_keys(hs, dir, &iv, &key, &export);
	if (!ret)
		*ret_export = export;
	keel__secret_clear(&export, sizeof(export));
	return ret;
}
