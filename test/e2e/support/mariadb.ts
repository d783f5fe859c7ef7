import { existsSync } from "node:fs";
import { join } from "node:path";
import { createConnection } from "mysql2/promise";
import { freePort, isListening } from "./port.js";
import { Program, runProgram } from "./program.js";
import type { Scope } from "./scope.js";

export interface MariaDb {
	readonly port: number;
	readonly program: Program;
	readonly folder: string;
}

export const PASSWORD = "Zq-secret-4711";

/** A server with a data folder of its own, on loopback, with a user `app` (password) and a schema `shop`. */
export async function startMariaDb(scope: Scope, options: readonly string[] = []): Promise<MariaDb> {
	const folder = await scope.folder();
	const data = join(folder, "data");
	const common = ["--no-defaults", `--datadir=${data}`, "--user=root"];
	await runProgram(
		"mariadb-install-db",
		[...common, "--auth-root-authentication-method=normal", "--skip-test-db"],
		60_000,
	);
	const port = await freePort();
	const program = new Program("mariadbd", [
		...common,
		`--port=${port}`,
		"--bind-address=127.0.0.1",
		`--socket=${join(folder, "socket")}`,
		`--pid-file=${join(folder, "pid")}`,
		"--max-allowed-packet=64M",
		"--local-infile=1",
		"--innodb-flush-log-at-trx-commit=0",
		"--skip-log-bin",
		...options,
	]);
	scope.defer(() => program.stop("SIGTERM"));
	// its port can be there before its socket file
	await program.until(() => existsSync(join(folder, "socket")) && isListening(program.pid, port), 60_000);
	const root = await createConnection({ socketPath: join(folder, "socket"), user: "root", multipleStatements: true });
	await root.query(
		`CREATE DATABASE shop; CREATE USER app@'%' IDENTIFIED BY '${PASSWORD}'; GRANT ALL ON *.* TO app@'%'; FLUSH PRIVILEGES`,
	);
	await root.end();
	return { port, program, folder };
}
