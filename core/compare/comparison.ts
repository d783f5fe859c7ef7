/** Parity of sources over the same traffic: what `polytap compare` reports. */
import { type Difference, differencesOf } from "./difference.js";
import type { Digest } from "./digest.js";
import { type Distribution, distributionOf } from "./distribution.js";
import { type MatchedBy, match } from "./matching.js";
import { Sightings } from "./misses.js";

export const COMPARE_SCHEMA = "polytap.compare/v1";

export interface ComparedSource {
	readonly name: string;
	/** Exchanges and messages; records of connections are not compared, but tell causes. */
	readonly exchanges: number;
	readonly connections: number;
	readonly protocols: Readonly<Record<string, number>>;
	/** RFC 3339 is for records: microseconds since the epoch, or null. */
	readonly firstUs: number | null;
	readonly lastUs: number | null;
	/** What its records say is missing in them: records by cause. */
	readonly loss: Readonly<Record<string, number>>;
	/** Of a live run: the source's own counters. */
	readonly counters?: Readonly<Record<string, number>>;
}

export interface Miss {
	readonly id: string;
	readonly protocol: string;
	readonly operation: string;
	readonly connection: string;
	readonly startedUs: number;
	readonly cause: string;
}

export interface DifferingMatch {
	readonly a: string;
	readonly b: string;
	readonly protocol: string;
	readonly operation: string;
	readonly fields: readonly Difference[];
}

export interface Missing {
	readonly count: number;
	readonly byCause: Readonly<Record<string, number>>;
	/** By protocol and whether it is TLS: `http/1.1`, `http/1.1 tls`. */
	readonly byProtocol: Readonly<Record<string, number>>;
	readonly examples: readonly Miss[];
}

export interface PairReport {
	readonly a: string;
	readonly b: string;
	readonly matched: number;
	readonly matchedBy: Readonly<Record<MatchedBy, number>>;
	readonly equal: number;
	readonly differing: number;
	/** Matches that differ in it, by field. */
	readonly fields: Readonly<Record<string, number>>;
	readonly differences: readonly DifferingMatch[];
	/** Records that only the other source has. */
	readonly missingInA: Missing;
	readonly missingInB: Missing;
	/** Left out of the parity because they were asked to be. */
	readonly ignored: number;
	/** Of `b` minus `a`. */
	readonly startDifferenceUs: Distribution | null;
	readonly durationDifferenceUs: Distribution | null;
	/** Matched and equal, of all that are not ignored, in percent; 0 where there is nothing to compare. */
	readonly parity: number;
}

export interface CompareReport {
	readonly schema: typeof COMPARE_SCHEMA;
	readonly sources: readonly ComparedSource[];
	/** The first source with each of the others. */
	readonly pairs: readonly PairReport[];
	/** The lowest of all pairs. */
	readonly parity: number;
	/** What makes the report itself less than whole. */
	readonly remarks: readonly string[];
}

export interface CompareOptions {
	/** Causes of misses and fields of differences that do not count. */
	readonly ignored: ReadonlySet<string>;
	/** Misses and differences that are shown one by one, of each kind. */
	readonly examples: number;
	readonly toleranceUs: number;
}

export interface SourceRecords {
	readonly name: string;
	/** In any order. */
	readonly digests: readonly Digest[];
	readonly counters?: Readonly<Record<string, number>>;
}

export function compare(
	sources: readonly SourceRecords[],
	options: CompareOptions,
	remarks: readonly string[] = [],
): CompareReport {
	const sides = sources.map(sideOf);
	const [first, ...others] = sides;
	const pairs = first === undefined ? [] : others.map((other) => pair(first, other, options));
	return {
		schema: COMPARE_SCHEMA,
		sources: sides.map(({ summary }) => summary),
		pairs,
		parity: pairs.length === 0 ? 0 : Math.min(...pairs.map(({ parity }) => parity)),
		remarks,
	};
}

interface Side {
	readonly summary: ComparedSource;
	readonly seen: Sightings;
	readonly exchanges: readonly Digest[];
}

function sideOf({ name, digests, counters }: SourceRecords): Side {
	const seen = new Sightings();
	const exchanges: Digest[] = [];
	const protocols: Record<string, number> = {};
	const loss: Record<string, number> = {};
	for (const digest of digests) {
		seen.add(digest);
		for (const cause of new Set(digest.causes)) loss[cause] = (loss[cause] ?? 0) + 1;
		if (digest.kind === "connection") continue;
		exchanges.push(digest);
		const protocol = labelOf(digest);
		protocols[protocol] = (protocols[protocol] ?? 0) + 1;
	}
	exchanges.sort((a, b) => a.startedUs - b.startedUs || (a.id < b.id ? -1 : 1));
	const summary: ComparedSource = {
		name,
		exchanges: exchanges.length,
		connections: seen.connections,
		protocols,
		firstUs: exchanges[0]?.startedUs ?? null,
		lastUs: exchanges.at(-1)?.startedUs ?? null,
		loss,
		...(counters === undefined ? {} : { counters }),
	};
	return { summary, seen, exchanges };
}

function pair(a: Side, b: Side, { ignored, examples, toleranceUs }: CompareOptions): PairReport {
	const { matches, onlyA, onlyB } = match(a.exchanges, b.exchanges, toleranceUs);
	const matchedBy: Record<MatchedBy, number> = { position: 0, translation: 0, order: 0 };
	const fields: Record<string, number> = {};
	const differences: DifferingMatch[] = [];
	const starts: number[] = [];
	const durations: number[] = [];
	let differing = 0;
	for (const { a: left, b: right, by } of matches) {
		matchedBy[by]++;
		starts.push(right.startedUs - left.startedUs);
		durations.push(right.durationUs - left.durationUs);
		const found = differencesOf(left, right, ignored);
		if (found.length === 0) continue;
		differing++;
		for (const { field } of found) fields[field] = (fields[field] ?? 0) + 1;
		if (differences.length < examples)
			differences.push({ a: left.id, b: right.id, protocol: left.protocol, operation: left.operation, fields: found });
	}
	const missingInB = missing(onlyA, b.seen, examples);
	const missingInA = missing(onlyB, a.seen, examples);
	const ignoredMisses = countOf(missingInA, ignored) + countOf(missingInB, ignored);
	const all = matches.length + onlyA.length + onlyB.length - ignoredMisses;
	const equal = matches.length - differing;
	return {
		a: a.summary.name,
		b: b.summary.name,
		matched: matches.length,
		matchedBy,
		equal,
		differing,
		fields,
		differences,
		missingInA,
		missingInB,
		ignored: ignoredMisses,
		startDifferenceUs: distributionOf(starts),
		durationDifferenceUs: distributionOf(durations),
		parity: all === 0 ? 0 : (equal / all) * 100,
	};
}

function missing(digests: readonly Digest[], other: Sightings, examples: number): Missing {
	const byCause: Record<string, number> = {};
	const byProtocol: Record<string, number> = {};
	const shown: Miss[] = [];
	for (const digest of digests) {
		const cause = other.causeOf(digest);
		byCause[cause] = (byCause[cause] ?? 0) + 1;
		const label = labelOf(digest);
		byProtocol[label] = (byProtocol[label] ?? 0) + 1;
		if ((byCause[cause] ?? 0) > examples) continue;
		const { id, protocol, operation, connection, startedUs } = digest;
		shown.push({ id, protocol, operation, connection, startedUs, cause });
	}
	return { count: digests.length, byCause, byProtocol, examples: shown };
}

const countOf = ({ byCause }: Missing, ignored: ReadonlySet<string>): number =>
	Object.entries(byCause).reduce((sum, [cause, count]) => (ignored.has(cause) ? sum + count : sum), 0);

const labelOf = ({ protocol, isTls }: Digest): string => (isTls ? `${protocol} tls` : protocol);
