/** HTTP/1.1, HTTP/2, PostgreSQL and Redis side by side: real servers, real load generators, whole numbers of exchanges. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bodyOf, idOf } from "./body.js";
import { makeCertificate } from "./certificate.js";
import { startNginx } from "./nginx.js";
import { freePort, isListening } from "./port.js";
import { startPostgresql } from "./postgresql.js";
import { Program, runProgram } from "./program.js";
import type { Scope } from "./scope.js";

export const PROTOCOLS = ["http1", "http2", "postgresql", "redis"] as const;
export type Spoken = (typeof PROTOCOLS)[number];

export interface MixedOptions {
	/** All of them speak TLS, by OpenSSL. */
	readonly tls?: boolean;
	/** nginx sends files by `sendfile`: over TLS it cannot, and writes what it has read. */
	readonly sendfile?: boolean;
}

export interface MixedServers {
	readonly isTls: boolean;
	readonly ports: Readonly<Record<Spoken, number>>;
	/** What matters for whether bytes can be seen: TLS, sendfile. */
	readonly described: Readonly<Record<Spoken, string>>;
	/** So many of each protocol through these ports, one protocol after the other. */
	drive(ports: Readonly<Record<Spoken, number>>, each: number): Promise<void>;
}

export const MIXED_NEEDS = ["nginx", "nghttpd", "h2load", "redis-server", "redis-benchmark", "openssl"] as const;
const CONNECTIONS = 4;
const SIZE = 1000;

export async function startMixedServers(
	scope: Scope,
	{ tls = false, sendfile = false }: MixedOptions = {},
): Promise<MixedServers> {
	const certificate = tls ? await makeCertificate(scope) : null;
	const nginx = await startNginx(scope, {
		staticSizes: [SIZE],
		sendfile,
		...(certificate === null ? {} : { tls: certificate }),
	});
	const folder = await scope.folder();
	await mkdir(join(folder, "www"));
	await writeFile(join(folder, "www", "file"), bodyOf(idOf(0, 1), SIZE));
	const http2 = await freePort();
	const at = ["-d", join(folder, "www"), "-a", "127.0.0.1"];
	const nghttpd = new Program(
		"nghttpd",
		certificate === null
			? ["--no-tls", ...at, String(http2)]
			: [...at, String(http2), certificate.key, certificate.certificate],
	);
	scope.defer(() => nghttpd.stop("SIGTERM"));
	await nghttpd.until(() => isListening(nghttpd.pid, http2), 60_000);
	const redis = await freePort();
	const redisServer = new Program("redis-server", [
		...["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder],
		...(certificate === null
			? ["--port", String(redis)]
			: [
					...["--port", "0", "--tls-port", String(redis), "--tls-auth-clients", "no"],
					...["--tls-cert-file", certificate.certificate, "--tls-key-file", certificate.key],
				]),
	]);
	scope.defer(() => redisServer.stop("SIGTERM"));
	await redisServer.until(() => isListening(redisServer.pid, redis), 60_000);
	const cluster = await startPostgresql(scope, { hasTls: tls });
	await cluster.ask("create table things as select n, repeat('x', 100) as text from generate_series(1, 1000) n");
	await cluster.ask("create unique index on things (n)");
	const script = join(folder, "script.sql");
	await writeFile(script, "\\set n random(1, 1000)\nselect n, text from things where n = :n;\n");
	const spoken = tls ? "TLS by OpenSSL" : "plain";
	return {
		isTls: tls,
		ports: { http1: nginx.port, http2, postgresql: cluster.port, redis },
		described: {
			http1: `nginx, ${spoken}, sendfile ${sendfile ? "on" : "off"}`,
			http2: `nghttpd, ${tls ? `${spoken}, ALPN` : "plain, prior knowledge"}, no sendfile`,
			postgresql: `PostgreSQL, ${tls ? `${spoken}, after its SSLRequest` : "plain"}, no sendfile`,
			redis: `Redis, ${spoken}, no sendfile`,
		},
		async drive(ports, each) {
			const timeout = 300_000;
			const h2load = ["-c", String(CONNECTIONS), "-n", String(each)];
			const url = (port: number, path: string) => `${tls ? "https" : "http"}://127.0.0.1:${port}${path}`;
			await runProgram("h2load", ["--h1", ...h2load, url(ports.http1, `/static/${SIZE}/1`)], timeout);
			await runProgram("h2load", ["-m", "8", ...h2load, url(ports.http2, "/file")], timeout);
			const perClient = String(Math.ceil(each / CONNECTIONS));
			const to = ["-h", "127.0.0.1", "-p", String(ports.postgresql), "-U", "postgres"];
			const load = ["-n", "-M", "extended", "-c", String(CONNECTIONS), "-t", perClient, "-f", script];
			const database = `dbname=postgres sslmode=${tls ? "require" : "disable"}`;
			await cluster.run("pgbench", [...to, ...load, database], timeout);
			const many = ["-n", String(each), "-c", String(CONNECTIONS), "-r", "1000", "-d", "100", "-q", "-t", "set"];
			const secure = tls ? ["--tls", "--insecure"] : [];
			await runProgram("redis-benchmark", ["-h", "127.0.0.1", "-p", String(ports.redis), ...secure, ...many], timeout);
		},
	};
}
