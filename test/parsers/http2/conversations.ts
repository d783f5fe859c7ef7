/** What Node's client and server say to each other, for the test kit and the fuzzer. Without pings: their round trips are times. */
import type { Conversation } from "../../testkit/index.js";
import { ask, type Chunk, talk } from "./talk.js";

/** So that they are the same every time. */
export const DATE = "Mon, 21 Oct 2013 20:13:21 GMT";

export function conversation(name: string, chunks: readonly Chunk[]): Conversation {
	return { name, steps: chunks.map(({ dir, bytes }) => ({ from: dir === 0 ? "client" : "server", bytes })) };
}

const plain = await talk(
	(stream, headers) => {
		stream.respond({ ":status": 200, "x-path": String(headers[":path"]), date: DATE }, { waitForTrailers: true });
		stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "1" }));
		stream.end("0123456789".repeat(20));
	},
	async (client) => {
		await Promise.all([ask(client, { ":path": "/a" }), ask(client, { ":method": "POST", ":path": "/b" }, "payload")]);
		await ask(client, { ":path": "/a" });
	},
);
const eventful = await talk(
	(stream, headers) => {
		if (headers[":path"] === "/refused") {
			stream.close(7);
			return;
		}
		stream.additionalHeaders({ ":status": 103, link: "</x>" });
		stream.pushStream({ ":path": "/pushed" }, (_error, pushed) => {
			pushed.respond({ ":status": 200, date: DATE });
			pushed.end("pushed");
			stream.respond({ ":status": 404, date: DATE });
			stream.end("page");
		});
	},
	async (client) => {
		client.on("stream", (stream) => stream.resume());
		await ask(client, { ":path": "/", "x-long": "v".repeat(300) });
		await ask(client, { ":path": "/refused" }).catch(() => {});
	},
);

export const conversations: readonly Conversation[] = [
	conversation("two at once, then one", plain),
	conversation("a push and a reset", eventful),
];
