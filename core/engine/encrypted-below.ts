import type { Attributes, ExchangeConnection, TlsFacts } from "../exchange.js";

/** What carries a plaintext connection, as far as that needs to know it. */
interface Carrier {
	/** What the parser of its hellos told. */
	readonly notes: Attributes | null;
	readonly isFinished: boolean;
	readonly facts: ExchangeConnection;
}

/** What a plaintext connection knows of its encryption: more of it as the hellos below are read. */
export class EncryptedBelow {
	facts: TlsFacts;
	readonly #carrier: Carrier;
	#isWhole = false;
	#isFirst = true;

	constructor(carrier: Carrier, library: string | null) {
		this.#carrier = carrier;
		this.facts = { library, version: null, cipher: null, serverName: null, alpn: null };
	}

	/** The two ends, as they are known below. */
	get endpoints(): ExchangeConnection {
		return this.#carrier.facts;
	}

	/** True where the facts are others than when it was last asked. */
	learn(): boolean {
		if (this.#isWhole) return false;
		const { notes, isFinished } = this.#carrier;
		const text = (name: string): string | null => {
			const value = notes?.[name];
			return typeof value === "string" ? value : null;
		};
		const version = text("tls.protocol.version");
		// the server's hello is the last that shows anything
		this.#isWhole = version !== null || isFinished;
		const serverName = text("tls.client.server_name");
		const isNew = this.#isFirst || version !== this.facts.version || serverName !== this.facts.serverName;
		this.#isFirst = false;
		if (!isNew) return false;
		const { library } = this.facts;
		this.facts = { library, version, cipher: text("tls.cipher"), serverName, alpn: text("tls.next_protocol") };
		return true;
	}
}
