import test from "ava";
import { addressText } from "../../../sources/ebpf/addresses.js";

const AF_INET = 2;
const AF_INET6 = 10;

test("IPv4", (t) => {
	t.is(addressText(AF_INET, Uint8Array.of(9, 127, 0, 0, 255), 1), "127.0.0.255");
});

for (const [groups, text] of [
	["0 0 0 0 0 0 0 1", "::1"],
	["0 0 0 0 0 0 0 0", "::"],
	["fe80 0 0 0 1 2 3 4", "fe80::1:2:3:4"],
	["2001 db8 0 0 1 0 0 1", "2001:db8::1:0:0:1"],
	["2001 db8 0 1 1 1 1 1", "2001:db8:0:1:1:1:1:1"],
	["2001 0 0 1 0 0 0 1", "2001:0:0:1::1"],
	["1 2 3 4 5 6 0 0", "1:2:3:4:5:6::"],
	["0 0 0 0 0 ffff 7f00 1", "127.0.0.1"],
	["0 0 0 0 1 ffff 7f00 1", "::1:ffff:7f00:1"],
] as const)
	test(`IPv6 as RFC 5952 writes it: ${text}`, (t) => {
		const bytes = Uint8Array.from(
			groups.split(" ").flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]),
		);
		t.is(addressText(AF_INET6, bytes, 0), text);
	});
