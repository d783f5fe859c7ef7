/** Plays steps through the real engine, cut as the caller wants. */
import type { EngineOptions } from "../../../core/engine/engine.js";
import type { Exchange, OpenEvent } from "../../../core/index.js";
import mysql from "../../../parsers/mysql/index.js";
import { Harness } from "../../core/engine/harness.js";
import { type Cut, whole } from "../http1/play.js";
import type { Step } from "./wire.js";

export interface PlayOptions {
	readonly cut?: Cut;
	readonly engine?: Partial<EngineOptions>;
	readonly open?: Partial<OpenEvent>;
	/** Bytes of each direction that came before anybody watched. */
	readonly skipped?: readonly [number, number];
}

export function play(steps: readonly Step[], { cut = whole, engine, open = {}, skipped }: PlayOptions = {}): Harness {
	const harness = new Harness(engine, [mysql]).open(1, "server", open);
	const offsets: [number, number] = [skipped?.[0] ?? 0, skipped?.[1] ?? 0];
	for (const [dir, ...packets] of steps) {
		const all = Buffer.concat(packets);
		for (let at = 0; at < all.length; ) {
			const size = cut(all.length - at);
			harness.bytes(dir, offsets[dir], all.subarray(at, at + size));
			offsets[dir] += size;
			at += size;
		}
	}
	return harness.close(offsets).pass(200_000);
}

/** Rows of the first result. */
export const rowsOf = (exchange: Exchange | undefined): unknown => exchange?.response?.body.data;
