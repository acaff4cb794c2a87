/* SPDX-License-Identifier: MIT */
/* The sample backend: complete, small, and WITHOUT ANY SECURITY. */
#include "lib/backends/null/null-private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * How to write a backend
 * ----------------------
 * Copy this folder, then replace what is toy with calls into your library.
 * Nothing of keel is used but <keel/backend.h> and what it includes.
 *
 *   null.c  the row, which is all that keel sees, and the context
 *   hs.c    the handshake: records in, bytes out, keys exported
 *   hello.c what the two sides say in it; wire.c reads and writes it
 *   toy.c   AEADs and key derivation
 *
 * To make it known: declare the row in lib/registry/registry-private.h, name
 * it in lib/registry/list.c, and include the folder's Makefile.am.inc at the
 * top. The tests in tests/backends run over it from then on.
 *
 * Rules that are easy to break:
 *
 *   - ret_* is written on success only; ret_err and ret_diag on failure only.
 *   - Nothing a peer sends may do more than fail the handshake: look at every
 *     length before using it. keel hands over whole records, unjudged.
 *   - A context serves many threads at once: it is constant once made, or it
 *     locks. A handshake belongs to one thread at a time.
 *   - What held a key is cleared before it is freed.
 *   - A capability bit is a promise. This backend verifies no certificate, so
 *     it does not set KEEL_CAP_VERIFY, and refuses a context that asks for it.
 *   - KEEL_CAP_INSECURE keeps it from being chosen by anything but its name.
 *     A real backend never sets it.
 */

/* Leaves room for the rest of a hello in one record. */
#define MAX_ALPN_LEN 8192

/*
 * Slot build_version and run_version: what the headers said when this was
 * compiled, and what the library loaded says now. They differ after an upgrade
 * and the user should see it. There is no library here.
 */
static const char *version(void)
{
	return "1";
}

/* Say what is wrong and what to do about it: the user sees this line. */
static int refuse(struct keel_diag *ret_diag, int err, const char *text)
{
	*ret_diag = (struct keel_diag){
		.err = {.err = err,
			.origin = KEEL_ERR_BACKEND,
			.site = "null: context"},
	};
	snprintf(ret_diag->text, sizeof(ret_diag->text), "%s", text);
	return err;
}

bool keel__null_alpn_is_good(const uint8_t *list, size_t len)
{
	size_t i = 0;

	while (i < len) {
		if (!list[i] || list[i] >= len - i)
			return false;
		i += 1u + list[i];
	}
	return true;
}

/*
 * Of the suites that were asked for take those of the versions that were asked
 * for. A real backend also drops what its library cannot do.
 */
static int take_suites(struct keel__null_ctx *ctx,
		       const struct keel_backend_params *params)
{
	const struct keel_suite *suite;

	ctx->suites = calloc(params->nr_suites, sizeof(*ctx->suites));
	if (!ctx->suites)
		return -ENOMEM;
	for (size_t i = 0; i < params->nr_suites; i++) {
		suite = keel_suite_by_id(params->suites[i]);
		if (suite && suite->version >= params->min_version &&
		    suite->version <= params->max_version)
			ctx->suites[ctx->nr_suites++] = suite;
	}
	return 0;
}

static int take_alpn(struct keel__null_ctx *ctx,
		     const struct keel_backend_params *params)
{
	if (!params->alpn_len)
		return 0;
	/* Everything in params is borrowed until ctx_new returns: copy. */
	ctx->alpn = malloc(params->alpn_len);
	if (!ctx->alpn)
		return -ENOMEM;
	memcpy(ctx->alpn, params->alpn, params->alpn_len);
	ctx->alpn_len = params->alpn_len;
	return 0;
}

/* Judge the whole wish before anything is allocated. */
static int judge(const struct keel_backend_params *params,
		 struct keel_diag *ret_diag)
{
	/* @sz grows with later versions of keel; never read past it. */
	if (params->sz < sizeof(*params))
		return refuse(ret_diag, -EINVAL, "null: params too small");
	if (params->verify != KEEL_VERIFY_NONE)
		return refuse(ret_diag, -ENOTSUP,
			      "null: cannot verify certificates; choose "
			      "another backend or ask for no verification");
	if (params->min_version > params->max_version ||
	    params->min_version < KEEL_TLS1_2 ||
	    params->max_version > KEEL_TLS1_3)
		return refuse(ret_diag, -EINVAL,
			      "null: versions must be TLSv1.2 to TLSv1.3");
	if (params->alpn_len > MAX_ALPN_LEN ||
	    !keel__null_alpn_is_good(params->alpn, params->alpn_len))
		return refuse(ret_diag, -EINVAL,
			      "null: ALPN is no list of names, or too long");
	return 0;
}

/* Slot ctx_free. */
static void ctx_free(void *arg)
{
	struct keel__null_ctx *ctx = arg;

	if (!ctx)
		return;
	free(ctx->suites);
	free(ctx->alpn);
	free(ctx);
}

/*
 * Slot ctx_new. Certificate and key are parsed, matched and judged here, once,
 * never in a handshake; the toy has no use for them and ignores what it gets.
 */
static int ctx_new(const struct keel_backend_params *params,
		   struct keel_diag *ret_diag, void **ret_ctx)
{
	struct keel__null_ctx *ctx;
	int ret = judge(params, ret_diag);

	if (ret)
		return ret;
	ctx = calloc(1, sizeof(*ctx));
	if (!ctx)
		return refuse(ret_diag, -ENOMEM, "null: no memory");
	ctx->role = params->role;
	ctx->min_version = params->min_version;
	ctx->max_version = params->max_version;
	ret = take_suites(ctx, params);
	if (!ret)
		ret = take_alpn(ctx, params);
	if (ret) {
		refuse(ret_diag, ret, "null: no memory");
	} else if (!ctx->nr_suites) {
		ret = refuse(ret_diag, -EINVAL,
			     "null: no cipher suite of the versions allowed");
	}
	if (ret) {
		ctx_free(ctx);
		return ret;
	}
	*ret_ctx = ctx;
	return 0;
}

/*
 * The row. Optional slots this backend has no use for stay NULL: init, since
 * there is no library to start; ctx_cert_info and self_signed, since there are
 * no certificates; hs_session, since nothing is ever resumed.
 */
const struct keel_backend keel__backend_null = {
	.abi = KEEL_BACKEND_ABI,
	.sz = sizeof(struct keel_backend),
	.name = "null",
	.description = "sample, no security",
	.caps = KEEL_CAP_SERVER | KEEL_CAP_CLIENT | KEEL_CAP_TLS1_2 |
		KEEL_CAP_TLS1_3 | KEEL_CAP_ALPN | KEEL_CAP_SNI |
		KEEL_CAP_INSECURE,
	.priority = 0,

	.build_version = version,
	.run_version = version,

	.ctx_new = ctx_new,
	.ctx_free = ctx_free,

	.hs_new = keel__null_hs_new,
	.hs_step = keel__null_hs_step,
	.hs_info = keel__null_hs_info,
	.hs_export = keel__null_hs_export,
	.hs_ticket = keel__null_hs_ticket,
	.hs_free = keel__null_hs_free,

	.aead_new = keel__null_aead_new,
	.aead_seal = keel__null_aead_seal,
	.aead_open = keel__null_aead_open,
	.aead_free = keel__null_aead_free,
	.hkdf_expand = keel__null_hkdf_expand,
	.tls12_prf = keel__null_tls12_prf,
};
