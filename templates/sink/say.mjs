/** A source that says one HTTP exchange, so that `polytap.yaml` shows something. */
import { z } from "polytap";

const endpoint = (address, port) => ({ address, port });
const says = [Buffer.from("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"), Buffer.from("HTTP/1.1 204 No Content\r\n\r\n")];

function* events() {
	const at = { conn: 1, tsUs: Date.now() * 1000 };
	const open = { transport: "tcp", client: endpoint("192.0.2.1", 1234), server: endpoint("192.0.2.2", 80) };
	const facts = { role: "wire", roleKnown: true, bases: null, fromStart: true, netns: null, process: null };
	yield { kind: "open", ...at, ...open, ...facts, layer: "transport", lower: null };
	for (const dir of [0, 1]) yield { kind: "bytes", ...at, dir, offset: 0, data: says[dir] };
	for (const dir of [0, 1]) yield { kind: "end", ...at, dir, finalOffset: says[dir].length, how: "fin" };
	yield { kind: "close", ...at };
}

export default {
	api: 1,
	kind: "source",
	type: "say-hello",
	summary: "Says one HTTP exchange.",
	config: z.strictObject({}),
	create: () => ({
		open: async () => {},
		batches: async function* () {
			yield [...events()];
		},
		close: async () => {},
	}),
};
