import test from "ava";
import {
	addressBytes,
	addressText,
	parseProxyHeader,
	proxyHeader,
} from "../../../sources/sidecar-legacy/proxy-protocol.js";

const v4 = [
	{ address: "192.0.2.7", port: 40_000 },
	{ address: "198.51.100.1", port: 443 },
] as const;
const v6 = [
	{ address: "2001:db8::7", port: 40_000 },
	{ address: "2001:db8::1", port: 443 },
] as const;

for (const version of ["v1", "v2"] as const)
	for (const [source, destination] of [v4, v6])
		test(`${version} ${source.address}: what is written is read, at every cut`, (t) => {
			const header = proxyHeader(version, source, destination);
			for (let cut = 0; cut < header.length; cut++) t.is(parseProxyHeader(header.subarray(0, cut)), "more");
			t.deepEqual(parseProxyHeader(Buffer.concat([header, Buffer.from("GET /")])), {
				version: version === "v1" ? 1 : 2,
				source,
				destination,
				length: header.length,
			});
		});

test("addresses of two families are nobody's", (t) => {
	for (const version of ["v1", "v2"] as const) {
		const header = proxyHeader(version, v4[0], v6[1]);
		t.like(parseProxyHeader(header), { source: null, destination: null, length: header.length });
	}
});

for (const bad of [
	"GET / HTTP/1.1\r\n",
	"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
	"PROXY TCP4 1.2.3.4 5.6.7.8 1 70000\r\n",
	"PROXY TCP4 ::1 ::1 1 2\r\n",
	"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
	`PROXY TCP4 ${"1".repeat(120)}`,
])
	test(`no header: ${bad.slice(0, 50)}`, (t) => t.is(parseProxyHeader(Buffer.from(bad)), "bad"));

test("addresses, there and back", (t) => {
	for (const text of ["1.2.3.4", "::1", "2001:db8::1:0:1", "fe80::", "1:2:3:4:5:6:7:8"])
		t.is(addressText(addressBytes(text)), text);
	t.is(addressText(addressBytes("::ffff:1.2.3.4")), "::ffff:102:304");
});
