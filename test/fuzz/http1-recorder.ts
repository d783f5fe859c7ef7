/** Drives one parser as the engine does and holds it to the contract of `core/plugin.ts`: a breach throws. */
import type {
	Direction,
	HeaderList,
	MessageHead,
	MessageWriter,
	ParserOutput,
	ParserPlugin,
	ProtocolParser,
} from "../../core/index.js";
import { WAIT } from "../../core/index.js";

/** What a parser said about one message. Positions are those of its direction's stream. */
export interface RecordedMessage {
	readonly dir: Direction;
	readonly start: number;
	end: number;
	/** `lost`: cut by a gap, an end or an opaque rest. */
	outcome: "open" | "ok" | "error" | "aborted" | "lost";
	head: MessageHead | null;
	interim: number;
	/** Payload; at the most the first 64 KiB. */
	body: string;
	bodyBytes: number;
	trailers: HeaderList;
	coding: string | null;
	readonly flags: Set<string>;
}

const BODY_KEPT = 65_536;
/** The engine's limit: what a parser may leave unconsumed. */
const MAX_CARRY = 1 << 20;
/** What lies behind the bytes that are shown; a parser that reads on sees the end of a head. */
const MARGIN = Buffer.from("\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "latin1");

class Lane {
	carry: Uint8Array = new Uint8Array(0);
	/** Position of the first byte of `carry`. */
	offset = 0;
	/** Position up to which bytes were used: payload and messages before it may not be said again. */
	used = 0;
	isHeld = false;
	isLost = false;
	open: Writer | null = null;
}

class Writer implements MessageWriter {
	readonly record: RecordedMessage;
	readonly #recorder: Recorder;

	constructor(recorder: Recorder, record: RecordedMessage) {
		this.#recorder = recorder;
		this.record = record;
	}

	get isOpen(): boolean {
		return this.record.outcome === "open";
	}

	close(outcome: RecordedMessage["outcome"], end: number): void {
		this.record.outcome = outcome;
		this.record.end = end;
	}

	head(head: MessageHead): void {
		if (!this.isOpen) return;
		if (this.record.head !== null) throw new Error("a second head");
		this.record.head = head;
	}

	interim(_head: MessageHead, index: number): void {
		this.#recorder.position(index);
		if (this.isOpen) this.record.interim++;
	}

	body(bytes: Uint8Array, from: number, to: number): void {
		if (!this.isOpen) return;
		this.#recorder.payload(bytes, from, to);
		const { record } = this;
		record.bodyBytes += to - from;
		if (record.body.length < BODY_KEPT)
			record.body += Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString("latin1");
	}

	lost(): never {
		throw new Error("HTTP/1 needs no byte to read another");
	}

	expectMore(): void {}

	bodyGap(length: number | null): void {
		if (!this.isOpen) return;
		this.record.bodyBytes += length ?? 0;
		this.record.body += `[${length} missing]`;
	}

	contentEncoding(coding: string): void {
		if (this.isOpen) this.record.coding = coding;
	}

	contentType(): boolean {
		return false;
	}

	content(): boolean {
		return false;
	}

	trailers(headers: HeaderList): void {
		if (this.isOpen) this.record.trailers = headers;
	}

	get id(): string {
		return `${this.record.dir}-${this.record.start}`;
	}

	message(): never {
		throw new Error("HTTP/1 has no messages in a message");
	}

	item(): never {
		throw new Error("HTTP/1 has no structured payload");
	}

	items(): never {
		throw new Error("HTTP/1 has no structured payload");
	}

	secret(): void {}
	annotate(): void {}
	wireBytes(): void {}

	abandon(): never {
		throw new Error("HTTP/1 ends each direction by itself");
	}

	flag(name: string): void {
		if (this.isOpen) this.record.flags.add(name);
	}

	finish(index: number, outcome: "ok" | "error" | "aborted"): void {
		if (this.isOpen) this.#recorder.finished(this, index, outcome);
	}
}

export class Recorder implements ParserOutput {
	readonly messages: RecordedMessage[] = [];
	mustProceed = false;
	/** Why it stopped: `opaque: …`, `handover: …`, or null. */
	over: string | null = null;
	maxCarry = 0;
	/** True once the client's stream was held: what comes of it then depends on how much the server had said. */
	hasHeldClient = false;
	readonly #parser: ProtocolParser;
	readonly #lanes: readonly [Lane, Lane] = [new Lane(), new Lane()];
	readonly #waiting: RecordedMessage[] = [];
	#dir: Direction = 0;
	#base = 0;
	#shown: Uint8Array = new Uint8Array(0);
	/** Bytes that a gap stands for: positions in it may be named. */
	#gapLength = 0;

	constructor(plugin: ParserPlugin, shared: Map<string, unknown>) {
		const hint = { transport: "tcp", serverPort: 80, alpn: null, late: false } as const;
		this.#parser = plugin.create({
			hint,
			shared,
			handover: null,
			parent: null,
			options: null,
			takesContent: () => false,
		});
	}

	/** The next bytes of a direction; `place` is where in their memory they lie. */
	bytes(dir: Direction, data: Uint8Array, place = 0): void {
		const lane = this.#lanes[dir];
		const memory = new Uint8Array(place + lane.carry.length + data.length + MARGIN.length);
		memory.set(lane.carry, place);
		memory.set(data, place + lane.carry.length);
		memory.set(MARGIN, memory.length - MARGIN.length);
		lane.carry = new Uint8Array(memory.buffer, place, lane.carry.length + data.length);
		if (!lane.isHeld) this.#go(lane, dir);
	}

	gap(dir: Direction, length: number): void {
		const lane = this.#lanes[dir];
		this.#proceed(lane, dir);
		if (this.over !== null) return;
		const hasCarry = lane.carry.length > 0;
		const position = lane.offset + lane.carry.length;
		let isInside = false;
		if (!hasCarry && !lane.isLost) {
			this.#show(dir, position, new Uint8Array(0));
			this.#gapLength = length;
			isInside = this.#parser.gap(dir, length, this);
			this.#gapLength = 0;
		}
		lane.offset = position + length;
		lane.used = lane.offset;
		lane.carry = new Uint8Array(0);
		if (isInside) return;
		this.#cut(lane, position);
		lane.isLost = true;
	}

	end(dir: Direction, how: "fin" | "reset" | "unknown"): void {
		const lane = this.#lanes[dir];
		this.#proceed(lane, dir);
		if (this.over !== null) return;
		const position = lane.offset + lane.carry.length;
		this.#show(dir, position, new Uint8Array(0));
		this.#parser.end(dir, how, this);
		this.#cut(lane, position);
	}

	/** Everything that was said, for comparing two ways of saying it. */
	digest(): string {
		const lines = this.messages.map((m) => {
			const { dir, start, end, outcome, interim, body, bodyBytes, trailers, coding, flags } = m;
			return [
				`${dir} ${start}-${outcome === "lost" ? "?" : end} ${outcome} ${interim} ${m.head?.summary} ${coding} ${[...flags].sort()}`,
				JSON.stringify([m.head?.attributes, m.head?.headers, trailers, bodyBytes, body]),
			].join(" ");
		});
		return `${lines.sort().join("\n")}\n${this.over}`;
	}

	// ------------------------------------------------------------------------------------------- what a parser says

	offsetAt(index: number): number {
		this.position(index);
		return this.#base + index;
	}

	timeAt(index: number): number {
		this.position(index);
		return this.#base + index;
	}

	pending(index: number): MessageHead | null {
		this.position(index);
		return this.#waiting[0]?.head ?? null;
	}

	begin(index: number): MessageWriter {
		this.position(index);
		const dir = this.#dir;
		const lane = this.#lanes[dir];
		if (lane.open !== null) throw new Error("two messages at once");
		const start = this.#base + index;
		if (start < lane.used) throw new Error(`a message at ${start}, before ${lane.used}`);
		const message: RecordedMessage = {
			dir,
			start,
			end: -1,
			outcome: "open",
			head: null,
			interim: 0,
			body: "",
			bodyBytes: 0,
			trailers: [],
			coding: null,
			flags: new Set(),
		};
		lane.used = start;
		lane.open = new Writer(this, message);
		this.messages.push(message);
		if (dir === 0) this.#waiting.push(message);
		else this.#waiting.shift();
		return lane.open;
	}

	settle(): boolean {
		return false;
	}

	note(): void {}
	count(): void {}

	child(): never {
		throw new Error("HTTP/1 has no streams");
	}

	handover(protocol: string | null): void {
		this.over ??= `handover: ${protocol ?? "detect"}`;
	}

	opaque(reason: string): void {
		this.over ??= `opaque: ${reason}`;
	}

	flag(): void {}

	position(index: number): void {
		if (!Number.isInteger(index) || index < 0 || index > this.#shown.length + this.#gapLength)
			throw new Error(`index ${index} of ${this.#shown.length}`);
	}

	payload(bytes: Uint8Array, from: number, to: number): void {
		if (bytes !== this.#shown) throw new Error("payload of other bytes than those that were offered");
		this.position(from);
		this.position(to);
		const lane = this.#lanes[this.#dir];
		if (from > to || this.#base + from < lane.used) throw new Error(`payload from ${from} to ${to}, twice`);
		lane.used = this.#base + to;
	}

	finished(writer: Writer, index: number, outcome: "ok" | "error" | "aborted"): void {
		this.position(index);
		const lane = this.#lanes[writer.record.dir];
		const end = this.#base + index;
		if (writer.record.dir !== this.#dir) throw new Error("a message of the other direction");
		if (end < lane.used) throw new Error(`finished at ${end}, before ${lane.used}`);
		lane.used = end;
		lane.open = null;
		writer.close(outcome, end);
	}

	// ------------------------------------------------------------------------------------------------------ inside

	#show(dir: Direction, base: number, bytes: Uint8Array): void {
		this.#dir = dir;
		this.#base = base;
		this.#shown = bytes;
	}

	#go(lane: Lane, dir: Direction): void {
		while (lane.carry.length > 0 && this.over === null && !lane.isHeld) {
			if (lane.isLost && !this.#resync(lane, dir)) return;
			const shown = lane.carry;
			const before = Buffer.from(shown);
			this.#show(dir, lane.offset, shown);
			const consumed = this.#parser.data(dir, shown, this);
			if (!before.equals(shown)) throw new Error("it wrote into the bytes");
			if (consumed === WAIT) {
				if (this.mustProceed) throw new Error("WAIT although it must proceed");
				lane.isHeld = true;
				if (dir === 0) this.hasHeldClient = true;
				return;
			}
			if (!Number.isInteger(consumed) || consumed < 0 || consumed > shown.length)
				throw new Error(`it consumed ${consumed} of ${shown.length}`);
			if (this.over === null && lane.offset + consumed < lane.used)
				throw new Error(`it used bytes up to ${lane.used} and consumed up to ${lane.offset + consumed}`);
			this.#consume(lane, consumed);
			const left = lane.carry.length;
			if (left > this.maxCarry) this.maxCarry = left;
			if (this.over !== null || left > MAX_CARRY) break;
			if (consumed === 0) return;
			const other = dir === 0 ? 1 : 0;
			if (this.#lanes[other].isHeld) {
				this.#lanes[other].isHeld = false;
				this.#go(this.#lanes[other], other);
			}
			if (this.mustProceed) return;
		}
		if (this.over !== null) for (const each of this.#lanes) this.#cut(each, each.offset + each.carry.length);
	}

	#proceed(lane: Lane, dir: Direction): void {
		while (lane.isHeld && this.over === null) {
			const before = lane.carry.length;
			lane.isHeld = false;
			this.mustProceed = true;
			this.#go(lane, dir);
			this.mustProceed = false;
			if (lane.carry.length === before) return;
			this.#go(lane, dir);
		}
	}

	/** True where a message begins at the front of what is left. */
	#resync(lane: Lane, dir: Direction): boolean {
		const found = this.#parser.resync(dir, lane.carry, this);
		const skip = "skip" in found ? found.skip : lane.carry.length - found.need;
		if (!Number.isInteger(skip) || skip < 0 || skip > lane.carry.length)
			throw new Error(`resync: ${JSON.stringify(found)} of ${lane.carry.length}`);
		this.#consume(lane, skip);
		if ("need" in found) return false;
		lane.isLost = false;
		return lane.carry.length > 0;
	}

	#consume(lane: Lane, count: number): void {
		lane.offset += count;
		const { carry } = lane;
		lane.carry = new Uint8Array(carry.buffer, carry.byteOffset + count, carry.length - count);
		if (lane.used < lane.offset) lane.used = lane.offset;
	}

	#cut(lane: Lane, position: number): void {
		lane.open?.close("lost", position);
		lane.open = null;
	}
}
