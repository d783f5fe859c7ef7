/**
 * Connections that come and go, and many that are open at once: every request has its own answer, nothing is left behind.
 * The long proof: CHURN_SECONDS=600 CHURN_RATE=20000 CHURN_OPEN=50000.
 */
import { spawn } from "node:child_process";
import { createWriteStream, readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import anyTest, { type TestFn } from "ava";
import { missing } from "./support/needs.js";
import { REPOSITORY, startPolytap } from "./support/polytap.js";
import { freePort } from "./support/port.js";
import { Program, pause, runProgram, until } from "./support/program.js";
import { type Scope, withScope } from "./support/scope.js";

const why = missing("bpf", "cc");
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED churn: ${why}\n`);
const test: TestFn = anyTest;
const live = why === null ? test.serial : test.serial.skip;

const MIB = 1 << 20;
const SECONDS = Number(process.env.CHURN_SECONDS ?? 4);
const RATE = Number(process.env.CHURN_RATE ?? 2000);
const OPEN = Number(process.env.CHURN_OPEN ?? 3000);
/** Overload is allowed there, as long as it has a name. */
const IS_LONG = process.env.CHURN_SECONDS !== undefined;
/** A process may have some thousand descriptors. */
const PROCESSES = Math.max(2, Math.ceil(OPEN / 8000));

/** A sink that looks whether each answer is that of its own request. */
const CHECKER = `
export default {
	api: 1, kind: "sink", type: "checker", summary: "For tests.", config: (await import("INDEX")).z.strictObject({}),
	create: () => {
		const counted = { right: 0, mixed: 0, unwhole: 0, unexplained: 0 };
		return {
			maxInFlight: 1,
			open: async () => {},
			write: async (batch) => {
				for (const { request, response, outcome, kind } of batch) {
					const gaps = [...(request?.body.gaps ?? []), ...(response?.body.gaps ?? [])];
					if (kind !== "exchange" || outcome !== "ok" || request === null || response === null || gaps.length > 0) {
						counted.unwhole++;
						if (gaps.some(({ cause }) => cause === "missed")) counted.unexplained++;
					} else if (String(request.attributes["url.path"]).slice(1) === response.body.data) counted.right++;
					else counted.mixed++;
				}
			},
			close: async () => {},
			counters: () => counted,
		};
	},
};
`;

async function compile(scope: Scope): Promise<string> {
	const program = join(await scope.folder(), "churn");
	await runProgram("cc", ["-O2", "-o", program, join(REPOSITORY, "test/e2e/support/churn.c")], 60_000);
	return program;
}

/** What the kernel holds for maps of this process, by descriptor: those that grow with their entries. */
function mapBytes(pid: number): number {
	let sum = 0;
	for (const fd of readdirSync(`/proc/${pid}/fdinfo`)) {
		try {
			const info = readFileSync(`/proc/${pid}/fdinfo/${fd}`, "latin1");
			if (info.includes("map_type:")) sum += Number(/^memlock:\s+(\d+)/m.exec(info)?.[1] ?? 0);
		} catch {
			// closed meanwhile
		}
	}
	return sum;
}

/** Kernel memory that nobody can take back by asking. */
function slabBytes(): number {
	const text = readFileSync("/proc/meminfo", "latin1");
	return Number(/^SUnreclaim:\s+(\d+)/m.exec(text)?.[1] ?? 0) * 1024;
}

const mib = (bytes: number): string => (bytes / MIB).toFixed(1);

live(`${RATE} connections a second, ${OPEN} open at once: answers are never mixed, nothing is left`, async (t) => {
	t.timeout((SECONDS + 400) * 1000);
	await withScope(async (scope) => {
		const churn = await compile(scope);
		const port = await freePort();
		const server = new Program(churn, ["serve", String(port), String(PROCESSES)]);
		scope.defer(() => server.stop("SIGTERM"));
		await server.until(() => server.stdout.split("ready").length > PROCESSES, 60_000);
		const checker = join(await scope.folder(), "checker.mjs");
		await writeFile(checker, CHECKER.replace("INDEX", join(REPOSITORY, "dist/core/index.js")));
		const polytap = await startPolytap(scope, {
			config: {
				sources: { node: { type: "ebpf", targets: [{ ports: [port] }], ring_bytes: 64 * MIB } },
				capture: { max_connections: 262_144 },
				plugins: [checker],
				sinks: { checker: { type: "checker", queue: { max_exchanges: 262_144, max_bytes: 512 * MIB } } },
			},
		});
		const before = { maps: mapBytes(polytap.pid), slab: slabBytes() };

		const held = spawn(churn, ["hold", String(port), String(OPEN), String(PROCESSES), "1"], {
			stdio: ["pipe", "pipe", "inherit"],
		});
		scope.defer(() => held.kill("SIGKILL"));
		const lines = createInterface({ input: held.stdout })[Symbol.asyncIterator]();
		const holding = String((await lines.next()).value).split(" ");
		t.log(`open at once: ${holding}`);
		const whileOpen = { maps: mapBytes(polytap.pid), slab: slabBytes() };

		const load = new Program(churn, ["fetch", port, SECONDS, RATE, PROCESSES, 5_000_000_000].map(String));
		scope.defer(() => load.stop("SIGKILL"));
		const samples: { rss: number; slab: number }[] = [];
		while (load.isRunning) {
			await pause(Math.max(250, SECONDS * 10));
			samples.push({ rss: polytap.memory().rssBytes, slab: slabBytes() });
		}
		await load.exited;
		held.stdin.write("\n");
		const again = String((await lines.next()).value).split(" ");
		const fetched = load.stdout.trim().split(" ");
		t.log(`${fetched} in ${SECONDS} s; ${again}`);
		await polytap.settled(120_000);
		await until(() => mapBytes(polytap.pid) - before.maps < MIB, "what the kernel held for connections is free").catch(
			(error: Error) => t.log(error.message),
		);
		const after = { maps: mapBytes(polytap.pid), slab: slabBytes() };
		const { totals, stderr, code } = await polytap.stop();
		t.is(code, 0, stderr);
		const { right = 0, mixed = 0, unwhole = 0, unexplained = 0 } = totals.sinks.checker?.counters ?? {};
		const { counters } = totals.sources.node!;
		t.log(stderr);
		t.log(`right ${right}, mixed ${mixed}, unwhole ${unwhole}; lost ${JSON.stringify(totals.bytes.lost)}`);
		const [first, last] = [samples[Math.floor(samples.length / 3)], samples.at(-1)];
		t.log(
			`maps ${mib(before.maps)} before, ${mib(whileOpen.maps)} open, ${mib(after.maps)} after; kernel ${mib(before.slab)}, ${mib(whileOpen.slab)}, ${mib(after.slab)} MiB`,
		);
		t.log(
			`memory ${mib(first?.rss ?? 0)} after a third, ${mib(last?.rss ?? 0)} MiB at the end; ${samples.length} looks`,
		);

		for (const [, , wrong] of [holding, fetched, again]) t.is(wrong, "0", "the server itself mixed answers");
		t.is(mixed, 0);
		t.is(unexplained, 0);
		const answered = Number(holding[1]) + Number(fetched[1]) + Number(again[1]);
		if (IS_LONG) t.true(right > 0 && right <= answered);
		else {
			t.is(right, answered);
			t.deepEqual(totals.bytes.lost, {});
		}
		t.is(totals.bytes.lost.missed ?? 0, 0);
		t.is(counters.sockets_open, 0, "sockets are still known");
		t.is(totals.engine.connections_open, 0, "connections are still known");
		t.true(after.maps - before.maps < MIB, `maps grew from ${mib(before.maps)} to ${mib(after.maps)} MiB`);
		if (IS_LONG) t.true((last?.rss ?? 0) - (first?.rss ?? 0) < 64 * MIB, "memory grew");
	});
});
