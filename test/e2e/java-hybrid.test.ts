/** One connection, seen encrypted by the kernel and as plaintext by the agent: one record for each exchange, seen by both. */
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { Agent, request } from "node:https";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { stringify } from "yaml";
import type { Totals } from "../../core/app/totals.js";
import type { Exchange } from "../../core/index.js";
import {
	agentOf,
	bodySha256,
	COLD_MS,
	findJdks,
	JavaPrograms,
	jars,
	missingJava,
	polytapProgram,
	RUN_MS,
	saidBy,
	sha256,
	startJavaCapture,
} from "./support/java.js";
import { missing } from "./support/needs.js";
import { settled } from "./support/polytap.js";
import { freePort } from "./support/port.js";
import { postgresqlFolder, startPostgresql } from "./support/postgresql.js";
import { withScope } from "./support/scope.js";

const lacking = missingJava() ?? missing("bpf");
if (lacking !== null) console.error(`SKIPPED, eBPF and the Java agent together are not tested: ${lacking}`);
const live = lacking === null ? test.serial : test.serial.skip;

const REQUESTS = 12;
const isWhole = ({ kind }: Exchange) => kind === "exchange";

for (const jdk of findJdks().slice(-1))
	live(`JDK ${jdk.version}: each exchange once, with what both saw, and the kernel's times around it`, (t) =>
		withScope(async (scope) => {
			const programs = await JavaPrograms.compile(scope, ["Https.java"]);
			const server = programs.start(jdk, null, ["Https", "serve", programs.keyStore]);
			scope.defer(() => server.stop("SIGKILL"));
			await server.until(() => server.stdout.includes("port "), RUN_MS);
			const port = Number(/port (\d+)/.exec(server.stdout)?.[1]);
			const capture = await startJavaCapture(scope, {
				sources: { node: { type: "ebpf", targets: [{ ports: [port] }], vantage: "both" } },
			});
			const said = [
				...saidBy(await programs.run(jdk, capture.agent, ["Https", "http1", String(port), "15"])),
				...saidBy(await programs.run(jdk, capture.agent, ["Https", "urlconnection", String(port), "15"])),
			];
			const { exchanges, totals } = await capture.stop();
			t.is(said.length, 30);
			t.is(exchanges.filter(isWhole).length, 30);
			for (const each of said) {
				const found = exchanges.filter(({ request }) => request?.attributes["url.path"] === each.path);
				t.is(found.length, 1, each.path);
				const [exchange] = found;
				if (exchange === undefined) continue;
				t.is(bodySha256(exchange.request), each.sent);
				t.is(bodySha256(exchange.response), each.got);
				t.is(typeof exchange.annotations["java.thread.name"], "string");
				const seen = exchange.observedBy.map(({ source, vantage }) => `${source} ${vantage}`).sort();
				t.deepEqual(seen, ["jvm client", "node client", "node server"], each.path);
				// plaintext is written before its ciphertext, and read after it
				const jvm = exchange.observedBy.find(({ source }) => source === "jvm")!;
				for (const kernel of exchange.observedBy.filter(({ source }) => source === "node")) {
					const startsUs = (Date.parse(kernel.startedAt) - Date.parse(jvm.startedAt)) * 1000;
					// one clock: a thread that had to wait for its turn in between is late by no more than some seconds
					t.true(Math.abs(startsUs) < 30_000_000, `${each.path}: the kernel began ${startsUs} µs later`);
					t.true(kernel.durationUs <= jvm.durationUs + 30_000_000);
				}
			}
			t.like(totals.sources.jvm?.counters, { agent_hook_errors: 0, agent_dropped_events: 0 });
			checkCaptured(t, totals);
		}),
	);

const DATABASE = jars("HikariCP", "postgresql", "slf4j-api", "slf4j-nop");
const noDatabase =
	lacking ??
	(postgresqlFolder() === null ? "PostgreSQL is not installed" : missing("openssl", "setpriv")) ??
	DATABASE.filter((path) => !existsSync(path)).map((path) => `there is no ${path}`)[0] ??
	null;
if (noDatabase !== null)
	console.error(`SKIPPED, a Java service with a database behind it is not tested: ${noDatabase}`);
const withDatabase = noDatabase === null ? test.serial : test.serial.skip;

withDatabase(
	"a service over TLS with a pooled database over TLS behind it: requests and their statements, seen by both",
	(t) =>
		withScope(async (scope) => {
			const jdk = findJdks().at(-1)!;
			const cluster = await startPostgresql(scope, { hasTls: true });
			const programs = await JavaPrograms.compile(scope, ["Https.java", "Shop.java"], DATABASE);
			const port = await freePort();
			const capture = await startJavaCapture(scope, {
				sources: { node: { type: "ebpf", targets: [{ ports: [port, cluster.port] }], vantage: "server" } },
			});
			const url = `jdbc:postgresql://127.0.0.1:${cluster.port}/postgres?sslmode=require`;
			const args = ["Shop", programs.keyStore, url, "postgres"];
			const service = programs.start(jdk, capture.agent, args, [`-Dport=${port}`]);
			scope.defer(() => service.stop("SIGKILL"));
			await service.until(() => service.stdout.includes("port "), RUN_MS);
			const agent = new Agent({ keepAlive: true, maxSockets: 2, rejectUnauthorized: false });
			const numbers = Array.from({ length: REQUESTS }, (_, i) => i * 3);
			const bodies = await Promise.all(numbers.map((n) => get(agent, port, `/orders/${n}`)));
			agent.destroy();
			await service.stop("SIGTERM");
			const { exchanges, totals } = await capture.stop();
			for (const [i, n] of numbers.entries()) {
				const found = exchanges.filter(({ request }) => request?.attributes["url.path"] === `/orders/${n}`);
				t.is(found.length, 1, `/orders/${n}`);
				t.is(bodySha256(found[0]?.response ?? null), sha256(bodies[i]!));
				t.deepEqual(found[0]?.observedBy.map(({ source, vantage }) => `${source} ${vantage}`).sort(), [
					"jvm server",
					"node server",
				]);
			}
			const statements = exchanges.filter(({ annotations }) =>
				String(annotations["db.query.text"]).startsWith("select 'order '"),
			);
			t.is(statements.length, REQUESTS);
			t.deepEqual(
				statements.map(({ annotations }) => Number(annotations["db.response.returned_rows"])).sort((a, b) => a - b),
				numbers,
			);
			for (const { protocol, annotations, observedBy, connection } of statements) {
				t.is(protocol, "postgresql");
				t.is(annotations["java.pool.name"], "shop");
				t.is(connection.server.port, cluster.port);
				t.deepEqual(observedBy.map(({ source, vantage }) => `${source} ${vantage}`).sort(), [
					"jvm client",
					"node server",
				]);
			}
			t.is(new Set(statements.map(({ annotations }) => annotations["java.pool.lease"])).size, REQUESTS);
			t.like(totals.sources.jvm?.counters, { agent_hook_errors: 0, agent_dropped_events: 0 });
			checkCaptured(t, totals);
		}),
);

live("without TLS the kernel and the agent see the same: a clean report of parity", (t) =>
	withScope(async (scope) => {
		const folder = await scope.folder();
		const port = await freePort();
		const path = join(folder, "java.sock");
		const config = join(folder, "polytap.yaml");
		const sources = {
			node: { type: "ebpf", targets: [{ ports: [port] }], vantage: "both" },
			jvm: { type: "java-agent", listen: path, plain: true },
		};
		const capture = { max_body_bytes: 8_388_608, merge_window_ms: COLD_MS, correlation_window_ms: COLD_MS };
		await writeFile(config, stringify({ version: 1, sources, capture, sinks: { none: { type: "blackhole" } } }));
		const compare = polytapProgram(["compare", "-c", config, "-f", "json", "--parity", "100"]);
		scope.defer(() => compare.stop("SIGKILL"));
		await compare.until(() => /^ready: /m.test(compare.stderr), 60_000);
		const programs = await JavaPrograms.compile(scope, ["Https.java", "PlainHttp.java"]);
		const options = ["-Dplain=true", `-Dport=${port}`];
		const said = saidBy(await programs.run(findJdks()[0]!, agentOf(path), ["PlainHttp", "12"], options));
		t.is(said.length, 24);
		await settled(compare);
		const { code } = await compare.stop("SIGTERM", 60_000);
		t.is(code, 0, compare.stderr + compare.stdout);
		t.log(compare.stdout.slice(0, 600));
	}),
);

/** Nothing is missing but ciphertext that need not be copied. */
function checkCaptured(t: ExecutionContext, { bytes }: Totals): void {
	const { covered = 0, ...others } = bytes.lost;
	t.deepEqual(others, {});
	t.is(bytes.seen, bytes.captured + covered);
	t.log(`${covered} bytes of ciphertext were not copied, ${bytes.captured} of both were`);
}

function get(agent: Agent, port: number, path: string): Promise<Buffer> {
	return new Promise((resolve, reject) => {
		request({ agent, host: "127.0.0.1", port, path }, (response) => {
			const chunks: Buffer[] = [];
			response.on("data", (chunk: Buffer) => chunks.push(chunk));
			response.on("end", () => resolve(Buffer.concat(chunks)));
		})
			.on("error", reject)
			.end();
	});
}
