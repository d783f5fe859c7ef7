import type { Attributes } from "../../core/index.js";
import type { Http1Head } from "./head.js";

/** Who reads what an `Upgrade` leads to: the tokens that are not the name of a parser. */
export function parserOf(token: string): string {
	return token === "h2c" ? "http/2" : token;
}

/**
 * What the next parser of an upgraded connection is told: the request's `url.path` and `HTTP2-Settings`, and every field of the
 * response whose name begins with `Sec-WebSocket-`, as `http.response.header.<name>` in lower case, a list of its values.
 */
export function upgradeHints(request: Http1Head | null, response: Http1Head): Attributes {
	const hints: Record<string, string | string[]> = {};
	const path = request?.attributes["url.path"];
	if (typeof path === "string") hints["url.path"] = path;
	for (const [name, value] of request?.headers ?? [])
		if (name.length === 14 && name.toLowerCase() === "http2-settings")
			hints["http.request.header.http2-settings"] = value;
	for (const [name, value] of response.headers) {
		const lower = name.toLowerCase();
		if (!lower.startsWith("sec-websocket-")) continue;
		const key = `http.response.header.${lower}`;
		const before = hints[key];
		hints[key] = Array.isArray(before) ? [...before, value] : [value];
	}
	return hints;
}
