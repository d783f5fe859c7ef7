/**
 * Ciphertext that an agent tells as plaintext is not copied by the kernel, only its places and times are told; when the agent is
 * gone it is copied again. The test is the agent: it speaks the bridge's protocol about a TLS connection of its own.
 */
import { randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { connect as connectSecurely, type TLSSocket } from "node:tls";
import anyTest, { type TestFn } from "ava";
import type { Exchange } from "../../core/index.js";
import type { Row } from "../../sources/java-agent/protocol.js";
import { nowUs, Peer } from "../sources/java-agent/scripted-peer.js";
import { makeCertificate } from "./support/certificate.js";
import { bodySha256, sha256 } from "./support/java.js";
import { missing } from "./support/needs.js";
import { METRICS, startPolytap } from "./support/polytap.js";
import { pause } from "./support/program.js";
import { type Scope, withScope } from "./support/scope.js";

const test: TestFn = anyTest;
const why = missing("bpf", "openssl");
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED, ciphertext that an agent covers: ${why}\n`);
const live = why === null ? test.serial : test.serial.skip;

const MIB = 1 << 20;
const CHUNK = 32_768;
const WAIT_MS = 60_000;
const LARGE = randomBytes(MIB);

/** A socket whose bytes are counted: what passes here is the ciphertext. */
class Counted extends Duplex {
	readonly count: [sent: number, received: number] = [0, 0];
	readonly #raw: Socket;

	constructor(raw: Socket) {
		super();
		this.#raw = raw;
		raw.on("data", (chunk) => {
			this.count[1] += chunk.length;
			this.push(chunk);
		});
		raw.on("end", () => this.push(null));
		raw.on("error", () => {});
	}

	override _read(): void {}

	override _write(chunk: Buffer, _encoding: string, done: () => void): void {
		this.count[0] += chunk.length;
		this.#raw.write(chunk, () => done());
	}

	override _final(done: () => void): void {
		this.#raw.end(done);
	}
}

/** A client of the server below: asks over one connection, and knows where what it sent and got lies in the ciphertext. */
class Client {
	readonly below: Counted;
	readonly plain: [sent: number, received: number] = [0, 0];
	readonly #tls: TLSSocket;
	#got = Buffer.alloc(0);

	private constructor(below: Counted, tls: TLSSocket) {
		this.below = below;
		this.#tls = tls;
		tls.on("data", (chunk: Buffer) => {
			this.#got = Buffer.concat([this.#got, chunk]);
		});
	}

	static async connect(scope: Scope, port: number): Promise<{ client: Client; raw: Socket }> {
		const raw = connect({ host: "127.0.0.1", port });
		scope.defer(() => raw.destroy());
		await new Promise((resolve) => raw.once("connect", resolve));
		const below = new Counted(raw);
		const tls = connectSecurely({ socket: below, servername: "localhost", rejectUnauthorized: false });
		tls.on("error", () => {});
		await new Promise((resolve) => tls.once("secureConnect", resolve));
		return { client: new Client(below, tls), raw };
	}

	async ask(path: string): Promise<{ request: Buffer; response: Buffer }> {
		const request = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
		this.#got = Buffer.alloc(0);
		this.#tls.write(request);
		const deadline = Date.now() + WAIT_MS;
		while (!isWhole(this.#got)) {
			if (Date.now() > deadline) throw new Error(`no answer to ${path}`);
			await pause(1);
		}
		return { request, response: this.#got };
	}

	end(): void {
		this.#tls.end();
	}
}

function isWhole(bytes: Buffer): boolean {
	const head = bytes.indexOf("\r\n\r\n");
	if (head < 0) return false;
	const length = Number(/content-length: (\d+)/i.exec(bytes.toString("latin1", 0, head))?.[1]);
	return bytes.length >= head + 4 + length;
}

/** As an agent does: in pieces, the last of which says how much ciphertext there was. */
function tell(peer: Peer, client: Client, dir: 0 | 1, bytes: Buffer): void {
	const rows: Row[] = [];
	for (let at = 0; at < bytes.length; at += CHUNK) {
		const size = Math.min(CHUNK, bytes.length - at);
		const cipherEnd = at + size === bytes.length ? client.below.count[dir] : -1;
		rows.push([1, dir, client.plain[dir] + at, nowUs(), 0, cipherEnd, size, 0]);
	}
	client.plain[dir] += bytes.length;
	peer.data(rows, bytes);
}

live("what an agent tells is not copied encrypted as well, until the agent is gone", (t) =>
	withScope(async (scope) => {
		t.timeout(240_000);
		const { certificate, key } = await makeCertificate(scope);
		const secrets = { cert: await readFile(certificate), key: await readFile(key) };
		const server = createServer(secrets, (request, response) =>
			response.end(request.url === "/large" ? LARGE : Buffer.from("little")),
		);
		server.keepAliveTimeout = 0;
		await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
		scope.defer(() => server.close());
		const { port } = server.address() as AddressInfo;
		const folder = await scope.folder();
		const path = join(folder, "java.sock");
		const records = join(folder, "records.jsonl");
		const polytap = await startPolytap(scope, {
			config: {
				sources: {
					node: { type: "ebpf", targets: [{ ports: [port] }], vantage: "both", tls: "off" },
					jvm: { type: "java-agent", listen: path, reconnect_grace_ms: 100 },
				},
				capture: { max_body_bytes: 2 * MIB, merge_window_ms: 10_000 },
				metrics: METRICS,
				sinks: { file: { type: "jsonl", path: records } },
			},
		});
		const covered = () => polytap.counter("node", "covered_bytes");
		const captured = () => polytap.counter("node", "bytes");
		const until = async (act: () => Promise<unknown>, holds: () => Promise<boolean>): Promise<void> => {
			const deadline = Date.now() + WAIT_MS;
			do {
				if (Date.now() > deadline) throw new Error("it did not come true");
				await act();
				await pause(20);
			} while (!(await holds()));
		};

		const { client, raw } = await Client.connect(scope, port);
		const peer = await Peer.agent(path);
		scope.defer(() => peer.end());
		peer.open(1, { l: ["127.0.0.1", raw.localPort], r: ["127.0.0.1", port] });
		let asked = 0;
		const askAndTell = async (what: string): Promise<void> => {
			const { request, response } = await client.ask(what);
			tell(peer, client, 0, request);
			tell(peer, client, 1, response);
			asked++;
		};
		await until(
			() => askAndTell("/little"),
			async () => (await covered()) > 0,
		);
		// both ends' sockets have heard of it by then
		for (let i = 0; i < 4; i++) {
			await askAndTell("/little");
			await polytap.settled();
		}
		const before = await covered();
		await until(
			() => askAndTell("/large"),
			async () => (await covered()) - before >= MIB,
		);
		await polytap.settled();
		peer.end();
		await until(
			() => Promise.resolve(),
			async () => (await polytap.counter("jvm", "connections_open")) === 0,
		);
		const copied = await captured();
		await until(
			() => client.ask("/alone"),
			async () => (await captured()) - copied > 1_000,
		);
		client.end();
		await new Promise((resolve) => (raw.closed ? resolve(0) : raw.once("close", resolve)));
		await polytap.settled();
		const { totals } = await polytap.stop();

		const exchanges = (await readFile(records, "utf8"))
			.split("\n")
			.slice(0, -1)
			.map((line): Exchange => JSON.parse(line));
		const told = exchanges.filter(({ kind }) => kind === "exchange");
		t.is(told.length, asked);
		for (const { observedBy } of told)
			t.deepEqual(observedBy.map(({ source, vantage }) => `${source} ${vantage}`).sort(), [
				"jvm client",
				"node client",
				"node server",
			]);
		const large = told.find(({ request }) => request?.attributes["url.path"] === "/large");
		t.is(bodySha256(large?.response ?? null), sha256(LARGE));
		const [connection, more] = exchanges.filter(({ kind, protocol }) => kind === "connection" && protocol === "tls");
		t.is(more, undefined);
		t.is(connection?.annotations["tls.client.server_name"], "localhost");
		for (const [dir, name] of ["client_to_server", "server_to_client"].entries()) {
			const of = (what: string) => Number(connection?.annotations[`polytap.${name}.${what}`]);
			t.true(of("bytes_captured") > 0);
			t.true(of("bytes_missing.covered") > 0);
			t.is(of("bytes_missing"), of("bytes_missing.covered"), "nothing else is missing");
			t.is(of("bytes_captured") + of("bytes_missing"), client.below.count[dir] ?? -1, "every byte is accounted for");
		}
		t.true(Number(connection?.annotations["polytap.server_to_client.bytes_missing.covered"]) >= MIB);
		t.deepEqual(Object.keys(totals.bytes.lost), ["covered"]);
		t.is(totals.bytes.seen, totals.bytes.captured + (totals.bytes.lost.covered ?? 0));
		t.log(`${totals.sources.node?.counters.covered_bytes} bytes were not copied, at both ends`);
	}),
);
