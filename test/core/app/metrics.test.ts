import { readFileSync } from "node:fs";
import test from "ava";
import { Liveness } from "../../../core/app/liveness.js";
import { makeLog } from "../../../core/app/log.js";
import { METRICS, metricName, splitLabels } from "../../../core/app/metrics.js";
import { ProblemBook } from "../../../core/app/problems.js";
import { configSchema } from "../../../core/config/schema.js";

test("the documentation names every fixed metric, and no other", (t) => {
	const text = readFileSync(new URL("../../../../docs/operations.md", import.meta.url), "utf8");
	const documented = [...text.matchAll(/`((?:polytap|process)_[a-z_]+)`/g)].map(([, name]) => name ?? "");
	t.deepEqual([...new Set(documented)].sort(), Object.keys(METRICS).sort());
});

test("names by the conventions of Prometheus", (t) => {
	t.is(metricName("polytap_engine", "bytes_captured"), "polytap_engine_captured_bytes_total");
	t.is(metricName("polytap_engine", "connections_open"), "polytap_engine_connections_open");
	t.is(metricName("polytap_sink", "queue_bytes_high_water"), "polytap_sink_queue_bytes_high_water");
	t.is(metricName("polytap_source", "odd-name"), "polytap_source_odd_name_total");
});

test("a counter of one of several things has labels of its own", (t) => {
	t.deepEqual(splitLabels('jvm_hook_errors{pid="71",process="java"}'), {
		counter: "jvm_hook_errors",
		labels: { pid: "71", process: "java" },
	});
	t.deepEqual(splitLabels("jvm_hook_errors"), { counter: "jvm_hook_errors", labels: {} });
});

test("an address that others can reach needs a word", (t) => {
	const parse = (metrics: unknown) => configSchema.safeParse({ version: 1, sources: {}, sinks: {}, metrics }).success;
	for (const listen of ["127.0.0.1:0", "[::1]:9464", "localhost:1"]) t.true(parse({ listen }), listen);
	for (const listen of ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "example.org:1", "127.0.0.1"])
		t.false(parse({ listen }), listen);
	t.true(parse({ listen: "0.0.0.0:1", allow_remote: true }));
});

test("JSON logs, by level", (t) => {
	const lines: string[] = [];
	const log = makeLog({ format: "json", level: "warn" }, (line) => lines.push(line));
	log.info("not told");
	log.warn({ code: "X", message: "it broke", hint: null }, "node");
	const [line = "{}"] = lines;
	t.is(lines.length, 1);
	t.like(JSON.parse(line), { level: "warn", code: "X", origin: "node", msg: "it broke" });
});

test("a heart that stands still is not alive for ever", (t) => {
	let [beats, now] = [1, 0];
	const liveness = new Liveness(
		() => beats,
		() => 100,
		() => now,
	);
	t.true(liveness.isAlive);
	now = 300;
	t.false(liveness.isAlive);
	beats = 2;
	t.true(liveness.isAlive);
});

test("problems are bounded", (t) => {
	const book = new ProblemBook();
	for (let count = 0; count < 1_000; count++) book.note({ code: `C${count}`, message: "x", hint: null }, "a");
	book.note({ code: "C999", message: "y", hint: null }, "a");
	t.is(book.list().length, 200);
	t.like(book.list().at(-1), { code: "C999", times: 2, message: "y" });
});
