/** Live capture with exactly the capabilities that deploy/polytap.service grants, and nothing else of root's. */
import { createWriteStream } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { join } from "node:path";
import anyTest, { type TestFn } from "ava";
import { stringify } from "yaml";
import { missing } from "./support/needs.js";
import { startNodeServer } from "./support/node-server.js";
import { CLI, captureConfig, REPOSITORY } from "./support/polytap.js";
import { Program } from "./support/program.js";
import { withScope } from "./support/scope.js";
import { callsReturned } from "./support/usage.js";

const why = missing("bpf", "setpriv");
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED capabilities: ${why}\n`);
const test: TestFn = anyTest;
const live = why === null ? test.serial : test.serial.skip;

/** linux/capability.h */
const BITS: Readonly<Record<string, bigint>> = {
	CAP_NET_ADMIN: 12n,
	CAP_SYS_PTRACE: 19n,
	CAP_SYS_RESOURCE: 24n,
	CAP_PERFMON: 38n,
	CAP_BPF: 39n,
};

live("the capabilities of the systemd unit suffice", (t) =>
	withScope(async (scope) => {
		const unit = await readFile(join(REPOSITORY, "deploy/polytap.service"), "utf8");
		const granted = /^CapabilityBoundingSet=(.+)$/m.exec(unit)?.[1]?.split(" ") ?? [];
		t.true(granted.length > 0);
		const bounding = granted.map((name) => `+${name.replace("CAP_", "").toLowerCase()}`).join(",");
		const server = await startNodeServer(scope);
		const folder = await scope.folder();
		const out = join(folder, "out.jsonl");
		const config = join(folder, "c.yaml");
		await writeFile(config, stringify({ version: 1, ...captureConfig({ ports: [server.port], path: out }) }));
		const limited = ["--bounding-set", `-all,${bounding}`, "--inh-caps", "-all", "--no-new-privs"];
		const program = new Program("setpriv", [...limited, process.execPath, CLI, "run", "-c", config]);
		scope.defer(() => program.stop("SIGKILL"));
		await program.until(() => /^ready: /m.test(program.stderr) || !program.isRunning, 60_000);
		const status = await readFile(`/proc/${program.pid}/status`, "latin1");
		const effective = BigInt(`0x${/^CapEff:\s+([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
		const permitted = granted.reduce((mask, name) => mask | (1n << (BITS[name] ?? 63n)), 0n);
		t.is(effective & ~permitted, 0n, "nothing beyond these; a container may itself lack some");
		await new Promise<void>((resolve, reject) => {
			get({ host: "127.0.0.1", port: server.port, path: "/small", agent: false }, (response) => {
				response.resume().once("end", resolve);
			}).once("error", reject);
		});
		await callsReturned();
		const { code } = await program.stop("SIGTERM", 60_000);
		t.is(code, 0, program.stderr);
		t.regex(await readFile(out, "utf8"), /"operation":"GET \/small"/);
	}),
);
