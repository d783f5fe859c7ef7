import { STATUS_LINE } from "./head-parsing.js";

export const METHODS = ["GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE", "PROPFIND"];
const LF = 10;
const MAX_LINE_BYTES = 4096;
const MAX_NAME_BYTES = 256;
const REQUEST_LINE = /^[A-Z][A-Z-]{2,19} (?:\/|\*|https?:\/\/|[\w.[\]:-]+:\d)[^ \r\n]* HTTP\/1\.\d\r?$/;
const FIELD_OR_END = /^(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+[ \t]*:|\r?\n)/;
const BEGINNING = /^(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]*[ \t]*|\r)$/;

/**
 * Where in bytes that begin anywhere the next message starts: at their first byte or after a newline, a whole start line
 * followed by a field or an empty line. `need`: not here, but the last so many bytes may be the beginning of one.
 */
export function nextStart(
	bytes: Uint8Array,
	isResponse: boolean,
): { readonly skip: number } | { readonly need: number } {
	const { length } = bytes;
	let at = 0;
	while (at < length) {
		const lineEnd = bytes.indexOf(LF, at);
		const isCandidate = (lineEnd < 0 ? length : lineEnd) - at <= MAX_LINE_BYTES && beginsLike(bytes, at, isResponse);
		if (lineEnd < 0) return { need: isCandidate ? length - at : 0 };
		if (isCandidate && isStartLine(text(bytes, at, lineEnd), isResponse)) {
			const next = lineEnd + 1;
			const following = text(bytes, next, Math.min(length, next + MAX_NAME_BYTES));
			if (FIELD_OR_END.test(following)) return { skip: at };
			if (BEGINNING.test(following) && following.length < MAX_NAME_BYTES) return { need: length - at };
		}
		at = lineEnd + 1;
	}
	return { need: 0 };
}

/** Of a method that a hole cut the rest is a token as well (`OST`): only known ones can be told from it. */
function isStartLine(line: string, isResponse: boolean): boolean {
	if (isResponse) return STATUS_LINE.test(line);
	return REQUEST_LINE.test(line) && METHODS.includes(line.slice(0, line.indexOf(" ")));
}

/** May the line at `at` be a start line, as far as its first bytes tell? */
function beginsLike(bytes: Uint8Array, at: number, isResponse: boolean): boolean {
	if (isResponse) {
		for (let i = 0; i < STATUS_START.length && at + i < bytes.length; i++)
			if (bytes[at + i] !== STATUS_START.charCodeAt(i)) return false;
		return true;
	}
	for (let i = at; i < bytes.length && i < at + 21; i++) {
		const byte = bytes[i]!;
		if (byte === 32 && i - at >= 3) return true;
		if (byte !== 45 && (byte < 65 || byte > 90)) return false;
	}
	return bytes.length - at <= 20;
}

const STATUS_START = "HTTP/1.";

function text(bytes: Uint8Array, from: number, to: number): string {
	return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString("latin1");
}
