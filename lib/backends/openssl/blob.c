/* SPDX-License-Identifier: MIT */
/* A session as bytes, bound to the trust it was made under. */
#include "lib/backends/openssl/openssl-private.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/time.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "lib/base/base-private.h"

/*
 * A blob is a mark with the layout's version, a digest of the trust and of the
 * session, and the session in DER. The digest is no proof against somebody who
 * can write blobs: they are the caller's, and secret. It tells a blob that was
 * made under another trust, or damaged, from one worth offering.
 */
static const uint8_t mark[4] = {'k', 'l', 's', 1};

#define PREFIX_LEN (sizeof(mark) + KEEL__OSSL_TRUST_LEN)

/* Each part goes in behind its length; one that is absent differs from "". */
static int parts_digest(const struct iovec *parts, size_t nr, uint8_t *ret)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL);
	uint64_t len;

	for (size_t i = 0; ok && i < nr; i++) {
		len = parts[i].iov_base ? parts[i].iov_len : UINT64_MAX;
		ok = EVP_DigestUpdate(md, &len, sizeof(len)) &&
		     (!parts[i].iov_base ||
		      EVP_DigestUpdate(md, parts[i].iov_base,
				       parts[i].iov_len));
	}
	ok = ok && EVP_DigestFinal_ex(md, ret, NULL);
	EVP_MD_CTX_free(md);
	return ok ? 0 : -ENOMEM;
}

static struct iovec part(const void *data, size_t len)
{
	/* struct iovec knows no const; nothing here writes. */
	union {
		const void *from;
		void *to;
	} base = {.from = data};

	return (struct iovec){.iov_base = base.to, .iov_len = len};
}

/*
 * What a session of this context rests on: whom it trusts, how it verifies,
 * who it says it is, and the library that wrote the DER.
 */
int keel__ossl_trust_of_ctx(const struct keel_backend_params *params,
			    uint8_t *ret_trust)
{
	const char *version = OpenSSL_version(OPENSSL_VERSION_STRING);
	const uint8_t how[] = {(uint8_t)params->verify, params->system_ca};
	const struct iovec parts[] = {
		part(version, strlen(version)),
		part(how, sizeof(how)),
		part(params->ca_pem, params->ca_len),
		part(params->cert_pem, params->cert_len),
	};

	return parts_digest(parts, KEEL__ARRAY_LEN(parts), ret_trust);
}

int keel__ossl_trust_of_host(const uint8_t *ctx_trust, const char *host,
			     uint8_t *ret_trust)
{
	const struct iovec parts[] = {
		part(ctx_trust, KEEL__OSSL_TRUST_LEN),
		part(host, host ? strlen(host) : 0),
	};

	return parts_digest(parts, KEEL__ARRAY_LEN(parts), ret_trust);
}

static int blob_digest(const uint8_t *trust, const uint8_t *der, size_t len,
		       uint8_t *ret_digest)
{
	const struct iovec parts[] = {
		part(trust, KEEL__OSSL_TRUST_LEN),
		part(der, len),
	};

	return parts_digest(parts, KEEL__ARRAY_LEN(parts), ret_digest);
}

int keel__ossl_blob_give(SSL_SESSION *session, const uint8_t *trust,
			 keel_sink_fn sink, void *arg)
{
	int len = i2d_SSL_SESSION(session, NULL);
	uint8_t *blob = NULL;
	uint8_t *pos;
	size_t size;
	int r = -ENOMEM;

	if (len > 0)
		blob = OPENSSL_malloc(PREFIX_LEN + (size_t)len);
	if (!blob) {
		ERR_clear_error();
		return -ENOMEM;
	}
	size = PREFIX_LEN + (size_t)len;
	pos = blob + PREFIX_LEN;
	memcpy(blob, mark, sizeof(mark));
	if (i2d_SSL_SESSION(session, &pos) == len)
		r = blob_digest(trust, blob + PREFIX_LEN, (size_t)len,
				blob + sizeof(mark));
	if (!r)
		r = sink(arg, blob, size);
	ERR_clear_error();
	OPENSSL_clear_free(blob, size);
	return r;
}

/* The session in a blob of the same trust; NULL if there is none. */
SSL_SESSION *keel__ossl_blob_read(const void *blob, size_t len,
				  const uint8_t *trust)
{
	uint8_t digest[KEEL__OSSL_TRUST_LEN];
	const uint8_t *bytes = blob;
	const uint8_t *der;
	SSL_SESSION *session;

	if (len <= PREFIX_LEN || len > LONG_MAX ||
	    memcmp(bytes, mark, sizeof(mark)))
		return NULL;
	der = bytes + PREFIX_LEN;
	len -= PREFIX_LEN;
	if (blob_digest(trust, der, len, digest) ||
	    CRYPTO_memcmp(digest, bytes + sizeof(mark), sizeof(digest)))
		return NULL;
	session = d2i_SSL_SESSION(NULL, &der, (long)len);
	if (session && der != bytes + PREFIX_LEN + len) {
		SSL_SESSION_free(session);
		return NULL;
	}
	return session;
}

/*
 * time() may be some milliseconds behind the clock that OpenSSL reads, and so
 * find a session that began with this second to be from the next one.
 */
static long now_s(void)
{
	struct timeval now;

	gettimeofday(&now, NULL);
	return (long)now.tv_sec;
}

/*
 * Over by our own count or by the server's hint, which is seconds from the
 * ticket's arrival: RFC 8446 section 4.6.1, where 0 means at once, and RFC 5077
 * section 5.6, where it means nothing. A session from the future tells that the
 * clock was set back; then no age can be known.
 */
bool keel__ossl_session_is_over(const SSL_SESSION *session)
{
	long age = now_s() - SSL_SESSION_get_time(session);
	unsigned long hint = SSL_SESSION_get_ticket_lifetime_hint(session);
	bool is_tls13 =
		SSL_SESSION_get_protocol_version(session) == TLS1_3_VERSION;

	if (age < 0 || age >= SSL_SESSION_get_timeout(session))
		return true;
	return (hint || is_tls13) && (unsigned long)age >= hint;
}
