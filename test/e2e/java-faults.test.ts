/** polytap is away, killed, started again, of another version, or never reads: the application does not notice. */
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import type { Exchange } from "../../core/index.js";
import { findJdks, JavaPrograms, missingJava, RUN_MS, startJavaCapture } from "./support/java.js";
import { type Scope, withScope } from "./support/scope.js";
import { Steady } from "./support/steady.js";

const lacking = missingJava();
if (lacking !== null) console.error(`SKIPPED, the Java agent in trouble is not tested: ${lacking}`);
const jdk = findJdks()[0];
const live = lacking === null && jdk !== undefined ? test.serial : test.serial.skip;

interface Message {
	readonly id?: number;
	readonly method?: string;
	readonly params?: Readonly<Record<string, unknown>>;
	readonly result?: unknown;
}

interface Counters {
	readonly hook_errors: number;
	readonly dropped_bytes: number;
}

/** Of what agents say. */
const MAX_KEPT = 20_000;
/** For a proof run: how long the heap is watched. */
const HEAP_SECONDS = Number(process.env.POLYTAP_JAVA_HEAP_SECONDS ?? 16);

/** In polytap's place: answers as a test wants, and keeps what agents say. */
class Stand {
	readonly messages: Message[] = [];
	readonly sockets: Socket[] = [];
	readonly listen: string;

	constructor(path: string) {
		this.listen = `unix:${path}`;
	}

	/** While false, what agents say stays in their sockets. */
	reads = true;

	/** Everybody must connect again. */
	drop(): void {
		for (const socket of this.sockets.splice(0)) socket.destroy();
	}

	static async start(scope: Scope, answer: object, reads = true): Promise<Stand> {
		const folder = await mkdtemp(join(tmpdir(), "polytap-stand-"));
		scope.defer(() => rm(folder, { recursive: true, force: true }));
		const stand = new Stand(join(folder, "java.sock"));
		stand.reads = reads;
		const server = createServer((socket) => stand.#accept(socket, answer));
		await new Promise<void>((resolve) => server.listen(join(folder, "java.sock"), resolve));
		scope.defer(() => {
			stand.drop();
			server.close();
		});
		return stand;
	}

	count(method: string): number {
		return this.messages.filter((message) => message.method === method).length;
	}

	send(message: object): void {
		this.sockets.at(-1)?.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
	}

	#accept(socket: Socket, answer: object): void {
		this.sockets.push(socket);
		socket.on("error", () => undefined);
		let rest = "";
		socket.on("data", (chunk) => {
			// payload is text here, and none of it has a line of its own that begins like a message
			const lines = (rest + chunk.toString("latin1")).split("\n");
			rest = lines.pop() ?? "";
			for (const line of lines) {
				const at = line.indexOf('{"jsonrpc"');
				if (at < 0) continue;
				const message: Message = JSON.parse(line.slice(at));
				this.messages.push(message);
				if (this.messages.length > MAX_KEPT) this.messages.splice(0, MAX_KEPT >> 1);
				if (message.method === "initialize") this.send({ id: message.id, ...answer });
			}
			if (!this.reads) socket.pause();
		});
	}
}

const WELCOME = { protocol: "1", maxRows: 64, creditBytes: 1 << 30, capture: { semantics: true } };

live("killed in the middle and started again: what it saw is whole, connections go on with a named gap", (t) =>
	withScope(async (scope) => {
		const folder = await scope.folder();
		const path = join(folder, "kept.sock");
		const first = await startJavaCapture(scope, { jvm: { listen: path } });
		const steady = await Steady.start(scope, jdk!, first.agent);
		await steady.program.until(async () => (await first.exchanges()).length > 5, RUN_MS);
		await first.polytap.program.stop("SIGKILL");
		await steady.goesOn(5);
		const second = await startJavaCapture(scope, { jvm: { listen: path } });
		const wholeOf = (exchanges: readonly Exchange[]) =>
			exchanges.filter(({ kind, request, response }) => kind === "exchange" && request && response);
		// the agent comes back after three seconds at the most
		await steady.program.until(async () => wholeOf(await second.exchanges()).length > 5, RUN_MS);
		t.true((await steady.end()) > 10);
		const { exchanges, totals } = await second.stop();
		for (const { request, response } of wholeOf(exchanges)) t.is(request?.body.data, response?.body.data);
		t.like(totals.sources.jvm?.counters, { agent_hook_errors: 0, refused_params: 0 });
	}),
);

live("of another version: refused, and the application goes on", (t) =>
	withScope(async (scope) => {
		const stand = await Stand.start(scope, { error: { code: -32002, message: "version", data: "this is version 2" } });
		const steady = await Steady.start(scope, jdk!, stand.listen);
		await steady.program.until(() => stand.count("initialize") >= 1, RUN_MS);
		await steady.goesOn(20);
		t.true((await steady.end()) >= 20);
		t.is(stand.count("data"), 0);
	}),
);

live("one that never reads: the queue stays within its bound, and the application goes on", (t) =>
	withScope(async (scope) => {
		const stand = await Stand.start(scope, { result: WELCOME }, false);
		const steady = await Steady.start(scope, jdk!, `${stand.listen},queue_bytes=65536`);
		await steady.program.until(() => stand.count("initialize") >= 1, RUN_MS);
		await steady.goesOn(150);
		t.true((await steady.end()) >= 150);
	}),
);

live("without credit payload is dropped, counted and told as gaps", (t) =>
	withScope(async (scope) => {
		const stand = await Stand.start(scope, { result: { ...WELCOME, creditBytes: 2_000 } });
		const steady = await Steady.start(scope, jdk!, `${stand.listen},queue_bytes=4000`);
		await steady.program.until(() => stand.count("data") > 0, RUN_MS);
		await steady.goesOn(100);
		stand.send({ method: "credit", params: { bytes: 1 << 30 } });
		const last = () => stand.messages.findLast(({ method }) => method === "stats")?.params?.counters as Counters;
		await steady.program.until(() => stand.count("gap") > 0 && last().dropped_bytes > 0, RUN_MS);
		t.true((await steady.end()) >= 100);
		t.is(last().hook_errors, 0);
	}),
);

live("stopped and started again by polytap: hooks are inert in between, connections are told anew", (t) =>
	withScope(async (scope) => {
		const stand = await Stand.start(scope, { result: WELCOME });
		const steady = await Steady.start(scope, jdk!, stand.listen);
		const { program } = steady;
		await program.until(() => stand.count("data") > 5, RUN_MS);
		stand.send({ id: 7, method: "stop", params: {} });
		await program.until(() => stand.messages.some(({ id, result }) => id === 7 && result !== undefined), RUN_MS);
		// what a hook was just about to say
		await steady.goesOn(20);
		const [rows, opens] = [stand.count("data"), stand.count("conn.open")];
		await steady.goesOn(30);
		t.is(stand.count("data"), rows);
		stand.send({ id: 8, method: "start", params: {} });
		await program.until(() => stand.count("data") > rows + 3, RUN_MS);
		const anew = stand.messages.filter(({ method }) => method === "conn.open").slice(opens);
		t.true(anew.length >= 2);
		for (const { params } of anew) t.like(params, { fromStart: false, offsets: [0, 0] });
		t.true((await steady.end()) > 50);
		const last = stand.messages.findLast(({ method }) => method === "stats")?.params?.counters as object;
		t.like(last, { hook_errors: 0 });
	}),
);

live(
	`heap of a JVM under load for ${HEAP_SECONDS} s, polytap reading, not reading and away by turns: it does not grow`,
	(t) =>
		withScope(async (scope) => {
			t.timeout(HEAP_SECONDS * 1000 + RUN_MS);
			const stand = await Stand.start(scope, { result: WELCOME });
			const programs = await JavaPrograms.compile(scope, ["Https.java", "Heap.java"]);
			const ms = String(HEAP_SECONDS * 1000);
			const program = programs.start(jdk!, stand.listen, ["Heap", programs.keyStore, ms], ["-Xmx256m"]);
			scope.defer(() => program.stop("SIGKILL"));
			const trouble = setInterval(() => {
				stand.reads = !stand.reads;
				stand.drop();
			}, HEAP_SECONDS * 50);
			const { code } = await program.exited.finally(() => clearInterval(trouble));
			t.is(code, 0, program.stderr);
			t.regex(program.stdout, /^good [1-9]/m);
			t.false(program.stdout.includes("wrong"), program.stdout);
			const heaps = [...program.stdout.matchAll(/heap (\d+)/g)].map(([, bytes]) => Number(bytes) / 1_048_576);
			t.is(heaps.length, 16);
			// the first ones still load classes; the queue may hold its 8 MiB at any look
			const early = Math.max(...heaps.slice(2, 8));
			const late = Math.max(...heaps.slice(8));
			t.log(`heap after collections, MiB: ${heaps.map((mib) => mib.toFixed(1)).join(" ")}`);
			t.true(late < early + 12, `${early} MiB at first, ${late} MiB later`);
			const last = stand.messages.findLast(({ method }) => method === "stats")?.params?.counters as object;
			t.like(last, { hook_errors: 0 });
		}),
);
