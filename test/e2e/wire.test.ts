/**
 * Bytes without a buffer that could be read, through the command line: io_uring at both ends, sendfile of nginx, splice of
 * haproxy. Of a process's first connection the gap is named; from its second one on bodies are whole.
 */
import { createWriteStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import anyTest, { type ExecutionContext, type TestFn } from "ava";
import type { Totals } from "../../core/app/totals.js";
import type { Exchange } from "../../core/index.js";
import { bodyOf, bodyText, idOf } from "./support/body.js";
import { makeCertificate } from "./support/certificate.js";
import { sha256 } from "./support/client.js";
import { startHaproxy } from "./support/haproxy.js";
import { bytesOf } from "./support/integrity.js";
import { linesOf } from "./support/lines.js";
import { missing } from "./support/needs.js";
import { type Nginx, startNginx } from "./support/nginx.js";
import { METRICS, type Polytap, startPolytap } from "./support/polytap.js";
import { runProgram } from "./support/program.js";
import { withScope } from "./support/scope.js";
import { COMPLETIONS, startUringServer, uringBody, uringFetch, uringPeer } from "./support/uring-peer.js";

const test: TestFn = anyTest;
const KIB = 1024;
const MIB = 1024 * KIB;
const ENDS = ["server", "client"] as const;
const CONNECTIONS = 4;
const REQUESTS = 3;

function needing(...needs: readonly string[]) {
	const why = missing("bpf", ...needs);
	if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED wire: ${why}\n`);
	return why === null ? test.serial : test.serial.skip;
}

async function recordsOf(polytap: Polytap, path: string): Promise<{ records: Exchange[]; totals: Totals }> {
	await polytap.settled();
	const { code, stderr, totals } = await polytap.stop();
	if (code !== 0) throw new Error(stderr);
	const records: Exchange[] = [];
	for await (const line of linesOf(path)) records.push(JSON.parse(line.toString("utf8")));
	return { records, totals };
}

function isWhole({ outcome, request, response }: Exchange): boolean {
	return outcome === "ok" && request?.body.completeness === "complete" && response?.body.completeness === "complete";
}

/** Requests behind the first connection are there once, whole and equal; what is missing of the first one says why. */
function checkEchoes(t: ExecutionContext, records: readonly Exchange[], bytes: number, message: string): void {
	for (const record of records)
		for (const { cause } of [...(record.request?.body.gaps ?? []), ...(record.response?.body.gaps ?? [])])
			t.is(cause, "io-uring", `${message}: ${JSON.stringify(record).slice(0, 2000)}`);
	for (let connection = 1; connection < CONNECTIONS; connection++)
		for (let request = 0; request < REQUESTS; request++) {
			const found = records.filter((record) => pathOf(record) === `/${connection}/${request}`);
			t.is(found.length, 1, `${message}: /${connection}/${request}`);
			const [record] = found;
			if (record === undefined) continue;
			t.true(isWhole(record), `${message}: ${JSON.stringify(record).slice(0, 2000)}`);
			const expected = sha256(uringBody(connection, request, bytes));
			t.is(sha256(bytesOf(record.request!.body)), expected, `${message}: request ${connection}/${request}`);
			t.is(sha256(bytesOf(record.response!.body)), expected, `${message}: response ${connection}/${request}`);
			const { client, server } = record.connection;
			const process = record.observedBy[0]?.vantage === "client" ? client.process : server.process;
			t.is(process?.name, "uring-peer", message);
		}
}

const pathOf = (record: Exchange): string => String(record.request?.attributes["url.path"] ?? "");

for (const how of COMPLETIONS)
	needing("cc")(`io_uring, completions by ${how}: server and client`, async (t) => {
		try {
			await uringPeer();
		} catch (error) {
			t.log(`NOT TESTED: no liburing: ${String(error).slice(0, 300)}`);
			t.pass();
			return;
		}
		await withScope(async (scope) => {
			const bytes = 150_000;
			const server = await startUringServer(scope, how);
			const path = join(await scope.folder(), "out.jsonl");
			const targets = [{ ports: [server.port] }];
			const polytap = await startPolytap(scope, {
				config: {
					sources: {
						server: { type: "ebpf", targets, vantage: "server" },
						client: { type: "ebpf", targets, vantage: "client" },
					},
					capture: { merge: "off" },
					sinks: { file: { type: "jsonl", path } },
					metrics: METRICS,
				},
			});
			const load = { connections: CONNECTIONS, requests: REQUESTS, bytes };
			const right = await uringFetch(scope, how, server.port, load, async () => {
				for (const end of ENDS) await polytap.counted(end, "wire_attached");
			});
			t.is(right, CONNECTIONS * REQUESTS);
			const { records, totals } = await recordsOf(polytap, path);
			// Its first call is always missing: nothing was known before it. More of the connection may be, by how soon packets
			// were watched: none of its requests need have a record, and all that have one may be whole.
			t.deepEqual(Object.keys(totals.bytes.lost), ["io-uring"]);
			t.log(`${how}: ${totals.bytes.lost["io-uring"]} bytes of the first connection are missing`);
			for (const end of ENDS) {
				const seen = records.filter(({ observedBy }) => observedBy[0]?.source === end);
				checkEchoes(t, seen, bytes, `${how}, ${end}`);
				// what came behind the first connection, heads and bodies both ways, had to come in packets
				const { wire_bytes = 0 } = totals.sources[end]?.counters ?? {};
				t.log(`${how}, ${end}: ${JSON.stringify(totals.sources[end]?.counters)}`);
				t.true(wire_bytes > 0, `${how}, ${end}`);
			}
		});
	});

/** The files, by their size: large ones at a pace that one busy processor can follow. */
const FILES = [10 * KIB, MIB, 100 * MIB] as const;

/** A file's content: letters and digits, the same nowhere within a MiB. */
function fileOf(size: number): Buffer {
	return Buffer.alloc(size, bodyText);
}

async function download(nginx: Nginx, base: string, size: number): Promise<void> {
	const url = `${base}:${nginx.port}/files/${size}`;
	await runProgram("curl", ["-sk", "--http1.1", "--limit-rate", "40M", "-o", "/dev/null", url], 120_000);
}

for (const secure of [false, true])
	needing(
		"nginx",
		"curl",
		"openssl",
	)(`nginx with sendfile on, HTTP/1.1${secure ? " over TLS" : ""}: 10 KiB, 1 MiB and 100 MiB, whole`, (t) =>
		withScope(async (scope) => {
			const tls = secure ? { tls: await makeCertificate(scope) } : {};
			const nginx = await startNginx(scope, { sendfile: true, ...tls });
			for (const size of FILES) await writeFile(join(nginx.files, String(size)), fileOf(size));
			const path = join(await scope.folder(), "out.jsonl");
			const polytap = await startPolytap(scope, {
				config: {
					sources: {
						node: {
							type: "ebpf",
							targets: [{ ports: [nginx.port] }],
							ring_bytes: 64 * MIB,
							tls: secure ? "auto" : "off",
						},
					},
					metrics: METRICS,
					capture: { max_body_bytes: 128 * MIB, max_held_bytes: 1024 * MIB },
					sinks: { file: { type: "jsonl", path, queue: { max_bytes: 1024 * MIB } } },
				},
			});
			const base = secure ? "https://localhost" : "http://127.0.0.1";
			await download(nginx, base, FILES[0]);
			// TLS has its bytes written, as any other
			if (!secure) await polytap.counted("node", "wire_attached");
			for (const size of FILES) await download(nginx, base, size);
			const { records } = await recordsOf(polytap, path);
			const answered = records.filter((record) => pathOf(record).startsWith("/files/"));
			// a hole waits for another end that may fill it, meanwhile the next one may come out
			answered.sort((a, b) => a.startedAt.localeCompare(b.startedAt));
			t.is(answered.length, FILES.length + 1);
			const [first, ...rest] = answered;
			if (!secure)
				t.deepEqual(first?.response?.body.gaps, [{ from: 0, to: FILES[0], cause: "sendfile" }], "the first is named");
			for (const [index, record] of rest.entries()) {
				const size = FILES[index]!;
				t.true(isWhole(record), `${size}: ${JSON.stringify({ ...record, response: null })}`);
				t.is(record.response?.body.bytes, size);
				t.is(sha256(bytesOf(record.response!.body)), sha256(fileOf(size)), String(size));
			}
		}),
	);

needing(
	"nginx",
	"haproxy",
	"curl",
)("haproxy that splices both ways: whole from its second connection on", (t) =>
	withScope(async (scope) => {
		const nginx = await startNginx(scope);
		await writeFile(join(nginx.files, "large"), fileOf(2 * MIB));
		const splice = ["option splice-request", "option splice-response"];
		const haproxy = await startHaproxy(scope, nginx.port, null, splice);
		const path = join(await scope.folder(), "out.jsonl");
		const polytap = await startPolytap(scope, {
			config: {
				sources: { node: { type: "ebpf", targets: [{ ports: [haproxy.port] }], ring_bytes: 64 * MIB } },
				capture: { max_body_bytes: 8 * MIB },
				sinks: { file: { type: "jsonl", path } },
				metrics: METRICS,
			},
		});
		const body = join(await scope.folder(), "body");
		await writeFile(body, bodyOf(idOf(1, 2), MIB));
		const base = `http://127.0.0.1:${haproxy.port}`;
		for (let n = 0; n < 4; n++) {
			await runProgram("curl", ["-s", "-o", "/dev/null", `${base}/files/large?n=${n}`], 60_000);
			const post = ["--data-binary", `@${body}`, "-H", "Expect:", `${base}/echo/${idOf(1, 2)}?n=${n}`];
			await runProgram("curl", ["-s", "-o", "/dev/null", ...post], 60_000);
			if (n === 0) await polytap.counted("node", "wire_attached");
		}
		const { records } = await recordsOf(polytap, path);
		const later = records.filter((record) => /n=[1-9]/.test(String(record.request?.attributes["url.query"])));
		t.is(later.length, 6);
		for (const record of later) {
			t.true(isWhole(record), JSON.stringify(record).slice(0, 2000));
			const isEcho = pathOf(record).startsWith("/echo/");
			const expected = isEcho ? bodyOf(idOf(1, 2), MIB) : fileOf(2 * MIB);
			t.is(sha256(bytesOf(record.response!.body)), sha256(expected));
			if (isEcho) t.is(sha256(bytesOf(record.request!.body)), sha256(expected));
		}
	}),
);
