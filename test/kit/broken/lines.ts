/** A parser that keeps its contract, and the ways to break it. A request is `?text\n`, a response `!length\n` and a body. */
import {
	type Direction,
	MessageHead,
	type MessageWriter,
	type ParserOutput,
	type ParserPlugin,
	type ProtocolParser,
	WAIT,
} from "../../../core/index.js";

/** One thing that it does wrong. */
export type Fault =
	| "none"
	| "answers maybe"
	| "guesses"
	| "changes what it detects"
	| "throws"
	| "looks at a clock"
	| "writes"
	| "loops"
	| "depends on the cut"
	| "keeps the bytes"
	| "does not wait"
	| "waits for ever"
	| "consumes too much"
	| "consumes half a byte"
	| "never consumes"
	| "tells twice"
	| "begins twice"
	| "hides a hole"
	| "miscounts a hole"
	| "skips too far"
	| "speaks later"
	| "points outside"
	| "points into the other direction"
	| "gives other bytes"
	| "tells of a hole that is none"
	| "mixes payloads"
	| "gives a class"
	| "decodes at random"
	| "changes what it gave"
	| "gives no summary"
	| "mixes tags"
	| "gives a sentence"
	| "notes too much"
	| "makes a message up"
	| "says nothing";

const LF = 10;

class LineParser implements ProtocolParser {
	readonly #fault: Fault;
	readonly #left: [number, number] = [0, 0];
	#answer: MessageWriter | null = null;
	#request: MessageWriter | null = null;
	#kept: Uint8Array | null = null;
	#requests = 0;

	constructor(fault: Fault) {
		this.#fault = fault;
	}

	data(dir: Direction, bytes: Uint8Array, out: ParserOutput): number {
		const fault = this.#fault;
		this.#misbehave(dir, bytes, out);
		if (fault === "consumes too much") return bytes.length + 1;
		if (fault === "consumes half a byte") return 0.5;
		if (fault === "never consumes" || fault === "says nothing") return fault === "never consumes" ? 0 : bytes.length;
		return dir === 0 ? this.#question(bytes, out) : this.#reply(bytes, out);
	}

	#misbehave(dir: Direction, bytes: Uint8Array, out: ParserOutput): void {
		switch (this.#fault) {
			case "throws":
				if (dir === 1) throw new Error("as told");
				break;
			case "looks at a clock":
				Date.now();
				break;
			case "writes":
				bytes[0] = bytes[0]!;
				break;
			case "loops":
				for (;;);
			case "gives a sentence":
				out.opaque("I do not know");
				break;
			case "notes too much":
				for (let i = 0; i < 65; i++) out.note(`name ${i}`, i);
				break;
		}
	}

	#question(bytes: Uint8Array, out: ParserOutput): number {
		const fault = this.#fault;
		const end = bytes.indexOf(LF);
		if (end < 0) {
			if (fault === "begins twice" && bytes.length > 2) out.begin(0);
			return fault === "depends on the cut" && bytes.length > 3 ? 3 : 0;
		}
		if (fault === "keeps the bytes") {
			const kept = this.#kept;
			this.#kept = bytes;
			if (kept !== null) return this.#ask(end, Buffer.from(kept).toString("latin1", 0, 4), out);
		}
		return this.#ask(end, Buffer.from(bytes).toString("latin1", 0, end), out);
	}

	#ask(end: number, text: string, out: ParserOutput): number {
		const fault = this.#fault;
		const isTagged = fault === "mixes tags" && this.#requests++ % 2 === 1;
		const request = out.begin(fault === "points outside" ? end + 2_000 : 0, isTagged ? 7 : undefined);
		this.#request = request;
		request.head(new MessageHead((fault === "gives no summary" ? undefined : text) as string, {}, []));
		if (fault === "gives other bytes") request.body(new Uint8Array(4), 0, 4);
		if (fault === "tells of a hole that is none") request.bodyGap(4);
		if (fault === "mixes payloads") {
			request.item("text", 1);
			request.secret(1);
			request.body(new Uint8Array(1), 0, 1, 0);
		}
		if (fault === "gives a class") request.item(new Map() as never, 1);
		if (fault === "changes what it gave") {
			const value = { text };
			request.item(value, end);
			value.text = "another";
		}
		request.finish(end + 1, "ok");
		return end + 1;
	}

	#reply(bytes: Uint8Array, out: ParserOutput): number {
		const fault = this.#fault;
		const answer = this.#answer;
		if (answer === null) {
			const end = bytes.indexOf(LF);
			if (end < 0) return 0;
			if (fault === "waits for ever") return WAIT;
			if (out.pending(0) === null && !out.mustProceed && fault !== "does not wait") return WAIT;
			const length = Number(Buffer.from(bytes).toString("latin1", 1, end));
			if (!Number.isInteger(length) || length < 0) {
				out.opaque("bad-length");
				return 0;
			}
			this.#answer = out.begin(0);
			this.#answer.head(new MessageHead("answer", {}, []));
			if (fault === "decodes at random") {
				let asked = 0;
				this.#answer.items({ size: (_bytes, at, to) => to - at, value: () => asked++ });
			}
			this.#left[1] = length;
			if (fault === "points into the other direction") this.#request?.interim(new MessageHead("", {}, []), 0);
			if (length === 0) this.#end(end + 1);
			return end + 1;
		}
		const to = Math.min(bytes.length, this.#left[1]);
		answer.body(bytes, 0, to);
		if (fault === "tells twice") return to - 1;
		this.#left[1] -= to;
		if (this.#left[1] === 0) this.#end(to);
		return to;
	}

	#end(index: number): void {
		this.#answer?.finish(index, "ok");
		this.#answer = null;
	}

	gap(dir: Direction, length: number | null): boolean {
		const answer = this.#answer;
		if (dir === 0 || answer === null || length === null || length > this.#left[1]) return false;
		if (this.#fault === "miscounts a hole") answer.bodyGap(length + 1);
		else if (this.#fault !== "hides a hole") answer.bodyGap(length);
		this.#left[1] -= length;
		if (this.#left[1] === 0) this.#end(length);
		return true;
	}

	resync(dir: Direction, bytes: Uint8Array): { skip: number } | { need: number } {
		if (this.#fault === "skips too far") return { skip: bytes.length + 1 };
		if (dir === 1) this.#answer = null;
		this.#left[dir] = 0;
		if (this.#fault === "makes a message up") return { skip: 0 };
		const start = bytes.indexOf(dir === 0 ? 0x3f : 0x21);
		return start < 0 ? { need: 0 } : { skip: start };
	}

	end(): void {
		this.#answer = null;
	}
}

class KeepsItsVoice extends LineParser {
	#writer: MessageWriter | null = null;

	override data(dir: Direction, bytes: Uint8Array, out: ParserOutput): number {
		const consumed = super.data(dir, bytes, out);
		this.#writer ??= out.begin(0, undefined, "message");
		return consumed;
	}

	override resync(dir: Direction, bytes: Uint8Array): { skip: number } | { need: number } {
		this.#writer?.head(new MessageHead("late", {}, []));
		return super.resync(dir, bytes);
	}
}

export function lines(fault: Fault): ParserPlugin {
	return {
		api: 1,
		kind: "parser",
		protocol: "question-lines",
		summary: "For tests.",
		...(fault === "writes" || fault === "keeps the bytes" ? { readsOnly: true } : {}),
		detect(client, server) {
			if (fault === "answers maybe") return "maybe" as never;
			if (fault === "changes what it detects" && client.length > 0) client[0] = 0x21;
			if (fault === "guesses") return "yes";
			if (client.length > 0) return client[0] === 0x3f ? "yes" : "no";
			return server.length === 0 || server[0] === 0x21 ? "more" : "no";
		},
		create: () => (fault === "speaks later" ? new KeepsItsVoice(fault) : new LineParser(fault)),
	};
}
