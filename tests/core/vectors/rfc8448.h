/* SPDX-License-Identifier: MIT */
/* RFC 8448 section 3, "Simple 1-RTT Handshake": secrets, keys and records. */
#ifndef TESTS_CORE_VECTORS_RFC8448_H
#define TESTS_CORE_VECTORS_RFC8448_H

#include "tests/core/vectors/vector.h"

static const struct key_vector rfc8448_keys[] = {
	{
		.name = "RFC 8448 client handshake",
		.suite = 0x1301,
		.secret =
			"b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e"
			"27a55a21",
		.key = "dbfaa693d1762c5b666af5d950258d01",
		.iv = "5bd3c71b836e0b76bb73265f",
	},
	{
		.name = "RFC 8448 server handshake",
		.suite = 0x1301,
		.secret =
			"b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59"
			"d391ad38",
		.key = "3fce516009c21727d0f2e4e86ee403bc",
		.iv = "5d313eb2671276ee13000b30",
	},
	{
		.name = "RFC 8448 client application",
		.suite = 0x1301,
		.secret =
			"9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7"
			"c17504a5",
		.key = "17422dda596ed5d9acd890e3c63f5051",
		.iv = "5b78923dee08579033e523d9",
	},
	{
		.name = "RFC 8448 server application",
		.suite = 0x1301,
		.secret =
			"a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3f"
			"cb631643",
		.key = "9f02283b6c9c07efc26bb9f2ac92e356",
		.iv = "cf782b88dd83549aadf1e984",
	},
};

static const struct record_vector rfc8448_records[] = {
	{
		.name = "RFC 8448 client Finished",
		.suite = 0x1301,
		.sender = KEEL_CLIENT,
		.secret =
			"b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e"
			"27a55a21",
		.type = KEEL__RECORD_HANDSHAKE,
		.text = "14000020a8ec436d677634ae525ac1fcebe11a039ec17694fac6e985"
			"27b642f2edd5ce61",
		.record =
			"170303003575ec4dc238cce60b298044a71e219c56cc77b0517fe9b9"
			"3c7a4bfc44d87f38f80338ac98fc46deb384bd1caeacab6867d726c4"
			"0546",
	},
	{
		.name = "RFC 8448 NewSessionTicket",
		.suite = 0x1301,
		.sender = KEEL_SERVER,
		.secret =
			"a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3f"
			"cb631643",
		.type = KEEL__RECORD_HANDSHAKE,
		.text = "040000c90000001efad6aac502000000b22c035d829359ee5ff7af4e"
			"c900000000262a6494dc486d2c8a34cb33fa90bf1b0070ad3c498883"
			"c9367c09a2be785abc55cd226097a3a982117283f82a03a143efd3ff"
			"5dd36d64e861be7fd61d2827db279cce145077d454a3664d4e6da4d2"
			"9ee03725a6a4dafcd0fc67d2aea70529513e3da2677fa5906c5b3f7d"
			"8f92f228bda40dda721470f9fbf297b5aea617646fac5c03272e9707"
			"27c621a79141ef5f7de6505e5bfbc388e93343694093934ae4d35700"
			"08002a000400000400",
		.record =
			"17030300de3a6b8f90414a97d6959c3487680de5134a2b240e6cffac"
			"116e95d41d6af8f6b580dcf3d11d63c758db289a015940252f55713e"
			"061dc13e078891a38efbcf5753ad8ef170ad3c7353d16d9da773b9ca"
			"7f2b9fa1b6c0d4a3d03f75e09c30ba1e62972ac46f75f7b981be6343"
			"9b2999ce13064615139891d5e4c5b406f16e3fc181a77ca475840025"
			"db2f0a77f81b5ab05b94c01346755f69232c86519d86cbeeac87aac3"
			"47d143f9605d64f650db4d023e70e952ca49fe5137121c74bc269768"
			"7e248746d6df353005f3bce18696129c8153556b3b6c6779b37bf159"
			"85684f",
	},
	{
		.name = "RFC 8448 client data",
		.suite = 0x1301,
		.sender = KEEL_CLIENT,
		.secret =
			"9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7"
			"c17504a5",
		.type = KEEL__RECORD_DATA,
		.text = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b"
			"1c1d1e1f202122232425262728292a2b2c2d2e2f3031",
		.record =
			"1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa"
			"66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a6292a2"
			"977014bd1e3deae63aeebb21694915e4",
	},
	{
		.name = "RFC 8448 server data",
		.suite = 0x1301,
		.sender = KEEL_SERVER,
		.secret =
			"a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3f"
			"cb631643",
		.seq = 1,
		.type = KEEL__RECORD_DATA,
		.text = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b"
			"1c1d1e1f202122232425262728292a2b2c2d2e2f3031",
		.record =
			"17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f"
			"82aa1b36e30efaf97d90e6dffc602dcb501a59a8fcc49c4bf2e5f0a2"
			"1c0047c2abf332540dd032e167c2955d",
	},
	{
		.name = "RFC 8448 client close_notify",
		.suite = 0x1301,
		.sender = KEEL_CLIENT,
		.secret =
			"9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7"
			"c17504a5",
		.seq = 1,
		.type = KEEL__RECORD_ALERT,
		.text = "0100",
		.record = "1703030013c9872760655666b74d7ff1153efd6db6d0b0e3",
	},
	{
		.name = "RFC 8448 server close_notify",
		.suite = 0x1301,
		.sender = KEEL_SERVER,
		.secret =
			"a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3f"
			"cb631643",
		.seq = 2,
		.type = KEEL__RECORD_ALERT,
		.text = "0100",
		.record = "1703030013b58fd67166ebf599d24720cfbe7efa7a8864a9",
	},
};

#endif
