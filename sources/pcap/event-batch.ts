import type { BytesEvent, CaptureEvent, DatagramEvent, Direction } from "../../core/index.js";

type Reusable<E> = { -readonly [K in keyof E]: E[K] };

const NOTHING = new Uint8Array(0);
/** Enough that the cost of handing a batch over is not felt. */
export const BATCH_EVENTS = 1024;

/** The events of one batch. Bytes and datagrams are the same objects again in every batch. */
export class EventBatch {
	readonly events: CaptureEvent[] = [];
	readonly #bytes: Reusable<BytesEvent>[] = [];
	readonly #datagrams: Reusable<DatagramEvent>[] = [];
	#bytesUsed = 0;
	#datagramsUsed = 0;

	get isFull(): boolean {
		return this.events.length >= BATCH_EVENTS;
	}

	get isEmpty(): boolean {
		return this.events.length === 0;
	}

	add(event: CaptureEvent): void {
		this.events.push(event);
	}

	bytes(conn: number, dir: Direction, offset: number, tsUs: number, data: Uint8Array): void {
		let event = this.#bytes[this.#bytesUsed];
		if (event === undefined) {
			event = { kind: "bytes", conn: 0, dir: 0, offset: 0, tsUs: 0, data: NOTHING };
			this.#bytes.push(event);
		}
		this.#bytesUsed++;
		event.conn = conn;
		event.dir = dir;
		event.offset = offset;
		event.tsUs = tsUs;
		event.data = data;
		this.events.push(event);
	}

	datagram(conn: number, dir: Direction, tsUs: number, data: Uint8Array): void {
		let event = this.#datagrams[this.#datagramsUsed];
		if (event === undefined) {
			event = { kind: "datagram", conn: 0, dir: 0, tsUs: 0, data: NOTHING };
			this.#datagrams.push(event);
		}
		this.#datagramsUsed++;
		event.conn = conn;
		event.dir = dir;
		event.tsUs = tsUs;
		event.data = data;
		this.events.push(event);
	}

	/** Whoever had the last batch is done with it. */
	reset(): void {
		this.events.length = 0;
		this.#bytesUsed = 0;
		this.#datagramsUsed = 0;
	}
}
