import type { ParserPlugin } from "../plugin.js";

/** The parsers of one engine, in the order in which they are asked; parsers reach each other through it by name. */
export class ParserRegistry {
	readonly parsers: readonly ParserPlugin[];
	readonly #byProtocol = new Map<string, ParserPlugin>();
	readonly #shared = new Map<ParserPlugin, Map<string, unknown>>();
	/** Who takes payloads of a media type. */
	readonly #byMediaType = new Map<string, ParserPlugin>();
	readonly #onFailure: (plugin: ParserPlugin, error: unknown) => void;

	constructor(parsers: readonly ParserPlugin[], onFailure: (plugin: ParserPlugin, error: unknown) => void) {
		this.parsers = parsers;
		this.#onFailure = onFailure;
		for (const parser of parsers) {
			this.#byProtocol.set(parser.protocol, parser);
			for (const type of parser.content?.mediaTypes ?? [])
				if (!this.#byMediaType.has(type)) this.#byMediaType.set(type, parser);
		}
	}

	/** `application/x+y`: whoever takes that, or else `application/x`. */
	byMediaType(mediaType: string): ParserPlugin | null {
		const found = this.#byMediaType.get(mediaType);
		if (found !== undefined) return found;
		const plus = mediaType.indexOf("+");
		return plus < 0 ? null : (this.#byMediaType.get(mediaType.slice(0, plus)) ?? null);
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
