import type { Vantage } from "../events.js";
import type { DetectHint } from "../plugin.js";

/** Whoever knows from where a connection is watched. */
interface Watched {
	readonly onlyVantage: Vantage | undefined;
}

/** What parsers are told of a connection. */
export class ConnectionHint implements DetectHint {
	readonly transport: DetectHint["transport"];
	readonly serverPort: number;
	readonly alpn: string | null;
	readonly late: boolean;
	readonly quietUs: number | undefined;
	readonly #connection: Watched;

	constructor(
		transport: DetectHint["transport"],
		serverPort: number,
		alpn: string | null,
		late: boolean,
		quietUs: number | undefined,
		connection: Watched,
	) {
		this.transport = transport;
		this.serverPort = serverPort;
		this.alpn = alpn;
		this.late = late;
		this.quietUs = quietUs;
		this.#connection = connection;
	}

	/** Looked up when it is read: a second one may come at any time. */
	get vantage(): Vantage | undefined {
		return this.#connection.onlyVantage;
	}
}
