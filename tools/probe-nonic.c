/* SPDX-License-Identifier: MIT */
/* keel probe, built without libkeel-netlink: that is all there is to say. */
#include <stdio.h>

#include "tools/probe-private.h"

int keel__probe_nics(struct keel__probe *probe)
{
	(void)snprintf(probe->nics.why, sizeof(probe->nics.why),
		       "this keel was built without libnl, so it cannot ask: "
		       "build it with --with-libnl");
	return 0;
}
