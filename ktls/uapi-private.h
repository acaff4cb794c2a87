/* SPDX-License-Identifier: MIT */
/* The kernel's TLS interface, and what older headers lack of it. */
#ifndef KEEL_KTLS_UAPI_PRIVATE_H
#define KEEL_KTLS_UAPI_PRIVATE_H

#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* include/linux/socket.h; older C libraries do not have it. */
#ifndef SOL_TLS
#define SOL_TLS 282
#endif

/* include/uapi/linux/tls.h since 6.19. */
#ifndef TLS_TX_MAX_PAYLOAD_LEN
#define TLS_TX_MAX_PAYLOAD_LEN 5
#endif

/* The name of the upper layer protocol, net/tls/tls_main.c. */
#define KEEL__KTLS_ULP_NAME "tls"

#endif
