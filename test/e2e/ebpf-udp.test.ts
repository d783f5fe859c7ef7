/** Datagrams as their packets have them: every length, both address families, several in one call; whose they are. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { CaptureEvent } from "../../core/index.js";
import { Capture, live } from "./support/ebpf-harness.js";
import { REPOSITORY } from "./support/polytap.js";
import { Program, runProgram } from "./support/program.js";
import { type Scope, withScope } from "./support/scope.js";

const LENGTHS = [0, 1, 100, 129, 1472, 1473, 9000, 65_000];
const SEGMENTS = { length: 1000, count: 12 };
const ALL = [...LENGTHS, ...Array.from({ length: SEGMENTS.count }, () => SEGMENTS.length)];
const ASKED = [...LENGTHS.map(String), `${SEGMENTS.length}*${SEGMENTS.count}`];

/** What one vantage told: lengths by direction, and of how many the bytes were others. */
interface Told {
	readonly process: string | null;
	readonly netns: number | null;
	readonly lengths: readonly [number[], number[]];
	wrong: number;
}

/** The bytes of a datagram follow from its length: see udp-peer.c. */
function isRight(data: Uint8Array): boolean {
	return data.every((byte, i) => byte === ((data.length + i * 7) & 0xff));
}

class Collector {
	readonly told = new Map<string, Told>();
	readonly #roles = new Map<number, string>();

	take(batch: readonly CaptureEvent[]): void {
		for (const event of batch) {
			if (event.kind === "open") {
				const { conn, transport, role, process, netns } = event;
				this.#roles.set(conn, role);
				this.told.set(role, { process: `${transport} ${process?.name}`, netns, lengths: [[], []], wrong: 0 });
			}
			if (event.kind !== "datagram") continue;
			const told = this.told.get(this.#roles.get(event.conn) ?? "")!;
			told.lengths[event.dir].push(event.data.length);
			if (!isRight(event.data)) told.wrong++;
		}
	}

	get count(): number {
		return [...this.told.values()].reduce((sum, { lengths: [up, down] }) => sum + up.length + down.length, 0);
	}
}

async function compile(scope: Scope): Promise<string> {
	const program = join(await scope.folder(), "udp-peer");
	await runProgram("cc", ["-O2", "-o", program, join(REPOSITORY, "test/e2e/support/udp-peer.c")], 60_000);
	return program;
}

async function serve(scope: Scope, program: string, address: string): Promise<number> {
	const server = new Program(program, ["echo", address]);
	scope.defer(() => server.stop("SIGTERM"));
	await server.until(() => server.stdout.includes("\n"), 60_000);
	return Number(server.stdout);
}

const hasIpv6 = existsSync("/proc/net/if_inet6");
if (!hasIpv6) console.error("SKIPPED: datagrams over IPv6: this kernel has none");

for (const address of ["127.0.0.1", ...(hasIpv6 ? ["::1"] : [])])
	live(`${address}: every datagram of every length, at both ends`, (t) =>
		withScope(async (scope) => {
			const program = await compile(scope);
			const port = await serve(scope, program, address);
			const other = await serve(scope, program, address);
			const collector = new Collector();
			const capture = await Capture.start(
				{ targets: [{ udp: [port] }] },
				{ tap: (batch) => collector.take(batch), isPattern: false },
			);
			scope.defer(async () => void (await capture.stop()));
			for (const asked of [other, port]) {
				const { stdout } = await runProgram(program, ["ask", address, String(asked), ...ASKED], 60_000);
				t.is(Number(stdout), ALL.length, "the peer itself was answered wrongly");
			}
			await capture.until(() => collector.count >= ALL.length * 4, `${ALL.length * 4} datagrams`);
			const counters = await capture.stop();
			t.deepEqual([...collector.told.keys()].sort(), ["client", "server"]);
			// the client may be gone before anybody looks who it was
			t.is(collector.told.get("server")?.process, "udp udp-peer");
			for (const { lengths, wrong } of collector.told.values()) {
				t.is(wrong, 0);
				for (const each of lengths) t.deepEqual(each, ALL);
			}
			t.is(collector.told.get("client")?.netns, collector.told.get("server")?.netns);
			t.is(counters.datagrams, ALL.length * 4);
			t.is(counters.ring_full_records, 0);
		}),
	);

live("a rule for TCP sees no datagram, and one for UDP no connection", (t) =>
	withScope(async (scope) => {
		const program = await compile(scope);
		const port = await serve(scope, program, "127.0.0.1");
		const collector = new Collector();
		const capture = await Capture.start({ targets: [{ ports: [port] }] }, { tap: (batch) => collector.take(batch) });
		scope.defer(async () => void (await capture.stop()));
		const ask = () => runProgram(program, ["ask", "127.0.0.1", String(port), "10"], 60_000);
		await ask();
		await capture.settle();
		t.is(collector.count, 0);
		// a reload asks for it
		capture.host.setTargets({ targets: [{ udp: [port] }] });
		await ask();
		await capture.until(() => collector.count >= 4, "four datagrams");
		t.is(collector.count, 4);
	}),
);
