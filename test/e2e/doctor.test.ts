/** `polytap doctor --pid`: each connection of a real process, with what becomes of it. */
import { createWriteStream } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { Agent, createServer as createHttpServer, get } from "node:http";
import { createServer as createHttpsServer, get as getSecurely, Agent as SecureAgent } from "node:https";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import anyTest, { type TestFn } from "ava";
import type { ConnectionDiagnosis } from "../../core/app/doctor/connections.js";
import type { ProcessReport } from "../../core/app/doctor/process-report.js";
import { makeCertificate } from "./support/certificate.js";
import { findJdks, JavaPrograms, missingJava, RUN_MS } from "./support/java.js";
import { missing } from "./support/needs.js";
import { CLI } from "./support/polytap.js";
import { Program, runProgram } from "./support/program.js";
import { type Scope, withScope } from "./support/scope.js";

const why = missing("bpf", "openssl");
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED doctor --pid: ${why}\n`);
const test: TestFn = anyTest;
const live = why === null ? test.serial : test.serial.skip;

async function listen(scope: Scope, server: Server): Promise<number> {
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	scope.defer(() => server.close());
	return (server.address() as AddressInfo).port;
}

/** Until the scope ends, again and again. */
function repeatedly(scope: Scope, work: () => void): void {
	const timer = setInterval(work, 100);
	scope.defer(() => clearInterval(timer));
}

/** One of each kind, all of them in this process. */
async function speak(scope: Scope) {
	const plain = await listen(
		scope,
		createHttpServer((_request, response) => response.end("hello")),
	);
	const agent = new Agent({ keepAlive: true, maxSockets: 1 });
	scope.defer(() => agent.destroy());
	repeatedly(scope, () =>
		get({ host: "127.0.0.1", port: plain, agent }, (response) => response.resume()).on("error", () => {}),
	);

	const { certificate, key } = await makeCertificate(scope);
	const options = { cert: await readFile(certificate), key: await readFile(key) };
	const secure = await listen(
		scope,
		createHttpsServer(options, (_request, response) => response.end("hello")),
	);
	const secureAgent = new SecureAgent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
	scope.defer(() => secureAgent.destroy());
	repeatedly(scope, () =>
		getSecurely({ host: "127.0.0.1", port: secure, agent: secureAgent }, (response) => response.resume()).on(
			"error",
			() => {},
		),
	);

	const unknown = await listen(
		scope,
		createServer((socket) => socket.on("data", (data) => socket.write(data)).on("error", () => {})),
	);
	const odd = connect({ host: "127.0.0.1", port: unknown }).on("error", () => {});
	scope.defer(() => odd.destroy());
	repeatedly(scope, () => odd.write(Buffer.alloc(5000, 0xfe)));

	const silent = await listen(
		scope,
		createServer((socket) => socket.on("error", () => {})),
	);
	const quiet = connect({ host: "127.0.0.1", port: silent }).on("error", () => {});
	scope.defer(() => quiet.destroy());
	await new Promise<void>((resolve) => quiet.once("connect", resolve));
	return { plain, secure, unknown, silent };
}

live("every connection of a process: what is captured, what is not, and why", (t) =>
	withScope(async (scope) => {
		const ports = await speak(scope);
		const config = join(await scope.folder(), "c.yaml");
		await writeFile(
			config,
			`version: 1\nsources: { node: { type: ebpf, targets: [{ ports: [${ports.plain}] }], tls: off } }\nsinks: { out: { type: console } }\n`,
		);
		const args = ["doctor", "--pid", String(process.pid), "--for", "5s", "--json", "-c", config];
		const { stdout } = await runProgram(process.execPath, [CLI, ...args], 120_000);
		const report: ProcessReport = JSON.parse(stdout);
		const of = (port: number): ConnectionDiagnosis => {
			const found = report.connections.find(
				({ local, role, state }) => local.port === port && role === "server" && state !== "listening",
			);
			if (found === undefined) throw new Error(`nothing of port ${port}: ${stdout}`);
			return found;
		};
		t.is(report.processes.find(({ pid }) => pid === process.pid)?.libraries[0]?.library, "openssl");

		const plain = of(ports.plain);
		t.is(plain.state, "established");
		t.is(plain.protocol, "http/1.1");
		t.true(plain.exchanges > 0);
		t.true(plain.bytes.captured > 0);
		t.deepEqual(plain.bytes.lost, {});
		t.true(plain.isTargeted);
		t.deepEqual(plain.changes, []);

		const secure = of(ports.secure);
		t.is(secure.tls?.library, "openssl", stdout);
		t.is(secure.protocol, "http/1.1");
		t.false(secure.isTargeted);
		t.true(secure.changes.some((change) => change.includes(`ports: [${ports.secure}]`)));
		t.true(secure.changes.includes("tls: auto"));

		const unknown = of(ports.unknown);
		t.is(unknown.protocol, null);
		t.is(unknown.undecided, "no parser knows what is spoken");
		t.true(unknown.bytes.captured > 0);

		const silent = of(ports.silent);
		t.is(silent.bytes.seen, 0);
		t.is(silent.undecided, "nothing passed while it was watched");
		t.true(report.connections.some(({ state, local }) => state === "listening" && local.port === ports.silent));
	}),
);

live("--port finds the processes; the text says the same", (t) =>
	withScope(async (scope) => {
		const { plain } = await speak(scope);
		const { stdout } = await runProgram(
			process.execPath,
			[CLI, "doctor", "--port", String(plain), "--for", "3s"],
			120_000,
		);
		t.regex(stdout, new RegExp(`^process ${process.pid} `, "m"));
		t.regex(stdout, new RegExp(`tcp 127\\.0\\.0\\.1:${plain} <- 127\\.0\\.0\\.1:\\d+ {2}established`));
		t.regex(stdout, /protocol: http\/1\.1, \d+ exchanges/);
		t.regex(stdout, new RegExp(`change: targets: \\[\\{ ports: \\[${plain}\\] \\}\\]`));
	}),
);

const lacksJava = why ?? missingJava();
if (lacksJava !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED doctor --pid of a JVM: ${lacksJava}\n`);
const withJava = lacksJava === null ? test.serial : test.serial.skip;

withJava("a JVM that speaks TLS: with the agent in it, and without", (t) =>
	withScope(async (scope) => {
		const programs = await JavaPrograms.compile(scope, ["Https.java"]);
		const listen = `unix:${join(await scope.folder(), "nobody.sock")}`;
		for (const agent of [null, listen]) {
			const server = programs.start(findJdks()[0]!, agent, ["Https", "serve", programs.keyStore]);
			scope.defer(() => server.stop("SIGKILL"));
			await server.until(() => server.stdout.includes("port "), RUN_MS);
			const port = Number(/port (\d+)/.exec(server.stdout)?.[1]);
			const keepAlive = new SecureAgent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
			scope.defer(() => keepAlive.destroy());
			const ask = () =>
				getSecurely({ host: "127.0.0.1", port, agent: keepAlive }, (response) => response.resume()).on(
					"error",
					() => {},
				);
			repeatedly(scope, ask);
			const args = ["doctor", "--pid", String(server.pid), "--for", "5s"];
			const { stdout } = await runProgram(process.execPath, [CLI, ...args, "--json"], 120_000);
			const { processes, connections }: ProcessReport = JSON.parse(stdout);
			t.is(processes[0]?.jvm?.hasAgent, agent !== null, stdout);
			const spoken = connections.find(({ protocol }) => protocol === "tls");
			const wanted = agent === null ? `polytap java attach ${server.pid}` : "the agent is in this JVM";
			t.true(
				spoken?.changes.some((change) => change.includes(wanted)),
				stdout,
			);
			const text = await runProgram(process.execPath, [CLI, ...args.slice(0, 3), "--for", "1s"], 120_000);
			t.regex(text.stdout, agent === null ? /JVM: .*no agent: polytap java attach/ : /JVM: .*the agent is in it/);
			await server.stop("SIGKILL");
		}
	}),
);

live("a process that is not there", async (t) => {
	const program = new Program(process.execPath, [CLI, "doctor", "--pid", "4194305"]);
	const { code } = await program.exited;
	t.is(code, 2);
	t.regex(program.stderr, /error\[USAGE\]: there is no process 4194305/);
});
