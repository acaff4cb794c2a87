/* SPDX-License-Identifier: MIT */
/* What the benchmark clients share: one OpenSSL client, one way to connect. */
#include "tests/bench/client.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/objects.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

int bench_version(const char *text)
{
	if (!strcmp(text, "1.2"))
		return TLS1_2_VERSION;
	if (!strcmp(text, "1.3"))
		return TLS1_3_VERSION;
	errx(2, "%s: not a version, use 1.2 or 1.3", text);
}

long bench_number(const char *what, const char *text, long min, long max)
{
	char *end;
	long val;

	errno = 0;
	val = strtol(text, &end, 10);
	if (errno || end == text || *end || val < min || val > max)
		errx(2, "%s: %s must be %ld to %ld", text, what, min, max);
	return val;
}

struct sockaddr_in bench_addr(const char *host, const char *port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET};

	if (inet_pton(AF_INET, host, &addr.sin_addr) != 1)
		errx(2, "%s: not an IPv4 address", host);
	addr.sin_port = htons((uint16_t)bench_number("port", port, 1, 65535));
	return addr;
}

static int set_suite(SSL_CTX *ctx, const struct bench_tls *tls, int version)
{
	if (!tls->suite)
		return 1;
	if (version == TLS1_3_VERSION)
		return SSL_CTX_set_ciphersuites(ctx, tls->suite);
	return SSL_CTX_set_cipher_list(ctx, tls->suite);
}

SSL_CTX *bench_ctx_new(const struct bench_tls *tls)
{
	int version = tls->version ? tls->version : TLS1_3_VERSION;
	int group = NID_X25519;
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (!ctx)
		return NULL;
	if (SSL_CTX_set_min_proto_version(ctx, version) != 1 ||
	    SSL_CTX_set_max_proto_version(ctx, version) != 1 ||
	    SSL_CTX_set1_groups(ctx, &group, 1) != 1 ||
	    set_suite(ctx, tls, version) != 1) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	return ctx;
}

int bench_connect(const struct sockaddr_in *addr)
{
	int one = 1;
	int ret;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0) {
		ret = -errno;
		close(fd);
		return ret;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

SSL *bench_handshake(SSL_CTX *ctx, int fd)
{
	SSL *ssl = SSL_new(ctx);

	if (!ssl)
		return NULL;
	if (SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1) {
		SSL_free(ssl);
		return NULL;
	}
	return ssl;
}

/* Length of the body that the head of an answer announces, or -1. */
static long content_length(const char *head)
{
	static const char name[] = "\r\nContent-Length:";
	const char *at;

	for (at = strchr(head, '\r'); at; at = strchr(at + 1, '\r')) {
		if (!strncasecmp(at, name, sizeof(name) - 1))
			return strtol(at + sizeof(name) - 1, NULL, 10);
	}
	return -1;
}

/* Read the head; what came of the body with it is counted in @ret_body. */
static long read_head(SSL *ssl, long *ret_body)
{
	char buf[4096];
	size_t len = 0;
	char *end;
	int n;

	while (len < sizeof(buf) - 1) {
		n = SSL_read(ssl, buf + len, (int)(sizeof(buf) - 1 - len));
		if (n <= 0)
			return -1;
		len += (size_t)n;
		buf[len] = '\0';
		end = strstr(buf, "\r\n\r\n");
		if (end) {
			*ret_body = (long)len - (end + 4 - buf);
			return content_length(buf);
		}
	}
	return -1;
}

long bench_get(SSL *ssl, const char *path)
{
	char buf[16384];
	long want;
	long got = 0;
	int n;

	n = snprintf(buf, sizeof(buf),
		     "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
	if (n < 0 || (size_t)n >= sizeof(buf) || SSL_write(ssl, buf, n) != n)
		return -1;
	want = read_head(ssl, &got);
	while (want >= 0 && got < want) {
		n = SSL_read(ssl, buf, sizeof(buf));
		if (n <= 0)
			return -1;
		got += n;
	}
	return got == want ? want : -1;
}
