import { type ClientRequest, type IncomingHttpHeaders, request } from "node:http";

/** As much of a browser's XMLHttpRequest as clients of gRPC-Web use: text that grows while it comes. */
export class HttpRequest {
	readyState = 0;
	status = 0;
	statusText = "";
	responseText = "";
	responseType = "";
	withCredentials = false;
	onreadystatechange: (() => void) | null = null;
	#method = "GET";
	#url = "";
	readonly #headers: Record<string, string> = {};
	#received: IncomingHttpHeaders = {};
	#request: ClientRequest | null = null;

	get response(): string {
		return this.responseText;
	}

	open(method: string, url: string): void {
		this.#method = method;
		this.#url = url;
		this.#become(1);
	}

	setRequestHeader(name: string, value: string): void {
		this.#headers[name] = value;
	}

	getResponseHeader(name: string): string | null {
		return String(this.#received[name.toLowerCase()] ?? "") || null;
	}

	getAllResponseHeaders(): string {
		return Object.entries(this.#received)
			.map(([name, value]) => `${name}: ${value}\r\n`)
			.join("");
	}

	abort(): void {
		this.#request?.destroy();
	}

	send(body: string): void {
		const sent = request(this.#url, { method: this.#method, headers: this.#headers }, (response) => {
			this.status = response.statusCode ?? 0;
			this.statusText = response.statusMessage ?? "";
			this.#received = response.headers;
			this.#become(2);
			response.setEncoding("latin1");
			response.on("data", (text: string) => {
				this.responseText += text;
				this.#become(3);
			});
			response.on("end", () => this.#become(4));
		});
		sent.on("error", () => this.#become(4));
		sent.end(body);
		this.#request = sent;
	}

	#become(state: number): void {
		this.readyState = state;
		this.onreadystatechange?.();
	}
}
