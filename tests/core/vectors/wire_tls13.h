/* SPDX-License-Identifier: MIT */
/* TLS 1.3 records of two other libraries, with their secrets. */
#ifndef TESTS_CORE_VECTORS_WIRE_TLS13_H
#define TESTS_CORE_VECTORS_WIRE_TLS13_H

/*
 * Taken between gnutls-cli 3.7.9 (client) and openssl s_server 3.0 (server) by
 * a relay that noted the bytes; the secrets are those of the server's key log.
 * Generation 1 is what came after the server asked for a key update.
 */

#include "tests/core/vectors/vector.h"

static const struct record_vector wire_tls13[] = {
	{
		.name = "GnuTLS 1301 data",
		.suite = 0x1301,
		.sender = KEEL_CLIENT,
		.secret =
			"9a8f8e53be599ac51e909c9f1dc2500a7fbbe438266f9723ce6d648b"
			"f35b2b45",
		.type = KEEL__RECORD_DATA,
		.text = "636c69656e742c2067656e65726174696f6e20300a",
		.record =
			"1703030026fc2fe3b0edf8e0cc6b7640e80c8e3d20f1c6393d45b1ac"
			"eef234ecff5035c33a12b0d4d85399",
	},
	{
		.name = "GnuTLS 1301 key update",
		.suite = 0x1301,
		.sender = KEEL_CLIENT,
		.secret =
			"9a8f8e53be599ac51e909c9f1dc2500a7fbbe438266f9723ce6d648b"
			"f35b2b45",
		.seq = 1,
		.type = KEEL__RECORD_HANDSHAKE,
		.text = "1800000100",
		.record =
			"1703030016926c514bdf30f30c2710315c7966923d395d9bc0633b",
	},
	{
		.name = "GnuTLS 1301 data, generation 1",
		.suite = 0x1301,
		.sender = KEEL_CLIENT,
		.secret =
			"9a8f8e53be599ac51e909c9f1dc2500a7fbbe438266f9723ce6d648b"
			"f35b2b45",
		.updates = 1,
		.type = KEEL__RECORD_DATA,
		.text = "636c69656e742c2067656e65726174696f6e20310a",
		.record =
			"1703030026a420b6e48e0d8969bd8ed1ff1f89f96306fcd690e245e5"
			"5b180d3e46908bcc994818017f99e6",
	},
	{
		.name = "GnuTLS 1301 close_notify, generation 1",
		.suite = 0x1301,
		.sender = KEEL_CLIENT,
		.secret =
			"9a8f8e53be599ac51e909c9f1dc2500a7fbbe438266f9723ce6d648b"
			"f35b2b45",
		.updates = 1,
		.seq = 1,
		.type = KEEL__RECORD_ALERT,
		.text = "0100",
		.record = "1703030013e8b75bb5429ae19101502b494424f551b36da1",
	},
	{
		.name = "OpenSSL 1301 data",
		.suite = 0x1301,
		.sender = KEEL_SERVER,
		.secret =
			"58e40988dfbbdd6caa9276ec4bd798e83b5f19720bf5c9045198e1db"
			"984da8cb",
		.seq = 1,
		.type = KEEL__RECORD_DATA,
		.text = "7365727665722c2067656e65726174696f6e20300a",
		.record =
			"17030300263afa58b3ae3eb26ec97320e415a06c64add79453ba0f98"
			"126e086708f14c4c5d76e5f36e013c",
	},
	{
		.name = "OpenSSL 1301 key update",
		.suite = 0x1301,
		.sender = KEEL_SERVER,
		.secret =
			"58e40988dfbbdd6caa9276ec4bd798e83b5f19720bf5c9045198e1db"
			"984da8cb",
		.seq = 2,
		.type = KEEL__RECORD_HANDSHAKE,
		.text = "1800000101",
		.record =
			"1703030016d8ae6399d16976a58bd0b60ea730269d3b96c900325f",
	},
	{
		.name = "OpenSSL 1301 data, generation 1",
		.suite = 0x1301,
		.sender = KEEL_SERVER,
		.secret =
			"58e40988dfbbdd6caa9276ec4bd798e83b5f19720bf5c9045198e1db"
			"984da8cb",
		.updates = 1,
		.type = KEEL__RECORD_DATA,
		.text = "7365727665722c2067656e65726174696f6e20310a",
		.record =
			"1703030026c5609f070fbdc160c443761a3dded8f9ee5dcdb8fd6ca9"
			"e101c28b50b31ffe76e33e159cc609",
	},
	{
		.name = "OpenSSL 1301 close_notify, generation 1",
		.suite = 0x1301,
		.sender = KEEL_SERVER,
		.secret =
			"58e40988dfbbdd6caa9276ec4bd798e83b5f19720bf5c9045198e1db"
			"984da8cb",
		.updates = 1,
		.seq = 1,
		.type = KEEL__RECORD_ALERT,
		.text = "0100",
		.record = "170303001377651ebec2563039ca2521d25673a36062a635",
	},
	{
		.name = "GnuTLS 1302 data",
		.suite = 0x1302,
		.sender = KEEL_CLIENT,
		.secret =
			"a2628cda24b1d971eded99f096f15c2d94a112be4a4e2680657b79ff"
			"9cef40e45fb185d7638556a741a0c37dae98d9af",
		.type = KEEL__RECORD_DATA,
		.text = "636c69656e742c2067656e65726174696f6e20300a",
		.record =
			"170303002618bfe36d015654f76e6f6d522b1f718fd2134a530f44dc"
			"357834bb56629bd82cd08300680448",
	},
	{
		.name = "GnuTLS 1302 key update",
		.suite = 0x1302,
		.sender = KEEL_CLIENT,
		.secret =
			"a2628cda24b1d971eded99f096f15c2d94a112be4a4e2680657b79ff"
			"9cef40e45fb185d7638556a741a0c37dae98d9af",
		.seq = 1,
		.type = KEEL__RECORD_HANDSHAKE,
		.text = "1800000100",
		.record =
			"170303001674f2961c4c936991f26b51500389af23d3f53e68458c",
	},
	{
		.name = "GnuTLS 1302 data, generation 1",
		.suite = 0x1302,
		.sender = KEEL_CLIENT,
		.secret =
			"a2628cda24b1d971eded99f096f15c2d94a112be4a4e2680657b79ff"
			"9cef40e45fb185d7638556a741a0c37dae98d9af",
		.updates = 1,
		.type = KEEL__RECORD_DATA,
		.text = "636c69656e742c2067656e65726174696f6e20310a",
		.record =
			"170303002691ab7421011e05fa1e073ffa08b070dc2097277656e146"
			"3b2694ac6aab1421cdc3ac12c9c318",
	},
	{
		.name = "GnuTLS 1302 close_notify, generation 1",
		.suite = 0x1302,
		.sender = KEEL_CLIENT,
		.secret =
			"a2628cda24b1d971eded99f096f15c2d94a112be4a4e2680657b79ff"
			"9cef40e45fb185d7638556a741a0c37dae98d9af",
		.updates = 1,
		.seq = 1,
		.type = KEEL__RECORD_ALERT,
		.text = "0100",
		.record = "17030300136360845b33f4cb15dacdb4710370a9ad0681ec",
	},
	{
		.name = "OpenSSL 1302 data",
		.suite = 0x1302,
		.sender = KEEL_SERVER,
		.secret =
			"4fe7099c8f6faafdf6323703370ae6359d8fe91efc6d8e5aa0a8ab90"
			"57d19fa819cd9c9b2ddc9c69dfa9a49c6269a498",
		.seq = 1,
		.type = KEEL__RECORD_DATA,
		.text = "7365727665722c2067656e65726174696f6e20300a",
		.record =
			"1703030026486073804912c7b991709d973989e871bba630e524513d"
			"95fb2528fad94b6d1de38926b048b1",
	},
	{
		.name = "OpenSSL 1302 key update",
		.suite = 0x1302,
		.sender = KEEL_SERVER,
		.secret =
			"4fe7099c8f6faafdf6323703370ae6359d8fe91efc6d8e5aa0a8ab90"
			"57d19fa819cd9c9b2ddc9c69dfa9a49c6269a498",
		.seq = 2,
		.type = KEEL__RECORD_HANDSHAKE,
		.text = "1800000101",
		.record =
			"1703030016fa91a4f3589dc914b72e45a3bff41bef484180eb932e",
	},
	{
		.name = "OpenSSL 1302 data, generation 1",
		.suite = 0x1302,
		.sender = KEEL_SERVER,
		.secret =
			"4fe7099c8f6faafdf6323703370ae6359d8fe91efc6d8e5aa0a8ab90"
			"57d19fa819cd9c9b2ddc9c69dfa9a49c6269a498",
		.updates = 1,
		.type = KEEL__RECORD_DATA,
		.text = "7365727665722c2067656e65726174696f6e20310a",
		.record =
			"17030300261c4a12fedf5c4ce22a201270d6c7d8e0ed3352760560da"
			"d475c5c9c70b4ada168bc3be0acbba",
	},
	{
		.name = "OpenSSL 1302 close_notify, generation 1",
		.suite = 0x1302,
		.sender = KEEL_SERVER,
		.secret =
			"4fe7099c8f6faafdf6323703370ae6359d8fe91efc6d8e5aa0a8ab90"
			"57d19fa819cd9c9b2ddc9c69dfa9a49c6269a498",
		.updates = 1,
		.seq = 1,
		.type = KEEL__RECORD_ALERT,
		.text = "0100",
		.record = "170303001301e5542ad49b494166879239b10809ef8fcec5",
	},
	{
		.name = "GnuTLS 1303 data",
		.suite = 0x1303,
		.sender = KEEL_CLIENT,
		.secret =
			"01afeceb00af154faae94fd2eaa2c3106edf4b6f71f6ea77fbc6a3e3"
			"e280021d",
		.type = KEEL__RECORD_DATA,
		.text = "636c69656e742c2067656e65726174696f6e20300a",
		.record =
			"1703030026f0fc357e5cfddff757ab0c6aa4926baae8e48f89326e5a"
			"c683022bc93b83fa66ebe3f28760de",
	},
	{
		.name = "GnuTLS 1303 key update",
		.suite = 0x1303,
		.sender = KEEL_CLIENT,
		.secret =
			"01afeceb00af154faae94fd2eaa2c3106edf4b6f71f6ea77fbc6a3e3"
			"e280021d",
		.seq = 1,
		.type = KEEL__RECORD_HANDSHAKE,
		.text = "1800000100",
		.record =
			"17030300160390c52bd4a4818e5f141f2d991c7ae876e7cbaca7e6",
	},
	{
		.name = "GnuTLS 1303 data, generation 1",
		.suite = 0x1303,
		.sender = KEEL_CLIENT,
		.secret =
			"01afeceb00af154faae94fd2eaa2c3106edf4b6f71f6ea77fbc6a3e3"
			"e280021d",
		.updates = 1,
		.type = KEEL__RECORD_DATA,
		.text = "636c69656e742c2067656e65726174696f6e20310a",
		.record =
			"170303002694242d817a9ab26f564e59af27415ce25976e4ba60e911"
			"6c9989bb267ce83e4699bd44e4ef57",
	},
	{
		.name = "GnuTLS 1303 close_notify, generation 1",
		.suite = 0x1303,
		.sender = KEEL_CLIENT,
		.secret =
			"01afeceb00af154faae94fd2eaa2c3106edf4b6f71f6ea77fbc6a3e3"
			"e280021d",
		.updates = 1,
		.seq = 1,
		.type = KEEL__RECORD_ALERT,
		.text = "0100",
		.record = "1703030013c118b9a1ce3abf7be496620475bce2f004cfa0",
	},
	{
		.name = "OpenSSL 1303 data",
		.suite = 0x1303,
		.sender = KEEL_SERVER,
		.secret =
			"124e993977c179b29d787c6c020f623a4715a9c9ff32f8298c84e748"
			"06ff4aa4",
		.seq = 1,
		.type = KEEL__RECORD_DATA,
		.text = "7365727665722c2067656e65726174696f6e20300a",
		.record =
			"1703030026fe2ec4e6d1b7fc0bd7f4f252027b53d4e4958af72d9375"
			"cff5bbed8c023071d37039ca8921ce",
	},
	{
		.name = "OpenSSL 1303 key update",
		.suite = 0x1303,
		.sender = KEEL_SERVER,
		.secret =
			"124e993977c179b29d787c6c020f623a4715a9c9ff32f8298c84e748"
			"06ff4aa4",
		.seq = 2,
		.type = KEEL__RECORD_HANDSHAKE,
		.text = "1800000101",
		.record =
			"17030300169e24778a20908cb54fe3279260410bbea2d519f2ea87",
	},
	{
		.name = "OpenSSL 1303 data, generation 1",
		.suite = 0x1303,
		.sender = KEEL_SERVER,
		.secret =
			"124e993977c179b29d787c6c020f623a4715a9c9ff32f8298c84e748"
			"06ff4aa4",
		.updates = 1,
		.type = KEEL__RECORD_DATA,
		.text = "7365727665722c2067656e65726174696f6e20310a",
		.record =
			"1703030026d4f23b6ee039f7578e30268ad8756113a7c9ddafdea679"
			"460c6f8c070e0f3fa73fb3eaf3b59b",
	},
	{
		.name = "OpenSSL 1303 close_notify, generation 1",
		.suite = 0x1303,
		.sender = KEEL_SERVER,
		.secret =
			"124e993977c179b29d787c6c020f623a4715a9c9ff32f8298c84e748"
			"06ff4aa4",
		.updates = 1,
		.seq = 1,
		.type = KEEL__RECORD_ALERT,
		.text = "0100",
		.record = "1703030013cca4ba2d0dc33c73b9c5991f4aa151c96f3d35",
	},
	{
		.name = "GnuTLS 1304 data",
		.suite = 0x1304,
		.sender = KEEL_CLIENT,
		.secret =
			"f0dc44d5b71225ece3c23d3d67871135fefb1d2eeb11aba107f35805"
			"985d16d2",
		.type = KEEL__RECORD_DATA,
		.text = "636c69656e742c2067656e65726174696f6e20300a",
		.record =
			"170303002698660696e737c6a720ec5f64b362f0331150b9249a54ee"
			"480225d58b4e80e6aea3edc465e4b0",
	},
	{
		.name = "GnuTLS 1304 key update",
		.suite = 0x1304,
		.sender = KEEL_CLIENT,
		.secret =
			"f0dc44d5b71225ece3c23d3d67871135fefb1d2eeb11aba107f35805"
			"985d16d2",
		.seq = 1,
		.type = KEEL__RECORD_HANDSHAKE,
		.text = "1800000100",
		.record =
			"170303001647bf88e861cde131d76f3b3d846ec75a9bde3b15dcfd",
	},
	{
		.name = "GnuTLS 1304 data, generation 1",
		.suite = 0x1304,
		.sender = KEEL_CLIENT,
		.secret =
			"f0dc44d5b71225ece3c23d3d67871135fefb1d2eeb11aba107f35805"
			"985d16d2",
		.updates = 1,
		.type = KEEL__RECORD_DATA,
		.text = "636c69656e742c2067656e65726174696f6e20310a",
		.record =
			"170303002665a3b48d942d3b39f8c801fac644ff5862230a743f93b5"
			"14db2ae19f5d4af5d437bfc904069a",
	},
	{
		.name = "GnuTLS 1304 close_notify, generation 1",
		.suite = 0x1304,
		.sender = KEEL_CLIENT,
		.secret =
			"f0dc44d5b71225ece3c23d3d67871135fefb1d2eeb11aba107f35805"
			"985d16d2",
		.updates = 1,
		.seq = 1,
		.type = KEEL__RECORD_ALERT,
		.text = "0100",
		.record = "170303001397f74c09d7ec9bc696e7f2867f34238c91e2ab",
	},
	{
		.name = "OpenSSL 1304 data",
		.suite = 0x1304,
		.sender = KEEL_SERVER,
		.secret =
			"4620461413744b68d2e8a41ce1533db4490fbe4d923877435e152602"
			"34c2dd92",
		.seq = 1,
		.type = KEEL__RECORD_DATA,
		.text = "7365727665722c2067656e65726174696f6e20300a",
		.record =
			"170303002600a291bc1f88bb0cfc9ba88dd4e991008bb8691b70b11e"
			"f3a62531abea08b17fdcccabe2dabb",
	},
	{
		.name = "OpenSSL 1304 key update",
		.suite = 0x1304,
		.sender = KEEL_SERVER,
		.secret =
			"4620461413744b68d2e8a41ce1533db4490fbe4d923877435e152602"
			"34c2dd92",
		.seq = 2,
		.type = KEEL__RECORD_HANDSHAKE,
		.text = "1800000101",
		.record =
			"17030300167b9ffc324df58e00c0e418d212617e32a99b08e82f50",
	},
	{
		.name = "OpenSSL 1304 data, generation 1",
		.suite = 0x1304,
		.sender = KEEL_SERVER,
		.secret =
			"4620461413744b68d2e8a41ce1533db4490fbe4d923877435e152602"
			"34c2dd92",
		.updates = 1,
		.type = KEEL__RECORD_DATA,
		.text = "7365727665722c2067656e65726174696f6e20310a",
		.record =
			"1703030026cfc98cf29f2cf59ee2562e31609dfe9181cb0b380c4c89"
			"11e23fea8a59c595ec98a6ae58182f",
	},
	{
		.name = "OpenSSL 1304 close_notify, generation 1",
		.suite = 0x1304,
		.sender = KEEL_SERVER,
		.secret =
			"4620461413744b68d2e8a41ce1533db4490fbe4d923877435e152602"
			"34c2dd92",
		.updates = 1,
		.seq = 1,
		.type = KEEL__RECORD_ALERT,
		.text = "0100",
		.record = "1703030013af5f112d506cc90cc7618e9241699471d0a230",
	},
};
/* What the server's key log says of the generation after the first. */
static const struct update_vector update_vectors[] = {
	{
		.name = "1301 client",
		.suite = 0x1301,
		.secret =
			"9a8f8e53be599ac51e909c9f1dc2500a7fbbe438266f9723ce6d648b"
			"f35b2b45",
		.next_secret =
			"82962c8e512c558939f900e55ba23ad17089cdd695fbaf33f1d022b9"
			"a4b89178",
	},
	{
		.name = "1301 server",
		.suite = 0x1301,
		.secret =
			"58e40988dfbbdd6caa9276ec4bd798e83b5f19720bf5c9045198e1db"
			"984da8cb",
		.next_secret =
			"b965dfd745dec3fcd902e0e977d43ac4e91b895a3c68ad9eb1ce2e4f"
			"80067d1b",
	},
	{
		.name = "1302 client",
		.suite = 0x1302,
		.secret =
			"a2628cda24b1d971eded99f096f15c2d94a112be4a4e2680657b79ff"
			"9cef40e45fb185d7638556a741a0c37dae98d9af",
		.next_secret =
			"1bc7d388228b15a5447a87f29b0a60b470ce53bdaf89c21e28138c22"
			"2af6a4fdb903b45d74ffbc6b7136605ab2d4b952",
	},
	{
		.name = "1302 server",
		.suite = 0x1302,
		.secret =
			"4fe7099c8f6faafdf6323703370ae6359d8fe91efc6d8e5aa0a8ab90"
			"57d19fa819cd9c9b2ddc9c69dfa9a49c6269a498",
		.next_secret =
			"0e8b799e8e3ecbe53794434a71a6cce86da5d809f0ebaa62ee2c0986"
			"b1760cb83cfd5d13865a0f50d23d2f39fd5d242a",
	},
	{
		.name = "1303 client",
		.suite = 0x1303,
		.secret =
			"01afeceb00af154faae94fd2eaa2c3106edf4b6f71f6ea77fbc6a3e3"
			"e280021d",
		.next_secret =
			"4f44221152c3e7ce93b38e1c75f98e479a02528247cb2b0d9b38b6a2"
			"6e90c378",
	},
	{
		.name = "1303 server",
		.suite = 0x1303,
		.secret =
			"124e993977c179b29d787c6c020f623a4715a9c9ff32f8298c84e748"
			"06ff4aa4",
		.next_secret =
			"bb22493845b883e43b2296c3fae78c8053983556d3dc0ed13d1d06eb"
			"2b8400f4",
	},
	{
		.name = "1304 client",
		.suite = 0x1304,
		.secret =
			"f0dc44d5b71225ece3c23d3d67871135fefb1d2eeb11aba107f35805"
			"985d16d2",
		.next_secret =
			"c1f53114cab2922bcb4c0e3d47818e682c480efd6a4590495fa0e84f"
			"18542dd9",
	},
	{
		.name = "1304 server",
		.suite = 0x1304,
		.secret =
			"4620461413744b68d2e8a41ce1533db4490fbe4d923877435e152602"
			"34c2dd92",
		.next_secret =
			"008b0bee974f500de60b40edfd7bee49f3f440785998f401ac1babf1"
			"e55ba166",
	},
};

#endif
