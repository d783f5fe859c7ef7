/** The exchange record as JSON. What the engine made is written from shared, ready-made pieces; the rest is stringified. */
import { CapturedExchange, type Sighting } from "../engine/captured-exchange.js";
import type { ConnectionFacts, VantageFacts } from "../engine/facts.js";
import type { Message } from "../engine/message.js";
import type { Exchange, ExchangeKind, Outcome } from "../exchange.js";
import { EXCHANGE_SCHEMA } from "../exchange.js";
import type { MessageHead } from "../plugin.js";
import { textOrBase64 } from "./body.js";
import { copy, put, putHex32, putInteger, putText, putTime } from "./put.js";

/** One exchange as one JSON object on one line, without the newline. */
export function toJson(exchange: Exchange): string {
	return JSON.stringify(exchange);
}

/**
 * Writes `toJson(exchange)` and a newline as UTF-8 into `target` from `at` on. Returns the position after it, or -1 where
 * `target` is too small (nothing after `at` may be relied on then).
 */
export function writeJson(exchange: Exchange, target: Buffer, at: number): number {
	try {
		const end =
			exchange instanceof CapturedExchange && exchange.connectionSummary === null
				? captured(exchange, target, at)
				: putText(target, at, `${toJson(exchange)}\n`);
		return end <= target.length ? end : -1;
	} catch (error) {
		// a piece that does not fit
		if (error instanceof RangeError) return -1;
		throw error;
	}
}

const text = (value: string): Uint8Array => new Uint8Array(Buffer.from(value));
const json = (value: unknown): string => JSON.stringify(value);

const OPENING = text(`{"schema":${json(EXCHANGE_SCHEMA)},"id":"`);
const DURATION = text(`Z","durationUs":`);
const OPERATION = text(`,"summary":{"operation":`);
const RESULT = text(`,"result":`);
const NO_SUMMARY = text(`""`);
const REQUEST = text(`,"request":`);
const RESPONSE = text(`,"response":`);
const NULL = text("null");
const STARTED_AT = text(`{"startedAt":"`);
const ENDED_AT = text(`Z","endedAt":"`);
const BYTES = text(`Z","bytes":`);
const NO_FIELDS = text(`,"attributes":{},"headers":[]`);
const PLAIN_BODY = text(`,"trailers":[],"interim":[],"body":{"bytes":`);
const CAPTURED = text(`,"captured":`);
const COMPLETE_TEXT = text(`,"completeness":"complete","gaps":[],"encoding":"utf8","data":"`);
const NO_BODY = text(
	`,"trailers":[],"interim":[],"body":{"bytes":0,"captured":0,"completeness":"complete","gaps":[],"encoding":"utf8","data":""},"messages":null}`,
);
const BODY_END = text(`"},"messages":null}`);
const OBSERVED_BY = text(`,"observedBy":[`);
const PLAIN_END = text(`],"flags":[],"annotations":{}}\n`);

const kindPieces = new Map<string, Uint8Array>();

/** Everything between the id and the first time; few combinations exist. */
function kindPiece(protocol: string, kind: ExchangeKind, scope: string): Uint8Array {
	const key = `${scope} ${kind} ${protocol}`;
	let piece = kindPieces.get(key);
	if (piece === undefined) {
		piece = text(
			`","idScope":${json(scope)},"parentId":null,"protocol":${json(protocol)},"kind":${json(kind)},"startedAt":"`,
		);
		if (kindPieces.size < 256) kindPieces.set(key, piece);
	}
	return piece;
}
let lastKind: ExchangeKind | null = null;
let lastProtocol = "";
let lastScope = "";
let lastPiece: Uint8Array = NULL;

const OUTCOMES: Record<Outcome, Uint8Array> = {
	ok: text(`,"outcome":"ok"`),
	error: text(`,"outcome":"error"`),
	unanswered: text(`,"outcome":"unanswered"`),
	aborted: text(`,"outcome":"aborted"`),
	partial: text(`,"outcome":"partial"`),
};

function captured(x: CapturedExchange, out: Buffer, from: number): number {
	const { facts, req, res } = x;
	let at = put(out, from, OPENING);
	at = put(out, at, (facts.hashBytes ??= text(facts.endpointsHash)));
	at = putHex32(out, at, x.sequence);
	at = putHex32(out, at, x.ordinal);
	if (x.parentId !== null) {
		const { idScope, parentId, protocol, kind } = x;
		at = putText(
			out,
			at,
			`","idScope":${json(idScope)},"parentId":${json(parentId)},"protocol":${json(protocol)},"kind":${json(kind)},"startedAt":"`,
		);
	} else {
		if (x.kind !== lastKind || x.protocol !== lastProtocol || x.idScope !== lastScope) {
			lastPiece = kindPiece(x.protocol, x.kind, x.idScope);
			lastKind = x.kind;
			lastProtocol = x.protocol;
			lastScope = x.idScope;
		}
		at = put(out, at, lastPiece);
	}
	const { startUs } = x;
	at = putTime(out, at, startUs);
	at = put(out, at, DURATION);
	at = putInteger(out, at, x.durationUs);
	at = put(out, at, OUTCOMES[x.outcome]);
	at = put(out, at, OPERATION);
	at = put(out, at, req?.messageHead ? headJson(req.messageHead).summary : NO_SUMMARY);
	at = put(out, at, RESULT);
	at = put(out, at, res?.messageHead ? headJson(res.messageHead).summary : NO_SUMMARY);
	at = put(out, at, (facts.json ??= connectionJson(facts)));
	at = put(out, at, REQUEST);
	at = req === null ? put(out, at, NULL) : message(req, out, at);
	at = put(out, at, RESPONSE);
	at = res === null ? put(out, at, NULL) : message(res, out, at);
	at = put(out, at, OBSERVED_BY);
	at = observedBy(x, out, at);
	return x.flags.length === 0 && isEmpty(x.annotations)
		? put(out, at, PLAIN_END)
		: putText(out, at, `],"flags":${json(x.flags)},"annotations":${json(x.annotations)}}\n`);
}

function message(m: Message, out: Buffer, from: number): number {
	let at = put(out, from, STARTED_AT);
	at = putTime(out, at, m.startUs);
	at = put(out, at, ENDED_AT);
	at = putTime(out, at, m.endUs);
	at = put(out, at, BYTES);
	at = putInteger(out, at, m.bytes);
	at = put(out, at, m.messageHead === null ? NO_FIELDS : headJson(m.messageHead).fields);
	const { payload } = m;
	const isPlain = m.trailerList.length === 0 && m.interims === null && m.subMessages === null;
	if (isPlain && payload === null) return put(out, at, NO_BODY);
	if (isPlain && payload !== null && payload.gaps === null && m.coding === null) {
		const bytes = payload.contiguous();
		at = put(out, at, PLAIN_BODY);
		at = putInteger(out, at, payload.bytes);
		at = put(out, at, CAPTURED);
		at = putInteger(out, at, payload.captured);
		const end = copy(out, put(out, at, COMPLETE_TEXT), bytes);
		if (end >= 0) return put(out, end, BODY_END);
		return putText(out, at, plainBodyTail(bytes));
	}
	const { trailers, interim, body, messages } = m.view();
	return putText(
		out,
		at,
		`,"trailers":${json(trailers)},"interim":${json(interim)},"body":${json(body)},"messages":${json(messages)}}`,
	);
}

function observedBy(x: CapturedExchange, out: Buffer, from: number): number {
	if (x.sightings === null) return sighting(x.seenBy, x.startUs, x.endUs, out, from);
	let at = from;
	for (const { facts, startUs, endUs } of x.sightings as readonly Sighting[]) {
		if (at > from) out[at++] = 0x2c;
		at = sighting(facts, startUs, endUs, out, at);
	}
	return at;
}

function sighting(facts: VantageFacts, startUs: number, endUs: number, out: Buffer, from: number): number {
	facts.json ??= text(
		`{"source":${json(facts.source)},"type":${json(facts.type)},"vantage":${json(facts.vantage)},"startedAt":"`,
	);
	let at = put(out, from, facts.json);
	at = putTime(out, at, startUs);
	at = put(out, at, DURATION);
	at = putInteger(out, at, Math.max(0, endUs - startUs));
	out[at] = 0x7d;
	return at + 1;
}

function headJson(head: MessageHead): { readonly summary: Uint8Array; readonly fields: Uint8Array } {
	head.json ??= {
		summary: text(json(head.summary)),
		fields: text(`,"attributes":${json(head.attributes)},"headers":${json(head.headers)}`),
	};
	return head.json;
}

function connectionJson({ id, transport, client, server, tls }: ConnectionFacts): Uint8Array {
	return text(`},"connection":${json({ id, transport, client, server, tls })}`);
}

function plainBodyTail(bytes: Uint8Array): string {
	const { encoding, data } = textOrBase64(bytes);
	return `,"completeness":"complete","gaps":[],"encoding":${json(encoding)},"data":${json(data)}},"messages":null}`;
}

function isEmpty(value: object): boolean {
	for (const _ in value) return false;
	return true;
}
