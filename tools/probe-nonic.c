/* SPDX-License-Identifier: MIT */
/* keel probe, built without libkeel-netlink: that is all there is to say. */
#include <errno.h>
#include <stdio.h>

#include "tools/probe-private.h"
#include "tools/tool-private.h"

static const char why[] = "this keel was built without libnl, so it cannot "
			  "ask: build it with --with-libnl";

int keel__probe_nics(struct keel__probe *probe)
{
	(void)snprintf(probe->nics.why, sizeof(probe->nics.why), "%s", why);
	if (!probe->opts.nic)
		return 0;
	keel__tool_error("--interface %s: %s", probe->opts.nic, why);
	return -EOPNOTSUPP;
}

void keel__probe_socket(int fd, struct keel__conn *conn)
{
	(void)fd;
	(void)snprintf(conn->route_why, sizeof(conn->route_why), "%s", why);
	(void)snprintf(conn->sock_why, sizeof(conn->sock_why), "%s", why);
}
