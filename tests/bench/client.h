/* SPDX-License-Identifier: MIT */
/* What the benchmark clients share: one OpenSSL client, one way to connect. */
#ifndef KEEL_BENCH_CLIENT_H
#define KEEL_BENCH_CLIENT_H

#include <netinet/in.h>
#include <openssl/ssl.h>

/* All zero is the default: TLS 1.3, OpenSSL's own list of suites, X25519. */
struct bench_tls {
	const char *suite; /* OpenSSL's name of one suite */
	int version;	   /* TLS1_2_VERSION or TLS1_3_VERSION */
};

/* Parse "1.2" or "1.3"; ends the program on anything else. */
int bench_version(const char *text);

/* Parse a number from @min to @max; ends the program on anything else. */
long bench_number(const char *what, const char *text, long min, long max);

/* Parse an IPv4 address and a port; ends the program if they are none. */
struct sockaddr_in bench_addr(const char *host, const char *port);

/* A client's context that trusts anybody and resumes nothing, or NULL. */
SSL_CTX *bench_ctx_new(const struct bench_tls *tls);

/* A connected TCP socket, or -errno. */
int bench_connect(const struct sockaddr_in *addr);

/* A handshake on a connected socket: a new SSL, or NULL. */
SSL *bench_handshake(SSL_CTX *ctx, int fd);

/* GET @path on @ssl and read the answer. Returns the body's length or -1. */
long bench_get(SSL *ssl, const char *path);

#endif
