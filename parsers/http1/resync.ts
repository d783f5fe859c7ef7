const LF = 10;
/** A start line longer than this is not looked for. */
const MAX_LINE_BYTES = 8192;

const REQUEST =
	/^(?:GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH|PROPFIND|MKCOL|COPY|MOVE|LOCK|UNLOCK|REPORT|PURGE) \S+ HTTP\/1\.[01]\r?$/;
const RESPONSE = /^HTTP\/1\.[01] [1-9][0-9]{2}(?: [^\n]*)?\r?$/;

/**
 * Where the next message begins: at the start of the bytes or after a line feed, and with a whole start line. Conservative:
 * a body that quotes a start line in the middle of a line is not taken for one.
 */
export function resync(bytes: Uint8Array, isRequest: boolean): { readonly skip: number } | { readonly need: number } {
	const pattern = isRequest ? REQUEST : RESPONSE;
	for (let at = 0; at < bytes.length; ) {
		const end = bytes.indexOf(LF, at);
		if (end < 0) {
			const rest = bytes.length - at;
			return { need: rest <= MAX_LINE_BYTES && couldStart(bytes, at, isRequest) ? rest : 0 };
		}
		if (end - at <= MAX_LINE_BYTES && couldStart(bytes, at, isRequest)) {
			const line = Buffer.from(bytes.buffer, bytes.byteOffset + at, end - at).toString("latin1");
			if (pattern.test(line)) return { skip: at };
		}
		at = end + 1;
	}
	return { need: 0 };
}

/** A first look that costs little: an upper-case letter, or the beginning of `HTTP/`. */
function couldStart(bytes: Uint8Array, at: number, isRequest: boolean): boolean {
	if (isRequest) return bytes[at]! >= 0x41 && bytes[at]! <= 0x5a;
	const start = Math.min(5, bytes.length - at);
	for (let i = 0; i < start; i++) if (bytes[at + i] !== "HTTP/".charCodeAt(i)) return false;
	return true;
}
