/* SPDX-License-Identifier: MIT */
/* What this machine's kernel can do for TLS, as tests ask for it. */
#ifndef TESTS_SUPPORT_OFFLOAD_H
#define TESTS_SUPPORT_OFFLOAD_H

#include <stdbool.h>

/* As keel_offload_probe() names it; @use is "" for what is no cipher. */
bool offload_has(const char *name, const char *use);

/* End the case as skipped, and say why, on a kernel without. */
void offload_need(const char *name, const char *use);

#endif
