import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { bodyOf, idOf } from "./body.js";
import { checkIntegrity, type LoadReport, problemsIn } from "./integrity.js";
import { withScope } from "./scope.js";

const LOAD = { number: 7, name: "a load", kind: "echo", size: 40 } as const;

function record(id: string, change: { data?: string; completeness?: string; half?: boolean } = {}) {
	const body = {
		bytes: LOAD.size,
		captured: LOAD.size,
		completeness: change.completeness ?? "complete",
		gaps: [],
		encoding: "utf8",
		data: change.data ?? bodyOf(id, LOAD.size).toString(),
	};
	const request = { attributes: { "url.path": `/echo/${id}` }, body };
	return { outcome: "ok", request, response: change.half === true ? null : { body } };
}

async function check(records: readonly unknown[], logged: readonly string[]): Promise<LoadReport> {
	return withScope(async (scope) => {
		const folder = await scope.folder();
		const jsonl = join(folder, "out.jsonl");
		const log = join(folder, "access.log");
		await writeFile(jsonl, records.map((each) => `${JSON.stringify(each)}\n`).join(""));
		await writeFile(log, logged.map((line) => `${line}\n`).join(""));
		return (await checkIntegrity(jsonl, log, [LOAD]))[0]!;
	});
}

const [a, b, c] = [idOf(7, 1), idOf(7, 2), idOf(7, 3)];
const ok = (id: string) => `/echo/${id} 200 OK`;

test("everything there once and equal is no problem", async (t) => {
	const report = await check([record(a), record(b)], [ok(a), ok(b), `/echo/${idOf(8, 1)} 200 OK`]);
	t.is(problemsIn(report), "");
	t.is(report.logged, 2);
});

test("a missing record, a second one, and one that nobody asked for", async (t) => {
	const report = await check([record(a), record(a), record(c)], [ok(a), ok(b)]);
	t.is(report.missing, 1);
	t.is(report.duplicates, 1);
	t.is(report.unexpected, 1);
	t.regex(problemsIn(report), /1 missing, 1 twice/);
});

test("a gap, a missing half, another body", async (t) => {
	const records = [record(a, { completeness: "gap" }), record(b, { half: true }), record(c, { data: "x".repeat(40) })];
	const report = await check(records, [ok(a), ok(b), ok(c)]);
	t.is(report.gaps, 2);
	t.is(report.mismatches, 1);
	t.is(report.missing, 0);
});

test("what the client cut off may be there or not, whole or not", async (t) => {
	const report = await check([record(a, { half: true })], [`/echo/${a} 200 `, `/echo/${b} 499 `]);
	t.is(report.cutByClient, 2);
	t.is(problemsIn(report), "");
});
