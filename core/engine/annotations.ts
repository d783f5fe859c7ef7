import type { AnnotateEvent, Direction } from "../events.js";
import type { Attributes } from "../exchange.js";
import type { CapturedExchange } from "./captured-exchange.js";

/** Of one connection, for each direction: more push the oldest out. */
const MAX_RANGES = 1024;
/** Those that hold for all that is still to come. */
const MAX_WIDE = 64;

interface Range {
	readonly fromOffset: number;
	readonly toOffset: number;
	readonly attributes: Attributes;
}

/** What sources said about ranges of a connection's bytes, until the exchanges come out that touch them. */
export class Annotations {
	/** Without an end. */
	readonly #wide: (Range & { readonly dir: Direction })[] = [];
	/** For each direction, by the end of the range. */
	readonly #ranges: readonly [Range[], Range[]] = [[], []];

	/** The event's object may be used again by its source; its attributes are kept. */
	add({ fromOffset, toOffset, attributes }: AnnotateEvent, dir: Direction): void {
		if (toOffset === Number.MAX_SAFE_INTEGER) {
			if (this.#wide.length < MAX_WIDE) this.#wide.push({ fromOffset, toOffset, attributes, dir });
			return;
		}
		const range: Range = { fromOffset, toOffset, attributes };
		const ranges = this.#ranges[dir];
		let at = ranges.length;
		while (at > 0 && ranges[at - 1]!.toOffset > toOffset) at--;
		if (at === ranges.length) ranges.push(range);
		else ranges.splice(at, 0, range);
		if (ranges.length > MAX_RANGES) ranges.splice(0, ranges.length - MAX_RANGES / 2);
	}

	/** What holds for the connection as a whole. */
	get ofConnection(): Attributes {
		return Object.assign({}, ...this.#wide.map(({ attributes }) => attributes));
	}

	applyTo(exchange: CapturedExchange): void {
		let applied: Record<string, Attributes[string]> | null = null;
		for (const { dir, fromOffset, attributes } of this.#wide) {
			const message = dir === 0 ? exchange.req : exchange.res;
			if (message === null || fromOffset >= message.endOffset) continue;
			applied ??= { ...exchange.annotations };
			Object.assign(applied, attributes);
		}
		for (const message of [exchange.req, exchange.res]) {
			if (message === null) continue;
			const ranges = this.#ranges[message.dir];
			// by the end of the range, newest last: what ends before the message begins is of no interest, nor what lies before it
			let first = ranges.length;
			while (first > 0 && ranges[first - 1]!.toOffset > message.startOffset) first--;
			for (let i = first; i < ranges.length; i++) {
				const { fromOffset, attributes } = ranges[i]!;
				if (fromOffset >= message.endOffset) continue;
				applied ??= { ...exchange.annotations };
				Object.assign(applied, attributes);
			}
		}
		if (applied !== null) exchange.annotations = applied;
	}
}
