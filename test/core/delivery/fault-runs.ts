/**
 * What a spool promises, in processes that are killed and with a sink that is away. The tests run short versions; the long
 * ones: `node dist/test/core/delivery/fault-runs.js [--down 60] [--rate 5000] [--kills 30]`.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { FaultChildOptions } from "./fault-child.js";
import { exchangeOf } from "./spool/harness.js";

const CHILD = fileURLToPath(new URL("./fault-child.js", import.meta.url));
const CONNECTIONS = 64;

export interface Delivered {
	/** Different ones. */
	readonly exchanges: number;
	readonly duplicates: number;
	/** Copies whose id differs from the first one's. */
	readonly wrongIds: number;
	/** First copies that came after a later one of their connection. */
	readonly outOfOrder: number;
	readonly numbers: ReadonlySet<number>;
}

function start(options: FaultChildOptions) {
	const child = spawn(process.execPath, [CHILD, JSON.stringify(options)], { stdio: ["ignore", "pipe", "pipe"] });
	return { child, out: text(child.stdout), err: text(child.stderr), exit: once(child, "exit") };
}

function delivered(folder: string): Delivered {
	const numbers = new Set<number>();
	const last = new Map<number, number>();
	let duplicates = 0;
	let wrongIds = 0;
	let outOfOrder = 0;
	for (const line of readFileSync(join(folder, "out"), "latin1").split("\n").slice(0, -1)) {
		const [number = 0, id] = [Number(line.split(" ")[0]), line.split(" ")[1]];
		if (id !== exchangeOf(number, CONNECTIONS).id) wrongIds++;
		if (numbers.has(number)) {
			duplicates++;
			continue;
		}
		numbers.add(number);
		const connection = number % CONNECTIONS;
		if (number < (last.get(connection) ?? -1)) outOfOrder++;
		last.set(connection, number);
	}
	return { exchanges: numbers.size, duplicates, wrongIds, outOfOrder, numbers };
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
	const folder = mkdtempSync(join(tmpdir(), "polytap-faults-"));
	try {
		writeFileSync(join(folder, "out"), "");
		return await work(folder);
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
}

/** A sink that is away for a while, at a rate; then all is delivered. */
export function outage(downMs: number, perSecond: number) {
	return inFolder(async (folder) => {
		const upMs = 1_000;
		const count = Math.round(((downMs + 2 * upMs) / 1000) * perSecond);
		const options = { folder, from: 0, count, perSecond, always: false, connections: CONNECTIONS, drains: true };
		const { out, err, exit } = start(options);
		await delay(upMs);
		writeFileSync(join(folder, "down"), "");
		await delay(downMs);
		const before = delivered(folder).exchanges;
		rmSync(join(folder, "down"));
		await exit;
		const counters = JSON.parse(await out) as Record<string, number>;
		return { count, before, ...delivered(folder), warnings: await err, counters };
	});
}

/** Killed again and again with a sink that comes and goes; what was acknowledged must be there at the end. */
export function kills(rounds: number, perSecond: number, random: () => number) {
	return inFolder(async (folder) => {
		const common = { folder, perSecond, always: true, connections: CONNECTIONS };
		const acknowledged: { readonly from: number; readonly count: number }[] = [];
		let from = 0;
		for (let round = 0; round < rounds; round++) {
			const count = perSecond * 60;
			writeFileSync(join(folder, "acknowledged"), "0");
			const { child, exit } = start({ ...common, from, count, drains: false });
			// a machine that is busy starts it late: its time counts from its first acknowledgement
			for (let looks = 0; looks < 600 && Number(readFileSync(join(folder, "acknowledged"), "latin1")) === 0; looks++)
				await delay(50);
			await delay(200 + random() * 300);
			if (round % 3 !== 2) writeFileSync(join(folder, "down"), "");
			await delay(random() * 600);
			if (round % 3 === 1) rmSync(join(folder, "down"), { force: true });
			await delay(random() * 300);
			child.kill("SIGKILL");
			await exit;
			// killed while it noted it: then the file is empty
			acknowledged.push({ from, count: Number(readFileSync(join(folder, "acknowledged"), "latin1") || 0) });
			from += count;
		}
		rmSync(join(folder, "down"), { force: true });
		const { out, err, exit } = start({ ...common, from, count: 0, drains: true });
		await exit;
		const all = delivered(folder);
		let lost = 0;
		for (const one of acknowledged)
			for (let number = one.from; number < one.from + one.count; number++) if (!all.numbers.has(number)) lost++;
		const promised = acknowledged.reduce((sum, { count }) => sum + count, 0);
		return { rounds, acknowledged: promised, lost, ...all, warnings: await err, left: await out };
	});
}

async function main(): Promise<void> {
	const { values } = parseArgs({
		options: {
			down: { type: "string", default: "60" },
			rate: { type: "string", default: "5000" },
			kills: { type: "string", default: "30" },
		},
	});
	const rate = Number(values.rate);
	const { numbers: _, ...away } = await outage(Number(values.down) * 1000, rate);
	process.stdout.write(`a sink away for ${values.down} s at ${rate}/s: ${JSON.stringify(away, null, "\t")}\n`);
	const { numbers: __, left: ___, ...killed } = await kills(Number(values.kills), rate, Math.random);
	process.stdout.write(`${values.kills} times kill -9: ${JSON.stringify(killed, null, "\t")}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
