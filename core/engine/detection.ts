import type { Transport } from "../events.js";
import type { DetectHint, ParserPlugin } from "../plugin.js";
import type { ParserRegistry } from "./registry.js";

/** What the parsers are shown of each direction at the most, together. */
export const DETECT_BYTES = 4096;
/** A late join starts anywhere: how many chunk starts are tried before the connection counts as opaque. */
const LATE_TRIES = 64;

export type Detected = ParserPlugin | "no" | "more";

const STREAMS: readonly Transport[] = ["tcp", "unix"];

function isSpokenOn({ transports = STREAMS }: ParserPlugin, transport: Transport): boolean {
	return transports.includes(transport);
}

/** For a parser that has not promised to leave the bytes alone; no more than detection is about. */
function copyOf(bytes: Uint8Array): Uint8Array {
	return Uint8Array.prototype.slice.call(bytes, 0, DETECT_BYTES);
}

/** Which parser a connection belongs to. Asks each one until it says no. */
export class Detection {
	/** Null: nobody was asked yet. */
	#candidates: readonly ParserPlugin[] | null = null;
	readonly #registry: ParserRegistry;
	readonly #only: ParserPlugin | null;
	#tries = 0;

	/** `only`: nobody else is asked. */
	constructor(registry: ParserRegistry, only: ParserPlugin | null = null) {
		this.#registry = registry;
		this.#only = only;
	}

	ask(client: Uint8Array, server: Uint8Array, hint: DetectHint): Detected {
		let open: ParserPlugin[] | null = null;
		this.#candidates ??=
			this.#only === null
				? this.#registry.askedAt(hint.serverPort).filter((plugin) => isSpokenOn(plugin, hint.transport))
				: [this.#only];
		for (const plugin of this.#candidates) {
			let answer: "yes" | "no" | "more" = "no";
			try {
				answer =
					plugin.readsOnly === true
						? plugin.detect(client, server, hint)
						: plugin.detect(copyOf(client), copyOf(server), hint);
			} catch (error) {
				this.#registry.failed(plugin, error);
			}
			if (answer === "yes") return plugin;
			if (answer === "more") (open ??= []).push(plugin);
		}
		this.#candidates = open ?? [];
		if (open !== null && client.length + server.length < DETECT_BYTES) return "more";
		return "no";
	}

	/** Begin anew with later bytes. False when that was done often enough. */
	retry(): boolean {
		this.#candidates = null;
		return ++this.#tries < LATE_TRIES;
	}
}
