/* SPDX-License-Identifier: MIT */
/* keel probe: words that lines and JSON share. */
#include "tools/probe-private.h"

const char *const keel__fact_names[] = {
	[KEEL__FACT_MODULE] = "module",
	[KEEL__FACT_URING] = "io_uring",
	[KEEL__FACT_URING_SYSCTL] = "io_uring_disabled",
	[KEEL__FACT_NET_ADMIN] = "net-admin",
	[KEEL__FACT_OPEN_FILES] = "open-files",
	[KEEL__FACT_LOCKED_MEMORY] = "locked-memory",
};

const char *const keel__nic_states[] = {
	[KEEL_NIC_UNKNOWN] = "unknown",
	[KEEL_NIC_FIXED_OFF] = "cannot",
	[KEEL_NIC_OFF] = "off",
	[KEEL_NIC_ON] = "on",
};

const char *keel__sock_conf(unsigned int conf)
{
	static const char *const words[] = {
		[KEEL_SOCK_NONE] = "none",
		[KEEL_SOCK_BASE] = "base",
		[KEEL_SOCK_SOFTWARE] = "software",
		[KEEL_SOCK_NIC] = "nic",
		[KEEL_SOCK_NIC_RECORD] = "nic-record",
	};

	return conf < sizeof(words) / sizeof(words[0]) ? words[conf] : "?";
}
