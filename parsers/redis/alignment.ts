/** Where in bytes that begin anywhere a command or a reply begins for certain, and which reply answers which command. */
import type { CommandQueue } from "./command.js";
import { argumentsEnd } from "./command-scan.js";
import { commandNamed, MAX_NAME_BYTES } from "./commands.js";
import { isMonitorLine } from "./monitor.js";
import { isMessageKind, kindAt } from "./pubsub.js";
import { valueEnd } from "./walker.js";
import { afterNumber, bufferOf, INCOMPLETE, INVALID, LF, readNumber, Type } from "./wire.js";

export type Found = { readonly skip: number } | { readonly need: number };

/** What is looked through for the beginning of a command at the most. */
const MAX_SEARCH_BYTES = 1 << 18;
/** So much of a command that has not ended counts as one. */
const SURELY_A_COMMAND_BYTES = 1 << 16;

/** The first place from which on everything that is there is commands, at least one of them whole and known by name. */
export function nextCommand(bytes: Uint8Array): Found {
	const { length } = bytes;
	for (let at = 0; at < length; at++) {
		at = bytes.indexOf(Type.array, at);
		if (at < 0) return { need: 0 };
		if (at > 0 && bytes[at - 1] !== LF) continue;
		const verdict = areCommands(bytes, at, length);
		if (verdict === "yes") return { skip: at };
		if (verdict === "more" && length - at < MAX_SEARCH_BYTES) return { need: length - at };
	}
	return { need: 0 };
}

function areCommands(bytes: Uint8Array, from: number, to: number): "yes" | "no" | "more" {
	let at = from;
	while (at < to) {
		const end = knownCommandEnd(bytes, at, to);
		if (end === INVALID) return "no";
		if (end === INCOMPLETE) return at > from || to - at >= SURELY_A_COMMAND_BYTES ? "yes" : "more";
		at = end;
	}
	return "yes";
}

/** Where the command that begins at `at` ends, if it has a known name. */
export function knownCommandEnd(bytes: Uint8Array, at: number, to: number): number {
	if (bytes[at] !== Type.array) return INVALID;
	const count = readNumber(bytes, at + 1, to);
	if (count < 1) return count === INCOMPLETE ? INCOMPLETE : INVALID;
	const first = afterNumber(bytes, at + 1);
	if (first >= to) return INCOMPLETE;
	if (bytes[first] !== Type.bulkString) return INVALID;
	const length = readNumber(bytes, first + 1, to);
	if (length === INCOMPLETE) return INCOMPLETE;
	if (length < 1 || length > MAX_NAME_BYTES) return INVALID;
	const nameAt = afterNumber(bytes, first + 1);
	if (nameAt + length > to) return INCOMPLETE;
	if (commandNamed(bufferOf(bytes).toString("latin1", nameAt, nameAt + length))?.isKnown !== true) return INVALID;
	return argumentsEnd(bytes, first, to, count);
}

/** Is what begins at `at` sent to whoever subscribed or monitors? Then it needs no command to be understood. */
export function nextUnasked(bytes: Uint8Array): Found {
	const { length } = bytes;
	for (let at = 0; at < length; at++) {
		if (at > 0 && bytes[at - 1] !== LF) continue;
		const end = unaskedEnd(bytes, at, length);
		if (end === INCOMPLETE) return { need: Math.min(length - at, MAX_SEARCH_BYTES) };
		if (end > 0 && isValuesToTheEnd(bytes, end, length)) return { skip: at };
		const next = bytes.indexOf(LF, at);
		if (next < 0) return { need: 0 };
		at = next;
	}
	return { need: 0 };
}

function unaskedEnd(bytes: Uint8Array, at: number, to: number): number {
	const type = bytes[at];
	if (type === Type.simpleString) return isMonitorLine(bytes, at, to) ? valueEnd(bytes, at, to) : INVALID;
	if (type !== Type.push && type !== Type.array) return INVALID;
	const count = readNumber(bytes, at + 1, to);
	if (count < 1) return count === INCOMPLETE ? INCOMPLETE : INVALID;
	const kind = kindAt(bytes, afterNumber(bytes, at + 1), to);
	if (kind === INCOMPLETE) return INCOMPLETE;
	if (kind === null || (type === Type.array && !isMessageKind(kind))) return INVALID;
	return valueEnd(bytes, at, to);
}

function isValuesToTheEnd(bytes: Uint8Array, from: number, to: number): boolean {
	for (let at = from; at < to; ) {
		const end = valueEnd(bytes, at, to);
		if (end < 0) return end === INCOMPLETE;
		at = end;
	}
	return true;
}

/**
 * Do the bytes from `at` on hold exactly one reply for each command that waits, of a type that it may have, and nothing after
 * them? Then nothing was outstanding before these commands, and both directions stand at the same place.
 */
export function answersAll(commands: CommandQueue, bytes: Uint8Array, from: number, to: number): "yes" | "no" | "more" {
	let at = from;
	for (let i = 0; i < commands.length; ) {
		if (at >= to) return "more";
		const end = valueEnd(bytes, at, to);
		if (end === INVALID) return "no";
		if (bytes[at] !== Type.push) {
			const { facts } = commands.at(i)!;
			if (facts.isSubscription || !mayBe(bytes, at, facts.replies)) return "no";
			i++;
		}
		if (end === INCOMPLETE) return "more";
		at = end;
	}
	return at === to || bytes[at] === Type.push ? "yes" : "no";
}

const QUEUED = "+QUEUED\r\n";

function mayBe(bytes: Uint8Array, at: number, replies: string): boolean {
	const type = bytes[at]!;
	if (replies === "" || type === Type.simpleError || type === Type.bulkError) return true;
	if (replies.includes(String.fromCharCode(type))) return true;
	if (type === Type.array) return replies.includes("_") && bytes[at + 1] === 45;
	return type === Type.simpleString && bufferOf(bytes).toString("latin1", at, at + QUEUED.length) === QUEUED;
}
