/**
 * `node dist/test/compare-with-tshark.js FILE-OR-FOLDER...`: does tshark see the same in these captures? One line for each
 * file; what differs is shown. Exits with 1 where something does. Differences are to be looked at: either may be wrong.
 */
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { capturesIn } from "./compare/captures.js";
import type { HttpMessage, HttpMessages } from "./compare/opinion.js";
import { httpByPolytap, transportByPolytap } from "./compare/polytap.js";
import { httpByTshark, transportByTshark } from "./compare/tshark.js";
import { missing } from "./e2e/support/needs.js";

/** What tshark prints about HTTP is some ten times as much, and is read as a whole. */
const MAX_HTTP_BYTES = 32 << 20;
const MAX_SHOWN = 5;

interface Verdict {
	readonly differences: readonly string[];
	readonly seen: string;
}

async function compare(file: string, scratch: string): Promise<Verdict> {
	const differences: string[] = [];
	const ours = await transportByPolytap(file);
	const theirs = await transportByTshark(file, scratch);
	for (const name of Object.keys(ours) as (keyof typeof ours)[])
		if (ours[name] !== theirs[name]) differences.push(`${name}: ${ours[name]}, tshark ${theirs[name]}`);
	let seen = `${ours.packets} packets, ${ours.tcpConnectionsWithPayload} TCP, ${ours.udpFlows} UDP, ${ours.tcpPayloadBytes + ours.udpPayloadBytes} bytes`;
	const messages = await httpByPolytap(file, scratch);
	if ((await stat(file)).size > MAX_HTTP_BYTES) return { differences, seen: `${seen}, too large to compare HTTP` };
	const ports = new Set([...messages.keys()].filter((key) => isOfClient(messages, key)).map(portOfReceiver));
	differences.push(...httpDifferences(messages, await httpByTshark(file, ports, scratch)));
	const all = [...messages.values()].flat();
	const cut = all.filter(({ body }) => body === null).length;
	seen += `, ${all.length} HTTP messages`;
	return { differences, seen: cut === 0 ? seen : `${seen} of which ${cut} incomplete` };
}

function isOfClient(messages: HttpMessages, key: string): boolean {
	return messages.get(key)?.some(({ start }) => start.includes(" ")) ?? false;
}

function portOfReceiver(key: string): string {
	return key.slice(key.lastIndexOf(":") + 1);
}

function httpDifferences(ours: HttpMessages, theirs: HttpMessages): string[] {
	const differences: string[] = [];
	for (const key of new Set([...ours.keys(), ...theirs.keys()])) {
		const mine = ours.get(key) ?? [];
		const other = [...(theirs.get(key) ?? [])];
		for (const [i, message] of mine.entries()) {
			// tshark leaves most messages out that have a hole
			if (message.body === null && other[0]?.start !== message.start) continue;
			const opposite = other.shift();
			const difference = opposite === undefined ? "tshark has none" : messageDifference(message, opposite);
			if (difference !== null) differences.push(`${key} message ${i}, ${message.start}: ${difference}`);
		}
		for (const { start } of other) differences.push(`${key}: tshark has one more, ${start}`);
	}
	return differences;
}

function messageDifference(mine: HttpMessage, other: HttpMessage): string | null {
	if (mine.start !== other.start) return `tshark ${other.start}`;
	if (mine.headers.join("\n") !== other.headers.join("\n"))
		return `headers ${JSON.stringify(mine.headers)}, tshark ${JSON.stringify(other.headers)}`;
	if (mine.body === null || other.body === null || mine.body.equals(other.body)) return null;
	return `a body of ${mine.body.length} bytes, tshark ${other.body.length}`;
}

async function main(paths: readonly string[]): Promise<number> {
	const why = paths.length === 0 ? "name at least one capture or folder" : missing("tshark");
	if (why !== null) {
		console.error(why);
		return 2;
	}
	const folder = await mkdtemp(join(tmpdir(), "polytap-compare-"));
	let differing = 0;
	let files = 0;
	try {
		for (const file of (await Promise.all(paths.map(capturesIn))).flat()) {
			files++;
			const { differences, seen } = await compare(file, join(folder, "output")).catch((error: unknown) => ({
				differences: [error instanceof Error ? error.message : String(error)],
				seen: "not compared",
			}));
			if (differences.length > 0) differing++;
			console.log(`${differences.length === 0 ? "agree " : "differ"} ${file}: ${seen}`);
			for (const difference of differences.slice(0, MAX_SHOWN)) console.log(`       ${difference}`);
			if (differences.length > MAX_SHOWN) console.log(`       and ${differences.length - MAX_SHOWN} more`);
		}
	} finally {
		await rm(folder, { recursive: true });
	}
	console.log(`${files - differing} of ${files} agree`);
	return differing === 0 && files > 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
