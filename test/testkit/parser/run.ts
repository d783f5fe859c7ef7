import { Engine } from "../../../core/engine/engine.js";
import type { CaptureEvent, Direction, Exchange, ParserPlugin } from "../../../core/index.js";
import { type Sent, START_US, type Talk } from "./conversation.js";
import type { Findings } from "./findings.js";
import { type SeenExchange, seen } from "./seen.js";
import { type Watch, watchedPlugin } from "./watched-parser.js";

/** The parser under test, and those that it hands over to or that hand over to it. */
export interface Subject {
	readonly plugin: ParserPlugin;
	readonly others: readonly ParserPlugin[];
}

/** Memory for the bytes that a parser is shown. */
export interface Memory {
	/** A copy of `bytes` that the parser may be shown. */
	lend(bytes: Uint8Array): Uint8Array;
	/** The call is over: whoever keeps the memory reads something else from now on. */
	end(): void;
}

/** Fresh memory for each call. */
export const KEPT: Memory = { lend: (bytes) => Uint8Array.from(bytes), end: () => {} };

/** The same memory for each call, overwritten after it, as a ring is. */
export class Reused implements Memory {
	#memory = new Uint8Array(65_536);
	#used = 0;

	lend(bytes: Uint8Array): Uint8Array {
		if (bytes.length > this.#memory.length) this.#memory = new Uint8Array(bytes.length * 2);
		this.#memory.set(bytes);
		this.#used = bytes.length;
		return this.#memory.subarray(0, bytes.length);
	}

	end(): void {
		this.#memory.fill(0xa5, 0, this.#used);
	}
}

export interface RunOptions {
	readonly memory?: Memory;
	/** Offsets at which watching begins: after the first byte of the stream where they are not 0. */
	readonly from?: readonly [number, number];
	readonly onCall?: (what: string) => void;
	/** Gets what comes out, for as long as the call takes, instead of `exchanges`. */
	readonly onExchange?: (exchange: Exchange) => void;
}

const SOURCE = "testkit";
const BASES = [100_000, 5_000_000] as const;

/** One connection through the real engine, with the parser watched. Time stands still unless `pass` is called. */
export class ParserRun {
	readonly exchanges: SeenExchange[] = [];
	readonly watch: Watch;
	readonly #talk: Talk;
	readonly #engine: Engine;
	readonly #source: number;
	readonly #memory: Memory;
	readonly #at: [number, number];
	#nowUs = START_US;
	#isOver = false;

	constructor(subject: Subject, talk: Talk, findings: Findings, options: RunOptions = {}) {
		this.#talk = talk;
		this.#memory = options.memory ?? KEPT;
		this.watch = { findings, created: 0, ...(options.onCall === undefined ? {} : { onCall: options.onCall }) };
		const parsers = [watchedPlugin(subject.plugin, this.watch), ...subject.others];
		const { onExchange = (exchange: Exchange) => this.exchanges.push(seen(exchange)) } = options;
		const emit = (exchange: Exchange) => {
			onExchange(exchange);
			(exchange as Exchange & { release(): void }).release();
		};
		this.#engine = new Engine({ maxBodyBytes: 64 << 20, connectionRecords: true }, parsers, emit);
		this.#source = this.#engine.addSource(SOURCE, SOURCE);
		const from = options.from ?? [0, 0];
		this.#at = [from[0], from[1]];
		this.#feed({
			kind: "open",
			conn: 1,
			tsUs: START_US,
			transport: "tcp",
			client: { address: "192.0.2.1", port: 50_000 },
			server: { address: "192.0.2.2", port: talk.serverPort },
			role: "server",
			roleKnown: true,
			bases: BASES,
			fromStart: true,
			netns: null,
			process: null,
			layer: "transport",
			lower: null,
		});
	}

	/** Why the connection is not parsed to its end, or null. */
	get opaque(): string | null {
		if (this.#engine.totals.connectionsOpaque === 0) return null;
		const connection = this.exchanges.find(({ record }) => record.kind === "connection");
		return connection === undefined ? "opaque" : JSON.stringify(connection.record.annotations);
	}

	get isDetected(): boolean {
		return this.watch.created > 0;
	}

	left(dir: Direction): number {
		return this.#talk.streams[dir].length - this.#at[dir];
	}

	position(dir: Direction): number {
		return this.#at[dir];
	}

	/** The next `count` bytes of a direction, in one call. */
	next(dir: Direction, count: number): void {
		const offset = this.#at[dir];
		const bytes = this.#talk.streams[dir].subarray(offset, offset + count);
		if (bytes.length === 0) return;
		this.#at[dir] = offset + bytes.length;
		const tsUs = this.#talk.timeAt(dir, offset);
		this.#feed({ kind: "bytes", conn: 1, dir, offset, tsUs, data: this.#memory.lend(bytes) });
		this.#memory.end();
	}

	/** A piece as it was sent, without what was offered or left out of it already. */
	piece({ dir, to }: Sent, pieceBytes = Number.POSITIVE_INFINITY): void {
		while (this.#at[dir] < to) this.next(dir, Math.min(pieceBytes, to - this.#at[dir]));
	}

	/** The next `count` bytes are missing, for good. */
	gap(dir: Direction, count: number): void {
		const offset = this.#at[dir];
		const length = Math.min(count, this.left(dir));
		this.#at[dir] = offset + length;
		const tsUs = this.#talk.timeAt(dir, offset);
		this.#feed({ kind: "gap", conn: 1, dir, tsUs, offset, length, cause: "ring-full", isFinal: true });
	}

	/** Longer than anybody waits for the other direction. */
	pass(us: number): void {
		this.#nowUs += us;
		this.#engine.tick(this.#nowUs);
	}

	/** Both directions end where they stand, unless `how` is null: then watching stops. */
	end(how: "fin" | "reset" | null = "fin"): this {
		if (this.#isOver) return this;
		this.#isOver = true;
		const tsUs = this.#talk.sent.at(-1)?.atUs ?? START_US;
		if (how !== null)
			for (const dir of [0, 1] as const)
				this.#feed({ kind: "end", conn: 1, dir, tsUs, finalOffset: this.#at[dir], how });
		if (how !== null) this.#feed({ kind: "close", conn: 1, tsUs });
		this.#engine.sourceEnded(this.#source, this.#nowUs);
		return this;
	}

	/** Everything that was said, but for its times. */
	get digest(): string[] {
		return this.exchanges.map(({ digest }) => digest).sort();
	}

	#feed(event: CaptureEvent): void {
		this.#engine.ingest(this.#source, [event], this.#nowUs);
	}
}
