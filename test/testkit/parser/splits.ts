/** The same bytes, cut and ordered in every way that a network may: what is said must be the same. */
import { numbersFrom } from "../mutation.js";
import type { Talk } from "./conversation.js";
import type { Findings } from "./findings.js";
import { ParserRun, Reused, type RunOptions, type Subject } from "./run.js";

/** What a parser may be shown of one direction before the other one, while nobody knows the protocol. */
const UNDETECTED_LEAD_BYTES = 512;

type Way = (run: ParserRun, talk: Talk) => void;

/** As it was sent, a piece in one call. */
export const inPieces: Way = (run, talk) => {
	for (const piece of talk.sent) run.piece(piece);
};

export const byteByByte: Way = (run, talk) => {
	for (const piece of talk.sent) run.piece(piece, 1);
};

/** All that the client says, then all that the server says, from when the protocol is known. */
export const clientAhead: Way = (run, talk) => {
	untilDetected(run, talk);
	for (const dir of [0, 1] as const) run.next(dir, run.left(dir));
};

/** Every answer before its question, from when the protocol is known. */
export const answersAhead: Way = (run, talk) => {
	untilDetected(run, talk);
	const { sent } = talk;
	for (let i = 0; i < sent.length; i++) {
		const piece = sent[i]!;
		const next = sent[i + 1];
		if (piece.dir === 0 && next?.dir === 1) run.piece(next);
		run.piece(piece);
	}
};

/** The server's first bytes before the client's. */
export const answersFirst: Way = (run, talk) => {
	run.next(1, Math.min(UNDETECTED_LEAD_BYTES, run.left(1)));
	inPieces(run, talk);
};

export function atRandom(next: () => number): Way {
	return (run) => {
		const longest = 1 + (next() % 64);
		while (run.left(0) > 0 || run.left(1) > 0) {
			const isServerTooEarly = !run.isDetected && run.position(1) >= UNDETECTED_LEAD_BYTES;
			let dir: 0 | 1 = next() % 2 === 0 || isServerTooEarly ? 0 : 1;
			if (run.left(dir) === 0) dir = dir === 0 ? 1 : 0;
			run.next(dir, 1 + (next() % longest));
		}
	};
}

function untilDetected(run: ParserRun, talk: Talk): void {
	for (const piece of talk.sent) {
		if (run.isDetected) return;
		run.piece(piece);
	}
}

/** The whole conversation as it was sent: what every other run is measured by. */
export function reference(subject: Subject, talk: Talk, findings: Findings, options: RunOptions = {}): ParserRun {
	findings.where = `“${talk.name}”, as it was sent`;
	const run = new ParserRun(subject, talk, findings, options);
	inPieces(run, talk);
	run.end();
	findings.settle();
	return run;
}

export interface NamedWay {
	readonly name: string;
	readonly clause: "sameSaid" | "anyOrder";
	readonly way: Way;
}

export function ways(seed: number, randomSplits: number): NamedWay[] {
	const next = numbersFrom(seed);
	return [
		{ name: "in memory that is used again", clause: "sameSaid", way: inPieces },
		{ name: "byte by byte", clause: "sameSaid", way: byteByByte },
		{ name: "the client's stream before the server's", clause: "anyOrder", way: clientAhead },
		{ name: "each answer before its question", clause: "anyOrder", way: answersAhead },
		{ name: "the server's first bytes before the client's", clause: "anyOrder", way: answersFirst },
		...Array.from({ length: randomSplits }, (_, index) => ({
			name: `random split ${index} of seed ${seed}`,
			clause: "sameSaid" as const,
			way: atRandom(next),
		})),
	];
}

/** Offers it in one way and compares what was said. */
export function compareWay(
	subject: Subject,
	talk: Talk,
	findings: Findings,
	{ name, clause, way }: NamedWay,
	expected: readonly string[],
): void {
	findings.where = `“${talk.name}”, ${name}`;
	const run = new ParserRun(subject, talk, findings, { memory: new Reused() });
	way(run, talk);
	run.end();
	findings.settle();
	const found = run.digest;
	const missing = expected.filter((one) => !found.includes(one));
	const added = found.filter((one) => !expected.includes(one));
	if (found.length === expected.length && missing.length === 0 && added.length === 0) return;
	findings.report(
		clause,
		`something else was said than when it was offered as it was sent\n  missing: ${shown(missing)}\n  instead: ${shown(added)}`,
	);
	findings.settle();
}

function shown(digests: readonly string[]): string {
	return digests.length === 0 ? "nothing" : digests.map((text) => text.slice(0, 600)).join("\n           ");
}
