import * as zlib from "node:zlib";

/** Decoded bytes kept at the most: what a decompression bomb can cost. */
export const MAX_DECODED_BYTES = 8 << 20;

type Decoder = (input: Uint8Array, maxOutputLength: number) => Uint8Array;

const { BROTLI_OPERATION_FLUSH, Z_SYNC_FLUSH } = zlib.constants;

// a flush instead of a finish gives what a truncated input holds
const inflateRawOrZlib: Decoder = (input, maxOutputLength) => {
	const first = input[0] ?? 0;
	const isZlib = (first & 0x0f) === 8 && ((first << 8) | (input[1] ?? 0)) % 31 === 0;
	const options = { finishFlush: Z_SYNC_FLUSH, maxOutputLength };
	return isZlib ? zlib.inflateSync(input, options) : zlib.inflateRawSync(input, options);
};

const DECODERS = new Map<string, Decoder>([
	["gzip", (input, maxOutputLength) => zlib.gunzipSync(input, { finishFlush: Z_SYNC_FLUSH, maxOutputLength })],
	["deflate", inflateRawOrZlib],
	[
		"br",
		(input, maxOutputLength) =>
			zlib.brotliDecompressSync(input, { finishFlush: BROTLI_OPERATION_FLUSH, maxOutputLength }),
	],
]);
DECODERS.set("x-gzip", DECODERS.get("gzip")!);

// Node.js has zstd from 22.15 on; its types here are those of the oldest release that runs polytap
type Zstd = { zstdDecompressSync?(input: Uint8Array, options: { maxOutputLength: number }): Uint8Array };
const { zstdDecompressSync } = zlib as Zstd;
if (zstdDecompressSync !== undefined)
	DECODERS.set("zstd", (input, maxOutputLength) => zstdDecompressSync(input, { maxOutputLength }));

/**
 * Undoes a `Content-Encoding` list (the order applied, so undone from the back). `usable`: only that many bytes are free of
 * gaps; null: all. Null: an unknown coding, or bytes that are not in it.
 */
export function decodeContent(
	coding: string,
	bytes: Uint8Array,
	usable: number | null,
): { data: Uint8Array; limited: boolean } | null {
	const codings = coding
		.toLowerCase()
		.split(",")
		.map((name) => name.trim())
		.filter((name) => name !== "" && name !== "identity");
	if (codings.length === 0 || codings.length > 4) return null;
	let data = usable === null ? bytes : bytes.subarray(0, usable);
	let limited = data.length < bytes.length;
	for (const name of codings.reverse()) {
		const decoder = DECODERS.get(name);
		if (decoder === undefined) return null;
		const decoded = decodeBounded(decoder, data);
		if (decoded === null) return null;
		data = decoded.data;
		limited ||= decoded.limited;
	}
	return { data, limited };
}

/** Of a bomb only the beginning: less and less of the input, until its output fits. */
function decodeBounded(decoder: Decoder, input: Uint8Array): { data: Uint8Array; limited: boolean } | null {
	for (let length = input.length; length > 0; length = length >>> 1) {
		try {
			return { data: decoder(input.subarray(0, length), MAX_DECODED_BYTES), limited: length < input.length };
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== "ERR_BUFFER_TOO_LARGE") return null;
		}
	}
	return null;
}
