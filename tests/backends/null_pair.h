/* SPDX-License-Identifier: MIT */
/* Two ends of the null backend over memory. */
#ifndef TESTS_BACKENDS_NULL_PAIR_H
#define TESTS_BACKENDS_NULL_PAIR_H

#include <keel/backend.h>

/* The row under test, after null_backend(). */
extern const struct keel_backend *null_row;

void null_backend(void);

#define NULL_NR_SUITES 12
extern const uint16_t null_suites[NULL_NR_SUITES];

/* Where output goes; fail makes the sink refuse. */
struct null_out {
	uint8_t data[20000];
	size_t len;
	int fail;
};

/* A keel_sink_fn; @arg is a struct null_out. */
int null_sink(void *arg, const void *data, size_t len);

/* Parameters of all that this backend has, without a role. */
struct keel_backend_params null_wish(void);

/* A context that must be made. */
void *null_ctx(const struct keel_backend_params *params);

/* Two ends, what each said, and how it ended. */
struct null_pair {
	void *ctx[2]; /* 0 client, 1 server */
	void *hs[2];
	struct null_out out[2];
	struct keel_err err[2];
	int ret[2];
};

void null_pair_init(struct null_pair *pair, struct keel_backend_params client,
		    struct keel_backend_params server, const char *host);
void null_pair_fini(struct null_pair *pair);

/* With ALPN and a host name, and the client's hello in out[0]. */
void null_pair_long(struct null_pair *pair);

/* One record (or NULL) for one end; what it returned is in ret[], too. */
int null_pair_step(struct null_pair *pair, int end, void *rec, size_t len);

/* Both hellos; what came of it is in ret[]. */
void null_pair_shake(struct null_pair *pair);

/* The end failed, said so in a fatal alert record, and filled its error. */
void null_pair_check_alert(const char *row, struct null_pair *pair, int end,
			   unsigned int alert);

#endif
