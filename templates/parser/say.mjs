/** A source that speaks the parser's example, so that `polytap.yaml` shows something. */

import { z } from "polytap";
import parser from "./dist/src/index.js";

const endpoint = (address, port) => ({ address, port });

function* events() {
	const at = { conn: 1, tsUs: Date.now() * 1000 };
	const open = { transport: "tcp", client: endpoint("192.0.2.1", 1234), server: endpoint("192.0.2.2", 9999) };
	const facts = { role: "wire", roleKnown: true, bases: null, fromStart: true, netns: null, process: null };
	yield { kind: "open", ...at, ...open, ...facts, layer: "transport", lower: null };
	const offsets = [0, 0];
	for (const { from, text } of parser.example) {
		const dir = from === "client" ? 0 : 1;
		const data = Buffer.from(text, "latin1");
		yield { kind: "bytes", ...at, dir, offset: offsets[dir], data };
		offsets[dir] += data.length;
	}
	for (const dir of [0, 1]) yield { kind: "end", ...at, dir, finalOffset: offsets[dir], how: "fin" };
	yield { kind: "close", ...at };
}

export default {
	api: 1,
	kind: "source",
	type: "say-example",
	summary: "Speaks the example of the parser once.",
	config: z.strictObject({}),
	create: () => ({
		open: async () => {},
		batches: async function* () {
			yield [...events()];
		},
		close: async () => {},
	}),
};
