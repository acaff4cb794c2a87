/* SPDX-License-Identifier: MIT */
/* OpenSSL's TLS13-KDF once more, as a provider, without its look-ups. */
#include "lib/backends/openssl/openssl-private.h"

#include <string.h>
#include <strings.h>

#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/proverr.h>

#include "lib/base/base-private.h"
#include "lib/base/secret-private.h"

/* struct HkdfLabel of RFC 8446 section 7.1, at its longest. */
#define MAX_INFO_LEN (2 + 1 + 255 + 1 + 255)

enum part {
	PART_KEY,
	PART_SALT,
	PART_PREFIX,
	PART_LABEL,
	PART_DATA,
	NR_PARTS,
};

static const char *const part_names[NR_PARTS] = {
	[PART_KEY] = OSSL_KDF_PARAM_KEY,
	[PART_SALT] = OSSL_KDF_PARAM_SALT,
	[PART_PREFIX] = OSSL_KDF_PARAM_PREFIX,
	[PART_LABEL] = OSSL_KDF_PARAM_LABEL,
	[PART_DATA] = OSSL_KDF_PARAM_DATA,
};

/* What OpenSSL calls the hashes that are always at hand. */
static const struct {
	const char *name;
	enum keel_hash hash;
} hash_names[] = {
	{"SHA2-256", KEEL_HASH_SHA256},
	{"SHA2-384", KEEL_HASH_SHA384},
	{"SHA256", KEEL_HASH_SHA256},
	{"SHA384", KEEL_HASH_SHA384},
};

/*
 * A context, or one call's view of it, in which some parts are the caller's.
 * The data of a part that was not given is NULL.
 */
struct kdf {
	OSSL_LIB_CTX *libctx;
	int mode;
	struct keel__ossl_hash hash;
	EVP_MD *fetched; /* of hash, if that is not one of keel__ossl_lib */
	struct keel__ossl_bytes parts[NR_PARTS];
	void *copies[NR_PARTS]; /* of the context: what its parts are */
};

static int failed(int reason)
{
	ERR_raise(ERR_LIB_PROV, reason);
	return 0;
}

/* Any other hash, or properties: not from TLS 1.3, but allowed. */
static int hash_fetch(struct kdf *kdf, const char *name, const char *properties)
{
	EVP_MD *md = EVP_MD_fetch(kdf->libctx, name, properties);

	if (!md)
		return 0;
	EVP_MD_free(kdf->fetched);
	kdf->fetched = md;
	if (!keel__ossl_hash_init(&kdf->hash, md))
		return failed(PROV_R_INVALID_DIGEST);
	return 1;
}

static int hash_set(struct kdf *kdf, const char *name, const char *properties)
{
	for (size_t i = 0; i < KEEL__ARRAY_LEN(hash_names) && !properties;
	     i++) {
		if (strcasecmp(name, hash_names[i].name) != 0)
			continue;
		kdf->hash = keel__ossl_lib.hashes[hash_names[i].hash];
		return 1;
	}
	return hash_fetch(kdf, name, properties);
}

static int mode_set(struct kdf *kdf, const OSSL_PARAM *param)
{
	const char *name;

	if (param->data_type != OSSL_PARAM_UTF8_STRING) {
		if (!OSSL_PARAM_get_int(param, &kdf->mode))
			return failed(PROV_R_INVALID_MODE);
		return 1;
	}
	if (!OSSL_PARAM_get_utf8_string_ptr(param, &name))
		return failed(PROV_R_INVALID_MODE);
	if (!strcasecmp(name, "EXTRACT_ONLY"))
		kdf->mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY;
	else if (!strcasecmp(name, "EXPAND_ONLY"))
		kdf->mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	else
		return failed(PROV_R_INVALID_MODE);
	return 1;
}

/* 1 if the parameter is a part, 0 if it is none, < 0 if it is no good. */
static int part_set(struct kdf *kdf, const OSSL_PARAM *param)
{
	for (size_t i = 0; i < NR_PARTS; i++) {
		if (strcmp(param->key, part_names[i]) != 0)
			continue;
		if (param->data_type != OSSL_PARAM_OCTET_STRING || !param->data)
			return -1;
		kdf->parts[i] = (struct keel__ossl_bytes){param->data,
							  param->data_size};
		return 1;
	}
	return 0;
}

/*
 * The values in @params, the caller's, over those there are. The data is of one
 * call only, as in OpenSSL's own.
 */
static int view_init(struct kdf *view, const OSSL_PARAM *params)
{
	const char *digest = NULL;
	const char *properties = NULL;
	int ok = 1;

	if (!params || !params->key)
		return 1;
	view->parts[PART_DATA] = (struct keel__ossl_bytes){NULL, 0};
	for (; params->key && ok > 0; params++) {
		ok = part_set(view, params);
		if (ok)
			continue;
		ok = 1;
		if (!strcmp(params->key, OSSL_KDF_PARAM_MODE))
			ok = mode_set(view, params);
		else if (!strcmp(params->key, OSSL_KDF_PARAM_DIGEST))
			ok = OSSL_PARAM_get_utf8_string_ptr(params, &digest);
		else if (!strcmp(params->key, OSSL_KDF_PARAM_PROPERTIES))
			ok = OSSL_PARAM_get_utf8_string_ptr(params,
							    &properties);
	}
	if (ok <= 0)
		return 0;
	if (digest && !hash_set(view, digest, properties))
		return 0;
	if (view->mode != EVP_KDF_HKDF_MODE_EXTRACT_ONLY &&
	    view->mode != EVP_KDF_HKDF_MODE_EXPAND_ONLY)
		return failed(PROV_R_INVALID_MODE);
	return 1;
}

/* HKDF-Expand-Label: RFC 8446 section 7.1. */
static int expand_label(const struct kdf *kdf, struct keel__ossl_bytes key,
			struct keel__ossl_bytes data, uint8_t *out, size_t len)
{
	const struct keel__ossl_bytes prefix = kdf->parts[PART_PREFIX];
	const struct keel__ossl_bytes label = kdf->parts[PART_LABEL];
	uint8_t info[MAX_INFO_LEN];
	size_t n = 0;

	if (!key.data || !out || len > UINT16_MAX || prefix.len > 255 ||
	    label.len > 255 - prefix.len || data.len > 255)
		return 0;
	info[n++] = (uint8_t)(len >> 8);
	info[n++] = (uint8_t)len;
	info[n++] = (uint8_t)(prefix.len + label.len);
	if (prefix.len)
		memcpy(info + n, prefix.data, prefix.len);
	n += prefix.len;
	if (label.len)
		memcpy(info + n, label.data, label.len);
	n += label.len;
	info[n++] = (uint8_t)data.len;
	if (data.len)
		memcpy(info + n, data.data, data.len);
	n += data.len;
	return keel__ossl_expand(&kdf->hash, key,
				 (struct keel__ossl_bytes){info, n}, out, len);
}

static bool is_text(struct keel__ossl_bytes bytes, const char *text)
{
	return bytes.len == strlen(text) &&
	       !memcmp(bytes.data, text, bytes.len);
}

/* What is derived of the early secret without PSK is known. */
static bool is_early(const struct kdf *kdf, struct keel__ossl_bytes secret)
{
	const struct keel__ossl_hash *hash = &kdf->hash;

	return hash->has_early && secret.len == hash->len &&
	       keel__secret_equal(secret.data, hash->early_secret, hash->len) &&
	       is_text(kdf->parts[PART_PREFIX], "tls13 ") &&
	       is_text(kdf->parts[PART_LABEL], "derived");
}

/* Derive-Secret(secret, "derived", ""), the salt of the next step. */
static int derive_salt(const struct kdf *kdf, struct keel__ossl_bytes secret,
		       uint8_t *out)
{
	const struct keel__ossl_hash *hash = &kdf->hash;
	const struct keel__ossl_bytes nothing = {hash->of_nothing, hash->len};

	if (!is_early(kdf, secret))
		return expand_label(kdf, secret, nothing, out, hash->len);
	memcpy(out, hash->early_derived, hash->len);
	return 1;
}

/*
 * One step of the key schedule's left column: RFC 8446 section 7.1. What there
 * is not is zeros of the hash's length; as a salt, none does the same.
 */
static int extract(const struct kdf *kdf, uint8_t *out, size_t len)
{
	static const uint8_t zeros[KEEL__OSSL_MAX_HASH_LEN];
	const struct keel__ossl_hash *hash = &kdf->hash;
	struct keel__ossl_bytes key = kdf->parts[PART_KEY];
	struct keel__ossl_bytes salt = kdf->parts[PART_SALT];
	uint8_t derived[KEEL__OSSL_MAX_HASH_LEN];
	int ok = 1;

	if (len != hash->len)
		return failed(PROV_R_WRONG_OUTPUT_BUFFER_SIZE);
	if (!key.data && !salt.data && hash->has_early) {
		memcpy(out, hash->early_secret, len);
		return 1;
	}
	if (!key.data)
		key = (struct keel__ossl_bytes){zeros, hash->len};
	if (salt.data) {
		ok = derive_salt(kdf, salt, derived);
		salt = (struct keel__ossl_bytes){derived, hash->len};
	}
	ok = ok && keel__ossl_hmac(hash, salt, &key, 1, out);
	keel__secret_clear(derived, sizeof(derived));
	return ok;
}

/* A hash that is not there, or that OpenSSL cannot compute, stays without. */
void keel__ossl_early_init(struct keel__ossl_hash *hash)
{
	const struct kdf kdf = {
		.hash = *hash,
		.parts =
			{
				[PART_PREFIX] = {"tls13 ", 6},
				[PART_LABEL] = {"derived", 7},
			},
	};
	const struct keel__ossl_bytes secret = {hash->early_secret, hash->len};

	if (!hash->md)
		return;
	hash->has_early = extract(&kdf, hash->early_secret, hash->len) &&
			  derive_salt(&kdf, secret, hash->early_derived);
}

static int view_run(const struct kdf *view, uint8_t *out, size_t len)
{
	if (!view->hash.md)
		return failed(PROV_R_MISSING_MESSAGE_DIGEST);
	if (view->mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY)
		return extract(view, out, len);
	if (view->mode != EVP_KDF_HKDF_MODE_EXPAND_ONLY ||
	    !expand_label(view, view->parts[PART_KEY], view->parts[PART_DATA],
			  out, len))
		return 0;
	keel__ossl_on_derived(view->parts[PART_LABEL], out, len);
	return 1;
}

static void *kdf_new(void *libctx)
{
	struct kdf *kdf = OPENSSL_zalloc(sizeof(*kdf));

	if (kdf)
		kdf->libctx = libctx;
	return kdf;
}

static void kdf_reset(void *p)
{
	struct kdf *kdf = p;

	for (size_t i = 0; i < NR_PARTS; i++)
		OPENSSL_clear_free(kdf->copies[i], kdf->parts[i].len);
	EVP_MD_free(kdf->fetched);
	*kdf = (struct kdf){.libctx = kdf->libctx};
}

static void kdf_free(void *p)
{
	if (!p)
		return;
	kdf_reset(p);
	OPENSSL_free(p);
}

/*
 * libssl makes a context for each derivation and gives its parameters with it:
 * those are read where they are, and are of that one call.
 */
static int kdf_derive(void *p, unsigned char *out, size_t len,
		      const OSSL_PARAM *params)
{
	struct kdf view = *(const struct kdf *)p;
	int ok;

	view.fetched = NULL;
	ok = view_init(&view, params) && view_run(&view, out, len);
	EVP_MD_free(view.fetched);
	return ok;
}

/* Its parts are copied into @kdf, which is empty; 0 leaves that to be freed. */
static int kdf_keep(struct kdf *kdf, const struct kdf *view)
{
	kdf->mode = view->mode;
	kdf->hash = view->hash;
	for (size_t i = 0; i < NR_PARTS; i++) {
		if (!view->parts[i].data)
			continue;
		kdf->copies[i] = OPENSSL_malloc(view->parts[i].len + 1);
		if (!kdf->copies[i])
			return 0;
		memcpy(kdf->copies[i], view->parts[i].data, view->parts[i].len);
		kdf->parts[i] = (struct keel__ossl_bytes){kdf->copies[i],
							  view->parts[i].len};
	}
	if (view->hash.md && view->hash.md == view->fetched) {
		if (!EVP_MD_up_ref(view->fetched))
			return 0;
		kdf->fetched = view->fetched;
	}
	return 1;
}

static void *kdf_dup(void *p)
{
	struct kdf *kdf = kdf_new(((const struct kdf *)p)->libctx);

	if (kdf && kdf_keep(kdf, p))
		return kdf;
	kdf_free(kdf);
	return NULL;
}

static int kdf_set(void *p, const OSSL_PARAM *params)
{
	struct kdf *kdf = p;
	struct kdf next = {.libctx = kdf->libctx};
	struct kdf view = *kdf;
	int ok;

	if (view.fetched && !EVP_MD_up_ref(view.fetched))
		return 0;
	ok = view_init(&view, params) && kdf_keep(&next, &view);
	EVP_MD_free(view.fetched);
	if (!ok) {
		kdf_reset(&next);
		return 0;
	}
	kdf_reset(kdf);
	*kdf = next;
	return 1;
}

static const OSSL_PARAM *kdf_settable(void *kdf, void *libctx)
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
	(void)libctx;
	return params;
}

static int kdf_get(void *p, OSSL_PARAM *params)
{
	const struct kdf *kdf = p;
	OSSL_PARAM *size = OSSL_PARAM_locate(params, OSSL_KDF_PARAM_SIZE);

	if (!size)
		return 1;
	if (kdf->mode != EVP_KDF_HKDF_MODE_EXTRACT_ONLY)
		return OSSL_PARAM_set_size_t(size, SIZE_MAX);
	if (!kdf->hash.md)
		return failed(PROV_R_MISSING_MESSAGE_DIGEST);
	return OSSL_PARAM_set_size_t(size, kdf->hash.len);
}

static const OSSL_PARAM *kdf_gettable(void *kdf, void *libctx)
{
	static const OSSL_PARAM params[] = {
		OSSL_PARAM_size_t(OSSL_KDF_PARAM_SIZE, NULL),
		OSSL_PARAM_END,
	};

	(void)kdf;
	(void)libctx;
	return params;
}

#define SLOT(id, fn) \
	{ \
		id, (void (*)(void))(fn) \
	}

static const OSSL_DISPATCH kdf_slots[] = {
	SLOT(OSSL_FUNC_KDF_NEWCTX, kdf_new),
	SLOT(OSSL_FUNC_KDF_DUPCTX, kdf_dup),
	SLOT(OSSL_FUNC_KDF_FREECTX, kdf_free),
	SLOT(OSSL_FUNC_KDF_RESET, kdf_reset),
	SLOT(OSSL_FUNC_KDF_DERIVE, kdf_derive),
	SLOT(OSSL_FUNC_KDF_SETTABLE_CTX_PARAMS, kdf_settable),
	SLOT(OSSL_FUNC_KDF_SET_CTX_PARAMS, kdf_set),
	SLOT(OSSL_FUNC_KDF_GETTABLE_CTX_PARAMS, kdf_gettable),
	SLOT(OSSL_FUNC_KDF_GET_CTX_PARAMS, kdf_get),
	{0, NULL},
};

static const OSSL_ALGORITHM kdfs[] = {
	{OSSL_KDF_NAME_TLS1_3_KDF, "provider=" KEEL__OSSL_PROVIDER, kdf_slots,
	 "the key schedule of TLS 1.3"},
	{NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM *query(void *libctx, int operation,
				   int *ret_no_cache)
{
	(void)libctx;
	*ret_no_cache = 0;
	return operation == OSSL_OP_KDF ? kdfs : NULL;
}

static const OSSL_DISPATCH provider_slots[] = {
	SLOT(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query),
	{0, NULL},
};

/* The context of the provider, and of its KDF, is the library context. */
int keel__ossl_provider_init(const OSSL_CORE_HANDLE *handle,
			     const OSSL_DISPATCH *core,
			     const OSSL_DISPATCH **ret_slots, void **ret_ctx)
{
	OSSL_FUNC_core_get_libctx_fn *get_libctx = NULL;

	for (; core->function_id && !get_libctx; core++) {
		if (core->function_id == OSSL_FUNC_CORE_GET_LIBCTX)
			get_libctx = OSSL_FUNC_core_get_libctx(core);
	}
	if (!get_libctx)
		return 0;
	*ret_ctx = get_libctx(handle);
	*ret_slots = provider_slots;
	return *ret_ctx != NULL;
}
