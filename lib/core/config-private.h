/* SPDX-License-Identifier: MIT */
/* What keel_config collects. */
#ifndef KEEL_CORE_CONFIG_PRIVATE_H
#define KEEL_CORE_CONFIG_PRIVATE_H

#include <keel/config.h>

#include "lib/base/secret-private.h"

#define KEEL__MAX_SUITES 32
#define KEEL__MAX_TICKETS 8

/* A PEM text and where it came from; all zero means: none. */
struct keel__pem {
	struct keel_secret text;
	char *name;
	bool is_exposed; /* a file that others than its owner may read */
};

struct keel_config {
	enum keel_role role;
	enum keel_verify verify;
	uint8_t offload[2];	/* enum keel_offload: TX, RX */
	uint64_t offload_after; /* bytes */
	uint16_t min_version;
	uint16_t max_version;
	uint16_t suites[KEEL__MAX_SUITES];
	size_t nr_suites;
	char *backend;
	char *self_signed; /* host; excludes cert and key */
	struct keel__pem cert;
	struct keel__pem key; /* none: it is in cert */
	struct keel__pem ca;  /* none: the system's store */
	struct keel_secret alpn;
	unsigned int nr_tickets;
	bool has_tickets; /* chosen by the user */
	uint64_t record_limit;
	unsigned int log_level;
	keel_log_fn log;
	void *log_arg;
	struct keel_diag diag;
};

/* Clear and free. */
void keel__pem_fini(struct keel__pem *pem);

/* Copy from memory. 0 or -ENOMEM. */
int keel__pem_set(struct keel__pem *pem, const void *text, size_t len,
		  const char *name);

/* Read a file; @what it is, for the diagnosis, which says what went wrong. */
int keel__pem_read(struct keel__pem *pem, const char *path, const char *what,
		   struct keel_diag *diag);

#endif
