/** What came out of the engine, copied while it is there: its memory is used again when the exchange is released. */
import type { CapturedExchange } from "../../../core/engine/captured-exchange.js";
import type { Message } from "../../../core/engine/message.js";
import type { BodyGap, Direction, Exchange } from "../../../core/index.js";

/** One half of an exchange. */
export interface SeenMessage {
	readonly dir: Direction;
	readonly start: number;
	readonly end: number;
	readonly outcome: Message["outcome"];
	readonly hasHead: boolean;
	readonly attributes: Readonly<Record<string, unknown>>;
	/** Payload as it was told: what was captured, before any decoding. */
	readonly body: Uint8Array;
	readonly bodyBytes: number;
	readonly gaps: readonly BodyGap[];
	/** Structured values, or null where the payload is bytes. */
	readonly items: readonly string[] | null;
	/** Whole parts, as JSON without their times. */
	readonly parts: readonly string[];
}

export interface SeenExchange {
	/** The record, as plain data. */
	readonly record: Exchange;
	readonly request: SeenMessage | null;
	readonly response: SeenMessage | null;
	/** Paired by a tag, and not in order. */
	readonly isTagged: boolean;
	/** Everything but times, for comparing two ways of offering the same bytes. */
	readonly digest: string;
}

export function seen(exchange: Exchange): SeenExchange {
	const captured = exchange as CapturedExchange;
	const record = JSON.parse(JSON.stringify(exchange)) as Exchange;
	return {
		record,
		request: captured.req === null ? null : message(captured.req),
		response: captured.res === null ? null : message(captured.res),
		isTagged: (captured.ordinal & 0x7fff_ffff) !== 0,
		digest: withoutTimes(record),
	};
}

/** Everything else, as text. */
export function withoutTimes(record: unknown): string {
	return JSON.stringify(record, (key, value) => {
		if (TIMES.has(key) || key.endsWith("_us")) return undefined;
		// facts of two directions come in the order in which those were seen
		return key === "annotations" ? Object.fromEntries(Object.entries(value as object).sort()) : value;
	});
}

const TIMES = new Set(["startedAt", "endedAt", "durationUs", "at", "observedBy"]);

function message(from: Message): SeenMessage {
	const { payload, extras } = from;
	const items = extras?.items?.view() ?? null;
	const parts = (extras?.messages() ?? []).filter(({ completeness = "complete" }) => completeness === "complete");
	return {
		dir: from.dir,
		start: from.startOffset,
		end: from.endOffset,
		outcome: from.outcome,
		hasHead: from.messageHead !== null,
		attributes: from.messageHead?.attributes ?? {},
		body: payload === null ? new Uint8Array(0) : Uint8Array.from(payload.contiguous()),
		bodyBytes: items?.bytes ?? payload?.bytes ?? 0,
		gaps: items?.gaps ?? payload?.gaps ?? [],
		items: items === null ? null : (items.data as unknown[]).map((value) => JSON.stringify(value)),
		parts: parts.map(({ at: _at, ...part }) => JSON.stringify(part)),
	};
}
