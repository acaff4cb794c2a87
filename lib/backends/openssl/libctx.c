/* SPDX-License-Identifier: MIT */
/* A library context of our own, and when it is not to be used. */
#include "lib/backends/openssl/openssl-private.h"

#include <string.h>

#include <openssl/conf.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>

#include "lib/base/base-private.h"

/*
 * OpenSSL lets one implementation stand in for another in a library context,
 * for all who use that. So keel's handshakes have their own, and that of the
 * application stays as it is.
 */
static bool libctx_fill(struct keel__ossl_lib *lib)
{
	lib->dflt = OSSL_PROVIDER_load(lib->libctx, "default");
	if (!lib->dflt ||
	    !OSSL_PROVIDER_add_builtin(lib->libctx, KEEL__OSSL_PROVIDER,
				       keel__ossl_provider_init))
		return false;
	lib->own = OSSL_PROVIDER_load(lib->libctx, KEEL__OSSL_PROVIDER);
	return lib->own &&
	       EVP_set_default_properties(lib->libctx,
					  "?provider=" KEEL__OSSL_PROVIDER);
}

/* In the section that openssl.cnf names, what says nothing of algorithms. */
static bool is_harmless(const char *module)
{
	static const char *const modules[] = {
		"providers", /* judged by those that are active */
		"ssl_conf",  /* is of all library contexts */
		"oid_section",
	};

	for (size_t i = 0; i < KEEL__ARRAY_LEN(modules); i++) {
		if (!strcmp(module, modules[i]))
			return true;
	}
	return false;
}

static bool is_section_harmless(const CONF *conf)
{
	char *name = NCONF_get_string(conf, NULL, "openssl_conf");
	const STACK_OF(CONF_VALUE) *values =
		name ? NCONF_get_section(conf, name) : NULL;

	for (int i = 0; values && i < sk_CONF_VALUE_num(values); i++) {
		if (!is_harmless(sk_CONF_VALUE_value(values, i)->name))
			return false;
	}
	return true;
}

/*
 * A file that sets up engines, random numbers, or properties of algorithms does
 * so for the application's context only. OpenSSL does not say what it has read,
 * so the file is read again.
 */
static bool is_conf_harmless(void)
{
	char *file = CONF_get1_default_config_file();
	CONF *conf = NCONF_new(NULL);
	BIO *bio = file ? BIO_new_file(file, "r") : NULL;
	bool is_good = conf && file;
	long line;

	if (is_good && bio)
		is_good = NCONF_load_bio(conf, bio, &line) > 0 &&
			  is_section_harmless(conf);
	BIO_free(bio);
	NCONF_free(conf);
	OPENSSL_free(file);
	return is_good;
}

/*
 * Not a failure if it does not come to be: the application's does the same,
 * more slowly. Once in use it is never freed: threads that have drawn random
 * numbers in it still have those generators to free, at their ends.
 */
void keel__ossl_libctx_init(struct keel__ossl_lib *lib)
{
	if (is_conf_harmless())
		lib->libctx = OSSL_LIB_CTX_new();
	if (lib->libctx && !libctx_fill(lib))
		keel__ossl_libctx_fini(lib);
	for (size_t i = 0; i < KEEL__OSSL_NR_HASHES && lib->libctx; i++)
		keel__ossl_early_init(&lib->hashes[i]);
	ERR_clear_error();
}

void keel__ossl_libctx_fini(struct keel__ossl_lib *lib)
{
	if (lib->own)
		OSSL_PROVIDER_unload(lib->own);
	if (lib->dflt)
		OSSL_PROVIDER_unload(lib->dflt);
	OSSL_LIB_CTX_free(lib->libctx);
	lib->own = NULL;
	lib->dflt = NULL;
	lib->libctx = NULL;
}

static int judge_provider(OSSL_PROVIDER *provider, void *arg)
{
	static const char *const names[] = {"default", "base", "legacy"};
	const char *name = OSSL_PROVIDER_get0_name(provider);
	bool *ret_is_plain = arg;

	for (size_t i = 0; i < KEEL__ARRAY_LEN(names); i++) {
		if (!strcmp(name, names[i]))
			return 1;
	}
	*ret_is_plain = false;
	return 1;
}

/*
 * What is asked for without properties comes from the default provider: there
 * are no default properties, such as "fips=yes", to say otherwise.
 */
static bool is_default_first(void)
{
	EVP_MD *md = EVP_MD_fetch(NULL, "SHA256", NULL);
	bool is_default =
		md && !strcmp(OSSL_PROVIDER_get0_name(EVP_MD_get0_provider(md)),
			      "default");

	EVP_MD_free(md);
	return is_default;
}

/* The application has chosen nothing that its own context alone knows. */
static bool is_app_plain(void)
{
	bool is_plain = true;

	if (OSSL_LIB_CTX_set0_default(NULL) !=
	    OSSL_LIB_CTX_get0_global_default())
		return false;
	return OSSL_PROVIDER_do_all(NULL, judge_provider, &is_plain) &&
	       is_plain && is_default_first();
}

OSSL_LIB_CTX *keel__ossl_libctx_get(void)
{
	OSSL_LIB_CTX *libctx = keel__ossl_lib.libctx;

	if (libctx && !is_app_plain())
		libctx = NULL;
	ERR_clear_error();
	return libctx;
}
