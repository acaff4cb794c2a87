/* SPDX-License-Identifier: MIT */
/* Names of log levels. */
#include <keel/log.h>

#include "lib/base/base-private.h"

static const char *const level_names[] = {
	[KEEL_LOG_ERROR] = "error",
	[KEEL_LOG_WARN] = "warn",
	[KEEL_LOG_INFO] = "info",
	[KEEL_LOG_DEBUG] = "debug",
};

const char *keel_log_level_name(unsigned int level)
{
	if (level >= KEEL__ARRAY_LEN(level_names))
		return "?";
	return level_names[level];
}
