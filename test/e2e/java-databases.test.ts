/** Pools and drivers of databases: statements with their text, their lease, and what came of them. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { findJdks, JavaPrograms, jars, missingJava, startJavaCapture, stopCleanly } from "./support/java.js";
import { PASSWORD, startMariaDb } from "./support/mariadb.js";
import { missing } from "./support/needs.js";
import { postgresqlFolder, startPostgresql } from "./support/postgresql.js";
import { runProgram } from "./support/program.js";
import { withScope } from "./support/scope.js";

const lacking = missingJava();
const say = (what: string, why: string) => console.error(`SKIPPED, Java and ${what}: ${why}`);
const jdk = findJdks()[0];

const DATABASE = jars(
	"HikariCP",
	"tomcat10-dbcp",
	"tomcat10-jdbc",
	"tomcat10-juli",
	"postgresql",
	"slf4j-api",
	"slf4j-nop",
);
const noDatabase =
	lacking ??
	(postgresqlFolder() === null ? "PostgreSQL is not installed" : missing("openssl", "setpriv")) ??
	DATABASE.filter((path) => !existsSync(path)).map((path) => `there is no ${path}`)[0] ??
	null;
if (noDatabase !== null) say("a pooled database", noDatabase);
const withDatabase = noDatabase === null && jdk !== undefined ? test.serial : test.serial.skip;

for (const { kind, pool, values } of [
	{ kind: "hikari", pool: "orders", values: false },
	{ kind: "dbcp", pool: "dbcp2", values: false },
	{ kind: "tomcat", pool: "orders", values: true },
])
	withDatabase(
		`${kind} and pgjdbc over TLS: text, pool, lease, rows, SQLState${values ? ", and bound values, which were asked for" : ""}`,
		(t) =>
			withScope(async (scope) => {
				const cluster = await startPostgresql(scope, { hasTls: true });
				const programs = await JavaPrograms.compile(scope, ["Database.java"], DATABASE);
				const capture = await startJavaCapture(scope, { jvm: { values } });
				const url = `jdbc:postgresql://127.0.0.1:${cluster.port}/postgres?sslmode=require`;
				const stdout = await programs.run(jdk!, capture.agent, ["Database", kind, url, "postgres"]);
				t.regex(stdout, /"what":"42P01"/);
				const exchanges = await stopCleanly(t, capture);
				const selects = exchanges.filter(({ annotations }) =>
					String(annotations["db.query.text"]).startsWith("select g, $1"),
				);
				t.is(selects.length, 5);
				for (const { protocol, annotations, response } of selects) {
					t.is(protocol, "postgresql");
					t.is(annotations["java.pool.name"], pool);
					t.true(Number(annotations["java.pool.wait_us"]) >= 0);
					t.is(JSON.stringify(annotations).includes("secret-"), values);
					t.is(annotations["db.response.returned_rows"], 3);
					t.is(response?.body.completeness, "complete");
				}
				const leases = new Set(selects.map(({ annotations }) => annotations["java.pool.lease"]));
				t.is(leases.size, 5, "each select had a lease of its own");
				const connections = new Set(selects.map(({ connection }) => connection.client.port));
				t.true(connections.size <= 2, "and all of them two connections at the most");
				const batch = exchanges.find(({ annotations }) => annotations["db.operation.batch.size"] === 3);
				t.regex(String(batch?.annotations["db.query.text"]), /^insert into numbers/);
				t.is(batch?.annotations["java.jdbc.affected_rows"], 3);
				const failed = exchanges.find(({ annotations }) => annotations["db.query.text"] === "select * from nowhere");
				t.is(failed?.outcome, "error");
				t.is(failed?.annotations["db.response.status_code"], "42P01");
				// what came after the one that threw has its own text again
				for (const { annotations, request } of exchanges)
					if (String(request?.attributes["db.query.text"]).startsWith("select g"))
						t.regex(String(annotations["db.query.text"]), /^select g/);
			}),
	);

const MARIADB = jars("mariadb-java-client");
const noMariaDb =
	lacking ??
	missing("openssl", "mariadbd", "mariadb-install-db") ??
	MARIADB.filter((path) => !existsSync(path)).map((path) => `there is no ${path}`)[0] ??
	null;
if (noMariaDb !== null) say("MariaDB", noMariaDb);
const withMariaDb = noMariaDb === null && jdk !== undefined ? test.serial : test.serial.skip;

withMariaDb("MariaDB Connector/J over TLS, which begins in the middle of a connection: statements and rows", (t) =>
	withScope(async (scope) => {
		const { key, certificate } = await makeCertificate(await scope.folder());
		const server = await startMariaDb(scope, [`--ssl-key=${key}`, `--ssl-cert=${certificate}`]);
		const programs = await JavaPrograms.compile(scope, ["MariaDbClient.java"], MARIADB);
		const capture = await startJavaCapture(scope);
		const url = `jdbc:mariadb://127.0.0.1:${server.port}/shop?useSsl=true&trustServerCertificate=true`;
		const stdout = await programs.run(jdk!, capture.agent, ["MariaDbClient", url, "app", PASSWORD]);
		t.regex(stdout, /"what":"select","rows":3/);
		const exchanges = await stopCleanly(t, capture);
		t.false(JSON.stringify(exchanges).includes(PASSWORD));
		const texts = exchanges.map(({ request }) => String(request?.attributes["db.query.text"]));
		t.is(texts.filter((text) => text.startsWith("insert into things")).length >= 3, true, texts.join("\n"));
		const select = exchanges.find(({ request }) =>
			String(request?.attributes["db.query.text"]).startsWith("select n, t from things"),
		);
		t.is(select?.protocol, "mysql");
		t.is(select?.response?.body.completeness, "complete");
		t.is(select?.connection.server.port, server.port);
		for (const i of [0, 1, 2]) t.true(JSON.stringify(select?.response?.body.data).includes(`thing ${i}`));
		t.is(select?.annotations["java.thread.name"], "main");
	}),
);

async function makeCertificate(folder: string): Promise<{ key: string; certificate: string }> {
	const [key, certificate] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
	const subject = ["-subj", "/CN=localhost", "-days", "2", "-nodes", "-newkey", "rsa:2048"];
	await runProgram("openssl", ["req", "-x509", ...subject, "-keyout", key, "-out", certificate], 60_000);
	return { key, certificate };
}
