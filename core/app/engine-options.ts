import type { CaptureOptions, ProtocolEntry } from "../config/schema.js";
import type { EngineOptions, PortHint } from "../engine/options.js";

/** `capture` of a config as the engine takes it. */
export function engineOptions(capture: CaptureOptions): Partial<EngineOptions> {
	return {
		maxBodyBytes: capture.max_body_bytes,
		mergeWindowUs: capture.merge_window_ms * 1000,
		requestTimeoutUs: capture.request_timeout_ms * 1000,
		maxConnections: capture.max_connections,
		connectionRecords: capture.connection_records,
		maxHeldBytes: capture.max_held_bytes,
		merge: capture.merge,
		correlationWindowUs: capture.correlation_window_ms * 1000,
	};
}

/** `protocols` of a config. */
export function portHints(protocols: readonly ProtocolEntry[]): readonly PortHint[] {
	return protocols.filter(({ ports }) => ports.length > 0).map(({ protocol, ports }) => ({ protocol, ports }));
}
