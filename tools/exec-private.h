/* SPDX-License-Identifier: MIT */
/* keel serve: this program once more. */
#ifndef KEEL_TOOLS_EXEC_PRIVATE_H
#define KEEL_TOOLS_EXEC_PRIVATE_H

#include <sys/types.h>

/* Starts @exe with this process's arguments and environment. 0 or an errno. */
int keel__exec_again(const char *exe, pid_t *ret_pid);

#endif
