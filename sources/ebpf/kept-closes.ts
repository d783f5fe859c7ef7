import { libbpf } from "./libbpf.js";
import * as layout from "./record-layout.js";
import type { RecordMemory } from "./ring.js";

const KEY_BYTES = 8;
/** Between two looks: each is a system call. */
const LOOK_MS = 50;

/** Close records that found no room in their ring: the kernel keeps them in a map until somebody comes. */
export class KeptCloses {
	readonly #fd: number;
	readonly #key = new Uint8Array(KEY_BYTES);
	#lookAtMs = 0;

	constructor(fd: number) {
		this.#fd = fd;
	}

	/** What is there now; the map is emptied of it. Looks only so often, unless it `must`. */
	take(nowMs: number, must: boolean): readonly RecordMemory[] {
		if (nowMs < this.#lookAtMs && !must) return NONE;
		this.#lookAtMs = nowMs + LOOK_MS;
		const bpf = libbpf();
		if (bpf.nextKey(this.#fd, null, this.#key) !== 0) return NONE;
		const taken: RecordMemory[] = [];
		do {
			const bytes = new Uint8Array(layout.CLOSE_RECORD_BYTES);
			if (bpf.lookup(this.#fd, this.#key, bytes) === 0) {
				const memory = bytes.buffer;
				taken.push({ memory, bytes, words: new Uint32Array(memory), halves: new Uint16Array(memory) });
			}
			bpf.remove(this.#fd, this.#key);
		} while (bpf.nextKey(this.#fd, null, this.#key) === 0);
		// the next look must not wait: there may be more by now
		this.#lookAtMs = 0;
		return taken;
	}
}

const NONE: readonly RecordMemory[] = [];
