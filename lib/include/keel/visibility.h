/* SPDX-License-Identifier: MIT */
/* Marks of the public interface. */
#ifndef KEEL_VISIBILITY_H
#define KEEL_VISIBILITY_H

#ifdef __cplusplus
#define KEEL_BEGIN_DECLS extern "C" {
#define KEEL_END_DECLS }
#else
#define KEEL_BEGIN_DECLS
#define KEEL_END_DECLS
#endif

/* Everything else in the libraries is hidden. */
#define KEEL_API __attribute__((visibility("default")))

/* A result that must not be dropped. */
#define KEEL_MUST_CHECK __attribute__((warn_unused_result))

#endif
