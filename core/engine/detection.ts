import type { DetectHint, ParserPlugin } from "../plugin.js";

/** What the parsers are shown of each direction at the most, together. */
export const DETECT_BYTES = 4096;
/** A late join starts anywhere: how many chunk starts are tried before the connection counts as opaque. */
const LATE_TRIES = 64;

export type Detected = ParserPlugin | "no" | "more";

/** Which parser a connection belongs to. Asks each one until it says no. */
export class Detection {
	#candidates: readonly ParserPlugin[];
	readonly #all: readonly ParserPlugin[];
	#tries = 0;

	constructor(parsers: readonly ParserPlugin[]) {
		this.#all = parsers;
		this.#candidates = parsers;
	}

	ask(
		client: Uint8Array,
		server: Uint8Array,
		hint: DetectHint,
		failed: (plugin: ParserPlugin, error: unknown) => void,
	): Detected {
		let open: ParserPlugin[] | null = null;
		for (const plugin of this.#candidates) {
			let answer: "yes" | "no" | "more" = "no";
			try {
				answer = plugin.detect(client, server, hint);
			} catch (error) {
				failed(plugin, error);
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
		this.#candidates = this.#all;
		return ++this.#tries < LATE_TRIES;
	}
}
