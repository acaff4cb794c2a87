/* SPDX-License-Identifier: MIT */
/* Memory that held a secret. */
#ifndef KEEL_BASE_SECRET_PRIVATE_H
#define KEEL_BASE_SECRET_PRIVATE_H

#include <stddef.h>

/* A heap block that is cleared before it is freed. All zero means: empty. */
struct keel_secret {
	unsigned char *data;
	size_t len;
};

/* Overwrite; the compiler may not leave it out. NULL with 0 is fine. */
void keel__secret_clear(void *data, size_t len);

/* Copy @len bytes in; the old content is cleared. 0 or -ENOMEM. */
int keel__secret_set(struct keel_secret *secret, const void *data, size_t len);

/* Take over a malloc(3)ed block. */
void keel__secret_take(struct keel_secret *secret, void *data, size_t len);

/* Clear and free. */
void keel__secret_fini(struct keel_secret *secret);

/* 1 if equal; time depends on @len only. */
int keel__secret_equal(const void *a, const void *b, size_t len);

#endif
