/** Huffman decoding of HPACK strings (RFC 7541, section 5.2 and appendix B). */

/** Bits of the code of each byte, and of the end of a string. The code is canonical: lengths determine it. */
const LENGTHS: readonly number[] = [
	13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
	28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
	13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
	5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
	22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
	23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
	20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
	27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
	27, 27, 27, 26, 30,
];
const END = 256;
const NONE = 0xffff;

/**
 * Sixteen steps for each inner node of the code's tree, one for each value of the next four bits: low half the next node,
 * high half the byte that was completed on the way (at most one: no code is shorter than five bits).
 */
const STEPS = makeSteps();
/** Nodes at which a string may end: less than eight bits, all of them ones, since the last byte. */
const MAY_END = makeEnds();

function makeTree(): number[][] {
	const order = LENGTHS.map((_, symbol) => symbol).sort((a, b) => LENGTHS[a]! - LENGTHS[b]! || a - b);
	// children of each node: above 0 a node, below 0 a symbol, 0 nothing yet
	const tree: number[][] = [[0, 0]];
	let code = 0;
	let before = LENGTHS[order[0]!]!;
	for (const symbol of order) {
		const length = LENGTHS[symbol]!;
		code *= 2 ** (length - before);
		before = length;
		let node = 0;
		for (let bit = length - 1; bit >= 0; bit--) {
			const way = Math.floor(code / 2 ** bit) % 2;
			if (bit === 0) tree[node]![way] = -1 - symbol;
			else {
				if (tree[node]![way] === 0) tree[node]![way] = tree.push([0, 0]) - 1;
				node = tree[node]![way]!;
			}
		}
		code++;
	}
	return tree;
}

function makeSteps(): Uint32Array {
	const tree = makeTree();
	const steps = new Uint32Array(tree.length * 16);
	for (let start = 0; start < tree.length; start++)
		for (let bits = 0; bits < 16; bits++) {
			let node = start;
			let symbol = NONE;
			for (let bit = 3; bit >= 0 && node !== NONE; bit--) {
				const next = tree[node]![(bits >> bit) & 1]!;
				if (next > 0) node = next;
				else {
					symbol = -1 - next;
					node = symbol === END ? NONE : 0;
				}
			}
			steps[start * 16 + bits] = ((symbol << 16) | node) >>> 0;
		}
	return steps;
}

function makeEnds(): Uint8Array {
	const tree = makeTree();
	const ends = new Uint8Array(tree.length);
	let node = 0;
	for (let bits = 0; bits < 8; bits++) {
		ends[node] = 1;
		node = tree[node]![1]!;
	}
	return ends;
}

const scratch = Buffer.allocUnsafeSlow(4096);

/** The string in `bytes` from `from` to `to`, latin-1; null: it is no such string. */
export function decodeHuffman(bytes: Uint8Array, from: number, to: number): string | null {
	// the shortest code has five bits
	const most = Math.ceil(((to - from) * 8) / 5);
	const out = most <= scratch.length ? scratch : Buffer.allocUnsafe(most);
	let length = 0;
	let node = 0;
	for (let at = from; at < to; at++) {
		const byte = bytes[at]!;
		let step = STEPS[node * 16 + (byte >> 4)]!;
		if (step >>> 16 !== NONE) out[length++] = step >>> 16;
		node = step & 0xffff;
		if (node === NONE) return null;
		step = STEPS[node * 16 + (byte & 15)]!;
		if (step >>> 16 !== NONE) out[length++] = step >>> 16;
		node = step & 0xffff;
		if (node === NONE) return null;
	}
	return MAY_END[node] === 1 ? out.toString("latin1", 0, length) : null;
}
