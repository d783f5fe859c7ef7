import { createHash } from "node:crypto";
import { Agent, request } from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";
import { bodyOf, idOf } from "./body.js";
import { pause } from "./program.js";

/** What one request was, as its client knows it. */
export interface Sent {
	readonly id: string;
	/** Before the first byte was handed to the kernel. */
	readonly startedMs: number;
	readonly clientPort: number;
	readonly requestSha256: string;
	readonly responseSha256: string;
	readonly status: number;
}

export interface ClientOptions {
	readonly port: number;
	readonly host?: string;
	/** First three digits of every id. */
	readonly load: number;
	readonly size: number;
	readonly connections?: number;
	/** False: a connection for each request. */
	readonly keepAlive?: boolean;
	/** HTTPS; whose certificate it is does not matter. */
	readonly tls?: boolean;
}

/** An HTTP client of Node.js in this process: POSTs bodies made from ids to `/echo/ID`. */
export class Client {
	/** Everything answered so far. */
	readonly sent: Sent[] = [];
	readonly failures: Error[] = [];
	private readonly options: ClientOptions;
	private readonly agent: Agent;
	private next = 0;

	constructor(options: ClientOptions) {
		this.options = options;
		const keepAlive = options.keepAlive ?? true;
		const settings = { keepAlive, maxSockets: options.connections ?? 8, scheduling: "fifo" } as const;
		// a session that is resumed shows less in its hellos
		const secure = { ...settings, rejectUnauthorized: false, maxCachedSessions: 0 };
		this.agent = options.tls === true ? new TlsAgent(secure) : new Agent(settings);
	}

	/** One request on each of as many connections at once, `rounds` times, with `between` after each round. */
	async rounds(rounds: number, between: () => Promise<void> = async () => {}): Promise<void> {
		for (let round = 0; round < rounds; round++) {
			if (round > 0) await between();
			await Promise.all(Array.from({ length: this.options.connections ?? 8 }, () => this.one()));
		}
	}

	/** All connections busy until `isOver`, each with a rest between two requests. */
	async untilOver(isOver: () => boolean, restMs = 0): Promise<void> {
		const lane = async () => {
			while (!isOver()) {
				await this.one();
				if (restMs > 0) await pause(restMs);
			}
		};
		await Promise.all(Array.from({ length: this.options.connections ?? 8 }, lane));
	}

	close(): void {
		this.agent.destroy();
	}

	private async one(): Promise<void> {
		const { load, size, port, host } = this.options;
		const id = idOf(load, this.next++);
		const body = bodyOf(id, size);
		const startedMs = Date.now();
		try {
			const answer = await this.post({ port, host: host ?? "127.0.0.1", path: `/echo/${id}` }, body);
			this.sent.push({ id, startedMs, requestSha256: sha256(body), ...answer });
		} catch (error) {
			this.failures.push(error instanceof Error ? error : new Error(String(error)));
		}
	}

	private post(
		to: { port: number; host: string; path: string },
		body: Buffer,
	): Promise<{ clientPort: number; responseSha256: string; status: number }> {
		return new Promise((resolve, reject) => {
			const headers = { "content-type": "text/plain", "content-length": body.length };
			const ask = this.options.tls === true ? tlsRequest : request;
			const call = ask({ ...to, method: "POST", agent: this.agent, headers, timeout: 60_000 }, (response) => {
				const hash = createHash("sha256");
				const clientPort = response.socket.localPort ?? 0;
				response.on("data", (chunk: Buffer) => hash.update(chunk));
				response.on("error", reject);
				response.on("end", () =>
					resolve({ clientPort, responseSha256: hash.digest("hex"), status: response.statusCode ?? 0 }),
				);
			});
			call.on("timeout", () => call.destroy(new Error("no answer in 60 s")));
			call.on("error", reject);
			call.end(body);
		});
	}
}

export function sha256(bytes: Uint8Array): string {
	return createHash("sha256").update(bytes).digest("hex");
}
