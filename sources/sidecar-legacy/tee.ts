import type { Attributes, Direction, Endpoint, TlsFacts } from "../../core/index.js";
import type { Shared } from "./shared.js";
import * as ring from "./tee-ring.js";

/** What a reader must know of a hop before its bytes. Crosses threads as JSON. */
export interface HopFacts {
	readonly downstream: { readonly client: Endpoint; readonly server: Endpoint };
	/** Null: there never was one. */
	readonly upstream: { readonly client: Endpoint; readonly server: Endpoint } | null;
	readonly layer: "transport" | "plaintext";
	/** What protects each leg; null: it is plain, or relayed as it is. */
	readonly tls: { readonly downstream: TlsFacts | null; readonly upstream: TlsFacts | null };
	/** Each direction's position from which on it is told; not 0 where a new reader joined late. */
	readonly from: readonly [number, number];
	readonly attributes: Attributes;
}

export const HOW = ["fin", "reset", "unknown"] as const;
export type How = (typeof HOW)[number];

/** Kept free for what must not be lost: opens, ends and closes. */
const RESERVE_SHARE = 8;

/** Microseconds since the Unix epoch. */
export const nowUs = (): number => Math.round((performance.timeOrigin + performance.now()) * 1000);

/**
 * The relay's side of the memory between relay and parsers. Nothing here waits: bytes that find no room are a gap, and a
 * connection that cannot even be announced is counted as loss. Opens stop before the reserve is used up, so that ends and
 * closes, which wait in a list where they must, are bounded by the connections that were announced.
 */
export class Tee {
	readonly #writer: ring.TeeWriter;
	readonly #shared: Shared;
	readonly #reserve: number;
	readonly #hops = new Set<HopTee>();
	#waiting: (() => boolean)[] = [];
	#reader: number;
	#lostBytes = 0;
	#lostHops = 0;

	constructor(shared: Shared) {
		this.#shared = shared;
		this.#writer = new ring.TeeWriter(shared);
		this.#reserve = shared.ring.length / RESERVE_SHARE;
		this.#reader = shared.reader;
		this.control(() => this.#writer.write(ring.RESTART, 0, 0, 0, nowUs(), 0));
	}

	hop(number: number, facts: Omit<HopFacts, "from">): HopTee {
		const hop = new HopTee(this, number, facts);
		this.#hops.add(hop);
		hop.announce();
		return hop;
	}

	/** To be called often: says what had to wait, and everything that is open to a new reader. */
	turn(): void {
		const { reader } = this.#shared;
		if (reader !== this.#reader) {
			this.#reader = reader;
			for (const hop of this.#hops) hop.announce();
		}
		let done = 0;
		while (done < this.#waiting.length && this.#waiting[done]!()) done++;
		if (done > 0) this.#waiting = this.#waiting.slice(done);
		if (this.#lostHops > 0 && this.#waiting.length === 0) {
			if (!this.#writer.write(ring.LOSS, 0, 0, this.#lostBytes, nowUs(), this.#lostHops)) return;
			this.#lostBytes = 0;
			this.#lostHops = 0;
		}
	}

	/** In order, now or later. */
	control(write: () => boolean): void {
		if (this.#waiting.length > 0 || !write()) this.#waiting.push(write);
	}

	/** Now or not at all. */
	bytes(hop: number, dir: Direction, offset: number, tsUs: number, extra: number, data: Uint8Array): boolean {
		if (this.#waiting.length > 0) return false;
		return this.#writer.write(ring.BYTES, hop, dir, offset, tsUs, extra, data, this.#reserve);
	}

	write(kind: number, hop: number, dir: Direction, offset: number, extra: number, data?: Uint8Array): boolean {
		return this.#writer.write(kind, hop, dir, offset, nowUs(), extra, data);
	}

	open(hop: number, facts: HopFacts): boolean {
		const data = Buffer.from(JSON.stringify(facts));
		if (this.#waiting.length > 0 || this.#writer.free < this.#reserve / 2) return false;
		return this.#writer.write(ring.OPEN, hop, 0, 0, nowUs(), 0, data);
	}

	dropped(bytes: number): void {
		this.#shared.add("tee_dropped_bytes", bytes);
	}

	/** A connection that nobody was told of, or will be told of no more. */
	lost(bytes: number, isNew: boolean): void {
		this.#lostBytes += bytes;
		if (isNew) {
			this.#lostHops++;
			this.#shared.add("connections_not_told");
		}
	}

	forget(hop: HopTee): void {
		this.#hops.delete(hop);
	}
}

/** One connection through the relay, as its reader is told of it. */
export class HopTee {
	readonly #tee: Tee;
	readonly #number: number;
	readonly #facts: Omit<HopFacts, "from">;
	/** Position of the next byte of each direction. */
	readonly #at: [number, number] = [0, 0];
	readonly #ended: [boolean, boolean] = [false, false];
	#isTold = false;

	constructor(tee: Tee, number: number, facts: Omit<HopFacts, "from">) {
		this.#tee = tee;
		this.#number = number;
		this.#facts = facts;
	}

	/** Tells a reader, the first one or the next one, that this is open. */
	announce(): void {
		const [a, b] = this.#at;
		this.#isTold = this.#tee.open(this.#number, { ...this.#facts, from: [a, b] });
		if (!this.#isTold) {
			this.#tee.lost(0, true);
			return;
		}
		for (const dir of [0, 1] as const) if (this.#ended[dir]) this.#sayEnd(dir, "unknown");
	}

	bytes(dir: Direction, data: Uint8Array, tsUs: number, delayUs: number): void {
		for (let from = 0; from < data.length; from += ring.MAX_RECORD_BYTES)
			this.#piece(dir, data.subarray(from, from + ring.MAX_RECORD_BYTES), tsUs, delayUs);
	}

	end(dir: Direction, how: How): void {
		if (this.#ended[dir]) return;
		this.#ended[dir] = true;
		if (this.#isTold) this.#sayEnd(dir, how);
	}

	close(): void {
		this.#tee.forget(this);
		if (!this.#isTold) return;
		const number = this.#number;
		this.#tee.control(() => this.#tee.write(ring.CLOSE, number, 0, 0, 0));
	}

	#piece(dir: Direction, data: Uint8Array, tsUs: number, delayUs: number): void {
		const at = this.#at[dir];
		this.#at[dir] = at + data.length;
		if (!this.#isTold) {
			this.#tee.dropped(data.length);
			this.#tee.lost(data.length, false);
			return;
		}
		// the reader sees a hole by itself: positions say where it is
		if (!this.#tee.bytes(this.#number, dir, at, tsUs, delayUs, data)) this.#tee.dropped(data.length);
	}

	#sayEnd(dir: Direction, how: How): void {
		const number = this.#number;
		const at = this.#at[dir];
		this.#tee.control(() => this.#tee.write(ring.END, number, dir, at, HOW.indexOf(how)));
	}
}
