/**
 * Captures that tcpdump made of real servers and clients on loopback, read by the pcap source; tshark is the second
 * opinion on the same file.
 */
import { createWriteStream } from "node:fs";
import { readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import anyTest, { type TestFn } from "ava";
import type { CaptureEvent, Direction } from "../../core/index.js";
import { readPaths } from "../sources/pcap/reading.js";
import { bodyOf, idOf } from "./support/body.js";
import { missing } from "./support/needs.js";
import { type Nginx, startNginx } from "./support/nginx.js";
import { CLI } from "./support/polytap.js";
import { freePort } from "./support/port.js";
import { Program, runProgram, until } from "./support/program.js";
import { type Scope, withScope } from "./support/scope.js";
import { startTcpdump, startTcpdumpOf } from "./support/tcpdump.js";

const why =
	process.getuid?.() === 0
		? missing("tcpdump", "tshark", "editcap", "nginx", "curl", "ip", "nsenter")
		: "capturing packets needs root";
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED pcap: ${why}\n`);
const test: TestFn = anyTest;
const real = why === null ? test.serial : test.serial.skip;

/** Twice two of them in hexadecimal are what is kept of a program's output. */
const SIZE = 200_000;

/** One large body up, one down, on a connection each. */
async function transfer(scope: Scope, nginx: Nginx, host: string): Promise<void> {
	const url = `http://${host}:${nginx.port}`;
	const body = join(await scope.folder(), "body");
	await writeFile(body, bodyOf(idOf(1, 1), SIZE));
	const quiet = ["-s", "-S", "-g", "-m", "60", "-o", "/dev/null", "-H", "Expect:"];
	await runProgram("curl", [...quiet, "--data-binary", `@${body}`, `${url}/echo/1`], 60_000);
	await runProgram("curl", [...quiet, `${url}/static/${SIZE}/3`], 60_000);
}

/** One direction of a connection, put together by position; throws where bytes are missing. */
function streamOf(events: readonly CaptureEvent[], conn: number, dir: Direction): Buffer {
	const parts = events.filter((event) => event.kind === "bytes" && event.conn === conn && event.dir === dir);
	const length = Math.max(
		0,
		...parts.map((part) => ("data" in part && "offset" in part ? part.offset + part.data.length : 0)),
	);
	const whole = Buffer.alloc(length);
	const seen = new Uint8Array(length);
	for (const part of parts) {
		if (part.kind !== "bytes") continue;
		whole.set(part.data, part.offset);
		seen.fill(1, part.offset, part.offset + part.data.length);
	}
	if (seen.includes(0)) throw new Error(`byte ${seen.indexOf(0)} of connection ${conn} is missing`);
	return whole;
}

const conns = (events: readonly CaptureEvent[]): number[] =>
	events.flatMap((event) => (event.kind === "open" ? [event.conn] : []));

function bodyIn(stream: Buffer): Buffer {
	return stream.subarray(stream.indexOf("\r\n\r\n") + 4);
}

/** Packets, streams, and bytes of TCP payload as tshark counts them. */
async function secondOpinion(file: string) {
	const fields = ["-T", "fields", "-e", "tcp.stream", "-e", "tcp.len", "-e", "udp.stream"];
	const { stdout } = await runProgram("tshark", ["-r", file, ...fields], 60_000);
	const rows = stdout
		.split("\n")
		.slice(0, -1)
		.map((line) => line.split("\t"));
	return {
		packets: rows.length,
		tcpStreams: new Set(rows.map(([stream]) => stream).filter((stream) => stream !== "")).size,
		udpStreams: new Set(rows.map(([, , stream]) => stream).filter((stream) => stream !== "")).size,
		tcpBytes: rows.reduce((sum, [, length]) => sum + Number(length), 0),
	};
}

/** One direction of a connection, as tshark puts it together. */
async function followed(file: string, stream: number, dir: Direction): Promise<Buffer> {
	const { stdout } = await runProgram("tshark", ["-r", file, "-q", "-z", `follow,tcp,raw,${stream}`], 60_000);
	const lines = stdout.split("\n").filter((line) => /^\t?[0-9a-f]+$/.test(line));
	const wanted = lines.filter((line) => line.startsWith("\t") === (dir === 1));
	return Buffer.from(wanted.map((line) => line.trim()).join(""), "hex");
}

for (const [name, host] of [
	["IPv4", "127.0.0.1"],
	["IPv6", "[::1]"],
] as const) {
	real(`${name}: nginx and curl, both bodies byte for byte, as tshark sees them`, (t) =>
		withScope(async (scope) => {
			const nginx = await startNginx(scope, { staticSizes: [SIZE] });
			const file = join(await scope.folder(), "lo.pcap");
			const tcpdump = await startTcpdump(scope, nginx.port, file);
			await transfer(scope, nginx, host);
			const { captured } = await tcpdump.stop();
			const { events, counters, warnings } = await readPaths([file]);
			const opinion = await secondOpinion(file);
			t.is(counters.packets, captured);
			t.is(counters.packets, opinion.packets);
			t.is(counters.payload_bytes, opinion.tcpBytes);
			const all = conns(events);
			t.is(all.length, opinion.tcpStreams);
			t.is(all.length, 2);
			for (const [i, conn] of all.entries())
				for (const dir of [0, 1] as const) t.true(streamOf(events, conn, dir).equals(await followed(file, i, dir)));
			t.true(bodyIn(streamOf(events, all[0]!, 0)).equals(bodyOf(idOf(1, 1), SIZE)));
			t.true(bodyIn(streamOf(events, all[1]!, 1)).equals(bodyOf(idOf(0, 3), SIZE)));
			t.is(events.filter(({ kind }) => kind === "gap").length, 0);
			t.is(events.filter(({ kind }) => kind === "close").length, 2);
			t.true(events.every((event) => event.kind !== "open" || (event.roleKnown && event.server.port === nginx.port)));
			t.deepEqual(warnings, []);
		}),
	);
}

real("the same capture as nanosecond pcap, pcapng and gzip says the same", (t) =>
	withScope(async (scope) => {
		const nginx = await startNginx(scope, { staticSizes: [SIZE] });
		const folder = await scope.folder();
		const file = join(folder, "lo.pcap");
		const tcpdump = await startTcpdump(scope, nginx.port, file);
		await transfer(scope, nginx, "127.0.0.1");
		await tcpdump.stop();
		const { events } = await readPaths([file]);
		t.true(events.length > 10);
		for (const format of ["nsecpcap", "pcapng"]) {
			const converted = join(folder, format);
			await runProgram("editcap", ["-F", format, file, converted], 60_000);
			t.deepEqual((await readPaths([converted])).events, events, format);
			await writeFile(`${converted}.gz`, gzipSync(await readFile(converted)));
			t.deepEqual((await readPaths([`${converted}.gz`])).events, events, `${format}, gzip`);
		}
	}),
);

real("all interfaces at once: Linux cooked captures of both versions", (t) =>
	withScope(async (scope) => {
		const nginx = await startNginx(scope, { staticSizes: [SIZE] });
		const folder = await scope.folder();
		for (const type of ["LINUX_SLL", "LINUX_SLL2"]) {
			const file = join(folder, `${type}.pcap`);
			const at = ["-i", "any", "-y", type];
			const tcpdump = await startTcpdumpOf(scope, ["tcp", "port", String(nginx.port)], file, { at });
			await transfer(scope, nginx, "127.0.0.1");
			await transfer(scope, nginx, "[::1]");
			await tcpdump.stop();
			const { events, counters } = await readPaths([file]);
			const opinion = await secondOpinion(file);
			t.is(counters.packets, opinion.packets);
			t.is(counters.payload_bytes, opinion.tcpBytes);
			const all = conns(events);
			t.is(all.length, 4);
			for (const i of [0, 2]) {
				t.true(bodyIn(streamOf(events, all[i]!, 0)).equals(bodyOf(idOf(1, 1), SIZE)));
				t.true(bodyIn(streamOf(events, all[i + 1]!, 1)).equals(bodyOf(idOf(0, 3), SIZE)));
			}
		}
	}),
);

const UDP_ECHO = `
const { createSocket } = require("node:dgram");
const type = process.argv[1], host = process.argv[2], port = Number(process.argv[3]);
const server = createSocket(type).on("message", (text, from) => server.send(text, from.port, from.address));
server.bind(port, host, () => {
	const client = createSocket(type);
	let left = 5;
	const ask = () => client.send(Buffer.alloc(1000 + left * 1500, 48 + left), port, host);
	client.on("message", () => { if (--left === 0) process.exit(0); ask(); });
	ask();
});
`;

real("UDP in fragments, IPv4 and IPv6, on a loopback with small packets", (t) =>
	withScope(async (scope) => {
		const netns = `polytap-pcap-${process.pid}`;
		await runProgram("ip", ["netns", "add", netns], 60_000);
		scope.defer(() => runProgram("ip", ["netns", "delete", netns], 60_000));
		await runProgram("ip", ["-n", netns, "link", "set", "lo", "mtu", "1500", "up"], 60_000);
		const file = join(await scope.folder(), "udp.pcap");
		const tcpdump = await startTcpdumpOf(scope, ["udp or ip6 or (ip[6:2] & 0x3fff != 0)"], file, { netns });
		// an IPv6 address is usable a moment after the interface is up
		await until(async () => {
			const { stdout } = await runProgram("ip", ["-n", netns, "-6", "addr", "show", "dev", "lo"], 60_000);
			return stdout.includes("::1/128") && !stdout.includes("tentative");
		}, "the IPv6 address is usable");
		const port = await freePort();
		for (const [type, host] of [
			["udp4", "127.0.0.1"],
			["udp6", "::1"],
		] as const)
			await runProgram(process.execPath, ["-e", UDP_ECHO, type, host, String(port)], 60_000, { netns });
		await tcpdump.stop();
		const { events, counters } = await readPaths([file]);
		const opinion = await secondOpinion(file);
		t.is(counters.packets, opinion.packets);
		t.is(counters.udp_flows, 2);
		t.is(conns(events).length, opinion.udpStreams);
		for (const conn of conns(events)) {
			for (const dir of [0, 1] as const) {
				const got = events.flatMap((event) =>
					event.kind === "datagram" && event.conn === conn && event.dir === dir ? [Buffer.from(event.data)] : [],
				);
				const sent = [5, 4, 3, 2, 1].map((left) => Buffer.alloc(1000 + left * 1500, 48 + left));
				t.deepEqual(got, sent);
			}
		}
		t.true((counters.packets_fragments ?? 0) > 60);
		t.is(counters.fragmented_datagrams_lost, 0);
	}),
);

real("cut to 96 bytes a packet: captured and missing together are what was sent", (t) =>
	withScope(async (scope) => {
		const nginx = await startNginx(scope, { staticSizes: [SIZE] });
		const folder = await scope.folder();
		const file = join(folder, "lo.pcap");
		const tcpdump = await startTcpdump(scope, nginx.port, file);
		await transfer(scope, nginx, "127.0.0.1");
		await tcpdump.stop();
		const cut = join(folder, "cut.pcap");
		await runProgram("editcap", ["-s", "96", file, cut], 60_000);
		const { events, counters } = await readPaths([cut]);
		const missingBytes = events.reduce((sum, event) => sum + (event.kind === "gap" ? (event.length ?? 0) : 0), 0);
		t.true(missingBytes > SIZE);
		t.is((counters.payload_bytes ?? 0) + missingBytes, (await secondOpinion(file)).tcpBytes);
		t.true(events.every((event) => event.kind !== "gap" || event.cause === "not-readable"));
	}),
);

real("the command: whole, cut off, no capture, not there", (t) =>
	withScope(async (scope) => {
		const nginx = await startNginx(scope, { staticSizes: [SIZE] });
		const folder = await scope.folder();
		const file = join(folder, "lo.pcap");
		const tcpdump = await startTcpdump(scope, nginx.port, file);
		await transfer(scope, nginx, "127.0.0.1");
		await tcpdump.stop();
		const read = async (path: string) => {
			const program = new Program(process.execPath, [CLI, "read", path]);
			const timer = setTimeout(() => program.kill("SIGKILL"), 120_000);
			const { code } = await program.exited;
			clearTimeout(timer);
			return { code, stdout: program.stdout, stderr: program.stderr };
		};
		const whole = await read(file);
		t.is(whole.code, 0);
		t.is(whole.stderr, "");
		t.true(whole.stdout.split("\n").length > 2);
		await truncate(file, 400_000);
		const cut = await read(file);
		t.is(cut.code, 0);
		t.regex(cut.stderr, /^warning\[CAPTURE_DAMAGED\]: lo\.pcap: /);
		t.true(cut.stdout.length > 0);
		const none = join(folder, "none.pcap");
		await writeFile(none, "this is no capture");
		const refused = await read(none);
		t.is(refused.code, 1);
		t.regex(refused.stderr, /^error\[CAPTURE_UNREADABLE\]: .*none\.pcap: not a packet capture\nhint: /);
		t.is((await read(join(folder, "absent.pcap"))).code, 1);
	}),
);
