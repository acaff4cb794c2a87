/* SPDX-License-Identifier: MIT */
/* A backend in a file, good or bad as its macros say; see Makefile.am.inc. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <keel/backend.h>

#ifndef MODULE_NAME
#define MODULE_NAME "good"
#endif
#ifndef MODULE_PRIORITY
#define MODULE_PRIORITY 1000
#endif
#ifndef MODULE_VERSION
#define MODULE_VERSION "1"
#endif

/* Who loads it can see whether code of it ran. */
__attribute__((constructor)) static void loaded(void)
{
	setenv("KEEL_TEST_LOADED", MODULE_NAME, 1);
}

__attribute__((destructor)) static void unloaded(void)
{
	unsetenv("KEEL_TEST_LOADED");
}

#ifdef MODULE_BELOW
int keel_test_below(void);
#endif

static const char *version(void)
{
#ifdef MODULE_BELOW
	if (!keel_test_below())
		return NULL;
#endif
	return MODULE_VERSION;
}

static int ctx_new(const struct keel_backend_params *params,
		   struct keel_diag *ret_diag, void **ret_ctx)
{
	(void)params;
	(void)ret_diag;
	*ret_ctx = malloc(1);
	return *ret_ctx ? 0 : -ENOMEM;
}

static int hs_new(void *ctx, const struct keel_hs_params *params, void **ret_hs)
{
	(void)ctx;
	(void)params;
	(void)ret_hs;
	return -ENOSYS;
}

static int hs_step(void *hs, void *rec, size_t len, keel_sink_fn sink,
		   void *arg, struct keel_err *ret_err)
{
	(void)hs;
	(void)rec;
	(void)len;
	(void)sink;
	(void)arg;
	(void)ret_err;
	return -ENOSYS;
}

static int hs_info(void *hs, struct keel_hs_info *ret_info)
{
	(void)hs;
	(void)ret_info;
	return -ENOSYS;
}

static int hs_export(void *hs, enum keel_dir dir,
		     struct keel_export *ret_export)
{
	(void)hs;
	(void)dir;
	(void)ret_export;
	return -ENOSYS;
}

static int aead_new(enum keel_aead aead, const uint8_t *key, bool encrypt,
		    void **ret_aead)
{
	(void)aead;
	(void)key;
	(void)encrypt;
	(void)ret_aead;
	return -ENOTSUP;
}

static int aead_seal(void *aead, const uint8_t *nonce, const void *aad,
		     size_t aad_len, const struct iovec *in, size_t nr_in,
		     uint8_t *out)
{
	(void)aead;
	(void)nonce;
	(void)aad;
	(void)aad_len;
	(void)in;
	(void)nr_in;
	(void)out;
	return -ENOSYS;
}

static int aead_open(void *aead, const uint8_t *nonce, const void *aad,
		     size_t aad_len, const uint8_t *in, size_t len,
		     uint8_t *out)
{
	(void)aead;
	(void)nonce;
	(void)aad;
	(void)aad_len;
	(void)in;
	(void)len;
	(void)out;
	return -ENOSYS;
}

static int derive(enum keel_hash hash, const uint8_t *secret, size_t secret_len,
		  const uint8_t *seed, size_t seed_len, uint8_t *out,
		  size_t len)
{
	(void)hash;
	(void)secret;
	(void)secret_len;
	(void)seed;
	(void)seed_len;
	(void)out;
	(void)len;
	return -ENOSYS;
}

__attribute__((used)) static const struct keel_backend row = {
	.abi = KEEL_BACKEND_ABI,
	.sz = sizeof(row),
	.name = MODULE_NAME,
	.description = "a test",
	.caps = KEEL_CAP_SERVER | KEEL_CAP_CLIENT | KEEL_CAP_TLS1_2 |
		KEEL_CAP_TLS1_3,
	.priority = MODULE_PRIORITY,
#ifndef MODULE_GAP
	.build_version = version,
#endif
	.run_version = version,
	.ctx_new = ctx_new,
	.ctx_free = free,
	.hs_new = hs_new,
	.hs_step = hs_step,
	.hs_info = hs_info,
	.hs_export = hs_export,
	.hs_free = free,
	.aead_new = aead_new,
	.aead_seal = aead_seal,
	.aead_open = aead_open,
	.aead_free = free,
	.hkdf_expand = derive,
	.tls12_prf = derive,
};

#if defined(MODULE_NO_NOTE)
extern const struct keel_backend *const keel_backend_module;
__attribute__((visibility("default")))
const struct keel_backend *const keel_backend_module = &row;
#elif defined(MODULE_NO_SYMBOL)
#define keel_backend_module keel_backend_other
KEEL_BACKEND_MODULE(row);
#elif defined(MODULE_LIES)
static struct keel_backend lie;
__attribute__((constructor)) static void tell_a_lie(void)
{
	memcpy(&lie, &row, sizeof(lie));
	lie.abi = KEEL_BACKEND_ABI + 1;
}
KEEL_BACKEND_MODULE(lie);
#elif defined(MODULE_UNDEFINED)
extern const struct keel_backend keel_test_nowhere;
KEEL_BACKEND_MODULE(keel_test_nowhere);
#else
#ifdef MODULE_ABI
#undef KEEL_BACKEND_ABI
#define KEEL_BACKEND_ABI MODULE_ABI
#endif
#ifdef MODULE_SMALL
/* What the note takes the size of. */
#define keel_backend keel_backend_small
struct keel_backend {
	uint32_t abi;
};
static const struct keel_backend small;
KEEL_BACKEND_MODULE(small);
#else
KEEL_BACKEND_MODULE(row);
#endif
#endif
