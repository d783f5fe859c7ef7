import { libbpf } from "./libbpf.js";
import * as layout from "./record-layout.js";
import type { RecordMemory } from "./ring.js";

const KEY_BYTES = 8;
/** Taken in one look. */
const BATCH = 8192;
/** Between two looks: each is a system call. */
const LOOK_MS = 50;

/** A close record that waits until the payload ring was read as far as it says. */
interface Kept {
	readonly record: RecordMemory;
	readonly at: number;
	readonly position: number;
}

/** Close records that found no room in their ring: the kernel keeps them in a map until somebody comes. */
export class KeptCloses {
	readonly #fd: number;
	readonly #keys = new Uint8Array(KEY_BYTES * BATCH);
	readonly #values = new Uint8Array(layout.CLOSE_RECORD_BYTES * BATCH);
	#lookAtMs = 0;
	/** By position, from `#next` on. */
	#waiting: Kept[] = [];
	#next = 0;

	constructor(fd: number) {
		this.#fd = fd;
	}

	/** Takes what is there now; the map is emptied of it. Looks only so often, unless it `must`. */
	take(nowMs: number, must: boolean): void {
		if (nowMs < this.#lookAtMs && !must) return;
		this.#lookAtMs = nowMs + LOOK_MS;
		const before = this.#waiting.length;
		while (this.#takeSome());
		if (this.#waiting.length === before) return;
		this.#waiting = this.#waiting.slice(this.#next).sort((a, b) => a.position - b.position);
		this.#next = 0;
	}

	/** Tells those whose time has come, a thousand at the most. False: there are more of them. */
	tell(upTo: number, close: (record: RecordMemory, at: number) => void): boolean {
		for (let told = 0; told < 1024; told++) {
			const kept = this.#waiting[this.#next];
			if (kept === undefined || kept.position > upTo) return true;
			this.#next++;
			close(kept.record, kept.at);
		}
		return false;
	}

	/** Nothing that was taken waits to be told. */
	get isEmpty(): boolean {
		return this.#next === this.#waiting.length;
	}

	/** True where there may be more. */
	#takeSome(): boolean {
		const bpf = libbpf();
		// most looks find nothing, and need no room for it
		if (bpf.nextKey(this.#fd, null, this.#keys) !== 0) return false;
		const count: [number] = [BATCH];
		const next = new Uint8Array(KEY_BYTES);
		const result = bpf.takeBatch(this.#fd, null, next, this.#keys, this.#values, count, null);
		// they may wait for long, and most often they are few
		const bytes = this.#values.slice(0, layout.CLOSE_RECORD_BYTES * count[0]);
		const memory = bytes.buffer;
		const record = { memory, bytes, words: new Uint32Array(memory), halves: new Uint16Array(memory) };
		for (let i = 0; i < count[0]; i++) {
			const at = i * layout.CLOSE_RECORD_BYTES;
			this.#waiting.push({ record, at, position: closedAt(record, at) });
		}
		return result === 0 && count[0] > 0;
	}
}

/** How far the payload ring was when the connection of the close record at `at` ended. */
export function closedAt({ words }: RecordMemory, at: number): number {
	const w = (at + layout.RECORD_OFFSET) >>> 2;
	return words[w]! + words[w + 1]! * 2 ** 32;
}
