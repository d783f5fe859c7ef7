/**
 * TLS without certificates: real servers and clients, captured live above their libraries. Each request of the server's access
 * log is in the file exactly once, both bodies with the SHA-256 that its id says, and what passed encrypted is not told again.
 */
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import anyTest, { type ExecutionContext, type TestFn } from "ava";
import type { Exchange } from "../../core/index.js";
import { makeCertificate } from "./support/certificate.js";
import { Client } from "./support/client.js";
import { checkIntegrity, type Load, problemsIn } from "./support/integrity.js";
import { linesOf } from "./support/lines.js";
import { missing } from "./support/needs.js";
import { startNginx } from "./support/nginx.js";
import { startNodeServer } from "./support/node-server.js";
import { captureConfig, startPolytap } from "./support/polytap.js";
import { runProgram } from "./support/program.js";
import { withScope } from "./support/scope.js";
import { sendAndCheck, startTlsCapture } from "./support/tls-capture.js";
import { curlLoad, http2Load, missingPython, nodeLoad, pythonLoad } from "./support/tls-loads.js";

const why = missing("bpf", "nginx", "curl", "openssl") ?? (await missingPython());
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED tls: ${why}\n`);
const test: TestFn = anyTest;
const live = why === null ? test.serial : test.serial.skip;

const KIB = 1024;

/** TLS 1.3 says its choice of a protocol in secret. */
function showsHandshake(t: ExecutionContext, version: "1.2" | "1.3"): (exchange: Exchange) => void {
	return ({ connection, protocol }) => {
		const { tls, server } = connection;
		const isRight =
			version === "1.3"
				? /^TLS_/.test(tls?.cipher ?? "") && tls?.alpn === null
				: /^TLS_ECDHE_\w+_WITH_/.test(tls?.cipher ?? "") &&
					(tls?.alpn ?? "http/1.1") === (protocol === "http/2" ? "h2" : protocol);
		// a client that is over may be gone before anybody asks who it was
		if (tls?.version !== version || !isRight || server.process === null) t.fail(JSON.stringify(connection));
	};
}

live("nginx: OpenSSL with socket BIOs, clients of every kind, started before", (t) =>
	withScope(async (scope) => {
		const nginx = await startNginx(scope, { accessLog: true, tls: await makeCertificate(scope) });
		const capture = await startTlsCapture(scope, [nginx.port], "auto");
		const senders = {
			"curl, HTTP/1.1": curlLoad("1.1"),
			"curl, new connections": curlLoad("1.1", false),
			"curl, HTTP/2": curlLoad("2"),
			"Node.js": nodeLoad(),
			"Node.js, new connections": nodeLoad(false),
			"Node.js, HTTP/2": http2Load,
		};
		await sendAndCheck(t, scope, nginx, capture, senders, showsHandshake(t, "1.2"));
	}),
);

live("Node.js server: OpenSSL inside the program, memory BIOs, started after", (t) =>
	withScope(async (scope) => {
		const certificate = await makeCertificate(scope);
		// the port must be known first: a server that was there once
		const first = await startNodeServer(scope, certificate);
		await first.stop();
		const capture = await startTlsCapture(scope, [first.port], "auto");
		const server = await startNodeServer(scope, certificate, first.port);
		const senders = {
			// curl resets streams of Node.js's server that are closed already, and records say so
			"curl, HTTP/1.1": curlLoad("1.1"),
			"Node.js": nodeLoad(),
			"Node.js, new connections": nodeLoad(false),
			"Node.js, HTTP/2": http2Load,
			"Python requests": pythonLoad("requests"),
			"Python asyncio": pythonLoad("asyncio"),
		};
		await sendAndCheck(t, scope, server, capture, senders, showsHandshake(t, "1.3"));
	}),
);

live("the client's end alone: curl, Node.js, Python", (t) =>
	withScope(async (scope) => {
		const nginx = await startNginx(scope, { accessLog: true, tls: await makeCertificate(scope) });
		const capture = await startTlsCapture(scope, [nginx.port], "client");
		const senders = {
			"curl, HTTP/1.1": curlLoad("1.1"),
			"curl, HTTP/2": curlLoad("2"),
			"Node.js": nodeLoad(),
			"Node.js, HTTP/2": http2Load,
			"Python requests": pythonLoad("requests"),
			"Python, new connections": pythonLoad("fresh"),
			"Python asyncio": pythonLoad("asyncio"),
		};
		await sendAndCheck(t, scope, nginx, capture, senders, ({ observedBy }) => {
			if (observedBy.length !== 1 || observedBy[0]?.vantage !== "client") t.fail(JSON.stringify(observedBy));
		});
	}),
);

live("both ends: one record with two observers", (t) =>
	withScope(async (scope) => {
		const server = await startNodeServer(scope, await makeCertificate(scope));
		const capture = await startTlsCapture(scope, [server.port], "both");
		const senders = { "curl, HTTP/1.1": curlLoad("1.1"), "Node.js": nodeLoad() };
		await sendAndCheck(t, scope, server, capture, senders, ({ observedBy }) => {
			if (observedBy.length !== 2) t.fail(JSON.stringify(observedBy));
		});
	}),
);

live("connections that were open before: their requests once the socket is certain, nothing of before", (t) =>
	withScope(async (scope) => {
		const server = await startNodeServer(scope, await makeCertificate(scope));
		const client = new Client({ port: server.port, load: 100, size: 3 * KIB, tls: true });
		scope.defer(() => client.close());
		await client.rounds(1);
		const ports = new Set(client.sent.map(({ clientPort }) => clientPort));
		const { path, polytap } = await startTlsCapture(scope, [server.port], "auto");
		// what passes first on each connection is what proves whose it is
		await client.rounds(4);
		const readyMs = Date.now();
		await client.rounds(20);
		client.close();
		t.deepEqual(client.failures, []);
		t.deepEqual(new Set(client.sent.map(({ clientPort }) => clientPort)), ports, "a connection was opened anew");
		await polytap.settled();
		await server.stop();
		const { stderr } = await polytap.stop();
		t.log(stderr);
		const after = new Set(client.sent.filter(({ startedMs }) => startedMs > readyMs).map(({ id }) => id));
		const load: Load = { number: 100, name: "open before", kind: "echo", size: 3 * KIB };
		const [report] = await checkIntegrity(
			path,
			server.accessLog,
			[load],
			({ idScope }) => t.is(idScope, "local"),
			(id) => after.has(id),
		);
		t.is(problemsIn(report!), "");
		t.is(report!.logged, after.size);
	}),
);

live("switched off: one record for each connection, with what its hellos show", (t) =>
	withScope(async (scope) => {
		const nginx = await startNginx(scope, { accessLog: true, tls: await makeCertificate(scope) });
		const path = join(await scope.folder(), "out.jsonl");
		const source = { tls: "off" };
		const polytap = await startPolytap(scope, {
			config: captureConfig({ source, ports: [nginx.port], path }),
		});
		await runProgram("curl", ["-sk", `https://localhost:${nginx.port}/small`], 60_000);
		await polytap.settled();
		await polytap.stop();
		const records: Exchange[] = [];
		for await (const line of linesOf(path)) records.push(JSON.parse(line.toString("utf8")));
		t.deepEqual(
			records.map(({ kind, protocol }) => `${kind} ${protocol}`),
			["connection tls"],
		);
		t.is(records[0]?.annotations["tls.client.server_name"], "localhost");
		t.is(records[0]?.connection.tls, null);
	}),
);
