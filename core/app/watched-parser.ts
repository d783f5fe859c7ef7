import type { ContentContext, ContentOutput, ContentParser, ContentPlugin } from "../content.js";
import type { ConfiguredParser } from "../engine/registry.js";
import type { Direction } from "../events.js";
import type { HeaderList } from "../exchange.js";
import type { DetectHint, ParserContext, ParserOutput, ProtocolParser } from "../plugin.js";
import type { Pulse } from "./pulse.js";
import { missingFunction } from "./shape.js";

const FUNCTIONS = ["data", "gap", "resync", "end"] as const;

/** The same parser, telling the pulse while it runs, so that a loop that never ends has a name. */
export function watchedParser(plugin: ConfiguredParser, number: number, pulse: Pulse): ConfiguredParser {
	const watched = {
		api: plugin.api,
		kind: plugin.kind,
		protocol: plugin.protocol,
		summary: plugin.summary,
		detect: (client: Uint8Array, server: Uint8Array, hint: DetectHint) => {
			const outer = pulse.enter(number);
			try {
				return plugin.detect(client, server, hint);
			} finally {
				pulse.enter(outer);
			}
		},
		create: (context: ParserContext) => {
			const parser: unknown = pulse.run(number, () => plugin.create(context));
			const lacking = missingFunction(parser, FUNCTIONS);
			if (lacking !== null) throw new TypeError(`what create() returned has no ${lacking}()`);
			return new WatchedParser(parser as ProtocolParser, number, pulse);
		},
	};
	return {
		...watched,
		...(plugin.readsOnly === true ? { readsOnly: true as const } : {}),
		...(plugin.transports === undefined ? {} : { transports: plugin.transports }),
		...(plugin.isLeaf === true ? { isLeaf: true as const } : {}),
		...(plugin.config === undefined ? {} : { config: plugin.config }),
		...(plugin.prepare === undefined ? {} : { prepare: plugin.prepare }),
		...(plugin.options === undefined ? {} : { options: plugin.options }),
		...(plugin.example === undefined ? {} : { example: plugin.example }),
		...(plugin.content === undefined ? {} : { content: watchedContent(plugin.content, number, pulse) }),
	};
}

function watchedContent(content: ContentPlugin, number: number, pulse: Pulse): ContentPlugin {
	return {
		mediaTypes: content.mediaTypes,
		create: (context: ContentContext) => {
			const parser = content.create(context);
			return parser === null ? null : new WatchedContent(parser, number, pulse);
		},
	};
}

/** Called from inside another parser, which goes on afterwards. */
class WatchedContent implements ContentParser {
	private readonly parser: ContentParser;
	private readonly number: number;
	private readonly pulse: Pulse;

	constructor(parser: ContentParser, number: number, pulse: Pulse) {
		this.parser = parser;
		this.number = number;
		this.pulse = pulse;
	}

	start(out: ContentOutput): void {
		this.watch(() => this.parser.start?.(out));
	}

	body(bytes: Uint8Array, from: number, to: number, out: ContentOutput): void {
		const outer = this.pulse.enter(this.number);
		try {
			this.parser.body(bytes, from, to, out);
		} finally {
			this.pulse.enter(outer);
		}
	}

	gap(length: number | null, out: ContentOutput): void {
		this.watch(() => this.parser.gap(length, out));
	}

	trailers(headers: HeaderList, out: ContentOutput): void {
		this.watch(() => this.parser.trailers?.(headers, out));
	}

	end(isWhole: boolean, out: ContentOutput): void {
		this.watch(() => this.parser.end(isWhole, out));
	}

	private watch(call: () => void): void {
		const outer = this.pulse.enter(this.number);
		try {
			call();
		} finally {
			this.pulse.enter(outer);
		}
	}
}

class WatchedParser implements ProtocolParser {
	private readonly parser: ProtocolParser;
	private readonly number: number;
	private readonly pulse: Pulse;
	readonly payloadAhead?: (dir: Direction) => number;

	constructor(parser: ProtocolParser, number: number, pulse: Pulse) {
		this.parser = parser;
		this.number = number;
		this.pulse = pulse;
		if (parser.payloadAhead !== undefined)
			this.payloadAhead = (dir) => pulse.run(number, () => parser.payloadAhead?.(dir) ?? 0);
	}

	data(dir: Direction, bytes: Uint8Array, out: ParserOutput): number {
		const outer = this.pulse.enter(this.number);
		try {
			return this.parser.data(dir, bytes, out);
		} finally {
			this.pulse.enter(outer);
		}
	}

	gap(dir: Direction, length: number | null, out: ParserOutput): boolean {
		const outer = this.pulse.enter(this.number);
		try {
			return this.parser.gap(dir, length, out);
		} finally {
			this.pulse.enter(outer);
		}
	}

	resync(dir: Direction, bytes: Uint8Array, out: ParserOutput): { readonly skip: number } | { readonly need: number } {
		const outer = this.pulse.enter(this.number);
		try {
			return this.parser.resync(dir, bytes, out);
		} finally {
			this.pulse.enter(outer);
		}
	}

	end(dir: Direction, how: "fin" | "reset" | "unknown", out: ParserOutput): void {
		const outer = this.pulse.enter(this.number);
		try {
			this.parser.end(dir, how, out);
		} finally {
			this.pulse.enter(outer);
		}
	}
}
