/* SPDX-License-Identifier: MIT */
/* Byte strings of vectors. */
#ifndef TESTS_SUPPORT_HEX_H
#define TESTS_SUPPORT_HEX_H

#include <stddef.h>
#include <stdint.h>

/*
 * Decode @hex into @out and return the number of bytes. Aborts if @hex is no
 * hexadecimal string or does not fit: vectors are part of the program.
 */
size_t hex_decode(const char *hex, uint8_t *out, size_t max);

#endif
