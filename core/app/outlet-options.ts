import { join } from "node:path";
import type { SinkEntry } from "../config/schema.js";
import type { OutletOptions } from "../delivery/outlet.js";
import type { SpoolOptions } from "../delivery/spool/spool.js";

/** How often a batch is offered again where the config does not say and no spool keeps the rest. */
const RETRIES = 5;

export function outletOptions({ queue }: SinkEntry): OutletOptions {
	const { spool } = queue;
	return {
		maxExchanges: queue.max_exchanges,
		maxBytes: queue.max_bytes,
		// in front of a spool that is full, the queue gives way as the spool does
		whenFull: queue.when_full === "spool" ? (spool?.when_full ?? "drop_newest") : queue.when_full,
		batchExchanges: queue.batch_exchanges,
		batchBytes: queue.batch_bytes,
		batchMs: queue.batch_ms,
		writeTimeoutMs: queue.write_timeout_ms,
		maxRetries: queue.max_retries ?? (spool === undefined ? RETRIES : Number.POSITIVE_INFINITY),
		retryMs: queue.retry_ms,
		retryMaxMs: queue.retry_max_ms,
		spoolAlways: spool?.always === true,
	};
}

/** Null: the sink has no spool. */
export function spoolOptions({ name, queue }: SinkEntry): SpoolOptions | null {
	const { spool } = queue;
	if (queue.when_full !== "spool" || spool === undefined) return null;
	return {
		path: join(spool.path, name),
		maxBytes: spool.max_bytes,
		syncMs: spool.sync_ms,
		whenFull: spool.when_full,
	};
}
