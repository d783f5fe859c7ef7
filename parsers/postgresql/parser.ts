import { type Direction, type ParserContext, type ParserOutput, type ProtocolParser, WAIT } from "../../core/index.js";
import { ClientSide } from "./client.js";
import { findBackChain, findFrontChain } from "./resync.js";
import { ServerSide } from "./server.js";
import { Session } from "./session.js";
import { HOLD } from "./wire.js";

/** One connection. */
export class PostgreSqlParser implements ProtocolParser {
	readonly #session: Session;
	readonly #client: ClientSide;
	readonly #server: ServerSide;
	/** Bytes of the server were parsed before. */
	#hasServerBytes = false;
	/** Position of the first byte of the server that we saw; -1: it was no late one. */
	#firstOffset = -1;

	constructor(context: ParserContext) {
		this.#session = new Session(context.shared);
		this.#client = new ClientSide(this.#session);
		this.#server = new ServerSide(this.#session);
	}

	data(dir: Direction, bytes: Uint8Array, out: ParserOutput): number | typeof WAIT {
		const side = dir === 0 ? this.#client : this.#server;
		if (dir === 1) this.#hasServerBytes = true;
		let at = 0;
		while (at < bytes.length && !this.#session.isOver) {
			const next = side.next(bytes, at, out);
			if (next === HOLD) return at === 0 ? WAIT : at;
			if (next === at) break;
			at = next;
		}
		return at;
	}

	gap(dir: Direction, length: number | null, _out: ParserOutput): boolean {
		return dir === 0 ? this.#client.gap(length) : this.#server.gap(length);
	}

	resync(dir: Direction, bytes: Uint8Array, out: ParserOutput): { readonly skip: number } | { readonly need: number } {
		if (dir === 0) {
			this.#client.lost();
			const found = findFrontChain(bytes);
			return "need" in found ? found : { skip: found.at };
		}
		this.#server.lost(this.#hasServerBytes);
		const found = findBackChain(bytes);
		if (this.#firstOffset < 0 && !this.#hasServerBytes) this.#firstOffset = out.offsetAt(0);
		if ("need" in found) return found;
		if (out.offsetAt(found.at) === this.#firstOffset) this.#server.alignment.startsWhole();
		return { skip: found.at };
	}

	end(dir: Direction, _how: "fin" | "reset" | "unknown", _out: ParserOutput): void {
		if (dir === 1) this.#server.ended();
	}
}
