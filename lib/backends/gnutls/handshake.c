/* SPDX-License-Identifier: MIT */
/* A handshake: one session that lives until the keys are out. */
#include "lib/backends/gnutls/gnutls-private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base-private.h"
#include "lib/base/secret-private.h"

/*
 * GnuTLS gives keys to the kernel by itself, if its configuration says so, for
 * sessions on sockets. A session with these two functions is on none.
 */
static ssize_t pull(gnutls_transport_ptr_t p, void *buf, size_t len)
{
	struct keel__gtls_hs *hs = p;

	if (!hs->in_len) {
		gnutls_transport_set_errno(hs->session, EAGAIN);
		return -1;
	}
	len = keel__min_size(len, hs->in_len);
	memcpy(buf, hs->in, len);
	hs->in += len;
	hs->in_len -= len;
	return (ssize_t)len;
}

static int is_there(gnutls_transport_ptr_t p, unsigned int ms)
{
	const struct keel__gtls_hs *hs = p;

	(void)ms;
	return hs->in_len > 0;
}

static ssize_t push(gnutls_transport_ptr_t p, const giovec_t *iov, int nr)
{
	struct keel__gtls_hs *hs = p;
	ssize_t sum = 0;

	for (int i = 0; i < nr && !hs->sink_err; i++) {
		hs->sink_err =
			hs->sink(hs->sink_arg, iov[i].iov_base, iov[i].iov_len);
		sum += (ssize_t)iov[i].iov_len;
	}
	if (!hs->sink_err)
		return sum;
	gnutls_transport_set_errno(hs->session, EIO);
	return -1;
}

static bool is_ip_literal(const char *host)
{
	unsigned char addr[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, addr) == 1 ||
	       inet_pton(AF_INET6, host, addr) == 1;
}

/* An address is verified, not sent: RFC 6066 section 3. */
static int set_client(struct keel__gtls_hs *hs,
		      const struct keel_hs_params *params)
{
	const char *host = params ? params->host : NULL;
	size_t len = host ? strlen(host) : 0;

	if (!host)
		return 0;
	if (!len || len >= sizeof(hs->host))
		return -EINVAL;
	memcpy(hs->host, host, len + 1);
	if (!is_ip_literal(host) &&
	    gnutls_server_name_set(hs->session, GNUTLS_NAME_DNS, host, len) < 0)
		return -EINVAL;
	return 0;
}

static void set_server(struct keel__gtls_hs *hs)
{
	if (hs->ctx->verify == KEEL_VERIFY_NONE)
		return;
	gnutls_certificate_server_set_request(
		hs->session, hs->ctx->verify == KEEL_VERIFY_REQUIRED
				     ? GNUTLS_CERT_REQUIRE
				     : GNUTLS_CERT_REQUEST);
}

static int set_session(struct keel__gtls_hs *hs,
		       const struct keel_hs_params *params)
{
	const struct keel__gtls_ctx *ctx = hs->ctx;
	unsigned int alpn_flags = GNUTLS_ALPN_MANDATORY;

	gnutls_session_set_ptr(hs->session, hs);
	gnutls_transport_set_ptr(hs->session, hs);
	gnutls_transport_set_pull_function(hs->session, pull);
	gnutls_transport_set_pull_timeout_function(hs->session, is_there);
	gnutls_transport_set_vec_push_function(hs->session, push);
	gnutls_handshake_set_secret_function(hs->session, keel__gtls_on_secret);
	gnutls_session_set_verify_function(hs->session, keel__gtls_verify);
	if (gnutls_priority_set(hs->session, ctx->priority) < 0 ||
	    gnutls_credentials_set(hs->session, GNUTLS_CRD_CERTIFICATE,
				   ctx->cred) < 0)
		return -ENOMEM;
	/* No protocol in common is the end, RFC 7301 section 3.2. */
	if (ctx->role == KEEL_SERVER)
		alpn_flags |= GNUTLS_ALPN_SERVER_PRECEDENCE;
	else
		alpn_flags = 0;
	if (ctx->nr_alpn &&
	    gnutls_alpn_set_protocols(hs->session, ctx->alpn, ctx->nr_alpn,
				      alpn_flags) < 0)
		return -ENOMEM;
	if (ctx->role == KEEL_CLIENT)
		return set_client(hs, params);
	set_server(hs);
	return 0;
}

int keel__gtls_hs_new(void *p, const struct keel_hs_params *params,
		      void **ret_hs)
{
	const struct keel__gtls_ctx *ctx = p;
	struct keel__gtls_hs *hs;
	int ret;

	if (params && params->sz < sizeof(*params))
		return -EINVAL;
	hs = calloc(1, sizeof(*hs));
	if (!hs)
		return -ENOMEM;
	hs->ctx = ctx;
	ret = gnutls_init(
		&hs->session,
		(ctx->role == KEEL_SERVER ? GNUTLS_SERVER : GNUTLS_CLIENT) |
			GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS |
			GNUTLS_NO_AUTO_SEND_TICKET | GNUTLS_NO_AUTO_REKEY);
	if (ret < 0) {
		free(hs);
		return -ENOMEM;
	}
	ret = set_session(hs, params);
	if (ret) {
		keel__gtls_hs_free(hs);
		return ret;
	}
	*ret_hs = hs;
	return 0;
}

void keel__gtls_hs_free(void *p)
{
	struct keel__gtls_hs *hs = p;

	if (!hs)
		return;
	gnutls_deinit(hs->session);
	keel__secret_clear(hs, sizeof(*hs));
	free(hs);
}

/* A server may choose among those offered only: RFC 7301 section 3.2. */
static bool is_alpn_offered(const struct keel__gtls_hs *hs)
{
	gnutls_datum_t name;

	if (gnutls_alpn_get_selected_protocol(hs->session, &name) < 0)
		return true;
	for (unsigned int i = 0; i < hs->ctx->nr_alpn; i++) {
		if (hs->ctx->alpn[i].size == name.size &&
		    !memcmp(hs->ctx->alpn[i].data, name.data, name.size))
			return true;
	}
	return false;
}

/*
 * What a peer asks for with RFC 8449, which GnuTLS grants, is a length for one
 * direction; keel knows those of RFC 6066, which are for both.
 */
static bool is_length_known(gnutls_session_t session)
{
	size_t len = gnutls_record_get_max_size(session);

	return len >= KEEL_MAX_PLAINTEXT || len == 512 || len == 1024 ||
	       len == 2048 || len == 4096;
}

static void take_sni(struct keel__gtls_hs *hs)
{
	size_t len = sizeof(hs->sni);
	unsigned int type;

	if (gnutls_server_name_get(hs->session, hs->sni, &len, &type, 0) < 0)
		hs->sni[0] = '\0';
}

/* What shares a record with the last Finished came too early. */
static int finish(struct keel__gtls_hs *hs, struct keel_err *ret_err)
{
	hs->suite = keel__gtls_suite_of(hs->session);
	if (hs->in_len || gnutls_record_check_pending(hs->session))
		return keel__gtls_hs_refuse(
			hs, -EPROTO, GNUTLS_A_UNEXPECTED_MESSAGE,
			"bytes after the end of the handshake", ret_err);
	if (!hs->suite)
		return keel__gtls_hs_refuse(
			hs, -ENOTSUP, GNUTLS_A_INTERNAL_ERROR,
			"a cipher suite keel does not know", ret_err);
	if (hs->ctx->role == KEEL_CLIENT && !is_alpn_offered(hs))
		return keel__gtls_hs_refuse(
			hs, -EPROTO, GNUTLS_A_ILLEGAL_PARAMETER,
			"an ALPN protocol nobody offered", ret_err);
	if (!is_length_known(hs->session))
		return keel__gtls_hs_refuse(hs, -ENOTSUP,
					    GNUTLS_A_INTERNAL_ERROR,
					    "a record length keel does not "
					    "know",
					    ret_err);
	if (hs->ctx->role == KEEL_SERVER)
		take_sni(hs);
	hs->is_done = true;
	return KEEL_HS_DONE;
}

static int run(struct keel__gtls_hs *hs, bool is_whole,
	       struct keel_err *ret_err)
{
	int ret;

	/* It comes back for a warning, too; each has taken some of the input */
	do {
		ret = gnutls_handshake(hs->session);
	} while (ret == GNUTLS_E_INTERRUPTED ||
		 (ret == GNUTLS_E_WARNING_ALERT_RECEIVED &&
		  gnutls_alert_get(hs->session) != GNUTLS_A_CLOSE_NOTIFY));
	if (ret == GNUTLS_E_SUCCESS && !hs->sink_err)
		return finish(hs, ret_err);
	if (ret != GNUTLS_E_AGAIN || hs->sink_err)
		return keel__gtls_hs_fail(hs, ret, ret_err);
	if (is_whole)
		return KEEL_HS_WANT_RECORD;
	return keel__gtls_hs_refuse(hs, -EPROTO, GNUTLS_A_PROTOCOL_VERSION,
				    "not a TLS record", ret_err);
}

/*
 * A client of OpenSSL's that refuses the server's certificate says so without
 * encryption, in TLS 1.3 too, and GnuTLS takes that for a broken record. An
 * alert of two bytes cannot be anything else: encrypted it is longer, and of
 * TLS 1.3 it has another type outside. Who could have put it there could have
 * put in anything else as well, to the same end.
 */
static bool is_plain_fatal_alert(const uint8_t *rec, size_t len)
{
	return len == KEEL__GTLS_HEADER_LEN + 2 && rec[0] == 21 &&
	       rec[5] == GNUTLS_AL_FATAL;
}

static bool is_whole_record(const uint8_t *rec, size_t len)
{
	return len >= KEEL__GTLS_HEADER_LEN &&
	       len - KEEL__GTLS_HEADER_LEN == (size_t)(rec[3] << 8 | rec[4]);
}

int keel__gtls_hs_step(void *p, void *rec, size_t len, keel_sink_fn sink,
		       void *arg, struct keel_err *ret_err)
{
	struct keel__gtls_hs *hs = p;
	int ret;

	if (hs->is_done || hs->is_failed) {
		*ret_err = (struct keel_err){
			.err = -ESTALE,
			.origin = KEEL_ERR_USAGE,
			.site = "a step of a handshake that has ended",
		};
		return -ESTALE;
	}
	if (rec && is_plain_fatal_alert(rec, len))
		return keel__gtls_hs_heard(hs, ((uint8_t *)rec)[6],
					   GNUTLS_E_FATAL_ALERT_RECEIVED,
					   ret_err);
	hs->in = rec;
	hs->in_len = rec ? len : 0;
	hs->sink = sink;
	hs->sink_arg = arg;
	ret = run(hs, !rec || is_whole_record(rec, len), ret_err);
	hs->in = NULL;
	hs->in_len = 0;
	hs->sink = NULL;
	hs->sink_arg = NULL;
	return ret;
}
