/** The exchange record as exchange.proto: entries behind their lengths. What the engine made is written without its strings. */
import { crc32 } from "node:zlib";
import { CapturedExchange } from "../engine/captured-exchange.js";
import type { VantageFacts } from "../engine/facts.js";
import type { Message } from "../engine/message.js";
import type { Payload } from "../engine/payload.js";
import { EXCHANGE_SCHEMA, type Exchange } from "../exchange.js";
import type { MessageHead } from "../plugin.js";
import { decodeContent } from "./content-decoding.js";
import { TAG } from "./exchange-proto.js";
import { leastPayloadBytes } from "./payload-facts.js";
import {
	putBody,
	putConnection,
	putInterims,
	putRecord,
	putRemarks,
	putSubMessages,
	putSummary,
	putTruth,
} from "./proto-record.js";
import { ProtoTemplate } from "./proto-template.js";
import { BODY_TAGS, putAttributes, putGaps, putHeaders, putRaw, putWord } from "./proto-values.js";
import { put, putHash, putHex32 } from "./put.js";
import { close, open, putCount, putMicroseconds, putString, putVarint, varintBytes } from "./put-proto.js";
import { isUsual } from "./shape.js";

const SMALL = 64;
/** What a message, and an exchange, is expected to take beside its payload. */
const FRAME = 256;
const CHECKSUM_BYTES = 5;
/** Up to here looking at the bytes ourselves is faster than having them looked at. */
const SHORT_TEXT = 512;
const LARGEST_TEMPLATE = 16_384;
const LARGEST_SCRATCH = 1 << 21;

/** Bodies in several pieces are put together here. */
const scratch = Buffer.allocUnsafeSlow(LARGEST_SCRATCH);

/** What a file begins with. */
export function protobufHeader(): Uint8Array {
	const out = Buffer.alloc(256);
	const start = open(out, 1, TAG.ENTRY_HEADER, SMALL);
	const end = close(out, 1, SMALL, putString(out, start, TAG.HEADER_SCHEMA, EXCHANGE_SCHEMA));
	return out.subarray(0, sealed(out, 0, 1, end));
}

/**
 * Writes one entry, its length before it, into `target` from `at` on. Returns the position after it, or -1 where `target` is
 * too small (nothing after `at` may be relied on then). Throws a TypeError where a value has no place in exchange.proto.
 */
export function writeProtobuf(exchange: Exchange, target: Buffer, at: number): number {
	try {
		return exchange instanceof CapturedExchange && exchange.connectionSummary === null
			? captured(target, at, exchange)
			: framed(target, at, exchange, putRecord);
	} catch (error) {
		if (error instanceof RangeError) return -1;
		throw error;
	}
}

/** One whose shape came before is written from that one; see core/wire/shape.ts. */
function captured(out: Buffer, at: number, x: CapturedExchange): number {
	const { req, res } = x;
	const kept = res?.messageHead?.proto ?? null;
	if (kept === null || req === null || res === null || !isUsual(x, req, res, SHORT_TEXT))
		return framed(out, at, x, pieces);
	if (kept.template !== null && x.facts.proto !== null) {
		const end = kept.template.write(x, req, res, x.facts.proto, CHECKSUM_BYTES, out, at);
		if (end >= 0) return end + CHECKSUM_BYTES > out.length ? -1 : summed(out, kept.template.entryAt, end);
	}
	const end = framed(out, at, x, pieces);
	const isRepeated = kept.lastRequest === req.messageHead && kept.lastBytes === res.bytes;
	kept.lastRequest = req.messageHead;
	kept.lastBytes = res.bytes;
	if (isRepeated && end >= 0 && end - at <= LARGEST_TEMPLATE) kept.template = templateOf(x, req, res);
	return end;
}

function templateOf(x: CapturedExchange, req: Message, res: Message): ProtoTemplate | null {
	const piece = (put: (out: Buffer) => number) => new Uint8Array(scratch.subarray(0, put(scratch)));
	return ProtoTemplate.of(x, req, res, {
		opening: piece((out) => opening(out, 0, x)),
		summary: piece((out) => summary(out, 0, x)),
		request: piece((out) => message(out, 0, TAG.EXCHANGE_REQUEST, req)),
		response: piece((out) => message(out, 0, TAG.EXCHANGE_RESPONSE, res)),
		observation: piece((out) => sighting(out, 0, x.seenBy, x.startUs, 0)),
	});
}

/** An entry of which nobody knows how long it will be. */
function framed<X extends Exchange>(
	out: Buffer,
	at: number,
	exchange: X,
	write: (out: Buffer, at: number, exchange: X) => number,
): number {
	const expected = FRAME + leastProtobufBytes(exchange);
	const entry = at + varintBytes(expected);
	const end = write(out, open(out, entry, TAG.ENTRY_EXCHANGE, expected), exchange);
	if (end + CHECKSUM_BYTES > out.length) return -1;
	const done = sealed(out, at, entry, close(out, entry, expected, end));
	return done <= out.length ? done : -1;
}

/** A record is at least this long: no need to try where there is less room. */
export function leastProtobufBytes(exchange: Exchange): number {
	if (!(exchange instanceof CapturedExchange)) return 0;
	return leastPayloadBytes(exchange.req) + leastPayloadBytes(exchange.res);
}

/** Puts the checksum behind the entry from `entry` to `end`, and its length before it, at `at`. */
function sealed(out: Buffer, at: number, entry: number, end: number): number {
	const length = summed(out, entry, end) - entry;
	const width = varintBytes(length);
	const shift = width - (entry - at);
	if (shift !== 0) out.copyWithin(entry + shift, entry, entry + length);
	putVarint(out, at, length);
	return at + width + length;
}

/** Puts the checksum behind the entry from `entry` to `end`. */
function summed(out: Buffer, entry: number, end: number): number {
	const checksum = crc32(new Uint8Array(out.buffer, out.byteOffset + entry, end - entry));
	out[end] = TAG.ENTRY_CHECKSUM;
	out[end + 1] = checksum;
	out[end + 2] = checksum >>> 8;
	out[end + 3] = checksum >>> 16;
	out[end + 4] = checksum >>> 24;
	return end + CHECKSUM_BYTES;
}

function pieces(out: Buffer, from: number, x: CapturedExchange): number {
	const { req, res, startUs, durationUs } = x;
	let at = putCount(out, opening(out, from, x), TAG.EXCHANGE_DURATION_US, durationUs);
	at = connection(out, summary(out, at, x), x);
	if (req !== null) at = message(out, at, TAG.EXCHANGE_REQUEST, req);
	if (res !== null) at = message(out, at, TAG.EXCHANGE_RESPONSE, res);
	if (x.sightings === null) at = sighting(out, at, x.seenBy, startUs, durationUs);
	else
		for (const seen of x.sightings)
			at = sighting(out, at, seen.facts, seen.startUs, Math.max(0, seen.endUs - seen.startUs));
	return putRemarks(out, at, x);
}

function opening(out: Buffer, from: number, x: CapturedExchange): number {
	out[from] = TAG.EXCHANGE_ID;
	out[from + 1] = 32;
	let at = putHash(out, from + 2, x.facts.endpointsHash);
	at = putHex32(out, at, x.sequence);
	at = putHex32(out, at, x.ordinal);
	at = putWord(out, at, TAG.EXCHANGE_ID_SCOPE, "IdScope", x.idScope);
	if (x.parentId !== null) at = putString(out, at, TAG.EXCHANGE_PARENT_ID, x.parentId);
	at = putString(out, at, TAG.EXCHANGE_PROTOCOL, x.protocol);
	at = putWord(out, at, TAG.EXCHANGE_KIND, "Kind", x.kind);
	return putMicroseconds(out, at, TAG.EXCHANGE_STARTED_AT, x.startUs);
}

function summary(out: Buffer, from: number, { outcome, req, res }: CapturedExchange): number {
	const at = putWord(out, from, TAG.EXCHANGE_OUTCOME, "Outcome", outcome);
	return putSummary(out, at, req?.messageHead?.summary ?? "", res?.messageHead?.summary ?? "");
}

/** Many a connection has one exchange only: bytes are kept from the second on. */
function connection(out: Buffer, at: number, { facts }: CapturedExchange): number {
	if (facts.proto !== null) return put(out, at, facts.proto);
	const end = putConnection(out, at, facts);
	if (facts.wasEncoded) facts.proto = copy(out, at, end);
	facts.wasEncoded = true;
	return end;
}

function sighting(out: Buffer, at: number, facts: VantageFacts, startUs: number, durationUs: number): number {
	let end = putString(out, open(out, at, TAG.EXCHANGE_OBSERVED_BY, SMALL), TAG.OBSERVATION_SOURCE, facts.source);
	end = putString(out, end, TAG.OBSERVATION_TYPE, facts.type);
	end = putWord(out, end, TAG.OBSERVATION_VANTAGE, "Vantage", facts.vantage);
	end = putMicroseconds(out, end, TAG.OBSERVATION_STARTED_AT, startUs);
	return close(out, at, SMALL, putCount(out, end, TAG.OBSERVATION_DURATION_US, durationUs));
}

function message(out: Buffer, at: number, tag: number, m: Message): number {
	const expected = FRAME + (m.payload?.captured ?? 0);
	let end = putMicroseconds(out, open(out, at, tag, expected), TAG.MESSAGE_STARTED_AT, m.startUs);
	end = putMicroseconds(out, end, TAG.MESSAGE_ENDED_AT, m.endUs);
	end = putCount(out, end, TAG.MESSAGE_BYTES, m.bytes);
	if (m.messageHead !== null) end = head(out, end, m.messageHead);
	if (m.trailerList.length > 0) end = putHeaders(out, end, TAG.MESSAGE_TRAILERS, m.trailerList);
	if (m.interims !== null) end = putInterims(out, end, m.interims);
	if (m.extras !== null) {
		const view = m.view();
		end = putSubMessages(out, putBody(out, end, view.body), view.messages);
	} else if (m.payload === null) end = put(out, end, NO_BODY);
	else end = body(out, end, m.payload, m.coding);
	return close(out, at, expected, end);
}

/** Attributes and headers: kept from the second time on, the headers by themselves where other heads share them. */
function head(out: Buffer, at: number, head: MessageHead): number {
	if (head.proto !== null) return put(out, at, head.proto.fields);
	const { block } = head;
	const middle = putAttributes(out, at, TAG.MESSAGE_ATTRIBUTES, head.attributes);
	let end: number;
	if (block.proto !== null) end = put(out, middle, block.proto);
	else {
		end = putHeaders(out, middle, TAG.MESSAGE_HEADERS, block.list);
		if (block.wasEncoded) block.proto = copy(out, middle, end);
		block.wasEncoded = true;
	}
	const fields = head.wasEncoded ? copy(out, at, end) : null;
	if (fields !== null) head.proto = { fields, template: null, lastRequest: null, lastBytes: 0 };
	head.wasEncoded = true;
	return end;
}

function body(out: Buffer, at: number, payload: Payload, coding: string | null): number {
	const expected = SMALL + payload.captured;
	let end = putCount(out, open(out, at, TAG.MESSAGE_BODY, expected), TAG.BODY_BYTES, payload.bytes);
	end = putCount(out, end, TAG.BODY_CAPTURED, payload.captured);
	end = putWord(out, end, TAG.BODY_COMPLETENESS, "Completeness", payload.completeness);
	if (payload.gaps !== null) end = putGaps(out, end, TAG.BODY_GAPS, payload.gaps);
	if (coding === null && payload.captured <= SHORT_TEXT && payload.isPlainText()) {
		end = putWord(out, end, TAG.BODY_ENCODING, "Encoding", "utf8");
		out[end] = TAG.BODY_TEXT;
		return close(out, at, expected, payload.copyTo(out, putVarint(out, end + 1, payload.captured)));
	}
	const raw = payload.contiguous(scratch);
	const decoded =
		coding !== null && raw.length > 0 ? decodeContent(coding, raw, payload.gaps?.[0]?.from ?? null) : null;
	end = putRaw(out, end, BODY_TAGS, decoded?.data ?? raw);
	if (decoded !== null && coding !== null) {
		end = putString(out, end, TAG.BODY_DECODED_FROM, coding);
		if (decoded.limited) end = putTruth(out, end, TAG.BODY_DECODE_LIMITED);
	}
	return close(out, at, expected, end);
}

/** What does not fit is cut here, and the whole record is thrown away for it. */
function copy(out: Buffer, from: number, to: number): Uint8Array | null {
	return to <= out.length ? Uint8Array.prototype.slice.call(out, from, to) : null;
}

const NO_BODY = bytesOf((out) =>
	putBody(out, 0, { bytes: 0, captured: 0, completeness: "complete", gaps: [], encoding: "utf8", data: "" }),
);

function bytesOf(write: (out: Buffer) => number): Uint8Array {
	const out = Buffer.alloc(64);
	return new Uint8Array(out.subarray(0, write(out)));
}
