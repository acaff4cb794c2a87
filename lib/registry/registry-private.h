/* SPDX-License-Identifier: MIT */
/* Entries, snapshots and the built-in rows of the registry. */
#ifndef KEEL_REGISTRY_REGISTRY_PRIVATE_H
#define KEEL_REGISTRY_REGISTRY_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include <keel/registry.h>

#include "lib/registry/module-private.h"
#include "lib/registry/readers-private.h"

/* Room for a name; names go into tables and messages. */
#define KEEL__NAME_LEN 32

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
 * An entry: one backend, or a file that may become one, or that was refused. It
 * lives as long as one of its shards has a count. Those who hold the entry
 * itself, a snapshot or the one who makes it, hold one count of every shard
 * between them. A module goes with its entry.
 */
struct keel__entry {
	atomic_uint nr_holders;
	atomic_uint nr_shards; /* those with a count */
	atomic_bool ready;     /* the row's init went well; never goes back */
	pthread_mutex_t lock;  /* held while init runs */
	const struct keel_backend *be; /* NULL: not loaded */
	struct keel__module module;
	struct keel__refusal refusal; /* not loaded: why */
	char name[KEEL__NAME_LEN];
	char *path; /* NULL: not from a file */
	char apart[KEEL__LINE_LEN];
	struct keel_backend_ref shards[KEEL__NR_SHARDS];
};

/* Is it fit for messages? Of @len bytes, without an end. */
bool keel__name_is_good(const char *name, size_t len);

/*
 * Judge a row and make an entry with one holder. Errors as of
 * keel_registry_add(), without -EEXIST.
 */
int keel__entry_new(const struct keel_backend *be,
		    struct keel__entry **ret_entry);

/*
 * An entry for a file, by the name of the file. It is not usable; @why says
 * why, or is NULL for one that was not tried. NULL without memory.
 */
struct keel__entry *keel__entry_new_file(const char *path,
					 const struct keel__refusal *why);

/*
 * An entry for a file that is loaded. 0; -ENOMEM; or a refusal. With @name the
 * row has to have that one.
 */
int keel__entry_load(const char *path, const char *name,
		     struct keel__entry **ret_entry,
		     struct keel__refusal *ret_why);

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

/* Who comes before whom, whatever the priorities. */
enum keel__rank {
	KEEL__GIVEN,   /* built in, or put in by the program */
	KEEL__FOUND,   /* loaded from one of the directories */
	KEEL__PENDING, /* in one of the directories, loaded when needed */
	KEEL__REFUSED,
};

struct keel__slot {
	struct keel__entry *entry;
	enum keel__rank rank;
	int priority;
};

/*
 * The entries at one moment, best first: by rank, by priority, then by age.
 * Immutable and counted: who holds one walks it without a lock while others add
 * and remove. Of two with one name only the first can have a row.
 */
struct keel__snapshot {
	atomic_uint nr_refs;
	bool has_pending;
	size_t nr_slots;
	struct keel__slot slots[];
};

/* Someone who is told of changes; in a list of its registry. */
struct keel_registry_watch {
	struct keel_registry *registry;
	struct keel_registry_watch *next;
	keel_registry_watch_fn fn;
	void *arg;
	bool is_over; /* ended by a function that was being told */
};

struct keel_registry {
	pthread_mutex_t
		lock; /* of those who change it; PTHREAD_MUTEX_ERRORCHECK */
	/* NULL: no entries. Replaced under the lock, read without it. */
	_Atomic(struct keel__snapshot *) now;
	atomic_ullong generation;
	struct keel_registry_watch *watches; /* under the lock */
	struct keel__readers readers;
};

/* Is it the process's own? Makes nothing. */
bool keel__registry_is_default(const struct keel_registry *registry);

/* Counted; NULL if there are no entries. */
struct keel__snapshot *keel__registry_snapshot(struct keel_registry *registry);

/*
 * @old without @drop and with @put; each of the three may be NULL. NULL without
 * memory.
 */
struct keel__snapshot *keel__snapshot_edit(const struct keel__snapshot *old,
					   const struct keel__slot *drop,
					   const struct keel__slot *put);

/* NULL is fine. */
void keel__snapshot_unref(struct keel__snapshot *snap);

/* The first of that name, borrowed from @snap; NULL if there is none. */
const struct keel__slot *keel__snapshot_find(const struct keel__snapshot *snap,
					     const char *name);

/* The first from that file, loaded or not. */
const struct keel__slot *
keel__snapshot_find_file(const struct keel__snapshot *s, const char *path);

/*
 * What changes a registry holds its lock from before the look at the snapshot
 * that it changes until the new one is there and all are told. -EDEADLK for
 * those who are being told, and for a module that is being loaded.
 */
KEEL_MUST_CHECK int keel__registry_lock(struct keel_registry *registry);
void keel__registry_unlock(struct keel_registry *registry);

/*
 * Replace @drop by @put, as keel__snapshot_edit(), and tell of it; under the
 * lock. 0 or -ENOMEM. What lookups saw before is to be unreferenced without the lock: with
 * it may go a module.
 */
int keel__registry_edit(struct keel_registry *registry,
			const struct keel__slot *drop,
			const struct keel__slot *put,
			struct keel__snapshot **ret_old);

/* Tell of a change that was made, under the lock, and free all at the end. */
void keel__registry_tell(struct keel_registry *registry,
			 const struct keel__slot *drop,
			 const struct keel__slot *put);
void keel__registry_free_watches(struct keel_registry *registry);

/* As keel_registry_scan(), for each of them. 0 or -ENOMEM. */
int keel__registry_scan_path(struct keel_registry *registry, const char *dirs);

/*
 * Load what is pending: the files of that name, or all if it is NULL. Those
 * that are refused stay, with the reason. 0, -ENOMEM or -EDEADLK.
 */
int keel__registry_settle(struct keel_registry *registry, const char *name);

/* Names the backend to use where the program names none. */
#define KEEL__REGISTRY_ENV "KEEL_BACKEND"
/* Directories with modules, separated by colons. */
#define KEEL__REGISTRY_PATH_ENV "KEEL_BACKEND_PATH"

/* What it says; NULL if it is not set, empty or not to be trusted. */
const char *keel__registry_env(void);

/* Why an entry with KEEL_CAP_INSECURE is never chosen by itself. */
extern const char keel__insecure_why[];

/* The built-in rows. */
extern const struct keel_backend keel__backend_null;
extern const struct keel_backend keel__backend_openssl;

#endif
