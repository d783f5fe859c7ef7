import { isUtf8 } from "node:buffer";
import type { Payload } from "../engine/payload.js";
import type { Body } from "../exchange.js";
import { decodeContent } from "./content-decoding.js";

const NO_BODY: Body = { bytes: 0, captured: 0, completeness: "complete", gaps: [], encoding: "utf8", data: "" };

/** Text where the bytes are valid UTF-8, base64 otherwise. */
export function textOrBase64(bytes: Uint8Array): { encoding: "utf8" | "base64"; data: string } {
	const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	if (isUtf8(buffer)) return { encoding: "utf8", data: buffer.toString("utf8") };
	return { encoding: "base64", data: buffer.toString("base64") };
}

/** The plain form of a payload; `coding` is its content coding, to be undone for `data`. */
export function bodyOf(payload: Payload | null, coding: string | null): Body {
	if (payload === null) return NO_BODY;
	const { bytes, captured, completeness } = payload;
	const gaps = payload.gaps ?? [];
	const raw = payload.contiguous();
	const head = { bytes, captured, completeness, gaps };
	if (coding !== null && captured > 0) {
		const decoded = decodeContent(coding, raw, gaps[0]?.from ?? null);
		if (decoded !== null)
			return {
				...head,
				...textOrBase64(decoded.data),
				decodedFrom: coding,
				...(decoded.limited ? { decodeLimited: true as const } : {}),
			};
	}
	return { ...head, ...textOrBase64(raw) };
}
