import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { PolytapError } from "../../core/index.js";
import { parseAddress } from "./address.js";

/** Each answer is `true` for 200 and `false` for 503. */
export interface HealthAnswers {
	/** `/healthz`: the relay turns. */
	isAlive(): boolean;
	/** `/readyz`: it takes new connections. */
	isReady(): boolean;
}

export class Health {
	readonly #server: Server;

	constructor(answers: HealthAnswers) {
		this.#server = createServer((request, response) => {
			const path = request.url?.split("?")[0];
			const ask = path === "/healthz" ? answers.isAlive : path === "/readyz" ? answers.isReady : null;
			const isFine = ask?.call(answers) ?? false;
			response.writeHead(ask === null ? 404 : isFine ? 200 : 503, {
				"content-type": "text/plain",
				connection: "close",
			});
			response.end(ask === null ? "not found\n" : isFine ? "ok\n" : "no\n");
		});
	}

	/** Rejects with SIDECAR_LISTEN_FAILED. */
	async open(address: string): Promise<void> {
		const { address: host = "", port = 0 } = parseAddress(address) ?? {};
		this.#server.listen({ host, port });
		try {
			await once(this.#server, "listening");
		} catch (error) {
			const reason = error instanceof Error ? error.message : String(error);
			throw new PolytapError("SIDECAR_LISTEN_FAILED", `health_listen ${address}: ${reason}`, null, error);
		}
	}

	close(): void {
		this.#server.close();
		this.#server.closeAllConnections();
	}
}
