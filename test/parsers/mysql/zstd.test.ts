/** MySQL's zstd compression: read where Node.js can, named where it cannot. */
import { createWriteStream } from "node:fs";
import * as zlib from "node:zlib";
import test from "ava";
import { byteByByte, whole } from "../http1/play.js";
import { play, rowsOf } from "./play.js";
import * as wire from "./wire.js";

const { zstdCompressSync } = zlib as { zstdCompressSync?(content: Uint8Array): Buffer };
const ID = { name: "id", type: 3 } as const;
const client = wire.USUAL | wire.CAN.zstd;
const rows = wire.result(
	[ID],
	Array.from({ length: 200 }, (_, i) => [String(i)]),
);

if (zstdCompressSync === undefined)
	createWriteStream("", { fd: 2 }).write("SKIPPED MySQL, contents of zstd frames: Node.js before 22.15\n");
else
	for (const [name, cut] of [
		["whole", whole],
		["byte by byte", byteByByte],
	] as const)
		test(`compressed with zstd from the end of the login on, ${name}`, (t) => {
			const frame = (sequence: number, content: Buffer): Buffer =>
				wire.frame(sequence, content, content.length >= 50, zstdCompressSync);
			const split = rows.length - 333;
			const h = play(
				[
					...wire.handshake({ client }),
					[0, frame(0, wire.query(`SELECT id FROM t -- ${"x".repeat(100)}`))],
					[1, frame(1, rows.subarray(0, split)), frame(2, rows.subarray(split))],
					[0, frame(0, wire.query("SELECT 1"))],
					[1, frame(1, wire.err(1, 1064, "42000", "no"))],
				],
				{ cut },
			);
			t.deepEqual(h.failures, []);
			t.is(h.lines[1], "SELECT id FROM t -- ".concat("x".repeat(79), "…→200 rows ok"));
			t.deepEqual((rowsOf(h.exchanges[1]) as unknown[])[199], { id: 199 });
			t.is(h.exchanges[2]!.summary.result, "ERROR 1064");
		});

// `zstd -19 --single-thread` of 100 times "a", with its content size in the frame
const FRAME = Buffer.from("28b52ffd2064450000106161010053c1a8", "hex");

test("a frame that this Node.js cannot read, or that is none, is named", (t) => {
	const header = wire.bytes(wire.u16(FRAME.length), 0, 0, wire.u16(99), 0);
	const h = play([...wire.handshake({ client }), [0, header, FRAME]]);
	const reason = zstdCompressSync === undefined ? "zstd-not-available" : "bad-compression";
	t.is(h.exchanges.at(-1)!.annotations["polytap.opaque.reason"], reason);
});
