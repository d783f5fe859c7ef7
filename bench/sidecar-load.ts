/**
 * The load of `sidecar-proof.js`, a program of its own so that it can run in a network namespace: `node dist/bench/sidecar-load.js
 * '{"urls": […], "exchanges": N, …}'`. Posts bodies and looks at the echoes; ends with code 1 where one is not what was sent.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { request as httpRequest, Agent as PlainAgent } from "node:http";
import { connect } from "node:http2";
import { Agent, request as httpsRequest } from "node:https";
import { fileURLToPath } from "node:url";
import { sha256 } from "../test/e2e/support/client.js";

export interface SidecarLoad {
	/** Where it goes, in turn: scheme, host, port. */
	readonly urls: readonly string[];
	readonly exchanges: number;
	readonly version: "1.1" | "2";
	/** Who signs the server's certificate, and its name; null: without TLS. */
	readonly tls: { readonly caFile: string; readonly name: string } | null;
}

const SIZES = [0, 1, 100, 1_000, 10_000];
const LARGE = 300_000;
const LANES = 8;

export const pathOf = (n: number): string => `/echo/${n}`;

export function bodyOf(n: number): Buffer {
	const size = n % 500 === 499 ? LARGE : SIZES[n % SIZES.length]!;
	return Buffer.alloc(size, createHash("sha256").update(String(n)).digest());
}

type Post = (path: string, body: Buffer) => Promise<Buffer>;

function overHttp1(url: string, tls: SidecarLoad["tls"]): Post {
	const send = tls === null ? httpRequest : httpsRequest;
	const options =
		tls === null
			? { agent: new PlainAgent({ keepAlive: true }) }
			: { agent: new Agent({ keepAlive: true }), servername: tls.name, ca: readFileSync(tls.caFile) };
	return (path, body) =>
		new Promise((resolve, reject) => {
			const headers = { "content-length": body.length };
			const call = send(`${url}${path}`, { method: "POST", headers, ...options }, (response) => {
				const pieces: Buffer[] = [];
				response.on("data", (piece: Buffer) => pieces.push(piece));
				response.on("end", () => resolve(Buffer.concat(pieces)));
				response.on("error", reject);
			});
			call.on("error", reject);
			call.end(body);
		});
}

function overHttp2(url: string, tls: SidecarLoad["tls"]): Post {
	const session = connect(url, tls === null ? {} : { ca: readFileSync(tls.caFile), servername: tls.name });
	return (path, body) =>
		new Promise((resolve, reject) => {
			session.once("error", reject);
			const stream = session.request({ ":path": path, ":method": "POST", "content-length": body.length });
			const pieces: Buffer[] = [];
			stream.on("data", (piece: Buffer) => pieces.push(piece));
			stream.on("end", () => {
				session.off("error", reject);
				if (tls !== null && session.alpnProtocol !== "h2") reject(new Error(`ALPN: ${session.alpnProtocol}`));
				resolve(Buffer.concat(pieces));
			});
			stream.on("error", reject);
			stream.end(body);
		});
}

async function run({ urls, exchanges, version, tls }: SidecarLoad): Promise<void> {
	const posts = urls.map((url) => (version === "2" ? overHttp2 : overHttp1)(url, tls));
	let next = 0;
	await Promise.all(
		Array.from({ length: LANES }, async (_, lane) => {
			const post = posts[lane % posts.length]!;
			while (next < exchanges) {
				const n = next++;
				const body = bodyOf(n);
				const echoed = await post(pathOf(n), body);
				if (sha256(echoed) !== sha256(body)) throw new Error(`body ${n} was not relayed as it is`);
			}
		}),
	);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	await run(JSON.parse(process.argv[2] ?? "{}"));
	process.exit(0);
}
