/** TLS without certificates: databases, GnuTLS and Go, captured live, with whole bodies by SHA-256. */
import { createWriteStream } from "node:fs";
import { copyFile, readFile, realpath, writeFile } from "node:fs/promises";
import { join } from "node:path";
import anyTest, { type TestFn } from "ava";
import type { Exchange } from "../../core/index.js";
import { bodyOf, idOf } from "./support/body.js";
import { makeCertificate } from "./support/certificate.js";
import { sha256 } from "./support/client.js";
import { buildGoTls, goLoad, startGoServer } from "./support/go-tls.js";
import { bytesOf } from "./support/integrity.js";
import { linesOf } from "./support/lines.js";
import { missing } from "./support/needs.js";
import { startNginx } from "./support/nginx.js";
import { freePort, isListening } from "./support/port.js";
import { missingPostgresql, startPostgresql } from "./support/postgresql.js";
import { Program, runProgram, until } from "./support/program.js";
import { withScope } from "./support/scope.js";
import { sendAndCheck, startTlsCapture, type TlsCapture } from "./support/tls-capture.js";
import { curlLoad } from "./support/tls-loads.js";

const test: TestFn = anyTest;
const KIB = 1024;
const MIB = 1024 * 1024;
/** Go dials once for each request that waits, and lets go of what came too late. */
const GO = { library: "go", unused: true } as const;

function needing(what: string, why: string | null) {
	if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED tls-servers, ${what}: ${why}\n`);
	return why === null ? test.serial : test.serial.skip;
}

async function recordsOf({ path, polytap }: TlsCapture): Promise<Exchange[]> {
	await polytap.settled();
	await polytap.stop();
	const records: Exchange[] = [];
	for await (const line of linesOf(path)) records.push(JSON.parse(line.toString("utf8")));
	return records;
}

needing("PostgreSQL", missingPostgresql() ?? missing("openssl"))(
	"PostgreSQL: TLS begins in the middle of a connection",
	(t) =>
		withScope(async (scope) => {
			const cluster = await startPostgresql(scope, { hasTls: true });
			const capture = await startTlsCapture(scope, [cluster.port], "auto");
			const texts = Array.from({ length: 20 }, (_, n) => bodyOf(idOf(1, n), 40 * KIB).toString("latin1"));
			const queries = texts.map((text, n) => `select ${n}, '${text}'`);
			for (const query of queries.slice(0, 10)) {
				const file = join(await scope.folder(), "query.sql");
				await writeFile(file, query);
				await cluster.run("psql", ["-XAtq", "-f", file]);
			}
			const file = join(await scope.folder(), "rest.sql");
			await writeFile(file, queries.slice(10).join(";\n"));
			await cluster.run("psql", ["-XAtq", "-f", file]);
			const records = await recordsOf(capture);
			const answered = records.filter(({ summary }) => summary.operation.toLowerCase().startsWith("select"));
			t.is(answered.length, 20);
			for (const { connection } of answered) t.is(connection.tls?.library, "openssl");
			// connections come out in any order
			const answers = answered.map(({ response }) => JSON.stringify(response?.body.data));
			for (const [n, text] of texts.entries())
				t.is(answers.filter((answer) => answer.includes(text)).length, 1, `answer ${n}`);
			t.false(records.some(({ protocol }) => protocol === "tls" || protocol === "raw"));
		}),
);

needing("Redis", missing("bpf", "redis-server", "redis-cli", "openssl"))("Redis: values whole", (t) =>
	withScope(async (scope) => {
		const { certificate, key } = await makeCertificate(scope);
		const port = await freePort();
		const folder = await scope.folder();
		const args = ["--port", "0", "--tls-port", String(port), "--tls-cert-file", certificate, "--tls-key-file", key];
		const server = new Program("redis-server", [...args, "--tls-auth-clients", "no", "--save", "", "--dir", folder]);
		scope.defer(() => server.stop("SIGTERM"));
		await server.until(() => isListening(server.pid, port), 60_000);
		const capture = await startTlsCapture(scope, [port], "auto");
		const values = Array.from({ length: 50 }, (_, n) => bodyOf(idOf(2, n), 40 * KIB).toString("latin1"));
		const script = join(folder, "commands");
		const commands = values.flatMap((value, n) => [`set key${n} ${value}`, `get key${n}`]);
		await writeFile(script, `${commands.join("\n")}\n`);
		await runProgram("sh", ["-c", `redis-cli --tls --insecure -p ${port} < ${script} > /dev/null`], 60_000);
		const records = await recordsOf(capture);
		const gets = records.filter(({ summary }) => /^get/i.test(summary.operation));
		const sets = records.filter(({ summary }) => /^set/i.test(summary.operation));
		t.deepEqual([gets.length, sets.length], [50, 50]);
		for (const [n, value] of values.entries()) {
			t.is(gets[n]?.connection.tls?.library, "openssl");
			t.true(JSON.stringify(gets[n]?.response?.body.data).includes(value), `get ${n}`);
			t.true(JSON.stringify(sets[n]?.request?.body.data).includes(value), `set ${n}`);
		}
	}),
);

needing("GnuTLS", missing("bpf", "nginx", "wget", "openssl"))("GnuTLS: wget, the client's end alone", (t) =>
	withScope(async (scope) => {
		const nginx = await startNginx(scope, { tls: await makeCertificate(scope) });
		const names = Array.from({ length: 10 }, (_, n) => `${idOf(3, n)}`);
		for (const name of names) await writeFile(join(nginx.files, name), bodyOf(name, MIB));
		const capture = await startTlsCapture(scope, [nginx.port], "client");
		const urls = names.map((name) => `https://127.0.0.1:${nginx.port}/files/${name}`);
		await runProgram("wget", ["-q", "--no-check-certificate", "-O", "/dev/null", ...urls], 60_000);
		const records = await recordsOf(capture);
		t.is(records.length, names.length);
		for (const [n, { connection, response }] of records.entries()) {
			t.is(connection.tls?.library, "gnutls");
			t.is(connection.tls?.version, "1.2");
			t.is(response?.body.completeness, "complete");
			t.is(sha256(bytesOf(response!.body)), sha256(bodyOf(names[n]!, MIB)));
		}
	}),
);

needing("mount namespace", missing("bpf", "nginx", "curl", "openssl", "unshare", "ldd"))(
	"a server that comes later, in a mount namespace of its own, with its own copy of the library",
	(t) =>
		withScope(async (scope) => {
			const { stdout } = await runProgram(
				"sh",
				["-c", "ldd $(command -v nginx) | grep -o '/[^ ]*libssl[^ ]*'"],
				60_000,
			);
			const of = await realpath(stdout.trim());
			const file = join(await scope.folder(), "copy");
			await copyFile(of, file);
			const tls = await makeCertificate(scope);
			const first = await startNginx(scope, { tls });
			const capture = await startTlsCapture(scope, [first.port], "server");
			await first.stop();
			const before = await capture.polytap.counter("node", "tls_files_watched");
			const nginx = await startNginx(scope, { accessLog: true, tls, instead: { of, file }, port: first.port });
			// its library is looked for as it begins
			await capture.polytap.counted("node", "tls_files_watched", before + 1);
			await sendAndCheck(t, scope, nginx, capture, { curl: curlLoad("1.1") });
		}),
);

needing("Go", missing("bpf", "go", "curl", "openssl"))("Go: a stripped server and client of its own crypto/tls", (t) =>
	withScope(async (scope) => {
		const program = await buildGoTls(scope, "-s", "-w");
		const server = await startGoServer(scope, program, await makeCertificate(scope));
		const capture = await startTlsCapture(scope, [server.port], "auto");
		const senders = { "Go, HTTP/1.1": goLoad(program, "1"), "Go, HTTP/2": goLoad(program, "2"), curl: curlLoad("1.1") };
		await sendAndCheck(t, scope, server, capture, senders, () => {}, GO);
	}),
);

needing("Go client", missing("bpf", "go", "nginx", "openssl"))("Go: the client's end alone", (t) =>
	withScope(async (scope) => {
		const program = await buildGoTls(scope, "-s", "-w");
		const nginx = await startNginx(scope, { accessLog: true, tls: await makeCertificate(scope) });
		const capture = await startTlsCapture(scope, [nginx.port], "client");
		// a program that nobody has seen before runs for some milliseconds until it is probed
		await until(async () => {
			await goLoad(program, "1")(scope, { port: nginx.port, load: 999, count: 1, size: 100 });
			await capture.polytap.settled();
			return (await readFile(capture.path, "latin1")).includes('"library":"go"');
		}, "what it says is captured");
		const senders = { "Go, HTTP/1.1": goLoad(program, "1"), "Go, HTTP/2": goLoad(program, "2") };
		await sendAndCheck(t, scope, nginx, capture, senders, () => {}, GO);
	}),
);
