/** `/metrics`, `/healthz` and `/readyz` over HTTP, for a scraper and a service manager on this node. */
import { createServer, type Server, type ServerResponse } from "node:http";
import { isIP } from "node:net";
import { hostOf, type MetricsOptions } from "../config/schema.js";
import { PolytapError } from "../errors.js";
import type { Health } from "./health.js";
import { METRICS_CONTENT_TYPE, renderMetrics } from "./metrics.js";
import type { Totals } from "./totals.js";

const MOST_CONNECTIONS = 16;
const REQUEST_MS = 5_000;

export interface MetricsSubject {
	totals(): Totals;
	health(): Health;
	/** The worker has answered lately. */
	isAlive(): boolean;
	readonly version: string;
}

export class MetricsServer {
	/** `127.0.0.1:9464`, with the port that was found where 0 was asked for. */
	readonly address: string;
	private readonly server: Server;

	private constructor(server: Server, address: string) {
		this.server = server;
		this.address = address;
	}

	/** Rejects with `METRICS_FAILED`. */
	static async open({ listen, allow_remote }: MetricsOptions, subject: MetricsSubject): Promise<MetricsServer> {
		const server = createServer({ requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS }, (request, response) => {
			// a page in a browser may reach a loopback port under a name of its own: such names get nothing
			const isMine = allow_remote || isLocalName(request.headers.host ?? "localhost");
			const path = new URL(request.url ?? "/", "http://localhost").pathname;
			if (!isMine) reply(response, 403, "text/plain", "this address only\n");
			else if (request.method !== "GET" && request.method !== "HEAD") reply(response, 405, "text/plain", "GET only\n");
			else void answer(path, subject, response);
		});
		server.maxConnections = MOST_CONNECTIONS;
		const host = hostOf(listen);
		const port = Number(listen.slice(listen.lastIndexOf(":") + 1));
		await new Promise<void>((resolve, reject) => {
			const fail = (error: Error) =>
				reject(new PolytapError("METRICS_FAILED", `cannot listen on ${listen}: ${error.message}`, null, error));
			server.once("error", fail);
			try {
				server.listen({ host, port }, () => {
					server.off("error", fail);
					server.on("error", () => {});
					resolve();
				});
			} catch (error) {
				fail(error instanceof Error ? error : new Error(String(error)));
			}
		});
		server.unref();
		const bound = server.address();
		const actual = typeof bound === "object" && bound !== null ? bound.port : port;
		return new MetricsServer(server, `${isIP(host) === 6 ? `[${host}]` : host}:${actual}`);
	}

	close(): void {
		this.server.close();
		this.server.closeAllConnections();
	}
}

async function answer(path: string, subject: MetricsSubject, response: ServerResponse): Promise<void> {
	try {
		if (path === "/metrics") {
			const text = await renderMetrics(subject.totals(), subject.health(), subject.version);
			reply(response, 200, METRICS_CONTENT_TYPE, text);
		} else if (path === "/healthz" || path === "/readyz") {
			const health = subject.health();
			const isFine = path === "/readyz" ? health.ready : subject.isAlive() && health.status !== "failing";
			reply(response, isFine ? 200 : 503, "application/json", `${JSON.stringify(health, null, "\t")}\n`);
		} else reply(response, 404, "text/plain", "there are /metrics, /healthz and /readyz\n");
	} catch (error) {
		reply(response, 500, "text/plain", `${error instanceof Error ? error.message : String(error)}\n`);
	}
}

function reply(response: ServerResponse, status: number, type: string, text: string): void {
	if (response.headersSent) return;
	response.writeHead(status, {
		"content-type": type,
		"content-length": Buffer.byteLength(text),
		"cache-control": "no-store",
		"x-content-type-options": "nosniff",
	});
	response.end(text);
}

function isLocalName(host: string): boolean {
	const name = host.replace(/:\d*$/, "").replace(/^\[|\]$/g, "");
	return name === "localhost" || isIP(name) !== 0;
}
