/** Secrets in every protocol that polytap reads, to every kind of sink and the spool: none of them in any byte that is written. */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import test from "ava";
import { stringify } from "yaml";
import { ask, talk } from "../../parsers/http2/talk.js";
import * as mysql from "../../parsers/mysql/wire.js";
import * as postgresql from "../../parsers/postgresql/wire.js";
import { bulk, command } from "../../parsers/redis/talk.js";
import * as websocket from "../../parsers/websocket/wire.js";
import { pcap } from "../../sources/pcap/files.js";
import { Talk } from "../../sources/pcap/talk.js";
import { leaks, planted, SECRETS, shows } from "./secrets.js";

const CLI = fileURLToPath(new URL("../../../core/app/cli.js", import.meta.url));
const WEBHOOK = fileURLToPath(new URL("../../../examples/webhook.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "polytap-protocols-"));

const places: string[] = [];
function secret(place: string): string {
	const text = planted(place);
	places.push(text);
	return text;
}

type Said = readonly [from: 0 | 1, ...pieces: (Uint8Array | string)[]];

interface Spoken {
	readonly protocol: string;
	readonly port: number;
	readonly said: readonly Said[];
}

function framed(text: string): Buffer {
	const message = Buffer.concat([Buffer.from([0x0a, text.length]), Buffer.from(text)]);
	return Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]);
}

/** Real frames of HTTP/2: a request with secrets everywhere, and a gRPC call. */
async function overHttp2(): Promise<Said[]> {
	const chunks = await talk(
		(stream, headers) => {
			const isGrpc = headers["content-type"] === "application/grpc";
			const status = { "grpc-status": "5", "grpc-message": secret("grpc-message") };
			const fields = isGrpc ? { "content-type": "application/grpc" } : { "x-any": secret("h2-response-header") };
			stream.respond({ ":status": 200, ...fields }, { waitForTrailers: true });
			stream.on("wantTrailers", () => stream.sendTrailers(isGrpc ? status : { "x-end": secret("h2-trailer") }));
			stream.resume();
			stream.on("end", () => stream.end(isGrpc ? framed(secret("grpc-answer")) : secret("h2-response-body")));
		},
		async (client) => {
			const headers = { ":method": "POST", "x-key": secret("h2-header"), authorization: secret("h2-authorization") };
			await ask(client, { ...headers, ":path": `/a?q=${secret("h2-query")}` }, secret("h2-body"));
			const call = {
				":method": "POST",
				":path": "/shop.Orders/Buy",
				"content-type": "application/grpc",
				te: "trailers",
			};
			await ask(client, { ...call, "x-meta": secret("grpc-metadata") }, framed(secret("grpc-question")));
		},
	);
	return chunks.map(({ dir, bytes }) => [dir, bytes]);
}

const MASK = [0x37, 0xfa, 0x21, 0x3d];

/** Text, binary and a reason to close each way, with or without compression whose window goes on. */
function overWebSocket(name: string, extensions: string | null): Said[] {
	const { frame, Compressor, BINARY, CLOSE, DEFLATED } = websocket;
	const compressors = [new Compressor(), new Compressor()] as const;
	const from = (dir: 0 | 1): Said[] => {
		const who = `${name}-${dir === 0 ? "client" : "server"}`;
		const mask = dir === 0 ? MASK : null;
		const message = (text: string) =>
			extensions === null ? frame(text, { mask }) : frame(compressors[dir].message(text), { ...DEFLATED, mask });
		const halves = Buffer.from(secret(`${who}-fragments`));
		return [
			[dir, message(`{"card":"${secret(`${who}-text`)}"}`)],
			[dir, message(`again ${secret(`${who}-again`)}`)],
			[dir, frame(halves.subarray(0, 15), { mask, fin: false }), frame(halves.subarray(15), { mask, opcode: 0 })],
			[dir, frame(Buffer.concat([Buffer.of(0xff, 0), Buffer.from(secret(`${who}-binary`))]), { ...BINARY, mask })],
			[dir, frame(websocket.closing(1000, secret(`${who}-reason`)), { ...CLOSE, mask })],
		];
	};
	const [asked, agreed] = websocket.handshake(extensions);
	const request = asked![1].replace("/chat?room=1", `/chat?token=${secret(`${name}-query`)}`);
	return [[0, Buffer.from(request, "latin1")], [1, Buffer.from(agreed![1], "latin1")], ...from(0), ...from(1)];
}

/** Two responses, one of them compressed. */
function overEvents(): Said[] {
	return (["sse", "sse-gzip"] as const).flatMap((name): Said[] => {
		const event = (n: number) =>
			`id: ${secret(`${name}-id-${n}`)}\nevent: ${secret(`${name}-type-${n}`)}\ndata: one\ndata: ${secret(`${name}-data-${n}`)}\n\n`;
		const text = Buffer.from(event(1) + event(2));
		const body = name === "sse" ? text : gzipSync(text);
		const coding = name === "sse" ? "" : "Content-Encoding: gzip\r\n";
		const head = `HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n${coding}Content-Length: ${body.length}\r\n\r\n`;
		return [
			[0, `GET /events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: ${secret(`${name}-last-id`)}\r\n\r\n`],
			[1, head, body],
		];
	});
}

const card = { name: "card", type: 253 } as const;
const spoken: Spoken[] = [
	{ protocol: "http/2", port: 8080, said: await overHttp2() },
	{ protocol: "websocket", port: 8081, said: overWebSocket("ws", null) },
	{ protocol: "websocket", port: 8082, said: overWebSocket("ws-deflate", "permessage-deflate") },
	{ protocol: "sse", port: 8083, said: overEvents() },
	{
		protocol: "postgresql",
		port: 5432,
		said: [
			[0, postgresql.STARTUP],
			[1, postgresql.AUTHENTICATED, postgresql.status("application_name", secret("pg-status")), postgresql.READY],
			[0, postgresql.query(`select '${secret("pg-literal")}'`)],
			[
				1,
				postgresql.columns("a"),
				postgresql.row(secret("pg-row")),
				postgresql.notice(secret("pg-notice")),
				postgresql.done("SELECT 1"),
				postgresql.READY,
			],
			[
				0,
				postgresql.parse(`select $1 -- ${secret("pg-comment")}`),
				postgresql.bindWith({ values: [secret("pg-parameter")] }),
				postgresql.describe("P"),
				postgresql.execute(),
				postgresql.SYNC,
			],
			[
				1,
				postgresql.PARSED,
				postgresql.BOUND,
				postgresql.columns("a"),
				postgresql.error("22P02", secret("pg-error")),
				postgresql.READY,
			],
			[1, postgresql.notification("channel", secret("pg-notification"))],
		],
	},
	{
		protocol: "mysql",
		port: 3306,
		said: [
			...mysql.handshake(),
			[0, mysql.query(`SELECT card FROM t WHERE card = '${secret("mysql-literal")}'`)],
			[1, mysql.result([card], [[secret("mysql-row")]])],
			[0, mysql.packet(0, 0x16, "SELECT ?")],
			[1, mysql.packet(1, 0, mysql.u32(1), mysql.u16(0), mysql.u16(1), 0, mysql.u16(0)), mysql.column(2, card)],
			[0, mysql.packet(0, 0x17, mysql.u32(1), 0, mysql.u32(1), 0, 1, 253, 0, mysql.lenenc(secret("mysql-parameter")))],
			[1, mysql.err(1, 1062, "23000", `Duplicate entry '${secret("mysql-error")}'`)],
		],
	},
	{
		protocol: "redis",
		port: 6379,
		said: [
			[0, command("SET", secret("redis-key"), secret("redis-value"))],
			[1, "+OK\r\n"],
			[0, command("GET", "a")],
			[1, bulk(secret("redis-reply"))],
			[0, command("EVAL", `return '${secret("redis-script")}'`, "0")],
			[1, `-ERR ${secret("redis-error")}\r\n`],
			[0, command("SUBSCRIBE", "news")],
			[1, `*3\r\n${bulk("subscribe")}${bulk("news")}:1\r\n`],
			[1, `*3\r\n${bulk("message")}${bulk("news")}${bulk(secret("redis-message"))}`],
		],
	},
];

function capture(): string {
	const packets = spoken.flatMap(({ port, said }, index) => {
		const isn = [1000 + index * 100_000, 2000 + index * 100_000] as const;
		const conversation = new Talk({ ports: [40_000 + index, port], isn }).handshake();
		for (const [from, ...pieces] of said) {
			const bytes = Buffer.concat(pieces.map((piece) => Buffer.from(piece as string)));
			for (let at = 0; at < bytes.length; at += 1400)
				conversation.say(from === 0 ? "client" : "server", bytes.subarray(at, at + 1400));
		}
		return conversation.goodbye().packets;
	});
	const file = join(folder, "traffic.pcap");
	writeFileSync(file, pcap(packets));
	return file;
}

const file = capture();
test.after.always(() => rmSync(folder, { recursive: true }));

interface Written {
	readonly code: number;
	readonly stderr: string;
	/** By the sink, or what else wrote it. */
	readonly bytes: Readonly<Record<string, Buffer>>;
	readonly lines: readonly { readonly protocol: string; readonly kind: string }[];
}

async function run(name: string, redact: readonly unknown[]): Promise<Written> {
	const posted: Buffer[] = [];
	const server = createServer((request, response) => {
		request.on("data", (chunk: Buffer) => posted.push(chunk));
		request.on("end", () => response.end());
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const at = (what: string) => join(folder, `${name}-${what}`);
	writeFileSync(
		at("config.yaml"),
		stringify({
			version: 1,
			plugins: [WEBHOOK],
			sources: { file: { type: "pcap", files: [file] } },
			redact,
			sinks: {
				people: { type: "console", format: "pretty", max_body_chars: 100_000 },
				file: { type: "jsonl", path: at("jsonl") },
				records: { type: "protobuf", path: at("protobuf") },
				nothing: { type: "blackhole", touch: true },
				hook: { type: "webhook", url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` },
				away: {
					type: "jsonl",
					path: "/dev/full",
					queue: { when_full: "spool", spool: { path: at("spool"), always: true } },
				},
			},
		}),
	);
	const args = [CLI, "run", "-c", at("config.yaml"), "--totals", at("totals")];
	const { code, stdout, stderr } = await new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
		const options = { timeout: 60_000, maxBuffer: 1 << 26 };
		execFile(process.execPath, args, options, (error, out, said) =>
			resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout: out, stderr: said }),
		);
	});
	await new Promise((resolve) => {
		server.close(resolve);
		server.closeAllConnections();
	});
	const spool = join(at("spool"), "away");
	const jsonl = readFileSync(at("jsonl"));
	return {
		code,
		stderr,
		bytes: {
			stdout: Buffer.from(stdout),
			stderr: Buffer.from(stderr),
			jsonl,
			protobuf: readFileSync(at("protobuf")),
			webhook: Buffer.concat(posted),
			totals: readFileSync(at("totals")),
			spool: Buffer.concat(readdirSync(spool).map((one) => readFileSync(join(spool, one)))),
		},
		lines: jsonl
			.toString()
			.split("\n")
			.slice(0, -1)
			.map((line) => JSON.parse(line)),
	};
}

test.serial("without a rule the secrets are there, in each sink and the spool", async (t) => {
	const { bytes, lines, stderr } = await run("bare", [{ defaults: false }]);
	for (const { protocol } of spoken)
		t.true(
			lines.some((line) => line.protocol === protocol && line.kind !== "connection"),
			`${protocol}\n${stderr}`,
		);
	t.true(lines.some(({ protocol }) => protocol === "grpc"));
	for (const text of places) t.true(shows(bytes.jsonl!, text), text);
	for (const sink of ["stdout", "protobuf", "webhook", "spool"])
		t.true(places.filter((text) => bytes[sink]!.includes(text)).length > places.length / 2, sink);
});

test.serial("with one, none is: not in a file, not on the terminal, not over HTTP, not in the spool", async (t) => {
	const { bytes, lines, stderr } = await run("redacted", [SECRETS]);
	for (const [sink, written] of Object.entries(bytes)) t.deepEqual(leaks(written), [], sink);
	for (const { protocol } of spoken)
		t.true(
			lines.some((line) => line.protocol === protocol),
			`${protocol}\n${stderr}`,
		);
	for (const sink of ["jsonl", "protobuf", "webhook", "spool"]) t.true(bytes[sink]!.includes("[redacted]"), sink);
});
