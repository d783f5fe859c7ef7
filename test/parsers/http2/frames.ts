/** A connection of HTTP/2 made of single frames, for what a real client or server cannot be made to do. */

import type { EngineOptions } from "../../../core/engine/engine.js";
import type { Direction, Exchange, ParserPlugin } from "../../../core/index.js";
import parser from "../../../parsers/http2/index.js";
import { Harness } from "../../core/engine/harness.js";
import { block, END_STREAM, frame, PREFACE, Type } from "./encode.js";

export const END_HEADERS = 4;
export const PADDED = 8;
export const PRIORITY = 0x20;
export const CONTINUATION = 9;
export const ACK = 1;

export type Fields = readonly (readonly [string, string])[];

export const SETTINGS = frame(Type.settings, 0, 0);
export const word = (...values: number[]): Buffer => {
	const bytes = Buffer.alloc(values.length * 4);
	for (const [i, value] of values.entries()) bytes.writeUInt32BE(value, i * 4);
	return bytes;
};

export function get(stream: number, path: string, more: Fields = [], flags = END_STREAM): Buffer {
	const fields: Fields = [[":method", "GET"], [":path", path], ...more];
	return frame(Type.headers, END_HEADERS | flags, stream, block(fields));
}

export function post(stream: number, path: string, more: Fields = []): Buffer {
	const fields: Fields = [[":method", "POST"], [":path", path], ...more];
	return frame(Type.headers, END_HEADERS, stream, block(fields));
}

export function status(stream: number, code: number, more: Fields = [], flags = 0): Buffer {
	const fields: Fields = [[":status", String(code)], ...more];
	return frame(Type.headers, END_HEADERS | flags, stream, block(fields));
}

export const data = (stream: number, text: string | Uint8Array, flags = END_STREAM): Buffer =>
	frame(Type.data, flags, stream, text);
export const reset = (stream: number, code: number): Buffer => frame(Type.reset, 0, stream, word(code));

/** The engine with HTTP/2 and a connection that has begun. */
export class Wire {
	readonly h: Harness;
	readonly #at: [number, number] = [0, 0];
	readonly #size: number;

	/** `size`: most bytes that come at once. */
	constructor(
		options: Partial<EngineOptions> = {},
		size = Number.POSITIVE_INFINITY,
		parsers: readonly ParserPlugin[] = [parser],
	) {
		this.#size = size;
		this.h = new Harness(options, parsers).open();
		this.say(0, PREFACE, SETTINGS).say(1, SETTINGS);
	}

	say(dir: Direction, ...frames: readonly Uint8Array[]): this {
		const all = Buffer.concat(frames);
		for (let from = 0; from < all.length; from += this.#size) {
			const piece = all.subarray(from, from + this.#size);
			this.h.bytes(dir, this.#at[dir], piece);
			this.#at[dir] += piece.length;
		}
		return this;
	}

	/** So many bytes are missing. */
	lose(dir: Direction, bytes: number): this {
		this.h.gap(dir, this.#at[dir], bytes, "missed");
		this.#at[dir] += bytes;
		return this;
	}

	pass(us: number): this {
		this.h.pass(us);
		return this;
	}

	/** Everything but the connection's record. */
	end(): Exchange[] {
		this.h.close(this.#at).pass(200_000);
		if (this.h.failures.length > 0) throw this.h.failures[0];
		return this.h.exchanges.filter(({ kind }) => kind !== "connection");
	}

	/** Of the connection's record. */
	get notes(): Exchange["annotations"] {
		return this.h.exchanges.find(({ kind }) => kind === "connection")?.annotations ?? {};
	}

	get lines(): string[] {
		return this.h.lines.filter((line) => !line.startsWith("connection "));
	}
}
