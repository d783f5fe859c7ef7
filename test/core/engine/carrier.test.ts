/** Plaintext of one source and ciphertext of another: one record, seen by both. */
import test from "ava";
import { Engine } from "../../../core/engine/engine.js";
import type { CaptureEvent, Direction, Exchange, OpenEvent } from "../../../core/index.js";
import http1 from "../../../parsers/http1/index.js";
import tls from "../../../parsers/tls/index.js";

const CLIENT = { address: "10.0.0.1", port: 40_000 };
const SERVER = { address: "10.0.0.2", port: 443 };
const REQUEST = Buffer.from("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
const RESPONSE = Buffer.from("HTTP/1.1 204 No Content\r\n\r\n");

/** One record of a handshake, then application data of `size` bytes in one record. */
function records(size: number): { bytes: Buffer; from: number } {
	const hello = Buffer.from("160301000c010000080303000000000000ff", "hex").subarray(0, 17);
	const data = Buffer.alloc(size + 5 + 17, 0x5a);
	data.set([0x17, 3, 3, (size + 17) >> 8, (size + 17) & 0xff]);
	return { bytes: Buffer.concat([hello, data]), from: hello.length };
}

class Scene {
	readonly exchanges: Exchange[] = [];
	readonly engine: Engine;
	readonly node: number;
	readonly jvm: number;
	nowUs = 1_000_000;

	readonly advice: string[] = [];

	constructor(joinsLayers = true) {
		this.engine = new Engine({ joinsLayers }, [http1, tls], (exchange) => void this.exchanges.push(exchange));
		this.engine.couldWant = () => true;
		this.node = this.engine.addSource("node", "ebpf", (conn, { kind }) => void this.advice.push(`${conn} ${kind}`));
		this.jvm = this.engine.addSource("jvm", "java-agent");
	}

	tell(source: number, ...events: CaptureEvent[]): void {
		this.engine.ingest(source, events, this.nowUs);
	}

	open(source: number, layer: "transport" | "plaintext", more: Partial<OpenEvent> = {}): void {
		this.tell(source, {
			kind: "open",
			conn: 1,
			tsUs: this.nowUs,
			transport: "tcp",
			client: CLIENT,
			server: SERVER,
			role: "client",
			roleKnown: true,
			bases: layer === "transport" ? [7, 9] : null,
			fromStart: true,
			netns: 1,
			process: null,
			layer,
			lower: null,
			...more,
		});
	}

	/** Handshake and data at their own times. */
	cipher(dir: Direction, size: number, helloUs: number, dataUs: number): void {
		const { bytes, from } = records(size);
		this.tell(
			this.node,
			{ kind: "bytes", conn: 1, dir, offset: 0, tsUs: helloUs, data: bytes.subarray(0, from) },
			{ kind: "bytes", conn: 1, dir, offset: from, tsUs: dataUs, data: bytes.subarray(from) },
		);
	}

	plain(dir: Direction, data: Uint8Array, tsUs: number, offset = 0): void {
		const { bytes } = records(data.length);
		const lowerRange = [offset + bytes.length - data.length, offset + bytes.length] as const;
		const toOffset = offset + data.length;
		const range = { fromOffset: offset, toOffset, attributes: { "java.thread.name": "main" }, lowerRange };
		this.tell(
			this.jvm,
			{ kind: "annotate", conn: 1, dir, ...range },
			{ kind: "bytes", conn: 1, dir, offset, tsUs, data },
		);
	}

	/** Of the plaintext, after one exchange. */
	end(): void {
		const tsUs = 1_001_000;
		for (const dir of [0, 1] as const) {
			const finalOffset = (dir === 0 ? REQUEST : RESPONSE).length;
			this.tell(this.jvm, { kind: "end", conn: 1, dir, tsUs, finalOffset, how: "fin" });
		}
		this.tell(this.jvm, { kind: "close", conn: 1, tsUs });
	}

	later(us: number): void {
		this.nowUs += us;
		this.engine.tick(this.nowUs);
	}
}

const seen = (exchange: Exchange | undefined) =>
	exchange?.observedBy.map(({ source, vantage, startedAt, durationUs }) => [
		source,
		vantage,
		startedAt.slice(20, 26),
		durationUs,
	]);

const AS_BOTH_SAW = [
	["jvm", "client", "000100", 900],
	["node", "client", "000150", 800],
];

test("ciphertext first: the record has both, each with its own times, and one record only", (t) => {
	const scene = new Scene();
	scene.open(scene.node, "transport");
	scene.cipher(0, REQUEST.length, 1_000_010, 1_000_150);
	scene.cipher(1, RESPONSE.length, 1_000_020, 1_000_950);
	scene.open(scene.jvm, "plaintext");
	scene.plain(0, REQUEST, 1_000_100);
	scene.plain(1, RESPONSE, 1_001_000);
	scene.later(60_000);
	t.is(scene.exchanges.length, 1);
	t.like(scene.exchanges[0], { protocol: "http/1.1", annotations: { "java.thread.name": "main" } });
	t.deepEqual(seen(scene.exchanges[0]), AS_BOTH_SAW);
});

test("plaintext first: it waits for the other source, at most the merge window", (t) => {
	const scene = new Scene();
	scene.open(scene.jvm, "plaintext");
	scene.plain(0, REQUEST, 1_000_100);
	scene.plain(1, RESPONSE, 1_001_000);
	scene.later(10_000);
	t.is(scene.exchanges.length, 0);
	scene.open(scene.node, "transport");
	scene.cipher(0, REQUEST.length, 1_000_010, 1_000_150);
	scene.cipher(1, RESPONSE.length, 1_000_020, 1_000_950);
	scene.later(50_000);
	t.deepEqual(seen(scene.exchanges[0]), AS_BOTH_SAW);
});

test("without the other source the record comes out as it is", (t) => {
	const scene = new Scene();
	scene.open(scene.jvm, "plaintext");
	scene.plain(0, REQUEST, 1_000_100);
	scene.plain(1, RESPONSE, 1_001_000);
	scene.later(60_000);
	t.deepEqual(seen(scene.exchanges[0]), [["jvm", "client", "000100", 900]]);
});

test("who tells the plaintext too is not named a second time for the ciphertext, and not waited for", (t) => {
	const scene = new Scene();
	scene.open(scene.node, "transport");
	scene.open(scene.node, "plaintext", { conn: 2, lower: 1 });
	scene.open(scene.jvm, "plaintext");
	scene.plain(0, REQUEST, 1_000_100);
	scene.plain(1, RESPONSE, 1_001_000);
	scene.later(1);
	t.deepEqual(scene.exchanges.map(seen), [[["jvm", "client", "000100", 900]]]);
	scene.tell(
		scene.node,
		{ kind: "bytes", conn: 2, dir: 0, offset: 0, tsUs: 1_000_150, data: REQUEST },
		{ kind: "bytes", conn: 2, dir: 1, offset: 0, tsUs: 1_000_950, data: RESPONSE },
	);
	t.deepEqual(seen(scene.exchanges[1]), [["node", "client", "000150", 800]]);
});

test("the same two ends in another process are another connection", (t) => {
	const process = {
		name: "java",
		executable: null,
		cgroup: null,
		container: null,
		pod: null,
		runtime: null,
		unit: null,
		uid: null,
	};
	const scene = new Scene();
	scene.open(scene.node, "transport", { process: { ...process, pid: 5 } });
	scene.cipher(0, REQUEST.length, 1_000_010, 1_000_150);
	scene.cipher(1, RESPONSE.length, 1_000_020, 1_000_950);
	scene.open(scene.jvm, "plaintext", { process: { ...process, pid: 6 } });
	scene.plain(0, REQUEST, 1_000_100);
	scene.plain(1, RESPONSE, 1_001_000);
	scene.later(60_000);
	t.deepEqual(seen(scene.exchanges[0]), [["jvm", "client", "000100", 900]]);
});

test("loopback connections of two network namespaces are not joined", (t) => {
	const scene = new Scene();
	const client = { address: "127.0.0.1", port: 40_000 };
	scene.open(scene.node, "transport", { client, netns: 2 });
	scene.cipher(0, REQUEST.length, 1_000_010, 1_000_150);
	scene.open(scene.jvm, "plaintext", { client });
	scene.plain(0, REQUEST, 1_000_100);
	scene.plain(1, RESPONSE, 1_001_000);
	scene.later(60_000);
	t.is(seen(scene.exchanges[0])?.length, 1);
});

test("where layers are not joined nothing waits", (t) => {
	const scene = new Scene(false);
	scene.open(scene.jvm, "plaintext");
	scene.plain(0, REQUEST, 1_000_100);
	scene.plain(1, RESPONSE, 1_001_000);
	t.is(scene.exchanges.length, 1);
});

test("what nobody saw pass encrypted is waited for once, and again when somebody does", (t) => {
	const scene = new Scene();
	scene.open(scene.jvm, "plaintext");
	scene.plain(0, REQUEST, 1_000_100);
	scene.plain(1, RESPONSE, 1_001_000);
	scene.later(60_000);
	t.is(scene.exchanges.length, 1);
	scene.plain(0, REQUEST, 1_060_100, REQUEST.length);
	scene.plain(1, RESPONSE, 1_061_000, RESPONSE.length);
	t.is(scene.exchanges.length, 2);
	scene.open(scene.node, "transport");
	scene.plain(0, REQUEST, 1_060_200, REQUEST.length * 2);
	scene.plain(1, RESPONSE, 1_062_000, RESPONSE.length * 2);
	t.is(scene.exchanges.length, 2);
	scene.later(60_000);
	t.is(scene.exchanges.length, 3);
});

test("ciphertext that comes when the plaintext's connection has ended: its exchanges still wait", (t) => {
	const scene = new Scene();
	scene.open(scene.jvm, "plaintext");
	scene.plain(0, REQUEST, 1_000_100);
	scene.plain(1, RESPONSE, 1_001_000);
	scene.end();
	t.is(scene.exchanges.length, 0);
	scene.open(scene.node, "transport");
	scene.cipher(0, REQUEST.length, 1_000_010, 1_000_150);
	scene.cipher(1, RESPONSE.length, 1_000_020, 1_000_950);
	scene.later(60_000);
	t.deepEqual(scene.exchanges.map(seen), [AS_BOTH_SAW]);
	t.is(scene.engine.counters().connections_open, 1);
});

test("ciphertext of what another source tells is covered: its gaps have times, until that source is gone", (t) => {
	const scene = new Scene();
	scene.open(scene.node, "transport");
	scene.cipher(0, REQUEST.length, 1_000_010, 1_000_150);
	scene.cipher(1, RESPONSE.length, 1_000_020, 1_000_950);
	t.deepEqual(scene.advice, []);
	scene.open(scene.jvm, "plaintext");
	scene.plain(0, REQUEST, 1_000_100);
	scene.plain(1, RESPONSE, 1_001_000);
	const gap = (dir: Direction, after: number, tsUs: number) => {
		const offset = records(after).bytes.length;
		const length = 1000;
		scene.tell(scene.node, { kind: "gap", conn: 1, dir, tsUs, offset, length, cause: "covered" });
		return [offset, offset + length] as const;
	};
	const more = (dir: Direction, data: Buffer, tsUs: number, lowerRange: readonly [number, number]) => {
		const range = { fromOffset: data.length, toOffset: data.length * 2, attributes: {}, lowerRange };
		scene.tell(
			scene.jvm,
			{ kind: "annotate", conn: 1, dir, ...range },
			{ kind: "bytes", conn: 1, dir, offset: data.length, tsUs, data },
		);
	};
	more(0, REQUEST, 1_010_100, gap(0, REQUEST.length, 1_010_150));
	more(1, RESPONSE, 1_011_000, gap(1, RESPONSE.length, 1_010_950));
	scene.later(60_000);
	t.deepEqual(scene.advice, ["1 covered"]);
	t.deepEqual(seen(scene.exchanges[1]), [
		["jvm", "client", "010100", 900],
		["node", "client", "010150", 800],
	]);
	t.is(scene.engine.counters().bytes_missing, 2000);
	scene.engine.sourceEnded(scene.jvm, scene.nowUs);
	scene.tell(scene.node, { kind: "gap", conn: 1, dir: 0, tsUs: 1_020_000, offset: 2000, length: 1, cause: "covered" });
	t.deepEqual(scene.advice, ["1 covered", "1 uncovered"]);
});

test("what was held comes out when the connection ends and all was seen, or with its source", (t) => {
	const scene = new Scene();
	scene.open(scene.jvm, "plaintext");
	scene.plain(0, REQUEST, 1_000_100);
	scene.plain(1, RESPONSE, 1_001_000);
	scene.end();
	t.is(scene.exchanges.length, 0);
	scene.engine.sourceEnded(scene.jvm, scene.nowUs);
	t.is(scene.exchanges.length, 1);
	const other = new Scene();
	other.open(other.node, "transport");
	other.cipher(0, REQUEST.length, 1_000_010, 1_000_150);
	other.cipher(1, RESPONSE.length, 1_000_020, 1_000_950);
	other.open(other.jvm, "plaintext");
	other.plain(0, REQUEST, 1_000_100);
	other.plain(1, RESPONSE, 1_001_000);
	other.end();
	t.deepEqual(other.exchanges.map(seen), [AS_BOTH_SAW]);
});
