import type {
	Attributes,
	HeaderList,
	ItemDecoder,
	LastByte,
	MessageHead,
	MessageWriter,
	PartDecoder,
	PartWriter,
	PayloadWriter,
	StructuredValue,
} from "../../../core/index.js";
import { plainProblem } from "../plain.js";
import type { WatchedOutput } from "./watched-output.js";

type PayloadKind = "body" | "item";

/** Passes payload on to the engine's writer and holds it to the contract. */
class WatchedPayload<W extends PayloadWriter> implements PayloadWriter {
	protected readonly inner: W;
	protected readonly out: WatchedOutput;
	readonly dir: 0 | 1;
	#kind: PayloadKind | null = null;

	constructor(inner: W, out: WatchedOutput, dir: 0 | 1) {
		this.inner = inner;
		this.out = out;
		this.dir = dir;
	}

	body(bytes: Uint8Array, from: number, to: number, index?: number): void {
		this.out.speaking("body");
		this.out.ownDirection(this.dir, "body");
		this.#only("body");
		this.out.payload(bytes, from, to, index);
		this.inner.body(bytes, from, to, index);
	}

	bodyGap(length: number | null): void {
		this.out.speaking("bodyGap");
		this.out.bodyGap(length);
		this.inner.bodyGap(length);
	}

	expectMore(isExpected: boolean): void {
		this.out.speaking("expectMore");
		this.inner.expectMore(isExpected);
	}

	secret(length: number): void {
		this.out.speaking("secret");
		this.out.size(length, "secret");
		this.out.secret(length);
		this.inner.secret(length);
	}

	item(value: StructuredValue, bytes: number): void {
		this.out.speaking("item");
		this.#only("item");
		this.out.size(bytes, "item");
		const problem = plainProblem(value);
		if (problem !== null) this.out.breach("plainValue", `item() got ${problem}`);
		else freeze(value);
		this.inner.item(value, bytes);
	}

	items(decoder: ItemDecoder): void {
		this.out.speaking("items");
		this.inner.items(this.out.decoder(decoder));
	}

	#only(kind: PayloadKind): void {
		this.#kind ??= kind;
		if (this.#kind !== kind) this.out.breach("onePayloadKind", "one payload was told by body() and by item()");
	}
}

class WatchedPart extends WatchedPayload<PartWriter> implements PartWriter {
	attributes(attributes: Attributes): void {
		this.out.speaking("attributes");
		this.out.attributes(attributes);
		this.inner.attributes(attributes);
	}

	decodeWith(decoder: PartDecoder): void {
		this.out.speaking("decodeWith");
		this.inner.decodeWith(this.out.partDecoder(decoder));
	}
}

export class WatchedWriter extends WatchedPayload<MessageWriter> implements MessageWriter {
	isOver = false;

	get id(): string {
		return this.inner.id;
	}

	head(head: MessageHead): void {
		this.out.speaking("head");
		this.out.head(head);
		this.inner.head(head);
	}

	interim(head: MessageHead, index: number): void {
		this.out.speaking("interim");
		this.out.ownDirection(this.dir, "interim");
		this.out.index(index, "interim");
		this.out.head(head);
		this.inner.interim(head, index);
	}

	lost(cause?: "cap" | "parse-resync"): void {
		this.out.speaking("lost");
		this.out.lost();
		this.inner.lost(cause);
	}

	contentEncoding(coding: string): void {
		this.inner.contentEncoding(coding);
	}

	contentType(mediaType: string): boolean {
		this.out.speaking("contentType");
		return this.inner.contentType(mediaType);
	}

	content(protocol: string): boolean {
		this.out.speaking("content");
		return this.inner.content(protocol);
	}

	trailers(headers: HeaderList): void {
		this.out.speaking("trailers");
		this.out.headers(headers);
		this.inner.trailers(headers);
	}

	message(index: number, attributes: Attributes): PartWriter {
		this.out.speaking("message");
		this.out.ownDirection(this.dir, "message");
		this.out.index(index, "message");
		this.out.attributes(attributes);
		return new WatchedPart(this.inner.message(index, attributes), this.out, this.dir);
	}

	wireBytes(count: number): void {
		this.out.size(count, "wireBytes");
		this.inner.wireBytes(count);
	}

	flag(name: string): void {
		this.inner.flag(name);
	}

	annotate(attributes: Attributes): void {
		this.out.attributes(attributes);
		this.inner.annotate(attributes);
	}

	finish(index: number, outcome: "ok" | "error" | "aborted"): void {
		this.out.speaking("finish");
		if (!this.isOver) {
			this.out.ownDirection(this.dir, "finish");
			this.out.index(index, "finish");
			this.out.used(index);
			this.#end();
		}
		this.inner.finish(index, outcome);
	}

	abandon(outcome: "ok" | "error" | "aborted", last?: LastByte): void {
		this.out.speaking("abandon");
		this.#end();
		this.inner.abandon(outcome, last);
	}

	#end(): void {
		this.isOver = true;
		this.out.ended(this);
	}
}

/** Core owns it now: whoever changes it later gets an exception. */
function freeze(value: StructuredValue): void {
	if (typeof value !== "object" || value === null || Object.isFrozen(value)) return;
	Object.freeze(value);
	for (const part of Object.values(value)) freeze(part as StructuredValue);
}
