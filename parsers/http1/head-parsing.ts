import type { Attributes } from "../../core/index.js";
import { BARE_LF, factsOf, SMUGGLING } from "./facts.js";
import type { Fields } from "./fields.js";
import { Http1Head } from "./head.js";

/** A head from its start line, latin-1, without its newline, and its fields. `why`: what makes it none. */
export function parseHead(
	startLine: string,
	fields: Fields,
	isResponse: boolean,
	takesContent: (mediaType: string) => boolean,
): Http1Head | { readonly why: string } {
	const hasCr = startLine.charCodeAt(startLine.length - 1) === CR;
	const line = hasCr ? startLine.slice(0, -1) : startLine;
	const oddities = fields.ambiguous || fields.bareLf || !hasCr ? odd(fields.ambiguous, fields.bareLf || !hasCr) : NONE;
	if (isResponse) {
		const match = STATUS_LINE.exec(line);
		if (match === null) return { why: "bad-status-line" };
		const status = Number(match[2]);
		const facts = factsOf(fields.block.list, status, match[1] === "0", oddities, takesContent);
		const attributes = { "http.response.status_code": status, "network.protocol.version": version(match[1]!) };
		return new Http1Head(match[2]!, attributes, fields.block, "", status, facts);
	}
	const methodEnd = line.indexOf(" ");
	const match = methodEnd > 0 ? VERSION_AT_END.exec(line) : null;
	if (match === null || match.index <= methodEnd) return { why: "bad-request-line" };
	const method = line.slice(0, methodEnd);
	if (!METHOD.test(method)) return { why: "bad-request-line" };
	const target = line.slice(methodEnd + 1, match.index).trim();
	if (target === "") return { why: "bad-request-line" };
	const facts = factsOf(fields.block.list, 0, match[1] === "0", oddities, takesContent);
	const { summary, attributes } = describe(method, target, version(match[1]!));
	return new Http1Head(summary, attributes, fields.block, method, 0, facts);
}

const NONE: readonly string[] = [];
export const STATUS_LINE = /^HTTP\/1\.(\d)[ \t]+([1-9]\d\d)(?:[ \t].*)?$/s;
const VERSION_AT_END = /[ \t]HTTP\/1\.(\d)[ \t]*$/;
const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

function odd(ambiguous: boolean, bareLf: boolean): readonly string[] {
	const flags: string[] = [];
	if (ambiguous) flags.push(SMUGGLING);
	if (bareLf) flags.push(BARE_LF);
	return flags;
}

function version(minor: string): string {
	return minor === "1" ? "1.1" : `1.${minor}`;
}

function describe(method: string, target: string, version: string): { summary: string; attributes: Attributes } {
	if (method === "CONNECT") return authority(target, version);
	let path = target;
	let isAbsolute = false;
	if (target.charCodeAt(0) !== SLASH && target !== "*") {
		const scheme = target.indexOf("://");
		if (scheme > 0) {
			isAbsolute = true;
			const start = target.slice(scheme + 3).search(/[/?]/);
			path = start < 0 ? "/" : target.slice(scheme + 3 + start);
			if (path.charCodeAt(0) !== SLASH) path = `/${path}`;
		}
	}
	const mark = path.indexOf("?");
	const query = mark < 0 ? null : path.slice(mark + 1);
	if (mark >= 0) path = path.slice(0, mark);
	const attributes: Record<string, string> = { "http.request.method": method, "url.path": path };
	if (query !== null) attributes["url.query"] = query;
	if (isAbsolute) attributes["url.full"] = target;
	attributes["network.protocol.version"] = version;
	return { summary: `${method} ${path}`, attributes };
}

function authority(target: string, version: string): { summary: string; attributes: Attributes } {
	const match = /^(.+):(\d{1,5})$/.exec(target);
	const attributes: Record<string, string | number> = { "http.request.method": "CONNECT" };
	attributes["server.address"] = match?.[1] ?? target;
	if (match !== null) attributes["server.port"] = Number(match[2]);
	attributes["network.protocol.version"] = version;
	return { summary: `CONNECT ${target}`, attributes };
}

const SLASH = 47;
const CR = 13;
