import type { Answer } from "./answer.js";
import type { Expectation } from "./expectations.js";
import type { Sql } from "./sql.js";

/** May it be the answer to that question? `maybe`: it tells neither way. */
export type Fit = "yes" | "maybe" | "no";

/** So many messages of one round trip are looked at. */
const MAX_ASKS = 256;

/** `asks` is one round trip, in order; `answer` what the server said up to its being ready. */
export function fitOf(asks: readonly Expectation[], answer: Answer): Fit {
	if (asks.length > MAX_ASKS || asks.some(({ ask }) => ask === "hole" || ask === "startup")) return "maybe";
	const { types } = answer;
	const error = types.indexOf("E");
	if (error >= 0 && error !== types.length - 1) return "no";
	const walk = new Walk(answer);
	for (const ask of asks) if (!walk.isAnswered(ask)) return "no";
	if (error >= 0) return "maybe";
	if (!walk.isAtEnd) return "no";
	return walk.isCertain ? "yes" : "maybe";
}

class Walk {
	isCertain = true;
	#at = 0;
	#tag = 0;
	#row = 0;
	readonly #answer: Answer;

	constructor(answer: Answer) {
		this.#answer = answer;
	}

	get isAtEnd(): boolean {
		return this.#at === this.#answer.types.length;
	}

	/** False: what stands here cannot be the answer to it. */
	isAnswered({ ask, call, statement, portal }: Expectation): boolean {
		// what follows an error is skipped
		if (this.#next === "E") return true;
		switch (ask) {
			case "parse":
				return this.#take("1");
			case "bind":
				return this.#take("2");
			case "close":
				return this.#take("3");
			case "describe-portal":
				return this.#take("T") || this.#take("n");
			case "describe-statement":
				return this.#take("t") && (this.#next === "E" || this.#take("T") || this.#take("n"));
			case "execute": {
				const columns = portal?.columns ?? statement?.columns ?? null;
				return this.#result(call?.sql ?? null, columns === null ? -1 : columns.keys.length);
			}
			case "query":
				return this.#query(call?.sql ?? null);
			case "function-call":
				return this.#take("V");
		}
		return true;
	}

	get #next(): string {
		return this.#answer.types[this.#at] ?? "";
	}

	#take(type: string): boolean {
		if (this.#next !== type) return false;
		this.#at++;
		return true;
	}

	#query(sql: Sql | null): boolean {
		const isOne = sql !== null && !sql.isMulti;
		if (!isOne) this.isCertain = false;
		do {
			const isDescribed = this.#take("T");
			if (!isDescribed && this.#next === "D") return false;
			if (!this.#result(isOne ? sql : null, -1)) return false;
		} while (!isOne && !this.isAtEnd && this.#next !== "E");
		return true;
	}

	/** One result, without the description of its columns. */
	#result(sql: Sql | null, columns: number): boolean {
		if (this.#take("D")) {
			const fields = this.#answer.fields[this.#row++];
			if (columns >= 0 && fields !== columns) return false;
		} else if (this.#take("H")) {
			this.#take("d");
			this.#take("c");
		} else if (!this.#take("G") && this.#take("I")) return sql === null || sql.operation === null;
		if (this.#next === "E" || this.#take("s")) return true;
		if (!this.#take("C")) return false;
		const fit = sql === null ? "maybe" : tagFit(sql.operation, this.#answer.tags[this.#tag] ?? "");
		this.#tag++;
		return fit !== "no";
	}
}

/** Statements whose command tag begins with another word than they do. */
const OTHER_TAGS: Readonly<Record<string, readonly string[]>> = {
	VALUES: ["SELECT"],
	TABLE: ["SELECT"],
	// CREATE TABLE … AS
	CREATE: ["CREATE", "SELECT"],
	// of a transaction that had failed
	COMMIT: ["COMMIT", "ROLLBACK"],
	END: ["COMMIT", "ROLLBACK"],
	PREPARE: ["PREPARE", "ROLLBACK"],
	ABORT: ["ROLLBACK"],
};
/** Statements whose tag is as certain as this; others are not judged. */
const SAME_TAGS = new Set(
	"SELECT INSERT UPDATE DELETE MERGE BEGIN START ROLLBACK SAVEPOINT RELEASE COPY FETCH MOVE DECLARE CLOSE EXPLAIN SET SHOW RESET DROP ALTER TRUNCATE LISTEN UNLISTEN NOTIFY LOCK DO CALL DISCARD DEALLOCATE".split(
		" ",
	),
);

/** Does a statement that begins with `operation` end with this command tag? */
export function tagFit(operation: string | null, tag: string): Fit {
	if (operation === null) return "maybe";
	const space = tag.indexOf(" ");
	const word = space < 0 ? tag : tag.slice(0, space);
	const others = OTHER_TAGS[operation];
	if (others !== undefined) return others.includes(word) ? "yes" : "no";
	if (!SAME_TAGS.has(operation)) return "maybe";
	return word === operation ? "yes" : "no";
}
