import type { ContentOutput, ContentParser, HeaderList } from "../../core/index.js";

/** gRPC-Web's text form: base64 in pieces that may each end with padding. */
export class WebTextContent implements ContentParser {
	readonly #inner: ContentParser;
	#quartet = "";
	#isLost = false;

	constructor(inner: ContentParser) {
		this.#inner = inner;
	}

	start(out: ContentOutput): void {
		this.#inner.start?.(out);
	}

	body(bytes: Uint8Array, from: number, to: number, out: ContentOutput): void {
		if (this.#isLost) return;
		const text = this.#quartet + Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString("latin1");
		const whole = text.length - (text.length % 4);
		this.#quartet = text.slice(whole);
		if (whole === 0) return;
		const decoded = Buffer.concat(
			text
				.slice(0, whole)
				.split(/(?<==)(?!=)/)
				.map((piece) => Buffer.from(piece, "base64")),
		);
		// all of a piece came when its first byte did
		this.#inner.body(decoded, 0, decoded.length, atOnce(out, from));
	}

	gap(length: number | null, out: ContentOutput): void {
		this.#isLost = true;
		out.giveUp("grpc-framing-lost");
		out.bodyGap(length);
	}

	trailers(headers: HeaderList, out: ContentOutput): void {
		this.#inner.trailers?.(headers, out);
	}

	end(isWhole: boolean, out: ContentOutput): void {
		this.#inner.end(isWhole, out);
	}
}

/** Indexes of decoded bytes are all that of the first byte that they were decoded from. */
function atOnce(out: ContentOutput, index: number): ContentOutput {
	return {
		body: (bytes, from, to) => out.body(bytes, from, to, index),
		bodyGap: (length) => out.bodyGap(length),
		part: (_index, attributes) => {
			const part = out.part(index, attributes);
			return {
				body: (bytes, from, to) => part.body(bytes, from, to, index),
				bodyGap: (length) => part.bodyGap(length),
				secret: (length) => part.secret(length),
				item: (value, bytes) => part.item(value, bytes),
				items: (decoder) => part.items(decoder),
				attributes: (more) => part.attributes(more),
				decodeWith: (decoder) => part.decodeWith(decoder),
			};
		},
		record: () => out.record(index),
		head: (head) => out.head(head),
		trailers: (headers) => out.trailers(headers),
		rename: (protocol) => out.rename(protocol),
		outcome: (outcome) => out.outcome(outcome),
		flag: (name) => out.flag(name),
		giveUp: (flag) => out.giveUp(flag),
	};
}
