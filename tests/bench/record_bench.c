/* SPDX-License-Identifier: MIT */
/* Cost of the record engine, against the same AEAD called directly. */
#include <err.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/base-private.h"
#include "lib/core/record-private.h"
#include "lib/registry/registry-private.h"

/*
 * usage: record_bench [SECONDS]
 *
 * For each AEAD, version and size: seal in place, seal from other memory, open;
 * each by the engine and, as "raw", by EVP with the same lengths and nothing
 * else. SECONDS (0.2) is the time spent on each line. Blocks of engine calls
 * and of raw calls alternate, and the best of each counts: they are short, so
 * that some of them meet nothing else on the machine. Medians were tried, and
 * vary more. Opening needs a sealed record every time: it is put back with a
 * memcpy() that both sides pay.
 */

#define BLOCK_NS 500000
#define MAX_RECORD (KEEL__RECORD_HEADER_LEN + KEEL__RECORD_MAX_BODY)

static const struct keel_backend *const be = &keel__backend_openssl;

/* One byte more: the raw side seals that instead of a content type. */
static uint8_t payload[KEEL_MAX_PLAINTEXT + 1];
static uint8_t sealed[MAX_RECORD];
static uint8_t raw_sealed[MAX_RECORD];
static uint8_t work[MAX_RECORD + 64];

static const struct {
	const char *name;
	const char *cipher;
	uint16_t suite;
} rows[] = {
	{"TLS 1.3 AES-128-GCM", "AES-128-GCM", 0x1301},
	{"TLS 1.3 AES-256-GCM", "AES-256-GCM", 0x1302},
	{"TLS 1.3 ChaCha20-Poly1305", "ChaCha20-Poly1305", 0x1303},
	{"TLS 1.3 AES-128-CCM", "AES-128-CCM", 0x1304},
	{"TLS 1.2 AES-128-GCM", "AES-128-GCM", 0xc02f},
	{"TLS 1.2 AES-256-GCM", "AES-256-GCM", 0xc030},
	{"TLS 1.2 ChaCha20-Poly1305", "ChaCha20-Poly1305", 0xcca8},
	{"TLS 1.2 AES-256-CCM", "AES-256-CCM", 0xc0ad},
};

enum op { SEAL_IN_PLACE, SEAL_COPY, OPEN, NR_OPS };

static const char *const op_names[NR_OPS] = {
	[SEAL_IN_PLACE] = "seal in place",
	[SEAL_COPY] = "seal copying",
	[OPEN] = "open",
};

struct bench {
	const struct keel_suite *suite;
	enum op op;
	size_t len;
	size_t sealed_len;
	struct keel_traffic t;
	EVP_CIPHER_CTX *ctx;
	bool is_ccm;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * UINT64_C(1000000000) +
	       (uint64_t)ts.tv_nsec;
}

static void must(bool ok, const char *what)
{
	if (!ok)
		errx(1, "%s failed", what);
}

static void engine_once(struct bench *b)
{
	struct keel__record record;
	uint8_t alert;

	if (b->op == OPEN) {
		memcpy(work, sealed, b->sealed_len);
		b->t.seq = 0;
		must(!keel__record_open(&b->t, be, work, b->sealed_len, &record,
					&alert),
		     "open");
		return;
	}
	must(keel__record_seal(&b->t, be, KEEL__RECORD_DATA,
			       b->op == SEAL_COPY ? payload : NULL, b->len,
			       work) > 0,
	     "seal");
}

/*
 * The least that any user of EVP does: nonce, additional data, text, tag. The
 * text is as long as the engine's, the content type of TLS 1.3 included, in one
 * piece.
 */
static void raw_crypt(struct bench *b, const uint8_t *in, uint8_t *out)
{
	static const uint8_t nonce[KEEL_NONCE_LEN], aad[13];
	bool is_tls13 = b->suite->version == KEEL_TLS1_3,
	     is_open = b->op == OPEN;
	int len = (int)b->len + is_tls13, n;

	must(EVP_CipherInit_ex2(b->ctx, NULL, NULL, nonce, -1, NULL), "nonce");
	if (is_open)
		must(EVP_CIPHER_CTX_ctrl(b->ctx, EVP_CTRL_AEAD_SET_TAG,
					 KEEL_TAG_LEN, out + len) > 0,
		     "tag");
	if (b->is_ccm)
		must(EVP_CipherUpdate(b->ctx, NULL, &n, NULL, len), "length");
	must(EVP_CipherUpdate(b->ctx, NULL, &n, aad, is_tls13 ? 5 : 13), "aad");
	must(EVP_CipherUpdate(b->ctx, out, &n, in, len), "text");
	if (!b->is_ccm)
		must(EVP_CipherFinal_ex(b->ctx, out + len, &n), "final");
	if (!is_open)
		must(EVP_CIPHER_CTX_ctrl(b->ctx, EVP_CTRL_AEAD_GET_TAG,
					 KEEL_TAG_LEN, out + len) > 0,
		     "tag");
}

static void raw_once(struct bench *b)
{
	uint8_t *text = work + keel__record_prefix_len(b->suite);

	if (b->op == OPEN)
		memcpy(work, raw_sealed, b->sealed_len);
	raw_crypt(b, b->op == SEAL_COPY ? payload : text, text);
}

static void raw_init(struct bench *b, const char *cipher_name, bool encrypt)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, cipher_name, NULL);
	static const uint8_t key[KEEL_MAX_KEY_LEN];

	b->ctx = EVP_CIPHER_CTX_new();
	b->is_ccm = strstr(cipher_name, "CCM");
	must(cipher && b->ctx, cipher_name);
	must(EVP_CipherInit_ex2(b->ctx, cipher, NULL, NULL, encrypt, NULL) &&
		     EVP_CIPHER_CTX_ctrl(b->ctx, EVP_CTRL_AEAD_SET_IVLEN,
					 KEEL_NONCE_LEN, NULL) > 0,
	     cipher_name);
	if (b->is_ccm)
		must(EVP_CIPHER_CTX_ctrl(b->ctx, EVP_CTRL_AEAD_SET_TAG,
					 KEEL_TAG_LEN, NULL) > 0,
		     cipher_name);
	must(EVP_CipherInit_ex2(b->ctx, NULL, key, NULL, encrypt, NULL),
	     cipher_name);
	EVP_CIPHER_free(cipher);
}

static void engine_init(struct bench *b, enum keel_dir dir)
{
	static const struct keel_export ex = {.kind = KEEL_EXPORT_KEYS};

	must(!keel__traffic_init(&b->t, be, b->suite, KEEL_SERVER, dir, &ex),
	     "keys");
}

static void bench_fini(struct bench *b)
{
	keel__traffic_clear(&b->t, be);
	EVP_CIPHER_CTX_free(b->ctx);
}

/* The two records to open, one sealed by each side. */
static void bench_init(struct bench *b, const char *cipher_name)
{
	struct bench sealer = *b;
	ssize_t n;

	sealer.op = SEAL_COPY;
	engine_init(&sealer, KEEL_TX);
	raw_init(&sealer, cipher_name, true);
	n = keel__record_seal(&sealer.t, be, KEEL__RECORD_DATA, payload, b->len,
			      sealed);
	must(n > 0, "seal");
	b->sealed_len = (size_t)n;
	raw_crypt(&sealer, payload,
		  raw_sealed + keel__record_prefix_len(b->suite));
	bench_fini(&sealer);

	engine_init(b, b->op == OPEN ? KEEL_RX : KEEL_TX);
	raw_init(b, cipher_name, b->op != OPEN);
}

/* Nanoseconds a call, over a block that is long enough for the clock. */
static double block(struct bench *b, void (*once)(struct bench *b), long nr)
{
	uint64_t start = now_ns();

	for (long i = 0; i < nr; i++)
		once(b);
	return (double)(now_ns() - start) / (double)nr;
}

static void run(struct bench *b, size_t row, int nr_blocks)
{
	double engine = 1e12, raw = 1e12, once;
	long nr;

	bench_init(b, rows[row].cipher);
	block(b, engine_once, 10);
	nr = 1 + (long)(BLOCK_NS / block(b, raw_once, 10));
	for (int i = 0; i < nr_blocks; i++) {
		once = block(b, raw_once, nr);
		raw = once < raw ? once : raw;
		once = block(b, engine_once, nr);
		engine = once < engine ? once : engine;
	}
	printf("%-26s %6zu  %-13s %9.1f %9.1f %7.2f %+7.2f%%\n", rows[row].name,
	       b->len, op_names[b->op], engine, raw, (double)b->len / engine,
	       100.0 * (engine - raw) / raw);
	bench_fini(b);
}

int main(int argc, char **argv)
{
	static const size_t lens[] = {1024, 16384};
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 0.2;
	int nr_blocks = 1 + (int)(seconds * 1e9 / (2.0 * BLOCK_NS));
	char why[256] = "";

	if (be->init && be->init(why, sizeof(why)) < 0)
		errx(1, "%s", why);
	printf("# %s; one thread's CPU time; best of %d blocks of %d us\n",
	       OpenSSL_version(OPENSSL_VERSION), nr_blocks, BLOCK_NS / 1000);
	printf("%-26s %6s  %-13s %9s %9s %7s %8s\n", "# suite", "bytes",
	       "operation", "ns", "raw ns", "GB/s", "over raw");
	for (size_t i = 0; i < KEEL__ARRAY_LEN(rows); i++)
		for (size_t j = 0; j < KEEL__ARRAY_LEN(lens); j++)
			for (size_t op = 0; op < NR_OPS; op++) {
				struct bench b = {
					.suite =
						keel_suite_by_id(rows[i].suite),
					.op = (enum op)op,
					.len = lens[j],
				};

				run(&b, i, nr_blocks);
			}
	return 0;
}
