/* SPDX-License-Identifier: MIT */
/* Print the CPU time a process has used so far, in nanoseconds. */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * The process's own CPU clock counts every thread, also those that have ended
 * and the kernel's workers for its io_uring, at the scheduler's resolution.
 */
int main(int argc, char **argv)
{
	struct timespec ts;
	clockid_t clock;
	long pid;
	int ret;

	pid = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
	if (pid <= 0)
		errx(2, "usage: cpu_ns PID");
	ret = clock_getcpuclockid((pid_t)pid, &clock);
	if (ret)
		errx(1, "%ld: %s", pid, strerror(ret));
	if (clock_gettime(clock, &ts) < 0)
		err(1, "%ld", pid);
	printf("%" PRIu64 "\n", (uint64_t)ts.tv_sec * UINT64_C(1000000000) +
					(uint64_t)ts.tv_nsec);
	return 0;
}
