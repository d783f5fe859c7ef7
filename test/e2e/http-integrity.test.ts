/**
 * Real servers and clients, captured live through the command line: each request that begins after `ready` is in the file
 * exactly once, both bodies with the SHA-256 that its id says. The reference is the server's own access log.
 */
import { createWriteStream } from "node:fs";
import { truncate } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import anyTest, { type ExecutionContext, type TestFn } from "ava";
import type { Exchange } from "../../core/index.js";
import { idOf } from "./support/body.js";
import { Client } from "./support/client.js";
import { checkIntegrity, idIn, type Load, problemsIn } from "./support/integrity.js";
import { linesOf } from "./support/lines.js";
import { missing } from "./support/needs.js";
import { STATIC_FILES, startNginx } from "./support/nginx.js";
import { startNodeServer } from "./support/node-server.js";
import { captureConfig, METRICS, startPolytap } from "./support/polytap.js";
import { runProgram, until } from "./support/program.js";
import { type Scope, withScope } from "./support/scope.js";
import { runWrk } from "./support/wrk.js";

const why = missing("bpf", "nginx", "wrk", "curl");
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED http-integrity: ${why}\n`);
const test: TestFn = anyTest;
const live = why === null ? test.serial : test.serial.skip;

const KIB = 1024;
const MIB = 1024 * 1024;

/**
 * These tests ask whether everything is right, on a machine that may have other things to do: loads have a pace, and
 * whatever waits has room. How much goes through at most is the question of bench/integrity.ts.
 */
const REST_MS = 2;
const PACED = { kind: "echo", restMs: REST_MS } as const;
const ROOM = {
	source: { ring_bytes: 128 * MIB },
	capture: { max_held_bytes: 1024 * MIB },
	sink: { queue: { max_bytes: 512 * MIB } },
} as const;

interface WrkLoad extends Load {
	readonly close: boolean;
	readonly host: string;
}

/** Sizes, connections kept and not, both address families, at as many requests as wrk can. */
function wrkLoads(kind: "echo" | "static", sizes: readonly number[]): WrkLoad[] {
	const loads: WrkLoad[] = [];
	for (const size of sizes)
		for (const close of [false, true])
			for (const host of ["127.0.0.1", "[::1]"]) {
				const name = `${kind} ${size} bytes, ${close ? "new connections" : "kept alive"}, ${host}`;
				loads.push({ number: 100 + loads.length, name, kind, size, close, host });
			}
	return loads;
}

live("nginx without sendfile: whole and once, by size, connections, address family", (t) =>
	withScope(async (scope) => {
		const nginx = await startNginx(scope, { accessLog: true });
		const path = join(await scope.folder(), "out.jsonl");
		const polytap = await startPolytap(scope, { config: captureConfig({ ...ROOM, ports: [nginx.port], path }) });
		const loads: Load[] = wrkLoads("echo", [100, 10 * KIB]);
		for (const load of loads as WrkLoad[]) {
			const ids = { load: load.number, kind: load.kind, size: load.size, close: load.close, restMs: REST_MS };
			const url = `http://${load.host}:${nginx.port}/`;
			const { statusErrors } = await runWrk(scope, { url, seconds: 1, connections: 8, ids });
			t.is(statusErrors, 0, load.name);
			await polytap.settled();
		}
		for (const [number, host, keepAlive] of [
			[300, "127.0.0.1", true],
			[301, "::1", false],
		] as const) {
			const client = new Client({ port: nginx.port, host, load: number, size: MIB, keepAlive });
			await client.rounds(6, () => polytap.settled());
			client.close();
			t.is(client.sent.length, 48);
			loads.push({ number, name: `1 MiB, ${host}`, kind: "echo", size: MIB });
		}
		await polytap.settled();
		await nginx.stop();
		const { code, totals, stderr } = await polytap.stop();
		t.log(stderr);
		t.is(code, 0);
		t.deepEqual(nonZero(totals.bytes.lost), {});
		const reports = await checkIntegrity(path, nginx.accessLog, loads, (exchange) => {
			if (exchange.connection.server.process?.name !== "nginx") t.fail(JSON.stringify(exchange.connection));
		});
		for (const report of reports) {
			t.is(problemsIn(report), "");
			t.true(report.logged >= 8, `${report.name}: only ${report.logged} requests`);
		}
	}),
);

live("nginx with sendfile: whole from the second connection of a worker on, the first gap is named", (t) =>
	withScope(async (scope) => {
		const sizes = [100, 10 * KIB, MIB];
		const nginx = await startNginx(scope, { accessLog: true, sendfile: true, staticSizes: sizes });
		const path = join(await scope.folder(), "out.jsonl");
		const config = { ...captureConfig({ ...ROOM, ports: [nginx.port], path }), metrics: METRICS };
		const polytap = await startPolytap(scope, { config });
		const base = `http://127.0.0.1:${nginx.port}`;
		await runProgram("curl", ["-s", "-o", "/dev/null", `${base}/static/10240/0?id=900000000000`], 60_000);
		await polytap.counted("node", "wire_attached");
		const loads = wrkLoads("static", sizes.slice(0, 2));
		for (const load of loads) {
			const ids = { load: load.number, kind: load.kind, size: load.size, close: load.close, restMs: REST_MS };
			await runWrk(scope, { url: `http://${load.host}:${nginx.port}/`, seconds: 1, connections: 8, ids });
			await polytap.settled();
		}
		// One after the other: a wire of gigabytes a second is a benchmark's business.
		for (let n = 0; n < 20; n++) {
			const id = idOf(300, n);
			const url = `${base}/static/${MIB}/${Number(id) % STATIC_FILES}?id=${id}`;
			await runProgram("curl", ["-s", "-o", "/dev/null", url], 60_000);
		}
		await polytap.settled();
		await nginx.stop();
		const { code, stderr } = await polytap.stop();
		t.log(stderr);
		t.is(code, 0);
		const all: Load[] = [...loads, { number: 300, name: "1 MiB static", kind: "static", size: MIB }];
		const reports = await checkIntegrity(path, nginx.accessLog, all);
		for (const report of reports) {
			t.is(problemsIn(report), "");
			t.true(report.logged >= 20, `${report.name}: only ${report.logged} requests`);
		}
		const first = await findRecord(path, "900000000000");
		t.is(first?.response?.body.bytes, 10 * KIB);
		t.is(first?.response?.body.completeness, "gap");
		t.deepEqual(first?.response?.body.gaps, [{ from: 0, to: 10 * KIB, cause: "sendfile" }]);
	}),
);

live("Node.js server and client: whole and once, by size, connections, address family", (t) =>
	withScope(async (scope) => {
		const server = await startNodeServer(scope);
		const path = join(await scope.folder(), "out.jsonl");
		const polytap = await startPolytap(scope, { config: captureConfig({ ...ROOM, ports: [server.port], path }) });
		const loads: Load[] = [];
		for (const [size, rounds] of [
			[100, 40],
			[10 * KIB, 40],
			[MIB, 4],
		] as const)
			for (const keepAlive of [true, false])
				for (const host of ["127.0.0.1", "::1"]) {
					const number = 100 + loads.length;
					const client = new Client({ port: server.port, host, load: number, size, keepAlive });
					await client.rounds(rounds, size === MIB ? () => polytap.settled() : undefined);
					client.close();
					t.deepEqual(client.failures, []);
					for (const { requestSha256, responseSha256 } of client.sent) t.is(requestSha256, responseSha256);
					const name = `${size} bytes, ${keepAlive ? "kept alive" : "new connections"}, ${host}`;
					loads.push({ number, name, kind: "echo", size });
				}
		await polytap.settled();
		await server.stop();
		const { totals, stderr } = await polytap.stop();
		t.log(stderr);
		t.deepEqual(nonZero(totals.bytes.lost), {});
		for (const report of await checkIntegrity(path, server.accessLog, loads)) {
			t.is(problemsIn(report), "");
			t.true(report.logged >= 32);
		}
	}),
);

live("connections opened before and after attach, and a load that runs while it attaches", (t) =>
	withScope(async (scope) => {
		const nginx = await startNginx(scope, { accessLog: true });
		const path = join(await scope.folder(), "out.jsonl");
		const early = new Client({ port: nginx.port, load: 100, size: 3 * KIB });
		const running = new Client({ port: nginx.port, load: 101, size: 20 * KIB });
		const late = new Client({ port: nginx.port, load: 102, size: 3 * KIB });
		await early.rounds(1);
		const portsBefore = new Set(early.sent.map(({ clientPort }) => clientPort));
		let isOver = false;
		const load = running.untilOver(() => isOver, 20);
		const polytap = await startPolytap(scope, { config: captureConfig({ ...ROOM, ports: [nginx.port], path }) });
		const readyMs = Date.now();
		await early.rounds(20);
		await late.rounds(20);
		const isAfter = ({ startedMs }: { startedMs: number }) => startedMs > readyMs;
		await until(() => running.sent.filter(isAfter).length >= 30, "30 requests of the running load after `ready`");
		isOver = true;
		await load;
		for (const client of [early, running, late]) {
			client.close();
			t.deepEqual(client.failures, []);
		}
		await polytap.settled();
		await nginx.stop();
		const { stderr } = await polytap.stop();
		t.log(stderr);
		t.deepEqual(new Set(early.sent.map(({ clientPort }) => clientPort)), portsBefore, "a connection was opened anew");
		const sent = [...early.sent, ...running.sent, ...late.sent];
		const after = new Set(sent.filter(isAfter).map(({ id }) => id));
		const loads: Load[] = [
			{ number: 100, name: "open before attach", kind: "echo", size: 3 * KIB },
			{ number: 101, name: "busy while it attached", kind: "echo", size: 20 * KIB },
			{ number: 102, name: "opened after attach", kind: "echo", size: 3 * KIB },
		];
		for (const report of await checkIntegrity(path, nginx.accessLog, loads, undefined, (id) => after.has(id))) {
			t.is(problemsIn(report), "");
			t.true(report.logged >= 20, `${report.name}: only ${report.logged} requests`);
		}
	}),
);

live("both ends captured: one record with two observers", (t) =>
	withScope(async (scope) => {
		const { reports, alone } = await bothEnds(t, scope, {});
		for (const report of reports) {
			t.is(problemsIn(report), "");
			t.true(report.logged >= 8, `only ${report.logged} requests`);
		}
		t.deepEqual(alone.slice(0, 3), []);
	}),
);

for (const end of ["client", "server"] as const) {
	live(`both ends captured, 1 % of the ${end}'s records thrown away: the other end heals every hole`, (t) =>
		withScope(async (scope) => {
			const source = { test_fault_drop_one_in: 100, test_fault_drop_end: end };
			const { reports, dropped } = await bothEnds(t, scope, source);
			t.true(dropped > 20, `only ${dropped} records thrown away`);
			for (const report of reports) {
				t.is(problemsIn(report), "");
				t.true(report.logged >= 8, `only ${report.logged} requests`);
			}
		}),
	);
}

live("killed under load: clients see nothing of it", (t) =>
	withScope(async (scope) => {
		const nginx = await startNginx(scope);
		const path = join(await scope.folder(), "out.jsonl");
		const config = captureConfig({ ports: [nginx.port], path, vantage: "both" });
		const polytap = await startPolytap(scope, { config });
		const client = new Client({ port: nginx.port, load: 100, size: 10 * KIB, connections: 16 });
		let isOver = false;
		const load = client.untilOver(() => isOver);
		const sent = (least: number) =>
			until(() => client.sent.length + client.failures.length >= least, `${least} requests`);
		await sent(200);
		const before = client.sent.length;
		await polytap.program.stop("SIGKILL");
		await sent(client.sent.length + 200);
		isOver = true;
		await load;
		client.close();
		t.deepEqual(client.failures, []);
		t.true(before > 16, `only ${before} requests before`);
		t.true(client.sent.length > before + 200, "no requests after the kill");
		for (const { status, requestSha256, responseSha256 } of client.sent) {
			t.is(status, 200);
			t.is(responseSha256, requestSha256);
		}
	}),
);

live("a ring much too small: what is lost is named, what is there is right", (t) =>
	withScope(async (scope) => {
		const nginx = await startNginx(scope, { accessLog: true });
		const path = join(await scope.folder(), "out.jsonl");
		const config = captureConfig({ ...ROOM, ports: [nginx.port], path, source: { ring_bytes: 65_536 } });
		const polytap = await startPolytap(scope, { config });
		const loads: Load[] = [
			{ number: 100, name: "tiny ring, nobody reads it", kind: "echo", size: 100 },
			{ number: 101, name: "tiny ring", kind: "echo", size: 100 },
		];
		const url = `http://127.0.0.1:${nginx.port}/`;
		for (const { number } of loads) {
			// however fast the machine: the first load finds the ring full
			if (number === 100) polytap.program.kill("SIGSTOP");
			await runWrk(scope, { url, seconds: 1, connections: 16, ids: { load: number, kind: "echo", size: 100 } });
			polytap.program.kill("SIGCONT");
			await polytap.settled();
		}
		await nginx.stop();
		const { totals, stderr } = await polytap.stop();
		t.log(stderr);
		const { seen, captured, lost } = totals.bytes;
		t.true((lost["ring-full"] ?? 0) > 0, "nothing was lost: no overload");
		t.is(seen, totals.sources.node?.counters.bytes_seen ?? -1);
		t.is(captured + Object.values(lost).reduce((sum, bytes) => sum + bytes, 0), seen);
		for (const report of await checkIntegrity(path, nginx.accessLog, loads)) {
			t.log(problemsIn(report).slice(0, 3_000));
			t.is(report.mismatches, 0, "requests with the answers of others");
			t.is(report.duplicates, 0);
			t.is(report.unexpected, 0);
		}
	}),
);

live("a body of 1 GiB passes, and memory is flat over the last 80 % of it", (t) =>
	withScope(async (scope) => {
		const size = 1024 * MIB;
		const nginx = await startNginx(scope);
		await runProgram("touch", [join(nginx.files, "large")], 60_000);
		await truncate(join(nginx.files, "large"), size);
		const path = join(await scope.folder(), "out.jsonl");
		const polytap = await startPolytap(scope, { config: captureConfig({ ...ROOM, ports: [nginx.port], path }) });
		const samples: number[] = [];
		await download(nginx.port, "/files/large", size, () => samples.push(polytap.memory().rssBytes));
		await polytap.settled();
		await nginx.stop();
		const { totals, stderr } = await polytap.stop();
		t.log(stderr);
		// what no record can hold is not copied
		const { limit = 0, ...lost } = nonZero(totals.bytes.lost);
		t.deepEqual(lost, {});
		t.is(totals.bytes.seen, totals.bytes.captured + limit);
		const settled = samples.slice(20);
		const growth = Math.max(...settled) - settled[0]!;
		t.true(growth < 16 * MIB, `grew by ${(growth / MIB).toFixed(1)} MiB: ${samples.map((s) => Math.round(s / MIB))}`);
		let found: Exchange | undefined;
		for await (const line of linesOf(path)) found = JSON.parse(line.toString("utf8"));
		t.is(found?.outcome, "ok");
		t.is(found?.response?.body.bytes, size);
		t.is(found?.response?.body.captured, MIB);
		t.is(found?.response?.body.completeness, "truncated");
	}),
);

/** Loads with both ends targeted; the ids of whole records that do not have exactly the two observers. */
async function bothEnds(t: ExecutionContext, scope: Scope, source: Readonly<Record<string, unknown>>) {
	const nginx = await startNginx(scope, { accessLog: true });
	const path = join(await scope.folder(), "out.jsonl");
	const config = captureConfig({
		...ROOM,
		ports: [nginx.port],
		path,
		vantage: "both",
		source: { ...ROOM.source, ...source },
		// the other end is a process that may wait for its processor longer than the usual 50 ms
		capture: { ...ROOM.capture, merge_window_ms: 5_000 },
	});
	const polytap = await startPolytap(scope, { config });
	const loads: Load[] = [
		{ number: 100, name: "both ends, 100 bytes", kind: "echo", size: 100 },
		{ number: 101, name: "both ends, 10 KiB, new connections", kind: "echo", size: 10 * KIB },
		{ number: 102, name: "both ends, 1 MiB", kind: "echo", size: MIB },
	];
	const url = `http://127.0.0.1:${nginx.port}/`;
	await runWrk(scope, { url, seconds: 1, connections: 8, ids: { ...PACED, load: 100, size: 100 } });
	await polytap.settled();
	const short = new Client({ port: nginx.port, load: 101, size: 10 * KIB, keepAlive: false });
	await short.rounds(60);
	const large = new Client({ port: nginx.port, load: 102, size: MIB });
	await large.rounds(6, () => polytap.settled());
	for (const client of [short, large]) client.close();
	await polytap.settled();
	await nginx.stop();
	const { totals, stderr } = await polytap.stop();
	t.log(stderr);
	const alone: string[] = [];
	const reports = await checkIntegrity(path, nginx.accessLog, loads, (exchange, id) => {
		const vantages = exchange.observedBy.map(({ vantage }) => vantage).sort();
		if (exchange.outcome === "ok" && vantages.join() !== "client,server") alone.push(`${id}: ${vantages.join()}`);
	});
	return { reports, alone, dropped: totals.sources.node?.counters.test_fault_records ?? 0 };
}

async function findRecord(path: string, id: string): Promise<Exchange | null> {
	for await (const line of linesOf(path)) {
		const exchange: Exchange = JSON.parse(line.toString("utf8"));
		if (idIn(exchange) === id) return exchange;
	}
	return null;
}

/** Reads an answer at a pace that any disk keeps, and calls `onPercent` a hundred times on the way. */
function download(port: number, path: string, size: number, onPercent: () => void): Promise<void> {
	return new Promise((resolve, reject) => {
		const call = request({ port, path, agent: false }, (response) => {
			let bytes = 0;
			let next = size / 100;
			response.on("data", (chunk: Buffer) => {
				bytes += chunk.length;
				if (bytes < next) return;
				next += size / 100;
				onPercent();
				response.pause();
				setTimeout(() => response.resume(), 40);
			});
			response.on("error", reject);
			response.on("end", () => (bytes === size ? resolve() : reject(new Error(`${bytes} bytes only`))));
		});
		call.on("error", reject);
		call.end();
	});
}

function nonZero(counters: Readonly<Record<string, number>>): Record<string, number> {
	return Object.fromEntries(Object.entries(counters).filter(([, value]) => value !== 0));
}
