import type { Attributes, AttributeValue, Outcome } from "../exchange.js";
import { CapturedExchange } from "./captured-exchange.js";
import type { Conversation } from "./conversation.js";
import type { ConnectionFacts, VantageFacts } from "./facts.js";
import type { Stream } from "./stream.js";

/** What a connection's own record tells, beside what was said in it. */
export interface ConnectionSummary {
	readonly facts: ConnectionFacts;
	readonly bases: readonly [number, number] | null;
	readonly primary: VantageFacts;
	readonly streams: readonly [Stream, Stream];
	readonly isPlaintext: boolean;
	/** What sources told of all of it. */
	readonly annotations: Attributes | null;
	readonly datagrams: number;
	readonly outcome: Outcome;
	readonly openedUs: number;
	readonly lastUs: number;
}

/** The record of a connection; null where nothing passed. */
export function connectionRecord(summary: ConnectionSummary, conversation: Conversation): CapturedExchange | null {
	const { facts, bases, datagrams } = summary;
	const reason = conversation.opaqueReason;
	const protocol = conversation.protocol ?? "raw";
	const annotations: Record<string, AttributeValue> = { ...summary.annotations, ...conversation.notes };
	if (reason !== null) annotations["polytap.opaque.reason"] = reason;
	if (conversation.pinned !== null) annotations["polytap.protocol.pinned"] = conversation.pinned;
	if (datagrams > 0) annotations["polytap.datagrams"] = datagrams;
	let bytes = datagrams;
	for (const [dir, { capturedBytes, gapBytes, gapsByCause }] of summary.streams.entries()) {
		const name = dir === 0 ? "polytap.client_to_server" : "polytap.server_to_client";
		annotations[`${name}.bytes_captured`] = capturedBytes;
		annotations[`${name}.bytes_missing`] = gapBytes;
		for (const [cause, missing] of gapsByCause) annotations[`${name}.bytes_missing.${cause}`] = missing;
		bytes += capturedBytes + gapBytes;
	}
	if (bytes === 0) return null;
	const ordinal = summary.isPlaintext ? PLAINTEXT_ORDINAL : CONNECTION_ORDINAL;
	const scope = bases === null ? "local" : "network";
	const record = new CapturedExchange(facts, protocol, "connection", scope, ordinal, summary.primary);
	record.sequence = bases?.[0] ?? 0;
	record.annotations = annotations;
	record.outcome = summary.outcome;
	record.connectionSummary = {
		operation: `${facts.transport} connection`,
		result: reason ?? (protocol === "raw" ? "undetected" : ""),
		startUs: summary.openedUs,
		endUs: summary.lastUs,
	};
	return record;
}

/** The ordinal of a connection's own record: no exchange has it. */
const CONNECTION_ORDINAL = 0xffff_ffff;
/** The same of what another one carries. */
const PLAINTEXT_ORDINAL = 0xffff_fffe;
