/**
 * One program, OpenSSL called in one way after the other: whose plaintext it is must be certain in each of them. Each exchange
 * is told once, whole, and on the connection that it was on.
 */
import { createWriteStream, existsSync } from "node:fs";
import { join } from "node:path";
import anyTest, { type TestFn } from "ava";
import { makeCertificate } from "./support/certificate.js";
import { checkIntegrity, type Load, problemsIn } from "./support/integrity.js";
import { missing } from "./support/needs.js";
import { freePort } from "./support/port.js";
import { withScope } from "./support/scope.js";
import { startTlsCapture } from "./support/tls-capture.js";
import { tlsPeerTalk } from "./support/tls-peer.js";

const hasHeaders = existsSync("/usr/include/openssl/ssl.h");
const why = missing("bpf", "cc", "openssl") ?? (hasHeaders ? null : "libssl-dev is not installed");
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED tls-ways: ${why}\n`);
const test: TestFn = anyTest;
const live = why === null ? test.serial : test.serial.skip;

/** 10,000 exchanges in each way with TLS_EXCHANGES=10000. */
const EXCHANGES = Number(process.env.TLS_EXCHANGES ?? 20);
const KIB = 1024;

/** Name in tls-peer.c, and what it is. */
const WAYS = {
	batch: "receives for two connections, then decrypts both, on one thread",
	handoff: "receives on one thread, decrypts on others",
	peek: "SSL_peek before each read",
	ahead: "reads ahead",
	partial: "partial writes, tried again from another place",
	whole: "small buffers without blocking",
	update: "key updates",
	renegotiate: "renegotiation, TLS 1.2",
	again: "a new session for each request on one connection",
	early: "early data",
} as const;

for (const [way, what] of Object.entries(WAYS))
	live(`${way}: ${what}`, (t) =>
		withScope(async (scope) => {
			const tls = await makeCertificate(scope);
			const port = await freePort();
			const accessLog = join(await scope.folder(), "access.log");
			const { path, polytap } = await startTlsCapture(scope, [port], "server");
			const loads: Load[] = [];
			let ports: ReadonlyMap<string, number> = new Map();
			for (const size of [100, 40 * KIB]) {
				const load = 100 + loads.length;
				const count = size > 100 ? Math.min(EXCHANGES, 1000) : EXCHANGES;
				ports = await tlsPeerTalk(way, tls, { port, load, count, size }, accessLog);
				loads.push({ number: load, name: `${way}, ${size} bytes`, kind: "echo", size });
			}
			await polytap.settled();
			const { code, stderr } = await polytap.stop();
			t.log(stderr);
			t.is(code, 0);
			const reports = await checkIntegrity(path, accessLog, loads, ({ connection }, id) => {
				if (connection.client.port !== ports.get(id))
					t.fail(`${id}: port ${ports.get(id)}: ${JSON.stringify(connection)}`);
			});
			for (const report of reports) {
				t.is(problemsIn(report), "");
				t.true(report.logged >= EXCHANGES || report.logged >= 1000, `${report.name}: only ${report.logged} requests`);
				t.log(`${report.name}: ${report.logged} requests, ${report.records} records`);
			}
		}),
	);
