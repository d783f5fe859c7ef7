import { gunzipSync, inflateSync } from "node:zlib";
import type { PartDecoder, StructuredValue } from "../../core/index.js";
import { fieldTree } from "./fields.js";
import { readMessage } from "./message-reader.js";
import type { MessageShape, Shapes } from "./shapes.js";

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

/** One for each coding and type, for all messages of an engine. */
export class Decoders {
	readonly #shapes: Shapes | null;
	readonly #byCoding = new Map<string | null, MessageDecoder>();
	readonly #byType = new Map<string, MessageDecoder>();

	constructor(shapes: Shapes | null) {
		this.#shapes = shapes;
	}

	/** `shape` null: nobody knows the type. */
	of(coding: string | null, shape: MessageShape | null): MessageDecoder {
		if (shape === null || this.#shapes === null) {
			let decoder = this.#byCoding.get(coding);
			if (decoder === undefined) {
				decoder = new MessageDecoder(coding, fieldTree);
				if (this.#byCoding.size < MAX_CODINGS) this.#byCoding.set(coding, decoder);
			}
			return decoder;
		}
		const key = `${shape.name} ${coding ?? ""}`;
		let decoder = this.#byType.get(key);
		if (decoder === undefined) {
			const shapes = this.#shapes;
			// what does not keep to its schema is shown without
			decoder = new MessageDecoder(coding, (bytes) => readMessage(bytes, shape, shapes) ?? fieldTree(bytes));
			if (this.#byType.size < MAX_TYPES) this.#byType.set(key, decoder);
		}
		return decoder;
	}
}

const MAX_CODINGS = 16;
const MAX_TYPES = 4096;
