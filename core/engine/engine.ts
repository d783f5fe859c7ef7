/** The engine: capture events in, exchanges out. Synchronous, no I/O, no clock, no process-wide state. */
import type { CaptureEvent, Endpoint, OpenEvent, Vantage } from "../events.js";
import type { Exchange } from "../exchange.js";
import type { ParserPlugin } from "../plugin.js";
import { type Advise, type CouldWant, look, lookAbove } from "./adviser.js";
import { Connection, type ConnectionContext } from "./connection.js";
import type { ConnectionEnds, VantageFacts, VantagePiece } from "./facts.js";
import { DEFAULT_ENGINE_OPTIONS, type EngineOptions } from "./options.js";
import { type ConfiguredParser, ParserRegistry } from "./registry.js";
import { SlabPool } from "./slab.js";
import type { ExchangeStage } from "./stage.js";
import type { EngineTap } from "./tap.js";
import { add, EngineTotals } from "./totals.js";
import type { VantageState } from "./vantage.js";

export { DEFAULT_ENGINE_OPTIONS, type EngineOptions } from "./options.js";

/** How often a busy source makes time pass; what waits does so for much longer. */
const TICK_EVERY_US = 5_000;
/** How often unanswered requests are looked for. */
const AGE_EVERY_US = 1_000_000;

interface SourceState {
	readonly name: string;
	readonly type: string;
	readonly vantages: Map<number, VantageState>;
	readonly connections: Map<string, Connection>;
	readonly pieces: Map<Vantage, VantagePiece>;
	readonly advise: Advise | null;
	hasEnded: boolean;
}

export class Engine implements ConnectionContext {
	options: EngineOptions;
	readonly registry: ParserRegistry;
	readonly slabs: SlabPool;
	readonly totals = new EngineTotals();
	nowUs = 0;
	/** Who records what this engine is told. */
	tap: EngineTap | null = null;
	/** Who gets exchanges first; null: they are emitted at once. */
	stage: ExchangeStage | null = null;
	/** Whether anybody wants what comes out; null: everything is wanted. */
	couldWant: CouldWant | null = null;
	readonly #emit: (exchange: Exchange) => void;
	readonly #sources: SourceState[] = [];
	/** Connections for which time matters. */
	readonly #attention = new Set<Connection>();
	/** By their two ends, where plaintext that another source sees may be joined with them. */
	readonly #carriers = new Map<string, Connection>();
	#nextTickUs = 0;
	#nextAgeUs = 0;
	#openConnections = 0;
	readonly #names: string[] = [];
	#running = 0;

	/**
	 * `emit` is called for each finished exchange, synchronously; whoever gets it calls `release()` on it once, when the last
	 * sink is done. `onParserFailure` is told of exceptions, which no parser should throw.
	 */
	constructor(
		options: Partial<EngineOptions>,
		parsers: readonly ConfiguredParser[],
		emit: (exchange: Exchange) => void,
		onParserFailure: (plugin: ParserPlugin, error: unknown) => void = () => {},
	) {
		this.options = { ...DEFAULT_ENGINE_OPTIONS, ...options };
		this.registry = new ParserRegistry(parsers, onParserFailure, this.options.portHints);
		this.slabs = new SlabPool(this.options.maxHeldBytes);
		this.#emit = emit;
	}

	/** Returns the number by which `ingest` names this source. `advise`: it can leave out what nobody wants. */
	addSource(name: string, type: string, advise: Advise | null = null): number {
		this.#running++;
		this.#names.push(name);
		return (
			this.#sources.push({
				name,
				type,
				vantages: new Map(),
				connections: new Map(),
				pieces: new Map(),
				advise,
				hasEnded: false,
			}) - 1
		);
	}

	/** In the order in which they were added. */
	get sourceNames(): readonly string[] {
		return this.#names;
	}

	/** Other limits and times, from now on; port hints stay as they were. What was begun under the old ones may end by either. */
	configure(options: Partial<EngineOptions>): void {
		this.options = { ...this.options, ...options };
		this.slabs.maxHeldBytes = this.options.maxHeldBytes;
	}

	/** What sources were advised is void. */
	forgetAdvice(): void {
		for (const { vantages } of this.#sources) for (const vantage of vantages.values()) vantage.forgetAdvice();
	}

	/** Everything in the batch happens now. The batch's memory may be reused when this returns. */
	ingest(sourceNumber: number, batch: readonly CaptureEvent[], nowUs: number): void {
		const source = this.#sources[sourceNumber];
		if (source === undefined) throw new RangeError(`there is no source ${sourceNumber}`);
		this.tap?.ingest(sourceNumber, batch, nowUs);
		this.nowUs = nowUs;
		this.totals.events += batch.length;
		for (let i = 0; i < batch.length; i++) this.#handle(source, batch[i]!);
		if (nowUs >= this.#nextTickUs && (this.#attention.size > 0 || nowUs >= this.#nextAgeUs || this.stage !== null)) {
			this.#nextTickUs = nowUs + TICK_EVERY_US;
			this.#pass(nowUs);
		}
	}

	/** Lets time pass: ages holes, held merges and unanswered requests. Call it every 10 ms or so. */
	tick(nowUs: number): void {
		this.tap?.tick(nowUs);
		this.#pass(nowUs);
	}

	#pass(nowUs: number): void {
		this.nowUs = nowUs;
		for (const connection of this.#attention) {
			const due = connection.dueUs;
			if (due !== 0 && due <= nowUs) connection.tick(nowUs);
			if (connection.isFinished && (connection.lingerUs === 0 || connection.lingerUs <= nowUs))
				this.#forget(connection);
			if (connection.dueUs === 0) this.#attention.delete(connection);
		}
		this.stage?.tick(nowUs);
		if (nowUs < this.#nextAgeUs) return;
		this.#nextAgeUs = nowUs + AGE_EVERY_US;
		for (const source of this.#sources)
			for (const connection of source.connections.values()) if (connection.hasPending) connection.age(nowUs);
	}

	/** The source will say nothing more: its connections end. */
	sourceEnded(sourceNumber: number, nowUs: number): void {
		this.tap?.sourceEnded(sourceNumber, nowUs);
		this.nowUs = nowUs;
		const source = this.#sources[sourceNumber];
		if (source === undefined) return;
		for (const connection of source.connections.values()) {
			connection.finish();
			this.#attention.delete(connection);
			this.endsLeft(connection.facts.ends);
		}
		this.#openConnections -= source.connections.size;
		source.connections.clear();
		source.vantages.clear();
		if (source.hasEnded) return;
		source.hasEnded = true;
		if (--this.#running === 0) this.stage?.flush();
	}

	/** Cumulative counters, snake_case with units; `_open` and `_held` ones are levels. */
	counters(): Readonly<Record<string, number>> {
		const flat = this.totals.flat();
		flat.connections_open = this.#openConnections;
		flat.bytes_held = this.slabs.heldBytes;
		return this.stage === null ? flat : Object.assign(flat, this.stage.counters());
	}

	carrierOf(ends: string): Connection | null {
		return this.#carriers.get(ends) ?? null;
	}

	emit(exchange: Exchange): void {
		this.totals.exchange(exchange.outcome);
		if (this.stage === null) this.#emit(exchange);
		else this.stage.offer(exchange, this.nowUs);
	}

	endsLeft(ends: ConnectionEnds): void {
		this.stage?.closed(ends, this.nowUs);
	}

	#handle(source: SourceState, event: CaptureEvent): void {
		switch (event.kind) {
			case "bytes": {
				const vantage = source.vantages.get(event.conn);
				if (vantage === undefined) {
					this.totals.bytesOrphaned += event.data.length;
					return;
				}
				const { connection } = vantage;
				connection.bytes(vantage, event);
				if (source.advise !== null && this.couldWant !== null) look(this.couldWant, source.advise, vantage, event);
				if (connection.dueUs !== 0) this.#attention.add(connection);
				return;
			}
			case "open":
				this.#open(source, event);
				return;
			case "loss":
				this.totals.lossEvents += event.events;
				if (event.bytes !== null) add(this.totals.lossByCause, event.cause, event.bytes);
				return;
			case "exchange":
				this.emit(event.exchange);
				return;
		}
		const vantage = source.vantages.get(event.conn);
		if (vantage === undefined) return;
		const { connection } = vantage;
		switch (event.kind) {
			case "gap":
				connection.gap(vantage, event);
				if (event.cause === "covered" && source.advise !== null && this.couldWant !== null)
					lookAbove(source.advise, vantage, event.conn);
				break;
			case "end":
				connection.end(vantage, event);
				break;
			case "close":
				source.vantages.delete(event.conn);
				connection.close(vantage, event.tsUs);
				if (connection.isFinished && connection.lingerUs === 0) {
					this.#forget(connection);
					return;
				}
				break;
			case "datagram":
				connection.datagram(vantage, event);
				break;
			case "annotate":
				connection.annotate(vantage, event);
				break;
			case "identify":
				connection.identify(vantage, event);
				break;
		}
		if (connection.dueUs !== 0) this.#attention.add(connection);
	}

	#open(source: SourceState, event: OpenEvent): void {
		const key = connectionKey(event);
		let connection = source.connections.get(key);
		let piece = source.pieces.get(event.role);
		if (piece === undefined) source.pieces.set(event.role, (piece = { json: null }));
		const facts: VantageFacts = { source: source.name, type: source.type, vantage: event.role, piece };
		if (connection === undefined) {
			if (this.#openConnections >= this.options.maxConnections) this.#evict(source);
			connection = new Connection(this, key, event, facts, this.#below(source, event));
			source.connections.set(key, connection);
			this.#openConnections++;
			this.totals.connectionsOpened++;
			if (this.options.joinsLayers) {
				connection.ends = endsOf(event);
				// one with sequence numbers is the wire itself
				const isWire = event.bases !== null || !this.#carriers.has(connection.ends);
				if (event.layer === "transport" && isWire) this.#carriers.set(connection.ends, connection);
			}
			this.stage?.opened(connection.facts, source.name);
		}
		source.vantages.set(event.conn, connection.addVantage(event, facts));
		const below = this.#below(source, event);
		if (below !== null) connection.carriedBy(below, event.library ?? null);
	}

	/** The connection that carries a plaintext one; null: there is none, or nobody knows it. */
	#below({ vantages }: SourceState, { lower }: OpenEvent): Connection | null {
		return lower === null ? null : (vantages.get(lower)?.connection ?? null);
	}

	#evict(source: SourceState): void {
		for (const connection of source.connections.values()) {
			connection.finish();
			this.totals.connectionsEvicted++;
			this.#forget(connection);
			return;
		}
	}

	#forget(connection: Connection): void {
		if (this.#carriers.get(connection.ends) === connection) this.#carriers.delete(connection.ends);
		connection.lingerUs = 0;
		this.#attention.delete(connection);
		for (const source of this.#sources)
			if (source.connections.get(connection.key) === connection) {
				source.connections.delete(connection.key);
				this.#openConnections--;
				this.endsLeft(connection.facts.ends);
			}
	}
}

/** Equal for all vantages of one connection, whichever end they call the client. */
function connectionKey({ transport, client, server, bases, netns, layer, fromStart, role }: OpenEvent): string {
	const a = end(client, bases?.[0]);
	const b = end(server, bases?.[1]);
	const scope = isLoopback(client.address) || isLoopback(server.address) ? (netns ?? "") : "";
	// what lies above TLS is another stream between the same two ends; who joined late counts from where that was
	const above = fromStart ? layer : `${layer} ${role}`;
	const kind = layer === "transport" ? transport : `${transport} ${above}`;
	return a < b ? `${kind} ${a} ${b} ${scope}` : `${kind} ${b} ${a} ${scope}`;
}

/** The same for what is seen encrypted and as plaintext, with sequence numbers and without. */
function endsOf({ transport, client, server, netns }: OpenEvent): string {
	const scope = isLoopback(client.address) || isLoopback(server.address) ? (netns ?? "") : "";
	const [a, b] = [end(client, undefined), end(server, undefined)];
	return a < b ? `${transport} ${a} ${b} ${scope}` : `${transport} ${b} ${a} ${scope}`;
}

function end({ address, port }: Endpoint, base: number | undefined): string {
	return `${address} ${port} ${base ?? ""}`;
}

function isLoopback(address: string): boolean {
	return address.startsWith("127.") || address === "::1";
}
