import { type Attributes, type AttributeValue, type HeaderList, MessageHead } from "../../core/index.js";
import { UNKNOWN } from "./field-table.js";
import type { Field } from "./static-table.js";

export const SMUGGLING = "request-smuggling-shape";
export const MALFORMED = "malformed-headers";

/** The head of a request, a response or a promise, with what later frames depend on. */
export class Http2Head extends MessageHead {
	/** Empty for a response, or where it is not known. */
	readonly method: string;
	/** 0 for a request, or where it is not known. */
	readonly status: number;
	/** Of `:protocol` (RFC 8441), or null. */
	readonly protocol: string | null;
	/** What the payload should have, or -1. */
	readonly contentLength: number;
	/** Codings of the payload, comma-separated; null: none. */
	readonly coding: string | null;
	/** Without parameters, lower case, where some parser takes such payloads; otherwise null. */
	readonly mediaType: string | null;
	readonly flags: readonly string[];

	constructor(summary: string, attributes: Attributes, headers: HeaderList, facts: HeadFacts) {
		super(summary, attributes, headers);
		this.method = facts.method;
		this.status = facts.status;
		this.protocol = facts.protocol;
		this.contentLength = facts.contentLength;
		this.coding = facts.coding;
		this.mediaType = facts.mediaType;
		this.flags = facts.flags;
	}

	/** A pushed response, with what the promise said of its request. */
	withRequest(request: Http2Head): Http2Head {
		return new Http2Head(this.summary, { ...request.attributes, ...this.attributes }, this.headers, this);
	}
}

/** Of a request of which only the path is known. */
export function pathHead(path: string): Http2Head {
	return new Http2Head(path, { "url.path": path }, [], {
		method: "",
		status: 0,
		protocol: null,
		contentLength: -1,
		coding: null,
		mediaType: null,
		flags: NONE,
	});
}

interface HeadFacts {
	method: string;
	status: number;
	protocol: string | null;
	contentLength: number;
	coding: string | null;
	mediaType: string | null;
	flags: readonly string[];
}

/** Fields that speak of one connection, and may not be in HTTP/2 (RFC 9113, section 8.2.2). */
const OF_A_CONNECTION = new Set(["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"]);
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const BAD_VALUE = /[\0\r\n]/;

/** From the fields of its block. `isRequest` also means a promise. */
export function makeHead(
	fields: readonly Field[],
	isRequest: boolean,
	hasUnknown: boolean,
	takesContent: (mediaType: string) => boolean,
): Http2Head {
	const pseudo = new Map<string, string>();
	const headers: Field[] = [];
	const facts: HeadFacts = {
		method: "",
		status: 0,
		protocol: null,
		contentLength: -1,
		coding: null,
		mediaType: null,
		flags: NONE,
	};
	let isMalformed = false;
	let hasRegular = false;
	let isSmuggling = false;
	/** A value of the form that gRPC's ends may agree on: a null, and bytes. */
	let isBinary = false;
	let isGrpc = false;
	for (const field of fields) {
		const [name, value] = field;
		if (BAD_VALUE.test(value)) {
			if (name.endsWith("-bin") && value.charCodeAt(0) === 0) isBinary = true;
			else isSmuggling = true;
		}
		if (name.charCodeAt(0) === COLON) {
			if (pseudo.has(name) || hasRegular) isMalformed = true;
			if (!pseudo.has(name)) pseudo.set(name, value);
			continue;
		}
		headers.push(field);
		// it may have been a pseudo-field
		if (name === UNKNOWN) continue;
		hasRegular = true;
		if (!NAME.test(name)) {
			isMalformed = true;
			if (BAD_VALUE.test(name)) isSmuggling = true;
		}
		if (OF_A_CONNECTION.has(name)) {
			isMalformed = true;
			if (name === "transfer-encoding") isSmuggling = true;
		} else if (name === "content-length") {
			const length = /^\d{1,15}$/.test(value) ? Number(value) : -1;
			if (facts.contentLength >= 0 && facts.contentLength !== length) isSmuggling = true;
			if (length < 0 && value !== UNKNOWN) isMalformed = true;
			facts.contentLength = length;
		} else if (name === "content-encoding" && value !== UNKNOWN) facts.coding = codings(facts.coding, value);
		else if (name === "content-type" && facts.mediaType === null) {
			const type = essence(value);
			isGrpc = type.startsWith("application/grpc");
			if (takesContent(type)) facts.mediaType = type;
		}
	}
	const flags: string[] = [];
	if (hasUnknown) flags.push("headers-unknown");
	if (isMalformed) flags.push(MALFORMED);
	if (isSmuggling || (isBinary && !isGrpc)) flags.push(SMUGGLING);
	if (flags.length > 0) facts.flags = flags;
	const attributes: Record<string, AttributeValue> = {};
	const summary = isRequest ? describeRequest(pseudo, facts, attributes) : describeResponse(pseudo, facts, attributes);
	attributes["network.protocol.version"] = "2";
	return new Http2Head(summary, attributes, headers, facts);
}

function describeRequest(
	pseudo: ReadonlyMap<string, string>,
	facts: HeadFacts,
	attributes: Record<string, AttributeValue>,
): string {
	const known = (name: string): string | null => {
		const value = pseudo.get(name);
		return value === undefined || value === UNKNOWN ? null : value;
	};
	const method = known(":method");
	const path = known(":path");
	const scheme = known(":scheme");
	const authority = known(":authority");
	facts.method = method ?? "";
	facts.protocol = known(":protocol");
	if (method !== null) attributes["http.request.method"] = method;
	let shown = path;
	if (path !== null) {
		const mark = path.indexOf("?");
		shown = mark < 0 ? path : path.slice(0, mark);
		attributes["url.path"] = shown;
		if (mark >= 0) attributes["url.query"] = path.slice(mark + 1);
	}
	if (scheme !== null) attributes["url.scheme"] = scheme;
	if (authority !== null) {
		const match = AUTHORITY.exec(authority);
		attributes["server.address"] = match?.[1] ?? authority;
		if (match?.[2] !== undefined) attributes["server.port"] = Number(match[2]);
	}
	if (facts.protocol !== null) attributes["http2.protocol"] = facts.protocol;
	return `${method ?? UNKNOWN} ${shown ?? (method === "CONNECT" ? authority : null) ?? UNKNOWN}`;
}

function describeResponse(
	pseudo: ReadonlyMap<string, string>,
	facts: HeadFacts,
	attributes: Record<string, AttributeValue>,
): string {
	const status = pseudo.get(":status");
	if (status === undefined || !/^[1-9]\d\d$/.test(status)) return UNKNOWN;
	facts.status = Number(status);
	attributes["http.response.status_code"] = facts.status;
	return status;
}

function codings(before: string | null, value: string): string | null {
	const all = value
		.toLowerCase()
		.split(",")
		.map((token) => token.trim())
		.filter((token) => token !== "" && token !== "identity");
	if (all.length === 0) return before;
	return before === null ? all.join(", ") : `${before}, ${all.join(", ")}`;
}

function essence(value: string): string {
	const end = value.indexOf(";");
	return (end < 0 ? value : value.slice(0, end)).trim().toLowerCase();
}

const AUTHORITY = /^(\[[0-9A-Fa-f:.]+\]|[^:@[\]]+)(?::(\d{1,5}))?$/;
const COLON = 58;
const NONE: readonly string[] = [];
