import type { MessageWriter, ParserOutput } from "../../core/index.js";
import type { Command } from "./command.js";
import { argumentsEnd, eachArgument } from "./command-scan.js";
import { type CommandFacts, commandNamed, MAX_NAME_BYTES } from "./commands.js";
import { QueryText } from "./query-text.js";
import { hidingOf, secretArguments } from "./secrets.js";
import { LIST } from "./values.js";
import { afterNumber, bufferOf, CR, INCOMPLETE, INVALID, LF, readNumber, Type } from "./wire.js";
import { wordsOf } from "./words.js";

/** A command that is longer than this is passed on in pieces. */
const WHOLE_BYTES = 1 << 14;
const MAX_INLINE_BYTES = 1 << 16;

/** Who is told what the client says. */
export interface CommandListener {
	/**
	 * A command begins at `index`, all of whose words are in `args` (latin-1; the name is the first) where it is whole.
	 * Returns its writer.
	 */
	begin(index: number, facts: CommandFacts, args: readonly string[], count: number, out: ParserOutput): MessageWriter;
	/** Its head, as far as it is known. */
	text(writer: MessageWriter, facts: CommandFacts, text: string): void;
	finished(writer: MessageWriter, index: number): void;
}

/** Reads one direction of commands (RESP arrays of bulk strings, or inline). */
export class CommandLane {
	/** Arguments of the command at hand that are still to come. */
	#left = 0;
	/** Payload bytes of the argument at hand that are still to come; -1: none is at hand. */
	#bulk = -1;
	#hides = false;
	#writer: MessageWriter | null = null;
	#facts: CommandFacts | null = null;
	readonly #query = new QueryText();
	readonly #listener: CommandListener;

	constructor(listener: CommandListener) {
		this.#listener = listener;
	}

	reset(): void {
		this.#left = 0;
		this.#bulk = -1;
		this.#writer = null;
		this.#facts = null;
	}

	/** Payload bytes that are missing; false: they are not inside one argument. */
	gap(length: number | null): boolean {
		if (length === null || this.#bulk < length || this.#writer === null) return false;
		if (this.#hides) this.#writer.secret(length);
		else this.#writer.bodyGap(length);
		this.#bulk -= length;
		return true;
	}

	/** The next step from `at`: where it came to, `INCOMPLETE`, or `INVALID`. */
	step(bytes: Uint8Array, at: number, out: ParserOutput): number {
		if (this.#writer !== null) return this.#argument(bytes, at);
		return bytes[at] === Type.array ? this.#command(bytes, at, out) : this.#inline(bytes, at, out);
	}

	#command(bytes: Uint8Array, at: number, out: ParserOutput): number {
		const to = bytes.length;
		const count = readNumber(bytes, at + 1, to);
		if (count < -1) return count === INCOMPLETE ? INCOMPLETE : INVALID;
		const first = afterNumber(bytes, at + 1);
		// the server takes no notice of an empty command
		if (count <= 0) return first;
		if (first >= to) return INCOMPLETE;
		const length = bytes[first] === Type.bulkString ? readNumber(bytes, first + 1, to) : INVALID;
		if (length === INCOMPLETE) return INCOMPLETE;
		if (length < 1 || length > MAX_NAME_BYTES) return INVALID;
		const nameAt = afterNumber(bytes, first + 1);
		const second = nameAt + length + 2;
		if (second > to) return INCOMPLETE;
		if (bytes[second - 2] !== CR || bytes[second - 1] !== LF) return INVALID;
		const buffer = bufferOf(bytes);
		const name = buffer.toString("latin1", nameAt, nameAt + length);
		const facts = commandNamed(name);
		if (facts === null) return INVALID;
		const end = argumentsEnd(bytes, second, to, count - 1);
		if (end === INVALID) return INVALID;
		if (end === INCOMPLETE) {
			if (to - at < WHOLE_BYTES) return INCOMPLETE;
			return this.#large(bytes, buffer, at, first, second, count, facts, name, out);
		}
		const query = this.#query;
		query.start(facts);
		const args = facts.isWhole ? [name] : NO_ARGUMENTS;
		eachArgument(bytes, second, end, count - 1, (from, until) => {
			if (facts.isWhole) args.push(buffer.toString("latin1", from, until));
			else if (query.isNextShown) query.show(buffer.toString("latin1", from, until));
			else query.hide();
		});
		const writer = this.#listener.begin(at, facts, args, count - 1, out);
		writer.items(LIST);
		const secrets = facts.isWhole ? secretArguments(facts, args) : null;
		if (facts.isWhole) showWords(query, facts, args, secrets);
		if (secrets === null) writer.body(bytes, first, end);
		else withSecrets(writer, bytes, first, end, count, secrets);
		this.#listener.text(writer, facts, query.text);
		this.#listener.finished(writer, end);
		return end;
	}

	/** Too long to be waited for: what may be secret is not looked for, but left out. */
	#large(
		bytes: Uint8Array,
		buffer: Buffer,
		at: number,
		first: number,
		second: number,
		count: number,
		facts: CommandFacts,
		name: string,
		out: ParserOutput,
	): number {
		const query = this.#query;
		query.start(facts);
		const args = facts.isWhole ? [name] : NO_ARGUMENTS;
		let seen = 0;
		const reached = eachArgument(bytes, second, bytes.length, count - 1, (from, until) => {
			seen++;
			if (facts.isWhole && args.length < 3) args.push(buffer.toString("latin1", from, Math.min(until, from + 64)));
			if (!mayHoldSecrets(facts) && query.isNextShown) query.show(buffer.toString("latin1", from, until));
			else query.hide();
		});
		const writer = this.#listener.begin(at, facts, args, count - 1, out);
		writer.items(LIST);
		this.#writer = writer;
		this.#facts = facts;
		this.#hides = mayHoldSecrets(facts);
		this.#left = count - 1 - seen;
		writer.body(bytes, first, this.#hides ? second : reached);
		if (this.#hides) writer.secret(reached - second);
		this.#listener.text(writer, facts, query.text);
		return reached;
	}

	#argument(bytes: Uint8Array, at: number): number {
		const writer = this.#writer!;
		const to = bytes.length;
		if (this.#bulk > 0) {
			const end = Math.min(to, at + this.#bulk);
			if (this.#hides) writer.secret(end - at);
			else writer.body(bytes, at, end);
			this.#bulk -= end - at;
			return end;
		}
		if (this.#bulk === 0) {
			if (to - at < 2) return INCOMPLETE;
			if (bytes[at] !== CR || bytes[at + 1] !== LF) return INVALID;
			writer.body(bytes, at, at + 2);
			this.#bulk = -1;
			if (--this.#left > 0) return at + 2;
			this.reset();
			this.#listener.finished(writer, at + 2);
			return at + 2;
		}
		if (bytes[at] !== Type.bulkString) return INVALID;
		const length = readNumber(bytes, at + 1, to);
		if (length < 0) return length === INCOMPLETE ? INCOMPLETE : INVALID;
		const payload = afterNumber(bytes, at + 1);
		// what comes now is too long, or too far behind, to be shown
		const before = this.#query.text;
		this.#query.hide();
		if (this.#query.text !== before) this.#listener.text(writer, this.#facts!, this.#query.text);
		writer.body(bytes, at, payload);
		this.#bulk = length;
		return payload;
	}

	#inline(bytes: Uint8Array, at: number, out: ParserOutput): number {
		const newline = bytes.indexOf(LF, at);
		if (newline < 0) {
			const isPossible = bytes.length - at <= MAX_INLINE_BYTES && isText(bytes[at]!);
			return isPossible ? INCOMPLETE : INVALID;
		}
		const end = newline + 1;
		const args = wordsOf(bufferOf(bytes).toString("latin1", at, newline));
		if (args === null) return INVALID;
		// an empty line is nothing
		if (args.length === 0) return end;
		const facts = commandNamed(args[0]!);
		if (facts === null || !facts.isKnown) return INVALID;
		const writer = this.#listener.begin(at, facts, args, args.length - 1, out);
		const secrets = secretArguments(facts, args);
		this.#query.start(facts);
		showWords(this.#query, facts, args, secrets);
		for (const [i, arg] of args.entries()) {
			if (secrets?.[i] === true) writer.secret(arg.length);
			else writer.item(inlineText(arg), arg.length);
		}
		this.#listener.text(writer, facts, this.#query.text);
		this.#listener.finished(writer, end);
		return end;
	}
}

const NO_ARGUMENTS: string[] = [];

const isText = (byte: number): boolean => byte === 9 || byte === CR || (byte >= 32 && byte !== 127);

function inlineText(latin1: string): string {
	const bytes = Buffer.from(latin1, "latin1");
	const text = bytes.toString("utf8");
	return text.includes("\uFFFD") ? latin1 : text;
}

function mayHoldSecrets({ name }: CommandFacts): boolean {
	return (
		name === "AUTH" ||
		name === "HELLO" ||
		name === "CONFIG" ||
		name === "ACL" ||
		name === "MIGRATE" ||
		name === "SENTINEL"
	);
}

/** Administration says what it does in its words, so all of them stand in the text but for secrets. */
function showWords(query: QueryText, facts: CommandFacts, args: readonly string[], secrets: readonly boolean[] | null) {
	const isAdministration = facts.isWhole;
	for (let i = 1; i < args.length; i++) {
		if (secrets?.[i] === true) query.hide();
		else if (isAdministration && i <= 8) query.show(args[i]!);
		else if (query.isNextShown) query.show(args[i]!);
		else query.hide();
	}
}

function withSecrets(
	writer: MessageWriter,
	bytes: Uint8Array,
	from: number,
	end: number,
	count: number,
	secrets: readonly boolean[],
): void {
	let at = from;
	eachArgument(bytes, from, end, count, (start, until, index) => {
		if (secrets[index] !== true) return;
		writer.body(bytes, at, start);
		writer.secret(until - start);
		at = until;
	});
	writer.body(bytes, at, end);
}

/** Facts of a command that its words alone tell. */
export function tellWords(command: Command, args: readonly string[]): void {
	if (args.length === 0) return;
	command.sub = args[1]?.toUpperCase() ?? "";
	command.argument = args[1] ?? "";
	command.hiding = hidingOf(command.facts, args);
}
