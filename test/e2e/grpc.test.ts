/** gRPC of two implementations in two languages, as clients and servers of each other, compared with what they did themselves. */
import { createWriteStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import anyTest, { type ExecutionContext, type TestFn } from "ava";
import type { Exchange, ExchangeMessage } from "../../core/index.js";
import { captureLive } from "./support/live-records.js";
import { missing } from "./support/needs.js";
import { REPOSITORY } from "./support/polytap.js";
import { Program, pause, runProgram, until } from "./support/program.js";
import { type Scope, withScope } from "./support/scope.js";

const test: TestFn = anyTest;
const PEER = join(REPOSITORY, "test/e2e/support/grpc_peer.py");
/** Debian's, which has the package: another one may come first on the path. */
const PYTHON = "/usr/bin/python3";
const CALLS_MS = 120_000;
/** Between two messages of a stream. */
const PAUSE_MS = 100;

const why = missing("bpf", "python3") ?? (await whyNoPython());
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED grpc: ${why}\n`);
const live = why === null ? test.serial : test.serial.skip;

async function whyNoPython(): Promise<string | null> {
	const { code } = await new Program(PYTHON, ["-c", "import grpc"]).exited;
	return code === 0 ? null : "python3-grpcio is not installed";
}

const PROTO = `syntax = "proto3";
package shop;
message Text { string text = 1; int64 number = 2; }
service Talk {
	rpc One (Text) returns (Text);
	rpc Up (stream Text) returns (Text);
	rpc Down (Text) returns (stream Text);
	rpc Both (stream Text) returns (stream Text);
	rpc Slow (Text) returns (Text);
}
`;
const LARGE = "x".repeat(300_000);

function varint(value: number): Buffer {
	const bytes: number[] = [];
	for (let left = value; ; left >>>= 7) {
		if (left < 0x80) return Buffer.from([...bytes, left]);
		bytes.push((left & 0x7f) | 0x80);
	}
}

const encode = (text: string): Buffer =>
	Buffer.concat([Buffer.from([0x0a]), varint(Buffer.byteLength(text)), Buffer.from(text), Buffer.from([0x10, 7])]);

function decode(bytes: Buffer): string {
	let at = 1;
	let length = 0;
	for (let shift = 0; ; shift += 7) {
		const byte = bytes[at++]!;
		length |= (byte & 0x7f) << shift;
		if (byte < 0x80) return bytes.subarray(at, at + length).toString();
	}
}

const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
	path: `/shop.Talk/${name}`,
	requestStream,
	responseStream,
	requestSerialize: encode,
	requestDeserialize: decode,
	responseSerialize: encode,
	responseDeserialize: decode,
});
const service = {
	one: method("One", false, false),
	up: method("Up", true, false),
	down: method("Down", false, true),
	both: method("Both", true, true),
	slow: method("Slow", false, false),
};

/** What one call was, as its client has it. */
interface Call {
	readonly method: string;
	readonly sent: readonly string[];
	readonly received: readonly string[];
	readonly status: string;
	readonly details: string;
}

async function startNode(scope: Scope): Promise<number> {
	const server = new grpc.Server();
	const trailers = new grpc.Metadata();
	trailers.set("x-sum-bin", Buffer.from([0, 255, 16]));
	server.addService(service, {
		one: (call: grpc.ServerUnaryCall<string, string>, done: grpc.sendUnaryData<string>) => {
			if (call.request === "no") {
				done({ code: grpc.status.NOT_FOUND, details: "no such thing: 100%", metadata: trailers });
			} else done(null, call.request === LARGE ? LARGE : `re ${call.request}`, trailers);
		},
		up: (call: grpc.ServerReadableStream<string, string>, done: grpc.sendUnaryData<string>) => {
			const all: string[] = [];
			call.on("data", (value: string) => all.push(value));
			call.on("end", () => done(null, all.join("+")));
		},
		down: async (call: grpc.ServerWritableStream<string, string>) => {
			for (let i = 0; i < 5; i++) {
				await pause(PAUSE_MS);
				call.write(`${call.request}${i}`);
			}
			call.end();
		},
		both: (call: grpc.ServerDuplexStream<string, string>) => {
			call.on("data", (value: string) => call.write(`re ${value}`));
			call.on("end", () => call.end());
		},
		slow: () => {},
	});
	const port = await new Promise<number>((resolve, reject) => {
		server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
			error === null ? resolve(bound) : reject(error),
		);
	});
	scope.defer(() => server.forceShutdown());
	return port;
}

async function startPython(scope: Scope): Promise<number> {
	const server = new Program(PYTHON, [PEER, "serve"]);
	scope.defer(() => server.stop("SIGKILL"));
	await server.until(() => /^\d+\n/.test(server.stdout), 60_000);
	return Number(server.stdout);
}

async function callFromPython(port: number, coding: "gzip" | "none"): Promise<Call[]> {
	const { stdout } = await runProgram(PYTHON, [PEER, "call", String(port), coding], CALLS_MS);
	return JSON.parse(stdout);
}

async function callFromNode(port: number, coding: "gzip" | "none"): Promise<Call[]> {
	const calls: Call[] = [];
	const Client = grpc.makeClientConstructor(service, "Talk");
	const client = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
		"grpc.default_compression_algorithm": coding === "gzip" ? grpc.compressionAlgorithms.gzip : 0,
	});
	const metadata = new grpc.Metadata();
	metadata.set("x-token-bin", Buffer.from([1, 2, 254]));
	metadata.set("x-plain", "value");
	const note = (name: string, sent: string[], received: string[], error: grpc.ServiceError | null): void => {
		const status = grpc.status[error?.code ?? 0]!;
		calls.push({ method: name, sent, received, status, details: error?.details ?? "" });
	};
	const unary = (name: "one" | "slow", text: string, options: grpc.CallOptions = {}) =>
		new Promise<void>((resolve) => {
			const call = client[name]!(text, metadata, options, (error: grpc.ServiceError | null, answer?: string) => {
				note(name === "one" ? "One" : "Slow", [text], answer === undefined ? [] : [answer], error);
				resolve();
			});
			if (text === "cancel") setTimeout(() => call.cancel(), 1_000);
		});
	for (const text of ["hi", "no", LARGE]) await unary("one", text, { deadline: Date.now() + 20_000 });
	await new Promise<void>((resolve) => {
		const call = client.up!(metadata, (error: grpc.ServiceError | null, answer: string) => {
			note("Up", ["a", "b", "c"], [answer], error);
			resolve();
		});
		for (const value of ["a", "b", "c"]) call.write(value);
		call.end();
	});
	const down: string[] = [];
	for await (const value of client.down!("x", metadata)) down.push(value as string);
	note("Down", ["x"], down, null);
	const both: string[] = [];
	const call = client.both!(metadata);
	const read = (async () => {
		for await (const value of call) both.push(value as string);
	})();
	for (const [count, value] of ["p", "q", "r"].entries()) {
		call.write(value);
		await until(() => both.length > count, "the answer");
		await pause(PAUSE_MS);
	}
	call.end();
	await read;
	note("Both", ["p", "q", "r"], both, null);
	await unary("slow", "wait", { deadline: Date.now() + 1_500 });
	await unary("slow", "cancel");
	await pause(200);
	client.close();
	return calls;
}

const NAMES = grpc.status as unknown as Readonly<Record<string, string>>;
const textsOf = (message: ExchangeMessage | null): string[] =>
	(message?.messages ?? []).map(({ data }) => {
		const { text, number } = data as { text?: string; number?: string };
		return number === "7" ? (text ?? "") : `wrong: ${JSON.stringify(data)}`;
	});
const fieldOf = (list: readonly (readonly [string, string])[] | undefined, name: string): string | undefined =>
	list?.find(([each]) => each === name)?.[1];
const usOf = (time: string): number => Date.parse(`${time.slice(0, 19)}Z`) * 1000 + Number(time.slice(20, 26));

/** What the record says that the client says too. Who gave up says more than the server, which may have said nothing. */
function asCall(x: Exchange): Call {
	const code = x.response?.attributes["rpc.grpc.status_code"];
	const isReset = x.annotations["http2.reset.error_code"] !== undefined;
	return {
		method: x.summary.operation.replace("shop.Talk/", ""),
		sent: textsOf(x.request),
		received: textsOf(x.response),
		status: typeof code === "number" ? NAMES[code]! : isReset ? "given up" : "none",
		details: String(x.response?.attributes["grpc.message"] ?? ""),
	};
}

const GIVEN_UP = new Set(["DEADLINE_EXCEEDED", "CANCELLED"]);

const NODE = { name: "Node.js", start: startNode, callAll: callFromNode };
const DEBIAN_PYTHON = { name: "Python", start: startPython, callAll: callFromPython };

for (const [client, server, coding] of [
	[NODE, NODE, "none"],
	[NODE, DEBIAN_PYTHON, "gzip"],
	[DEBIAN_PYTHON, NODE, "gzip"],
	[DEBIAN_PYTHON, DEBIAN_PYTHON, "none"],
] as const)
	live(`${client.name} calls ${server.name}, ${coding}: every call, message, status and time as they have it`, (t) =>
		withScope(async (scope) => {
			const port = await server.start(scope);
			const protos = join(await scope.folder(), "shop.proto");
			await writeFile(protos, PROTO);
			const stop = await captureLive(scope, [port], { protocols: { grpc: { protos: [protos] } } });
			const calls = await client.callAll(port, coding);
			const all = (await stop()).filter(({ kind }) => kind === "exchange");
			t.true(all.every(({ protocol }) => protocol === "grpc"));
			const told = all.map(asCall);
			t.is(told.length, calls.length);
			for (const call of calls) {
				const matches = told.filter(({ method, sent }) => method === call.method && `${sent}` === `${call.sent}`);
				t.is(matches.length, call.method === "Nowhere" ? 0 : 1, `${call.method} ${call.sent}`.slice(0, 40));
				const [found] = matches;
				if (found === undefined) continue;
				t.deepEqual(found.received, call.received);
				const statuses = GIVEN_UP.has(call.status) ? [call.status, "given up", "CANCELLED"] : [call.status];
				t.true(statuses.includes(found.status), `${found.status}, not ${call.status}`);
				// some say "OK" with a status of 0, which clients do not pass on
				if (call.status !== "OK" && !GIVEN_UP.has(call.status)) t.is(found.details, call.details);
			}
			if (client === DEBIAN_PYTHON) t.is(told.find(({ method }) => method === "Nowhere")?.status, "UNIMPLEMENTED");
			checkDetails(t, all, coding === "gzip" && client === DEBIAN_PYTHON);
		}),
	);

/** Metadata, deadlines, compression, trailers-only answers, the times of messages. */
function checkDetails(t: ExecutionContext, all: readonly Exchange[], isCompressed: boolean) {
	const of = (name: string, text: string): Exchange =>
		all.find((x) => x.summary.operation === `shop.Talk/${name}` && textsOf(x.request)[0] === text)!;
	const hi = of("One", "hi");
	t.is(fieldOf(hi.request!.headers, "x-token-bin")?.replace(/=+$/, ""), "AQL+");
	t.is(fieldOf(hi.request!.headers, "x-plain"), "value");
	t.is(fieldOf(hi.response!.trailers, "x-sum-bin")?.replace(/=+$/, ""), "AP8Q");
	const timeout = Number(hi.request!.attributes["grpc.timeout_us"]);
	t.true(timeout > 10_000_000 && timeout <= 20_000_000, String(timeout));
	t.true(Number(of("Slow", "wait").request!.attributes["grpc.timeout_us"]) <= 1_510_000);
	t.is(of("Slow", "cancel").request!.attributes["grpc.timeout_us"], undefined);
	for (const text of ["wait", "cancel"])
		t.true(["aborted", "error"].includes(of("Slow", text).outcome), of("Slow", text).outcome);
	const no = of("One", "no");
	t.is(no.outcome, "error");
	t.is(no.summary.result, "NOT_FOUND");
	const large = of("One", LARGE).request!.messages![0]!;
	t.is(large.decodedFrom, isCompressed ? "gzip" : undefined);
	t.is(large.attributes["rpc.message.compressed"], isCompressed ? true : undefined);
	t.is(large.attributes["grpc.message.type"], "shop.Text");
	// each message has a time of its own: they were sent some 100 ms apart
	for (const message of [of("Down", "x").response!, of("Both", "p").request!, of("Both", "p").response!]) {
		const times = message.messages!.map(({ at }) => usOf(at));
		for (let i = 1; i < times.length; i++) t.true(times[i]! - times[i - 1]! > 10_000, `${times}`);
	}
	t.true(all.every(({ flags }) => flags.length === 0 || flags.every((flag) => flag === "grpc-status-missing")));
}
