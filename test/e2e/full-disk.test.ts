/** A disk that is full under one sink and its spool, while traffic is captured live: what that costs, and whom. */
import { execFileSync } from "node:child_process";
import { createWriteStream, truncateSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import anyTest, { type TestFn } from "ava";
import type { Exchange } from "../../core/index.js";
import { missing } from "./support/needs.js";
import { startNodeServer } from "./support/node-server.js";
import { captureConfig, startPolytap } from "./support/polytap.js";
import { withScope } from "./support/scope.js";

const why = missing("bpf", "mount", "umount");
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED full disk: ${why}\n`);
const test: TestFn = anyTest;
const live = why === null ? test.serial : test.serial.skip;

const DISK_MIB = 64;
const ROOM_MIB = 2;
const REQUESTS = 100;
const LATER = 20;
const BODY_BYTES = 65_536;

const bodyOf = (number: number) => `${number} `.repeat(BODY_BYTES).slice(0, BODY_BYTES);

async function recordsOf(path: string): Promise<Exchange[]> {
	const lines = (await readFile(path, "utf8")).split("\n");
	return lines.slice(0, -1).map((line) => JSON.parse(line) as Exchange);
}

const numberOf = ({ request }: Exchange) => Number(String(request?.attributes["url.path"]).slice("/echo/".length));

live(
	"a full disk: told, counted, the application and the other sink get everything, and with room again it goes on",
	(t) =>
		withScope(async (scope) => {
			t.timeout(240_000);
			const [disk, folder] = [await scope.folder(), await scope.folder()];
			execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_MIB}m,mode=0700`, "tmpfs", disk]);
			scope.defer(() => execFileSync("umount", ["--lazy", disk]));
			const ballast = join(disk, "ballast");
			await writeFile(ballast, Buffer.alloc((DISK_MIB - ROOM_MIB) * 2 ** 20));
			const [full, other] = [join(disk, "out.jsonl"), join(folder, "out.jsonl")];
			const server = await startNodeServer(scope);
			const queue = {
				when_full: "spool",
				spool: { path: join(disk, "spool") },
				max_exchanges: 8,
				retry_ms: 20,
				retry_max_ms: 100,
			};
			const config = captureConfig({ ports: [server.port], path: other });
			const polytap = await startPolytap(scope, {
				config: {
					...config,
					sinks: { full: { type: "jsonl", path: full, queue }, other: { type: "jsonl", path: other } },
				},
			});
			const ask = async (number: number) => {
				const url = `http://127.0.0.1:${server.port}/echo/${number}`;
				const response = await fetch(url, { method: "POST", body: bodyOf(number) });
				t.is(response.status, 200);
				t.true((await response.text()) === bodyOf(number), `answer ${number}`);
			};
			for (let number = 0; number < REQUESTS; number++) await ask(number);
			await polytap.program.until(async () => (await recordsOf(other)).length === REQUESTS, 60_000);
			await polytap.program.until(() => /\[SPOOL_FULL\]/.test(polytap.program.stderr), 60_000);
			const before = (await recordsOf(full)).length;
			t.true(before < REQUESTS);

			truncateSync(ballast);
			await polytap.program.until(async () => (await recordsOf(full)).length > before, 60_000);
			await polytap.settled();
			for (let number = REQUESTS; number < REQUESTS + LATER; number++) await ask(number);
			await polytap.program.until(async () => (await recordsOf(full)).some(isLast), 60_000);
			const { code, totals, stderr } = await polytap.stop();
			t.is(code, 0, stderr);

			const all = Array.from({ length: REQUESTS + LATER }, (_, number) => number);
			const [wasFull, wasNot] = [await recordsOf(full), await recordsOf(other)];
			t.deepEqual(wasNot.map(numberOf).sort(byNumber), all);
			for (const record of [...wasFull, ...wasNot]) {
				t.is(record.response?.body.completeness, "complete");
				t.true(record.response?.body.data === bodyOf(numberOf(record)));
			}
			const numbers = wasFull.map(numberOf);
			t.is(new Set(numbers).size, numbers.length, "each once");
			t.deepEqual(numbers.filter((number) => number >= REQUESTS).sort(byNumber), all.slice(REQUESTS));
			const { offered, written, dropped_queue_full: dropped = 0 } = totals.sinks.full!.counters;
			t.is(offered, REQUESTS + LATER);
			t.is(written, numbers.length);
			t.is(written! + dropped, offered!);
			t.true(dropped > 0);
			const codes = (origin: string) => totals.problems.filter((one) => one.origin === origin).map((one) => one.code);
			t.true(codes("full").includes("SPOOL_FULL"), codes("full").join());
			t.deepEqual(codes("other"), []);
			t.log(
				`${offered} exchanges, ${written} in the file on the full disk, ${dropped} dropped and counted; other sink ${wasNot.length}`,
			);
		}),
);

const byNumber = (a: number, b: number) => a - b;
const isLast = (record: Exchange) => numberOf(record) === REQUESTS + LATER - 1;
