/** Secrets in live traffic, captured by eBPF: none of them in any byte that `polytap run` writes. */
import { createWriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import anyTest, { type TestFn } from "ava";
import { missing } from "./support/needs.js";
import { startNodeServer } from "./support/node-server.js";
import { captureConfig, startPolytap } from "./support/polytap.js";
import { withScope } from "./support/scope.js";

const why = missing("bpf");
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED redaction: ${why}\n`);
const test: TestFn = anyTest;
const live = why === null ? test.serial : test.serial.skip;

const COUNT = 50;

function post(port: number, number: number): Promise<void> {
	const body = JSON.stringify({ n: number, password: `PLANTED-json-${number}`, note: `x PLANTED-text-${number} x` });
	const headers = {
		"content-type": "application/json",
		"content-length": body.length,
		authorization: `Bearer PLANTED-authorization-${number}`,
		"x-any": `PLANTED-header-${number}`,
	};
	return new Promise((resolve, reject) => {
		request({
			host: "127.0.0.1",
			port,
			method: "POST",
			path: `/echo/${number}?token=PLANTED-${number}`,
			headers,
			agent: false,
		})
			.once("response", (response) => response.resume().once("end", resolve))
			.once("error", reject)
			.end(body);
	});
}

live("no planted secret reaches the file, the terminal or the totals; the exchanges do", (t) =>
	withScope(async (scope) => {
		const server = await startNodeServer(scope);
		const path = join(await scope.folder(), "out.jsonl");
		const config = captureConfig({ ports: [server.port], path });
		const polytap = await startPolytap(scope, {
			config: {
				...config,
				redact: [{ json: ["$.password"] }, { query: ["token"] }, { match: ["PLANTED-(header|text)-[0-9]+"] }],
			},
		});
		for (let number = 0; number < COUNT; number++) await post(server.port, number);
		await polytap.settled();
		const { code, stderr, totals } = await polytap.stop();
		t.is(code, 0, stderr);
		const written = await readFile(path, "utf8");
		t.is(written.split("\n").length - 1, COUNT);
		t.is(written.match(/"\[redacted\]\\"|\[redacted\]/g) === null, false);
		t.deepEqual(`${written}${stderr}${polytap.program.stdout}${JSON.stringify(totals)}`.match(/PLANTED/g), null);
		for (const line of written.split("\n").slice(0, -1))
			t.is(JSON.parse(line).request.body.data.includes('"password":"[redacted]"'), true);
	}),
);
