/* SPDX-License-Identifier: MIT */
/* Filling errors and diagnoses. */
#ifndef KEEL_BASE_ERR_PRIVATE_H
#define KEEL_BASE_ERR_PRIVATE_H

#include <stdbool.h>

#include <keel/backend.h>
#include <keel/error.h>

/* Fill @err if it is still empty: the first error sticks. Returns @code. */
int keel__err_set(struct keel_err *err, int code, enum keel_err_origin origin,
		  uint8_t alert, long native, const char *site);

/*
 * Fill a diagnosis, replacing an older one; @diag may be NULL. Returns @code.
 * @site is static.
 */
__attribute__((format(printf, 6, 7))) int
keel__diag_set(struct keel_diag *diag, int code, enum keel_err_origin origin,
	       long native, const char *site, const char *fmt, ...);

/* Empty it. */
void keel__diag_clear(struct keel_diag *diag);

#endif
