/** A peer that says exactly what a test wants it to, over a real socket, and a bridge to say it to. */
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CaptureEvent } from "../../../core/index.js";
import plugin from "../../../sources/java-agent/index.js";
import type { Row } from "../../../sources/java-agent/protocol.js";
import type { JavaSource } from "../../../sources/java-agent/source.js";

export type Message = Readonly<Record<string, unknown>>;

const PATIENCE_MS = 5_000;

export async function until(holds: () => boolean, what: string): Promise<void> {
	const deadline = Date.now() + PATIENCE_MS;
	while (!holds()) {
		if (Date.now() > deadline) throw new Error(`this did not come true: ${what}`);
		await new Promise((resolve) => setTimeout(resolve, 2));
	}
}

/** The source at work; its events are kept, with copies of their bytes. */
export class Listening {
	readonly events: CaptureEvent[] = [];
	readonly warnings: string[] = [];
	readonly path: string;
	readonly #folder: string;
	readonly #source: JavaSource;
	readonly #stop = new AbortController();
	readonly #reading: Promise<void>;
	#gate: Promise<void> = Promise.resolve();
	#openGate: () => void = () => {};

	private constructor(folder: string, source: JavaSource, warnings: string[]) {
		this.#folder = folder;
		this.path = source.listening.replace(/^unix:|^tcp:/, "");
		this.#source = source;
		this.warnings = warnings;
		this.#reading = this.#read();
	}

	static async start(options: object = {}): Promise<Listening> {
		const folder = mkdtempSync(join(tmpdir(), "polytap-java-"));
		const warnings: string[] = [];
		const diagnostics = {
			warn: (code: string, message: string) => void warnings.push(`${code}: ${message}`),
			info: () => {},
		};
		const config = plugin.config.parse({ listen: join(folder, "java.sock"), ...options });
		const source = plugin.create(config, { name: "jvm", diagnostics, host: null }) as JavaSource;
		await source.open(new AbortController().signal);
		return new Listening(folder, source, warnings);
	}

	get counters(): Readonly<Record<string, number>> {
		return this.#source.counters();
	}

	/** The engine takes nothing until `release`. */
	hold(): void {
		this.#gate = new Promise((resolve) => {
			this.#openGate = resolve;
		});
	}

	release(): void {
		this.#openGate();
	}

	of<K extends CaptureEvent["kind"]>(kind: K): Extract<CaptureEvent, { kind: K }>[] {
		return this.events.filter((event): event is Extract<CaptureEvent, { kind: K }> => event.kind === kind);
	}

	/** All bytes of a direction, whichever connection. */
	text(dir: 0 | 1): string {
		return Buffer.concat(
			this.of("bytes")
				.filter((event) => event.dir === dir)
				.map(({ data }) => data),
		).toString();
	}

	async stop(): Promise<void> {
		this.release();
		this.#stop.abort();
		await this.#reading;
		await this.#source.close();
		rmSync(this.#folder, { recursive: true, force: true });
	}

	async #read(): Promise<void> {
		for await (const batch of this.#source.batches(this.#stop.signal)) {
			await this.#gate;
			for (const event of batch)
				this.events.push(
					event.kind === "bytes" ? { ...event, data: Uint8Array.prototype.slice.call(event.data) } : event,
				);
		}
	}
}

export class Peer {
	readonly received: Message[] = [];
	isClosed = false;
	readonly socket: Socket;
	#text = "";

	private constructor(socket: Socket) {
		this.socket = socket;
		socket.on("error", () => undefined);
		socket.on("close", () => {
			this.isClosed = true;
		});
		socket.on("data", (chunk) => {
			this.#text += chunk.toString();
			for (let end = this.#text.indexOf("\n"); end >= 0; end = this.#text.indexOf("\n")) {
				this.received.push(JSON.parse(this.#text.slice(0, end)));
				this.#text = this.#text.slice(end + 1);
			}
		});
	}

	static async connect(path: string): Promise<Peer> {
		const [host = "", port] = path.split(":");
		const socket = port === undefined ? connect(path) : connect(Number(port), host);
		await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
		return new Peer(socket);
	}

	/** Connected and initialized. */
	static async agent(path: string, more: object = {}): Promise<Peer> {
		const peer = await Peer.connect(path);
		peer.send({ id: 1, method: "initialize", params: hello(more) });
		await until(() => peer.received.length > 0, "initialize is answered");
		return peer;
	}

	get error(): { code: number; message: string; data: string } | null {
		const found = this.received.find((message) => "error" in message)?.error;
		return found === undefined ? null : (found as { code: number; message: string; data: string });
	}

	get credit(): number {
		return this.received
			.filter(({ method }) => method === "credit")
			.reduce((sum, { params }) => sum + (params as { bytes: number }).bytes, 0);
	}

	raw(bytes: string | Uint8Array): void {
		this.socket.write(bytes);
	}

	send(message: Message): void {
		this.raw(line(message));
	}

	tell(method: string, params: object): void {
		this.send({ method, params });
	}

	/** A `data` message with an attachment. */
	data(rows: readonly Row[], payload: Uint8Array): void {
		this.raw(Buffer.concat([Buffer.from(line({ method: "data", params: { e: rows, bin: payload.length } })), payload]));
	}

	/** `text` on connection `c` at `offset`, as base64. */
	plain(c: number, dir: 0 | 1, offset: number, text: string, thread = 0, ctx = 0): void {
		const bytes = Buffer.from(text);
		const e = [[c, dir, offset, nowUs(), thread, -1, bytes.length, ctx]];
		this.tell("data", { e, b64: bytes.toString("base64") });
	}

	open(c: number, more: object = {}): void {
		this.tell("conn.open", { ...opening(c), ...more });
	}

	end(): void {
		this.socket.destroy();
	}
}

export function line(message: Message): string {
	return `${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`;
}

export function nowUs(): number {
	return Date.now() * 1000;
}

export function hello(more: object = {}): object {
	return {
		protocol: "1",
		agent: "test 1",
		instance: "11111111-test",
		pid: process.pid,
		clock: { kind: "wall", nowUs: nowUs() },
		caps: { attachments: true },
		...more,
	};
}

export function opening(c: number): object {
	return {
		c,
		at: nowUs(),
		fd: 7,
		l: ["127.0.0.1", 40_000 + c],
		r: ["::ffff:127.0.0.1", 8443],
		role: "client",
		fromStart: true,
		offsets: [0, 0],
		tls: { version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384", alpn: "http/1.1", serverName: "localhost" },
	};
}
