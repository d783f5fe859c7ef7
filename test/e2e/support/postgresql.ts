import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { chmod, chown, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { missing } from "./needs.js";
import { CLIENT_NETWORKS } from "./netns.js";
import { freePort, isListening } from "./port.js";
import { Program, runProgram } from "./program.js";
import type { Scope } from "./scope.js";

const ROOT = "/usr/lib/postgresql";

/** Folder of PostgreSQL's programs, or null where it is not installed. */
export function postgresqlFolder(): string | null {
	if (!existsSync(ROOT)) return null;
	const versions = readdirSync(ROOT).filter((version) => existsSync(join(ROOT, version, "bin/initdb")));
	const newest = versions.sort((a, b) => Number(b) - Number(a))[0];
	return newest === undefined ? null : join(ROOT, newest, "bin");
}

/** Why a test with a live PostgreSQL cannot run here, or null. */
export function missingPostgresql(): string | null {
	if (postgresqlFolder() === null) return "PostgreSQL is not installed";
	return missing("bpf", "setpriv");
}

export interface Cluster {
	readonly port: number;
	readonly folder: string;
	/** Runs one of PostgreSQL's programs against it, as a client over TCP. */
	run(program: string, args: readonly string[], timeoutMs?: number): Promise<Program>;
	/** The same, not waited for. */
	start(program: string, args: readonly string[]): Program;
	/** What one query answers, fields separated by `|`. */
	ask(sql: string): Promise<string>;
}

/** Everybody but `postgres` has to prove who they are, by the way that their name says. */
const ACCESS = `local all all trust
host all postgres 127.0.0.1/32 trust
host replication postgres 127.0.0.1/32 trust
host all by_password 127.0.0.1/32 password
host all by_md5 127.0.0.1/32 md5
host all by_scram 127.0.0.1/32 scram-sha-256
`;

export interface PostgresqlOptions {
	/** It takes TLS from who asks for it, with a certificate that nobody knows. */
	readonly hasTls?: boolean;
	/** In a namespace of a pair, where it listens on all addresses; `run` and `start` are not there. */
	readonly netns?: string | null;
}

/** A cluster of its own on a free port, with statistics of statements; it needs no password of `postgres`. */
export async function startPostgresql(
	scope: Scope,
	{ hasTls = false, netns = null }: PostgresqlOptions = {},
): Promise<Cluster> {
	const bin = postgresqlFolder();
	if (bin === null) throw new Error("PostgreSQL is not installed");
	const folder = await scope.folder();
	const user = Number(execFileSync("id", ["-u", "postgres"], { encoding: "utf8" }));
	const group = Number(execFileSync("id", ["-g", "postgres"], { encoding: "utf8" }));
	await chown(folder, user, group);
	await chmod(folder, 0o755);
	const data = join(folder, "data");
	// the server refuses to run as root
	const as = [`--reuid=${user}`, `--regid=${group}`, "--clear-groups", "--"];
	await runProgram(
		"setpriv",
		[...as, join(bin, "initdb"), "-D", data, "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8"],
		60_000,
	);
	const others = netns === null ? [] : CLIENT_NETWORKS.map((network) => `host all postgres ${network} trust\n`);
	await writeFile(join(data, "pg_hba.conf"), ACCESS + others.join(""));
	if (hasTls) {
		const [key, certificate] = [join(data, "server.key"), join(data, "server.crt")];
		const request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"];
		await runProgram("openssl", [...request, "-keyout", key, "-out", certificate], 60_000);
		for (const file of [key, certificate]) await chown(file, user, group);
		await chmod(key, 0o600);
	}
	const port = await freePort();
	const settings = {
		ssl: hasTls ? "on" : "off",
		port: String(port),
		listen_addresses: netns === null ? "127.0.0.1" : "*",
		unix_socket_directories: folder,
		fsync: "off",
		shared_preload_libraries: "pg_stat_statements",
		max_connections: "40",
		max_prepared_transactions: "2",
	};
	const args = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
	const line = [...as, join(bin, "postgres"), "-D", data, ...args];
	const server = new Program("setpriv", line, { cwd: folder, netns });
	scope.defer(() => server.stop("SIGINT", 20_000));
	await server.until(() => isListening(server.pid, port), 60_000);
	const env = { PGHOST: "127.0.0.1", PGPORT: String(port), PGUSER: "postgres", PGDATABASE: "postgres" };
	const cluster: Cluster = {
		port,
		folder,
		run: (program, more, timeoutMs = 60_000) => runProgram(join(bin, program), more, timeoutMs, { env }),
		start: (program, more) => new Program(join(bin, program), more, { env }),
		// by the socket's file, which nobody captures
		ask: async (sql) =>
			(
				await runProgram(join(bin, "psql"), ["-XAtc", sql], 60_000, { env: { ...env, PGHOST: folder } })
			).stdout.trimEnd(),
	};
	await server.until(async () => {
		try {
			return (await cluster.ask("select 1")) === "1";
		} catch {
			return false;
		}
	}, 60_000);
	await cluster.ask("create extension pg_stat_statements");
	return cluster;
}
