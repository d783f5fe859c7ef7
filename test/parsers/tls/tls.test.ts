import { spawnSync } from "node:child_process";
import test from "ava";
import { CIPHER_SUITES } from "../../../parsers/tls/cipher-suites.js";
import { parseHello } from "../../../parsers/tls/hello.js";
import tls from "../../../parsers/tls/index.js";
import { Harness } from "../../core/engine/harness.js";
import { samples } from "./samples.js";

const encrypted = Buffer.from([23, 3, 3, 0, 20, ...new Array<number>(20).fill(9)]);

for (const size of [Number.POSITIVE_INFINITY, 1, 7])
	test(`what the hellos show is noted, the rest is counted, ${size} bytes at a time`, (t) => {
		const h = new Harness({}, [tls]).open();
		const sides = [samples[0]!.client, samples[0]!.server].map((hello) => Buffer.concat([hello, encrypted]));
		for (const dir of [0, 1] as const)
			for (let at = 0; at < sides[dir]!.length; at += size) h.bytes(dir, at, sides[dir]!.subarray(at, at + size));
		h.close([sides[0]!.length, sides[1]!.length]).pass(200_000);
		t.deepEqual(h.failures, []);
		t.is(h.exchanges.length, 1);
		const { kind, protocol, annotations } = h.exchanges[0]!;
		t.is(`${kind} ${protocol}`, "connection tls");
		t.is(annotations["tls.client.server_name"], "db.example.test");
		t.deepEqual(annotations["tls.client.protocols"], ["postgresql"]);
		t.is(annotations["tls.protocol.version"], "1.3");
		t.is(annotations["tls.cipher"], "TLS_AES_128_GCM_SHA256");
		t.is(annotations["polytap.opaque.reason"], "encrypted");
	});

const serverHello = (suite: number): Uint8Array =>
	Uint8Array.from([2, 0, 0, 38, 3, 3, ...new Array<number>(32).fill(7), 0, suite >> 8, suite & 255, 0]);

test("a suite of TLS 1.2 has its name as well, one without a name its number", (t) => {
	const cipherOf = (suite: number) => parseHello(serverHello(suite), 0, 42)?.cipher;
	t.is(cipherOf(0xc02f), "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
	t.is(cipherOf(0xc030), "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384");
	t.is(cipherOf(0x002f), "TLS_RSA_WITH_AES_128_CBC_SHA");
	t.is(cipherOf(0xfefe), "0xfefe");
});

const { stdout } = spawnSync("openssl", ["ciphers", "-V", "-stdname", "ALL:COMPLEMENTOFALL"], { encoding: "latin1" });
const named = [...(stdout ?? "").matchAll(/^ *0x(..),0x(..) - (TLS_\w+)/gm)];

(named.length > 0 ? test : test.skip)("OpenSSL gives every suite that it knows the same name", (t) => {
	for (const [, high, low, name] of named) t.is(CIPHER_SUITES.get(Number.parseInt(`${high}${low}`, 16)), name);
});
