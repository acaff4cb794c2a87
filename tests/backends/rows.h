/* SPDX-License-Identifier: MIT */
/* The backends that tests of every backend run over. */
#ifndef TESTS_BACKENDS_ROWS_H
#define TESTS_BACKENDS_ROWS_H

#include <keel/backend.h>

/* The row of the one with that number, initialised; NULL after the last. */
const struct keel_backend *backend_row(size_t i);

#endif
