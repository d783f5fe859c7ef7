import type { CaptureEvent, Direction } from "../../core/index.js";
import type { SocketOwners } from "./socket-owners.js";
import type { SidecarHostState } from "./state.js";
import { HOW, type HopFacts } from "./tee.js";
import * as ring from "./tee-ring.js";

const LEGS = ["downstream", "upstream"] as const;

export type TranslatorState = Pick<SidecarHostState, "legs" | "netns" | "run">;

/** A hop as the engine knows it: up to two connections with the same bytes at the same positions. */
interface KnownHop {
	readonly conns: readonly number[];
	/** Position after what was told of each direction. */
	readonly at: [number, number];
	readonly ended: [boolean, boolean];
	readonly spoke: [boolean, boolean];
}

/** Turns the relay's records into capture events: each byte once for every leg that is reported. */
export class Translator {
	/** Bytes of one leg, whatever number of legs is reported. */
	bytesTold = 0;
	bytesMissing = 0;
	/** Bytes of connections whose beginning a worker took with it that is no more. */
	bytesUnknown = 0;
	readonly #hops = new Map<number, KnownHop>();
	readonly #state: TranslatorState;
	readonly #owners: SocketOwners;

	constructor(state: TranslatorState, owners: SocketOwners) {
		this.#state = state;
		this.#owners = owners;
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
		// told again, because there is a new reader: but this one has heard of it before
		if (this.#hops.has(number)) return;
		const facts = JSON.parse(Buffer.from(data).toString()) as HopFacts;
		const { legs, netns } = this.#state;
		const conns: number[] = [];
		// what names the hop says that both of its legs are told
		const isWhole = legs === "both" && facts.upstream !== null;
		for (const leg of LEGS) {
			const ends = facts[leg];
			if (ends === null || (legs !== "both" && legs !== leg)) continue;
			const conn = number * 2 + LEGS.indexOf(leg);
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
				// positions count from the first byte, whether this reader saw it or not
				fromStart: true,
				netns,
				process: null,
				layer: facts.layer,
				lower: null,
			});
			const tls = facts.tls[leg];
			if (tls !== null) batch.push({ kind: "identify", conn, client: null, server: null, tls });
			const hop = isWhole ? { "proxy.hop": `${this.#state.run}-${number}` } : {};
			const attributes = { ...facts.attributes, "proxy.leg": leg, ...hop };
			for (const dir of [0, 1] as const)
				batch.push({ kind: "annotate", conn, dir, fromOffset: 0, toOffset: Number.MAX_SAFE_INTEGER, attributes });
			this.#owners.want(conn, leg, ends);
		}
		this.#hops.set(number, { conns, at: [...facts.from], ended: [false, false], spoke: [false, false] });
	}

	#bytes(hop: KnownHop, record: ring.TeeRecord, data: Uint8Array, batch: CaptureEvent[]): void {
		const { dir, tsUs, extra, offset } = record;
		this.#hole(hop, dir, offset, tsUs, batch);
		// who has said something has a socket; what it said shall already have its name
		if (!hop.spoke[dir]) {
			hop.spoke[dir] = true;
			this.#owners.spoke(hop.conns);
			this.#owners.look(batch, performance.now());
		}
		hop.at[dir] = offset + data.length;
		this.bytesTold += data.length;
		for (const conn of hop.conns) {
			// the leg that bytes leave on saw them when they were handed to the kernel
			const isLater = (dir === 0) === (conn % 2 === 1);
			batch.push({ kind: "bytes", conn, dir, offset, tsUs: isLater ? tsUs + extra : tsUs, data });
		}
	}

	#end(hop: KnownHop, record: ring.TeeRecord, batch: CaptureEvent[]): void {
		const { dir, tsUs, offset: finalOffset } = record;
		if (hop.ended[dir]) return;
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
			this.#owners.forget(conn);
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
