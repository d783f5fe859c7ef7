/** What nobody wants is not copied in the kernel: connections that no sink asks for, bodies beyond the limit, the CPU budget. */
import { createWriteStream } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import anyTest, { type TestFn } from "ava";
import { stringify } from "yaml";
import type { Exchange } from "../../core/index.js";
import { command } from "../parsers/redis/talk.js";
import { bodyText } from "./support/body.js";
import { missing } from "./support/needs.js";
import { startNginx } from "./support/nginx.js";
import { captureConfig, METRICS, startPolytap } from "./support/polytap.js";
import { runProgram } from "./support/program.js";
import { RawClient, startRedis } from "./support/redis.js";
import { withScope } from "./support/scope.js";
import { runWrk } from "./support/wrk.js";

const test: TestFn = anyTest;
const KIB = 1024;
const MIB = 1024 * KIB;
const WAIT_MS = 60_000;

function needing(...needs: readonly string[]) {
	const why = missing("bpf", ...needs);
	if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED economy: ${why}\n`);
	return why === null ? test.serial : test.serial.skip;
}

async function recordsIn(path: string): Promise<Exchange[]> {
	const lines = (await readFile(path, "utf8")).split("\n").filter((line) => line !== "");
	return lines.map((line) => JSON.parse(line));
}

needing("redis-server", "redis-cli")(
	"a protocol that no sink wants is ignored in the kernel, until one wants it",
	(t) =>
		withScope(async (scope) => {
			const redis = await startRedis(scope);
			const path = join(await scope.folder(), "out.jsonl");
			const config = (filter: object) =>
				({ ...captureConfig({ ports: [redis.port], path, sink: { filter } }), metrics: METRICS }) as Record<
					string,
					unknown
				>;
			const polytap = await startPolytap(scope, { config: config({ protocols: ["http/*"] }) });
			const client = await RawClient.open(scope, redis.port);
			const set = (text: string) => client.say(command("SET", "unwanted", text), "+OK\r\n");
			for (let n = 0; n < 10; n++) await set("first");
			// from here on its calls copy nothing
			await polytap.counted("node", "advices");
			await polytap.settled();
			const copied = await polytap.counter("node", "records");
			for (let n = 0; n < 1_000; n++) await set("x".repeat(500));
			await polytap.settled();
			await polytap.counted("node", "ignored_bytes", 1_000 * 500);
			t.is(await polytap.counter("node", "records"), copied, "nothing more was copied");
			t.is(await readFile(path, "utf8"), "");
			await writeFile(polytap.configPath, stringify({ version: 1, ...config({ protocols: ["redis"] }) }));
			polytap.program.kill("SIGHUP");
			await polytap.program.until(() => /reloaded|reload/i.test(polytap.program.stderr), WAIT_MS);
			await redis.cli("set", "wanted", "1");
			await polytap.settled();
			const { totals, stderr } = await polytap.stop();
			const operations = (await recordsIn(path)).map(({ summary }) => summary.operation);
			t.true(
				operations.some((operation) => /wanted/i.test(operation)),
				`${operations} ${stderr}`,
			);
			t.deepEqual(totals.bytes.lost, {});
		}),
);

for (const sendfile of [false, true])
	needing("nginx", "curl")(
		`bodies beyond max_body_bytes are not copied${sendfile ? ", packets of sendfile too" : ""}, and what follows is whole`,
		(t) =>
			withScope(async (scope) => {
				const nginx = await startNginx(scope, { sendfile });
				// the sockets' buffers take some MiB at once: the rest comes at the client's pace, when the advice is there
				const size = 48 * MIB;
				await writeFile(join(nginx.files, "large"), Buffer.alloc(size, bodyText));
				await writeFile(join(nginx.files, "little"), bodyText.subarray(0, 1000));
				const path = join(await scope.folder(), "out.jsonl");
				const capture = { max_body_bytes: 64 * KIB };
				const source = { ring_bytes: 32 * MIB };
				const config = captureConfig({ ports: [nginx.port], path, capture, source });
				const polytap = await startPolytap(scope, { config: { ...config, metrics: METRICS } });
				const base = `http://127.0.0.1:${nginx.port}/files`;
				if (sendfile) {
					await runProgram("curl", ["-s", "-o", "/dev/null", `${base}/little`], WAIT_MS);
					await polytap.counted("node", "wire_attached");
				}
				const urls = [`${base}/large`, `${base}/little?after`].flatMap((url) => ["-o", "/dev/null", url]);
				await runProgram("curl", ["-s", "--limit-rate", "12M", ...urls], WAIT_MS);
				await polytap.settled();
				const { totals } = await polytap.stop();
				const { limited_bytes = 0 } = totals.sources.node!.counters;
				t.log(`spared ${limited_bytes} bytes`);
				t.true(limited_bytes > 4 * MIB, `only ${limited_bytes} bytes were spared`);
				const records = await recordsIn(path);
				const large = records.find(({ request }) => request?.attributes["url.path"] === "/files/large");
				t.like(large?.response?.body, { bytes: size, captured: 64 * KIB, completeness: "truncated" });
				t.deepEqual(large?.response?.body.gaps, [{ from: 64 * KIB, to: size, cause: "limit" }]);
				t.is(large?.outcome, "ok");
				const after = records.find(({ request }) => request?.attributes["url.query"] === "after");
				t.like(after?.response?.body, { bytes: 1000, completeness: "complete" });
				t.is(after?.response?.body.data, bodyText.subarray(0, 1000).toString("latin1"));
			}),
	);

needing("nginx", "wrk")(
	"a CPU budget: steps down under load and up again, told, counted and named in records",
	async (t) => {
		t.timeout(240_000);
		await withScope(async (scope) => {
			const size = 200 * KIB;
			const nginx = await startNginx(scope, { staticSizes: [size] });
			const path = join(await scope.folder(), "out.jsonl");
			const source = { max_cpu_percent: 8, ring_bytes: 64 * MIB };
			const polytap = await startPolytap(scope, { config: captureConfig({ ports: [nginx.port], path, source }) });
			const ids = { load: 100, kind: "static", size, restMs: 2 } as const;
			const url = `http://127.0.0.1:${nginx.port}/`;
			const steps = (code: string): number => polytap.program.stderr.split(code).length - 1;
			const deadline = Date.now() + WAIT_MS;
			while (steps("CPU_BUDGET_EXCEEDED") === 0 && Date.now() < deadline)
				await runWrk(scope, { url, seconds: 3, connections: 2, ids });
			// one more under the first stage
			await runWrk(scope, { url, seconds: 1, connections: 2, ids });
			await polytap.program.until(() => steps("CPU_BUDGET_KEPT") > 0, 120_000);
			const { totals, stderr } = await polytap.stop();
			t.log(stderr);
			const { cpu_budget_steps_down = 0, cpu_budget_steps_up = 0, sampled_bytes = 0 } = totals.sources.node!.counters;
			t.true(cpu_budget_steps_down > 0 && cpu_budget_steps_up > 0);
			t.true(sampled_bytes > 0, "nothing was spared");
			const sampled = (await recordsIn(path)).filter(({ response, outcome }) => {
				const gaps = response?.body.gaps ?? [];
				return outcome === "ok" && gaps.length > 0 && gaps.every(({ cause }) => cause === "sampled");
			});
			t.true(sampled.length > 0, "no record says so");
			for (const { response } of sampled) t.is(response?.body.bytes, size);
		});
	},
);
