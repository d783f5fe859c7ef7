import { int32, nulAt, utf8 } from "./wire.js";

const KEY = /^[A-Za-z_][\w.]*$/;

export interface Startup {
	readonly major: number;
	readonly minor: number;
	readonly parameters: readonly (readonly [name: string, value: string])[];
}

/** A whole StartupMessage, its length included, or null where it is none. */
export function parseStartup(bytes: Uint8Array, from: number, to: number): Startup | null {
	const parameters: [string, string][] = [];
	let at = from + 8;
	while (at < to && bytes[at] !== 0) {
		const keyEnd = nulAt(bytes, at, to);
		const end = keyEnd < 0 ? -1 : nulAt(bytes, keyEnd + 1, to);
		if (end < 0) return null;
		const key = utf8(bytes, at, keyEnd);
		if (!KEY.test(key)) return null;
		parameters.push([key, utf8(bytes, keyEnd + 1, end)]);
		at = end + 1;
	}
	if (at !== to - 1) return null;
	const version = int32(bytes, from + 4);
	return { major: version >>> 16, minor: version & 0xffff, parameters };
}
