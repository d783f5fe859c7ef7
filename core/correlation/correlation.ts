/**
 * Observations of one exchange by several sources become one record, behind the engines and before delivery. Looks at records
 * only, never at bytes: no source's payload heals another's. Deterministic: what comes out depends on the calls alone.
 */
import { CapturedExchange } from "../engine/captured-exchange.js";
import type { ConnectionEnds, ConnectionFacts } from "../engine/facts.js";
import type { EngineOptions } from "../engine/options.js";
import type { ExchangeStage } from "../engine/stage.js";
import type { Exchange } from "../exchange.js";
import { Entry } from "./entry.js";
import type { Emitted, Group } from "./group.js";
import { Groups } from "./groups.js";
import { type HopGroups, hopOf, linkAnnotations } from "./legs.js";
import { merged } from "./merging.js";
import { positionOf } from "./place.js";

/** Records that wait at once; beyond it the oldest go on as they are. */
const MOST_WAITING = 16_384;
/** Of the engine's memory for payload: what waits here must leave room for what is being captured. */
const PAYLOAD_SHARE = 0.5;
const MOST_HOPS = 65_536;

/** Flag of a record that repeats one which went on before; `polytap.same_as` is the id of that one. */
const SEEN_BEFORE = "seen-before";

/** What the engine tells of itself. */
export interface CorrelationHost {
	readonly options: EngineOptions;
	readonly slabs: { readonly heldBytes: number };
	/** In the order of the config. */
	readonly sourceNames: readonly string[];
}

export class Correlation implements ExchangeStage {
	readonly #host: CorrelationHost;
	readonly #emit: (exchange: Exchange) => void;
	readonly #groups = new Groups(({ hop }) => {
		if (hop !== null) this.#hops.delete(hop);
	});
	readonly #hops = new Map<string, HopGroups>();
	/** All that wait, in the order of their deadlines. */
	readonly #waiting = new Set<Entry>();
	readonly #counts = { merged: 0, late: 0, alone: 0, evicted: 0, legsLinked: 0, legsAlone: 0, differing: 0, reused: 0 };

	constructor(host: CorrelationHost, emit: (exchange: Exchange) => void) {
		this.#host = host;
		this.#emit = emit;
	}

	opened(facts: ConnectionFacts, source: string): void {
		if (this.#host.options.merge !== "off") this.#join(facts, source, 0);
	}

	closed(ends: ConnectionEnds, nowUs: number): void {
		this.#groups.close(ends, nowUs);
	}

	offer(exchange: Exchange, nowUs: number): void {
		const { merge, correlationWindowUs } = this.#host.options;
		// what a source decoded by itself has no place in a stream
		if (merge === "off" || !(exchange instanceof CapturedExchange)) {
			this.#emit(exchange);
			return;
		}
		const { source } = exchange.seenBy;
		const group = this.#join(exchange.facts, source, nowUs);
		if (this.#isPlain(group, exchange)) {
			this.#emit(exchange);
			return;
		}
		const position = positionOf(exchange, group.bases);
		const known = group.waitingAt(position);
		if (known !== undefined) {
			if (isSame(known.record, known.ordinal, exchange) && this.#isOther(known, exchange, source)) {
				this.#merge(known, exchange, source);
				return;
			}
			// a new connection that looks like the one before, or a source that says something twice
			this.#counts.reused++;
			this.#emit(exchange);
			return;
		}
		const before = group.emittedAt(position);
		if (before !== null && isSame(before, before.ordinal, exchange) && !before.sources.includes(source)) {
			this.#late(before, exchange);
			return;
		}
		const entry = new Entry(group, position, exchange.ordinal, exchange, source, nowUs + correlationWindowUs);
		group.wait(entry);
		this.#waiting.add(entry);
		this.#link(entry, exchange);
		if (merge === "late" || !this.#mustWait(entry)) entry.isSettled = true;
		this.#release(entry);
		if (
			this.#waiting.size > MOST_WAITING ||
			this.#host.slabs.heldBytes > this.#host.options.maxHeldBytes * PAYLOAD_SHARE
		)
			this.#evict();
	}

	tick(nowUs: number): void {
		for (const entry of this.#waiting) {
			if (entry.deadlineUs > nowUs) break;
			this.#expire(entry);
		}
		this.#groups.tick(nowUs, this.#host.options.correlationWindowUs);
	}

	flush(): void {
		for (const entry of this.#waiting) entry.isSettled = true;
		for (const entry of this.#waiting) this.#release(entry);
	}

	counters(): Readonly<Record<string, number>> {
		const { merged, late, alone, evicted, legsLinked, legsAlone, differing, reused } = this.#counts;
		return {
			correlation_merged: merged,
			correlation_late: late,
			correlation_alone: alone,
			correlation_evicted: evicted,
			correlation_differing: differing,
			correlation_position_reused: reused,
			correlation_legs_linked: legsLinked,
			correlation_legs_alone: legsAlone,
			correlation_connections_forgotten: this.#groups.evicted,
			correlation_held: this.#waiting.size,
			correlation_connections_held: this.#groups.size,
		};
	}

	get #hasSeveral(): boolean {
		return this.#host.sourceNames.length > 1;
	}

	/** The usual case: one source, one view of its connection, no proxy. */
	#isPlain(group: Group, exchange: CapturedExchange): boolean {
		return !this.#hasSeveral && group.members.length === 1 && group.queue.length === 0 && hopOf(exchange) === null;
	}

	#join(facts: ConnectionFacts, source: string, nowUs: number): Group {
		return this.#groups.join(facts, source, nowUs, this.#host.options.maxConnections);
	}

	/** One that this source, or this side of an address translation, did not tell yet. */
	#isOther(entry: Entry, exchange: CapturedExchange, source: string): boolean {
		return !entry.sources.includes(source) || entry.record.facts.ends !== exchange.facts.ends;
	}

	#merge(entry: Entry, exchange: CapturedExchange, source: string): void {
		this.#link(entry, exchange);
		const before = entry.record;
		entry.record = merged(before, exchange, (name) => this.#host.sourceNames.indexOf(name));
		const other = entry.record === before ? exchange.id : before.id;
		if (other !== entry.record.id) (entry.otherIds ??= []).push(other);
		entry.sources.push(source);
		this.#counts.merged++;
		if (!this.#mustWait(entry)) entry.isSettled = true;
		this.#release(entry);
	}

	/** It comes when the record has gone on: nobody can take that back. */
	#late(before: Emitted, exchange: CapturedExchange): void {
		this.#counts.late++;
		exchange.addFlag(SEEN_BEFORE);
		exchange.annotations = { ...exchange.annotations, "polytap.same_as": before.id };
		this.#emit(exchange);
	}

	#mustWait({ group, sources, leg }: Entry): boolean {
		if (leg !== null && leg.other === null) return true;
		if (group.members.length > 1) return sources.length < group.members.length;
		return this.#hasSeveral && !group.isAlone;
	}

	#link(entry: Entry, exchange: CapturedExchange): void {
		const found = hopOf(exchange);
		if (found === null || entry.leg !== null) return;
		const { hop, isDownstream } = found;
		const times = { startUs: exchange.startUs, endUs: exchange.endUs };
		entry.leg = { isDownstream, times, other: null };
		let hops = this.#hops.get(hop);
		if (hops === undefined) {
			this.#hops.set(hop, (hops = { downstream: null, upstream: null }));
			if (this.#hops.size > MOST_HOPS) this.#forgetHops();
		}
		hops[isDownstream ? "downstream" : "upstream"] = entry.group;
		entry.group.hop = hop;
		const group = hops[isDownstream ? "upstream" : "downstream"];
		const other = group?.waitingAt(entry.position);
		if (other?.leg != null && isSame(other.record, other.ordinal, exchange)) {
			entry.leg.other = { entry: other, id: other.record.id, times: other.leg.times };
			other.leg.other = { entry, id: entry.record.id, times };
			this.#counts.legsLinked++;
			if (!this.#mustWait(other)) other.isSettled = true;
			return;
		}
		const gone = group?.emittedAt(entry.position) ?? null;
		if (gone !== null && gone.times !== null && isSame(gone, gone.ordinal, exchange))
			entry.leg.other = { entry: null, id: gone.id, times: gone.times };
	}

	/** Several at once: the first one is not found faster than all before it are skipped. */
	#forgetHops(): void {
		let left = MOST_HOPS >> 4;
		for (const oldest of this.#hops.keys()) {
			if (left-- === 0) return;
			this.#hops.delete(oldest);
		}
	}

	#expire(entry: Entry): void {
		if (entry.isSettled) return;
		entry.isSettled = true;
		const { group, sources } = entry;
		if (group.members.length === 1) group.isAlone = true;
		if (sources.length === 1 && this.#hasSeveral) this.#counts.alone++;
		if (entry.leg !== null && entry.leg.other === null) this.#counts.legsAlone++;
		this.#release(entry);
	}

	/** Several at once, as above. */
	#evict(): void {
		let left = Math.max(1, this.#waiting.size >> 4);
		for (const entry of this.#waiting) {
			if (left === 0) return;
			if (entry.isSettled) continue;
			left--;
			this.#counts.evicted++;
			entry.isSettled = true;
			this.#release(entry);
		}
	}

	/** Lets go what may go: of each connection in order, of a hop's two legs both or none. */
	#release(entry: Entry): void {
		this.#releaseGroup(entry.group);
		const other = entry.leg?.other?.entry;
		if (other != null && other.group !== entry.group) this.#releaseGroup(other.group);
	}

	#releaseGroup({ queue }: Group): void {
		let ready = 0;
		while (ready < queue.length) {
			const entry = queue[ready]!;
			const other = entry.leg?.other?.entry ?? null;
			if (!entry.isSettled || (other !== null && !other.isSettled)) break;
			this.#finish(entry);
			ready++;
		}
		if (ready > 0) queue.splice(0, ready);
	}

	#finish(entry: Entry): void {
		const { group, position, ordinal, record, sources, leg, otherIds } = entry;
		this.#waiting.delete(entry);
		group.leave(entry);
		if (record.flags.includes("observers-differ")) this.#counts.differing++;
		if (leg !== null && leg.other !== null) record.annotations = { ...record.annotations, ...linkAnnotations(leg) };
		if (otherIds !== null) record.annotations = { ...record.annotations, "polytap.other_ids": otherIds };
		// whom all have seen nobody can bring late
		const isComplete = group.members.length > 1 && sources.length >= group.members.length;
		if (!isComplete && (this.#hasSeveral || leg !== null)) {
			const { id, kind, protocol } = record;
			group.remember({ position, id, ordinal, kind, protocol, sources, times: leg?.times ?? null });
		}
		this.#emit(record);
	}
}

type Named = Pick<CapturedExchange, "kind" | "protocol">;

const isSame = (known: Named, ordinal: number, { kind, protocol, ordinal: own }: CapturedExchange): boolean =>
	kind === known.kind && protocol === known.protocol && ordinal === own;
