/** What a client and a server say to each other, for the test kit and for fuzzing. */
import type { Conversation } from "../../testkit/index.js";
import type { Step } from "../http1/play.js";
import { ask, BINARY, CLOSE, Compressor, closing, DEFLATED, handshake, PING, PONG, tell } from "./wire.js";

const line = (n: number): string => JSON.stringify({ order: n, state: "shipped", at: `${n * 991} Main Street` });
const asking = new Compressor();
const telling = new Compressor({ takesOver: false, windowBits: 10 });

const scripts: readonly (readonly [name: string, steps: readonly Step[]])[] = [
	[
		"texts and binaries, small and large",
		[
			...handshake(),
			ask("hello"),
			tell("hello you"),
			...Array.from({ length: 8 }, (_, n) => [ask(line(n)), tell(line(n + 20))]).flat(),
			tell(Buffer.alloc(300, 0xc3), BINARY),
			ask("x".repeat(140)),
			ask("", PING),
			tell("", PONG),
			ask(closing(1000, "bye"), CLOSE),
			tell(closing(1000, "bye"), CLOSE),
		],
	],
	[
		"fragments, with pings between them",
		[
			...handshake(),
			ask("a text in ", { fin: false }),
			ask("1", PING),
			tell("1", PONG),
			ask("thr\u00e9e ", { opcode: 0, fin: false }),
			tell("while the server says something"),
			ask("pieces", { opcode: 0 }),
			tell(Buffer.from([1, 2, 3]), { ...BINARY, fin: false }),
			tell(Buffer.from([4, 5]), { opcode: 0 }),
			tell(closing(1011, "out of memory"), CLOSE),
		],
	],
	[
		"compressed in both directions",
		[
			...handshake("permessage-deflate; server_no_context_takeover; server_max_window_bits=10"),
			...Array.from({ length: 6 }, (_, n) => [
				ask(asking.message(line(n)), DEFLATED),
				tell(telling.message(line(n).repeat(4)), DEFLATED),
			]).flat(),
			tell("not compressed"),
			ask(closing(1001), CLOSE),
		],
	],
];

export const conversations: readonly Conversation[] = scripts.map(([name, steps]) => ({
	name,
	steps: steps.map(([dir, text]) => ({ from: dir === 0 ? "client" : "server", text })),
}));
