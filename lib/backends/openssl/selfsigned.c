/* SPDX-License-Identifier: MIT */
/* A certificate for trying things out: ECDSA P-256, signed by itself. */
#include "lib/backends/openssl/openssl-private.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#define LIFETIME_S (30L * 24 * 3600)

/* Clocks of peers may be behind ours. */
#define BACKDATE_S (24L * 3600)

/* RFC 5280: ub-common-name; RFC 1035 section 2.3.4 for the other. */
#define MAX_COMMON_NAME_LEN 64
#define MAX_HOST_LEN 253

static bool is_host_ok(const char *host)
{
	size_t len = strlen(host);

	for (size_t i = 0; i < len; i++) {
		if (!isgraph((unsigned char)host[i]))
			return false;
	}
	return len && len <= MAX_HOST_LEN;
}

static int set_serial(X509 *cert)
{
	unsigned char bytes[16];
	BIGNUM *bn;
	int ok;

	if (RAND_bytes(bytes, sizeof(bytes)) <= 0)
		return 0;
	/* Positive and never zero: RFC 5280 section 4.1.2.2. */
	bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40);
	bn = BN_bin2bn(bytes, sizeof(bytes), NULL);
	ok = bn && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert));
	BN_free(bn);
	return ok;
}

/* A name that a common name cannot hold stands in the SAN only. */
static int set_names(X509 *cert, const char *host)
{
	X509_NAME *name = X509_get_subject_name(cert);
	const char *text = strlen(host) <= MAX_COMMON_NAME_LEN ? host : "keel";

	return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
					  (const unsigned char *)text, -1, -1,
					  0) &&
	       X509_set_issuer_name(cert, name);
}

/* Built by hand: the text form would give commas in @host a meaning. */
static GENERAL_NAME *san_new(const char *host)
{
	ASN1_OCTET_STRING *ip = a2i_IPADDRESS(host);
	GENERAL_NAME *san = GENERAL_NAME_new();
	ASN1_IA5STRING *dns = NULL;

	if (san && ip) {
		GENERAL_NAME_set0_value(san, GEN_IPADD, ip);
		return san;
	}
	ASN1_OCTET_STRING_free(ip);
	dns = ASN1_IA5STRING_new();
	if (san && dns && ASN1_STRING_set(dns, host, -1)) {
		GENERAL_NAME_set0_value(san, GEN_DNS, dns);
		return san;
	}
	ASN1_IA5STRING_free(dns);
	GENERAL_NAME_free(san);
	return NULL;
}

static int add_san(X509 *cert, const char *host)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *san = san_new(host);
	int ok = names && san && sk_GENERAL_NAME_push(names, san);

	if (!ok)
		GENERAL_NAME_free(san);
	ok = ok && X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0);
	GENERAL_NAMES_free(names);
	return ok;
}

static int add_ext(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;
	int ok;

	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = ext && X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
	return ok;
}

static int cert_fill(X509 *cert, EVP_PKEY *key, const char *host)
{
	return X509_set_version(cert, X509_VERSION_3) && set_serial(cert) &&
	       X509_gmtime_adj(X509_getm_notBefore(cert), -BACKDATE_S) &&
	       X509_gmtime_adj(X509_getm_notAfter(cert), LIFETIME_S) &&
	       set_names(cert, host) && X509_set_pubkey(cert, key) &&
	       add_san(cert, host) &&
	       add_ext(cert, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_ext(cert, NID_key_usage, "critical,digitalSignature") &&
	       add_ext(cert, NID_ext_key_usage, "serverAuth") &&
	       add_ext(cert, NID_subject_key_identifier, "hash") &&
	       X509_sign(cert, key, EVP_sha256());
}

/* The memory BIO clears what it held, the key too, when it is freed. */
static int give_pem(X509 *cert, EVP_PKEY *key, keel_sink_fn sink, void *arg)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;
	int r = -ENOMEM;

	if (bio && PEM_write_bio_X509(bio, cert) &&
	    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL)) {
		len = BIO_get_mem_data(bio, &text);
		r = sink(arg, text, (size_t)len);
	}
	BIO_free(bio);
	return r;
}

int keel__ossl_self_signed(const char *host, keel_sink_fn sink, void *arg)
{
	EVP_PKEY *key;
	X509 *cert;
	int r = -ENOMEM;

	if (!host || !is_host_ok(host))
		return -EINVAL;
	key = EVP_EC_gen("P-256");
	cert = X509_new();
	if (key && cert && cert_fill(cert, key, host))
		r = give_pem(cert, key, sink, arg);
	ERR_clear_error();
	X509_free(cert);
	EVP_PKEY_free(key);
	return r;
}
