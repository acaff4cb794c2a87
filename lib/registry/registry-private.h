/* SPDX-License-Identifier: MIT */
/* Entries, snapshots and the built-in rows of the registry. */
#ifndef KEEL_REGISTRY_REGISTRY_PRIVATE_H
#define KEEL_REGISTRY_REGISTRY_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include <keel/registry.h>

#include "lib/registry/readers-private.h"

/* Room for the reason why a backend cannot be used. */
#define KEEL__WHY_LEN sizeof(((struct keel_backend_info *)NULL)->why)

struct keel__entry;

/*
 * What <keel/registry.h> calls a reference is a pointer to one of an entry's
 * shards that holds one count of it. Lookups on many threads count in different
 * shards, so that no cache line goes from one to the other, and whoever gives a
 * reference back does it where it was taken.
 */
struct keel_backend_ref {
	atomic_uint nr_refs;
	struct keel__entry *entry;
	char apart[KEEL__LINE_LEN - sizeof(atomic_uint) - sizeof(void *)];
};

/*
 * An entry: one backend. It lives as long as one of its shards has a count.
 * Those who hold the entry itself, a snapshot or the one who makes it, hold one
 * count of every shard between them.
 */
struct keel__entry {
	atomic_uint nr_holders;
	atomic_uint nr_shards; /* those with a count */
	atomic_bool ready;     /* the row's init went well; never goes back */
	pthread_mutex_t lock;  /* held while init runs */
	const struct keel_backend *be;
	char apart[KEEL__LINE_LEN];
	struct keel_backend_ref shards[KEEL__NR_SHARDS];
};

/*
 * Judge a row and make an entry with one holder. Errors as of
 * keel_registry_add(), without -EEXIST.
 */
int keel__entry_new(const struct keel_backend *be,
		    struct keel__entry **ret_entry);

/* One more holder, one less; NULL is fine for the latter. */
struct keel__entry *keel__entry_hold(struct keel__entry *entry);
void keel__entry_drop(struct keel__entry *entry);

/* A reference for the user; the caller sees to it that a holder stays. */
struct keel_backend_ref *keel__entry_ref(struct keel__entry *entry);

/* It went through its init, or has none. */
static inline bool keel__entry_is_ready(const struct keel__entry *entry)
{
	return atomic_load_explicit(&entry->ready, memory_order_acquire);
}

/*
 * Initialise the backend, if that has not happened. 0, or what its init
 * returned with one line in @ret_why.
 */
int keel__entry_init(struct keel__entry *entry, char *ret_why, size_t why_len);

/*
 * The entries at one moment, best first: by priority, then by age. Immutable
 * and counted: who holds one walks it without a lock while others add and
 * remove.
 */
struct keel__snapshot {
	atomic_uint nr_refs;
	size_t nr_entries;
	struct keel__entry *entries[];
};

struct keel_registry {
	pthread_mutex_t lock; /* of those who change it */
	/* NULL: no entries. Replaced under the lock, read without it. */
	_Atomic(struct keel__snapshot *) now;
	struct keel__readers readers;
};

/* Is it the process's own? Makes nothing. */
bool keel__registry_is_default(const struct keel_registry *registry);

/* Counted; NULL if there are no entries. */
struct keel__snapshot *keel__registry_snapshot(struct keel_registry *registry);

/*
 * @old without @drop and with @put, which goes behind those of its priority;
 * each of the three may be NULL. NULL without memory.
 */
struct keel__snapshot *keel__snapshot_edit(const struct keel__snapshot *old,
					   const struct keel__entry *drop,
					   struct keel__entry *put);

/* NULL is fine. */
void keel__snapshot_unref(struct keel__snapshot *snap);

/* The entry of that name, borrowed from @snap; NULL if there is none. */
struct keel__entry *keel__snapshot_find(const struct keel__snapshot *snap,
					const char *name);

/* Names the backend to use where the program names none. */
#define KEEL__REGISTRY_ENV "KEEL_BACKEND"

/* What it says; NULL if it is not set, empty or not to be trusted. */
const char *keel__registry_env(void);

/* Why an entry with KEEL_CAP_INSECURE is never chosen by itself. */
extern const char keel__insecure_why[];

/* The built-in rows. */
extern const struct keel_backend keel__backend_null;
extern const struct keel_backend keel__backend_openssl;

#endif
