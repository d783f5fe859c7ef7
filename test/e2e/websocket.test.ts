/** WebSocket and server-sent events of real clients and servers, captured live and compared with what they did themselves. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import http from "node:http";
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createGunzip } from "node:zlib";
import anyTest, { type TestFn } from "ava";
import { type ClientOptions, type ServerOptions, WebSocket, WebSocketServer } from "ws";
import type { Exchange, ExchangeMessage } from "../../core/index.js";
import { frame } from "../parsers/websocket/wire.js";
import { bodyOf, idOf } from "./support/body.js";
import { missing } from "./support/needs.js";
import { CLI, captureConfig, startPolytap } from "./support/polytap.js";
import { freePort, isListening } from "./support/port.js";
import { Program, pause, runProgram } from "./support/program.js";
import { type Scope, withScope } from "./support/scope.js";
import { startTcpdump } from "./support/tcpdump.js";

const why = missing("bpf", "nginx", "tcpdump", "tshark");
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED websocket: ${why}\n`);
const test: TestFn = anyTest;
const live = why === null ? test.serial : test.serial.skip;

const MAX_BODY = 8 << 20;
const MIB = 1 << 20;

async function capture(scope: Scope, ...ports: readonly number[]): Promise<() => Promise<Exchange[]>> {
	const path = join(await scope.folder(), "records.jsonl");
	const config = captureConfig({ ports, path, vantage: "auto", capture: { max_body_bytes: MAX_BODY } });
	const polytap = await startPolytap(scope, { config });
	return async () => {
		await polytap.settled();
		await polytap.stop();
		const lines = (await readFile(path, "utf8")).split("\n");
		return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Exchange);
	};
}

/** A message as an end has it: kind, size and SHA-256. */
function fingerprint(isBinary: boolean, data: Uint8Array): string {
	return `${isBinary ? "binary" : "text"} ${data.length} ${createHash("sha256").update(data).digest("hex")}`;
}

function fingerprintOf({ attributes, body }: ExchangeMessage): string {
	const data = Buffer.from(String(body.data), body.encoding === "base64" ? "base64" : "utf8");
	return body.completeness === "complete"
		? fingerprint(attributes["websocket.opcode"] === "binary", data)
		: `${body.completeness} ${body.bytes}`;
}

interface Side {
	readonly sent: string[];
	readonly received: string[];
}

/** A server that answers each message with twice its text, or its bytes, and counts. */
async function startServer(scope: Scope, options: ServerOptions = {}): Promise<{ port: number; sides: Side[] }> {
	const sides: Side[] = [];
	const server = new WebSocketServer({ host: "127.0.0.1", port: 0, maxPayload: 64 * MIB, ...options });
	server.on("connection", (socket) => {
		const side: Side = { sent: [], received: [] };
		sides.push(side);
		socket.on("message", (data: Buffer, isBinary) => {
			side.received.push(fingerprint(isBinary, data));
			const answer = data.length < 1000 ? Buffer.concat([data, data]) : data;
			side.sent.push(fingerprint(isBinary, answer));
			socket.send(answer, { binary: isBinary });
		});
	});
	await once(server, "listening");
	scope.defer(() => {
		for (const socket of server.clients) socket.terminate();
		server.close();
	});
	return { port: (server.address() as AddressInfo).port, sides };
}

/** Small and large, text and binary, whole and in fragments; each answer is waited for or not. */
async function converse(url: string, options: ClientOptions, count: number): Promise<Side> {
	const socket = new WebSocket(url, { maxPayload: 64 * MIB, ...options });
	const side: Side = { sent: [], received: [] };
	let answers = 0;
	socket.on("message", (data: Buffer, isBinary) => {
		side.received.push(fingerprint(isBinary, data));
		answers++;
	});
	await once(socket, "open");
	const say = (data: Buffer, binary: boolean, fragments = 1): void => {
		side.sent.push(fingerprint(binary, data));
		for (let n = 0; n < fragments; n++) {
			const [from, to] = [n, n + 1].map((at) => Math.floor((data.length * at) / fragments));
			socket.send(data.subarray(from, to), { binary, fin: n === fragments - 1 });
		}
	};
	for (let n = 0; n < count; n++) {
		say(Buffer.from(JSON.stringify({ n, text: `order ${n % 37}, gr\u00fc\u00dfe \u20ac` })), false, 1 + (n % 3));
		if (n % 10 === 0) say(bodyOf(idOf(0, n), 10 + n), true);
		if (n % 100 === 0) socket.ping(`ping ${n}`);
		if (n % 50 === 49) while (answers < side.sent.length) await pause(5);
	}
	for (let n = 0; n < 4; n++)
		say(n % 2 === 0 ? bodyOf(idOf(0, n), MIB) : Buffer.from(`text ${n} `.repeat(MIB / 7)), n % 2 === 0, 1 + n);
	say(Buffer.alloc(0), false);
	while (answers < side.sent.length) await pause(5);
	socket.close(1000, "done");
	await once(socket, "close");
	return side;
}

const KINDS: readonly (readonly [string, ServerOptions, ClientOptions])[] = [
	["without compression", {}, { perMessageDeflate: false }],
	["compressed, windows go on", { perMessageDeflate: { threshold: 0 } }, { perMessageDeflate: { threshold: 0 } }],
	[
		"compressed, windows begin anew and are small",
		{ perMessageDeflate: { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true } },
		{ perMessageDeflate: { threshold: 0, clientMaxWindowBits: 10, serverMaxWindowBits: 10 } },
	],
];

for (const [name, server, client] of KINDS)
	live(`ws, ${name}: every message once, whole, in order, with its handshake`, (t) =>
		withScope(async (scope) => {
			const { port, sides } = await startServer(scope, server);
			const stop = await capture(scope, port);
			const url = `ws://127.0.0.1:${port}/talk?x=1`;
			const asked = await Promise.all([0, 1].map(() => converse(url, client, 600)));
			const all = await stop();
			t.deepEqual(sides.map(({ received }) => received).sort(), asked.map(({ sent }) => sent).sort());
			const shakes = all.filter(({ protocol }) => protocol === "http/1.1");
			t.is(shakes.length, 2);
			const found = shakes.map(({ id }) => {
				const messages = all.filter(({ parentId, protocol }) => parentId === id && protocol === "websocket");
				t.true(
					messages.every(({ kind, outcome, flags }) => kind === "message" && outcome === "ok" && flags.length === 0),
				);
				t.true(messages.every((x) => (x.request ?? x.response)!.attributes["url.path"] === "/talk"));
				const closes = messages.filter((x) => (x.request ?? x.response)!.attributes["websocket.opcode"] === "close");
				t.deepEqual(
					closes.map(({ request, response }) => (request ?? response)!.body.data),
					["done", "done"],
				);
				const rest = messages.filter((message) => !closes.includes(message));
				const of = (side: "request" | "response"): string[] =>
					rest.filter((x) => x[side] !== null).map((x) => fingerprintOf(x[side]!));
				return { sent: of("request"), received: of("response") };
			});
			const order = (a: Side, b: Side): number => (a.sent.join() < b.sent.join() ? -1 : 1);
			t.deepEqual(found.sort(order), [...asked].sort(order));
			t.is(new Set(all.map(({ id }) => id)).size, all.length);
			const isCompressed = all.some((x) => x.request?.attributes["websocket.compressed"] === true);
			t.is(isCompressed, client.perMessageDeflate !== false);
			const pings = all.filter(({ kind }) => kind === "connection").map(({ annotations }) => annotations);
			t.deepEqual(
				pings.map((x) => [x["websocket.client.pings"], x["websocket.server.pongs"], x["websocket.ping.answered"]]),
				[
					[6, 6, 6],
					[6, 6, 6],
				],
			);
		}),
	);

live("ws: close codes and reasons of both ends, and a connection that just ends", (t) =>
	withScope(async (scope) => {
		const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
		scope.defer(() => server.close());
		server.on("connection", (socket, { url }) => {
			socket.on("error", () => {});
			if (url === "/4001") socket.close(4001, "no more");
			if (url === "/gone") socket.terminate();
		});
		await once(server, "listening");
		const { port } = server.address() as AddressInfo;
		const stop = await capture(scope, port);
		const seen: Record<string, number> = {};
		for (const path of ["/4001", "/gone", "/1011", "/none"]) {
			const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`);
			socket.on("error", () => {});
			socket.on("open", () => {
				if (path === "/1011") socket.close(1011, "broken");
				if (path === "/none") socket.close();
			});
			const [code] = (await once(socket, "close")) as [number];
			seen[path] = code;
		}
		t.deepEqual(seen, { "/4001": 4001, "/gone": 1006, "/1011": 1011, "/none": 1005 });
		const closes = (await stop()).filter(({ protocol, kind }) => protocol === "websocket" && kind === "message");
		const shown = closes.map(({ request, response, outcome }) => {
			const { attributes, body } = (request ?? response)!;
			const from = request === null ? "server" : "client";
			return `${attributes["url.path"]} ${from} ${attributes["websocket.close.code"] ?? "-"} ${body.data} ${outcome}`;
		});
		t.deepEqual(shown.sort(), [
			"/1011 client 1011 broken error",
			"/1011 server 1011 broken error",
			"/4001 client 4001 no more ok",
			"/4001 server 4001 no more ok",
			"/none client -  ok",
			"/none server -  ok",
		]);
	}),
);

/** Opcodes and texts of each end's messages, by its port, as tshark has them: fragments where the last one is. */
async function byTshark(file: string, port: number): Promise<{ opcodes: string[]; texts: string[] }> {
	const fields = ["tcp.srcport", "websocket.opcode", "websocket.payload.text"];
	const args = [
		"-n",
		"-r",
		file,
		"-d",
		`tcp.port==${port},http`,
		"-Y",
		"websocket",
		"-T",
		"fields",
		"-E",
		"aggregator=~",
	];
	const { stdout } = await runProgram("tshark", [...args, ...fields.flatMap((field) => ["-e", field])], 60_000);
	const opcodes: string[] = [];
	const texts: string[] = [];
	for (const line of stdout.split("\n").filter((each) => each !== "")) {
		const [from, codes = "", found = ""] = line.split("\t");
		const side = Number(from) === port ? "<" : ">";
		for (const code of codes.split("~")) opcodes.push(`${side} ${code}`);
		for (const text of found.split("~")) if (text !== "") texts.push(`${side} ${text}`);
	}
	return { opcodes, texts };
}

live("tshark agrees on messages and decompressed texts of a packet capture", (t) =>
	withScope(async (scope) => {
		const { port } = await startServer(scope, { perMessageDeflate: { threshold: 0 } });
		const file = join(await scope.folder(), "talk.pcap");
		const tcpdump = await startTcpdump(scope, port, file);
		const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { perMessageDeflate: { threshold: 0 } });
		let answers = 0;
		socket.on("message", () => answers++);
		await once(socket, "open");
		let sent = 0;
		for (let n = 0; n < 100; n++) {
			socket.send(`message ${n}, ${"again and ".repeat(n % 40)}`);
			sent++;
			if (n % 7 === 0) {
				socket.send(Buffer.from([1, 2, n]));
				sent++;
			}
			while (answers < sent) await pause(1);
		}
		socket.close(1000, "done");
		await once(socket, "close");
		await tcpdump.stop();
		const theirs = await byTshark(file, port);
		const { stdout } = await runProgram(process.execPath, [CLI, "read", file], 60_000);
		const records = stdout.split("\n").filter((line) => line !== "");
		const ours = records
			.map((line) => JSON.parse(line) as Exchange)
			.filter(({ protocol, kind }) => protocol === "websocket" && kind === "message");
		const codes: Readonly<Record<string, number>> = { text: 1, binary: 2, close: 8 };
		for (const side of ["request", "response"] as const) {
			const sign = side === "request" ? ">" : "<";
			const messages = ours.filter((x) => x[side] !== null).map((x) => x[side]!);
			t.deepEqual(
				messages.map(({ attributes }) => `${sign} ${codes[String(attributes["websocket.opcode"])]}`),
				theirs.opcodes.filter((each) => each.startsWith(sign)),
			);
			const texts = messages.filter(({ attributes }) => attributes["websocket.opcode"] === "text");
			t.is(texts.length, 100);
			t.deepEqual(
				texts.map(({ body }) => `${sign} ${body.data}`),
				theirs.texts.filter((each) => each.startsWith(sign)),
			);
		}
	}),
);

live(
	"joined in the middle of a running connection: nothing is missing from the first message on, and nothing is wrong",
	(t) =>
		withScope(async (scope) => {
			const { port, sides } = await startServer(scope);
			const socket = new WebSocket(`ws://127.0.0.1:${port}/late`, { perMessageDeflate: false });
			scope.defer(() => socket.terminate());
			await once(socket, "open");
			let n = 0;
			const timer = setInterval(() => socket.send(JSON.stringify({ n: n++, state: "running, and running" })), 2);
			scope.defer(() => clearInterval(timer));
			while (n < 100) await pause(20);
			const stop = await capture(scope, port);
			const enough = n + 500;
			while (n < enough || sides[0]!.sent.length < enough) await pause(20);
			clearInterval(timer);
			await pause(200);
			socket.close();
			await once(socket, "close");
			const messages = (await stop()).filter(({ protocol, kind }) => protocol === "websocket" && kind === "message");
			for (const side of ["request", "response"] as const) {
				const texts = messages.filter((x) => x[side]?.attributes["websocket.opcode"] === "text");
				const numbers = texts.map((x) => Number(/"n":(\d+)/.exec(String(x[side]!.body.data))?.[1]));
				t.true(numbers.length > 300, `${side}: ${numbers.length} of ${n}`);
				t.deepEqual(
					numbers,
					Array.from({ length: n - numbers[0]! }, (_, i) => numbers[0]! + i),
				);
				const expected = sides[0]![side === "request" ? "received" : "sent"].slice(numbers[0]);
				t.deepEqual(
					texts.map((x) => fingerprintOf(x[side]!)),
					expected,
				);
			}
			t.true(messages.every(({ parentId, flags }) => parentId === null && flags.length === 0));
		}),
);

live("RFC 8441: WebSockets on streams of Node's HTTP/2", (t) =>
	withScope(async (scope) => {
		const server = http2.createServer({ settings: { enableConnectProtocol: true } });
		const received: string[] = [];
		server.on("stream", (stream) => {
			stream.respond({ ":status": 200 });
			stream.on("data", (bytes: Buffer) => {
				for (let at = 0; at < bytes.length; ) {
					const length = bytes[at + 1]! & 0x7f;
					const text = bytes.subarray(at + 6, at + 6 + length).map((byte, i) => byte ^ bytes[at + 2 + (i & 3)]!);
					received.push(Buffer.from(text).toString());
					stream.write(frame(`answer to ${Buffer.from(text)}`));
					at += 6 + length;
				}
			});
			stream.on("end", () => stream.end());
		});
		server.listen(0, "127.0.0.1");
		await once(server, "listening");
		scope.defer(() => server.close());
		const { port } = server.address() as AddressInfo;
		const stop = await capture(scope, port);
		const client = http2.connect(`http://127.0.0.1:${port}`);
		scope.defer(() => client.destroy());
		await once(client, "remoteSettings");
		const streams = ["/a", "/b", "/c"].map((path) =>
			client.request({ ":method": "CONNECT", ":protocol": "websocket", ":path": path }),
		);
		const sent: string[] = [];
		const answers = [0, 0, 0];
		for (const [i, stream] of streams.entries()) {
			stream.on("data", (bytes: Buffer) => {
				answers[i]! += bytes.toString("latin1").split("answer").length - 1;
			});
			await once(stream, "response");
		}
		for (let n = 0; n < 200; n++)
			for (const [i, stream] of streams.entries()) {
				sent.push(`${"abc"[i]} ${n}`);
				stream.write(frame(sent.at(-1)!, { mask: [n, 1, i, 9] }));
				if (n % 20 === 19) while (answers[i]! <= n) await pause(2);
			}
		for (const stream of streams) {
			stream.end();
			await once(stream, "close");
		}
		client.close();
		const all = await stop();
		t.deepEqual([...received].sort(), [...sent].sort());
		for (const [i, name] of ["a", "b", "c"].entries()) {
			const parent = all.find(({ request }) => request?.attributes["url.path"] === `/${name}`)!;
			t.is(parent.protocol, "http/2");
			const messages = all.filter(({ parentId, protocol }) => parentId === parent.id && protocol === "websocket");
			const texts = (side: "request" | "response"): unknown[] =>
				messages.filter((x) => x[side] !== null).map((x) => x[side]!.body.data);
			t.deepEqual(
				texts("request"),
				Array.from({ length: 200 }, (_, n) => `${name} ${n}`),
			);
			t.deepEqual(
				texts("response"),
				Array.from({ length: 200 }, (_, n) => `answer to ${name} ${n}`),
			);
			t.true(
				messages.every(({ flags, outcome }) => flags.length === 0 && outcome === "ok"),
				String(i),
			);
		}
	}),
);

const EVENTS = 300;
const eventText = (n: number): string =>
	`${n % 10 === 0 ? ": comment\n" : ""}id: ${n}\nevent: ${n % 2 === 0 ? "even" : "odd"}\ndata: {"n":${n}}\ndata: ${"x".repeat(n)}\n\n`;

function handler(_request: unknown, response: http.ServerResponse | http2.Http2ServerResponse): void {
	response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
	let n = 0;
	const more = (): void => {
		(response as http.ServerResponse).write(eventText(n));
		if (++n < EVENTS) setTimeout(more, n % 8 === 0 ? 1 : 0);
		else response.end();
	};
	more();
}

/** nginx in front of a server; it compresses what may be. */
async function startProxy(scope: Scope, upstream: number): Promise<number> {
	const folder = await scope.folder();
	const port = await freePort();
	const config = `daemon off; user root; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
events { worker_connections 64; }
http {
	access_log off; proxy_temp_path ${folder}/proxy; client_body_temp_path ${folder}/body; fastcgi_temp_path ${folder}/f; scgi_temp_path ${folder}/s; uwsgi_temp_path ${folder}/u;
	gzip on; gzip_types text/event-stream; gzip_min_length 1; gzip_proxied any;
	server {
		listen 127.0.0.1:${port};
		location / { proxy_pass http://127.0.0.1:${upstream}; proxy_buffering off; proxy_http_version 1.1; proxy_set_header Connection ""; }
	}
}
`;
	await writeFile(join(folder, "nginx.conf"), config);
	const program = new Program("nginx", [
		"-p",
		folder,
		"-c",
		join(folder, "nginx.conf"),
		"-e",
		join(folder, "error.log"),
	]);
	scope.defer(() => program.stop("SIGTERM"));
	await program.until(() => isListening(program.pid, port), 60_000);
	return port;
}

async function get(port: number, headers: http.OutgoingHttpHeaders = {}): Promise<string> {
	const [response] = (await once(
		http.get({ port, host: "127.0.0.1", path: `/events/${port}`, headers }),
		"response",
	)) as [http.IncomingMessage];
	const body = response.headers["content-encoding"] === "gzip" ? response.pipe(createGunzip()) : response;
	let text = "";
	for await (const piece of body) text += String(piece);
	return text;
}

live("server-sent events: Node over HTTP/1.1 and HTTP/2, through nginx, compressed by it", (t) =>
	withScope(async (scope) => {
		const plain = http.createServer(handler);
		const second = http2.createServer(handler);
		for (const server of [plain, second]) {
			server.listen(0, "127.0.0.1");
			await once(server, "listening");
			scope.defer(() => server.close());
		}
		const [one, two] = [plain, second].map((server) => (server.address() as AddressInfo).port) as [number, number];
		const proxy = await startProxy(scope, one);
		const stop = await capture(scope, one, two, proxy);
		const whole = Array.from({ length: EVENTS }, (_, n) => eventText(n)).join("");
		t.is(await get(one), whole);
		t.is(await get(one, { connection: "close" }), whole);
		t.is(await get(proxy), whole);
		t.is(await get(proxy, { "accept-encoding": "gzip" }), whole);
		const client = http2.connect(`http://127.0.0.1:${two}`);
		const stream = client.request({ ":path": "/events/h2" });
		let text = "";
		for await (const piece of stream) text += String(piece);
		t.is(text, whole);
		client.close();
		const all = await stop();
		const exchanges = all.filter(({ kind }) => kind === "exchange");
		// those through nginx on both of its sides
		t.is(exchanges.length, 7);
		const compressed = exchanges.filter(({ response }) =>
			response!.headers.some(([name, value]) => name.toLowerCase() === "content-encoding" && value === "gzip"),
		);
		t.is(compressed.length, 1);
		t.is(exchanges.filter(({ protocol }) => protocol === "http/2").length, 1);
		for (const { id, flags, outcome } of exchanges) {
			t.deepEqual([flags, outcome], [[], "ok"]);
			const events = all.filter(({ parentId, protocol }) => parentId === id && protocol === "sse");
			t.deepEqual(
				events.map(({ response, outcome: end, flags: odd }) => {
					const { attributes, body } = response!;
					return [attributes["sse.event.id"], attributes["sse.event.type"], body.data, end, ...odd].join("|");
				}),
				Array.from({ length: EVENTS }, (_, n) =>
					[n, n % 2 === 0 ? "even" : "odd", `{"n":${n}}\n${"x".repeat(n)}`, "ok"].join("|"),
				),
			);
			const times = events.map(({ startedAt }) => startedAt);
			t.deepEqual(times, [...times].sort());
			t.true(new Set(times).size > 20);
		}
		t.is(new Set(all.map(({ id }) => id)).size, all.length);
	}),
);
