import { gunzipSync, inflateSync } from "node:zlib";
import type { PartDecoder, StructuredValue } from "../../core/index.js";
import { fieldTree } from "./fields.js";

/** A decompressed message beyond this shows its compressed bytes. */
const MAX_BYTES = 16 << 20;

export type Decode = (bytes: Uint8Array) => StructuredValue | null;

/** Decodes whole messages, compressed as `grpc-encoding` says. */
export class MessageDecoder implements PartDecoder {
	readonly #coding: string | null;
	readonly #decode: Decode;

	/** `coding` null: the message is not compressed. */
	constructor(coding: string | null, decode: Decode) {
		this.#coding = coding;
		this.#decode = decode;
	}

	decode(bytes: Uint8Array): { readonly value: StructuredValue; readonly decodedFrom?: string } | null {
		const coding = this.#coding;
		const plain = coding === null ? bytes : decompressed(bytes, coding);
		if (plain === null) return null;
		const value = this.#decode(plain);
		if (value === null) return null;
		return coding === null ? { value } : { value, decodedFrom: coding };
	}
}

function decompressed(bytes: Uint8Array, coding: string): Uint8Array | null {
	try {
		if (coding === "gzip") return gunzipSync(bytes, { maxOutputLength: MAX_BYTES });
		if (coding === "deflate") return inflateSync(bytes, { maxOutputLength: MAX_BYTES });
	} catch {
		// not what it says, or too large: the bytes are shown
	}
	return null;
}

/** Without a schema. One for each coding, for all messages of an engine. */
export class Decoders {
	readonly #byCoding = new Map<string | null, MessageDecoder>();

	of(coding: string | null): MessageDecoder {
		let decoder = this.#byCoding.get(coding);
		if (decoder === undefined) {
			decoder = new MessageDecoder(coding, fieldTree);
			if (this.#byCoding.size < 16) this.#byCoding.set(coding, decoder);
		}
		return decoder;
	}
}
