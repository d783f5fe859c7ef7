/** HTTP/2 and gRPC of real clients and servers, captured live and compared with what they did themselves. */
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import anyTest, { type TestFn } from "ava";
import type { Exchange } from "../../core/index.js";
import { missing } from "./support/needs.js";
import { CLI } from "./support/polytap.js";
import { Program, pause, runProgram } from "./support/program.js";
import { type Scope, withScope } from "./support/scope.js";

const why = missing("bpf", "h2load", "curl");
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED http2: ${why}\n`);
const test: TestFn = anyTest;
const live = why === null ? test.serial : test.serial.skip;

const READY_MS = 30_000;
const LOAD_MS = 30_000;

async function capture(scope: Scope, port: number): Promise<() => Promise<Exchange[]>> {
	const folder = await scope.folder();
	const [config, records] = [join(folder, "polytap.yaml"), join(folder, "records.jsonl")];
	const text = `version: 1
sources: { node: { type: ebpf, targets: [{ ports: [${port}] }] } }
sinks: { file: { type: jsonl, path: ${records} } }
`;
	await writeFile(config, text);
	const program = new Program(process.execPath, [CLI, "run", "-c", config]);
	scope.defer(() => program.stop("SIGKILL"));
	await program.until(() => /^ready: /m.test(program.stderr), READY_MS);
	return async () => {
		await pause(500);
		await program.stop("SIGINT");
		return (await readFile(records, "utf8"))
			.split("\n")
			.filter((line) => line !== "")
			.map((line) => JSON.parse(line) as Exchange);
	};
}

async function startServer(scope: Scope): Promise<{ port: number; requests: () => number }> {
	let requests = 0;
	const server = http2.createServer();
	server.on("stream", (stream, headers) => {
		requests++;
		stream.respond({ ":status": 200, "x-path": String(headers[":path"]) });
		stream.end(`answer to ${headers[":path"]}`);
	});
	server.on("sessionError", () => {});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	scope.defer(() => server.close());
	return { port: (server.address() as AddressInfo).port, requests: () => requests };
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
		const stop = await capture(scope, port);
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

live(
	"joined in the middle of a load that the machine bears: nothing is missing from the first whole exchange on, and nothing is wrong",
	(t) =>
		withScope(async (scope) => {
			const { port } = await startServer(scope);
			const url = `http://127.0.0.1:${port}/late`;
			const load = new Program("h2load", ["-D", "5", "-c", "1", "-m", "4", "--rps", "1000", url]);
			scope.defer(() => load.stop("SIGKILL"));
			await pause(1_500);
			const stop = await capture(scope, port);
			await load.exited;
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

const text: grpc.MethodDefinition<string, string>["requestSerialize"] = (value) =>
	Buffer.concat([Buffer.from([0x0a, value.length]), Buffer.from(value)]);
const untext = (bytes: Buffer): string => bytes.subarray(2).toString();
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
	path: `/shop.Talk/${name}`,
	requestStream,
	responseStream,
	requestSerialize: text,
	requestDeserialize: untext,
	responseSerialize: text,
	responseDeserialize: untext,
});
const service = {
	one: method("One", false, false),
	up: method("Up", true, false),
	down: method("Down", false, true),
	both: method("Both", true, true),
};

async function startGrpc(scope: Scope): Promise<number> {
	const server = new grpc.Server();
	server.addService(service, {
		one: (call: grpc.ServerUnaryCall<string, string>, done: grpc.sendUnaryData<string>) =>
			call.request === "no"
				? done({ code: grpc.status.NOT_FOUND, details: "no such" })
				: done(null, `re ${call.request}`),
		up: (call: grpc.ServerReadableStream<string, string>, done: grpc.sendUnaryData<string>) => {
			const all: string[] = [];
			call.on("data", (value: string) => all.push(value));
			call.on("end", () => done(null, all.join("+")));
		},
		down: (call: grpc.ServerWritableStream<string, string>) => {
			for (let i = 0; i < 5; i++) call.write(`${call.request}${i}`);
			call.end();
		},
		both: (call: grpc.ServerDuplexStream<string, string>) => {
			call.on("data", (value: string) => call.write(`re ${value}`));
			call.on("end", () => call.end());
		},
	});
	const port = await new Promise<number>((resolve, reject) => {
		server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
			error === null ? resolve(bound) : reject(error),
		);
	});
	scope.defer(() => server.forceShutdown());
	return port;
}

live("@grpc/grpc-js: all four kinds of call, messages and statuses as the client has them", (t) =>
	withScope(async (scope) => {
		const port = await startGrpc(scope);
		const stop = await capture(scope, port);
		const Client = grpc.makeClientConstructor(service, "Talk");
		const client = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
		const unary = (value: string) =>
			new Promise<string>((resolve) => {
				client.one!(value, (error: grpc.ServiceError | null, answer: string) => resolve(error?.details ?? answer));
			});
		t.is(await unary("hi"), "re hi");
		t.is(await unary("no"), "no such");
		const up = await new Promise<string>((resolve) => {
			const call = client.up!((_error: unknown, answer: string) => resolve(answer));
			for (const value of ["a", "b", "c"]) call.write(value);
			call.end();
		});
		t.is(up, "a+b+c");
		const down: string[] = [];
		for await (const value of client.down!("x")) down.push(value as string);
		const both: string[] = [];
		const call = client.both!();
		for (const value of ["p", "q"]) call.write(value);
		call.end();
		for await (const value of call) both.push(value as string);
		client.close();
		const all = (await stop()).filter(({ kind }) => kind === "exchange");
		const shown = all.map((x) => [
			x.summary.operation,
			x.summary.result,
			x.outcome,
			x.request!.messages!.map(({ data }) => (data as Record<string, string>)["1"]),
			x.response!.messages?.map(({ data }) => (data as Record<string, string>)["1"]) ?? [],
		]);
		t.deepEqual(shown, [
			["shop.Talk/One", "OK", "ok", ["hi"], ["re hi"]],
			["shop.Talk/One", "NOT_FOUND", "error", ["no"], []],
			["shop.Talk/Up", "OK", "ok", ["a", "b", "c"], ["a+b+c"]],
			["shop.Talk/Down", "OK", "ok", ["x"], down],
			["shop.Talk/Both", "OK", "ok", ["p", "q"], both],
		]);
		t.true(all.every(({ protocol }) => protocol === "grpc"));
	}),
);
