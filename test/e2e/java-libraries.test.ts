/** Libraries that Java services are made of: every exchange whole, at both ends, without one error of a hook. */

import { existsSync } from "node:fs";
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import type { Exchange } from "../../core/index.js";
import {
	bodySha256,
	findJdks,
	type JavaCapture,
	JavaPrograms,
	missingJava,
	saidBy,
	startJavaCapture,
} from "./support/java.js";
import { PASSWORD, startMariaDb } from "./support/mariadb.js";
import { missing } from "./support/needs.js";
import { postgresqlFolder, startPostgresql } from "./support/postgresql.js";
import { runProgram } from "./support/program.js";
import { withScope } from "./support/scope.js";

const JARS = "/usr/share/java";
const TCNATIVE = `/usr/lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu/jni/libnetty-tcnative.so`;
const jars = (...names: readonly string[]) => names.map((name) => join(JARS, `${name}.jar`));

interface Library {
	readonly name: string;
	readonly file: string;
	readonly classpath: readonly string[];
	readonly args: (keyStore: string) => readonly string[];
	readonly exchanges: number;
	readonly provider?: string;
	/** Folder of native libraries, made for it. */
	readonly native?: true;
}

const NETTY = jars(
	...["common", "buffer", "transport", "handler", "codec", "codec-http", "resolver"].map((part) => `netty-${part}`),
	"netty-transport-native-unix-common",
	"netty-tcnative",
);
const LIBRARIES: readonly Library[] = [
	{
		name: "OkHttp",
		file: "OkHttpClients.java",
		classpath: jars("okhttp", "okio"),
		args: (keyStore) => ["OkHttpClients", keyStore, "10"],
		exchanges: 10,
	},
	{
		name: "Apache HttpClient 4, 5 and 5 asynchronous",
		file: "ApacheClients.java",
		classpath: jars(
			...["httpclient", "httpcore", "commons-logging", "commons-codec", "httpclient5", "httpcore5", "httpcore5-h2"],
			"slf4j-api",
			"slf4j-nop",
		),
		args: (keyStore) => ["ApacheClients", keyStore, "7"],
		exchanges: 21,
	},
	{
		name: "Tomcat",
		file: "TomcatServer.java",
		classpath: jars("tomcat10-embed-core", "tomcat10-annotations-api"),
		args: (keyStore) => ["TomcatServer", keyStore, "10"],
		exchanges: 20,
	},
	{
		name: "Jetty",
		file: "JettyServer.java",
		classpath: jars(
			...["server", "util", "http", "io", "alpn-server", "alpn-java-server"].map((part) => `jetty9-${part}`),
			...["http2-server", "http2-common", "http2-hpack"].map((part) => `jetty9-${part}`),
			"servlet-api",
		),
		args: (keyStore) => ["JettyServer", keyStore, "10"],
		exchanges: 20,
	},
	{
		name: "Netty with the JDK's TLS",
		file: "NettyPair.java",
		classpath: NETTY,
		args: (keyStore) => ["NettyPair", "JDK", keyStore, "10"],
		exchanges: 10,
	},
	{
		name: "Netty with OpenSSL",
		file: "NettyPair.java",
		classpath: NETTY,
		args: (keyStore) => ["NettyPair", "OPENSSL", keyStore, "10"],
		exchanges: 10,
		provider: "netty-openssl",
		native: true,
	},
];

const lacking = missingJava();
const say = (what: string, why: string) => console.error(`SKIPPED, Java and ${what}: ${why}`);
const jdk = findJdks()[0];

for (const library of LIBRARIES) {
	const absent = [...library.classpath, ...(library.native ? [TCNATIVE] : [])].find((path) => !existsSync(path));
	const why = lacking ?? (absent === undefined ? null : `there is no ${absent}`);
	if (why !== null) say(library.name, why);
	const live = why === null && jdk !== undefined ? test.serial : test.serial.skip;
	live(`${library.name}: every exchange at both ends`, (t) =>
		withScope(async (scope) => {
			const programs = await JavaPrograms.compile(scope, ["Https.java", library.file], library.classpath);
			const options = library.native ? [`-Djava.library.path=${await nativeFolder(programs)}`] : [];
			const capture = await startJavaCapture(scope);
			const said = saidBy(await programs.run(jdk!, capture.listen, library.args(programs.keyStore), options));
			const exchanges = await stopped(t, capture);
			t.is(said.length, library.exchanges);
			for (const each of said) {
				const found = exchanges.filter(({ request }) => request?.attributes["url.path"] === each.path);
				t.is(found.length, 1, each.path);
				const [exchange] = found;
				if (exchange === undefined) continue;
				t.is(exchange.response?.attributes["http.response.status_code"], each.status);
				t.is(bodySha256(exchange.request), each.sent, each.path);
				t.is(bodySha256(exchange.response), each.got, each.path);
				t.deepEqual(exchange.observedBy.map(({ vantage }) => vantage).sort(), ["client", "server"], each.path);
				t.is(exchange.annotations["java.tls.provider"], library.provider ?? "SunJSSE");
			}
		}),
	);
}

const DATABASE = jars("HikariCP", "postgresql", "slf4j-api", "slf4j-nop");
const noDatabase =
	lacking ??
	(postgresqlFolder() === null ? "PostgreSQL is not installed" : missing("openssl", "setpriv")) ??
	DATABASE.filter((path) => !existsSync(path)).map((path) => `there is no ${path}`)[0] ??
	null;
if (noDatabase !== null) say("a pooled database", noDatabase);
const withDatabase = noDatabase === null && jdk !== undefined ? test.serial : test.serial.skip;

withDatabase(
	"HikariCP and pgjdbc over TLS: statements with their text, their pool and their lease, without bound values",
	(t) =>
		withScope(async (scope) => {
			const cluster = await startPostgresql(scope, { hasTls: true });
			const programs = await JavaPrograms.compile(scope, ["Database.java"], DATABASE);
			const capture = await startJavaCapture(scope);
			const url = `jdbc:postgresql://127.0.0.1:${cluster.port}/postgres?sslmode=require`;
			const stdout = await programs.run(jdk!, capture.listen, ["Database", url, "postgres"]);
			t.regex(stdout, /"what":"42P01"/);
			const exchanges = await stopped(t, capture);
			const selects = exchanges.filter(({ annotations }) =>
				String(annotations["db.query.text"]).startsWith("select g, $1"),
			);
			t.is(selects.length, 5);
			for (const { protocol, annotations, response } of selects) {
				t.is(protocol, "postgresql");
				t.is(annotations["java.pool.name"], "orders");
				t.true(Number(annotations["java.pool.wait_us"]) >= 0);
				t.false(JSON.stringify(annotations).includes("secret-"));
				t.is(response?.body.completeness, "complete");
			}
			const leases = new Set(selects.map(({ annotations }) => annotations["java.pool.lease"]));
			t.is(leases.size, 5, "each select had a lease of its own");
			const connections = new Set(selects.map(({ connection }) => connection.client.port));
			t.true(connections.size <= 2, "and all of them two connections at the most");
			const batch = exchanges.find(({ annotations }) => annotations["db.operation.batch.size"] === 3);
			t.regex(String(batch?.annotations["db.query.text"]), /^insert into numbers/);
			const failed = exchanges.find(({ annotations }) => annotations["db.query.text"] === "select * from nowhere");
			t.is(failed?.outcome, "error");
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
		const stdout = await programs.run(jdk!, capture.listen, ["MariaDbClient", url, "app", PASSWORD]);
		t.regex(stdout, /"what":"select","rows":3/);
		const exchanges = await stopped(t, capture);
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

async function stopped(t: ExecutionContext, capture: JavaCapture): Promise<Exchange[]> {
	const { exchanges, totals } = await capture.stop();
	t.like(totals.sources.jvm?.counters, { agent_hook_errors: 0, agent_dropped_events: 0, refused_params: 0 });
	t.true((totals.sources.jvm?.counters.agent_hook_calls ?? 0) > 0);
	t.is(totals.bytes.seen, totals.bytes.captured);
	t.deepEqual(totals.problems, []);
	return exchanges;
}

/** Netty looks for another name than Debian's. */
async function nativeFolder(programs: JavaPrograms): Promise<string> {
	const folder = join(programs.folder, "native");
	await mkdir(folder);
	await copyFile(TCNATIVE, join(folder, "libnetty_tcnative.so"));
	return folder;
}

async function makeCertificate(folder: string): Promise<{ key: string; certificate: string }> {
	const [key, certificate] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
	const subject = ["-subj", "/CN=localhost", "-days", "2", "-nodes", "-newkey", "rsa:2048"];
	await runProgram("openssl", ["req", "-x509", ...subject, "-keyout", key, "-out", certificate], 60_000);
	return { key, certificate };
}
