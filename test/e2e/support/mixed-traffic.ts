/** HTTP/1.1, HTTP/2, PostgreSQL and Redis side by side: real servers, real load generators, whole numbers of exchanges. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bodyOf, idOf } from "./body.js";
import { startNginx } from "./nginx.js";
import { accepts, freePort } from "./port.js";
import { startPostgresql } from "./postgresql.js";
import { Program, runProgram } from "./program.js";
import type { Scope } from "./scope.js";

export const PROTOCOLS = ["http1", "http2", "postgresql", "redis"] as const;
export type Spoken = (typeof PROTOCOLS)[number];

export interface MixedServers {
	readonly ports: Readonly<Record<Spoken, number>>;
	/** What matters for whether bytes can be seen: TLS, sendfile. */
	readonly described: Readonly<Record<Spoken, string>>;
	/** So many of each protocol through these ports, one protocol after the other. */
	drive(ports: Readonly<Record<Spoken, number>>, each: number): Promise<void>;
}

export const MIXED_NEEDS = ["nginx", "nghttpd", "h2load", "redis-server", "redis-benchmark"] as const;
const CONNECTIONS = 4;
const SIZE = 1000;

export async function startMixedServers(scope: Scope): Promise<MixedServers> {
	const nginx = await startNginx(scope, { staticSizes: [SIZE] });
	const folder = await scope.folder();
	await mkdir(join(folder, "www"));
	await writeFile(join(folder, "www", "file"), bodyOf(idOf(0, 1), SIZE));
	const http2 = await freePort();
	const nghttpd = new Program("nghttpd", ["--no-tls", "-d", join(folder, "www"), "-a", "127.0.0.1", String(http2)]);
	scope.defer(() => nghttpd.stop("SIGTERM"));
	await nghttpd.until(() => accepts(http2), 10_000);
	const redis = await freePort();
	const redisServer = new Program("redis-server", [
		...["--port", String(redis), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder],
	]);
	scope.defer(() => redisServer.stop("SIGTERM"));
	await redisServer.until(() => accepts(redis), 10_000);
	const cluster = await startPostgresql(scope);
	await cluster.ask("create table things as select n, repeat('x', 100) as text from generate_series(1, 1000) n");
	await cluster.ask("create unique index on things (n)");
	const script = join(folder, "script.sql");
	await writeFile(script, "\\set n random(1, 1000)\nselect n, text from things where n = :n;\n");
	return {
		ports: { http1: nginx.port, http2, postgresql: cluster.port, redis },
		described: {
			http1: "nginx, plain, sendfile off",
			http2: "nghttpd, plain (prior knowledge), no sendfile",
			postgresql: "PostgreSQL, plain",
			redis: "Redis, plain",
		},
		async drive(ports, each) {
			const timeout = 300_000;
			const h2load = ["-c", String(CONNECTIONS), "-n", String(each)];
			const url = (port: number, path: string) => `http://127.0.0.1:${port}${path}`;
			await runProgram("h2load", ["--h1", ...h2load, url(ports.http1, `/static/${SIZE}/1`)], timeout);
			await runProgram("h2load", ["-m", "8", ...h2load, url(ports.http2, "/file")], timeout);
			const perClient = String(Math.ceil(each / CONNECTIONS));
			const to = ["-h", "127.0.0.1", "-p", String(ports.postgresql), "-U", "postgres"];
			const load = ["-n", "-M", "extended", "-c", String(CONNECTIONS), "-t", perClient, "-f", script, "postgres"];
			await cluster.run("pgbench", [...to, ...load], timeout);
			const many = ["-n", String(each), "-c", String(CONNECTIONS), "-r", "1000", "-d", "100", "-q", "-t", "set"];
			await runProgram("redis-benchmark", ["-h", "127.0.0.1", "-p", String(ports.redis), ...many], timeout);
		},
	};
}
