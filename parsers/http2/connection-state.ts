import type { AttributeValue, Direction, ParserContext, ParserOutput } from "../../core/index.js";
import { Flow, StreamFlow } from "./flow.js";
import { errorName, Flag, FRAME_HEAD, streamAt, Type, wordAt } from "./frames.js";
import { Pings } from "./pings.js";
import { readSettings } from "./settings.js";
import { Half } from "./stream.js";
import { Streams } from "./streams.js";

/** Of a GOAWAY's reason in words. */
const MAX_DEBUG_BYTES = 256;

/** What both ends of a connection agree on, and what they do to it. */
export class ConnectionState {
	readonly streams: Streams;
	readonly #flow = new Flow();
	readonly #pings = new Pings();
	#goaways = 0;
	#windowUpdates = 0;
	#hasTold = false;
	/** Of the connection; told at the end, so that they do not depend on which direction was seen first. */
	readonly #notes = new Map<string, AttributeValue>();

	/** `HTTP2-Settings` of the request that asked for HTTP/2; null: none did. */
	#upgrade: string | null = null;

	constructor({ hint, handover, parent }: ParserContext) {
		this.streams = new Streams(this.#flow);
		if (hint.late) this.#flow.isKnown = false;
		const settings = handover?.["http.request.header.http2-settings"];
		if (typeof settings !== "string") return;
		this.#upgrade = settings;
		const path = handover?.["url.path"];
		this.streams.upgraded(typeof path === "string" ? path : null, parent);
	}

	/** The preface was seen. */
	begin(out: ParserOutput): void {
		if (this.#upgrade === null) return;
		const bytes = Buffer.from(this.#upgrade, "base64url");
		this.#settings(0, bytes, 0, bytes.length, out);
	}

	/** A frame of a type that is neither data nor fields, whole. `hold`: what it speaks of has not been seen. */
	control(
		dir: Direction,
		type: number,
		bytes: Uint8Array,
		at: number,
		length: number,
		out: ParserOutput,
		isAlone: boolean,
	): "ok" | "bad" | "hold" {
		const from = at + FRAME_HEAD;
		const id = streamAt(bytes, at);
		const flags = bytes[at + 4]!;
		switch (type) {
			case Type.reset:
				if (id === 0 || length !== 4) return "bad";
				if (dir === 1 && (id & 1) === 1 && id > this.streams.newestRequest && !isAlone && !out.mustProceed)
					return "hold";
				this.streams.reset(dir, id, wordAt(bytes, from), from + length, out);
				return "ok";
			case Type.settings:
				if (id !== 0 || length % 6 !== 0) return "bad";
				if ((flags & Flag.ack) === 0) this.#settings(dir, bytes, from, from + length, out);
				return "ok";
			case Type.ping:
				if (id !== 0 || length !== 8) return "bad";
				this.#ping(dir, (flags & Flag.ack) !== 0, bytes, from, out.timeAt(at));
				return "ok";
			case Type.goaway:
				if (id !== 0 || length < 8) return "bad";
				this.#goaway(dir, bytes, from, from + length, out);
				return "ok";
			case Type.window:
				if (length !== 4) return "bad";
				this.#window(dir, id, wordAt(bytes, from) & 0x7fff_ffff, out.timeAt(at));
				return "ok";
			default:
				return id === 0 || length !== 5 ? "bad" : "ok";
		}
	}

	/** Something is missing in a direction. */
	lost(dir: Direction): void {
		this.#flow.isKnown = false;
		this.streams.lost(dir);
	}

	/** What was read of a direction were no frames: what is open in it is cut. */
	cut(dir: Direction): void {
		this.#flow.isKnown = false;
		this.streams.cut(dir);
	}

	/** Once, at the end. */
	tell(out: ParserOutput): void {
		if (this.#hasTold) return;
		this.#hasTold = true;
		const { streams } = this;
		const notes = this.#notes;
		notes.set("http2.streams", streams.count);
		this.#pings.tell(notes);
		const counts: readonly (readonly [string, number])[] = [
			["http2.resets", streams.resets],
			["http2.pushes", streams.pushes],
			["http2.stream_numbers_reused", streams.reused],
			["http2.window_updates", this.#windowUpdates],
			["http2.goaways", this.#goaways],
			["http2.streams_evicted", streams.evicted],
		];
		for (const [name, count] of counts) if (count > 0) notes.set(name, count);
		for (const name of [...notes.keys()].sort()) out.note(name, notes.get(name)!);
	}

	count(name: string): void {
		const before = this.#notes.get(name);
		this.#notes.set(name, typeof before === "number" ? before + 1 : 1);
	}

	#settings(dir: Direction, bytes: Uint8Array, from: number, to: number, out: ParserOutput): void {
		const window = readSettings(bytes, from, to, dir, this.#notes);
		if (window >= 0) this.#flow.initialWindow(dir, window, this.streams.flows(), out.timeAt(0));
	}

	#ping(dir: Direction, isAnswer: boolean, bytes: Uint8Array, from: number, tsUs: number): void {
		const data = `${wordAt(bytes, from)}-${wordAt(bytes, from + 4)}`;
		const us = this.#pings.see(dir, isAnswer, data, tsUs);
		if (us >= 0) this.streams.touch({ "http2.ping.round_trip_us": us });
	}

	#goaway(dir: Direction, bytes: Uint8Array, from: number, to: number, out: ParserOutput): void {
		this.#goaways++;
		const last = wordAt(bytes, from) & 0x7fff_ffff;
		const code = wordAt(bytes, from + 4);
		const name = `http2.goaway.${dir === 0 ? "client" : "server"}`;
		this.#notes.set(`${name}.error_code`, errorName(code));
		this.#notes.set(`${name}.last_stream`, last);
		const debugTo = Math.min(to, from + 8 + MAX_DEBUG_BYTES);
		if (debugTo > from + 8)
			this.#notes.set(`${name}.debug`, Buffer.from(bytes.subarray(from + 8, debugTo)).toString("latin1"));
		this.streams.goaway(dir, last, code, out);
	}

	#window(dir: Direction, id: number, bytes: number, tsUs: number): void {
		this.#windowUpdates++;
		const stream = id === 0 ? null : this.streams.find(id);
		if (stream !== null && !stream.isOver && stream.half(dir === 0 ? 1 : 0) !== Half.closed)
			stream.flow ??= new StreamFlow();
		this.#flow.credit(dir, stream?.flow ?? null, id === 0, bytes, tsUs);
	}
}
