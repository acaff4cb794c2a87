/* SPDX-License-Identifier: MIT */
/* keel serve: --metrics. */
#ifndef KEEL_TOOLS_SERVE_METRICS_PRIVATE_H
#define KEEL_TOOLS_SERVE_METRICS_PRIVATE_H

#include "tools/serve-private.h"

struct keel_metrics_server;

/*
 * Listen at --metrics, and answer on a thread of its own once the workers run.
 * 0, or an exit code after a message.
 */
int keel__metrics_open(struct keel_serve *serve,
		       struct keel_metrics_server **ret_server);
int keel__metrics_start(struct keel_metrics_server *server,
			struct keel_group *group);

/* No more questions: before the group is gone. */
struct keel_metrics_server *
keel__metrics_close(struct keel_metrics_server *server);

/* On a worker's thread: an event of a connection. */
void keel__metrics_on_open(struct keel_stream *stream,
			   const struct keel_hs_info *info);
void keel__metrics_on_close(struct keel_stream *stream,
			    const struct keel_err *err);

#endif
