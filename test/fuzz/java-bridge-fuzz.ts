/**
 * Broken and mean agents: `node dist/test/fuzz/java-bridge-fuzz.js [COUNT] [SEED]`. Each input is a session of whole messages,
 * mutated as bytes and as JSON, cut anywhere. A session may be refused; nothing may throw, every event must be one that the
 * engine takes, positions never go back, and what was held must be given back. Prints the time and the memory.
 */
import { Socket } from "node:net";
import { eventProblem } from "../../core/app/event-check.js";
import type { CaptureEvent } from "../../core/index.js";
import { Bridge } from "../../sources/java-agent/bridge.js";
import { javaOptions } from "../../sources/java-agent/options.js";
import { Session } from "../../sources/java-agent/session.js";
import { hello, opening } from "../sources/java-agent/scripted-peer.js";

const inputs = Number(process.argv[2] ?? 100_000);
const seed = Number(process.argv[3] ?? 1);
const INPUTS_AT_ONCE = 2_000;

/** Marsaglia's xorshift: the same seed gives the same inputs. */
let state = (seed * 2_654_435_761) | 1;
function below(most: number): number {
	state ^= state << 13;
	state ^= state >>> 17;
	state ^= state << 5;
	return (state >>> 0) % most;
}
const pick = <T>(from: readonly T[]): T => from[below(from.length)]!;

const NUMBERS = [0, 1, -1, 2, 7, 255, 65_536, 0.5, 2 ** 31, 2 ** 53, 2 ** 60, Number.NaN, 1e300];
const VALUES: readonly unknown[] = [
	null,
	true,
	"",
	"x",
	"127.0.0.1",
	[],
	{},
	[1, 2, 3],
	"\u0000",
	"a".repeat(300),
	...NUMBERS,
];

/** A value somewhere inside becomes another one, or goes. */
function changed(value: unknown, depth: number): unknown {
	if (depth === 0 || typeof value !== "object" || value === null) return pick(VALUES);
	if (Array.isArray(value)) {
		if (value.length === 0) return pick(VALUES);
		const copy: unknown[] = [...value];
		const at = below(copy.length);
		if (below(6) === 0) copy.splice(at, 1);
		else copy[at] = changed(copy[at], depth - 1);
		return copy;
	}
	const entries = Object.entries(value);
	if (entries.length === 0) return pick(VALUES);
	const at = below(entries.length);
	if (below(6) === 0) entries.splice(at, 1);
	else entries[at] = [entries[at]![0], changed(entries[at]![1], depth - 1)];
	return Object.fromEntries(entries);
}

function dataMessage(offsets: [number, number]): Buffer[] {
	const rows: number[][] = [];
	let bytes = 0;
	for (let n = 1 + below(4); n > 0; n--) {
		const dir = below(2) as 0 | 1;
		const length = 1 + below(60);
		rows.push([
			1 + below(2),
			dir,
			offsets[dir],
			below(1000),
			below(3),
			below(2) === 0 ? -1 : offsets[dir] + 90,
			length,
			below(3),
		]);
		offsets[dir] += length + (below(9) === 0 ? 5 : 0);
		bytes += length;
	}
	const payload = Buffer.alloc(bytes, "p");
	const params = below(2) === 0 ? { e: rows, bin: bytes } : { e: rows, b64: payload.toString("base64") };
	const message = below(8) === 0 ? changed({ method: "data", params }, 5) : { method: "data", params };
	return "bin" in params ? [line(message), payload] : [line(message)];
}

function line(message: unknown): Buffer {
	return Buffer.from(`${JSON.stringify(message)}\n`);
}

function session(instance: string): Buffer {
	const offsets: [number, number] = [0, 0];
	const pieces: Buffer[] = [line({ id: 1, method: "initialize", params: hello({ instance }) })];
	const messages: readonly (() => unknown)[] = [
		() => ({ method: "conn.open", params: opening(1 + below(3)) }),
		() => ({ method: "conn.open", params: { ...opening(1 + below(3)), l: null, role: "server" } }),
		() => ({ method: "conn.bound", params: { c: 1 + below(3), l: ["::1", 9], r: ["10.0.0.1", 443] } }),
		() => ({ method: "conn.close", params: { c: 1 + below(3), at: 5, final: [below(300), below(300)], how: "fin" } }),
		() => ({ method: "conn.sync", params: {} }),
		() => ({
			method: "gap",
			params: { c: 1, dir: 0, offset: (offsets[0] += 3) - 3, length: 3, at: 1, cause: "limit" },
		}),
		() => ({ method: "thread", params: { i: 1 + below(3), name: "t", id: 1 } }),
		() => ({ method: "semantic", params: { kind: "x", at: 1, ctx: below(3), attributes: { "db.query.text": "q" } } }),
		() => ({ method: "semantic", params: { kind: "x", at: 1, c: 1, attributes: { n: 1 } } }),
		() => ({ method: "stats", params: { counters: { hook_errors: below(3) }, lastError: null } }),
		() => ({ id: 5, method: "ping" }),
		() => ({ id: 6, method: "nonsense", params: [] }),
	];
	for (let n = below(14); n > 0; n--) {
		if (below(2) === 0) pieces.push(...dataMessage(offsets));
		else {
			const message = pick(messages)();
			pieces.push(line(below(8) === 0 ? changed(message, 4) : message));
		}
	}
	const bytes = Buffer.concat(pieces);
	for (let n = below(10) === 0 ? 1 + below(3) : 0; n > 0; n--) bytes[below(bytes.length)] = below(256);
	return below(12) === 0 ? bytes.subarray(0, below(bytes.length)) : bytes;
}

const silent = { warn: () => {}, info: () => {} };
const options = javaOptions.parse({ listen: "/nowhere/java.sock", max_jvms: 4096 });
const totals = { events: 0, refused: 0 };

/** Throws where an event is none, or positions go back. */
function check(events: readonly CaptureEvent[], next: Map<string, number>): void {
	for (const event of events) {
		const problem = eventProblem(event);
		if (problem !== null) throw new Error(problem);
		if (event.kind !== "bytes") continue;
		const key = `${event.conn} ${event.dir}`;
		if (event.offset < (next.get(key) ?? 0)) throw new Error(`positions of ${key} go back`);
		next.set(key, event.offset + event.data.length);
	}
	totals.events += events.length;
}

/** JVMs of one bridge come back now and then, with the connections that they had. */
function run(bridge: Bridge, number: number, next: Map<string, number>): void {
	const agent = new Session(new Socket(), { pid: process.pid, uid: 0 }, bridge);
	const bytes = session(`instance-${number - below(2)}`);
	for (let at = 0; at < bytes.length; ) {
		const end = Math.min(bytes.length, at + 1 + below(400));
		agent.push(bytes.subarray(at, end));
		at = end;
	}
	for (let taken = bridge.outbox.take(); taken !== null; taken = bridge.outbox.take()) {
		check(taken.events, next);
		taken.done();
	}
	if (bridge.outbox.heldBytes !== 0) throw new Error(`${bridge.outbox.heldBytes} bytes are held for ever`);
	if (agent.isOver) totals.refused++;
	agent.end();
}

const startMs = performance.now();
let bridge = new Bridge(options, silent);
let next = new Map<string, number>();
for (let done = 0; done < inputs; done++) {
	const before = state;
	try {
		run(bridge, done, next);
	} catch (error) {
		throw new Error(`input ${done} (state ${before}): ${error instanceof Error ? error.message : String(error)}`, {
			cause: error,
		});
	}
	if (done % INPUTS_AT_ONCE !== 0) continue;
	bridge.close();
	bridge = new Bridge(options, silent);
	next = new Map();
	await new Promise((resolve) => setTimeout(resolve, 1));
}
bridge.close();
const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
const rss = (process.resourceUsage().maxRSS / 1024).toFixed(0);
console.log(
	`${inputs} sessions, seed ${seed}: ${totals.refused} refused, ${totals.events} events, ${seconds} s, peak RSS ${rss} MiB`,
);
