/* SPDX-License-Identifier: MIT */
/* What the user asks for, and the context made of it. */
#ifndef KEEL_CONFIG_H
#define KEEL_CONFIG_H

#include <keel/backend.h>
#include <keel/log.h>
#include <keel/offload.h>
#include <keel/registry.h>

KEEL_BEGIN_DECLS

/*
 * A keel_config collects wishes; it is used by one thread. keel_ctx_new() turns
 * it into a keel_ctx: immutable, counted, shared by any number of threads and
 * connections. To reload certificates make a new context and swap it; running
 * connections keep the old one.
 */
struct keel_config;
struct keel_ctx;

/**
 * keel_config_new() - an empty configuration with safe defaults
 * @role:       KEEL_SERVER or KEEL_CLIENT
 * @ret_config: the configuration
 *
 * Defaults: TLS 1.2 to 1.3, every suite of keel, a client verifies against the
 * system's store, a server asks for no certificate and sends one ticket,
 * offload auto.
 *
 * Units:     none
 * Ownership: the caller frees it with keel_config_free()
 * Threads:   any
 * Blocking:  never
 * Return:    0
 * Errors:    -EINVAL  NULL argument, not a role
 *            -ENOMEM  no memory
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_config_new(enum keel_role role,
					     struct keel_config **ret_config);

/**
 * keel_config_free() - free a configuration; private keys in it are cleared
 * @config: NULL is fine
 *
 * Units:     none
 * Ownership: takes @config
 * Threads:   one
 * Blocking:  never
 * Return:    NULL
 * Errors:    none
 * Since:     0.1
 */
KEEL_API struct keel_config *keel_config_free(struct keel_config *config);

/**
 * keel_config_set_backend() - choose the backend by name
 * @config: the configuration
 * @name:   exact name; NULL for the registry's choice (default). Checked by
 *          keel_ctx_new()
 *
 * Units:     none
 * Ownership: @name is copied
 * Threads:   one
 * Blocking:  never
 * Return:    0
 * Errors:    -EINVAL  NULL configuration
 *            -ENOMEM  no memory
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_config_set_backend(struct keel_config *config,
						     const char *name);

/**
 * keel_config_set_versions() - which versions to speak
 * @config: the configuration
 * @min:    KEEL_TLS1_2 or KEEL_TLS1_3
 * @max:    the same, not below @min
 *
 * Units:     protocol versions as on the wire
 * Ownership: nothing moves
 * Threads:   one
 * Blocking:  never
 * Return:    0
 * Errors:    -EINVAL  NULL configuration, other versions
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_config_set_versions(struct keel_config *config, uint16_t min,
			 uint16_t max);

/**
 * keel_config_set_suites() - which cipher suites, best first
 * @config: the configuration
 * @names:  IANA names separated by ':'
 *
 * Units:     none
 * Ownership: nothing moves
 * Threads:   one
 * Blocking:  never
 * Return:    0
 * Errors:    -EINVAL  NULL argument, empty list, a name keel does not know
 *                     (keel_config_diag() names it), a name twice
 *            -ENOMEM  no memory
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_config_set_suites(struct keel_config *config,
						    const char *names);

/**
 * keel_config_set_cert_file() - certificate chain and key from PEM files
 * @config:    the configuration
 * @cert_path: leaf first, then intermediates
 * @key_path:  private key; NULL if it is in @cert_path
 *
 * The files are read at once; what they hold is judged by keel_ctx_new().
 *
 * Units:     none
 * Ownership: paths and contents are copied
 * Threads:   one
 * Blocking:  on file reads
 * Return:    0
 * Errors:    -EINVAL  NULL argument
 *            -EFBIG   a file over 1 MiB
 *            -ENOMEM  no memory
 *            other    what open(2) or read(2) said, such as -ENOENT, -EACCES,
 *                     -EISDIR; keel_config_diag() names the file
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_config_set_cert_file(struct keel_config *config, const char *cert_path,
			  const char *key_path);

/**
 * keel_config_set_cert_pem() - certificate chain and key from memory
 * @config:   the configuration
 * @cert:     PEM, leaf first
 * @cert_len: bytes
 * @key:      PEM
 * @key_len:  bytes
 *
 * Units:     bytes
 * Ownership: both are copied
 * Threads:   one
 * Blocking:  never
 * Return:    0
 * Errors:    -EINVAL  NULL argument, a length of 0
 *            -ENOMEM  no memory
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_config_set_cert_pem(struct keel_config *config, const void *cert,
			 size_t cert_len, const void *key, size_t key_len);

/**
 * keel_config_set_self_signed() - a throw-away certificate, made in memory
 * @config: the configuration
 * @host:   DNS name or IP address it is for
 *
 * Made when the context is made. For trying things out: no client trusts it
 * unless told to.
 *
 * Units:     none
 * Ownership: @host is copied
 * Threads:   one
 * Blocking:  never
 * Return:    0
 * Errors:    -EINVAL  NULL or empty argument
 *            -ENOMEM  no memory
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_config_set_self_signed(struct keel_config *config, const char *host);

/**
 * keel_config_set_ca_file() - trust the certificates of a PEM file, only them
 * @config: the configuration
 * @path:   the file
 *
 * Replaces the system's store.
 *
 * Units:     none
 * Ownership: path and contents are copied
 * Threads:   one
 * Blocking:  on file reads
 * Return:    0
 * Errors:    as keel_config_set_cert_file()
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_config_set_ca_file(struct keel_config *config,
						     const char *path);

/**
 * keel_config_set_verify() - what is asked of the peer's certificate
 * @config: the configuration
 * @verify: an enum keel_verify
 *
 * Units:     none
 * Ownership: nothing moves
 * Threads:   one
 * Blocking:  never
 * Return:    0
 * Errors:    -EINVAL  NULL configuration, not an enum keel_verify,
 *                     KEEL_VERIFY_OPTIONAL for a client
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_config_set_verify(struct keel_config *config,
						    enum keel_verify verify);

/**
 * keel_config_set_alpn() - application protocols, best first
 * @config: the configuration
 * @names:  names separated by ',', each 1 to 255 bytes
 *
 * A server that shares none with a client that offers some refuses the
 * handshake with no_application_protocol (RFC 7301 section 3.2).
 *
 * Units:     none
 * Ownership: nothing moves
 * Threads:   one
 * Blocking:  never
 * Return:    0
 * Errors:    -EINVAL  NULL argument, a name of another length
 *            -ENOMEM  no memory
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_config_set_alpn(struct keel_config *config,
						  const char *names);

/**
 * keel_config_set_tickets() - tickets a server sends, or a client keeps
 * @config: the configuration
 * @nr:     server: for the client of each full handshake, 0 to 8, default 1;
 *          each costs the server some 30 us. In TLS 1.3 they go out with its
 *          first data. Client: 0 drops tickets (default), above keeps the
 *          backend's handshake object until that many came
 *
 * Units:     tickets
 * Ownership: nothing moves
 * Threads:   one
 * Blocking:  never
 * Return:    0
 * Errors:    -EINVAL  NULL configuration, @nr above 8
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_config_set_tickets(struct keel_config *config,
						     unsigned int nr);

/**
 * keel_config_set_offload() - the policy for record protection
 * @config: the configuration
 * @dirs:   KEEL_TX, KEEL_RX, or both: the directions meant
 * @policy: an enum keel_offload
 *
 * KEEL_OFFLOAD_AUTO moves a direction once as many bytes went that way as
 * keel_config_set_offload_after() says, if the kernel has the cipher; but what
 * is received in TLS 1.3 only where the kernel can change keys.
 * KEEL_OFFLOAD_REQUIRE moves it as soon as the handshake is done, and a
 * connection whose direction cannot move fails with -EOPNOTSUPP.
 * keel_conn_set_offload() decides otherwise for one connection.
 *
 * Units:     none
 * Ownership: nothing moves
 * Threads:   one
 * Blocking:  never
 * Return:    0
 * Errors:    -EINVAL  NULL configuration, no direction or an unknown one, not
 *                     an enum keel_offload
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_config_set_offload(struct keel_config *config,
						     unsigned int dirs,
						     enum keel_offload policy);

/**
 * keel_config_set_offload_after() - when KEEL_OFFLOAD_AUTO moves a direction
 * @config: the configuration
 * @bytes:  application data that went that way before; 0: at once, and the
 *          kernel's TLS is then attached to the socket before the handshake,
 *          when that cannot fail for want of a peer. Default: 65,536
 *
 * Moving costs two system calls and the kernel's own set-up of the cipher,
 * which a connection of few bytes does not earn back.
 *
 * Units:     bytes
 * Ownership: nothing moves
 * Threads:   one
 * Blocking:  never
 * Return:    0
 * Errors:    -EINVAL  NULL configuration
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_config_set_offload_after(struct keel_config *config, uint64_t bytes);

/**
 * keel_config_set_record_limit() - rekey earlier than the AEAD demands
 * @config:  the configuration
 * @records: records sealed under one key before keel updates it; 0 for the
 *           AEAD's own limit (RFC 8446 section 5.5), which is never exceeded
 *
 * Units:     records
 * Ownership: nothing moves
 * Threads:   one
 * Blocking:  never
 * Return:    0
 * Errors:    -EINVAL  NULL configuration
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_config_set_record_limit(struct keel_config *config, uint64_t records);

/**
 * keel_config_set_log() - who receives events
 * @config: the configuration
 * @level:  highest enum keel_log_level wanted
 * @fn:     the function; NULL for silence (default)
 * @arg:    passed on; must outlive the contexts made of @config
 *
 * Units:     none
 * Ownership: nothing moves
 * Threads:   one
 * Blocking:  never
 * Return:    0
 * Errors:    -EINVAL  NULL configuration, not a level
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_config_set_log(struct keel_config *config,
						 enum keel_log_level level,
						 keel_log_fn fn, void *arg);

/**
 * keel_config_diag() - what the last failed call on a configuration met
 * @config: the configuration; borrowed
 *
 * Units:     none
 * Ownership: borrowed; valid until the next call on @config
 * Threads:   one
 * Blocking:  never
 * Return:    the diagnosis; err.err is 0 if nothing failed. NULL for NULL
 * Errors:    none
 * Since:     0.1
 */
KEEL_API const struct keel_diag *
keel_config_diag(const struct keel_config *config);

/**
 * keel_ctx_new() - make a context
 * @config:   what is wanted; may be used again afterwards
 * @registry: where backends are looked up; NULL for the default one
 * @ret_ctx:  the context, one reference
 *
 * Units:     none
 * Ownership: the caller gives the reference back with keel_ctx_unref()
 * Threads:   one on @config; several registries' users may run at once
 * Blocking:  on the backend's work: parsing, key generation
 * Return:    0
 * Errors:    each with a line in keel_config_diag():
 *            -EINVAL        NULL argument; a server without a certificate; a
 *                           key that does not match; not PEM
 *            -ENOENT        no such backend
 *            -ENOTSUP       the backend lacks something that was asked for
 *            -EKEYEXPIRED   the certificate has expired, or is not valid yet
 *            -EOPNOTSUPP    offload is required and cannot be had
 *            -ENOMEM        no memory
 *            other          what the backend returned
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_ctx_new(struct keel_config *config,
					  struct keel_registry *registry,
					  struct keel_ctx **ret_ctx);

/**
 * keel_ctx_ref() - one more reference
 * @ctx: a context; borrowed
 *
 * Units:     none
 * Ownership: the caller owns one more
 * Threads:   any
 * Blocking:  never
 * Return:    @ctx
 * Errors:    none
 * Since:     0.1
 */
KEEL_API struct keel_ctx *keel_ctx_ref(struct keel_ctx *ctx);

/**
 * keel_ctx_unref() - give a reference back
 * @ctx: NULL is fine
 *
 * Units:     none
 * Ownership: takes one reference; the last one frees the context
 * Threads:   any
 * Blocking:  never
 * Return:    NULL
 * Errors:    none
 * Since:     0.1
 */
KEEL_API struct keel_ctx *keel_ctx_unref(struct keel_ctx *ctx);

/**
 * keel_ctx_cert_info() - facts about the context's own certificate
 * @ctx:      the context; borrowed
 * @ret_info: the facts
 *
 * Units:     seconds since the epoch
 * Ownership: nothing moves
 * Threads:   any
 * Blocking:  never
 * Return:    0
 * Errors:    -EINVAL  NULL argument
 *            -ENOENT  the context has no certificate
 *            -ENOTSUP the backend cannot tell
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int keel_ctx_cert_info(struct keel_ctx *ctx,
						struct keel_cert_info *ret_info);

/**
 * keel_ctx_get_role() - which side a context is for
 * @ctx: the context; borrowed
 *
 * Units:     none
 * Ownership: nothing moves
 * Threads:   any
 * Blocking:  never
 * Return:    the role, 0 for NULL
 * Errors:    none
 * Since:     0.1
 */
KEEL_API unsigned int keel_ctx_get_role(const struct keel_ctx *ctx);

/**
 * keel_ctx_backend_name() - which backend made the context
 * @ctx: the context; borrowed
 *
 * Units:     none
 * Ownership: borrowed; valid as long as @ctx
 * Threads:   any
 * Blocking:  never
 * Return:    the name, NULL for NULL
 * Errors:    none
 * Since:     0.1
 */
KEEL_API const char *keel_ctx_backend_name(const struct keel_ctx *ctx);

KEEL_END_DECLS

#endif
