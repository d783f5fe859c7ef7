/** What the JDK brings: every exchange that its clients made is in the records, whole, with its connection's facts. */
import { readFile } from "node:fs/promises";
import { createSecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import test, { type ExecutionContext } from "ava";
import type { Exchange } from "../../core/index.js";
import {
	bodySha256,
	checkBothEnds,
	findJdks,
	JavaPrograms,
	missingJava,
	type Said,
	saidBy,
	startJavaCapture,
} from "./support/java.js";
import { type Scope, withScope } from "./support/scope.js";

const lacking = missingJava();
if (lacking !== null) console.error(`SKIPPED, the Java agent is not tested: ${lacking}`);
const live = lacking === null ? test.serial : test.serial.skip;

function checkAll(t: ExecutionContext, said: readonly Said[], exchanges: readonly Exchange[], protocol: string): void {
	for (const each of said) {
		const found = exchanges.filter(({ request }) => request?.attributes["url.path"] === each.path);
		t.is(found.length, 1, `${each.path} is there once`);
		const [exchange] = found;
		if (exchange === undefined) continue;
		t.like(exchange, {
			protocol,
			kind: "exchange",
			request: { attributes: { "http.request.method": each.method } },
			response: { attributes: { "http.response.status_code": each.status } },
		});
		t.is(bodySha256(exchange.request), each.sent, `request of ${each.path}`);
		t.is(bodySha256(exchange.response), each.got, `response of ${each.path}`);
		t.is(exchange.annotations["tls.protocol.version"], "1.3");
		t.is(typeof exchange.annotations["java.thread.name"], "string");
		t.true(Number(exchange.annotations["java.socket.fd"]) > 2);
	}
}

function checkHarmless(t: ExecutionContext, counters: Readonly<Record<string, number>> | undefined): void {
	t.like(counters, { agent_hook_errors: 0, agent_dropped_events: 0, refused_params: 0, sessions: 1 });
	t.true((counters?.agent_hook_calls ?? 0) > 0);
}

for (const jdk of findJdks()) {
	live(
		`JDK ${jdk.version}: HttpsServer, HttpsURLConnection and java.net.http in one JVM, both ends of each connection`,
		(t) =>
			withScope(async (scope) => {
				const programs = await JavaPrograms.compile(scope, ["Https.java"]);
				const capture = await startJavaCapture(scope);
				const said = saidBy(await programs.run(jdk, capture.agent, ["Https", "together", programs.keyStore, "20"]));
				const { exchanges, totals } = await capture.stop();
				t.is(said.length, 40);
				t.is(exchanges.length, 40);
				checkAll(t, said, exchanges, "http/1.1");
				checkBothEnds(t, exchanges);
				for (const { connection } of exchanges) {
					t.is(connection.client.address, "127.0.0.1");
					t.is(connection.client.process?.name, "java");
					t.is(connection.client.process?.pid, connection.server.process?.pid);
				}
				checkHarmless(t, totals.sources.jvm?.counters);
				t.is(totals.bytes.seen, totals.bytes.captured);
				t.deepEqual(totals.problems, []);
			}),
	);

	live(`JDK ${jdk.version}: java.net.http over HTTP/2 to a server of another kind`, (t) =>
		withScope(async (scope) => {
			const programs = await JavaPrograms.compile(scope, ["Https.java"]);
			const ports = new Set<number>();
			const port = await startHttp2(scope, programs, ports);
			const capture = await startJavaCapture(scope);
			const said = saidBy(await programs.run(jdk, capture.agent, ["Https", "http2", String(port), "20"]));
			const { exchanges, totals } = await capture.stop();
			t.is(said.length, 20);
			checkAll(t, said, exchanges, "http/2");
			for (const { kind, connection, observedBy, annotations } of exchanges) {
				t.true(kind === "exchange" || kind === "connection");
				t.is(connection.server.port, port);
				t.true(ports.has(connection.client.port), "the client's port is the one that the server saw");
				t.deepEqual(
					observedBy.map(({ source, vantage }) => [source, vantage]),
					[["jvm", "client"]],
				);
				t.is(annotations["tls.next_protocol"], "h2");
				t.is(annotations["tls.client.server_name"], "localhost");
			}
			checkHarmless(t, totals.sources.jvm?.counters);
			t.deepEqual(totals.problems, []);
		}),
	);
}

for (const jdk of findJdks().filter(({ version }) => version >= 21))
	live(`JDK ${jdk.version}: a server on virtual threads`, (t) =>
		withScope(async (scope) => {
			const programs = await JavaPrograms.compile(scope, ["Https.java"]);
			const capture = await startJavaCapture(scope);
			const args = ["Https", "together", programs.keyStore, "10"];
			const said = saidBy(await programs.run(jdk, capture.agent, args, ["-Dvirtual=true"]));
			const { exchanges, totals } = await capture.stop();
			t.is(said.length, 20);
			checkAll(t, said, exchanges, "http/1.1");
			// the server's thread answers, whatever thread of the client asked
			for (const { annotations } of exchanges) t.true(annotations["java.thread.virtual"]);
			checkHarmless(t, totals.sources.jvm?.counters);
		}),
	);

for (const jdk of findJdks())
	live(`JDK ${jdk.version}: without TLS where that is asked for, and TLS beside it once only`, (t) =>
		withScope(async (scope) => {
			const programs = await JavaPrograms.compile(scope, ["Https.java", "PlainHttp.java"]);
			const capture = await startJavaCapture(scope, { jvm: { plain: true } });
			const plain = saidBy(await programs.run(jdk, capture.agent, ["PlainHttp", "10"], ["-Dplain=true"]));
			const tls = saidBy(await programs.run(jdk, capture.agent, ["Https", "together", programs.keyStore, "3"]));
			const { exchanges, totals } = await capture.stop();
			t.is(plain.length, 20);
			t.is(exchanges.length, 26);
			checkAll(
				t,
				tls,
				exchanges.filter(({ annotations }) => "tls.protocol.version" in annotations),
				"http/1.1",
			);
			const bare = exchanges.filter(({ annotations }) => !("tls.protocol.version" in annotations));
			for (const each of plain) {
				const [exchange, more] = bare.filter(({ request }) => request?.attributes["url.path"] === each.path);
				t.is(more, undefined);
				t.is(exchange?.response?.attributes["http.response.status_code"], each.status);
				t.is(bodySha256(exchange?.request ?? null), each.sent);
				t.is(bodySha256(exchange?.response ?? null), each.got);
			}
			checkBothEnds(t, bare);
			t.like(totals.sources.jvm?.counters, { agent_hook_errors: 0, agent_dropped_events: 0, refused_params: 0 });
			t.is(totals.bytes.seen, totals.bytes.captured);
		}),
	);

/** Echoes with the status that the path asks for. */
async function startHttp2(scope: Scope, programs: JavaPrograms, ports: Set<number>): Promise<number> {
	const server = createSecureServer({ pfx: await readFile(programs.keyStore), passphrase: "changeit" });
	server.on("session", (session) => {
		ports.add(session.socket.remotePort ?? 0);
		scope.defer(() => session.destroy());
	});
	server.on("stream", (stream, headers) => {
		stream.respond({ ":status": headers[":path"]?.endsWith("/missing") ? 404 : 200 });
		stream.pipe(stream);
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	scope.defer(() => server.close());
	return (server.address() as AddressInfo).port;
}
