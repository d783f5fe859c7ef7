import { MessageHead } from "../../core/index.js";
import { MORE_RESULTS } from "./capabilities.js";
import type { ColumnSet } from "./columns.js";
import { type OkPacket, type OutcomeAttributes, okAttributes } from "./outcomes.js";

const MAX_REMEMBERED = 2048;
const okHeads = "okHeads";

/** Heads of responses: the same object for the same answer. */
export class ResponseHeads {
	readonly #ok = new Map<string, MessageHead>();

	static of(shared: Map<string, unknown>): ResponseHeads {
		const found = shared.get(okHeads);
		if (found instanceof ResponseHeads) return found;
		const made = new ResponseHeads();
		shared.set(okHeads, made);
		return made;
	}

	ok(ok: OkPacket): MessageHead {
		const { affectedRows, lastInsertId, status, warnings, info, changes } = ok;
		if (info !== "" || changes !== null) return new MessageHead("OK", okAttributes(ok, false), []);
		const key = `${affectedRows} ${lastInsertId} ${status} ${warnings}`;
		let head = this.#ok.get(key);
		if (head === undefined) {
			head = new MessageHead("OK", okAttributes(ok, false), []);
			if (this.#ok.size >= MAX_REMEMBERED) this.#ok.clear();
			this.#ok.set(key, head);
		}
		return head;
	}

	/** Of a single result with rows. */
	rows(columns: ColumnSet, rows: number, ok: OkPacket): MessageHead {
		const { status, warnings, lastInsertId, info, changes } = ok;
		const isPlain = info === "" && changes === null && lastInsertId === 0;
		const key = `${rows} ${status} ${warnings}`;
		if (isPlain && columns.lastHead !== null && columns.lastHeadKey === key) return columns.lastHead;
		const head = new MessageHead(rowCount(rows), rowsAttributes(columns, rows, ok), []);
		if (isPlain) {
			columns.lastHead = head;
			columns.lastHeadKey = key;
		}
		return head;
	}
}

export function rowCount(rows: number): string {
	return rows === 1 ? "1 row" : `${rows} rows`;
}

export function columnAttributes(columns: ColumnSet | null): OutcomeAttributes {
	if (columns === null) return { "mysql.columns_unknown": "true" };
	return { "mysql.columns": columns.names, "mysql.column_types": columns.types };
}

export function rowsAttributes(columns: ColumnSet | null, rows: number, ok: OkPacket): OutcomeAttributes {
	const plain = { ...ok, status: ok.status & ~MORE_RESULTS };
	return { "db.response.returned_rows": rows, ...columnAttributes(columns), ...okAttributes(plain, true) };
}
