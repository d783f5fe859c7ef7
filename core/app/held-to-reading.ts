/**
 * A parser that somebody else wrote and that promises to read only: it is shown a copy in memory that is used again, which is
 * compared after each call. In the kernel's ring its write would end the process, and anywhere else it would change what others see.
 */
import type { ContentOutput, ContentPlugin } from "../content.js";
import type { ConfiguredParser } from "../engine/registry.js";
import type { ParserContext, ProtocolParser } from "../plugin.js";

const SCRATCH_BYTES = 1 << 16;

export function heldToReading(plugin: ConfiguredParser): ConfiguredParser {
	if (plugin.readsOnly !== true) return plugin;
	const scratch = new Scratch();
	return {
		...plugin,
		detect: (client, server, hint) =>
			scratch.shown(client, 0, (one) => scratch.shown(server, 0, (other) => plugin.detect(one, other, hint))),
		create: (context) => heldParser(plugin, context, scratch),
		...(plugin.content === undefined ? {} : { content: heldContent(plugin.content, scratch) }),
	};
}

function heldParser(plugin: ConfiguredParser, context: ParserContext, scratch: Scratch): ProtocolParser {
	const parser = plugin.create(context);
	return {
		data: (dir, bytes, out) => scratch.shown(bytes, 0, (copy) => parser.data(dir, copy, out)),
		gap: (dir, length, out) => parser.gap(dir, length, out),
		resync: (dir, bytes, out) => scratch.shown(bytes, 0, (copy) => parser.resync(dir, copy, out)),
		end: (dir, how, out) => parser.end(dir, how, out),
		...(parser.payloadAhead === undefined ? {} : { payloadAhead: (dir) => parser.payloadAhead?.(dir) ?? 0 }),
	};
}

function heldContent(content: ContentPlugin, scratch: Scratch): ContentPlugin {
	return {
		mediaTypes: content.mediaTypes,
		create: (context) => {
			const parser = content.create(context);
			if (parser === null) return null;
			return {
				start: (out: ContentOutput) => parser.start?.(out),
				body: (bytes, from, to, out) =>
					scratch.shown(bytes.subarray(0, to), from, (copy) => parser.body(copy, from, to, out)),
				gap: (length, out) => parser.gap(length, out),
				trailers: (headers, out) => parser.trailers?.(headers, out),
				end: (isWhole, out) => parser.end(isWhole, out),
			};
		},
	};
}

class Scratch {
	#memory = new Uint8Array(SCRATCH_BYTES);
	/** How much of it calls that have not ended yet use: a protocol may lie inside itself. */
	#used = 0;

	/** Calls with a copy of `bytes`, of which what is before `from` does not matter. Throws where the copy was written to. */
	shown<T>(bytes: Uint8Array, from: number, call: (copy: Uint8Array) => T): T {
		const at = this.#used;
		if (at + bytes.length > this.#memory.length) {
			// whoever is still in a call goes on with the memory from before
			this.#memory = new Uint8Array(2 * (at + bytes.length));
		}
		const copy = this.#memory.subarray(at, at + bytes.length);
		copy.set(from === 0 ? bytes : bytes.subarray(from), from);
		this.#used = at + bytes.length;
		try {
			const result = call(copy);
			if (Buffer.compare(from === 0 ? copy : copy.subarray(from), from === 0 ? bytes : bytes.subarray(from)) !== 0)
				throw new TypeError("it wrote into bytes that it was shown, and its descriptor says readsOnly");
			return result;
		} finally {
			this.#used = at;
		}
	}
}
