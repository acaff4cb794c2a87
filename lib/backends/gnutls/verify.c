/* SPDX-License-Identifier: MIT */
/* Whether the peer's certificate is good, and for whom. */
#include "lib/backends/gnutls/gnutls-private.h"

#include <string.h>

#include <gnutls/x509.h>

#include "lib/base/base-private.h"

/* The first that applies is told: RFC 8446 section 6.2 has few words. */
static const struct {
	unsigned int status;
	gnutls_alert_description_t alert;
	const char *text;
} verdicts[] = {
	{GNUTLS_CERT_EXPIRED, GNUTLS_A_CERTIFICATE_EXPIRED,
	 "certificate has expired"},
	{GNUTLS_CERT_NOT_ACTIVATED, GNUTLS_A_CERTIFICATE_EXPIRED,
	 "certificate is not yet valid"},
	{GNUTLS_CERT_REVOKED, GNUTLS_A_CERTIFICATE_REVOKED,
	 "certificate was revoked"},
	{GNUTLS_CERT_SIGNER_NOT_FOUND, GNUTLS_A_UNKNOWN_CA,
	 "issuer of the certificate is not trusted"},
	{GNUTLS_CERT_SIGNER_NOT_CA, GNUTLS_A_UNKNOWN_CA,
	 "issuer of the certificate is no authority"},
	{GNUTLS_CERT_INSECURE_ALGORITHM, GNUTLS_A_BAD_CERTIFICATE,
	 "certificate is signed with a weak algorithm"},
	{GNUTLS_CERT_PURPOSE_MISMATCH, GNUTLS_A_UNSUPPORTED_CERTIFICATE,
	 "certificate is for another purpose"},
	{GNUTLS_CERT_UNEXPECTED_OWNER, GNUTLS_A_BAD_CERTIFICATE,
	 "certificate is for another host"},
};

gnutls_alert_description_t keel__gtls_verify_alert(unsigned int status)
{
	for (size_t i = 0; i < KEEL__ARRAY_LEN(verdicts); i++) {
		if (status & verdicts[i].status)
			return verdicts[i].alert;
	}
	return GNUTLS_A_BAD_CERTIFICATE;
}

const char *keel__gtls_verify_text(unsigned int status)
{
	for (size_t i = 0; i < KEEL__ARRAY_LEN(verdicts); i++) {
		if (status & verdicts[i].status)
			return verdicts[i].text;
	}
	return "certificate is not acceptable";
}

/*
 * GnuTLS takes the common name where there is no name in subjectAltName; RFC
 * 9525 section 6.3 does not. 0, or the status that says so.
 */
static unsigned int check_has_name(gnutls_session_t session)
{
	const gnutls_datum_t *peer;
	gnutls_x509_crt_t cert;
	unsigned int status = GNUTLS_CERT_UNEXPECTED_OWNER;
	unsigned int nr;
	char name[KEEL__GTLS_MAX_NAME];
	int ret = 0;

	peer = gnutls_certificate_get_peers(session, &nr);
	if (!peer || gnutls_x509_crt_init(&cert) < 0)
		return status;
	if (gnutls_x509_crt_import(cert, peer, GNUTLS_X509_FMT_DER) < 0)
		ret = GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
	for (unsigned int i = 0;
	     ret != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE && status; i++) {
		size_t len = sizeof(name);

		ret = gnutls_x509_crt_get_subject_alt_name(cert, i, name, &len,
							   NULL);
		if (ret == GNUTLS_SAN_DNSNAME || ret == GNUTLS_SAN_IPADDRESS)
			status = 0;
		else if (ret < 0 && ret != GNUTLS_E_SHORT_MEMORY_BUFFER)
			break;
	}
	gnutls_x509_crt_deinit(cert);
	return status;
}

static int verify_peer(struct keel__gtls_hs *hs)
{
	bool is_client = hs->ctx->role == KEEL_CLIENT;
	char purpose[sizeof(GNUTLS_KP_TLS_WWW_SERVER)];
	gnutls_typed_vdata_st data[2] = {
		{.type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (void *)purpose},
		{.type = GNUTLS_DT_DNS_HOSTNAME, .data = (void *)hs->host},
	};

	strcpy(purpose,
	       is_client ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT);
	if (gnutls_certificate_verify_peers(hs->session, data,
					    hs->host[0] ? 2 : 1,
					    &hs->verify_status) < 0)
		hs->verify_status = GNUTLS_CERT_INVALID;
	if (!hs->verify_status && hs->host[0])
		hs->verify_status = check_has_name(hs->session);
	hs->is_verified = !hs->verify_status;
	return hs->is_verified ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

int keel__gtls_verify(gnutls_session_t session)
{
	struct keel__gtls_hs *hs = gnutls_session_get_ptr(session);
	unsigned int nr = 0;

	if (hs->ctx->verify == KEEL_VERIFY_NONE)
		return 0;
	/* A client without one: GnuTLS has said what it thinks of it. */
	if (hs->ctx->role == KEEL_SERVER &&
	    !gnutls_certificate_get_peers(session, &nr))
		return 0;
	return verify_peer(hs);
}
