/* SPDX-License-Identifier: MIT */
/* Descriptors that a test leaves open. */
#include "tests/support/descriptors.h"

#include <dirent.h>
#include <stdlib.h>

int nr_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int nr = 0;

	if (!dir)
		abort();
	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}
