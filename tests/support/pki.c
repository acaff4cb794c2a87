/* SPDX-License-Identifier: MIT */
/* Certificates for tests, made at run time in memory. */
#include "tests/support/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#define DAY_S (24L * 3600)

const struct pki_spec pki_ecdsa = {.from_days = -1, .until_days = 30};
const struct pki_spec pki_rsa = {
	.key = PKI_RSA,
	.from_days = -1,
	.until_days = 30,
};
const struct pki_spec pki_expired = {.from_days = -30, .until_days = -1};
const struct pki_spec pki_not_yet = {.from_days = 2, .until_days = 30};
const struct pki_spec pki_common_name = {
	.from_days = -1,
	.until_days = 30,
	.is_nameless = true,
};
const struct pki_spec pki_wrong_host = {
	.host = "other.test",
	.from_days = -1,
	.until_days = 30,
};
const struct pki_spec pki_client = {
	.from_days = -1,
	.until_days = 30,
	.is_client = true,
};

static void must(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "test certificates: %s failed\n", what);
	ERR_print_errors_fp(stderr);
	abort();
}

static char *bio_take(BIO *bio)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);
	char *text = strndup(data, (size_t)len);

	must(text != NULL, "strndup");
	BIO_free(bio);
	return text;
}

static char *cert_pem(X509 *x509)
{
	BIO *bio = BIO_new(BIO_s_mem());

	must(bio && PEM_write_bio_X509(bio, x509), "PEM_write_bio_X509");
	return bio_take(bio);
}

/* Plain if there is no pass phrase. */
static char *key_pem(EVP_PKEY *pkey, const char *pass_phrase)
{
	const unsigned char *pass = (const unsigned char *)pass_phrase;
	int len = pass ? (int)strlen(pass_phrase) : 0;
	BIO *bio = BIO_new(BIO_s_mem());

	must(bio && PEM_write_bio_PrivateKey(bio, pkey,
					     pass ? EVP_aes_128_cbc() : NULL,
					     pass, len, NULL, NULL),
	     "PEM_write_bio_PrivateKey");
	return bio_take(bio);
}

static void add_ext(X509 *x509, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, x509, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	must(ext && X509_add_ext(x509, ext, -1), value);
	X509_EXTENSION_free(ext);
}

static X509 *cert_new(EVP_PKEY *pkey, const char *name, long from_days,
		      long until_days)
{
	static long serial = 1;
	X509 *x509 = X509_new();

	must(x509 && X509_set_version(x509, X509_VERSION_3), "X509_new");
	must(ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial) &&
		     X509_gmtime_adj(X509_getm_notBefore(x509),
				     from_days * DAY_S) &&
		     X509_gmtime_adj(X509_getm_notAfter(x509),
				     until_days * DAY_S) &&
		     X509_set_pubkey(x509, pkey) &&
		     X509_NAME_add_entry_by_txt(
			     X509_get_subject_name(x509), "CN", MBSTRING_ASC,
			     (const unsigned char *)name, -1, -1, 0),
	     "filling a certificate");
	return x509;
}

static void cert_sign(X509 *x509, X509 *issuer, EVP_PKEY *issuer_key)
{
	must(X509_set_issuer_name(x509, X509_get_subject_name(issuer)) &&
		     X509_sign(x509, issuer_key, EVP_sha256()),
	     "X509_sign");
}

/* Each has another name: two CAs of one name are told apart too late. */
void pki_init(struct pki *pki)
{
	static unsigned int nr;
	char name[32];

	snprintf(name, sizeof(name), "keel test CA %u", nr++);
	pki->pkey = EVP_EC_gen("P-256");
	must(pki->pkey != NULL, "EVP_EC_gen");
	pki->x509 = cert_new(pki->pkey, name, -40, 40);
	add_ext(pki->x509, pki->x509, NID_basic_constraints,
		"critical,CA:TRUE");
	add_ext(pki->x509, pki->x509, NID_key_usage, "critical,keyCertSign");
	add_ext(pki->x509, pki->x509, NID_subject_key_identifier, "hash");
	cert_sign(pki->x509, pki->x509, pki->pkey);
	pki->cert = cert_pem(pki->x509);
}

void pki_fini(struct pki *pki)
{
	free(pki->cert);
	X509_free(pki->x509);
	EVP_PKEY_free(pki->pkey);
	*pki = (struct pki){.cert = NULL};
}

static void add_leaf_exts(const struct pki *pki, const struct pki_spec *spec,
			  X509 *x509)
{
	char san[300] = "DNS:client.test";

	if (!spec->is_client)
		snprintf(san, sizeof(san), "DNS:%s%s",
			 spec->host ? spec->host : PKI_HOST,
			 spec->host ? "" : ",IP:127.0.0.1,IP:::1");
	add_ext(x509, pki->x509, NID_basic_constraints, "critical,CA:FALSE");
	add_ext(x509, pki->x509, NID_key_usage, "critical,digitalSignature");
	add_ext(x509, pki->x509, NID_ext_key_usage,
		spec->is_client ? "clientAuth" : "serverAuth");
	if (!spec->is_nameless)
		add_ext(x509, pki->x509, NID_subject_alt_name, san);
}

void pki_issue(const struct pki *pki, const struct pki_spec *spec,
	       struct pki_pair *ret_pair)
{
	const char *name = spec->host ? spec->host : PKI_HOST;
	EVP_PKEY *pkey =
		spec->key == PKI_RSA ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
	X509 *x509;

	must(pkey != NULL, "making a key");
	x509 = cert_new(pkey, spec->is_client ? "client.test" : name,
			spec->from_days, spec->until_days);
	add_leaf_exts(pki, spec, x509);
	cert_sign(x509, pki->x509, pki->pkey);
	ret_pair->cert = cert_pem(x509);
	ret_pair->key = key_pem(pkey, NULL);
	X509_free(x509);
	EVP_PKEY_free(pkey);
}

void pki_pair_fini(struct pki_pair *pair)
{
	free(pair->cert);
	free(pair->key);
	*pair = (struct pki_pair){.cert = NULL};
}

char *pki_encrypt_key(const struct pki_pair *pair, const char *pass_phrase)
{
	BIO *bio = BIO_new_mem_buf(pair->key, -1);
	EVP_PKEY *pkey;
	char *text;

	must(bio != NULL, "BIO_new_mem_buf");
	pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIO_free(bio);
	must(pkey != NULL, "PEM_read_bio_PrivateKey");
	text = key_pem(pkey, pass_phrase);
	EVP_PKEY_free(pkey);
	return text;
}
