/* SPDX-License-Identifier: MIT */
/* From wishes to a context: a backend that can, and what it is given. */
#include "lib/core/ctx-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base-private.h"
#include "lib/base/buf-private.h"
#include "lib/base/err-private.h"
#include "lib/core/config-private.h"

#define SITE "making a context"

/* A certificate and its key, as a backend makes them; far more than it needs. */
#define MAX_SELF_SIGNED_LEN (64u * 1024)

void keel__ctx_log(const struct keel_ctx *ctx,
		   const struct keel_log_event *event)
{
	if (ctx->log && event->level <= ctx->log_level)
		ctx->log(event, ctx->log_arg);
}

/* The suites of the versions, and the versions that have suites. */
struct choice {
	uint16_t min_version;
	uint16_t max_version;
	uint16_t suites[KEEL__MAX_SUITES];
	size_t nr_suites;
};

/*
 * A version without a suite cannot be negotiated: it is left out here, so that
 * no backend offers it.
 */
static int choose(struct keel_config *config, struct choice *ret_choice)
{
	const struct keel_suite *suite;

	*ret_choice = (struct choice){.min_version = UINT16_MAX};
	for (size_t i = 0; i < config->nr_suites; i++) {
		suite = keel_suite_by_id(config->suites[i]);
		if (suite->version < config->min_version ||
		    suite->version > config->max_version)
			continue;
		ret_choice->suites[ret_choice->nr_suites++] = suite->id;
		if (suite->version < ret_choice->min_version)
			ret_choice->min_version = suite->version;
		if (suite->version > ret_choice->max_version)
			ret_choice->max_version = suite->version;
	}
	if (ret_choice->nr_suites)
		return 0;
	return keel__diag_set(&config->diag, -EINVAL, KEEL_ERR_USAGE, 0, SITE,
			      "no cipher suite of the list belongs to %s to "
			      "%s; add one or change the versions",
			      keel_version_name(config->min_version),
			      keel_version_name(config->max_version));
}

static bool trusts_system(const struct keel_config *config)
{
	return config->verify != KEEL_VERIFY_NONE && !config->ca.name;
}

/* What a backend must be able to do for @config. */
static uint64_t needed_caps(const struct keel_config *config,
			    const struct choice *choice)
{
	const struct {
		bool is_needed;
		uint64_t cap;
	} needs[] = {
		{config->role == KEEL_SERVER, KEEL_CAP_SERVER},
		{config->role == KEEL_CLIENT, KEEL_CAP_CLIENT},
		{choice->min_version == KEEL_TLS1_2, KEEL_CAP_TLS1_2},
		{choice->max_version == KEEL_TLS1_3, KEEL_CAP_TLS1_3},
		{config->alpn.len > 0, KEEL_CAP_ALPN},
		{config->verify != KEEL_VERIFY_NONE, KEEL_CAP_VERIFY},
		{trusts_system(config), KEEL_CAP_SYSTEM_CA},
		{config->has_tickets, KEEL_CAP_RESUME},
		{config->self_signed != NULL, KEEL_CAP_SELF_SIGNED},
	};
	uint64_t caps = 0;

	for (size_t i = 0; i < KEEL__ARRAY_LEN(needs); i++)
		caps |= needs[i].is_needed ? needs[i].cap : 0;
	return caps;
}

static int buf_sink(void *arg, const void *data, size_t len)
{
	return keel__buf_append(arg, data, len, MAX_SELF_SIGNED_LEN) < 0
		       ? -ENOMEM
		       : 0;
}

/* The certificate and then the key, in one text. */
static int make_self_signed(struct keel_config *config,
			    const struct keel_backend *be,
			    struct keel_buf *ret_pem)
{
	int r = be->self_signed ? be->self_signed(config->self_signed, buf_sink,
						  ret_pem)
				: -ENOTSUP;

	if (r >= 0)
		return 0;
	return keel__diag_set(&config->diag, r, KEEL_ERR_BACKEND, 0, SITE,
			      "backend \"%s\" cannot make a self-signed "
			      "certificate for \"%.100s\"; give a host name or "
			      "an address",
			      be->name, config->self_signed);
}

static void fill_pems(struct keel_backend_params *params,
		      const struct keel_config *config,
		      const struct keel_buf *self_signed)
{
	const struct keel__pem *key =
		config->key.name ? &config->key : &config->cert;

	params->ca_pem = config->ca.text.data;
	params->ca_len = config->ca.text.len;
	params->ca_name = config->ca.name;
	if (self_signed->len) {
		params->cert_pem = keel__buf_head(self_signed);
		params->cert_len = self_signed->len;
		params->cert_name = "the self-signed certificate";
		params->key_pem = params->cert_pem;
		params->key_len = params->cert_len;
		params->key_name = params->cert_name;
		return;
	}
	params->cert_pem = config->cert.text.data;
	params->cert_len = config->cert.text.len;
	params->cert_name = config->cert.name;
	params->key_pem = key->text.data;
	params->key_len = key->text.len;
	params->key_name = key->name;
}

static int make_be_ctx(struct keel_config *config, const struct choice *choice,
		       struct keel_ctx *ctx, const struct keel_buf *self_signed)
{
	bool is_server = config->role == KEEL_SERVER;
	struct keel_backend_params params = {
		.sz = sizeof(params),
		.role = config->role,
		.verify = config->verify,
		.min_version = choice->min_version,
		.max_version = choice->max_version,
		.suites = choice->suites,
		.nr_suites = choice->nr_suites,
		.alpn = config->alpn.data,
		.alpn_len = config->alpn.len,
		.nr_tickets = is_server ? ctx->nr_tickets : 0,
		.system_ca = trusts_system(config),
		.want_tickets = !is_server && ctx->nr_tickets,
	};
	int r;

	fill_pems(&params, config, self_signed);
	r = ctx->be->ctx_new(&params, &config->diag, &ctx->be_ctx);
	if (r < 0 && !config->diag.err.err)
		keel__diag_set(&config->diag, r, KEEL_ERR_BACKEND, 0, SITE,
			       "backend \"%s\" refuses the configuration",
			       ctx->be->name);
	return r < 0 ? r : 0;
}

int keel__ctx_facts(struct keel_ctx *ctx,
		    const struct keel__ktls_facts **ret_facts)
{
	const struct keel__ktls_facts *facts =
		atomic_load_explicit(&ctx->facts, memory_order_acquire);
	int err;

	if (!facts) {
		err = keel__ktls_facts(true, &facts);
		if (err)
			return err;
		atomic_store_explicit(&ctx->facts, facts, memory_order_release);
	}
	*ret_facts = facts;
	return 0;
}

/* What no connection of this context could ever have is said at once. */
static int judge_required(struct keel_config *config,
			  const struct choice *choice,
			  const struct keel_backend *be, enum keel_dir dir)
{
	const struct keel__ktls_facts *facts;
	enum keel_reason reason = KEEL_REASON_PROBE;
	int why;
	int err = keel__ktls_facts(true, &facts);

	why = err;
	if (be->caps & KEEL_CAP_INSECURE)
		reason = KEEL_REASON_BACKEND;
	else if (!err)
		reason = keel__ktls_judge_suites(facts, choice->suites,
						 choice->nr_suites, dir, &why);
	if (reason == KEEL_REASON_NONE)
		return 0;
	return keel__diag_set(&config->diag, -EOPNOTSUPP, KEEL_ERR_KERNEL_TLS,
			      why, SITE,
			      "offload of %s is required, but %s; use auto or "
			      "off, and see \"keel probe\"",
			      dir == KEEL_TX ? "sending" : "receiving",
			      keel_reason_text(reason));
}

static int judge_offload(struct keel_config *config,
			 const struct choice *choice,
			 const struct keel_backend *be)
{
	int r = 0;

	if (config->offload[0] == KEEL_OFFLOAD_REQUIRE)
		r = judge_required(config, choice, be, KEEL_TX);
	if (r >= 0 && config->offload[1] == KEEL_OFFLOAD_REQUIRE)
		r = judge_required(config, choice, be, KEEL_RX);
	return r;
}

/* Backends for tests have no certificates at all. */
static int judge_cert(struct keel_config *config, const struct keel_backend *be)
{
	if (config->role != KEEL_SERVER || config->cert.name ||
	    config->self_signed || be->caps & KEEL_CAP_INSECURE)
		return 0;
	return keel__diag_set(&config->diag, -EINVAL, KEEL_ERR_USAGE, 0, SITE,
			      "a server needs a certificate and its key; give "
			      "both, or ask for a self-signed one");
}

static struct keel_ctx *ctx_alloc(const struct keel_config *config,
				  struct keel_backend_ref *ref)
{
	struct keel_ctx *ctx = calloc(1, sizeof(*ctx));

	if (!ctx)
		return NULL;
	atomic_init(&ctx->nr_refs, 1);
	ctx->ref = ref;
	ctx->be = keel_backend_ref_get(ref);
	ctx->role = config->role;
	ctx->verify = config->verify;
	ctx->offload[0] = config->offload[0];
	ctx->offload[1] = config->offload[1];
	ctx->offload_after = config->offload_after;
	ctx->is_insecure = ctx->be->caps & KEEL_CAP_INSECURE;
	/* The default of one ticket is a wish, not a demand. */
	if (ctx->be->caps & KEEL_CAP_RESUME)
		ctx->nr_tickets = config->nr_tickets;
	ctx->record_limit =
		config->record_limit ? config->record_limit : UINT64_MAX;
	ctx->log = config->log;
	ctx->log_arg = config->log_arg;
	ctx->log_level = config->log_level;
	return ctx;
}

/* Not refused: who shares a key with a group may mean to. */
static void note_exposed_key(const struct keel_config *config,
			     const struct keel_ctx *ctx)
{
	const struct keel_log_event event = {
		.level = KEEL_LOG_WARN,
		.event = "key-file-readable-by-others",
	};

	if (config->cert.is_exposed || config->key.is_exposed)
		keel__ctx_log(ctx, &event);
}

/* Takes @ref, on success and on failure. */
static int build(struct keel_config *config, const struct choice *choice,
		 struct keel_backend_ref *ref, struct keel_ctx **ret_ctx)
{
	struct keel_ctx *ctx = ctx_alloc(config, ref);
	struct keel_buf self_signed = {.data = NULL};
	int r;

	if (!ctx) {
		keel_backend_ref_unref(ref);
		return keel__diag_set(&config->diag, -ENOMEM, KEEL_ERR_SYS, 0,
				      SITE, "out of memory");
	}
	r = judge_offload(config, choice, ctx->be);
	if (r >= 0)
		r = judge_cert(config, ctx->be);
	if (r >= 0 && config->self_signed)
		r = make_self_signed(config, ctx->be, &self_signed);
	if (r >= 0)
		r = make_be_ctx(config, choice, ctx, &self_signed);
	keel__buf_wipe(&self_signed);
	if (r < 0) {
		keel_ctx_unref(ctx);
		return r;
	}
	note_exposed_key(config, ctx);
	*ret_ctx = ctx;
	return 0;
}

int keel_ctx_new(struct keel_config *config, struct keel_registry *registry,
		 struct keel_ctx **ret_ctx)
{
	struct keel_backend_ref *ref;
	struct choice choice;
	int r;

	if (!config)
		return -EINVAL;
	keel__diag_clear(&config->diag);
	if (!ret_ctx)
		return keel__diag_set(&config->diag, -EINVAL, KEEL_ERR_USAGE, 0,
				      SITE, "no place for the context");
	r = choose(config, &choice);
	if (r >= 0)
		r = keel_registry_find(registry, config->backend,
				       needed_caps(config, &choice),
				       &config->diag, &ref);
	return r < 0 ? r : build(config, &choice, ref, ret_ctx);
}

struct keel_ctx *keel_ctx_ref(struct keel_ctx *ctx)
{
	if (ctx)
		atomic_fetch_add_explicit(&ctx->nr_refs, 1,
					  memory_order_relaxed);
	return ctx;
}

struct keel_ctx *keel_ctx_unref(struct keel_ctx *ctx)
{
	/* Release: what this thread did with it; acquire: before it is freed. */
	if (!ctx || atomic_fetch_sub_explicit(&ctx->nr_refs, 1,
					      memory_order_acq_rel) != 1)
		return NULL;
	if (ctx->be_ctx)
		ctx->be->ctx_free(ctx->be_ctx);
	keel_backend_ref_unref(ctx->ref);
	free(ctx);
	return NULL;
}

int keel_ctx_cert_info(struct keel_ctx *ctx, struct keel_cert_info *ret_info)
{
	if (!ctx || !ret_info)
		return -EINVAL;
	if (!ctx->be->ctx_cert_info)
		return -ENOTSUP;
	return ctx->be->ctx_cert_info(ctx->be_ctx, ret_info);
}

unsigned int keel_ctx_get_role(const struct keel_ctx *ctx)
{
	return ctx ? ctx->role : 0;
}

const char *keel_ctx_backend_name(const struct keel_ctx *ctx)
{
	return ctx ? ctx->be->name : NULL;
}
