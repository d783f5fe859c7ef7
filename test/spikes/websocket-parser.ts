/** Enough of WebSocket (RFC 6455) to prove hand-overs: frames as `message` records; no fragments, payloads below 126. */
import {
	type Direction,
	MessageHead,
	type ParserContext,
	type ParserOutput,
	type ParserPlugin,
	type ProtocolParser,
} from "../../core/index.js";

class WebSocketParser implements ProtocolParser {
	readonly #isDeflated: boolean;

	constructor({ handover }: ParserContext) {
		this.#isDeflated = String(handover?.["http.response.header.sec-websocket-extensions"] ?? "").includes(
			"permessage-deflate",
		);
	}

	data(dir: Direction, bytes: Uint8Array, out: ParserOutput): number {
		let at = 0;
		while (bytes.length - at >= 2) {
			const isMasked = (bytes[at + 1]! & 0x80) !== 0;
			const length = bytes[at + 1]! & 0x7f;
			const from = at + 2 + (isMasked ? 4 : 0);
			if (length > 125 || isMasked !== (dir === 0)) {
				out.opaque("not-a-small-frame");
				return at;
			}
			if (bytes.length < from + length) break;
			const opcode = bytes[at]! & 0x0f;
			if (opcode === 9) out.count("websocket.pings");
			else {
				const writer = out.begin(at, undefined, "message");
				writer.head(new MessageHead(opcode === 8 ? "close" : "frame", { "websocket.opcode": opcode }, []));
				if (this.#isDeflated && (bytes[at]! & 0x40) !== 0) writer.flag("deflated");
				const payload = bytes.slice(from, from + length);
				if (isMasked) for (let i = 0; i < length; i++) payload[i]! ^= bytes[from - 4 + (i & 3)]!;
				writer.body(payload, 0, length, from);
				writer.finish(from + length, "ok");
			}
			at = from + length;
		}
		return at;
	}

	gap(): boolean {
		return false;
	}

	resync(_dir: Direction, bytes: Uint8Array): { skip: number } | { need: number } {
		return { need: Math.min(bytes.length, 1) };
	}

	end(dir: Direction, how: string, out: ParserOutput): void {
		out.note(`websocket.end.${dir}`, how);
	}
}

export const websocket: ParserPlugin = {
	api: 0,
	kind: "parser",
	protocol: "websocket",
	summary: "WebSocket, as far as tests need it",
	readsOnly: true,
	detect: () => "no",
	create: (context) => new WebSocketParser(context),
};
