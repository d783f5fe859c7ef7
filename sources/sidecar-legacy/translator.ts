import type { CaptureEvent, Direction, Endpoint } from "../../core/index.js";
import type { SidecarHostState } from "./state.js";
import { HOW, type HopFacts } from "./tee.js";
import * as ring from "./tee-ring.js";

/** A hop as the engine knows it: up to two connections with the same bytes at the same positions. */
interface KnownHop {
	readonly conns: readonly number[];
	/** Subtracted from the relay's positions. */
	readonly from: readonly [number, number];
	/** Position after what was told of each direction. */
	readonly at: [number, number];
	readonly ended: [boolean, boolean];
}

/** Turns the relay's records into capture events: each byte once for every leg that is reported. */
export class Translator {
	/** Bytes of one leg, whatever number of legs is reported. */
	bytesTold = 0;
	bytesMissing = 0;
	/** Bytes of connections whose beginning a worker took with it that is no more. */
	bytesUnknown = 0;
	readonly #hops = new Map<number, KnownHop>();
	readonly #state: Pick<SidecarHostState, "legs" | "netns">;

	constructor(state: Pick<SidecarHostState, "legs" | "netns">) {
		this.#state = state;
	}

	/** `data` is the record's payload in memory that stays as it is until the batch is done. */
	translate(record: ring.TeeRecord, data: Uint8Array, batch: CaptureEvent[]): void {
		const { kind, hop: number, tsUs } = record;
		if (kind === ring.OPEN) this.#open(number, tsUs, data, batch);
		else if (kind === ring.RESTART) for (const each of [...this.#hops.keys()]) this.#close(each, tsUs, batch);
		else if (kind === ring.LOSS)
			batch.push({ kind: "loss", bytes: record.offset, events: record.extra, cause: "ring-full" });
		else if (kind === ring.CLOSE) this.#close(number, tsUs, batch);
		else {
			const hop = this.#hops.get(number);
			if (hop === undefined) this.#unknown(data.length, batch);
			else if (kind === ring.BYTES) this.#bytes(hop, record, data, batch);
			else this.#end(hop, record, batch);
		}
	}

	#open(number: number, tsUs: number, data: Uint8Array, batch: CaptureEvent[]): void {
		const facts = JSON.parse(Buffer.from(data).toString()) as HopFacts;
		this.#close(number, tsUs, batch);
		const { legs, netns } = this.#state;
		const [a, b] = facts.from;
		const conns: number[] = [];
		const leg = (conn: number, ends: { readonly client: Endpoint; readonly server: Endpoint } | null) => {
			if (ends === null) return;
			conns.push(conn);
			batch.push({
				kind: "open",
				conn,
				tsUs,
				transport: "tcp",
				client: ends.client,
				server: ends.server,
				role: "proxy",
				roleKnown: true,
				bases: null,
				fromStart: a === 0 && b === 0,
				netns,
				process: null,
				layer: facts.layer,
				lower: null,
			});
			const attributes = { ...facts.attributes, "proxy.leg": conn % 2 === 0 ? "downstream" : "upstream" };
			for (const dir of [0, 1] as const)
				batch.push({ kind: "annotate", conn, dir, fromOffset: 0, toOffset: Number.MAX_SAFE_INTEGER, attributes });
		};
		if (legs !== "upstream") leg(number * 2, facts.downstream);
		if (legs !== "downstream") leg(number * 2 + 1, facts.upstream);
		this.#hops.set(number, { conns, from: facts.from, at: [0, 0], ended: [false, false] });
	}

	#bytes(hop: KnownHop, record: ring.TeeRecord, data: Uint8Array, batch: CaptureEvent[]): void {
		const { dir, tsUs, extra } = record;
		const offset = record.offset - hop.from[dir];
		this.#hole(hop, dir, offset, tsUs, batch);
		hop.at[dir] = offset + data.length;
		this.bytesTold += data.length;
		for (const conn of hop.conns) {
			// the leg that bytes leave on saw them when they were handed to the kernel
			const isLater = (dir === 0) === (conn % 2 === 1);
			batch.push({ kind: "bytes", conn, dir, offset, tsUs: isLater ? tsUs + extra : tsUs, data });
		}
	}

	#end(hop: KnownHop, record: ring.TeeRecord, batch: CaptureEvent[]): void {
		const { dir, tsUs } = record;
		const finalOffset = record.offset - hop.from[dir];
		this.#hole(hop, dir, finalOffset, tsUs, batch);
		hop.ended[dir] = true;
		for (const conn of hop.conns)
			batch.push({ kind: "end", conn, dir, tsUs, finalOffset, how: HOW[record.extra] ?? "unknown" });
	}

	/** What found no room in the memory between relay and parsers went on to its receiver, but is not here. */
	#hole(hop: KnownHop, dir: Direction, upTo: number, tsUs: number, batch: CaptureEvent[]): void {
		const offset = hop.at[dir];
		const length = upTo - offset;
		if (length <= 0) return;
		hop.at[dir] = upTo;
		this.bytesMissing += length;
		for (const conn of hop.conns)
			batch.push({ kind: "gap", conn, dir, tsUs, offset, length, cause: "ring-full", isFinal: true });
	}

	#close(number: number, tsUs: number, batch: CaptureEvent[]): void {
		const hop = this.#hops.get(number);
		if (hop === undefined) return;
		this.#hops.delete(number);
		for (const conn of hop.conns) {
			for (const dir of [0, 1] as const)
				if (!hop.ended[dir]) batch.push({ kind: "end", conn, dir, tsUs, finalOffset: hop.at[dir], how: "unknown" });
			batch.push({ kind: "close", conn, tsUs });
		}
	}

	#unknown(bytes: number, batch: CaptureEvent[]): void {
		if (bytes === 0) return;
		this.bytesUnknown += bytes;
		batch.push({ kind: "loss", bytes, events: 1, cause: "source-lost" });
	}
}
