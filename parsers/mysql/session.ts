import type { MessageHead, MessageWriter, ParserOutput } from "../../core/index.js";
import * as capability from "./capabilities.js";
import { ColumnMemory } from "./columns.js";
import type { Greeting, Login } from "./handshake.js";
import { Budget } from "./packets.js";
import { Statements } from "./statements.js";

/** Payloads that came in parts, of all connections of an engine. */
const ASSEMBLY_BYTES = 256 << 20;

/** What both directions of a connection know together. */
export class Session {
	greeting: Greeting | null = null;
	login: Login | null = null;
	/** Nobody saw the handshake. */
	isLate: boolean;
	/** The other direction may rely on it that a login is over when it sees a command. */
	isLoggedIn = false;
	/** Both directions are compressed from the end of the login on. */
	isCompressed = false;
	/** What results showed about EOFs between columns and rows. */
	seenEofs: boolean | null = null;
	/** Current schema; null: none, or not known. */
	namespace: string | null = null;
	/** The request to which a file's content is added, until that ends. */
	upload: MessageWriter | null = null;
	/** Head of a command whose end the client has not said yet. */
	unfinished: MessageHead | null = null;
	/** Commands that the client sent since the server's bytes were lost the last time. */
	commandsSinceLoss = 0;
	/** Sequence number of the client's last packet. */
	clientSequence = -1;
	readonly statements = new Statements();
	readonly columns: ColumnMemory;
	readonly budget: Budget;

	constructor(isLate: boolean, shared: Map<string, unknown>) {
		this.isLate = isLate;
		this.columns = remembered(shared, "columns", ColumnMemory, () => new ColumnMemory());
		this.budget = remembered(shared, "budget", Budget, () => new Budget(ASSEMBLY_BYTES));
	}

	/** What both ends can; null: not known. */
	get capabilities(): number | null {
		if (this.login === null) return null;
		const { capabilities } = this.login;
		return this.greeting === null ? capabilities : (capabilities & this.greeting.capabilities) >>> 0;
	}

	has(bit: number): boolean {
		const { capabilities } = this;
		return capabilities !== null && (capabilities & bit) !== 0;
	}

	/** Compression begins with the first packet after the login. */
	get willCompress(): boolean {
		return this.has(capability.COMPRESS) || (this.has(capability.ZSTD) && this.greeting?.isMariaDb !== true);
	}

	get sendsQueryAttributes(): boolean {
		return this.has(capability.QUERY_ATTRIBUTES);
	}

	/**
	 * Does an EOF stand between columns and rows? Null: not known, because the server may not be able to do without, and
	 * nobody saw what it said.
	 */
	get hasEofs(): boolean | null {
		const { login } = this;
		if (login !== null && (login.capabilities & capability.DEPRECATE_EOF) === 0) return true;
		return this.greeting === null || login === null ? this.seenEofs : this.has(capability.DEPRECATE_EOF) === false;
	}

	/** `mysql`, `mariadb`, or null where nobody saw which it is. */
	get system(): string | null {
		if (this.greeting === null) return null;
		return this.greeting.isMariaDb ? "mariadb" : "mysql";
	}

	reset(): void {
		this.statements.clear();
	}

	/** At the end of the connection: what is not told elsewhere. */
	summarise(out: ParserOutput): void {
		const { greeting, statements } = this;
		if (greeting !== null && this.login === null) {
			out.note("mysql.server_version", greeting.serverVersion);
			out.note("mysql.login", "none");
		}
		if (statements.forgotten > 0) out.note("mysql.statements_forgotten", statements.forgotten);
	}
}

function remembered<T>(
	shared: Map<string, unknown>,
	name: string,
	kind: new (...args: never[]) => T,
	make: () => T,
): T {
	const found = shared.get(name);
	if (found instanceof kind) return found;
	const made = make();
	shared.set(name, made);
	return made;
}
