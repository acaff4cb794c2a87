/* SPDX-License-Identifier: MIT */
/* The registry: which TLS libraries there are, and which one is used. */
#ifndef KEEL_REGISTRY_H
#define KEEL_REGISTRY_H

#include <keel/backend.h>

KEEL_BEGIN_DECLS

/*
 * A registry holds entries. An entry is a backend that can be used, or one that
 * cannot and the reason. Lookups return a counted reference: a backend that is
 * removed stays valid for whoever holds one. Several backends are in use at
 * once; nothing is chosen for the whole process.
 */
struct keel_registry;
struct keel_backend_ref;

/**
 * keel_registry_default() - the process's registry with the built-in backends
 *
 * And with those in files called keel-NAME.so, in the directories that
 * KEEL_BACKEND_PATH in the environment names, separated by colons, and then in
 * keel's own. KEEL_BACKEND_PATH is ignored in a process that gained privileges
 * at exec (secure_getenv(3)).
 *
 * Units:     none
 * Ownership: borrowed; lives as long as the process
 * Threads:   any
 * Blocking:  the first call reads directories; backends are loaded and
 *            initialised when first looked up
 * Return:    the registry, never NULL
 * Errors:    none
 * Since:     0.1
 */
KEEL_API struct keel_registry *keel_registry_default(void);

/**
 * keel_registry_new() - an empty registry of one's own
 * @ret_registry: the registry
 *
 * Units:     none
 * Ownership: the caller frees it with keel_registry_free()
 * Threads:   any
 * Blocking:  never
 * Return:    0
 * Errors:    -EINVAL  NULL argument
 *            -ENOMEM  no memory
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_registry_new(struct keel_registry **ret_registry);

/**
 * keel_registry_free() - drop a registry and its own references
 * @registry: from keel_registry_new(); NULL is fine
 *
 * Units:     none
 * Ownership: takes @registry; references given out stay valid
 * Threads:   no other call on @registry at the same time
 * Blocking:  never
 * Return:    NULL
 * Errors:    none
 * Since:     0.1
 */
KEEL_API struct keel_registry *
keel_registry_free(struct keel_registry *registry);

/**
 * keel_registry_add() - add a backend
 * @registry: the registry
 * @backend:  its row; must stay valid until the last reference is gone
 *
 * Units:     none
 * Ownership: @backend is borrowed
 * Threads:   any
 * Blocking:  for lookups that have begun, each very short, and for another call
 *            that changes the registry
 * Return:    0
 * Errors:    -EINVAL           NULL argument, no name, a mandatory slot empty
 *            -EPROTONOSUPPORT  another KEEL_BACKEND_ABI, or @sz too small
 *            -EEXIST           the name is taken
 *            -EDEADLK          called by a function of keel_registry_watch()
 *            -ENOMEM           no memory
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_registry_add(struct keel_registry *registry,
		  const struct keel_backend *backend);

/**
 * keel_registry_remove() - take a backend out
 * @registry: the registry
 * @name:     its name
 *
 * Later lookups do not find it; references given out stay valid. A module is
 * unloaded when the last of them is given back, now if there are none, and with
 * it go strings it gave: names, versions, sites of errors.
 *
 * Units:     none
 * Ownership: nothing moves
 * Threads:   any
 * Blocking:  for lookups that have begun, each very short, and for another call
 *            that changes the registry
 * Return:    0
 * Errors:    -EINVAL  NULL argument
 *            -ENOENT  no such backend
 *            -ENOMEM  no memory
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_registry_remove(struct keel_registry *registry, const char *name);

/**
 * keel_registry_load() - load a backend from a file, a module
 * @registry: the registry
 * @path:     the file
 * @ret_diag: on failure one line that says why; may be NULL
 *
 * Whoever can decide what the file holds runs code in this process. So the file
 * has to be a regular one that belongs to root or the process's user (the
 * effective one), in a directory that does, and nobody else may write either;
 * a link is followed to the same directory only. Nothing in it is called, not
 * even its constructors, unless it says that it was made for this
 * KEEL_BACKEND_ABI. A file that is refused is listed, with the reason, until
 * it is loaded or removed, except one whose name is taken.
 *
 * Units:     none
 * Ownership: @path is borrowed
 * Threads:   any, but not the constructors of a module
 * Blocking:  for reading and linking the file, and for another call that
 *            changes the registry
 * Return:    0
 * Errors:    -EINVAL           NULL argument; its row is not complete
 *            -EPERM            others may write the file or its directory, or
 *                              own it
 *            -ELOOP            a link out of its directory, or to a link
 *            -ENOEXEC          not a regular file, not a shared library, cut
 *                              short, or not a backend
 *            -EPROTONOSUPPORT  another KEEL_BACKEND_ABI, or a row too small
 *            -ELIBACC          the loader refuses it: a library or a symbol
 *                              is missing
 *            -EEXIST           the name is taken
 *            -ENOMEM           no memory
 *            other             what open(2) says of the file
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_registry_load(struct keel_registry *registry, const char *path,
		   struct keel_diag *ret_diag);

/**
 * keel_registry_reload() - load the file of a backend again
 * @registry: the registry
 * @name:     the backend's name
 * @ret_diag: on failure one line that says why; may be NULL
 *
 * Later lookups get the new one; references to the old one stay valid. If the
 * new one is refused, the old one stays. A file that is not loaded yet, or was
 * refused, is tried as by keel_registry_load(). For the loader a file is the same as long as its
 * inode is: a new version has to replace the file (rename(2), install(1)), not
 * to be written over it, which would break the old one as well.
 *
 * Units:     none
 * Ownership: nothing moves
 * Threads:   any, but not the constructors of a module
 * Blocking:  as keel_registry_load()
 * Return:    0
 * Errors:    -ENOENT   no such backend
 *            -ENOTSUP  it is not from a file
 *            other     as keel_registry_load()
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_registry_reload(struct keel_registry *registry, const char *name,
		     struct keel_diag *ret_diag);

/**
 * keel_registry_scan() - find the modules in a directory
 * @registry: the registry
 * @dir:      the directory
 *
 * Finds the files called keel-NAME.so. One is loaded when it is looked up by
 * its name, when nothing else serves a lookup without one, or when the registry
 * is listed; its row has to have that name. Those that are found rank behind
 * those that are built in, added, or loaded by keel_registry_load(), whatever
 * their priorities.
 *
 * Units:     none
 * Ownership: @dir is borrowed
 * Threads:   any
 * Blocking:  for reading the directory, and for another call that changes the
 *            registry
 * Return:    0
 * Errors:    -EINVAL  NULL argument
 *            -ENOMEM  no memory
 *            other    what opendir(3) says of the directory
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_registry_scan(struct keel_registry *registry, const char *dir);

/**
 * keel_registry_find() - look a backend up
 * @registry: the registry; NULL means the default one
 * @name:     exact name; NULL means: the one KEEL_BACKEND in the environment
 *            names, else the usable one of the highest priority that is not
 *            KEEL_CAP_INSECURE. KEEL_BACKEND is ignored in a process that
 *            gained privileges at exec (secure_getenv(3))
 * @caps:     capabilities it must have, 0 for any
 * @ret_diag: on failure one line that says why; may be NULL
 * @ret_ref:  a reference
 *
 * Loads and initialises the backend if that has not happened yet; a failed
 * initialisation is tried again at the next lookup. What is there already is
 * found without waiting for anybody, whatever else happens to the registry.
 *
 * Units:     none
 * Ownership: the caller gives the reference back with
 *            keel_backend_ref_unref()
 * Threads:   any
 * Blocking:  for the backend's loading and initialisation, once
 * Return:    0
 * Errors:    -EINVAL   NULL argument
 *            -ENOENT   no backend of that name, or none at all that is usable
 *            -ENOTSUP  the named one lacks a capability
 *            other     what its initialisation returned, or why its file was
 *                      refused, see keel_registry_load()
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_registry_find(struct keel_registry *registry, const char *name,
		   uint64_t caps, struct keel_diag *ret_diag,
		   struct keel_backend_ref **ret_ref);

/**
 * keel_backend_ref_ref() - one more reference
 * @ref: a reference; borrowed
 *
 * Units:     none
 * Ownership: the caller owns one more
 * Threads:   any
 * Blocking:  never
 * Return:    @ref
 * Errors:    none
 * Since:     0.1
 */
KEEL_API struct keel_backend_ref *
keel_backend_ref_ref(struct keel_backend_ref *ref);

/**
 * keel_backend_ref_unref() - give a reference back
 * @ref: a reference; NULL is fine
 *
 * Units:     none
 * Ownership: takes one reference
 * Threads:   any
 * Blocking:  never, but the last one of a module that was removed unloads it
 * Return:    NULL
 * Errors:    none
 * Since:     0.1
 */
KEEL_API struct keel_backend_ref *
keel_backend_ref_unref(struct keel_backend_ref *ref);

/**
 * keel_backend_ref_get() - the row behind a reference
 * @ref: a reference; borrowed
 *
 * Units:     none
 * Ownership: borrowed; valid as long as @ref
 * Threads:   any
 * Blocking:  never
 * Return:    the row, NULL if @ref is NULL
 * Errors:    none
 * Since:     0.1
 */
KEEL_API const struct keel_backend *
keel_backend_ref_get(const struct keel_backend_ref *ref);

/**
 * struct keel_backend_info - one entry, for lists
 * @sz:            size of this struct as the caller knows it
 * @name:          its name
 * @description:   a few words
 * @build_version: the library's version at build time, NULL if not known
 * @run_version:   the library's version in use, NULL if not known
 * @caps:          capability bits
 * @priority:      higher is preferred; see keel_registry_set_priority()
 * @usable:        it can be used
 * @is_default:    keel_registry_find() without a name gives this one
 * @why:           why it cannot be used or is not chosen by default, "" if
 *                 there is nothing to say
 * @path:          the file it was loaded from, or is not loaded from; NULL if
 *                 it is built in or was added
 *
 * A file that is refused has no versions and no capabilities, and goes by the
 * name of the file.
 */
struct keel_backend_info {
	size_t sz;
	const char *name;
	const char *description;
	const char *build_version;
	const char *run_version;
	uint64_t caps;
	int priority;
	bool usable;
	bool is_default;
	char why[160];
	const char *path;
};

/**
 * keel_registry_list() - every entry, usable or not, best first
 * @registry: the registry; NULL means the default one
 * @fn:       called for each; a non-zero result ends the walk
 * @arg:      passed on
 *
 * Loads and initialises the backends, to know which are usable. The registry may change
 * during the walk; the walk sees it as it was at its beginning.
 *
 * Units:     none
 * Ownership: the info is borrowed for the time of the call of @fn
 * Threads:   any; @fn may call the registry
 * Blocking:  for initialisations
 * Return:    0, or the result of @fn that ended the walk
 * Errors:    -EINVAL  NULL function
 *            -ENOMEM  no memory
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_registry_list(struct keel_registry *registry,
		   int (*fn)(const struct keel_backend_info *info, void *arg),
		   void *arg);

/**
 * keel_registry_set_priority() - prefer a backend, or another one
 * @registry: the registry
 * @name:     its name
 * @priority: higher is preferred
 *
 * Counts instead of the priority in its row, in this registry; also a backend
 * that was found in a directory then ranks among those that are built in. A
 * file that is not loaded yet is loaded.
 *
 * Units:     none
 * Ownership: nothing moves
 * Threads:   any
 * Blocking:  for loading, and for another call that changes the registry
 * Return:    0
 * Errors:    -EINVAL  NULL argument
 *            -ENOENT  no such backend
 *            -ENOMEM  no memory
 *            other    why its file was refused, see keel_registry_load()
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_registry_set_priority(struct keel_registry *registry, const char *name,
			   int priority);

/**
 * keel_registry_generation() - a number that grows with every change
 * @registry: the registry; NULL means the default one
 *
 * Who has taken a list after reading the number, and reads the same number
 * again, has not missed a change.
 *
 * Units:     changes
 * Ownership: nothing moves
 * Threads:   any
 * Blocking:  never
 * Return:    the number
 * Errors:    none
 * Since:     0.1
 */
KEEL_API uint64_t keel_registry_generation(struct keel_registry *registry);

/**
 * enum keel_registry_change - what happened to a registry
 * @KEEL_REGISTRY_ADDED:    a backend was added, or loaded from a file
 * @KEEL_REGISTRY_REMOVED:  one was taken out, or a file that was listed
 * @KEEL_REGISTRY_REPLACED: one was reloaded
 * @KEEL_REGISTRY_MOVED:    one has another priority
 * @KEEL_REGISTRY_FOUND:    a file was found in a directory
 * @KEEL_REGISTRY_REFUSED:  a file was refused
 */
enum keel_registry_change {
	KEEL_REGISTRY_ADDED = 1,
	KEEL_REGISTRY_REMOVED,
	KEEL_REGISTRY_REPLACED,
	KEEL_REGISTRY_MOVED,
	KEEL_REGISTRY_FOUND,
	KEEL_REGISTRY_REFUSED,
};

/**
 * struct keel_registry_event - one change
 * @sz:         size of this struct as the library knows it
 * @change:     enum keel_registry_change
 * @name:       the backend, or what its file is called
 * @path:       its file; NULL if it is not from one
 * @generation: number of the change
 */
struct keel_registry_event {
	size_t sz;
	enum keel_registry_change change;
	const char *name;
	const char *path;
	uint64_t generation;
};

/* Told of a change. The event is borrowed for the time of the call. */
typedef void (*keel_registry_watch_fn)(const struct keel_registry_event *event,
				       void *arg);

struct keel_registry_watch;

/**
 * keel_registry_watch() - be told of every change
 * @registry:  the registry; NULL means the default one
 * @fn:        called for each change, after it, in their order, before the
 *             call that made it returns
 * @arg:       passed on
 * @ret_watch: to end it
 *
 * @fn may look up and list, and end watches. Calls that change the registry, a
 * lookup that has to load a file among them, fail with -EDEADLK within it; a
 * list leaves files unloaded there.
 *
 * Units:     none
 * Ownership: the caller ends it with keel_registry_unwatch();
 *            keel_registry_free() does too
 * Threads:   any; @fn is called on the thread that makes the change
 * Blocking:  for another call that changes the registry
 * Return:    0
 * Errors:    -EINVAL   NULL argument
 *            -EDEADLK  within such a function
 *            -ENOMEM   no memory
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_registry_watch(struct keel_registry *registry, keel_registry_watch_fn fn,
		    void *arg, struct keel_registry_watch **ret_watch);

/**
 * keel_registry_unwatch() - not to be told any more
 * @watch: from keel_registry_watch(); NULL is fine
 *
 * When it returns the function is not called any more, nor being called on
 * another thread.
 *
 * Units:     none
 * Ownership: takes @watch
 * Threads:   any, and within a function that is told
 * Blocking:  for another call that changes the registry
 * Return:    NULL
 * Errors:    none
 * Since:     0.1
 */
KEEL_API struct keel_registry_watch *
keel_registry_unwatch(struct keel_registry_watch *watch);

/**
 * keel_cap_name() - name of a capability bit, for lists
 * @bit: number of the bit, 0 to 63
 *
 * Units:     none
 * Ownership: a static string
 * Threads:   any
 * Blocking:  never
 * Return:    the name, NULL if the bit means nothing
 * Errors:    none
 * Since:     0.1
 */
KEEL_API const char *keel_cap_name(unsigned int bit);

KEEL_END_DECLS

#endif
