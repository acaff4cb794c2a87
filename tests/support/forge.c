/* SPDX-License-Identifier: MIT */
/* Protected records of any shape, also such as no honest peer sends. */
#include "tests/support/forge.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/crypto_row.h"

static void put(uint8_t *out, uint64_t value, size_t len)
{
	while (len) {
		out[--len] = (uint8_t)value;
		value >>= 8;
	}
}

size_t forge_record(const struct forge *f, uint8_t *out)
{
	bool is_tls13 = f->suite->version == KEEL_TLS1_3;
	bool is_chacha = f->suite->aead == KEEL_AEAD_CHACHA20_POLY1305;
	size_t nonce_len = is_tls13 || is_chacha ? 0 : 8;
	size_t total = 5 + nonce_len + f->len + KEEL_TAG_LEN;
	uint8_t nonce[12], aad[13], seq[8];
	struct iovec text = {.iov_base = (void *)(uintptr_t)f->text,
			     .iov_len = f->len};
	void *aead;

	out[0] = f->type;
	put(out + 1, f->version, 2);
	put(out + 3, total - 5, 2);
	put(out + 5, f->nonce, nonce_len);

	put(seq, f->seq, 8);
	memcpy(nonce, f->iv, nonce_len ? 4 : 12);
	for (size_t i = 0; i < 8; i++)
		nonce[4 + i] = nonce_len ? out[5 + i] : nonce[4 + i] ^ seq[i];
	memcpy(aad, is_tls13 ? out : seq, is_tls13 ? 5 : 8);
	if (!is_tls13) {
		memcpy(aad + 8, out, 3);
		put(aad + 11, f->len, 2);
	}
	if (crypto_row.aead_new(f->suite->aead, f->key, true, &aead) < 0 ||
	    crypto_row.aead_seal(aead, nonce, aad, is_tls13 ? 5 : 13, &text,
				 text.iov_base ? 1 : 0,
				 out + 5 + nonce_len) < 0)
		abort();
	crypto_row.aead_free(aead);
	return total;
}
