import type { GapCause } from "../events.js";
import type { Outcome } from "../exchange.js";

/** What an engine has counted so far. One object for each engine, shared by its parts. */
export class EngineTotals {
	events = 0;
	bytesCaptured = 0;
	bytesMissing = 0;
	bytesDuplicate = 0;
	bytesUncompared = 0;
	bytesConflicting = 0;
	/** Bytes without a connection that anybody knows, or from before where watching of theirs began. */
	bytesOrphaned = 0;
	/** Bytes that were captured but belong to no message: skipped to find the next one. */
	bytesSkipped = 0;
	bytesOpaque = 0;
	datagrams = 0;
	/** Seen from a second place. */
	datagramsDuplicate = 0;
	connectionsOpened = 0;
	connectionsClosed = 0;
	connectionsEvicted = 0;
	connectionsOpaque = 0;
	/** Of those: what the configured protocol's parser could not read anything of. */
	connectionsPinMismatched = 0;
	/** Logical streams inside connections. */
	streamsOpaque = 0;
	pendingEvicted = 0;
	parserFailures = 0;
	lossEvents = 0;
	readonly missingByCause = new Map<GapCause, number>();
	readonly lossByCause = new Map<GapCause, number>();
	exchanges = 0;
	readonly #byOutcome: Record<Outcome, number> = { ok: 0, error: 0, unanswered: 0, aborted: 0, partial: 0 };

	exchange(outcome: Outcome): void {
		this.exchanges++;
		this.#byOutcome[outcome]++;
	}

	missing(bytes: number, cause: GapCause): void {
		this.bytesMissing += bytes;
		add(this.missingByCause, cause, bytes);
	}

	flat(): Record<string, number> {
		const flat: Record<string, number> = {
			events: this.events,
			bytes_captured: this.bytesCaptured,
			bytes_missing: this.bytesMissing,
			bytes_duplicate: this.bytesDuplicate,
			bytes_uncompared: this.bytesUncompared,
			bytes_conflicting: this.bytesConflicting,
			bytes_orphaned: this.bytesOrphaned,
			bytes_skipped: this.bytesSkipped,
			bytes_opaque: this.bytesOpaque,
			datagrams: this.datagrams,
			datagrams_duplicate: this.datagramsDuplicate,
			connections_opened: this.connectionsOpened,
			connections_closed: this.connectionsClosed,
			connections_evicted: this.connectionsEvicted,
			connections_opaque: this.connectionsOpaque,
			connections_pin_mismatched: this.connectionsPinMismatched,
			streams_opaque: this.streamsOpaque,
			pending_evicted: this.pendingEvicted,
			parser_failures: this.parserFailures,
			loss_events: this.lossEvents,
			exchanges: this.exchanges,
		};
		for (const [cause, bytes] of this.missingByCause) flat[`bytes_missing_${snake(cause)}`] = bytes;
		for (const [cause, bytes] of this.lossByCause) flat[`bytes_lost_${snake(cause)}`] = bytes;
		for (const [outcome, count] of Object.entries(this.#byOutcome)) if (count > 0) flat[`exchanges_${outcome}`] = count;
		return flat;
	}
}

export function add<K>(map: Map<K, number>, key: K, count: number): void {
	map.set(key, (map.get(key) ?? 0) + count);
}

function snake(name: string): string {
	return name.replaceAll("-", "_");
}
