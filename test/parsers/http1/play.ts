/** Plays a script of bytes through the real engine, in one piece, byte by byte, or cut at random places. */
import type { EngineOptions } from "../../../core/engine/engine.js";
import type { Direction, Exchange, ParserPlugin } from "../../../core/index.js";
import http1 from "../../../parsers/http1/index.js";
import { Harness } from "../../core/engine/harness.js";

export type Step = readonly [dir: Direction, text: string];

/** How the bytes of a step are cut: length of the next piece, given how many are left. */
export type Cut = (left: number) => number;

export const whole: Cut = (left) => left;
export const byteByByte: Cut = () => 1;

/** Pieces of 1 to 40 bytes, the same for the same seed. */
export function randomCuts(seed: number): Cut {
	const next = randomNumbers(seed);
	return (left) => Math.min(left, 1 + (next() % 40));
}

/** Non-negative 31-bit integers (a linear congruential generator, high bits). */
export function randomNumbers(seed: number): () => number {
	let state = seed >>> 0;
	return () => {
		state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
		return ((state >>> 8) ^ Math.imul(state, 0x9e37_79b1)) >>> 1;
	};
}

export interface PlayOptions {
	readonly how?: "fin" | "reset";
	readonly engine?: Partial<EngineOptions>;
	readonly parsers?: readonly ParserPlugin[];
}

export function play(steps: readonly Step[], cut: Cut, { how = "fin", engine, parsers }: PlayOptions = {}): Harness {
	const harness = new Harness(engine, parsers ?? [http1]).open();
	const offsets: [number, number] = [0, 0];
	for (const [dir, text] of steps) {
		for (let at = 0; at < text.length; ) {
			const size = cut(text.length - at);
			harness.bytes(dir, offsets[dir], text.slice(at, at + size));
			offsets[dir] += size;
			at += size;
		}
	}
	return harness.close(offsets, how);
}

/** An exchange without what depends on when its bytes came. */
export function shape({ id, kind, outcome, summary, request, response, flags }: Exchange): unknown {
	const side = (message: Exchange["request"]): unknown =>
		message && {
			bytes: message.bytes,
			attributes: { ...message.attributes },
			headers: message.headers,
			trailers: message.trailers,
			interim: message.interim.map(({ attributes, headers }) => ({ attributes: { ...attributes }, headers })),
			body: message.body,
		};
	return { id, kind, outcome, summary, flags, request: side(request), response: side(response) };
}
