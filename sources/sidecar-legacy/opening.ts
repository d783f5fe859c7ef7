import type { Socket } from "node:net";
import { looksLikeTls, parseClientHello } from "./client-hello.js";
import type { Hop } from "./hop.js";
import { nowUs } from "./tee.js";
import type { Interception } from "./tls-interception.js";

/** PostgreSQL, section 55.2.10: length 8 and the code of SSLRequest or GSSENCRequest. */
const PG_SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
const PG_GSS_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30]);
const PG_WILLING = 0x53;
/** MySQL: a packet of 32 bytes, number 1, with CLIENT_SSL in its capabilities. */
const MYSQL_SSL_REQUEST_BYTES = 36;
const MYSQL_CLIENT_SSL = 0x0800;

type Decision = "more" | "plain" | "tls" | "postgresql" | "postgresql-gss" | "mysql";

/**
 * The beginning of a connection whose TLS is to be opened: the client's first bytes are held until they tell what this is.
 * The server's go on meanwhile, because in some protocols it speaks first.
 */
export class Opening {
	readonly #hop: Hop;
	readonly #interception: Interception;
	readonly #client: Socket;
	readonly #server: Socket;
	readonly #host: string;
	#seen: Buffer = Buffer.alloc(0);
	#serverSpoke = false;
	/** A PostgreSQL server's one byte is waited for. */
	#asked: "tls" | "gss" | null = null;
	#isDone = false;

	/** `host`: what the upstream is called where the client names nobody. */
	constructor(hop: Hop, interception: Interception, client: Socket, server: Socket, host: string) {
		this.#hop = hop;
		this.#interception = interception;
		this.#client = client;
		this.#server = server;
		this.#host = host;
	}

	start(first: readonly Buffer[]): void {
		this.#client.on("data", this.#fromClient);
		this.#client.once("end", this.#plain);
		this.#server.on("data", this.#fromServer);
		this.#server.once("end", this.#plain);
		this.#client.on("drain", this.#drained);
		for (const piece of first) if (!this.#isDone) this.#fromClient(piece);
		if (this.#isDone) return;
		this.#client.resume();
		this.#server.resume();
	}

	stop(): void {
		this.#isDone = true;
		this.#client.off("data", this.#fromClient);
		this.#client.off("end", this.#plain);
		this.#server.off("data", this.#fromServer);
		this.#server.off("end", this.#plain);
		this.#client.off("drain", this.#drained);
		this.#client.pause();
		this.#server.pause();
	}

	readonly #plain = (): void => {
		this.stop();
		this.#hop.relay(this.#client, this.#server, this.#seen.length > 0 ? [this.#seen] : []);
	};

	readonly #drained = (): void => {
		this.#server.resume();
	};

	readonly #fromServer = (data: Buffer): void => {
		const { answer, asked } = { answer: data[0], asked: this.#asked };
		this.#serverSpoke ||= asked === null;
		const tsUs = nowUs();
		if (!this.#client.write(data)) this.#server.pause();
		this.#hop.relayed(1, data, tsUs, nowUs() - tsUs);
		if (asked === null) return;
		this.#asked = null;
		if (answer === PG_WILLING && asked === "tls" && data.length === 1) this.#awaitHello();
		// a willing GSSAPI, or an error, is nothing that we can read further
		else if (data.length === 1 && answer === 0x4e) this.#decide();
		else this.#plain();
	};

	readonly #fromClient = (data: Buffer): void => {
		this.#seen = this.#seen.length === 0 ? data : Buffer.concat([this.#seen, data]);
		if (this.#asked === null) this.#decide();
		// a client that asked must wait; what it says meanwhile is held, but not without end
		else if (this.#seen.length > 65_536) this.#client.pause();
	};

	#decide(): void {
		if (this.#seen.length === 0) return;
		const decision = this.#decision();
		if (decision === "more") return;
		if (decision === "plain") this.#interceptPlain();
		else if (decision === "tls") this.#tls();
		else if (decision === "mysql") {
			this.#forward(MYSQL_SSL_REQUEST_BYTES);
			this.#awaitHello();
		} else {
			this.#asked = decision === "postgresql" ? "tls" : "gss";
			this.#forward(PG_SSL_REQUEST.length);
		}
	}

	#decision(): Decision {
		const seen = this.#seen;
		const { starttls } = this.#interception;
		if (this.#serverSpoke) {
			if (!starttls.includes("mysql")) return "plain";
			const head = Buffer.from([32, 0, 0, 1]);
			const length = Math.min(seen.length, head.length);
			if (!seen.subarray(0, length).equals(head.subarray(0, length))) return "plain";
			if (seen.length < MYSQL_SSL_REQUEST_BYTES) return "more";
			return (seen.readUInt16LE(4) & MYSQL_CLIENT_SSL) !== 0 ? "mysql" : "plain";
		}
		if (looksLikeTls(seen)) {
			const hello = parseClientHello(seen);
			return hello === "bad" ? "plain" : hello === "more" ? "more" : "tls";
		}
		if (!starttls.includes("postgresql")) return "plain";
		for (const [request, decision] of [
			[PG_SSL_REQUEST, "postgresql"],
			[PG_GSS_REQUEST, "postgresql-gss"],
		] as const) {
			const length = Math.min(seen.length, request.length);
			if (seen.subarray(0, length).equals(request.subarray(0, length)))
				return length < request.length ? "more" : decision;
		}
		return "plain";
	}

	/** Hands the first bytes on as they are. */
	#forward(bytes: number): void {
		const data = this.#seen.subarray(0, bytes);
		this.#seen = this.#seen.subarray(bytes);
		const tsUs = nowUs();
		this.#server.write(data);
		this.#hop.relayed(0, data, tsUs, nowUs() - tsUs);
	}

	/** Both sides have agreed on TLS: the next thing that the client says is its ClientHello. */
	#awaitHello(): void {
		this.#hop.startHandshake();
		this.#client.off("data", this.#fromClient);
		const read = (data: Buffer) => {
			this.#seen = Buffer.concat([this.#seen, data]);
			next();
		};
		const next = () => {
			const hello = this.#seen.length === 0 ? "more" : parseClientHello(this.#seen);
			if (hello === "more") return;
			this.#client.off("data", read);
			if (hello === "bad") this.#plain();
			else this.#tls();
		};
		this.#client.on("data", read);
		next();
	}

	#interceptPlain(): void {
		if (this.#interception.originatesAlways) {
			this.stop();
			this.#hop.startHandshake();
			this.#interception.originate(this.#hop, this.#client, this.#server, this.#host, this.#seen);
		} else this.#plain();
	}

	#tls(): void {
		const hello = parseClientHello(this.#seen);
		if (typeof hello === "string" || this.#interception.isLeftAlone(hello.serverName)) {
			this.#interception.countPassedThrough();
			this.#plain();
			return;
		}
		this.stop();
		this.#hop.startHandshake();
		this.#client.unshift(this.#seen);
		void this.#interception.open(this.#hop, this.#client, this.#server, this.#host, hello);
	}
}
