/**
 * `node dist/test/compare/agreement.js FILE-OR-FOLDER...`: exchange by exchange, does tshark see the same in these captures?
 * Prints a table with one line for each protocol of each capture, and what differs. Exits with 1 where something does: either
 * may be wrong. A protocol takes part by a file in `dialects/`.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import type { Exchange } from "../../core/index.js";
import { missing } from "../e2e/support/needs.js";
import { capturesIn } from "./captures.js";
import type { Dialect } from "./dialect.js";
import { dialects } from "./dialects/index.js";
import { recordsByPolytap } from "./polytap.js";
import { messagesByTshark } from "./tshark-messages.js";

interface Agreement {
	readonly protocol: string;
	readonly ours: number;
	readonly theirs: number;
	readonly same: number;
	readonly differences: readonly string[];
}

async function agreement(
	file: string,
	dialect: Dialect,
	records: readonly Exchange[],
	scratch: string,
): Promise<Agreement | null> {
	const ours = new Map<string, string[]>();
	const servers = new Set<string>();
	for (const record of records) {
		if (record.protocol !== dialect.protocol) continue;
		const { client, server } = record.connection;
		const key = `${client.address}:${client.port}>${server.address}:${server.port}`;
		servers.add(`${server.address}:${server.port}`);
		const lines = ours.get(key) ?? [];
		ours.set(key, lines);
		const line = dialect.ofRecord(record);
		if (line !== null) lines.push(line);
	}
	const theirs = new Map<string, readonly string[]>();
	for (const [key, messages] of await messagesByTshark(file, dialect, servers, scratch))
		theirs.set(key, dialect.ofMessages(messages));
	const differences: string[] = [];
	let same = 0;
	for (const key of new Set([...ours.keys(), ...theirs.keys()])) {
		const left = [...(theirs.get(key) ?? [])];
		const alone: string[] = [];
		for (const line of ours.get(key) ?? []) {
			// what comes out later than it was asked is the same exchange all the same
			const at = left.indexOf(line);
			if (at < 0) alone.push(line);
			else {
				left.splice(at, 1);
				same++;
			}
		}
		differences.push(...alone.map((line) => `polytap alone: ${line}`), ...left.map((line) => `tshark alone: ${line}`));
	}
	const count = (all: ReadonlyMap<string, readonly string[]>): number =>
		[...all.values()].reduce((sum, { length }) => sum + length, 0);
	if (count(ours) === 0 && count(theirs) === 0) return null;
	return { protocol: dialect.protocol, ours: count(ours), theirs: count(theirs), same, differences };
}

async function main(paths: readonly string[]): Promise<number> {
	const why = paths.length === 0 ? "name at least one capture or folder" : missing("tshark");
	if (why !== null) {
		console.error(why);
		return 2;
	}
	const folder = await mkdtemp(join(tmpdir(), "polytap-agreement-"));
	const scratch = join(folder, "output");
	const shown: string[] = [];
	console.log("| capture | protocol | exchanges of polytap | of tshark | the same |\n|---|---|---|---|---|");
	try {
		for (const file of (await Promise.all(paths.map(capturesIn))).flat()) {
			const name = join(basename(dirname(file)), basename(file));
			const records = await recordsByPolytap(file, scratch);
			for (const dialect of dialects) {
				const found = await agreement(file, dialect, records, scratch);
				if (found === null) continue;
				const { protocol, ours, theirs, same, differences } = found;
				console.log(`| ${name} | ${protocol} | ${ours} | ${theirs} | ${same} |`);
				shown.push(...differences.map((difference) => `- ${name}: ${difference}`));
			}
		}
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
	if (shown.length > 0) console.log(`\n${shown.join("\n")}`);
	return shown.length > 0 ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));
