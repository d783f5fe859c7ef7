/**
 * `node dist/test/compare/agreement.js [--each] FILE-OR-FOLDER...`: exchange by exchange, does tshark see the same in these
 * captures? Prints a table with one line for each protocol of each capture (`--each`: another one with a line for each exchange,
 * without anything that was said in it), and what differs. Exits with 1 where something does: either may be wrong. A protocol
 * takes part by a file in `dialects/`.
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
	/** Of each exchange the command, and who saw it so. */
	readonly each: readonly (readonly [string, Seer])[];
}

type Seer = "both the same" | "both, answered otherwise" | "polytap alone" | "tshark alone";

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
	const all: [string, Seer][] = [];
	for (const key of new Set([...ours.keys(), ...theirs.keys()])) {
		const left = [...(theirs.get(key) ?? [])];
		for (const line of ours.get(key) ?? []) {
			// what comes out later than it was asked is the same exchange all the same
			const at = left.indexOf(line);
			all.push([line, at < 0 ? "polytap alone" : "both the same"]);
			if (at >= 0) left.splice(at, 1);
		}
		for (const line of left) {
			const mine = all.find(([own, by]) => by === "polytap alone" && questionOf(own) === questionOf(line));
			if (mine === undefined) all.push([line, "tshark alone"]);
			else mine.splice(0, 2, `${mine[0]}, tshark: ${line}`, "both, answered otherwise");
		}
	}
	if (all.length === 0) return null;
	const count = (seer: Seer): number => all.filter(([, by]) => by === seer).length;
	const same = count("both the same");
	const both = same + count("both, answered otherwise");
	return {
		protocol: dialect.protocol,
		ours: both + count("polytap alone"),
		theirs: both + count("tshark alone"),
		same,
		differences: all.flatMap(([line, by]) => (by === "both the same" ? [] : [`${by}: ${line}`])),
		each: all.map(([line, by]) => [line.split(" ", 1)[0] ?? "", by]),
	};
}

const questionOf = (line: string): string => line.split(" → ", 1)[0] ?? "";

async function main(words: readonly string[]): Promise<number> {
	const paths = words.filter((word) => word !== "--each");
	const each: string[] = [];
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
				each.push(...found.each.map(([what, by], i) => `| ${name} | ${protocol} | ${i + 1} | ${what} | ${by} |`));
				console.log(`| ${name} | ${protocol} | ${ours} | ${theirs} | ${same} |`);
				shown.push(...differences.map((difference) => `- ${name}: ${difference}`));
			}
		}
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
	if (paths.length < words.length)
		console.log(["\n| capture | protocol | exchange | command | seen by |\n|---|---|---|---|---|", ...each].join("\n"));
	if (shown.length > 0) console.log(`\n${shown.join("\n")}`);
	return shown.length > 0 ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));
