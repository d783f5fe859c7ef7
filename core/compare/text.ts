/** The report for a terminal. */
import type { ComparedSource, CompareReport, Missing, PairReport } from "./comparison.js";
import type { Distribution } from "./distribution.js";
import { MISS_CAUSES } from "./misses.js";

export function textOf({ sources, pairs, parity, remarks }: CompareReport): string {
	const lines = sources.map(sourceLine);
	for (const pair of pairs) lines.push("", ...pairLines(pair));
	for (const remark of remarks) lines.push("", `note: ${remark}`);
	lines.push("", `parity: ${percent(parity)}`);
	return `${lines.join("\n")}\n`;
}

function sourceLine({ name, exchanges, connections, protocols, loss }: ComparedSource): string {
	const lost =
		Object.keys(loss).length === 0 ? "nothing missing in its records" : `missing in its records: ${counts(loss)}`;
	return `${name}: ${count(exchanges)} exchanges on ${count(connections)} connections (${counts(protocols) || "none"}); ${lost}`;
}

function pairLines(pair: PairReport): string[] {
	const { a, b, matched, equal, differing, fields, differences, matchedBy, missingInA, missingInB, ignored } = pair;
	const lines = [
		`${a} and ${b}: ${percent(pair.parity)}`,
		`  matched ${count(matched)} (${counts(matchedBy)}), equal ${count(equal)}, differing ${count(differing)}`,
	];
	if (differing > 0) lines.push(`  differing in: ${counts(fields)}`);
	for (const { a: id, protocol, operation, fields: found } of differences) {
		lines.push(`    ${id} ${protocol} ${short(operation)}`);
		for (const { field, a: left, b: right } of found) lines.push(`      ${field}: ${short(left)} | ${short(right)}`);
	}
	lines.push(...missingLines(a, missingInA), ...missingLines(b, missingInB));
	if (ignored > 0) lines.push(`  ${count(ignored)} of these are ignored, as was asked`);
	lines.push(
		`  ${b} minus ${a}, start: ${distribution(pair.startDifferenceUs)}`,
		`  ${b} minus ${a}, duration: ${distribution(pair.durationDifferenceUs)}`,
	);
	return lines;
}

function missingLines(name: string, { count: all, byCause, examples }: Missing): string[] {
	const lines = [`  missing in ${name}: ${count(all)}`];
	for (const [cause, number] of Object.entries(byCause)) {
		lines.push(`    ${cause} ${count(number)}: ${meaningOf(cause)}`);
		for (const miss of examples.filter((each) => each.cause === cause))
			lines.push(`      ${miss.id} ${miss.protocol} ${short(miss.operation)} (${miss.connection})`);
	}
	return lines;
}

export const meaningOf = (cause: string): string =>
	cause in MISS_CAUSES
		? MISS_CAUSES[cause as keyof typeof MISS_CAUSES]
		: "bytes of that connection are missing in the source, with this cause";

const count = (value: number): string => value.toLocaleString("en-US");
/** Never rounded up to what it is not. */
export const percent = (value: number): string => `${(Math.floor(value * 1000) / 1000).toFixed(3)} %`;

function counts(by: Readonly<Record<string, number>>): string {
	return Object.entries(by)
		.filter(([, value]) => value > 0)
		.sort(([, x], [, y]) => y - x)
		.map(([name, value]) => `${name} ${count(value)}`)
		.join(", ");
}

function distribution(of: Distribution | null): string {
	if (of === null) return "nothing to measure";
	const { min, p10, p50, p90, p99, max } = of;
	return `p50 ${p50} µs, p10 ${p10}, p90 ${p90}, p99 ${p99}, ${min} to ${max}`;
}

/** Traffic must not speak to the terminal. */
function short(text: string): string {
	const plain = Array.from(text, (each) => (each < " " || (each >= "\u007f" && each <= "\u009f") ? "?" : each)).join(
		"",
	);
	return plain.length <= 120 ? plain : `${plain.slice(0, 120)}…`;
}
