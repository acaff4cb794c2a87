/* SPDX-License-Identifier: MIT */
/* Ciphers and engines that a connection may be asked to have. */
#ifndef TESTS_SUPPORT_CHOICES_H
#define TESTS_SUPPORT_CHOICES_H

#include <keel/config.h>

#define NR_CIPHER_CHOICES 4
#define NR_ENGINE_CHOICES 4

/* The cipher as the probe names it; its suite in TLS 1.2, then in 1.3. */
struct cipher_choice {
	const char *name;
	const char *suites[2];
};

/* Each direction is required to be in the kernel, or not to be. */
struct engine_choice {
	const char *name;
	enum keel_offload tx;
	enum keel_offload rx;
};

enum { ENGINE_NONE, ENGINE_TX, ENGINE_RX, ENGINE_BOTH };

extern const struct cipher_choice cipher_choices[NR_CIPHER_CHOICES];
extern const struct engine_choice engine_choices[NR_ENGINE_CHOICES];

#endif
