/* SPDX-License-Identifier: MIT */
/* The test modules as files that a test may spoil. */
#ifndef TESTS_REGISTRY_MODULE_FILES_H
#define TESTS_REGISTRY_MODULE_FILES_H

#include <stdbool.h>
#include <stddef.h>

/* A new directory below the current one that holds modules: its path. */
const char *new_module_dir(void);

/* Copy the built module of that name to a new file of mode 0755. */
void copy_module(const char *name, const char *path);

/* Replace the file at once, as install(1) does. */
void replace_module(const char *name, const char *path);

/* The whole file changed: every @from in it becomes @to, of the same length. */
void change_bytes(const char *path, const char *from, const char *to);

/* Is a file of that path, or of its name, mapped into this process? */
bool is_mapped(const char *path);

#endif
