/** Spools in folders of their own, and exchanges of several connections. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Spool, type SpoolOptions } from "../../../../core/delivery/spool/spool.js";
import type { Exchange } from "../../../../core/index.js";
import { sampleBody, sampleExchange, sampleMessage } from "../../sample-exchange.js";

const root = folderIn(tmpdir());
let folders = 0;

export function freshFolder(): string {
	return join(root, String(folders++));
}

/** Where a sync costs nothing, for tests of what was or was not synced that need thousands of spools. */
export function folderInMemory(): string {
	memory ??= existsSync("/dev/shm") ? folderIn("/dev/shm") : root;
	return join(memory, String(folders++));
}

let memory: string | undefined;

function folderIn(path: string): string {
	const folder = mkdtempSync(join(path, "polytap-spool-"));
	process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
	return folder;
}

export interface Opened {
	readonly spool: Spool;
	readonly told: string[];
}

export async function openSpool(path: string, options: Partial<SpoolOptions> = {}): Promise<Opened> {
	const told: string[] = [];
	const spool = await Spool.open(
		{ path, maxBytes: 2 ** 26, syncMs: 10, whenFull: "drop_newest", ...options },
		{
			full: (reason) => told.push(`full: ${reason}`),
			failed: (error) => told.push(`failed: ${(error as Error).message}`),
			damaged: (bytes, records) => told.push(`damaged: ${bytes > 0 ? "bytes" : "0"}, ${records}`),
		},
	);
	return { spool, told };
}

/** Number `number` of connection `number % connections`; its id says both. */
export function exchangeOf(number: number, connections = 1, data = "hello"): Exchange {
	const connection = (number % connections).toString(16).padStart(16, "0");
	const sample = sampleExchange();
	return {
		...sample,
		id: connection + number.toString(16).padStart(16, "0"),
		connection: { ...sample.connection, id: `${connection}0000000000000000` },
		summary: { operation: String(number), result: "200" },
		response: sampleMessage({ body: sampleBody(data) }),
	};
}

export const numberOf = (exchange: Exchange): number => Number(exchange.summary.operation);

/** Reads until nothing is there; everything is done at once unless `isDone` says otherwise. */
export async function readAll(spool: Spool, isDone: (number: number) => boolean = () => true): Promise<Exchange[]> {
	const out: Exchange[] = [];
	for (let records = await spool.read(); records !== null; records = await spool.read())
		for (const { sequence, exchange } of records) {
			out.push(exchange);
			if (isDone(numberOf(exchange))) spool.done(sequence);
		}
	return out;
}

/** Ticks until the condition holds; false where it does not within 20 s. */
export async function until(condition: () => boolean, tick: () => void): Promise<boolean> {
	for (let turn = 0; turn < 4_000; turn++) {
		tick();
		if (condition()) return true;
		await delay(5);
	}
	return false;
}
