/* SPDX-License-Identifier: MIT */
/* Structured log events. The libraries print nothing themselves. */
#ifndef KEEL_LOG_H
#define KEEL_LOG_H

#include <stdint.h>

#include <keel/error.h>

KEEL_BEGIN_DECLS

/**
 * enum keel_log_level - how much it matters
 * @KEEL_LOG_ERROR: something the user asked for cannot be done
 * @KEEL_LOG_WARN:  a peer or the machine misbehaved; keel carries on
 * @KEEL_LOG_INFO:  what an operator may want to see once
 * @KEEL_LOG_DEBUG: one event a connection or more
 */
enum keel_log_level {
	KEEL_LOG_ERROR = 0,
	KEEL_LOG_WARN,
	KEEL_LOG_INFO,
	KEEL_LOG_DEBUG,
};

/**
 * struct keel_log_event - one event: fields, not prose
 * @level:   enum keel_log_level
 * @event:   static identifier, such as "handshake-failed"
 * @conn_id: the connection's id as its creator gave it, 0 if none
 * @state:   static name of the connection's state, NULL if none
 * @err:     the error behind the event, NULL if none
 *
 * Never holds a key, plaintext, or a name a peer sent. The struct and what it
 * points to are valid during the callback only.
 */
struct keel_log_event {
	unsigned int level;
	const char *event;
	uint64_t conn_id;
	const char *state;
	const struct keel_err *err;
};

/**
 * keel_log_fn - receives events
 * @event: the event; borrowed for the time of the call
 * @arg:   what was given with the function
 *
 * Called on the thread in which the event happens; it must be thread-safe if
 * the context is used by several threads, and must not call back into the
 * object the event is about.
 */
typedef void (*keel_log_fn)(const struct keel_log_event *event, void *arg);

/**
 * keel_log_level_name() - name of a level
 * @level: an enum keel_log_level
 *
 * Units:     none
 * Ownership: a static string
 * Threads:   any
 * Blocking:  never
 * Return:    the name; "?" for a value that is none
 * Errors:    none
 * Since:     0.1
 */
KEEL_API const char *keel_log_level_name(unsigned int level);

KEEL_END_DECLS

#endif
