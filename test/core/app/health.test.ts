import test from "ava";
import { type Health, type HealthFacts, healthOf } from "../../../core/app/health.js";

const ENTRIES = { sources: [{ name: "node", type: "ebpf" }], sinks: [{ name: "file", type: "jsonl" }] };
const TWO_SINKS = { ...ENTRIES, sinks: [...ENTRIES.sinks, { name: "other", type: "protobuf" }] };
const RUNNING = { sources: { node: "running" }, sinks: { file: "running", other: "running" } } as const;
const WORKER = { restarts: 0, died: 0, hung: {}, diedIn: {}, disabledParsers: [], leftOut: [] };
const FACTS: HealthFacts = {
	config: ENTRIES as unknown as HealthFacts["config"],
	states: RUNNING,
	isReady: true,
	isStopping: false,
	worker: WORKER,
	problems: [],
};
const two = TWO_SINKS as unknown as HealthFacts["config"];

const cases: readonly (readonly [string, Partial<HealthFacts>, Health["status"], boolean])[] = [
	["all at work", {}, "ok", true],
	["not ready yet", { isReady: false }, "starting", false],
	["on its way out", { isStopping: true }, "stopping", true],
	["the only source has ended", { states: { ...RUNNING, sources: { node: "ended" } } }, "failing", false],
	["the only source failed", { states: { ...RUNNING, sources: { node: "failed" } } }, "failing", false],
	["the only sink failed", { states: { ...RUNNING, sinks: { file: "failed" } } }, "failing", false],
	[
		"one of two sinks failed",
		{ config: two, states: { ...RUNNING, sinks: { file: "running", other: "failed" } } },
		"degraded",
		true,
	],
	["one of two sinks left out", { config: two, worker: { ...WORKER, leftOut: ["sink other"] } }, "degraded", true],
	["a parser switched off", { worker: { ...WORKER, disabledParsers: ["redis"] } }, "degraded", true],
];

for (const [title, facts, status, ready] of cases) {
	test(`${title}: ${status}`, (t) => {
		const health = healthOf({ ...FACTS, ...facts });
		t.is(health.status, status);
		t.is(health.ready, ready);
	});
}

test("who is left out or switched off is named, and who says nothing yet is starting", (t) => {
	const worker = { ...WORKER, leftOut: ["sink file"], disabledParsers: ["redis"] };
	const { sources, sinks, parsersSwitchedOff } = healthOf({ ...FACTS, worker, states: { sources: {}, sinks: {} } });
	t.deepEqual(sources, { node: { type: "ebpf", state: "starting" } });
	t.deepEqual(sinks, { file: { type: "jsonl", state: "left out" } });
	t.deepEqual(parsersSwitchedOff, ["redis"]);
});
