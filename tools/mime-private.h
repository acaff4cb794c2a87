/* SPDX-License-Identifier: MIT */
/* Media types by file name. */
#ifndef KEEL_TOOLS_MIME_PRIVATE_H
#define KEEL_TOOLS_MIME_PRIVATE_H

#include <stddef.h>

/* The type of a file name's extension; "application/octet-stream" if unknown.*/
const char *keel__mime_type(const char *name, size_t len);

#endif
