/* SPDX-License-Identifier: MIT */
/* The OpenSSL backend's row, and what it fetches once. */
#include "lib/backends/openssl/openssl-private.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

struct keel__ossl_lib keel__ossl_lib;

static const char *build_version(void)
{
	return OPENSSL_VERSION_STR;
}

static const char *run_version(void)
{
	return OpenSSL_version(OPENSSL_VERSION_STRING);
}

static void lib_fini(struct keel__ossl_lib *lib)
{
	for (size_t i = 0; i < KEEL__OSSL_NR_AEADS; i++)
		EVP_CIPHER_free(lib->ciphers[i]);
	keel__ossl_libctx_fini(lib);
	keel__ossl_kdf_fini(lib);
	BIO_meth_free(lib->bio_method);
	*lib = (struct keel__ossl_lib){.bio_method = NULL};
}

static int lib_init(struct keel__ossl_lib *lib, const char **ret_what)
{
	int r;

	*ret_what = "libssl";
	if (!OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS |
				      OPENSSL_INIT_LOAD_CRYPTO_STRINGS,
			      NULL))
		return -EIO;
	*ret_what = "AES-GCM";
	r = keel__ossl_aead_init(lib);
	if (r < 0)
		return r;
	*ret_what = "SHA-256 and SHA-384";
	r = keel__ossl_kdf_init(lib);
	if (r < 0)
		return r;
	*ret_what = "a BIO method";
	lib->bio_method = keel__ossl_bio_method_new();
	if (!lib->bio_method)
		return -ENOMEM;
	keel__ossl_libctx_init(lib);
	return 0;
}

/*
 * Several threads may arrive at once, and an attempt that failed (a provider
 * missing from openssl.cnf, say) may succeed later.
 */
static int init(char *ret_why, size_t why_len)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static bool is_ready;
	struct keel__ossl_lib lib = {.bio_method = NULL};
	const char *what;
	const char *text;
	long native;
	int r = 0;

	pthread_mutex_lock(&lock);
	if (!is_ready)
		r = lib_init(&lib, &what);
	if (!is_ready && !r) {
		keel__ossl_lib = lib;
		is_ready = true;
	} else if (r < 0) {
		lib_fini(&lib);
		text = keel__ossl_error_take(&native);
		snprintf(ret_why, why_len,
			 "OpenSSL has no %s (%s): check its providers in "
			 "openssl.cnf",
			 what, text);
	}
	pthread_mutex_unlock(&lock);
	return r;
}

const struct keel_backend keel__backend_openssl = {
	.abi = KEEL_BACKEND_ABI,
	.sz = sizeof(struct keel_backend),
	.name = "openssl",
	.description = "OpenSSL 3 (libssl and libcrypto)",
	.caps = KEEL_CAP_SERVER | KEEL_CAP_CLIENT | KEEL_CAP_TLS1_2 |
		KEEL_CAP_TLS1_3 | KEEL_CAP_ALPN | KEEL_CAP_SNI |
		KEEL_CAP_VERIFY | KEEL_CAP_SYSTEM_CA | KEEL_CAP_RESUME |
		KEEL_CAP_SELF_SIGNED,
	.priority = 100,
	.build_version = build_version,
	.run_version = run_version,
	.init = init,
	.ctx_new = keel__ossl_ctx_new,
	.ctx_free = keel__ossl_ctx_free,
	.ctx_cert_info = keel__ossl_ctx_cert_info,
	.hs_new = keel__ossl_hs_new,
	.hs_step = keel__ossl_hs_step,
	.hs_info = keel__ossl_hs_info,
	.hs_export = keel__ossl_hs_export,
	.hs_ticket = keel__ossl_hs_ticket,
	.hs_session = keel__ossl_hs_session,
	.hs_issue = keel__ossl_hs_issue,
	.hs_free = keel__ossl_hs_free,
	.aead_new = keel__ossl_aead_new,
	.aead_seal = keel__ossl_aead_seal,
	.aead_open = keel__ossl_aead_open,
	.aead_free = keel__ossl_aead_free,
	.hkdf_expand = keel__ossl_hkdf_expand,
	.tls12_prf = keel__ossl_tls12_prf,
	.self_signed = keel__ossl_self_signed,
};
