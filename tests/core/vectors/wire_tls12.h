/* SPDX-License-Identifier: MIT */
/* TLS 1.2 records of two other libraries, with their secrets. */
#ifndef TESTS_CORE_VECTORS_WIRE_TLS12_H
#define TESTS_CORE_VECTORS_WIRE_TLS12_H

/*
 * Taken between gnutls-cli 3.7.9 (client) and openssl s_server 3.0 (server) by
 * a relay that noted the bytes; the secrets are those of the server's key log.
 */

#include "tests/core/vectors/vector.h"

static const struct record_vector wire_tls12[] = {
	{
		.name = "GnuTLS c02b data",
		.suite = 0xc02b,
		.sender = KEEL_CLIENT,
		.secret =
			"83dd7467ad344fb1bbe2684ae99c44e8fae7e2010ccf886535af7e00"
			"db34c63c0ea5682997782ae319a74957190b7397",
		.client_random =
			"d95708a2898f8085f7cb389cc5d9f339577a31dcf6a419b0f8f0c65c"
			"521ea949",
		.server_random =
			"d4f7c75454aa256235aa8b51f83267f0b94ddf4a8d0478325dbcf756"
			"baeb1e51",
		.seq = 1,
		.type = KEEL__RECORD_DATA,
		.text = "636c69656e742c2067656e65726174696f6e20300a",
		.record =
			"170303002d0000000000000001b4fe012ffb292edf9397021fdaa446"
			"b5775da5c847c11184fc21cceed9c02618674eea2698",
	},
	{
		.name = "GnuTLS c02b close_notify",
		.suite = 0xc02b,
		.sender = KEEL_CLIENT,
		.secret =
			"83dd7467ad344fb1bbe2684ae99c44e8fae7e2010ccf886535af7e00"
			"db34c63c0ea5682997782ae319a74957190b7397",
		.client_random =
			"d95708a2898f8085f7cb389cc5d9f339577a31dcf6a419b0f8f0c65c"
			"521ea949",
		.server_random =
			"d4f7c75454aa256235aa8b51f83267f0b94ddf4a8d0478325dbcf756"
			"baeb1e51",
		.seq = 2,
		.type = KEEL__RECORD_ALERT,
		.text = "0100",
		.record =
			"150303001a00000000000000020038136a0d1def48b48b0d7fb26cbd"
			"6877f7",
	},
	{
		.name = "OpenSSL c02b data",
		.suite = 0xc02b,
		.sender = KEEL_SERVER,
		.secret =
			"83dd7467ad344fb1bbe2684ae99c44e8fae7e2010ccf886535af7e00"
			"db34c63c0ea5682997782ae319a74957190b7397",
		.client_random =
			"d95708a2898f8085f7cb389cc5d9f339577a31dcf6a419b0f8f0c65c"
			"521ea949",
		.server_random =
			"d4f7c75454aa256235aa8b51f83267f0b94ddf4a8d0478325dbcf756"
			"baeb1e51",
		.seq = 1,
		.type = KEEL__RECORD_DATA,
		.text = "7365727665722c2067656e65726174696f6e20300a",
		.record =
			"170303002d3ac00c39c7857b999b8df7497966c69e832b51cbe7389d"
			"8542790132a1a2be5cebdc3de71c9bdf85d862121410",
	},
	{
		.name = "OpenSSL c02b close_notify",
		.suite = 0xc02b,
		.sender = KEEL_SERVER,
		.secret =
			"83dd7467ad344fb1bbe2684ae99c44e8fae7e2010ccf886535af7e00"
			"db34c63c0ea5682997782ae319a74957190b7397",
		.client_random =
			"d95708a2898f8085f7cb389cc5d9f339577a31dcf6a419b0f8f0c65c"
			"521ea949",
		.server_random =
			"d4f7c75454aa256235aa8b51f83267f0b94ddf4a8d0478325dbcf756"
			"baeb1e51",
		.seq = 2,
		.type = KEEL__RECORD_ALERT,
		.text = "0100",
		.record =
			"150303001a3ac00c39c7857b9a0b4d9c8ab0fd7e95f65f6f3ff5d4a0"
			"3e1757",
	},
	{
		.name = "GnuTLS c02c data",
		.suite = 0xc02c,
		.sender = KEEL_CLIENT,
		.secret =
			"33cf2e60b06f55affc851c5c9ee8ab0fe443e8ff64cc943ebc7a4a8b"
			"9a8f16139db10d6e544f57decfeb39f81bc22e8c",
		.client_random =
			"7d11d41dd5a53fdb666f01ce9008977b308ec495f49c7ef5093e62bc"
			"c3ea1e0c",
		.server_random =
			"1fe66d5f44c45a45f317a3d10f451647b68a1996552e90b7a3cc20a6"
			"be064639",
		.seq = 1,
		.type = KEEL__RECORD_DATA,
		.text = "636c69656e742c2067656e65726174696f6e20300a",
		.record =
			"170303002d00000000000000016a1c3a49c793981e24b64558d43a44"
			"122a00d8b14afa34026a02d629bfbd9ee260827311b8",
	},
	{
		.name = "GnuTLS c02c close_notify",
		.suite = 0xc02c,
		.sender = KEEL_CLIENT,
		.secret =
			"33cf2e60b06f55affc851c5c9ee8ab0fe443e8ff64cc943ebc7a4a8b"
			"9a8f16139db10d6e544f57decfeb39f81bc22e8c",
		.client_random =
			"7d11d41dd5a53fdb666f01ce9008977b308ec495f49c7ef5093e62bc"
			"c3ea1e0c",
		.server_random =
			"1fe66d5f44c45a45f317a3d10f451647b68a1996552e90b7a3cc20a6"
			"be064639",
		.seq = 2,
		.type = KEEL__RECORD_ALERT,
		.text = "0100",
		.record =
			"150303001a0000000000000002e744dcbb02a7fb7e2730e1232cf781"
			"e70d5a",
	},
	{
		.name = "OpenSSL c02c data",
		.suite = 0xc02c,
		.sender = KEEL_SERVER,
		.secret =
			"33cf2e60b06f55affc851c5c9ee8ab0fe443e8ff64cc943ebc7a4a8b"
			"9a8f16139db10d6e544f57decfeb39f81bc22e8c",
		.client_random =
			"7d11d41dd5a53fdb666f01ce9008977b308ec495f49c7ef5093e62bc"
			"c3ea1e0c",
		.server_random =
			"1fe66d5f44c45a45f317a3d10f451647b68a1996552e90b7a3cc20a6"
			"be064639",
		.seq = 1,
		.type = KEEL__RECORD_DATA,
		.text = "7365727665722c2067656e65726174696f6e20300a",
		.record =
			"170303002dcea4e9480e26f001d12aafd51d4847d99c995c206443f3"
			"782028f72297a307a0fbd505e1a828a05c3330bd8a9c",
	},
	{
		.name = "OpenSSL c02c close_notify",
		.suite = 0xc02c,
		.sender = KEEL_SERVER,
		.secret =
			"33cf2e60b06f55affc851c5c9ee8ab0fe443e8ff64cc943ebc7a4a8b"
			"9a8f16139db10d6e544f57decfeb39f81bc22e8c",
		.client_random =
			"7d11d41dd5a53fdb666f01ce9008977b308ec495f49c7ef5093e62bc"
			"c3ea1e0c",
		.server_random =
			"1fe66d5f44c45a45f317a3d10f451647b68a1996552e90b7a3cc20a6"
			"be064639",
		.seq = 2,
		.type = KEEL__RECORD_ALERT,
		.text = "0100",
		.record =
			"150303001acea4e9480e26f002c8451e8db56f2ad5a5325dee4e9462"
			"14ecda",
	},
	{
		.name = "GnuTLS cca9 data",
		.suite = 0xcca9,
		.sender = KEEL_CLIENT,
		.secret =
			"43b75f02e4d6978507f4f5da17c089ec0d277e4d7bb70f53fe2eb925"
			"64774c4d30806a43a4512a5ee6efb36efded25cd",
		.client_random =
			"59f32b9695c4057836e8d9e5dbd72c06db2d15b433add54b96c44f61"
			"ebbfd787",
		.server_random =
			"871d5e35e2f77873f3259b07547d7647152bd80ca01ea2aaeb514511"
			"75b77415",
		.seq = 1,
		.type = KEEL__RECORD_DATA,
		.text = "636c69656e742c2067656e65726174696f6e20300a",
		.record =
			"17030300255442527c912a59e4b741578d4560a690057d632ec3ca30"
			"747ffc2dd2d09d384c29e880d933",
	},
	{
		.name = "GnuTLS cca9 close_notify",
		.suite = 0xcca9,
		.sender = KEEL_CLIENT,
		.secret =
			"43b75f02e4d6978507f4f5da17c089ec0d277e4d7bb70f53fe2eb925"
			"64774c4d30806a43a4512a5ee6efb36efded25cd",
		.client_random =
			"59f32b9695c4057836e8d9e5dbd72c06db2d15b433add54b96c44f61"
			"ebbfd787",
		.server_random =
			"871d5e35e2f77873f3259b07547d7647152bd80ca01ea2aaeb514511"
			"75b77415",
		.seq = 2,
		.type = KEEL__RECORD_ALERT,
		.text = "0100",
		.record = "15030300127cafb7e2a093b8b7238eb93aa3c1ffc4ff77",
	},
	{
		.name = "OpenSSL cca9 data",
		.suite = 0xcca9,
		.sender = KEEL_SERVER,
		.secret =
			"43b75f02e4d6978507f4f5da17c089ec0d277e4d7bb70f53fe2eb925"
			"64774c4d30806a43a4512a5ee6efb36efded25cd",
		.client_random =
			"59f32b9695c4057836e8d9e5dbd72c06db2d15b433add54b96c44f61"
			"ebbfd787",
		.server_random =
			"871d5e35e2f77873f3259b07547d7647152bd80ca01ea2aaeb514511"
			"75b77415",
		.seq = 1,
		.type = KEEL__RECORD_DATA,
		.text = "7365727665722c2067656e65726174696f6e20300a",
		.record =
			"1703030025719c6fdb9a3a3fdd460067f3ed1f637949060bca4b4fe2"
			"51d4ea70a840a00fe23864fefaa1",
	},
	{
		.name = "OpenSSL cca9 close_notify",
		.suite = 0xcca9,
		.sender = KEEL_SERVER,
		.secret =
			"43b75f02e4d6978507f4f5da17c089ec0d277e4d7bb70f53fe2eb925"
			"64774c4d30806a43a4512a5ee6efb36efded25cd",
		.client_random =
			"59f32b9695c4057836e8d9e5dbd72c06db2d15b433add54b96c44f61"
			"ebbfd787",
		.server_random =
			"871d5e35e2f77873f3259b07547d7647152bd80ca01ea2aaeb514511"
			"75b77415",
		.seq = 2,
		.type = KEEL__RECORD_ALERT,
		.text = "0100",
		.record = "1503030012393873a5f75a6116dc52248c1daf58afe6af",
	},
	{
		.name = "GnuTLS c0ac data",
		.suite = 0xc0ac,
		.sender = KEEL_CLIENT,
		.secret =
			"e180679a67e03429a4029ddfb5f63e0b158c494c7db161653592a63c"
			"5d07fc45c94f13b872b39b9548a91e6959e04dee",
		.client_random =
			"add9d80681937eccf8c9bd2022c265a8dada6013a795b80b3dc8db6e"
			"31ec988c",
		.server_random =
			"a6264a5722fbb232c0d6f4df62ccc03094cb257c376b2f63ba7f321b"
			"79c3eff2",
		.seq = 1,
		.type = KEEL__RECORD_DATA,
		.text = "636c69656e742c2067656e65726174696f6e20300a",
		.record =
			"170303002d0000000000000001e5d4355e531afe408a0a8f4717109a"
			"5b68a9411f16e4b5ed678f1c2c9829e7970991720b19",
	},
	{
		.name = "GnuTLS c0ac close_notify",
		.suite = 0xc0ac,
		.sender = KEEL_CLIENT,
		.secret =
			"e180679a67e03429a4029ddfb5f63e0b158c494c7db161653592a63c"
			"5d07fc45c94f13b872b39b9548a91e6959e04dee",
		.client_random =
			"add9d80681937eccf8c9bd2022c265a8dada6013a795b80b3dc8db6e"
			"31ec988c",
		.server_random =
			"a6264a5722fbb232c0d6f4df62ccc03094cb257c376b2f63ba7f321b"
			"79c3eff2",
		.seq = 2,
		.type = KEEL__RECORD_ALERT,
		.text = "0100",
		.record =
			"150303001a00000000000000027388ba29bc298392420bd185b3464e"
			"442c1b",
	},
	{
		.name = "OpenSSL c0ac data",
		.suite = 0xc0ac,
		.sender = KEEL_SERVER,
		.secret =
			"e180679a67e03429a4029ddfb5f63e0b158c494c7db161653592a63c"
			"5d07fc45c94f13b872b39b9548a91e6959e04dee",
		.client_random =
			"add9d80681937eccf8c9bd2022c265a8dada6013a795b80b3dc8db6e"
			"31ec988c",
		.server_random =
			"a6264a5722fbb232c0d6f4df62ccc03094cb257c376b2f63ba7f321b"
			"79c3eff2",
		.seq = 1,
		.type = KEEL__RECORD_DATA,
		.text = "7365727665722c2067656e65726174696f6e20300a",
		.record =
			"170303002d0000000000000001399a74eb2b7d949c5a147a1ce3c872"
			"7646f5f197a7308f51f4832dff57bc90987f44ff8148",
	},
	{
		.name = "OpenSSL c0ac close_notify",
		.suite = 0xc0ac,
		.sender = KEEL_SERVER,
		.secret =
			"e180679a67e03429a4029ddfb5f63e0b158c494c7db161653592a63c"
			"5d07fc45c94f13b872b39b9548a91e6959e04dee",
		.client_random =
			"add9d80681937eccf8c9bd2022c265a8dada6013a795b80b3dc8db6e"
			"31ec988c",
		.server_random =
			"a6264a5722fbb232c0d6f4df62ccc03094cb257c376b2f63ba7f321b"
			"79c3eff2",
		.seq = 2,
		.type = KEEL__RECORD_ALERT,
		.text = "0100",
		.record =
			"150303001a00000000000000021b8702b2feaf35bd88b582e24a932f"
			"ea55a0",
	},
	{
		.name = "GnuTLS c0ad data",
		.suite = 0xc0ad,
		.sender = KEEL_CLIENT,
		.secret =
			"1627b1469aad200fe53f7ad6d0e52e83989a679a8efc8f0e0f29c385"
			"cfd7d27ebbb935f5898f6a59186bc341ad48a494",
		.client_random =
			"2c6118883da1df21d07203cacde7f522feb7c5ce497c5b66c5801086"
			"a9855c01",
		.server_random =
			"cef71a4457eb0e8b3462adf5feaa4fc2688d740a5a1c10b74f5b13d7"
			"08c050e9",
		.seq = 1,
		.type = KEEL__RECORD_DATA,
		.text = "636c69656e742c2067656e65726174696f6e20300a",
		.record =
			"170303002d0000000000000001ac60350b80c8241a39eb5bd1432e84"
			"00478d35d47db2837cdf34f7fa9f8e6af59529f473a2",
	},
	{
		.name = "GnuTLS c0ad close_notify",
		.suite = 0xc0ad,
		.sender = KEEL_CLIENT,
		.secret =
			"1627b1469aad200fe53f7ad6d0e52e83989a679a8efc8f0e0f29c385"
			"cfd7d27ebbb935f5898f6a59186bc341ad48a494",
		.client_random =
			"2c6118883da1df21d07203cacde7f522feb7c5ce497c5b66c5801086"
			"a9855c01",
		.server_random =
			"cef71a4457eb0e8b3462adf5feaa4fc2688d740a5a1c10b74f5b13d7"
			"08c050e9",
		.seq = 2,
		.type = KEEL__RECORD_ALERT,
		.text = "0100",
		.record =
			"150303001a0000000000000002f3c027660818e3705e1ebabdb88d6f"
			"e32c26",
	},
	{
		.name = "OpenSSL c0ad data",
		.suite = 0xc0ad,
		.sender = KEEL_SERVER,
		.secret =
			"1627b1469aad200fe53f7ad6d0e52e83989a679a8efc8f0e0f29c385"
			"cfd7d27ebbb935f5898f6a59186bc341ad48a494",
		.client_random =
			"2c6118883da1df21d07203cacde7f522feb7c5ce497c5b66c5801086"
			"a9855c01",
		.server_random =
			"cef71a4457eb0e8b3462adf5feaa4fc2688d740a5a1c10b74f5b13d7"
			"08c050e9",
		.seq = 1,
		.type = KEEL__RECORD_DATA,
		.text = "7365727665722c2067656e65726174696f6e20300a",
		.record =
			"170303002d000000000000000127f2f143185a427bcf9e1afacc4276"
			"d0b38d2a33a01385bcfc76f34302bb50f1c8349cc1d3",
	},
	{
		.name = "OpenSSL c0ad close_notify",
		.suite = 0xc0ad,
		.sender = KEEL_SERVER,
		.secret =
			"1627b1469aad200fe53f7ad6d0e52e83989a679a8efc8f0e0f29c385"
			"cfd7d27ebbb935f5898f6a59186bc341ad48a494",
		.client_random =
			"2c6118883da1df21d07203cacde7f522feb7c5ce497c5b66c5801086"
			"a9855c01",
		.server_random =
			"cef71a4457eb0e8b3462adf5feaa4fc2688d740a5a1c10b74f5b13d7"
			"08c050e9",
		.seq = 2,
		.type = KEEL__RECORD_ALERT,
		.text = "0100",
		.record =
			"150303001a0000000000000002576a541aba0576f4b0116386074713"
			"b5c40f",
	},
};

#endif
