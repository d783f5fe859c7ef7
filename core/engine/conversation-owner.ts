import type { DetectHint } from "../plugin.js";
import type { CapturedExchange } from "./captured-exchange.js";
import type { ConnectionFacts, VantageFacts } from "./facts.js";
import type { EngineOptions } from "./options.js";
import type { ParserRegistry } from "./registry.js";
import type { SlabPool } from "./slab.js";
import type { EngineTotals } from "./totals.js";

/** What all conversations of an engine share. */
export interface EngineContext {
	readonly options: EngineOptions;
	readonly registry: ParserRegistry;
	readonly slabs: SlabPool;
	readonly totals: EngineTotals;
	nowUs: number;
}

/** The connection that a conversation belongs to. */
export interface ConversationOwner {
	readonly facts: ConnectionFacts;
	readonly bases: readonly [number, number] | null;
	/** The vantage whose bytes are being delivered. */
	readonly primary: VantageFacts;
	/** May client and server still turn out to be the other way round? */
	readonly rolesAreGuessed: boolean;
	hint(late: boolean): DetectHint;
	swapRoles(): void;
	exchangeDone(exchange: CapturedExchange): void;
}
