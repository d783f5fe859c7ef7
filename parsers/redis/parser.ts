import {
	type Direction,
	MessageHead,
	type MessageWriter,
	type ParserContext,
	type ParserOutput,
	type ProtocolParser,
	WAIT,
} from "../../core/index.js";
import { answersAll, type Found, nextCommand, nextUnasked } from "./alignment.js";
import { type Command, CommandQueue, type Transaction } from "./command.js";
import { CommandLane, type CommandListener, tellWords } from "./command-lane.js";
import type { CommandFacts } from "./commands.js";
import { Heads, withMore } from "./heads.js";
import { isMonitorLine, tellMonitored } from "./monitor.js";
import { isConfirmationKind, isMessageKind, kindAt, publishedAt, Subscriptions } from "./pubsub.js";
import { ReplyLane, replyHead, rootEnd } from "./reply-lane.js";
import { secretRanges, secretRangesOfAll } from "./secrets.js";
import { LIST, valueAt } from "./values.js";
import { valueEnd } from "./walker.js";
import { afterNumber, bufferOf, INCOMPLETE, INVALID, LF, readNumber, STREAMED, Type } from "./wire.js";

/** Replies that must be seen as a whole, and those that wait for certainty, are held up to here. */
const HELD_BYTES = 1 << 19;
const MAX_ATTRIBUTE_BYTES = 1 << 16;
const MAX_WAITING = 1 << 18;
const MAX_QUEUED_SHOWN = 128;
const HOLD = -10;

/** One connection to a Redis server (RESP2 and RESP3). */
export class RedisParser implements ProtocolParser, CommandListener {
	readonly #heads: Heads;
	readonly #commands = new CommandLane(this);
	readonly #reply = new ReplyLane();
	readonly #queue = new CommandQueue();
	readonly #subscriptions = new Subscriptions();
	#tag = 0;
	#newest: Command | null = null;
	/** Null: nobody knows the database. */
	#namespace: string | null = "0";
	#selects = 0;
	#transaction: Transaction | null = null;
	#repliesOff = false;
	#skipsReply = false;
	#isMonitor = false;
	/** The command whose reply is being read. */
	#answered: Command | null = null;
	#confirming: { readonly writer: MessageWriter; readonly kind: string; left: number } | null = null;
	/** Replies whose command came after them, and when the last one began. */
	#orphans = 0;
	#orphanUs = 0;
	/** A reply had to go on without its command, and none has come since. */
	#alone = false;
	#stopped = false;
	// Which reply answers which command is certain from the start; later only after `answersAll`.
	#isSure: boolean;
	/** When the first command was sent that may show it; 0: none. */
	#batchUs = 0;
	/** The server said something since the last command. */
	#replied = true;
	#commandsLost = false;

	constructor({ hint, shared }: ParserContext) {
		this.#heads = Heads.of(shared);
		this.#isSure = !hint.late;
		if (hint.late) {
			this.#namespace = null;
			this.#subscriptions.isKnown = false;
		}
	}

	data(dir: Direction, bytes: Uint8Array, out: ParserOutput): number | typeof WAIT {
		let at = 0;
		if (dir === 0) {
			this.#alone = false;
			while (at < bytes.length && !this.#stopped) {
				const next = this.#commands.step(bytes, at, out);
				if (next === INCOMPLETE) return at;
				if (next === INVALID) return this.#giveUp(out, "not-a-command", at);
				at = next;
			}
			return at;
		}
		while (at < bytes.length && !this.#stopped) {
			const next = this.#reply.writer === null ? this.#begin(bytes, at, out) : this.#goOn(bytes, at);
			if (next === INVALID) return this.#giveUp(out, "not-a-reply", at);
			if (next < 0) return next === HOLD && at === 0 ? WAIT : at;
			at = next;
		}
		return at;
	}

	gap(dir: Direction, length: number | null, _out: ParserOutput): boolean {
		return dir === 0 ? this.#commands.gap(length) : this.#reply.gap(length);
	}

	resync(dir: Direction, bytes: Uint8Array, out: ParserOutput): Found {
		if (dir === 0) {
			this.#commands.reset();
			this.#transaction = null;
			this.#repliesOff = false;
			this.#skipsReply = false;
			this.#namespace = null;
			this.#commandsLost = true;
			return nextCommand(bytes);
		}
		if (this.#reply.writer !== null || this.#isSure) {
			this.#reply.reset();
			this.#isSure = false;
			this.#batchUs = 0;
		}
		this.#subscriptions.isKnown = false;
		this.#confirming = null;
		this.#answered = null;
		this.#replied = true;
		if (this.#batchUs === 0 || this.#queue.length === 0) return nextUnasked(bytes);
		const from = firstSince(this.#batchUs, bytes.length, out);
		if (from === bytes.length) return { need: 0 };
		const verdict = answersAll(this.#queue, bytes, from, bytes.length);
		if (verdict === "more" && bytes.length - from < HELD_BYTES) return { need: bytes.length - from };
		if (verdict !== "yes") {
			this.#batchUs = 0;
			return { need: 0 };
		}
		this.#isSure = true;
		return { skip: from };
	}

	end(): void {}

	// ---------------------------------------------------------------------------------------------------- commands

	begin(index: number, facts: CommandFacts, args: readonly string[], count: number, out: ParserOutput): MessageWriter {
		const timeUs = out.timeAt(index);
		this.#newBatch(timeUs, out);
		const command: Command = {
			facts,
			timeUs,
			tag: --this.#tag,
			sub: "",
			argument: "",
			argumentCount: count,
			hiding: "none",
			runs: null,
		};
		if (this.#tag < -0x7fff_0000) this.#tag = 0;
		tellWords(command, args);
		this.#newest = command;
		const parent = this.#follow(command);
		if (this.#isOneWay(command, args[2]?.toUpperCase() ?? "")) {
			if (facts.name === "SELECT") this.#namespace = null;
			return out.begin(index, undefined, "message", parent);
		}
		const writer = out.begin(index, command.tag, "exchange", parent);
		if (facts.name === "MULTI") this.#transaction = { id: writer.id, queued: [], hidings: [], count: 0 };
		if (this.#orphans > 0 && timeUs <= this.#orphanUs) {
			this.#orphans--;
			out.settle("partial", command.tag);
			return writer;
		}
		this.#orphans = 0;
		if (facts.name === "SELECT") this.#selects++;
		this.#queue.push(command);
		if (this.#queue.length > MAX_WAITING) {
			this.#stopped = true;
			out.opaque("too-many-waiting");
		}
		return writer;
	}

	text(writer: MessageWriter, facts: CommandFacts, text: string): void {
		const head = this.#heads.command(facts, text, this.#selects > 0 ? null : this.#namespace);
		const runs = this.#newest?.runs ?? null;
		const { queued } = this.#transaction ?? NOTHING_QUEUED;
		if (this.#transaction !== null && facts.name !== "MULTI" && queued.length < MAX_QUEUED_SHOWN) {
			if (queued.length < this.#transaction.count) queued.push(text);
			else queued[queued.length - 1] = text;
		}
		if (runs === null) writer.head(head);
		else
			writer.head(
				withMore(head, { "db.operation.batch.size": runs.count, "redis.transaction.commands": [...runs.queued] }),
			);
	}

	finished(writer: MessageWriter, index: number): void {
		writer.finish(index, "ok");
	}

	/** What a transaction makes of it; returns its parent. */
	#follow(command: Command): string | undefined {
		const transaction = this.#transaction;
		const { name } = command.facts;
		if (transaction === null || name === "MULTI") return undefined;
		if (name === "EXEC" || name === "DISCARD" || name === "RESET") {
			if (name === "EXEC") command.runs = transaction;
			this.#transaction = null;
		} else {
			transaction.count++;
			if (transaction.hidings.length < HELD_BYTES) transaction.hidings.push(command.hiding);
		}
		return transaction.id;
	}

	#isOneWay(command: Command, word: string): boolean {
		const wasSkipped = this.#skipsReply;
		this.#skipsReply = false;
		if (command.facts.name === "RESET") this.#repliesOff = false;
		if (command.facts.name === "CLIENT" && command.sub === "REPLY") {
			if (word === "ON") {
				this.#repliesOff = false;
				return false;
			}
			if (word === "OFF") this.#repliesOff = true;
			else if (word === "SKIP") this.#skipsReply = !this.#repliesOff;
			else return this.#repliesOff || wasSkipped;
			return true;
		}
		return this.#repliesOff || wasSkipped;
	}

	/** Where it is not certain which reply answers what: the first command after something that the server said may show it. */
	#newBatch(timeUs: number, out: ParserOutput): void {
		if (this.#commandsLost) {
			this.#commandsLost = false;
			if (this.#isSure) this.#replied = true;
			this.#isSure = false;
		}
		if (this.#isSure || !this.#replied) return;
		for (let command = this.#queue.first; command !== null; command = this.#queue.first) {
			out.settle("partial", command.tag);
			this.#queue.shift();
		}
		this.#selects = 0;
		this.#namespace = null;
		this.#batchUs = timeUs;
		this.#replied = false;
	}

	// ----------------------------------------------------------------------------------------------------- replies

	#begin(bytes: Uint8Array, at: number, out: ParserOutput): number {
		const first = bytes[at]!;
		const to = bytes.length;
		// a server that prepares a replica's copy shows with newlines that it is alive
		if (first === LF && isReplication(this.#queue.first)) return at + 1;
		let root = at;
		if (first === Type.attribute) {
			root = attributeEnd(bytes, at, to);
			if (root === INCOMPLETE && to - at > MAX_ATTRIBUTE_BYTES) return INVALID;
			if (root < 0) return root;
			if (root === to) return INCOMPLETE;
		}
		const end = rootEnd(bytes, root, to);
		if (end < 0) return end === INCOMPLETE && to - at > HELD_BYTES ? INVALID : end;
		const type = bytes[root]!;
		if (type === Type.simpleString && this.#isMonitor && isMonitorLine(bytes, root, to)) {
			const writer = out.begin(at, undefined, "message");
			tellMonitored(writer, bytes, root + 1, end - 2);
			writer.finish(end, "ok");
			return end;
		}
		const waiting = this.#queue.first;
		const isList = type === Type.array && readNumber(bytes, root + 1, to) > 0;
		if (type === Type.push || (isList && this.#mayBeUnasked(waiting))) {
			const kind = kindAt(bytes, end, to);
			if (kind === INCOMPLETE) {
				// its command may come before more of it does
				const isAlone = waiting === null && this.#isSure && this.#subscriptions.count === 0 && !this.#alone;
				return isList && isAlone && !out.mustProceed ? HOLD : INCOMPLETE;
			}
			const isUnasked = kind !== null && (isMessageKind(kind) || isConfirmationKind(kind));
			if (type === Type.push || isUnasked) return this.#unasked(bytes, at, root, end, kind ?? "", out);
		}
		const mayMonitor = waiting === null || !this.#isSure;
		if (type === Type.simpleString && mayMonitor && isMonitorLine(bytes, root, to)) {
			this.#isMonitor = true;
			return this.#begin(bytes, at, out);
		}
		return this.#answer(bytes, at, root, end, out);
	}

	#mayBeUnasked(waiting: Command | null): boolean {
		return (waiting === null && !this.#isSure) || waiting?.facts.isPubSub === true || this.#subscriptions.count > 0;
	}

	#answer(bytes: Uint8Array, at: number, root: number, end: number, out: ParserOutput): number {
		const timeUs = out.timeAt(at);
		this.#endConfirming(at);
		let waiting = this.#queue.first;
		if (!this.#isSure) {
			this.#replied = true;
			waiting = null;
			if (this.#batchUs !== 0 && timeUs >= this.#batchUs && this.#queue.length > 0) {
				const verdict = answersAll(this.#queue, bytes, at, bytes.length);
				if (verdict === "more" && bytes.length - at < HELD_BYTES) return INCOMPLETE;
				if (verdict === "yes") {
					this.#isSure = true;
					waiting = this.#queue.first;
				}
			}
			if (!this.#isSure) this.#batchUs = 0;
		} else if (waiting === null && !this.#alone) {
			if (!out.mustProceed || at !== 0) return HOLD;
			this.#alone = true;
		}
		const hidden = this.#hides(waiting);
		const wholeEnd = hidden ? valueEnd(bytes, root, bytes.length) : 0;
		if (wholeEnd === INVALID) return INVALID;
		if (wholeEnd === INCOMPLETE && bytes.length - at < HELD_BYTES) return INCOMPLETE;
		if (waiting !== null && isReplication(waiting) && bytes[root] === Type.bulkString) {
			out.settle("ok", waiting.tag);
			return this.#replicates(out, at);
		}
		// a tag of its own pairs it with nothing
		const writer = out.begin(at, waiting?.tag ?? --this.#tag);
		if (waiting !== null) this.#queue.shift();
		else if (this.#isSure) {
			this.#orphans++;
			this.#orphanUs = timeUs;
			this.#repliesOff = false;
		}
		this.#answered = waiting;
		let head = replyHead(this.#heads, bytes, root, end);
		if (root > at) head = withMore(head, { "redis.reply.attributes": JSON.stringify(attributesAt(bytes, at, root)) });
		const isAborted = waiting?.facts.name === "EXEC" && head.attributes["redis.reply.type"] === "null";
		if (isAborted) head = withMore(head, { "redis.transaction.aborted": true });
		writer.head(head);
		if (wholeEnd > 0) {
			const runs = waiting?.runs ?? null;
			const secrets =
				runs === null
					? secretRanges(waiting!.hiding, bytes, root, wholeEnd)
					: secretRangesOfAll(runs.hidings, bytes, root, wholeEnd);
			this.#reply.whole(bytes, root, wholeEnd, end, writer, secrets);
			const isError = head.attributes["db.response.status_code"] !== undefined;
			return this.#over(writer, bytes, root, wholeEnd, out, isError ? "error" : "ok");
		}
		const next = this.#reply.open(bytes, root, end, writer, hidden);
		if (!this.#reply.isOver) return next;
		return this.#over(writer, bytes, root, next, out, this.#reply.outcome);
	}

	#hides(command: Command | null): boolean {
		if (command === null) return false;
		return command.hiding !== "none" || command.runs?.hidings.some((hiding) => hiding !== "none") === true;
	}

	#goOn(bytes: Uint8Array, at: number): number {
		const { writer } = this.#reply;
		const next = this.#reply.step(bytes, at);
		if (next >= 0 && this.#reply.isOver) {
			this.#answered = null;
			writer!.finish(next, this.#reply.outcome);
		}
		return next;
	}

	/** A reply that is over at once may change what the connection is. */
	#over(
		writer: MessageWriter,
		bytes: Uint8Array,
		root: number,
		end: number,
		out: ParserOutput,
		outcome: "ok" | "error",
	): number {
		const command = this.#answered;
		this.#answered = null;
		writer.finish(end, outcome);
		if (command === null) return end;
		const line = bytes[root] === Type.simpleString ? bufferOf(bytes).toString("latin1", root + 1, end - 2) : "";
		switch (command.facts.name) {
			case "SELECT":
				if (this.#selects > 0) this.#selects--;
				if (line === "OK") this.#namespace = command.argument;
				else if (line === "QUEUED") this.#namespace = null;
				break;
			case "MONITOR":
				if (line === "OK") this.#isMonitor = true;
				break;
			case "RESET":
				if (line !== "RESET") break;
				this.#isMonitor = false;
				this.#subscriptions.clear();
				this.#namespace = "0";
				break;
			case "PSYNC":
			case "SYNC":
				if (outcome === "ok") return this.#replicates(out, end);
		}
		return end;
	}

	#replicates(out: ParserOutput, at: number): number {
		this.#stopped = true;
		out.opaque("replication");
		return at;
	}

	// ----------------------------------------------------------------------------------------- what nobody asked for

	#unasked(bytes: Uint8Array, at: number, root: number, end: number, kind: string, out: ParserOutput): number {
		if (isConfirmationKind(kind)) return this.#confirmation(bytes, at, root, kind, out);
		this.#endConfirming(at);
		const count = readNumber(bytes, root + 1, end);
		const published = isMessageKind(kind) ? publishedAt(bytes, end, bytes.length, kind, count) : null;
		if (published === INCOMPLETE) return bytes.length - at < HELD_BYTES ? INCOMPLETE : INVALID;
		if (published !== null) {
			const payloadEnd = rootEnd(bytes, published.payloadAt, bytes.length);
			if (payloadEnd < 0) return payloadEnd;
			const writer = out.begin(at, undefined, "message");
			writer.head(published.head);
			return this.#openUnasked(bytes, published.payloadAt, payloadEnd, writer);
		}
		const writer = out.begin(at, undefined, "message");
		const summary = kind === "" ? "push" : kind;
		const attributes = { "db.system.name": "redis", "redis.push.kind": summary };
		writer.head(new MessageHead(summary, attributes, []));
		return this.#openUnasked(bytes, root, end, writer);
	}

	#openUnasked(bytes: Uint8Array, root: number, end: number, writer: MessageWriter): number {
		const next = this.#reply.open(bytes, root, end, writer, false);
		if (this.#reply.isOver) writer.finish(next, this.#reply.outcome);
		return next;
	}

	/** SUBSCRIBE and its likes are answered by one confirmation for each channel, in one response. */
	#confirmation(bytes: Uint8Array, at: number, root: number, kind: string, out: ParserOutput): number {
		const end = valueEnd(bytes, root, bytes.length);
		if (end < 0) return end === INCOMPLETE && bytes.length - at > HELD_BYTES ? INVALID : end;
		const confirmed = valueAt(bytes, root, end);
		const total = Array.isArray(confirmed) ? Number(confirmed[2]) : 0;
		if (this.#confirming !== null && this.#confirming.kind !== kind) this.#endConfirming(at);
		const waiting = this.#queue.first;
		const isAsked = this.#isSure && waiting?.facts.name === kind.toUpperCase();
		if (this.#confirming === null && waiting === null && this.#isSure && !this.#alone) {
			if (!out.mustProceed || at !== 0) return HOLD;
			this.#alone = true;
		}
		if (this.#confirming === null && !isAsked) {
			const writer = out.begin(at, undefined, "message");
			writer.head(new MessageHead(kind, { "db.system.name": "redis", "redis.push.kind": kind }, []));
			writer.items(LIST);
			writer.body(bytes, root, end);
			writer.finish(end, "ok");
		} else {
			if (this.#confirming === null) {
				const count = waiting!.argumentCount;
				const left = count > 0 ? count : this.#subscriptions.confirmations(waiting!.facts.name);
				const writer = out.begin(at, waiting!.tag);
				this.#queue.shift();
				writer.head(this.#heads.reply(bytes[root] === Type.push ? "push" : "array", kind));
				writer.items(LIST);
				this.#confirming = { writer, kind, left };
			}
			const confirming = this.#confirming;
			confirming.writer.body(bytes, root, end);
			const isLast = confirming.left === Number.POSITIVE_INFINITY && total === 0;
			if (--confirming.left === 0 || isLast) {
				confirming.writer.finish(end, "ok");
				this.#confirming = null;
			}
		}
		if (Number.isFinite(total)) this.#subscriptions.confirmed(kind, total);
		return end;
	}

	#endConfirming(at: number): void {
		this.#confirming?.writer.finish(at, "ok");
		this.#confirming = null;
	}

	#giveUp(out: ParserOutput, reason: string, at: number): number {
		this.#stopped = true;
		out.opaque(reason);
		return at;
	}
}

const NOTHING_QUEUED: Pick<Transaction, "queued"> = { queued: [] };

const isReplication = (command: Command | null): boolean =>
	command !== null && (command.facts.name === "PSYNC" || command.facts.name === "SYNC");

/** Index of the first byte that was captured at `timeUs` or later. */
function firstSince(timeUs: number, length: number, out: ParserOutput): number {
	let low = 0;
	let high = length;
	while (low < high) {
		const middle = (low + high) >>> 1;
		if (out.timeAt(middle) < timeUs) low = middle + 1;
		else high = middle;
	}
	return low;
}

/** Where the attribute that begins at `at` ends. */
function attributeEnd(bytes: Uint8Array, at: number, to: number): number {
	const count = readNumber(bytes, at + 1, to);
	if (count < 0) return count === STREAMED ? INVALID : count === INCOMPLETE ? INCOMPLETE : INVALID;
	const from = afterNumber(bytes, at + 1);
	return count === 0 ? from : valueEnd(bytes, from, to, 2 * count);
}

/** The attribute at `at` to `to`, as a value. */
function attributesAt(bytes: Uint8Array, at: number, to: number): unknown {
	const copy = Buffer.from(bytes.subarray(at, to));
	copy[0] = Type.map;
	try {
		return valueAt(copy, 0, copy.length);
	} catch {
		return null;
	}
}
