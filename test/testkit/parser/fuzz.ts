/** Broken conversations: nothing may throw, and however they are cut, they say the same. */
import { MUTATION_KINDS, mutate, numbersFrom } from "../mutation.js";
import { type Conversation, Talk } from "./conversation.js";
import type { Findings } from "./findings.js";
import type { ParserKitOptions } from "./options.js";
import { ParserRun, Reused, type Subject } from "./run.js";
import { withoutTimes } from "./seen.js";

export interface FuzzOptions {
	readonly inputs: number;
	readonly seed: number;
	readonly comparable?: ParserKitOptions["comparable"];
}

export function fuzz(subject: Subject, talks: readonly Talk[], findings: Findings, options: FuzzOptions): void {
	const next = numbersFrom(options.seed);
	for (let number = 0; number < options.inputs; number++) {
		const talk = broken(talks, next, number, options.seed);
		const whole = offered(subject, talk, findings, "whole", () => Number.POSITIVE_INFINITY);
		const split = offered(subject, talk, findings, "in pieces", () => 1 + (next() % 20));
		// where it gives up depends on how much the other direction had said
		const isSame = said(whole, split, options) === said(split, whole, options);
		if (whole.opaque === null && split.opaque === null && !isSame)
			findings.report("sameSaid", `whole: ${whole.digest.join("\n")}\n  in pieces: ${split.digest.join("\n")}`);
		findings.settle();
		mixed(subject, talk, findings, next);
	}
}

/** What must be the same in both ways of offering. */
function said(run: ParserRun, other: ParserRun, { comparable }: FuzzOptions): string {
	if (comparable === undefined) return run.digest.join("\n");
	const records = ({ exchanges }: ParserRun) => exchanges.map(({ record }) => record);
	return comparable(records(run), records(other)).map(withoutTimes).sort().join("\n");
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

function offered(subject: Subject, talk: Talk, findings: Findings, name: string, pieceBytes: () => number): ParserRun {
	findings.where = `“${talk.name}”, ${name}: ${base64(talk)}`;
	const run = new ParserRun(subject, talk, findings, { memory: new Reused() });
	for (const piece of talk.sent)
		while (run.position(piece.dir) < piece.to)
			run.next(piece.dir, Math.min(pieceBytes(), piece.to - run.position(piece.dir)));
	run.end();
	findings.settle();
	return run;
}

/** With holes, pauses and ends in between. */
function mixed(subject: Subject, talk: Talk, findings: Findings, next: () => number): void {
	findings.where = `“${talk.name}”, with holes and pauses: ${base64(talk)}`;
	const run = new ParserRun(subject, talk, findings, { memory: new Reused() });
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
