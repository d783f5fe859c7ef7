import type { ItemDecoder, StructuredValue } from "../../core/index.js";
import { type Columns, formatOf } from "./columns.js";
import type { Sql } from "./sql.js";
import { binaryValue } from "./values/binary.js";
import { type Encoding, textValue } from "./values/text.js";
import { int32 } from "./wire.js";

/** A prepared statement, as far as this connection told of it. */
export class Statement {
	readonly name: string;
	/** Null: it was prepared before we came, or in a hole. */
	readonly sql: Sql | null;
	/** OIDs as Parse names them, then as the server describes them; 0: not specified. Null: nobody said. */
	parameterTypes: readonly number[] | null;
	/** As Describe told them, in no format yet. */
	columns: Columns | null = null;
	/** What the name meant before, in case the server refuses this one. */
	readonly previous: Statement | null;

	constructor(name: string, sql: Sql | null, parameterTypes: readonly number[] | null, previous: Statement | null) {
		this.name = name;
		this.sql = sql;
		this.parameterTypes = parameterTypes;
		// a chain would keep them all
		this.previous = previous === null ? null : new Statement(name, previous.sql, previous.parameterTypes, null);
		if (this.previous !== null) this.previous.columns = previous?.columns ?? null;
	}
}

/** A statement with values for its parameters, ready to be executed. */
export interface Portal {
	readonly name: string;
	readonly statement: Statement;
	readonly resultFormats: readonly number[];
	/** As Describe told them. */
	columns: Columns | null;
}

/** Most names of one connection; and most bytes of text, so that a hostile client costs no more than others. */
const MAX_NAMES = 4096;
const MAX_TEXT_BYTES = 8 << 20;

/** What names mean on this connection. The oldest is forgotten at the caps; it then counts as unknown. */
export class Statements {
	readonly #statements = new Map<string, Statement>();
	readonly #portals = new Map<string, Portal>();
	#textBytes = 0;

	statement(name: string): Statement | null {
		return this.#statements.get(name) ?? null;
	}

	portal(name: string): Portal | null {
		return this.#portals.get(name) ?? null;
	}

	define(statement: Statement): void {
		this.close(statement.name);
		this.#statements.set(statement.name, statement);
		this.#textBytes += statement.sql?.text.length ?? 0;
		for (const [name] of this.#statements) {
			if (this.#statements.size <= MAX_NAMES && this.#textBytes <= MAX_TEXT_BYTES) break;
			if (name !== statement.name) this.close(name);
			else break;
		}
	}

	bind(portal: Portal): void {
		if (this.#portals.size >= MAX_NAMES && !this.#portals.has(portal.name)) this.#portals.clear();
		this.#portals.set(portal.name, portal);
	}

	/** The server did not take it. */
	refused(statement: Statement): void {
		if (this.#statements.get(statement.name) !== statement) return;
		this.close(statement.name);
		if (statement.name !== "" && statement.previous !== null) this.define(statement.previous);
	}

	close(name: string): void {
		const old = this.#statements.get(name);
		if (old === undefined) return;
		this.#statements.delete(name);
		this.#textBytes -= old.sql?.text.length ?? 0;
	}

	closePortal(name: string): void {
		this.#portals.delete(name);
	}

	/** Whatever is known may be wrong now. */
	forget(): void {
		this.#statements.clear();
		this.#portals.clear();
		this.#textBytes = 0;
	}
}

/** Makes values of the parameters of a Bind: each is a length, -1 for null, and as many bytes. */
export class ParameterDecoder implements ItemDecoder {
	readonly #statement: Statement;
	readonly #formats: readonly number[];
	readonly #encoding: Encoding;

	constructor(statement: Statement, formats: readonly number[], encoding: Encoding) {
		this.#statement = statement;
		this.#formats = formats;
		this.#encoding = encoding;
	}

	size(bytes: Uint8Array, at: number, to: number): number {
		return at + 4 <= to ? 4 + Math.max(0, int32(bytes, at)) : 0;
	}

	value(bytes: Uint8Array, from: number, to: number, index: number): StructuredValue {
		if (int32(bytes, from) < 0) return null;
		const type = this.#statement.parameterTypes?.[index] ?? 0;
		return formatOf(this.#formats, index) === 1
			? binaryValue(type, bytes, from + 4, to, this.#encoding)
			: textValue(type, bytes, from + 4, to, this.#encoding);
	}
}
