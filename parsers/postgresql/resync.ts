import { backShape, frontShape, type Shape } from "./shapes.js";
import { Back, Front } from "./wire.js";

/** So far back may the beginning of what is searched for lie. */
const KEEP_BYTES = 64 << 10;

/** Messages in a row. */
export interface Chain {
	readonly at: number;
	readonly messages: number;
	/** Among them is one that only this protocol has. */
	readonly isTelling: boolean;
}

export type Found = Chain | { readonly need: number };

/** The first place from which on the server says nothing but whole messages, up to one that says that it is ready. */
export function findBackChain(bytes: Uint8Array): Found {
	return find(bytes, (at) => {
		let messages = 0;
		for (let next = at; ; messages++) {
			if (next >= bytes.length) return "more";
			const end = backShape(bytes, next);
			if (typeof end !== "number") return end;
			if (bytes[next] === Back.ready) {
				// what follows must be a message too
				if (end < bytes.length && backShape(bytes, end) === "none") return "none";
				return { at, messages: messages + 1, isTelling: messages > 0 };
			}
			next = end;
		}
	});
}

const LAST: readonly number[] = [Front.query, Front.sync, Front.flush, Front.terminate, Front.copyDone, Front.copyFail];

/** The first place from which on the client says nothing but whole messages, up to the end of what there is. */
export function findFrontChain(bytes: Uint8Array): Found {
	return find(bytes, (at) => {
		let messages = 0;
		let last = 0;
		let isTelling = false;
		for (let next = at; next < bytes.length; messages++) {
			const end = frontShape(bytes, next);
			if (typeof end !== "number") return end;
			last = bytes[next]!;
			isTelling ||= last === Front.bind || last === Front.parse || (last === Front.query && end - next > 10);
			next = end;
		}
		return LAST.includes(last) ? { at, messages, isTelling } : "more";
	});
}

function find(bytes: Uint8Array, chainAt: (at: number) => Chain | Exclude<Shape, number>): Found {
	let oldest = bytes.length;
	for (let at = Math.max(0, bytes.length - KEEP_BYTES); at < bytes.length; at++) {
		const found = chainAt(at);
		if (typeof found === "object") return found;
		if (found === "more" && at < oldest) oldest = at;
	}
	return { need: bytes.length - oldest };
}
