import type {
	Attributes,
	ContentContext,
	ContentOutput,
	ContentParser,
	ContentPlugin,
	Direction,
	HeaderList,
	MessageHead,
	MessageWriter,
	ParserPlugin,
	PartWriter,
} from "../../../core/index.js";
import { attributesProblem, headersProblem } from "../plain.js";
import { guarded, type Watch } from "./watched-parser.js";

/** The half of a plugin that reads payloads, held to its contract at every call. */
export function watchedContent(plugin: ParserPlugin, content: ContentPlugin, watch: Watch): ContentPlugin {
	const create = (context: ContentContext): ContentParser | null => {
		const parser = guarded(watch.findings, "create", () => content.create(context), null);
		if (parser === null) return null;
		watch.created++;
		return new WatchedContent(parser, context.dir, plugin.readsOnly === true, watch);
	};
	return { mediaTypes: content.mediaTypes, create };
}

class WatchedContent implements ContentParser {
	readonly #parser: ContentParser;
	readonly #readsOnly: boolean;
	readonly #watch: Watch;
	readonly #out: WatchedContentOutput;
	#isOver = false;

	constructor(parser: ContentParser, dir: Direction, readsOnly: boolean, watch: Watch) {
		this.#parser = parser;
		this.#readsOnly = readsOnly;
		this.#watch = watch;
		this.#out = new WatchedContentOutput(watch, dir);
	}

	start(out: ContentOutput): void {
		this.#call("start", out, NOTHING, () => this.#parser.start?.(this.#out));
	}

	body(bytes: Uint8Array, from: number, to: number, out: ContentOutput): void {
		const before = this.#readsOnly ? Buffer.from(bytes) : null;
		this.#call("body", out, bytes, () => this.#parser.body(bytes, from, to, this.#out));
		if (before !== null && !before.equals(bytes))
			this.#watch.findings.report("readsOnly", "body() wrote into the bytes that it was given");
	}

	gap(length: number | null, out: ContentOutput): void {
		this.#call("gap", out, NOTHING, () => this.#parser.gap(length, this.#out));
	}

	trailers(headers: HeaderList, out: ContentOutput): void {
		this.#call("trailers", out, NOTHING, () => this.#parser.trailers?.(headers, this.#out));
	}

	end(isWhole: boolean, out: ContentOutput): void {
		this.#call("end", out, NOTHING, () => this.#parser.end(isWhole, this.#out));
		this.#isOver = true;
	}

	#call(what: string, out: ContentOutput, bytes: Uint8Array, act: () => void): void {
		if (this.#isOver) return;
		this.#watch.onCall?.(what);
		this.#out.enter(out, bytes);
		guarded(this.#watch.findings, what, act, undefined);
		this.#out.leave();
	}
}

/** Its voice, passed on to the engine's. */
class WatchedContentOutput implements ContentOutput {
	readonly #watch: Watch;
	readonly #dir: Direction;
	#inner: ContentOutput | null = null;
	#shown: Uint8Array = NOTHING;

	constructor(watch: Watch, dir: Direction) {
		this.#watch = watch;
		this.#dir = dir;
	}

	enter(inner: ContentOutput, shown: Uint8Array): void {
		this.#inner = inner;
		this.#shown = shown;
	}

	leave(): void {
		this.#inner = null;
	}

	body(bytes: Uint8Array, from: number, to: number, index?: number): void {
		this.#payload(bytes, from, to, index, "body");
		this.#within("body").body(bytes, from, to, index);
	}

	bodyGap(length: number | null): void {
		this.#within("bodyGap").bodyGap(length);
	}

	part(index: number, attributes: Attributes): PartWriter {
		this.#index(index, "part");
		this.#attributes(attributes);
		const part = this.#within("part").part(index, attributes);
		return {
			body: (bytes, from, to, at) => {
				this.#within("body");
				this.#payload(bytes, from, to, at, "body");
				part.body(bytes, from, to, at);
			},
			bodyGap: (length) => {
				this.#within("bodyGap");
				part.bodyGap(length);
			},
			secret: (length) => part.secret(length),
			item: (value, bytes) => part.item(value, bytes),
			items: (decoder) => part.items(decoder),
			attributes: (more) => {
				this.#attributes(more);
				part.attributes(more);
			},
			expectMore: (isExpected) => part.expectMore(isExpected),
			decodeWith: (decoder) => part.decodeWith(decoder),
		};
	}

	record(index: number): MessageWriter {
		this.#index(index, "record");
		return this.#within("record").record(index);
	}

	head(head: MessageHead): void {
		if (typeof head.summary !== "string") this.#watch.findings.report("head", "the summary of a head is no text");
		this.#attributes(head.attributes);
		this.#headers(head.headers);
		this.#within("head").head(head);
	}

	trailers(headers: HeaderList): void {
		this.#headers(headers);
		this.#within("trailers").trailers(headers);
	}

	rename(protocol: string): void {
		this.#within("rename").rename(protocol);
	}

	outcome(outcome: "ok" | "error"): void {
		this.#within("outcome").outcome(outcome);
	}

	flag(name: string): void {
		this.#within("flag").flag(name);
	}

	giveUp(flag: string): void {
		this.#within("giveUp").giveUp(flag);
	}

	#within(what: string): ContentOutput {
		if (this.#inner !== null) return this.#inner;
		this.#watch.findings.report(
			"contentSpeaks",
			`${what}() was called when no call of the parser was under way, in direction ${this.#dir}`,
		);
		throw new Error(`${what}() outside of a call`);
	}

	#index(index: number, what: string): void {
		if (!Number.isInteger(index) || index < 0 || index > this.#shown.length)
			this.#watch.findings.report(
				"contentIndexes",
				`${what}() got index ${index} in a call with ${this.#shown.length} bytes`,
			);
	}

	#payload(bytes: Uint8Array, from: number, to: number, index: number | undefined, what: string): void {
		const isWithin = Number.isInteger(from) && Number.isInteger(to) && from >= 0 && from <= to && to <= bytes.length;
		if (!isWithin)
			this.#watch.findings.report("contentIndexes", `${what}() got bytes ${from} to ${to} of ${bytes.length}`);
		if (index !== undefined) this.#index(index, what);
		else if (to > from && bytes.buffer !== this.#shown.buffer)
			this.#watch.findings.report("bodyBytes", `${what}() got other bytes than those of the call, and no index`);
	}

	#attributes(attributes: Attributes): void {
		const problem = attributesProblem(attributes);
		if (problem !== null) this.#watch.findings.report("head", `attributes: ${problem}`);
	}

	#headers(headers: HeaderList): void {
		const problem = headersProblem(headers);
		if (problem !== null) this.#watch.findings.report("head", `headers: ${problem}`);
	}
}

const NOTHING = new Uint8Array(0);
