/* SPDX-License-Identifier: MIT */
/* Errors and diagnoses: what sticks, and how they read. */
#include "lib/base/err-private.h"

#include <errno.h>
#include <string.h>

#include "lib/base/base-private.h"
#include "tests/support/case.h"
#include "tests/support/check.h"

CASE(err__first_one_sticks, "A second error does not replace the first")
{
	struct keel_err err = {.err = 0};

	CHECK_INT("first", -EPROTO,
		  keel__err_set(&err, -EPROTO, KEEL_ERR_SENT_ALERT,
				KEEL_ALERT_DECODE_ERROR, 7, "one"));
	CHECK_INT("second", -EIO,
		  keel__err_set(&err, -EIO, KEEL_ERR_SYS, 0, 0, "two"));
	CHECK_INT("err", -EPROTO, err.err);
	CHECK_INT("origin", KEEL_ERR_SENT_ALERT, err.origin);
	CHECK_INT("alert", KEEL_ALERT_DECODE_ERROR, err.alert);
	CHECK_INT("native", 7, err.native);
	ATF_CHECK_STREQ("one", err.site);
}

static const struct {
	struct keel_err err;
	const char *want;
} formats[] = {
	{{.err = 0}, "no error"},
	{{.err = -ECONNRESET, .origin = KEEL_ERR_SYS, .site = "recv"},
	 "recv: Connection reset by peer (system)"},
	{{.err = -ECONNRESET,
	  .origin = KEEL_ERR_PEER_ALERT,
	  .alert = KEEL_ALERT_UNKNOWN_CA,
	  .site = "handshake"},
	 "handshake: Connection reset by peer (received alert unknown_ca, 48)"},
	{{.err = -EPROTO,
	  .origin = KEEL_ERR_SENT_ALERT,
	  .alert = KEEL_ALERT_DECODE_ERROR,
	  .site = "record"},
	 "record: the peer broke TLS (sent alert decode_error, 50)"},
	{{.err = -EKEYREJECTED,
	  .origin = KEEL_ERR_BACKEND,
	  .native = 0xa000086,
	  .site = "verify"},
	 "verify: the certificate was refused (backend, code 0xa000086)"},
	{{.err = -EIO, .origin = KEEL_ERR_BACKEND, .site = "seal"},
	 "seal: Input/output error (backend)"},
	{{.err = -ESTALE, .origin = KEEL_ERR_USAGE, .site = "send"},
	 "send: a call in the wrong state (usage)"},
	{{.err = -ETIMEDOUT, .origin = KEEL_ERR_TIMEOUT, .site = "idle"},
	 "idle: Connection timed out (timeout)"},
	{{.err = -EPROTO, .origin = KEEL_ERR_PEER, .site = "record"},
	 "record: the peer broke TLS (peer)"},
	{{.err = -ECONNABORTED, .site = "recv"},
	 "recv: the stream ended without close_notify (truncated)"},
	{{.err = -EBADMSG, .site = "open"},
	 "open: a record failed authentication"},
	{{.err = -EKEYEXPIRED, .site = "seal"},
	 "seal: the key may no longer be used"},
	{{.err = -99999, .origin = 99, .native = 1},
	 "?: unknown error (?, code 0x1)"},
	{{.err = -EPROTO,
	  .origin = KEEL_ERR_PEER_ALERT,
	  .alert = 255,
	  .site = "x"},
	 "x: the peer broke TLS (received alert unknown, 255)"},
};

CASE(err__format_says_who_what_where,
     "The line names what was done, what happened and who said so")
{
	char line[200];

	for (size_t i = 0; i < KEEL__ARRAY_LEN(formats); i++) {
		CHECK_INT(formats[i].want, strlen(formats[i].want),
			  keel_err_format(&formats[i].err, line, sizeof(line)));
		ATF_CHECK_STREQ(formats[i].want, line);
	}
}

CASE(err__format_cuts_a_long_line,
     "A small buffer gets a terminated part and the full length is told")
{
	static const struct keel_err err = {.err = -EIO, .site = "disk"};
	const int whole = (int)strlen("disk: Input/output error");
	char line[8];

	CHECK_INT("cut", whole, keel_err_format(&err, line, sizeof(line)));
	ATF_CHECK_STREQ("disk: I", line);
	line[0] = 'x';
	CHECK_INT("no room", whole, keel_err_format(&err, line, 0));
	CHECK_INT("no room", 'x', line[0]);
	CHECK_INT("no error", -EINVAL, keel_err_format(NULL, line, 8));
	CHECK_INT("no buffer", -EINVAL, keel_err_format(&err, NULL, 8));
}

CASE(diag__last_one_counts, "A new diagnosis replaces the old one")
{
	struct keel_diag diag;

	CHECK_INT("one", -ENOENT,
		  keel__diag_set(&diag, -ENOENT, KEEL_ERR_SYS, 1, "a", "%s",
				 "one"));
	diag.err.alert = 3;
	CHECK_INT("two", -EINVAL,
		  keel__diag_set(&diag, -EINVAL, KEEL_ERR_USAGE, 2, "b",
				 "two of %d", 3));
	CHECK_INT("two", -EINVAL, diag.err.err);
	CHECK_INT("two", KEEL_ERR_USAGE, diag.err.origin);
	CHECK_INT("two", 0, diag.err.alert);
	CHECK_INT("two", 2, diag.err.native);
	ATF_CHECK_STREQ("b", diag.err.site);
	ATF_CHECK_STREQ("two of 3", diag.text);
	keel__diag_clear(&diag);
	CHECK_INT("cleared", 0, diag.err.err);
	ATF_CHECK_STREQ("", diag.text);
}

CASE(diag__may_be_nowhere, "Without a place the code comes back all the same")
{
	CHECK_INT("NULL", -EIO,
		  keel__diag_set(NULL, -EIO, KEEL_ERR_SYS, 0, "x", "y"));
	keel__diag_clear(NULL);
}

CASE(diag__is_one_line_of_bounded_length,
     "Control characters in a name cannot break the line, long ones are cut")
{
	struct keel_diag diag;
	char name[400];

	keel__diag_set(&diag, -ENOENT, KEEL_ERR_SYS, 0, "x",
		       "a\nb\033[1m\x7f%c", '\r');
	ATF_CHECK_STREQ("a?b?[1m??", diag.text);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	keel__diag_set(&diag, -ENOENT, KEEL_ERR_SYS, 0, "x", "%s", name);
	CHECK_INT("long", sizeof(diag.text) - 1, strlen(diag.text));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, err__first_one_sticks);
	ATF_TP_ADD_TC(tp, err__format_says_who_what_where);
	ATF_TP_ADD_TC(tp, err__format_cuts_a_long_line);
	ATF_TP_ADD_TC(tp, diag__last_one_counts);
	ATF_TP_ADD_TC(tp, diag__may_be_nowhere);
	ATF_TP_ADD_TC(tp, diag__is_one_line_of_bounded_length);
	return atf_no_error();
}
