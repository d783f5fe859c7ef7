/** Calls as HTTP/2 carries them, for the fuzzer. */
import { gzipSync } from "node:zlib";
import type { Conversation } from "../../testkit/index.js";
import { conversation, DATE } from "../http2/conversations.js";
import { talk } from "../http2/talk.js";

export function framed(message: Uint8Array, flags = 0): Buffer {
	const head = Buffer.alloc(5);
	head[0] = flags;
	head.writeUInt32BE(message.length, 1);
	return Buffer.concat([head, message]);
}

/** Field 1 is a name, field 2 a number. */
export const message = (name: string, count: number): Buffer =>
	Buffer.concat([Buffer.from([0x0a, name.length]), Buffer.from(name), Buffer.from([0x10, count])]);

const HEADERS = { ":method": "POST", "content-type": "application/grpc+proto", te: "trailers", "grpc-timeout": "2S" };

/** A call of each kind of answer. */
export const calls = await talk(
	(stream, headers) => {
		const path = String(headers[":path"]);
		const answer = { ":status": 200, "content-type": "application/grpc+proto", "grpc-encoding": "gzip", date: DATE };
		if (path.endsWith("/Refuse")) {
			stream.respond({ ...answer, "grpc-status": "7", "grpc-message": "not%20you" }, { endStream: true });
			return;
		}
		stream.resume();
		stream.on("end", () => {
			stream.respond(answer, { waitForTrailers: true });
			stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": path.endsWith("/Fail") ? "5" : "0" }));
			const two = framed(gzipSync(message("two", 2)), 1);
			stream.write(Buffer.concat([framed(message("one", 1)), two.subarray(0, 7)]));
			stream.end(two.subarray(7));
		});
	},
	async (client) => {
		for (const method of ["Buy", "Fail", "Refuse"]) {
			const stream = client.request({ ...HEADERS, ":path": `/shop.Orders/${method}` });
			stream.resume();
			stream.write(framed(message("ask", 7)));
			stream.end(framed(message("more", 8)));
			await new Promise((resolve) => {
				stream.on("close", resolve);
			});
		}
	},
);

export const conversations: readonly Conversation[] = [conversation("calls and their answers", calls)];
