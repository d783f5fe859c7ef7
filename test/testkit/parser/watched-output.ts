import type {
	Attributes,
	AttributeValue,
	ChildStream,
	Direction,
	HeaderList,
	ItemDecoder,
	MessageHead,
	MessageWriter,
	ParserOutput,
	PartDecoder,
} from "../../../core/index.js";
import type { Clause } from "../contract.js";
import { attributesProblem, headersProblem, plainProblem } from "../plain.js";
import type { Findings } from "./findings.js";
import { WatchedWriter } from "./watched-writer.js";

const MAX_NOTES = 64;

/** A message that a parser began, at a position of its direction's stream. */
export interface Begun {
	readonly dir: Direction;
	readonly start: number;
}

/** No message begins there. */
const SPOKEN_IN_RESYNC: ReadonlySet<string> = new Set(["timeAt", "offsetAt", "settle"]);

/** One parser's voice, passed on to the engine's and held to the contract. */
export class WatchedOutput implements ParserOutput {
	readonly #findings: Findings;
	readonly #begun = new Set<string>();
	readonly #notes = new Set<string>();
	readonly #open = new Set<WatchedWriter>();
	#tagged: boolean | null = null;
	#inner: ParserOutput | null = null;
	#call: "data" | "gap" | "end" | "resync" = "data";
	#dir: Direction = 0;
	#shown: Uint8Array = NOTHING;
	/** Indexes up to this one may be named. */
	#limit = 0;
	/** Up to here bytes of this call were told as payload, or as the end of a message. */
	#used = 0;
	#missing: number | null = 0;
	#hasToldGap = false;
	#isLost = false;
	#isLeaving = false;

	constructor(findings: Findings) {
		this.#findings = findings;
	}

	// ------------------------------------------------------------------------------------------ around each call

	enter(
		call: "data" | "gap" | "end" | "resync",
		dir: Direction,
		inner: ParserOutput,
		shown: Uint8Array,
		limit: number,
	): void {
		this.#call = call;
		this.#dir = dir;
		this.#inner = inner;
		this.#shown = shown;
		this.#limit = limit;
		this.#used = 0;
		this.#missing = 0;
		this.#hasToldGap = false;
		this.#isLost = false;
	}

	leave(): void {
		this.#inner = null;
	}

	/** `data` consumed so many: what it told lies within them. */
	consumed(count: number): void {
		if (this.#isLeaving || this.#used <= count) return;
		this.breach("toldTwice", `data() told bytes up to ${this.#used} and consumed ${count}: they will be offered again`);
	}

	/** `gap` said that the hole lies inside a payload. */
	gapInside(length: number | null): void {
		if (this.#hasToldGap) {
			if (this.#missing !== length && !this.#isLost)
				this.breach("gapInside", `gap() of ${length} bytes returned true, and ${this.#missing} were told as missing`);
			return;
		}
		const isOpenHere = [...this.#open].some((writer) => writer.dir === this.#dir);
		if (isOpenHere && this.#tagged !== true)
			this.breach("gapInside", "gap() returned true, and no message was told of it");
	}

	/** The engine ends what is open in a direction. */
	cut(dir: Direction): void {
		for (const writer of this.#open) if (writer.dir === dir) this.#open.delete(writer);
	}

	// ------------------------------------------------------------------------------------------- what is checked

	breach(clause: Clause, what: string): void {
		this.#findings.report(clause, what);
	}

	speaking(what: string): void {
		if (this.#inner === null)
			this.breach("speaksInside", `${what}() was called when no call of the parser was under way`);
		else if (this.#call === "resync" && !SPOKEN_IN_RESYNC.has(what))
			this.breach("speaksInside", `${what}() was called in resync()`);
	}

	ownDirection(dir: Direction, what: string): void {
		if (this.#inner !== null && dir !== this.#dir)
			this.breach("ownDirection", `${what}() of a message of direction ${dir} in a call of direction ${this.#dir}`);
	}

	index(index: number, what: string): void {
		if (!Number.isInteger(index) || index < 0 || index > this.#limit)
			this.breach("indexes", `${what}() got index ${index} in a call with ${this.#limit} bytes`);
	}

	size(count: number, what: string): void {
		if (!Number.isSafeInteger(count) || count < 0)
			this.breach("indexes", `${what}() got ${count} as a number of bytes`);
	}

	used(index: number): void {
		if (this.#call === "data" && index > this.#used) this.#used = index;
	}

	payload(bytes: Uint8Array, from: number, to: number, index: number | undefined): void {
		const isWithin = Number.isInteger(from) && Number.isInteger(to) && from >= 0 && from <= to && to <= bytes.length;
		if (!isWithin) this.breach("indexes", `body() got bytes ${from} to ${to} of ${bytes.length}`);
		const shown = this.#shown;
		const isShown =
			bytes.buffer === shown.buffer && bytes.byteOffset === shown.byteOffset && bytes.length === shown.length;
		if (index !== undefined) this.index(index, "body");
		else if (isShown) this.#tell(from, to);
		else if (to > from) this.breach("bodyBytes", "body() got other bytes than those of the call, and no index");
	}

	#tell(from: number, to: number): void {
		if (to === from) return;
		if (from < this.#used)
			this.breach("toldTwice", `body() got bytes from ${from} on, and those up to ${this.#used} were told before`);
		this.used(to);
	}

	bodyGap(length: number | null): void {
		if (this.#call !== "gap") this.breach("bodyGap", `bodyGap() was called from ${this.#call}()`);
		if (length !== null) this.size(length, "bodyGap");
		this.missing(length);
	}

	/** In `gap` it may stand for the hole: what was in it has no known length in the payload. */
	lost(): void {
		if (this.#call !== "gap") return;
		this.#hasToldGap = true;
		this.#isLost = true;
	}

	secret(length: number): void {
		if (this.#call !== "gap") return;
		this.#hasToldGap = true;
		if (this.#missing !== null) this.#missing += length;
	}

	head(head: MessageHead): void {
		if (typeof head.summary !== "string") this.breach("head", "the summary of a head is no text");
		this.attributes(head.attributes);
		this.headers(head.headers);
	}

	attributes(attributes: Attributes): void {
		const problem = attributesProblem(attributes);
		if (problem !== null) this.breach("head", `attributes: ${problem}`);
	}

	headers(headers: HeaderList): void {
		const problem = headersProblem(headers);
		if (problem !== null) this.breach("head", `headers: ${problem}`);
	}

	/** The same decoder, asked twice each time: it must give the same, and change nothing. */
	decoder(decoder: ItemDecoder): ItemDecoder {
		return {
			size: (bytes, at, to) => {
				const size = decoder.size(bytes, at, to);
				if (!Number.isInteger(size) || size < 0) this.breach("decoder", `size() returned ${size}`);
				return size;
			},
			value: (bytes, at, to, index) => {
				const before = Buffer.from(bytes.subarray(at, to));
				const value = decoder.value(bytes, at, to, index);
				const problem = plainProblem(value);
				if (problem !== null) this.breach("plainValue", `value() gave ${problem}`);
				const again = decoder.value(bytes, at, to, index);
				if (JSON.stringify(value) !== JSON.stringify(again))
					this.breach("decoder", `value() gave ${JSON.stringify(value)}, and then ${JSON.stringify(again)}`);
				if (!before.equals(bytes.subarray(at, to))) this.breach("decoder", "value() changed the bytes");
				return value;
			},
		};
	}

	partDecoder(decoder: PartDecoder): PartDecoder {
		return {
			decode: (bytes) => {
				const before = Buffer.from(bytes);
				const found = decoder.decode(bytes);
				const problem = found === null ? null : plainProblem(found.value);
				if (problem !== null) this.breach("plainValue", `decode() gave ${problem}`);
				const again = decoder.decode(bytes);
				if (JSON.stringify(found) !== JSON.stringify(again))
					this.breach("decoder", "decode() gave another value the second time");
				if (!before.equals(bytes)) this.breach("decoder", "decode() changed the bytes");
				return found;
			},
		};
	}

	/** Missing bytes were told to whoever they belong to. */
	missing(length: number | null): void {
		this.#hasToldGap = true;
		this.#missing = length === null || this.#missing === null ? null : this.#missing + length;
	}

	ended(writer: WatchedWriter): void {
		this.#open.delete(writer);
	}

	// --------------------------------------------------------------------------------------- what a parser calls

	get mustProceed(): boolean {
		return this.#inner?.mustProceed ?? false;
	}

	offsetAt(index: number): number {
		this.index(index, "offsetAt");
		return this.#within("offsetAt").offsetAt(index);
	}

	timeAt(index: number): number {
		this.index(index, "timeAt");
		return this.#within("timeAt").timeAt(index);
	}

	pending(index: number, tag?: number): MessageHead | null {
		this.index(index, "pending");
		this.#tag(tag, "pending");
		return this.#within("pending").pending(index, tag);
	}

	begin(index: number, tag?: number, kind: "exchange" | "message" = "exchange", parent?: string): MessageWriter {
		const inner = this.#within("begin");
		this.index(index, "begin");
		if (kind === "exchange") this.#tag(tag, "begin");
		const dir = this.#dir;
		const start = inner.offsetAt(index);
		const key = `${dir}:${start}:${kind}:${tag ?? ""}`;
		if (this.#begun.has(key)) this.breach("toldTwice", `a second message begins at byte ${start} of direction ${dir}`);
		this.#begun.add(key);
		const writer = new WatchedWriter(inner.begin(index, tag, kind, parent), this, dir);
		this.#open.add(writer);
		return writer;
	}

	settle(outcome: "ok" | "error" | "aborted" | "partial", tag?: number): boolean {
		this.#tag(tag, "settle");
		return this.#within("settle").settle(outcome, tag);
	}

	handover(protocol: string | null, hints?: Attributes, parent?: string): void {
		this.#isLeaving = true;
		if (hints !== undefined) this.attributes(hints);
		this.#within("handover").handover(protocol, hints, parent);
	}

	opaque(reason: string): void {
		this.#isLeaving = true;
		if (!/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(reason)) this.breach("opaqueReason", `the reason is "${reason}"`);
		this.#within("opaque").opaque(reason);
	}

	flag(name: string): void {
		this.#within("flag").flag(name);
	}

	note(name: string, value: AttributeValue): void {
		this.#note(name);
		this.attributes({ [name]: value });
		this.#within("note").note(name, value);
	}

	count(name: string, by?: number): void {
		this.#note(name);
		this.#within("count").count(name, by);
	}

	child(tag: number): ChildStream {
		if (!(Number.isInteger(tag) && tag >= 0 && tag <= 0xffff_ffff)) this.breach("tags", `child() got the tag ${tag}`);
		const inner = this.#within("child").child(tag);
		return {
			data: (bytes, from, to, index) => {
				this.speaking("data");
				this.payload(bytes, from, to, index);
				inner.data(bytes, from, to, index);
			},
			gap: (length) => {
				if (this.#call !== "gap") this.breach("bodyGap", `gap() of a stream was called from ${this.#call}()`);
				this.missing(length);
				inner.gap(length);
			},
			end: (dir, how) => {
				this.speaking("end");
				inner.end(dir, how);
			},
			start: (protocol, hints, parent) => {
				this.speaking("start");
				if (hints !== undefined) this.attributes(hints);
				inner.start(protocol, hints, parent);
			},
		};
	}

	#note(name: string): void {
		this.#notes.add(name);
		if (this.#notes.size > MAX_NOTES) this.breach("notes", `"${name}" is the ${this.#notes.size}th name`);
	}

	#tag(tag: number | undefined, what: string): void {
		if (tag !== undefined && !(Number.isInteger(tag) && tag >= -0x8000_0000 && tag <= 0xffff_ffff))
			this.breach("tags", `${what}() got the tag ${tag}`);
		if (what !== "begin") return;
		this.#tagged ??= tag !== undefined;
		if (this.#tagged !== (tag !== undefined)) this.breach("tags", "some exchanges have a tag, and some have none");
	}

	#within(what: string): ParserOutput {
		this.speaking(what);
		if (this.#inner === null) throw new Error(`${what}() outside of a call`);
		return this.#inner;
	}
}

const NOTHING = new Uint8Array(0);
