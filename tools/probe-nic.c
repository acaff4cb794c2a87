/* SPDX-License-Identifier: MIT */
/* keel probe: network cards and counters, from libkeel-netlink. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/probe-private.h"
#include "tools/tool-private.h"

static int add_nic(const struct keel_nic_info *info, void *arg)
{
	struct keel__nics *nics = arg;
	struct keel_nic_info *list =
		reallocarray(nics->list, nics->nr + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	list[nics->nr++] = *info;
	nics->list = list;
	return 0;
}

static int add_counter(const char *name, uint64_t value, void *arg)
{
	struct keel__nics *nics = arg;
	struct keel__counter *counter = &nics->counters[nics->nr_counters];

	if (nics->nr_counters == KEEL__PROBE_MAX_COUNTERS)
		return 1;
	(void)snprintf(counter->name, sizeof(counter->name), "%s", name);
	counter->value = value;
	nics->nr_counters++;
	return 0;
}

int keel__probe_nics(struct keel__probe *probe)
{
	struct keel__nics *nics = &probe->nics;
	struct keel_diag diag = {0};
	int err = keel_nic_list(probe->opts.nic, add_nic, nics, &diag);

	/* Without counters there are none, for whatever reason. */
	if (keel_tls_stat_list(add_counter, nics, NULL) < 0)
		nics->nr_counters = 0;
	if (!err)
		return 0;
	(void)snprintf(nics->why, sizeof(nics->why), "%s",
		       diag.text[0] ? diag.text : strerror(-err));
	if (!probe->opts.nic)
		return 0;
	keel__tool_error("--interface %s: %s", probe->opts.nic, nics->why);
	return err;
}

static int note_nic(const struct keel_nic_info *info, void *arg)
{
	struct keel__conn *conn = arg;

	conn->nic = *info;
	conn->has_nic = true;
	return 0;
}

void keel__probe_socket(int fd, struct keel__conn *conn)
{
	struct keel_diag diag = {0};

	conn->route.sz = sizeof(conn->route);
	if (keel_route_find_socket(fd, &diag, &conn->route))
		(void)snprintf(conn->route_why, sizeof(conn->route_why), "%s",
			       diag.text);
	else if (keel_nic_list(conn->route.name, note_nic, conn, NULL))
		conn->has_nic = false;
	conn->sock.sz = sizeof(conn->sock);
	if (keel_sock_get_info(fd, &diag, &conn->sock))
		(void)snprintf(conn->sock_why, sizeof(conn->sock_why), "%s",
			       diag.text);
}
