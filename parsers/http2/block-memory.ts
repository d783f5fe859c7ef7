import type { Direction, HeaderList } from "../../core/index.js";
import type { FieldBlock } from "./block-decoder.js";
import { UNKNOWN } from "./field-table.js";
import { type Http2Head, makeHead } from "./head.js";
import type { Field } from "./static-table.js";

const MAX_REMEMBERED = 2048;
const MAX_KEY_LENGTH = 4096;

/** The fields of a block, and what was made of them: the same object for the same fields. */
export class KnownBlock {
	readonly fields: readonly Field[];
	readonly isCut: boolean;
	readonly hasUnknown: boolean;
	/** True where it begins a message: what follows a body has no pseudo-fields. */
	readonly isHead: boolean;
	readonly #takesContent: (mediaType: string) => boolean;
	#request: Http2Head | null = null;
	#response: Http2Head | null = null;

	constructor({ fields, isCut, hasUnknown }: FieldBlock, takesContent: (mediaType: string) => boolean) {
		this.fields = fields;
		this.isCut = isCut;
		this.hasUnknown = hasUnknown;
		const first = fields[0]?.[0];
		this.isHead = first !== undefined && (first.charCodeAt(0) === COLON || first === UNKNOWN);
		this.#takesContent = takesContent;
	}

	get request(): Http2Head {
		this.#request ??= makeHead(this.fields, true, this.hasUnknown, this.#takesContent);
		return this.#request;
	}

	get response(): Http2Head {
		this.#response ??= makeHead(this.fields, false, this.hasUnknown, this.#takesContent);
		return this.#response;
	}

	head(dir: Direction): Http2Head {
		return dir === 0 ? this.request : this.response;
	}

	get trailers(): HeaderList {
		return this.fields;
	}
}

/** Blocks of one engine that were seen before, by their fields: what is derived from a head is found on it again. */
export class BlockMemory {
	readonly #takesContent: (mediaType: string) => boolean;
	/** Two halves: what is asked for moves to the young one, and the old one goes when that is full. */
	#young = new Map<string, KnownBlock>();
	#old = new Map<string, KnownBlock>();

	constructor(takesContent: (mediaType: string) => boolean) {
		this.#takesContent = takesContent;
	}

	known(block: FieldBlock): KnownBlock {
		if (block.isCut) return new KnownBlock(block, this.#takesContent);
		let key = "";
		for (const [name, value] of block.fields) key += `${name}\0${value}\0`;
		if (key.length > MAX_KEY_LENGTH) return new KnownBlock(block, this.#takesContent);
		const found = this.#young.get(key);
		if (found !== undefined) return found;
		const known = this.#old.get(key) ?? new KnownBlock(block, this.#takesContent);
		if (this.#young.size >= MAX_REMEMBERED) {
			this.#old = this.#young;
			this.#young = new Map();
		}
		this.#young.set(key, known);
		return known;
	}
}

const COLON = 58;
