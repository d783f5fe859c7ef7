/** Connections of HTTP/2 for benchmarks: blocks of fields as clients send them that have said them before. */
import { block, END_STREAM, frame, indexed, PREFACE, Type } from "../../test/parsers/http2/encode.js";
import type { Talk } from "../harness/parser-throughput.js";

export type Fields = readonly (readonly [string, string])[];

const END_HEADERS = 4;
const FRAME_BYTES = 16_384;

/** Puts all of them into the dynamic table. */
export const inserted = (fields: Fields): Buffer => block(fields.map(([name, value]) => [`+${name}`, value] as const));

/** The same fields again: the first of them is the oldest entry. */
export const again = (fields: Fields, newer = 0): Buffer =>
	Buffer.concat(fields.map((_, i) => indexed(fields.length - 1 - i + newer)));

export const headers = (stream: number, fields: Uint8Array, isLast = false): Buffer =>
	frame(Type.headers, END_HEADERS | (isLast ? END_STREAM : 0), stream, fields);

/** A body in frames of the usual size; `isLast`: the stream ends with it. */
export function body(stream: number, bytes: Uint8Array, isLast = true): Buffer {
	const frames: Buffer[] = [];
	for (let from = 0; from < bytes.length; from += FRAME_BYTES) {
		const piece = bytes.subarray(from, from + FRAME_BYTES);
		frames.push(frame(Type.data, isLast && from + FRAME_BYTES >= bytes.length ? END_STREAM : 0, stream, piece));
	}
	return Buffer.concat(frames);
}

export const CLIENT_PREFACE = Buffer.concat([PREFACE, frame(Type.settings, 0, 0)]);
export const SERVER_PREFACE = frame(Type.settings, 0, 0);

/** What is said `times` times on one connection, on `exchanges` new streams each time. */
export const talk = (name: string, times: number, request: Buffer, response: Buffer, exchanges = 1): Talk => ({
	name,
	times,
	request,
	response,
	exchanges,
	...renumbering(request, response, exchanges),
});

/** Streams have other numbers each time, as many further as one time takes: no number may be used twice. */
function renumbering(request: Buffer, response: Buffer, atOnce = 1): { prepare(nth: number): void } {
	const places = [request, response].flatMap((bytes) => numbersIn(bytes).map((at) => ({ bytes, at })));
	const first = places.map(({ bytes, at }) => bytes.readUInt32BE(at));
	return {
		prepare(nth) {
			for (const [i, { bytes, at }] of places.entries()) bytes.writeUInt32BE(first[i]! + 2 * atOnce * nth, at);
		},
	};
}

/** Where the numbers of its frames' streams are. */
function numbersIn(bytes: Buffer): number[] {
	const found: number[] = [];
	for (let at = 0; at < bytes.length; at += FRAME_HEAD + bytes.readUIntBE(at, 3)) found.push(at + STREAM_AT);
	return found;
}

const FRAME_HEAD = 9;
const STREAM_AT = 5;

/** Odd numbers, as a client's streams have them. */
export const streams = (count: number): number[] => Array.from({ length: count }, (_, i) => 2 * i + 3);
