import type { AttributeValue, ParserOutput } from "../../core/index.js";
import type { Call } from "./call.js";
import { ColumnsMemory } from "./columns.js";
import { Expectations } from "./expectations.js";
import { ResponseHeads } from "./heads.js";
import { Sql } from "./sql.js";
import { Statements } from "./statements.js";
import { type Encoding, encodingOf } from "./values/text.js";

const MAX_REMEMBERED = 2048;
const MAX_REMEMBERED_CHARACTERS = 4096;

type Common = Readonly<Record<string, AttributeValue>>;

/** What all connections of an engine share: the same texts and shapes come again and again. */
class Memory {
	readonly columns = new ColumnsMemory();
	readonly heads = new ResponseHeads();
	readonly #sqls = new Map<string, Sql>();
	readonly #commons = new Map<string, Common>();

	sql(text: string): Sql {
		const known = this.#sqls.get(text);
		if (known !== undefined) return known;
		const sql = new Sql(text);
		if (text.length > MAX_REMEMBERED_CHARACTERS) return sql;
		if (this.#sqls.size >= MAX_REMEMBERED) this.#sqls.clear();
		this.#sqls.set(text, sql);
		return sql;
	}

	/** One object for each database, so that heads are shared by all connections to it. */
	common(database: string): Common {
		let common = this.#commons.get(database);
		if (common === undefined) {
			common = { "db.system.name": "postgresql", "db.namespace": database };
			if (this.#commons.size >= MAX_REMEMBERED) this.#commons.clear();
			this.#commons.set(database, common);
		}
		return common;
	}
}

/** What both directions of a connection know. */
export class Session {
	readonly statements = new Statements();
	readonly expectations = new Expectations();
	readonly columns: ColumnsMemory;
	readonly heads: ResponseHeads;
	/** Null: we came after the login. */
	database: string | null = null;
	encoding: Encoding = "utf8";
	/** Attributes that every request has. */
	common: Common = { "db.system.name": "postgresql" };
	/** The client asked for encryption, and only the server's next byte tells what follows. */
	asked: "nothing" | "tls" | "gssapi" = "nothing";
	/** The StartupMessage was seen, or we came after it. */
	isStarted = false;
	isLoggedIn = false;
	/** So often the server asked for a password or another proof, and so often the client sent one. */
	proofsAsked = 0;
	proofsSent = 0;
	/** How the client proved who it is; `trust`: it was not asked to. */
	authentication = "trust";
	/** The exchange of the login, while it is under way. */
	login: Call | null = null;
	/** `opaque` or `handover` was said. */
	isOver = false;
	/** The client was seen to begin a round trip before the one before it had ended. */
	pipelines = false;
	/** When the server was ready while no further question was known, microseconds; 0: it was not, or one came since. */
	readyUs = 0;
	/** Whose data waits for what the server says to it, while it does. */
	dataOf: Call | null = null;
	readonly #memory: Memory;
	#count = 0;

	constructor(shared: Map<string, unknown>) {
		const known = shared.get("memory");
		const memory = known instanceof Memory ? known : new Memory();
		shared.set("memory", memory);
		this.columns = memory.columns;
		this.heads = memory.heads;
		this.#memory = memory;
	}

	/** Below zero: no part of an exchange's id. */
	nextTag(): number {
		this.#count = this.#count === 0x7fff_ffff ? 1 : this.#count + 1;
		return -this.#count;
	}

	sql(text: string): Sql {
		return this.#memory.sql(text);
	}

	setDatabase(name: string): void {
		this.database = name;
		this.common = this.#memory.common(name);
	}

	setParameter(name: string, value: string, out: ParserOutput): void {
		out.note(`postgresql.parameter.${name}`, value);
		if (name === "client_encoding") this.encoding = encodingOf(value);
	}

	giveUp(out: ParserOutput, reason: string): void {
		this.isOver = true;
		out.opaque(reason);
	}
}
