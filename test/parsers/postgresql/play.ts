import type { EngineOptions } from "../../../core/engine/engine.js";
import type { Direction, Exchange } from "../../../core/index.js";
import postgresql from "../../../parsers/postgresql/index.js";
import { Harness } from "../../core/engine/harness.js";
import * as wire from "./wire.js";

export type Step = readonly [Direction, ...Buffer[]];

export const LOGIN: readonly Step[] = [
	[0, wire.STARTUP],
	[1, wire.AUTHENTICATED, wire.READY],
];

export const SIZES = [Number.POSITIVE_INFINITY, 1, 6] as const;

/** Plays what both sides say, `size` bytes at a time, on one connection from its first byte on. Step `lost` is missing. */
export function play(
	steps: readonly Step[],
	size = Number.POSITIVE_INFINITY,
	options: Partial<EngineOptions> = {},
	lost = -1,
): Harness {
	return speak(new Harness(options, [postgresql]).open(), steps, [0, 0], size, lost);
}

/** The same, but nobody watched before step `from`. */
export function join(steps: readonly Step[], from: number): Harness {
	const h = new Harness({}, [postgresql]).open(1, "server", { fromStart: false });
	return speak(h, steps.slice(from), [5000, 9000], Number.POSITIVE_INFINITY, -1);
}

function speak(h: Harness, steps: readonly Step[], at: [number, number], size: number, lost: number): Harness {
	for (const [i, [dir, ...messages]] of steps.entries()) {
		const bytes = Buffer.concat(messages);
		if (i === lost) {
			h.gap(dir, at[dir], bytes.length, "ring-full").pass(100_000);
			at[dir] += bytes.length;
			continue;
		}
		for (let from = 0; from < bytes.length; from += size) {
			const piece = bytes.subarray(from, from + size);
			h.bytes(dir, at[dir], piece);
			at[dir] += piece.length;
		}
	}
	return h.close(at).pass(200_000);
}

/** The exchanges without login and connection records. */
export function asked(h: Harness): Exchange[] {
	return h.exchanges.filter(
		({ kind, request }) => kind === "exchange" && request?.attributes["postgresql.request"] !== "startup",
	);
}

/** `operation→result outcome` of them. */
export function lines(h: Harness): string[] {
	return asked(h).map(({ summary, outcome }) => `${summary.operation}→${summary.result} ${outcome}`);
}
