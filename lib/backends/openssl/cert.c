/* SPDX-License-Identifier: MIT */
/* Certificates and keys from PEM, and what is wrong with them. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem(3), timegm(3) */
#endif
#include "lib/backends/openssl/openssl-private.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "lib/base/base-private.h"
#include "lib/base/err-private.h"

#define SITE "reading certificates"

/* One PEM text and what to call it. */
struct pem {
	const void *data;
	size_t len;
	const char *name;
	struct keel_diag *diag;
	OSSL_LIB_CTX *libctx; /* where its algorithms are looked up */
};

static int bad_pem(const struct pem *pem, int code, const char *what)
{
	long native;
	const char *text = keel__ossl_error_take(&native);

	return keel__diag_set(pem->diag, code, KEEL_ERR_BACKEND, native, SITE,
			      "%s: %s (%s)", pem->name, what, text);
}

static bool pem_has(const struct pem *pem, const char *text)
{
	return memmem(pem->data, pem->len, text, strlen(text));
}

/* Never ask on a terminal; remember that a pass phrase was wanted. */
static int no_pass_phrase(char *buf, int size, int is_write, void *arg)
{
	bool *ret_wanted = arg;

	(void)buf;
	(void)size;
	(void)is_write;
	*ret_wanted = true;
	return -1;
}

static int pem_open(const struct pem *pem, const char *kind, BIO **ret_bio)
{
	BIO *bio;

	if (pem->len > INT_MAX)
		return keel__diag_set(pem->diag, -EFBIG, KEEL_ERR_USAGE, 0,
				      SITE, "%s: too large", pem->name);
	if (!pem->len)
		return keel__diag_set(pem->diag, -EINVAL, KEEL_ERR_USAGE, 0,
				      SITE, "%s: empty; give a PEM file",
				      pem->name);
	if (!pem_has(pem, "-----BEGIN "))
		return keel__diag_set(pem->diag, -EINVAL, KEEL_ERR_USAGE, 0,
				      SITE,
				      "%s: not PEM; convert it with: openssl "
				      "%s -inform DER -in FILE -out FILE.pem",
				      pem->name, kind);
	bio = BIO_new_mem_buf(pem->data, (int)pem->len);
	if (!bio)
		return bad_pem(pem, -ENOMEM, "cannot read it");
	*ret_bio = bio;
	return 0;
}

/* The next certificate: 1, or 0 when there is no more. */
static int read_cert(BIO *bio, const struct pem *pem, X509 **ret_cert)
{
	bool wanted = false;
	unsigned long code;
	X509 *cert = X509_new_ex(pem->libctx, NULL);

	if (cert && PEM_read_bio_X509(bio, &cert, no_pass_phrase, &wanted)) {
		*ret_cert = cert;
		return 1;
	}
	X509_free(cert);
	code = ERR_peek_last_error();
	if (ERR_GET_LIB(code) == ERR_LIB_PEM &&
	    ERR_GET_REASON(code) == PEM_R_NO_START_LINE) {
		ERR_clear_error();
		return 0;
	}
	return bad_pem(pem, -EINVAL,
		       "a certificate in it is damaged; get the file anew");
}

static int use_leaf(SSL_CTX *ctx, BIO *bio, const struct pem *pem)
{
	X509 *cert;
	int r = read_cert(bio, pem, &cert);

	if (r < 0)
		return r;
	if (!r)
		return keel__diag_set(pem->diag, -EINVAL, KEEL_ERR_USAGE, 0,
				      SITE,
				      "%s: no certificate inside; expected a "
				      "block that starts with -----BEGIN "
				      "CERTIFICATE-----",
				      pem->name);
	r = SSL_CTX_use_certificate(ctx, cert);
	X509_free(cert);
	return r ? 0
		 : bad_pem(pem, -EINVAL,
			   "OpenSSL refuses the certificate; use another");
}

/* What follows the leaf is sent after it, in that order. */
static int use_chain(SSL_CTX *ctx, BIO *bio, const struct pem *pem)
{
	X509 *cert;
	int r;

	while ((r = read_cert(bio, pem, &cert)) > 0) {
		if (SSL_CTX_add0_chain_cert(ctx, cert))
			continue;
		X509_free(cert);
		return bad_pem(pem, -EINVAL,
			       "OpenSSL refuses an intermediate certificate");
	}
	return r;
}

static int read_certs(SSL_CTX *ctx, const struct pem *pem)
{
	BIO *bio;
	int r = pem_open(pem, "x509", &bio);

	if (r < 0)
		return r;
	r = use_leaf(ctx, bio, pem);
	if (!r)
		r = use_chain(ctx, bio, pem);
	BIO_free(bio);
	return r;
}

static int no_key(const struct pem *pem, bool wants_pass_phrase)
{
	ERR_clear_error();
	if (wants_pass_phrase)
		return keel__diag_set(pem->diag, -EINVAL, KEEL_ERR_USAGE, 0,
				      SITE,
				      "%s: the private key is encrypted; "
				      "decrypt it with: openssl pkey -in FILE "
				      "-out FILE.plain",
				      pem->name);
	if (!pem_has(pem, "PRIVATE KEY-----"))
		return keel__diag_set(pem->diag, -EINVAL, KEEL_ERR_USAGE, 0,
				      SITE,
				      "%s: no private key inside; give the key "
				      "file of the certificate",
				      pem->name);
	return keel__diag_set(pem->diag, -EINVAL, KEEL_ERR_BACKEND, 0, SITE,
			      "%s: the private key is damaged or of a kind "
			      "OpenSSL does not know; get the file anew",
			      pem->name);
}

static int read_key(const struct pem *pem, EVP_PKEY **ret_key)
{
	bool wanted = false;
	EVP_PKEY *key;
	BIO *bio;
	int r = pem_open(pem, "pkey", &bio);

	if (r < 0)
		return r;
	key = PEM_read_bio_PrivateKey_ex(bio, NULL, no_pass_phrase, &wanted,
					 pem->libctx, NULL);
	BIO_free(bio);
	if (!key)
		return no_key(pem, wanted);
	*ret_key = key;
	return 0;
}

static int use_key(SSL_CTX *ctx, const struct pem *pem, const char *cert_name)
{
	EVP_PKEY *key = NULL;
	int r = read_key(pem, &key);

	if (r)
		return r;
	if (!X509_check_private_key(SSL_CTX_get0_certificate(ctx), key))
		r = keel__diag_set(pem->diag, -EINVAL, KEEL_ERR_USAGE, 0, SITE,
				   "%s: this private key does not belong to "
				   "the certificate in %s; give the key that "
				   "was made with it",
				   pem->name, cert_name);
	else if (!SSL_CTX_use_PrivateKey(ctx, key))
		r = bad_pem(pem, -EINVAL, "OpenSSL refuses the private key");
	EVP_PKEY_free(key);
	return r;
}

/* RFC 5280 section 4.1.2.5, on the leaf; peers judge the rest. */
static int check_dates(SSL_CTX *ctx, const struct pem *pem)
{
	X509 *cert = SSL_CTX_get0_certificate(ctx);
	const ASN1_TIME *from = X509_get0_notBefore(cert);
	const ASN1_TIME *until = X509_get0_notAfter(cert);
	bool is_early = X509_cmp_time(from, NULL) > 0;
	const char *what = is_early ? "is not valid before" : "expired on";
	struct tm tm;
	char date[32] = "";

	if (!is_early && X509_cmp_time(until, NULL) > 0)
		return 0;
	if (!ASN1_TIME_to_tm(is_early ? from : until, &tm) ||
	    !strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &tm))
		return bad_pem(pem, -EINVAL,
			       "the certificate's dates cannot be read; get "
			       "the file anew");
	return keel__diag_set(
		pem->diag, -EKEYEXPIRED, KEEL_ERR_USAGE, 0, SITE,
		"%s: the certificate %s %s; %s", pem->name, what, date,
		is_early ? "check the system's clock" : "renew it");
}

int keel__ossl_cert_use(struct keel__ossl_ctx *ctx,
			const struct keel_backend_params *params,
			struct keel_diag *diag)
{
	struct pem cert = {
		.data = params->cert_pem,
		.len = params->cert_len,
		.name = params->cert_name ? params->cert_name : "certificate",
		.diag = diag,
		.libctx = ctx->libctx,
	};
	struct pem key = {
		.data = params->key_pem,
		.len = params->key_len,
		.name = params->key_name ? params->key_name : "private key",
		.diag = diag,
		.libctx = ctx->libctx,
	};
	int r;

	r = read_certs(ctx->ssl_ctx, &cert);
	if (r < 0)
		return r;
	if (!params->key_pem)
		return keel__diag_set(diag, -EINVAL, KEEL_ERR_USAGE, 0, SITE,
				      "%s: a certificate without its private "
				      "key; give the key file too",
				      cert.name);
	r = use_key(ctx->ssl_ctx, &key, cert.name);
	if (r < 0)
		return r;
	return check_dates(ctx->ssl_ctx, &cert);
}

static int trust_cert(SSL_CTX *ctx, const struct keel_backend_params *params,
		      X509 *cert)
{
	if (!X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), cert))
		return -ENOMEM;
	if (params->role == KEEL_SERVER && !SSL_CTX_add_client_CA(ctx, cert))
		return -ENOMEM;
	return 0;
}

static int trust_certs(SSL_CTX *ctx, const struct keel_backend_params *params,
		       BIO *bio, const struct pem *pem)
{
	X509 *cert;
	int nr = 0;
	int r;

	while ((r = read_cert(bio, pem, &cert)) > 0) {
		r = trust_cert(ctx, params, cert);
		X509_free(cert);
		if (r < 0)
			return bad_pem(pem, r, "OpenSSL cannot trust it");
		nr++;
	}
	if (!r && !nr)
		return keel__diag_set(pem->diag, -EINVAL, KEEL_ERR_USAGE, 0,
				      SITE,
				      "%s: no certificates inside to trust; "
				      "give a PEM file of CA certificates",
				      pem->name);
	return r;
}

/*
 * What the file holds is trusted as it stands, intermediates and self-signed
 * leaves too (PARTIAL_CHAIN): whoever names a certificate means it.
 */
int keel__ossl_ca_use(struct keel__ossl_ctx *ctx,
		      const struct keel_backend_params *params,
		      struct keel_diag *diag)
{
	struct pem pem = {
		.data = params->ca_pem,
		.len = params->ca_len,
		.name = params->ca_name ? params->ca_name : "CA file",
		.diag = diag,
		.libctx = ctx->libctx,
	};
	BIO *bio;
	int r = pem_open(&pem, "x509", &bio);

	if (r < 0)
		return r;
	r = trust_certs(ctx->ssl_ctx, params, bio, &pem);
	BIO_free(bio);
	if (r < 0)
		return r;
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx->ssl_ctx),
				    X509_V_FLAG_PARTIAL_CHAIN);
	return 0;
}

/* RFC 5280 section 4.1.2.5: now is within its validity. */
bool keel__ossl_cert_is_current(const X509 *cert)
{
	return X509_cmp_current_time(X509_get0_notBefore(cert)) < 0 &&
	       X509_cmp_current_time(X509_get0_notAfter(cert)) > 0;
}

static int cert_spki_sha256(X509 *cert, uint8_t *ret_sha256)
{
	unsigned char *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	int ok;

	if (len <= 0)
		return -ENOMEM;
	ok = EVP_Digest(der, (size_t)len, ret_sha256, NULL, EVP_sha256(), NULL);
	OPENSSL_free(der);
	return ok ? 0 : -EIO;
}

int keel__ossl_ctx_cert_info(void *p, struct keel_cert_info *ret_info)
{
	struct keel__ossl_ctx *ctx = p;
	X509 *cert = SSL_CTX_get0_certificate(ctx->ssl_ctx);
	struct keel_cert_info info = {.not_after = 0};
	struct tm tm;
	int r;

	if (!cert)
		return -ENOENT;
	r = cert_spki_sha256(cert, info.spki_sha256);
	if (r < 0)
		return r;
	if (!X509_digest(cert, EVP_sha256(), info.sha256, NULL) ||
	    !ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm))
		return -EIO;
	info.not_after = timegm(&tm);
	*ret_info = info;
	return 0;
}
