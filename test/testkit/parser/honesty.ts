/** Whether what was told of a stream with holes is true, measured by what was told of the whole one. */
import type { Direction } from "../../../core/index.js";
import type { Findings } from "./findings.js";
import type { ParserRun } from "./run.js";
import type { SeenExchange, SeenMessage } from "./seen.js";

export interface HonestyOptions {
	/** Positions at which both streams were ended by their senders: a body that goes to there is over. */
	readonly ends: readonly [number, number] | null;
	/** Messages may begin where none does: for protocols in which bytes of a payload can look like a message. */
	readonly mayMisread: boolean;
}

/** What the whole stream said. */
export class Truth {
	readonly #messages = new Map<string, SeenMessage>();
	readonly #pairs = new Set<string>();
	readonly #parts = new Set<string>();
	/** Responses whose request was seen. */
	readonly #answers = new Set<string>();

	constructor(whole: ParserRun) {
		for (const exchange of whole.exchanges) {
			for (const message of halves(exchange)) {
				this.#messages.set(place(message), message);
				for (const part of message.parts) this.#parts.add(part);
			}
			this.#pairs.add(pair(exchange));
			const { request, response } = exchange;
			if (request !== null && response !== null) this.#answers.add(place(response));
		}
	}

	judge(run: ParserRun, findings: Findings, options: HonestyOptions): void {
		for (const exchange of run.exchanges) {
			if (exchange.record.kind === "connection") continue;
			const { outcome, flags, summary } = exchange.record;
			const isWhole = (outcome === "ok" || outcome === "error") && flags.length === 0;
			let isKnown = true;
			// of the whole ones, where only the rest of them was seen
			let { request, response } = exchange;
			for (const message of halves(exchange)) {
				const whole = this.#messages.get(place(message)) ?? this.#around(message);
				// what a response is made of may depend on its request: without that, or with another one, nobody can tell
				const isAnswer = message.dir === 1 && this.#answers.has(place(message));
				if (whole?.dir === 0) request = whole;
				else if (whole !== undefined) response = whole;
				if (whole !== undefined && !(isAnswer && !this.#pairs.has(pair(exchange))))
					this.#compare(whole, message, findings, options);
				else if (whole !== undefined) continue;
				else {
					isKnown = false;
					if (isWhole && message.hasHead && !options.mayMisread)
						findings.report(
							"honest",
							`a message was made up at byte ${message.start} of direction ${message.dir}: ${summary.operation} → ${summary.result}`,
						);
				}
			}
			// in a pipeline without tags nobody can tell which of the requests was lost
			const isTagged = exchange.isTagged && exchange.request !== null;
			if (isWhole && isKnown && isTagged && !this.#pairs.has(pair({ request, response })))
				findings.report("honest", `${summary.operation} got the answer of another request: ${summary.result}`);
		}
	}

	/** The message of which this is the rest, behind an interim response for example: it says the same. */
	#around(rest: SeenMessage): SeenMessage | undefined {
		const said = JSON.stringify(rest.attributes);
		for (const whole of this.#messages.values()) {
			const isInside = whole.dir === rest.dir && whole.start < rest.start && rest.start < whole.end;
			if (isInside && JSON.stringify(whole.attributes) === said) return whole;
		}
		return undefined;
	}

	#compare(whole: SeenMessage, message: SeenMessage, findings: Findings, { ends }: HonestyOptions): void {
		const of = `the message at byte ${message.start} of direction ${message.dir}`;
		if (ends !== null && message.end === ends[message.dir]) return;
		// its payload was made parts: what of it is a body here is what nobody could make parts of
		const isSplit = whole.parts.length > 0 && whole.body.length === 0;
		const problem = isSplit ? null : bodyProblem(whole, message);
		if (problem !== null) findings.report("honest", `the body of ${of} ${problem}`);
		for (const part of message.parts)
			if (whole.parts.length > 0 && !this.#parts.has(part))
				findings.report("honest", `a part of ${of} is told as complete and is another one: ${part}`);
		if (message.outcome === "partial") return;
		for (const [name, value] of Object.entries(message.attributes)) {
			const was = whole.attributes[name];
			if (typeof was === "string" && typeof value === "string" && was !== value && !value.includes("<unknown>"))
				findings.report("honest", `"${name}" of ${of} is "${value}", and was "${was}"`);
		}
	}
}

/** What is wrong with a body, given the whole one; null: nothing. */
function bodyProblem(whole: SeenMessage, { body, bodyBytes, gaps, items }: SeenMessage): string | null {
	if (whole.gaps.length > 0) return null;
	if (items !== null || whole.items !== null) {
		const known = new Set(whole.items ?? []);
		const strange = (items ?? []).find((item) => !known.has(item));
		if (strange !== undefined) return `has a value that was not there: ${strange}`;
		const isShort = gaps.length === 0 && (items ?? []).length !== known.size && bodyBytes !== whole.bodyBytes;
		return isShort ? "is told as complete, and values are missing" : null;
	}
	let at = 0;
	let from = 0;
	for (const gap of [...gaps, { from: gaps.at(-1)?.to === null ? -1 : bodyBytes, to: null }]) {
		if (gap.from < 0) break;
		const length = gap.from - from;
		const told = Buffer.from(body.subarray(at, at + length));
		if (!told.equals(whole.body.subarray(from, from + length)))
			return `has other bytes from ${from} to ${gap.from} than were there`;
		at += length;
		if (gap.to === null) break;
		from = gap.to;
	}
	if (gaps.length === 0 && body.length !== whole.body.length)
		return `is told as complete with ${body.length} bytes of ${whole.body.length}`;
	return null;
}

function halves({ request, response }: SeenExchange): SeenMessage[] {
	return [request, response].filter((half) => half !== null);
}

function place({ dir, start }: { readonly dir: Direction; readonly start: number }): string {
	return `${dir}:${start}`;
}

function pair({ request, response }: Pick<SeenExchange, "request" | "response">): string {
	return `${request?.start ?? "-"}:${response?.start ?? "-"}`;
}
