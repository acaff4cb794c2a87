/* SPDX-License-Identifier: MIT */
/* Every enum for people has a name for each value and "?" for no value. */
#include <string.h>

#include <keel/error.h>
#include <keel/log.h>
#include <keel/offload.h>

#include "lib/base/base-private.h"
#include "tests/support/case.h"
#include "tests/support/check.h"

static const struct {
	const char *row;
	const char *(*name)(unsigned int value);
	unsigned int last;
} tables[] = {
	{"origin", keel_err_origin_name, KEEL_ERR_PEER},
	{"level", keel_log_level_name, KEEL_LOG_DEBUG},
	{"reason", keel_reason_text, KEEL_REASON_BACKEND},
};

CASE(names__are_complete_and_unique,
     "Each value of origins, levels and reasons has a name of its own")
{
	for (size_t i = 0; i < KEEL__ARRAY_LEN(tables); i++) {
		for (unsigned int v = 0; v <= tables[i].last; v++) {
			const char *name = tables[i].name(v);

			ATF_REQUIRE_MSG(name && name[0] && strcmp(name, "?"),
					"%s %u has no name", tables[i].row, v);
			for (unsigned int w = 0; w < v; w++)
				ATF_CHECK_MSG(strcmp(name, tables[i].name(w)),
					      "%s %u and %u are both %s",
					      tables[i].row, v, w, name);
		}
		ATF_CHECK_STREQ("?", tables[i].name(tables[i].last + 1));
		ATF_CHECK_STREQ("?", tables[i].name(~0u));
	}
}

/* RFC 8446 section 6, and appendix B.2 for what it only reserves. */
static const struct {
	unsigned int alert;
	const char *name;
} alerts[] = {
	{0, "close_notify"},
	{10, "unexpected_message"},
	{20, "bad_record_mac"},
	{21, "decryption_failed"},
	{22, "record_overflow"},
	{30, "decompression_failure"},
	{40, "handshake_failure"},
	{41, "no_certificate"},
	{42, "bad_certificate"},
	{43, "unsupported_certificate"},
	{44, "certificate_revoked"},
	{45, "certificate_expired"},
	{46, "certificate_unknown"},
	{47, "illegal_parameter"},
	{48, "unknown_ca"},
	{49, "access_denied"},
	{50, "decode_error"},
	{51, "decrypt_error"},
	{52, "too_many_cids_requested"},
	{60, "export_restriction"},
	{70, "protocol_version"},
	{71, "insufficient_security"},
	{80, "internal_error"},
	{86, "inappropriate_fallback"},
	{90, "user_canceled"},
	{100, "no_renegotiation"},
	{109, "missing_extension"},
	{110, "unsupported_extension"},
	{111, "certificate_unobtainable"},
	{112, "unrecognized_name"},
	{113, "bad_certificate_status_response"},
	{114, "bad_certificate_hash_value"},
	{115, "unknown_psk_identity"},
	{116, "certificate_required"},
	{120, "no_application_protocol"},
};

CASE(names__of_alerts_are_those_of_the_rfc,
     "Alert names are RFC 8446's, every other value is unknown")
{
	size_t next = 0;

	for (unsigned int alert = 0; alert < 300; alert++) {
		const char *want = "unknown";

		if (next < KEEL__ARRAY_LEN(alerts) &&
		    alerts[next].alert == alert)
			want = alerts[next++].name;
		ATF_CHECK_STREQ_MSG(want, keel_alert_name(alert), "alert %u",
				    alert);
	}
	CHECK_INT("rows looked at", KEEL__ARRAY_LEN(alerts), next);
	ATF_CHECK_STREQ("unknown", keel_alert_name(~0u));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, names__are_complete_and_unique);
	ATF_TP_ADD_TC(tp, names__of_alerts_are_those_of_the_rfc);
	return atf_no_error();
}
