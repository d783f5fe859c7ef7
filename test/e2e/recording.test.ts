/** Live eBPF traffic, recorded: a replay gives the same exchanges byte for byte, and protobuf says what JSON lines say. */
import { spawnSync } from "node:child_process";
import { createWriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { Agent, request } from "node:http";
import { join } from "node:path";
import anyTest, { type TestFn } from "ava";
import { countLines } from "./support/lines.js";
import { missing } from "./support/needs.js";
import { startNginx } from "./support/nginx.js";
import { startNodeServer } from "./support/node-server.js";
import { CLI, captureConfig, startPolytap } from "./support/polytap.js";
import { pause, until } from "./support/program.js";
import { withScope } from "./support/scope.js";

const why = missing("bpf") ?? missing("nginx");
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED recording: ${why}\n`);
const test: TestFn = anyTest;
const live = why === null ? test.serial : test.serial.skip;

function send(port: number, path: string, body: string, agent: Agent): Promise<void> {
	return new Promise((resolve, reject) => {
		request({ host: "127.0.0.1", port, path, method: body === "" ? "GET" : "POST", agent })
			.once("response", (response) => response.resume().once("end", resolve))
			.once("error", reject)
			.end(body);
	});
}

async function talk(nginx: number, node: number, count: number): Promise<void> {
	const agent = new Agent({ keepAlive: true, maxSockets: 4 });
	const all: Promise<void>[] = [];
	for (let number = 0; number < count; number++) {
		all.push(send(nginx, number % 7 === 0 ? "/nowhere" : "/small", "", agent));
		all.push(send(node, `/echo/${number}?token=x`, "ünï ".repeat(number * 40), agent));
	}
	await Promise.all(all);
	agent.destroy();
}

/** `polytap read`, its output as one piece: decoded in pieces it may be cut in the middle of a character. */
function read(file: string): { readonly stdout: string; readonly stderr: string } {
	return spawnSync(process.execPath, [CLI, "read", file], { encoding: "utf8", timeout: 180_000, maxBuffer: 1 << 28 });
}

live("record, replay: byte for byte the same lines; protobuf the same again", (t) =>
	withScope(async (scope) => {
		const nginx = await startNginx(scope);
		const node = await startNodeServer(scope);
		const folder = await scope.folder();
		const [lines, records, recording] = ["x.jsonl", "x.pb", "x.rec"].map((name) => join(folder, name)) as [
			string,
			string,
			string,
		];
		const config = captureConfig({
			ports: [nginx.port, node.port],
			path: lines,
			vantage: "both",
			capture: { max_body_bytes: 10_000, connection_records: true },
		});
		const polytap = await startPolytap(scope, {
			config: {
				...config,
				record: { path: recording, allow_unredacted: true },
				sinks: { ...(config.sinks as object), other: { type: "protobuf", path: records } },
			},
		});
		await talk(nginx.port, node.port, 150);
		const deadline = Date.now() + 60_000;
		while ((await countLines(lines)) < 300 && Date.now() < deadline) await pause(100);
		const { code, stderr, totals } = await polytap.stop();
		t.is(code, 0, stderr);
		const written = await readFile(lines, "utf8");
		t.true(written.split("\n").length > 300, JSON.stringify(totals));
		t.true(written.includes('"truncated"') && written.includes('"kind":"connection"'));
		t.is(totals.engine.recording_incomplete, 0);
		for (const file of [recording, records]) {
			const printed = read(file);
			t.is(printed.stderr, "", file);
			t.true(printed.stdout === written, `${file} differs from the lines`);
		}
	}),
);

live("killed in the middle: the recording reads up to its last whole block", (t) =>
	withScope(async (scope) => {
		const nginx = await startNginx(scope);
		const node = await startNodeServer(scope);
		const recording = join(await scope.folder(), "x.rec");
		const config = captureConfig({ ports: [nginx.port, node.port], path: "/dev/null" });
		const polytap = await startPolytap(scope, {
			config: { ...config, record: { path: recording, allow_unredacted: true } },
		});
		await talk(nginx.port, node.port, 20);
		const exchanges = () =>
			read(recording)
				.stdout.split("\n")
				.filter((line) => line.includes('"kind":"exchange"'));
		// what is in memory goes to the file soon
		await until(() => exchanges().length >= 40, "all of it is in the file");
		await polytap.program.stop("SIGKILL");
		const printed = read(recording);
		t.regex(printed.stderr, /warning\[(RECORDING_INCOMPLETE|CAPTURE_DAMAGED)\]/);
		t.is(exchanges().length, 40);
	}),
);
