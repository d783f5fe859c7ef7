import { isUtf8 } from "node:buffer";
import test from "ava";
import { Utf8Check } from "../../../parsers/websocket/utf8-check.js";
import { randomNumbers } from "../http1/play.js";

function check(bytes: Uint8Array, piece: () => number): boolean {
	const reader = new Utf8Check();
	for (let at = 0; at < bytes.length; ) {
		const to = Math.min(bytes.length, at + piece());
		if (!reader.push(bytes, at, to)) return false;
		at = to;
	}
	return reader.isWhole;
}

test("every pair and many triples and quadruples of bytes, in any pieces, as Node.js has it", (t) => {
	const next = randomNumbers(9);
	const edges = [
		0, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0,
		0xf1, 0xf3, 0xf4, 0xf5, 0xff,
	];
	const around = Buffer.from("text before it, and there is some of it ");
	for (const a of edges)
		for (const b of edges)
			for (const c of edges) {
				const d = edges[next() % edges.length]!;
				const bytes = Buffer.from([a, b, c, d]);
				for (const one of [
					bytes,
					bytes.subarray(0, 1),
					bytes.subarray(0, 2),
					bytes.subarray(0, 3),
					Buffer.concat([around, bytes]),
				]) {
					const expected = isUtf8(one);
					t.is(
						check(one, () => 1),
						expected,
						one.toString("hex"),
					);
					t.is(
						check(one, () => one.length),
						expected,
						one.toString("hex"),
					);
					t.is(
						check(one, () => 1 + (next() % 3)),
						expected,
						one.toString("hex"),
					);
				}
			}
});
