/** Secrets in the short texts of a record: summary, header values, attributes, annotations, flags. */
import type { Attributes, AttributeValue, HeaderList } from "../exchange.js";
import { isCut, withoutCutWords, withoutSecrets } from "./cuts.js";
import { findInJson } from "./json-text.js";
import { type Range, REDACTED, replaceRanges } from "./ranges.js";
import type { Rules } from "./rules.js";
import { decoded, findParameters, findUserinfo } from "./url-text.js";

/** `http.request.header.cookie`, `rpc.grpc.request.metadata.authorization`: a header as OpenTelemetry names it. */
const HEADER_ATTRIBUTE = /\.(?:header|trailer|metadata)\.(.+)$/;
const QUERIES: ReadonlySet<string> = new Set(["url.query"]);
/** Parsers cut them where they are long. */
const STATEMENTS: ReadonlySet<string> = new Set(["db.query.text"]);

export class Strings {
	readonly #rules: Rules;

	constructor(rules: Rules) {
		this.#rules = rules;
	}

	/** `isQuery`: it is a query string from its beginning on. `found` gets what was hidden in it. */
	text(text: string, isQuery = false, found: string[] | null = null): string {
		const { query, json, patterns, userinfo } = this.#rules;
		const ranges: Range[] = [];
		findParameters(text, query, isQuery, ranges);
		if (userinfo) findUserinfo(text, ranges);
		if (patterns.count > 0) {
			if (!patterns.find(text, ranges)) return REDACTED;
			// escaped characters hide a secret from a pattern
			if (ranges.length === 0 && text.includes("%") && patterns.test(decoded(text))) return REDACTED;
		}
		if (json.count > 0 && (text[0] === "{" || text[0] === "[")) findInJson(text, json, patterns, ranges);
		if (found !== null) for (const { from, to } of ranges) found.push(text.slice(from, to));
		return replaceRanges(text, ranges);
	}

	/** The same list where nothing is to be hidden in it. */
	headers(list: HeaderList): HeaderList {
		const { headers } = this.#rules;
		let out: [string, string][] | null = null;
		for (let i = 0; i < list.length; i++) {
			const [name, value] = list[i]!;
			const shownName = this.#hasValueRules ? this.text(name) : name;
			const shown = headers.has(name) ? REDACTED : this.text(value);
			if (shown === value && shownName === name) continue;
			out ??= list.map(([one, other]) => [one, other]);
			out[i] = [shownName, shown];
		}
		return out ?? list;
	}

	/** The same object where nothing is to be hidden in it. `secrets` gets the texts that were hidden. */
	attributes(attributes: Attributes, secrets: string[] | null = null): Attributes {
		let out: Record<string, AttributeValue> | null = null;
		for (const name in attributes) {
			const value = attributes[name]!;
			const isSecret = this.#isSecret(name);
			const shown = isSecret ? REDACTED : this.#attribute(name, value, secrets);
			if (shown === value) continue;
			out ??= { ...attributes };
			out[name] = shown;
			if (isSecret && typeof value === "string") secrets?.push(value);
		}
		return out ?? attributes;
	}

	#isSecret(name: string): boolean {
		if (this.#rules.attributes.has(name)) return true;
		const header = name.includes("er.") || name.includes("data.") ? HEADER_ATTRIBUTE.exec(name)?.[1] : undefined;
		return (
			header !== undefined && (this.#rules.headers.has(header) || this.#rules.headers.has(header.replaceAll("_", "-")))
		);
	}

	#attribute(name: string, value: AttributeValue, secrets: string[] | null): AttributeValue {
		if (typeof value === "string") {
			const shown = this.text(value, QUERIES.has(name), secrets);
			return STATEMENTS.has(name) && this.#hasValueRules ? withoutCutWords(shown) : shown;
		}
		if (typeof value === "number") return this.#rules.patterns.test(String(value)) ? REDACTED : value;
		if (typeof value === "boolean") return value;
		const shown = value.map((one) => this.text(one));
		return shown.some((one, index) => one !== value[index]) ? shown : value;
	}

	/** The summary of a message with these attributes, of which `secrets` were hidden. */
	summary(summary: string, attributes: Attributes, secrets: readonly string[]): string {
		const shown = withoutSecrets(this.text(summary), secrets);
		const statement = attributes["db.query.text"];
		// made of a statement that is not whole either
		const isCutTwice = this.#hasValueRules && typeof statement === "string" && isCut(statement);
		return isCutTwice ? withoutCutWords(shown) : shown;
	}

	get #hasValueRules(): boolean {
		return this.#rules.patterns.count > 0;
	}
}
