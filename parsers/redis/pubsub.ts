/** What a server sends without being asked: pushes of RESP3, and their likes in RESP2. */
import { type AttributeValue, MessageHead } from "../../core/index.js";
import { valueAt } from "./values.js";
import { valueEnd } from "./walker.js";
import { afterNumber, bufferOf, INCOMPLETE, readNumber, Type } from "./wire.js";

const MAX_KIND_BYTES = 64;
const MESSAGES = new Set(["message", "pmessage", "smessage"]);
const CONFIRMATIONS = new Set(["subscribe", "unsubscribe", "psubscribe", "punsubscribe", "ssubscribe", "sunsubscribe"]);

export const isMessageKind = (kind: string): boolean => MESSAGES.has(kind);
export const isConfirmationKind = (kind: string): boolean => CONFIRMATIONS.has(kind);

/** The text of the first value of a list, which begins at `at`; null: none that says what the list is. */
export function kindAt(bytes: Uint8Array, at: number, to: number): string | null | typeof INCOMPLETE {
	if (at >= to) return INCOMPLETE;
	const type = bytes[at];
	if (type !== Type.bulkString && type !== Type.simpleString) return null;
	if (type === Type.bulkString) {
		const length = readNumber(bytes, at + 1, to);
		if (length === INCOMPLETE) return INCOMPLETE;
		if (length < 4 || length > MAX_KIND_BYTES) return null;
	}
	const end = valueEnd(bytes, at, to);
	if (end < 0) return end === INCOMPLETE && to - at < 2 * MAX_KIND_BYTES ? INCOMPLETE : null;
	const from = type === Type.bulkString ? afterNumber(bytes, at + 1) : at + 1;
	return bufferOf(bytes).toString("latin1", from, end - 2);
}

/** Of a published message: its head, and where its payload begins. */
export interface Published {
	readonly head: MessageHead;
	readonly payloadAt: number;
}

/** `at`: after the list's first line. Null: not such a message. */
export function publishedAt(
	bytes: Uint8Array,
	at: number,
	to: number,
	kind: string,
	count: number,
): Published | null | typeof INCOMPLETE {
	const hasPattern = kind === "pmessage";
	if (count !== (hasPattern ? 4 : 3)) return null;
	const starts: number[] = [at];
	for (let i = 0; i < count - 1; i++) {
		const end = valueEnd(bytes, starts[i]!, to);
		if (end < 0) return end === INCOMPLETE ? INCOMPLETE : null;
		starts.push(end);
	}
	const channel = nameOf(valueAt(bytes, starts[count - 2]!, to));
	const attributes: Record<string, AttributeValue> = {
		"db.system.name": "redis",
		"messaging.system": "redis",
		"messaging.operation.type": "receive",
		"messaging.destination.name": channel,
		"redis.push.kind": kind,
	};
	if (hasPattern) attributes["redis.pubsub.pattern"] = nameOf(valueAt(bytes, starts[1]!, to));
	return { head: new MessageHead(`${kind} ${channel}`, attributes, []), payloadAt: starts[count - 1]! };
}

const nameOf = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

/** How many subscriptions a connection has, learned from the totals that confirmations tell. */
export class Subscriptions {
	/** False once a confirmation may have been missed. */
	isKnown = true;
	#channels = 0;
	#patterns = 0;
	#shards = 0;

	/** In RESP2 nothing but confirmations, messages and pongs may come while there are some. */
	get count(): number {
		return this.#channels + this.#patterns + this.#shards;
	}

	clear(): void {
		this.isKnown = true;
		this.#channels = 0;
		this.#patterns = 0;
		this.#shards = 0;
	}

	/** Confirmations that a command without arguments gets; infinite: nobody knows, the last total of all may be 0. */
	confirmations(name: string): number {
		if (!this.isKnown) return Number.POSITIVE_INFINITY;
		const count = name === "UNSUBSCRIBE" ? this.#channels : name === "PUNSUBSCRIBE" ? this.#patterns : this.#shards;
		return Math.max(1, count);
	}

	confirmed(kind: string, total: number): void {
		if (kind.startsWith("s") && kind.endsWith("ssubscribe")) this.#shards = total;
		else if (kind === "sunsubscribe") this.#shards = total;
		else if (kind.startsWith("p")) this.#patterns = Math.max(0, total - this.#channels);
		else this.#channels = Math.max(0, total - this.#patterns);
	}
}
