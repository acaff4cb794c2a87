/* SPDX-License-Identifier: MIT */
/* Certificates and keys from PEM, and what is wrong with them. */
#include "lib/backends/gnutls/gnutls-private.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <time.h>

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>

#include "lib/base/err-private.h"

#define SITE "reading certificates"

/* GnuTLS reads through pointers that are not const. */
static gnutls_datum_t datum_of(const void *data, size_t len)
{
	gnutls_datum_t datum = {.size = (unsigned int)len};

	memcpy(&datum.data, &data, sizeof(data));
	return datum;
}

static int refuse(struct keel_diag *diag, int native, const char *name,
		  const char *what)
{
	int err = native == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EINVAL;

	return keel__diag_set(diag, err, KEEL_ERR_BACKEND, native, SITE,
			      "%s: %s (%s)", name, what,
			      gnutls_strerror(native));
}

/*
 * Each is read alone before both are set: that tells which is to blame, and
 * GnuTLS 3.7 loses memory when it is given a certificate that it cannot read.
 */
static int check_pem(const struct keel_backend_params *params,
		     const gnutls_datum_t *cert, const gnutls_datum_t *key,
		     struct keel_diag *diag)
{
	gnutls_x509_crt_t *certs;
	gnutls_privkey_t privkey;
	unsigned int nr;
	int ret;

	ret = gnutls_x509_crt_list_import2(&certs, &nr, cert,
					   GNUTLS_X509_FMT_PEM, 0);
	if (ret < 0)
		return refuse(diag, ret, params->cert_name,
			      "no PEM certificate that can be read; get the "
			      "file anew");
	for (unsigned int i = 0; i < nr; i++)
		gnutls_x509_crt_deinit(certs[i]);
	gnutls_free(certs);
	ret = gnutls_privkey_init(&privkey);
	if (ret < 0)
		return refuse(diag, ret, params->key_name, "cannot be read");
	ret = gnutls_privkey_import_x509_raw(privkey, key, GNUTLS_X509_FMT_PEM,
					     NULL, 0);
	gnutls_privkey_deinit(privkey);
	if (ret < 0)
		return refuse(diag, ret, params->key_name,
			      "no PEM key that can be read without a pass "
			      "phrase");
	return 0;
}

/* The context's own leaf certificate; deinitialise it. */
static int leaf_of(const struct keel__gtls_ctx *ctx, gnutls_datum_t *ret_der,
		   gnutls_x509_crt_t *ret_cert)
{
	int ret = gnutls_certificate_get_crt_raw(ctx->cred, 0, 0, ret_der);

	if (ret >= 0)
		ret = gnutls_x509_crt_init(ret_cert);
	if (ret < 0)
		return ret;
	ret = gnutls_x509_crt_import(*ret_cert, ret_der, GNUTLS_X509_FMT_DER);
	if (ret < 0)
		gnutls_x509_crt_deinit(*ret_cert);
	return ret;
}

/* RFC 5280 section 4.1.2.5, on the leaf; peers judge the rest. */
static int check_dates(const struct keel__gtls_ctx *ctx, const char *name,
		       struct keel_diag *diag)
{
	gnutls_x509_crt_t cert;
	gnutls_datum_t der;
	time_t now = time(NULL);
	time_t from;
	time_t until;
	char date[32] = "";
	struct tm tm;
	int ret = leaf_of(ctx, &der, &cert);

	if (ret < 0)
		return refuse(diag, ret, name, "cannot be read");
	from = gnutls_x509_crt_get_activation_time(cert);
	until = gnutls_x509_crt_get_expiration_time(cert);
	gnutls_x509_crt_deinit(cert);
	if (from <= now && now < until)
		return 0;
	if (gmtime_r(from > now ? &from : &until, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &tm);
	return keel__diag_set(diag, -EKEYEXPIRED, KEEL_ERR_USAGE, 0, SITE,
			      "%s: the certificate %s %s; %s", name,
			      from > now ? "is not valid before" : "expired on",
			      date,
			      from > now ? "check the clock" : "renew it");
}

int keel__gtls_cert_use(struct keel__gtls_ctx *ctx,
			const struct keel_backend_params *params,
			struct keel_diag *diag)
{
	gnutls_datum_t cert = datum_of(params->cert_pem, params->cert_len);
	gnutls_datum_t key = datum_of(params->key_pem, params->key_len);
	int ret;

	if (!params->key_pem)
		return keel__diag_set(diag, -EINVAL, KEEL_ERR_USAGE, 0, SITE,
				      "%s: a certificate needs its key",
				      params->cert_name);
	if (params->cert_len > INT_MAX || params->key_len > INT_MAX)
		return keel__diag_set(diag, -EFBIG, KEEL_ERR_USAGE, 0, SITE,
				      "%s or %s: too large", params->cert_name,
				      params->key_name);
	ret = check_pem(params, &cert, &key, diag);
	if (ret)
		return ret;
	ret = gnutls_certificate_set_x509_key_mem2(
		ctx->cred, &cert, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (ret < 0)
		return refuse(diag, ret, params->key_name,
			      "it is not the key of the certificate");
	ctx->has_cert = true;
	return check_dates(ctx, params->cert_name, diag);
}

int keel__gtls_trust_use(struct keel__gtls_ctx *ctx,
			 const struct keel_backend_params *params,
			 struct keel_diag *diag)
{
	gnutls_datum_t ca = datum_of(params->ca_pem, params->ca_len);
	int ret;

	if (!params->ca_pem && !params->system_ca)
		return keel__diag_set(diag, -EINVAL, KEEL_ERR_USAGE, 0, SITE,
				      "the peer is to be verified, but nobody "
				      "is trusted: give a CA file or use the "
				      "system's");
	if (params->system_ca) {
		ret = gnutls_certificate_set_x509_system_trust(ctx->cred);
		if (ret < 0)
			return refuse(diag, ret, "the system's store",
				      "cannot be read");
	}
	if (!params->ca_pem)
		return 0;
	if (params->ca_len > INT_MAX)
		return keel__diag_set(diag, -EFBIG, KEEL_ERR_USAGE, 0, SITE,
				      "%s: too large", params->ca_name);
	ret = gnutls_certificate_set_x509_trust_mem(ctx->cred, &ca,
						    GNUTLS_X509_FMT_PEM);
	if (ret < 0)
		return refuse(diag, ret, params->ca_name,
			      "no PEM certificate that can be read");
	if (!ret)
		return keel__diag_set(diag, -EINVAL, KEEL_ERR_USAGE, 0, SITE,
				      "%s: no certificate inside",
				      params->ca_name);
	return 0;
}

static int hash_spki(gnutls_x509_crt_t cert, uint8_t *ret_sha256)
{
	gnutls_datum_t der = {.data = NULL};
	gnutls_pubkey_t pubkey;
	int ret = gnutls_pubkey_init(&pubkey);

	if (ret < 0)
		return ret;
	ret = gnutls_pubkey_import_x509(pubkey, cert, 0);
	if (ret >= 0)
		ret = gnutls_pubkey_export2(pubkey, GNUTLS_X509_FMT_DER, &der);
	if (ret >= 0)
		ret = gnutls_hash_fast(GNUTLS_DIG_SHA256, der.data, der.size,
				       ret_sha256);
	gnutls_free(der.data);
	gnutls_pubkey_deinit(pubkey);
	return ret;
}

int keel__gtls_ctx_cert_info(void *p, struct keel_cert_info *ret_info)
{
	struct keel__gtls_ctx *ctx = p;
	struct keel_cert_info info;
	gnutls_x509_crt_t cert;
	gnutls_datum_t der;
	int ret;

	if (!ctx->has_cert)
		return -ENOENT;
	if (leaf_of(ctx, &der, &cert) < 0)
		return -EIO;
	ret = gnutls_hash_fast(GNUTLS_DIG_SHA256, der.data, der.size,
			       info.sha256);
	if (ret >= 0)
		ret = hash_spki(cert, info.spki_sha256);
	info.not_after = gnutls_x509_crt_get_expiration_time(cert);
	gnutls_x509_crt_deinit(cert);
	if (ret < 0)
		return -EIO;
	*ret_info = info;
	return 0;
}
