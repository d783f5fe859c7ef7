/**
 * Where a command or a response begins in bytes that begin anywhere. Only places count from which whole packets lead to the
 * end of what there is, and whose first one cannot well be anything else.
 */

import { readColumn } from "./columns.js";
import * as command from "./commands.js";
import { Cursor } from "./cursor.js";
import { FRAME_HEADER_BYTES, inflateFrame } from "./frames.js";
import { readErr, readOk } from "./outcomes.js";
import { MAX_PAYLOAD } from "./packets.js";

export type Found = { readonly at: number; readonly isCompressed: boolean } | { readonly need: number };
export type Framing = boolean | "either";

/** So much is looked through; what begins after that is found in the next piece. */
const MAX_SCAN_BYTES = 65_536;

const VERB =
	/^(?:\s|\(|--[ \t][^\n]*\n|#[^\n]*\n|\/\*[^*]*\*\/)*(?:\/\*M?!\d*\s*)?(?:select|insert|update|delete|replace|set|show|begin|commit|rollback|start|call|with|use|create|alter|drop|truncate|explain|desc|describe|lock|unlock|load|prepare|execute|deallocate|do|handler|savepoint|release|xa|analyze|optimize|check|repair|kill|flush|reset|change|grant|revoke|values|table|help|binlog|rename|cache|checksum|install|uninstall|declare|signal|get|return)\b/i;
const VERB_BYTES = 512;

/** `no`, `yes`, or `weak`: it may be one, but a few other bytes look the same. */
type Likeness = "no" | "weak" | "yes";

export function commandLikeness(bytes: Buffer, from: number, to: number): Likeness {
	const length = to - from;
	switch (bytes[from]) {
		case command.QUERY:
		case command.PREPARE: {
			let at = from + 1;
			if (bytes[at] === 0 && bytes[at + 1] === 1) at += 2;
			return VERB.test(bytes.toString("latin1", at, Math.min(to, at + VERB_BYTES))) ? "yes" : "no";
		}
		case command.EXECUTE: {
			if (length < 10) return "no";
			const isLike = bytes[from + 4] === 0 && bytes[from + 5]! <= 0x0f && bytes.readUInt32LE(from + 6) === 1;
			return isLike ? "yes" : "no";
		}
		case command.PING:
		case command.QUIT:
		case command.STATISTICS:
		case command.RESET_CONNECTION:
			return length === 1 ? "weak" : "no";
		case command.CLOSE:
		case command.RESET:
			return length === 5 ? "weak" : "no";
		case command.FETCH:
			return length === 9 ? "weak" : "no";
	}
	return "no";
}

/**
 * Whole commands from `from` to the end of the bytes, or one that is longer than they are. A weak one is good enough only
 * beside a strong one.
 */
function commandsFrom(bytes: Buffer, from: number): Likeness {
	let best: Likeness = "weak";
	let at = from;
	while (at < bytes.length) {
		if (bytes.length - at < 5) return "no";
		const length = bytes.readUIntLE(at, 3);
		if (length === 0 || bytes[at + 3] !== 0) return "no";
		const end = Math.min(bytes.length, at + 4 + length);
		const likeness = commandLikeness(bytes, at + 4, end);
		if (likeness === "no") return "no";
		if (likeness === "yes") best = "yes";
		if (length === MAX_PAYLOAD) return best;
		at += 4 + length;
	}
	return best;
}

function compressedCommandAt(bytes: Buffer, at: number): boolean {
	if (bytes.length - at < FRAME_HEADER_BYTES + 5 || bytes[at + 3] !== 0) return false;
	const end = at + FRAME_HEADER_BYTES + bytes.readUIntLE(at, 3);
	if (end > bytes.length) return false;
	const content = inflateFrame(bytes.subarray(at + FRAME_HEADER_BYTES, end), bytes.readUIntLE(at + 4, 3));
	return typeof content !== "string" && commandsFrom(content, 0) === "yes";
}

/** Null: there is none. */
export function findCommand(bytes: Buffer, framing: Framing): Found | null {
	const last = Math.min(bytes.length, MAX_SCAN_BYTES) - 5;
	for (let at = 0; at <= last; at++) {
		if (bytes[at + 3] !== 0) continue;
		if (framing !== true && commandsFrom(bytes, at) === "yes") return { at, isCompressed: false };
		if (framing !== false && compressedCommandAt(bytes, at)) return { at, isCompressed: true };
	}
	return null;
}

/** A response from its first packet on, as far as the bytes go. */
function responseFrom(bytes: Buffer, from: number): boolean {
	const start = from + 4;
	if (bytes.length - start < 2 || bytes[from + 3] !== 1) return false;
	const length = bytes.readUIntLE(from, 3);
	const end = start + length;
	const first = bytes[start]!;
	if (length === 0 || end > bytes.length) return false;
	if (first === 0xff) {
		const error = readErr(bytes, start, end);
		return error !== null && error.state !== null && error.code >= 1000 && end === bytes.length;
	}
	if (first === 0) return isOk(bytes, start, end) ? end === bytes.length : isPrepared(bytes, start, end);
	const cursor = new Cursor(bytes, start, end);
	const count = cursor.lenenc();
	if (count <= 0 || cursor.left > 1) return false;
	return isColumn(bytes, end) && isChain(bytes, from);
}

function isOk(bytes: Buffer, from: number, to: number): boolean {
	const ok = readOk(bytes, from, to, null);
	// a server that answers is in autocommit or in a transaction
	return ok !== null && (ok.status & 0x8000) === 0 && (ok.status & 3) !== 0;
}

function isPrepared(bytes: Buffer, from: number, to: number): boolean {
	if (to - from < 12 || to - from > 13 || bytes[from + 9] !== 0) return false;
	const hasDefinitions = bytes.readUInt32LE(from + 5) !== 0;
	return hasDefinitions ? isColumn(bytes, to) && isChain(bytes, from - 4) : to === bytes.length;
}

function isColumn(bytes: Buffer, at: number): boolean {
	if (bytes.length - at < 5 || bytes[at + 3] !== 2) return false;
	const end = at + 4 + bytes.readUIntLE(at, 3);
	return end <= bytes.length && readColumn(bytes, at + 4, end) !== null;
}

/** Packets with one sequence number after the other, the last one perhaps not whole. */
function isChain(bytes: Buffer, from: number): boolean {
	let sequence = 1;
	for (let at = from; bytes.length - at >= 4; ) {
		if (bytes[at + 3] !== sequence) return false;
		sequence = (sequence + 1) & 0xff;
		at += 4 + bytes.readUIntLE(at, 3);
	}
	return true;
}

function compressedResponseAt(bytes: Buffer, at: number): boolean {
	if (bytes.length - at < FRAME_HEADER_BYTES + 5 || bytes[at + 3] !== 1) return false;
	const end = at + FRAME_HEADER_BYTES + bytes.readUIntLE(at, 3);
	if (end > bytes.length) return false;
	const content = inflateFrame(bytes.subarray(at + FRAME_HEADER_BYTES, end), bytes.readUIntLE(at + 4, 3));
	return typeof content !== "string" && responseFrom(content, 0);
}

export function findResponse(bytes: Buffer, isCompressed: boolean): Found | null {
	const last = Math.min(bytes.length, MAX_SCAN_BYTES) - 6;
	for (let at = 0; at <= last; at++) {
		if (bytes[at + 3] !== 1) continue;
		if (isCompressed ? compressedResponseAt(bytes, at) : responseFrom(bytes, at)) return { at, isCompressed };
	}
	return null;
}
