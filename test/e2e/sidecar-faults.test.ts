/** The legacy sidecar in trouble of every kind: the bytes go on as they were sent, and memory stays bounded. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { needing } from "./support/needing.js";
import { Program, pause, runProgram, until } from "./support/program.js";
import { type Scope, withScope } from "./support/scope.js";
import { legOf, listen, readAll, type Sidecar, sha256, startSidecar } from "./support/sidecar.js";
import { memoryUse } from "./support/usage.js";

const MIB = 1 << 20;
/** More than the relay may hold of it. */
const LARGE = 64 * MIB;
const WANTED_FILES = 65_536;

function residentMb(t: ExecutionContext, { program }: Sidecar): number {
	const { rssBytes, peakRssBytes } = memoryUse(program.pid);
	t.log(`resident: ${(rssBytes / MIB).toFixed(0)} MiB, at most ${(peakRssBytes / MIB).toFixed(0)} MiB`);
	return peakRssBytes / MIB;
}

needing()("half-close, a slow server and a slow client: what is sent arrives, memory stays bounded", (t) =>
	withScope(async (scope) => {
		// answers with the hash of all it got, only after the client has finished
		const upstream = await listen(scope, (socket) => {
			void readAll(socket, 1).then((all) => {
				socket.write(all);
				socket.end(sha256(all));
			});
		});
		const sidecar = await startSidecar(scope, { source: { upstream: `127.0.0.1:${upstream}`, tee_bytes: 1 << 18 } });
		const body = randomBytes(LARGE);
		const client = connect({ port: sidecar.port, host: "127.0.0.1", allowHalfOpen: true });
		client.end(body);
		const answer = await readAll(client, 1);
		t.is(answer.length, body.length + 64);
		t.is(sha256(answer.subarray(0, body.length)), sha256(body));
		t.is(answer.subarray(body.length).toString(), sha256(body));
		t.true(residentMb(t, sidecar) < 250);
		const { totals } = await sidecar.stop();
		t.is(totals.sources.legacy?.counters.relayed_to_server_bytes, body.length);
		t.is(totals.sources.legacy?.counters.relayed_to_client_bytes, answer.length);
	}),
);

for (const slow of ["client", "server"] as const)
	needing()(`a ${slow} that reads nothing for a while stops who sends to it, and then gets everything`, (t) =>
		withScope(async (scope) => {
			const body = randomBytes(LARGE);
			let sender: Socket | null = null;
			let receiver: Socket | null = null;
			const upstream = await listen(scope, (socket) => {
				if (slow === "client") sender = socket;
				else receiver = socket.pause();
			});
			const sidecar = await startSidecar(scope, { source: { upstream: `127.0.0.1:${upstream}`, tee_bytes: 1 << 18 } });
			const client = connect({ port: sidecar.port, host: "127.0.0.1", allowHalfOpen: true });
			if (slow === "client") receiver = client.pause();
			else sender = client;
			await until(() => sender !== null && receiver !== null, "both ends are there");
			const [from, to] = [sender!, receiver!] as readonly [Socket, Socket];
			let handedOver = 0;
			const sent = (async () => {
				for (let at = 0; at < body.length; at += MIB) {
					const piece = body.subarray(at, at + MIB);
					await new Promise<void>((resolve) => from.write(piece, () => resolve()));
					handedOver += piece.length;
				}
				from.end();
			})();
			for (let before = -1; before !== handedOver || handedOver === 0; await pause(500)) before = handedOver;
			t.log(`${handedOver / MIB} MiB lie in between`);
			t.true(handedOver < body.length / 2, "it goes on sending to nobody");
			t.true(residentMb(t, sidecar) < 250);
			const got = await readAll(to.resume());
			await sent;
			t.is(sha256(got), sha256(body));
			to.end();
			from.resume();
			await once(client, "close");
			await sidecar.stop();
		}),
	);

interface ResetCase {
	readonly who: "client" | "server";
	/** Which message is under way, and how much of it the other end has. */
	readonly message: "request" | "response";
	readonly bytes: number;
}

const REQUEST = Buffer.from("GET /reset HTTP/1.1\r\nHost: a\r\n\r\n");
const RESPONSE = Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789");
const RESETS: readonly ResetCase[] = (["client", "server"] as const).flatMap((who) => [
	...Array.from({ length: REQUEST.length + 1 }, (_, bytes) => ({ who, message: "request", bytes }) as const),
	...Array.from({ length: RESPONSE.length + 1 }, (_, bytes) => ({ who, message: "response", bytes }) as const),
]);

needing()("a reset at every byte of an exchange, from either end: it arrives as one, behind all that was sent", (t) =>
	withScope(async (scope) => {
		const accepted: { socket: Socket; got: Buffer }[] = [];
		const upstream = await listen(scope, (socket) => {
			const end = { socket, got: Buffer.alloc(0) };
			accepted.push(end);
			socket.on("data", (data) => {
				end.got = Buffer.concat([end.got, data]);
			});
		});
		const sidecar = await startSidecar(scope, { source: { upstream: `127.0.0.1:${upstream}` } });
		let toServer = 0;
		let toClient = 0;
		for (const [number, { who, message, bytes }] of RESETS.entries()) {
			const name = `${who}, ${bytes} bytes of the ${message}`;
			const client = connect({ port: sidecar.port, host: "127.0.0.1" });
			let got = Buffer.alloc(0);
			client.on("data", (data) => {
				got = Buffer.concat([got, data]);
			});
			await until(() => accepted.length > number, `${name}: the relay has connected`);
			const server = accepted[number]!;
			const request = message === "request" ? REQUEST.subarray(0, bytes) : REQUEST;
			if (request.length > 0) client.write(request);
			await until(() => server.got.length === request.length, `${name}: the request is there`);
			const response = message === "request" ? "" : RESPONSE.subarray(0, bytes);
			if (response.length > 0) server.socket.write(response);
			await until(() => got.length === response.length, `${name}: the response is there`);
			const [from, to] = who === "client" ? [client, server.socket] : [server.socket, client];
			const told = new Promise((resolve) => {
				to.once("error", (error) => resolve("code" in error ? error.code : "?"));
				to.once("end", () => resolve("end"));
			});
			from.on("error", () => undefined);
			from.resetAndDestroy();
			t.is(await told, "ECONNRESET", name);
			t.true(request.equals(server.got), name);
			t.is(got.toString(), response.toString(), name);
			toServer += request.length;
			toClient += response.length;
		}
		t.log(`${RESETS.length} resets`);
		t.true(residentMb(t, sidecar) < 500);
		const { exchanges, totals } = await sidecar.stop();
		const { counters } = totals.sources.legacy!;
		t.is(counters.connections_accepted, RESETS.length);
		t.is(counters.connections_open, 0);
		t.is(counters.relayed_to_server_bytes, toServer);
		t.is(counters.relayed_to_client_bytes, toClient);
		t.is(totals.engine.connections_open, 0);
		// only what was whole is told as such
		const whole = RESETS.filter(({ message, bytes }) => message === "response" && bytes === RESPONSE.length);
		for (const leg of ["downstream", "upstream"])
			t.is(exchanges.filter((x) => legOf(leg)(x) && x.outcome === "ok").length, whole.length, leg);
	}),
);

/** Lets this process, and what it starts, have as many files open as one relay needs, where that is allowed. */
async function raiseFileLimit(): Promise<void> {
	try {
		const limit = `--nofile=${WANTED_FILES}:${WANTED_FILES}`;
		await runProgram("prlimit", ["--pid", String(process.pid), limit], 60_000);
	} catch {
		// the limit stays
	}
}

/** Files that a process has open besides connections. */
const OTHER_FILES = 500;
const IDLE = 10_000;

/** Greets with one byte, then gives back what it gets; in a process of its own: its files do not count against the limit of this one. */
async function startEcho(scope: Scope): Promise<number> {
	const code = `const server = require("node:net").createServer((socket) => {
	socket.on("error", () => {}).pipe(socket);
	socket.write("!");
});
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => console.log(server.address().port));`;
	const echo = new Program(process.execPath, ["-e", code]);
	scope.defer(() => echo.stop("SIGKILL"));
	await echo.until(() => echo.stdout.endsWith("\n"), 60_000);
	return Number(echo.stdout);
}

needing("prlimit")("10,000 idle connections, then one byte through each", (t) =>
	withScope(async (scope) => {
		await raiseFileLimit();
		const limit = Number(/^Max open files\s+(\d+)/m.exec(await readFile("/proc/self/limits", "latin1"))?.[1]);
		const count = Math.min(IDLE, limit - OTHER_FILES);
		// a relay takes two descriptors for each connection: where the limit stays low, several relays
		const relays = Math.ceil(count / ((limit - OTHER_FILES) / 2));
		const upstream = await startEcho(scope);
		const source = { upstream: `127.0.0.1:${upstream}`, connect_timeout_ms: 60_000 };
		const sidecars: Sidecar[] = [];
		for (let n = 0; n < relays; n++) sidecars.push(await startSidecar(scope, { source }));
		t.log(`${count} connections through ${relays} relay(s), at most ${limit} open files each`);
		const resident = () => sidecars.reduce((sum, sidecar) => sum + residentMb(t, sidecar), 0);
		const before = resident();
		const failures: Error[] = [];
		const clients = await connectMany(
			scope,
			sidecars.map(({ port }) => port),
			count,
			failures,
		);
		const answers = clients.map(
			(client, n) =>
				new Promise<number | null>((resolve) => {
					client.once("data", (data) => resolve(data[0] ?? null));
					client.once("close", () => resolve(null));
					client.write(Buffer.from([n & 255]));
				}),
		);
		const wrong = (await Promise.all(answers)).filter((byte, n) => byte !== (n & 255));
		t.deepEqual([failures, wrong], [[], []], sidecars.map(({ program }) => program.stderr).join("\n"));
		const perConnection = ((resident() - before) * 1024) / count;
		t.log(`${perConnection.toFixed(1)} KiB for each connection`);
		t.true(perConnection < 100);
		for (const client of clients) client.end();
		await Promise.all(clients.map((client) => client.closed || once(client, "close")));
		const sum = { accepted: 0, open: 0, toServer: 0, toClient: 0 };
		for (const sidecar of sidecars) {
			const { counters } = (await sidecar.stop()).totals.sources.legacy!;
			sum.accepted += counters.connections_accepted ?? 0;
			sum.open += counters.connections_open ?? 0;
			sum.toServer += counters.relayed_to_server_bytes ?? 0;
			sum.toClient += counters.relayed_to_client_bytes ?? 0;
		}
		t.deepEqual(sum, { accepted: count, open: 0, toServer: count, toClient: 2 * count });
	}),
);

/** In turn to several ports, a hundred at a time, each through to the upstream, which greets. */
async function connectMany(
	scope: Scope,
	ports: readonly number[],
	count: number,
	failures: Error[],
): Promise<Socket[]> {
	const clients: Socket[] = [];
	scope.defer(() => {
		for (const client of clients) client.destroy();
	});
	while (clients.length < count) {
		const some = Array.from({ length: Math.min(100, count - clients.length) }, (_, n) =>
			connect({ port: ports[n % ports.length]!, host: "127.0.0.1" }),
		);
		for (const client of some) client.on("error", (error) => failures.push(error));
		clients.push(...some);
		await Promise.all(some.map((client) => once(client, "data")));
	}
	return clients;
}

for (const fault of ["throws", "hangs"] as const)
	needing()(`a parser that ${fault}: a plain relay`, (t) =>
		withScope(async (scope) => {
			const upstream = await listen(scope, (socket) => socket.pipe(socket));
			const folder = await scope.folder();
			const plugin = join(folder, "bad.mjs");
			const body = fault === "throws" ? "throw new Error('on purpose');" : "for (;;);";
			await writeFile(
				plugin,
				`export default { api: 1, kind: "parser", protocol: "bad", summary: "a parser that is broken on purpose",
	detect: (client) => (client.length > 0 && client[0] === 0x21 ? "yes" : client.length > 0 ? "no" : "more"),
	create: () => ({ data() { ${body} }, gap: () => false, resync: () => ({ skip: 0 }), end() {} }) };
`,
			);
			const sidecar = await startSidecar(scope, {
				source: { upstream: `127.0.0.1:${upstream}`, tee_bytes: 1 << 18 },
				plugins: [plugin],
				capture: fault === "hangs" ? { worker_timeout_ms: 2_000 } : {},
			});
			for (let round = 0; round < 3; round++) {
				const body = Buffer.concat([Buffer.from("!"), randomBytes(2_000_000)]);
				const client = connect({ port: sidecar.port, host: "127.0.0.1", allowHalfOpen: true });
				client.end(body);
				t.is(sha256(await readAll(client)), sha256(body));
			}
			t.true(residentMb(t, sidecar) < 500);
			const told = fault === "hangs" ? /WORKER_HUNG/ : /PARSER_FAILED/;
			await sidecar.program.until(() => told.test(sidecar.program.stderr), 60_000);
			// a worker that hangs in the moment of the stop is a failure by itself
			const { totals } = await sidecar.stop(fault === "hangs" ? [0, 1] : [0]);
			const { counters } = totals.sources.legacy!;
			t.is(counters.relayed_to_server_bytes, 6_000_003);
			t.is(counters.relayed_to_client_bytes, 6_000_003);
		}),
	);

needing()("a sink that never takes anything: the bytes go on, memory stays bounded, what is lost is counted", (t) =>
	withScope(async (scope) => {
		const server = createServer((request, response) => {
			request.pipe(response);
		});
		server.listen(0, "127.0.0.1");
		await once(server, "listening");
		scope.defer(() => server.close());
		const { port: upstream } = server.address() as AddressInfo;
		const plugin = join(await scope.folder(), "stuck.mjs");
		await writeFile(
			plugin,
			`import { z } from "${new URL("../../core/index.js", import.meta.url)}";
export default { api: 1, kind: "sink", type: "stuck", summary: "never takes anything", config: z.strictObject({}),
	create: () => ({ maxInFlight: 1, open: async () => {}, write: (_, signal) => new Promise((_, no) => signal.addEventListener("abort", () => no(new Error("aborted")))), close: async () => {} }) };
`,
		);
		const sidecar = await startSidecar(scope, {
			source: { upstream: `127.0.0.1:${upstream}`, tee_bytes: 1 << 20 },
			capture: { max_held_bytes: 8 << 20 },
			plugins: [plugin],
			sinks: { stuck: { type: "stuck", queue: { max_exchanges: 20, max_bytes: 1 << 20 } } },
		});
		const body = randomBytes(200_000);
		for (let n = 0; n < 400; n++) {
			const response = await fetch(`http://127.0.0.1:${sidecar.port}/${n}`, { method: "POST", body });
			if (sha256(Buffer.from(await response.arrayBuffer())) !== sha256(body)) t.fail(`${n} was changed`);
		}
		t.true(residentMb(t, sidecar) < 500);
		const { exchanges, totals } = await sidecar.stop([0, 1]);
		const { relayed_to_client_bytes = 0, tee_dropped_bytes = 0 } = totals.sources.legacy?.counters ?? {};
		t.true(relayed_to_client_bytes > 400 * body.length);
		const { offered = 0, written = 0 } = totals.sinks.stuck?.counters ?? {};
		t.is(written, 0);
		// on a busy machine the parsers may miss some, which is counted too
		t.true(offered === 800 || tee_dropped_bytes > 0);
		// the other sink, which takes what it is given, has them all
		t.is(exchanges.length, offered);
	}),
);
