import type { Attributes } from "../../core/index.js";
import type { Http2Head } from "./head.js";

/** Who reads the stream of a successful CONNECT: what `:protocol` names (RFC 8441), or whoever detects it. */
export function childProtocol({ protocol }: Http2Head): string | null {
	return protocol === null ? null : protocol.toLowerCase();
}

/** As HTTP/1.1's Upgrade tells it: `url.path`, and the response's fields that begin with `sec-websocket-`. */
export function tunnelHints(request: Http2Head, response: Http2Head): Attributes {
	const hints: Record<string, string | string[]> = {};
	const path = request.attributes["url.path"];
	if (typeof path === "string") hints["url.path"] = path;
	for (const [name, value] of response.headers) {
		if (!name.startsWith("sec-websocket-")) continue;
		const key = `http.response.header.${name}`;
		const before = hints[key];
		hints[key] = Array.isArray(before) ? [...before, value] : [value];
	}
	return hints;
}
