/* SPDX-License-Identifier: MIT */
/* keel serve: this program once more. */
#include "tools/exec-private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

/* More than a command line has: MAX_ARG_STRLEN times a few. */
#define MAX_COMMAND (1024 * 1024)

/* As the kernel keeps it: each argument with its NUL. */
static ssize_t read_command(char *buf, size_t len)
{
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	size_t got = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -errno;
	while (n > 0 && got < len) {
		n = read(fd, buf + got, len - got);
		if (n > 0)
			got += (size_t)n;
	}
	close(fd);
	return n < 0 ? -EIO : (ssize_t)got;
}

static char **split(char *buf, size_t len)
{
	size_t nr = 0;
	char **argv;

	for (size_t i = 0; i < len; i++)
		nr += !buf[i];
	argv = calloc(nr + 1, sizeof(argv[0]));
	for (size_t i = 0, at = 0; argv && i < nr; i++) {
		argv[i] = buf + at;
		at += strlen(buf + at) + 1;
	}
	return argv;
}

/* It begins with the signals a program expects. */
static int spawn(const char *exe, char **argv, pid_t *ret_pid)
{
	posix_spawnattr_t attr;
	sigset_t none;
	int err = posix_spawnattr_init(&attr);

	if (err)
		return -err;
	sigemptyset(&none);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	err = posix_spawn(ret_pid, exe, NULL, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	return -err;
}

int keel__exec_again(const char *exe, pid_t *ret_pid)
{
	char *buf = malloc(MAX_COMMAND);
	ssize_t len = buf ? read_command(buf, MAX_COMMAND) : -ENOMEM;
	char **argv = len > 0 ? split(buf, (size_t)len) : NULL;
	int err = len < 0 ? (int)len : -ENOMEM;

	if (argv)
		err = spawn(exe, argv, ret_pid);
	free(argv);
	free(buf);
	return err;
}
