import { once } from "node:events";
import { readFileSync } from "node:fs";
import { isIP, type Socket } from "node:net";
import { connect, createSecureContext, type SecureContext, type TLSSocket, TLSSocket as Tls } from "node:tls";
import { type Attributes, type TlsFacts, tlsVersionOf } from "../../core/index.js";
import { Authority } from "./authority.js";
import type { ClientHello } from "./client-hello.js";
import type { Hop } from "./hop.js";
import type { SidecarOptions } from "./options.js";
import type { Shared } from "./shared.js";
import type { HopFacts } from "./tee.js";

/** Ends TLS of clients here and begins it again towards servers. */
export class Interception {
	readonly starttls: readonly ("postgresql" | "mysql")[];
	readonly #options: SidecarOptions["tls"];
	readonly #shared: Shared;
	readonly #authority: Authority | null;
	readonly #own: SecureContext | null;
	readonly #upstreamCa: Buffer | undefined;

	private constructor(options: SidecarOptions["tls"], shared: Shared, authority: Authority | null) {
		const { certificate_file, key_file, upstream_ca_file } = options;
		this.#options = options;
		this.#shared = shared;
		this.starttls = options.starttls;
		this.#authority = authority;
		this.#own =
			certificate_file === undefined || key_file === undefined
				? null
				: createSecureContext({ cert: readFileSync(certificate_file), key: readFileSync(key_file) });
		this.#upstreamCa = upstream_ca_file === undefined ? undefined : readFileSync(upstream_ca_file);
	}

	/** Null: TLS is not to be opened. Rejects where files cannot be read. */
	static async create(options: SidecarOptions["tls"], shared: Shared): Promise<Interception | null> {
		if (options.mode === "passthrough") return null;
		const authority = options.ca_folder === undefined ? null : await Authority.open(options.ca_folder);
		return new Interception(options, shared, authority);
	}

	get originatesAlways(): boolean {
		return this.#options.upstream === "always";
	}

	isLeftAlone(serverName: string | null): boolean {
		if (serverName === null) return false;
		return this.#options.passthrough_hosts.some((pattern) =>
			pattern.startsWith("*.") ? serverName.endsWith(pattern.slice(1)) : serverName === pattern,
		);
	}

	countPassedThrough(): void {
		this.#shared.add("tls_passed_through");
	}

	/** The client speaks plainly, the server wants TLS. */
	originate(hop: Hop, client: Socket, server: Socket, host: string, first: Buffer): void {
		client.unshift(first);
		const secure = this.#connect(server, host, null, []);
		secure.once("error", () => hop.handshakeFailed());
		secure.once("secureConnect", () => {
			secure.removeAllListeners("error");
			const upstream = factsOf(secure, nameOf(host, null));
			hop.relayPlaintext(client, secure, { downstream: null, upstream }, annotations(null, secure));
		});
	}

	/**
	 * The client's ClientHello waits in `client`. The server is asked first, so that the client is offered the application
	 * protocol that the server chose.
	 */
	async open(hop: Hop, client: Socket, server: Socket, host: string, hello: ClientHello): Promise<void> {
		try {
			const name = hello.serverName ?? host;
			const context = this.#own ?? (await this.#authority?.contextFor(name));
			if (context === undefined) throw new Error("no certificate");
			const isPlain = this.#options.upstream === "plain";
			const upstream = isPlain ? server : this.#connect(server, host, hello.serverName, hello.alpn);
			if (upstream instanceof Tls) await once(upstream, "secureConnect");
			const chosen = upstream instanceof Tls ? upstream.alpnProtocol : this.#choose(hello.alpn);
			const downstream = new Tls(client, {
				isServer: true,
				secureContext: context,
				...(chosen ? { ALPNProtocols: [chosen] } : {}),
				...HALF_OPEN,
			});
			await once(downstream, "secure");
			const tls: HopFacts["tls"] = {
				downstream: factsOf(downstream, hello.serverName),
				upstream: upstream instanceof Tls ? factsOf(upstream, nameOf(host, hello.serverName)) : null,
			};
			hop.relayPlaintext(downstream, upstream, tls, annotations(downstream, upstream));
		} catch {
			hop.handshakeFailed();
		}
	}

	#choose(offered: readonly string[]): string | null {
		return this.#options.alpn.find((name) => offered.includes(name)) ?? null;
	}

	#connect(socket: Socket, host: string, serverName: string | null, alpn: readonly string[]): TLSSocket {
		const name = nameOf(host, serverName);
		return connect({
			socket,
			host,
			...(name === null ? {} : { servername: name }),
			...(alpn.length > 0 ? { ALPNProtocols: [...alpn] } : {}),
			...(this.#upstreamCa === undefined ? {} : { ca: this.#upstreamCa }),
			rejectUnauthorized: this.#options.upstream_verify,
			...HALF_OPEN,
		});
	}
}

/** What the server is asked for: the client's own word, else what it is called here. */
const nameOf = (host: string, serverName: string | null): string | null =>
	serverName ?? (isIP(host) === 0 ? host : null);

/** Both legs end in the OpenSSL of this process. */
const factsOf = (socket: TLSSocket, serverName: string | null): TlsFacts => ({
	library: "openssl",
	version: tlsVersionOf(socket.getProtocol() ?? "") || null,
	cipher: socket.getCipher()?.standardName ?? null,
	serverName,
	alpn: socket.alpnProtocol || null,
});

function annotations(downstream: TLSSocket | null, upstream: Socket): Attributes {
	const found: Record<string, string> = {};
	if (downstream !== null) found["tls.cipher"] = downstream.getCipher().standardName;
	if (upstream instanceof Tls) found["tls.upstream.cipher"] = upstream.getCipher().standardName;
	return found;
}

/** Node.js takes it for every TLS socket, its types know it for servers only. */
const HALF_OPEN = { allowHalfOpen: true } as const;
