import type { MessageHead } from "../../core/index.js";
import { withoutPasswords } from "./passwords.js";
import { SqlTokens } from "./sql-tokens.js";

/** What the text of a query says for certain. */
export class Sql {
	/** Without passwords. */
	readonly text: string;
	/** `SELECT`; `BATCH SELECT` or `BATCH` of several statements; null where there is none. */
	readonly operation: string | null;
	/** The one table that it names, as it is written, quotes removed; null where there are several or none is certain. */
	readonly collection: string | null;
	/** More than one statement, or nobody knows: a simple query then has as many results. */
	readonly isMulti: boolean;
	/** Its text has the words of `COPY … FROM STDIN`: the client may send data. */
	readonly mayCopyIn: boolean;
	/** Prepared statements that it drops or makes: a name, `*` for any, null for none. */
	readonly redefines: string | null;
	/** The last head of a request for it, which is mostly the next one too. */
	head: MessageHead | null = null;
	headKey: unknown = null;

	/** `isCut`: the text goes on, so nobody knows what else it says. */
	constructor(text: string, isCut = false) {
		this.text = withoutPasswords(text);
		const scan = new Scan(text);
		this.operation = isCut && scan.operations.length > 1 ? "BATCH" : scan.operation;
		this.collection = isCut ? null : scan.collection;
		this.isMulti = isCut || scan.operations.length > 1;
		this.mayCopyIn = isCut || (scan.sawCopy && scan.sawStdin);
		this.redefines = isCut ? "*" : scan.redefines;
	}

	/** For `summary`. */
	get short(): string {
		const { operation, collection } = this;
		if (operation === null) return "";
		return collection === null ? operation : `${operation} ${collection}`;
	}
}

const MAIN_VERBS = new Set(["SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "TABLE"]);
/** Words after which another table is named. */
const MORE_TABLES = new Set(["FROM", "JOIN", "USING", "SELECT", "TABLE", "INTO", "WITH"]);

class Scan {
	readonly operations: string[] = [];
	sawCopy = false;
	sawStdin = false;
	redefines: string | null = null;
	#collection: string | null = null;
	readonly #tokens: SqlTokens;

	constructor(sql: string) {
		this.#tokens = new SqlTokens(sql);
		while (this.#tokens.next() !== "end") if (!this.#isSemicolon()) this.#statement();
	}

	get operation(): string | null {
		const [first] = this.operations;
		if (first === undefined || this.operations.length === 1) return first ?? null;
		return this.operations.every((one) => one === first) ? `BATCH ${first}` : "BATCH";
	}

	get collection(): string | null {
		return this.operations.length === 1 ? this.#collection : null;
	}

	#isSemicolon(): boolean {
		return this.#tokens.text === ";" && this.#tokens.kind === "symbol" && this.#tokens.depth === 0;
	}

	/** From its first token to the semicolon, or the end. */
	#statement(): void {
		const tokens = this.#tokens;
		let verb = tokens.kind === "word" ? tokens.text : tokens.text === "(" ? "SELECT" : "";
		const isWith = verb === "WITH";
		this.#noteWord();
		let isStart = true;
		let isNamed = false;
		let isCertain = !isWith;
		this.#collection = null;
		if (verb === "DEALLOCATE" || verb === "PREPARE" || verb === "DISCARD") isStart = this.#redefinition(verb);
		else if (verb === "UPDATE" || verb === "COPY") {
			isNamed = true;
			isStart = false;
			isCertain = this.#table(verb);
		}
		while (isStart ? tokens.next() !== "end" : tokens.kind !== "end") {
			isStart = true;
			if (this.#isSemicolon()) break;
			if (tokens.kind !== "word") {
				if (tokens.text === "," && isNamed && verb === "SELECT" && tokens.depth === 0) isCertain = false;
				continue;
			}
			const word = tokens.text;
			this.#noteWord();
			if (isWith && verb === "WITH" && tokens.depth === 0 && MAIN_VERBS.has(word)) verb = word;
			else if (!isNamed && isCertain && this.#introducesTable(verb, word)) {
				isNamed = true;
				isStart = false;
				isCertain = this.#table(verb);
			} else if (isNamed && MORE_TABLES.has(word) && !(verb === "COPY" && word === "FROM")) isCertain = false;
			else if (word === "SELECT" || word === "UNION" || word === "JOIN") isCertain = false;
		}
		if (!isCertain) this.#collection = null;
		this.operations.push(verb);
	}

	#noteWord(): void {
		const { text } = this.#tokens;
		if (text === "COPY") this.sawCopy = true;
		else if (text === "STDIN") this.sawStdin = true;
	}

	#introducesTable(verb: string, word: string): boolean {
		if (verb === "SELECT" || verb === "DELETE") return word === "FROM" && this.#tokens.depth === 0;
		return verb === "INSERT" && word === "INTO";
	}

	/** Reads `[ONLY] [schema.]table`; the token after it is the current one. False: it is something else. */
	#table(verb: string): boolean {
		const tokens = this.#tokens;
		let kind = tokens.next();
		if (kind === "word" && tokens.text === "ONLY") kind = tokens.next();
		let name = "";
		for (;;) {
			if (kind !== "word" && kind !== "quoted") return false;
			// unquoted names are folded to lower case
			name += kind === "word" ? tokens.text.toLowerCase() : tokens.text;
			kind = tokens.next();
			if (kind !== "symbol" || tokens.text !== ".") break;
			name += ".";
			kind = tokens.next();
		}
		this.#collection = name;
		// a function, or more than one
		return !(kind === "symbol" && (tokens.text === "," || (tokens.text === "(" && verb !== "INSERT")));
	}

	/** True where the loop may go on with the next token. */
	#redefinition(verb: string): boolean {
		const tokens = this.#tokens;
		tokens.next();
		if (tokens.kind === "word" && tokens.text === "PREPARE" && verb === "DEALLOCATE") tokens.next();
		const isName = tokens.kind === "quoted" || (tokens.kind === "word" && tokens.text !== "ALL");
		const name = tokens.kind === "word" ? tokens.text.toLowerCase() : tokens.text;
		if (verb === "PREPARE" && tokens.text === "TRANSACTION") return true;
		const isOne = verb !== "DISCARD" && isName && this.redefines === null;
		this.redefines = isOne ? name : "*";
		return false;
	}
}
