/** The legacy sidecar in the path of real servers: plain, TLS with ALPN, PostgreSQL. */
import { createHash, randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { needing } from "./support/needing.js";
import { startNginx } from "./support/nginx.js";
import { startPostgresql } from "./support/postgresql.js";
import { runProgram } from "./support/program.js";
import { withScope } from "./support/scope.js";
import { legOf, makeCertificate, sha256, startSidecar } from "./support/sidecar.js";

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
						...["-sS", "-m", "60", version, "--cacert", join(ca, "ca.pem"), "-w", " %{http_version}"],
						...["--resolve", `a.test:${sidecar.port}:127.0.0.1`, "--data-binary", `@${file}`],
						`https://a.test:${sidecar.port}/x`,
					],
					60_000,
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
				t.like(connection.tls, { library: "openssl", version: "1.3", serverName: "a.test" });
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
