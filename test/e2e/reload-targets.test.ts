/** SIGHUP changes what the eBPF source captures, while it captures: under load, on open connections, without a restart. */
import { createWriteStream } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { Agent, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import anyTest, { type TestFn } from "ava";
import { stringify } from "yaml";
import type { Totals } from "../../core/app/totals.js";
import { missing } from "./support/needs.js";
import { CLI } from "./support/polytap.js";
import { Program, pause } from "./support/program.js";
import { type Scope, withScope } from "./support/scope.js";
import { memoryUse } from "./support/usage.js";

const why = missing("bpf");
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED reload of targets: ${why}\n`);
const test: TestFn = anyTest;
const live = why === null ? test.serial : test.serial.skip;

/** The full proof: POLYTAP_RELOADS=100 */
const RELOADS = Number(process.env.POLYTAP_RELOADS ?? 12);
const CLIENTS = 4;

async function startServer(scope: Scope): Promise<number> {
	const server = createServer((asked, response) => {
		asked.resume();
		response.end(`answer to ${asked.url}`);
	});
	server.keepAliveTimeout = 120_000;
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	scope.defer(() => {
		server.close();
		server.closeAllConnections();
	});
	return (server.address() as AddressInfo).port;
}

/** One connection that stays open. */
class Client {
	readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
	readonly #port: number;

	constructor(port: number, scope: Scope) {
		this.#port = port;
		scope.defer(() => this.#agent.destroy());
	}

	get(path: string): Promise<void> {
		return new Promise((resolve, reject) => {
			request({ host: "127.0.0.1", port: this.#port, path, agent: this.#agent })
				.once("response", (response) => response.resume().once("end", resolve))
				.once("error", reject)
				.end();
		});
	}
}

class Run {
	readonly program: Program;
	readonly #config: string;
	readonly #out: string;
	readonly #totals: string;
	#reloads = 0;

	private constructor(program: Program, config: string, out: string, totals: string) {
		this.program = program;
		this.#config = config;
		this.#out = out;
		this.#totals = totals;
	}

	static async start(scope: Scope, ports: readonly number[]): Promise<Run> {
		const folder = await scope.folder();
		const [config, out, totals] = ["c.yaml", "out.jsonl", "totals.json"].map((name) => join(folder, name)) as [
			string,
			string,
			string,
		];
		await writeFile(config, Run.config(out, ports));
		const program = new Program(process.execPath, [CLI, "run", "-c", config, "--totals", totals]);
		scope.defer(() => program.stop("SIGKILL"));
		await program.until(() => /^ready: /m.test(program.stderr), 60_000);
		return new Run(program, config, out, totals);
	}

	static config(out: string, ports: readonly number[], number = 0): string {
		return stringify({
			version: 1,
			capture: { max_body_bytes: 10_000 + number },
			sources: { node: { type: "ebpf", targets: [{ ports }], vantage: "server" } },
			sinks: { file: { type: "jsonl", path: out } },
		});
	}

	/** Resolves when it says so. */
	async reload(ports: readonly number[], number = 0): Promise<void> {
		await writeFile(this.#config, Run.config(this.#out, ports, number));
		process.kill(this.program.pid, "SIGHUP");
		this.#reloads++;
		const told = () => this.program.stderr.match(/^reload: applied: /gm)?.length ?? 0;
		await this.program.until(() => told() === this.#reloads, 60_000);
	}

	async stop(): Promise<{ readonly paths: readonly string[]; readonly totals: Totals; readonly code: number | null }> {
		const { code } = await this.program.stop("SIGTERM", 60_000);
		const lines = (await readFile(this.#out, "utf8")).split("\n").slice(0, -1);
		const paths = lines.map(
			(line) => (JSON.parse(line) as { request: { attributes: Record<string, string> } | null }).request,
		);
		return {
			code,
			paths: paths.map((asked) => asked?.attributes["url.path"] ?? "?"),
			totals: JSON.parse(await readFile(this.#totals, "utf8")) as Totals,
		};
	}
}

live("other targets take effect at the next call of open and new connections alike", (t) =>
	withScope(async (scope) => {
		const [a, b] = [await startServer(scope), await startServer(scope)];
		const [onA, onB] = [new Client(a, scope), new Client(b, scope)];
		const run = await Run.start(scope, [a]);
		const both = async (name: string) => {
			await onA.get(`/a-${name}`);
			await onB.get(`/b-${name}`);
			await new Client(a, scope).get(`/a-new-${name}`);
			await new Client(b, scope).get(`/b-new-${name}`);
		};
		await both("first");
		await run.reload([b]);
		await both("second");
		await run.reload([a, b]);
		await both("third");
		const { code, paths, totals } = await run.stop();
		t.is(code, 0, run.program.stderr);
		t.deepEqual([...paths].sort(), [
			"/a-first",
			"/a-new-first",
			"/a-new-third",
			"/a-third",
			"/b-new-second",
			"/b-new-third",
			"/b-second",
			"/b-third",
		]);
		t.regex(run.program.stderr, /^reload: applied: .*sources\.node\.targets/m);
		t.notRegex(run.program.stderr, /not applied/);
		t.is(totals.worker.restarts, 0);
		// what passed on an open connection while it was no target is a hole of known size
		t.deepEqual(Object.keys(totals.bytes.lost), ["missed"]);
	}),
);

live("targets that change under load cost nothing of what stays a target", (t) =>
	withScope(async (scope) => {
		t.timeout(300_000);
		const [a, b] = [await startServer(scope), await startServer(scope)];
		const run = await Run.start(scope, [a]);
		let isOver = false;
		const made: number[] = Array.from({ length: CLIENTS }, () => 0);
		const load = Array.from({ length: CLIENTS }, async (_, index) => {
			const client = new Client(a, scope);
			for (; !isOver; made[index]!++) await client.get(`/${index}/${made[index]}`);
		});
		const resident: number[] = [];
		for (let number = 1; number <= RELOADS; number++) {
			await run.reload(number % 2 === 0 ? [a] : [a, b], number);
			await pause(100);
			resident.push(memoryUse(run.program.pid).rssBytes);
		}
		isOver = true;
		await Promise.all(load);
		const { code, paths, totals } = await run.stop();
		t.is(code, 0, run.program.stderr);
		const expected = made.flatMap((count, index) => Array.from({ length: count }, (_, n) => `/${index}/${n}`));
		t.is(paths.length, expected.length);
		t.deepEqual([...paths].sort(), expected.sort());
		t.is(totals.worker.restarts, 0);
		t.deepEqual(totals.bytes.lost, {});
		const mib = (at: number) => Math.round((resident.at(at) ?? 0) / 2 ** 20);
		t.log(
			`${RELOADS} reloads of targets, ${expected.length} exchanges, 0 lost; resident MiB ${mib(0)}, ${mib(Math.floor(RELOADS / 2))}, ${mib(-1)}`,
		);
	}),
);
