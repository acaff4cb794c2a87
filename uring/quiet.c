/* SPDX-License-Identifier: MIT */
/* No SIGPIPE on the thread that runs the loop. */
#include "uring/uring-private.h"

#include <time.h>

/*
 * A peer that is gone raises SIGPIPE: sendfile(2) has no flag against it, and the
 * kernel's TLS forgets the one of a record that it sends later, even from
 * close(2): net/tls/tls_main.c, tls_push_sg(). A process is not to end by that.
 */
void keel__quiet_begin(struct keel__quiet *quiet)
{
	sigset_t pipe, pending;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	sigemptyset(&pending);
	sigpending(&pending);
	quiet->was_pending = sigismember(&pending, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, &quiet->old);
}

/* What was there before is not ours to take. */
void keel__quiet_end(const struct keel__quiet *quiet)
{
	static const struct timespec now = {0};
	sigset_t pipe;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	if (!quiet->was_pending)
		sigtimedwait(&pipe, NULL, &now);
	pthread_sigmask(SIG_SETMASK, &quiet->old, NULL);
}
