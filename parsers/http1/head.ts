import { type Attributes, type HeaderList, MessageHead } from "../../core/index.js";

const MAX_HEADERS = 1000;
const CR = 13;

/** What the framing of a message depends on (RFC 9112, section 6). */
export interface Framing {
	/** -1: no usable Content-Length. */
	readonly contentLength: number;
	readonly chunked: boolean;
	/** Transfer-Encoding is there, but `chunked` is not its last coding. */
	readonly unframed: boolean;
}

/** The head of a request or response, with what the parser needs of it. One object for all messages with these bytes. */
export class Http1Head extends MessageHead implements Framing {
	/** Its bytes, and the same memory for comparing. */
	readonly raw: Uint8Array;
	readonly view: DataView;
	/** Of a request; empty for a response. */
	readonly method: string;
	/** Of a response; 0 for a request. */
	readonly status: number;
	readonly contentLength: number;
	readonly chunked: boolean;
	readonly unframed: boolean;
	/** Content codings, in the order applied, or null. */
	readonly coding: string | null;
	/** First protocol of `Upgrade`, in lower case, or null. */
	readonly upgrade: string | null;
	readonly flags: readonly string[];

	constructor(
		raw: Uint8Array,
		start: StartLine,
		headers: HeaderList,
		fields: Fields,
		attributes: Attributes,
		flags: readonly string[],
	) {
		super(start.summary, attributes, headers);
		this.raw = raw;
		this.view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
		this.method = start.method;
		this.status = start.status;
		this.contentLength = fields.contentLength;
		this.chunked = fields.chunked;
		this.unframed = fields.unframed;
		this.coding = fields.coding;
		this.upgrade = fields.upgrade;
		this.flags = flags;
	}
}

interface StartLine {
	readonly summary: string;
	readonly method: string;
	readonly status: number;
	readonly attributes: Record<string, string | number>;
}

/** The header fields that matter to us. */
interface Fields extends Framing {
	readonly coding: string | null;
	readonly upgrade: string | null;
}

/** Why a head is none: for `opaque`. */
export type BadHead = "bad-start-line" | "too-many-headers" | "bad-content-length";

/** Parses the head that `bytes` holds from its first byte to the empty line that ends it. */
export function parseHead(bytes: Uint8Array, isRequest: boolean): Http1Head | BadHead {
	const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
	let lineEnd = text.indexOf("\n");
	const flags: string[] = [];
	const start = startLine(text.slice(0, chop(text, lineEnd)), isRequest);
	if (start === null) return "bad-start-line";
	let hasBareLf = text.charCodeAt(lineEnd - 1) !== CR;
	const headers: [string, string][] = [];
	let hasBadName = false;
	for (let at = lineEnd + 1; at < text.length; at = lineEnd + 1) {
		lineEnd = text.indexOf("\n", at);
		if (lineEnd < 0) lineEnd = text.length;
		const end = chop(text, lineEnd);
		if (end === lineEnd) hasBareLf = true;
		if (end === at) break;
		const first = text.charCodeAt(at);
		if (first === 0x20 || first === 0x09) {
			// obs-fold: a continuation of the value before
			const last = headers[headers.length - 1];
			if (last === undefined) hasBadName = true;
			else last[1] = `${last[1]} ${text.slice(at, end).trim()}`.trim();
			continue;
		}
		const colon = text.indexOf(":", at);
		if (colon < 0 || colon >= end) {
			hasBadName = true;
			headers.push([text.slice(at, end), ""]);
			continue;
		}
		const beforeColon = text.charCodeAt(colon - 1);
		if (beforeColon === 0x20 || beforeColon === 0x09 || colon === at) hasBadName = true;
		headers.push([text.slice(at, colon), trimmed(text, colon + 1, end)]);
		if (headers.length > MAX_HEADERS) return "too-many-headers";
	}
	const fields = fieldsOf(headers, flags);
	if (fields === null) return "bad-content-length";
	if (hasBadName) addFlag(flags, SMUGGLING);
	if (hasBareLf) flags.push("bare-lf");
	return new Http1Head(Uint8Array.from(bytes), start, headers, fields, start.attributes, flags);
}

/** The lines of a trailer section; what is no field is left out. */
export function parseTrailers(bytes: Uint8Array): HeaderList {
	const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
	const headers: [string, string][] = [];
	for (const line of text.split("\n")) {
		const colon = line.indexOf(":");
		if (colon > 0 && headers.length < MAX_HEADERS) headers.push([line.slice(0, colon), line.slice(colon + 1).trim()]);
	}
	return headers;
}

const SMUGGLING = "request-smuggling-shape";

function addFlag(flags: string[], name: string): void {
	if (!flags.includes(name)) flags.push(name);
}

/** Without the carriage return before the line feed. */
function chop(text: string, lineEnd: number): number {
	return text.charCodeAt(lineEnd - 1) === CR ? lineEnd - 1 : lineEnd;
}

function trimmed(text: string, from: number, to: number): string {
	let start = from;
	let end = to;
	while (start < end && (text.charCodeAt(start) === 0x20 || text.charCodeAt(start) === 0x09)) start++;
	while (end > start && (text.charCodeAt(end - 1) === 0x20 || text.charCodeAt(end - 1) === 0x09)) end--;
	return text.slice(start, end);
}

function startLine(line: string, isRequest: boolean): StartLine | null {
	return isRequest ? requestLine(line) : statusLine(line);
}

const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) +(\S(?:.*\S)?) +HTTP\/(1\.[0-9])$/;

function requestLine(line: string): StartLine | null {
	const match = REQUEST_LINE.exec(line);
	if (match === null) return null;
	const method = match[1]!;
	const target = match[2]!;
	const attributes: Record<string, string | number> = { "http.request.method": method };
	let path = target;
	if (target.charCodeAt(0) !== 0x2f && target.includes("://")) {
		// absolute-form, as proxies get it
		attributes["url.full"] = target;
		const slash = target.indexOf("/", target.indexOf("://") + 3);
		path = slash < 0 ? "/" : target.slice(slash);
	} else if (method === "CONNECT") {
		attributes["server.address"] = target;
		return {
			summary: `CONNECT ${target}`,
			method,
			status: 0,
			attributes: { ...attributes, "network.protocol.version": match[3]! },
		};
	}
	const query = path.indexOf("?");
	attributes["url.path"] = query < 0 ? path : path.slice(0, query);
	if (query >= 0) attributes["url.query"] = path.slice(query + 1);
	attributes["network.protocol.version"] = match[3]!;
	return { summary: `${method} ${attributes["url.path"]}`, method, status: 0, attributes };
}

const STATUS_LINE = /^HTTP\/(1\.[0-9]) ([1-9][0-9]{2})(?: .*)?$/;

function statusLine(line: string): StartLine | null {
	const match = STATUS_LINE.exec(line);
	if (match === null) return null;
	const status = Number(match[2]);
	const attributes = { "http.response.status_code": status, "network.protocol.version": match[1]! };
	return { summary: match[2]!, method: "", status, attributes };
}

/** Null where the length of the body cannot be known at all. */
function fieldsOf(headers: readonly (readonly [string, string])[], flags: string[]): Fields | null {
	let contentLength = -1;
	let transferEncoding: string | null = null;
	let coding: string | null = null;
	let upgrade: string | null = null;
	for (const [name, value] of headers) {
		switch (name.length) {
			case 14:
				if (name.toLowerCase() !== "content-length") break;
				for (const each of value.split(",")) {
					const digits = each.trim();
					const length = /^[0-9]{1,15}$/.test(digits) ? Number(digits) : -1;
					if (length < 0 || (contentLength >= 0 && contentLength !== length)) {
						addFlag(flags, SMUGGLING);
						if (contentLength < 0) return null;
					} else if (contentLength >= 0 || value.includes(",")) addFlag(flags, SMUGGLING);
					if (contentLength < 0) contentLength = length;
				}
				break;
			case 17:
				if (name.toLowerCase() !== "transfer-encoding") break;
				transferEncoding = transferEncoding === null ? value : `${transferEncoding}, ${value}`;
				break;
			case 16:
				if (name.toLowerCase() !== "content-encoding" || value.toLowerCase() === "identity") break;
				coding = coding === null ? value : `${coding}, ${value}`;
				break;
			case 7:
				if (name.toLowerCase() === "upgrade") upgrade ??= value.split(",")[0]!.split("/")[0]!.trim().toLowerCase();
				break;
		}
	}
	let chunked = false;
	let unframed = false;
	if (transferEncoding !== null) {
		const codings = transferEncoding
			.toLowerCase()
			.split(",")
			.map((each) => each.trim())
			.filter((each) => each !== "");
		chunked = codings.at(-1) === "chunked";
		unframed = !chunked && codings.some((each) => each !== "identity");
		if (contentLength >= 0 || codings.filter((each) => each === "chunked").length > 1 || unframed)
			addFlag(flags, SMUGGLING);
		const others = codings.filter((each) => each !== "chunked" && each !== "identity");
		if (others.length > 0) coding = coding === null ? others.join(", ") : `${coding}, ${others.join(", ")}`;
	}
	return { contentLength, chunked, unframed, coding, upgrade };
}
