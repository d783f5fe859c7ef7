/** One GET whose answer is JSON, within bounds. */
import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { Trouble, troubleOf, troubleOfStatus } from "./trouble.js";

export interface Limits {
	/** For all of it. */
	readonly timeoutMs: number;
	readonly maxBytes: number;
}

/** `options`: TLS, headers, agent. Rejects with a `Trouble`. */
export function getJson(url: URL, options: RequestOptions, limits: Limits, signal: AbortSignal): Promise<unknown> {
	const what = url.host;
	return new Promise((resolve, reject) => {
		const start = url.protocol === "http:" ? httpRequest : httpsRequest;
		let sent: ClientRequest | null = null;
		const end = (error: unknown, value?: unknown) => {
			clearTimeout(timer);
			signal.removeEventListener("abort", abort);
			if (error === null) resolve(value);
			else reject(troubleOf(error));
			sent?.destroy();
		};
		const abort = () => end(new Trouble("unreachable", "polytap stops"));
		const timer = setTimeout(
			() => end(new Trouble("unreachable", `${what} did not answer within ${limits.timeoutMs} ms`)),
			limits.timeoutMs,
		);
		if (signal.aborted) {
			abort();
			return;
		}
		signal.addEventListener("abort", abort, { once: true });
		try {
			sent = start(url, { ...options, method: "GET" }, (response) => {
				collect(response, limits.maxBytes, what).then((value) => end(null, value), end);
			});
			// after the end nobody hears it, but somebody must
			sent.on("error", (error) => end(new Trouble("unreachable", `${what}: ${error.message}`)));
			sent.end();
		} catch (error) {
			end(error);
		}
	});
}

async function collect(response: IncomingMessage, maxBytes: number, what: string): Promise<unknown> {
	const { statusCode = 0 } = response;
	if (statusCode !== 200) throw troubleOfStatus(statusCode, what);
	const chunks: Buffer[] = [];
	let bytes = 0;
	for await (const chunk of response) {
		bytes += chunk.length;
		if (bytes > maxBytes) throw new Trouble("unreachable", `the answer of ${what} is longer than ${maxBytes} bytes`);
		chunks.push(chunk);
	}
	try {
		return JSON.parse(Buffer.concat(chunks).toString("utf8"));
	} catch {
		throw new Trouble("unreachable", `the answer of ${what} is not JSON`);
	}
}
