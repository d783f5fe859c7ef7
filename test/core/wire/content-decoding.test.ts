import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import test from "ava";
import { decodeContent, MAX_DECODED_BYTES } from "../../../core/wire/content-decoding.js";

const text = Buffer.from("polytap ".repeat(500));
const decoded = (coding: string, bytes: Uint8Array, usable: number | null = null): string | null => {
	const result = decodeContent(coding, bytes, usable);
	return result === null ? null : `${Buffer.from(result.data).toString()}${result.limited ? " (limited)" : ""}`;
};

test("every coding is undone, zlib and raw deflate alike, and lists from the back", (t) => {
	t.is(decoded("gzip", gzipSync(text)), text.toString());
	t.is(decoded("x-gzip", gzipSync(text)), text.toString());
	t.is(decoded("deflate", deflateSync(text)), text.toString());
	t.is(decoded("deflate", deflateRawSync(text)), text.toString());
	t.is(decoded("br", brotliCompressSync(text)), text.toString());
	t.is(decoded("gzip, br", brotliCompressSync(gzipSync(text))), text.toString());
});

test("what is not in the coding, or in an unknown one, is left alone", (t) => {
	t.is(decoded("gzip", Buffer.from("not gzip")), null);
	t.is(decoded("compress", text), null);
	t.is(decoded("identity", text), null);
	t.is(decoded("gzip,gzip,gzip,gzip,gzip", text), null);
});

test("a truncated body gives what its beginning holds", (t) => {
	const zipped = gzipSync(Buffer.from(Array.from({ length: 20_000 }, (_, i) => (i * i * 2654435761) >>> 13)));
	const result = decodeContent("gzip", zipped.subarray(0, zipped.length >> 1), null);
	t.true(result !== null && result.data.length > 1000 && result.data.length < 20_000);
	const beforeGap = decodeContent("gzip", zipped, 100);
	t.true(beforeGap?.limited);
});

test("a bomb costs no more than the bound", (t) => {
	const bomb = gzipSync(Buffer.alloc(64 << 20));
	const result = decodeContent("gzip", bomb, null);
	t.true(result?.limited);
	t.true(result!.data.length > 0 && result!.data.length <= MAX_DECODED_BYTES);
});
