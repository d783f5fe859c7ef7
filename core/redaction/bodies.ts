/** Secrets in payloads. What a rule applies to and nobody can look through is removed. */
import type { Body, BodyGap, HeaderList, SubMessage } from "../exchange.js";
import { findInJson } from "./json-text.js";
import { type Range, replaceRanges } from "./ranges.js";
import type { Rules } from "./rules.js";
import { redactValue } from "./structured.js";
import { decoded, findParameters } from "./url-text.js";

/** What the headers say about a payload. Null: nothing. */
export interface MediaFacts {
	readonly type: string | null;
	/** A content coding that has to be undone before the bytes mean anything. */
	readonly coding: string | null;
	/** The same of each part: gRPC compresses its messages, not their stream. */
	readonly partCoding: string | null;
}

const UNREADABLE_CHARSET = /charset\s*=\s*"?(?:utf-?(?:7|16|32)|ucs|iso-2022|hz-|ebcdic|ibm)/i;
const NEVER_JSON = /^(?:image|video|audio|font)\//i;
const FORM = /^application\/x-www-form-urlencoded/i;

export function mediaFacts(headers: HeaderList): MediaFacts {
	let type: string | null = null;
	let coding: string | null = null;
	let partCoding: string | null = null;
	for (const [name, value] of headers) {
		if (name.length === 12 && name.toLowerCase() === "content-type") type = value;
		else if (name.length === 16 && name.toLowerCase() === "content-encoding" && !/^\s*(?:identity)?\s*$/i.test(value))
			coding = value;
		else if (name.length === 13 && name.toLowerCase() === "grpc-encoding" && value !== "identity") partCoding = value;
	}
	return { type, coding, partCoding };
}

/** Where every place of a payload that holds more than whole values is a gap that its parser made for a secret. */
const isOnlySecrets = (gaps: readonly BodyGap[]): boolean => gaps.every((gap) => gap.cause === "redacted");

export class Bodies {
	/** Since the start. */
	removed = 0;
	changed = 0;
	readonly #rules: Rules;

	constructor(rules: Rules) {
		this.#rules = rules;
	}

	/** True where no rule looks into payloads at all. */
	get isIdle(): boolean {
		const { patterns, json, query } = this.#rules;
		return patterns.count + json.count + query.count === 0;
	}

	/** False: no rule can apply to a payload that its headers describe so. */
	mayApply({ type }: MediaFacts): boolean {
		const { patterns, json, query } = this.#rules;
		if (patterns.count > 0) return true;
		if (json.count > 0 && !(type !== null && NEVER_JSON.test(type))) return true;
		return query.count > 0 && type !== null && FORM.test(type);
	}

	/** The same body where nothing is to be hidden in it. */
	body(body: Body, facts: MediaFacts): Body {
		if (body.captured === 0 || !this.#applies(body, facts)) return body;
		if (body.encoding === "json") {
			const data = this.#items(body.data);
			return data === body.data ? body : this.#changed({ ...body, data });
		}
		const isWhole = body.completeness === "complete" || isOnlySecrets(body.gaps);
		const isCoded = facts.coding !== null && body.decodedFrom === undefined;
		const isReadable = facts.type === null || !UNREADABLE_CHARSET.test(facts.type);
		if (!isWhole || isCoded || !isReadable || body.decodeLimited === true) return this.#without(body);
		const data = this.#text(body, facts);
		if (data === null) return this.#without(body);
		return data === body.data ? body : this.#changed({ ...body, data });
	}

	/** The same list where nothing is to be hidden in it. A secret may also lie across the end of one part. */
	parts(parts: readonly SubMessage[], facts: MediaFacts): readonly SubMessage[] {
		const across = this.#across(parts);
		const coded = { type: null, coding: facts.partCoding ?? facts.coding, partCoding: null };
		let isChanged = false;
		const shown = parts.map((part, index) => {
			const whole: Body = {
				bytes: part.bytes,
				captured: part.captured ?? part.bytes,
				completeness: part.completeness ?? "complete",
				gaps: part.gaps ?? [],
				encoding: part.encoding,
				data: part.data,
			};
			const body = across.has(index)
				? this.#without(whole)
				: this.body(whole, part.encoding === "base64" ? coded : NO_FACTS);
			if (body === whole) return part;
			isChanged = true;
			const { captured, completeness, gaps, encoding, data } = body;
			return { ...part, encoding, data, ...(completeness === "complete" ? {} : { captured, completeness, gaps }) };
		});
		return isChanged ? shown : parts;
	}

	#applies(body: Body, facts: MediaFacts): boolean {
		const { patterns, json, query } = this.#rules;
		if (patterns.count > 0) return true;
		if (json.count > 0 && mayBeJson(body, facts)) return true;
		return query.count > 0 && facts.type !== null && FORM.test(facts.type);
	}

	#items(data: unknown): unknown {
		const { json, patterns } = this.#rules;
		if (!Array.isArray(data)) return redactValue(data, json, patterns);
		const items = data.map((item: unknown) => redactValue(item, json, patterns));
		return items.some((item, index) => item !== data[index]) ? items : data;
	}

	/** Null: it cannot be looked through, or holds something where nothing can be replaced. */
	#text(body: Body, facts: MediaFacts): string | null {
		const { patterns, json, query } = this.#rules;
		const data = String(body.data);
		if (body.encoding === "base64") {
			const isJson = json.count > 0 && mayBeJson(body, facts);
			const isForm = query.count > 0 && facts.type !== null && FORM.test(facts.type);
			if (isJson || isForm) return null;
			return this.#isFound(Buffer.from(data, "base64").toString("latin1")) ? null : data;
		}
		const ranges: Range[] = [];
		if (!patterns.find(data, ranges)) return null;
		// UTF-16 of plain letters is valid UTF-8 with a NUL beside each
		if (data.includes("\0") && this.#isFound(data)) return null;
		const isForm = facts.type !== null && FORM.test(facts.type);
		if (isForm) {
			findParameters(data, query, true, ranges);
			if (ranges.length === 0 && data.includes("%") && patterns.test(decoded(data))) return null;
		}
		const looksLikeJson = mayBeJson(body, facts);
		if (looksLikeJson && !findInJson(data, json, patterns, ranges) && json.count > 0) return null;
		return replaceRanges(data, ranges);
	}

	#isFound(text: string): boolean {
		const { patterns } = this.#rules;
		return patterns.test(text) || (text.includes("\0") && patterns.test(text.replaceAll("\0", "")));
	}

	/** Indexes of parts of which a secret lies in two. */
	#across(parts: readonly SubMessage[]): ReadonlySet<number> {
		const found = new Set<number>();
		if (this.#rules.patterns.count === 0 || parts.length < 2) return found;
		const texts = parts.map((part) => (part.encoding === "utf8" ? String(part.data) : ""));
		const ranges: Range[] = [];
		if (!this.#rules.patterns.find(texts.join(""), ranges)) return new Set(parts.keys());
		for (const { from, to } of ranges) {
			let start = 0;
			for (let i = 0; i < texts.length && start < to; i++) {
				const end = start + texts[i]!.length;
				const isInside = from >= start && to <= end;
				if (!isInside && end > from && end > start) found.add(i);
				start = end;
			}
		}
		return found;
	}

	#changed(body: Body): Body {
		this.changed++;
		return body;
	}

	#without(body: Body): Body {
		this.removed++;
		const { bytes, encoding } = body;
		const to = body.gaps.some((gap) => gap.to === null) ? null : bytes;
		const gaps: BodyGap[] = [{ from: 0, to, cause: "redacted" }];
		const data = encoding === "json" ? [] : "";
		return { bytes, captured: 0, completeness: "gap", gaps, encoding: encoding === "json" ? "json" : "utf8", data };
	}
}

const NO_FACTS: MediaFacts = { type: null, coding: null, partCoding: null };

/** What says that it is JSON, looks like JSON, or may be JSON that nobody can see. */
function mayBeJson(body: Body, { type, coding }: MediaFacts): boolean {
	if (body.encoding === "json") return true;
	if (type !== null && /json/i.test(type)) return true;
	if (type !== null && NEVER_JSON.test(type)) return false;
	const isHidden = (coding !== null && body.decodedFrom === undefined) || body.gaps[0]?.from === 0;
	if (isHidden) return type === null || !/^text\/(?:html|css|plain)/i.test(type);
	return body.encoding === "utf8" && /^[\uFEFF\s]*[{[]/.test(String(body.data));
}
