/* SPDX-License-Identifier: MIT */
/* The kernel's counters of TLS. */
#include "ktls/netlink/netlink-private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "ktls/netlink/nl-private.h"

#define PATH "/proc/net/tls_stat"

int keel__tls_stat_parse(FILE *file,
			 int (*fn)(const char *name, uint64_t value, void *arg),
			 void *arg)
{
	char line[128];
	char name[64];
	uint64_t value;
	char end;
	int ret = 0;

	while (!ret && fgets(line, sizeof(line), file)) {
		/* net/tls/tls_proc.c: "%-32s\t%lu\n" */
		if (sscanf(line, "%63s %" SCNu64 "%c", name, &value, &end) !=
			    3 ||
		    end != '\n')
			return -EBADMSG;
		ret = fn(name, value, arg);
	}
	if (!ret && ferror(file))
		ret = -EIO;
	return ret;
}

int keel_tls_stat_list(int (*fn)(const char *name, uint64_t value, void *arg),
		       void *arg, struct keel_diag *ret_diag)
{
	FILE *file;
	int err;

	if (!fn)
		return keel__nl_diag(ret_diag, -EINVAL, PATH, "no function");
	file = fopen(PATH, "re");
	if (!file) {
		err = -errno;
		if (err != -ENOENT)
			return keel__nl_fail(ret_diag, err, PATH);
		return keel__nl_diag(ret_diag, err, PATH,
				     "there is no " PATH
				     ": the kernel's TLS is not loaded");
	}
	err = keel__tls_stat_parse(file, fn, arg);
	fclose(file);
	/* Else it is what the function wanted. */
	if (err == -EBADMSG || err == -EIO)
		return keel__nl_fail(ret_diag, err, PATH);
	return err;
}
