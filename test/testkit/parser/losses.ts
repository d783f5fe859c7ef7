/** Holes, late joins and early ends: what is told as complete must be what was there. */
import type { Direction } from "../../../core/index.js";
import { numbersFrom } from "../mutation.js";
import type { Talk } from "./conversation.js";
import type { Findings } from "./findings.js";
import { Truth } from "./honesty.js";
import { ParserRun, Reused, type Subject } from "./run.js";
import { reference } from "./splits.js";

export interface LossOptions {
	readonly places: number;
	readonly seed: number;
	readonly mayMisread: boolean;
}

const HOLE_BYTES = [1, 2, 7, 64, 1000];

/** A hole of several lengths at every place. */
export function holes(subject: Subject, talk: Talk, findings: Findings, options: LossOptions): void {
	const whole = reference(subject, talk, findings);
	const truth = new Truth(whole);
	for (const dir of [0, 1] as const) {
		const { length } = talk.streams[dir];
		const marks = boundaries(whole, talk, dir);
		for (const from of places(length, marks, options)) {
			for (const count of HOLE_BYTES) {
				if (from + count > length) continue;
				findings.where = `“${talk.name}”, without bytes ${from} to ${from + count} of direction ${dir}`;
				const run = new ParserRun(subject, talk, findings, { memory: new Reused() });
				for (const piece of talk.sent) {
					if (piece.dir === dir && run.position(dir) <= from && piece.to > from) {
						run.next(dir, from - run.position(dir));
						run.gap(dir, count);
					}
					run.piece(piece);
				}
				run.end();
				truth.judge(run, findings, { ends: null, mayMisread: options.mayMisread });
				findings.settle();
			}
		}
	}
}

/** Watching begins at every place. */
export function lateJoins(subject: Subject, talk: Talk, findings: Findings, options: LossOptions): void {
	const truth = new Truth(reference(subject, talk, findings));
	for (const count of places(talk.length, [], options)) {
		if (count === 0) continue;
		const from = talk.positionsAfter(count);
		findings.where = `“${talk.name}”, watched from bytes ${from.join(" and ")} on`;
		const run = new ParserRun(subject, talk, findings, { memory: new Reused(), from });
		for (const piece of talk.sent) run.piece(piece);
		run.end();
		truth.judge(run, findings, { ends: null, mayMisread: options.mayMisread });
		findings.settle();
	}
}

/** Everything ends at every place: the ends close, the connection is reset, or watching stops. */
export function earlyEnds(subject: Subject, talk: Talk, findings: Findings, options: LossOptions): void {
	const truth = new Truth(reference(subject, talk, findings));
	for (const count of places(talk.length, [], options)) {
		const to = talk.positionsAfter(count);
		for (const how of ["fin", "reset", null] as const) {
			findings.where = `“${talk.name}”, ${how ?? "not watched any more"} after bytes ${to.join(" and ")}`;
			const run = new ParserRun(subject, talk, findings, { memory: new Reused() });
			for (const piece of talk.sent) {
				const end = Math.min(piece.to, to[piece.dir]);
				if (end > run.position(piece.dir)) run.next(piece.dir, end - run.position(piece.dir));
			}
			run.end(how);
			truth.judge(run, findings, { ends: how === null ? null : to, mayMisread: options.mayMisread });
			findings.settle();
		}
	}
}

/** One direction is never seen, or only after everybody stopped waiting for it. */
export function waiting(subject: Subject, talk: Talk, findings: Findings): void {
	for (const dir of [0, 1] as const) {
		for (const isSeen of [true, false]) {
			const other: Direction = dir === 0 ? 1 : 0;
			findings.where = `“${talk.name}”, direction ${other} ${isSeen ? "seen too late" : "never seen"}`;
			const run = new ParserRun(subject, talk, findings, { memory: new Reused() });
			while (run.left(dir) > 0) {
				run.next(dir, Math.min(100, run.left(dir)));
				run.pass(60_000);
			}
			if (isSeen) run.next(other, run.left(other));
			run.end(isSeen ? "fin" : null);
			findings.settle();
		}
	}
}

/** Where messages begin and end, and where pieces do. */
function boundaries(whole: ParserRun, talk: Talk, dir: Direction): number[] {
	const found = talk.sent.filter((piece) => piece.dir === dir).flatMap(({ from, to }) => [from, to]);
	for (const { request, response } of whole.exchanges)
		for (const half of [request, response]) if (half?.dir === dir) found.push(half.start, half.end);
	return found;
}

/** Every position where there is room for that; otherwise those around `marks`, and some at random. */
function places(length: number, marks: readonly number[], { places: most, seed }: LossOptions): number[] {
	if (length <= most) return Array.from({ length }, (_, index) => index);
	const chosen = new Set<number>();
	for (const mark of marks) for (const near of [-1, 0, 1]) chosen.add(mark + near);
	const next = numbersFrom(seed);
	const found = [...chosen].filter((at) => at >= 0 && at < length).slice(0, most);
	while (found.length < most) found.push(next() % length);
	return found;
}
