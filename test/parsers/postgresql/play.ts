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

/** Plays what both sides say, `size` bytes at a time, on one connection from its first byte on. */
export function play(
	steps: readonly Step[],
	size = Number.POSITIVE_INFINITY,
	options: Partial<EngineOptions> = {},
): Harness {
	const h = new Harness(options, [postgresql]).open();
	const at: [number, number] = [0, 0];
	for (const [dir, ...messages] of steps) {
		const bytes = Buffer.concat(messages);
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
