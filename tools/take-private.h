/* SPDX-License-Identifier: MIT */
/* keel serve: taking over from the server before. */
#ifndef KEEL_TOOLS_TAKE_PRIVATE_H
#define KEEL_TOOLS_TAKE_PRIVATE_H

#include "tools/serve-private.h"

struct keel_taker;

/*
 * Is there a server at --upgrade-socket? Then its listening sockets are
 * serve->listen_fds, and serve->taker is set. All of its calls are of the main
 * thread. 0, or an exit code after a message.
 */
int keel__taker_new(struct keel_serve *serve);
struct keel_taker *keel__taker_free(struct keel_taker *taker);

/* The workers accept: have the connections sent. 0 or a negative errno. */
int keel__taker_start(struct keel_taker *taker);

/* To wait for; -1: nothing more comes. */
int keel__taker_fd(const struct keel_taker *taker);

/* Something came there. */
void keel__taker_work(struct keel_taker *taker);

#endif
