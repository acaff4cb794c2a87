/* SPDX-License-Identifier: MIT */
/* Ciphers and engines that a connection may be asked to have. */
#include "tests/support/choices.h"

const struct cipher_choice cipher_choices[NR_CIPHER_CHOICES] = {
	{"AES-128-GCM",
	 {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"}},
	{"AES-256-GCM",
	 {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"}},
	{"CHACHA20-POLY1305",
	 {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
	  "TLS_CHACHA20_POLY1305_SHA256"}},
	{"AES-128-CCM",
	 {"TLS_ECDHE_ECDSA_WITH_AES_128_CCM", "TLS_AES_128_CCM_SHA256"}},
};

const struct engine_choice engine_choices[NR_ENGINE_CHOICES] = {
	[ENGINE_NONE] = {"none", KEEL_OFFLOAD_OFF, KEEL_OFFLOAD_OFF},
	[ENGINE_TX] = {"tx", KEEL_OFFLOAD_REQUIRE, KEEL_OFFLOAD_OFF},
	[ENGINE_RX] = {"rx", KEEL_OFFLOAD_OFF, KEEL_OFFLOAD_REQUIRE},
	[ENGINE_BOTH] = {"both", KEEL_OFFLOAD_REQUIRE, KEEL_OFFLOAD_REQUIRE},
};
