import type { ColumnSet } from "./columns.js";
import type { CommandHead } from "./commands.js";

/** A prepared statement of one connection. */
export class Statement {
	readonly id: number;
	/** Null: prepared before anybody watched. */
	readonly text: string | null;
	/** -1: not known. */
	parameterCount: number;
	/** Type and flags of each parameter as last sent, two bytes each; null: not known. */
	types: Buffer | null = null;
	/** What its result looks like, as last told. */
	columns: ColumnSet | null = null;
	/** Bytes sent ahead for parameters, by their number. */
	longData: Map<number, number> | null = null;
	/** The head of an EXECUTE, for the schema that was current then. */
	executeHead: CommandHead | null = null;
	executeNamespace: string | null = null;

	constructor(id: number, text: string | null, parameterCount: number) {
		this.id = id;
		this.text = text;
		this.parameterCount = parameterCount;
	}
}

const MAX_STATEMENTS = 4096;
/** MariaDB: the statement that was prepared last. */
const LAST_PREPARED = 0xffffffff;

/** The prepared statements of a connection: the newest of them, if there are very many. */
export class Statements {
	/** Since the start. */
	forgotten = 0;
	/** PREPAREs that were not answered yet. */
	preparing = 0;
	#byId = new Map<number, Statement>();
	#last: Statement | null = null;

	add(statement: Statement): void {
		this.#byId.delete(statement.id);
		if (this.#byId.size >= MAX_STATEMENTS) {
			for (const id of this.#byId.keys()) {
				this.#byId.delete(id);
				this.forgotten++;
				break;
			}
		}
		this.#byId.set(statement.id, statement);
		this.#last = statement;
	}

	/** Null: prepared before anybody watched, or forgotten. */
	get(id: number): Statement | null {
		return id === LAST_PREPARED ? this.#last : (this.#byId.get(id) ?? null);
	}

	/** As `get`; one that is not known is made, without its text. */
	getOrUnknown(id: number): Statement {
		const found = this.get(id);
		if (found !== null) return found;
		const unknown = new Statement(id, null, -1);
		this.add(unknown);
		return unknown;
	}

	delete(id: number): void {
		if (id === LAST_PREPARED) this.#last = null;
		else this.#byId.delete(id);
	}

	/** The session was reset: none exists any more. */
	clear(): void {
		this.#byId = new Map();
		this.#last = null;
	}

	/** Commands were lost: types and long data may have been among them. */
	commandsLost(): void {
		this.#last = null;
		for (const statement of this.#byId.values()) {
			statement.types = null;
			statement.longData = null;
		}
	}

	/** Responses were lost: newer columns may have been among them. */
	responsesLost(): void {
		this.#last = null;
		for (const statement of this.#byId.values()) statement.columns = null;
	}
}
