/** The legacy sidecar in the path of real servers: plain, TLS with ALPN, redirected, PostgreSQL; and with every kind of trouble. */
import { createHash, randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { needing } from "./support/needing.js";
import { startNginx } from "./support/nginx.js";
import { startPostgresql } from "./support/postgresql.js";
import { pause, runProgram } from "./support/program.js";
import { withScope } from "./support/scope.js";
import { legOf, listen, makeCertificate, readAll, sha256, startSidecar } from "./support/sidecar.js";

needing("nginx")("nginx: bodies of all sizes on both legs, equal by SHA-256", (t) =>
	withScope(async (scope) => {
		const nginx = await startNginx(scope);
		const sidecar = await startSidecar(scope, { source: { upstream: `127.0.0.1:${nginx.port}` } });
		const sizes = [0, 1, 100, 10_240, 1_000_000];
		const bodies = Array.from({ length: 40 }, (_, n) => randomBytes(sizes[n % sizes.length]!));
		for (const [n, body] of bodies.entries()) {
			const response = await fetch(`http://127.0.0.1:${sidecar.port}/echo/${n}`, { method: "POST", body });
			t.is(sha256(new Uint8Array(await response.arrayBuffer())), sha256(body));
		}
		const { exchanges, totals } = await sidecar.stop();
		for (const leg of ["downstream", "upstream"]) {
			const of = exchanges.filter(legOf(leg));
			t.deepEqual(
				of.map(({ request }) => sha256(Buffer.from(request!.body.data as string, request!.body.encoding as "utf8"))),
				bodies.map(sha256),
			);
		}
		t.is(totals.bytes.seen, totals.bytes.captured);
	}),
);

needing()("half-close, a slow server and a slow client: what is sent arrives, memory stays bounded", (t) =>
	withScope(async (scope) => {
		// answers with the hash of all it got, only after the client has finished
		const upstream = await listen(scope, (socket) => {
			void readAll(socket, 1).then((all) => socket.end(Buffer.concat([all, Buffer.from(sha256(all))])));
		});
		const sidecar = await startSidecar(scope, { source: { upstream: `127.0.0.1:${upstream}`, tee_bytes: 1 << 18 } });
		const body = randomBytes(8_000_000);
		const client = connect({ port: sidecar.port, host: "127.0.0.1", allowHalfOpen: true });
		client.end(body);
		const answer = await readAll(client, 1);
		t.is(answer.length, body.length + 64);
		t.is(sha256(answer.subarray(0, body.length)), sha256(body));
		t.is(answer.subarray(body.length).toString(), sha256(body));
		const { totals } = await sidecar.stop();
		t.is(totals.sources.legacy?.counters.relayed_to_server_bytes, body.length);
		t.is(totals.sources.legacy?.counters.relayed_to_client_bytes, answer.length);
	}),
);

needing()(
	"resets at every point, from either end: a reset arrives as one, and what was forwarded is what was sent",
	(t) =>
		withScope(async (scope) => {
			const request = Buffer.from("GET /reset HTTP/1.1\r\nHost: a\r\n\r\n");
			const got: Buffer[] = [];
			let resetsAfter = -1;
			const upstream = await listen(scope, (socket) => {
				const number = got.push(Buffer.alloc(0)) - 1;
				socket.on("data", (data) => {
					got[number] = Buffer.concat([got[number]!, data]);
					if (resetsAfter >= 0 && got[number].length >= resetsAfter) socket.resetAndDestroy();
				});
			});
			const sidecar = await startSidecar(scope, { source: { upstream: `127.0.0.1:${upstream}` } });
			for (let cut = 0; cut <= request.length; cut += 3) {
				const client = connect({ port: sidecar.port, host: "127.0.0.1" });
				client.on("error", () => undefined);
				await new Promise((resolve) => client.write(request.subarray(0, cut), resolve));
				const before = got.length;
				for (let n = 0; n < 200 && (got.at(-1)?.length !== cut || got.length < before); n++) await pause(2);
				client.resetAndDestroy();
			}
			resetsAfter = 1;
			for (let n = 0; n < 5; n++) {
				const client = connect({ port: sidecar.port, host: "127.0.0.1" });
				client.write(request);
				const code = await new Promise((resolve) => {
					client.on("error", (error) => resolve("code" in error ? error.code : "?"));
					client.on("end", () => resolve("end"));
					client.resume();
				});
				t.is(code, "ECONNRESET");
			}
			for (const bytes of got) t.true(request.subarray(0, bytes.length).equals(bytes));
			const { totals } = await sidecar.stop();
			const counters = totals.sources.legacy!.counters;
			t.is(counters.connections_open, 0);
			t.is(
				counters.relayed_to_server_bytes,
				got.reduce((sum, bytes) => sum + bytes.length, 0),
			);
			t.is(totals.engine.connections_open, 0);
		}),
);

needing()("10,000 idle connections, then one byte through each", (t) =>
	withScope(async (scope) => {
		// both ends are here and the relay has as many: two descriptors for each connection, where the limit allows no more
		const limits = await readFile("/proc/self/limits", "latin1");
		const count = Math.min(
			10_000,
			Math.floor((Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1]) - 500) / 200) * 100,
		);
		t.log(`${count} connections`);
		const upstream = await listen(scope, (socket) => socket.pipe(socket));
		const sidecar = await startSidecar(scope, { source: { upstream: `127.0.0.1:${upstream}` } });
		const clients: Socket[] = [];
		scope.defer(() => {
			for (const client of clients) client.destroy();
		});
		for (let batch = 0; batch < count / 100; batch++)
			await Promise.all(
				Array.from({ length: 100 }, async () => {
					const client = connect({ port: sidecar.port, host: "127.0.0.1" });
					clients.push(client);
					await new Promise((resolve) => client.once("connect", resolve));
				}),
			);
		const answers = await Promise.all(
			clients.map(
				(client, n) =>
					new Promise<number>((resolve) => {
						client.once("data", (data) => resolve(data[0]!));
						client.write(Buffer.from([n & 255]));
					}),
			),
		);
		t.deepEqual(
			answers,
			clients.map((_, n) => n & 255),
		);
		const status = await readFile(`/proc/${sidecar.program.pid}/status`, "latin1");
		const rssMb = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
		t.log(`resident: ${rssMb.toFixed(0)} MiB`);
		t.true(rssMb < 1_500);
		for (const client of clients) client.end();
		const { totals } = await sidecar.stop();
		t.is(totals.sources.legacy?.counters.connections_accepted, count);
		t.is(totals.sources.legacy?.counters.connections_open, 0);
	}),
);

for (const fault of ["throws", "hangs"] as const)
	needing()(`a parser that ${fault}: a plain relay`, (t) =>
		withScope(async (scope) => {
			const upstream = await listen(scope, (socket) => socket.pipe(socket));
			const folder = await scope.folder();
			const plugin = join(folder, "bad.mjs");
			const body = fault === "throws" ? "throw new Error('on purpose');" : "for (;;);";
			await writeFile(
				plugin,
				`export default { api: 0, kind: "parser", protocol: "bad", summary: "a parser that is broken on purpose",
	detect: (client) => (client.length > 0 && client[0] === 0x21 ? "yes" : client.length > 0 ? "no" : "more"),
	create: () => ({ data() { ${body} }, gap: () => false, resync: () => ({ skip: 0 }), end() {} }) };
`,
			);
			const sidecar = await startSidecar(scope, {
				source: { upstream: `127.0.0.1:${upstream}`, tee_bytes: 1 << 18 },
				plugins: [plugin],
				capture: { worker_timeout_ms: 1_000 },
			});
			for (let round = 0; round < 3; round++) {
				const body = Buffer.concat([Buffer.from("!"), randomBytes(2_000_000)]);
				const client = connect({ port: sidecar.port, host: "127.0.0.1", allowHalfOpen: true });
				client.end(body);
				t.is(sha256(await readAll(client)), sha256(body));
			}
			await pause(fault === "hangs" ? 2_500 : 100);
			const told = fault === "hangs" ? /WORKER_HUNG/ : /PARSER_FAILED/;
			await sidecar.program.until(() => told.test(sidecar.program.stderr), 10_000);
			// a worker that hangs in the moment of the stop is a failure by itself
			const { totals } = await sidecar.stop(fault === "hangs" ? [0, 1] : [0]);
			const { counters } = totals.sources.legacy!;
			t.is(counters.relayed_to_server_bytes, 6_000_003);
			t.is(counters.relayed_to_client_bytes, 6_000_003);
		}),
	);

needing("openssl", "curl")(
	"TLS: ended here and begun again, ALPN and server name kept, the installation's own CA",
	(t) =>
		withScope(async (scope) => {
			const folder = await scope.folder();
			const { key, cert } = await makeCertificate(folder, "a.test");
			const { createSecureServer } = await import("node:http2");
			const server = createSecureServer({ key: await readFile(key), cert: await readFile(cert), allowHTTP1: true });
			server.on("request", (request, response) => {
				const hash = createHash("sha256");
				request.on("data", (data: Buffer) => hash.update(data));
				request.on("end", () => response.end(hash.digest("hex")));
			});
			await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
			scope.defer(() => server.close());
			const address = server.address();
			if (address === null || typeof address === "string") throw new Error("no address");
			const ca = join(folder, "ca");
			const sidecar = await startSidecar(scope, {
				source: {
					upstream: `127.0.0.1:${address.port}`,
					tls: { mode: "intercept", ca_folder: ca, upstream_ca_file: cert },
				},
			});
			const body = randomBytes(300_000);
			const file = join(folder, "body");
			await writeFile(file, body);
			for (const version of ["--http1.1", "--http2"]) {
				const { stdout } = await runProgram(
					"curl",
					[
						...["-sS", "-m", "20", version, "--cacert", join(ca, "ca.pem"), "-w", " %{http_version}"],
						...["--resolve", `a.test:${sidecar.port}:127.0.0.1`, "--data-binary", `@${file}`],
						`https://a.test:${sidecar.port}/x`,
					],
					30_000,
				);
				t.is(stdout, `${sha256(body)} ${version === "--http2" ? "2" : "1.1"}`);
			}
			const { exchanges, totals } = await sidecar.stop();
			t.is(totals.sources.legacy?.counters.tls_intercepted, 2);
			const seen = exchanges.filter((x) => x.kind === "exchange" && legOf("downstream")(x));
			t.deepEqual(
				seen.map(({ protocol }) => protocol),
				["http/1.1", "http/2"],
			);
			for (const { request, annotations, connection } of seen) {
				const recorded = Buffer.from(request!.body.data as string, "base64");
				t.is(request!.body.completeness, "complete");
				t.is(sha256(recorded), sha256(body));
				t.like(connection.tls, { library: "openssl", version: "TLSv1.3", serverName: "a.test" });
				t.is(annotations["tls.cipher"], "TLS_AES_256_GCM_SHA384");
			}
		}),
);

needing("openssl")("PostgreSQL: the switch to TLS is followed, statements are captured", (t) =>
	withScope(async (scope) => {
		const cluster = await startPostgresql(scope, { hasTls: true });
		const sidecar = await startSidecar(scope, {
			source: {
				upstream: `127.0.0.1:${cluster.port}`,
				tls: { mode: "intercept", ca_folder: join(await scope.folder(), "ca"), upstream_verify: false },
			},
		});
		const url = `host=127.0.0.1 port=${sidecar.port} user=postgres dbname=postgres sslmode=require`;
		const sql = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
		const psql = await cluster.run("psql", ["-XAt", "-d", url, "-c", sql]);
		t.is(psql.stdout.trim(), "t");
		const { exchanges } = await sidecar.stop();
		t.true(exchanges.filter(legOf("downstream")).some(({ request }) => request?.attributes["db.query.text"] === sql));
	}),
);
