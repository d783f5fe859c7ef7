/** What stands between an engine and whoever takes its exchanges. Synchronous, without a clock of its own. */
import type { Exchange } from "../exchange.js";
import type { ConnectionEnds, ConnectionFacts } from "./facts.js";

export interface ExchangeStage {
	/** A source's connection has begun, before any exchange of it. */
	opened(facts: ConnectionFacts, source: string): void;
	/** No exchange with these ends comes any more. */
	closed(ends: ConnectionEnds, nowUs: number): void;
	/** Instead of being emitted. */
	offer(exchange: Exchange, nowUs: number): void;
	tick(nowUs: number): void;
	/** No source will say anything more. */
	flush(): void;
	/** Cumulative, snake_case with units; added to the engine's own. */
	counters(): Readonly<Record<string, number>>;
}
