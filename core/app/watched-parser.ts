import type { Direction } from "../events.js";
import type { DetectHint, ParserContext, ParserOutput, ParserPlugin, ProtocolParser } from "../plugin.js";
import type { Pulse } from "./pulse.js";

/** The same parser, telling the pulse while it runs, so that a loop that never ends has a name. */
export function watchedParser(plugin: ParserPlugin, number: number, pulse: Pulse): ParserPlugin {
	const watched = {
		api: plugin.api,
		kind: plugin.kind,
		protocol: plugin.protocol,
		summary: plugin.summary,
		detect: (client: Uint8Array, server: Uint8Array, hint: DetectHint) => {
			pulse.enter(number);
			try {
				return plugin.detect(client, server, hint);
			} finally {
				pulse.enter(0);
			}
		},
		create: (context: ParserContext) => new WatchedParser(plugin.create(context), number, pulse),
	};
	return {
		...watched,
		...(plugin.readsOnly === true ? { readsOnly: true as const } : {}),
		...(plugin.example === undefined ? {} : { example: plugin.example }),
	};
}

class WatchedParser implements ProtocolParser {
	private readonly parser: ProtocolParser;
	private readonly number: number;
	private readonly pulse: Pulse;

	constructor(parser: ProtocolParser, number: number, pulse: Pulse) {
		this.parser = parser;
		this.number = number;
		this.pulse = pulse;
	}

	data(dir: Direction, bytes: Uint8Array, out: ParserOutput): number {
		this.pulse.enter(this.number);
		try {
			return this.parser.data(dir, bytes, out);
		} finally {
			this.pulse.enter(0);
		}
	}

	gap(dir: Direction, length: number | null, out: ParserOutput): boolean {
		this.pulse.enter(this.number);
		try {
			return this.parser.gap(dir, length, out);
		} finally {
			this.pulse.enter(0);
		}
	}

	resync(dir: Direction, bytes: Uint8Array): { readonly skip: number } | { readonly need: number } {
		this.pulse.enter(this.number);
		try {
			return this.parser.resync(dir, bytes);
		} finally {
			this.pulse.enter(0);
		}
	}

	end(dir: Direction, how: "fin" | "reset" | "unknown", out: ParserOutput): void {
		this.pulse.enter(this.number);
		try {
			this.parser.end(dir, how, out);
		} finally {
			this.pulse.enter(0);
		}
	}
}
