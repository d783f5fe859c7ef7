/** Clients of several TLS libraries that send bodies made from ids to `/echo/ID`, each in its own way. */
import { writeFile } from "node:fs/promises";
import { connect } from "node:http2";
import { join } from "node:path";
import { bodyOf, idOf } from "./body.js";
import { Client, sha256 } from "./client.js";
import { REPOSITORY } from "./polytap.js";
import { runProgram } from "./program.js";
import type { Scope } from "./scope.js";

export interface TlsLoad {
	readonly port: number;
	/** First three digits of every id. */
	readonly load: number;
	readonly count: number;
	readonly size: number;
}

const PATIENCE_MS = 120_000;

/** Throws unless every answer was what was sent. */
export type SendLoad = (scope: Scope, load: TlsLoad) => Promise<void>;

/** curl: one process, connections kept or not, HTTP/1.1 or HTTP/2. */
export const curlLoad =
	(version: "1.1" | "2", keepAlive = true): SendLoad =>
	async (scope, { port, load, count, size }) => {
		const folder = await scope.folder();
		const parts: string[] = [];
		for (let n = 0; n < count; n++) {
			const id = idOf(load, n);
			await writeFile(join(folder, id), bodyOf(id, size));
			const lines = [
				`url = "https://127.0.0.1:${port}/echo/${id}"`,
				"insecure",
				"silent",
				version === "2" ? "http2" : "http1.1",
				'header = "Expect:"',
				'header = "Content-Type: text/plain"',
				...(keepAlive ? [] : ['header = "Connection: close"']),
				`data-binary = "@${join(folder, id)}"`,
				`output = "${join(folder, `${id}.answer`)}"`,
			];
			parts.push(lines.join("\n"));
		}
		await writeFile(join(folder, "config"), parts.join("\nnext\n"));
		await runProgram("curl", ["-K", join(folder, "config")], PATIENCE_MS);
	};

/** Node.js, eight connections at once, kept or not. */
export const nodeLoad =
	(keepAlive = true): SendLoad =>
	async (scope, { port, load, count, size }) => {
		const client = new Client({ port, load, size, keepAlive, tls: true });
		scope.defer(() => client.close());
		await client.rounds(Math.ceil(count / 8));
		client.close();
		if (client.failures[0] !== undefined) throw client.failures[0];
		for (const { id, requestSha256, responseSha256 } of client.sent)
			if (requestSha256 !== responseSha256) throw new Error(`${id}: another answer`);
	};

/** Node.js, HTTP/2, eight streams at once on one connection. */
export const http2Load: SendLoad = async (_scope, { port, load, count, size }) => {
	const session = connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
	const one = (id: string): Promise<void> =>
		new Promise((resolve, reject) => {
			const body = bodyOf(id, size);
			const stream = session.request({
				":method": "POST",
				":path": `/echo/${id}`,
				"content-type": "text/plain",
				"content-length": body.length,
			});
			const chunks: Buffer[] = [];
			stream.on("data", (chunk: Buffer) => chunks.push(chunk));
			stream.on("error", reject);
			stream.on("end", () => {
				if (sha256(Buffer.concat(chunks)) === sha256(body)) resolve();
				else reject(new Error(`${id}: another answer`));
			});
			stream.end(body);
		});
	try {
		for (let n = 0; n < count; n += 8)
			await Promise.all(Array.from({ length: Math.min(8, count - n) }, (_, i) => one(idOf(load, n + i))));
	} finally {
		await new Promise<void>((resolve) => session.close(resolve));
	}
};

/** Python: `requests` (one connection), `fresh` (one each), `asyncio` (eight, the encrypted bytes moved by asyncio itself). */
export const pythonLoad =
	(kind: "requests" | "fresh" | "asyncio"): SendLoad =>
	async (_scope, { port, load, count, size }) => {
		const script = join(REPOSITORY, "test/e2e/support/tls-client.py");
		const { stdout } = await runProgram(
			"python3",
			[script, kind, ...[port, load, count, size].map(String)],
			PATIENCE_MS,
		);
		const answers = new Map(
			stdout
				.trim()
				.split("\n")
				.map((line) => line.split(" ") as [string, string]),
		);
		for (let n = 0; n < count; n++) {
			const id = idOf(load, n);
			if (answers.get(id) !== sha256(bodyOf(id, size))) throw new Error(`${id}: another answer`);
		}
	};

/** Why Python's clients cannot run here, or null. */
export async function missingPython(): Promise<string | null> {
	try {
		await runProgram("python3", ["-c", "import requests, ssl, asyncio"], 60_000);
		return null;
	} catch {
		return "python3 with requests is not installed";
	}
}
