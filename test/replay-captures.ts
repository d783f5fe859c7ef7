/**
 * `node dist/test/replay-captures.js FILE-OR-FOLDER...`: reads each packet capture through a pipeline with a `jsonl` sink, a
 * `protobuf` sink and a recording, then prints whether the records read back and the recording replayed are the same lines,
 * byte for byte. Exits with 1 where one is not.
 */
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { makeConfig } from "../core/app/config-file.js";
import { RateLimitedBoard } from "../core/app/diagnostics.js";
import { type PipelineRun, runPipeline } from "../core/app/run-pipeline.js";

const HEAD = ["capture", "lines", "bytes jsonl", "bytes protobuf", "bytes recording", "protobuf", "replay", "notices"];

async function capturesIn(path: string): Promise<string[]> {
	if (!(await stat(path)).isDirectory()) return [path];
	const names = await readdir(path, { recursive: true });
	return names
		.filter((name) => /\.(pcap|pcapng|cap)(\.gz)?$/.test(name))
		.sort()
		.map((name) => join(path, name));
}

/** Runs to its end; returns what was said meanwhile. */
async function run(what: PipelineRun): Promise<string[]> {
	const said: string[] = [];
	const board = new RateLimitedBoard({ warn: ({ code }) => said.push(code), info: () => {} });
	const { failures } = await runPipeline({ ...what, board });
	return [...said, ...failures.map(({ code }) => code)];
}

const block = { when_full: "block" };

async function check(file: string, scratch: string): Promise<string[]> {
	const at = (name: string) => join(scratch, name);
	const source = { file: { type: "pcap", files: [file] } };
	const sinks = {
		lines: { type: "jsonl", path: at("x.jsonl"), queue: block },
		records: { type: "protobuf", path: at("x.pb"), queue: block },
	};
	const config = await makeConfig({ sources: source, sinks });
	const record = { path: at("x.rec"), allow_unredacted: true, max_bytes: 2 ** 40, buffer_bytes: 2 ** 26 };
	const notices = await run({ config: { ...config, record } });
	const into = (name: string) => ({ lines: { type: "jsonl", path: at(name), queue: block } });
	const records = await makeConfig({
		sources: { file: { type: "protobuf", files: [at("x.pb")] } },
		sinks: into("pb.jsonl"),
	});
	notices.push(...(await run({ config: records })));
	const again = await makeConfig({ sources: source, sinks: into("rec.jsonl") });
	notices.push(...(await run({ config: again, replay: at("x.rec") })));
	const lines = await readFile(at("x.jsonl"));
	const sizes = await Promise.all(["x.jsonl", "x.pb", "x.rec"].map(async (name) => (await stat(at(name))).size));
	const isSame = async (name: string) => ((await readFile(at(name))).equals(lines) ? "same" : "DIFFERS");
	return [
		join(basename(dirname(file)), basename(file)),
		String(lines.filter((byte) => byte === 0x0a).length),
		...sizes.map(String),
		await isSame("pb.jsonl"),
		await isSame("rec.jsonl"),
		notices.join(" ") || "none",
	];
}

const files = (await Promise.all(process.argv.slice(2).map(capturesIn))).flat();
if (files.length === 0) {
	process.stderr.write("which captures? files, or folders with .pcap and .pcapng files\n");
	process.exit(2);
}
process.stdout.write(`| ${HEAD.join(" | ")} |\n|${HEAD.map(() => "---|").join("")}\n`);
let isAllSame = true;
for (const file of files) {
	const scratch = await mkdtemp(join(tmpdir(), "polytap-replay-"));
	try {
		const row = await check(file, scratch);
		isAllSame &&= !row.includes("DIFFERS");
		process.stdout.write(`| ${row.join(" | ")} |\n`);
	} finally {
		await rm(scratch, { recursive: true });
	}
}
process.exit(isAllSame ? 0 : 1);
