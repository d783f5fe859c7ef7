import type { SinkEntry } from "../config/schema.js";

export function outletOptions({ queue }: SinkEntry) {
	return {
		maxExchanges: queue.max_exchanges,
		maxBytes: queue.max_bytes,
		whenFull: queue.when_full,
		batchExchanges: queue.batch_exchanges,
		batchBytes: queue.batch_bytes,
		writeTimeoutMs: queue.write_timeout_ms,
		maxRetries: queue.max_retries,
		retryMs: queue.retry_ms,
	};
}
