import { int32, nulAt, uint16, utf8 } from "./wire.js";

/** What stands before the parameters of a Bind. */
export interface BindHead {
	readonly portal: string;
	readonly statement: string;
	readonly formats: readonly number[];
	readonly parameters: number;
	/** Position of the first parameter. */
	readonly at: number;
}

/** `from` is behind type and length. `"more"`: it does not lie in the bytes up to `to` as a whole. */
export function parseBindHead(bytes: Uint8Array, from: number, to: number): BindHead | "more" {
	const portalEnd = nulAt(bytes, from, to);
	const statementEnd = portalEnd < 0 ? -1 : nulAt(bytes, portalEnd + 1, to);
	if (statementEnd < 0) return "more";
	const formatsAt = statementEnd + 1;
	const formats = parseFormats(bytes, formatsAt, to);
	if (formats === null) return "more";
	const at = formatsAt + 2 + 2 * formats.length;
	if (at + 2 > to) return "more";
	return {
		portal: portalEnd === from ? "" : utf8(bytes, from, portalEnd),
		statement: statementEnd === portalEnd + 1 ? "" : utf8(bytes, portalEnd + 1, statementEnd),
		formats,
		parameters: uint16(bytes, at),
		at: at + 2,
	};
}

/** A count, and as many format codes; null where they do not lie before `to`. */
export function parseFormats(bytes: Uint8Array, at: number, to: number): readonly number[] | null {
	if (at + 2 > to) return null;
	const count = uint16(bytes, at);
	if (at + 2 + 2 * count > to) return null;
	if (count === 0) return ALL_TEXT;
	if (count === 1) return bytes[at + 3] === 1 ? ALL_BINARY : TEXT;
	const formats: number[] = [];
	for (let i = 0; i < count; i++) formats.push(uint16(bytes, at + 2 + 2 * i));
	return formats;
}

/** Position after `count` parameters from `at` on, or -1 where they end behind `to`. */
export function afterParameters(bytes: Uint8Array, at: number, count: number, to: number): number {
	let end = at;
	for (let i = 0; i < count; i++) {
		if (end + 4 > to) return -1;
		const length = int32(bytes, end);
		if (length < -1) return -1;
		end += 4 + (length < 0 ? 0 : length);
	}
	return end <= to ? end : -1;
}

const ALL_TEXT: readonly number[] = [];
const TEXT: readonly number[] = [0];
const ALL_BINARY: readonly number[] = [1];
