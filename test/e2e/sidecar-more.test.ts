/** What a sidecar is asked to do beside relaying: upgrades, certificates, passthrough, PROXY protocol, health, draining. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer as createHttpServer, get } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, connect, type Server } from "node:net";
import { join } from "node:path";
import { connect as tlsConnect } from "node:tls";
import { createConnection } from "mysql2/promise";
import { PASSWORD, startMariaDb } from "./support/mariadb.js";
import { needing } from "./support/needing.js";
import { startNginx } from "./support/nginx.js";
import { freePort } from "./support/port.js";
import { pause, runProgram } from "./support/program.js";
import { type Scope, withScope } from "./support/scope.js";
import { legOf, listen, makeCertificate, readAll, sha256, startSidecar } from "./support/sidecar.js";

async function listening(scope: Scope, server: Server): Promise<number> {
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	scope.defer(() => server.close());
	return (server.address() as AddressInfo).port;
}

/** An HTTPS server; says what it is asked for. */
async function httpsServer(scope: Scope, name: string) {
	const files = await makeCertificate(await scope.folder(), name);
	const options = { key: await readFile(files.key), cert: await readFile(files.cert) };
	const port = await listening(
		scope,
		createHttpsServer(options, (request, response) => response.end(`you asked for ${request.url}`)),
	);
	return { port, ...files };
}

/** The certificate that a TLS client is shown, and what it is answered. */
async function askTls(port: number, servername: string): Promise<{ subject: string; answer: string }> {
	const socket = tlsConnect({ port, host: "127.0.0.1", servername, rejectUnauthorized: false });
	await once(socket, "secureConnect");
	const subject = String(socket.getPeerX509Certificate()?.subject);
	socket.write("GET /secret HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	return { subject, answer: (await readAll(socket)).toString() };
}

needing("mariadbd", "openssl")("MySQL: the switch to TLS is followed, statements are captured", (t) =>
	withScope(async (scope) => {
		const { key, cert } = await makeCertificate(await scope.folder(), "db.test");
		const db = await startMariaDb(scope, [`--ssl-key=${key}`, `--ssl-cert=${cert}`]);
		const sidecar = await startSidecar(scope, {
			source: {
				upstream: `127.0.0.1:${db.port}`,
				tls: { mode: "intercept", ca_folder: join(await scope.folder(), "ca"), upstream_verify: false },
			},
		});
		const client = await createConnection({
			host: "127.0.0.1",
			port: sidecar.port,
			user: "app",
			password: PASSWORD,
			database: "shop",
			ssl: { rejectUnauthorized: false },
		});
		const [cipher] = await client.query("show session status like 'Ssl_cipher'");
		t.regex(JSON.stringify(cipher), /TLS_|ECDHE/);
		await client.query("select 4711 as answer");
		await client.end();
		const { exchanges } = await sidecar.stop();
		for (const leg of ["downstream", "upstream"]) {
			const found = exchanges
				.filter(legOf(leg))
				.find(({ request }) => request?.attributes["db.query.text"] === "select 4711 as answer");
			t.is(found?.protocol, "mysql", leg);
			t.true(JSON.stringify(found?.response?.body.data).includes("4711"));
			t.is(found?.connection.tls?.library, "openssl");
		}
		t.false(JSON.stringify(exchanges).includes(PASSWORD));
	}),
);

needing("openssl")("TLS: a configured certificate is presented, hosts that are left alone are not opened", (t) =>
	withScope(async (scope) => {
		const server = await httpsServer(scope, "real.test");
		const own = await makeCertificate(await scope.folder(), "own.test");
		const sidecar = await startSidecar(scope, {
			source: {
				upstream: `127.0.0.1:${server.port}`,
				tls: {
					mode: "intercept",
					certificate_file: own.cert,
					key_file: own.key,
					upstream_verify: false,
					passthrough_hosts: ["*.left.test"],
				},
			},
		});
		const opened = await askTls(sidecar.port, "a.test");
		t.is(opened.subject, "CN=own.test");
		t.regex(opened.answer, /you asked for \/secret/);
		const left = await askTls(sidecar.port, "b.left.test");
		t.is(left.subject, "CN=real.test");
		t.regex(left.answer, /you asked for \/secret/);
		const { exchanges, totals } = await sidecar.stop();
		t.like(totals.sources.legacy?.counters, { tls_intercepted: 1, tls_passed_through: 1 });
		const down = exchanges.filter(legOf("downstream"));
		t.is(down.filter(({ protocol, kind }) => protocol === "http/1.1" && kind === "exchange").length, 1);
		t.is(down.filter(({ protocol }) => protocol === "tls").length, 1);
	}),
);

needing("openssl")("TLS: passthrough is a plain relay; an upstream that does not verify ends the handshake", (t) =>
	withScope(async (scope) => {
		const server = await httpsServer(scope, "real.test");
		const plain = await startSidecar(scope, { source: { upstream: `127.0.0.1:${server.port}` } });
		t.is((await askTls(plain.port, "real.test")).subject, "CN=real.test");
		const { exchanges } = await plain.stop();
		t.true(exchanges.every(({ protocol }) => protocol === "tls"));
		const strict = await startSidecar(scope, {
			source: {
				upstream: `127.0.0.1:${server.port}`,
				tls: { mode: "intercept", ca_folder: join(await scope.folder(), "ca") },
			},
		});
		await t.throwsAsync(askTls(strict.port, "real.test"));
		t.is((await strict.stop()).totals.sources.legacy?.counters.handshake_failures, 1);
	}),
);

for (const version of ["v1", "v2"] as const)
	needing("nginx")(`the PROXY protocol ${version}, sent by one sidecar and read by the next`, (t) =>
		withScope(async (scope) => {
			const nginx = await startNginx(scope);
			const second = await freePort();
			const sidecar = await startSidecar(scope, {
				source: { upstream: `127.0.0.1:${second}`, proxy_protocol: { send: version } },
				sources: {
					second: {
						type: "sidecar-legacy",
						listen: `127.0.0.1:${second}`,
						upstream: `127.0.0.1:${nginx.port}`,
						proxy_protocol: { accept: true },
					},
				},
			});
			const first = Number(
				/legacy: the sidecar listens on \S+:(\d+)/.exec(sidecar.program.stderr)?.[1] ?? sidecar.port,
			);
			const body = randomBytes(50_000);
			const socket = connect({ port: first, host: "127.0.0.1" });
			await once(socket, "connect");
			const { localPort } = socket;
			socket.write(`POST /echo/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`);
			socket.write(body);
			const answer = await readAll(socket);
			t.is(sha256(answer.subarray(answer.indexOf("\r\n\r\n") + 4)).length, 64);
			// without a header nobody gets in
			const bare = connect({ port: second, host: "127.0.0.1" });
			bare.on("error", () => undefined);
			bare.write("GET / HTTP/1.1\r\n\r\n");
			await new Promise((resolve) => bare.once("close", resolve));
			const { exchanges, totals } = await sidecar.stop();
			t.is(totals.sources.second?.counters.proxy_headers_bad, 1);
			const seen = exchanges.filter(
				(x) =>
					x.kind === "exchange" && x.observedBy.some(({ source }) => source === "second") && legOf("downstream")(x),
			);
			t.is(seen.length, 1);
			t.is(seen[0]?.connection.client.port, localPort);
			t.is(seen[0]?.annotations["proxy_protocol.version"], version === "v1" ? 1 : 2);
			t.is(seen[0]?.annotations["proxy_protocol.destination"], `127.0.0.1:${first}`);
			t.is(sha256(Buffer.from(String(seen[0]?.request?.body.data), "base64")), sha256(body));
		}),
	);

const statusOf = (port: number, path: string): Promise<number | null> =>
	new Promise((resolve) => {
		get({ port, host: "127.0.0.1", path, timeout: 60_000 }, (response) => {
			response.resume();
			resolve(response.statusCode ?? null);
		}).on("error", () => resolve(null));
	});

needing()("health and draining: a stop takes nothing new, says so, and lets what is open come to its end", (t) =>
	withScope(async (scope) => {
		let finish: (() => void) | null = null;
		const upstream = await listening(
			scope,
			createHttpServer((request, response) => {
				response.write("first half, ");
				request.resume();
				request.on("end", () => {
					finish = () => response.end("second half");
				});
			}),
		);
		const health = await freePort();
		const sidecar = await startSidecar(scope, {
			source: { upstream: `127.0.0.1:${upstream}`, health_listen: `127.0.0.1:${health}`, drain_timeout_ms: 8_000 },
		});
		t.is(await statusOf(health, "/healthz"), 200);
		t.is(await statusOf(health, "/readyz"), 200);
		t.is(await statusOf(health, "/other"), 404);
		const open = fetch(`http://127.0.0.1:${sidecar.port}/slow`, { headers: { connection: "close" } });
		await sidecar.program.until(() => finish !== null, 60_000);
		const stopped = sidecar.stop();
		await sidecar.program.until(async () => (await statusOf(health, "/readyz")) === 503, 60_000);
		t.is(await statusOf(health, "/healthz"), 200);
		t.is(await statusOf(sidecar.port, "/new"), null);
		finish!();
		t.is(await (await open).text(), "first half, second half");
		const { exchanges, totals } = await stopped;
		t.is(exchanges.find(legOf("upstream"))?.response?.body.data, "first half, second half");
		t.is(totals.sources.legacy?.counters.connections_reset, 0);
		t.is(await statusOf(health, "/healthz"), null);
	}),
);

needing()("draining has an end: what does not come to its own is reset, and its record says so", (t) =>
	withScope(async (scope) => {
		let hasCome = false;
		const upstream = await listen(scope, (socket) => {
			socket.once("data", () => {
				hasCome = true;
			});
		});
		const sidecar = await startSidecar(scope, { source: { upstream: `127.0.0.1:${upstream}`, drain_timeout_ms: 300 } });
		const client = connect({ port: sidecar.port, host: "127.0.0.1" });
		client.write("GET /never HTTP/1.1\r\nHost: a\r\n\r\n");
		const closed = new Promise((resolve) => client.on("error", (error) => resolve("code" in error ? error.code : "?")));
		await sidecar.program.until(() => hasCome, 60_000);
		const { exchanges } = await sidecar.stop();
		t.is(await closed, "ECONNRESET");
		t.is(exchanges.find(legOf("downstream"))?.outcome, "aborted");
	}),
);

needing("curl")("HTTP through the relay while another connection of the same relay is reset over and over", (t) =>
	withScope(async (scope) => {
		const upstream = await listening(
			scope,
			createHttpServer((request, response) => {
				request.resume();
				request.on("end", () => response.end("fine"));
			}),
		);
		const sidecar = await startSidecar(scope, { source: { upstream: `127.0.0.1:${upstream}` } });
		let isOver = false;
		const trouble = (async () => {
			while (!isOver) {
				const client = connect({ port: sidecar.port, host: "127.0.0.1" });
				client.on("error", () => undefined);
				client.write("POST /x HTTP/1.1\r\nContent-Length: 1000\r\n\r\nabc");
				await pause(1);
				client.resetAndDestroy();
			}
		})();
		for (let n = 0; n < 20; n++) {
			const { stdout } = await runProgram("curl", ["-sS", "-m", "60", `http://127.0.0.1:${sidecar.port}/${n}`], 60_000);
			t.is(stdout, "fine");
		}
		isOver = true;
		await trouble;
		const { exchanges } = await sidecar.stop();
		t.is(exchanges.filter((x) => legOf("downstream")(x) && x.outcome === "ok").length, 20);
	}),
);
