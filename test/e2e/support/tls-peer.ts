import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Certificate } from "./certificate.js";
import { REPOSITORY } from "./polytap.js";
import { runProgram } from "./program.js";

const COMPILE_MS = 120_000;
const TALK_MS = 240_000;

let compiled: Promise<string> | null = null;

/** The compiled tls-peer.c, once for this process. */
export function tlsPeer(): Promise<string> {
	compiled ??= compile();
	return compiled;
}

async function compile(): Promise<string> {
	const folder = mkdtempSync(join(tmpdir(), "polytap-tls-"));
	process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
	const program = join(folder, "tls-peer");
	const source = join(REPOSITORY, "test/e2e/support/tls-peer.c");
	await runProgram("cc", ["-O2", "-D_GNU_SOURCE", "-pthread", "-o", program, source, "-lssl", "-lcrypto"], COMPILE_MS);
	return program;
}

export interface PeerLoad {
	readonly port: number;
	readonly load: number;
	readonly count: number;
	readonly size: number;
}

/** Server and client that use OpenSSL in this way; what they said goes to `accessLog`. Resolves to the client's port of each id. */
export async function tlsPeerTalk(
	way: string,
	{ certificate, key }: Certificate,
	{ port, load, count, size }: PeerLoad,
	accessLog: string,
): Promise<ReadonlyMap<string, number>> {
	const words = [String(port), certificate, key, way, ...[load, count, size].map(String)];
	const { stdout } = await runProgram(await tlsPeer(), words, TALK_MS);
	await writeFile(accessLog, stdout, { flag: "a" });
	const lines = readFileSync(accessLog, "latin1").trim().split("\n");
	return new Map(lines.map((line) => [line.slice("/echo/".length).slice(0, 12), Number(line.split(" ")[3])]));
}
