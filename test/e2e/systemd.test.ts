/**
 * deploy/polytap.service under a booted systemd in a container of systemd-nspawn, on this machine's network: start, capture, reload,
 * a killed process, stop. It boots a system of its own, so it runs only with POLYTAP_SYSTEMD=1.
 */
import { createWriteStream } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import anyTest, { type TestFn } from "ava";
import { stringify } from "yaml";
import type { Exchange } from "../../core/index.js";
import { missing } from "./support/needs.js";
import { startNodeServer } from "./support/node-server.js";
import { captureConfig, REPOSITORY } from "./support/polytap.js";
import { freePort } from "./support/port.js";
import { Program, pause, runProgram } from "./support/program.js";
import { type Scope, withScope } from "./support/scope.js";

const REQUESTS = 200;
const PATIENCE_MS = 120_000;
const why =
	process.env.POLYTAP_SYSTEMD === "1" ? missing("bpf", "systemd-nspawn", "nsenter") : "POLYTAP_SYSTEMD=1 is not set";
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED systemd unit: ${why}\n`);
const test: TestFn = anyTest;
const live = why === null ? test.serial : test.serial.skip;

const TARGET = `[Unit]
AllowIsolate=yes
Wants=polytap.service
`;
/** Where the container has the repository; its /usr is this machine's and cannot be written. */
const INSIDE = "/opt/polytap";
const NODE = process.execPath.startsWith("/usr/") ? process.execPath : "/opt/node";
const DROP_IN = `[Service]
ExecStart=
ExecStart=${NODE} ${INSIDE}/dist/core/app/cli.js run -c /etc/polytap/polytap.yaml
`;

/** A system with the unit and what it needs, and nothing else that this machine would start. */
class Machine {
	readonly #pid: number;

	private constructor(pid: number) {
		this.#pid = pid;
	}

	static async boot(scope: Scope, folder: string, config: string, logs: string): Promise<Machine> {
		const files: Readonly<Record<string, string>> = { "polytap-test.target": TARGET, "drop-in.conf": DROP_IN };
		for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
		const capabilities = /^CapabilityBoundingSet=(.+)$/m.exec(await readFile(UNIT, "utf8"))![1]!.split(" ");
		const units = "/etc/systemd/system";
		const nspawn = new Program(
			"systemd-nspawn",
			[
				...["-D", "/", "--volatile=yes", "--boot", "--register=no", "--keep-unit", "--console=pipe"],
				...[`--machine=polytap-${process.pid}`, `--capability=${capabilities.join(",")}`],
				"--system-call-filter=bpf perf_event_open",
				`--bind-ro=${REPOSITORY}:${INSIDE}`,
				...(NODE === process.execPath ? [] : [`--bind-ro=${process.execPath}:${NODE}`]),
				`--bind-ro=${config}:/etc/polytap/polytap.yaml`,
				`--bind-ro=${UNIT}:${units}/polytap.service`,
				`--bind-ro=${join(folder, "drop-in.conf")}:${units}/polytap.service.d/test.conf`,
				`--bind-ro=${join(folder, "polytap-test.target")}:${units}/polytap-test.target`,
				`--bind=${logs}:/var/log/polytap`,
				"--bind=/sys/kernel/tracing",
				...["systemd.unit=polytap-test.target", "systemd.mask=timers.target", "systemd.mask=sockets.target"],
			],
			{ env: { SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: "1" } },
		);
		scope.defer(() => nspawn.stop("SIGTERM", 30_000));
		const children = `/proc/${nspawn.pid}/task/${nspawn.pid}/children`;
		let pid = 0;
		await nspawn.until(async () => {
			// the first that becomes systemd; before it there is one that prepares
			const found = (await readFile(children, "latin1").catch(() => "")).trim().split(" ")[0] ?? "";
			const name = await readFile(`/proc/${found}/comm`, "latin1").catch(() => "");
			pid = name === "systemd\n" ? Number(found) : 0;
			return pid > 0;
		}, 60_000);
		return new Machine(pid);
	}

	/** What a command prints that runs inside. */
	async run(...command: readonly string[]): Promise<string> {
		return (await runProgram("nsenter", ["-t", String(this.#pid), "-a", "--", ...command], PATIENCE_MS)).stdout;
	}

	async property(name: string): Promise<string> {
		const text = await this.run("systemctl", "show", "--value", "-p", name, "polytap").catch(() => "");
		return text.trim();
	}

	journal(): Promise<string> {
		return this.run("journalctl", "--no-pager", "-o", "cat", "-u", "polytap").catch(() => "");
	}

	/** Up to a minute. */
	async until(is: () => Promise<boolean>): Promise<void> {
		for (let tries = 0; tries < 600; tries++) {
			if (await is()) return;
			await pause(100);
		}
		throw new Error(`not within a minute: ${await this.journal()}`);
	}
}

const UNIT = join(REPOSITORY, "deploy/polytap.service");

live("the unit starts, captures, reloads, comes back after SIGKILL and stops", (t) =>
	withScope(async (scope) => {
		t.timeout(540_000);
		const folder = await scope.folder();
		const [config, logs] = [join(folder, "polytap.yaml"), join(folder, "logs")];
		await mkdir(logs);
		const server = await startNodeServer(scope);
		const metrics = { listen: `127.0.0.1:${await freePort()}` };
		const write = (more: Readonly<Record<string, unknown>>) =>
			writeFile(
				config,
				stringify({
					version: 1,
					metrics,
					...captureConfig({ ports: [server.port], path: "/var/log/polytap/exchanges.jsonl" }),
					...more,
				}),
			);
		await write({});
		const machine = await Machine.boot(scope, folder, config, logs);
		const isActive = async () => (await machine.property("ActiveState")) === "active";
		await machine.until(isActive);
		// Type=notify: active is when it captures
		t.regex(await machine.journal(), /^ready: node \(ebpf\)$/m);

		const paths: string[] = [];
		const ask = async (path: string) => {
			paths.push(path);
			const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method: "POST", body: path });
			t.is(await response.text(), path);
		};
		for (let number = 0; number < REQUESTS; number++) await ask(`/echo/${number}`);
		await write({ capture: { max_body_bytes: 4_096 } });
		await machine.run("systemctl", "reload", "polytap");
		await machine.until(async () => /^reload: applied: capture.max_body_bytes$/m.test(await machine.journal()));
		await ask("/echo/reloaded");
		const records = async () => (await readFile(join(logs, "exchanges.jsonl"), "utf8")).split("\n").slice(0, -1);
		await machine.until(async () => (await records()).length === paths.length);

		const pid = await machine.property("MainPID");
		await machine.run("kill", "-KILL", pid);
		await machine.until(async () => (await machine.property("NRestarts")) === "1" && (await isActive()));
		t.not(await machine.property("MainPID"), pid);
		await ask("/echo/restarted");
		await machine.run("systemctl", "stop", "polytap");
		t.is(await machine.property("Result"), "success", await machine.journal());
		t.is(await machine.property("ExecMainStatus"), "0");

		const written = (await records()).map((line) => JSON.parse(line) as Exchange);
		t.deepEqual(
			written.map(({ request }) => request?.attributes["url.path"]),
			paths,
		);
		for (const { request, response } of written) {
			t.is(response?.body.completeness, "complete");
			t.is(response?.body.data, request?.attributes["url.path"]);
		}
		t.log(`${written.length} of ${paths.length}; ${(await machine.run("systemctl", "--version")).split("\n")[0]}`);
	}),
);
