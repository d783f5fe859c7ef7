import type { Exchange } from "../exchange.js";

/** One exchange as one JSON object on one line, without the newline. */
export function toJson(exchange: Exchange): string {
	return JSON.stringify(exchange);
}

/**
 * Writes `toJson(exchange)` and a newline as UTF-8 into `target` from `at` on. Returns the position after it, or -1 where
 * `target` is too small (nothing after `at` may be relied on then).
 */
export function writeJson(exchange: Exchange, target: Buffer, at: number): number {
	const text = `${toJson(exchange)}\n`;
	if (Buffer.byteLength(text) > target.length - at) return -1;
	return at + target.write(text, at);
}
