import type { MessageHead, MessageWriter, ParserOutput } from "../../core/index.js";
import type { Found } from "./alignment.js";
import type { Command } from "./command.js";
import { withMore } from "./heads.js";
import { isMonitorLine, tellMonitored } from "./monitor.js";
import { isConfirmationKind, isMessageKind, kindAt } from "./pubsub.js";
import { ReplyLane, replyHead, rootEnd } from "./reply-lane.js";
import { secretRanges, secretRangesOfAll } from "./secrets.js";
import type { Session } from "./session.js";
import { Unasked } from "./unasked.js";
import { valueAt } from "./values.js";
import { valueEnd } from "./walker.js";
import { afterNumber, bufferOf, HELD_BYTES, HOLD, INCOMPLETE, INVALID, LF, readNumber, Type } from "./wire.js";

const MAX_ATTRIBUTE_BYTES = 1 << 16;

/** What the server says: replies become responses, everything else messages. */
export class Replies {
	readonly #session: Session;
	readonly #lane = new ReplyLane();
	readonly #unasked: Unasked;
	/** The command whose reply is being read. */
	#answered: Command | null = null;

	constructor(session: Session) {
		this.#session = session;
		this.#unasked = new Unasked(session, this.#lane);
	}

	/** The next step from `at`: where it came to, `INCOMPLETE`, `INVALID` or `HOLD`. */
	step(bytes: Uint8Array, at: number, out: ParserOutput): number {
		return this.#lane.writer === null ? this.#begin(bytes, at, out) : this.#goOn(bytes, at);
	}

	/** What comes next begins a reply. */
	get isBetween(): boolean {
		return this.#lane.isOver;
	}

	gap(length: number | null): boolean {
		return this.#lane.gap(length);
	}

	resync(bytes: Uint8Array, out: ParserOutput): Found {
		const { pairing } = this.#session;
		pairing.repliesLost(this.#lane.writer !== null);
		this.#lane.reset();
		this.#unasked.lost();
		this.#answered = null;
		return pairing.resume(bytes, out);
	}

	#begin(bytes: Uint8Array, at: number, out: ParserOutput): number {
		const session = this.#session;
		const { pairing } = session;
		const first = bytes[at]!;
		const to = bytes.length;
		// a server that prepares a replica's copy shows with newlines that it is alive
		if (first === LF && isReplication(pairing.queue.first)) return at + 1;
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
		const waiting = pairing.queue.first;
		const mayMonitor = session.isMonitor || waiting === null || !pairing.isSure;
		if (type === Type.simpleString && mayMonitor && isMonitorLine(bytes, root, to)) {
			session.isMonitor = true;
			const writer = out.begin(at, undefined, "message");
			tellMonitored(writer, bytes, root + 1, end - 2);
			writer.finish(end, "ok");
			return end;
		}
		const isList = type === Type.array && readNumber(bytes, root + 1, to) > 0;
		if (type === Type.push || (isList && this.#mayBeUnasked(waiting))) {
			const kind = kindAt(bytes, end, to);
			if (kind === INCOMPLETE) {
				// its command may come before more of it does
				const isLone = waiting === null && pairing.isSure && session.subscriptions.count === 0 && !pairing.isAlone;
				return isList && isLone && !out.mustProceed ? HOLD : INCOMPLETE;
			}
			const isUnasked = kind !== null && (isMessageKind(kind) || isConfirmationKind(kind));
			if (type === Type.push || isUnasked) return this.#unasked.tell(bytes, at, root, end, kind ?? "", out);
		}
		return this.#answer(bytes, at, root, end, out);
	}

	#mayBeUnasked(waiting: Command | null): boolean {
		const { pairing, subscriptions } = this.#session;
		return (waiting === null && !pairing.isSure) || waiting?.facts.isPubSub === true || subscriptions.count > 0;
	}

	#answer(bytes: Uint8Array, at: number, root: number, end: number, out: ParserOutput): number {
		const session = this.#session;
		const { pairing } = session;
		this.#unasked.endConfirming(at);
		const waiting = pairing.commandOf(bytes, at, out);
		if (waiting === INCOMPLETE || waiting === HOLD) return waiting;
		const hidden = hides(waiting);
		const wholeEnd = hidden ? valueEnd(bytes, root, bytes.length) : 0;
		if (wholeEnd === INVALID) return INVALID;
		if (wholeEnd === INCOMPLETE && bytes.length - at < HELD_BYTES) return INCOMPLETE;
		if (waiting !== null && isReplication(waiting) && bytes[root] === Type.bulkString) {
			out.settle("ok", waiting.tag);
			return this.#replicates(out, at);
		}
		// a tag of its own pairs it with nothing
		const writer = out.begin(at, waiting?.tag ?? pairing.nextTag());
		if (waiting !== null) pairing.queue.shift();
		else {
			pairing.unpaired(out.timeAt(at));
			if (pairing.isSure) session.isSilent = false;
		}
		this.#answered = waiting;
		const head = this.#head(bytes, at, root, end, waiting);
		writer.head(head);
		if (waiting !== null && wholeEnd > 0) {
			this.#lane.whole(bytes, root, wholeEnd, end, writer, secretsOf(waiting, bytes, root, wholeEnd));
			const isError = head.attributes["db.response.status_code"] !== undefined;
			return this.#over(writer, bytes, root, wholeEnd, out, isError ? "error" : "ok");
		}
		const next = this.#lane.open(bytes, root, end, writer, hidden);
		if (!this.#lane.isOver) return next;
		return this.#over(writer, bytes, root, next, out, this.#lane.outcome);
	}

	#head(bytes: Uint8Array, at: number, root: number, end: number, waiting: Command | null): MessageHead {
		const head = replyHead(this.#session.heads, bytes, root, end);
		const isAborted = waiting?.facts.name === "EXEC" && head.attributes["redis.reply.type"] === "null";
		if (root === at && !isAborted) return head;
		return withMore(head, {
			...(root > at ? { "redis.reply.attributes": JSON.stringify(attributesAt(bytes, at, root)) } : {}),
			...(isAborted ? { "redis.transaction.aborted": true } : {}),
		});
	}

	#goOn(bytes: Uint8Array, at: number): number {
		const lane = this.#lane;
		const { writer } = lane;
		const next = lane.step(bytes, at);
		if (next >= 0 && lane.isOver) {
			this.#answered = null;
			writer!.finish(next, lane.outcome);
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
		const session = this.#session;
		const command = this.#answered;
		this.#answered = null;
		writer.finish(end, outcome);
		if (command === null) return end;
		const line = bytes[root] === Type.simpleString ? bufferOf(bytes).toString("latin1", root + 1, end - 2) : "";
		switch (command.facts.name) {
			case "SELECT":
				session.selected(command, line);
				break;
			case "MONITOR":
				if (line === "OK") session.isMonitor = true;
				break;
			case "RESET":
				if (line === "RESET") session.reset();
				break;
			case "PSYNC":
			case "SYNC":
				if (outcome === "ok") return this.#replicates(out, end);
		}
		return end;
	}

	#replicates(out: ParserOutput, at: number): number {
		this.#session.giveUp(out, "replication");
		return at;
	}
}

function hides(command: Command | null): boolean {
	if (command === null) return false;
	return command.hiding !== "none" || command.runs?.hidings.some((hiding) => hiding !== "none") === true;
}

function secretsOf({ hiding, runs }: Command, bytes: Uint8Array, at: number, to: number) {
	return runs === null ? secretRanges(hiding, bytes, at, to) : secretRangesOfAll(runs.hidings, bytes, at, to);
}

const isReplication = (command: Command | null): boolean =>
	command !== null && (command.facts.name === "PSYNC" || command.facts.name === "SYNC");

/** Where the attribute that begins at `at` ends. */
function attributeEnd(bytes: Uint8Array, at: number, to: number): number {
	const count = readNumber(bytes, at + 1, to);
	if (count < 0) return count === INCOMPLETE ? INCOMPLETE : INVALID;
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
