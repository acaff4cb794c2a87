/* SPDX-License-Identifier: MIT */
/* OpenSSL as a peer that changes its keys again and again. */
#include "tests/interop/peer.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/pki.h"

#define MSG_KEY_UPDATE 24

static bool complain(const struct peer *peer, const char *what)
{
	fprintf(stderr, "%s: OpenSSL: %s: %s\n", peer->name, what,
		strerror(errno));
	ERR_print_errors_fp(stderr);
	ERR_clear_error();
	return false;
}

static void count_answers(int is_ours, int version, int type, const void *msg,
			  size_t len, SSL *ssl, void *arg)
{
	struct peer *peer = arg;

	(void)version;
	(void)ssl;
	if (!is_ours && type == SSL3_RT_HANDSHAKE && len &&
	    *(const unsigned char *)msg == MSG_KEY_UPDATE)
		peer->nr_answers++;
}

static bool use_cert(SSL_CTX *ctx)
{
	struct pki_pair pair;
	struct pki pki;
	BIO *cert, *key;
	EVP_PKEY *pkey;
	X509 *x509;
	bool ok;

	pki_init(&pki);
	pki_issue(&pki, &pki_ecdsa, &pair);
	cert = BIO_new_mem_buf(pair.cert, -1);
	key = BIO_new_mem_buf(pair.key, -1);
	x509 = PEM_read_bio_X509(cert, NULL, NULL, NULL);
	pkey = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);
	ok = SSL_CTX_use_certificate(ctx, x509) == 1 &&
	     SSL_CTX_use_PrivateKey(ctx, pkey) == 1;
	EVP_PKEY_free(pkey);
	X509_free(x509);
	BIO_free(key);
	BIO_free(cert);
	pki_pair_fini(&pair);
	pki_fini(&pki);
	return ok;
}

static bool start(struct peer *peer, int fd, const SSL_METHOD *method,
		  bool is_server)
{
	static const int on = 1;

	peer->fd = fd;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	peer->ctx = SSL_CTX_new(method);
	if (!peer->ctx ||
	    SSL_CTX_set_min_proto_version(peer->ctx, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_ciphersuites(peer->ctx, peer->suite) != 1 ||
	    (is_server && !use_cert(peer->ctx)))
		return complain(peer, "context");
	peer->ssl = SSL_new(peer->ctx);
	if (!peer->ssl || SSL_set_fd(peer->ssl, fd) != 1)
		return complain(peer, "connection");
	SSL_set_msg_callback(peer->ssl, count_answers);
	SSL_set_msg_callback_arg(peer->ssl, peer);
	return true;
}

bool peer_connect(struct peer *peer, int fd)
{
	if (!start(peer, fd, TLS_client_method(), false))
		return false;
	return SSL_connect(peer->ssl) == 1 || complain(peer, "handshake");
}

bool peer_accept(struct peer *peer, int fd)
{
	if (!start(peer, fd, TLS_server_method(), true))
		return false;
	return SSL_accept(peer->ssl) == 1 || complain(peer, "handshake");
}

bool peer_update(struct peer *peer)
{
	int type = peer->asks ? SSL_KEY_UPDATE_REQUESTED
			      : SSL_KEY_UPDATE_NOT_REQUESTED;

	peer->nr_updates++;
	return SSL_key_update(peer->ssl, type) == 1 ||
	       complain(peer, "KeyUpdate");
}

bool peer_write(struct peer *peer, const void *data, size_t len)
{
	if (peer->every && peer->nr_records &&
	    peer->nr_records % peer->every == 0 && !peer_update(peer))
		return false;
	peer->nr_records++;
	return SSL_write(peer->ssl, data, (int)len) == (int)len ||
	       complain(peer, "write");
}

int peer_read(struct peer *peer, void *buf, size_t len)
{
	int n = SSL_read(peer->ssl, buf, (int)len);

	if (n > 0)
		return n;
	n = SSL_get_error(peer->ssl, n);
	if (n == SSL_ERROR_ZERO_RETURN)
		return 0;
	complain(peer, "read");
	return -1;
}

bool peer_close(struct peer *peer)
{
	int n = SSL_shutdown(peer->ssl);
	char byte;

	if (n == 0)
		n = peer_read(peer, &byte, 1) == 0;
	peer_drop(peer);
	return n == 1 || complain(peer, "close");
}

void peer_drop(struct peer *peer)
{
	SSL_free(peer->ssl);
	SSL_CTX_free(peer->ctx);
	close(peer->fd);
	peer->ssl = NULL;
	peer->ctx = NULL;
}
