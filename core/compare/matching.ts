/** Which record of one source is which record of another. */
import type { Digest } from "./digest.js";

/**
 * `position`: same addresses, same place in the stream. `translation`: other addresses, but the same pair of sequence numbers.
 * `order`: same addresses, and the same request next in line; for sources that count positions in another layer.
 */
export type MatchedBy = "position" | "translation" | "order";

export interface Match {
	readonly a: Digest;
	readonly b: Digest;
	readonly by: MatchedBy;
}

export interface Matching {
	readonly matches: readonly Match[];
	/** Records without a counterpart. */
	readonly onlyA: readonly Digest[];
	readonly onlyB: readonly Digest[];
}

/** Times of two observers of one exchange differ by no more than this. */
export const TOLERANCE_US = 5_000_000;

/** Both in the order of their times. Each record has at most one counterpart. */
export function match(a: readonly Digest[], b: readonly Digest[], toleranceUs = TOLERANCE_US): Matching {
	const matches: Match[] = [];
	let onlyA = a;
	let onlyB = b;
	for (const [by, keyOf] of STEPS) {
		const open = new Map<string, Queue>();
		for (const digest of onlyB) {
			const key = keyOf(digest);
			if (key === null) continue;
			const queue = open.get(key);
			if (queue === undefined) open.set(key, { all: [digest], from: 0 });
			else queue.all.push(digest);
		}
		const taken = new Set<Digest>();
		onlyA = onlyA.filter((digest) => {
			const key = keyOf(digest);
			const found = key === null ? null : take(open.get(key), digest, toleranceUs);
			if (found === null) return true;
			taken.add(found);
			matches.push({ a: digest, b: found, by });
			return false;
		});
		onlyB = onlyB.filter((digest) => !taken.has(digest));
	}
	return { matches, onlyA, onlyB };
}

const STEPS: readonly (readonly [MatchedBy, (digest: Digest) => string | null])[] = [
	["position", (x) => `${x.connection} ${x.kind} ${x.position}`],
	["translation", (x) => (x.bases === null ? null : `${x.bases} ${x.kind} ${x.position}`)],
	["order", (x) => `${x.connection} ${x.kind} ${x.protocol} ${x.operation} ${x.request?.["body.hash"] ?? ""}`],
];

interface Queue {
	readonly all: (Digest | null)[];
	from: number;
}

/** The nearest in time that nobody has; addresses are used again. */
function take(queue: Queue | undefined, { startedUs }: Digest, toleranceUs: number): Digest | null {
	if (queue === undefined) return null;
	let best = -1;
	let bestUs = toleranceUs;
	for (let i = queue.from; i < queue.all.length; i++) {
		const each = queue.all[i];
		if (each == null) {
			if (i === queue.from) queue.from++;
			continue;
		}
		const distance = each.startedUs - startedUs;
		if (distance > bestUs) break;
		if (Math.abs(distance) > bestUs) {
			// too old for this one, and for all that follow
			if (i === queue.from && distance < -toleranceUs) queue.from++;
			continue;
		}
		bestUs = Math.abs(distance);
		best = i;
	}
	const found = best < 0 ? null : (queue.all[best] ?? null);
	if (found !== null) queue.all[best] = null;
	return found;
}
