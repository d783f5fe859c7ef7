import type { Attributes, AttributeValue } from "../../core/index.js";

/** What permessage-deflate was agreed on for one direction (RFC 7692, section 7.1). */
export interface Deflate {
	readonly windowBits: number;
	/** The window goes on from one message to the next. */
	readonly takesOver: boolean;
}

/** What the handshake agreed on. */
export interface Extensions {
	/** Of each direction; null: none. */
	readonly deflate: readonly [Deflate, Deflate] | null;
	/** Nobody saw what was agreed on. */
	readonly isUnknown: boolean;
}

export const UNKNOWN_EXTENSIONS: Extensions = { deflate: null, isUnknown: true };
const NO_EXTENSIONS: Extensions = { deflate: null, isUnknown: false };

/** From the hints of a hand-over: `http.response.header.sec-websocket-extensions`. Null: there was no hand-over. */
export function extensionsOf(hints: Attributes | null): Extensions {
	if (hints === null) return UNKNOWN_EXTENSIONS;
	const value = hints["http.response.header.sec-websocket-extensions"];
	if (value === undefined) return NO_EXTENSIONS;
	const text = textOf(value);
	if (text.includes("<unknown>")) return UNKNOWN_EXTENSIONS;
	for (const offer of text.split(",")) {
		const [name = "", ...parameters] = offer.split(";").map((part) => part.trim());
		if (name.toLowerCase() !== "permessage-deflate") continue;
		const found = new Map(parameters.map(nameAndValue));
		return { deflate: [deflateOf(found, "client"), deflateOf(found, "server")], isUnknown: false };
	}
	return NO_EXTENSIONS;
}

function deflateOf(parameters: ReadonlyMap<string, string>, side: "client" | "server"): Deflate {
	const bits = Number(parameters.get(`${side}_max_window_bits`) ?? MAX_BITS);
	const isBits = Number.isInteger(bits) && bits >= 8 && bits <= MAX_BITS;
	// zlib sends as if 9 were agreed on where 8 was
	return {
		windowBits: isBits ? Math.max(bits, LEAST_BITS) : MAX_BITS,
		takesOver: !parameters.has(`${side}_no_context_takeover`),
	};
}

function nameAndValue(parameter: string): readonly [string, string] {
	const sign = parameter.indexOf("=");
	if (sign < 0) return [parameter.toLowerCase(), ""];
	const value = parameter.slice(sign + 1).trim();
	const bare = value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
	return [parameter.slice(0, sign).trim().toLowerCase(), bare];
}

function textOf(value: AttributeValue): string {
	return typeof value === "object" ? value.join(",") : String(value);
}

const LEAST_BITS = 9;
const MAX_BITS = 15;
