/* SPDX-License-Identifier: MIT */
/* What the kernel's TLS can do, in words. */
#include <keel/offload.h>

#include <errno.h>
#include <string.h>

#include "ktls/probe-private.h"

/* What a kernel without a feature says has a sentence of its own. */
static const struct {
	const char *name;
	const char *text;
	int err;	 /* what a kernel without it says */
	const char *why; /* then */
} rows[KEEL__KTLS_NR_FEATURES] = {
	[KEEL__KTLS_ULP] = {"ulp", "the kernel protects records at all",
			    -ENOENT,
			    "the kernel's TLS is not loaded: run \"modprobe "
			    "tls\" as root and name tls in "
			    "/etc/modules-load.d, or take a kernel with "
			    "CONFIG_TLS"},
	[KEEL__KTLS_UNPRIVILEGED] =
		{"unprivileged",
		 "processes without CAP_NET_ADMIN have it too: the kernel's "
		 "TLS was loaded already",
		 -ENOENT,
		 "this process had the kernel load its TLS, as only one with "
		 "CAP_NET_ADMIN can: have \"modprobe tls\" run at boot, or "
		 "name tls in /etc/modules-load.d"},
	[KEEL__KTLS_REKEY] = {"rekey",
			      "a TLS 1.3 connection outlives a KeyUpdate",
			      -EBUSY,
			      "this kernel takes keys once: a KeyUpdate ends "
			      "the connection; newer ones take them again"},
	[KEEL__KTLS_POLL] = {"poll",
			     "poll(2) says what is a whole record, not what "
			     "is a part of one",
			     -EOPNOTSUPP,
			     "this kernel reports parts of records as "
			     "readable; newer ones do not"},
	[KEEL__KTLS_EOR] = {"eor", "MSG_EOR ends a record", -EOPNOTSUPP,
			    "this kernel refuses the flag; newer ones take it"},
	[KEEL__KTLS_MAX_PAYLOAD] =
		{"max-payload",
		 "the size of records can be limited "
		 "(record_size_limit, RFC 8449)",
		 -ENOPROTOOPT,
		 "this kernel lacks "
		 "TLS_TX_MAX_PAYLOAD_LEN; newer ones have it"},
	[KEEL__KTLS_ZEROCOPY] =
		{"zerocopy",
		 "sendfile(2) of immutable files without a "
		 "copy, on network cards that protect records",
		 -ENOPROTOOPT,
		 "this kernel lacks TLS_TX_ZEROCOPY_RO; newer ones have it"},
	[KEEL__KTLS_NO_PAD] =
		{"no-pad",
		 "records without padding are opened in place "
		 "(keel never asks for it: CVE-2026-74611)",
		 -ENOPROTOOPT,
		 "this kernel lacks TLS_RX_EXPECT_NO_PAD; newer ones have it"},
};

static const char *const use_names[KEEL__KTLS_NR_USES] = {
	"TLSv1.2 tx",
	"TLSv1.2 rx",
	"TLSv1.3 tx",
	"TLSv1.3 rx",
};

static const char *why_of(int err)
{
	switch (-err) {
	case 0:
		return "";
	case ENOENT:
		return "the kernel has no such algorithm: its module is "
		       "missing, or its part of CONFIG_CRYPTO is";
	case EINVAL:
	case EOPNOTSUPP:
	case ENOPROTOOPT:
		return "this kernel's TLS does not know it; a newer one may";
	case EPERM:
	case EACCES:
		return "a security policy forbids it to this process";
	default:
		return strerrordesc_np(-err);
	}
}

static const char *why(const struct keel__ktls_facts *facts, int err,
		       size_t idx)
{
	if (err && facts->features[KEEL__KTLS_ULP] && idx != KEEL__KTLS_ULP)
		return "it needs ulp";
	if (err && idx < KEEL__KTLS_NR_FEATURES && err == rows[idx].err)
		return rows[idx].why;
	return why_of(err);
}

static int tell_cipher(const struct keel__ktls_facts *facts, size_t cipher,
		       int (*fn)(const struct keel_feature *feature, void *arg),
		       void *arg)
{
	int ret = 0;

	for (size_t use = 0; use < KEEL__KTLS_NR_USES && !ret; use++) {
		int err = facts->ciphers[cipher][use];
		struct keel_feature feature = {
			.name = keel__ktls_ciphers[cipher].name,
			.use = use_names[use],
			.text = "the kernel protects records with it",
			.err = err,
			.why = why(facts, err, KEEL__KTLS_NR_FEATURES),
		};

		if (keel__ktls_has_use(cipher, use))
			ret = fn(&feature, arg);
	}
	return ret;
}

int keel__ktls_tell(const struct keel__ktls_facts *facts,
		    int (*fn)(const struct keel_feature *feature, void *arg),
		    void *arg)
{
	int ret = 0;

	for (size_t i = 0; i < KEEL__KTLS_NR_FEATURES && !ret; i++) {
		struct keel_feature feature = {
			.name = rows[i].name,
			.use = "",
			.text = rows[i].text,
			.err = facts->features[i],
			.why = why(facts, facts->features[i], i),
		};

		ret = fn(&feature, arg);
	}
	for (size_t i = 0; i < KEEL__KTLS_NR_CIPHERS && !ret; i++)
		ret = tell_cipher(facts, i, fn, arg);
	return ret;
}

int keel_offload_probe(int (*fn)(const struct keel_feature *feature, void *arg),
		       void *arg)
{
	const struct keel__ktls_facts *facts;
	int err;

	if (!fn)
		return -EINVAL;
	err = keel__ktls_facts(false, &facts);
	return err ? err : keel__ktls_tell(facts, fn, arg);
}
