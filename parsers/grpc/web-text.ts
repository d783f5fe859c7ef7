import type {
	Attributes,
	ContentOutput,
	ContentParser,
	HeaderList,
	MessageHead,
	MessageWriter,
	PartWriter,
} from "../../core/index.js";
import type { GrpcContent } from "./framing.js";

/** gRPC-Web's text form: base64 in pieces that may each end with padding. */
export class WebTextContent implements ContentParser {
	readonly #inner: GrpcContent;
	readonly #atOnce = new AtOnce();
	#quartet = "";

	constructor(inner: GrpcContent) {
		this.#inner = inner;
	}

	start(out: ContentOutput): void {
		this.#inner.start(out);
	}

	body(bytes: Uint8Array, from: number, to: number, out: ContentOutput): void {
		const text = this.#quartet + Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString("latin1");
		const whole = text.length - (text.length % 4);
		const valid = QUARTETS.exec(text.slice(0, whole))![0].length;
		this.#quartet = text.slice(valid);
		const decoded = Buffer.concat(
			text
				.slice(0, valid)
				.split(/(?<==)(?!=)/)
				.map((piece) => Buffer.from(piece, "base64")),
		);
		// all of a piece came when its first byte did
		const at = this.#atOnce.during(out, from);
		if (valid > 0 && at.hasGivenUp) at.body(decoded, 0, decoded.length);
		else if (valid > 0) this.#inner.body(decoded, 0, decoded.length, at);
		if (valid < whole) this.#giveUp(out, from);
	}

	/** Where base64 goes on behind a hole nobody knows: the rest is a body, as it is. */
	gap(length: number | null, out: ContentOutput): void {
		this.#giveUp(out, 0);
		out.bodyGap(length);
	}

	trailers(headers: HeaderList, out: ContentOutput): void {
		this.#inner.trailers(headers, out);
	}

	end(isWhole: boolean, out: ContentOutput): void {
		this.#inner.end(isWhole, out);
	}

	/** What was not decoded is the body's, as what follows will be. */
	#giveUp(out: ContentOutput, index: number): void {
		this.#inner.cut();
		out.giveUp("grpc-framing-lost");
		const rest = Buffer.from(this.#quartet, "latin1");
		if (rest.length > 0) out.body(rest, 0, rest.length, index);
	}
}

const QUARTETS = /^(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)*/;

/** Indexes of decoded bytes are all that of the first byte that they were decoded from, in the call that is under way. */
class AtOnce implements ContentOutput {
	/** Its payload is a body from there on: what was decoded, however it comes. */
	hasGivenUp = false;
	#out: ContentOutput | null = null;
	#index = 0;

	during(out: ContentOutput, index: number): this {
		this.#out = out;
		this.#index = index;
		return this;
	}

	body(bytes: Uint8Array, from: number, to: number): void {
		this.#out?.body(bytes, from, to, this.#index);
	}

	bodyGap(length: number | null): void {
		this.#out?.bodyGap(length);
	}

	part(_index: number, attributes: Attributes): PartWriter {
		const part = this.#out!.part(this.#index, attributes);
		return {
			// a part goes on in later calls: the index is theirs
			body: (bytes, from, to) => part.body(bytes, from, to, this.#index),
			bodyGap: (length) => part.bodyGap(length),
			secret: (length) => part.secret(length),
			item: (value, bytes) => part.item(value, bytes),
			items: (decoder) => part.items(decoder),
			attributes: (more) => part.attributes(more),
			expectMore: (isExpected) => part.expectMore(isExpected),
			decodeWith: (decoder) => part.decodeWith(decoder),
		};
	}

	record(): MessageWriter {
		return this.#out!.record(this.#index);
	}

	head(head: MessageHead): void {
		this.#out?.head(head);
	}

	trailers(headers: HeaderList): void {
		this.#out?.trailers(headers);
	}

	rename(protocol: string): void {
		this.#out?.rename(protocol);
	}

	outcome(outcome: "ok" | "error"): void {
		this.#out?.outcome(outcome);
	}

	flag(name: string): void {
		this.#out?.flag(name);
	}

	giveUp(flag: string): void {
		this.hasGivenUp = true;
		this.#out?.flag(flag);
	}
}
