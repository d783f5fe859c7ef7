/** `polytap run` as a person or a service manager meets it: ready, output, signals, totals, exit codes. */
import { createWriteStream } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { join } from "node:path";
import anyTest, { type TestFn } from "ava";
import type { Totals } from "../../core/app/totals.js";
import type { Exchange } from "../../core/index.js";
import { missing } from "./support/needs.js";
import { startNodeServer } from "./support/node-server.js";
import { CLI } from "./support/polytap.js";
import { Program, until } from "./support/program.js";
import { withScope } from "./support/scope.js";
import { callsReturned } from "./support/usage.js";

const why = missing("bpf");
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED run: ${why}\n`);
const test: TestFn = anyTest;
const live = why === null ? test.serial : test.serial.skip;

const READY_MS = 60_000;

function polytap(...args: string[]): Program {
	return new Program(process.execPath, [CLI, ...args]);
}

const isReady = (program: Program) => /^ready: .+$/m.test(program.stderr);

async function requests(port: number, count: number): Promise<void> {
	for (let number = 0; number < count; number++) {
		await new Promise<void>((resolve, reject) => {
			get({ host: "127.0.0.1", port, path: `/small?n=${number}`, agent: false }, (response) => {
				response.resume();
				response.once("end", resolve);
			}).once("error", reject);
		});
	}
	await callsReturned();
}

live("--port, --for, --totals: exchanges on stdout, the rest on stderr, ends by itself with exit code 0", (t) =>
	withScope(async (scope) => {
		const server = await startNodeServer(scope);
		const totalsFile = join(await scope.folder(), "totals.json");
		const program = polytap(
			"run",
			"--port",
			`${server.port}`,
			"--for",
			"15s",
			"--format",
			"jsonl",
			"--totals",
			totalsFile,
		);
		scope.defer(() => program.stop("SIGKILL"));
		await program.until(() => isReady(program), READY_MS);
		t.is(program.stderr.match(/^ready: /gm)?.length, 1);
		await requests(server.port, 20);
		const { code } = await program.exited;
		t.is(code, 0, program.stderr);
		const exchanges = program.stdout
			.split("\n")
			.slice(0, -1)
			.map((line): Exchange => JSON.parse(line));
		t.deepEqual(
			exchanges.map(
				({ summary, request }) => `${request?.attributes["url.query"]}: ${summary.operation} ${summary.result}`,
			),
			Array.from({ length: 20 }, (_, number) => `n=${number}: GET /small 200`),
		);
		t.regex(program.stderr, /^totals: .+ 20 exchanges$/m);
		const totals: Totals = JSON.parse(await readFile(totalsFile, "utf8"));
		t.is(totals.engine.exchanges, 20);
		t.is(totals.sinks.stdout?.counters.written, 20);
		t.is(totals.worker.restarts, 0);
		t.is(totals.bytes.seen, totals.bytes.captured);
	}),
);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
	live(`${signal}: what was captured is written, totals, exit code 0`, (t) =>
		withScope(async (scope) => {
			const server = await startNodeServer(scope);
			const program = polytap("run", "--port", `${server.port}`);
			scope.defer(() => program.stop("SIGKILL"));
			await program.until(() => isReady(program), READY_MS);
			await requests(server.port, 5);
			const { code } = await program.stop(signal);
			t.is(code, 0, program.stderr);
			t.is(program.stdout.match(/GET \/small .* 200 /g)?.length, 5, program.stdout);
			t.regex(program.stderr, /^totals: .+ 5 exchanges$/m);
		}),
	);
}

live("a reader of stdout that goes away ends it quietly", (t) =>
	withScope(async (scope) => {
		const server = await startNodeServer(scope);
		const program = new Program("sh", [
			"-c",
			`{ "${process.execPath}" "${CLI}" run --port ${server.port}; echo "code $?" >&2; } | head -n 1`,
		]);
		scope.defer(() => program.stop("SIGKILL"));
		await program.until(() => isReady(program), READY_MS);
		await requests(server.port, 1);
		await program.until(() => program.stdout.includes("\n"), 60_000);
		// head goes when it has its line
		await program.until(async () => {
			if (program.isRunning) await requests(server.port, 3);
			return !program.isRunning;
		}, 60_000);
		t.regex(program.stderr, /^code 0$/m);
		t.notRegex(program.stderr, /EPIPE|error\[/);
	}),
);

live("a config file: two sinks, and a problem in one of them is told while the other works", (t) =>
	withScope(async (scope) => {
		const server = await startNodeServer(scope);
		const folder = await scope.folder();
		const config = join(folder, "polytap.yaml");
		const out = join(folder, "out.jsonl");
		await writeFile(
			config,
			`version: 1
sources:
  node: { type: ebpf, targets: [{ ports: [${server.port}] }] }
sinks:
  good: { type: jsonl, path: ${out} }
  bad: { type: jsonl, path: /dev/null/x.jsonl }
`,
		);
		const program = polytap("run", "-c", config);
		scope.defer(() => program.stop("SIGKILL"));
		await program.until(() => isReady(program), READY_MS);
		await requests(server.port, 5);
		const { code } = await program.stop("SIGTERM");
		t.is(code, 1);
		t.regex(program.stderr, /^error\[SINK_FAILED\]: /m);
		t.is((await readFile(out, "utf8")).split("\n").length, 6);
	}),
);

live("killed under load: clients see nothing of it", (t) =>
	withScope(async (scope) => {
		const server = await startNodeServer(scope);
		const program = polytap("run", "--port", `${server.port}`, "--format", "jsonl");
		await program.until(() => isReady(program), READY_MS);
		let answered = 0;
		let isOver = false;
		const load = Promise.all(
			Array.from({ length: 8 }, async () => {
				for (; !isOver; answered++) await requests(server.port, 1);
			}),
		);
		const more = async (count: number) => {
			const enough = answered + count;
			await Promise.race([until(() => answered >= enough, `${count} requests more`), load]);
		};
		await more(200);
		await program.stop("SIGKILL");
		await more(200);
		isOver = true;
		await t.notThrowsAsync(load);
		await t.notThrowsAsync(requests(server.port, 20));
	}),
);

live("doctor says that this machine can", (t) =>
	withScope(async () => {
		const text = polytap("doctor");
		t.is((await text.exited).code, 0, text.stdout + text.stderr);
		const json = polytap("doctor", "--json");
		t.is((await json.exited).code, 0);
		t.notThrows(() => JSON.parse(json.stdout));
	}),
);
