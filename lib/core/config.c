/* SPDX-License-Identifier: MIT */
/* The user's wishes, checked one by one. */
#include "lib/core/config-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base-private.h"
#include "lib/base/err-private.h"

#define SITE "configuration"

/* RFC 7301 section 3.1: a name has 1 to 255 bytes, the list 2^16 - 1. */
#define MAX_ALPN_NAME 255
#define MAX_ALPN_LEN 65535

static int refuse(struct keel_config *config, const char *text)
{
	return keel__diag_set(&config->diag, -EINVAL, KEEL_ERR_USAGE, 0, SITE,
			      "%s", text);
}

static int no_memory(struct keel_config *config)
{
	return keel__diag_set(&config->diag, -ENOMEM, KEEL_ERR_SYS, 0, SITE,
			      "out of memory");
}

/* Each call begins with a clean diagnosis. */
static bool begin(struct keel_config *config)
{
	if (config)
		keel__diag_clear(&config->diag);
	return config != NULL;
}

/* Every suite there is, best first. */
static void take_all_suites(struct keel_config *config)
{
	const struct keel_suite *suite;
	size_t nr = 0;

	while (nr < KEEL__MAX_SUITES && (suite = keel_suite_at(nr)))
		config->suites[nr++] = suite->id;
	assert(!keel_suite_at(nr));
	config->nr_suites = nr;
}

/* Where moving into the kernel pays: see tests/bench. */
#define OFFLOAD_AFTER 65536

int keel_config_new(enum keel_role role, struct keel_config **ret_config)
{
	struct keel_config *config;
	bool is_client = role == KEEL_CLIENT;

	if (!ret_config || (role != KEEL_SERVER && role != KEEL_CLIENT))
		return -EINVAL;
	config = calloc(1, sizeof(*config));
	if (!config)
		return -ENOMEM;
	config->role = role;
	config->verify = is_client ? KEEL_VERIFY_REQUIRED : KEEL_VERIFY_NONE;
	config->offload_after = OFFLOAD_AFTER;
	config->min_version = KEEL_TLS1_2;
	config->max_version = KEEL_TLS1_3;
	config->nr_tickets = is_client ? 0 : 1;
	take_all_suites(config);
	*ret_config = config;
	return 0;
}

struct keel_config *keel_config_free(struct keel_config *config)
{
	if (!config)
		return NULL;
	free(config->backend);
	free(config->self_signed);
	keel__pem_fini(&config->cert);
	keel__pem_fini(&config->key);
	keel__pem_fini(&config->ca);
	keel__secret_fini(&config->alpn);
	free(config);
	return NULL;
}

int keel_config_set_backend(struct keel_config *config, const char *name)
{
	char *copy = NULL;

	if (!begin(config))
		return -EINVAL;
	if (name) {
		copy = strdup(name);
		if (!copy)
			return no_memory(config);
	}
	free(config->backend);
	config->backend = copy;
	return 0;
}

static bool is_version(unsigned int version)
{
	return version == KEEL_TLS1_2 || version == KEEL_TLS1_3;
}

int keel_config_set_versions(struct keel_config *config, uint16_t min,
			     uint16_t max)
{
	if (!begin(config))
		return -EINVAL;
	if (!is_version(min) || !is_version(max) || min > max)
		return refuse(config, "versions are TLSv1.2 and TLSv1.3, the "
				      "lower one first");
	config->min_version = min;
	config->max_version = max;
	return 0;
}

static int find_suite(struct keel_config *config, const char *name, size_t len,
		      const uint16_t *others, size_t nr_others,
		      uint16_t *ret_id)
{
	char copy[64] = "";
	const struct keel_suite *suite;

	memcpy(copy, name, keel__min_size(len, sizeof(copy) - 1));
	suite = len < sizeof(copy) ? keel_suite_by_name(copy) : NULL;
	if (!suite)
		return keel__diag_set(
			&config->diag, -EINVAL, KEEL_ERR_USAGE, 0, SITE,
			"no cipher suite is named \"%s\"; give IANA names "
			"separated by ':', such as TLS_AES_128_GCM_SHA256",
			copy);
	for (size_t i = 0; i < nr_others; i++) {
		if (others[i] == suite->id)
			return keel__diag_set(
				&config->diag, -EINVAL, KEEL_ERR_USAGE, 0, SITE,
				"cipher suite %s is named twice", copy);
	}
	*ret_id = suite->id;
	return 0;
}

int keel_config_set_suites(struct keel_config *config, const char *names)
{
	uint16_t ids[KEEL__MAX_SUITES];
	size_t nr = 0;
	size_t len;
	int r;

	if (!begin(config))
		return -EINVAL;
	if (!names || !names[0])
		return refuse(config, "the list of cipher suites is empty");
	for (;; names += len + 1) {
		len = strcspn(names, ":");
		/* None comes twice, so there are no more than keel knows. */
		r = find_suite(config, names, len, ids, nr, &ids[nr]);
		if (r < 0)
			return r;
		nr++;
		if (!names[len])
			break;
	}
	memcpy(config->suites, ids, nr * sizeof(ids[0]));
	config->nr_suites = nr;
	return 0;
}

/* A certificate and a self-signed one exclude each other: the last one wins. */
static void take_cert(struct keel_config *config, struct keel__pem *cert,
		      struct keel__pem *key)
{
	keel__pem_fini(&config->cert);
	keel__pem_fini(&config->key);
	free(config->self_signed);
	config->self_signed = NULL;
	config->cert = *cert;
	config->key = *key;
}

int keel_config_set_cert_file(struct keel_config *config, const char *cert_path,
			      const char *key_path)
{
	struct keel__pem cert = {.name = NULL};
	struct keel__pem key = {.name = NULL};
	int r;

	if (!begin(config))
		return -EINVAL;
	if (!cert_path)
		return refuse(config, "no certificate file is named");
	r = keel__pem_read(&cert, cert_path, "certificate", &config->diag);
	if (r >= 0 && key_path)
		r = keel__pem_read(&key, key_path, "key", &config->diag);
	if (r < 0) {
		keel__pem_fini(&cert);
		return r;
	}
	/* A certificate is public; this is about the key in its file. */
	if (key_path)
		cert.is_exposed = false;
	take_cert(config, &cert, &key);
	return 0;
}

int keel_config_set_cert_pem(struct keel_config *config, const void *cert,
			     size_t cert_len, const void *key, size_t key_len)
{
	struct keel__pem new_cert = {.name = NULL};
	struct keel__pem new_key = {.name = NULL};

	if (!begin(config))
		return -EINVAL;
	if (!cert || !cert_len || !key || !key_len)
		return refuse(config, "certificate or key is missing");
	if (keel__pem_set(&new_cert, cert, cert_len,
			  "the certificate in memory") < 0 ||
	    keel__pem_set(&new_key, key, key_len, "the key in memory") < 0) {
		keel__pem_fini(&new_cert);
		return no_memory(config);
	}
	take_cert(config, &new_cert, &new_key);
	return 0;
}

int keel_config_set_self_signed(struct keel_config *config, const char *host)
{
	struct keel__pem none = {.name = NULL};
	char *copy;

	if (!begin(config))
		return -EINVAL;
	if (!host || !host[0])
		return refuse(config, "a self-signed certificate needs a host "
				      "name or an address");
	copy = strdup(host);
	if (!copy)
		return no_memory(config);
	take_cert(config, &none, &none);
	config->self_signed = copy;
	return 0;
}

int keel_config_set_ca_file(struct keel_config *config, const char *path)
{
	if (!begin(config))
		return -EINVAL;
	if (!path)
		return refuse(config, "no file of trusted certificates is "
				      "named");
	return keel__pem_read(&config->ca, path, "CA", &config->diag);
}

int keel_config_set_verify(struct keel_config *config, enum keel_verify verify)
{
	if (!begin(config))
		return -EINVAL;
	switch (verify) {
	case KEEL_VERIFY_OPTIONAL:
		if (config->role == KEEL_CLIENT)
			return refuse(config, "a client verifies or does not; "
					      "optional is for servers");
		break;
	case KEEL_VERIFY_NONE:
	case KEEL_VERIFY_REQUIRED:
		break;
	}
	if ((unsigned int)verify > KEEL_VERIFY_REQUIRED)
		return refuse(config, "verification is none, optional or "
				      "required");
	config->verify = verify;
	return 0;
}

/* "h2,http/1.1" to the form of RFC 7301 section 3.1; 0 if it cannot be. */
static size_t alpn_encode(const char *names, uint8_t *out)
{
	size_t at = 0;
	size_t len;

	for (;; names += len + 1) {
		len = strcspn(names, ",");
		if (!len || len > MAX_ALPN_NAME)
			return 0;
		out[at++] = (uint8_t)len;
		memcpy(out + at, names, len);
		at += len;
		if (!names[len])
			return at;
	}
}

int keel_config_set_alpn(struct keel_config *config, const char *names)
{
	size_t len;
	uint8_t *wire;

	if (!begin(config))
		return -EINVAL;
	len = names ? strlen(names) : 0;
	if (!len || len >= MAX_ALPN_LEN)
		return refuse(config, "the list of ALPN names is empty or "
				      "too long");
	/* Each ',' becomes a length, and there is one more at the front. */
	wire = malloc(len + 1);
	if (!wire)
		return no_memory(config);
	len = alpn_encode(names, wire);
	if (!len) {
		free(wire);
		return refuse(config, "ALPN names have 1 to 255 bytes each, "
				      "separated by ','");
	}
	keel__secret_take(&config->alpn, wire, len);
	return 0;
}

int keel_config_set_tickets(struct keel_config *config, unsigned int nr)
{
	if (!begin(config))
		return -EINVAL;
	if (nr > KEEL__MAX_TICKETS)
		return refuse(config, "at most 8 session tickets");
	config->nr_tickets = nr;
	config->has_tickets = nr > 0;
	return 0;
}

int keel_config_set_offload(struct keel_config *config, unsigned int dirs,
			    enum keel_offload policy)
{
	if (!begin(config))
		return -EINVAL;
	if ((unsigned int)policy > KEEL_OFFLOAD_OFF)
		return refuse(config, "offload is auto, require or off");
	if (!dirs || dirs & ~(unsigned int)(KEEL_TX | KEEL_RX))
		return refuse(config, "a direction is KEEL_TX, KEEL_RX or "
				      "both");
	if (dirs & KEEL_TX)
		config->offload[0] = (uint8_t)policy;
	if (dirs & KEEL_RX)
		config->offload[1] = (uint8_t)policy;
	return 0;
}

int keel_config_set_offload_after(struct keel_config *config, uint64_t bytes)
{
	if (!begin(config))
		return -EINVAL;
	config->offload_after = bytes;
	return 0;
}

int keel_config_set_record_limit(struct keel_config *config, uint64_t records)
{
	if (!begin(config))
		return -EINVAL;
	config->record_limit = records;
	return 0;
}

int keel_config_set_log(struct keel_config *config, enum keel_log_level level,
			keel_log_fn fn, void *arg)
{
	if (!begin(config))
		return -EINVAL;
	if ((unsigned int)level > KEEL_LOG_DEBUG)
		return refuse(config, "the log level is error, warn, info or "
				      "debug");
	config->log_level = level;
	config->log = fn;
	config->log_arg = arg;
	return 0;
}

const struct keel_diag *keel_config_diag(const struct keel_config *config)
{
	return config ? &config->diag : NULL;
}
