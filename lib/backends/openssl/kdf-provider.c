/* SPDX-License-Identifier: MIT */
/* A provider inside keel: the TLS 1.3 key schedule, cheap and overheard. */
#include "lib/backends/openssl/openssl-private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/proverr.h>

#include "lib/base/base-private.h"
#include "lib/base/secret-private.h"

/*
 * libssl asks a provider for every step of the key schedule (RFC 8446 section
 * 7.1). OpenSSL's own TLS13-KDF sets up a generic HMAC for each, and the
 * traffic secrets, which keel goes on with, come out of libssl only through
 * the key log, as text. This one needs neither.
 *
 * keel's own contexts ask for it by a property of its own, which they would
 * rather have: "provider" would take the place of a "provider" among the
 * default properties. What these properties demand comes first, so that under
 * "fips=yes" OpenSSL's serves; keys.c then takes the key log. Others who use
 * the default library context could choose it as well, so it computes whatever
 * OpenSSL's does.
 */
#define PROVIDER "keel"
#define PROPERTIES "provider=" PROVIDER ",keel.kdf=yes"

/* What a handshake sets is not longer, but for some secrets of key shares. */
#define SMALL_LEN 64

/* HkdfLabel: two bytes of length and two vectors, each with a byte of its. */
#define MAX_LABEL_LEN (2 + 1 + UINT8_MAX + 1 + UINT8_MAX)

enum field { KEY, SALT, PREFIX, LABEL, DATA, NR_FIELDS };

/* A parameter; @data is NULL if it was not set. */
struct field_value {
	uint8_t *data; /* @small, or on the heap */
	size_t len;
	uint8_t small[SMALL_LEN];
};

struct kdf {
	int mode; /* 0, extract and expand, is none of TLS 1.3 */
	const struct keel__ossl_hash *hash;
	struct keel__ossl_hash
		fetched; /* what @hash is, if not the library's */
	struct field_value fields[NR_FIELDS];
};

static OSSL_FUNC_kdf_newctx_fn kdf_new;
static OSSL_FUNC_kdf_dupctx_fn kdf_dup;
static OSSL_FUNC_kdf_freectx_fn kdf_free;
static OSSL_FUNC_kdf_reset_fn kdf_reset;
static OSSL_FUNC_kdf_derive_fn kdf_derive;
static OSSL_FUNC_kdf_settable_ctx_params_fn kdf_settable;
static OSSL_FUNC_kdf_set_ctx_params_fn kdf_set;
static OSSL_FUNC_kdf_gettable_ctx_params_fn kdf_gettable;
static OSSL_FUNC_kdf_get_ctx_params_fn kdf_get;
static OSSL_FUNC_provider_gettable_params_fn provider_gettable;
static OSSL_FUNC_provider_get_params_fn provider_get;
static OSSL_FUNC_provider_query_operation_fn provider_query;
static OSSL_provider_init_fn provider_init;

static int fail(int reason)
{
	ERR_raise(ERR_LIB_PROV, reason);
	return 0;
}

static void field_clear(struct field_value *field)
{
	if (!field->data)
		return;
	keel__secret_clear(field->data, field->len);
	if (field->data != field->small)
		free(field->data);
	field->data = NULL;
	field->len = 0;
}

static int field_set(struct field_value *field, const void *data, size_t len)
{
	field_clear(field);
	field->data = len <= SMALL_LEN ? field->small : malloc(len);
	if (!field->data)
		return fail(ERR_R_MALLOC_FAILURE);
	if (len)
		memcpy(field->data, data, len);
	field->len = len;
	return 1;
}

static void hash_clear(struct kdf *kdf)
{
	EVP_MD_free(kdf->fetched.md);
	kdf->fetched.md = NULL;
	kdf->hash = NULL;
}

static void kdf_reset(void *p)
{
	struct kdf *kdf = p;

	for (size_t i = 0; i < NR_FIELDS; i++)
		field_clear(&kdf->fields[i]);
	hash_clear(kdf);
	kdf->mode = EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND;
}

static void *kdf_new(void *provider)
{
	(void)provider;
	return calloc(1, sizeof(struct kdf));
}

static void kdf_free(void *p)
{
	if (!p)
		return;
	kdf_reset(p);
	free(p);
}

static void *kdf_dup(void *p)
{
	const struct kdf *from = p;
	struct kdf *kdf = kdf_new(NULL);

	if (!kdf)
		return NULL;
	kdf->mode = from->mode;
	kdf->hash = from->hash;
	if (from->fetched.md) {
		if (!EVP_MD_up_ref(from->fetched.md)) {
			kdf_free(kdf);
			return NULL;
		}
		kdf->fetched = from->fetched;
		kdf->hash = &kdf->fetched;
	}
	for (size_t i = 0; i < NR_FIELDS; i++) {
		if (from->fields[i].data &&
		    !field_set(&kdf->fields[i], from->fields[i].data,
			       from->fields[i].len)) {
			kdf_free(kdf);
			return NULL;
		}
	}
	return kdf;
}

/* libssl says the name that the hash has first, so look for that first. */
static const struct keel__ossl_hash *hash_find(const char *name)
{
	const struct keel__ossl_hash *hashes = keel__ossl_lib.hashes;

	for (size_t i = 0; i < KEEL__OSSL_NR_HASHES; i++) {
		if (hashes[i].md &&
		    !strcasecmp(EVP_MD_get0_name(hashes[i].md), name))
			return &hashes[i];
	}
	for (size_t i = 0; i < KEEL__OSSL_NR_HASHES; i++) {
		if (hashes[i].md && EVP_MD_is_a(hashes[i].md, name))
			return &hashes[i];
	}
	return NULL;
}

/* A hash that no suite of keel has, or one of certain properties. */
static int hash_fetch(struct kdf *kdf, const char *name, const char *properties)
{
	EVP_MD *md = EVP_MD_fetch(NULL, name, properties);

	if (!md)
		return fail(PROV_R_INVALID_DIGEST);
	if (!keel__ossl_hash_init(&kdf->fetched, md)) {
		EVP_MD_free(md);
		return fail(PROV_R_INVALID_DIGEST);
	}
	kdf->hash = &kdf->fetched;
	return 1;
}

static int set_hash(struct kdf *kdf, const OSSL_PARAM *param,
		    const OSSL_PARAM *all)
{
	const OSSL_PARAM *other =
		OSSL_PARAM_locate_const(all, OSSL_KDF_PARAM_PROPERTIES);
	const char *properties = NULL;
	const char *name;

	if (!OSSL_PARAM_get_utf8_string_ptr(param, &name) || !name ||
	    (other && !OSSL_PARAM_get_utf8_string_ptr(other, &properties)))
		return fail(PROV_R_INVALID_DIGEST);
	hash_clear(kdf);
	if (!properties)
		kdf->hash = hash_find(name);
	return kdf->hash ? 1 : hash_fetch(kdf, name, properties);
}

static const struct {
	int mode;
	const char *name;
} modes[] = {
	{EVP_KDF_HKDF_MODE_EXTRACT_ONLY, "EXTRACT_ONLY"},
	{EVP_KDF_HKDF_MODE_EXPAND_ONLY, "EXPAND_ONLY"},
};

/* A name or a number. */
static int set_mode(struct kdf *kdf, const OSSL_PARAM *param)
{
	const char *name = NULL;
	int mode = -1;

	if (!OSSL_PARAM_get_utf8_string_ptr(param, &name) &&
	    !OSSL_PARAM_get_int(param, &mode))
		return fail(PROV_R_INVALID_MODE);
	for (size_t i = 0; i < KEEL__ARRAY_LEN(modes); i++) {
		if (name ? !strcasecmp(name, modes[i].name)
			 : mode == modes[i].mode) {
			kdf->mode = modes[i].mode;
			return 1;
		}
	}
	return fail(PROV_R_INVALID_MODE);
}

static const char *const field_names[] = {
	[KEY] = OSSL_KDF_PARAM_KEY,	  [SALT] = OSSL_KDF_PARAM_SALT,
	[PREFIX] = OSSL_KDF_PARAM_PREFIX, [LABEL] = OSSL_KDF_PARAM_LABEL,
	[DATA] = OSSL_KDF_PARAM_DATA,
};

/* What is of no use here is left alone, as providers do. */
static int set_field(struct kdf *kdf, const OSSL_PARAM *param)
{
	const void *data;
	size_t len;

	for (size_t i = 0; i < NR_FIELDS; i++) {
		if (strcmp(param->key, field_names[i]))
			continue;
		if (!OSSL_PARAM_get_octet_string_ptr(param, &data, &len) ||
		    (!data && len))
			return fail(PROV_R_INVALID_DATA);
		/* OpenSSL takes an empty salt for none. */
		if (i == SALT && !len)
			return 1;
		return field_set(&kdf->fields[i], data, len);
	}
	return 1;
}

static int kdf_set(void *p, const OSSL_PARAM params[])
{
	struct kdf *kdf = p;
	int ok = 1;

	if (!params)
		return 1;
	/* The transcript is of one step: OpenSSL does not keep it either. */
	field_clear(&kdf->fields[DATA]);
	for (const OSSL_PARAM *param = params; ok && param->key; param++) {
		if (!strcmp(param->key, OSSL_KDF_PARAM_MODE))
			ok = set_mode(kdf, param);
		else if (!strcmp(param->key, OSSL_KDF_PARAM_DIGEST))
			ok = set_hash(kdf, param, params);
		else
			ok = set_field(kdf, param);
	}
	return ok;
}

static const OSSL_PARAM *kdf_settable(void *kdf, void *provider)
{
	static const OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_MODE, NULL, 0),
		OSSL_PARAM_int(OSSL_KDF_PARAM_MODE, NULL),
		OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_PROPERTIES, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_SALT, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_PREFIX, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_LABEL, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_DATA, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)kdf;
	(void)provider;
	return params;
}

static int kdf_get(void *p, OSSL_PARAM params[])
{
	const struct kdf *kdf = p;
	OSSL_PARAM *param = OSSL_PARAM_locate(params, OSSL_KDF_PARAM_SIZE);

	if (!param)
		return 1;
	/* What is expanded is as long as one likes. */
	if (kdf->mode != EVP_KDF_HKDF_MODE_EXTRACT_ONLY)
		return OSSL_PARAM_set_size_t(param, SIZE_MAX);
	if (!kdf->hash)
		return fail(PROV_R_MISSING_MESSAGE_DIGEST);
	return OSSL_PARAM_set_size_t(param, kdf->hash->len);
}

static const OSSL_PARAM *kdf_gettable(void *kdf, void *provider)
{
	static const OSSL_PARAM params[] = {
		OSSL_PARAM_size_t(OSSL_KDF_PARAM_SIZE, NULL),
		OSSL_PARAM_END,
	};

	(void)kdf;
	(void)provider;
	return params;
}

static uint8_t *put(uint8_t *out, const void *data, size_t len)
{
	if (len)
		memcpy(out, data, len);
	return out + len;
}

/* HKDF-Expand-Label(key, label, data, len): RFC 8446 section 7.1. */
static int expand_label(const struct kdf *kdf,
			const struct keel__ossl_part *key,
			const struct keel__ossl_part *data, uint8_t *out,
			size_t len)
{
	const struct field_value *prefix = &kdf->fields[PREFIX];
	const struct field_value *label = &kdf->fields[LABEL];
	uint8_t text[MAX_LABEL_LEN];
	struct keel__ossl_part info = {text, 0};
	uint8_t *end = text;

	if (!key->data)
		return fail(PROV_R_MISSING_KEY);
	if (prefix->len > UINT8_MAX || label->len > UINT8_MAX - prefix->len ||
	    data->len > UINT8_MAX || len > UINT8_MAX * kdf->hash->len)
		return fail(PROV_R_LENGTH_TOO_LARGE);
	*end++ = (uint8_t)(len >> 8);
	*end++ = (uint8_t)len;
	*end++ = (uint8_t)(prefix->len + label->len);
	end = put(end, prefix->data, prefix->len);
	end = put(end, label->data, label->len);
	*end++ = (uint8_t)data->len;
	end = put(end, data->data, data->len);
	info.len = (size_t)(end - text);
	return keel__ossl_expand(kdf->hash, key, &info, out, len);
}

/*
 * The next secret of the key schedule: HKDF-Extract of the key, the salt being
 * Derive-Secret(salt, "derived", ""). In place of what there is not, the zeros
 * of a hash: RFC 8446 section 7.1.
 */
static int extract(const struct kdf *kdf, uint8_t *out, size_t len)
{
	static const uint8_t zeros[EVP_MAX_MD_SIZE];
	const struct keel__ossl_hash *hash = kdf->hash;
	const struct keel__ossl_part nothing = {hash->of_nothing, hash->len};
	struct keel__ossl_part key = {kdf->fields[KEY].data,
				      kdf->fields[KEY].len};
	struct keel__ossl_part salt = {kdf->fields[SALT].data,
				       kdf->fields[SALT].len};
	uint8_t derived[EVP_MAX_MD_SIZE];
	int ok = 1;

	if (len != hash->len)
		return fail(PROV_R_WRONG_OUTPUT_BUFFER_SIZE);
	if (!key.data)
		key = (struct keel__ossl_part){zeros, hash->len};
	if (salt.data) {
		ok = expand_label(kdf, &salt, &nothing, derived, hash->len);
		salt = (struct keel__ossl_part){derived, hash->len};
	} else {
		salt = (struct keel__ossl_part){zeros, hash->len};
	}
	ok = ok && keel__ossl_hmac(hash, &salt, &key, out);
	keel__secret_clear(derived, sizeof(derived));
	return ok;
}

static int expand(const struct kdf *kdf, uint8_t *out, size_t len)
{
	const struct field_value *label = &kdf->fields[LABEL];
	const struct keel__ossl_part key = {kdf->fields[KEY].data,
					    kdf->fields[KEY].len};
	const struct keel__ossl_part data = {kdf->fields[DATA].data,
					     kdf->fields[DATA].len};

	if (!expand_label(kdf, &key, &data, out, len))
		return 0;
	keel__ossl_on_secret(label->data, label->len, out, len);
	return 1;
}

static int kdf_derive(void *p, unsigned char *out, size_t len,
		      const OSSL_PARAM params[])
{
	struct kdf *kdf = p;

	if (!kdf_set(kdf, params))
		return 0;
	if (!kdf->hash)
		return fail(PROV_R_MISSING_MESSAGE_DIGEST);
	if (kdf->mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY)
		return extract(kdf, out, len);
	if (kdf->mode == EVP_KDF_HKDF_MODE_EXPAND_ONLY)
		return expand(kdf, out, len);
	return fail(PROV_R_INVALID_MODE);
}

#define ROW(id, fn) \
	{ \
		(id), (void (*)(void))(fn) \
	}

static const OSSL_DISPATCH kdf_functions[] = {
	ROW(OSSL_FUNC_KDF_NEWCTX, kdf_new),
	ROW(OSSL_FUNC_KDF_DUPCTX, kdf_dup),
	ROW(OSSL_FUNC_KDF_FREECTX, kdf_free),
	ROW(OSSL_FUNC_KDF_RESET, kdf_reset),
	ROW(OSSL_FUNC_KDF_DERIVE, kdf_derive),
	ROW(OSSL_FUNC_KDF_SETTABLE_CTX_PARAMS, kdf_settable),
	ROW(OSSL_FUNC_KDF_SET_CTX_PARAMS, kdf_set),
	ROW(OSSL_FUNC_KDF_GETTABLE_CTX_PARAMS, kdf_gettable),
	ROW(OSSL_FUNC_KDF_GET_CTX_PARAMS, kdf_get),
	{0, NULL},
};

static const OSSL_ALGORITHM kdfs[] = {
	{OSSL_KDF_NAME_TLS1_3_KDF, PROPERTIES, kdf_functions,
	 "key schedule of TLS 1.3"},
	{NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM *provider_query(void *provider, int operation,
					    int *ret_no_cache)
{
	(void)provider;
	*ret_no_cache = 0;
	return operation == OSSL_OP_KDF ? kdfs : NULL;
}

static const OSSL_PARAM *provider_gettable(void *provider)
{
	static const OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_NAME, NULL, 0),
		OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, NULL),
		OSSL_PARAM_END,
	};

	(void)provider;
	return params;
}

static int provider_get(void *provider, OSSL_PARAM params[])
{
	OSSL_PARAM *name = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_NAME);
	OSSL_PARAM *status = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS);

	(void)provider;
	return (!name || OSSL_PARAM_set_utf8_ptr(name, "keel key schedule")) &&
	       (!status || OSSL_PARAM_set_int(status, 1));
}

static const OSSL_DISPATCH provider_functions[] = {
	ROW(OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, provider_gettable),
	ROW(OSSL_FUNC_PROVIDER_GET_PARAMS, provider_get),
	ROW(OSSL_FUNC_PROVIDER_QUERY_OPERATION, provider_query),
	{0, NULL},
};

/* Its address tells this copy of keel from others in the process. */
static char provider_mark;

static int provider_init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in,
			 const OSSL_DISPATCH **ret_functions,
			 void **ret_provider)
{
	(void)core;
	(void)in;
	*ret_functions = provider_functions;
	*ret_provider = &provider_mark;
	return 1;
}

/* Whether what @query finds at this moment is this provider's. */
static bool is_ours(const char *query)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_TLS1_3_KDF, query);
	bool ours =
		kdf && OSSL_PROVIDER_get0_provider_ctx(
			       EVP_KDF_get0_provider(kdf)) == &provider_mark;

	EVP_KDF_free(kdf);
	return ours;
}

/*
 * Into the default library context, for good; libkeel is linked not to be
 * unloaded. The first fetch has OpenSSL's own KDF come before keel's, which
 * keeps it what others get who do not choose. The 1 keeps OpenSSL's default
 * provider one that loads when it is first asked for. NULL leaves keel with
 * the key log.
 */
OSSL_PROVIDER *keel__ossl_provider_load(void)
{
	OSSL_PROVIDER *provider = NULL;
	EVP_KDF *first;

	if (EVP_default_properties_is_fips_enabled(NULL))
		return NULL;
	first = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_TLS1_3_KDF, NULL);
	if (first && OSSL_PROVIDER_add_builtin(NULL, PROVIDER, provider_init))
		provider = OSSL_PROVIDER_try_load(NULL, PROVIDER, 1);
	if (provider && is_ours(NULL)) {
		OSSL_PROVIDER_unload(provider);
		provider = NULL;
	}
	EVP_KDF_free(first);
	ERR_clear_error();
	return provider;
}

/* Default properties may have changed, or bar it: see what would be used. */
bool keel__ossl_provider_is_used(void)
{
	bool is_used = keel__ossl_lib.provider &&
		       !EVP_default_properties_is_fips_enabled(NULL) &&
		       is_ours(KEEL__OSSL_KDF_QUERY);

	ERR_clear_error();
	return is_used;
}
