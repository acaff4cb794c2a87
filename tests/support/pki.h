/* SPDX-License-Identifier: MIT */
/* Certificates for tests, made at run time in memory. */
#ifndef TESTS_SUPPORT_PKI_H
#define TESTS_SUPPORT_PKI_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

/* The name good certificates are for; they hold for 127.0.0.1 and ::1 too. */
#define PKI_HOST "server.test"

/* Keys of leaves. RSA has 2048 bits and takes a while to make. */
enum pki_key {
	PKI_ECDSA,
	PKI_RSA,
};

/* What a leaf is to be. */
struct pki_spec {
	enum pki_key key;
	const char *host; /* NULL: PKI_HOST, 127.0.0.1 and ::1 */
	int from_days;	  /* validity, days from now */
	int until_days;
	bool is_nameless; /* no alternative names, a common name only */
	bool is_client;	  /* for client authentication, named "client.test" */
};

/* Ready rows. */
extern const struct pki_spec pki_ecdsa;
extern const struct pki_spec pki_rsa;
extern const struct pki_spec pki_expired;
extern const struct pki_spec pki_not_yet;
extern const struct pki_spec pki_common_name;
extern const struct pki_spec pki_wrong_host;
extern const struct pki_spec pki_client;

/* A certificate and its key: PEM, terminated. */
struct pki_pair {
	char *cert;
	char *key;
};

/* A certificate authority; its certificate is cert, terminated PEM. */
struct pki {
	char *cert;
	X509 *x509;
	EVP_PKEY *pkey;
};

/* All of these end the program with a message if OpenSSL refuses. */
void pki_init(struct pki *pki);
void pki_fini(struct pki *pki);
void pki_issue(const struct pki *pki, const struct pki_spec *spec,
	       struct pki_pair *ret_pair);
void pki_pair_fini(struct pki_pair *pair);

/* The key of a pair once more, encrypted; free() it. */
char *pki_encrypt_key(const struct pki_pair *pair, const char *pass_phrase);

#endif
