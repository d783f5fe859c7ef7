import type {
	Attributes,
	ContentContext,
	ContentOutput,
	ContentParser,
	HeaderList,
	PartWriter,
} from "../../core/index.js";
import { fieldOf, type Heads, plainMetadata, statusOf } from "./heads.js";
import type { Decoders } from "./message-decoder.js";
import type { MessageShape, Shapes } from "./shapes.js";

const HEAD_BYTES = 5;
const COMPRESSED = 1;
/** gRPC-Web: the frame holds trailers. */
const TRAILERS = 0x80;
const MAX_TRAILER_BYTES = 65_536;

/** The messages of one direction of a call: each has five bytes before it, its flags and its length. */
export class GrpcContent implements ContentParser {
	readonly #context: ContentContext;
	readonly #heads: Heads;
	readonly #decoders: Decoders;
	readonly #coding: string | null;
	/** Of the messages; null: it is not known. */
	readonly #shape: MessageShape | null;
	readonly #head = new Uint8Array(HEAD_BYTES);
	#headBytes = 0;
	#left = 0;
	#part: PartWriter | null = null;
	/** Bytes of a frame of trailers so far; null: none is being read. */
	#trailers: Uint8Array[] | null = null;
	#trailerBytes = 0;
	#status: number | null = null;

	constructor(context: ContentContext, heads: Heads, decoders: Decoders, shapes: Shapes | null) {
		this.#context = context;
		this.#heads = heads;
		this.#decoders = decoders;
		const coding = fieldOf(context.head.headers, "grpc-encoding");
		this.#coding = coding === null || coding === "identity" ? null : coding.toLowerCase();
		const { dir, head, request } = context;
		const path = shapes === null ? undefined : (dir === 0 ? head : request)?.attributes["url.path"];
		this.#shape = typeof path === "string" ? shapes!.ofMethod(path, dir === 0) : null;
	}

	start(out: ContentOutput): void {
		const { dir, head } = this.#context;
		out.rename("grpc");
		if (dir === 0) out.head(this.#heads.request(head));
		else this.#tellStatus(head.headers, out);
	}

	body(bytes: Uint8Array, from: number, to: number, out: ContentOutput): void {
		for (let at = from; at < to; ) {
			if (this.#headBytes < HEAD_BYTES) {
				if (this.#headBytes === 0 && !isFlags(bytes[at]!)) {
					out.giveUp("grpc-framing-lost");
					out.body(bytes, at, to);
					return;
				}
				this.#head[this.#headBytes++] = bytes[at++]!;
				if (this.#headBytes === HEAD_BYTES) this.#begin(at - 1, out);
				continue;
			}
			const end = Math.min(to, at + this.#left);
			if (this.#trailers === null) this.#part?.body(bytes, at, end);
			else this.#keepTrailers(bytes, at, end);
			this.#left -= end - at;
			at = end;
			if (this.#left === 0) this.#finish(out);
		}
	}

	gap(length: number | null, out: ContentOutput): void {
		const isInside = this.#headBytes === HEAD_BYTES && this.#trailers === null;
		if (length === null && isInside) this.#part?.bodyGap(null);
		else if (length !== null && isInside && length <= this.#left) {
			this.#part?.bodyGap(length);
			this.#left -= length;
			if (this.#left === 0) this.#finish(out);
		} else {
			this.cut();
			out.giveUp("grpc-framing-lost");
			out.bodyGap(length);
		}
	}

	/** Nothing more can be read: of a message that is open the rest is missing. */
	cut(): void {
		if (this.#headBytes === HEAD_BYTES) this.#part?.bodyGap(this.#left);
		this.#part = null;
	}

	trailers(headers: HeaderList, out: ContentOutput): void {
		const plain = plainMetadata(headers);
		if (plain !== headers) out.trailers(plain);
		this.#tellStatus(headers, out);
	}

	end(isWhole: boolean, out: ContentOutput): void {
		if (!isWhole) return;
		if (this.#headBytes > 0) out.flag("grpc-message-cut");
		if (this.#context.dir === 1 && this.#status === null) out.flag("grpc-status-missing");
	}

	#begin(index: number, out: ContentOutput): void {
		const head = this.#head;
		this.#left = ((head[1]! << 24) | (head[2]! << 16) | (head[3]! << 8) | head[4]!) >>> 0;
		const flags = head[0]!;
		if ((flags & TRAILERS) !== 0) {
			this.#trailers = [];
			this.#trailerBytes = 0;
		} else {
			const isCompressed = (flags & COMPRESSED) !== 0;
			this.#part = out.part(index, attributesOf(this.#shape, isCompressed));
			this.#part.decodeWith(this.#decoders.of(isCompressed ? (this.#coding ?? "unknown") : null, this.#shape));
		}
		if (this.#left === 0) this.#finish(out);
	}

	#finish(out: ContentOutput): void {
		this.#headBytes = 0;
		this.#part = null;
		const found = this.#trailers;
		this.#trailers = null;
		if (found === null) return;
		const text = Buffer.concat(found).toString("latin1");
		const list = text
			.split(/\r?\n/)
			.filter((line) => line.includes(":"))
			.map((line): readonly [string, string] => {
				const colon = line.indexOf(":");
				return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
			});
		out.trailers(list);
		this.#tellStatus(list, out);
	}

	#keepTrailers(bytes: Uint8Array, from: number, to: number): void {
		const room = MAX_TRAILER_BYTES - this.#trailerBytes;
		const end = Math.min(to, from + room);
		if (end <= from) return;
		this.#trailers?.push(Uint8Array.prototype.slice.call(bytes, from, end));
		this.#trailerBytes += end - from;
	}

	#tellStatus(headers: HeaderList, out: ContentOutput): void {
		const status = statusOf(headers);
		if (status === null) return;
		this.#status = status;
		out.head(this.#heads.response(this.#context.head, status, fieldOf(headers, "grpc-message")));
		out.outcome(status === 0 ? "ok" : "error");
	}
}

function isFlags(byte: number): boolean {
	return (byte & ~(COMPRESSED | TRAILERS)) === 0;
}

/** The same for the same: there are many messages. */
function attributesOf(shape: MessageShape | null, isCompressed: boolean): Attributes {
	if (shape === null) return isCompressed ? COMPRESSED_ATTRIBUTES : PLAIN_ATTRIBUTES;
	let known = OF_SHAPES.get(shape);
	if (known === undefined) {
		const plain = { "grpc.message.type": shape.name };
		OF_SHAPES.set(shape, (known = [plain, { ...plain, ...COMPRESSED_ATTRIBUTES }]));
	}
	return known[isCompressed ? 1 : 0];
}

const PLAIN_ATTRIBUTES = {};
const COMPRESSED_ATTRIBUTES = { "rpc.message.compressed": true };
const OF_SHAPES = new WeakMap<MessageShape, readonly [Attributes, Attributes]>();
