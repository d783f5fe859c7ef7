/**
 * Takes the secrets out of exchanges, once, before any sink or the spool sees them. What is shared by many exchanges (a
 * head, a block of headers) is looked at once and remembered on it.
 */
import { CapturedExchange } from "../engine/captured-exchange.js";
import type { Message } from "../engine/message.js";
import type { Body, Exchange, ExchangeMessage, Interim, SubMessage } from "../exchange.js";
import { HeaderBlock, MessageHead } from "../plugin.js";
import { Bodies, type MediaFacts, mediaFacts } from "./bodies.js";
import { compileRules, type Rules } from "./rules.js";
import type { RedactRule } from "./schema.js";
import { Strings } from "./strings.js";

/** Flag of a record of whose payload a piece was replaced; a payload that was removed says so by its gap. */
const CHANGED_FLAG = "redacted-body";

export class Redactor {
	readonly #rules: Rules;
	readonly #strings: Strings;
	readonly #bodies: Bodies;
	readonly #looksIntoBodies: boolean;

	/** Null where the rules hide nothing. */
	static of(rules: readonly RedactRule[]): Redactor | null {
		const compiled = compileRules(rules);
		return compiled === null ? null : new Redactor(compiled);
	}

	private constructor(rules: Rules) {
		this.#rules = rules;
		this.#strings = new Strings(rules);
		this.#bodies = new Bodies(rules);
		this.#looksIntoBodies = !this.#bodies.isIdle;
	}

	/**
	 * The exchange without its secrets: the same object where it is the engine's own and its payload stays as it is, a plain
	 * record otherwise. The one that was given must not be shown to anybody afterwards.
	 */
	redact(exchange: Exchange): Exchange {
		this.#rules.patterns.refill();
		return exchange instanceof CapturedExchange ? this.#captured(exchange) : this.#plain(exchange);
	}

	counters(): Readonly<Record<string, number>> {
		return { redacted_bodies_changed: this.#bodies.changed, redacted_bodies_removed: this.#bodies.removed };
	}

	#captured(x: CapturedExchange): Exchange {
		const { req, res } = x;
		const changedBefore = this.#bodies.changed;
		// by the headers as they were: a rule may hide the type
		const asked = this.#looksIntoBodies ? this.#payload(req) : null;
		const answered = this.#looksIntoBodies ? this.#payload(res) : null;
		if (req !== null) this.#message(req);
		if (res !== null) this.#message(res);
		if (x.connectionSummary !== null) {
			const { operation, result } = x.connectionSummary;
			x.connectionSummary.operation = this.#strings.text(operation);
			x.connectionSummary.result = this.#strings.text(result);
		}
		x.annotations = this.#strings.attributes(x.annotations);
		if (x.flags.length > 0) x.flags = x.flags.map((flag) => this.#strings.text(flag));
		if (asked === null && answered === null) return x;
		const plain = x.toJSON();
		return {
			...plain,
			request: plain.request === null ? null : { ...plain.request, ...asked },
			response: plain.response === null ? null : { ...plain.response, ...answered },
			flags: this.#flags(x.flags, changedBefore),
		};
	}

	#message(m: Message): void {
		const head = m.messageHead;
		const shown = head === null ? null : this.#head(head);
		const trailers = m.trailerList.length === 0 ? m.trailerList : this.#strings.headers(m.trailerList);
		const interims = m.interims === null ? null : this.#interims(m.interims);
		if (shown !== head || trailers !== m.trailerList || interims !== m.interims) m.show(shown, trailers, interims);
		const parts = m.extras?.parts;
		if (parts != null) for (const part of parts) part.show((attributes) => this.#strings.attributes(attributes));
	}

	#head(head: MessageHead): MessageHead {
		const known = head.redacted;
		if (known !== null && known.by === this) return known.head;
		const block = this.#block(head.block);
		const secrets: string[] = [];
		const attributes = this.#strings.attributes(head.attributes, secrets);
		const summary = this.#strings.summary(head.summary, head.attributes, secrets);
		const isSame = block === head.block && attributes === head.attributes && summary === head.summary;
		const shown = isSame ? head : new MessageHead(summary, attributes, block);
		head.redacted = { by: this, head: shown };
		if (!isSame) shown.redacted = { by: this, head: shown };
		return shown;
	}

	#block(block: HeaderBlock): HeaderBlock {
		const known = block.redacted;
		if (known !== null && known.by === this) return known.block;
		const list = this.#strings.headers(block.list);
		const shown = list === block.list ? block : new HeaderBlock(list);
		block.redacted = { by: this, block: shown };
		return shown;
	}

	#interims(all: readonly Interim[]): Interim[] {
		return all.map(({ at, attributes, headers }) => ({
			at,
			attributes: this.#strings.attributes(attributes),
			headers: this.#strings.headers(headers),
		}));
	}

	/** What of the payload is to be shown instead of what was captured; null: nothing else. */
	#payload(m: Message | null): Shown | null {
		if (m === null || (m.payload === null && m.extras === null)) return null;
		const facts = factsOf(m);
		const parts = m.extras?.messages() ?? null;
		const isStructured = m.extras !== null && (m.extras.items !== null || m.extras.decoder !== null);
		const hasBody = isStructured || (m.payload !== null && this.#bodies.mayApply(facts));
		return this.#shown(hasBody ? m.bodyView() : null, parts, facts);
	}

	#shown(body: Body | null, parts: readonly SubMessage[] | null, facts: MediaFacts): Shown | null {
		const shownBody = body === null ? null : this.#bodies.body(body, facts);
		const shownParts = parts === null ? null : this.#bodies.parts(parts, facts);
		if (shownBody === body && shownParts === parts) return null;
		return {
			...(shownBody === null || shownBody === body ? {} : { body: shownBody }),
			...(shownParts === null || shownParts === parts ? {} : { messages: this.#partAttributes(shownParts) }),
		};
	}

	#partAttributes(parts: readonly SubMessage[]): readonly SubMessage[] {
		return parts.map((part) => ({ ...part, attributes: this.#strings.attributes(part.attributes) }));
	}

	#flags(flags: readonly string[], changedBefore: number): readonly string[] {
		return this.#bodies.changed > changedBefore && !flags.includes(CHANGED_FLAG) ? [...flags, CHANGED_FLAG] : flags;
	}

	/** A record that did not come from the engine. */
	#plain(x: Exchange): Exchange {
		const { operation, result } = x.summary;
		const changedBefore = this.#bodies.changed;
		const secrets: string[] = [];
		const request = x.request === null ? null : this.#plainMessage(x.request, secrets);
		const response = x.response === null ? null : this.#plainMessage(x.response, secrets);
		const annotations = this.#strings.attributes(x.annotations, secrets);
		// named one by one: what else is on it (its memory's owner) is not part of the record
		return {
			schema: x.schema,
			id: x.id,
			idScope: x.idScope,
			parentId: x.parentId,
			protocol: x.protocol,
			kind: x.kind,
			startedAt: x.startedAt,
			durationUs: x.durationUs,
			outcome: x.outcome,
			summary: {
				operation: this.#strings.summary(operation, x.request?.attributes ?? {}, secrets),
				result: this.#strings.summary(result, x.response?.attributes ?? {}, secrets),
			},
			connection: x.connection,
			request,
			response,
			observedBy: x.observedBy,
			flags: this.#flags(
				x.flags.map((flag) => this.#strings.text(flag)),
				changedBefore,
			),
			annotations,
		};
	}

	#plainMessage(m: ExchangeMessage, secrets: string[]): ExchangeMessage {
		const shown = this.#looksIntoBodies ? this.#shown(m.body, m.messages, mediaFacts(m.headers)) : null;
		return {
			...m,
			messages: m.messages === null ? null : this.#partAttributes(m.messages),
			...shown,
			attributes: this.#strings.attributes(m.attributes, secrets),
			headers: this.#strings.headers(m.headers),
			trailers: this.#strings.headers(m.trailers),
			interim: this.#interims(m.interim),
		};
	}
}

interface Shown {
	readonly body?: Body;
	readonly messages?: readonly SubMessage[];
}

function factsOf(m: Message): MediaFacts {
	const facts = mediaFacts(m.messageHead?.headers ?? []);
	return m.coding === null || facts.coding !== null ? facts : { ...facts, coding: m.coding };
}
