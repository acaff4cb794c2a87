/* SPDX-License-Identifier: MIT */
/* What the kernel says of network cards and sockets. Link libkeel-netlink. */
#ifndef KEEL_NETLINK_H
#define KEEL_NETLINK_H

#include <sys/socket.h>

#include <keel/backend.h>

KEEL_BEGIN_DECLS

/*
 * Facts for people and for tests: no connection needs them, and libkeel does
 * not link this library. Each call opens a netlink socket and closes it again,
 * and waits for the kernel 5 seconds at most. Nothing here has a state, so any
 * thread may call anything.
 */

/* As IFNAMSIZ, which comes with more names than a header may bring. */
#define KEEL_NIC_NAME_LEN 16

/**
 * enum keel_nic_use - what a network card may do of TLS
 * @KEEL_NIC_TX:     "tls-hw-tx-offload": protect the records that are sent
 * @KEEL_NIC_RX:     "tls-hw-rx-offload": open the records that are received
 * @KEEL_NIC_RECORD: "tls-hw-record": all of TLS on the card (TOE)
 * @KEEL_NIC_NR_USES: their number
 */
enum keel_nic_use {
	KEEL_NIC_TX = 0,
	KEEL_NIC_RX,
	KEEL_NIC_RECORD,
	KEEL_NIC_NR_USES,
};

/**
 * enum keel_nic_state - of one use of one interface
 * @KEEL_NIC_UNKNOWN:   this kernel does not know the feature
 * @KEEL_NIC_FIXED_OFF: it is off and cannot be switched on
 * @KEEL_NIC_OFF:       it is off and can be switched on
 * @KEEL_NIC_ON:        it is on
 */
enum keel_nic_state {
	KEEL_NIC_UNKNOWN = 0,
	KEEL_NIC_FIXED_OFF,
	KEEL_NIC_OFF,
	KEEL_NIC_ON,
};

/**
 * struct keel_nic_feature - one use of one interface
 * @name:  as ethtool(8) has it
 * @state: enum keel_nic_state
 * @why:   if it is not on, why, and what would change that; else ""
 */
struct keel_nic_feature {
	const char *name;
	enum keel_nic_state state;
	char why[160];
};

/**
 * struct keel_nic_info - an interface
 * @sz:       size of this struct as the library knows it
 * @idx:      its number
 * @name:     its name, terminated
 * @features: by enum keel_nic_use
 */
struct keel_nic_info {
	size_t sz;
	unsigned int idx;
	char name[KEEL_NIC_NAME_LEN];
	struct keel_nic_feature features[KEEL_NIC_NR_USES];
};

/**
 * keel_nic_list() - what interfaces can do for TLS, asked by ethtool netlink
 * @name:     one interface, or NULL for all of this network namespace
 * @fn:       called for each; a result other than 0 ends the walk
 * @arg:      passed on
 * @ret_diag: on failure one line that says why; may be NULL
 *
 * What lies on top of other interfaces (a bridge, a VLAN, a tunnel) speaks for
 * itself here; the kernel asks the lowest one that a connection goes by.
 *
 * Units:     none
 * Ownership: the info is borrowed for the time of the call of @fn
 * Threads:   any
 * Blocking:  until the kernel has answered
 * Return:    0, or the result of @fn that ended the walk
 * Errors:    -EINVAL      NULL function, a name of no interface's length
 *            -ENODEV      no such interface
 *            -EOPNOTSUPP  no ethtool netlink in this kernel, or no netlink at
 *                         all in this container
 *            -ETIMEDOUT   no answer
 *            -EBADMSG     an answer this version does not understand
 *            -ENOMEM      no memory
 *            other        what the kernel said
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_nic_list(const char *name,
	      int (*fn)(const struct keel_nic_info *info, void *arg), void *arg,
	      struct keel_diag *ret_diag);

/**
 * keel_nic_state_name() - name of a state, for lists
 * @state: an enum keel_nic_state
 *
 * Units:     none
 * Ownership: a static string
 * Threads:   any
 * Blocking:  never
 * Return:    "unknown", "cannot", "off" or "on"; "?" for a value that is none
 * Errors:    none
 * Since:     0.1
 */
KEEL_API const char *keel_nic_state_name(unsigned int state);

/**
 * struct keel_route - which way packets go
 * @sz:   size of this struct as the caller knows it
 * @idx:  number of the interface
 * @name: its name, terminated
 */
struct keel_route {
	size_t sz;
	unsigned int idx;
	char name[KEEL_NIC_NAME_LEN];
};

/**
 * keel_route_find() - the interface of the route to an address
 * @addr:      IPv4 or IPv6
 * @addr_len:  bytes
 * @ret_diag:  on failure one line that says why; may be NULL
 * @ret_route: the route; its sz must be set
 *
 * An address of this machine's own is behind "lo".
 *
 * Units:     bytes
 * Ownership: nothing moves
 * Threads:   any
 * Blocking:  until the kernel has answered
 * Return:    0
 * Errors:    -EINVAL        NULL argument, a length that is not the family's, a
 *                           size this version does not know
 *            -EAFNOSUPPORT  neither IPv4 nor IPv6
 *            -ENETUNREACH   no route, or one that refuses (-EHOSTUNREACH and
 *                           -EACCES too)
 *            other          as keel_nic_list()
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_route_find(const struct sockaddr *addr, socklen_t addr_len,
		struct keel_diag *ret_diag, struct keel_route *ret_route);

/**
 * keel_route_find_socket() - the interface that a connected socket uses
 * @fd:        a connected socket of IPv4 or IPv6
 * @ret_diag:  on failure one line that says why; may be NULL
 * @ret_route: the route; its sz must be set
 *
 * As keel_route_find() for its peer, with the socket's own address, mark
 * (SO_MARK) and device (SO_BINDTODEVICE).
 *
 * Units:     none
 * Ownership: @fd is borrowed
 * Threads:   any
 * Blocking:  until the kernel has answered
 * Return:    0
 * Errors:    -EBADF     not open
 *            -ENOTSOCK  not a socket
 *            -ENOTCONN  not connected
 *            other      as keel_route_find()
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_route_find_socket(int fd, struct keel_diag *ret_diag,
		       struct keel_route *ret_route);

/**
 * enum keel_sock_conf - who protects the records of a socket's direction, as
 * the kernel says; the values are those of <linux/tls.h>
 * @KEEL_SOCK_NONE:       the kernel has no TLS on the socket, or did not say
 * @KEEL_SOCK_BASE:       nobody yet: no key was set
 * @KEEL_SOCK_SOFTWARE:   the kernel's software
 * @KEEL_SOCK_NIC:        the network card
 * @KEEL_SOCK_NIC_RECORD: the network card, with all of TLS on it
 */
enum keel_sock_conf {
	KEEL_SOCK_NONE = 0,
	KEEL_SOCK_BASE,
	KEEL_SOCK_SOFTWARE,
	KEEL_SOCK_NIC,
	KEEL_SOCK_NIC_RECORD,
};

/**
 * struct keel_sock_info - what sock_diag(7) says of a socket
 * @sz:             size of this struct as the caller knows it
 * @ulp:            name of its upper layer protocol, "tls"; "" if it has none
 * @version:        KEEL_TLS1_2 or KEEL_TLS1_3, 0 if no key was set
 * @cipher:         TLS_CIPHER_* of <linux/tls.h>, 0 if no key was set
 * @cipher_name:    its name as keel_offload_probe() has it, a static string;
 *                  "" if @cipher is 0, "?" if this version does not know it
 * @tx_conf:        enum keel_sock_conf of what is sent
 * @rx_conf:        enum keel_sock_conf of what is received
 * @tx_zerocopy:    TLS_TX_ZEROCOPY_RO is in effect
 * @rx_no_pad:      TLS_RX_EXPECT_NO_PAD is set
 * @tx_max_payload: bytes of plaintext in a record at most, 0 if not said
 */
struct keel_sock_info {
	size_t sz;
	char ulp[16];
	uint16_t version;
	uint16_t cipher;
	const char *cipher_name;
	uint8_t tx_conf;
	uint8_t rx_conf;
	bool tx_zerocopy;
	bool rx_no_pad;
	uint16_t tx_max_payload;
};

/**
 * keel_sock_get_info() - ask the kernel about the TLS of one socket
 * @fd:       a connected TCP socket of this process's network namespace
 * @ret_diag: on failure one line that says why; may be NULL
 * @ret_info: the answer; its sz must be set
 *
 * The socket is named by its addresses and its cookie, so no other is meant.
 * Keys are never asked for.
 *
 * Units:     as struct keel_sock_info
 * Ownership: @fd is borrowed
 * Threads:   any
 * Blocking:  until the kernel has answered; may load the module tcp_diag
 * Return:    0
 * Errors:    -EINVAL      NULL argument, a size this version does not know, a
 *                         socket other than TCP
 *            -EBADF       not open
 *            -ENOTSOCK    not a socket
 *            -ENOTCONN    not connected
 *            -ENOENT      no tcp_diag in this kernel, or not loaded; or a
 *                         socket of another network namespace
 *            -EPERM       the socket has TLS, but this kernel tells of it to
 *                         processes with CAP_NET_ADMIN only
 *            other        as keel_nic_list()
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_sock_get_info(int fd, struct keel_diag *ret_diag,
		   struct keel_sock_info *ret_info);

/**
 * keel_sock_conf_name() - name of a direction's keeper, for lists
 * @conf: an enum keel_sock_conf
 *
 * Units:     none
 * Ownership: a static string
 * Threads:   any
 * Blocking:  never
 * Return:    "none", "base", "software", "nic" or "nic-record"; "?" for a value
 *            that is none
 * Errors:    none
 * Since:     0.1
 */
KEEL_API const char *keel_sock_conf_name(unsigned int conf);

/**
 * keel_tls_stat_list() - the kernel's counters of TLS, /proc/net/tls_stat
 * @fn:       called for each; a result other than 0 ends the walk
 * @arg:      passed on
 * @ret_diag: on failure one line that says why; may be NULL
 *
 * They count for the network namespace since the module was loaded; those whose
 * names begin with "TlsCurr" say how many there are now.
 *
 * Units:     as the kernel counts: connections, records, events
 * Ownership: the name is borrowed for the time of the call of @fn
 * Threads:   any
 * Blocking:  never: the file is the kernel's
 * Return:    0, or the result of @fn that ended the walk
 * Errors:    -EINVAL   NULL function
 *            -ENOENT   the kernel's TLS is not loaded, or /proc not mounted
 *            -EBADMSG  a line this version does not understand
 *            other     what open(2) or read(2) said
 * Since:     0.1
 */
KEEL_API KEEL_MUST_CHECK int
keel_tls_stat_list(int (*fn)(const char *name, uint64_t value, void *arg),
		   void *arg, struct keel_diag *ret_diag);

KEEL_END_DECLS

#endif
