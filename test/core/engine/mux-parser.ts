/**
 * A toy protocol that carries others: frames of a stream's number, a kind, a length and that many bytes. Kind `o` opens the
 * stream for the protocol named in it, `d` is data, `e` ends a direction of it.
 */
import {
	type ChildStream,
	type ContentOutput,
	type ContentParser,
	type Direction,
	MessageHead,
	type MessageWriter,
	type ParserOutput,
	type ParserPlugin,
	type PartWriter,
	type ProtocolParser,
	payloadsOnly,
} from "../../../core/index.js";

export function frame(stream: number, kind: string, payload: string): string {
	return String.fromCharCode(stream) + kind + String.fromCharCode(payload.length) + payload;
}

class MuxParser implements ProtocolParser {
	readonly #streams = new Map<number, ChildStream>();
	readonly #left: [number, number] = [0, 0];
	readonly #current: [number, number] = [0, 0];

	data(dir: Direction, bytes: Uint8Array, out: ParserOutput): number {
		let at = 0;
		while (at < bytes.length) {
			const left = this.#left[dir];
			if (left > 0) {
				const end = Math.min(bytes.length, at + left);
				this.#stream(this.#current[dir], out).data(bytes, at, end);
				this.#left[dir] -= end - at;
				at = end;
				continue;
			}
			if (bytes.length - at < 3) break;
			const [number, kind, length] = [bytes[at]!, String.fromCharCode(bytes[at + 1]!), bytes[at + 2]!];
			if (kind === "d") {
				at += 3;
				this.#left[dir] = length;
				this.#current[dir] = number;
				continue;
			}
			if (bytes.length - at < 3 + length) break;
			const name = Buffer.from(bytes.subarray(at + 3, at + 3 + length)).toString("latin1");
			if (kind === "o") {
				const writer = out.begin(at, number, "message");
				writer.head(new MessageHead(`open ${name}`, {}, []));
				this.#stream(number, out).start(name === "?" ? null : name, {}, writer.id);
				writer.finish(at + 3 + length, "ok");
			} else this.#stream(number, out).end(dir, name === "reset" ? "reset" : "fin");
			at += 3 + length;
		}
		return at;
	}

	gap(dir: Direction, length: number | null, out: ParserOutput): boolean {
		if (length === null || length > this.#left[dir]) return false;
		this.#stream(this.#current[dir], out).gap(length);
		this.#left[dir] -= length;
		return true;
	}

	resync(dir: Direction, bytes: Uint8Array): { skip: number } | { need: number } {
		this.#left[dir] = 0;
		const at = bytes.indexOf(0x7e);
		return at < 0 ? { need: 0 } : { skip: at + 1 };
	}

	end(): void {}

	#stream(number: number, out: ParserOutput): ChildStream {
		let stream = this.#streams.get(number);
		if (stream === undefined) this.#streams.set(number, (stream = out.child(number)));
		return stream;
	}
}

export const muxParser: ParserPlugin = {
	api: 1,
	kind: "parser",
	protocol: "mux",
	summary: "toy that carries others",
	readsOnly: true,
	detect: (client) => (client.length === 0 ? "more" : client[0]! < 32 ? "yes" : "no"),
	create: () => new MuxParser(),
};

/** A payload of words: `part ` becomes a part, `record!` a record of its own; `stop.` gives up; `throw.` throws. */
class WordParser implements ContentParser {
	#word = "";
	#part: PartWriter | null = null;
	#record: MessageWriter | null = null;

	start(out: ContentOutput): void {
		out.rename("words");
	}

	body(bytes: Uint8Array, from: number, to: number, out: ContentOutput): void {
		for (let at = from; at < to; at++) {
			const letter = String.fromCharCode(bytes[at]!);
			if (this.#word === "") this.#begin(at, letter, out);
			this.#word += letter;
			this.#part?.body(bytes, at, at + 1);
			this.#record?.body(bytes, at, at + 1);
			if (letter !== " " && letter !== "!" && letter !== ".") continue;
			if (this.#word === "stop.") out.giveUp("words-stopped");
			if (this.#word === "throw.") throw new Error("a bug in the toy");
			if (this.#word === "bad.") out.outcome("error");
			this.#record?.finish(at + 1, "ok");
			this.#part?.attributes({ letters: this.#word.length });
			const isOver = this.#word === "stop.";
			this.#word = "";
			this.#part = null;
			this.#record = null;
			if (isOver) {
				out.body(bytes, at + 1, to);
				return;
			}
		}
	}

	gap(length: number | null, out: ContentOutput): void {
		this.#part?.bodyGap(length);
		if (this.#part === null) out.giveUp("words-lost");
	}

	end(isWhole: boolean, out: ContentOutput): void {
		this.#record?.abandon("aborted");
		if (isWhole && this.#word !== "") out.flag("word-cut");
	}

	#begin(at: number, letter: string, out: ContentOutput): void {
		if (letter === "R") {
			this.#record = out.record(at);
			this.#record.head(new MessageHead("word", {}, []));
		} else {
			this.#part = out.part(at, {});
			if (letter === "J") this.#part.decodeWith({ decode: (all) => ({ value: { length: all.length } }) });
		}
	}
}

export const wordParser: ParserPlugin = {
	api: 1,
	kind: "parser",
	protocol: "words",
	summary: "toy for payloads",
	...payloadsOnly,
	content: { mediaTypes: ["text/words"], create: () => new WordParser() },
};
