/**
 * gRPC-Web: Connect for Node.js as server and client (binary, on HTTP/1.1 and HTTP/2), and the client of the gRPC project
 * (base64 text) before a server that translates for Connect, as proxies for browsers do.
 */
import { createWriteStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type RequestListener, request, type ServerResponse } from "node:http";
import http2 from "node:http2";
import { createRequire } from "node:module";
import { join } from "node:path";
import { create, createFileRegistry, type Message } from "@bufbuild/protobuf";
import type { GenMessage, GenService } from "@bufbuild/protobuf/codegenv2";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type ConnectRouter, createClient } from "@connectrpc/connect";
import { connectNodeAdapter, createGrpcWebTransport } from "@connectrpc/connect-node";
import anyTest, { type TestFn } from "ava";
import type { Exchange, ExchangeMessage } from "../../core/index.js";
import { listen } from "./support/listen.js";
import { captureLive } from "./support/live-records.js";
import { missing } from "./support/needs.js";
import { pause } from "./support/program.js";
import { withScope } from "./support/scope.js";
import { HttpRequest } from "./support/xml-http-request.js";

const why = missing("bpf");
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED grpc-web: ${why}\n`);
const test: TestFn = anyTest;
const live = why === null ? test.serial : test.serial.skip;

const STRING = 9;
const INT64 = 3;
const OPTIONAL = 1;
const inOut = { inputType: ".shop.Text", outputType: ".shop.Text" };
const field = (name: string, number: number, type: number) => ({ name, number, type, label: OPTIONAL, jsonName: name });

type Text = Message<"shop.Text"> & { readonly text: string; readonly number: bigint };
type Method<Kind> = { readonly methodKind: Kind; readonly input: GenMessage<Text>; readonly output: GenMessage<Text> };
/** As code that is generated would say it. */
type Talk = GenService<{ one: Method<"unary">; down: Method<"server_streaming"> }>;

function serviceOf(): Talk {
	const set = create(FileDescriptorSetSchema, {
		file: [
			{
				name: "shop.proto",
				package: "shop",
				syntax: "proto3",
				messageType: [{ name: "Text", field: [field("text", 1, STRING), field("number", 2, INT64)] }],
				service: [
					{
						name: "Talk",
						method: [
							{ name: "One", ...inOut },
							{ name: "Down", ...inOut, serverStreaming: true },
						],
					},
				],
			},
		],
	});
	return createFileRegistry(set).getService("shop.Talk") as Talk;
}

const PROTO = `syntax = "proto3";
package shop;
message Text { string text = 1; int64 number = 2; }
service Talk { rpc One (Text) returns (Text); rpc Down (Text) returns (stream Text); }
`;
const BINARY = "application/grpc-web+proto";
const LARGE = "x".repeat(200_000);
const TALK = serviceOf();

function routes(router: ConnectRouter): void {
	router.service(TALK, {
		one({ text }, context) {
			context.responseTrailer.set("x-sum", "abc");
			if (text === "no") throw new ConnectError("no such: ü", Code.NotFound);
			return { text: `re ${text}`, number: 7n };
		},
		async *down({ text }) {
			for (let i = 0; i < 3; i++) {
				yield { text: `${text}${i}`, number: 7n };
				await pause(30);
			}
		},
	});
}

/** What the client has: method, what it sent, what it got, its status. */
type Call = readonly [method: string, sent: string, received: readonly string[], status: string];

async function callWithConnect(port: number, httpVersion: "1.1" | "2"): Promise<Call[]> {
	const transport = createGrpcWebTransport({
		baseUrl: `http://127.0.0.1:${port}`,
		httpVersion,
		idleConnectionTimeoutMs: 100,
	});
	const client = createClient(TALK, transport);
	const calls: Call[] = [];
	for (const text of ["hi", LARGE, "no"])
		try {
			calls.push(["One", text, [(await client.one({ text, number: 7n })).text], "OK"]);
		} catch (error) {
			if (!(error instanceof ConnectError)) throw error;
			calls.push(["One", text, [], error.code === Code.NotFound ? "NOT_FOUND" : error.message]);
		}
	const received: string[] = [];
	for await (const message of client.down({ text: "d", number: 7n })) received.push(message.text);
	calls.push(["Down", "d", received, "OK"]);
	return calls;
}

/** Base64 on this side, bytes on the other: piece by piece, each with its own padding. */
function translating(backend: number): RequestListener {
	return async (incoming: IncomingMessage, outgoing: ServerResponse) => {
		const pieces: Buffer[] = [];
		for await (const piece of incoming) pieces.push(piece as Buffer);
		const body = Buffer.from(Buffer.concat(pieces).toString("latin1"), "base64");
		const headers = { "content-type": BINARY, accept: BINARY };
		const onward = request(
			{ port: backend, host: "127.0.0.1", method: "POST", path: incoming.url ?? "/", headers },
			async (answer) => {
				outgoing.writeHead(answer.statusCode ?? 500, { "content-type": "application/grpc-web-text+proto" });
				for await (const piece of answer) outgoing.write((piece as Buffer).toString("base64"));
				outgoing.end();
			},
		);
		onward.end(body);
	};
}

async function callWithText(port: number): Promise<Call[]> {
	Object.assign(globalThis, { XMLHttpRequest: HttpRequest });
	const web = createRequire(import.meta.url)("grpc-web") as typeof import("grpc-web");
	const client = new web.GrpcWebClientBase({ format: "text" });
	const calls: Call[] = [];
	const call = (name: string, text: string): Promise<void> => {
		const method = new web.MethodDescriptor<string, string>(
			`/shop.Talk/${name}`,
			name === "Down" ? web.MethodType.SERVER_STREAMING : web.MethodType.UNARY,
			String as never,
			String as never,
			encode,
			decode,
		);
		const received: string[] = [];
		const stream = client.serverStreaming(`http://127.0.0.1:${port}/shop.Talk/${name}`, text, {}, method);
		return new Promise((resolve) => {
			// after an error it tells the end, too
			let isOver = false;
			const end = (status: string): void => {
				if (!isOver) calls.push([name, text, received, status]);
				isOver = true;
				resolve();
			};
			stream.on("data", (message) => received.push(message));
			stream.on("error", ({ code }) => end(Number(code) === Code.NotFound ? "NOT_FOUND" : String(code)));
			stream.on("end", () => end("OK"));
		});
	};
	for (const text of ["hi", LARGE, "no"]) await call("One", text);
	await call("Down", "d");
	return calls;
}

function encode(text: string): Uint8Array {
	const length: number[] = [];
	for (let left = text.length; ; left >>>= 7) {
		length.push(left < 0x80 ? left : (left & 0x7f) | 0x80);
		if (left < 0x80) break;
	}
	return Uint8Array.from([0x0a, ...length, ...Buffer.from(text), 0x10, 7]);
}

function decode(bytes: Uint8Array): string {
	let at = 1;
	while (bytes[at]! >= 0x80) at++;
	return Buffer.from(bytes.subarray(at + 1, -2)).toString();
}

const textsOf = (message: ExchangeMessage | null): string[] =>
	(message?.messages ?? []).map(({ data }) => (data as unknown as { text: string }).text);
const asCall = ({ summary, request: asked, response }: Exchange): Call => [
	summary.operation.replace("shop.Talk/", ""),
	textsOf(asked)[0] ?? "",
	textsOf(response),
	summary.result,
];
const usOf = (time: string): number => Date.parse(`${time.slice(0, 19)}Z`) * 1000 + Number(time.slice(20, 26));

live("binary on HTTP/1.1 and HTTP/2, and as text: calls, messages, statuses and times as the clients have them", (t) =>
	withScope(async (scope) => {
		const adapter = connectNodeAdapter({ routes });
		const first = await listen(scope, createServer(adapter));
		const second = await listen(scope, http2.createServer(adapter));
		const text = await listen(scope, createServer(translating(await listen(scope, createServer(adapter)))));
		const protos = join(await scope.folder(), "shop.proto");
		await writeFile(protos, PROTO);
		const stop = await captureLive(scope, [first, second, text], { protocols: { grpc: { protos: [protos] } } });
		const expected = {
			[first]: await callWithConnect(first, "1.1"),
			[second]: await callWithConnect(second, "2"),
			[text]: await callWithText(text),
		};
		const all = (await stop()).filter(({ kind }) => kind === "exchange");
		for (const [port, calls] of Object.entries(expected)) {
			const told = all.filter(({ connection }) => connection.server.port === Number(port));
			t.deepEqual(told.map(asCall), calls, port);
			t.true(told.every(({ protocol, flags }) => protocol === "grpc" && flags.length === 0));
			t.deepEqual(
				told.map(({ outcome }) => outcome),
				["ok", "ok", "error", "ok"],
			);
			t.is(told[2]!.response!.attributes["grpc.message"], "no such: ü");
			t.true(told[0]!.response!.trailers.some(([name, value]) => name === "x-sum" && value === "abc"));
			const times = told[3]!.response!.messages!.map(({ at }) => usOf(at));
			// the server asks for the next one before it writes this one
			t.true(times.at(-1)! - times[0]! > 20_000, `${times}`);
		}
	}),
);
