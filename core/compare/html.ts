/** The report as one page that needs nothing from elsewhere. */
import type { CompareReport, Missing, PairReport } from "./comparison.js";
import type { Distribution } from "./distribution.js";
import { meaningOf, percent } from "./text.js";

export function htmlOf(report: CompareReport): string {
	const { sources, pairs, parity, remarks } = report;
	return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>polytap compare: ${percent(parity)}</title>
<style>${STYLE}</style></head><body>
<h1>Parity ${percent(parity)}</h1>
${remarks.map((remark) => `<p class="note">${escaped(remark)}</p>`).join("\n")}
${table(
	["source", "exchanges", "connections", "by protocol", "missing in its records"],
	sources.map(({ name, exchanges, connections, protocols, loss }) => [
		name,
		number(exchanges),
		number(connections),
		listed(protocols),
		listed(loss) || "nothing",
	]),
)}
${pairs.map(pairHtml).join("\n")}
<script type="application/json" id="report">${JSON.stringify(report).replaceAll("<", "\\u003c")}</script>
</body></html>
`;
}

function pairHtml(pair: PairReport): string {
	const { a, b, matched, matchedBy, equal, differing, fields, differences, missingInA, missingInB, ignored } = pair;
	return `<h2>${escaped(a)} and ${escaped(b)}: ${percent(pair.parity)}</h2>
${bar([
	["equal", equal, "#2b7a4b"],
	["differing", differing, "#c98a12"],
	[`only in ${a}`, missingInB.count, "#a83232"],
	[`only in ${b}`, missingInA.count, "#6a3fa0"],
])}
<p>Matched ${number(matched)} (${listed(matchedBy)}).${ignored > 0 ? ` ${number(ignored)} misses are ignored, as was asked.` : ""}</p>
${
	differing > 0
		? `<h3>Differing, by field</h3>${table(
				["field", "exchanges"],
				Object.entries(fields).map(([field, many]) => [field, number(many)]),
			)}`
		: ""
}
${
	differences.length > 0
		? table(
				["exchange", "operation", "field", a, b],
				differences.flatMap(({ a: id, operation, fields: found }) =>
					found.map(({ field, a: left, b: right }) => [id, operation, field, left, right]),
				),
			)
		: ""
}
${missingHtml(a, missingInA)}
${missingHtml(b, missingInB)}
<h3>Times, ${escaped(b)} minus ${escaped(a)}</h3>
${table(
	["", "min", "p10", "p50", "p90", "p99", "max"],
	[
		["start, µs", ...ranks(pair.startDifferenceUs)],
		["duration, µs", ...ranks(pair.durationDifferenceUs)],
	],
)}`;
}

function missingHtml(name: string, { count, byCause, byProtocol, examples }: Missing): string {
	if (count === 0) return `<h3>Missing in ${escaped(name)}: nothing</h3>`;
	return `<h3>Missing in ${escaped(name)}: ${number(count)} (${listed(byProtocol)})</h3>
${table(
	["cause", "exchanges", "meaning"],
	Object.entries(byCause).map(([cause, many]) => [cause, number(many), meaningOf(cause)]),
)}
${table(
	["exchange", "protocol", "operation", "connection", "cause"],
	examples.map(({ id, protocol, operation, connection, cause }) => [id, protocol, operation, connection, cause]),
)}`;
}

function bar(parts: readonly (readonly [label: string, count: number, colour: string])[]): string {
	const all = parts.reduce((sum, [, count]) => sum + count, 0);
	let x = 0;
	const pieces = parts
		.filter(([, count]) => count > 0)
		.map(([label, count, colour]) => {
			const width = (count / all) * 1000;
			const piece = `<rect x="${x.toFixed(2)}" width="${width.toFixed(2)}" height="24" fill="${colour}"><title>${escaped(label)}: ${number(count)}</title></rect>`;
			x += width;
			return piece;
		});
	const legend = parts.map(
		([label, count, colour]) => `<span><i style="background:${colour}"></i>${escaped(label)} ${number(count)}</span>`,
	);
	return `<svg viewBox="0 0 1000 24" preserveAspectRatio="none" role="img">${pieces.join("")}</svg><p class="legend">${legend.join("")}</p>`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
	const cells = (row: readonly string[], tag: string) =>
		row.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join("");
	return `<table><tr>${cells(head, "th")}</tr>${rows.map((row) => `<tr>${cells(row, "td")}</tr>`).join("")}</table>`;
}

const ranks = (of: Distribution | null): string[] =>
	of === null ? ["", "", "", "", "", ""] : [of.min, of.p10, of.p50, of.p90, of.p99, of.max].map(number);
const number = (value: number): string => value.toLocaleString("en-US");
const listed = (by: Readonly<Record<string, number>>): string =>
	Object.entries(by)
		.filter(([, value]) => value > 0)
		.map(([name, value]) => `${name} ${number(value)}`)
		.join(", ");

const ESCAPES: Readonly<Record<string, string>> = {
	"&": "&amp;",
	"<": "&lt;",
	">": "&gt;",
	'"': "&quot;",
	"'": "&#39;",
};
const escaped = (text: string): string => text.replaceAll(/[&<>"']/g, (each) => ESCAPES[each] ?? each);

const STYLE = `body{font:14px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1c1c1c}
table{border-collapse:collapse;margin:.5rem 0 1rem;width:100%}td,th{border:1px solid #ccc;padding:.2rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}
th{background:#f3f3f3}svg{width:100%;height:24px}.legend span{margin-right:1.5rem}.legend i{display:inline-block;width:.8em;height:.8em;margin-right:.4em}.note{background:#fff3d6;padding:.5rem}`;
