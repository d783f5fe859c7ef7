import test from "ava";
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
