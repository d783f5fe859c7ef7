import { setTimeout as sleep } from "node:timers/promises";
import type { CaptureEvent, CaptureSource } from "../../core/index.js";
import { Shared } from "./shared.js";
import { SocketOwners } from "./socket-owners.js";
import type { SidecarHostState } from "./state.js";
import { TeeReader } from "./tee-ring.js";
import { Translator } from "./translator.js";

const BATCH_EVENTS = 1024;
const BATCH_BYTES = 1 << 20;
const BUSY_MS = 2;
const IDLE_MS = 100;

/** The worker half: reads what the relay left in shared memory. It can be slow, hang or die; the relay does not notice. */
export class SidecarSource implements CaptureSource {
	readonly #shared: Shared;
	readonly #translator: Translator;
	/** Payload of one batch, copied out of the ring: nobody but us may see shared memory change under their eyes. */
	readonly #scratch = new Uint8Array(BATCH_BYTES);
	readonly #owners = new SocketOwners();
	#reader: TeeReader | null = null;
	#records = 0;
	#isClosed = false;
	#skipped = 0;

	constructor(state: SidecarHostState) {
		this.#shared = new Shared(state.memory);
		this.#translator = new Translator(state, this.#owners);
	}

	async open(): Promise<void> {
		this.#reader = new TeeReader(this.#shared);
		this.#shared.nextReader();
	}

	async *batches(signal: AbortSignal): AsyncIterable<readonly CaptureEvent[]> {
		const reader = this.#reader;
		if (reader === null) return;
		if (this.#shared.heldBytes > 0) {
			// the worker before us did not come back from its batch
			this.#skipped += this.#shared.heldBytes;
			yield [{ kind: "loss", bytes: this.#shared.heldBytes, events: 1, cause: "source-lost" }];
			this.#shared.heldBytes = 0;
		}
		while (!this.#isClosed) {
			// asked first: what the relay wrote before it said so is then read
			const isLast = signal.aborted && this.#shared.isDrained;
			const batch: CaptureEvent[] = [];
			const held = this.#take(reader, batch);
			this.#owners.look(batch, performance.now());
			if (batch.length > 0) {
				this.#shared.heldBytes = held;
				yield batch;
				this.#shared.heldBytes = 0;
			}
			if (reader.waiting > 0) {
				if (reader.waiting < reader.size >> 3) await sleep(0);
			} else if (isLast) return;
			else if (batch.length > 0 || signal.aborted) await sleep(BUSY_MS);
			else await this.#shared.wait(reader.position, IDLE_MS);
		}
	}

	async close(): Promise<void> {
		this.#isClosed = true;
	}

	hasRoom(): boolean {
		return this.#reader !== null && this.#reader.waiting < this.#reader.size >> 1;
	}

	counters(): Readonly<Record<string, number>> {
		const { bytesUnknown, bytesTold, bytesMissing } = this.#translator;
		return {
			records: this.#records,
			bytes: bytesTold,
			bytes_seen: bytesTold + bytesMissing + bytesUnknown,
			bytes_skipped: this.#skipped + bytesUnknown,
			processes_found: this.#owners.counts.found,
			processes_unknown: this.#owners.counts.unknown,
			waiting_bytes: this.#reader?.waiting ?? 0,
		};
	}

	/** Returns how many bytes of payload the batch holds. */
	#take(reader: TeeReader, batch: CaptureEvent[]): number {
		let used = 0;
		const { record } = reader;
		while (batch.length < BATCH_EVENTS && used + MAX_PIECE <= BATCH_BYTES && reader.next()) {
			this.#records++;
			const data = this.#scratch.subarray(used, used + record.data.length);
			data.set(record.data);
			used += data.length;
			this.#translator.translate(record, data, batch);
		}
		reader.release();
		return used;
	}
}

const MAX_PIECE = 65_536;
