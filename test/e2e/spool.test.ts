/** The spool through the whole program, to an HTTP endpoint: away for a while, and with what runs it killed. */
import { writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import test from "ava";
import { stringify } from "yaml";
import { CLI } from "./support/polytap.js";
import { Program, pause } from "./support/program.js";
import { type Scope, withScope } from "./support/scope.js";

const PLUGINS = ["./support/rate-plugins.js", "../../examples/webhook.js"].map(
	(path) => new URL(path, import.meta.url).pathname,
);
const RATE = 1_000;

interface Received {
	readonly number: number;
	readonly id: string;
	readonly startedAt: string;
}

/** A real HTTP server that keeps what it accepted; it can go away and come back on the same port. */
class Endpoint {
	readonly received: Received[] = [];
	/** What it answers; only what it takes with 200 is kept. */
	status = 200;
	#server: Server | null = null;
	#port = 0;

	get url(): string {
		return `http://127.0.0.1:${this.#port}/`;
	}

	async up(): Promise<void> {
		const server = createServer((request, response) => {
			const chunks: Buffer[] = [];
			request.on("data", (chunk: Buffer) => chunks.push(chunk));
			request.on("end", () => {
				const { status } = this;
				if (status === 200) this.#take(Buffer.concat(chunks).toString());
				response.writeHead(status).end();
			});
		});
		this.#server = server;
		await new Promise<void>((resolve, reject) => server.once("error", reject).listen(this.#port, "127.0.0.1", resolve));
		this.#port = (server.address() as AddressInfo).port;
	}

	/** Nobody listens any more; what is being answered is answered. */
	down(): Promise<void> {
		const server = this.#server;
		this.#server = null;
		return new Promise((resolve) => {
			if (server === null) resolve();
			else server.close(() => resolve());
		});
	}

	#take(text: string): void {
		for (const { summary, id, startedAt } of JSON.parse(text) as {
			readonly summary: { readonly operation: string };
			readonly id: string;
			readonly startedAt: string;
		}[])
			this.received.push({ number: Number(summary.operation), id, startedAt });
	}
}

interface Setting {
	readonly folder: string;
	readonly url: string;
	readonly source?: Readonly<Record<string, unknown>>;
	readonly spool?: Readonly<Record<string, unknown>>;
	readonly capture?: Readonly<Record<string, unknown>>;
}

async function run(scope: Scope, { folder, url, source = {}, spool = {}, capture = {} }: Setting): Promise<Running> {
	const config = join(folder, "c.yaml");
	const queue = {
		when_full: "spool",
		spool: { path: join(folder, "spool"), ...spool },
		max_exchanges: 1_000_000,
		retry_ms: 50,
		retry_max_ms: 500,
	};
	await writeFile(
		config,
		stringify({
			version: 1,
			plugins: PLUGINS,
			capture,
			metrics: { listen: "127.0.0.1:0" },
			sources: { live: { type: "rate", per_second: RATE, ...source } },
			sinks: { hook: { type: "webhook", url, queue }, count: { type: "blackhole" } },
		}),
	);
	const program = new Program(process.execPath, [CLI, "run", "-c", config]);
	scope.defer(() => program.stop("SIGKILL"));
	await program.until(() => /^ready: /m.test(program.stderr), 60_000);
	return new Running(program);
}

class Running {
	readonly program: Program;
	readonly #metrics: string;

	constructor(program: Program) {
		this.program = program;
		this.#metrics = /http:\/\/\S+\/metrics/.exec(program.stderr)?.[0] ?? "";
	}

	async metric(name: string): Promise<number> {
		const text = await (await fetch(this.#metrics)).text();
		return Number(new RegExp(`^${name}\\{[^}]*sink="hook"[^}]*\\} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
	}

	async until(is: () => boolean | Promise<boolean>): Promise<void> {
		await this.program.until(is, 120_000);
	}

	/** Everything that came was delivered: nothing waits. The source must have become silent. */
	async isThrough(): Promise<boolean> {
		const waiting = await this.metric("polytap_sink_spool_waiting");
		return waiting + (await this.metric("polytap_sink_waiting")) === 0;
	}
}

const unique = (received: readonly Received[]) => new Set(received.map(({ number }) => number)).size;

/** How often one came before an earlier one: the endpoint is asked once at a time. */
function outOfOrder(received: readonly Received[]): number {
	return received.filter(({ number }, index) => number < (received[index - 1]?.number ?? -1)).length;
}

test.serial("an endpoint that refuses, then is gone, then is back: everything arrives, once, in order", (t) =>
	withScope(async (scope) => {
		t.timeout(600_000);
		const endpoint = new Endpoint();
		await endpoint.up();
		scope.defer(() => endpoint.down());
		const most = 6 * RATE;
		const running = await run(scope, { folder: await scope.folder(), url: endpoint.url, source: { most } });
		await running.until(() => endpoint.received.length > RATE / 2);
		endpoint.status = 503;
		// what had come is answered
		await running.until(async () => (await running.metric("polytap_sink_spooled_total")) > 0);
		const taken = endpoint.received.length;
		await endpoint.down();
		// it goes to the disk
		await running.until(async () => (await running.metric("polytap_sink_spooled_total")) > RATE);
		t.is(endpoint.received.length, taken);
		endpoint.status = 200;
		await endpoint.up();
		await running.until(() => unique(endpoint.received) === most);
		const { code } = await running.program.stop("SIGTERM", 60_000);
		t.is(code, 0, running.program.stderr);
		t.is(endpoint.received.length, most, "each once");
		t.is(outOfOrder(endpoint.received), 0);
		t.log(
			`${most} made, ${endpoint.received.length} received, ${endpoint.received.length - unique(endpoint.received)} twice`,
		);
	}),
);

/** What is acknowledged, until `isOver`: the last that was told. */
async function acknowledged(running: Running, isOver: () => boolean): Promise<number> {
	let last = 0;
	while (!isOver()) {
		const now = await running.metric("polytap_sink_spool_acknowledged_total").catch(() => 0);
		last = Math.max(last, now);
		await pause(20);
	}
	return last;
}

function judge(t: { is(a: unknown, b: unknown, m?: string): unknown }, received: readonly Received[], least: number) {
	const byNumber = new Map<number, Received>();
	let twice = 0;
	for (const one of received) {
		const before = byNumber.get(one.number);
		if (before !== undefined) {
			twice++;
			t.is(`${one.id} ${one.startedAt}`, `${before.id} ${before.startedAt}`, "a copy is the same exchange");
		}
		byNumber.set(one.number, one);
	}
	let lost = 0;
	for (let number = 0; number < least; number++) if (!byNumber.has(number)) lost++;
	t.is(lost, 0, "nothing that was acknowledged is lost");
	return twice;
}

test.serial(
	"kill -9 over a spool, the endpoint down and up: what was acknowledged arrives, copies have the same id",
	(t) =>
		withScope(async (scope) => {
			t.timeout(600_000);
			const endpoint = new Endpoint();
			await endpoint.up();
			scope.defer(() => endpoint.down());
			const folder = await scope.folder();
			/** Numbers that were acknowledged before each kill. */
			const ranges: (readonly [number, number])[] = [];
			/** How many of them the endpoint has not got. */
			const missing = () => {
				const numbers = new Set(endpoint.received.map(({ number }) => number));
				let count = 0;
				for (const [first, end] of ranges) for (let n = first; n < end; n++) if (!numbers.has(n)) count++;
				return count;
			};
			let from = 0;
			const rounds = 3;
			for (let round = 0; round <= rounds; round++) {
				endpoint.status = round % 2 === 1 ? 200 : 503;
				const running = await run(scope, {
					folder,
					url: endpoint.url,
					source: { from, most: 4 * RATE },
					spool: { always: true, sync_ms: 20 },
				});
				if (round === rounds) {
					endpoint.status = 200;
					await running.until(() => missing() === 0);
					await running.program.stop("SIGTERM", 60_000);
					break;
				}
				let isOver = false;
				const told = acknowledged(running, () => isOver);
				await running.until(async () => (await running.metric("polytap_sink_spool_acknowledged_total")) > RATE);
				await pause(500);
				running.program.kill("SIGKILL");
				isOver = true;
				const least = from + (await told);
				await running.program.exited;
				t.true(least > from, `round ${round}: something was acknowledged`);
				// what was made after the last look may be lost or not: numbers start again far behind it
				t.log(`round ${round}: ${least - from} acknowledged, ${endpoint.received.length} received so far`);
				ranges.push([from, least]);
				from = least + 100_000;
			}
			t.is(missing(), 0);
			t.log(`${judge(t, endpoint.received, 0)} copies in all`);
		}),
);

test.serial("a worker that is ended over its spool: the next one has it, nothing acknowledged is lost", (t) =>
	withScope(async (scope) => {
		t.timeout(600_000);
		const endpoint = new Endpoint();
		await endpoint.up();
		scope.defer(() => endpoint.down());
		const folder = await scope.folder();
		const loopFile = join(folder, "loop");
		const running = await run(scope, {
			folder,
			url: endpoint.url,
			source: { loop_file: loopFile, most: 4 * RATE },
			spool: { always: true, sync_ms: 20 },
			capture: { worker_timeout_ms: 8_000 },
		});
		const isHung = () => /WORKER_HUNG/.test(running.program.stderr);
		let least = 0;
		await running.until(async () => {
			least = await running.metric("polytap_sink_spool_acknowledged_total");
			return least > RATE;
		});
		await writeFile(loopFile, "");
		await running.until(isHung);
		const newest = endpoint.received.at(-1)?.number ?? 0;
		await running.until(() => endpoint.received.some(({ number }) => number > newest + RATE));
		await running.until(() => running.isThrough());
		const { code } = await running.program.stop("SIGTERM", 60_000);
		t.is(code, 0, running.program.stderr);
		t.notRegex(running.program.stderr, /SPOOL_LOCKED|SPOOL_UNUSABLE|SPOOL_DAMAGED/);
		const twice = judge(t, endpoint.received, least);
		t.log(`${least} acknowledged before the worker was ended; ${unique(endpoint.received)} received, ${twice} twice`);
	}),
);
