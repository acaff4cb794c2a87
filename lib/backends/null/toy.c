/* SPDX-License-Identifier: MIT */
/* The null backend's "cryptography": NO SECURITY, it only looks like some. */
#include "lib/backends/null/null-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Everything here is one public, invertible 64-bit function. Who sees a record
 * can read it, change it and make new ones. It is there so that keel's record
 * engine can be tested without a library, and has the properties such tests
 * need and no other:
 *
 *  - the same input gives the same output, on every machine;
 *  - keys, nonces and labels that differ give other bytes;
 *  - a flipped bit anywhere in key, nonce, additional data, ciphertext or tag
 *    is always noticed: mix() is a bijection, so two inputs that differ within
 *    one 8-byte word never lead to the same state.
 *
 * A real backend has calls into its library in the place of all this.
 */

/* The finaliser of splitmix64 (Steele, Lea, Flood, OOPSLA 2014). */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* The word at @p, little endian, cut at @len bytes. */
static uint64_t word_at(const uint8_t *p, size_t len)
{
	uint64_t word = 0;

	for (size_t i = 0; i < len && i < 8; i++)
		word |= (uint64_t)p[i] << (8 * i);
	return word;
}

uint64_t keel__null_stir(uint64_t state, const void *data, size_t len)
{
	const uint8_t *p = data;

	/* The length first, or "ab" + "c" would be the same as "a" + "bc". */
	state = mix(state ^ len);
	for (size_t i = 0; i < len; i += 8)
		state = mix(state ^ word_at(p + i, len - i));
	return state;
}

/* Word number @i of what @state draws: steps of the golden ratio. */
static uint64_t draw_word(uint64_t state, uint64_t i)
{
	return mix(state + (i + 1) * UINT64_C(0x9e3779b97f4a7c15));
}

void keel__null_draw(uint64_t state, uint8_t *out, size_t len)
{
	uint64_t word = 0;

	for (size_t i = 0; i < len; i++) {
		if (i % 8 == 0)
			word = draw_word(state, i / 8);
		out[i] = (uint8_t)(word >> (8 * (i % 8)));
	}
}

/*
 * An AEAD object is used in one direction only; that lets a real backend keep
 * an expanded key and nothing else. This one notices when keel gets it wrong.
 */
struct aead {
	uint64_t state; /* algorithm and key */
	bool encrypt;
};

static size_t key_len(enum keel_aead aead)
{
	switch (aead) {
	case KEEL_AEAD_AES_128_GCM:
	case KEEL_AEAD_AES_128_CCM:
		return 16;
	case KEEL_AEAD_AES_256_GCM:
	case KEEL_AEAD_CHACHA20_POLY1305:
	case KEEL_AEAD_AES_256_CCM:
		return 32;
	}
	return 0;
}

int keel__null_aead_new(enum keel_aead aead, const uint8_t *key, bool encrypt,
			void **ret_aead)
{
	size_t len = key_len(aead);
	struct aead *a;

	if (!len)
		return -ENOTSUP;
	a = malloc(sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->state = keel__null_stir((uint64_t)aead, key, len);
	a->encrypt = encrypt;
	*ret_aead = a;
	return 0;
}

void keel__null_aead_free(void *aead)
{
	if (!aead)
		return;
	explicit_bzero(aead, sizeof(struct aead));
	free(aead);
}

/* XOR with what @state draws, from byte @pos of it on; @in may be @out. */
static void xor_stream(uint64_t state, size_t pos, const uint8_t *in,
		       size_t len, uint8_t *out)
{
	uint64_t word = draw_word(state, pos / 8);

	for (size_t i = 0; i < len; i++, pos++) {
		if (pos % 8 == 0)
			word = draw_word(state, pos / 8);
		out[i] = in[i] ^ (uint8_t)(word >> (8 * (pos % 8)));
	}
}

/* The tag covers the ciphertext, so that it is judged before decryption. */
static void make_tag(const struct aead *a, const uint8_t *nonce,
		     const void *aad, size_t aad_len, const uint8_t *data,
		     size_t len, uint8_t *ret_tag)
{
	uint64_t state = keel__null_stir(a->state, nonce, KEEL_NONCE_LEN);

	state = keel__null_stir(state, aad, aad_len);
	state = keel__null_stir(state, data, len);
	keel__null_draw(state, ret_tag, KEEL_TAG_LEN);
}

/* The keystream must differ from what the tag of an empty record shows. */
static uint64_t stream_state(const struct aead *a, const uint8_t *nonce)
{
	return ~keel__null_stir(a->state, nonce, KEEL_NONCE_LEN);
}

int keel__null_aead_seal(void *aead, const uint8_t *nonce, const void *aad,
			 size_t aad_len, const struct iovec *in, size_t nr_in,
			 uint8_t *out)
{
	const struct aead *a = aead;
	uint64_t state;
	size_t len = 0;

	if (!a->encrypt)
		return -EINVAL;
	state = stream_state(a, nonce);
	for (size_t i = 0; i < nr_in; i++) {
		xor_stream(state, len, in[i].iov_base, in[i].iov_len,
			   out + len);
		len += in[i].iov_len;
	}
	make_tag(a, nonce, aad, aad_len, out, len, out + len);
	return 0;
}

int keel__null_aead_open(void *aead, const uint8_t *nonce, const void *aad,
			 size_t aad_len, const uint8_t *in, size_t len,
			 uint8_t *out)
{
	const struct aead *a = aead;
	uint8_t tag[KEEL_TAG_LEN];

	if (a->encrypt)
		return -EINVAL;
	/* @len comes from a peer: never subtract before looking. */
	if (len < KEEL_TAG_LEN)
		return -EBADMSG;
	len -= KEEL_TAG_LEN;
	make_tag(a, nonce, aad, aad_len, in, len, tag);
	/* A real backend compares in constant time. */
	if (memcmp(tag, in + len, KEEL_TAG_LEN))
		return -EBADMSG;
	xor_stream(stream_state(a, nonce), 0, in, len, out);
	return 0;
}

static size_t hash_len(enum keel_hash hash)
{
	switch (hash) {
	case KEEL_HASH_SHA256:
		return 32;
	case KEEL_HASH_SHA384:
		return 48;
	}
	return 0;
}

/*
 * As with the real ones, the first bytes of a long output are the short output
 * of the same input.
 */
int keel__null_hkdf_expand(enum keel_hash hash, const uint8_t *prk,
			   size_t prk_len, const uint8_t *info, size_t info_len,
			   uint8_t *out, size_t len)
{
	uint64_t state = keel__null_stir((uint64_t)hash, "hkdf", 4);

	if (!hash_len(hash))
		return -ENOTSUP;
	if (len > 255 * hash_len(hash)) /* RFC 5869 section 2.3 */
		return -EINVAL;
	state = keel__null_stir(state, prk, prk_len);
	keel__null_draw(keel__null_stir(state, info, info_len), out, len);
	return 0;
}

int keel__null_tls12_prf(enum keel_hash hash, const uint8_t *secret,
			 size_t secret_len, const uint8_t *seed,
			 size_t seed_len, uint8_t *out, size_t len)
{
	uint64_t state = keel__null_stir((uint64_t)hash, "prf", 3);

	if (!hash_len(hash))
		return -ENOTSUP;
	state = keel__null_stir(state, secret, secret_len);
	keel__null_draw(keel__null_stir(state, seed, seed_len), out, len);
	return 0;
}
