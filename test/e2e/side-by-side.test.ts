/** `polytap bench` tells what is so: a delay and losses made on purpose appear in the report, and who dies with whom. */
import { createWriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import anyTest, { type TestFn } from "ava";
import type { SideBySide } from "../../bench/side-by-side/report.js";
import { missing } from "./support/needs.js";
import { CLI } from "./support/polytap.js";
import { Program, runProgram } from "./support/program.js";
import { withScope } from "./support/scope.js";

const test: TestFn = anyTest;
const why = missing("bpf", "nginx", "clang");
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED side-by-side: ${why}\n`);
const live = why === null ? test.serial : test.serial.skip;

const DELAY_MS = 200;

live("an artificial delay and thrown-out exchanges are in the report, and nothing else", async (t) => {
	await withScope(async (scope) => {
		const out = await scope.folder();
		const options = ["--rounds", "1", "--seconds", "2", "--warmup", "1", "--rate", "200", "--instances", "1"];
		const chosen = ["--modes", "ebpf;sidecar", "--workloads", "HTTP/1.1 100 B, fixed rate", "--envoy", "off"];
		const worse = ["--delay", `ebpf:${DELAY_MS}`, "--drop", "sidecar:100"];
		await runProgram(process.execPath, [CLI, "bench", ...options, ...chosen, ...worse, "--out", out], 300_000);
		const report: SideBySide = JSON.parse(await readFile(join(out, "side-by-side.json"), "utf8"));
		const sample = (mode: string) => report.cells.find((cell) => cell.mode === mode)!.samples[0]!;
		t.deepEqual(
			report.cells.map(({ mode }) => mode),
			["none", "ebpf", "sidecar"],
		);
		// on whatever machine: the fastest hundredth shows the delay and not the machine's noise
		t.true(sample("ebpf").curve[0]![1] >= DELAY_MS * 1000, "the delay is there");
		t.true(sample("none").curve[0]![1] < DELAY_MS * 1000, "and only where it was made");
		t.is(sample("ebpf").capturedPercent, 100);
		t.is(sample("ebpf").intactPercent, 100);
		t.is(sample("ebpf").lostBytes, 0);
		const dropped = sample("sidecar").capturedPercent!;
		t.true(dropped < 99.5 && dropped > 98.5, `1 % thrown out, the report says ${dropped} % captured`);
		t.is(sample("none").capturedPercent, null);
		t.true(sample("sidecar").captureCpuUsPerRequest > 0 && sample("sidecar").capturePssBytes > 10_000_000);
		const failed = (mode: string) => report.kills.find((kill) => kill.mode === mode)!.failed;
		t.is(failed("ebpf"), 0, "the application's clients do not notice that polytap is gone");
		t.true(failed("sidecar") > 0, "a proxy takes its connections with it");
		const page = await readFile(join(out, "side-by-side.html"), "utf8");
		t.regex(page, /Made worse on purpose: .*ebpf:200/);
		t.regex(page, /60–80 % less memory per pod/);
		t.notRegex(page, /(?:src|href)=/, "it needs nothing from anywhere");
	});
});

test("a word that names nothing ends with code 2 and says what there is", async (t) => {
	const program = new Program(process.execPath, [CLI, "bench", "--rouds", "3"]);
	const { code } = await program.exited;
	t.is(code, 2);
	t.regex(program.stderr, /--rounds 5/);
});
