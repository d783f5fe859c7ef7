/** Which arguments of a command, and which values of a reply, are secrets. */
import type { CommandFacts } from "./commands.js";
import { textOf } from "./values.js";
import { valueEnd } from "./walker.js";
import { afterNumber, readNumber, Type } from "./wire.js";

/** Settings whose value is a secret. */
const SETTINGS =
	/^(?:requirepass|masterauth|primaryauth|tls-key-file-pass|tls-client-key-file-pass|sentinel-pass|auth-pass)$/i;

const equals = (text: string | undefined, word: string): boolean => text?.toUpperCase() === word;

/** For each argument whether it is one; the name is argument 0. Null: none is. */
export function secretArguments({ name }: CommandFacts, args: readonly string[]): readonly boolean[] | null {
	switch (name) {
		case "AUTH":
			// AUTH password, or AUTH user password
			return args.map((_, i) => i > 0 && (i > 1 || args.length === 2));
		case "HELLO":
			return after(args, "AUTH", 2, 2);
		case "MIGRATE":
			return after(args, "AUTH", 1, 1) ?? after(args, "AUTH2", 2, 2);
		case "CONFIG":
			return equals(args[1], "SET") ? settings(args, 2) : null;
		case "SENTINEL":
			return equals(args[1], "SET") ? settings(args, 3) : equals(args[1], "CONFIG") ? settings(args, 3) : null;
		case "ACL":
			return equals(args[1], "SETUSER") ? args.map((arg, i) => i > 2 && /^\(?[><#!]/.test(arg)) : null;
		default:
			return null;
	}
}

/** The arguments `from` to `to` places after every `word`. */
function after(args: readonly string[], word: string, from: number, to: number): readonly boolean[] | null {
	const found = args.findIndex((arg, i) => i > 0 && equals(arg, word));
	return found < 0 ? null : args.map((_, i) => i >= found + from && i <= found + to);
}

function settings(args: readonly string[], first: number): readonly boolean[] | null {
	const hidden = args.map((_, i) => i > first && (i - first) % 2 === 1 && SETTINGS.test(args[i - 1]!));
	return hidden.includes(true) ? hidden : null;
}

/** How a reply is looked through for secrets. */
export type Hiding = "none" | "settings" | "user" | "list" | "all";

export function hidingOf({ name }: CommandFacts, args: readonly string[]): Hiding {
	const sub = args[1]?.toUpperCase();
	if (name === "CONFIG") return sub === "GET" ? "settings" : "none";
	if (name !== "ACL") return "none";
	return sub === "GETUSER" ? "user" : sub === "LIST" ? "list" : sub === "GENPASS" ? "all" : "none";
}

export interface Range {
	readonly from: number;
	readonly to: number;
}

/** Where in the whole value at `at` to `to` secrets lie, in order. */
export function secretRanges(hiding: Hiding, bytes: Uint8Array, at: number, to: number): Range[] {
	const found: Range[] = [];
	if (hiding === "none") return found;
	const type = bytes[at];
	const isList = type === Type.array || type === Type.map || type === Type.set;
	if (!isList) {
		if (hiding === "all") payloads(bytes, at, to, found);
		return found;
	}
	let name = "";
	let i = 0;
	for (let from = afterNumber(bytes, at + 1); from < to; i++) {
		const end = valueEnd(bytes, from, to);
		if (end <= from) break;
		const isName = i % 2 === 0;
		if (hiding === "list" || hiding === "all") payloads(bytes, from, end, found);
		else if (isName) name = nameAt(bytes, from, end);
		else if (hiding === "user" ? name === "passwords" : SETTINGS.test(name)) payloads(bytes, from, end, found);
		from = end;
	}
	return found;
}

/** Of EXEC: each command that was queued has its own way of hiding. */
export function secretRangesOfAll(all: readonly Hiding[], bytes: Uint8Array, at: number, to: number): Range[] {
	const found: Range[] = [];
	if (bytes[at] !== Type.array) return found;
	let i = 0;
	for (let from = afterNumber(bytes, at + 1); from < to; i++) {
		const end = valueEnd(bytes, from, to);
		if (end <= from) break;
		found.push(...secretRanges(all[i] ?? "none", bytes, from, end));
		from = end;
	}
	return found;
}

function nameAt(bytes: Uint8Array, at: number, to: number): string {
	const isBulk = bytes[at] === Type.bulkString;
	const from = isBulk ? afterNumber(bytes, at + 1) : at + 1;
	const text = textOf(bytes, from, to - 2);
	return typeof text === "string" ? text.toLowerCase() : "";
}

/** The payloads of all strings from `at` to `to`. */
function payloads(bytes: Uint8Array, at: number, to: number, found: Range[]): void {
	let from = at;
	while (from < to) {
		const type = bytes[from];
		if (type === Type.array || type === Type.map || type === Type.set || type === Type.push) {
			from = afterNumber(bytes, from + 1);
			continue;
		}
		const end = valueEnd(bytes, from, to);
		if (end <= from) return;
		const isBulk = type === Type.bulkString || type === Type.verbatim;
		const start = isBulk ? afterNumber(bytes, from + 1) : from + 1;
		if ((isBulk && readNumber(bytes, from + 1, to) > 0) || type === Type.simpleString)
			found.push({ from: start, to: end - 2 });
		from = end;
	}
}
