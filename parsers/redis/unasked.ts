import { MessageHead, type MessageWriter, type ParserOutput } from "../../core/index.js";
import { isConfirmationKind, isMessageKind, publishedAt } from "./pubsub.js";
import { type ReplyLane, rootEnd } from "./reply-lane.js";
import type { Session } from "./session.js";
import { LIST, valueAt } from "./values.js";
import { valueEnd } from "./walker.js";
import { HELD_BYTES, HOLD, INCOMPLETE, INVALID, readNumber, Type } from "./wire.js";

interface Confirming {
	readonly writer: MessageWriter;
	readonly kind: string;
	left: number;
}

/** What a server says without being asked, and the confirmations of subscriptions, which look the same. */
export class Unasked {
	readonly #session: Session;
	readonly #lane: ReplyLane;
	/** The response that is made of confirmations, and how many of them are still to come. */
	#confirming: Confirming | null = null;

	constructor(session: Session, lane: ReplyLane) {
		this.#session = session;
		this.#lane = lane;
	}

	/** The engine ended what was open. */
	lost(): void {
		this.#confirming = null;
		this.#session.subscriptions.isKnown = false;
	}

	/** Something else comes at `at`, so no confirmation does any more. */
	endConfirming(at: number): void {
		this.#confirming?.writer.finish(at, "ok");
		this.#confirming = null;
	}

	/** The list at `root`, whose first line ends at `end` and whose first value is `kind`; an attribute may begin at `at`. */
	tell(bytes: Uint8Array, at: number, root: number, end: number, kind: string, out: ParserOutput): number {
		if (isConfirmationKind(kind)) return this.#confirmation(bytes, at, root, kind, out);
		this.endConfirming(at);
		const count = readNumber(bytes, root + 1, end);
		const published = isMessageKind(kind) ? publishedAt(bytes, end, bytes.length, kind, count) : null;
		if (published === INCOMPLETE) return bytes.length - at < HELD_BYTES ? INCOMPLETE : INVALID;
		if (published !== null) {
			const payloadEnd = rootEnd(bytes, published.payloadAt, bytes.length);
			if (payloadEnd < 0) return payloadEnd;
			const writer = out.begin(at, undefined, "message");
			writer.head(published.head);
			return this.#open(bytes, published.payloadAt, payloadEnd, writer);
		}
		const writer = out.begin(at, undefined, "message");
		const summary = kind === "" ? "push" : kind;
		writer.head(pushHead(summary));
		return this.#open(bytes, root, end, writer);
	}

	#open(bytes: Uint8Array, root: number, end: number, writer: MessageWriter): number {
		const lane = this.#lane;
		const next = lane.open(bytes, root, end, writer, false);
		if (lane.isOver) writer.finish(next, lane.outcome);
		return next;
	}

	/** SUBSCRIBE and its likes are answered by one confirmation for each channel, in one response. */
	#confirmation(bytes: Uint8Array, at: number, root: number, kind: string, out: ParserOutput): number {
		const { pairing, subscriptions } = this.#session;
		const end = valueEnd(bytes, root, bytes.length);
		if (end < 0) return end === INCOMPLETE && bytes.length - at > HELD_BYTES ? INVALID : end;
		const confirmed = valueAt(bytes, root, end);
		const total = Array.isArray(confirmed) ? Number(confirmed[2]) : 0;
		if (this.#confirming !== null && this.#confirming.kind !== kind) this.endConfirming(at);
		if (this.#confirming === null) {
			const { first } = pairing.queue;
			if (first === null && pairing.isSure && pairing.mustWait(at, out)) return HOLD;
			if (pairing.isSure && first?.facts.name === kind.toUpperCase()) this.#begin(bytes, at, root, kind, out);
		}
		if (this.#confirming === null) {
			const writer = out.begin(at, undefined, "message");
			writer.head(pushHead(kind));
			writer.items(LIST);
			writer.body(bytes, root, end);
			writer.finish(end, "ok");
		} else this.#goOn(this.#confirming, bytes, root, end, total);
		if (Number.isFinite(total)) subscriptions.confirmed(kind, total);
		return end;
	}

	#begin(bytes: Uint8Array, at: number, root: number, kind: string, out: ParserOutput): void {
		const { heads, pairing, subscriptions } = this.#session;
		const { tag, argumentCount, facts } = pairing.queue.first!;
		const left = argumentCount > 0 ? argumentCount : subscriptions.confirmations(facts.name);
		const writer = out.begin(at, tag);
		pairing.queue.shift();
		writer.head(heads.reply(bytes[root] === Type.push ? "push" : "array", kind));
		writer.items(LIST);
		this.#confirming = { writer, kind, left };
	}

	#goOn(confirming: Confirming, bytes: Uint8Array, root: number, end: number, total: number): void {
		confirming.writer.body(bytes, root, end);
		const isLast = confirming.left === Number.POSITIVE_INFINITY && total === 0;
		if (--confirming.left > 0 && !isLast) return;
		confirming.writer.finish(end, "ok");
		this.#confirming = null;
	}
}

const pushHead = (kind: string): MessageHead =>
	new MessageHead(kind, { "db.system.name": "redis", "redis.push.kind": kind }, []);
