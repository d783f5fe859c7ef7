import { afterParameters, parseBindHead, parseFormats } from "./bind.js";
import { parseComplaint } from "./errors.js";
import { Back, Front, int32, isBack, isFront, latin1, MAX_MESSAGE_BYTES, nulAt, uint16 } from "./wire.js";

/** What is said of the message at a place: where it ends, that it is none, or that it is not there as a whole. */
export type Shape = number | "none" | "more";

/** The server's message at `at`, every length and count in it checked. */
export function backShape(bytes: Uint8Array, at: number): Shape {
	return shape(bytes, at, isBack, isWellFormedBack);
}

/** The client's message at `at`, every length and count in it checked. Data of a COPY may be anything: it is none here. */
export function frontShape(bytes: Uint8Array, at: number): Shape {
	return shape(bytes, at, isFront, isWellFormedFront);
}

function shape(
	bytes: Uint8Array,
	at: number,
	isKnown: (type: number) => boolean,
	isWellFormed: (type: number, bytes: Uint8Array, from: number, end: number) => boolean,
): Shape {
	if (!isKnown(bytes[at]!)) return "none";
	// the length has a zero first unless the message is very large
	if (at + 1 < bytes.length && bytes[at + 1]! > 0x3f) return "none";
	if (at + 5 > bytes.length) return "more";
	const length = int32(bytes, at + 1);
	if (length < 4 || length > MAX_MESSAGE_BYTES) return "none";
	const end = at + 1 + length;
	if (end > bytes.length) return mayBeLonger(bytes[at]!, length) ? "more" : "none";
	return isWellFormed(bytes[at]!, bytes, at + 5, end) ? end : "none";
}

const FIXED = new Map<number, number>([
	[Back.parseComplete, 4],
	[Back.bindComplete, 4],
	[Back.closeComplete, 4],
	[Back.noData, 4],
	[Back.portalSuspended, 4],
	[Back.emptyQuery, 4],
	[Back.ready, 5],
]);

function mayBeLonger(type: number, length: number): boolean {
	const fixed = FIXED.get(type);
	return fixed === undefined || fixed === length;
}

const COMMAND_TAG = /^[A-Z][A-Z ]*(?: \d+){0,2}$/;

function isWellFormedBack(type: number, bytes: Uint8Array, from: number, end: number): boolean {
	switch (type) {
		case Back.parseComplete:
		case Back.bindComplete:
		case Back.closeComplete:
		case Back.noData:
		case Back.portalSuspended:
		case Back.emptyQuery:
		case Back.copyDone:
			return from === end;
		case Back.ready:
			return end - from === 1 && (bytes[from] === 0x49 || bytes[from] === 0x54 || bytes[from] === 0x45);
		case Back.commandComplete:
			return nulAt(bytes, from, end) === end - 1 && COMMAND_TAG.test(latin1(bytes, from, end - 1));
		case Back.dataRow:
			return end - from >= 2 && afterParameters(bytes, from + 2, uint16(bytes, from), end) === end;
		case Back.rowDescription:
			return isDescription(bytes, from, end);
		case Back.error:
		case Back.notice: {
			const complaint = parseComplaint(bytes, from, end);
			return complaint !== null && complaint.code.length === 5;
		}
		case Back.parameterStatus:
			return hasTexts(bytes, from, end, 2);
		case Back.notification:
			return end - from > 4 && hasTexts(bytes, from + 4, end, 2);
		case Back.parameterDescription:
			return end - from >= 2 && from + 2 + 4 * uint16(bytes, from) === end;
		case Back.copyIn:
		case Back.copyOut:
		case Back.copyBoth:
			return end - from >= 3 && bytes[from]! <= 1 && from + 3 + 2 * uint16(bytes, from + 1) === end;
		case Back.copyData:
			return true;
	}
	return false;
}

function isWellFormedFront(type: number, bytes: Uint8Array, from: number, end: number): boolean {
	switch (type) {
		case Front.sync:
		case Front.flush:
		case Front.terminate:
		case Front.copyDone:
			return from === end;
		case Front.query:
			return hasTexts(bytes, from, end, 1) && isText(bytes, from, end - 1);
		case Front.copyFail:
			return hasTexts(bytes, from, end, 1);
		case Front.describe:
		case Front.close:
			return (bytes[from] === 0x53 || bytes[from] === 0x50) && hasTexts(bytes, from + 1, end, 1);
		case Front.execute: {
			const nameEnd = nulAt(bytes, from, end);
			return nameEnd >= 0 && nameEnd + 5 === end;
		}
		case Front.parse: {
			const nameEnd = nulAt(bytes, from, end);
			const textEnd = nameEnd < 0 ? -1 : nulAt(bytes, nameEnd + 1, end);
			if (textEnd < 0 || textEnd + 3 > end || !isText(bytes, nameEnd + 1, textEnd)) return false;
			return textEnd + 3 + 4 * uint16(bytes, textEnd + 1) === end;
		}
		case Front.bind: {
			const head = parseBindHead(bytes, from, end);
			if (head === "more") return false;
			const after = afterParameters(bytes, head.at, head.parameters, end);
			const formats = after < 0 ? null : parseFormats(bytes, after, end);
			return formats !== null && after + 2 + 2 * formats.length === end;
		}
	}
	return false;
}

function isDescription(bytes: Uint8Array, from: number, end: number): boolean {
	if (end - from < 2) return false;
	let at = from + 2;
	for (let i = uint16(bytes, from); i > 0; i--) {
		const nameEnd = nulAt(bytes, at, end);
		if (nameEnd < 0) return false;
		at = nameEnd + 19;
		if (at > end || uint16(bytes, at - 2) > 1) return false;
	}
	return at === end;
}

/** Exactly so many texts, each with its NUL. */
function hasTexts(bytes: Uint8Array, from: number, end: number, count: number): boolean {
	let at = from;
	for (let i = 0; i < count; i++) {
		const nul = nulAt(bytes, at, end);
		if (nul < 0) return false;
		at = nul + 1;
	}
	return at === end;
}

/** No control characters that nobody types. */
function isText(bytes: Uint8Array, from: number, end: number): boolean {
	for (let i = from; i < end; i++) {
		const byte = bytes[i]!;
		if (byte < 32 && byte !== 9 && byte !== 10 && byte !== 13 && byte !== 12) return false;
	}
	return true;
}
