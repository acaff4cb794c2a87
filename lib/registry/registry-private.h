/* SPDX-License-Identifier: MIT */
/* Entries, snapshots and the built-in rows of the registry. */
#ifndef KEEL_REGISTRY_REGISTRY_PRIVATE_H
#define KEEL_REGISTRY_REGISTRY_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include <keel/registry.h>

/* Room for the reason why a backend cannot be used. */
#define KEEL__WHY_LEN sizeof(((struct keel_backend_info *)NULL)->why)

/*
 * An entry: one backend, counted. What <keel/registry.h> calls a reference is
 * a pointer to it that holds one count. What a loaded module needs (its
 * handle, the path it came from) belongs here, taken by keel__entry_new() and
 * given back where the last count goes.
 */
struct keel_backend_ref {
	atomic_uint nr_refs;
	atomic_bool ready;    /* the row's init went well; never goes back */
	pthread_mutex_t lock; /* held while init runs */
	const struct keel_backend *be;
};

/*
 * Judge a row and make an entry with one reference. Errors as of
 * keel_registry_add(), without -EEXIST.
 */
int keel__entry_new(const struct keel_backend *be,
		    struct keel_backend_ref **ret_entry);

/*
 * Initialise the backend, if that has not happened. 0, or what its init
 * returned with one line in @ret_why.
 */
int keel__entry_init(struct keel_backend_ref *entry, char *ret_why,
		     size_t why_len);

/*
 * The entries at one moment, best first: by priority, then by age. Immutable
 * and counted: who holds one walks it without a lock while others add and
 * remove.
 */
struct keel__snapshot {
	atomic_uint nr_refs;
	size_t nr_entries;
	struct keel_backend_ref *entries[];
};

struct keel_registry {
	pthread_mutex_t lock;	    /* guards the pointer below, only */
	struct keel__snapshot *now; /* NULL: no entries */
};

/* Is it the process's own? Makes nothing. */
bool keel__registry_is_default(const struct keel_registry *registry);

/* Counted; NULL if there are no entries. @registry NULL: the default one. */
struct keel__snapshot *keel__registry_snapshot(struct keel_registry *registry);

/* NULL is fine. */
void keel__snapshot_unref(struct keel__snapshot *snap);

/* The entry of that name, borrowed from @snap; NULL if there is none. */
struct keel_backend_ref *keel__snapshot_find(const struct keel__snapshot *snap,
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
