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
 * Units:     none
 * Ownership: borrowed; lives as long as the process
 * Threads:   any
 * Blocking:  the first call may initialise nothing yet: backends are
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
 * Blocking:  never
 * Return:    0
 * Errors:    -EINVAL           NULL argument, no name, a mandatory slot empty
 *            -EPROTONOSUPPORT  another KEEL_BACKEND_ABI, or @sz too small
 *            -EEXIST           the name is taken
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
 * Later lookups do not find it; references given out stay valid.
 *
 * Units:     none
 * Ownership: nothing moves
 * Threads:   any
 * Blocking:  never
 * Return:    0
 * Errors:    -EINVAL  NULL argument
 *            -ENOENT  no such backend
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_registry_remove(struct keel_registry *registry, const char *name);

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
 * Initialises the backend if that has not happened yet; a failed
 * initialisation is tried again at the next lookup.
 *
 * Units:     none
 * Ownership: the caller gives the reference back with
 *            keel_backend_ref_unref()
 * Threads:   any
 * Blocking:  for the backend's initialisation, once
 * Return:    0
 * Errors:    -EINVAL   NULL argument
 *            -ENOENT   no backend of that name, or none at all that is usable
 *            -ENOTSUP  the named one lacks a capability
 *            other     what its initialisation returned
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
 * Blocking:  never
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
 * @build_version: the library's version at build time
 * @run_version:   the library's version in use, NULL if not known
 * @caps:          capability bits
 * @priority:      higher is preferred
 * @usable:        it can be used
 * @is_default:    keel_registry_find() without a name gives this one
 * @why:           why it cannot be used or is not chosen by default, "" if
 *                 there is nothing to say
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
	char why[128];
};

/**
 * keel_registry_list() - every entry, usable or not, best first
 * @registry: the registry; NULL means the default one
 * @fn:       called for each; a non-zero result ends the walk
 * @arg:      passed on
 *
 * Initialises the backends, to know which are usable. The registry may change
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
