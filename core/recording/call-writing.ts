/**
 * Calls of an engine as bytes, all numbers little end first. Numbers of events are doubles, so that whatever a source says
 * comes back as it was; `null` is NaN there. Kinds of events that are rare, or not known here, are JSON.
 */
import { type CaptureEvent, GAP_CAUSES } from "../events.js";

export const CALL_INGEST = 1;
export const CALL_TICK = 2;
export const CALL_ENDED = 3;
/** Calls are missing here. */
export const CALL_LOST = 4;

export const EVENT_BYTES = 1;
export const EVENT_GAP = 2;
export const EVENT_DATAGRAM = 3;
export const EVENT_END = 4;
export const EVENT_CLOSE = 5;
export const EVENT_JSON = 6;

export const HOWS = ["fin", "reset", "unknown"] as const;

export const TICK_BYTES = 1 + 2 + 8;
export const ENDED_BYTES = 1 + 2 + 2 + 8;
export const LOST_BYTES = 1 + 8 + 8 + 8;
export const INGEST_BYTES = 1 + 2 + 2 + 8 + 4;
/** The longest event without data or JSON. */
const EVENT_FRAME_BYTES = 1 + 1 + 8 + 8 + 8 + 8 + 1 + 1;

/** The text of events that are written as JSON, in their order: made once, for their size and for themselves. */
export type Texts = (Buffer | null)[];

/** At least the bytes that `writeIngest` takes; fills `texts`. */
export function roomFor(batch: readonly CaptureEvent[], texts: Texts): number {
	let room = INGEST_BYTES + batch.length * EVENT_FRAME_BYTES;
	texts.length = 0;
	for (const event of batch) {
		switch (event.kind) {
			case "bytes":
			case "datagram":
				room += event.data.length;
				break;
			case "gap":
			case "end":
			case "close":
				break;
			default: {
				const text = Buffer.from(JSON.stringify(event));
				texts.push(text);
				room += text.length;
			}
		}
	}
	return room;
}

export function writeIngest(
	out: Buffer,
	from: number,
	engine: number,
	source: number,
	batch: readonly CaptureEvent[],
	nowUs: number,
	texts: Texts,
): number {
	let at = out.writeUInt8(CALL_INGEST, from);
	at = out.writeUInt16LE(engine, at);
	at = out.writeUInt16LE(source, at);
	at = out.writeDoubleLE(nowUs, at);
	at = out.writeUInt32LE(batch.length, at);
	let text = 0;
	for (const event of batch) {
		switch (event.kind) {
			case "bytes":
				out[at] = EVENT_BYTES;
				out[at + 1] = event.dir;
				at = out.writeDoubleLE(event.conn, at + 2);
				at = out.writeDoubleLE(event.offset, at);
				at = putData(out, out.writeDoubleLE(event.tsUs, at), event.data);
				break;
			case "datagram":
				out[at] = EVENT_DATAGRAM;
				out[at + 1] = event.dir;
				at = out.writeDoubleLE(event.conn, at + 2);
				at = putData(out, out.writeDoubleLE(event.tsUs, at), event.data);
				break;
			case "gap":
				out[at] = EVENT_GAP;
				out[at + 1] = event.dir;
				at = out.writeDoubleLE(event.conn, at + 2);
				at = out.writeDoubleLE(event.offset, at);
				at = out.writeDoubleLE(event.tsUs, at);
				at = out.writeDoubleLE(event.length ?? Number.NaN, at);
				out[at] = GAP_CAUSES.indexOf(event.cause);
				out[at + 1] = event.isFinal === true ? 1 : 0;
				at += 2;
				break;
			case "end":
				out[at] = EVENT_END;
				out[at + 1] = event.dir;
				at = out.writeDoubleLE(event.conn, at + 2);
				at = out.writeDoubleLE(event.tsUs, at);
				at = out.writeDoubleLE(event.finalOffset ?? Number.NaN, at);
				out[at++] = HOWS.indexOf(event.how);
				break;
			case "close":
				out[at] = EVENT_CLOSE;
				at = out.writeDoubleLE(event.conn, at + 1);
				at = out.writeDoubleLE(event.tsUs, at);
				break;
			default:
				out[at] = EVENT_JSON;
				at = putData(out, at + 1, texts[text++]!);
		}
	}
	return at;
}

export function writeTick(out: Buffer, from: number, engine: number, nowUs: number): number {
	const at = out.writeUInt16LE(engine, out.writeUInt8(CALL_TICK, from));
	return out.writeDoubleLE(nowUs, at);
}

export function writeEnded(out: Buffer, from: number, engine: number, source: number, nowUs: number): number {
	const at = out.writeUInt16LE(engine, out.writeUInt8(CALL_ENDED, from));
	return out.writeDoubleLE(nowUs, out.writeUInt16LE(source, at));
}

export function writeLost(out: Buffer, from: number, calls: number, events: number, bytes: number): number {
	let at = out.writeDoubleLE(calls, out.writeUInt8(CALL_LOST, from));
	at = out.writeDoubleLE(events, at);
	return out.writeDoubleLE(bytes, at);
}

function putData(out: Buffer, from: number, data: Uint8Array): number {
	const at = out.writeUInt32LE(data.length, from);
	out.set(data, at);
	return at + data.length;
}
