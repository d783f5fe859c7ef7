/** Broken conversations: nothing may throw, and however they are cut, they say the same. */
import type { Exchange } from "../../../core/index.js";
import { MUTATION_KINDS, mutate, numbersFrom } from "../mutation.js";
import { type Conversation, Talk } from "./conversation.js";
import type { Findings } from "./findings.js";
import type { ParserKitOptions } from "./options.js";
import { type Memory, ParserRun, Reused, type Subject } from "./run.js";
import { withoutTimes } from "./seen.js";

export interface FuzzOptions {
	readonly inputs: number;
	readonly seed: number;
	readonly comparable?: ParserKitOptions["comparable"];
}

/** What came out, as JSON, in an order of its own. */
type Records = readonly string[];

export function fuzz(subject: Subject, talks: readonly Talk[], findings: Findings, options: FuzzOptions): void {
	const next = numbersFrom(options.seed);
	const memory = new Reused();
	for (let number = 0; number < options.inputs; number++) {
		const talk = broken(talks, next, number, options.seed);
		const whole = offered(subject, talk, findings, memory, "whole", () => Number.POSITIVE_INFINITY);
		const split = offered(subject, talk, findings, memory, "in pieces", () => 1 + (next() % 20));
		// where it gives up depends on how much the other direction had said
		if (whole !== null && split !== null) compare(whole, split, findings, options);
		findings.settle();
		mixed(subject, talk, findings, memory, next);
	}
}

/** Two ways of offering must say the same. Most do so to the letter, and need not be taken apart. */
function compare(whole: Records, split: Records, findings: Findings, options: FuzzOptions): void {
	if (whole.length === split.length && whole.every((record, i) => record === split[i])) return;
	const [one, other] = [whole, split].map((texts) => texts.map((text) => JSON.parse(text) as Exchange));
	if (agreed(one!, other!, options) === agreed(other!, one!, options)) return;
	const digest = (records: readonly Exchange[]): string => records.map(withoutTimes).sort().join("\n");
	findings.report("sameSaid", `whole: ${digest(one!)}\n  in pieces: ${digest(other!)}`);
}

/** What must be the same in both ways of offering. */
function agreed(records: readonly Exchange[], others: readonly Exchange[], { comparable }: FuzzOptions): string {
	const compared = comparable === undefined ? records : comparable(records, others);
	return compared.map(withoutTimes).sort().join("\n");
}

function broken(talks: readonly Talk[], next: () => number, number: number, seed: number): Talk {
	const talk = talks[next() % talks.length]!;
	const other = talks[next() % talks.length]!;
	const steps = talk.sent.map(({ dir, from, to }) => ({ dir, bytes: talk.streams[dir].slice(from, to) }));
	const changes = 1 + (next() % 3);
	for (let i = 0; i < changes; i++) {
		const step = steps[next() % steps.length]!;
		const mutation = { kind: next() % MUTATION_KINDS, place: (next() % 10_000) / 10_000, value: next() };
		const spliced = other.streams[step.dir].length > 0 ? other.streams[step.dir] : step.bytes;
		if (spliced.length > 0) step.bytes = Uint8Array.from(mutate(step.bytes, spliced, [mutation]));
	}
	if (next() % 8 === 0) for (const step of steps) step.dir = step.dir === 0 ? 1 : 0;
	const conversation: Conversation = {
		name: `${talk.name} broken, input ${number} of seed ${seed}`,
		serverPort: talk.serverPort,
		steps: steps.map(({ dir, bytes }) => ({ from: dir === 0 ? "client" : "server", bytes })),
	};
	return new Talk(conversation);
}

/** Null: the parser gave up. */
function offered(
	subject: Subject,
	talk: Talk,
	findings: Findings,
	memory: Memory,
	name: string,
	pieceBytes: () => number,
): Records | null {
	findings.where = `“${talk.name}”, ${name}: ${base64(talk)}`;
	const records: string[] = [];
	const onExchange = (exchange: Exchange): number => records.push(JSON.stringify(exchange));
	const run = new ParserRun(subject, talk, findings, { memory, onExchange });
	for (const piece of talk.sent)
		while (run.position(piece.dir) < piece.to)
			run.next(piece.dir, Math.min(pieceBytes(), piece.to - run.position(piece.dir)));
	run.end();
	findings.settle();
	return run.opaque === null ? records.sort() : null;
}

/** With holes, pauses and ends in between. */
function mixed(subject: Subject, talk: Talk, findings: Findings, memory: Memory, next: () => number): void {
	findings.where = `“${talk.name}”, with holes and pauses: ${base64(talk)}`;
	const run = new ParserRun(subject, talk, findings, { memory, onExchange: (exchange) => JSON.stringify(exchange) });
	for (const { dir, to } of talk.sent) {
		while (run.position(dir) < to) {
			const count = Math.min(1 + (next() % 50), to - run.position(dir));
			const what = next() % 12;
			if (what === 0) run.gap(dir, count);
			else run.next(dir, count);
			if (what === 1) run.pass(100_000);
		}
	}
	run.end(next() % 3 === 0 ? null : next() % 2 === 0 ? "fin" : "reset");
	findings.settle();
}

function base64(talk: Talk): string {
	return talk.streams.map((bytes) => Buffer.from(bytes).toString("base64").slice(0, 400)).join(" ");
}
