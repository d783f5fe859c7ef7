/** What a sink may want to know of a message without having its strings made. */
import { CapturedExchange } from "../engine/captured-exchange.js";
import type { Message } from "../engine/message.js";
import type { Body, Completeness, Exchange, SubMessage } from "../exchange.js";

export interface PayloadFacts {
	/** Of the whole message on the wire. */
	readonly messageBytes: number;
	/** Of the body, and what of it was captured. */
	readonly bytes: number;
	readonly captured: number;
	readonly completeness: Completeness;
	/**
	 * The captured bytes of the body and of the messages in it, as they lie: views that belong to the engine, not decoded.
	 * Structured values, and bodies that a source or redaction made, are given as the text that JSON has of them.
	 */
	pieces(): readonly Uint8Array[];
}

/** Null: the exchange has no such message. */
export function payloadFacts(exchange: Exchange, side: "request" | "response"): PayloadFacts | null {
	if (exchange instanceof CapturedExchange) {
		const message = side === "request" ? exchange.req : exchange.res;
		return message === null ? null : ofMessage(message);
	}
	const message = exchange[side];
	if (message === null) return null;
	const { body, messages } = message;
	return {
		messageBytes: message.bytes,
		bytes: body.bytes,
		captured: body.captured,
		completeness: body.completeness,
		pieces: () => [body, ...(messages ?? [])].map(textOf),
	};
}

function ofMessage(message: Message): PayloadFacts {
	const { payload, extras } = message;
	// raw bytes of rows need not be made rows for this, nor those of a message what its schema says
	if (extras !== null && (extras.items !== null || extras.parts !== null)) {
		const { items, parts } = extras;
		const body = items === null ? null : message.bodyView();
		return {
			messageBytes: message.bytes,
			bytes: body?.bytes ?? payload?.bytes ?? 0,
			captured: body?.captured ?? payload?.captured ?? 0,
			completeness: body?.completeness ?? payload?.completeness ?? "complete",
			pieces: () => [
				...(body === null ? (payload?.views() ?? []) : [textOf(body)]),
				...(parts ?? []).flatMap((part) =>
					part.itemList === null ? (part.payload?.views() ?? []) : [textOf(part.view())],
				),
			],
		};
	}
	return {
		messageBytes: message.bytes,
		bytes: payload?.bytes ?? 0,
		captured: payload?.captured ?? 0,
		completeness: payload?.completeness ?? "complete",
		pieces: () => payload?.views() ?? [],
	};
}

function textOf({ encoding, data }: Body | SubMessage): Uint8Array {
	if (typeof data === "string") return Buffer.from(data, encoding === "base64" ? "base64" : "utf8");
	return Buffer.from(JSON.stringify(data) ?? "");
}

/** A record has at least so many bytes of this message's payload: structured values may be shorter than their raw bytes. */
export function leastPayloadBytes(message: Message | null): number {
	if (message === null || message.payload === null || (message.extras?.decoder ?? null) !== null) return 0;
	return message.payload.captured;
}
