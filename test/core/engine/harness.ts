/** An engine with a toy parser, one source, and a clock that the test moves. */
import { Engine, type EngineOptions } from "../../../core/engine/engine.js";
import type {
	CaptureEvent,
	Direction,
	Exchange,
	GapCause,
	OpenEvent,
	ParserPlugin,
	Vantage,
} from "../../../core/index.js";
import { lineParser } from "./line-parser.js";

export class Harness {
	readonly exchanges: Exchange[] = [];
	readonly failures: unknown[] = [];
	readonly engine: Engine;
	readonly source: number;
	nowUs = 1_700_000_000_000_000;

	constructor(options: Partial<EngineOptions> = {}, parsers: readonly ParserPlugin[] = [lineParser]) {
		this.engine = new Engine(
			options,
			parsers,
			(exchange) => this.exchanges.push(exchange),
			(_plugin, error) => this.failures.push(error),
		);
		this.source = this.engine.addSource("test", "test");
	}

	feed(...events: CaptureEvent[]): this {
		this.engine.ingest(this.source, events, this.nowUs);
		return this;
	}

	open(conn = 1, role: Vantage = "server", more: Partial<OpenEvent> = {}): this {
		return this.feed({
			kind: "open",
			conn,
			tsUs: this.nowUs,
			transport: "tcp",
			client: { address: "127.0.0.1", port: 50000 },
			server: { address: "127.0.0.1", port: 80 },
			role,
			roleKnown: true,
			bases: [1000, 2000],
			fromStart: true,
			netns: 1,
			process: null,
			layer: "transport",
			lower: null,
			...more,
		});
	}

	bytes(dir: Direction, offset: number, text: string | Uint8Array, conn = 1): this {
		this.nowUs += 10;
		const data = typeof text === "string" ? Buffer.from(text, "latin1") : text;
		return this.feed({ kind: "bytes", conn, dir, offset, tsUs: this.nowUs, data: new Uint8Array(data) });
	}

	gap(dir: Direction, offset: number, length: number | null, cause: GapCause, conn = 1): this {
		return this.feed({ kind: "gap", conn, dir, tsUs: this.nowUs, offset, length, cause });
	}

	close(finals: readonly [number, number] | null, how: "fin" | "reset" = "fin", conn = 1): this {
		for (const dir of [0, 1] as const)
			this.feed({ kind: "end", conn, dir, tsUs: this.nowUs, finalOffset: finals?.[dir] ?? null, how });
		return this.feed({ kind: "close", conn, tsUs: this.nowUs });
	}

	pass(us: number): this {
		this.nowUs += us;
		this.engine.tick(this.nowUs);
		return this;
	}

	get counters(): Readonly<Record<string, number>> {
		return this.engine.counters();
	}

	/** `operation→result outcome`, for short assertions. */
	get lines(): string[] {
		return this.exchanges.map(
			({ summary, outcome, kind }) =>
				`${kind === "connection" ? "connection " : ""}${summary.operation}→${summary.result} ${outcome}`,
		);
	}
}
