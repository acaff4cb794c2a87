/* SPDX-License-Identifier: MIT */
/* Memory that held a secret: cleared before anybody else gets it. */
#include "lib/base/secret-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void keel__secret_clear(void *data, size_t len)
{
	/* A plain memset() of memory that dies is what compilers remove. */
	if (len)
		explicit_bzero(data, len);
}

int keel__secret_set(struct keel_secret *secret, const void *data, size_t len)
{
	unsigned char *copy = NULL;

	if (len) {
		copy = malloc(len);
		if (!copy)
			return -ENOMEM;
		memcpy(copy, data, len);
	}
	/* Only now: @data may be a part of the old content. */
	keel__secret_take(secret, copy, len);
	return 0;
}

void keel__secret_take(struct keel_secret *secret, void *data, size_t len)
{
	keel__secret_fini(secret);
	secret->data = data;
	secret->len = len;
}

void keel__secret_fini(struct keel_secret *secret)
{
	keel__secret_clear(secret->data, secret->len);
	free(secret->data);
	secret->data = NULL;
	secret->len = 0;
}

int keel__secret_equal(const void *a, const void *b, size_t len)
{
	/*
	 * Volatile reads keep the compiler from leaving the loop at the first
	 * difference, which would tell a prober how much was right.
	 */
	const volatile unsigned char *pa = a;
	const volatile unsigned char *pb = b;
	unsigned int diff = 0;

	for (size_t i = 0; i < len; i++)
		diff |= (unsigned int)(pa[i] ^ pb[i]);
	return diff == 0;
}
