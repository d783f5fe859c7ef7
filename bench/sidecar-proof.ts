/**
 * `node dist/bench/sidecar-proof.js [exchanges [proof]]`: the sidecar before nginx and PostgreSQL, plain and with its TLS opened, and
 * HTTP/2 with ALPN: each body that was recorded is compared by SHA-256 with what client and server know of it.
 */
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { request as httpRequest, Agent as PlainAgent } from "node:http";
import { createSecureServer, connect as http2Connect } from "node:http2";
import { Agent, request as httpsRequest } from "node:https";
import { join } from "node:path";
import type { Exchange } from "../core/index.js";
import { startNginx } from "../test/e2e/support/nginx.js";
import { startPostgresql } from "../test/e2e/support/postgresql.js";
import { type Scope, withScope } from "../test/e2e/support/scope.js";
import { legOf, makeCertificate, sha256, startSidecar } from "../test/e2e/support/sidecar.js";

const EXCHANGES = Number(process.argv[2] ?? 10_000);
const SIZES = [0, 1, 100, 1_000, 10_000];
const LANES = 8;

const bodyOf = (n: number): Buffer => {
	const size = n % 500 === 499 ? 300_000 : SIZES[n % SIZES.length]!;
	const seed = createHash("sha256").update(String(n)).digest();
	return Buffer.alloc(size, seed);
};

/** Posts each body and looks at the echo. */
async function load(post: (path: string, body: Buffer) => Promise<Buffer>): Promise<Map<string, string>> {
	const sent = new Map<string, string>();
	let next = 0;
	await Promise.all(
		Array.from({ length: LANES }, async () => {
			while (next < EXCHANGES) {
				const n = next++;
				const body = bodyOf(n);
				const sha = sha256(body);
				const echoed = await post(`/echo/${n}`, body);
				if (sha256(echoed) !== sha) throw new Error(`body ${n} was not relayed as it is`);
				sent.set(`/echo/${n}`, sha);
			}
		}),
	);
	return sent;
}

function judge(name: string, exchanges: readonly Exchange[], sent: ReadonlyMap<string, string>, started: number): void {
	for (const leg of ["downstream", "upstream"]) {
		let equal = 0;
		const seen = new Set<string>();
		for (const { request, response, kind } of exchanges.filter(legOf(leg))) {
			if (kind !== "exchange" || request === null || response === null) continue;
			const path = String(request.attributes["url.path"]);
			const isEqual = [request, response].every(
				({ body }) => sha256(Buffer.from(body.data as string, body.encoding as "utf8")) === sent.get(path),
			);
			if (isEqual && !seen.has(path)) equal++;
			seen.add(path);
		}
		const isFine = equal === sent.size && seen.size === sent.size;
		if (!isFine) process.exitCode = 1;
		const seconds = ((performance.now() - started) / 1000).toFixed(1);
		console.log(`${name}, ${leg}: ${sent.size} sent, ${seen.size} recorded, ${equal} equal by SHA-256 (${seconds} s)`);
	}
}

function poster(send: typeof httpRequest | typeof httpsRequest, port: number, options: object) {
	return (path: string, body: Buffer) =>
		new Promise<Buffer>((resolve, reject) => {
			const headers = { "content-length": body.length };
			const call = send({ host: "127.0.0.1", port, path, method: "POST", headers, ...options }, (response) => {
				const pieces: Buffer[] = [];
				response.on("data", (piece: Buffer) => pieces.push(piece));
				response.on("end", () => resolve(Buffer.concat(pieces)));
				response.on("error", reject);
			});
			call.on("error", reject);
			call.end(body);
		});
}

async function plainNginx(scope: Scope): Promise<void> {
	const nginx = await startNginx(scope);
	const sidecar = await startSidecar(scope, { source: { upstream: `127.0.0.1:${nginx.port}`, tee_bytes: 1 << 26 } });
	const started = performance.now();
	const sent = await load(poster(httpRequest, sidecar.port, { agent: new PlainAgent({ keepAlive: true }) }));
	judge("nginx, plain", (await sidecar.stop()).exchanges, sent, started);
}

/** TLS is opened at the relay and goes on plain to nginx. */
async function tlsNginx(scope: Scope): Promise<void> {
	const nginx = await startNginx(scope);
	const ca = join(await scope.folder(), "ca");
	const tls = { mode: "intercept", ca_folder: ca, upstream: "plain" };
	const sidecar = await startSidecar(scope, {
		source: { upstream: `127.0.0.1:${nginx.port}`, tee_bytes: 1 << 26, tls },
	});
	const options = {
		agent: new Agent({ keepAlive: true }),
		servername: "a.test",
		ca: await readFile(join(ca, "ca.pem")),
	};
	const started = performance.now();
	const sent = await load(poster(httpsRequest, sidecar.port, options));
	judge("nginx, TLS ended at the relay", (await sidecar.stop()).exchanges, sent, started);
}

async function http2(scope: Scope): Promise<void> {
	const folder = await scope.folder();
	const { key, cert } = await makeCertificate(folder, "a.test");
	const server = createSecureServer({ key: await readFile(key), cert: await readFile(cert) });
	server.on("stream", (stream) => {
		stream.respond({ ":status": 200 });
		stream.pipe(stream);
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	scope.defer(() => server.close());
	const address = server.address();
	if (address === null || typeof address === "string") throw new Error("no address");
	const ca = join(folder, "ca");
	const tls = { mode: "intercept", ca_folder: ca, upstream_ca_file: cert };
	const sidecar = await startSidecar(scope, {
		source: { upstream: `127.0.0.1:${address.port}`, tee_bytes: 1 << 26, tls },
	});
	const client = http2Connect(`https://127.0.0.1:${sidecar.port}`, {
		ca: await readFile(join(ca, "ca.pem")),
		servername: "a.test",
	});
	const started = performance.now();
	const sent = await load(
		(path, body) =>
			new Promise((resolve, reject) => {
				const stream = client.request({ ":path": path, ":method": "POST", ":authority": "a.test" });
				const pieces: Buffer[] = [];
				stream.on("data", (piece: Buffer) => pieces.push(piece));
				stream.on("end", () => resolve(Buffer.concat(pieces)));
				stream.on("error", reject);
				stream.end(body);
			}),
	);
	const alpn = client.alpnProtocol;
	client.close();
	judge(`HTTP/2, TLS both ways, ALPN ${alpn}`, (await sidecar.stop()).exchanges, sent, started);
}

async function postgresql(scope: Scope, withTls: boolean): Promise<void> {
	const cluster = await startPostgresql(scope, { hasTls: withTls });
	const folder = await scope.folder();
	const tls = { mode: "intercept", ca_folder: join(folder, "ca"), upstream_verify: false };
	const sidecar = await startSidecar(scope, {
		source: { upstream: `127.0.0.1:${cluster.port}`, tee_bytes: 1 << 26, ...(withTls ? { tls } : {}) },
	});
	const script = join(folder, "script.sql");
	await writeFile(script, `\\set n random(1, 100000)\nselect :n as n, repeat(md5(:n::text), 4) as text;\n`);
	const url = `host=127.0.0.1 port=${sidecar.port} user=postgres dbname=postgres sslmode=${withTls ? "require" : "disable"}`;
	const started = performance.now();
	const run = await cluster.run("pgbench", ["-n", "-c", "4", "-t", String(EXCHANGES / 4), "-f", script, url], 300_000);
	const processed = /actually processed: (\d+)/.exec(run.stdout)?.[1];
	const { exchanges } = await sidecar.stop();
	for (const leg of ["downstream", "upstream"]) {
		let equal = 0;
		for (const { request, response } of exchanges.filter(legOf(leg))) {
			const n = /^select (\d+) as n/.exec(String(request?.attributes["db.query.text"]))?.[1];
			if (n === undefined) continue;
			const text = createHash("md5").update(n).digest("hex").repeat(4);
			if (JSON.stringify(response?.body.data ?? null).includes(text)) equal++;
		}
		if (equal !== Number(processed)) process.exitCode = 1;
		const seconds = ((performance.now() - started) / 1000).toFixed(1);
		console.log(
			`PostgreSQL, ${withTls ? "TLS opened in the middle" : "plain"}, ${leg}: ${processed} statements, ${equal} recorded with the right row (${seconds} s)`,
		);
	}
}

const proofs: Readonly<Record<string, (scope: Scope) => Promise<void>>> = {
	nginx: plainNginx,
	"nginx-tls": tlsNginx,
	http2,
	postgresql: (scope) => postgresql(scope, false),
	"postgresql-tls": (scope) => postgresql(scope, true),
};
const only = process.argv[3];
for (const [name, proof] of Object.entries(proofs)) if (only === undefined || only === name) await withScope(proof);
