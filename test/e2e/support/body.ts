/**
 * Bodies that anybody can make again from an id, in TypeScript, C and Lua alike: the id, a colon, and then a fixed text
 * that begins at a position given by the id. So every byte depends on the id and on its own position.
 */
const SHIFTS = 4093;
export const LARGEST_BODY = 1 << 20;

/** Deterministic; letters and digits, so that a body is the same as text and as bytes. */
export const bodyText: Buffer = makeText(LARGEST_BODY + SHIFTS);

/** `id`: 12 decimal digits. */
export function bodyOf(id: string, size: number): Buffer {
	const shift = Number(id) % SHIFTS;
	const prefix = Buffer.from(`${id}:`, "latin1");
	return Buffer.concat([prefix, bodyText.subarray(shift, shift + size)]).subarray(0, size);
}

/** An id: the number of the load it belongs to (0 to 999), and its number there. */
export function idOf(load: number, ordinal: number): string {
	return String(load).padStart(3, "0") + String(ordinal).padStart(9, "0");
}

function makeText(length: number): Buffer {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const text = Buffer.allocUnsafe(length);
	let state = 2_463_534_242;
	for (let i = 0; i < length; i++) {
		state ^= state << 13;
		state ^= state >>> 17;
		state ^= state << 5;
		text[i] = letters.charCodeAt(state & 63);
	}
	return text;
}
