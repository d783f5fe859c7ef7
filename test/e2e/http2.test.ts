/** HTTP/2 of real clients and servers, captured live and compared with what they did themselves. */
import { createWriteStream } from "node:fs";
import http2 from "node:http2";
import anyTest, { type TestFn } from "ava";
import type { Exchange } from "../../core/index.js";
import { listen } from "./support/listen.js";
import { captureLive } from "./support/live-records.js";
import { missing } from "./support/needs.js";
import { Program, runProgram } from "./support/program.js";
import { type Scope, withScope } from "./support/scope.js";

const why = missing("bpf", "h2load", "curl");
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED http2: ${why}\n`);
const test: TestFn = anyTest;
const live = why === null ? test.serial : test.serial.skip;

const LOAD_MS = 60_000;

async function startServer(scope: Scope): Promise<{ port: number; requests: () => number }> {
	let requests = 0;
	const server = http2.createServer();
	server.on("stream", (stream, headers) => {
		requests++;
		stream.respond({ ":status": 200, "x-path": String(headers[":path"]) });
		stream.end(`answer to ${headers[":path"]}`);
	});
	server.on("sessionError", () => {});
	return { port: await listen(scope, server), requests: () => requests };
}

/** What is wrong with exchanges of the server above. */
function wrong(exchanges: readonly Exchange[]): string[] {
	return exchanges.flatMap(({ request, response, outcome, flags }) => {
		const path = request?.attributes["url.path"];
		const isRight =
			outcome === "ok" &&
			flags.length === 0 &&
			response?.attributes["http.response.status_code"] === 200 &&
			response.body.data === `answer to ${path}` &&
			response.headers.some(([name, value]) => name === "x-path" && value === path);
		return isRight ? [] : [JSON.stringify([request, response, outcome, flags])];
	});
}

live("h2load and curl: every exchange once, with its own path, header and body", (t) =>
	withScope(async (scope) => {
		const { port, requests } = await startServer(scope);
		const stop = await captureLive(scope, [port]);
		const url = `http://127.0.0.1:${port}`;
		const load = await runProgram("h2load", ["-n", "3000", "-c", "4", "-m", "10", `${url}/a`, `${url}/b`], LOAD_MS);
		t.regex(load.stdout, /3000 succeeded/);
		for (const path of ["/curl/1", "/curl/2"]) {
			const { stdout } = await runProgram("curl", ["-s", "--http2-prior-knowledge", url + path], LOAD_MS);
			t.is(stdout, `answer to ${path}`);
		}
		const all = (await stop()).filter(({ kind }) => kind === "exchange");
		t.is(requests(), 3002);
		t.is(all.length, 3002);
		t.deepEqual(wrong(all), []);
		t.true(all.every(({ protocol }) => protocol === "http/2"));
		t.is(new Set(all.map(({ id }) => id)).size, all.length);
		t.is(all.filter(({ request }) => String(request!.attributes["url.path"]).startsWith("/curl")).length, 2);
	}),
);

live("joined in the middle of a load: nothing is missing from the first whole exchange on, and nothing is wrong", (t) =>
	withScope(async (scope) => {
		const { port, requests } = await startServer(scope);
		const url = `http://127.0.0.1:${port}/late`;
		const load = new Program("h2load", ["-D", "300", "-c", "1", "-m", "4", url]);
		scope.defer(() => load.stop("SIGKILL"));
		await load.until(() => requests() > 500, LOAD_MS);
		// a machine that does other things, too, falls behind for a while
		const stop = await captureLive(scope, [port], {}, { ring_bytes: 1 << 26 });
		const enough = requests() + 2000;
		await load.until(() => requests() > enough, LOAD_MS);
		await load.stop("SIGKILL");
		const all = (await stop()).filter(({ kind }) => kind === "exchange");
		const whole = all.filter(({ outcome }) => outcome === "ok");
		t.true(whole.length > 100, `${whole.length} of ${all.length}`);
		const numbers = whole.map(({ id }) => Number.parseInt(id.slice(24), 16)).sort((a, b) => a - b);
		const last = numbers.at(-1)!;
		// h2load's streams count up by two; those in flight at the start and at the end are not whole
		t.is(numbers.length, (last - numbers[0]!) / 2 + 1);
		for (const x of whole) {
			const path = x.request!.attributes["url.path"];
			t.true(path === undefined || path === "/late");
			t.is(x.response!.body.data, "answer to /late");
			for (const [name, value] of x.response!.headers)
				if (name === "x-path") t.true(["/late", "<unknown>"].includes(value));
		}
	}),
);
