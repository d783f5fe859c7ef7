/** What filters ask of an exchange. Of the engine's own ones nothing is made for it: no view, no string. */
import { CapturedExchange } from "../engine/captured-exchange.js";
import type { Attributes, AttributeValue, Exchange, HeaderList } from "../exchange.js";

const NONE: Attributes = {};
const NO_HEADERS: HeaderList = [];
const STATUS_ATTRIBUTES = ["http.response.status_code", "rpc.grpc.status_code", "db.response.status_code"] as const;

export function requestAttributes(x: Exchange): Attributes {
	if (x instanceof CapturedExchange) return x.req?.messageHead?.attributes ?? NONE;
	return x.request?.attributes ?? NONE;
}

export function durationUsOf(x: Exchange): number {
	return x.durationUs;
}

/** Several filters ask the same of one exchange, and heads come again. */
let lastAttributes: Attributes | null = null;
let lastHeaders: HeaderList | null = null;
let lastHost: string | null = null;

/** Lower case, without a port; null where the request names none. */
export function hostOf(x: Exchange): string | null {
	const attributes = requestAttributes(x);
	const headers = requestHeaders(x);
	if (attributes !== lastAttributes || headers !== lastHeaders) {
		lastAttributes = attributes;
		lastHeaders = headers;
		lastHost = findHost(attributes, headers);
	}
	return lastHost;
}

function findHost(attributes: Attributes, headers: HeaderList): string | null {
	const named = headerOf(headers, "host") ?? attributes["server.address"];
	return typeof named === "string" ? withoutPort(named.toLowerCase()) : null;
}

export function pathOf(x: Exchange): string | null {
	const path = requestAttributes(x)["url.path"];
	return typeof path === "string" ? path : null;
}

/** Null where there is no response, or its protocol has no such thing. */
export function statusOf(x: Exchange): AttributeValue | null {
	const attributes = x instanceof CapturedExchange ? x.res?.messageHead?.attributes : x.response?.attributes;
	if (attributes === undefined) return null;
	for (const name of STATUS_ATTRIBUTES) {
		const value = attributes[name];
		if (value !== undefined) return value;
	}
	return null;
}

function requestHeaders(x: Exchange): HeaderList {
	if (x instanceof CapturedExchange) return x.req?.messageHead?.headers ?? NO_HEADERS;
	return x.request?.headers ?? NO_HEADERS;
}

function headerOf(headers: HeaderList, wanted: string): string | null {
	for (const [name, value] of headers)
		if ((name.length === wanted.length && name.toLowerCase() === wanted) || name === ":authority") return value;
	return null;
}

function withoutPort(host: string): string {
	if (host.startsWith("[")) return host.slice(1, Math.max(1, host.indexOf("]")));
	const colon = host.lastIndexOf(":");
	// more than one: an IPv6 address without brackets
	return colon < 0 || host.indexOf(":") !== colon ? host : host.slice(0, colon);
}
