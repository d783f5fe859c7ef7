import type { ParserPlugin } from "../plugin.js";

/** The parsers of one engine, in the order in which they are asked; parsers reach each other through it by name. */
export class ParserRegistry {
	readonly parsers: readonly ParserPlugin[];
	readonly #byProtocol = new Map<string, ParserPlugin>();
	readonly #shared = new Map<ParserPlugin, Map<string, unknown>>();
	readonly #onFailure: (plugin: ParserPlugin, error: unknown) => void;

	constructor(parsers: readonly ParserPlugin[], onFailure: (plugin: ParserPlugin, error: unknown) => void) {
		this.parsers = parsers;
		this.#onFailure = onFailure;
		for (const parser of parsers) this.#byProtocol.set(parser.protocol, parser);
	}

	byProtocol(protocol: string): ParserPlugin | null {
		return this.#byProtocol.get(protocol) ?? null;
	}

	/** One object for all connections of this protocol. */
	sharedOf(plugin: ParserPlugin): Map<string, unknown> {
		let shared = this.#shared.get(plugin);
		if (shared === undefined) this.#shared.set(plugin, (shared = new Map()));
		return shared;
	}

	failed(plugin: ParserPlugin, error: unknown): void {
		this.#onFailure(plugin, error);
	}
}
