import type { Direction } from "../events.js";
import type { ParserOutput, ParserPlugin, ProtocolParser } from "../plugin.js";

type Resync = { readonly skip: number } | { readonly need: number };

/** The parser of a conversation: it may be somebody else's, so it gets copies unless it promised not to write. All may throw. */
export class ParserAtWork {
	readonly plugin: ParserPlugin;
	readonly #parser: ProtocolParser;
	readonly #readsOnly: boolean;

	constructor(plugin: ParserPlugin, parser: ProtocolParser) {
		this.plugin = plugin;
		this.#parser = parser;
		this.#readsOnly = plugin.readsOnly === true;
	}

	/** What it returned may be anything. */
	data(dir: Direction, bytes: Uint8Array, out: ParserOutput): number {
		return this.#parser.data(dir, this.#readsOnly ? bytes : Uint8Array.prototype.slice.call(bytes), out);
	}

	gap(dir: Direction, length: number | null, out: ParserOutput): boolean {
		return this.#parser.gap(dir, length, out);
	}

	get knowsPayload(): boolean {
		return this.#parser.payloadAhead !== undefined;
	}

	payloadAhead(dir: Direction): number {
		return this.#parser.payloadAhead?.(dir) ?? 0;
	}

	/** Throws where what it says is not what the contract allows. */
	resync(dir: Direction, bytes: Uint8Array, out: ParserOutput): Resync {
		const shown = this.#readsOnly ? bytes : Uint8Array.prototype.slice.call(bytes);
		const found = this.#parser.resync(dir, shown, out);
		const count = "skip" in found ? found.skip : found.need;
		const isCount = Number.isInteger(count) && count >= 0 && ("need" in found || count <= bytes.length);
		if (!isCount) throw new RangeError(`resync() returned ${String(count)} of ${bytes.length}`);
		return found;
	}

	end(dir: Direction, how: "fin" | "reset" | "unknown", out: ParserOutput): void {
		this.#parser.end(dir, how, out);
	}
}
