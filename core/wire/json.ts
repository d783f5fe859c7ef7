/** The exchange record as JSON. What the engine made is written from shared, ready-made pieces; the rest is stringified. */
import { CapturedExchange } from "../engine/captured-exchange.js";
import type { VantageFacts } from "../engine/facts.js";
import type { Message } from "../engine/message.js";
import type { Exchange, ExchangeKind, Outcome } from "../exchange.js";
import { EXCHANGE_SCHEMA } from "../exchange.js";
import type { MessageHead } from "../plugin.js";
import { putConnection } from "./connection-json.js";
import { leastPayloadBytes } from "./payload-facts.js";
import {
	put,
	putHash,
	putHex32,
	putInteger,
	putMicros,
	putText,
	putTimed,
	setSecond,
	TIME_BYTES,
	TIME_HOLE,
	TimedPiece,
} from "./put.js";
import { putEncodedData } from "./put-body.js";
import { BETWEEN_TIMES, type HeadJson, MAX_TEMPLATE_BYTES, marks, RecordTemplate } from "./record-template.js";
import { hasNoExtras, isBare, isEmpty, isUsual } from "./shape.js";

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

/** A record is at least this long: no need to try where there is less room. */
export function leastJsonBytes(exchange: Exchange): number {
	if (!(exchange instanceof CapturedExchange)) return 0;
	return leastPayloadBytes(exchange.req) + leastPayloadBytes(exchange.res);
}

const text = (value: string): Uint8Array => new Uint8Array(Buffer.from(value));
const json = (value: unknown): string => JSON.stringify(value);

const NO_BODY = `,"trailers":[],"interim":[],"body":{"bytes":0,"captured":0,"completeness":"complete","gaps":[],"encoding":"utf8","data":""},"messages":null}`;
const MESSAGE_START = `{"startedAt":"${TIME_HOLE}Z","endedAt":"${TIME_HOLE}Z","bytes":`;
const MESSAGE_START_TIMES_AT = `{"startedAt":"`.length;
const MESSAGE_START_BYTES = MESSAGE_START.length;

const OPENING = text(`{"schema":${json(EXCHANGE_SCHEMA)},"id":"`);
const DURATION_TEXT = `Z","durationUs":`;
const NO_SUMMARY = text(`""`);
const NO_OPERATION = text(`"","result":`);
const NULL_REQUEST = text(`null,"response":`);
const NULL = text("null");
const MESSAGE = new TimedPiece(MESSAGE_START);
const NO_FIELDS = text(`,"attributes":{},"headers":[]`);
const RESPONSE = text(`,"response":`);
const NO_BODY_RESPONSE = new TimedPiece(`${NO_BODY},"response":${MESSAGE_START}`);
const EMPTY_BODY = text(NO_BODY);
const PLAIN_BODY = text(`,"trailers":[],"interim":[],"body":{"bytes":`);
const CAPTURED = text(`,"captured":`);
const COMPLETE_TEXT = text(`,"completeness":"complete","gaps":[],"encoding":"utf8","data":"`);
const ENCODED = text(`,"completeness":"complete","gaps":[],"encoding":`);
const BODY_END = text(`"},"messages":null}`);
const OBSERVED_BY = text(`,"observedBy":[`);
const PLAIN_END = text(`}],"flags":[],"annotations":{}}\n`);

const OUTCOMES: Record<Outcome, Uint8Array> = {
	ok: text(`,"outcome":"ok","summary":{"operation":`),
	error: text(`,"outcome":"error","summary":{"operation":`),
	unanswered: text(`,"outcome":"unanswered","summary":{"operation":`),
	aborted: text(`,"outcome":"aborted","summary":{"operation":`),
	partial: text(`,"outcome":"partial","summary":{"operation":`),
};

/** Everything between the id and the first number. Few combinations exist; the last one is remembered. */
class KindPiece {
	#protocol = "";
	#kind: ExchangeKind | null = null;
	#scope = "";
	#piece = MESSAGE;

	of({ protocol, kind, idScope, parentId }: CapturedExchange): TimedPiece {
		if (parentId === null && kind === this.#kind && protocol === this.#protocol && idScope === this.#scope)
			return this.#piece;
		const piece = new TimedPiece(
			`","idScope":${json(idScope)},"parentId":${json(parentId)},"protocol":${json(protocol)},"kind":${json(kind)},"startedAt":"${TIME_HOLE}${DURATION_TEXT}`,
		);
		if (parentId !== null) return piece;
		this.#protocol = protocol;
		this.#kind = kind;
		this.#scope = idScope;
		this.#piece = piece;
		return piece;
	}
}
const kindPiece = new KindPiece();
/** Both pieces that end in it have their time right before it. */
const TIME_BEFORE_DURATION = DURATION_TEXT.length + TIME_BYTES;

function captured(x: CapturedExchange, out: Buffer, from: number): number {
	const { req, res } = x;
	const { startUs, endUs } = x;
	const durationUs = endUs > startUs ? endUs - startUs : 0;
	setSecond(startUs);
	const cached = res?.messageHead?.json ?? null;
	if (cached === null || req === null || res === null || !isUsual(x, req, res, MAX_TEMPLATE_BYTES))
		return pieces(x, startUs, durationUs, out, from);
	if (cached.template !== null) {
		const end = cached.template.write(x, req, res, startUs, durationUs, out, from);
		if (end >= 0) return end;
	}
	const end = pieces(x, startUs, durationUs, out, from);
	const isRepeated = cached.lastRequest === req.messageHead && cached.lastBytes === res.bytes;
	cached.lastRequest = req.messageHead;
	cached.lastBytes = res.bytes;
	if (isRepeated && end <= out.length) cached.template = new RecordTemplate(x, req, res, out, from, end);
	return end;
}

function pieces(x: CapturedExchange, startUs: number, durationUs: number, out: Buffer, from: number): number {
	const { req, res } = x;
	let at = put(out, from, OPENING);
	marks.id = at;
	at = putHash(out, at, x.facts.endpointsHash);
	at = putHex32(out, at, x.sequence);
	at = putHex32(out, at, x.ordinal);
	at = putTimed(out, at, kindPiece.of(x));
	marks.started = at - TIME_BEFORE_DURATION;
	putMicros(out, marks.started, startUs);
	marks.duration = at;
	at = putInteger(out, at, durationUs);
	at = put(out, at, OUTCOMES[x.outcome]);
	at = putOperation(out, at, req?.messageHead);
	at = putResult(out, at, res?.messageHead);
	marks.connection = at;
	at = putConnection(out, at, x.facts);
	marks.request = at;
	if (req === null) at = put(out, at, NULL_REQUEST);
	else {
		at = putTimed(out, at, MESSAGE);
		marks.requestTimes = timesBefore(at);
		at = start(req, out, at);
		if (res !== null && isBare(req)) {
			at = putTimed(out, at, NO_BODY_RESPONSE);
			marks.responseTimes = timesBefore(at);
			at = content(res, out, start(res, out, at));
		} else at = put(out, content(req, out, at), RESPONSE);
	}
	if (res === null) at = put(out, at, NULL);
	else if (req === null || !isBare(req)) at = content(res, out, start(res, out, putTimed(out, at, MESSAGE)));
	at = put(out, at, OBSERVED_BY);
	at = observedBy(x, startUs, durationUs, out, at);
	return x.flags.length === 0 && isEmpty(x.annotations)
		? put(out, at, PLAIN_END)
		: putText(out, at, `}],"flags":${json(x.flags)},"annotations":${json(x.annotations)}}\n`);
}

/** Where the first time is in the MESSAGE piece that was put before `at`. */
function timesBefore(at: number): number {
	return at - MESSAGE_START_BYTES + MESSAGE_START_TIMES_AT;
}

/** Times and size, into the MESSAGE piece that was put before `at`, and the head. */
function start(m: Message, out: Buffer, from: number): number {
	const times = timesBefore(from);
	putMicros(out, times, m.startUs);
	putMicros(out, times + BETWEEN_TIMES, m.endUs);
	const at = putInteger(out, from, m.bytes);
	return putFields(out, at, m.messageHead);
}

/** What follows the head. */
function content(m: Message, out: Buffer, from: number): number {
	const { payload } = m;
	const isPlain = hasNoExtras(m);
	if (isPlain && payload === null) return put(out, from, EMPTY_BODY);
	if (isPlain && payload !== null && payload.gaps === null && m.coding === null) {
		let at = put(out, from, PLAIN_BODY);
		at = putInteger(out, at, payload.bytes);
		at = put(out, at, CAPTURED);
		at = putInteger(out, at, payload.captured);
		if (payload.isPlainText()) {
			at = put(out, at, COMPLETE_TEXT);
			marks.body = at;
			return put(out, payload.copyTo(out, at), BODY_END);
		}
		return put(out, putEncodedData(out, put(out, at, ENCODED), payload), BODY_END);
	}
	const { trailers, interim, body, messages } = m.view();
	return putText(
		out,
		from,
		`,"trailers":${json(trailers)},"interim":${json(interim)},"body":${json(body)},"messages":${json(messages)}}`,
	);
}

function observedBy(x: CapturedExchange, startUs: number, durationUs: number, out: Buffer, from: number): number {
	if (x.sightings === null) return sighting(x.seenBy, startUs, durationUs, out, from);
	let at = from;
	for (const each of x.sightings) {
		if (at > from) {
			out[at] = 0x7d;
			out[at + 1] = 0x2c;
			at += 2;
		}
		at = sighting(each.facts, each.startUs, Math.max(0, each.endUs - each.startUs), out, at);
	}
	return at;
}

/** One observation, without its closing brace. */
function sighting(facts: VantageFacts, startUs: number, durationUs: number, out: Buffer, from: number): number {
	const { piece } = facts;
	piece.json ??= new TimedPiece(
		`{"source":${json(facts.source)},"type":${json(facts.type)},"vantage":${json(facts.vantage)},"startedAt":"${TIME_HOLE}${DURATION_TEXT}`,
	);
	const at = putTimed(out, from, piece.json);
	marks.observed = at - TIME_BEFORE_DURATION;
	putMicros(out, marks.observed, startUs);
	marks.observedDuration = at;
	return putInteger(out, at, durationUs);
}

/** The kept pieces of a head that was written before; null for one that comes for the first time. */
function keptHead(head: MessageHead): HeadJson | null {
	return head.json ?? (head.wasWritten ? headJson(head) : null);
}

function headJson(head: MessageHead): HeadJson {
	head.json ??= {
		operation: text(`${json(head.summary)},"result":`),
		result: text(json(head.summary)),
		fields: text(`,"attributes":${json(head.attributes)},"headers":${json(head.headers)}`),
		template: null,
		lastRequest: null,
		lastBytes: 0,
	};
	return head.json;
}

function putOperation(out: Buffer, at: number, head: MessageHead | null | undefined): number {
	if (!head) return put(out, at, NO_OPERATION);
	const kept = keptHead(head);
	return kept !== null ? put(out, at, kept.operation) : putText(out, at, `${json(head.summary)},"result":`);
}

function putResult(out: Buffer, at: number, head: MessageHead | null | undefined): number {
	if (!head) return put(out, at, NO_SUMMARY);
	const kept = keptHead(head);
	return kept !== null ? put(out, at, kept.result) : putText(out, at, json(head.summary));
}

/** Attributes and headers. The last that is written of a head: from here on it was written before. */
function putFields(out: Buffer, from: number, head: MessageHead | null): number {
	if (head === null) return put(out, from, NO_FIELDS);
	const kept = keptHead(head);
	if (kept !== null) return put(out, from, kept.fields);
	head.wasWritten = true;
	const { block } = head;
	const attributes = `,"attributes":${json(head.attributes)},"headers":`;
	if (block.json === null && block.wasWritten) block.json = text(json(block.list));
	if (block.json !== null) return put(out, putText(out, from, attributes), block.json);
	block.wasWritten = true;
	return putText(out, from, attributes + json(block.list));
}
