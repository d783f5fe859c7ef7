/** One way to break a file: what to do, where (0 to 1 of its length), and with what. */
export interface Mutation {
	readonly kind: number;
	readonly place: number;
	readonly value: number;
}

const NUMBERS = [0, 1, 3, 4, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x10000, 0xffffff, 0x7fffffff, 0x80000000, 0xffffffff];
export const MUTATION_KINDS = 9;
/** The first ones leave everything where it is. */
export const IN_PLACE_KINDS = 4;

/** `bytes` with the mutations applied one after the other; `other` is what may be spliced in. */
export function mutate(bytes: Uint8Array, other: Uint8Array, mutations: readonly Mutation[]): Uint8Array {
	let now = bytes.slice();
	for (const mutation of mutations) now = apply(now, other, mutation);
	return now;
}

function apply(bytes: Uint8Array<ArrayBuffer>, other: Uint8Array, { kind, place, value }: Mutation) {
	const at = Math.floor(place * bytes.length);
	const length = (value >>> 8) % 64;
	const view = new DataView(bytes.buffer);
	const number = NUMBERS[value % NUMBERS.length]!;
	switch (kind % MUTATION_KINDS) {
		case 0:
			if (at < bytes.length) bytes[at] = bytes[at]! ^ (1 << (value & 7));
			return bytes;
		case 1:
			if (at < bytes.length) bytes[at] = value;
			return bytes;
		case 2:
			if (at + 4 <= bytes.length) view.setUint32(at, number, (value & 1) === 0);
			return bytes;
		case 3:
			if (at + 2 <= bytes.length) view.setUint16(at, number & 0xffff, (value & 1) === 0);
			return bytes;
		case 4:
			return bytes.slice(0, at);
		case 5:
			return joined(bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + length)));
		case 6:
			return joined(bytes.subarray(0, at), new Uint8Array(length).fill(value), bytes.subarray(at));
		case 7:
			return joined(bytes.subarray(0, at), bytes.subarray(Math.max(0, at - length * 4)));
		default:
			return joined(bytes.subarray(0, at), other.subarray(value % other.length));
	}
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
	const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
	let at = 0;
	for (const part of parts) {
		whole.set(part, at);
		at += part.length;
	}
	return whole;
}

/** Numbers from 0 to 2^32, the same ones for the same seed. */
export function numbersFrom(seed: number): () => number {
	let state = seed >>> 0;
	return () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let mixed = Math.imul(state ^ (state >>> 15), state | 1);
		mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
		return (mixed ^ (mixed >>> 14)) >>> 0;
	};
}
