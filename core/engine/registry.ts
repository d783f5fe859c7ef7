import type { ParserPlugin } from "../plugin.js";
import type { PortHint } from "./options.js";

/** A parser with the options that a config gives it. */
export interface ConfiguredParser extends ParserPlugin {
	/** Prepared. Absent: the config gives none. */
	readonly options?: unknown;
}

/** The parsers of one engine, in the order in which they are asked; parsers reach each other through it by name. */
export class ParserRegistry {
	readonly parsers: readonly ParserPlugin[];
	readonly #byProtocol = new Map<string, ParserPlugin>();
	readonly #shared = new Map<ParserPlugin, Map<string, unknown>>();
	/** Who takes payloads of a media type. */
	readonly #byMediaType = new Map<string, ParserPlugin>();
	/** By the server's port: all parsers, the hinted ones first. */
	readonly #byPort = new Map<number, readonly ParserPlugin[]>();
	readonly #options = new Map<ParserPlugin, unknown>();
	readonly #onFailure: (plugin: ParserPlugin, error: unknown) => void;

	constructor(
		parsers: readonly ConfiguredParser[],
		onFailure: (plugin: ParserPlugin, error: unknown) => void,
		portHints: readonly PortHint[] = [],
	) {
		this.parsers = parsers;
		this.#onFailure = onFailure;
		for (const parser of parsers) {
			this.#byProtocol.set(parser.protocol, parser);
			this.#options.set(parser, parser.options === undefined ? defaultsOf(parser) : parser.options);
			for (const type of parser.content?.mediaTypes ?? [])
				if (!this.#byMediaType.has(type)) this.#byMediaType.set(type, parser);
		}
		for (const port of new Set(portHints.flatMap(({ ports }) => ports))) {
			const isHinted = ({ protocol }: ParserPlugin): boolean =>
				portHints.some((hint) => hint.protocol === protocol && hint.ports.includes(port));
			this.#byPort.set(port, [...parsers.filter(isHinted), ...parsers.filter((parser) => !isHinted(parser))]);
		}
	}

	/** In the order in which they are asked about a connection to this port. */
	askedAt(serverPort: number): readonly ParserPlugin[] {
		return this.#byPort.get(serverPort) ?? this.parsers;
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

	optionsOf(plugin: ParserPlugin): unknown {
		return this.#options.get(plugin) ?? null;
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

function defaultsOf({ config, prepare }: ParserPlugin): unknown {
	return config === undefined || prepare !== undefined ? null : (config.safeParse({}).data ?? null);
}
